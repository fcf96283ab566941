//! Compiles a filter for a table to an SQL condition: typed, quoted, and checked by Postgres before it is used.
//!
//! A condition means the same in every session, and cannot fail for any row. Hence:
//!
//! - Columns and literals have the type with all domains resolved, without a type modifier: no CHECK runs, and nothing
//!   is truncated.
//! - Literals are read here, once, under pinned settings, and written in a form that every session reads alike. Types
//!   and values without such a form (money, names of catalog objects, `now`) are refused.
//! - Operators are those of the type's default operator class, found by OID, and written with their schema.
//! - Only code of Postgres itself and of reviewed extensions runs. Comparisons of other types are refused, since it is
//!   not known which errors they may raise. `is.null` works on every type.
//! - Errors that Postgres would raise only for a row (a pattern's end, an element's missing operator, a collation that
//!   patterns cannot use) are detected here.
//!
//! What remains are out-of-memory errors and cancels. Later changes of a type (an attribute without equality added to a
//! composite type, a renamed enum value) are detected when the condition is compiled again.

mod compare;
mod faults;
pub mod keyed;
mod literal;
mod operand;
mod pattern;
mod sql;
#[cfg(any(test, feature = "pg_test"))]
mod tests;
mod types;
mod verify;
mod when;

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
pub use when::{fires_on, When};

/// Stack that reading, compiling and checking may use, in kB: a quarter of Postgres's default. So the condition can
/// still be evaluated where three quarters are in use.
const STACK_KB: i32 = 512;

/// The place where a condition will be evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// In a call by the reader who wrote the filter.
    Reader,
    /// For every change of the table, in the session that changes it.
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
    /// The SQL text. Columns are qualified with `alias`, or not at all.
    pub fn render(&self, alias: Option<&str>) -> String {
        self.sql.render(alias)
    }

    /// Numbers of the columns that the condition reads, ascending.
    pub fn columns(&self) -> &[i16] {
        &self.columns
    }

    /// The condition as an analysed tree in the server's text format; its columns are those of range-table entry 1. It
    /// can be evaluated without resolving any name, by a role that may not use the schemas of the types.
    pub fn tree(&self) -> &str {
        &self.tree
    }
}

/// Compiles a filter for a table; `None` for a blank one, which matches every row.
///
/// The current user must be allowed to SELECT the columns. Everything that the table's owner could have defined is
/// evaluated as the owner, restricted. Errors: 42P01, 42809 or 42501 for a table that does not exist, is not a table,
/// or may not be read; and every fault in the filter itself, with its place.
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

/// Compiles the row filter that a table's own triggers carry, for a role that reads or writes the table; `None` for a
/// blank one.
///
/// The filter may read columns that the role may not SELECT. It runs only what [`compile`] allows, whoever created the
/// trigger. Errors: as [`compile`], but without checks of privileges.
pub fn compile_own(relation: Oid, filter: &str) -> Result<Option<Condition>> {
    let table = OpenTable::open_unchecked(relation)?.only_while_open();
    let Some(expr) = parse::parse(filter).map_err(faults::syntax)? else {
        return Ok(None);
    };
    let columns = table.all();
    let numbers = columns_of(&table, &columns, &expr, |_| true)?;
    // The stack is not limited here. It was when the filter was defined, and a trigger may be called with any part of
    // the stack in use.
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

/// Numbers of the columns that the filter reads, ascending. All of them exist and are `readable`.
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

/// The data that the translation of every part of a filter needs.
struct Compiler<'a> {
    table: String,
    columns: &'a [Column],
    purpose: Purpose,
}

impl Compiler<'_> {
    /// The expression as SQL. Every operator that it uses is added to `operators`.
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
