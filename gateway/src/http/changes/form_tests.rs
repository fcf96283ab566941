//! Tests of the forms: each as its standard says a client reads it.

use super::*;
use axum::http::HeaderValue;

/// An event as a client of server-sent events sees it.
#[derive(Debug, Default, PartialEq)]
struct Event {
    name: String,
    id: Option<String>,
    data: String,
}

/// Reads a stream as the standard says: CR, LF and CRLF end lines.
fn events(text: &str) -> Vec<Event> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut events = Vec::new();
    let (mut event, mut data) = (Event::default(), Vec::new());
    for line in text.split('\n') {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match (line, field) {
            ("", _) if data.is_empty() => event = Event::default(),
            ("", _) => {
                event.data = data.join("\n");
                data.clear();
                events.push(std::mem::take(&mut event));
            }
            (_, "event") => event.name = value.to_string(),
            (_, "id") => event.id = Some(value.to_string()),
            (_, "data") => data.push(value),
            _ => {}
        }
    }
    events
}

fn cursor() -> Cursor {
    "AbC_-1".into()
}

#[test]
fn a_change_is_one_event_with_its_cursor_as_id() {
    let change = r#"{"type":"INSERT","record":{"t":"a\nb\u0000"}}"#;
    let text = Form::Events.change(change, &cursor());
    assert_eq!(
        events(&text),
        [Event {
            name: String::new(),
            id: Some("AbC_-1".to_string()),
            data: change.to_string(),
        }]
    );
}

#[test]
fn white_space_of_json_values_cannot_begin_an_event() {
    for end in ["\n", "\r", "\r\n", "\n\n"] {
        let change = format!("{{\"j\":{{{end}event: error{end}{end}data: x\n\n}}}}");
        let read = events(&Form::Events.change(&change, &cursor()));
        assert_eq!(read.len(), 1, "{end:?}");
        assert_eq!(read[0].name, "");
        let line = Form::Lines.change(&change, &cursor());
        assert_eq!(line.matches(['\n', '\r']).count(), 1, "the end of the line");
        let mut row = String::new();
        Form::Events.row(&mut row, &change, true);
        assert_eq!(events(&row).len(), 1);
        let error = Form::Events.error(&change).unwrap();
        assert_eq!(events(&error).len(), 1);
    }
}

#[test]
fn events_have_names_and_those_with_a_cursor_an_id() {
    let text = [
        Form::Events.opening(1500).unwrap(),
        Form::Events.cursor(&cursor()),
        Form::Events.sign_of_life(None),
        Form::Events.snapshot(&cursor(), 7),
        Form::Events.error("{\"code\":\"x\"}").unwrap(),
        Form::Events.retry(100).unwrap(),
    ]
    .concat();
    let read = events(&text);
    let names: Vec<_> = read.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["cursor", "snapshot", "error"]);
    assert_eq!(read[0].id.as_deref(), Some("AbC_-1"));
    assert_eq!(read[0].data, "{\"cursor\":\"AbC_-1\"}");
    assert_eq!(read[1].id.as_deref(), Some("AbC_-1"));
    assert_eq!(read[1].data, "{\"cursor\":\"AbC_-1\",\"rows\":7}");
    assert_eq!(read[2].id, None);
}

#[test]
fn a_row_has_no_id() {
    let mut text = String::new();
    Form::Events.row(&mut text, "{\"id\":1}", true);
    Form::Events.row(&mut text, "{\"id\":2}", false);
    let read = events(&text);
    assert_eq!(read.len(), 2);
    assert!(read
        .iter()
        .all(|event| event.name == "row" && event.id.is_none()));
}

#[test]
fn each_line_is_json() {
    let mut text = String::new();
    Form::Lines.row(&mut text, "{\"id\":\n1}", true);
    text += &Form::Lines.snapshot(&cursor(), 1);
    text += &Form::Lines.change("{\"type\":\"DELETE\"}", &cursor());
    text += &Form::Lines.sign_of_life(None);
    text += &Form::Lines.sign_of_life(Some(&cursor()));
    text += &Form::Lines.error("{\"code\":\"x\"}").unwrap();
    text += &Form::Lines.retry(5).unwrap();
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 6);
    assert_eq!(lines[0]["row"]["id"], 1);
    assert_eq!(lines[1]["snapshot"]["rows"], 1);
    assert_eq!(lines[2]["change"]["type"], "DELETE");
    assert!(lines[1..4].iter().all(|line| line["cursor"] == "AbC_-1"));
    assert_eq!(lines[4]["error"]["code"], "x");
}

#[test]
fn a_document_is_json_with_any_number_of_rows() {
    for count in 0..3 {
        let mut text = Form::Document.opening(0).unwrap();
        for n in 0..count {
            Form::Document.row(&mut text, &format!("{{\"id\":{n}}}"), n == 0);
        }
        text += &Form::Document.snapshot(&cursor(), count);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["rows"].as_array().unwrap().len() as u64, count);
        assert_eq!(value["cursor"], "AbC_-1");
    }
}

#[test]
fn the_form_is_the_first_that_is_accepted() {
    for (accept, form) in [
        (None, Form::Events),
        (Some("*/*"), Form::Events),
        (Some("text/event-stream"), Form::Events),
        (
            Some("text/html,application/xhtml+xml,*/*;q=0.8"),
            Form::Events,
        ),
        (Some("application/json, text/plain, */*"), Form::Document),
        (Some("Application/JSON; charset=utf-8"), Form::Document),
        (Some("application/x-ndjson"), Form::Lines),
        (Some("application/jsonl,application/json"), Form::Lines),
        (Some(",;,"), Form::Events),
    ] {
        let mut headers = HeaderMap::new();
        if let Some(accept) = accept {
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        }
        assert_eq!(Form::accepted(&headers), form, "{accept:?}");
    }
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_bytes(b"\xff").unwrap());
    assert_eq!(Form::accepted(&headers), Form::Events);
}
