//! Cancels, terminates and stops random sessions, the extension's workers among them.

use super::Scene;
use crate::pg::Row;
use crate::random::Random;
use crate::Outcome;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

const VICTIMS: &str = "
SELECT pid, application_name, backend_type FROM pg_stat_activity
WHERE datname = current_database() AND application_name <> 'spared' AND pid <> pg_backend_pid() ORDER BY pid";

pub fn run(scene: &Scene) -> Outcome {
    let mut random = Random::new(scene.seed, 600);
    let mut client = scene.server.connect()?;
    client.run("SET application_name = 'spared'")?;
    while !scene.is_over() {
        sleep(Duration::from_millis(random.below(25)));
        let victims = client.query(VICTIMS)?;
        // Workers live for moments only.
        let is_worker = |victim: &&Row| victim[2].as_deref() != Some("client backend");
        let worker = victims.iter().find(is_worker).filter(|_| random.chance(50));
        let Some(victim) = worker.or_else(|| random.pick_of(&victims)) else {
            continue;
        };
        let text = |i: usize| victim[i].clone().unwrap_or_default();
        let (pid, name, kind) = (text(0), text(1), text(2));
        let choice = random.below(100);
        let done = match choice {
            0..=9 if name != "long" => {
                client.run(&format!("SELECT pg_terminate_backend({pid})"))?;
                "terminated"
            }
            10..=14 => {
                stop(&pid, random.below(80))?;
                "stopped"
            }
            _ => {
                client.run(&format!("SELECT pg_cancel_backend({pid})"))?;
                "cancelled"
            }
        };
        scene.tally.count(done);
        if kind != "client backend" {
            scene.tally.count(&format!("{done}: {kind}"));
        }
    }
    Ok(())
}

/// The process is stopped for a moment, wherever it is.
fn stop(pid: &str, milliseconds: u64) -> Outcome {
    let signal = |name: &str| {
        Command::new("kill")
            .args([name, pid])
            .stderr(std::process::Stdio::null())
            .status()
    };
    let stopped = signal("-STOP");
    sleep(Duration::from_millis(milliseconds));
    // It may have ended meanwhile, or before.
    signal("-CONT")
        .and(stopped)
        .map(|_| ())
        .map_err(|error| error.to_string())
}
