//! The members of rows: for each changed row the keys of those whom a sub-select would let see it.

use super::constants::{Constants, Form};
use super::execute;
use super::operand::Value;
use super::reversed::{Member, Reversed};
use super::tree;
use crate::error::Result;
use crate::keyed::Key;
use crate::pg::backend::memory::Memory;
use crate::pg::row::decoded::Decoded;
use crate::pg::row::key::KeyKind;
use crate::pg::row::record::RowShape;
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, Oid};
use std::rc::Rc;

/// Calls its argument with the constants of each reader.
type Each<'a> = dyn Fn(&mut dyn FnMut(&Constants)) + 'a;

/// The distinct constants of readers.
pub struct Readers<'a> {
    pub count: usize,
    /// Calls its argument with each of them; only called where that is cheaper than to look for all members.
    pub each: &'a Each<'a>,
}

/// Elements that the planner expects of an array that it does not know (selfuncs.c, `estimate_array_length`).
const EXPECTED: f64 = 10.0;

/// What the key of a member costs: to make it and to put it into order takes ten times as long as to read a row.
const KEY: f64 = 0.1;

/// A statement for the members of rows.
pub(super) struct Set {
    all: *mut pg_sys::PlannedStmt,
    /// The same for members among readers, whose first constants are an array.
    among: Option<Among>,
    kinds: Vec<KeyKind>,
    row_type: Oid,
    array_type: Oid,
    /// Whether the members depend on the row; otherwise they are the same for all.
    of_row: bool,
}

struct Among {
    statement: *mut pg_sys::PlannedStmt,
    array_type: Oid,
    element: Form,
    constant: usize,
}

impl Set {
    /// # Safety
    /// The sub-select is within a condition over a relation of this row type as range-table entry 1; the constants are
    /// of these forms. The statements live as long as `memory`.
    pub(super) unsafe fn new(
        memory: &Memory,
        row_type: Oid,
        reversed: &Reversed,
        forms: &[Form],
    ) -> Result<Set> {
        // SAFETY: as promised.
        unsafe {
            let array_type = pg_sys::get_array_type(row_type);
            let keep = |statement: *mut pg_sys::PlannedStmt| {
                memory.within(|| pg_sys::copyObjectImpl(statement.cast()).cast())
            };
            let all: *mut pg_sys::PlannedStmt = match statement(reversed, array_type, None)? {
                Some(statement) => keep(statement),
                None => return Err(super::policy::unexpected()),
            };
            let among = match reversed
                .members
                .first()
                .and_then(|first| among(first, forms))
            {
                None => None,
                Some((type_oid, element, constant)) => {
                    statement(reversed, array_type, Some(type_oid))?.map(|statement| Among {
                        statement: keep(statement),
                        array_type: type_oid,
                        element,
                        constant,
                    })
                }
            };
            Ok(Set {
                all,
                among,
                kinds: reversed.members.iter().map(|member| member.kind).collect(),
                row_type,
                array_type,
                of_row: reversed.of_row,
            })
        }
    }

    pub(super) fn statements(&self) -> impl Iterator<Item = *mut pg_sys::PlannedStmt> + '_ {
        let among = self.among.iter().map(|among| among.statement);
        among.chain([self.all])
    }

    /// The keys of the members of each row.
    ///
    /// # Safety
    /// The rows are of the row type; the constants are those that the policies were read with.
    pub(super) unsafe fn members(
        &self,
        shape: &RowShape,
        rows: &[&Decoded],
        forms: &[Form],
        readers: &Readers,
    ) -> Vec<Rc<[Key]>> {
        let mut found: Vec<Vec<Key>> = vec![Vec::new(); if self.of_row { rows.len() } else { 1 }];
        // SAFETY: as promised; the statements' columns are the number of a row, and what the members have.
        unsafe {
            let rows = rows.iter().map(|row| shape.composite(row)).collect();
            let mut parameters = vec![(self.array_type, execute::array_of(rows, self.row_type))];
            let statement = match self
                .among
                .as_ref()
                .filter(|among| among.costs(readers.count) < cost(self.all))
            {
                None => self.all,
                Some(among) => {
                    parameters.push((among.array_type, among.array(forms, readers)));
                    among.statement
                }
            };
            execute::execute(statement, &parameters, &mut |values, nulls| {
                // A NULL is equal to no constant.
                if !nulls[1..].iter().take(self.kinds.len()).any(|null| *null) {
                    let row = if self.of_row {
                        values[0].value() - 1
                    } else {
                        0
                    };
                    found[row].push(key(&self.kinds, &values[1..]));
                }
            });
        }
        let mut found: Vec<Rc<[Key]>> = found.into_iter().map(distinct).collect();
        if let (false, Some(same)) = (self.of_row, found.first().cloned()) {
            found.resize(rows.len(), same);
        }
        found
    }
}

/// What a statement is expected to cost, in the planner's units, with what becomes of its rows.
///
/// # Safety
/// It came from the planner.
unsafe fn cost(statement: *mut pg_sys::PlannedStmt) -> f64 {
    // SAFETY: as promised.
    unsafe {
        let plan = &*(*statement).planTree;
        plan.total_cost + plan.plan_rows * KEY
    }
}

impl Among {
    /// What it is expected to cost for so many readers.
    fn costs(&self, readers: usize) -> f64 {
        // SAFETY: the statement lives as long as this.
        unsafe { cost(self.statement) * (readers as f64 / EXPECTED).max(1.0) }
    }

    /// # Safety
    /// As [`Set::members`].
    unsafe fn array(&self, forms: &[Form], readers: &Readers) -> Datum {
        let mut values = Vec::with_capacity(readers.count);
        (readers.each)(&mut |constants| {
            values.extend(
                constants
                    .values(forms)
                    .get(self.constant)
                    .copied()
                    .flatten(),
            );
        });
        // SAFETY: the values are of the constant's form.
        unsafe { self.element.array(values) }
    }
}

/// # Safety
/// The member is of a sub-select of a policy.
unsafe fn among(first: &Member, forms: &[Form]) -> Option<(Oid, Form, usize)> {
    let Value::Constant(constant, _) = &first.constant else {
        return None;
    };
    let form = forms.get(*constant)?;
    let array = first.array_type()?;
    // SAFETY: a catalog look-up.
    let element = unsafe { pg_sys::get_element_type(array) };
    (element == form.type_oid).then_some((array, *form, *constant))
}

/// # Safety
/// As [`Set::new`].
unsafe fn statement(
    reversed: &Reversed,
    array_type: Oid,
    among: Option<Oid>,
) -> Result<Option<*mut pg_sys::PlannedStmt>> {
    // SAFETY: as promised; the text has a sub-query as its last range-table entry, with as many columns.
    unsafe {
        let Some(members) = reversed.query(among.map(|_| 2)) else {
            return Ok(None);
        };
        let count = reversed.members.len().max(1);
        let columns = vec!["NULL::bool"; count].join(", ");
        let (text, place) = match reversed.of_row {
            true => (
                format!("SELECT rows.ordinality FROM pg_catalog.unnest($1) WITH ORDINALITY AS rows, LATERAL (SELECT {columns}) AS members"),
                2,
            ),
            false => (format!("SELECT 1::pg_catalog.int8 FROM (SELECT {columns}) AS members"), 1),
        };
        let column = |target: *mut pg_sys::Node| {
            let target = target.cast::<pg_sys::TargetEntry>();
            let value = (*target).expr.cast::<pg_sys::Node>();
            let (type_oid, typmod) = (pg_sys::exprType(value), pg_sys::exprTypmod(value));
            let collation = pg_sys::exprCollation(value);
            pg_sys::makeVar(place, (*target).resno, type_oid, typmod, collation, 0).cast()
        };
        let targets: Vec<_> = tree::nodes((*members).targetList)
            .into_iter()
            .map(column)
            .collect();
        let parameters = [Some(array_type), among];
        let parameters: Vec<Oid> = parameters.into_iter().flatten().collect();
        let query = execute::select(&text, &parameters, &targets)?;
        let entries = tree::nodes((*query).rtable);
        let entry = entries.last().ok_or_else(super::policy::unexpected)?;
        (*entry.cast::<pg_sys::RangeTblEntry>()).subquery = members;
        Ok(Some(execute::plan(query)))
    }
}

/// The key of several values: what is equal has equal keys.
///
/// # Safety
/// The values are of the kinds.
pub(super) unsafe fn key(kinds: &[KeyKind], values: &[Datum]) -> Key {
    // SAFETY: as promised.
    let keys = kinds
        .iter()
        .zip(values)
        .map(|(kind, value)| unsafe { kind.key(*value) });
    combined(keys)
}

/// Several keys as one.
pub(super) fn combined(keys: impl ExactSizeIterator<Item = Key>) -> Key {
    if keys.len() == 1 {
        return keys.flatten().collect();
    }
    let mut out = Vec::new();
    for key in keys {
        out.extend_from_slice(&(key.len() as u32).to_ne_bytes());
        out.extend_from_slice(&key);
    }
    out.into_boxed_slice()
}

fn distinct(mut keys: Vec<Key>) -> Rc<[Key]> {
    keys.sort_unstable();
    keys.dedup();
    keys.into()
}
