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
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex};

/// What one binding follows of one table.
pub struct Leg {
    /// The binding, among those of its outlet.
    pub tag: u32,
    pub outlet: Arc<dyn Outlet>,
    interest: Mutex<Arc<Interest>>,
    state: Mutex<State>,
    /// What `state` is, for those who must not wait for it: outlets are called while it is locked, and ask.
    phase: AtomicU8,
    /// Whether it begins where the relay has not come to yet: the relay's position says nothing of it.
    is_ahead: AtomicBool,
}

enum State {
    /// Changes go to the outlet. Whether the relay has had one for the leg since it was attached.
    Live {
        is_fresh: bool,
    },
    /// Changes are kept.
    CatchingUp(Kept),
    /// No change comes: the relay does not know the leg, or soon will not.
    Away,
    Ended,
}

const LIVE: u8 = 1;
const CATCHING_UP: u8 = 2;
const AWAY: u8 = 3;
const ENDED: u8 = 4;

impl State {
    fn phase(&self) -> u8 {
        match self {
            State::Live { .. } => LIVE,
            State::CatchingUp(_) => CATCHING_UP,
            State::Away => AWAY,
            State::Ended => ENDED,
        }
    }
}

/// Changes that came while the leg read what was before them.
struct Kept {
    /// Where they begin.
    start: Cursor,
    changes: VecDeque<(Arc<str>, Cursor)>,
    /// Whose share they are.
    outlet: Arc<dyn Outlet>,
    /// Whether there was none yet.
    is_fresh: bool,
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
    /// The outlet has no room, or no more; later again.
    Full {
        has_passed: bool,
    },
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
            phase: AtomicU8::new(AWAY),
            is_ahead: AtomicBool::new(false),
        })
    }

    pub fn interest(&self) -> Arc<Interest> {
        lock(&self.interest).clone()
    }

    /// Follows something else from now on. The caller has taken it off the relay, or tells the relay.
    pub fn set_interest(&self, interest: Arc<Interest>) {
        *lock(&self.interest) = interest;
    }

    fn set(&self, state: &mut State, next: State) {
        self.phase.store(next.phase(), Ordering::Release);
        *state = next;
    }

    /// Changes that come are kept from now on; they begin behind `start`.
    pub fn keep(&self, start: &Cursor) {
        let mut state = lock(&self.state);
        if !matches!(*state, State::Ended) {
            let kept = Kept {
                start: start.clone(),
                changes: VecDeque::new(),
                outlet: self.outlet.clone(),
                is_fresh: true,
                cut: None,
            };
            self.set(&mut state, State::CatchingUp(kept));
        }
    }

    /// Whether the relay's position is where the leg is.
    pub fn is_live(&self) -> bool {
        self.phase.load(Ordering::Acquire) == LIVE && !self.is_ahead.load(Ordering::Acquire)
    }

    pub(super) fn set_ahead(&self, is_ahead: bool) {
        self.is_ahead.store(is_ahead, Ordering::Release);
    }

    pub fn is_ended(&self) -> bool {
        self.phase.load(Ordering::Acquire) == ENDED
    }

    /// Whether changes that come are kept.
    pub(super) fn is_kept(&self) -> bool {
        self.phase.load(Ordering::Acquire) == CATCHING_UP
    }

    /// Wants no more changes.
    pub fn end(&self) {
        self.set(&mut lock(&self.state), State::Ended);
    }

    /// Ends the leg and tells its client why, once.
    pub fn fail(&self, fault: &Fault) {
        let was_ended = {
            let mut state = lock(&self.state);
            let was_ended = matches!(*state, State::Ended);
            self.set(&mut state, State::Ended);
            was_ended
        };
        if !was_ended {
            self.outlet.fault(self, fault);
        }
    }

    /// Takes a change that comes behind `before`.
    pub(super) fn take(&self, change: &mut Change, before: &Cursor) -> Taken {
        match &mut *lock(&self.state) {
            State::Live { .. } => Taken::ByOutlet,
            State::CatchingUp(kept) if kept.cut.is_none() => {
                if !self.outlet.share().keep(change.text().len()) {
                    kept.cut_at(before);
                    return Taken::No;
                }
                kept.is_fresh = false;
                let cursor = change.cursor.clone();
                kept.changes.push_back((change.shared(), cursor));
                Taken::Kept
            }
            _ => Taken::No,
        }
    }

    /// The outlet has taken a change of the relay.
    pub(super) fn was_passed_on(&self) {
        if let State::Live { is_fresh } = &mut *lock(&self.state) {
            *is_fresh = false;
        }
    }

    /// Leaves the relay, which has handed out everything up to `at`; `start` is where the leg's subscription begins, where the
    /// relay may not have come that far. Returns from where a leg that was live has to read on.
    pub(super) fn leave(&self, at: &Cursor, start: Option<&Cursor>) -> Option<Cursor> {
        let mut state = lock(&self.state);
        match &mut *state {
            State::Live { is_fresh } => {
                // What is before its start was read already.
                let from = start.filter(|_| *is_fresh).unwrap_or(at).clone();
                self.set(&mut state, State::Away);
                Some(from)
            }
            State::CatchingUp(kept) => {
                kept.cut_at(at);
                None
            }
            State::Away | State::Ended => None,
        }
    }

    /// Forgets what was kept, in favour of what somebody else may see: it is read again from where it begins.
    pub(super) fn forget_kept(&self) {
        if let State::CatchingUp(kept) = &mut *lock(&self.state) {
            kept.clear();
            kept.cut = Some(kept.start.clone());
        }
    }

    /// Forgets what was kept: the leg will read it from the log.
    pub(super) fn go_away(&self) {
        let mut state = lock(&self.state);
        if !matches!(*state, State::Ended) {
            self.set(&mut state, State::Away);
        }
    }

    /// Passes on what was kept; with nothing left, the leg is live.
    pub fn flush(&self) -> Caught {
        let mut state = lock(&self.state);
        let kept = match &mut *state {
            State::CatchingUp(kept) => kept,
            State::Live { .. } => return Caught::Live,
            State::Away | State::Ended => return Caught::Ended,
        };
        let mut has_passed = false;
        while let Some((text, cursor)) = kept.changes.front() {
            if !self
                .outlet
                .change(&[self.tag], &mut Change::new(text, cursor))
            {
                return Caught::Full { has_passed };
            }
            has_passed = true;
            // What was passed on is not read again, should the rest be forgotten.
            kept.start = cursor.clone();
            self.outlet.share().let_go(text.len());
            kept.changes.pop_front();
        }
        match kept.cut.take() {
            Some(cursor) => {
                self.set(&mut state, State::Away);
                Caught::Behind(cursor)
            }
            None => {
                let is_fresh = kept.is_fresh;
                self.set(&mut state, State::Live { is_fresh });
                Caught::Live
            }
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Kept {
    fn clear(&mut self) {
        let share = self.outlet.share();
        for (text, _) in self.changes.drain(..) {
            share.let_go(text.len());
        }
    }

    /// Nothing more is kept from here on. With nothing kept, what is before the start was read already.
    fn cut_at(&mut self, at: &Cursor) {
        if self.cut.is_none() {
            let from = if self.is_fresh { &self.start } else { at };
            self.cut = Some(from.clone());
        }
    }
}
