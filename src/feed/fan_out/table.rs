//! A followed relation for the length of a call: what its readers may receive, its gaps, the forms of its messages.

use super::form::Form;
use crate::change::Operation;
use crate::error::{Error, Result, SqlState};
use crate::feed::follow::check_captured;
use crate::feed::relation::Relation;
use crate::feed::shown::Shown;
use crate::feed::subscriptions::book::Book;
use crate::feed::subscriptions::gate::{GateId, Id, Subscription};
use crate::feed::who::check_role;
use crate::log::read::Gap;
use crate::pg::Oid;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

/// Subscriptions that end, or miss a change, and why.
pub struct Missed {
    pub error: String,
    pub ids: Vec<Id>,
}

/// A relation whose changes can be read.
pub struct Table {
    pub relation: Rc<Relation>,
    /// The form of messages for a role with a list of columns.
    readers: HashMap<(Oid, u32), usize>,
    /// The roles that may receive something, each with the columns that it may SELECT.
    pub roles: Vec<(Oid, Vec<i16>)>,
    /// Those of these roles that may not SELECT all columns.
    restricted: HashMap<Oid, Shown>,
    pub forms: Vec<Form>,
    /// The form of DELETEs that go by key.
    by_key: Option<usize>,
    /// Position and transaction of each gap in the range.
    gaps: Vec<(u64, u64)>,
    /// Whether a gap is behind some subscription, so that changes before it are delivered to that one.
    spares: bool,
}

/// The text of an error: its SQLSTATE, the relation, and a short reason, which tells nothing of any row.
pub fn error(sqlstate: SqlState, relation: &str, reason: &str) -> String {
    format!("{sqlstate} {relation}: {reason}")
}

impl Table {
    /// Checks what each reader may receive. `None` when the relation has gone or is not captured any more. The
    /// subscriptions that end with it are added to `ended`.
    pub fn open(oid: Oid, book: &Book, ended: &mut Vec<Missed>) -> Result<Option<Table>> {
        let Some(followed) = book.relations.get(&oid) else {
            return Ok(None);
        };
        let opened = Relation::open(oid).and_then(|relation| {
            check_captured(&relation)?;
            Ok(relation)
        });
        let relation = match opened {
            Ok(relation) => relation,
            Err(refused) => {
                let has_gone = refused.code() == SqlState::of(b"42P01");
                let reason = match has_gone {
                    true => "the table was dropped",
                    false => refused.message(),
                };
                let reason = error(refused.code(), &followed.name, reason);
                let ids = all(oid, book).map(|(id, _)| id).collect();
                ended.push(Missed { error: reason, ids });
                return Ok(None);
            }
        };
        let mut table = Table {
            by_key: None,
            readers: HashMap::new(),
            roles: Vec::new(),
            restricted: HashMap::new(),
            forms: Vec::new(),
            gaps: Vec::new(),
            spares: false,
            relation,
        };
        if table.relation.deletes_by_key {
            let form = Form::of_key(&table.relation);
            table.by_key = Some(table.form(form));
        }
        let mut refused: HashMap<(Oid, u32), String> = HashMap::new();
        for (role, room) in &followed.rooms {
            let selectable = check_role(*role).and_then(|()| table.relation.selectable(*role));
            for columns in room.columns.keys() {
                let form = selectable
                    .clone()
                    .and_then(|selectable| table.admit(*columns, selectable, book));
                let reader = (*role, *columns);
                match form {
                    Ok(form) => drop(table.readers.insert(reader, form)),
                    Err(error) => drop(refused.insert(reader, table.error(&error))),
                }
            }
            if let Ok(selectable) = selectable {
                let shown = Shown::of(&table.relation, &selectable);
                if !shown.is_all() {
                    table.restricted.insert(*role, shown);
                }
                table.roles.push((*role, selectable));
            }
        }
        if !refused.is_empty() {
            table.end(&refused, book, ended);
        }
        Ok(Some(table))
    }

    /// The form of messages with a list of columns. Errors: 42501, 42703.
    fn admit(&mut self, columns: u32, selectable: Vec<i16>, book: &Book) -> Result<usize> {
        let names = book.columns.get(columns);
        let columns = match names.and_then(|names| names.as_deref()) {
            Some(names) => self.relation.project(names, &selectable)?,
            None => selectable,
        };
        let form = Form::of(&self.relation, &columns);
        Ok(self.form(form))
    }

    /// The place of a form among those that are known.
    fn form(&mut self, form: Form) -> usize {
        let known = self.forms.iter().position(|known| known.is_like(&form));
        known.unwrap_or_else(|| {
            self.forms.push(form);
            self.forms.len() - 1
        })
    }

    /// Ends the subscriptions of readers that may not receive anything any more.
    fn end(&self, refused: &HashMap<(Oid, u32), String>, book: &Book, ended: &mut Vec<Missed>) {
        let mut by_error: BTreeMap<&str, Vec<Id>> = BTreeMap::new();
        for (id, subscription) in all(self.relation.table.oid, book) {
            let reader = reader(book, subscription);
            if let Some(error) = reader.and_then(|reader| refused.get(&reader)) {
                by_error.entry(error).or_default().push(id);
            }
        }
        ended.extend(by_error.into_iter().map(|(error, ids)| Missed {
            error: error.to_string(),
            ids,
        }));
    }

    /// The columns that a gate's role may SELECT.
    pub fn shown(&self, book: &Book, gate: GateId) -> Option<&Shown> {
        if self.restricted.is_empty() {
            return None;
        }
        let who = book.whos.get(book.at(gate)?.who)?;
        self.restricted.get(&who.role)
    }

    /// The text of an error of this relation.
    pub fn error(&self, error: &Error) -> String {
        self.error_of(error.code(), error.message())
    }

    pub fn error_of(&self, sqlstate: SqlState, reason: &str) -> String {
        error(sqlstate, &self.relation.name(), reason)
    }

    /// The form of a subscription's message, and `None` for one that has ended.
    pub fn form_of(
        &self,
        book: &Book,
        subscription: &Subscription,
        operation: Operation,
    ) -> Option<usize> {
        let form = self.readers.get(&reader(book, subscription)?).copied()?;
        match self.by_key {
            Some(by_key) if operation == Operation::Delete => Some(by_key),
            _ => Some(form),
        }
    }

    /// Takes note of the gaps of the range.
    pub fn note_gap(&mut self, gap: &Gap, book: &Book) {
        self.gaps.push((gap.position, gap.xid));
        self.spares = self.spares
            || all(self.relation.table.oid, book).any(|(_, one)| is_before(book, one, gap.xid));
    }

    /// Whether nobody receives what is at a position, since a gap comes after it.
    pub fn is_lost(&self, position: u64) -> bool {
        !self.spares && self.gaps.iter().any(|(at, _)| *at > position)
    }

    /// Whether a change is for a subscription: made after the snapshot that it begins with, and no gap comes between.
    pub fn reaches(&self, book: &Book, to: &Subscription, position: u64, xid: u64) -> bool {
        !is_before(book, to, xid)
            && self
                .gaps
                .iter()
                .all(|(at, of)| *at <= position || is_before(book, to, *of))
    }
}

/// Whether a transaction had finished when a subscription began.
pub fn is_before(book: &Book, subscription: &Subscription, xid: u64) -> bool {
    let from = book.froms.get(subscription.from);
    from.is_none_or(|from| from.finished(xid))
}

/// The subscriptions of a relation.
pub fn all(relation: Oid, book: &Book) -> impl Iterator<Item = (Id, &Subscription)> {
    let rooms = book.relations.get(&relation).into_iter();
    rooms
        .flat_map(|followed| followed.rooms.values())
        .flat_map(|room| &room.gates)
        .flat_map(|gate| book.members(*gate))
}

/// A subscription's role and columns.
fn reader(book: &Book, subscription: &Subscription) -> Option<(Oid, u32)> {
    let who = book.whos.get(book.at(subscription.gate)?.who)?;
    Some((who.role, subscription.columns))
}
