//! A measured server as a process: started, read from /proc, killed.

use crate::Outcome;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

pub struct Process {
    program: String,
    arguments: Vec<String>,
    pub address: String,
    log: String,
    child: Child,
}

impl Process {
    /// Starts a program and waits until it listens. What it prints is appended to the file `log`.
    pub async fn start(
        program: &str,
        arguments: &[String],
        address: &str,
        log: &str,
    ) -> Outcome<Process> {
        let mut process = Process {
            program: program.to_string(),
            arguments: arguments.to_vec(),
            address: address.to_string(),
            log: log.to_string(),
            child: spawn(program, arguments, log)?,
        };
        process.wait_until_ready().await?;
        Ok(process)
    }

    async fn wait_until_ready(&mut self) -> Outcome<()> {
        let begun = Instant::now();
        while TcpStream::connect(&self.address).await.is_err() {
            if let Some(status) = self.child.try_wait()? {
                return Err(
                    format!("{} has ended: {status}; see {}", self.program, self.log).into(),
                );
            }
            if begun.elapsed() > Duration::from_secs(60) {
                return Err(format!("{} does not listen; see {}", self.program, self.log).into());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    /// SIGKILL, and another one in its place.
    pub async fn kill_and_restart(&mut self) -> Outcome<()> {
        self.child.kill().await?;
        self.child = spawn(&self.program, &self.arguments, &self.log)?;
        self.wait_until_ready().await
    }

    pub async fn stop(mut self) -> Outcome<()> {
        Ok(self.child.kill().await?)
    }

    pub fn id(&self) -> Outcome<u32> {
        self.child.id().ok_or_else(|| "the server has ended".into())
    }
}

fn spawn(program: &str, arguments: &[String], log: &str) -> Outcome<Child> {
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(log)?;
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .kill_on_drop(true)
        .spawn()?;
    Ok(child)
}

/// Resident memory in kB.
pub fn resident(process: u32) -> Outcome<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    kilobytes.ok_or_else(|| "no VmRSS".into())
}

/// Seconds of CPU that the threads of a process have taken. 0 for one that has ended.
pub fn cpu(process: u32) -> f64 {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{process}/task")) else {
        return 0.0;
    };
    let nanoseconds = threads.flatten().filter_map(|thread| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    });
    nanoseconds.sum::<f64>() / 1e9
}
