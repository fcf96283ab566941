//! Argument and result types of SQL functions that pgrx does not have: records, json text, the types of a call's
//! arguments.

use crate::pg::row::record::Record;
use pgrx::callconv::{Arg, ArgAbi, BoxRet, FcInfo};
use pgrx::pg_sys::Oid;
use pgrx::pgrx_sql_entity_graph::metadata::{
    ArgumentError, ReturnsError, ReturnsRef, SqlMappingRef, SqlTranslatable, TypeOrigin,
};
use pgrx::{pg_sys, FromDatum, IntoDatum};

impl FromDatum for Record<'_> {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, null: bool, _: Oid) -> Option<Self> {
        // SAFETY: the SQL declarations of our functions say `record`; arguments and the memory context of a call
        // live until it returns.
        (!null).then(|| unsafe { Record::from_datum(datum) })
    }
}

// SAFETY: a NULL is never unboxed without `Option`, which the functions of ours that take records use.
unsafe impl<'fcx> ArgAbi<'fcx> for Record<'fcx> {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: as above.
        unsafe { arg.unbox_arg_using_from_datum() }
            .unwrap_or_else(|| pgrx::error!("a record argument must not be null"))
    }

    unsafe fn unbox_nullable_arg(arg: Arg<'_, 'fcx>) -> pgrx::nullable::Nullable<Self> {
        // SAFETY: as above.
        unsafe { arg.unbox_arg_using_from_datum().into() }
    }
}

// SAFETY: the name is that of the SQL type.
unsafe impl SqlTranslatable for Record<'_> {
    const TYPE_IDENT: &'static str = "pgrealtime::record";
    const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
    const ARGUMENT_SQL: Result<SqlMappingRef, ArgumentError> = Ok(SqlMappingRef::literal("record"));
    const RETURN_SQL: Result<ReturnsRef, ReturnsError> = Err(ReturnsError::Datum);
}

/// JSON text that a function returns. It must be valid, since it is not checked again.
pub struct JsonText(pg_sys::Datum);

impl JsonText {
    /// Copies the text into the caller's memory; `None` when it exceeds the maximum size of a value.
    pub fn new(text: &[u8]) -> Option<JsonText> {
        // MaxAllocSize, including the length in front.
        if text.len() > 0x3fff_ffff - pg_sys::VARHDRSZ {
            return None;
        }
        // json and bytea are stored alike: a length and bytes.
        text.into_datum().map(JsonText)
    }
}

// SAFETY: the datum is a varlena in the caller's memory context, which is what json is.
unsafe impl BoxRet for JsonText {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> pgrx::datum::Datum<'fcx> {
        // SAFETY: as above.
        unsafe { fcinfo.return_raw_datum(self.0) }
    }
}

// SAFETY: the name is that of the SQL type.
unsafe impl SqlTranslatable for JsonText {
    const TYPE_IDENT: &'static str = "pgrealtime::json";
    const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
    const ARGUMENT_SQL: Result<SqlMappingRef, ArgumentError> = Err(ArgumentError::Datum);
    const RETURN_SQL: Result<ReturnsRef, ReturnsError> =
        Ok(ReturnsRef::One(SqlMappingRef::literal("json")));
}

/// A row that a function returns.
#[cfg(any(test, feature = "pg_test"))]
pub struct Composite(pg_sys::Datum);

#[cfg(any(test, feature = "pg_test"))]
impl Composite {
    /// A decoded image as a value of its relation's row type, in the caller's memory.
    pub fn new(
        shape: &crate::pg::row::record::RowShape,
        row: &crate::pg::row::decoded::Decoded,
    ) -> Composite {
        Composite(shape.composite(row))
    }
}

#[cfg(any(test, feature = "pg_test"))]
// SAFETY: the datum is a composite value in the caller's memory context, which is what a record is.
unsafe impl BoxRet for Composite {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> pgrx::datum::Datum<'fcx> {
        // SAFETY: as above.
        unsafe { fcinfo.return_raw_datum(self.0) }
    }
}

#[cfg(any(test, feature = "pg_test"))]
// SAFETY: the name is that of the SQL type.
unsafe impl SqlTranslatable for Composite {
    const TYPE_IDENT: &'static str = "pgrealtime::composite";
    const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
    const ARGUMENT_SQL: Result<SqlMappingRef, ArgumentError> = Err(ArgumentError::Datum);
    const RETURN_SQL: Result<ReturnsRef, ReturnsError> =
        Ok(ReturnsRef::One(SqlMappingRef::literal("record")));
}
