//! Cursors of the change log: opaque texts that the database makes and reads.

use std::sync::Arc;

/// A cursor. Clones share the text.
pub type Cursor = Arc<str>;

/// Longest text that is taken from a client for a cursor, in bytes: a cursor lists the unfinished transactions.
const MAX_LENGTH: usize = 64 * 1024;

/// Whether a character may be part of a cursor (the alphabet of base64 for URLs).
pub fn is_part(one: char) -> bool {
    one.is_ascii_alphanumeric() || one == '-' || one == '_'
}

/// A text as a cursor, where it may be one; only the database knows whether it is.
pub fn parse(text: &str) -> Option<Cursor> {
    let fits = !text.is_empty() && text.len() <= MAX_LENGTH && text.chars().all(is_part);
    fits.then(|| text.into())
}
