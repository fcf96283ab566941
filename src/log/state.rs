//! The log's stored state: its identity, the number of the segment that is written, the seals of the others, the horizon.

use super::snapshot::Snapshot;
use crate::error::{report, Error, Result};
use crate::pg::backend::invalidation;
use crate::pg::backend::invalidation::Fresh;
use crate::pg::backend::random;
use crate::pg::storage::column_value::Value;
use crate::pg::storage::heap::Lock;
use crate::pg::storage::heap::Row;
use crate::pg::storage::heap::Table;
use crate::pg::storage::heap::View;
use crate::timestamp::Timestamp;
use pgrx::prelude::TimestampWithTimeZone;

/// Number of segments in the ring. Retention is enforced one segment at a time, and the log exceeds its limit by two
/// segments at most.
pub const SEGMENTS: u16 = 8;

/// The row of `pgrealtime.log_state`.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    pub log_id: i64,
    pub epoch: i32,
    pub current: u16,
    pub current_since: Timestamp,
    /// The seal of the last emptied segment, in its stored form, since sessions that only write do not need it.
    pub horizon: Option<Vec<u8>>,
    pub janitor_run: Option<Timestamp>,
    pub janitor_error: Option<String>,
    /// Since when readers have kept the oldest segment from being emptied.
    pub emptying_delayed: Option<Timestamp>,
}

/// The format of what the log stores: entries, their marks and images, layouts and seals. Whoever changes it counts on, and writes an
/// upgrade script that empties the segments, begins an epoch, and stores the new number: for readers that is a gap. A library that
/// finds another number neither reads nor writes the log.
const FORMAT: i32 = 1;

/// Since version 0.2.0.
const FORMAT_COLUMN: usize = 8;

/// A row of `pgrealtime.log_segment`: a segment that is no longer written.
#[derive(Debug, Clone, PartialEq)]
pub struct Closed {
    pub segment: u16,
    pub closed_at: Timestamp,
    pub seal: Option<(Timestamp, Snapshot)>,
}

/// Name of a segment's table.
pub fn table_name(segment: u16) -> String {
    format!("change_log_{segment}")
}

fn moment(at: TimestampWithTimeZone) -> Timestamp {
    Timestamp::from_micros(at.into_inner())
}

impl State {
    /// `None` when it is damaged.
    fn from_row(row: &Row) -> Option<State> {
        Some(State {
            log_id: row.get(0)?,
            epoch: row.get(1)?,
            current: segment_number(row.get(2)?)?,
            current_since: moment(row.get(3)?),
            horizon: row.get(4),
            janitor_run: row.get(5).map(moment),
            janitor_error: row.get(6),
            emptying_delayed: row.get(7).map(moment),
        })
    }

    /// Reads the state. Errors: 42P01 when the extension does not exist here; 55000 when the log has no state, or another format; XX001 when
    /// the state is damaged.
    pub fn read(view: View) -> Result<State> {
        let table = Table::open_member("log_state", Lock::AccessShare)?;
        State::of(&table.rows(view))
    }

    /// True until the state changes. Errors: 42P01 when the extension does not exist here.
    pub fn watch() -> Result<Fresh> {
        Ok(invalidation::watch(
            Table::open_member("log_state", Lock::AccessShare)?.oid(),
        ))
    }

    pub(super) fn of(rows: &[Row]) -> Result<State> {
        let row = rows.first().ok_or_else(missing)?;
        match row.get_added::<i32>(FORMAT_COLUMN) {
            Some(FORMAT) | None => State::from_row(row).ok_or_else(damaged),
            Some(other) => Err(of_another_format(other)),
        }
    }

    /// The seal of the last emptied segment; `None` while none has been. Errors: XX001 when it is damaged.
    pub fn horizon(&self) -> Result<Option<Snapshot>> {
        let seal = |bytes: &Vec<u8>| Snapshot::from_bytes(bytes).ok_or_else(damaged);
        self.horizon.as_ref().map(seal).transpose()
    }

    /// Replaces the state under a lock that admits one writer, and informs every session. Errors: as [`State::read`].
    pub fn change(change: impl FnOnce(&mut State)) -> Result<State> {
        let table = Table::open_member("log_state", Lock::ShareRowExclusive)?;
        let rows = table.rows(View::Latest);
        let mut state = State::of(&rows)?;
        change(&mut state);
        rows.iter().for_each(|row| table.delete(row.id()));
        state.insert(&table);
        invalidation::invalidate(table.oid());
        Ok(state)
    }

    /// Makes all cursors invalid. The epoch is drawn and not counted: a copy that is restored twice would get the same one
    /// twice. Errors: as [`State::change`]; XX000.
    pub fn begin_epoch() -> Result<()> {
        let drawn = random::number()?;
        State::change(|state| {
            state.epoch = if drawn == state.epoch { !drawn } else { drawn };
        })?;
        Ok(())
    }

    /// Writes the first state of a new log. Errors: 42P01 when the extension does not exist here.
    pub fn initialise(log_id: i64, now: Timestamp) -> Result<()> {
        let table = Table::open_member("log_state", Lock::ShareRowExclusive)?;
        State {
            log_id,
            epoch: 0,
            current: 0,
            current_since: now,
            horizon: None,
            janitor_run: None,
            janitor_error: None,
            emptying_delayed: None,
        }
        .insert(&table);
        Ok(())
    }

    fn insert(&self, table: &Table) {
        let mut values = vec![
            Some(Value::Int8(self.log_id)),
            Some(Value::Int4(self.epoch)),
            Some(Value::Int2(self.current as i16)),
            Some(Value::Timestamp(self.current_since)),
            self.horizon.as_deref().map(Value::Bytes),
            self.janitor_run.map(Value::Timestamp),
            self.janitor_error.as_deref().map(Value::Text),
            self.emptying_delayed.map(Value::Timestamp),
        ];
        if table.has(FORMAT_COLUMN) {
            values.push(Some(Value::Int4(FORMAT)));
        }
        table.insert(&values);
    }
}

impl Closed {
    /// `None` when it is damaged. A seal that is damaged counts as none, and is made again: a later one may keep the segment
    /// for longer and sends more readers back to their tables, never fewer.
    fn from_row(row: &Row) -> Option<Closed> {
        let sealed_at = row.get(2).map(moment);
        let seal = row
            .get::<Vec<u8>>(3)
            .and_then(|bytes| Snapshot::from_bytes(&bytes));
        Some(Closed {
            segment: segment_number(row.get(0)?)?,
            closed_at: moment(row.get(1)?),
            seal: sealed_at.zip(seal),
        })
    }

    /// Reads the closed segments, in no order. Errors: 42P01 when the extension does not exist here; XX001 when a row is
    /// damaged.
    pub fn read(view: View) -> Result<Vec<Closed>> {
        let table = Table::open_member("log_segment", Lock::AccessShare)?;
        let rows = table.rows(view);
        let closed: Option<Vec<Closed>> = rows.iter().map(Closed::from_row).collect();
        closed.ok_or_else(damaged)
    }

    /// The oldest of the closed segments, which will be written next. The order in the ring decides, not the clock,
    /// which may have been set back.
    pub fn oldest(closed: &[Closed], current: u16) -> Option<&Closed> {
        closed
            .iter()
            .min_by_key(|closed| (closed.segment + 2 * SEGMENTS - current - 1) % SEGMENTS)
    }

    /// Replaces the record of a segment; `None` removes it: the segment is empty and may be written again. Errors:
    /// 42P01 when the extension does not exist here.
    pub fn write(segment: u16, closed: Option<&Closed>) -> Result<()> {
        let table = Table::open_member("log_segment", Lock::ShareRowExclusive)?;
        for row in table.rows(View::Latest) {
            if row.get::<i16>(0) == Some(segment as i16) {
                table.delete(row.id());
            }
        }
        if let Some(closed) = closed {
            let seal = closed.seal.as_ref().map(|(_, seal)| seal.to_bytes());
            table.insert(&[
                Some(Value::Int2(closed.segment as i16)),
                Some(Value::Timestamp(closed.closed_at)),
                closed.seal.as_ref().map(|(at, _)| Value::Timestamp(*at)),
                seal.as_deref().map(Value::Bytes),
            ]);
        }
        Ok(())
    }
}

/// A stored number of a segment; `None` if it is not valid.
fn segment_number(stored: i16) -> Option<u16> {
    u16::try_from(stored).ok().filter(|one| *one < SEGMENTS)
}

fn of_another_format(format: i32) -> Error {
    Error::object_not_in_prerequisite_state(
        report("the change log has the format of another version of pgrealtime")
            .detail(format!(
                "It has format {format}; the loaded library reads and writes format {FORMAT}."
            ))
            .hint("Run ALTER EXTENSION pgrealtime UPDATE, and connect again."),
    )
}

fn damaged() -> Error {
    Error::data_corrupted(
        report("the state of the change log is damaged").hint(
            "Check the server's storage. DROP EXTENSION pgrealtime and CREATE EXTENSION pgrealtime make a new log.",
        ),
    )
}

pub(super) fn missing() -> Error {
    Error::object_not_in_prerequisite_state(
        report("the change log has no state")
            .hint("DROP EXTENSION pgrealtime, then CREATE EXTENSION pgrealtime."),
    )
}

#[cfg(test)]
mod tests {
    use super::{Closed, Timestamp};

    #[test]
    fn the_oldest_is_the_next_of_the_ring() {
        let closed = |segments: &[u16]| -> Vec<Closed> {
            let one = |segment: &u16| Closed {
                segment: *segment,
                closed_at: Timestamp::EPOCH,
                seal: None,
            };
            segments.iter().map(one).collect()
        };
        let oldest = |segments: &[u16], current| {
            Closed::oldest(&closed(segments), current).map(|closed| closed.segment)
        };
        assert_eq!(oldest(&[], 0), None);
        assert_eq!(oldest(&[0, 1, 2], 3), Some(0));
        assert_eq!(oldest(&[6, 7, 0, 1], 2), Some(6));
        assert_eq!(oldest(&[0, 7], 1), Some(7));
        assert_eq!(oldest(&[4, 5, 6, 7, 0, 1, 2], 3), Some(4));
    }
}
