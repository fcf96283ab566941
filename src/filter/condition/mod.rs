//! Filter tree and table to SQL condition: typed, quoted, and checked by Postgres before anybody relies on it.
//!
//! A condition means the same in every session, and no row makes it fail. Hence:
//!
//! - Columns and literals are of the type under all domains, without a type modifier: no CHECK runs, nothing is cut.
//! - Literals are read here, once, under pinned settings, and written in the form that every session reads alike. What
//!   has no such form (money, names of catalog objects, `now`) is refused.
//! - Operators are those of the type's default operator class, found by OID, and named with their schema.
//! - Only code of Postgres itself and of extensions that were read for it runs: comparisons of other types are refused,
//!   since what they may raise is not known. `is.null` works on every type.
//! - What Postgres finds out only when a row is there (a pattern's end, an element's missing operator, a collation
//!   that patterns cannot use) is looked for here.
//!
//! What remains are want of memory and cancels. Later changes of a type (an attribute without equality added to a
//! composite type, a renamed enum value) are found when the condition is compiled again.

mod compare;
mod faults;
mod literal;
mod operand;
mod pattern;
mod sql;
#[cfg(any(test, feature = "pg_test"))]
mod tests;
mod types;
mod verify;

use crate::error::{report, Error, Result};
use crate::filter::parse::{self, Expr};
use crate::pg::backend::act_as::act_as_trusted;
use crate::pg::backend::act_as::bound_stack;
use crate::pg::backend::act_as::CANONICAL;
use crate::pg::catalog::columns::Column;
use crate::pg::catalog::columns::OpenTable;
use crate::pg::sql::parse as analyser;
use crate::pg::Oid;
use sql::Sql;

/// Stack that reading, compiling and checking may use, in kB: a quarter of Postgres's default, so that three quarters
/// may be in use where the condition is evaluated.
const STACK_KB: i32 = 512;

/// Where a condition will be evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// In a call of the reader who wrote the filter.
    Reader,
    /// For every change of the table, in the session that writes it.
    RowFilter,
}

/// A filter as SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    sql: Sql,
    columns: Vec<i16>,
    tree: String,
}

impl Condition {
    /// The SQL text; the columns are those of `alias`, or bare.
    pub fn render(&self, alias: Option<&str>) -> String {
        self.sql.render(alias)
    }

    /// Numbers of the columns that the condition reads, ascending.
    pub fn columns(&self) -> &[i16] {
        &self.columns
    }

    /// The condition as the server writes analysed trees, its columns those of range table entry 1: for evaluation
    /// without looking up a single name, by a role that may not use the schemas of the types.
    pub fn tree(&self) -> &str {
        &self.tree
    }
}

/// Compiles a filter for a table; `None` for a blank one, which filters nothing.
///
/// The current user must be allowed to SELECT the columns. All that the table's owner could have defined is looked at
/// as the owner, restricted.
pub fn compile(relation: Oid, filter: &str, purpose: Purpose) -> Result<Option<Condition>> {
    let mut table = OpenTable::open(relation)?;
    if purpose == Purpose::Reader {
        table = table.only_while_open();
    }
    match parse::parse(filter).map_err(faults::syntax)? {
        Some(expr) => compile_for(&table, &expr, purpose).map(Some),
        None => Ok(None),
    }
}

/// Compiles the row filter that a table's own triggers carry, for whoever reads or writes the table; `None` for a blank one.
///
/// It may read columns that he may not SELECT. What it runs is what [`compile`] lets through, whoever has made the trigger.
pub fn compile_own(relation: Oid, filter: &str) -> Result<Option<Condition>> {
    let table = OpenTable::open_unchecked(relation)?.only_while_open();
    let Some(expr) = parse::parse(filter).map_err(faults::syntax)? else {
        return Ok(None);
    };
    let columns = table.all();
    let numbers = columns_of(&table, &columns, &expr, |_| true)?;
    // The stack is not bounded: it was when the filter was defined, and a trigger may be called with any part in use.
    translate(&table, &columns, numbers, &expr, Purpose::RowFilter, || {}).map(Some)
}

fn compile_for(table: &OpenTable, expr: &Expr, purpose: Purpose) -> Result<Condition> {
    let columns = table.all();
    let numbers = columns_of(table, &columns, expr, |column| table.readable(column))?;
    let bound = || bound_stack(STACK_KB);
    translate(table, &columns, numbers, expr, purpose, bound)
}

fn translate(
    table: &OpenTable,
    columns: &[Column],
    numbers: Vec<i16>,
    expr: &Expr,
    purpose: Purpose,
    prepare: impl FnOnce(),
) -> Result<Condition> {
    let compiler = Compiler {
        table: table.name(),
        columns,
        purpose,
    };
    act_as_trusted(table.owner(), &CANONICAL, || {
        prepare();
        let mut operators = Vec::new();
        let sql = compiler.expression(expr, &mut operators)?;
        let tree = analyser::analyse(table, &sql.render(None))?;
        verify::check(&tree, &operators)?;
        Ok(Condition {
            sql,
            columns: numbers,
            tree,
        })
    })
}

/// Numbers of the columns that the filter reads, ascending, all of which exist and are `readable`.
fn columns_of(
    table: &OpenTable,
    columns: &[Column],
    expr: &Expr,
    readable: impl Fn(&Column) -> bool,
) -> Result<Vec<i16>> {
    let mut numbers = Vec::new();
    for comparison in expr.comparisons() {
        let name = &comparison.column;
        let column = columns
            .iter()
            .find(|column| column.name == *name)
            .ok_or_else(|| faults::no_column(comparison, &table.name(), columns))?;
        if numbers.contains(&column.number) {
            continue;
        }
        if !readable(column) {
            return Err(Error::insufficient_privilege(
                report(format!(
                    "permission denied for column \"{name}\" of relation \"{}\"",
                    table.name()
                ))
                .detail(faults::place(comparison.position)),
            ));
        }
        numbers.push(column.number);
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// What the translation of every part of a filter needs.
struct Compiler<'a> {
    table: String,
    columns: &'a [Column],
    purpose: Purpose,
}

impl Compiler<'_> {
    /// The expression as SQL; every operator that it uses is added to `operators`.
    fn expression(&self, expr: &Expr, operators: &mut Vec<Oid>) -> Result<Sql> {
        match expr {
            Expr::And(members) => self.members(members, " AND ", "true", operators),
            Expr::Or(members) => self.members(members, " OR ", "false", operators),
            Expr::Not(inner) => Ok(self.expression(inner, operators)?.negated()),
            Expr::Compare(comparison) => self.comparison(comparison, operators),
        }
    }

    fn members(
        &self,
        members: &[Expr],
        joined_by: &str,
        empty: &str,
        operators: &mut Vec<Oid>,
    ) -> Result<Sql> {
        if let [only] = members {
            return self.expression(only, operators);
        }
        let mut sql = Sql::default();
        for (i, member) in members.iter().enumerate() {
            if i > 0 {
                sql.push(joined_by);
            }
            let inner = self.expression(member, operators)?;
            sql.append(match member {
                Expr::And(_) | Expr::Or(_) => inner.in_parentheses(),
                _ => inner,
            });
        }
        if members.is_empty() {
            sql.push(empty);
        }
        Ok(sql)
    }
}
