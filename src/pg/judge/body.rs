//! The bodies of functions in SQL, analysed.

use super::tree;
use crate::pg::backend::syscache::Cached;
use crate::pg::sys::raw;
use pgrx::pg_sys::ffi::pg_guard_ffi_boundary;
use pgrx::pg_sys::Node;
use pgrx::{pg_sys, FromDatum};
use std::ffi::CString;

/// The defaults of a function's arguments and the statements of its body, analysed.
///
/// # Safety
/// The node calls the function, which is in SQL.
pub(super) unsafe fn parts(
    function: &Cached<pg_sys::FormData_pg_proc>,
    call: *mut Node,
) -> Vec<*mut Node> {
    let mut parts: Vec<*mut Node> = defaults(function).into_iter().collect();
    // SAFETY: a stored body is a tree.
    unsafe {
        match stored(function, pg_sys::Anum_pg_proc_prosqlbody) {
            Some(body) => parts.extend(statements(body)),
            None => parts.extend(analyzed(function, call)),
        }
    }
    parts
}

/// The defaults of a function's arguments.
pub(super) fn defaults(function: &Cached<pg_sys::FormData_pg_proc>) -> Option<*mut Node> {
    // SAFETY: they are a tree.
    unsafe { stored(function, pg_sys::Anum_pg_proc_proargdefaults) }
}

/// # Safety
/// The column holds trees as text.
unsafe fn stored(function: &Cached<pg_sys::FormData_pg_proc>, column: u32) -> Option<*mut Node> {
    // SAFETY: as promised.
    unsafe {
        let text = String::from_datum(function.column(column)?, false)?;
        let text = CString::new(text).ok()?;
        Some(pg_sys::stringToNode(text.as_ptr()).cast())
    }
}

/// A stored body is a query, or a list that holds a list of queries.
///
/// # Safety
/// The node is one.
unsafe fn statements(body: *mut Node) -> Vec<*mut Node> {
    // SAFETY: as promised.
    unsafe {
        match tree::tag(body) {
            pg_sys::NodeTag::T_List => tree::nodes(body.cast())
                .into_iter()
                .flat_map(|inner| statements(inner))
                .collect(),
            _ => vec![body],
        }
    }
}

/// The body of a function as text, analysed as Postgres does where it inlines (clauses.c, `inline_function`).
///
/// # Safety
/// As [`parts`].
unsafe fn analyzed(function: &Cached<pg_sys::FormData_pg_proc>, call: *mut Node) -> Vec<*mut Node> {
    // SAFETY: as promised; the source outlives its analysis.
    unsafe {
        let source = function
            .column(pg_sys::Anum_pg_proc_prosrc)
            .and_then(|source| String::from_datum(source, false))
            .and_then(|source| CString::new(source).ok())
            .unwrap_or_default();
        let (tuple, collation) = (function.tuple(), pg_sys::exprInputCollation(call));
        let analyze = |statement: *mut Node| {
            let state = pg_sys::make_parsestate(std::ptr::null_mut());
            (*state).p_sourcetext = source.as_ptr();
            pg_guard_ffi_boundary(|| {
                let information = raw::prepare_sql_fn_parse_info(tuple, call, collation);
                raw::sql_fn_parser_setup(state, information);
            });
            let query = pg_sys::transformTopLevelStmt(state, statement.cast());
            pg_sys::free_parsestate(state);
            query.cast()
        };
        let statements = tree::nodes(pg_sys::pg_parse_query(source.as_ptr()));
        statements.into_iter().map(analyze).collect()
    }
}
