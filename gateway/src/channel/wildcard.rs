//! Bindings for all tables of a schema, and tables that are not there yet.

use super::binding::Group;
use super::join::SUBSCRIBED;
use super::Channel;
use crate::feed::{Fault, Relation, Who};
use crate::lock;
use std::collections::HashSet;
use std::time::Duration;
use tokio::time::sleep;

/// How often the tables of a schema are looked at, and tables that were not there.
const LOOK: Duration = Duration::from_secs(5);

/// Why a client has to read again whose table was gone for a while.
const BACK: &str = "a table is there again that was not. Read the table again";

/// Whether what is refused now may be served later.
fn may_come(fault: &Fault) -> bool {
    fault.is_no_table() || fault.is_passing()
}

impl Channel {
    /// The realtime tables that a wildcard is for, as somebody may read them.
    pub(super) async fn tables(&self, group: &Group, who: &Who) -> Result<Vec<Relation>, Fault> {
        let sessions = self.node.feed.sessions();
        let tables = sessions.tables(who, group.schema()).await?;
        let own = tables.into_iter().filter(|table| group.includes(table));
        Ok(own.collect())
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
        self.spawn(async move {
            loop {
                sleep(LOOK.mul_f64(1.0 + fastrand::f64())).await;
                let identity = me.turn.lock().await;
                let Some(who) = &identity.who else { continue };
                match me.attach(&group, who).await {
                    Ok(_) if me.has_lost(tag) => return me.break_off(BACK),
                    Ok(ready) => {
                        me.about_changes(true, SUBSCRIBED);
                        ready.into_iter().for_each(|ready| me.begin(ready));
                        return;
                    }
                    Err(fault) if may_come(&fault) => {}
                    Err(fault) => return me.refuse(tag, &fault),
                }
            }
        });
    }

    fn has_lost(&self, tag: u32) -> bool {
        lock(&self.state).lost.contains(&tag)
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
                let identity = me.turn.lock().await;
                who = identity.who.clone().unwrap_or(who);
                for group in &wild {
                    me.look(group, &who).await;
                }
            }
        });
    }

    /// Takes up tables of a wildcard that have no leg.
    async fn look(&self, group: &Group, who: &Who) {
        // Without an answer, the next look will see them.
        let Ok(tables) = self.tables(group, who).await else {
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
                if self.has_lost(group.tag) {
                    return self.break_off(BACK);
                }
                // The client's cursor is older than what it follows of this table.
                ready.since = None;
                self.begin(ready);
            }
        }
    }
}
