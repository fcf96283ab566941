//! Whether a SELECT by the current role finds a row of a relation.

use super::policy::analyze;
use crate::error::{report, Error, Result};
use pgrx::pg_sys::Oid;
use pgrx::{pg_sys, PgList};
use std::ffi::CString;

/// The result of the search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    Found,
    Nothing,
    /// Not searched: it might read too much.
    TooCostly,
}

/// The maximum cost of reading the relation, in the planner's units: about ten seconds.
const MAX_COST: f64 = 1_000_000.0;

/// Looks for one row, as the current role and under its policies. Errors: Postgres's own, including those that policies
/// raise; 42P01 if another relation has this name now, or the relation has become a view, whose functions would run as
/// the current role.
pub fn any_row(relation: Oid, qualified_name: &str) -> Result<Look> {
    let text = CString::new(format!("SELECT FROM {qualified_name} LIMIT 1"))
        .map_err(|_| Error::invalid_name(report("a name must not contain a NUL character")))?;
    // SAFETY: parsing, planning and running one SELECT by the executor's protocol (pquery.c, ProcessQuery); the text
    // outlives it. A LIMIT is planned as a node over the scan, which is checked.
    unsafe {
        let query = analyze(&text.to_string_lossy(), &[])?;
        let tables = PgList::<pg_sys::RangeTblEntry>::from_pg((*query).rtable);
        let is_table = |entry: &*mut pg_sys::RangeTblEntry| {
            (**entry).rtekind == pg_sys::RTEKind::RTE_RELATION && (**entry).relid == relation
        };
        if tables.get_ptr(0).filter(is_table).is_none() || tables.len() != 1 {
            let message = format!("relation {qualified_name} was replaced in the meantime");
            return Err(Error::undefined_table(report(message)));
        }
        let statement = pg_sys::pg_plan_query(query, text.as_ptr(), 0, std::ptr::null_mut());
        let plan = (*statement).planTree;
        let scan = match (*plan.cast::<pg_sys::Node>()).type_ {
            pg_sys::NodeTag::T_Limit => (*plan).lefttree,
            _ => plan,
        };
        if (*scan).total_cost > MAX_COST {
            return Ok(Look::TooCostly);
        }
        let query = pg_sys::CreateQueryDesc(
            statement,
            text.as_ptr(),
            pg_sys::GetActiveSnapshot(),
            std::ptr::null_mut(),
            pg_sys::CreateDestReceiver(pg_sys::CommandDest::DestNone),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            0,
        );
        pg_sys::ExecutorStart(query, 0);
        crate::pg::sys::compat::executor_run(query);
        let found = (*(*query).estate).es_processed > 0;
        pg_sys::ExecutorFinish(query);
        pg_sys::ExecutorEnd(query);
        pg_sys::FreeQueryDesc(query);
        Ok(if found { Look::Found } else { Look::Nothing })
    }
}
