//! The handshake of a WebSocket.

use crate::node::{Denied, Node};
use crate::phoenix::frame::Version;
use crate::socket;
use crate::token::Refusal;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::Json;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// The query of the URL. Clients add parameters of their own.
#[derive(Deserialize)]
pub struct Parameters {
    apikey: Option<String>,
    vsn: Option<String>,
}

/// How long a refusal waits: clients connect again at once.
const BACK_OFF: Duration = Duration::from_secs(2);

/// Buffers of a socket that is idle cost this much each; the default for reading is 128 KiB.
const BUFFER: usize = 4 * 1024;

/// `GET /realtime/v1/websocket`.
pub async fn connect(
    State(node): State<Arc<Node>>,
    Query(parameters): Query<Parameters>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let given = headers
        .get("x-api-key")
        .and_then(|value| value.to_str().ok());
    let token = given.map(str::to_string).or(parameters.apikey);
    let refused = match Version::of(parameters.vsn.as_deref()) {
        None => Err((
            StatusCode::BAD_REQUEST,
            "The vsn is not supported".to_string(),
        )),
        Some(version) => admit(&node, token.as_deref()).map(|token| (version, token)),
    };
    let (version, token) = match refused {
        Ok(admitted) => admitted,
        Err((status, text)) => return refuse(status, &text).await,
    };
    let Ok(permit) = node.clients.clone().try_acquire_owned() else {
        ::metrics::counter!(crate::metrics::LIMITS, "limit" => "sockets").increment(1);
        return refuse(StatusCode::TOO_MANY_REQUESTS, "Too many connected users").await;
    };
    let limit = node.limits.frame_bytes;
    upgrade
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
        .max_write_buffer_size(node.limits.outbox_bytes.max(BUFFER) * 2 + limit)
        .max_message_size(limit)
        .max_frame_size(limit)
        .on_upgrade(move |socket| socket::serve(socket, node, version, token, permit))
}

fn admit(node: &Node, token: Option<&str>) -> Result<Arc<str>, (StatusCode, String)> {
    if node.draining.is_cancelled() {
        let text = "The server is restarting".to_string();
        return Err((StatusCode::SERVICE_UNAVAILABLE, text));
    }
    let token = token.unwrap_or_default();
    match node.admit(token) {
        Ok(_) => Ok(token.into()),
        Err(Denied::Token(refusal)) => Err((StatusCode::UNAUTHORIZED, refusal.at_handshake())),
        Err(Denied::Role) => Err((StatusCode::UNAUTHORIZED, Refusal::Malformed.at_handshake())),
    }
}

async fn refuse(status: StatusCode, text: &str) -> Response {
    let reason = status.as_str().to_string();
    ::metrics::counter!(crate::metrics::HANDSHAKES_REFUSED, "reason" => reason).increment(1);
    sleep(BACK_OFF).await;
    (status, Json(serde_json::json!({ "error": text }))).into_response()
}
