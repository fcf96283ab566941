//! Capture: what the trigger does for one row. The writer pays for a copy of the row and an append, nothing else.

mod gap;
mod late;
mod message_sinks;
mod order;
mod orders;
mod plan;

use crate::error::{report, Error, Result};
use crate::gucs;
use crate::log::append::{append_gap, Change, Names};
use crate::log::entry::{self, GapCause, Marks};
use crate::message::Operation;
use crate::pg::backend::xact;
use crate::pg::call::trigger::Call;
use crate::pg::call::trigger::Event;
use crate::pg::image::builder::Captured;
use crate::pg::image::format::ColumnSet;
use crate::pg::CallInfo;
use crate::pg::Oid;
use gap::gap_once;
use plan::Plan;
use std::cell::Cell;

/// The body of `pgrealtime.capture_change()`. Errors: 39P01 when it was not called as a trigger that it can serve.
pub fn capture_change(call: CallInfo) -> Result<()> {
    let call = Call::new(call)?;
    let plan = Plan::of(&call)?;
    if call.event() == Event::Truncate {
        if truncated_along(&plan) {
            return Ok(());
        }
    } else {
        TRUNCATED.set(None);
    }
    if !gucs::enabled() {
        return gap_once(plan.root, GapCause::Skipped);
    }
    if let Some(message_sinks) = &plan.message_sinks {
        if !(plan.is_leaf && call.event() == Event::Truncate) {
            message_sinks.deliver(&call, &plan.sinks, &plan.images, operation_of(call.event()))?;
        }
    }
    if !plan.sinks.log {
        return Ok(());
    }
    match call.event() {
        Event::Truncate if plan.is_leaf => append_gap(plan.root, GapCause::PartitionTruncated),
        Event::Truncate => log(&call, &plan, entry::TRUNCATE, None),
        Event::Insert => capture_row(&call, &plan, entry::INSERT, call.new_row()),
        Event::Delete => capture_row(&call, &plan, entry::DELETE, call.old_row()),
        Event::Update => capture_update(&call, &plan),
    }
}

thread_local! {
    /// The root whose TRUNCATE was the last change captured, its transaction and subtransaction.
    static TRUNCATED: Cell<Option<(Oid, u64, u32)>> = const { Cell::new(None) };
}

/// Whether a partition was truncated along with its root: TRUNCATE of the root fires its trigger first, then those of
/// the partitions. With nothing captured in between, a partition's TRUNCATE takes away what has gone already.
fn truncated_along(plan: &Plan) -> bool {
    let now = Some((plan.root, xact::top_xid(), xact::subtransaction()));
    if plan.is_leaf {
        TRUNCATED.get() == now
    } else {
        TRUNCATED.set(now);
        false
    }
}

fn operation_of(event: Event) -> Operation {
    match event {
        Event::Insert => Operation::Insert,
        Event::Update => Operation::Update,
        Event::Delete => Operation::Delete,
        Event::Truncate => Operation::Truncate,
    }
}

fn capture_row(
    call: &Call,
    plan: &Plan,
    operation: u8,
    row: Option<crate::pg::call::trigger::StoredRow>,
) -> Result<()> {
    let row = row.ok_or_else(no_row)?;
    let captured = plan.images.image(row, gucs::max_image_bytes());
    log(call, plan, operation, Some((captured, None)))
}

fn capture_update(call: &Call, plan: &Plan) -> Result<()> {
    let (old, new) = (call.old_row().zip(call.new_row())).ok_or_else(no_row)?;
    let limit = gucs::max_image_bytes();
    let difference = plan.images.difference(old, new, limit);
    let captured = plan.images.image(new, limit);
    let old = (difference.changed, difference.old);
    log(call, plan, entry::UPDATE, Some((captured, Some(old))))
}

type Images = (Captured, Option<(ColumnSet, Option<Captured>)>);

fn log(call: &Call, plan: &Plan, operation: u8, images: Option<Images>) -> Result<()> {
    let bits = |columns: Option<&ColumnSet>| columns.map_or(Vec::new(), |c| c.bytes().to_vec());
    let mut marks = Marks::default();
    let (image, old) = match images {
        None => (None, None),
        Some((captured, old)) => {
            marks.absent = bits(captured.absent.as_ref());
            let old = old.and_then(|(changed, old)| {
                marks.changed = bits(Some(&changed));
                let old = old?;
                marks.old_absent = bits(old.absent.as_ref());
                Some(old.image)
            });
            (Some(captured.image), old)
        }
    };
    late::append_in_order(
        call,
        plan,
        &Change {
            relation: plan.root,
            operation,
            layout: Names::Layout(&plan.layout),
            image,
            old,
            marks: marks.encode().as_deref(),
            wal_written: call.wal_written(),
        },
    )
}

fn no_row() -> Error {
    Error::TriggerProtocolViolated(report("a row trigger was called without its row"))
}
