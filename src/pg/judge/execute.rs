//! Runs planned SELECTs, row by row of their result; and plans those over rows that were captured.

use super::policy::analyze;
use crate::error::Result;
use pgrx::pg_sys::{Datum, Node, Oid};
use pgrx::{pg_sys, PgList};
use std::ffi::CStr;

/// What is done with each row of a result: its values, and which of them are NULL.
type Each<'a> = dyn FnMut(&[Datum], &[bool]) + 'a;

/// What the log of slow statements calls them.
const NAME: &CStr = c"pgrealtime: the policies and the filter of a relation over captured rows";

/// # Safety
/// The statement came from the planner, and has parameters of these types.
pub(super) unsafe fn execute(
    statement: *mut pg_sys::PlannedStmt,
    parameters: &[(Oid, Datum)],
    mut each: &mut Each,
) {
    let mut receiver = Receiver {
        methods: pg_sys::DestReceiver {
            receiveSlot: Some(receive),
            rStartup: Some(startup),
            rShutdown: Some(ignore),
            rDestroy: Some(ignore),
            mydest: pg_sys::CommandDest::DestNone,
        },
        each: &raw mut each,
    };
    // SAFETY: the executor's protocol (pquery.c, ProcessQuery): the statement is copied, since execution may write to
    // it; parameters and receiver outlive it.
    unsafe {
        let list = pg_sys::makeParamList(parameters.len() as i32);
        let places = (*list).params.as_mut_slice(parameters.len());
        for (place, (type_oid, value)) in places.iter_mut().zip(parameters) {
            place.value = *value;
            place.isnull = false;
            place.pflags = pg_sys::PARAM_FLAG_CONST as u16;
            place.ptype = *type_oid;
        }
        let query = pg_sys::CreateQueryDesc(
            pg_sys::copyObjectImpl(statement.cast()).cast(),
            NAME.as_ptr(),
            pg_sys::GetActiveSnapshot(),
            std::ptr::null_mut(),
            (&raw mut receiver).cast(),
            list,
            std::ptr::null_mut(),
            0,
        );
        pg_sys::ExecutorStart(query, 0);
        crate::pg::sys::compat::executor_run(query);
        pg_sys::ExecutorFinish(query);
        pg_sys::ExecutorEnd(query);
        pg_sys::FreeQueryDesc(query);
    }
}

#[repr(C)]
struct Receiver<'a, 'b> {
    methods: pg_sys::DestReceiver,
    each: *mut &'a mut Each<'b>,
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn receive(
    slot: *mut pg_sys::TupleTableSlot,
    receiver: *mut pg_sys::DestReceiver,
) -> bool {
    // SAFETY: the receiver is ours, and what it points to is on the stack of `execute`; the slot has the statement's
    // columns.
    unsafe {
        let columns = (*(*slot).tts_tupleDescriptor).natts;
        if i32::from((*slot).tts_nvalid) < columns {
            pg_sys::slot_getsomeattrs_int(slot, columns);
        }
        let values = std::slice::from_raw_parts((*slot).tts_values, columns as usize);
        let nulls = std::slice::from_raw_parts((*slot).tts_isnull, columns as usize);
        (*(*receiver.cast::<Receiver>()).each)(values, nulls);
    }
    true
}

unsafe extern "C-unwind" fn startup(
    _receiver: *mut pg_sys::DestReceiver,
    _operation: i32,
    _descriptor: pg_sys::TupleDesc,
) {
}

unsafe extern "C-unwind" fn ignore(_receiver: *mut pg_sys::DestReceiver) {}

/// An array of elements by reference, aligned to 8 bytes: rows.
pub(super) fn array_of(mut elements: Vec<Datum>, element_type: Oid) -> Datum {
    let align = pg_sys::TYPALIGN_DOUBLE as std::ffi::c_char;
    // SAFETY: the elements are varlenas of the type.
    unsafe {
        let count = elements.len() as i32;
        let array =
            pg_sys::construct_array(elements.as_mut_ptr(), count, element_type, -1, false, align);
        Datum::from(array)
    }
}

/// Analyses a text and gives it other targets.
///
/// # Safety
/// The text is a SELECT of ours; the targets are expressions over its range table.
pub(super) unsafe fn select(
    text: &str,
    parameters: &[Oid],
    targets: &[*mut Node],
) -> Result<*mut pg_sys::Query> {
    // SAFETY: as promised.
    unsafe {
        let query = analyze(text, parameters)?;
        let mut list = PgList::<pg_sys::TargetEntry>::from_pg((*query).targetList);
        for target in targets {
            let number = list.len() as i16 + 1;
            let expression = pg_sys::copyObjectImpl(target.cast()).cast();
            let name = pg_sys::pstrdup(c"value".as_ptr());
            list.push(pg_sys::makeTargetEntry(expression, number, name, false));
        }
        (*query).targetList = list.into_pg();
        // It is not known here whether there are sub-selects; planning looks for them only where this is set.
        (*query).hasSubLinks = true;
        Ok(query)
    }
}

/// Plans a condition over `$1`, an array of rows.
///
/// # Safety
/// It is over a relation of this row type as range-table entry 1.
pub(super) unsafe fn over_rows(
    row_type: Oid,
    condition: *mut Node,
) -> Result<*mut pg_sys::PlannedStmt> {
    // SAFETY: as promised.
    unsafe {
        let array_type = pg_sys::get_array_type(row_type);
        let text = "SELECT FROM pg_catalog.unnest($1)";
        Ok(plan(select(text, &[array_type], &[condition])?))
    }
}

/// Plans a query.
///
/// # Safety
/// It came from [`select`].
pub(super) unsafe fn plan(query: *mut pg_sys::Query) -> *mut pg_sys::PlannedStmt {
    // SAFETY: as promised; the name is static.
    unsafe { pg_sys::pg_plan_query(query, NAME.as_ptr(), 0, std::ptr::null_mut()) }
}
