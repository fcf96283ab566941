//! The arguments of a reader's call, checked before anything is read.

use crate::change::Operation;
use crate::error::{report, Error, Result};
use crate::pg::Oid;

/// The largest `max_changes`.
pub const MAX_CHANGES: i32 = 100_000;

/// The arguments of `changes_since`.
pub struct Request {
    pub cursor: String,
    pub relations: Vec<Oid>,
    pub filter: Option<String>,
    /// The operations to deliver; `None` for all.
    pub events: Option<Vec<Operation>>,
    pub columns: Option<Vec<String>>,
    pub max_changes: usize,
    pub net: bool,
    /// The cursor to stop at.
    pub until: Option<String>,
}

impl Request {
    /// Whether changes with this operation are requested.
    pub fn wants(&self, operation: Operation) -> bool {
        let events = self.events.as_ref();
        events.is_none_or(|events| events.contains(&operation))
    }
}

/// The arguments as SQL passes them.
#[derive(Default)]
pub struct Unchecked {
    pub cursor: Option<String>,
    pub relations: Option<Vec<Option<Oid>>>,
    pub filter: Option<String>,
    pub events: Option<Vec<Option<String>>>,
    pub columns: Option<Vec<Option<String>>>,
    pub max_changes: Option<i32>,
    pub net: Option<bool>,
    pub until: Option<String>,
}

impl Unchecked {
    /// Checks the arguments. Errors: 22004 for a null; 22023 for a value that is not allowed.
    pub fn check(self) -> Result<Request> {
        let cursor = self.cursor.ok_or_else(no_cursor)?;
        let relations = relations(self.relations)?;
        let max_changes = max_changes(self.max_changes)?;
        let filter = filter(self.filter);
        let columns = columns(self.columns)?;
        if relations.len() != 1 && (filter.is_some() || columns.is_some()) {
            return Err(invalid(
                "a filter or a column list needs exactly one relation".to_string(),
                "Read each relation that needs its own filter or column list by itself, with a cursor of its own.",
            ));
        }
        Ok(Request {
            cursor,
            relations,
            filter,
            events: events(self.events)?,
            columns,
            max_changes,
            net: self.net.ok_or_else(|| null("net"))?,
            until: self.until,
        })
    }
}

/// The size of a batch. Errors: 22004, 22023.
pub fn max_changes(max_changes: Option<i32>) -> Result<usize> {
    let max_changes = max_changes.ok_or_else(|| null("max_changes"))?;
    if !(1..=MAX_CHANGES).contains(&max_changes) {
        return Err(invalid(
            format!("max_changes must be between 1 and {MAX_CHANGES}, not {max_changes}"),
            "A batch is computed as a whole. To read more, call again with the cursor of its last row.",
        ));
    }
    Ok(max_changes as usize)
}

/// A filter; a blank one means that there is no filter.
pub fn filter(filter: Option<String>) -> Option<String> {
    filter.filter(|filter| !filter.trim().is_empty())
}

/// A list of columns; an empty one means all columns. Errors: 22004.
pub fn columns(columns: Option<Vec<Option<String>>>) -> Result<Option<Vec<String>>> {
    let Some(columns) = columns.filter(|columns| !columns.is_empty()) else {
        return Ok(None);
    };
    let columns = columns.into_iter();
    columns
        .map(|column| column.ok_or_else(|| null("columns")))
        .collect::<Result<Vec<_>>>()
        .map(Some)
}

/// The relations of a call, without duplicates. Errors: 22004 for a null; 22023 for an empty list.
pub fn relations(relations: Option<Vec<Option<Oid>>>) -> Result<Vec<Oid>> {
    let mut checked = relations
        .ok_or_else(|| null("relations"))?
        .into_iter()
        .map(|relation| relation.ok_or_else(|| null("relations")))
        .collect::<Result<Vec<_>>>()?;
    checked.sort_unstable_by_key(|relation| relation.to_u32());
    checked.dedup();
    if checked.is_empty() {
        return Err(invalid(
            "no relations were given".to_string(),
            "Name the relations to follow: ARRAY['public.my_table']::regclass[].",
        ));
    }
    Ok(checked)
}

/// The operations that are asked for. Errors: 22004, 22023.
pub fn events(events: Option<Vec<Option<String>>>) -> Result<Option<Vec<Operation>>> {
    let Some(events) = events else {
        return Ok(None);
    };
    let mut checked = Vec::new();
    for event in events {
        let event = event.ok_or_else(|| null("events"))?;
        if event == "*" {
            return Ok(None);
        }
        let operation = Operation::from_name_in_any_case(&event).ok_or_else(|| {
            invalid(
                format!("unknown event \"{event}\""),
                "Events are INSERT, UPDATE, DELETE, TRUNCATE and *.",
            )
        })?;
        checked.push(operation);
    }
    Ok(Some(checked))
}

/// The error for a cursor that is NULL: 22004.
pub fn no_cursor() -> Error {
    Error::null_value_not_allowed(report("cursor must not be null").hint(
        "Take the first cursor from pgrealtime.current_cursor(), in the same REPEATABLE READ transaction as the SELECT of the tables. Take each next one from the last row of the batch.",
    ))
}

/// The error for another argument that is NULL: 22004.
pub fn null(argument: &str) -> Error {
    Error::null_value_not_allowed(report(format!("{argument} must not be null")))
}

fn invalid(message: String, hint: &str) -> Error {
    Error::invalid_parameter_value(report(message).hint(hint))
}
