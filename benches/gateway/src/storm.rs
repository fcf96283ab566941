//! SIGKILL to the server while rows are written: when everyone is back, and what they miss.

use crate::measure::{teams, Run, AT_ONCE};
use crate::server::Server;
use crate::swarm::{Kind, Swarm};
use crate::writer::Plan;
use crate::Outcome;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Rows a second; each is for the 100 sockets of a team.
const RATE: f64 = 50.0;
/// Before the kill, and after everyone is back.
const AROUND: Duration = Duration::from_secs(3);

pub async fn storm(run: &mut Run, server: &mut Server) -> Outcome<()> {
    let number = run.settings.storm;
    let kind = Kind {
        returns: true,
        ..teams((number / 100).max(1) as u32)
    };
    let swarm = Swarm::new(&server.process.address, kind);
    swarm.open(number).await?;
    swarm.join(AT_ONCE).await?;
    swarm.restart(run.next);
    let plan = Plan {
        kind,
        first: run.next,
        rate: RATE,
        number: RATE as u64 * 600,
    };
    run.next += plan.number;
    let stop = Arc::new(AtomicBool::new(false));
    let Server {
        process, writer, ..
    } = server;
    let kill = async {
        tokio::time::sleep(AROUND).await;
        let killed = Instant::now();
        process.kill_and_restart().await?;
        let restarted = killed.elapsed().as_secs_f64();
        let totals = &swarm.totals;
        let is_back =
            || totals.cut.load(Relaxed) >= number && totals.joined.load(Relaxed) >= number;
        swarm.wait_for("everyone back", is_back).await?;
        let back = killed.elapsed().as_secs_f64();
        tokio::time::sleep(AROUND).await;
        stop.store(true, Relaxed);
        Outcome::Ok((restarted, back))
    };
    let (written, times) = tokio::join!(write(writer, plan, &stop, server.name), async {
        let times = kill.await;
        stop.store(true, Relaxed);
        times
    });
    let (restarted, back) = times?;
    run.write("storm sockets", server, number as f64)?;
    run.write("storm restarted", server, restarted)?;
    run.write("storm back", server, back)?;
    run.write(
        "storm refused",
        server,
        swarm.totals.refused.load(Relaxed) as f64,
    )?;
    if server.name == "gateway" {
        let counts = written?;
        let expected = swarm
            .sockets()
            .iter()
            .map(|socket| counts[socket.team() as usize])
            .sum();
        let missing = swarm.drain(expected, Duration::from_secs(20)).await;
        run.write("storm expected", server, expected as f64)?;
        run.write("storm missing", server, missing as f64)?;
        run.write(
            "storm repeated",
            server,
            swarm.totals.repeated.load(Relaxed) as f64,
        )?;
        if let Some(error) = swarm.totals.first_error() {
            eprintln!("  first error: {error}");
        }
    }
    swarm.end().await;
    Ok(())
}

/// Rows of each team. The floor keeps nothing, so nothing is written there: only the return is measured.
async fn write(
    writer: &mut crate::writer::Writer,
    plan: Plan,
    stop: &Arc<AtomicBool>,
    server: &str,
) -> Outcome<Vec<u64>> {
    match server {
        "gateway" => Ok(writer.write(plan, stop).await?.by_team(plan.kind.teams)),
        _ => Ok(Vec::new()),
    }
}
