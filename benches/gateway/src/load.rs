//! Rows that are written at a rate, and what came of them.

use crate::measure::Run;
use crate::message::Template;
use crate::process;
use crate::server::Server;
use crate::socket::Socket;
use crate::swarm::Swarm;
use crate::writer::Plan;
use crate::Outcome;
use std::sync::Arc;
use std::time::Duration;

/// A channel that is later than that for 5 % of its messages is not live.
const LATE: f64 = 250.0;

/// What came of rows that were written.
pub struct Load {
    pub p50: f64,
    pub p95: f64,
    pub p99: f64,
    /// Rows a second that were written.
    pub rate: f64,
    pub missing: u64,
    /// Microseconds of CPU for each delivered row.
    server: f64,
    sessions: f64,
    client: f64,
}

impl Load {
    fn is_live(&self, wanted: f64) -> bool {
        self.missing == 0 && self.p95 <= LATE && self.rate >= wanted * 0.95
    }
}

impl Run {
    /// Writes rows at a rate and waits for them to arrive.
    pub async fn load(
        &mut self,
        server: &mut Server,
        swarm: &Arc<Swarm>,
        rate: f64,
        seconds: f64,
    ) -> Outcome<Load> {
        let kind = swarm.kind;
        let number = (rate * seconds).ceil() as u64;
        let first = self.next;
        self.next += number;
        swarm.restart(first);
        let before = spent(server).await?;
        let plan = Plan {
            kind,
            first,
            rate,
            number,
        };
        let written = server.writer.write(plan, &Arc::default()).await?;
        let counts = written.by_team(kind.teams);
        let team = |socket: &Arc<Socket>| counts[socket.team() as usize];
        let expected = swarm.sockets().iter().map(team).sum();
        let missing = swarm.drain(expected, Duration::from_secs(5)).await;
        let after = spent(server).await?;
        let totals = &swarm.totals;
        if let (Some(text), "gateway") = (totals.sample.get(), server.name) {
            self.template = Template::of(text);
        }
        let each = |place: usize| (after[place] - before[place]) * 1e6 / expected.max(1) as f64;
        Ok(Load {
            p50: totals.latency.milliseconds(0.5),
            p95: totals.latency.milliseconds(0.95),
            p99: totals.latency.milliseconds(0.99),
            rate: number as f64 / written.seconds,
            missing,
            server: each(0),
            sessions: each(1),
            client: each(2),
        })
    }

    /// The highest rate at which every row arrives in time. Each step writes half as many again as the one before; one that
    /// fails is tried once more, since the machine may have been busy.
    pub async fn most(
        &mut self,
        server: &mut Server,
        swarm: &Arc<Swarm>,
        from: f64,
    ) -> Outcome<f64> {
        let (mut rate, mut held, mut has_failed) = (from, 0.0, false);
        let seconds = self.settings.seconds / 2.0;
        loop {
            let load = self.load(server, swarm, rate, seconds).await?;
            let Load { p95, missing, .. } = load;
            eprintln!(
                "  at {rate:.0} a second: {:.0}, p95 {p95:.1} ms, missing {missing}",
                load.rate
            );
            if load.is_live(rate) {
                (held, rate, has_failed) = (load.rate, rate * 1.5, false);
            } else if has_failed {
                return Ok(held);
            } else {
                has_failed = true;
            }
        }
    }

    pub fn write_load(&mut self, what: &str, server: &Server, load: &Load) -> Outcome<()> {
        let values = [
            ("p50", load.p50),
            ("p95", load.p95),
            ("p99", load.p99),
            ("rate", load.rate),
        ];
        let spent = [
            ("cpu", load.server),
            ("session cpu", load.sessions),
            ("client cpu", load.client),
        ];
        for (name, value) in values.into_iter().chain(spent) {
            self.write(&format!("{what} {name}"), server, value)?;
        }
        self.write(&format!("{what} missing"), server, load.missing as f64)
    }
}

/// Seconds of CPU so far: the server's, its sessions', ours.
async fn spent(server: &Server) -> Outcome<[f64; 3]> {
    let (own, sessions) = server.cpu().await?;
    Ok([own, sessions, process::cpu(std::process::id())])
}
