//! When the transactions of entries committed.

use crate::log::decode::Entry;
use crate::pg::backend::commit_time;
use crate::timestamp::Timestamp;

/// The time of the last transaction that was looked up. The entries of a transaction are usually adjacent.
#[derive(Default)]
pub struct CommitTimes {
    last: Option<(u64, Timestamp)>,
    /// Whether the server records commit times; `None` until this is needed.
    are_kept: Option<bool>,
}

impl CommitTimes {
    /// The time of the commit if the server records it, else the start of the transaction.
    pub fn of(&mut self, entry: &Entry) -> Timestamp {
        match self.last {
            Some((xid, at)) if xid == entry.xid => at,
            _ => {
                let kept = *self.are_kept.get_or_insert_with(commit_time::are_kept);
                let at = kept.then(|| commit_time::of(entry.xid)).flatten();
                let at = at.unwrap_or(entry.changed_at);
                self.last = Some((entry.xid, at));
                at
            }
        }
    }
}
