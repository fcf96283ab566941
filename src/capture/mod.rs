//! Capture: what the trigger does for one row. It costs the writing session a copy of the row and an append, nothing
//! else.
//!
//! The steps that every row takes are `#[inline(always)]`, here and in what they call. benches/instructions counts what a
//! row costs.

mod gap;
mod late;
mod message_sinks;
mod order;
mod orders;
mod plan;

use crate::change::{Operation, RowOperation};
use crate::error::Result;
use crate::gucs;
use crate::log::append::{append_gap, CapturedRow, Content};
use crate::log::entry::GapCause;
use crate::log::marks::Marks;
use crate::pg::backend::xact::Within;
use crate::pg::call::trigger::Call;
use crate::pg::call::trigger::Fired;
use crate::pg::call::trigger::StoredRow;
use crate::pg::image::builder::Difference;
use crate::pg::image::format::ColumnSet;
use crate::pg::CallInfo;
use crate::pg::Oid;
use gap::gap_once;
use message_sinks::MessageSinks;
use plan::Plan;
use std::cell::Cell;

/// The body of `pgrealtime.capture_change()`. Errors: 39P01 when it was not called as a trigger that it supports; as
/// [`append_gap`].
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
    if plan.detached {
        return gap_once(plan.root, GapCause::PartitionMoved);
    }
    if let Some(message_sinks) = &plan.message_sinks {
        if !(plan.is_leaf && call.operation() == Operation::Truncate) {
            send(&call, &plan, message_sinks)?;
        }
    }
    if !plan.sinks.log {
        return Ok(());
    }
    match call.fired() {
        Fired::Truncate if plan.is_leaf => append_gap(plan.root, GapCause::PartitionTruncated),
        Fired::Truncate => late::append_in_order(&call, &plan, &Content::Truncate),
        Fired::Insert { new } => capture_row(&call, &plan, RowOperation::Insert, new),
        Fired::Delete { old } => capture_row(&call, &plan, RowOperation::Delete, old),
        Fired::Update { old, new } => capture_update(&call, &plan, old, new),
    }
}

/// Sends a change to the message sinks. Whether it was overtaken is checked first, since changes that its messages
/// cause come after it.
fn send(call: &Call, plan: &Plan, message_sinks: &MessageSinks) -> Result<()> {
    let known = plan.sinks.want_messages().then(|| late::known(call, plan));
    let overtaken = known
        .as_ref()
        .is_some_and(|known| late::is_overtaken(plan, known));
    message_sinks.deliver(call, &plan.sinks, &plan.images, overtaken)?;
    if let Some(known) = known.filter(|_| !plan.sinks.log) {
        late::remember_sent(plan, known);
    }
    Ok(())
}

thread_local! {
    /// The root whose TRUNCATE was the last captured change, with its transaction and subtransaction.
    static TRUNCATED: Cell<Option<(Oid, Within)>> = const { Cell::new(None) };
}

/// Whether a partition is truncated together with its root. TRUNCATE of the root fires the root's trigger first, then
/// those of the partitions. If nothing was captured in between, the partition's TRUNCATE adds nothing.
fn truncated_along(plan: &Plan) -> bool {
    let now = Some((plan.root, Within::now()));
    if plan.is_leaf {
        TRUNCATED.get() == now
    } else {
        TRUNCATED.set(now);
        false
    }
}

/// Captures the row of an INSERT or a DELETE. Errors: as [`late::append_in_order`].
#[inline(always)]
fn capture_row<'c>(
    call: &Call<'c>,
    plan: &Plan,
    operation: RowOperation,
    row: StoredRow<'c>,
) -> Result<()> {
    let captured = plan.images.image(call, row, gucs::max_image_bytes());
    let content = Content::Row(CapturedRow {
        operation,
        layout: &plan.layout,
        image: captured.image,
        old: None,
        marks: Marks {
            absent: bits(captured.absent.as_ref()),
            ..Marks::default()
        },
    });
    late::append_in_order(call, plan, &content)
}

fn capture_update<'c>(
    call: &Call<'c>,
    plan: &Plan,
    old: StoredRow<'c>,
    new: StoredRow<'c>,
) -> Result<()> {
    let limit = gucs::max_image_bytes();
    let Difference { changed, old } = plan.images.difference(call, [old, new], limit);
    let captured = plan.images.image(call, new, limit);
    let old_absent = old.as_ref().and_then(|old| old.absent.as_ref());
    let content = Content::Row(CapturedRow {
        operation: RowOperation::Update,
        layout: &plan.layout,
        image: captured.image,
        marks: Marks {
            changed: bits(Some(&changed)),
            absent: bits(captured.absent.as_ref()),
            old_absent: bits(old_absent),
        },
        old: old.map(|old| old.image),
    });
    late::append_in_order(call, plan, &content)
}

fn bits(columns: Option<&ColumnSet>) -> Vec<u8> {
    columns.map_or(Vec::new(), |columns| columns.bytes().to_vec())
}
