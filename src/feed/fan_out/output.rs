//! The rows that a call returns.

use super::change::{Change, What};
use super::form::Told;
use super::receivers::{Message, Receivers};
use super::table::Table;
use crate::change::Operation;
use crate::feed::subscriptions::book::Book;
use crate::feed::subscriptions::gate::Id;
use crate::feed::who::Session;
use crate::log::cursor::BatchCursors;
use crate::pg::backend::subtransaction::{attempt, Raised};

/// A returned row.
pub struct Row<'a> {
    pub cursor: &'a str,
    pub change: Option<&'a [u8]>,
    /// Whom it is for, ascending; nobody in the last row, which has the cursor to go on from.
    pub subscriptions: Option<&'a [Id]>,
    /// Why these miss the change.
    pub error: Option<&'a str>,
}

impl<'a> Row<'a> {
    /// One for subscriptions that miss something.
    pub fn missed(cursor: &'a str, error: &'a str, ids: &'a [Id]) -> Row<'a> {
        Row {
            cursor,
            change: None,
            subscriptions: Some(ids),
            error: Some(error),
        }
    }

    /// The last one.
    pub fn end(cursor: &'a str) -> Row<'a> {
        Row {
            cursor,
            change: None,
            subscriptions: None,
            error: None,
        }
    }
}

/// What changes are written with.
pub struct Output<'a> {
    pub book: &'a Book,
    pub tables: &'a [Option<Table>],
    pub session: &'a Session,
    pub message: &'a mut Vec<u8>,
}

impl Output<'_> {
    /// Hands out the rows of one change, and says how many bytes their messages have.
    pub fn hand_out(
        &mut self,
        change: &Change,
        receivers: &Receivers,
        cursors: &BatchCursors,
        put: &mut impl FnMut(Row),
    ) -> usize {
        let (before, at) = (cursors.at(change.position - 1), cursors.at(change.position));
        let mut left = receivers.messages.len() + receivers.missed.len();
        let mut cursor = || {
            left -= 1;
            if left == 0 { &at } else { &before }.as_str()
        };
        let mut bytes = 0;
        for (message, ids) in receivers.in_order() {
            let cursor = cursor();
            self.message.clear();
            match self.write(change, message) {
                Ok(()) => {
                    bytes += self.message.len();
                    put(Row {
                        cursor,
                        change: Some(self.message),
                        subscriptions: Some(ids),
                        error: None,
                    });
                }
                Err(error) => put(Row {
                    cursor,
                    change: None,
                    subscriptions: Some(ids),
                    error: Some(&error),
                }),
            }
        }
        for (error, ids) in &receivers.missed {
            put(Row {
                cursor: cursor(),
                change: None,
                subscriptions: Some(ids),
                error: Some(error),
            });
        }
        bytes
    }

    /// Writes a message; what a user's function raises on the way is its error.
    fn write(&mut self, change: &Change, message: &Message) -> std::result::Result<(), String> {
        let Some(table) = &self.tables[change.table] else {
            return Ok(());
        };
        let operation = message.operation();
        let (old, new) = match &change.what {
            What::Row(_, rows) => (rows.old.as_ref(), rows.new.as_ref()),
            What::Truncate | What::Gap(_) => (None, None),
        };
        let told = Told {
            operation,
            old: old.filter(|_| operation != Operation::Insert),
            new: new.filter(|_| operation != Operation::Delete),
            committed_at: change.committed_at,
        };
        let form = &table.forms[message.form];
        let Some(who) = message.who.and_then(|who| self.book.whos.get(who)) else {
            form.write(&told, self.message);
            return Ok(());
        };
        let written = attempt(|| {
            self.session.act_as(who, || {
                form.write(&told, self.message);
                Ok(())
            })
        });
        let reason = "a value could not be written as json";
        written.map_err(|raised: Raised| table.error_of(raised.sqlstate, reason))
    }
}
