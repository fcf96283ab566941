//! A value for a column of the extension's own tables.

use crate::timestamp::Timestamp;
use pgrx::{pg_sys, IntoDatum};

/// A value of a column; NULL is `None` in its place.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    Int2(i16),
    Int4(i32),
    Int8(i64),
    Oid(pg_sys::Oid),
    Role(pg_sys::Oid),
    Bool(bool),
    Text(&'a str),
    TextArray(&'a [String]),
    Int2Array(&'a [i16]),
    Int4Array(&'a [i32]),
    OidArray(&'a [pg_sys::Oid]),
    Bytes(&'a [u8]),
    Timestamp(Timestamp),
}

impl Value<'_> {
    /// The type whose values it is one of.
    pub(super) fn type_oid(&self) -> pg_sys::Oid {
        match self {
            Value::Int2(_) => pg_sys::INT2OID,
            Value::Int4(_) => pg_sys::INT4OID,
            Value::Int8(_) => pg_sys::INT8OID,
            Value::Oid(_) => pg_sys::OIDOID,
            Value::Role(_) => pg_sys::REGROLEOID,
            Value::Bool(_) => pg_sys::BOOLOID,
            Value::Text(_) => pg_sys::TEXTOID,
            Value::TextArray(_) => pg_sys::TEXTARRAYOID,
            Value::Int2Array(_) => pg_sys::INT2ARRAYOID,
            Value::Int4Array(_) => pg_sys::INT4ARRAYOID,
            Value::OidArray(_) => pg_sys::OIDARRAYOID,
            Value::Bytes(_) => pg_sys::BYTEAOID,
            Value::Timestamp(_) => pg_sys::TIMESTAMPTZOID,
        }
    }

    pub(super) fn datum(&self) -> pg_sys::Datum {
        let datum = match *self {
            Value::Int2(v) => v.into_datum(),
            Value::Int4(v) => v.into_datum(),
            Value::Int8(v) => v.into_datum(),
            Value::Timestamp(v) => v.micros().into_datum(),
            Value::Oid(v) | Value::Role(v) => v.into_datum(),
            Value::Bool(v) => v.into_datum(),
            Value::Text(v) => v.into_datum(),
            Value::TextArray(v) => v.to_vec().into_datum(),
            Value::Int2Array(v) => v.to_vec().into_datum(),
            Value::Int4Array(v) => v.to_vec().into_datum(),
            Value::OidArray(v) => v.to_vec().into_datum(),
            Value::Bytes(v) => v.into_datum(),
        };
        datum.unwrap_or(pg_sys::Datum::null())
    }
}
