//! The measurements, each on a server of its own that was started for it.

use crate::message::Template;
use crate::server::Server;
use crate::settings::Settings;
use crate::storm::storm;
use crate::swarm::{Kind, Swarm};
use crate::Outcome;
use std::fs::File;
use std::io::Write;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;

/// Readers of a table without policies: one topic.
pub const EVERYONE: Kind = Kind {
    table: "shown",
    teams: 1,
    returns: false,
};

/// Readers of a table whose policy compares the team with a claim.
pub const fn teams(teams: u32) -> Kind {
    Kind {
        table: "watched",
        teams,
        returns: false,
    }
}

/// Joins that are on their way at the same time.
pub const AT_ONCE: usize = 500;

pub struct Run {
    pub settings: Settings,
    results: File,
    round: u32,
    /// The next row's number.
    pub next: u64,
    pub template: Template,
}

pub async fn all(results: &str) -> Outcome<()> {
    let settings = Settings::read()?;
    let mut run = Run {
        results: File::create(results)?,
        round: 0,
        next: 1,
        template: Template::default(),
        settings,
    };
    for round in 1..=run.settings.rounds {
        run.round = round;
        for part in run.settings.parts.clone() {
            for name in run.settings.servers.clone() {
                let mut server = match name.as_str() {
                    "gateway" => Server::gateway(&run.settings).await?,
                    _ => Server::floor(&run.settings, run.template.clone()).await?,
                };
                eprintln!("round {round}: {part}, {name}");
                run.part(&part, &mut server).await?;
                server.process.stop().await?;
            }
        }
    }
    Ok(())
}

impl Run {
    async fn part(&mut self, part: &str, server: &mut Server) -> Outcome<()> {
        match part {
            "idle" => self.idle(server).await,
            "policies" => self.policies(server).await,
            "everyone" => self.everyone(server).await,
            "growth" => self.growth(server).await,
            "sockets" => self.sockets(server).await,
            "joins" => self.joins(server).await,
            "storm" => storm(self, server).await,
            _ => Err(format!("no part {part}").into()),
        }
    }

    pub fn write(&mut self, what: &str, server: &Server, value: f64) -> Outcome<()> {
        writeln!(
            self.results,
            "{what}\t{}\t{}\t{value:.3}",
            server.name, self.round
        )?;
        eprintln!("  {what} {value:.3}");
        Ok(())
    }

    /// Few sockets, few rows.
    async fn idle(&mut self, server: &mut Server) -> Outcome<()> {
        let swarm = joined(server, teams(1), 10).await?;
        let load = self
            .load(server, &swarm, 20.0, self.settings.seconds * 2.0)
            .await?;
        self.write_load("idle", server, &load)?;
        self.write("idle commit", server, server.writer.commit())?;
        swarm.end().await;
        Ok(())
    }

    /// 500 sockets of five teams: 20 % receive a row.
    async fn policies(&mut self, server: &mut Server) -> Outcome<()> {
        let swarm = joined(server, teams(5), 500).await?;
        let load = self
            .load(server, &swarm, 1_000.0, self.settings.seconds)
            .await?;
        self.write_load("policies", server, &load)?;
        let most = self.most(server, &swarm, 250.0).await?;
        self.write("policies most", server, most)?;
        swarm.end().await;
        Ok(())
    }

    async fn everyone(&mut self, server: &mut Server) -> Outcome<()> {
        let swarm = joined(server, EVERYONE, 500).await?;
        let load = self
            .load(server, &swarm, 200.0, self.settings.seconds)
            .await?;
        self.write_load("everyone", server, &load)?;
        let most = self.most(server, &swarm, 50.0).await?;
        self.write("everyone most", server, most)?;
        swarm.end().await;
        Ok(())
    }

    /// Ten rows a second for ever more sockets.
    async fn growth(&mut self, server: &mut Server) -> Outcome<()> {
        let swarm = Swarm::new(&server.process.address, EVERYONE);
        for number in [10, 100, 1_000, 10_000] {
            swarm.open(number.min(self.settings.sockets)).await?;
            swarm.join(AT_ONCE).await?;
            let load = self
                .load(server, &swarm, 10.0, self.settings.seconds)
                .await?;
            self.write_load(&format!("growth {number}"), server, &load)?;
        }
        swarm.end().await;
        Ok(())
    }

    /// Memory of sockets that do nothing, and latency in spite of them.
    async fn sockets(&mut self, server: &mut Server) -> Outcome<()> {
        let number = self.settings.sockets;
        let swarm = Swarm::new(&server.process.address, teams((number / 10).max(1) as u32));
        let empty = server.resident().await?;
        swarm.open(number).await?;
        let open = server.resident().await?;
        let seconds = swarm.join(AT_ONCE).await?;
        let joined = server.resident().await?;
        let each = 1.0 / number as f64;
        self.write("sockets", server, number as f64)?;
        self.write("sockets open kB", server, (open.0 - empty.0) * each)?;
        self.write("sockets joined kB", server, (joined.0 - empty.0) * each)?;
        self.write("sockets session kB", server, (joined.1 - empty.1) * each)?;
        self.write("sockets joins", server, number as f64 / seconds)?;
        let load = self
            .load(server, &swarm, 20.0, self.settings.seconds)
            .await?;
        self.write_load("sockets", server, &load)?;
        swarm.end().await;
        Ok(())
    }

    /// Joins of sockets that are open, each with claims of its own.
    async fn joins(&mut self, server: &mut Server) -> Outcome<()> {
        let number = self.settings.sockets.min(5_000);
        let swarm = Swarm::new(&server.process.address, teams((number / 10).max(1) as u32));
        swarm.open(number).await?;
        let before = server.cpu().await?;
        let seconds = swarm.join(AT_ONCE).await?;
        let after = server.cpu().await?;
        self.write("joins", server, number as f64 / seconds)?;
        self.write("joins p95", server, swarm.totals.joining.milliseconds(0.95))?;
        self.write(
            "joins cpu",
            server,
            (after.0 - before.0) * 1e6 / number as f64,
        )?;
        self.write(
            "joins session cpu",
            server,
            (after.1 - before.1) * 1e6 / number as f64,
        )?;
        self.write(
            "joins errors",
            server,
            swarm.totals.errors.load(Relaxed) as f64,
        )?;
        swarm.end().await;
        Ok(())
    }
}

/// So many open sockets that have joined.
async fn joined(server: &Server, kind: Kind, number: usize) -> Outcome<Arc<Swarm>> {
    let swarm = Swarm::new(&server.process.address, kind);
    swarm.open(number).await?;
    swarm.join(AT_ONCE).await?;
    Ok(swarm)
}
