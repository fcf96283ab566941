//! Parses and type-checks a condition with Postgres's own parser.

use crate::error::{report, Error, Result};
use crate::pg::backend::memory::Scratch;
use crate::pg::catalog::columns::text;
use crate::pg::catalog::columns::OpenTable;
use pgrx::{pg_sys, PgList};
use std::ffi::{CStr, CString};

/// Parses and type-checks a condition over the columns of a table as `CREATE TRIGGER … WHEN` would. Returns the
/// analysed tree in the server's text format; column references have `:varno 1`. Errors: Postgres's own; 42P17 for a
/// text that is not one immutable condition.
pub fn analyse(table: &OpenTable, condition: &str) -> Result<String> {
    analyse_over(table, condition, &[None])
}

/// The same for a condition over OLD and NEW, as pg_trigger.tgqual has it: their columns have `:varno 1` and `:varno 2`.
/// Errors: as [`analyse`].
pub fn analyse_when(table: &OpenTable, condition: &str) -> Result<String> {
    analyse_over(table, condition, &[Some(c"old"), Some(c"new")])
}

/// `names`: those of the rows of the table; a row without one is named like the table.
fn analyse_over(table: &OpenTable, condition: &str, names: &[Option<&CStr>]) -> Result<String> {
    let source = CString::new(format!("({condition})")).map_err(|_| not_one())?;
    // SAFETY: the parser copies nothing of `source` and it outlives the calls; the relation is open; the state is freed
    // by an abort when something below raises.
    unsafe {
        let raw = single_expression(&source).ok_or_else(not_one)?;
        let state = pg_sys::make_parsestate(std::ptr::null_mut());
        let lock = pg_sys::AccessShareLock as i32;
        for name in names {
            let alias = name.map_or(std::ptr::null_mut(), |name| {
                pg_sys::makeAlias(name.as_ptr(), std::ptr::null_mut())
            });
            let relation = table.relation();
            let item =
                pg_sys::addRangeTableEntryForRelation(state, relation, lock, alias, false, true);
            pg_sys::addNSItemToQuery(state, item, false, true, true);
        }
        let kind = pg_sys::ParseExprKind::EXPR_KIND_TRIGGER_WHEN;
        let expression = pg_sys::transformExpr(state, raw, kind);
        let expression = pg_sys::coerce_to_boolean(state, expression, c"WHEN".as_ptr());
        pg_sys::assign_expr_collations(state, expression);
        pg_sys::free_parsestate(state);
        if pg_sys::contain_mutable_functions(expression) {
            return Err(Error::invalid_object_definition(report(
                "the filter's condition is not immutable",
            )));
        }
        Ok(text(pg_sys::nodeToString(expression.cast())))
    }
}

/// Whether two analysed trees, in the server's text format, mean the same wherever they came from: what they say of
/// places in their texts does not count.
pub fn are_same(one: &str, other: &str) -> bool {
    let (Ok(one), Ok(other)) = (CString::new(one), CString::new(other)) else {
        return false;
    };
    let _scratch = Scratch::enter();
    // SAFETY: both texts were written by this server's nodeToString.
    unsafe {
        let one = pg_sys::stringToNode(one.as_ptr());
        pg_sys::equal(one, pg_sys::stringToNode(other.as_ptr()))
    }
}

fn not_one() -> Error {
    Error::invalid_object_definition(report("the filter does not translate to one condition"))
}

/// The raw tree of a text that is exactly one expression.
///
/// # Safety
/// `source` outlives the use of the tree.
unsafe fn single_expression(source: &CString) -> Option<*mut pg_sys::Node> {
    // SAFETY: in this mode the parser returns one RawStmt with a SelectStmt; its lists are read only.
    unsafe {
        let mode = pg_sys::RawParseMode::RAW_PARSE_PLPGSQL_EXPR;
        let statements =
            PgList::<pg_sys::RawStmt>::from_pg(pg_sys::raw_parser(source.as_ptr(), mode));
        let statement = statements.get_ptr(0)?;
        let select = (*statement).stmt.cast::<pg_sys::SelectStmt>();
        let plain = statements.len() == 1
            && (*select).fromClause.is_null()
            && (*select).whereClause.is_null()
            && (*select).distinctClause.is_null()
            && (*select).groupClause.is_null()
            && (*select).sortClause.is_null()
            && (*select).limitCount.is_null()
            && (*select).op == pg_sys::SetOperation::SETOP_NONE;
        let targets = PgList::<pg_sys::ResTarget>::from_pg((*select).targetList);
        if !plain || targets.len() != 1 {
            return None;
        }
        targets.get_ptr(0).map(|target| (*target).val)
    }
}
