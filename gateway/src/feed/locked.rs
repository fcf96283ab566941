//! Tables that somebody has locked: one reader looks whether they still are, and the others wait without a session.

use super::fault::Fault;
use super::interest::{Interest, Relation};
use crate::lock;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long the others wait for whoever looks: a lock is waited for that long, and a little longer.
const LOOK: Duration = Duration::from_secs(3);

/// How long a lock is taken to last that was met.
const PAUSE: Duration = Duration::from_millis(200);

/// A table, and the role that reads it: its policies may read other tables, which may be those that are locked.
type Key = (Relation, Arc<str>);

/// Tables that were locked, and until when nobody asks for them.
#[derive(Default)]
pub struct Locked {
    until: Mutex<HashMap<Key, Instant>>,
}

fn key(interest: &Interest) -> Key {
    (interest.relation.clone(), interest.who.role.clone())
}

/// What is said without asking the database.
pub fn fault() -> Fault {
    Fault::new("55P03", "somebody has locked the table")
}

impl Locked {
    /// Whether there is any use in waiting for a session to read an interest. Errors: 55P03 while it is known to be locked.
    pub fn peek(&self, interest: &Interest, now: Instant) -> Result<(), Fault> {
        let known = lock(&self.until);
        let until = (!known.is_empty()).then(|| known.get(&key(interest)));
        match until.flatten() {
            Some(until) if *until > now => Err(fault()),
            _ => Ok(()),
        }
    }

    /// The same for who has a session, and looks then; the others wait for what comes of it.
    pub fn ask(&self, interest: &Interest, now: Instant) -> Result<(), Fault> {
        self.peek(interest, now)?;
        if let Some(until) = lock(&self.until).get_mut(&key(interest)) {
            *until = now + LOOK;
        }
        Ok(())
    }

    /// What came of reading an interest.
    pub fn saw(&self, interest: &Interest, is_locked: bool, now: Instant) {
        let mut known = lock(&self.until);
        if is_locked {
            // Whom nobody asks for any more is forgotten.
            known.retain(|_, until| *until + LOOK > now);
            known.insert(key(interest), now + PAUSE);
        } else if !known.is_empty() {
            known.remove(&key(interest));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::interest::Who;
    use super::*;

    fn interest(table: &str) -> Interest {
        Interest {
            relation: Relation {
                schema: "public".into(),
                table: table.into(),
            },
            filter: None,
            events: None,
            columns: None,
            who: Who {
                role: "anon".into(),
                claims: "{}".into(),
            },
        }
    }

    #[test]
    fn one_looks_while_the_others_wait() {
        let (locked, one, other) = (Locked::default(), interest("a"), interest("b"));
        let now = Instant::now();
        assert!(locked.ask(&one, now).is_ok());
        locked.saw(&one, true, now);
        assert!(locked.ask(&one, now).is_err_and(|fault| fault.is_locked()));
        assert!(locked.ask(&other, now).is_ok());
        let later = now + PAUSE;
        assert!(locked.peek(&one, later).is_ok());
        assert!(locked.ask(&one, later).is_ok(), "one looks");
        assert!(locked.peek(&one, later).is_err());
        assert!(locked.ask(&one, later).is_err(), "the others wait");
        assert!(
            locked.ask(&one, later + LOOK).is_ok(),
            "who looks may have gone"
        );
        locked.saw(&one, false, later);
        assert!(locked.ask(&one, later).is_ok());
        assert!(locked.ask(&one, later).is_ok());
    }
}
