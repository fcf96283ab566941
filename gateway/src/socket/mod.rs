//! One WebSocket: reading, dispatching, and writing.

pub mod outbox;

mod dispatch;
mod rate;

use crate::lock;
use crate::metrics as names;
use crate::node::Node;
use crate::phoenix::frame::Version;
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use dispatch::Dispatch;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use outbox::{Next, Outbox};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{sleep, timeout};

/// The service restarts: clients connect again.
const RESTART: u16 = 1012;
const NORMAL: u16 = 1000;

/// How long a client may take to read the rest when its connection ends.
const FAREWELL: Duration = Duration::from_secs(5);

/// Serves a WebSocket until it ends.
pub async fn serve(
    socket: WebSocket,
    node: Arc<Node>,
    version: Version,
    token: Arc<str>,
    _permit: OwnedSemaphorePermit,
) {
    ::metrics::gauge!(names::SOCKETS).increment(1);
    ::metrics::counter!(names::SOCKETS_OPENED).increment(1);
    let outbox = Arc::new(Outbox::new(node.limits.outbox_bytes));
    let dispatch = Mutex::new(Dispatch::new(node.clone(), outbox.clone(), version, token));
    let (sink, mut stream) = socket.split();
    // A task of its own: what is to be written does not have the reader look for something to read.
    let mut writing = tokio::spawn(write(sink, outbox.clone()));
    let code = tokio::select! {
        code = read(&mut stream, &node, &outbox, &dispatch) => Some(code),
        _ = &mut writing => None,
    };
    let reason = match code {
        Some(RESTART) => "drain",
        Some(NORMAL) | None => "client",
        _ => "limit",
    };
    ::metrics::counter!(names::SOCKETS_CLOSED, "reason" => reason).increment(1);
    lock(&dispatch).end();
    if let Some(code) = code {
        outbox.close(code);
        // The writer ends the connection behind what waits.
        let farewell = async { tokio::join!(&mut writing, discard(&mut stream)) };
        let _ = timeout(FAREWELL, farewell).await;
        writing.abort();
    }
    outbox.abandon();
    ::metrics::gauge!(names::SOCKETS).decrement(1);
}

/// Reads until the client goes, or has to. Returns the code that it is told.
async fn read(
    stream: &mut SplitStream<WebSocket>,
    node: &Node,
    outbox: &Outbox,
    dispatch: &Mutex<Dispatch>,
) -> u16 {
    let leaving = async {
        node.draining.cancelled().await;
        lock(dispatch).announce_end();
        sleep(node.drain.mul_f64(fastrand::f64())).await;
    };
    tokio::pin!(leaving);
    let mut without_channel = Instant::now();
    loop {
        let received = async {
            // Answers that the client does not read are not added to.
            outbox.calm().await;
            stream.next().await
        };
        let received = tokio::select! {
            received = timeout(node.limits.idle, received) => received,
            () = &mut leaving => return RESTART,
        };
        let message = match received {
            Ok(Some(Ok(message))) => message,
            Ok(Some(Err(_)) | None) | Err(_) => return NORMAL,
        };
        ::metrics::counter!(names::MESSAGES_IN).increment(1);
        let now = Instant::now();
        let mut dispatch = lock(dispatch);
        let code = match &message {
            Message::Text(text) => dispatch.text(text, now),
            Message::Binary(bytes) => dispatch.binary(bytes, now),
            Message::Close(_) => return NORMAL,
            Message::Ping(_) | Message::Pong(_) => None,
        };
        if let Some(code) = code {
            return code;
        }
        if dispatch.has_channels() {
            without_channel = now;
        } else if now.duration_since(without_channel) > node.limits.no_channel {
            return NORMAL;
        }
    }
}

/// Reads what the client still sends: a connection that is closed over unread input is reset, and the client would not see
/// why.
async fn discard(stream: &mut SplitStream<WebSocket>) {
    while let Some(Ok(_)) = stream.next().await {}
}

/// Writes what the outbox has; many frames, one flush.
async fn write(mut sink: SplitSink<WebSocket, Message>, outbox: Arc<Outbox>) {
    loop {
        match outbox.next().await {
            Next::Frames(frames) => {
                ::metrics::counter!(names::MESSAGES_OUT).increment(frames.len() as u64);
                let bytes: usize = frames.iter().map(|frame| frame.len()).sum();
                ::metrics::counter!(names::BYTES_OUT).increment(bytes as u64);
                for frame in frames {
                    let length = frame.len();
                    if sink.feed(Message::Text(frame)).await.is_err() {
                        return;
                    }
                    outbox.written(length);
                }
                if sink.flush().await.is_err() {
                    return;
                }
            }
            Next::Close(code) => {
                let frame = CloseFrame {
                    code,
                    reason: Default::default(),
                };
                // A client that has gone already needs no farewell.
                let _ = sink.send(Message::Close(Some(frame))).await;
                return;
            }
        }
    }
}
