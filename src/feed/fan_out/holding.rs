//! The followed relations, locked for a call: what it can read without waiting for a relation that is being altered.

use crate::error::{report, Error, Result};
use crate::log::cursor::Cursor;
use crate::log::part::Part;
use crate::log::read::Log;
use crate::log::unread::Unread;
use crate::pg::backend::memory::Memory;
use crate::pg::backend::subtransaction::attempt;
use crate::pg::catalog::rowtype::Held;
use crate::pg::Oid;

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

impl Holding {
    /// Locks the relations as far as that needs no waiting. Where the very next entry is of a busy one, waits for that, up to
    /// lock_timeout. `None` if there is nothing to read yet. Errors: those of [`Unread::open`]; 40P01.
    pub fn new(at: &Cursor, relations: &[Oid]) -> Result<Option<Holding>> {
        let mut locked: Vec<Oid> = Vec::new();
        loop {
            let (held, busy) = Held::at_once_of(relations);
            locked.retain(|oid| busy.contains(oid));
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
                    locked.extend(wait(relation)?);
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

/// Waits until nobody has a relation locked; returns it if that took longer than lock_timeout.
fn wait(relation: Oid) -> Result<Option<Oid>> {
    let waited = attempt(|| {
        drop(Held::new(relation));
        Ok(())
    });
    match waited {
        Ok(()) => Ok(None),
        Err(raised) if raised.is_lock_timeout() => Ok(Some(relation)),
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
