//! What is followed, and by whom.

use std::fmt;
use std::sync::Arc;

/// Who reads: a role of the database, and claims. They reach the database as parameters only.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Who {
    pub role: Arc<str>,
    /// A JSON object, the value of `request.jwt.claims`.
    pub claims: Arc<str>,
}

/// Without the claims: they are of a user, and logs are read by others.
impl fmt::Debug for Who {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        write!(out, "{}", self.role)
    }
}

/// A table by its name, as the catalog has it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Relation {
    pub schema: Box<str>,
    pub table: Box<str>,
}

impl fmt::Display for Relation {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        write!(out, "{}.{}", self.schema, self.table)
    }
}

/// The arguments of a subscription (`pgrealtime.subscribe`). Equal ones share one subscription of the relay.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Interest {
    pub relation: Relation,
    pub filter: Option<Box<str>>,
    /// `None` for all.
    pub events: Option<Vec<Box<str>>>,
    /// `None` for all.
    pub columns: Option<Vec<Box<str>>>,
    pub who: Who,
}
