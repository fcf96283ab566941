//! The followed relations at the beginning of a call: what their readers may receive, and what is new of their policies
//! and filters.

use super::table::{Missed, Table};
use crate::error::Result;
use crate::feed::subscriptions::book::Book;
use crate::feed::subscriptions::gate::Id;
use crate::feed::subscriptions::renew::News;
use crate::feed::who::Session;
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
    /// Opens them, but those that are busy, and asks what is new of their policies and filters. Errors: 55000 while the session has temporary
    /// objects that code of a role could find. Nothing is lost by that: the caller can drop them and call again.
    pub fn new(book: &Book, relations: &[Oid], busy: &[Oid]) -> Result<(Opened, Vec<News>)> {
        let session = Session::now();
        let mut refused: Vec<Missed> = Vec::new();
        let mut all = Vec::new();
        let mut tables = Vec::with_capacity(relations.len());
        for oid in relations {
            if busy.contains(oid) {
                tables.push(None);
                continue;
            }
            let before = refused.len();
            let table = Table::open(*oid, book, &mut refused)?;
            if let Some(table) = &table {
                for (role, _) in &table.roles {
                    if privilege::policies_apply(*oid, *role) {
                        refuse_strangers(*role)?;
                    }
                }
                let mut news = News::of(book, &session, &table.relation, &table.roles);
                let gone: HashSet<Id> = refused.iter().flat_map(|one| one.ids.clone()).collect();
                for (gate, error) in news.iter_mut().flat_map(|news| news.refused.drain(..)) {
                    let mut ids: Vec<Id> = book.members(gate).map(|(id, _)| id).collect();
                    ids.retain(|id| !gone.contains(id));
                    if !ids.is_empty() {
                        let error = table.error(&error);
                        refused.push(Missed { error, ids });
                    }
                }
                all.extend(news);
            }
            refused[before..].sort_by_key(|missed| missed.ids.iter().min().copied());
            tables.push(table);
        }
        let opened = Opened {
            session,
            tables,
            refused,
        };
        Ok((opened, all))
    }
}
