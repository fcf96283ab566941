//! Bindings for all tables of a schema, and tables that are not there yet.

use super::binding::Group;
use super::join::SUBSCRIBED;
use super::{Channel, Lost};
use crate::feed::{Fault, Leg, Relation, Who};
use crate::lock;
use std::collections::HashSet;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// How often the tables of a schema are looked at, and tables that were not there.
const LOOK: Duration = Duration::from_secs(5);

/// The longest pause between two attempts for a table that is not there.
const LONGEST: Duration = Duration::from_secs(60);

/// How long a look may take that others wait for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a client has to read again whose table was gone for a while.
const BACK: &str = "a table is there again that was not. Read the table again";

/// Whether what is refused now may be served later.
fn may_come(fault: &Fault) -> bool {
    fault.is_no_table() || fault.is_passing()
}

impl Channel {
    /// The realtime tables that a wildcard is for, as somebody may read them.
    pub(super) async fn tables(&self, group: &Group, who: &Who) -> Result<Vec<Relation>, Fault> {
        self.tables_since(group, who, Duration::ZERO).await
    }

    /// The same, as somebody has seen it this long ago at most.
    async fn tables_since(
        &self,
        group: &Group,
        who: &Who,
        age: Duration,
    ) -> Result<Vec<Relation>, Fault> {
        let tables = self.node.feed.tables(who, age).await?;
        let is_own = |table: &&Relation| {
            let schema = group.schema();
            schema.is_none_or(|schema| *table.schema == *schema) && group.includes(table)
        };
        Ok(tables.iter().filter(is_own).cloned().collect())
    }

    /// A binding whose table is not there, or not realtime, or not for this role, or locked: it may be, later. What is wrong
    /// with other bindings does not change by itself.
    pub(super) fn try_later(&self, tag: u32, fault: &Fault) {
        let group = lock(&self.state).groups.get(tag as usize).cloned();
        let (Some(group), Some(me)) = (group, self.me.upgrade()) else {
            return;
        };
        if !may_come(fault) {
            return;
        }
        if fault.is_passing() {
            lock(&self.state).owed.push(tag);
        }
        self.spawn(async move {
            let mut pause = LOOK;
            loop {
                tokio::select! {
                    () = sleep(pause.mul_f64(1.0 + fastrand::f64())) => {}
                    () = me.renewed.notified() => pause = LOOK,
                }
                pause = (pause * 2).min(LONGEST);
                let identity = me.turn.lock().await;
                let Some(who) = &identity.who else { continue };
                // Who waits for the turn must not wait for a database that does not answer.
                let Ok(attached) = timeout(PATIENCE, me.attach(&group, who)).await else {
                    continue;
                };
                match attached {
                    Ok(ready) if ready.iter().any(|ready| me.has_lost(ready.leg())) => {
                        return me.break_off(BACK);
                    }
                    Ok(ready) => {
                        me.settle(tag);
                        // Whether the cursor is too old is another question than it was for the others.
                        lock(&me.state).was_told = false;
                        me.about_changes(true, SUBSCRIBED);
                        ready.into_iter().for_each(|ready| me.begin(ready));
                        return;
                    }
                    // What waits for it must not wait much longer than a lock lasts.
                    Err(fault) if fault.is_passing() => pause = LOOK,
                    Err(fault) if may_come(&fault) => {}
                    Err(fault) => {
                        me.settle(tag);
                        return me.refuse(tag, &fault);
                    }
                }
            }
        });
    }

    /// Nothing is owed for a binding any more.
    fn settle(&self, tag: u32) {
        lock(&self.state).owed.retain(|owed| *owed != tag);
    }

    /// Whether the table of a leg was there before, and then was not.
    fn has_lost(&self, leg: &Leg) -> bool {
        let interest = leg.interest();
        let state = lock(&self.state);
        let is_its = |lost: &Lost| lost.tag == leg.tag && lost.relation == interest.relation;
        state.lost.iter().any(is_its)
    }

    /// Follows tables that are enabled later, for bindings that are for all of a schema.
    pub(super) fn follow_tables(&self, who: &Who) {
        let wild: Vec<Group> = {
            let state = lock(&self.state);
            let wild = state.groups.iter().filter(|group| group.is_wildcard());
            wild.cloned().collect()
        };
        let Some(me) = self.me.upgrade().filter(|_| !wild.is_empty()) else {
            return;
        };
        let mut who = who.clone();
        self.spawn(async move {
            loop {
                sleep(LOOK.mul_f64(0.75 + fastrand::f64() / 4.0)).await;
                for group in &wild {
                    // For each of them: a new token waits for one look at most.
                    let identity = me.turn.lock().await;
                    who = identity.who.clone().unwrap_or(who);
                    // What is not done in time is done at the next look.
                    let _ = timeout(PATIENCE, me.look(group, &who)).await;
                }
            }
        });
    }

    /// Takes up tables of a wildcard that have no leg.
    async fn look(&self, group: &Group, who: &Who) {
        // A binding that is tried later brings all of its tables, behind the client's cursor.
        if lock(&self.state).owed.contains(&group.tag) {
            return;
        }
        // Without an answer, the next look will see them.
        let Ok(tables) = self.tables_since(group, who, LOOK / 2).await else {
            return;
        };
        let known: HashSet<Relation> = {
            let state = lock(&self.state);
            let legs = state.legs.iter();
            legs.filter(|leg| leg.tag == group.tag && !leg.is_ended())
                .map(|leg| leg.interest().relation.clone())
                .collect()
        };
        for table in tables.into_iter().filter(|table| !known.contains(table)) {
            let interest = group.interest(table, who);
            if let Ok(mut ready) = self.attach_table(group, interest).await {
                if self.has_lost(ready.leg()) {
                    return self.break_off(BACK);
                }
                // The client's cursor is older than what it follows of this table.
                ready.since = None;
                self.begin(ready);
            }
        }
    }
}
