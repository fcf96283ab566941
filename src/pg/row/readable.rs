//! Which SQL types a Rust type reads: what columns and arguments are checked against before a datum is looked at.

use super::from_json::Json;
use crate::error::{report, Error, ErrorReport};
use pgrx::datum::{Interval, TimestampWithTimeZone};
use pgrx::pg_sys::Oid;
use pgrx::{pg_sys, Array, FromDatum, JsonB, PgLogLevel};
use std::ffi::{CStr, CString};

/// A Rust type that values are read as; `'a` is how long the value that it may point into lives.
pub trait Readable<'a>: FromDatum + sealed::Sealed {
    /// The types whose values it reads.
    const TYPES: &'static [Oid];

    /// Whether it reads values of a type: one of [`Readable::TYPES`], or stored as one of them is, being a domain over it,
    /// or an array of such domains.
    fn reads(type_oid: Oid) -> bool {
        Self::TYPES.contains(&type_oid) || Self::TYPES.contains(&without_domains(type_oid))
    }
}

mod sealed {
    pub trait Sealed {}
}

/// A jsonb value in the text form that Postgres gives it: no number loses a digit.
pub struct JsonbText(pub CString);

impl FromDatum for JsonbText {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, null: bool, _: Oid) -> Option<Self> {
        // SAFETY: as the caller says, the value is a jsonb; the function returns a C string.
        let text = unsafe {
            (!null)
                .then(|| pgrx::direct_function_call::<&CStr>(pg_sys::jsonb_out, &[Some(datum)]))?
        };
        text.map(|text| JsonbText(text.to_owned()))
    }
}

macro_rules! readable {
    ($($of:ty: $($oid:ident)+,)*) => {$(
        impl sealed::Sealed for $of {}
        impl<'a> Readable<'a> for $of {
            const TYPES: &'static [Oid] = &[$(pg_sys::$oid),+];
        }
    )*};
}

readable! {
    bool: BOOLOID,
    i16: INT2OID,
    i32: INT4OID,
    i64: INT8OID,
    Oid: OIDOID REGCLASSOID REGROLEOID,
    String: TEXTOID VARCHAROID,
    Vec<u8>: BYTEAOID,
    TimestampWithTimeZone: TIMESTAMPTZOID,
    Interval: INTERVALOID,
    JsonB: JSONBOID,
    JsonbText: JSONBOID,
    Json<'_>: JSONBOID,
    Vec<i16>: INT2ARRAYOID,
    Vec<i32>: INT4ARRAYOID,
    Vec<Option<i32>>: INT4ARRAYOID,
    Vec<String>: TEXTARRAYOID,
    Vec<Option<String>>: TEXTARRAYOID,
    Vec<Option<Oid>>: OIDARRAYOID REGCLASSARRAYOID,
}

impl sealed::Sealed for &str {}
impl<'a> Readable<'a> for &'a str {
    const TYPES: &'static [Oid] = <String as Readable>::TYPES;
}

impl sealed::Sealed for Array<'_, &str> {}
impl<'a> Readable<'a> for Array<'a, &'a str> {
    const TYPES: &'static [Oid] = <Vec<String> as Readable>::TYPES;
}

/// What a domain is over; for an array of domains the array of what they are over.
fn without_domains(type_oid: Oid) -> Oid {
    if type_oid == Oid::INVALID {
        return type_oid; // a dropped column's
    }
    // SAFETY: syscache look-ups; the type is that of a column or a parameter, so it exists.
    unsafe {
        let base = pg_sys::getBaseType(type_oid);
        let element = pg_sys::get_element_type(base);
        if element == Oid::INVALID {
            return base;
        }
        match pg_sys::getBaseType(element) {
            plain if plain == element => base,
            plain => pg_sys::get_array_type(plain),
        }
    }
}

/// Raises 55000: what SQL has under this name is not what the library reads and writes, so that its bytes would be taken
/// for something else.
pub(in crate::pg) fn refuse(what: &str) -> ! {
    let error = Error::object_not_in_prerequisite_state(
        report(format!("{what} is of another version of pgrealtime"))
            .detail("The library that the server has loaded expects other columns, parameters or types.")
            .hint("Run ALTER EXTENSION pgrealtime UPDATE, then begin a new session."),
    );
    ErrorReport::from(error).report(PgLogLevel::ERROR);
    unreachable!("an ERROR does not return")
}

#[cfg(any(test, feature = "pg_test"))]
#[pgrx::pg_schema]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::Readable;
    use crate::pg::Oid;
    use pgrx::datum::Interval;
    use pgrx::prelude::*;
    use pgrx::{Array, JsonB};

    fn oid_of(name: &str) -> Oid {
        let found = Spi::get_one::<Oid>(&format!("SELECT '{name}'::regtype::oid"));
        found.ok().flatten().unwrap_or(Oid::INVALID)
    }

    #[pg_test]
    fn a_type_reads_its_own_values_alone() {
        let names = [
            "bool",
            "int2",
            "int4",
            "int8",
            "oid",
            "text",
            "bytea",
            "timestamptz",
            "interval",
            "jsonb",
            "int2[]",
            "int4[]",
            "text[]",
            "oid[]",
            "json",
            "name",
            "numeric",
            "timestamp",
            "int8[]",
            "regclass",
            "varchar",
        ];
        let read = |reads: fn(Oid) -> bool| -> Vec<&str> {
            names
                .into_iter()
                .filter(|name| reads(oid_of(name)))
                .collect()
        };
        assert_eq!(read(bool::reads), ["bool"]);
        assert_eq!(read(i16::reads), ["int2"]);
        assert_eq!(read(i32::reads), ["int4"]);
        assert_eq!(read(i64::reads), ["int8"]);
        assert_eq!(read(Oid::reads), ["oid", "regclass"]);
        assert_eq!(read(String::reads), ["text", "varchar"]);
        assert_eq!(read(<&str>::reads), ["text", "varchar"]);
        assert_eq!(read(Vec::<u8>::reads), ["bytea"]);
        assert_eq!(read(TimestampWithTimeZone::reads), ["timestamptz"]);
        assert_eq!(read(Interval::reads), ["interval"]);
        assert_eq!(read(JsonB::reads), ["jsonb"]);
        assert_eq!(read(Vec::<i16>::reads), ["int2[]"]);
        assert_eq!(read(Vec::<i32>::reads), ["int4[]"]);
        assert_eq!(read(Vec::<String>::reads), ["text[]"]);
        assert_eq!(read(Array::<&str>::reads), ["text[]"]);
        assert_eq!(read(Vec::<Option<Oid>>::reads), ["oid[]"]);
    }

    #[pg_test]
    fn domains_are_read_as_what_they_are_over() {
        Spi::run("CREATE DOMAIN d AS int4; CREATE DOMAIN dd AS d; CREATE DOMAIN da AS d[]; CREATE DOMAIN t AS text")
        .unwrap();
        assert!(i32::reads(oid_of("d")) && i32::reads(oid_of("dd")));
        assert!(!i64::reads(oid_of("d")) && !Vec::<i32>::reads(oid_of("d")));
        assert!(Vec::<i32>::reads(oid_of("d[]")) && Vec::<i32>::reads(oid_of("da")));
        assert!(!Vec::<String>::reads(oid_of("da")) && Vec::<String>::reads(oid_of("t[]")));
        assert!(!i32::reads(Oid::INVALID));
    }
}
