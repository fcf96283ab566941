//! Which tables a role may read: asked once for all clients of the role, who look at it again and again.

use super::fault::Fault;
use super::interest::{Relation, Who};
use super::session::Sessions;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// The tables of each role, and when they were looked at.
#[derive(Default)]
pub struct Tables {
    known: Mutex<HashMap<Arc<str>, Seen>>,
}

type Seen = (Instant, Arc<[Relation]>);

impl Tables {
    /// The realtime tables that a role may read, not older than `age`. Claims make no difference to that.
    pub async fn of(
        &self,
        sessions: &Sessions,
        who: &Who,
        age: Duration,
    ) -> Result<Arc<[Relation]>, Fault> {
        let asked = Instant::now();
        // Who waits here for somebody else's look takes it, where it began after the question.
        let mut known = self.known.lock().await;
        if let Some((at, tables)) = known.get(&who.role) {
            if *at + age >= asked {
                return Ok(tables.clone());
            }
        }
        let at = Instant::now();
        let tables: Arc<[Relation]> = sessions.tables(who).await?.into();
        known.insert(who.role.clone(), (at, tables.clone()));
        Ok(tables)
    }
}
