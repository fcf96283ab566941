//! How a stream is written: as server-sent events, as lines of JSON, or as one JSON document. Pure.

use crate::feed::Cursor;
use axum::http::{header, HeaderMap};
use std::borrow::Cow;

/// A form of streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `text/event-stream`.
    Events,
    /// `application/x-ndjson`: a JSON object on each line.
    Lines,
    /// `application/json`: it ends.
    Document,
}

impl Form {
    /// The first form of the header `Accept` that there is; events where there is none.
    pub fn accepted(headers: &HeaderMap) -> Form {
        let lists = headers.get_all(header::ACCEPT).iter();
        let types = lists
            .filter_map(|value| value.to_str().ok())
            .flat_map(|list| list.split(','));
        let mut forms = types.filter_map(|one| {
            let name = one.split(';').next().unwrap_or_default().trim();
            Form::of(&name.to_ascii_lowercase())
        });
        forms.next().unwrap_or(Form::Events)
    }

    fn of(media_type: &str) -> Option<Form> {
        match media_type {
            "text/event-stream" => Some(Form::Events),
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" => {
                Some(Form::Lines)
            }
            "application/json" => Some(Form::Document),
            _ => None,
        }
    }

    pub fn media_type(self) -> &'static str {
        match self {
            Form::Events => "text/event-stream",
            Form::Lines => "application/x-ndjson",
            Form::Document => "application/json",
        }
    }

    /// What a stream begins with. `retry` is after how many milliseconds a client that loses its connection comes back.
    pub fn opening(self, retry: u64) -> Option<String> {
        match self {
            Form::Events => Some(format!("retry: {retry}\n\n")),
            Form::Lines => None,
            Form::Document => Some("{\"rows\":[".to_string()),
        }
    }

    /// A row of a snapshot. It has no id: a client that loses its connection has to begin again.
    pub fn row(self, out: &mut String, row: &str, is_first: bool) {
        let row = one_line(row);
        match self {
            Form::Events => append(out, &["event: row\ndata: ", &row, "\n\n"]),
            Form::Lines => append(out, &["{\"row\":", &row, "}\n"]),
            Form::Document if is_first => append(out, &["\n", &row]),
            Form::Document => append(out, &[",\n", &row]),
        }
    }

    /// The end of a snapshot: there were so many rows, and changes go on from the cursor.
    pub fn snapshot(self, cursor: &Cursor, rows: u64) -> String {
        match self {
            Form::Events => format!(
                "event: snapshot\nid: {cursor}\ndata: {{\"cursor\":\"{cursor}\",\"rows\":{rows}}}\n\n"
            ),
            Form::Lines => {
                format!("{{\"cursor\":\"{cursor}\",\"snapshot\":{{\"rows\":{rows}}}}}\n")
            }
            Form::Document => format!("\n],\"cursor\":\"{cursor}\"}}\n"),
        }
    }

    /// A change, and the cursor that has it behind it.
    pub fn change(self, change: &str, cursor: &Cursor) -> String {
        let change = one_line(change);
        match self {
            Form::Events => format!("id: {cursor}\ndata: {change}\n\n"),
            Form::Lines => format!("{{\"cursor\":\"{cursor}\",\"change\":{change}}}\n"),
            Form::Document => String::new(),
        }
    }

    /// Where the log is, though there was no change.
    pub fn cursor(self, cursor: &Cursor) -> String {
        match self {
            Form::Events => {
                format!("event: cursor\nid: {cursor}\ndata: {{\"cursor\":\"{cursor}\"}}\n\n")
            }
            Form::Lines => format!("{{\"cursor\":\"{cursor}\"}}\n"),
            Form::Document => String::new(),
        }
    }

    /// Shows proxies and clients that the connection lives. `cursor` is the last one that was sent.
    pub fn sign_of_life(self, cursor: Option<&Cursor>) -> String {
        match self {
            Form::Events => ":\n\n".to_string(),
            // An empty line is no JSON.
            Form::Lines => cursor.map_or(String::new(), |cursor| self.cursor(cursor)),
            Form::Document => String::new(),
        }
    }

    /// Why the stream ends, a JSON object. A document cannot say it.
    pub fn error(self, problem: &str) -> Option<String> {
        match self {
            Form::Events => Some(format!("event: error\ndata: {}\n\n", one_line(problem))),
            Form::Lines => Some(format!("{{\"error\":{}}}\n", one_line(problem))),
            Form::Document => None,
        }
    }

    /// The stream ends though nothing is wrong; the client should come back after so many milliseconds.
    pub fn retry(self, retry: u64) -> Option<String> {
        match self {
            Form::Events => Some(format!("retry: {retry}\n\n")),
            Form::Lines => Some(format!("{{\"retry\":{retry}}}\n")),
            Form::Document => None,
        }
    }
}

fn append(out: &mut String, parts: &[&str]) {
    parts.iter().for_each(|part| out.push_str(part));
}

/// JSON on one line. Values of type json keep their white space; within strings there are no line ends.
fn one_line(json: &str) -> Cow<'_, str> {
    const ENDS: [char; 2] = ['\n', '\r'];
    match json.contains(ENDS) {
        true => json.replace(ENDS, " ").into(),
        false => json.into(),
    }
}

#[cfg(test)]
#[path = "form_tests.rs"]
mod tests;
