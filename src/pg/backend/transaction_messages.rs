//! Messages of a transaction, which Postgres itself delivers when it commits: logical ones and notifications.

use pgrx::pg_sys;
use pgrx::pg_sys::ffi::pg_guard_ffi_boundary;
use std::ffi::{c_char, CStr, CString};

unsafe extern "C-unwind" {
    #[cfg(any(feature = "pg15", feature = "pg16"))]
    fn LogLogicalMessage(
        prefix: *const c_char,
        message: *const c_char,
        size: usize,
        transactional: bool,
    ) -> pg_sys::XLogRecPtr;
    #[cfg(not(any(feature = "pg15", feature = "pg16")))]
    fn LogLogicalMessage(
        prefix: *const c_char,
        message: *const c_char,
        size: usize,
        transactional: bool,
        flush: bool,
    ) -> pg_sys::XLogRecPtr;
    fn Async_Notify(channel: *const c_char, payload: *const c_char);
}

/// Writes a logical message that decoding sees when, and if, the transaction commits.
pub fn logical_message(prefix: &CStr, content: &[u8]) {
    // SAFETY: both are copied into the WAL record.
    unsafe {
        pg_guard_ffi_boundary(|| {
            #[cfg(any(feature = "pg15", feature = "pg16"))]
            LogLogicalMessage(
                prefix.as_ptr(),
                content.as_ptr().cast(),
                content.len(),
                true,
            );
            #[cfg(not(any(feature = "pg15", feature = "pg16")))]
            LogLogicalMessage(
                prefix.as_ptr(),
                content.as_ptr().cast(),
                content.len(),
                true,
                false,
            );
        })
    }
}

/// Notifies a channel at commit; a payload that was notified before in the transaction is left out by Postgres.
pub fn notify(channel: &CStr, payload: &str) {
    let Ok(payload) = CString::new(payload) else {
        return;
    };
    let payload = payload.as_ptr();
    // SAFETY: both are copied.
    unsafe { pg_guard_ffi_boundary(|| Async_Notify(channel.as_ptr(), payload)) }
}
