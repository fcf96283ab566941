//! Why something could not be done: what the database said, or that it did not answer.

use std::fmt;

/// A fault of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The SQLSTATE; `None` where the database did not answer.
    pub sqlstate: Option<Box<str>>,
    pub message: Box<str>,
    /// Where reading can go on behind what failed.
    pub skip: Option<Box<str>>,
}

/// "Read the table again", the answer of the extension where anything else would be a silent gap.
const READ_AGAIN: &str = "72000";

impl Fault {
    /// A fault with a SQLSTATE.
    pub fn new(sqlstate: &str, message: impl Into<Box<str>>) -> Fault {
        Fault {
            sqlstate: Some(sqlstate.into()),
            message: message.into(),
            skip: None,
        }
    }

    /// The database did not answer.
    pub fn unreachable(message: impl Into<Box<str>>) -> Fault {
        Fault {
            sqlstate: None,
            message: message.into(),
            skip: None,
        }
    }

    /// The client has to read again: it was too slow for too long.
    pub fn too_slow() -> Fault {
        Fault::new(
            READ_AGAIN,
            "read the table again: the client did not keep up",
        )
    }

    /// From the text of a row of `fan_out`: `SQLSTATE relation: reason`.
    pub fn from_row(error: &str) -> Fault {
        let (sqlstate, rest) = error.split_once(' ').unwrap_or(("XX000", error));
        Fault::new(sqlstate, rest)
    }

    fn is(&self, sqlstate: &str) -> bool {
        self.sqlstate.as_deref() == Some(sqlstate)
    }

    /// Whether the client has to read the table again.
    pub fn is_read_again(&self) -> bool {
        self.is(READ_AGAIN)
    }

    /// Whether a cursor is none. To its client, that is as one that is too old.
    pub fn is_no_cursor(&self) -> bool {
        self.is("22P02") && self.message.starts_with("invalid cursor")
    }

    /// A client has come with a text that is no cursor.
    pub fn no_cursor() -> Fault {
        Fault::new(READ_AGAIN, "invalid cursor. Read the table again")
    }

    /// Whether the database did not answer: the same may succeed later.
    pub fn is_unreachable(&self) -> bool {
        // Class 08: connections; 57P: the server shuts down or has not started; 53300: no connection is left.
        self.sqlstate.as_deref().is_none_or(|state| {
            state.starts_with("08") || state.starts_with("57P") || state == "53300"
        })
    }

    /// Whether reading was to end at a cursor of another server, which was this one's primary. The next one that is made is one
    /// of this server.
    pub fn is_no_until(&self) -> bool {
        self.is("22023") && self.message.starts_with("until is not a cursor")
    }

    /// Whether the database took too long, or somebody has cancelled what it did.
    pub fn is_timeout(&self) -> bool {
        self.is("57014")
    }

    /// Whether the same may succeed a little later: a standby has cancelled the reader for its replay or has not come to the
    /// reader's cursor yet, a lock is held, a deadlock was broken, a statement was cancelled, something had run out, or the
    /// database did not answer.
    pub fn is_passing(&self) -> bool {
        let states = ["40001", "40P01", "55P03", "57014"];
        self.is_unreachable()
            || self.is_no_until()
            || states.iter().any(|state| self.is(state))
            || self
                .sqlstate
                .as_deref()
                .is_some_and(|state| state.starts_with("53"))
    }

    /// Whether somebody else holds a lock.
    pub fn is_locked(&self) -> bool {
        self.is("55P03")
    }

    /// Whether a right is missing.
    pub fn is_denied(&self) -> bool {
        self.is("42501")
    }

    /// Whether there is no such table for this role: it is not there, not realtime, or the role may not read it. Clients are
    /// not told which, since that would say which tables exist.
    pub fn is_no_table(&self) -> bool {
        ["42P01", "42501", "55000", "3F000"]
            .iter()
            .any(|state| self.is(state))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        if let Some(sqlstate) = &self.sqlstate {
            write!(out, "{sqlstate}: ")?;
        }
        write!(out, "{}", self.message)
    }
}

impl std::error::Error for Fault {}

impl From<super::connect::ConnectError> for Fault {
    fn from(error: super::connect::ConnectError) -> Fault {
        ::metrics::counter!(crate::metrics::CONNECT_ERRORS, "kind" => error.kind()).increment(1);
        Fault::unreachable(error.to_string())
    }
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Fault {
        let Some(said) = error.as_db_error() else {
            return Fault::unreachable(error.to_string());
        };
        let sqlstate = said.code().code();
        let message = match said.hint().filter(|_| sqlstate == READ_AGAIN) {
            // What is to be done, not only that the cursor is too old.
            Some(hint) => format!("{}. {hint}", said.message()),
            None => said.message().to_string(),
        };
        Fault {
            sqlstate: Some(sqlstate.into()),
            message: message.into(),
            skip: said.detail().and_then(skip_cursor),
        }
    }
}

/// The cursor behind a change that failed; DETAIL has it in a line of its own.
fn skip_cursor(detail: &str) -> Option<Box<str>> {
    let line = detail
        .lines()
        .find_map(|line| line.strip_prefix("skip_cursor: "))?;
    super::cursor::parse(line.trim()).map(|cursor| (&*cursor).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_of_the_primary_before_is_no_fault_of_the_client() {
        let until = Fault::new("22023", "until is not a cursor of this change log");
        assert!(until.is_no_until() && until.is_passing());
        let filter = Fault::new("22023", "the filter is wrong");
        assert!(!filter.is_passing());
    }
}
