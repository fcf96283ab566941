//! What a judge takes, and what it returns.

use crate::feed::relation::Rows;
use crate::pg::judge::policy::Verdict;

/// The rows of a change, and whether it is a DELETE.
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
