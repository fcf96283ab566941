//! Messages of a transaction, which Postgres itself delivers when it commits: logical ones and notifications.

use crate::pg::sys::{compat, raw};
use pgrx::pg_sys::ffi::pg_guard_ffi_boundary;
use std::ffi::{CStr, CString};

/// Writes a logical message that decoding sees when, and if, the transaction commits.
pub fn logical_message(prefix: &CStr, content: &[u8]) {
    let (message, size) = (content.as_ptr().cast(), content.len());
    // SAFETY: the message has that size.
    unsafe { pg_guard_ffi_boundary(|| compat::log_logical_message(prefix, message, size)) }
}

/// Notifies a channel at commit; a payload that was notified before in the transaction is left out by Postgres.
pub fn notify(channel: &CStr, payload: &str) {
    let Ok(payload) = CString::new(payload) else {
        return;
    };
    let payload = payload.as_ptr();
    // SAFETY: both are copied.
    unsafe { pg_guard_ffi_boundary(|| raw::Async_Notify(channel.as_ptr(), payload)) }
}
