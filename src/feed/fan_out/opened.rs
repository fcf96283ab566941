//! The followed relations at the beginning of a call: what their readers may receive, and what is new of their policies
//! and filters.

use super::table::{all, error, Missed, Table};
use crate::error::{report, Error, Result};
use crate::feed::subscriptions::book::Book;
use crate::feed::subscriptions::gate::{GateId, Id};
use crate::feed::subscriptions::renew::News;
use crate::feed::who::Session;
use crate::pg::backend::lock::Haste;
use crate::pg::backend::subtransaction::{attempt, Raised};
use crate::pg::catalog::acting::refuse_strangers;
use crate::pg::catalog::privilege;
use crate::pg::Oid;
use std::collections::HashSet;

/// The followed relations at the beginning of a call.
pub struct Opened {
    pub session: Session,
    /// `None` for one that has ended or is busy.
    pub tables: Vec<Option<Table>>,
    pub refused: Vec<Missed>,
}

impl Opened {
    /// Opens them, but those that are busy, and asks what is new of their policies and filters. Errors: 55000 while the
    /// session has temporary objects that code of a role could find. Nothing is lost by that: the caller can drop them and
    /// call again.
    pub fn new(
        book: &Book,
        relations: &[Oid],
        busy: &[Oid],
        haste: &Haste,
    ) -> Result<(Opened, Vec<News>)> {
        let session = Session::now();
        let mut refused: Vec<Missed> = Vec::new();
        let mut every = Vec::new();
        let mut tables = Vec::with_capacity(relations.len());
        for oid in relations {
            if busy.contains(oid) {
                tables.push(None);
                continue;
            }
            let before = refused.len();
            let mut table = match attempt(|| Table::open(*oid, book, &mut refused)) {
                Ok(table) => table,
                Err(raised) => {
                    refused.truncate(before);
                    refused.push(fault(*oid, book, raised)?);
                    None
                }
            };
            if let Some(opened) = &table {
                for (role, _) in &opened.roles {
                    if privilege::policies_apply(*oid, *role) {
                        refuse_strangers(*role)?;
                    }
                }
                let news = || {
                    Ok(News::of(
                        book,
                        &session,
                        &opened.relation,
                        &opened.roles,
                        haste,
                    ))
                };
                match attempt(news) {
                    Ok(mut news) => {
                        let gates = news.iter_mut().flat_map(|news| news.refused.drain(..));
                        refuse(opened, book, gates, &mut refused);
                        every.extend(news);
                    }
                    Err(raised) => {
                        refused.truncate(before);
                        refused.push(fault(*oid, book, raised)?);
                        table = None;
                    }
                }
            }
            refused[before..].sort_by_key(|missed| missed.ids.iter().min().copied());
            tables.push(table);
        }
        let opened = Opened {
            session,
            tables,
            refused,
        };
        Ok((opened, every))
    }
}

/// Adds the subscriptions of gates whose filter does not fit any more.
fn refuse(
    table: &Table,
    book: &Book,
    gates: impl Iterator<Item = (GateId, Error)>,
    refused: &mut Vec<Missed>,
) {
    let gone: HashSet<Id> = refused.iter().flat_map(|one| one.ids.clone()).collect();
    for (gate, error) in gates {
        let mut ids: Vec<Id> = book.members(gate).map(|(id, _)| id).collect();
        ids.retain(|id| !gone.contains(id));
        if !ids.is_empty() {
            let error = table.error(&error);
            refused.push(Missed { error, ids });
        }
    }
}

/// What the subscriptions of a relation are told that raises an error when it is looked at; they end. Errors: one that is
/// of the server or the session, not of the relation.
fn fault(oid: Oid, book: &Book, raised: Raised) -> Result<Missed> {
    if raised.is_of_moment() {
        return Err(Error::new(raised.sqlstate, report(raised.message)));
    }
    let name = book.relations.get(&oid).map(|followed| &*followed.name);
    Ok(Missed {
        error: error(
            raised.sqlstate,
            name.unwrap_or_default(),
            "the table could not be looked at",
        ),
        ids: all(oid, book).map(|(id, _)| id).collect(),
    })
}
