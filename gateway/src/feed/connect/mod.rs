//! From the configuration to sessions of the database, encrypted as libpq's sslmode says, one by one or in a pool.

mod error;
mod tls;

pub use error::ConnectError;

use crate::config::database::{ChannelBinding, Database, Host, Session, TlsMode};
use deadpool_postgres::{Connect, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use error::Failed;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tls::MakeTls;
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config};

/// What makes sessions of one database.
#[derive(Clone)]
pub struct Connector {
    database: Arc<Database>,
    tls: MakeTls,
}

/// A session. Its connection is driven by a task, which ends with the session.
pub struct Connected {
    pub client: Client,
    pub connection: JoinHandle<Result<(), tokio_postgres::Error>>,
    pub host: Host,
}

impl Connector {
    /// Reads the certificates that the configuration names.
    pub fn new(database: &Database) -> Result<Connector, ConnectError> {
        Ok(Connector {
            tls: MakeTls::new(&database.tls)?,
            database: Arc::new(database.clone()),
        })
    }

    /// A session with the first host that has one of the wanted kind.
    pub async fn connect(&self) -> Result<Connected, ConnectError> {
        match self.first().await {
            Ok((client, connection, host)) => {
                let connection = tokio::spawn(connection);
                Ok(Connected {
                    client,
                    connection,
                    host,
                })
            }
            Err((host, failed)) => Err(failed.explain(&host, self.database.connect_timeout)),
        }
    }

    /// A pool of at most `size` sessions; who waits longer than `wait` for one gets an error.
    pub fn pool(&self, size: usize, wait: Duration) -> Result<Pool, ConnectError> {
        let recycling_method = RecyclingMethod::Fast;
        let manager = Manager::from_connect(
            Config::new(),
            self.clone(),
            ManagerConfig { recycling_method },
        );
        Pool::builder(manager)
            .max_size(size)
            .wait_timeout(Some(wait))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| ConnectError::Setup(error.to_string()))
    }

    /// What an error of a pooled session means.
    pub fn explain(&self, error: tokio_postgres::Error) -> ConnectError {
        Failed::from(error).explain(&self.database.hosts[0], self.database.connect_timeout)
    }

    async fn first(&self) -> Result<(Client, Running, Host), (Host, Failed)> {
        let mut hosts: Vec<&Host> = self.database.hosts.iter().collect();
        if self.database.shuffled {
            fastrand::shuffle(&mut hosts);
        }
        let mut last = None;
        for host in hosts {
            match self.one(host).await {
                Ok((client, running)) => return Ok((client, running, host.clone())),
                Err(failed) => last = Some((host.clone(), failed)),
            }
        }
        // There is one at least.
        Err(last.unwrap_or_else(|| (self.database.hosts[0].clone(), Failed::Timeout)))
    }

    /// A session with a host: at each of its addresses, in each of the ways that sslmode allows.
    async fn one(&self, host: &Host) -> Result<(Client, Running), Failed> {
        let mut failed = Failed::Timeout;
        for address in self.addresses(host).await? {
            for mode in ways(self.database.tls.mode, host) {
                let config = self.config(host, address, mode);
                match self.attempt(&config).await {
                    Ok(connected) => return Ok(connected),
                    Err(this) => {
                        let other_way = this.may_be_the_encryption();
                        failed = this;
                        if !other_way {
                            break;
                        }
                    }
                }
            }
            if failed.is_final() {
                break;
            }
        }
        Err(failed)
    }

    async fn attempt(&self, config: &Config) -> Result<(Client, Running), Failed> {
        let connecting = config.connect(self.tls.clone());
        // The server may take the connection and say nothing.
        let connected = tokio::time::timeout(self.database.connect_timeout, connecting).await;
        let (client, connection) = connected.map_err(|_| Failed::Timeout)??;
        Ok((client, Box::pin(connection)))
    }

    /// The addresses of a host; none stands for a Unix socket.
    async fn addresses(&self, host: &Host) -> Result<Vec<Option<IpAddr>>, Failed> {
        if host.is_local() {
            return Ok(vec![None]);
        }
        if let Some(address) = host.address {
            return Ok(vec![Some(address)]);
        }
        let looking = tokio::net::lookup_host((host.name.as_str(), host.port));
        let found = tokio::time::timeout(self.database.connect_timeout, looking).await;
        let found = found.map_err(|_| Failed::Timeout)?.map_err(Failed::Name)?;
        Ok(found.map(|address| Some(address.ip())).collect())
    }

    fn config(&self, host: &Host, address: Option<IpAddr>, mode: SslMode) -> Config {
        let database = &self.database;
        let mut config = Config::new();
        config
            .host(&host.name)
            .port(host.port)
            .user(&database.user)
            .dbname(&database.name)
            .application_name(&database.application_name)
            .connect_timeout(database.connect_timeout)
            .ssl_mode(mode)
            .target_session_attrs(match database.session {
                Session::Any => tokio_postgres::config::TargetSessionAttrs::Any,
                Session::ReadWrite => tokio_postgres::config::TargetSessionAttrs::ReadWrite,
                Session::ReadOnly => tokio_postgres::config::TargetSessionAttrs::ReadOnly,
            })
            .channel_binding(match database.channel_binding {
                ChannelBinding::Disable => tokio_postgres::config::ChannelBinding::Disable,
                ChannelBinding::Prefer => tokio_postgres::config::ChannelBinding::Prefer,
                ChannelBinding::Require => tokio_postgres::config::ChannelBinding::Require,
            });
        if let Some(address) = address {
            config.hostaddr(address);
        }
        if let Some(password) = database.password_for(host) {
            config.password(password.reveal());
        }
        if let Some(options) = &database.options {
            config.options(options);
        }
        if database.tls.direct && mode == SslMode::Require {
            config.ssl_negotiation(tokio_postgres::config::SslNegotiation::Direct);
        }
        self.keep_alive(&mut config);
        config
    }

    fn keep_alive(&self, config: &mut Config) {
        let keepalives = &self.database.keepalives;
        config.keepalives(keepalives.on);
        if let Some(timeout) = self.database.tcp_user_timeout {
            config.tcp_user_timeout(timeout);
        }
        if let Some(idle) = keepalives.idle {
            config.keepalives_idle(idle);
        }
        if let Some(interval) = keepalives.interval {
            config.keepalives_interval(interval);
        }
        if let Some(retries) = keepalives.retries {
            config.keepalives_retries(retries);
        }
    }
}

/// What drives a connection.
type Running = Pin<Box<dyn Future<Output = Result<(), tokio_postgres::Error>> + Send>>;

/// Encrypted or not, in the order in which libpq tries. Unix sockets never are.
fn ways(mode: TlsMode, host: &Host) -> Vec<SslMode> {
    match mode {
        _ if host.is_local() => vec![SslMode::Disable],
        TlsMode::Disable => vec![SslMode::Disable],
        TlsMode::Allow => vec![SslMode::Disable, SslMode::Require],
        TlsMode::Prefer => vec![SslMode::Prefer, SslMode::Disable],
        TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => vec![SslMode::Require],
    }
}

/// The pool's sessions are made like all others.
impl Connect for Connector {
    fn connect(
        &self,
        _: &Config,
    ) -> Pin<
        Box<
            dyn Future<Output = Result<(Client, JoinHandle<()>), tokio_postgres::Error>>
                + Send
                + '_,
        >,
    > {
        Box::pin(async move {
            let (client, running, _) = self
                .first()
                .await
                .map_err(|(_, failed)| failed.into_postgres())?;
            let task = tokio::spawn(async move {
                if let Err(error) = running.await {
                    tracing::debug!(error = %error::chain(&error), "a session of the pool has ended");
                }
            });
            Ok((client, task))
        })
    }
}

/// Whether an error is one of a role or database that does not exist, or of a password: trying again does not help.
fn is_refusal(code: &SqlState) -> bool {
    [
        SqlState::INVALID_PASSWORD,
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
        SqlState::INVALID_CATALOG_NAME,
    ]
    .contains(code)
}
