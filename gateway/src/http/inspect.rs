//! `GET /realtime/v1/tables` and `/diagnose`: what a token's role may follow, and why it receives nothing.

use super::access;
use super::public::message;
use crate::feed::inspection::Inspection;
use crate::feed::{Fault, Relation};
use crate::metrics as names;
use crate::node::Node;
use axum::extract::{Query, State};
use axum::http::{header, HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::Router;
use serde::Deserialize;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// How many are answered at once: most of the pool's sessions are for clients that catch up.
const AT_ONCE: usize = 2;

/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// What both routes share.
struct Inspector {
    node: Arc<Node>,
    inspection: Inspection,
    turns: Semaphore,
}

/// The routes, below `/realtime/v1`.
pub fn router(node: Arc<Node>) -> Router {
    let inspector = Inspector {
        inspection: Inspection::new(node.feed.sessions()),
        node,
        turns: Semaphore::new(AT_ONCE),
    };
    Router::new()
        .route("/tables", get(tables))
        .route("/diagnose", get(diagnose))
        .with_state(Arc::new(inspector))
}

#[derive(Deserialize)]
struct Tables {
    apikey: Option<String>,
}

async fn tables(
    State(inspector): State<Arc<Inspector>>,
    Query(parameters): Query<Tables>,
    headers: HeaderMap,
) -> Response {
    let key = parameters.apikey.as_deref();
    let who = match access::admit(&inspector.node, &headers, key) {
        Ok((who, _)) => who,
        Err(refusal) => return *refusal,
    };
    let answer = inspector.inspection.tables(&who);
    inspector.in_turn("tables", answer).await
}

#[derive(Deserialize)]
struct Diagnosis {
    apikey: Option<String>,
    schema: Option<String>,
    table: Option<String>,
    filter: Option<String>,
}

async fn diagnose(
    State(inspector): State<Arc<Inspector>>,
    Query(parameters): Query<Diagnosis>,
    headers: HeaderMap,
) -> Response {
    let key = parameters.apikey.as_deref();
    let who = match access::admit(&inspector.node, &headers, key) {
        Ok((who, _)) => who,
        Err(refusal) => return *refusal,
    };
    let Some(table) = parameters.table else {
        let text = "Name a table: /realtime/v1/diagnose?table=todos&filter=id=eq.1";
        return (StatusCode::BAD_REQUEST, message(text)).into_response();
    };
    let relation = Relation {
        schema: parameters.schema.as_deref().unwrap_or("public").into(),
        table: table.into(),
    };
    let filter = parameters.filter.filter(|filter| !filter.is_empty());
    let inspection = &inspector.inspection;
    let answer = inspection.diagnose(&who, &relation, filter.as_deref());
    inspector.in_turn("diagnose", answer).await
}

impl Inspector {
    /// Waits for a turn, then for the answer.
    async fn in_turn(
        &self,
        route: &'static str,
        answer: impl Future<Output = Result<String, Fault>>,
    ) -> Response {
        let response = match timeout(PATIENCE, self.turns.acquire()).await {
            Ok(Ok(_turn)) => answered(answer.await),
            _ => {
                ::metrics::counter!(names::LIMITS, "limit" => "inspections").increment(1);
                let text = "Too many requests of this kind; try again later";
                (StatusCode::TOO_MANY_REQUESTS, message(text)).into_response()
            }
        };
        let status = response.status().as_u16().to_string();
        ::metrics::counter!(names::HTTP_REQUESTS, "route" => route, "status" => status)
            .increment(1);
        response
    }
}

/// That there is no such table and that the role may not read it are one answer.
fn answered(answer: Result<String, Fault>) -> Response {
    let fault = match answer {
        Ok(text) => {
            let form = [
                (header::CONTENT_TYPE, "application/json"),
                (header::CACHE_CONTROL, "no-store"),
            ];
            return (form, text).into_response();
        }
        Err(fault) => fault,
    };
    let (status, text) = if fault.is_no_table() {
        let text = "There is no table of this name that the role may SELECT from";
        (StatusCode::NOT_FOUND, text)
    } else if fault.is_unreachable() {
        let text = "The database does not answer";
        (StatusCode::SERVICE_UNAVAILABLE, text)
    } else {
        tracing::warn!(sqlstate = fault.sqlstate.as_deref(), "an inspection failed");
        let text = "The database could not answer";
        (StatusCode::INTERNAL_SERVER_ERROR, text)
    };
    (status, message(text)).into_response()
}
