//! A change as far as its order goes, and where its entry is.

use crate::pg::image::version::Version;
use std::rc::Rc;

/// What tells a row apart.
pub type Key = Rc<[u8]>;

/// The keys that a change takes away and brings; of an UPDATE that leaves the key alone only the first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keys {
    pub old: Option<Key>,
    pub new: Option<Key>,
}

/// A change, as far as its order goes.
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

/// Where an entry has been put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub position: u64,
    /// The log's segment.
    pub segment: u16,
    /// Whether the transaction is certain to have written to the write-ahead log before the numbers in front of it.
    pub roomy: bool,
}
