//! A port: connections, and the time that a client has to say what it wants.

use axum::serve::Listener;
use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{service_fn, Service};
use hyper::Request;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// In which a client has to send the head of a request, and its next request on a connection that stays open.
const HEAD: Duration = Duration::from_secs(10);

/// Headers of a request. Proxies add some.
const HEADERS: usize = 64;

/// What is kept of a request's head, in bytes: tokens of 16 KiB in its URL fit.
const BUFFER: usize = 64 * 1024;

/// Connections beyond those of clients that are served: requests that begin, wait for a refusal, or are short.
pub const OTHERS: usize = 1000;

/// Cuts the connection that a request came on; the request has it among its extensions.
#[derive(Debug, Clone, Default)]
pub struct Cutter(CancellationToken);

impl Cutter {
    /// Ends the connection, whatever is still to be written: its client does not read.
    pub fn cut(&self) {
        self.0.cancel();
    }
}

/// Serves connections until `drain` is cancelled, at most so many at once: further ones wait to be taken. It returns when all
/// have ended, what was begun being finished. A connection that became a WebSocket is none of these.
pub async fn serve(
    mut listener: impl Listener,
    router: Router,
    connections: usize,
    drain: CancellationToken,
) {
    let all = Arc::new(Semaphore::new(connections));
    loop {
        // The semaphore is never closed.
        let Ok(permit) = all.clone().acquire_owned().await else {
            return;
        };
        let (stream, _) = tokio::select! {
            accepted = listener.accept() => accepted,
            () = drain.cancelled() => break,
        };
        let (router, drain) = (router.clone(), drain.clone());
        tokio::spawn(async move {
            let cutter = Cutter::default();
            let cut = cutter.0.clone();
            let service = TowerToHyperService::new(router);
            let service = service_fn(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(cutter.clone());
                service.call(request)
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD)
                .max_headers(HEADERS)
                .max_buf_size(BUFFER)
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades();
            let mut connection = pin!(connection);
            let serving = async {
                tokio::select! {
                    ended = connection.as_mut() => return ended,
                    () = drain.cancelled() => connection.as_mut().graceful_shutdown(),
                }
                connection.await
            };
            tokio::select! {
                ended = serving => if let Err(error) = ended {
                    tracing::debug!(%error, "a connection has ended");
                },
                () = cut.cancelled() => tracing::debug!("a connection is cut: its client does not read"),
            }
            drop(permit);
        });
    }
    // Who comes now is refused, and finds another server.
    drop(listener);
    // What was written last is on its way only when its connection has ended.
    let rest = u32::try_from(connections).unwrap_or(u32::MAX);
    let _ = all.acquire_many(rest).await;
}
