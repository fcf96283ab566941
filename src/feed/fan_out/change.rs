//! The entries of followed relations that a call has read.

use crate::change::RowOperation;
use crate::error::Error;
use crate::feed::relation::Rows;
use crate::log::entry::GapCause;
use crate::timestamp::Timestamp;

/// An entry of a followed relation.
pub struct Change<'m> {
    /// Place of its relation.
    pub table: usize,
    pub position: u64,
    pub xid: u64,
    pub committed_at: Timestamp,
    pub what: What<'m>,
}

pub enum What<'m> {
    Row(RowOperation, Rows<'m>),
    Truncate,
    Gap(Option<GapCause>),
    /// A row whose image cannot be read, and why.
    Unreadable(RowOperation, Error),
}
