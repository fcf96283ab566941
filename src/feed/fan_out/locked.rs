//! A relation that another session keeps locked: its subscriptions are told that they miss what cannot be read. Nobody can
//! judge which of them would have received it.

use super::output::Row;
use super::table::{all, error, is_before};
use crate::error::SqlState;
use crate::feed::subscriptions::book::Book;
use crate::feed::subscriptions::gate::{Id, Subscription};
use crate::pg::Oid;

/// A locked relation, and what was read of its entries.
pub struct Locked<'b> {
    pub relation: Oid,
    /// The subscriptions that are not told yet; `None` before the first entry.
    spared: Option<Vec<(Id, &'b Subscription)>>,
    told: Vec<Id>,
}

impl<'b> Locked<'b> {
    pub fn new(relation: Oid) -> Locked<'b> {
        Locked {
            relation,
            spared: None,
            told: Vec::new(),
        }
    }

    /// Takes note of an entry. Mostly the first one reaches all subscriptions, and the others cost nothing.
    pub fn note(&mut self, book: &'b Book, xid: u64) {
        let spared = self
            .spared
            .get_or_insert_with(|| all(self.relation, book).collect());
        let told = &mut self.told;
        spared.retain(|(id, one)| {
            let is_spared = is_before(book, one, xid);
            if !is_spared {
                told.push(*id);
            }
            is_spared
        });
    }

    /// Tells the subscriptions that miss something that was read since the last time. They are told once.
    pub fn hand_out(&mut self, book: &Book, cursor: &str, put: &mut impl FnMut(Row)) {
        let Some(followed) = book.relations.get(&self.relation) else {
            return;
        };
        if self.told.is_empty() {
            return;
        }
        self.told.sort_unstable();
        let locked = SqlState::of(b"55P03");
        let error = error(locked, &followed.name, "the table is locked");
        put(Row::missed(cursor, &error, &self.told));
        self.told.clear();
    }
}
