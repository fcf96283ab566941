//! What a request for changes says: the query of its URL, and two headers.

use super::form::Form;
use super::problem::Problem;
use crate::feed::{cursor, Cursor, Relation};
use crate::http::access;
use axum::extract::Query;
use axum::http::{HeaderMap, Uri};
use std::time::Duration;

/// A request for changes.
#[derive(Debug, PartialEq)]
pub struct Parameters {
    pub relation: Relation,
    pub filter: Option<Box<str>>,
    /// `None` for all.
    pub events: Option<Vec<Box<str>>>,
    /// `None` for all.
    pub columns: Option<Vec<Box<str>>>,
    /// Where the client was.
    pub since: Option<Cursor>,
    pub form: Form,
    pub wants: Wants,
}

/// What is wanted.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum Wants {
    /// Changes for as long as the client listens.
    Stream,
    /// The rows of the table, then changes.
    Copy,
    /// One answer: what there is within a time, at most so many changes.
    Poll { wait: Duration, max: usize },
}

/// The longest time that a request is not answered: proxies give up after a minute.
const MAX_WAIT: Duration = Duration::from_secs(50);

/// Changes of an answer: what is read of the log at once.
const MAX_CHANGES: usize = 1000;

/// All parameters. What begins with `_` is none: a number against caches.
const NAMES: &str = "table, schema, filter, select, events, cursor, wait, max, snapshot, apikey";

/// Parameters of other URLs of the server, and of a client that cannot send `Last-Event-ID`.
const OTHERS: [&str; 3] = ["vsn", "log_level", "lastEventId"];

/// The query, each parameter at most once.
struct Given(Vec<(String, String)>);

impl Parameters {
    /// Reads a request. Errors: what is wrong with it, for the client.
    pub fn read(uri: &Uri, headers: &HeaderMap) -> Result<Parameters, Problem> {
        let mut given = Given::read(uri)?;
        let form = Form::accepted(headers);
        let table = given.take("table").ok_or_else(|| {
            wrong(
                "The parameter table is missing: name one table, as in ?table=goals&schema=public",
            )
        })?;
        if table == "*" {
            return Err(wrong(
                "Changes are of one table: open a stream for each of several tables",
            ));
        }
        let schema = given.take("schema");
        let filter = given.take("filter").map(Into::into);
        let events = given.take("events").map(|text| events(&text));
        let columns = given
            .take("select")
            .map(|text| columns(&text))
            .transpose()?;
        let since = since(given.take("cursor"), headers, given.take("lastEventId"))?;
        let wants = given.wants(form, since.is_some())?;
        Ok(Parameters {
            relation: Relation {
                schema: schema.as_deref().unwrap_or("public").into(),
                table: table.into(),
            },
            filter,
            events: events.flatten(),
            columns: columns.flatten(),
            since,
            form,
            wants,
        })
    }
}

impl Given {
    fn read(uri: &Uri) -> Result<Given, Problem> {
        let Query(pairs): Query<Vec<(String, String)>> = Query::try_from_uri(uri)
            .map_err(|_| wrong("The query of the URL is not well formed"))?;
        for (place, (name, value)) in pairs.iter().enumerate() {
            let is_known = NAMES.split(", ").any(|known| known == name)
                || OTHERS.contains(&name.as_str())
                || name.starts_with('_');
            if !is_known {
                let text = format!("The parameter {name} is not known; there are {NAMES}");
                return Err(wrong(text));
            }
            if pairs[..place].iter().any(|(before, _)| before == name) {
                return Err(wrong(format!("The parameter {name} is given twice")));
            }
            if value.contains('\0') {
                return Err(wrong(format!("The parameter {name} has a zero byte in it")));
            }
        }
        Ok(Given(pairs))
    }

    /// A parameter; an empty one counts as absent.
    fn take(&mut self, name: &str) -> Option<String> {
        let place = self.0.iter().position(|(given, _)| given == name)?;
        Some(self.0.swap_remove(place).1).filter(|value| !value.is_empty())
    }

    /// What is wanted. A client that says where it was needs no rows.
    fn wants(&mut self, form: Form, has_cursor: bool) -> Result<Wants, Problem> {
        let wait = self.take("wait");
        let max = self.take("max");
        let snapshot = match self.take("snapshot").as_deref() {
            None | Some("0" | "false") => false,
            Some("1" | "true") => true,
            Some(_) => return Err(wrong("The parameter snapshot is 1 or absent")),
        };
        let is_poll = form == Form::Document && !snapshot;
        if !is_poll && (wait.is_some() || max.is_some()) {
            return Err(wrong(
                "wait and max are for requests with Accept: application/json and without snapshot",
            ));
        }
        if snapshot && has_cursor && form == Form::Document {
            return Err(wrong("snapshot=1 has no use for a cursor"));
        }
        if is_poll {
            return Ok(Wants::Poll {
                wait: wait.map_or(Ok(Duration::ZERO), |text| seconds(&text))?,
                max: max.map_or(Ok(MAX_CHANGES), |text| count(&text))?,
            });
        }
        Ok(match snapshot && !has_cursor {
            true => Wants::Copy,
            false => Wants::Stream,
        })
    }
}

fn wrong(text: impl Into<String>) -> Problem {
    Problem::wrong_request(text)
}

/// Where the client was. The header is what an `EventSource` sends when it connects again, to the same URL.
fn since(
    parameter: Option<String>,
    headers: &HeaderMap,
    in_query: Option<String>,
) -> Result<Option<Cursor>, Problem> {
    let header = headers
        .get("last-event-id")
        .filter(|value| !value.is_empty());
    let text = match header {
        Some(value) => Some(value.to_str().unwrap_or("?").to_string()),
        None => in_query.or(parameter),
    };
    let not_one = || wrong("The cursor is none: use one that this server has sent, unchanged");
    text.map(|text| cursor::parse(&text).ok_or_else(not_one))
        .transpose()
}

/// Events, with commas between them. Which there are is for the database to say.
fn events(text: &str) -> Option<Vec<Box<str>>> {
    let mut events: Vec<Box<str>> = text
        .split(',')
        .map(|event| event.trim().to_ascii_uppercase().into())
        .collect();
    // Equal requests share a subscription.
    events.sort_unstable();
    events.dedup();
    (!events.iter().any(|event| **event == *"*")).then_some(events)
}

/// Names of columns, with commas between them; in quotes, a name may have commas, and two quotes for one.
fn columns(text: &str) -> Result<Option<Vec<Box<str>>>, Problem> {
    let mut names = Vec::new();
    let mut rest = text.trim();
    loop {
        let (name, behind) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_name(quoted)?,
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                (rest[..end].trim().to_string(), &rest[end..])
            }
        };
        names.push(name);
        match behind.trim_start().strip_prefix(',') {
            Some(next) => rest = next.trim_start(),
            None if behind.trim().is_empty() => break,
            None => return Err(wrong("select: expected a comma behind a name in quotes")),
        }
    }
    if names.iter().any(|name| name == "*") {
        return Ok(None);
    }
    names.sort_unstable();
    names.dedup();
    Ok(Some(names.into_iter().map(Into::into).collect()))
}

/// A name behind its first quote, and what follows its last.
fn quoted_name(text: &str) -> Result<(String, &str), Problem> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let end = rest.find('"');
        let end = end.ok_or_else(|| wrong("select: a name in quotes has no end"))?;
        name.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(next) => {
                name.push('"');
                rest = next;
            }
            None => return Ok((name, rest)),
        }
    }
}

fn seconds(text: &str) -> Result<Duration, Problem> {
    let number: Option<f64> = text.parse().ok();
    match number.filter(|seconds| (0.0..=86_400.0).contains(seconds)) {
        Some(seconds) => Ok(Duration::from_secs_f64(seconds).min(MAX_WAIT)),
        None => Err(wrong("wait is a number of seconds")),
    }
}

fn count(text: &str) -> Result<usize, Problem> {
    match text.parse() {
        Ok(count @ 1..=MAX_CHANGES) => Ok(count),
        _ => Err(wrong(format!("max is a number from 1 to {MAX_CHANGES}"))),
    }
}

/// The token. `EventSource` can send no header.
pub fn token(uri: &Uri, headers: &HeaderMap) -> String {
    let query: Option<Query<Vec<(String, String)>>> = Query::try_from_uri(uri).ok();
    let mut pairs = query.iter().flat_map(|Query(pairs)| pairs);
    let key = pairs.find(|(name, _)| name == "apikey");
    let token = access::token(headers, key.map(|(_, key)| key.as_str()));
    token.unwrap_or_default().to_string()
}

#[cfg(test)]
#[path = "parameters_tests.rs"]
mod tests;
