//! What a subscription has to be told: what its own calls of `changes_since` give.

use super::received::Received;
use crate::{check, Outcome};

/// A change, or an error that stands in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Change(String),
    /// Changes are missing: the table has to be read again.
    Gap,
    /// The call that reached this change raised this.
    Raised(String),
    /// Every call raises this.
    Always(String),
}

#[derive(Debug, Default)]
pub struct Expected {
    pub events: Vec<Event>,
    /// Whether a gap comes later in the batch: what is before it is not delivered.
    pub lost: bool,
    /// Where its own calls go on from.
    pub cursor: String,
}

impl Expected {
    pub fn check(&mut self, own: &[&Received]) -> Outcome {
        let got: Vec<Event> = own
            .iter()
            .map(|row| match (&row.change, row.error.as_deref()) {
                (Some(change), _) => Event::Change(change.clone()),
                (None, Some("72000")) => Event::Gap,
                (None, error) if row.ends() => Event::Always(error.unwrap_or_default().to_string()),
                (None, error) => Event::Raised(error.unwrap_or_default().to_string()),
            })
            .collect();
        if self.lost {
            let last = self.events.iter().rposition(|event| *event == Event::Gap);
            self.events.truncate(last.map_or(0, |last| last + 1));
        }
        if got == self.events || self.differs_by_errors(&got) {
            return Ok(());
        }
        let place = got
            .iter()
            .zip(&self.events)
            .take_while(|(a, b)| a == b)
            .count();
        let show = |events: &[Event]| match events.get(place) {
            None => "nothing more".to_string(),
            Some(event) => format!("{event:?}"),
        };
        Err(format!(
            "{} rows instead of {}, the first that differs is number {place}\n  fan_out:       {}\n  changes_since: {}",
            got.len(),
            self.events.len(),
            show(&got),
            show(&self.events)
        ))
    }

    /// Where a policy raises an error, `fan_out` tells as much or less of it: it asks no policy about rows that the
    /// filter leaves out, and says nothing of changes that are not asked for. Such a change may come, too.
    fn differs_by_errors(&self, got: &[Event]) -> bool {
        let always = self
            .events
            .iter()
            .any(|event| matches!(event, Event::Always(_)));
        if always {
            return got
                .iter()
                .all(|event| matches!(event, Event::Raised(_) | Event::Gap));
        }
        let mut own = self.events.iter().peekable();
        let mut spare = 0;
        for event in got {
            loop {
                match own.peek() {
                    Some(next) if *next == event => {
                        own.next();
                        break;
                    }
                    Some(Event::Raised(_)) => {
                        own.next();
                        spare += 1;
                    }
                    _ if spare > 0 && matches!(event, Event::Change(_)) => {
                        spare -= 1;
                        break;
                    }
                    _ => return false,
                }
            }
        }
        own.all(|event| matches!(event, Event::Raised(_)))
    }
}

/// Its own call is refused: it has to be told, at the latest in place of the next change that it would receive.
pub fn check_end(code: &str, own: &[&Received]) -> Outcome {
    let told = own.iter().any(|row| row.error.as_deref() == Some(code));
    check(told || own.is_empty(), || {
        format!("its own call is refused with {code}, and it was told something else")
    })
}
