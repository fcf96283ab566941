//! The only place with `unsafe`, `pg_sys` and version `cfg`s: wraps Postgres in safe types.
#![allow(unsafe_code)]

pub mod access;
pub mod acl;
pub mod act_as;
pub mod array;
mod attribute;
pub mod broadcast;
pub mod call;
pub mod catalog;
mod catalog_scan;
pub mod columns;
pub mod commit;
pub mod commit_time;
mod compat;
pub mod ddl;
pub mod decode;
pub mod decoded;
pub mod emit;
pub mod entry;
pub mod event_trigger;
mod generated;
mod grants;
pub mod heap;
pub mod image;
pub mod invalidation;
pub mod judge;
pub mod keys;
pub mod literal;
mod lock;
pub mod mailbox;
mod makers;
pub mod memory;
pub mod names;
pub mod operators;
pub mod output;
pub mod parse;
pub mod policies;
pub mod policy;
pub mod privilege;
pub mod publication;
mod raw;
pub mod relation_triggers;
pub mod retire;
pub mod row;
pub mod row_filter;
pub mod rowtype;
pub mod running;
pub mod scalar;
pub mod scan;
pub mod segment;
pub mod settings;
pub mod shape;
pub mod sqlstate;
pub mod srf;
pub mod subtransaction;
pub mod trigger;
pub mod triggers;
pub mod type_use;
pub mod typeinfo;
pub mod types;
pub mod value;
pub mod version;
pub mod visible;
pub mod wait;
pub mod wal;
pub mod worker;
pub mod xact;

use pgrx::pg_sys;
pub use pgrx::pg_sys::{FunctionCallInfo as CallInfo, Oid};
use std::ffi::CStr;

/// The extension's schema.
pub const SCHEMA: &str = "pgrealtime";

/// Reserves a setting prefix: misspelt settings of ours become errors instead of placeholders.
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
