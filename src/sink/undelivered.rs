//! Messages that sinks could not deliver: counted while a transaction runs, and noted in the change log when it
//! commits.

use super::Failure;
use crate::capture_trigger::Misfit;
use crate::error::{report, SqlState};
use crate::log::append::append_undelivered;
use crate::pg::backend::commit;
use crate::pg::backend::commit::Hooks;
use crate::pg::backend::subtransaction::Raised;
use crate::pg::backend::wait;
use crate::pg::backend::xact;
use crate::pg::catalog::privilege;
use crate::pg::judge::access::reader_name;
use crate::pg::Oid;
use pgrx::PgSqlErrorCode;
use std::cell::{Cell, RefCell};

/// Undelivered messages of a relation in a subtransaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Lost {
    subtransaction: u32,
    relation: Oid,
    messages: u64,
}

thread_local! {
    static LOST: RefCell<Vec<Lost>> = const { RefCell::new(Vec::new()) };
    /// The last transaction that raised a WARNING.
    static WARNED: Cell<u64> = const { Cell::new(0) };
}

/// Counts a message that a sink could not deliver. Raises one WARNING per transaction.
pub fn fail(relation: Oid, sink: Failure, raised: &Raised) {
    if !count_first(relation) {
        return;
    }
    // The error may contain values of the row, and a role that may change the row may not be allowed to see it.
    let reason = if privilege::sees_every_row(relation, privilege::current_role()) {
        &raised.message
    } else {
        &format!("SQLSTATE {}", raised.sqlstate)
    };
    let own = raised.hint.as_deref();
    report(match sink {
        Failure::Broadcast => "changes of this transaction could not be broadcast",
        Failure::Wal => "changes of this transaction could not be written to the sink \"wal\"",
    })
    .detail(format!(
        "The error was: {reason}. pgrealtime.log_status counts the changes."
    ))
    .hint(own.unwrap_or_else(|| hint(sink, raised.sqlstate)))
    .warning();
}

/// The hint for an error that Postgres or a user's function raised.
fn hint(sink: Failure, sqlstate: SqlState) -> &'static str {
    match sink {
        Failure::Wal => "Check the casts to json of the types of the table's columns.",
        Failure::Broadcast if sqlstate == PgSqlErrorCode::ERRCODE_CHECK_VIOLATION => {
            "Check that the Realtime server is running: it creates the partitions of realtime.messages. If there is one for today, check the constraints of the table."
        }
        Failure::Broadcast if sqlstate == PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE => {
            "Messages are inserted with the rights of the owner of realtime.messages, in a restricted context. Check which rights the triggers and policies of that table need, and which ones the casts to json of the changed table's types need."
        }
        Failure::Broadcast => {
            "Check the triggers and constraints of realtime.messages, and the casts to json of the types of the changed table."
        }
    }
}

/// Counts a message that was not sent because the triggers' arguments do not match the table. Raises one WARNING per
/// transaction.
pub fn stale(relation: Oid, why: &Misfit) {
    if !count_first(relation) {
        return;
    }
    report("changes of this transaction could not be sent to sinks")
        .detail(format!(
            "The capture triggers do not match the table's {}. {why} pgrealtime.log_status counts the changes.",
            why.with()
        ))
        .hint(format!(
            "Run pgrealtime.enable() on the table again, {}.",
            why.way_out()
        ))
        .warning();
}

/// Counts a change whose message could not be sent in order. Raises one WARNING per transaction. `sent` says what was
/// sent.
pub fn overtaken(relation: Oid, sink: Failure, sent: &str) {
    if !count_first(relation) {
        return;
    }
    report(match sink {
        Failure::Broadcast => "changes of this transaction could not be broadcast in order",
        Failure::Wal => {
            "changes of this transaction could not be written to the sink \"wal\" in order"
        }
    })
    .detail(format!(
        "A trigger or function within the statement changed rows that the statement changed too. {sent} pgrealtime.log_status counts the changes."
    ))
    .hint("The sink \"log\" has all changes in order.")
    .warning();
}

/// Counts a broadcast whose topic a role that may receive it may not know. Raises one WARNING per transaction.
pub fn withheld(relation: Oid, reader: Oid) {
    if !count_first(relation) {
        return;
    }
    report("changes of this transaction could not be broadcast")
        .detail(format!(
            "Their topic contains values of the table, and {} may receive them, but may not SELECT the columns of the topic. pgrealtime.log_status counts the changes.",
            reader_name(reader)
        ))
        .hint("Grant SELECT on these columns, or take columns out of broadcast_topic.")
        .warning();
}

/// Counts a message that was not delivered. Returns whether the transaction has raised no WARNING yet.
fn count_first(relation: Oid) -> bool {
    count(relation);
    let xid = xact::top_xid();
    WARNED.replace(xid) != xid
}

/// Counts a message that a sink could not deliver.
pub fn count(relation: Oid) {
    let hooks = Hooks {
        before_end: note,
        rolled_back: |subtransaction| LOST.with_borrow_mut(|lost| forget(lost, subtransaction)),
        ended: || LOST.with_borrow_mut(Vec::clear),
    };
    commit::watch("undelivered", hooks);
    LOST.with_borrow_mut(|lost| add(lost, xact::subtransaction(), relation));
}

fn add(lost: &mut Vec<Lost>, subtransaction: u32, relation: Oid) {
    let of = |lost: &&mut Lost| (lost.subtransaction, lost.relation) == (subtransaction, relation);
    match lost.iter_mut().rev().find(of) {
        Some(lost) => lost.messages += 1,
        None => lost.push(Lost {
            subtransaction,
            relation,
            messages: 1,
        }),
    }
}

/// Subtransactions are numbered in the order in which they begin. Until one ends, only those that began within it have
/// higher numbers.
fn forget(lost: &mut Vec<Lost>, subtransaction: u32) {
    lost.retain(|lost| lost.subtransaction < subtransaction);
}

/// Appends one entry per relation. At the end of a transaction no snapshot is active any more, and heap_insert() wants one for a
/// table with TOAST (heapam.c, AssertHasSnapshotForToast).
fn note() {
    let mut lost = LOST.take();
    if lost.is_empty() {
        return;
    }
    lost.sort_unstable_by_key(|lost| lost.relation.to_u32());
    wait::with_latest_snapshot(|| {
        for of_relation in lost.chunk_by(|a, b| a.relation == b.relation) {
            let messages = of_relation.iter().map(|lost| lost.messages).sum();
            // A transaction that has dropped the extension has no log to note it in.
            let _ = append_undelivered(of_relation[0].relation, messages);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_rolled_back_was_not_lost() {
        let (a, b) = (Oid::from(1), Oid::from(2));
        let mut lost = Vec::new();
        for (subtransaction, relation) in [(1, a), (2, a), (3, b), (3, b), (2, a), (1, a)] {
            add(&mut lost, subtransaction, relation);
        }
        let of = |lost: &[Lost]| -> Vec<(u32, Oid, u64)> {
            lost.iter()
                .map(|lost| (lost.subtransaction, lost.relation, lost.messages))
                .collect()
        };
        assert_eq!(of(&lost), [(1, a, 2), (2, a, 2), (3, b, 2)]);
        forget(&mut lost, 3);
        assert_eq!(of(&lost), [(1, a, 2), (2, a, 2)]);
        forget(&mut lost, 2);
        assert_eq!(of(&lost), [(1, a, 2)]);
    }
}
