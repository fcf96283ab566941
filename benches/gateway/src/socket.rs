//! One client: connects, joins, counts what comes, and returns when it is cut off, as real clients do.

use crate::connection::{connect, send};
use crate::frame::{self, Frame};
use crate::message::{self, Message};
use crate::seen::{Seen, Was};
use crate::swarm::{Kind, Swarm};
use crate::token::token;
use crate::{stamp, Outcome};
use std::cell::RefCell;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;

/// Sockets of one source address.
const PER_ADDRESS: u32 = 4_000;
/// Seconds until the first, second … try to return: those of realtime-js.
const BACKOFF: [u64; 4] = [1, 2, 5, 10];

pub struct Socket {
    index: u32,
    team: u32,
    token: String,
    stream: Mutex<Option<Arc<TcpStream>>>,
    has_asked: AtomicBool,
    is_joined: AtomicBool,
    /// When the join was sent.
    asked: AtomicU64,
    seen: Mutex<Seen>,
    cursor: Mutex<Option<String>>,
}

thread_local! {
    /// What one read of any socket takes at most.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; 1 << 16]);
}

impl Socket {
    pub fn new(index: u32, teams: u32) -> Socket {
        Socket {
            index,
            team: index % teams,
            token: token(index, index % teams),
            stream: Mutex::default(),
            has_asked: AtomicBool::new(false),
            is_joined: AtomicBool::new(false),
            asked: AtomicU64::new(0),
            seen: Mutex::default(),
            cursor: Mutex::default(),
        }
    }

    pub fn has_asked(&self) -> bool {
        self.has_asked.load(Relaxed)
    }

    pub fn restart(&self, first: u64) {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .restart(first);
    }

    pub fn team(&self) -> u32 {
        self.team
    }

    fn stream(&self) -> Option<Arc<TcpStream>> {
        self.stream
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub async fn run(self: Arc<Self>, swarm: Arc<Swarm>) {
        let mut tries = 0;
        loop {
            match self.connect(&swarm).await {
                Ok((stream, pending)) => {
                    tries = 0;
                    self.live(&swarm, stream, pending).await;
                }
                Err(error) => {
                    swarm.totals.refused.fetch_add(1, Relaxed);
                    swarm.totals.note(&error.to_string());
                }
            }
            if !swarm.kind.returns {
                return;
            }
            tokio::time::sleep(Duration::from_secs(BACKOFF[tries.min(3)])).await;
            tries += 1;
        }
    }

    async fn connect(&self, swarm: &Swarm) -> Outcome<(TcpStream, Vec<u8>)> {
        let _permit = match swarm.is_built.load(Relaxed) {
            true => None,
            false => Some(swarm.connecting.acquire().await?),
        };
        // An address has some 28,000 ports; those of a run before may still be waiting.
        let source = Ipv4Addr::new(127, 0, 1, 1 + (self.index / PER_ADDRESS) as u8);
        connect(source, &swarm.address, &self.token).await
    }

    /// From the handshake to the end of the connection.
    async fn live(self: &Arc<Self>, swarm: &Arc<Swarm>, stream: TcpStream, pending: Vec<u8>) {
        let totals = &swarm.totals;
        let stream = Arc::new(stream);
        *self.stream.lock().unwrap_or_else(PoisonError::into_inner) = Some(stream.clone());
        totals.open.fetch_add(1, Relaxed);
        if self.has_asked() {
            self.join(swarm).await;
        }
        let end = self.listen(swarm, &stream, pending).await;
        *self.stream.lock().unwrap_or_else(PoisonError::into_inner) = None;
        totals.open.fetch_sub(1, Relaxed);
        if self.is_joined.swap(false, Relaxed) {
            totals.joined.fetch_sub(1, Relaxed);
        }
        totals.cut.fetch_add(1, Relaxed);
        if let Err(error) = end {
            totals.note(&error.to_string());
        }
    }

    pub async fn join(&self, swarm: &Swarm) {
        self.has_asked.store(true, Relaxed);
        let Some(stream) = self.stream() else { return };
        let cursor = self
            .cursor
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let since = match (swarm.kind.returns, cursor) {
            (true, Some(cursor)) => format!(r#","since":"{cursor}""#),
            (true, None) => r#","since":null"#.to_string(),
            (false, _) => String::new(),
        };
        let message = format!(
            r#"["1","1","{}","phx_join",{{"config":{{"broadcast":{{"ack":false,"self":false}},"presence":{{"key":"","enabled":false}},"postgres_changes":[{{"event":"*","schema":"public","table":"{}"{since}}}],"private":false}},"access_token":"{}"}}]"#,
            Kind::topic(self.team),
            swarm.kind.table,
            self.token
        );
        self.asked.store(stamp(), Relaxed);
        if let Err(error) = send(&stream, &frame::encode(frame::TEXT, message.as_bytes())).await {
            swarm.totals.note(&error.to_string());
        }
    }

    /// A socket that takes nothing more is not alive: the server notices.
    pub fn heartbeat(&self) {
        if let Some(stream) = self.stream() {
            let message = br#"[null,"2","phoenix","heartbeat",{}]"#;
            let _ = stream.try_write(&frame::encode(frame::TEXT, message));
        }
    }

    async fn listen(
        self: &Arc<Self>,
        swarm: &Arc<Swarm>,
        stream: &TcpStream,
        mut pending: Vec<u8>,
    ) -> Outcome<()> {
        loop {
            let parsed = self.parse(swarm, stream, &pending)?;
            pending.drain(..parsed);
            stream.readable().await?;
            let closed = BUFFER.with_borrow_mut(|buffer| -> Outcome<bool> {
                let length = match stream.try_read(buffer) {
                    Ok(0) => return Ok(true),
                    Ok(length) => length,
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                        return Ok(false)
                    }
                    Err(error) => return Err(error.into()),
                };
                if !pending.is_empty() {
                    pending.extend_from_slice(&buffer[..length]);
                    return Ok(false);
                }
                let parsed = self.parse(swarm, stream, &buffer[..length])?;
                pending.extend_from_slice(&buffer[parsed..length]);
                Ok(false)
            })?;
            if closed {
                return Ok(());
            }
        }
    }

    /// Takes the whole frames; returns their length.
    fn parse(
        self: &Arc<Self>,
        swarm: &Arc<Swarm>,
        stream: &TcpStream,
        data: &[u8],
    ) -> Outcome<usize> {
        let mut place = 0;
        while let Some((frame, length)) = frame::decode(&data[place..]) {
            place += length;
            match frame {
                Frame::Text(text) => self.receive(swarm, text),
                Frame::Ping(payload) => {
                    let _ = stream.try_write(&frame::encode(frame::PONG, payload));
                }
                Frame::Close => return Err("closed by the server".into()),
                Frame::Other => return Err("an unexpected frame".into()),
            }
        }
        Ok(place)
    }

    fn receive(self: &Arc<Self>, swarm: &Arc<Swarm>, text: &[u8]) {
        let totals = &swarm.totals;
        match message::read(text) {
            Message::Change {
                number,
                stamp: written,
            } => {
                totals.latency.add(stamp().saturating_sub(written));
                totals
                    .sample
                    .get_or_init(|| String::from_utf8_lossy(text).into());
                match self
                    .seen
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .add(number)
                {
                    Was::New => totals.received.fetch_add(1, Relaxed),
                    Was::Again => totals.repeated.fetch_add(1, Relaxed),
                    Was::Old => 0,
                };
            }
            Message::Joined => {
                totals
                    .joining
                    .add(stamp().saturating_sub(self.asked.load(Relaxed)));
                if !self.is_joined.swap(true, Relaxed) {
                    totals.joined.fetch_add(1, Relaxed);
                }
            }
            Message::Cursor(cursor) => {
                let mut kept = self.cursor.lock().unwrap_or_else(PoisonError::into_inner);
                let kept = kept.get_or_insert_default();
                kept.clear();
                kept.push_str(cursor);
            }
            Message::Ended(text) => self.fail(swarm, text),
            Message::Error(text) => totals.note(text),
            Message::Other => {}
        }
    }

    /// The channel has ended: it is joined again after a second, as real clients do.
    fn fail(self: &Arc<Self>, swarm: &Arc<Swarm>, text: &str) {
        swarm.totals.note(text);
        if self.is_joined.swap(false, Relaxed) {
            swarm.totals.joined.fetch_sub(1, Relaxed);
        }
        if swarm.kind.returns {
            let (socket, swarm) = (self.clone(), swarm.clone());
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_secs(BACKOFF[0])).await;
                socket.join(&swarm).await;
            });
        }
    }
}
