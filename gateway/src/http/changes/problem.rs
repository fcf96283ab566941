//! Why a client is not served, or not any more: one text, as the answer to its request or as an event of its stream.

use crate::feed::{Fault, Relation};
use crate::node::Denied;
use crate::token::Refusal;
use axum::http::{header, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::Json;
use serde::Serialize;

/// What is wrong, for the client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    #[serde(skip)]
    pub status: StatusCode,
    /// A SQLSTATE, or a word of the gateway's.
    pub code: Box<str>,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<&'static str>,
    /// The cursor behind a change that cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skip_cursor: Option<Box<str>>,
}

const READ_AGAIN: &str = "Changes since this cursor are not all there any more. Read the table again (snapshot=1), and go on from the cursor that comes with it.";
const GO_ON: &str = "Connect again with the last id as Last-Event-ID or cursor: nothing is lost.";
const NEW_TOKEN: &str =
    "Connect again with a new token, and with the last id as Last-Event-ID or cursor.";
const LATER: &str = "Try again in some seconds.";
const SKIP: &str =
    "The filter or a policy fails for a change. Behind it, changes go on at skip_cursor.";

/// How long clients of a server that is busy should wait, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

impl Problem {
    fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Problem {
        Problem {
            status,
            code: code.into(),
            message: message.into(),
            hint: None,
            skip_cursor: None,
        }
    }

    fn hint(self, hint: &'static str) -> Problem {
        Problem {
            hint: Some(hint),
            ..self
        }
    }

    /// The request cannot be meant.
    pub fn wrong_request(message: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    /// The token is none, or not for clients.
    pub fn denied(denied: &Denied) -> Problem {
        let refusal = match denied {
            Denied::Token(refusal) => refusal,
            Denied::Role => {
                let message = "The role of the token may not read here";
                return Problem::new(StatusCode::FORBIDDEN, "forbidden", message);
            }
        };
        let (code, text) = match refusal {
            Refusal::Expired(_) => ("token_expired", refusal.text()),
            Refusal::Missing => ("unauthorized", refusal.at_handshake()),
            _ => ("unauthorized", refusal.text()),
        };
        Problem::new(StatusCode::UNAUTHORIZED, code, text)
    }

    /// The token of a stream does not count any more.
    pub fn token_over(denied: &Denied) -> Problem {
        Problem::denied(denied).hint(NEW_TOKEN)
    }

    pub fn too_many_clients() -> Problem {
        let message = "Too many connected users";
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_clients", message).hint(LATER)
    }

    pub fn too_many_snapshots() -> Problem {
        let message = "Too many snapshots are being read";
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_snapshots", message).hint(LATER)
    }

    pub fn restarting() -> Problem {
        let message = "The server is restarting";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "restarting", message).hint(LATER)
    }

    pub fn no_database() -> Problem {
        let message = "The database does not answer";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no_database", message).hint(LATER)
    }

    /// The client has not read a snapshot in time.
    pub fn slow_snapshot() -> Problem {
        let message = "The snapshot took too long; nothing of it counts";
        let hint = "Read faster, or fewer rows and columns (filter, select).";
        Problem::new(StatusCode::REQUEST_TIMEOUT, "snapshot_too_slow", message).hint(hint)
    }

    /// What the feed says of a request or a stream. That there is no such table, that it is not realtime and that the role
    /// may not read it are one text: it does not say which tables there are.
    pub fn of_fault(fault: &Fault, relation: &Relation) -> Problem {
        let sqlstate = fault.sqlstate.as_deref().unwrap_or_default();
        if fault.is_passing() {
            return Problem::no_database();
        }
        if fault.is_no_table() {
            let message = format!("There is no realtime table {relation} that this token may read");
            return Problem::new(StatusCode::NOT_FOUND, "no_table", message);
        }
        if *fault == Fault::too_slow() {
            let message = "The client did not keep up";
            return Problem::new(StatusCode::REQUEST_TIMEOUT, "too_slow", message).hint(GO_ON);
        }
        if fault.is_read_again() {
            return Problem::new(StatusCode::GONE, sqlstate, &*fault.message).hint(READ_AGAIN);
        }
        let status = match sqlstate {
            "57014" => StatusCode::SERVICE_UNAVAILABLE,
            _ => match sqlstate.get(..2) {
                // Data exceptions, what is not supported, what does not fit together, what is too complex.
                Some("22" | "0A" | "42" | "54") => StatusCode::BAD_REQUEST,
                Some("53") => StatusCode::SERVICE_UNAVAILABLE,
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            },
        };
        let problem = Problem::new(status, sqlstate, &*fault.message);
        match &fault.skip {
            Some(cursor) => Problem {
                skip_cursor: Some(cursor.clone()),
                ..problem.hint(SKIP)
            },
            None => problem,
        }
    }

    /// Reading rows has failed. The database's text may have values in it, also of rows that the role does not see.
    pub fn of_rows(fault: &Fault, relation: &Relation) -> Problem {
        if fault.is_unreachable() || fault.is_no_table() {
            return Problem::of_fault(fault, relation);
        }
        let sqlstate = fault.sqlstate.as_deref().unwrap_or_default();
        if sqlstate == "57014" {
            return Problem::slow_snapshot();
        }
        let message = "The rows cannot be read: a policy or the filter fails for one of them";
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, sqlstate, message)
    }

    /// The problem as a JSON object.
    pub fn json(&self) -> String {
        // Texts can always be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self.status {
            StatusCode::UNAUTHORIZED => {
                let scheme = HeaderValue::from_static("Bearer");
                headers.insert(header::WWW_AUTHENTICATE, scheme);
            }
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                headers.insert(header::RETRY_AFTER, RETRY_AFTER);
            }
            _ => {}
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(fault: &Fault) -> u16 {
        Problem::of_fault(fault, &relation()).status.as_u16()
    }

    fn relation() -> Relation {
        Relation {
            schema: "public".into(),
            table: "goals".into(),
        }
    }

    #[test]
    fn each_fault_has_its_status() {
        for (sqlstate, expected) in [
            ("22023", 400),
            ("42703", 400),
            ("72000", 410),
            ("57014", 503),
            ("57P01", 503),
            ("40001", 503),
            ("XX000", 500),
        ] {
            assert_eq!(status(&Fault::new(sqlstate, "x")), expected, "{sqlstate}");
        }
        assert_eq!(status(&Fault::unreachable("a host name")), 503);
        assert_eq!(status(&Fault::too_slow()), 408);
    }

    #[test]
    fn no_answer_tells_whether_a_table_exists() {
        let answers = ["42P01", "42501", "55000", "3F000"].map(|sqlstate| {
            let fault = Fault::new(sqlstate, format!("a reason for {sqlstate}"));
            Problem::of_fault(&fault, &relation()).json()
        });
        assert!(answers.iter().all(|answer| *answer == answers[0]));
        assert!(!answers[0].contains("reason"));
    }

    #[test]
    fn where_the_database_is_stays_unsaid() {
        let fault = Fault::unreachable("db.internal:5432 refused");
        assert!(!Problem::of_fault(&fault, &relation())
            .json()
            .contains("internal"));
    }

    #[test]
    fn a_change_that_fails_can_be_skipped() {
        let fault = Fault {
            skip: Some("abc".into()),
            ..Fault::new("22012", "a policy failed")
        };
        assert!(Problem::of_fault(&fault, &relation())
            .json()
            .contains("\"skip_cursor\":\"abc\""));
    }
}
