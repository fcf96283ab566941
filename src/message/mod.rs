//! The serialiser: a row change → the JSON message that subscribers receive.

pub mod change;
mod class;
mod json;
mod jsonb;
mod plan;
#[cfg(any(test, feature = "pg_test"))]
mod tests;
mod text;
mod value;

pub use plan::RecordPlan;

use crate::change::Operation;
use crate::gucs;
use crate::pg::backend::memory::Scratch;
use crate::pg::backend::settings;
use crate::pg::row::record::DeformedRow;
use crate::timestamp::Timestamp;
use std::ops::Range;
use value::{Text, TooLarge};

/// Besides the key, a message over `pgrealtime.max_record_bytes` keeps values of at most this many bytes.
const SMALL: usize = 64;

/// A message, with its length in front, must fit into a Postgres value (1 GB).
const MAX_MESSAGE: usize = 0x3fff_fff0;

/// The fields of a message besides the rows.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a> {
    pub operation: Operation,
    pub schema: &'a str,
    pub table: &'a str,
    pub commit_timestamp: Timestamp,
}

/// Appends the message of a change, and returns where its rows are. `record` is written if there is a new row,
/// `old_record` if there is an old one. Never fails for size. Errors: only those that a type's own function raises.
pub fn write_change(
    out: &mut Vec<u8>,
    header: &Header<'_>,
    plan: &RecordPlan,
    new: Option<&DeformedRow<'_>>,
    old: Option<&DeformedRow<'_>>,
) -> Written {
    let scratch = Scratch::enter();
    let _pinned = settings::pin(plan.pin());
    let start = out.len();
    let limit = gucs::max_record_bytes().min(MAX_MESSAGE);
    let mut to = Text {
        out,
        end: start.saturating_add(limit),
        scratch: &scratch,
        lacks: false,
    };
    let mut written = Written::default();
    if write_message(&mut to, header, plan, [new, old], None, &mut written).is_err() {
        // By now, large values are known by their header, or by the place where writing stopped. Writing the rest again
        // is cheaper than recording the position of every value in every message.
        to.out.truncate(start);
        to.end = usize::MAX;
        let _ = write_message(&mut to, header, plan, [new, old], Some(SMALL), &mut written);
    }
    written
}

/// The positions of a message's rows in the buffer that it was appended to.
#[derive(Clone, Debug, Default)]
pub struct Written {
    pub record: Option<Range<usize>>,
    pub old_record: Option<Range<usize>>,
}

fn write_message(
    to: &mut Text<'_>,
    header: &Header<'_>,
    plan: &RecordPlan,
    rows: [Option<&DeformedRow<'_>>; 2],
    cut: Option<usize>,
    written: &mut Written,
) -> Result<(), TooLarge> {
    to.out.extend_from_slice(b"{\"type\":\"");
    to.out.extend_from_slice(header.operation.name().as_bytes());
    to.out.extend_from_slice(b"\",\"schema\":");
    json::string(to.out, header.schema.as_bytes());
    to.out.extend_from_slice(b",\"table\":");
    json::string(to.out, header.table.as_bytes());
    to.out.extend_from_slice(b",\"commit_timestamp\":");
    text::commit_timestamp(to.out, header.commit_timestamp);
    to.out.extend_from_slice(b",\"columns\":");
    to.out.extend_from_slice(plan.columns());
    let members = [
        (b",\"record\":".as_slice(), &mut written.record),
        (b",\"old_record\":", &mut written.old_record),
    ];
    for ((member, place), row) in members.into_iter().zip(rows) {
        if let Some(row) = row {
            to.out.extend_from_slice(member);
            let start = to.out.len();
            plan.write(row, to, cut)?;
            *place = Some(start..to.out.len());
        }
    }
    match (cut, to.lacks) {
        (None, false) => to.out.extend_from_slice(b",\"errors\":null}"),
        _ => write_errors(to, plan, rows, cut.is_some()),
    }
    to.fits()
}

/// The errors of a message: one for each column that a row lacks, with its name.
fn write_errors(
    to: &mut Text<'_>,
    plan: &RecordPlan,
    rows: [Option<&DeformedRow<'_>>; 2],
    too_large: bool,
) {
    to.out.extend_from_slice(b",\"errors\":[");
    let start = to.out.len();
    if too_large {
        to.out
            .extend_from_slice(b"\"Error 413: Payload Too Large\"");
    }
    for name in plan.missing(rows) {
        if to.out.len() > start {
            to.out.push(b',');
        }
        to.out.extend_from_slice(b"\"Missing value: ");
        to.out.extend_from_slice(name);
        to.out.push(b'"');
    }
    to.out.extend_from_slice(b"]}");
}
