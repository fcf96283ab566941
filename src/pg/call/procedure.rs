//! Procedures: called by CALL, and able to end the transaction that it runs in.

use super::srf::refuse_function;
use crate::error::{report, Error, Result};
use crate::pg::sys::attributes;
use crate::pg::CallInfo;
use pgrx::callconv::{BoxRet, FcInfo};
use pgrx::pgrx_sql_entity_graph::metadata::{
    ArgumentError, ReturnsError, ReturnsRef, SqlMappingRef, SqlTranslatable, TypeOrigin,
};
use pgrx::{pg_sys, IntoDatum};

/// Errors: 25001 unless this is a CALL that may commit: outside a transaction block, a function and a subtransaction.
pub fn check_outside_transaction(call: CallInfo, procedure: &str) -> Result<()> {
    // SAFETY: the call is valid; its context, if it has one, is a node, and that of a CALL says whether it may commit.
    let may_commit = unsafe {
        let context = (*call.raw()).context;
        !context.is_null()
            && (*context).type_ == pg_sys::NodeTag::T_CallContext
            && !(*context.cast::<pg_sys::CallContext>()).atomic
            && !pg_sys::IsSubTransaction()
    };
    if may_commit {
        return Ok(());
    }
    Err(Error::active_sql_transaction(
        report(format!("{procedure} cannot run inside a transaction block"))
            .detail("It waits without a snapshot, so it ends the transaction, as COMMIT does.")
            .hint(format!("CALL {procedure}() as a statement of its own.")),
    ))
}

/// Ends the transaction of a CALL and begins another one, which has no snapshot and no lock yet. Only after
/// [`check_outside_transaction`]. Raises an error of a deferred constraint.
pub fn commit() {
    // SAFETY: connected and finished in pairs; an error ends the transaction and all connections with it.
    unsafe {
        pg_sys::SPI_connect_ext(pg_sys::SPI_OPT_NONATOMIC as i32);
        pg_sys::SPI_commit();
        pg_sys::SPI_finish();
    }
}

/// The value of a procedure's only INOUT parameter, a text.
pub struct Output(pg_sys::Datum);

impl Output {
    /// Made in the caller's memory. Raises 55000 when the procedure is declared otherwise.
    pub fn text(call: CallInfo, text: &str) -> Output {
        // SAFETY: the call is valid; the row has the declared column and is made in the caller's memory context.
        unsafe {
            let mut descriptor = std::ptr::null_mut();
            pg_sys::get_call_result_type(call.raw(), std::ptr::null_mut(), &mut descriptor);
            let is_text = !descriptor.is_null()
                && (*descriptor).natts == 1
                && attributes::attribute(descriptor, 0).atttypid == pg_sys::TEXTOID;
            if !is_text {
                refuse_function(call);
            }
            let mut value = text.into_datum().unwrap_or(pg_sys::Datum::null());
            let mut null = false;
            let row = pg_sys::heap_form_tuple(
                pg_sys::BlessTupleDesc(descriptor),
                &raw mut value,
                &raw mut null,
            );
            Output(pg_sys::HeapTupleHeaderGetDatum((*row).t_data))
        }
    }
}

// SAFETY: the datum is a composite value in the caller's memory context, which is what a procedure returns.
unsafe impl BoxRet for Output {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> pgrx::datum::Datum<'fcx> {
        // SAFETY: as above.
        unsafe { fcinfo.return_raw_datum(self.0) }
    }
}

// SAFETY: the name is that of the SQL type.
unsafe impl SqlTranslatable for Output {
    const TYPE_IDENT: &'static str = "pgrealtime::output";
    const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
    const ARGUMENT_SQL: std::result::Result<SqlMappingRef, ArgumentError> =
        Err(ArgumentError::Datum);
    const RETURN_SQL: std::result::Result<ReturnsRef, ReturnsError> =
        Ok(ReturnsRef::One(SqlMappingRef::literal("record")));
}
