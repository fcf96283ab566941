//! A server under measurement: the gateway with its sessions in the database, or the floor.

use crate::message::Template;
use crate::process::{self, Process};
use crate::settings::Settings;
use crate::writer::Writer;
use crate::Outcome;
use tokio_postgres::{Client, NoTls};

/// An address that nobody listens at.
fn free_address() -> Outcome<String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    Ok(listener.local_addr()?.to_string())
}

pub struct Server {
    pub name: &'static str,
    pub process: Process,
    pub writer: Writer,
    /// Asks for the gateway's sessions.
    database: Option<Client>,
}

impl Server {
    pub async fn gateway(settings: &Settings) -> Outcome<Server> {
        let (address, admin) = (free_address()?, free_address()?);
        let arguments =
            ["serve", "--listen", &address, "--admin-listen", &admin].map(str::to_string);
        let process =
            Process::start(&settings.gateway, &arguments, &address, &settings.log).await?;
        let (client, connection) = tokio_postgres::connect(&settings.database, NoTls).await?;
        tokio::spawn(connection);
        Ok(Server {
            name: "gateway",
            process,
            writer: Writer::postgres(&settings.database).await?,
            database: Some(client),
        })
    }

    pub async fn floor(settings: &Settings, template: Template) -> Outcome<Server> {
        let program = std::env::current_exe()?.to_string_lossy().to_string();
        let (address, control) = (free_address()?, free_address()?);
        let arguments = ["floor", &address, &control].map(str::to_string);
        let process = Process::start(&program, &arguments, &address, &settings.log).await?;
        Ok(Server {
            name: "floor",
            process,
            writer: Writer::floor(&control, template).await?,
            database: None,
        })
    }

    /// The processes of the gateway's sessions in the database.
    async fn sessions(&self) -> Outcome<Vec<u32>> {
        let Some(client) = &self.database else {
            return Ok(Vec::new());
        };
        let sql = "SELECT pid FROM pg_stat_activity WHERE usename = 'bench_gateway'";
        let rows = client.query(sql, &[]).await?;
        Ok(rows.iter().map(|row| row.get::<_, i32>(0) as u32).collect())
    }

    /// Seconds of CPU so far: the server's own, and its sessions'.
    pub async fn cpu(&self) -> Outcome<(f64, f64)> {
        let sessions = self.sessions().await?;
        let own = process::cpu(self.process.id()?);
        Ok((own, sessions.into_iter().map(process::cpu).sum()))
    }

    /// Resident memory in kB: the server's own, and its sessions'.
    pub async fn resident(&self) -> Outcome<(f64, f64)> {
        let mut sessions = 0.0;
        for session in self.sessions().await? {
            sessions += process::resident(session).unwrap_or(0.0);
        }
        Ok((process::resident(self.process.id()?)?, sessions))
    }
}
