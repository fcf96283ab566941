//! From the configuration to sessions of the database, encrypted as libpq's sslmode says, one by one or in a pool.

mod binding;
mod error;
mod stream;
mod tls;

pub use error::ConnectError;

use crate::config::database::{ChannelBinding as Binding, Database, Host, Session, TlsMode};
use deadpool_postgres::{Connect, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use error::Failed;
use std::future::{poll_fn, Future};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use stream::MakeTls;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;
use tokio_postgres::config::{ChannelBinding, SslMode, SslNegotiation, TargetSessionAttrs};
use tokio_postgres::error::{DbError, SqlState};
use tokio_postgres::{AsyncMessage, Client, Config, Connection};

/// What makes sessions of one database.
#[derive(Clone)]
pub struct Connector {
    database: Arc<Database>,
    tls: MakeTls,
}

/// How long a server may be silent before it is asked whether it is there, and how long it may take to say so.
const VANISHED: Duration = Duration::from_secs(30);

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
            tls: MakeTls(Arc::new(tls::client_config(&database.tls)?)),
            database: Arc::new(database.clone()),
        })
    }

    /// A session with the first host that has one of the wanted kind.
    pub async fn connect(&self) -> Result<Connected, ConnectError> {
        self.connect_to(None).await
    }

    /// The same; what the server says by RAISE NOTICE and the like is sent to `said`.
    pub async fn connect_and_hear(
        &self,
        said: UnboundedSender<DbError>,
    ) -> Result<Connected, ConnectError> {
        self.connect_to(Some(said)).await
    }

    async fn connect_to(&self, said: Said) -> Result<Connected, ConnectError> {
        match self.first(&said).await {
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

    /// A pool of at most `size` sessions.
    pub fn pool(&self, size: usize) -> Result<Pool, ConnectError> {
        let recycling_method = RecyclingMethod::Fast;
        let manager = Manager::from_connect(
            Config::new(),
            self.clone(),
            ManagerConfig { recycling_method },
        );
        Pool::builder(manager)
            .max_size(size)
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| ConnectError::Setup(error.to_string()))
    }

    /// What an error of a pooled session means.
    pub fn explain(&self, error: tokio_postgres::Error) -> ConnectError {
        Failed::from(error).explain(&self.database.hosts[0], self.database.connect_timeout)
    }

    async fn first(&self, said: &Said) -> Result<(Client, Running, Host), (Host, Failed)> {
        let mut hosts: Vec<&Host> = self.database.hosts.iter().collect();
        if self.database.shuffled {
            fastrand::shuffle(&mut hosts);
        }
        let mut last = None;
        for host in hosts {
            match self.one(host, said).await {
                Ok((client, running)) => return Ok((client, running, host.clone())),
                Err(failed) => last = Some((host.clone(), failed)),
            }
        }
        // There is one at least.
        Err(last.unwrap_or_else(|| (self.database.hosts[0].clone(), Failed::Timeout)))
    }

    /// A session with a host, at the first of its addresses that has one.
    async fn one(&self, host: &Host, said: &Said) -> Result<(Client, Running), Failed> {
        let mut failed = Failed::Timeout;
        for address in self.addresses(host).await? {
            match self.at(host, address, said).await {
                Ok(connected) => return Ok(connected),
                Err(this) => failed = this,
            }
            if failed.is_final() {
                break;
            }
        }
        Err(failed)
    }

    /// A session at an address, in the first of the ways that sslmode allows.
    async fn at(
        &self,
        host: &Host,
        address: Option<IpAddr>,
        said: &Said,
    ) -> Result<(Client, Running), Failed> {
        let mut failed = Failed::Timeout;
        for mode in ways(self.database.tls.mode, host) {
            let config = self.config(host, address, mode);
            match self.attempt(&config, said).await {
                Ok(connected) => return Ok(connected),
                Err(this) => failed = this,
            }
            if !failed.may_be_the_encryption() {
                break;
            }
        }
        Err(failed)
    }

    async fn attempt(&self, config: &Config, said: &Said) -> Result<(Client, Running), Failed> {
        let connecting = config.connect(self.tls.clone());
        // The server may take the connection and say nothing.
        let connected = tokio::time::timeout(self.database.connect_timeout, connecting).await;
        let (client, connection) = connected.map_err(|_| Failed::Timeout)??;
        Ok((client, Box::pin(drive(connection, said.clone()))))
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
                Session::Any => TargetSessionAttrs::Any,
                Session::ReadWrite => TargetSessionAttrs::ReadWrite,
                Session::ReadOnly => TargetSessionAttrs::ReadOnly,
            })
            .channel_binding(match database.channel_binding {
                Binding::Disable => ChannelBinding::Disable,
                Binding::Prefer => ChannelBinding::Prefer,
                Binding::Require => ChannelBinding::Require,
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
            config.ssl_negotiation(SslNegotiation::Direct);
        }
        self.keep_alive(&mut config);
        config
    }

    fn keep_alive(&self, config: &mut Config) {
        let keepalives = &self.database.keepalives;
        config.keepalives(keepalives.on);
        // Else a server that has vanished would be waited for a quarter of an hour.
        config.tcp_user_timeout(self.database.tcp_user_timeout.unwrap_or(VANISHED));
        config.keepalives_idle(keepalives.idle.unwrap_or(VANISHED));
        config.keepalives_interval(keepalives.interval.unwrap_or(VANISHED / 3));
        if let Some(retries) = keepalives.retries {
            config.keepalives_retries(retries);
        }
    }
}

/// What drives a connection.
type Running = Pin<Box<dyn Future<Output = Result<(), tokio_postgres::Error>> + Send>>;

/// Who is told what the server says.
type Said = Option<UnboundedSender<DbError>>;

/// Drives a connection to its end. What the server says is never logged: policies and triggers may say what rows hold.
async fn drive<S, T>(
    mut connection: Connection<S, T>,
    said: Said,
) -> Result<(), tokio_postgres::Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
        if let (AsyncMessage::Notice(notice), Some(said)) = (message?, &said) {
            // Nobody may listen any more.
            let _ = said.send(notice);
        }
    }
    Ok(())
}

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
                .first(&None)
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
