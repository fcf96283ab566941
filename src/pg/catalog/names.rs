//! Parses names that users write, with Postgres's own functions.

use crate::error::{report, Error, Result};
use pgrx::{pg_sys, IntoDatum};
use std::ffi::CStr;

/// A name with or without its schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelationName {
    pub schema: Option<String>,
    pub relation: String,
}

/// Reads `goals`, `hr.goals`, `"My Table"`. Errors: 0A000 when the name begins with another database; Postgres's own
/// errors for malformed names, as in `'…'::regclass`.
pub fn parse(text: &str) -> Result<RelationName> {
    // SAFETY: text becomes a text datum; textToQualifiedNameList returns a list of String nodes or raises;
    // makeRangeVarFromNameList checks its length; the strings live as long as the current memory context.
    unsafe {
        let datum = text.into_datum().unwrap_or(pg_sys::Datum::null());
        let names = pg_sys::textToQualifiedNameList(datum.cast_mut_ptr());
        let range = pg_sys::makeRangeVarFromNameList(names);
        let schema = (!(*range).schemaname.is_null()).then(|| owned((*range).schemaname));
        let elsewhere = !(*range).catalogname.is_null()
            && CStr::from_ptr((*range).catalogname)
                != CStr::from_ptr(pg_sys::get_database_name(pg_sys::MyDatabaseId));
        if elsewhere {
            return Err(Error::feature_not_supported(
                report(format!("cross-database references are not implemented: {text}"))
                    .hint("Name the table as schema.table. Put a part that contains a dot in double quotes."),
            ));
        }
        Ok(RelationName {
            schema,
            relation: owned((*range).relname),
        })
    }
}

/// # Safety
/// `text` is NUL-terminated.
unsafe fn owned(text: *const std::ffi::c_char) -> String {
    // SAFETY: as promised by the caller.
    unsafe { CStr::from_ptr(text) }
        .to_string_lossy()
        .into_owned()
}
