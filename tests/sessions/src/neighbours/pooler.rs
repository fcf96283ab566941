//! PgBouncer in transaction mode in front of the test's cluster, as the user that runs the server.

use crate::pg::Server;
use crate::{wait_for, Outcome};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::{Child, Command, Stdio};

/// Fewer than there are clients, so that they share sessions.
pub const POOL: usize = 6;

pub struct Pooler {
    process: Child,
    log: String,
    pub server: Server,
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Whether there is one to start.
pub fn is_installed() -> bool {
    program().is_some()
}

/// Debian has it where only root's PATH looks.
fn program() -> Option<String> {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut programs = path
        .split(':')
        .chain(["/usr/sbin"])
        .map(|place| format!("{place}/pgbouncer"));
    programs.find(|program| fs::metadata(program).is_ok())
}

impl Pooler {
    /// With `discards`, sessions forget everything between two transactions, as between two clients of a pool of sessions.
    pub fn start(server: &Server, discards: bool) -> Result<Pooler, String> {
        let place = format!("{}/pooler", server.host);
        let (file, log) = (format!("{place}/ini"), format!("{place}/log"));
        let told = |error: std::io::Error| error.to_string();
        fs::create_dir_all(&place).map_err(told)?;
        let Server { host, port, .. } = server;
        let settings = format!(
            "[databases]\n* = host={host} port={port} user=postgres\n\
             [pgbouncer]\nlisten_addr =\nlisten_port = {port}\nunix_socket_dir = {place}\nunix_socket_mode = 0700\n\
             auth_type = any\nadmin_users = postgres\nserver_tls_sslmode = disable\nlogfile = {log}\npidfile = {place}/pid\n\
             pool_mode = transaction\ndefault_pool_size = {POOL}\nmax_client_conn = 200\nserver_lifetime = 20\n\
             server_reset_query = DISCARD ALL\nserver_reset_query_always = {}\n",
            u8::from(discards)
        );
        fs::write(&file, settings).map_err(told)?;
        // It refuses to be root, and the cluster's socket is its user's.
        let user = fs::metadata(host).map_err(told)?;
        std::os::unix::fs::chown(&place, Some(user.uid()), Some(user.gid())).map_err(told)?;
        let program = program().ok_or("PgBouncer is not installed")?;
        // It ends with this process, however that ends.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM"]);
        if fs::metadata("/proc/self").map_err(told)?.uid() != user.uid() {
            let ids = [
                format!("--reuid={}", user.uid()),
                format!("--regid={}", user.gid()),
            ];
            command.args(ids).arg("--clear-groups");
        }
        let process = command
            .args([&program, "-q", &file])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(told)?;
        let mut pooler = Pooler {
            process,
            log,
            server: Server {
                host: place,
                ..server.clone()
            },
        };
        pooler.ready()?;
        Ok(pooler)
    }

    fn ready(&mut self) -> Outcome {
        wait_for("PgBouncer to answer", || {
            let ended = self.process.try_wait().map_err(|error| error.to_string())?;
            match ended {
                Some(status) => Err(format!("PgBouncer ended with {status}: {}", self.log())),
                None => Ok(self
                    .server
                    .connect()
                    .is_ok_and(|mut client| client.run("SELECT 1").is_ok())),
            }
        })
    }

    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Transactions that it has passed on, and the sessions that it had for them.
    pub fn totals(&self) -> Result<String, String> {
        let mut console = self.server.database("pgbouncer").connect()?;
        let totals = console.query("SHOW STATS_TOTALS")?;
        let row = totals
            .iter()
            .find(|row| row[0].as_deref() == Some(self.server.database.as_str()));
        let number = |i: usize| row.and_then(|row| row.get(i)?.clone()).unwrap_or_default();
        Ok(format!("{} transactions, {} queries", number(1), number(2)))
    }
}
