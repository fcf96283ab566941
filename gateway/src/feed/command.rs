//! What a relay is asked to do.

use super::cursor::Cursor;
use super::fault::Fault;
use super::interest::Interest;
use super::leg::Leg;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Where a leg begins.
#[derive(Debug, Clone)]
pub struct Attached {
    /// It is handed every change committed after this cursor.
    pub start: Cursor,
    /// How far the relay had come.
    pub position: Cursor,
}

impl Attached {
    /// A cursor that is not ahead of where any of these begins, where they say one. Whoever follows them from their beginning
    /// can go on from it.
    pub fn first<'a>(all: impl Iterator<Item = &'a Attached> + Clone) -> Option<&'a Cursor> {
        let one = all.clone().next()?;
        if all.clone().all(|other| other.start == one.start) {
            return Some(&one.start);
        }
        // The relay has not come further than what begins at that moment. Of two of its positions nobody here knows the first.
        let mut others = all;
        others
            .all(|other| other.position == one.position)
            .then_some(&one.position)
    }
}

/// How an attachment is answered.
pub type Reply = oneshot::Sender<Result<Attached, Fault>>;

pub enum Command {
    Attach {
        leg: Arc<Leg>,
        /// Its client has a cursor, and may have come further than the relay. The leg then needs a subscription that begins
        /// now, or changes would be repeated.
        has_cursor: bool,
        reply: Reply,
    },
    Detach(Arc<Leg>),
    /// The leg has caught up: its client is told how far it has come, once the relay has come as far.
    Tell(Arc<Leg>),
    /// The leg follows this from now on; `stays` says whether this relay is the one for it.
    Renew {
        leg: Arc<Leg>,
        interest: Arc<Interest>,
        stays: bool,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(all: &[(&str, &str)]) -> Option<String> {
        let all: Vec<_> = all
            .iter()
            .map(|(start, position)| Attached {
                start: (*start).into(),
                position: (*position).into(),
            })
            .collect();
        Attached::first(all.iter()).map(|cursor| cursor.to_string())
    }

    #[test]
    fn the_first_cursor_is_ahead_of_no_leg() {
        assert_eq!(first(&[]), None);
        assert_eq!(first(&[("s", "p")]).as_deref(), Some("s"));
        assert_eq!(first(&[("s", "p"), ("s", "q")]).as_deref(), Some("s"));
        assert_eq!(first(&[("s", "p"), ("t", "p")]).as_deref(), Some("p"));
        assert_eq!(
            first(&[("s", "p"), ("t", "q")]),
            None,
            "which is older is not known"
        );
    }
}
