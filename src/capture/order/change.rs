//! What matters of a change for its order, and the place of its entry.

use crate::pg::image::version::Version;
use std::rc::Rc;

/// Identifies a row.
pub type Key = Rc<[u8]>;

/// The keys that a change removes and adds. An UPDATE that keeps the key has only the first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keys {
    pub old: Option<Key>,
    pub new: Option<Key>,
}

/// What matters of a change for its order.
#[derive(Debug, Clone, Copy)]
pub struct Change {
    /// The command that made it.
    pub command: u32,
    pub new: Option<Version>,
    pub old: Option<Version>,
    /// Whether its new version has been replaced or deleted in the transaction.
    pub superseded: bool,
    /// Whether it wrote a record to the write-ahead log.
    pub recorded: bool,
}

/// The place of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub position: u64,
    /// The log's segment.
    pub segment: u16,
    /// Whether the transaction has certainly written to the write-ahead log before the positions just before this one.
    pub roomy: bool,
}
