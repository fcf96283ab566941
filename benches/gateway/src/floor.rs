//! The floor: a server with the gateway's WebSocket library that only writes ready-made frames to sockets. What it is to
//! write comes over a connection of its own, as lines: the topic, a tab, the text of the frame.

use crate::Outcome;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use axum::serve::ListenerExt;
use axum::Router;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::mpsc::{unbounded_channel, UnboundedReceiver, UnboundedSender};

/// Who has joined a topic.
type Topics = Arc<Mutex<HashMap<String, Vec<UnboundedSender<Utf8Bytes>>>>>;

/// Serves until it is killed.
pub async fn serve(address: &str, control: &str) -> Outcome<()> {
    let topics = Topics::default();
    let control = TcpListener::bind(control).await?;
    tokio::spawn(take_orders(control, topics.clone()));
    let router = Router::new().route("/realtime/v1/websocket", get(upgrade));
    let listener = TcpSocket::new_v4()?;
    listener.set_reuseaddr(true)?;
    listener.bind(address.parse()?)?;
    // The kernel cuts it down to net.core.somaxconn. Who finds no room tries again after one, three, seven seconds.
    let listener = listener.listen(65_535)?.tap_io(|stream| {
        // Without it a frame waits for the client's acknowledgement of the one before: 40 ms.
        let _ = stream.set_nodelay(true);
    });
    Ok(axum::serve(listener, router.with_state(topics)).await?)
}

async fn take_orders(listener: TcpListener, topics: Topics) {
    while let Ok((stream, _)) = listener.accept().await {
        let topics = topics.clone();
        tokio::spawn(async move {
            let mut lines = BufReader::with_capacity(1 << 16, stream).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                if let Some((topic, text)) = line.split_once('\t') {
                    write(&topics, topic, text);
                }
            }
        });
    }
}

fn write(topics: &Topics, topic: &str, text: &str) {
    let frame = Utf8Bytes::from(text);
    let mut topics = topics.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(members) = topics.get_mut(topic) {
        members.retain(|member| member.send(frame.clone()).is_ok());
    }
}

async fn upgrade(State(topics): State<Topics>, upgrade: WebSocketUpgrade) -> Response {
    upgrade
        .read_buffer_size(4096)
        .write_buffer_size(16384)
        .on_upgrade(move |socket| run(socket, topics))
}

async fn run(mut socket: WebSocket, topics: Topics) {
    let (sender, mut frames) = unbounded_channel();
    let mut sender = Some(sender);
    loop {
        let goes_on = tokio::select! {
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => answer(&mut socket, &text, &topics, &mut sender).await,
                Some(Ok(_)) => true,
                _ => false,
            },
            Some(frame) = frames.recv() => send(&mut socket, frame, &mut frames).await.is_ok(),
        };
        if !goes_on {
            return;
        }
    }
}

/// Everything that waits, with one flush.
async fn send(
    socket: &mut WebSocket,
    first: Utf8Bytes,
    frames: &mut UnboundedReceiver<Utf8Bytes>,
) -> Result<(), axum::Error> {
    use futures_util::SinkExt;
    socket.feed(Message::Text(first)).await?;
    while let Ok(frame) = frames.try_recv() {
        socket.feed(Message::Text(frame)).await?;
    }
    socket.flush().await
}

/// Joins and heartbeats, with the bytes that the gateway answers.
async fn answer(
    socket: &mut WebSocket,
    text: &str,
    topics: &Topics,
    sender: &mut Option<UnboundedSender<Utf8Bytes>>,
) -> bool {
    let mut parts = text
        .trim_start_matches('[')
        .splitn(5, ',')
        .map(|part| part.trim_matches('"'));
    let (Some(_), Some(reference), Some(topic), Some(event)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return true;
    };
    if event == "heartbeat" {
        let reply = format!(
            r#"[null,"{reference}","phoenix","phx_reply",{{"status":"ok","response":{{}}}}]"#
        );
        return socket.send(Message::text(reply)).await.is_ok();
    }
    let reply = format!(
        r#"["{reference}","{reference}","{topic}","phx_reply",{{"status":"ok","response":{{"postgres_changes":[{{"event":"*","schema":"public","table":"watched","id":1234567890}}]}}}}]"#
    );
    let system = format!(
        r#"[null,null,"{topic}","system",{{"extension":"postgres_changes","status":"ok","message":"Subscribed to PostgreSQL","channel":"{topic}"}}]"#
    );
    if let Some(sender) = sender.take() {
        let mut topics = topics.lock().unwrap_or_else(PoisonError::into_inner);
        topics.entry(topic.to_string()).or_default().push(sender);
    }
    socket.send(Message::text(reply)).await.is_ok()
        && socket.send(Message::text(system)).await.is_ok()
}
