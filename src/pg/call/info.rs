//! The call that Postgres made of a function of ours.

use pgrx::callconv::{Arg, ArgAbi};
use pgrx::pg_sys;
use pgrx::pg_sys::Oid;
use pgrx::pgrx_sql_entity_graph::metadata::{
    ArgumentError, ReturnsError, ReturnsRef, SqlMappingRef, SqlTranslatable, TypeOrigin,
};
use std::marker::PhantomData;

/// A call; `'c` is how long it lasts. Not an argument in SQL.
#[derive(Clone, Copy)]
pub struct CallInfo<'c> {
    call: pg_sys::FunctionCallInfo,
    _lent: PhantomData<&'c ()>,
}

impl CallInfo<'_> {
    /// The frame: valid while the function runs.
    pub(in crate::pg) fn raw(self) -> pg_sys::FunctionCallInfo {
        self.call
    }

    /// OID of the function that was called.
    pub fn function(self) -> Oid {
        // SAFETY: a call has what was looked up of its function.
        unsafe { (*(*self.call).flinfo).fn_oid }
    }

    /// Type of an argument as the query declares it, counted from 0; `None` where that is not known.
    pub fn argument_type(self, argument: i32) -> Option<Oid> {
        // SAFETY: the call is valid.
        let oid = unsafe { pg_sys::get_fn_expr_argtype((*self.call).flinfo, argument) };
        (oid != Oid::INVALID).then_some(oid)
    }
}

// SAFETY: the frame is what the virtual argument of pgrx is, and lasts for 'fcx.
unsafe impl<'fcx> ArgAbi<'fcx> for CallInfo<'fcx> {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        CallInfo {
            // SAFETY: as above.
            call: unsafe { arg.unbox_unchecked::<pg_sys::FunctionCallInfo>() },
            _lent: PhantomData,
        }
    }

    fn is_virtual_arg() -> bool {
        true
    }
}

// SAFETY: skipped in SQL, like the frame itself.
unsafe impl SqlTranslatable for CallInfo<'_> {
    const TYPE_IDENT: &'static str = "pgrealtime::call";
    const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
    const ARGUMENT_SQL: Result<SqlMappingRef, ArgumentError> = Ok(SqlMappingRef::Skip);
    const RETURN_SQL: Result<ReturnsRef, ReturnsError> = Err(ReturnsError::Datum);
}
