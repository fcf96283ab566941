//! All sockets of a measurement, and what they have received together.

use crate::histogram::Histogram;
use crate::socket::Socket;
use crate::Outcome;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Connections that are being made at once while a swarm is built up.
const CONNECTING: usize = 200;
/// As clients do.
const HEARTBEAT: Duration = Duration::from_secs(25);

/// What its sockets join, and how.
#[derive(Clone, Copy)]
pub struct Kind {
    pub table: &'static str,
    /// The users are spread over so many teams; each team has a topic of its own.
    pub teams: u32,
    /// Whether the sockets come back when they are cut off, with the cursor that they have reached.
    pub returns: bool,
}

impl Kind {
    pub fn topic(team: u32) -> String {
        format!("realtime:team-{team}")
    }
}

/// Counters over all sockets.
#[derive(Default)]
pub struct Totals {
    pub open: AtomicUsize,
    pub joined: AtomicUsize,
    /// Connections that have ended.
    pub cut: AtomicUsize,
    /// Rows that a socket had not received before, and those that it had.
    pub received: AtomicU64,
    pub repeated: AtomicU64,
    pub refused: AtomicU64,
    pub errors: AtomicU64,
    /// From the stamp of a row to its arrival.
    pub latency: Histogram,
    /// From the join to its answer.
    pub joining: Histogram,
    pub sample: OnceLock<String>,
    error: Mutex<Option<String>>,
}

impl Totals {
    /// Counts an error, and keeps the text of the first one.
    pub fn note(&self, text: &str) {
        self.errors.fetch_add(1, Relaxed);
        let mut first = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert_with(|| text.chars().take(300).collect());
    }

    pub fn first_error(&self) -> Option<String> {
        self.error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

pub struct Swarm {
    pub address: String,
    pub kind: Kind,
    pub totals: Totals,
    /// Set once the build-up is over: what is cut off then comes back without waiting for others.
    pub is_built: AtomicBool,
    pub connecting: Semaphore,
    sockets: Mutex<Vec<Arc<Socket>>>,
    tasks: Mutex<JoinSet<()>>,
}

impl Swarm {
    pub fn new(address: &str, kind: Kind) -> Arc<Swarm> {
        let swarm = Arc::new(Swarm {
            address: address.to_string(),
            kind,
            totals: Totals::default(),
            is_built: AtomicBool::new(false),
            connecting: Semaphore::new(CONNECTING),
            sockets: Mutex::default(),
            tasks: Mutex::default(),
        });
        let task = keep_alive(Arc::downgrade(&swarm));
        swarm
            .tasks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .spawn(task);
        swarm
    }

    pub fn sockets(&self) -> Vec<Arc<Socket>> {
        self.sockets
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Opens sockets until there are so many, and waits for them.
    pub async fn open(self: &Arc<Self>, number: usize) -> Outcome<()> {
        self.is_built.store(false, Relaxed);
        for index in self.sockets().len()..number {
            let socket = Arc::new(Socket::new(index as u32, self.kind.teams));
            self.sockets
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(socket.clone());
            let task = socket.run(self.clone());
            self.tasks
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .spawn(task);
        }
        self.wait_for("sockets open", || self.totals.open.load(Relaxed) >= number)
            .await?;
        self.is_built.store(true, Relaxed);
        Ok(())
    }

    /// Has every open socket join that has not; returns the seconds until all are in. At most `at_once` are on their way.
    pub async fn join(self: &Arc<Self>, at_once: usize) -> Outcome<f64> {
        let begun = Instant::now();
        let sockets = self.sockets();
        let before = self.totals.joined.load(Relaxed);
        let waiting = sockets.iter().filter(|socket| !socket.has_asked());
        for (asked, socket) in waiting.enumerate() {
            while before + asked >= self.totals.joined.load(Relaxed) + at_once {
                tokio::time::sleep(Duration::from_millis(1)).await;
                self.check(begun, "sockets joined")?;
            }
            socket.join(self).await;
        }
        let number = sockets.len();
        self.wait_for("sockets joined", || {
            self.totals.joined.load(Relaxed) >= number
        })
        .await?;
        Ok(begun.elapsed().as_secs_f64())
    }

    /// Forgets what was received: the next measurement counts rows from this number.
    pub fn restart(&self, first: u64) {
        self.sockets()
            .iter()
            .for_each(|socket| socket.restart(first));
        let totals = &self.totals;
        for count in [&totals.received, &totals.repeated, &totals.errors] {
            count.store(0, Relaxed);
        }
        totals.latency.clear();
    }

    /// Waits until so many rows have been received, or until nothing has come for a while; returns the missing.
    pub async fn drain(&self, expected: u64, patience: Duration) -> u64 {
        let (mut last, mut changed) = (0, Instant::now());
        loop {
            let received = self.totals.received.load(Relaxed);
            if received >= expected || changed.elapsed() > patience {
                return expected.saturating_sub(received);
            }
            if received != last {
                (last, changed) = (received, Instant::now());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    pub async fn wait_for(&self, what: &str, reached: impl Fn() -> bool) -> Outcome<()> {
        let begun = Instant::now();
        while !reached() {
            tokio::time::sleep(Duration::from_millis(1)).await;
            self.check(begun, what)?;
        }
        Ok(())
    }

    fn check(&self, begun: Instant, what: &str) -> Outcome<()> {
        let totals = &self.totals;
        let is_refused = totals.refused.load(Relaxed) > 0 && !self.kind.returns;
        if begun.elapsed() < Duration::from_secs(180) && !is_refused {
            return Ok(());
        }
        let (open, joined) = (totals.open.load(Relaxed), totals.joined.load(Relaxed));
        let error = totals.first_error().unwrap_or_default();
        Err(format!("waited for {what}: {open} open, {joined} joined; first error: {error}").into())
    }

    /// Cuts all sockets off.
    pub async fn end(self: Arc<Self>) {
        let mut tasks =
            std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        self.sockets
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        tasks.shutdown().await;
    }
}

/// Sends every socket's heartbeat in time, spread evenly.
async fn keep_alive(swarm: std::sync::Weak<Swarm>) {
    const PARTS: usize = 250;
    for part in (0..PARTS).cycle() {
        tokio::time::sleep(HEARTBEAT / PARTS as u32).await;
        let Some(swarm) = swarm.upgrade() else { return };
        for socket in swarm.sockets().iter().skip(part).step_by(PARTS) {
            socket.heartbeat();
        }
    }
}
