//! The test's clusters: the one that it was given, and those that it makes beside it.

use crate::pg::{Client, Server};
use std::env;
use std::fs;
use std::process::Command;

/// A cluster of `.ci/cluster`.
pub struct Cluster {
    script: String,
    name: String,
    pub server: Server,
    /// Made by this test, and ended with it.
    own: bool,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.own {
            let _ = self.command("stop", &[]);
        }
    }
}

impl Cluster {
    /// The test's own.
    pub fn from_environment() -> Cluster {
        let of = |name| {
            env::var(name).unwrap_or_else(|_| panic!("{name} is not set; run this with .ci/test"))
        };
        Cluster {
            script: of("CLUSTER"),
            name: of("CLUSTER_NAME"),
            server: Server::from_environment(),
            own: false,
        }
    }

    fn command(&self, command: &str, arguments: &[&str]) -> Result<(), String> {
        run(&self.script, &[&[command, &self.name], arguments].concat())
    }

    /// A cluster beside this one, under its name and a letter.
    fn beside(&self, letter: char) -> Cluster {
        let name: String = self.name.chars().take(6).chain(['-', letter]).collect();
        let place = self
            .server
            .host
            .rsplit_once('/')
            .map_or("", |(place, _)| place);
        Cluster {
            script: self.script.clone(),
            server: Server {
                host: format!("{place}/{name}"),
                ..self.server.clone()
            },
            name,
            own: true,
        }
    }

    /// A streaming standby of this one.
    pub fn standby(&self, settings: &[&str]) -> Result<Cluster, String> {
        self.standby_beside('s', settings)
    }

    /// Another one beside that.
    pub fn second_standby(&self, settings: &[&str]) -> Result<Cluster, String> {
        self.standby_beside('t', settings)
    }

    fn standby_beside(&self, letter: char, settings: &[&str]) -> Result<Cluster, String> {
        let standby = self.beside(letter);
        let arguments: Vec<&str> = [self.name.as_str()]
            .into_iter()
            .chain(settings.iter().copied())
            .collect();
        standby.command("standby", &arguments)?;
        Ok(standby)
    }

    /// Another cluster of the same server program.
    pub fn another(&self, settings: &[&str]) -> Result<Cluster, String> {
        let other = self.beside('o');
        let program = fs::read_to_string(format!("{}/server", self.server.host))
            .map_err(|error| error.to_string())?;
        let arguments: Vec<&str> = [program.trim()]
            .into_iter()
            .chain(settings.iter().copied())
            .collect();
        other.command("start", &arguments)?;
        Ok(other)
    }

    /// SIGKILL to every process.
    pub fn kill(&self) -> Result<(), String> {
        self.command("kill", &[])
    }

    /// Starts it again, ending it first where it runs.
    pub fn restart(&self) -> Result<(), String> {
        self.command("restart", &["-m", "fast"])
    }

    pub fn promote(&self) -> Result<(), String> {
        self.command("promote", &[])
    }

    /// Keeps a copy of its files while it is down.
    pub fn copy_volume(&self) -> Result<(), String> {
        let (data, copy) = self.volumes();
        run("cp", &["-a", &data, &copy])?;
        // Otherwise a start would look for the process that it names.
        fs::remove_file(format!("{copy}/postmaster.pid")).map_err(|error| error.to_string())
    }

    /// Puts the copy in the place of its files while it is down.
    pub fn restore_volume(&self) -> Result<(), String> {
        let (data, copy) = self.volumes();
        run("rm", &["-r", &data])?;
        run("mv", &[&copy, &data])
    }

    fn volumes(&self) -> (String, String) {
        let host = &self.server.host;
        (format!("{host}/data"), format!("{host}/copy"))
    }

    /// Changes settings for all sessions to come, with a restart.
    pub fn configure(&self, settings: &[&str]) -> Result<(), String> {
        let mut client = self.server.connect()?;
        for setting in settings {
            client.run(&format!("ALTER SYSTEM SET {setting}"))?;
        }
        drop(client);
        self.restart()
    }

    /// Changes settings in the running server.
    pub fn reload(&self, client: &mut Client, settings: &[&str]) -> Result<(), String> {
        for setting in settings {
            client.run(&format!("ALTER SYSTEM SET {setting}"))?;
        }
        let loaded = client.value("SELECT pg_conf_load_time()")?;
        client.run("SELECT pg_reload_conf()")?;
        crate::wait_for("the settings to be read", || {
            Ok(client.value("SELECT pg_conf_load_time()")? != loaded)
        })
    }

    /// The server's log.
    pub fn log(&self) -> String {
        fs::read_to_string(format!("{}/log", self.server.host)).unwrap_or_default()
    }
}

/// Runs a program to its end.
fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let status = Command::new(program)
        .args(arguments)
        .status()
        .map_err(|error| error.to_string())?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{program} {} failed", arguments.join(" ")))
    }
}
