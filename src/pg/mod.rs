//! The only place with `unsafe`, `pg_sys` and version `cfg`s: wraps Postgres in safe types.
#![allow(unsafe_code)]

pub mod heap;

use pgrx::pg_sys;
pub use pgrx::pg_sys::Oid;
use std::ffi::CStr;

/// Reserves a setting prefix: misspelt settings of ours become errors instead of placeholders.
pub fn reserve_setting_prefix(prefix: &'static CStr) {
    // SAFETY: the string is static; the function copies it into the server's own memory.
    unsafe { pg_sys::MarkGUCPrefixReserved(prefix.as_ptr()) }
}
