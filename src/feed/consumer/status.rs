//! What the view `consumer_status` shows: how far each consumer is behind, and what is wrong with it.

use super::stored;
use super::stored::{Consumer, Place};
use super::{of_this_epoch, NO_PLACE};
use crate::error::Result;
use crate::log::lag::{Keeping, Lag};
use crate::log::unread::Unread;
use crate::pg::backend::xact;
use crate::pg::catalog::acl;
use crate::pg::catalog::privilege;
use crate::pg::storage::heap;
use crate::timestamp::Timestamp;
use pgrx::prelude::TimestampWithTimeZone;
use std::collections::HashMap;
use std::time::Duration;

/// A row of the view.
pub struct Status {
    pub name: String,
    pub owner: String,
    pub created_at: Option<TimestampWithTimeZone>,
    pub last_used: Option<Timestamp>,
    /// `None` where it was not measured, or the consumer is refused.
    pub lag: Option<Lag>,
    /// Zero for one that is refused.
    pub kept_for: Duration,
    /// Why the consumer is refused, or nobody can use it.
    pub problem: Option<String>,
}

/// The consumers that the current role may see: its own; all of them for roles that may see the statistics of all or the state
/// of the log. `measured`: with their lags. Errors: 42P01 when the extension does not exist in this database; XX001 when
/// the log is damaged.
pub fn states(measured: bool) -> Result<Vec<Status>> {
    let sees_all = privilege::reads_all_stats()
        || heap::member_oid("log_status").is_some_and(acl::may_select_some);
    let mut consumers = stored::all()?;
    consumers.retain(|consumer| sees_all || acl::acts_as(consumer.owner));
    if consumers.is_empty() {
        return Ok(Vec::new());
    }
    let places: HashMap<String, Place> = stored::places()?;
    let keeping = Keeping::read(xact::now())?;
    consumers
        .into_iter()
        .map(|consumer| {
            let place = places.get(&consumer.name);
            status(consumer, place, measured, &keeping)
        })
        .collect()
}

fn status(
    consumer: Consumer,
    place: Option<&Place>,
    measured: bool,
    keeping: &Keeping,
) -> Result<Status> {
    let mut problem = None;
    let mut state = (None, Duration::ZERO);
    match place {
        None => problem = Some(read_again(NO_PLACE)),
        Some(place) => match look(place, measured, keeping)? {
            Look::Inside { lag, kept_for } => state = (lag, kept_for),
            Look::Refused(why) => problem = Some(why),
        },
    }
    let (lag, kept_for) = state;
    let owner = acl::existing_role_name(consumer.owner);
    if owner.is_none() {
        problem = Some("owner was dropped: a superuser can drop the consumer".to_owned());
    }
    Ok(Status {
        name: consumer.name,
        owner: owner.unwrap_or_else(|| consumer.owner.to_u32().to_string()),
        created_at: consumer.created_at,
        last_used: place.and_then(|place| place.used_at),
        lag,
        kept_for,
        problem,
    })
}

enum Look {
    Inside {
        lag: Option<Lag>,
        kept_for: Duration,
    },
    Refused(String),
}

/// The view raises no error for one consumer that is refused.
fn look(place: &Place, measured: bool, keeping: &Keeping) -> Result<Look> {
    let Ok(cursor) = of_this_epoch(place, &keeping.origin()) else {
        return Ok(Look::Refused(read_again("The stored cursor is not valid.")));
    };
    if let Some(why) = keeping.why_refused(&cursor)? {
        return Ok(Look::Refused(read_again(why)));
    }
    let kept_for = keeping.kept_for(&cursor);
    let lag = match measured {
        false => None,
        true => match Unread::open(&cursor) {
            Ok(Some(unread)) => Some(Lag::of(&unread)?),
            // Another session has moved it beyond what this statement sees.
            Ok(None) => Some(Lag::default()),
            // A segment was emptied just now.
            Err(_) => None,
        },
    };
    Ok(Look::Inside { lag, kept_for })
}

fn read_again(why: &str) -> String {
    format!("read the table again: {why}")
}
