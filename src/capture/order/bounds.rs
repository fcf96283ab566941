//! Between which positions a change belongs, and what came after it.

use super::change::Place;
use super::index::Logged;

/// What came after a change of its new version.
pub enum Follower<'a> {
    /// This, at once or by way of changes that are logged later or not captured.
    Logged { entry: &'a Logged, at_once: bool },
    /// Nothing that has been logged.
    NotLogged,
    /// Something that is not captured, or logged later: what it has to do with other entries is not known.
    Untold,
}

impl Follower<'_> {
    pub fn is_at_once(&self, before: Option<Place>) -> bool {
        match self {
            Follower::Logged { entry, at_once } => *at_once && before == Some(entry.at),
            _ => false,
        }
    }
}

/// Between which positions a change belongs.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    pub after: u64,
    /// The entry that it belongs in front of.
    pub before: Option<Place>,
    /// Whether nothing can come between.
    pub direct: bool,
}

impl Bounds {
    pub fn add(&mut self, at: Place, comes_after: bool) {
        if !comes_after {
            self.after = self.after.max(at.position);
        } else if self
            .before
            .is_none_or(|before| at.position < before.position)
        {
            self.before = Some(at);
        }
    }
}
