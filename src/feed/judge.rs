//! Who sees which rows: the policies and the filter of one reader over the images of one relation.

use super::relation::{Relation, Rows};
use crate::error::Result;
use crate::filter::condition::{compile, Purpose};
use crate::pg::decode::Decoded;
use crate::pg::invalidation::{self, Fresh};
use crate::pg::judge::Raised;
use crate::pg::policy::{and, Compiled, Verdict};
use crate::pg::{privilege, Oid};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// Compiled statements kept by a session; a pooled connection serves a few roles and filters at a time.
const KEPT: usize = 256;

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    relation: u32,
    role: u32,
    row_security: bool,
    policies: bool,
    condition: Option<Rc<str>>,
}

type Kept = Option<Rc<Compiled>>;

thread_local! {
    static COMPILED: RefCell<HashMap<Key, Rc<Compiled>>> = RefCell::new(HashMap::new());
}

/// The statement for the current role; `None` when every row is seen. A statement that nothing depends on is not worth
/// keeping: finding that out costs a look at the policies.
fn compiled(relation: &Relation, policies: bool, condition: Option<Rc<str>>) -> Result<Kept> {
    let key = Key {
        relation: relation.table.oid.to_u32(),
        role: privilege::current_role().to_u32(),
        row_security: privilege::row_security(),
        policies,
        condition: condition.clone(),
    };
    let kept = COMPILED.with_borrow(|compiled| compiled.get(&key).cloned());
    if let Some(kept) = kept.filter(|kept| kept.lock_and_check()) {
        return Ok(Some(kept));
    }
    let made = Compiled::new(
        relation.table.oid,
        &relation.name(),
        policies,
        condition.as_deref(),
    )?
    .map(Rc::new);
    COMPILED.with_borrow_mut(|compiled| {
        compiled.remove(&key);
        if let Some(made) = &made {
            if compiled.len() >= KEPT {
                compiled.clear();
            }
            compiled.insert(key, made.clone());
        }
    });
    Ok(made)
}

/// The judge of one reader and relation, for the length of a call.
pub struct Judge {
    condition: Option<Rc<str>>,
    /// The statements, once they were needed: an idle poll compiles nothing.
    judged: Option<Kept>,
    unjudged_deletes: Option<Kept>,
}

/// Why rows have no verdicts.
pub enum Unjudged {
    /// The row lacks a column that a policy or the filter looks at.
    Absent,
    /// The row at this place raised an error.
    Raised(usize, Raised),
}

/// The rows of a change and whether the whole row was deleted.
pub struct Case<'a> {
    pub rows: &'a Rows,
    pub is_delete: bool,
}

/// Whether the old and the new row are seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sees {
    pub old: Verdict,
    pub new: Verdict,
}

impl Judge {
    /// A judge by the current role's policies and an analysed condition.
    pub fn new(condition: Option<Rc<str>>) -> Judge {
        Judge {
            condition,
            judged: None,
            unjudged_deletes: None,
        }
    }

    /// The verdicts of changes, in their order.
    pub fn judge(
        &mut self,
        relation: &Relation,
        cases: &[Case],
    ) -> Result<std::result::Result<Vec<Sees>, Unjudged>> {
        let mut sees = vec![
            Sees {
                old: Verdict::Seen,
                new: Verdict::Seen
            };
            cases.len()
        ];
        // With `deletes => 'key'` a DELETE goes to everybody whose filter held, since a policy that looks at other rows
        // may not find them any more.
        for by_key in [false, true] {
            let mut rows: Vec<&Decoded> = Vec::new();
            let mut places: Vec<(usize, bool)> = Vec::new();
            for (i, case) in cases.iter().enumerate() {
                if (relation.deletes_by_key && case.is_delete) != by_key {
                    continue;
                }
                for (row, is_new) in [(&case.rows.old, false), (&case.rows.new, true)] {
                    if let Some(row) = row {
                        rows.push(row);
                        places.push((i, is_new));
                    }
                }
            }
            if rows.is_empty() {
                continue;
            }
            let Some(statement) = self.statement(relation, !by_key)? else {
                continue;
            };
            match verdicts(&statement, relation, &rows) {
                Ok(verdicts) => {
                    for ((place, is_new), verdict) in places.into_iter().zip(verdicts) {
                        let of = &mut sees[place];
                        *(if is_new { &mut of.new } else { &mut of.old }) = verdict;
                    }
                }
                Err(Unjudged::Absent) => return Ok(Err(Unjudged::Absent)),
                Err(Unjudged::Raised(at, raised)) => {
                    return Ok(Err(Unjudged::Raised(places[at].0, raised)))
                }
            }
        }
        Ok(Ok(sees))
    }

    fn statement(&mut self, relation: &Relation, policies: bool) -> Result<Kept> {
        let known = if policies {
            &mut self.judged
        } else {
            &mut self.unjudged_deletes
        };
        if let Some(known) = known {
            return Ok(known.clone());
        }
        let made = compiled(relation, policies, self.condition.clone())?;
        *known = Some(made.clone());
        Ok(made)
    }
}

fn verdicts(
    statement: &Compiled,
    relation: &Relation,
    rows: &[&Decoded],
) -> std::result::Result<Vec<Verdict>, Unjudged> {
    let uses = &statement.uses;
    let lacks = |row: &Decoded| {
        let absent = |column: &i16| row.is_absent(*column as usize - 1);
        if uses.all {
            relation.columns.iter().any(absent)
        } else {
            uses.columns.iter().any(absent)
        }
    };
    if rows.iter().any(|row| lacks(row)) {
        return Err(Unjudged::Absent);
    }
    match statement.verdicts(&relation.shape, rows) {
        Ok(verdicts) => Ok(verdicts),
        // One by one, to name the row that raised; the statement may have gone on to others before it.
        Err(_) if rows.len() > 1 => {
            let mut all = Vec::with_capacity(rows.len());
            for (i, row) in rows.iter().enumerate() {
                match statement.verdicts(&relation.shape, std::slice::from_ref(row)) {
                    Ok(verdict) => all.extend(verdict),
                    Err(raised) => return Err(Unjudged::Raised(i, raised)),
                }
            }
            Ok(all)
        }
        Err(raised) => Err(Unjudged::Raised(0, raised)),
    }
}

/// A filter, compiled: the analysed condition as text.
#[derive(Clone)]
struct Filter {
    tree: Rc<str>,
    fresh: [Fresh; 2],
}

thread_local! {
    static FILTERS: RefCell<HashMap<(u32, u32, String), Filter>> = RefCell::new(HashMap::new());
}

/// The condition that a filter means for the current role, as [`Compiled::new`] takes it. Errors: those of the filter,
/// 42501 for a column that the role may not SELECT.
pub fn condition(relation: Oid, filter: Option<&str>) -> Result<Option<Rc<str>>> {
    let Some(filter) = filter else {
        return Ok(None);
    };
    let key = (
        relation.to_u32(),
        privilege::current_role().to_u32(),
        filter.to_string(),
    );
    let known = FILTERS.with_borrow(|filters| filters.get(&key).cloned());
    if let Some(known) = known.filter(|known| known.fresh.iter().all(Fresh::get)) {
        return Ok(Some(known.tree));
    }
    let fresh = [
        invalidation::watch(relation),
        invalidation::watch_catalogs(),
    ];
    let Some(condition) = compile(relation, filter, Purpose::Reader)? else {
        return Ok(None);
    };
    let tree: Rc<str> = condition.tree().into();
    FILTERS.with_borrow_mut(|filters| {
        if filters.len() >= KEPT {
            filters.clear();
        }
        filters.insert(
            key,
            Filter {
                tree: tree.clone(),
                fresh,
            },
        );
    });
    Ok(Some(tree))
}

/// A condition that holds where two analysed ones hold.
pub fn both(first: Option<Rc<str>>, second: Option<Rc<str>>) -> Option<Rc<str>> {
    match (first, second) {
        (Some(first), Some(second)) => Some(and(&first, &second).into()),
        (first, second) => first.or(second),
    }
}
