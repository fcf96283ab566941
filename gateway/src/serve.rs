//! The gateway as a whole: its ports, its database, its end.

use crate::config::Config;
use crate::feed::connect::{ConnectError, Connector};
use crate::feed::{Feed, Options};
use crate::http::admin::Readiness;
use crate::http::{admin, changes, inspect, page, port, public, websocket};
use crate::metrics;
use crate::node::Node;
use crate::token::{Keyring, KeysError};
use axum::routing::get;
use axum::serve::ListenerExt;
use axum::Router;
use std::future::IntoFuture;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Why a gateway cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("{flag} {address}: {error}")]
    Listen {
        flag: &'static str,
        address: SocketAddr,
        error: std::io::Error,
    },
    #[error("{0}")]
    Keys(#[from] KeysError),
    #[error("{0}")]
    Database(#[from] ConnectError),
    #[error("signals cannot be received: {0}")]
    Signals(std::io::Error),
}

/// Serves clients until the process is told to stop.
pub async fn run(config: Config) -> Result<(), Failure> {
    let drain = CancellationToken::new();
    let stop = drain.clone();
    let signals = crate::signals::Signals::new().map_err(Failure::Signals)?;
    tokio::spawn(async move {
        signals.stop().await;
        tracing::info!("told to stop: no new clients, those that are there are asked to leave");
        stop.cancel();
        signals.stop().await;
        tracing::warn!("told to stop again: stopping at once");
        std::process::exit(1);
    });
    serve(config, drain).await
}

/// Serves clients until `drain` is cancelled, and for as long as they then take to leave.
pub async fn serve(config: Config, drain: CancellationToken) -> Result<(), Failure> {
    metrics::install();
    let keyring = Keyring::open(&config.keys)?;
    let connector = Connector::new(&config.database)?;
    let pool = config
        .pool_database
        .as_ref()
        .map(Connector::new)
        .transpose()?;
    let admin_port = listen("--admin-listen", config.admin_listen).await?;
    let public_port = listen("--listen", config.listen).await?;
    tokio::spawn(keyring.clone().follow());
    let feed = Feed::start(Options {
        pool: pool.unwrap_or_else(|| connector.clone()),
        connector,
        pool_size: config.pool_size,
        relays: 1,
        max_lag: config.limits.lag,
        batch_bytes: config.limits.outbox_bytes / 2,
        statement_timeout: Duration::from_secs(30),
    })?;
    warn_of_few_files(config.limits.sockets);

    let (ready_keys, draining, ready_feed) = (keyring.clone(), drain.clone(), feed.clone());
    let readiness = Readiness::default()
        .with("database", move || match ready_feed.is_up() {
            true => Ok(()),
            false => Err("the relay has no session of the database".to_string()),
        })
        .with("keys", move || match ready_keys.has_keys() {
            true => Ok(()),
            false => Err("the JWKS has not been read yet".to_string()),
        })
        .with("draining", move || match draining.is_cancelled() {
            true => Err("the gateway is stopping".to_string()),
            false => Ok(()),
        });
    let admin = axum::serve(admin_port, admin::router(readiness));
    let admin = tokio::spawn(admin.into_future());
    let node = Node {
        feed,
        keyring,
        roles: config.roles.iter().cloned().collect(),
        clients: Arc::new(Semaphore::new(config.limits.sockets)),
        limits: config.limits,
        draining: drain.clone(),
        drain: config.drain,
    };
    let clients = node.clients.clone();
    let sockets = node.limits.sockets;
    let routes = public::router(routes(Arc::new(node), config.page));
    let served = async {
        port::serve(public_port, routes, sockets + port::OTHERS, drain.clone()).await;
        // Every client holds a permit until it has gone.
        let all = u32::try_from(sockets).unwrap_or(u32::MAX);
        let _ = clients.acquire_many(all).await;
    };
    let overdue = async {
        drain.cancelled().await;
        tokio::time::sleep(config.drain + FAREWELL).await;
    };
    tokio::select! {
        () = served => {}
        () = overdue => tracing::warn!("some clients have not gone in time"),
    }
    admin.abort();
    Ok(())
}

/// How long the last clients may take to go.
const FAREWELL: Duration = Duration::from_secs(6);

/// What clients ask for. `/socket` is where the peer itself has what its proxy puts at `/realtime/v1`.
fn routes(node: Arc<Node>, has_page: bool) -> Router {
    let routes = Router::new()
        .route("/websocket", get(websocket::connect))
        .route("/changes", get(changes::get))
        .with_state(node.clone());
    let (page, inspect) = match has_page {
        true => (page::router(), inspect::router(node)),
        false => (Router::new(), Router::new()),
    };
    Router::new()
        .nest("/realtime/v1", routes.clone().merge(inspect))
        .nest("/socket", routes)
        .merge(page)
}

/// Listens at an address. Small messages are not held back.
async fn listen(
    flag: &'static str,
    address: SocketAddr,
) -> Result<impl axum::serve::Listener<Addr = SocketAddr>, Failure> {
    let listener = open(address).map_err(|error| Failure::Listen {
        flag,
        address,
        error,
    })?;
    let bound = listener.local_addr().unwrap_or(address);
    tracing::info!(address = %bound, "listening ({flag})");
    Ok(listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY is not set");
        }
    }))
}

/// Connections that may wait to be taken. The kernel cuts it down to net.core.somaxconn. When all clients come back at once,
/// those that find no room try again after one, three, seven seconds.
const BACKLOG: u32 = 65_535;

fn open(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A gateway that takes another one's place need not wait for the connections that it had.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Files that the process has open besides its clients' sockets.
pub const OTHER_FILES: usize = 100;

/// How many files the process may open, where the system says so.
pub fn file_limit() -> Option<usize> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Sockets are files, and their number is limited.
fn warn_of_few_files(sockets: usize) {
    if let Some(soft) = file_limit().filter(|soft| *soft < sockets + OTHER_FILES) {
        tracing::warn!(
            "the process may open {soft} files, but --max-sockets is {sockets}: raise ulimit -n (LimitNOFILE= for systemd)"
        );
    }
}
