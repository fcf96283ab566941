//! The followed relations, locked for a call: what it can read without waiting for a relation that is being altered.

use crate::error::{report, Error, Result};
use crate::log::cursor::Cursor;
use crate::log::part::Part;
use crate::log::read::Log;
use crate::log::unread::Unread;
use crate::pg::backend::lock::Haste;
use crate::pg::backend::memory::Memory;
use crate::pg::backend::subtransaction::attempt;
use crate::pg::catalog::rowtype::Held;
use crate::pg::Oid;
use std::cell::RefCell;
use std::time::Instant;

/// What a call reads of the log, and the locks that it holds.
pub struct Holding {
    pub unread: Unread,
    pub part: Part,
    /// Relations that another session has locked. Of these, nothing can be read.
    pub busy: Vec<Oid>,
    /// Those of them that stayed locked for longer than lock_timeout.
    pub locked: Vec<Oid>,
    /// Position of the first entry of a relation that is busy, but not for that long. The batch ends before it.
    pub limit: u64,
    _held: Vec<Held>,
}

thread_local! {
    /// The relations that a call has found locked for longer than lock_timeout, as long as they are. Nobody waits for them again.
    static LOCKED: RefCell<Vec<Oid>> = const { RefCell::new(Vec::new()) };
}

impl Holding {
    /// Locks the relations as far as that needs no waiting. Where the very next entry is of a busy one, waits for that, up to
    /// lock_timeout, once for all. `None` if there is nothing to read yet. Errors: those of [`Unread::open`]; 40P01.
    pub fn new(at: &Cursor, relations: &[Oid], haste: &Haste) -> Result<Option<Holding>> {
        loop {
            let (held, busy) = Held::at_once_of(relations);
            let locked = LOCKED.with_borrow_mut(|locked| {
                locked.retain(|oid| busy.contains(oid));
                locked.clone()
            });
            let Some(unread) = Unread::open(at)? else {
                return Ok(None);
            };
            // Nothing is left of a batch whose cursor is behind all positions.
            let first_is_over = unread.first.after >= unread.first.to.lsn;
            let part = match &unread.then {
                Some(then) if first_is_over => then.clone(),
                _ => unread.first.clone(),
            };
            let mut awaited = busy.clone();
            awaited.retain(|oid| !locked.contains(oid));
            let next = first(&unread.log, &part, &awaited)?;
            let is_next = |limit: u64| -> Result<bool> {
                let any = first(&unread.log, &part, relations)?;
                Ok(any.is_none_or(|(position, _)| position >= limit))
            };
            match next {
                // The segments are not kept locked while it waits, nor any relation.
                Some((limit, relation)) if is_next(limit)? => {
                    drop((unread, held));
                    if !wait(relation, haste)? {
                        // The others are not waited for as well.
                        let (_, busy) = Held::at_once_of(&awaited);
                        LOCKED.with_borrow_mut(|locked| locked.extend(busy));
                    }
                }
                next => {
                    return Ok(Some(Holding {
                        unread,
                        part,
                        busy,
                        locked,
                        limit: next.map_or(u64::MAX, |(position, _)| position),
                        _held: held,
                    }))
                }
            }
        }
    }
}

/// Waits until nobody has a relation locked; false if that takes longer than lock_timeout.
fn wait(relation: Oid, haste: &Haste) -> Result<bool> {
    let began = Instant::now();
    let waited = attempt(|| {
        drop(Held::new(relation));
        Ok(())
    });
    match waited {
        Ok(()) => Ok(true),
        Err(raised) if raised.is_lock_timeout() => {
            haste.note(raised.sqlstate, began);
            Ok(false)
        }
        Err(raised) => Err(Error::new(raised.sqlstate, report(raised.message))),
    }
}

/// Position and relation of the first entry of some relations in a range.
fn first(log: &Log, part: &Part, relations: &[Oid]) -> Result<Option<(u64, Oid)>> {
    if relations.is_empty() {
        return Ok(None);
    }
    let memory = Memory::new();
    let mut entries = log.entries(part.of(relations));
    let entry = entries.next(usize::MAX, memory.arena()).transpose()?;
    Ok(entry.map(|entry| (entry.position, entry.relation)))
}
