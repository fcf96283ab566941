//! Capture: what the trigger does for one row. The writer pays for a copy of the row and an append, nothing else.

mod gap;
mod late;
mod message_sinks;
mod order;
mod orders;
mod plan;

use crate::change::Operation;
use crate::error::Result;
use crate::gucs;
use crate::log::append::{append_gap, Change, Names};
use crate::log::entry::{self, GapCause, Marks};
use crate::pg::backend::xact;
use crate::pg::call::trigger::Call;
use crate::pg::call::trigger::Fired;
use crate::pg::call::trigger::StoredRow;
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
    if call.operation() == Operation::Truncate {
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
        if !(plan.is_leaf && call.operation() == Operation::Truncate) {
            message_sinks.deliver(&call, &plan.sinks, &plan.images)?;
        }
    }
    if !plan.sinks.log {
        return Ok(());
    }
    match call.fired() {
        Fired::Truncate if plan.is_leaf => append_gap(plan.root, GapCause::PartitionTruncated),
        Fired::Truncate => log(&call, &plan, entry::TRUNCATE, None),
        Fired::Insert { new } => capture_row(&call, &plan, entry::INSERT, new),
        Fired::Delete { old } => capture_row(&call, &plan, entry::DELETE, old),
        Fired::Update { old, new } => capture_update(&call, &plan, old, new),
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

fn capture_row(call: &Call, plan: &Plan, operation: u8, row: StoredRow) -> Result<()> {
    let captured = plan.images.image(row, gucs::max_image_bytes());
    log(call, plan, operation, Some((captured, None)))
}

fn capture_update(call: &Call, plan: &Plan, old: StoredRow, new: StoredRow) -> Result<()> {
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
