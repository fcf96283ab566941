//! The positions between which a change belongs, and the change that followed it.

use super::change::Place;
use super::index::Logged;

/// The change that followed on the new version of a change.
pub enum Follower<'a> {
    /// This entry followed: directly, or after changes that are logged later or not captured.
    Logged { entry: &'a Logged, at_once: bool },
    /// Nothing that is logged followed.
    NotLogged,
    /// A change followed that is not captured, or is logged later. Its order among the entries is not known.
    Unknown,
}

impl Follower<'_> {
    /// Whether this entry followed directly.
    pub fn is_at_once(&self, before: Option<Place>) -> bool {
        match self {
            Follower::Logged { entry, at_once } => *at_once && before == Some(entry.at),
            _ => false,
        }
    }
}

/// The positions between which a change belongs.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    pub after: u64,
    /// The entry before which it belongs.
    pub before: Option<Place>,
    /// Whether no other change can come between it and `before`.
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
