//! What the meaning of a compiled statement takes from the session: the schemas in which names are looked up, and the
//! settings under which literals are read.
//!
//! A policy itself holds neither names nor literals that are still to be read. The SQL functions that it calls do: the
//! planner puts the body of a simple one in place of the call.

use crate::pg::backend::setting_level::value_of;
use crate::pg::sys::compat;
use std::ffi::CStr;

/// A statement that was compiled in one context means the same in an equal one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Context {
    path: Vec<u32>,
    settings: Vec<u8>,
}

/// The settings that the parser and the input functions of types read, and those that immutable functions of Postgres
/// read all the same: its output functions of numbers and bytea, and quote_ident().
const SETTINGS: [&CStr; 14] = [
    c"DateStyle",
    c"IntervalStyle",
    c"TimeZone",
    c"array_nulls",
    c"backslash_quote",
    c"bytea_output",
    c"extra_float_digits",
    c"lc_monetary",
    c"quote_all_identifiers",
    c"standard_conforming_strings",
    c"timezone_abbreviations",
    c"transform_null_equals",
    c"xmlbinary",
    c"xmloption",
];

impl Context {
    /// The context of the session as it is now.
    pub fn now() -> Context {
        let mut settings = Vec::with_capacity(128);
        for name in SETTINGS {
            let value = value_of(name).unwrap_or_default();
            settings.extend_from_slice(value.as_bytes_with_nul());
        }
        Context {
            path: compat::search_path(),
            settings,
        }
    }
}
