//! What the feed hands to a channel, and what the channel makes of it for its client.

use super::binding::Group;
use super::{Channel, Lost, State};
use crate::feed::{Change, Cursor, Fault, Later, Leg, Outlet, Share};
use crate::lock;
use crate::phoenix::reply;

impl Channel {
    /// Sends the cursor that the legs begin at. The next one comes when the relay has nothing else to do: who follows cursors
    /// and loses the connection until then would have none.
    pub(super) fn begin_at(&self, cursor: &Cursor) {
        self.offer_cursor(&mut lock(&self.state), cursor);
    }

    /// Sends a cursor that no leg is behind, where the client follows them and nothing is owed to it.
    fn offer_cursor(&self, state: &mut State, cursor: &Cursor) {
        let is_due = state.follows
            && state.owed.is_empty()
            && !state.lost.iter().any(|lost| lost.is_held)
            && !state.is_closed
            && state.cursor.as_ref() != Some(cursor);
        let frame = || reply::cursor(self.version, &self.topic, cursor).into();
        if is_due && self.outbox.offer(frame()) {
            state.cursor = Some(cursor.clone());
        }
    }
}

impl Outlet for Channel {
    fn change(&self, tags: &[u32], change: &mut Change) -> bool {
        let state = lock(&self.state);
        let mut ids = Vec::with_capacity(4);
        for tag in tags {
            if let Some(group) = state.groups.get(*tag as usize) {
                group.ids(change.operation(), &mut ids);
            }
        }
        ids.sort_unstable();
        ids.dedup();
        // Without bindings the channel has ended: nothing is to be sent.
        ids.is_empty()
            || self
                .outbox
                .offer(change.frame(self.version, &self.topic, &ids))
    }

    fn moved(&self, cursor: &Cursor) {
        let mut state = lock(&self.state);
        if state.legs.iter().all(|leg| leg.is_live() || leg.is_ended()) {
            self.offer_cursor(&mut state, cursor);
        }
    }

    fn fault(&self, leg: &Leg, fault: &Fault) {
        // What passes has lasted too long.
        if fault.is_read_again() || fault.is_passing() {
            // What the database says of itself is for its operator.
            let passing = "the database did not answer in time. Read the table again";
            let reason = if fault.is_passing() {
                passing
            } else {
                &fault.message
            };
            return self.break_off(reason);
        }
        let (tag, relation) = (leg.tag, leg.interest().relation.clone());
        let is_wildcard = {
            let mut state = lock(&self.state);
            let group = state.groups.get(tag as usize);
            let is_wildcard = group.is_some_and(Group::is_wildcard);
            if fault.is_no_table() {
                state.lost.push(Lost {
                    tag,
                    relation: relation.clone(),
                    is_held: !is_wildcard || fault.is_denied(),
                });
            }
            is_wildcard
        };
        if is_wildcard && fault.is_no_table() {
            // It is none of the schema's tables any more.
            let gone = "is not there any more, or not for this client";
            return self.about_changes(false, &format!("The table {relation} {gone}"));
        }
        self.refuse(tag, fault);
        self.try_later(tag, fault);
    }

    fn missed(&self, _: u32, fault: &Fault) -> bool {
        let before = std::mem::replace(&mut lock(&self.state).was_told, true);
        if !before {
            ::metrics::counter!(crate::metrics::READ_AGAIN, "reason" => "since").increment(1);
            self.about_changes(false, &fault.message);
        }
        true
    }

    fn room(&self) -> Later<'_> {
        Box::pin(self.outbox.room())
    }

    fn is_closed(&self) -> bool {
        self.is_over() || self.outbox.is_closed()
    }

    fn share(&self) -> &Share {
        &self.outbox.share
    }
}
