//! The serialiser as a function: `change_message` for users' own triggers, with a cached plan per row type.

use super::{write_change, Header, RecordPlan};
use crate::change::Operation;
use crate::error::{report, Error, Result};
use crate::pg::backend::cache::{Cache, Kept};
use crate::pg::backend::invalidation::watch;
use crate::pg::backend::invalidation::Fresh;
use crate::pg::backend::memory::Memory;
use crate::pg::backend::xact::transaction_start;
use crate::pg::call::values::JsonText;
use crate::pg::catalog::rowtype::relation_of;
use crate::pg::catalog::rowtype::Table;
use crate::pg::row::record::DeformedRow;
use crate::pg::row::record::Record;
use crate::pg::row::record::RowBuffer;
use crate::pg::row::record::RowShape;
use crate::pg::Oid;
use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::rc::Rc;

/// Number of plans kept: more tables than the triggers of one session usually alternate between.
const KEPT: usize = 64;

/// What is known of a table's messages.
struct Known {
    table: Table,
    shape: RowShape,
    plan: RecordPlan,
    fresh: Fresh,
}

thread_local! {
    // Keyed by row type. Kept by the session and not by the call site, because each PL/pgSQL statement makes its call
    // sites anew. Not dropped at the end of the process, when Postgres can no longer free what the plans hold.
    static PLANS: ManuallyDrop<RefCell<Cache<Oid, Rc<Known>>>> =
        ManuallyDrop::new(RefCell::new(Cache::new(KEPT)));
    static ROOM: RefCell<Room> = RefCell::default();
}

/// Buffers that are reused from call to call. Taken while in use, since a user's cast may call the serialiser again.
#[derive(Default)]
struct Room {
    out: Vec<u8>,
    new: RowBuffer,
    old: RowBuffer,
}

/// Buffers larger than this are freed.
const KEPT_BYTES: usize = 1024 * 1024;

/// The message of a change. `declared` is the row type that the query declares for the records; TRUNCATE has no records
/// and needs it. Errors: 22004 or 22023 for an operation or a record that is missing or does not fit; 42804 for a
/// record that is not a row of a table; 54000 for a message that is too large; and those of types' own functions.
pub fn change_message(
    operation: Option<&str>,
    new: Option<Record<'_>>,
    old: Option<Record<'_>>,
    declared: impl Fn() -> Option<Oid>,
) -> Result<JsonText> {
    let operation = check_operation(operation, &new, &old)?;
    let row_type = match (&new, &old) {
        (Some(new), Some(old)) if new.row_type() != old.row_type() => return Err(different_types()),
        (Some(record), _) | (None, Some(record)) => record.row_type(),
        (None, None) => declared().ok_or_else(not_a_row)?,
    };
    let known = known(row_type)?;
    let mut room = ROOM.take();
    room.out.clear();
    let new = part(&known, new, &mut room.new)?;
    let old = part(&known, old, &mut room.old)?;
    let header = Header {
        operation,
        schema: &known.table.schema,
        table: &known.table.name,
        commit_timestamp: transaction_start(),
    };
    write_change(
        &mut room.out,
        &header,
        &known.plan,
        new.as_ref(),
        old.as_ref(),
    );
    let message = JsonText::new(&room.out);
    room.out.shrink_to(KEPT_BYTES);
    ROOM.replace(room);
    message.ok_or_else(|| {
        Error::program_limit_exceeded(
            report("the change message is larger than a value can be")
                .hint("Lower pgrealtime.max_record_bytes."),
        )
    })
}

/// A record's columns.
fn part<'a>(
    known: &'a Known,
    record: Option<Record<'a>>,
    buffer: &'a mut RowBuffer,
) -> Result<Option<DeformedRow<'a>>> {
    record
        .map(|record| known.shape.deform(record, buffer).ok_or_else(not_a_row))
        .transpose()
}

/// The operation, after checking that its records were passed.
fn check_operation(
    name: Option<&str>,
    new: &Option<Record<'_>>,
    old: &Option<Record<'_>>,
) -> Result<Operation> {
    const HINT: &str = "Pass TG_OP, NEW and OLD of a trigger.";
    let Some(name) = name else {
        return Err(Error::null_value_not_allowed(
            report("the operation must not be null").hint(HINT),
        ));
    };
    let Some(operation) = Operation::from_name(name) else {
        return Err(Error::invalid_parameter_value(
            report(format!("unknown operation \"{name}\""))
                .hint("Use INSERT, UPDATE, DELETE or TRUNCATE, as TG_OP says."),
        ));
    };
    let missing = |which: &str| {
        let message = format!("the {which} record of {name} must not be null");
        Err(Error::null_value_not_allowed(report(message).hint(HINT)))
    };
    let superfluous = |which: &str| {
        let message = format!("{name} has no {which} record");
        Err(Error::invalid_parameter_value(report(message).hint(
            format!("Pass NULL as the {which} record, or pass the operation that belongs to it."),
        )))
    };
    match operation {
        Operation::Insert | Operation::Update if new.is_none() => missing("new"),
        Operation::Delete if old.is_none() => missing("old"),
        Operation::Insert | Operation::Truncate if old.is_some() => superfluous("old"),
        Operation::Delete | Operation::Truncate if new.is_some() => superfluous("new"),
        _ => Ok(operation),
    }
}

impl Kept for Known {
    fn is_fresh(&self) -> bool {
        self.fresh.get() && self.plan.is_fresh()
    }
}

/// The table's plan. It is made if it is not known or has changed.
fn known(row_type: Oid) -> Result<Rc<Known>> {
    if let Some(known) = PLANS.with(|plans| plans.borrow_mut().get(&row_type)) {
        return Ok(known);
    }
    let made = Rc::new(make(row_type)?);
    PLANS.with(|plans| plans.borrow_mut().insert(row_type, made.clone()));
    Ok(made)
}

fn make(row_type: Oid) -> Result<Known> {
    let relation = relation_of(row_type).ok_or_else(not_a_row)?;
    // Watched before it is read, so that changes made meanwhile are noticed.
    let fresh = watch(relation);
    let table = Table::by_oid(relation).ok_or_else(not_a_row)?;
    let shape = RowShape::of_type(&Rc::new(Memory::new()), row_type);
    let plan = RecordPlan::new(shape.columns(), None, &table.key);
    Ok(Known {
        table,
        shape,
        plan,
        fresh,
    })
}

fn not_a_row() -> Error {
    Error::datatype_mismatch(
        report("the record is not a row of a table")
            .detail("Only a row whose type is a table's says which table and which columns it belongs to.")
            .hint("Pass NEW and OLD of a trigger, or a table's alias: SELECT pgrealtime.change_message('INSERT', t, NULL) FROM my_table t. For TRUNCATE pass NULL::my_table."),
    )
}

fn different_types() -> Error {
    Error::datatype_mismatch(
        report("the new and the old record are rows of different tables")
            .hint("Pass NEW and OLD of the same trigger."),
    )
}
