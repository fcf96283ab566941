//! Tests of a stream between the feed and the body.

use super::*;
use crate::feed::{Interest, Who};
use axum::body::to_bytes;

struct Client {
    stream: Arc<Stream>,
    outbox: Arc<Outbox>,
    leg: Arc<Leg>,
    begins: oneshot::Receiver<Result<(), Problem>>,
}

fn relation() -> Relation {
    Relation {
        schema: "public".into(),
        table: "goals".into(),
    }
}

fn client(form: Form, limit: usize) -> Client {
    let (begun, begins) = oneshot::channel();
    let outbox = Arc::new(Outbox::new(limit));
    let stream = Arc::new(Stream::new(form, relation(), outbox.clone(), begun));
    let interest = Interest {
        relation: relation(),
        filter: None,
        events: None,
        columns: None,
        who: Who {
            role: "anon".into(),
            claims: "{}".into(),
        },
    };
    let leg = Leg::new(1, interest, stream.clone());
    stream.follow(&leg);
    Client {
        stream,
        outbox,
        leg,
        begins,
    }
}

fn offer(stream: &Stream, text: &str, cursor: &str) -> bool {
    stream.change(&[1], &mut Change::new(text, &cursor.into()))
}

async fn text(client: Client) -> String {
    let guard = CancellationToken::new().drop_guard();
    let bytes = to_bytes(body(client.outbox, guard), usize::MAX).await;
    String::from_utf8(bytes.unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn a_fault_before_anything_else_is_the_answer() {
    let mut client = client(Form::Events, 1000);
    client
        .stream
        .fault(&client.leg, &Fault::new("72000", "too old"));
    let problem = client.begins.try_recv().unwrap().unwrap_err();
    assert_eq!(problem.status.as_u16(), 410);
    assert!(client.stream.ended.is_cancelled());
}

#[tokio::test]
async fn a_fault_within_a_stream_is_its_last_event() {
    let mut client = client(Form::Events, 1000);
    assert!(offer(&client.stream, "{\"n\":1}", "a"));
    assert!(client.begins.try_recv().unwrap().is_ok());
    client.stream.fault(&client.leg, &Fault::too_slow());
    assert!(offer(&client.stream, "{\"n\":2}", "b"), "swallowed");
    let text = text(client).await;
    let (change, error) = text.split_once("\n\n").unwrap();
    assert_eq!(change, "id: a\ndata: {\"n\":1}");
    assert!(
        error.starts_with("event: error\ndata: {\"code\":\"too_slow\""),
        "{error}"
    );
    assert!(error.ends_with("}\n\n"));
}

#[tokio::test]
async fn what_does_not_fit_is_left_to_the_log() {
    let client = client(Form::Events, 300);
    assert!(offer(&client.stream, "{\"n\":1}", "a"));
    assert!(offer(&client.stream, "{\"n\":2}", "b"));
    let long = "x".repeat(200);
    assert!(!offer(&client.stream, &long, "c"));
    client.stream.complete();
    assert!(!text(client).await.contains("xxx"));
}

#[tokio::test]
async fn a_cursor_is_not_sent_for_a_leg_that_is_not_live() {
    let mut client = client(Form::Events, 1000);
    client.stream.moved(&"a".into());
    assert!(client.begins.try_recv().is_err(), "nothing is known yet");
    client.leg.keep(&"a".into());
    client.leg.flush();
    client.stream.moved(&"b".into());
    assert!(client.begins.try_recv().unwrap().is_ok());
    client.stream.moved(&"c".into());
    client.stream.complete();
    let text = text(client).await;
    assert_eq!(text, Form::Events.cursor(&"b".into()), "once a minute");
}

#[tokio::test]
async fn a_document_that_breaks_off_is_not_whole() {
    let client = client(Form::Document, 1000);
    client.outbox.put("{\"rows\":[".to_string());
    client.stream.begin();
    client.stream.fail(Problem::slow_snapshot());
    let guard = CancellationToken::new().drop_guard();
    assert!(to_bytes(body(client.outbox, guard), usize::MAX)
        .await
        .is_err());
}

#[tokio::test]
async fn parts_of_a_snapshot_wait_for_room() {
    let client = client(Form::Lines, 300);
    let sender = client.stream.clone();
    let sending = tokio::spawn(async move {
        for n in 0..100 {
            sender.send(format!("{{\"row\":{n}}}\n")).await;
        }
        sender.complete();
    });
    let text = text(client).await;
    sending.await.unwrap();
    assert_eq!(text.lines().count(), 100);
}

#[tokio::test]
async fn a_body_that_is_dropped_says_so() {
    let client = client(Form::Events, 1000);
    let gone = CancellationToken::new();
    drop(body(client.outbox, gone.clone().drop_guard()));
    assert!(gone.is_cancelled());
}

#[tokio::test]
async fn chunks_are_as_large_as_what_waits_and_no_larger_than_they_need_be() {
    let client = client(Form::Lines, 1 << 20);
    for length in [10, 20, 40_000, 30, CHUNK - 30, 1] {
        client.outbox.put("x".repeat(length));
    }
    client.stream.complete();
    let mut reading = Reading {
        outbox: client.outbox,
        frames: VecDeque::new(),
        _client: CancellationToken::new().drop_guard(),
    };
    let mut sizes = Vec::new();
    while let Some(chunk) = reading.chunk().await {
        sizes.push(chunk.unwrap().len());
    }
    assert_eq!(sizes, [30, 40_000, CHUNK, 1]);
}
