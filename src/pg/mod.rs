//! Safe wrappers around Postgres. The only place with `unsafe`, `pg_sys` and version `cfg`s.
#![allow(unsafe_code)]

pub mod backend;
pub mod call;
pub mod catalog;
pub mod image;
pub mod judge;
pub mod print;
pub mod row;
pub mod sql;
pub mod storage;
pub mod sys;

pub use call::info::CallInfo;
use pgrx::pg_sys;
pub use pgrx::pg_sys::Oid;
use std::ffi::CStr;

/// The extension's schema.
pub const SCHEMA: &str = "pgrealtime";

/// Reserves a setting prefix: misspelt settings with this prefix become errors instead of placeholders.
pub fn reserve_setting_prefix(prefix: &'static CStr) {
    // SAFETY: the string is static; the function copies it into the server's own memory.
    unsafe { pg_sys::MarkGUCPrefixReserved(prefix.as_ptr()) }
}

/// The text of a name column.
fn name(name: &pg_sys::NameData) -> String {
    // SAFETY: a name ends with a NUL within its 64 bytes.
    unsafe { CStr::from_ptr(name.data.as_ptr()) }
        .to_string_lossy()
        .into_owned()
}

/// OID of the session's database.
pub fn database() -> Oid {
    // SAFETY: set when the session began.
    unsafe { pg_sys::MyDatabaseId }
}
