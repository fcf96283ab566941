//! What is done for a stream for as long as its client is there.

use super::copy;
use super::parameters::{Parameters, Wants};
use super::problem::Problem;
use super::stream::{Begun, Stream};
use super::Held;
use crate::feed::Who;
use crate::http::port::Cutter;
use crate::metrics as names;
use crate::node::Node;
use crate::socket::outbox::Outbox;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{interval_at, sleep, timeout, Instant};
use tokio_util::sync::CancellationToken;

/// A client that follows changes.
pub struct Visit {
    pub node: Arc<Node>,
    pub parameters: Parameters,
    pub token: String,
    pub who: Who,
    /// When the token expires.
    pub expires: i64,
    pub outbox: Arc<Outbox>,
    pub begun: Begun,
    /// Cancelled when the client has gone.
    pub gone: CancellationToken,
    /// Ends its connection.
    pub cutter: Option<Cutter>,
    pub permit: OwnedSemaphorePermit,
}

/// How often a stream shows that it lives: proxies close what is silent for a minute, and a client that has gone without
/// a word is noticed by it.
const SIGN: Duration = Duration::from_secs(15);

/// How long a client may take to read the rest of a stream that has ended.
const FAREWELL: Duration = Duration::from_secs(5);

/// Serves a client until it goes, or the stream ends.
pub async fn attend(visit: Visit) {
    let Visit {
        node,
        parameters,
        token,
        who,
        expires,
        outbox,
        begun,
        gone,
        cutter,
        permit,
    } = visit;
    ::metrics::gauge!(names::STREAMS).increment(1);
    let relation = parameters.relation.clone();
    let stream = Arc::new(Stream::new(
        parameters.form,
        relation,
        outbox.clone(),
        begun,
    ));
    if let Some(opening) = parameters.form.opening(retry(Duration::from_secs(2))) {
        outbox.put(opening);
    }
    tokio::select! {
        () = gone.cancelled() => {}
        () = stream.ended.cancelled() => {}
        () = follow(&node, &parameters, &who, &stream) => {}
        denied = node.until_denied(&token, expires) => {
            ::metrics::counter!(names::TOKENS_EXPIRED).increment(1);
            stream.fail(Problem::token_over(&denied));
        }
        () = node.until_leaving() => stream.retire(retry(node.drain)),
        () = show_life(&stream) => {}
    }
    say_farewell(&gone, cutter).await;
    outbox.abandon();
    ::metrics::gauge!(names::STREAMS).decrement(1);
    drop(permit);
}

/// Milliseconds until clients come back: not all at once.
fn retry(over: Duration) -> u64 {
    1000 + fastrand::u64(0..=u64::try_from(over.as_millis()).unwrap_or(u64::MAX - 1000))
}

async fn show_life(stream: &Stream) {
    let mut ticks = interval_at(Instant::now() + SIGN, SIGN);
    loop {
        ticks.tick().await;
        stream.show_life();
    }
}

/// Waits until the client has read what is left. One that does not loses its connection.
pub async fn say_farewell(gone: &CancellationToken, cutter: Option<Cutter>) {
    if timeout(FAREWELL, gone.cancelled()).await.is_err() {
        if let Some(cutter) = cutter {
            cutter.cut();
        }
    }
}

/// Hands out rows and changes; it ends with the stream.
async fn follow(node: &Node, parameters: &Parameters, who: &Who, stream: &Arc<Stream>) {
    let interest = parameters.interest(who);
    let failed = match parameters.wants {
        Wants::Copy => copy::rows(node, &interest, stream).await,
        _ => Ok(parameters.since.clone()),
    };
    let since = match failed {
        Ok(since) => since,
        Err(problem) => return stream.fail(problem),
    };
    if stream.ended.is_cancelled() {
        return;
    }
    let limit = node.limits.join_timeout;
    let held = Held::new(&node.feed, interest, stream.clone());
    stream.follow(held.leg());
    let attached = match timeout(limit, held.attach(since.is_some())).await {
        Ok(Ok(attached)) => attached,
        Ok(Err(fault)) => return stream.fail(Problem::of_fault(&fault, &parameters.relation)),
        Err(_) => return stream.fail(Problem::no_database()),
    };
    if since.is_none() {
        // The client has its first cursor, and an answer, however busy the relay is.
        stream.begin_at(&attached.start);
    }
    node.feed.begin(held.leg().clone(), &attached, since);
    // A long catch-up may find nothing for its client for some time: the answer does not wait for that.
    sleep(limit).await;
    stream.begin();
    pending().await
}
