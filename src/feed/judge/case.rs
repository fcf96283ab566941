//! What is judged, and what comes of it.

use crate::feed::relation::Rows;
use crate::pg::judge::policy::Verdict;

/// The rows of a change and whether the whole row was deleted.
pub struct Case<'a> {
    pub rows: &'a Rows<'a>,
    pub is_delete: bool,
}

/// Whether the old and the new row are seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sees {
    pub old: Verdict,
    pub new: Verdict,
}
