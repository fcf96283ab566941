//! The result that a background worker passes to the session that waits for it, in shared memory.

use crate::error::SqlState;
use pgrx::pg_sys;
use std::sync::atomic::{AtomicU32, Ordering};

/// The result of a janitor's run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The number of segments that it emptied.
    pub emptied: u32,
    /// There is no such log: it was dropped, or the transaction that created it has not committed.
    pub no_log: bool,
    pub failure: Option<Failure>,
}

/// An error of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub code: SqlState,
    pub message: String,
}

/// The maximum size of an error message, in bytes.
const TEXT: usize = 480;

#[repr(C)]
struct Letter {
    /// Whether the other fields have been written.
    written: AtomicU32,
    emptied: u32,
    no_log: bool,
    failed: bool,
    code: i32,
    length: u32,
    text: [u8; TEXT],
}

/// A place for one result in dynamic shared memory. It lasts until both the session's transaction and the worker's
/// process have ended.
pub struct Mailbox {
    segment: *mut pg_sys::dsm_segment,
}

impl Mailbox {
    /// Makes an empty one.
    pub fn create() -> Mailbox {
        // SAFETY: called in a transaction, whose resource owner gives it back on an error; the segment is large enough
        // and aligned as a page is.
        unsafe {
            let segment = pg_sys::dsm_create(std::mem::size_of::<Letter>(), 0);
            pg_sys::dsm_segment_address(segment)
                .cast::<Letter>()
                .write(Letter {
                    written: AtomicU32::new(0),
                    emptied: 0,
                    no_log: false,
                    failed: false,
                    code: 0,
                    length: 0,
                    text: [0; TEXT],
                });
            Mailbox { segment }
        }
    }

    /// The worker's side; `None` if the session does not wait any more.
    pub fn attach(handle: u32) -> Option<Mailbox> {
        // SAFETY: a handle that no segment has is answered with null. Without a resource owner it stays until the process
        // ends.
        let segment = unsafe { pg_sys::dsm_attach(handle) };
        (!segment.is_null()).then_some(Mailbox { segment })
    }

    /// The handle for [`Mailbox::attach`].
    pub fn handle(&self) -> u32 {
        // SAFETY: the segment is attached.
        unsafe { pg_sys::dsm_segment_handle(self.segment) }
    }

    /// Writes the result. Called once, by the worker only.
    pub fn put(&self, outcome: &Outcome) {
        // SAFETY: the segment is attached and holds a letter; the session does not read it before `written` says so.
        unsafe {
            let letter = pg_sys::dsm_segment_address(self.segment).cast::<Letter>();
            (*letter).emptied = outcome.emptied;
            (*letter).no_log = outcome.no_log;
            if let Some(failure) = &outcome.failure {
                let length = floor_char_boundary(&failure.message, TEXT);
                (*letter).failed = true;
                (*letter).code = failure.code.packed();
                (*letter).length = length as u32;
                (&mut (*letter).text)[..length]
                    .copy_from_slice(&failure.message.as_bytes()[..length]);
            }
            (*letter).written.store(1, Ordering::Release);
        }
    }

    /// The result, after the worker has ended; `None` if the worker ended without writing it.
    pub fn take(self) -> Option<Outcome> {
        // SAFETY: the segment is attached until here; what was written is not written again.
        unsafe {
            let letter = pg_sys::dsm_segment_address(self.segment).cast::<Letter>();
            let outcome = ((*letter).written.load(Ordering::Acquire) == 1).then(|| {
                let text = &(&(*letter).text)[..((*letter).length as usize).min(TEXT)];
                Outcome {
                    emptied: (*letter).emptied,
                    no_log: (*letter).no_log,
                    failure: (*letter).failed.then(|| Failure {
                        code: SqlState::from_packed((*letter).code),
                        message: String::from_utf8_lossy(text).into_owned(),
                    }),
                }
            });
            pg_sys::dsm_detach(self.segment);
            outcome
        }
    }
}

/// The longest prefix of a text that fits into this number of bytes.
fn floor_char_boundary(text: &str, bytes: usize) -> usize {
    (0..=bytes.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::floor_char_boundary;

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(floor_char_boundary("", 4), 0);
        assert_eq!(floor_char_boundary("abc", 4), 3);
        assert_eq!(floor_char_boundary("abcé", 4), 3);
        assert_eq!(floor_char_boundary("abcé", 5), 5);
    }
}
