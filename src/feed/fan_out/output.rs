//! The rows that a call returns.

use super::change::{Change, What};
use super::form::Told;
use super::receivers::{Message, Receivers};
use super::table::Table;
use crate::change::Operation;
use crate::feed::ahead::Ahead;
use crate::feed::subscriptions::book::Book;
use crate::feed::subscriptions::gate::Id;
use crate::feed::who::Session;
use crate::log::cursor::BatchCursors;
use crate::pg::backend::subtransaction::attempt;

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

/// A message of a change, and whom it is for.
pub struct Letter<'a> {
    change: &'a Change<'a>,
    message: Message,
    ids: &'a [Id],
}

/// The letters of changes, in the order in which they are handed out.
pub fn letters<'a>(
    changes: impl Iterator<Item = (&'a Change<'a>, &'a Receivers)>,
) -> Vec<Letter<'a>> {
    let of_one = |(change, receivers): (&'a Change<'a>, &'a Receivers)| {
        let messages = receivers.in_order().into_iter();
        messages.map(move |(message, ids)| Letter {
            change,
            message: *message,
            ids,
        })
    };
    changes.flat_map(of_one).collect()
}

/// Hands out the rows of changes.
pub struct Output<'a> {
    pub book: &'a Book,
    pub tables: &'a [Option<Table>],
    pub session: &'a Session,
    pub ahead: &'a mut Ahead,
    /// Those that are not yet handed out.
    pub letters: &'a [Letter<'a>],
}

impl Output<'_> {
    /// Hands out the rows of the next change, and says how many bytes their messages have.
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
        for _ in 0..receivers.messages.len() {
            let cursor = cursor();
            let Some((letter, rest)) = self.letters.split_first() else {
                break;
            };
            match self.write() {
                Ok(message) => {
                    bytes += message.len();
                    put(Row {
                        cursor,
                        change: Some(message),
                        subscriptions: Some(letter.ids),
                        error: None,
                    });
                }
                Err(error) => put(Row::missed(cursor, &error, letter.ids)),
            }
            self.letters = rest;
        }
        for (error, ids) in &receivers.missed {
            put(Row::missed(cursor(), error, ids));
        }
        bytes
    }

    /// The message of the next letter; what is raised on the way is the error of those who would get it.
    fn write(&mut self) -> std::result::Result<&[u8], String> {
        let (book, tables, session) = (self.book, self.tables, self.session);
        let write = |letter: &Letter, out: &mut Vec<u8>| {
            let Some(table) = &tables[letter.change.table] else {
                return Ok(());
            };
            let form = &table.forms[letter.message.form];
            let told = letter.told();
            let Some(who) = letter.message.who.and_then(|who| book.whos.get(who)) else {
                form.write(&told, out);
                return Ok(());
            };
            attempt(|| {
                session.act_as(who, || {
                    form.write(&told, out);
                    Ok(())
                })
            })
        };
        let letters = self.letters;
        self.ahead.next(letters, write).map_err(|raised| {
            let reason = "a value could not be written as json";
            let table = letters
                .first()
                .and_then(|one| tables[one.change.table].as_ref());
            table.map_or_else(String::new, |table| table.error_of(raised.sqlstate, reason))
        })
    }
}

impl<'a> Letter<'a> {
    fn told(&self) -> Told<'a> {
        let operation = self.message.operation();
        let (old, new) = match &self.change.what {
            What::Row(_, rows) => (rows.old.as_ref(), rows.new.as_ref()),
            What::Truncate | What::Gap(_) | What::Unreadable(..) => (None, None),
        };
        Told {
            operation,
            old: old.filter(|_| operation != Operation::Insert),
            new: new.filter(|_| operation != Operation::Delete),
            committed_at: self.change.committed_at,
        }
    }
}
