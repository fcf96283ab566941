//! `GET /realtime/v1/changes`: the changes of a table over plain HTTP, for clients in any language.

mod attend;
mod copy;
mod form;
mod parameters;
mod poll;
mod problem;
mod stream;

use super::port::Cutter;
use crate::feed::{Attached, Fault, Feed, Interest, Leg, Outlet, Who};
use crate::metrics as names;
use crate::node::{Denied, Node};
use crate::socket::outbox::Outbox;
use attend::{attend, say_farewell, Visit};
use axum::body::Body;
use axum::extract::State;
use axum::http::{header, HeaderMap, HeaderValue, Uri};
use axum::response::{IntoResponse, Response};
use axum::Extension;
use parameters::{Parameters, Wants};
use problem::Problem;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// A leg that ends with whoever holds it.
struct Held {
    feed: Feed,
    leg: Arc<Leg>,
}

impl Held {
    fn new(feed: &Feed, interest: Interest, outlet: Arc<dyn Outlet>) -> Held {
        // The tag tells legs of one outlet apart; here is one only.
        Held {
            feed: feed.clone(),
            leg: Leg::new(1, interest, outlet),
        }
    }

    fn leg(&self) -> &Arc<Leg> {
        &self.leg
    }

    /// Attaches the leg; while the database does not answer, again and again.
    async fn attach(&self, has_cursor: bool) -> Result<Attached, Fault> {
        loop {
            match self.feed.attach(&self.leg, has_cursor).await {
                Err(fault) if fault.is_passing() => sleep(RETRY).await,
                attached => return attached,
            }
        }
    }
}

/// Between two attempts while the database does not answer.
const RETRY: Duration = Duration::from_millis(200);

impl Drop for Held {
    fn drop(&mut self) {
        self.feed.detach([self.leg.clone()]);
    }
}

impl Parameters {
    fn interest(&self, who: &Who) -> Interest {
        Interest {
            relation: self.relation.clone(),
            filter: self.filter.clone(),
            events: self.events.clone(),
            columns: self.columns.clone(),
            who: who.clone(),
        }
    }
}

/// Answers a request for changes.
pub async fn get(
    State(node): State<Arc<Node>>,
    cutter: Option<Extension<Cutter>>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let cutter = cutter.map(|Extension(cutter)| cutter);
    let answer = serve(node, cutter, &uri, &headers).await;
    let response = answer.unwrap_or_else(Problem::into_response);
    let status = response.status().as_u16().to_string();
    ::metrics::counter!(names::HTTP_REQUESTS, "route" => "changes", "status" => status)
        .increment(1);
    response
}

async fn serve(
    node: Arc<Node>,
    cutter: Option<Cutter>,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    if node.draining.is_cancelled() {
        return Err(Problem::restarting());
    }
    let token = parameters::token(uri, headers);
    let denied = |denied: Denied| Problem::denied(&denied);
    let (who, claims) = node.admit(&token).map_err(denied)?;
    let parameters = Parameters::read(uri, headers)?;
    let permit = node.clients.clone().try_acquire_owned().map_err(|_| {
        ::metrics::counter!(names::LIMITS, "limit" => "sockets").increment(1);
        Problem::too_many_clients()
    })?;
    let media_type = parameters.form.media_type();
    let gone = CancellationToken::new();
    let client = gone.clone().drop_guard();
    let outbox = Arc::new(Outbox::new(node.limits.outbox_bytes));
    if let Wants::Poll { wait, max } = parameters.wants {
        let interest = parameters.interest(&who);
        let text = poll::poll(&node, &parameters, interest, wait, max).await?;
        outbox.put(text);
        outbox.close(0);
        // The client counts until it has read the answer.
        tokio::spawn(async move {
            say_farewell(&gone, cutter).await;
            drop(permit);
        });
        return Ok(answer(media_type, stream::body(outbox, client)));
    }
    let (begun, begins) = oneshot::channel();
    tokio::spawn(attend(Visit {
        node,
        parameters,
        token,
        who,
        expires: claims.expires,
        outbox: outbox.clone(),
        begun,
        gone,
        cutter,
        permit,
    }));
    // Without an answer the stream ended before it had begun.
    begins
        .await
        .unwrap_or_else(|_| Err(Problem::restarting()))?;
    Ok(answer(media_type, stream::body(outbox, client)))
}

fn answer(media_type: &'static str, body: Body) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
    set(header::CONTENT_TYPE, media_type);
    set(header::CACHE_CONTROL, "no-store, no-transform");
    set(header::VARY, "Accept, Authorization, apikey");
    // nginx collects what it passes on, unless it is told not to.
    set(header::HeaderName::from_static("x-accel-buffering"), "no");
    response
}
