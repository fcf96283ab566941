//! Messages that Postgres delivers when the transaction commits: logical messages and notifications.

use crate::pg::sys::{compat, raw};
use pgrx::pg_sys::ffi::pg_guard_ffi_boundary;
use std::ffi::{CStr, CString};

/// Writes a logical message that decoding outputs only if the transaction commits.
pub fn logical_message(prefix: &CStr, content: &[u8]) {
    let (message, size) = (content.as_ptr().cast(), content.len());
    // SAFETY: the message has that size.
    unsafe { pg_guard_ffi_boundary(|| compat::log_logical_message(prefix, message, size)) }
}

/// Notifies a channel at commit. Postgres skips a payload that was already notified in the same transaction.
pub fn notify(channel: &CStr, payload: &str) {
    let Ok(payload) = CString::new(payload) else {
        return;
    };
    let payload = payload.as_ptr();
    // SAFETY: both are copied.
    unsafe { pg_guard_ffi_boundary(|| raw::Async_Notify(channel.as_ptr(), payload)) }
}
