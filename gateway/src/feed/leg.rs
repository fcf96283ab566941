//! A leg: what one binding of a client follows of one table, and how far it has come.
//!
//! The relay hands changes to legs. A leg that still reads what was before keeps them until it has caught up (*catching
//! up*), then passes them on (*live*). Without room at its client it leaves the relay and remembers where (*lagging*): the
//! log is the buffer. Later it reads from there and is live again. So nothing is lost, repeated or kept in memory.

use super::cursor::Cursor;
use super::fault::Fault;
use super::interest::Interest;
use super::outlet::{Change, Outlet};
use crate::lock;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// What a leg keeps at most of the changes that come while it catches up, in bytes.
const MAX_KEPT: usize = 1024 * 1024;

/// What one binding follows of one table.
pub struct Leg {
    /// The binding, among those of its outlet.
    pub tag: u32,
    pub outlet: Arc<dyn Outlet>,
    interest: Mutex<Arc<Interest>>,
    state: Mutex<State>,
}

enum State {
    /// Changes go to the outlet.
    Live,
    /// Changes are kept.
    CatchingUp(Kept),
    /// No change comes: the relay does not know the leg, or soon will not.
    Away,
    Ended,
}

/// Changes that came while the leg read what was before them.
#[derive(Default)]
struct Kept {
    changes: VecDeque<(Arc<str>, Cursor)>,
    bytes: usize,
    /// Where the kept changes end, where that is not where the relay is: there were too many, or the relay was lost.
    cut: Option<Cursor>,
}

/// What became of a change for a leg.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    /// The relay passes it on.
    ByOutlet,
    Kept,
    /// The leg wants nothing of the relay any more.
    No,
}

/// How a leg that had caught up goes on.
#[derive(Debug)]
pub enum Caught {
    Live,
    /// The outlet has no room; later again.
    Full,
    /// It has to read again from this cursor on.
    Behind(Cursor),
    Ended,
}

impl Leg {
    /// A leg that is on no relay yet.
    pub fn new(tag: u32, interest: Interest, outlet: Arc<dyn Outlet>) -> Arc<Leg> {
        Arc::new(Leg {
            tag,
            outlet,
            interest: Mutex::new(Arc::new(interest)),
            state: Mutex::new(State::Away),
        })
    }

    pub fn interest(&self) -> Arc<Interest> {
        lock(&self.interest).clone()
    }

    /// Follows something else from now on. The caller has taken it off the relay.
    pub fn set_interest(&self, interest: Arc<Interest>) {
        *lock(&self.interest) = interest;
    }

    /// Changes that come are kept from now on.
    pub(crate) fn keep(&self) {
        let mut state = lock(&self.state);
        if !matches!(*state, State::Ended) {
            *state = State::CatchingUp(Kept::default());
        }
    }

    pub fn is_live(&self) -> bool {
        matches!(*lock(&self.state), State::Live)
    }

    pub fn is_ended(&self) -> bool {
        matches!(*lock(&self.state), State::Ended)
    }

    /// Whether changes that come are kept.
    pub(super) fn is_kept(&self) -> bool {
        matches!(*lock(&self.state), State::CatchingUp(_))
    }

    /// Wants no more changes.
    pub fn end(&self) {
        *lock(&self.state) = State::Ended;
    }

    /// Ends the leg and tells its client why, once.
    pub fn fail(&self, fault: &Fault) {
        let before = std::mem::replace(&mut *lock(&self.state), State::Ended);
        if !matches!(before, State::Ended) {
            self.outlet.fault(self.tag, fault);
        }
    }

    /// Takes a change that comes behind `before`.
    pub(super) fn take(&self, change: &mut Change, before: &Cursor) -> Taken {
        match &mut *lock(&self.state) {
            State::Live => Taken::ByOutlet,
            State::CatchingUp(kept) if kept.cut.is_none() => {
                kept.bytes += change.text().len();
                if kept.bytes > MAX_KEPT {
                    kept.cut = Some(before.clone());
                    return Taken::No;
                }
                let cursor = change.cursor.clone();
                kept.changes.push_back((change.shared(), cursor));
                Taken::Kept
            }
            _ => Taken::No,
        }
    }

    /// Leaves the relay, which has handed out everything up to `at`. Whether it was live; it then has to read on from `at`.
    pub(super) fn leave(&self, at: &Cursor) -> bool {
        let mut state = lock(&self.state);
        match &mut *state {
            State::Live => {
                *state = State::Away;
                true
            }
            State::CatchingUp(kept) => {
                kept.cut.get_or_insert_with(|| at.clone());
                false
            }
            State::Away | State::Ended => false,
        }
    }

    /// Forgets what was kept: the leg will read it from the log.
    pub(super) fn go_away(&self) {
        let mut state = lock(&self.state);
        if !matches!(*state, State::Ended) {
            *state = State::Away;
        }
    }

    /// Passes on what was kept; with nothing left, the leg is live.
    pub(crate) fn flush(&self) -> Caught {
        let mut state = lock(&self.state);
        let kept = match &mut *state {
            State::CatchingUp(kept) => kept,
            State::Live => return Caught::Live,
            State::Away | State::Ended => return Caught::Ended,
        };
        while let Some((text, cursor)) = kept.changes.front() {
            if !self
                .outlet
                .change(&[self.tag], &mut Change::new(text, cursor))
            {
                return Caught::Full;
            }
            kept.changes.pop_front();
        }
        match kept.cut.take() {
            Some(cursor) => {
                *state = State::Away;
                Caught::Behind(cursor)
            }
            None => {
                *state = State::Live;
                Caught::Live
            }
        }
    }
}
