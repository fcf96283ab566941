//! An INSERT whose text names a table, but which goes into one given relation only, even if the name means another one
//! later.

use crate::error::{report, Error, ErrorReport, Result};
use pgrx::prelude::*;
use pgrx::spi::SpiClient;
use pgrx::{pg_sys, PgLogLevel};
use std::ffi::{c_void, CStr};

/// A saved plan. Postgres analyses its text again after changes, and resolves its names again. Each time, the table
/// that the name means is compared with the one that the plan was made for.
pub struct BoundInsert {
    plan: pg_sys::SPIPlanPtr,
    /// Passed to the analysis, so it must keep its address.
    _relation: Box<pg_sys::Oid>,
}

impl BoundInsert {
    /// `sql` is an INSERT of one row of VALUES with at least one parameter; all parameters are text. Errors: 55000 when
    /// it names another relation.
    pub fn prepare(_client: &SpiClient, relation: pg_sys::Oid, sql: &CStr) -> Result<BoundInsert> {
        let relation = Box::new(relation);
        let handed = (&raw const *relation).cast_mut().cast();
        // SAFETY: SPI is connected; the text is copied; what is handed to the analysis lives as long as the plan.
        let plan = unsafe {
            let plan = pg_sys::SPI_prepare_params(sql.as_ptr(), Some(watch), handed, 0);
            if plan.is_null() || pg_sys::SPI_keepplan(plan) != 0 {
                return Err(failed(pg_sys::SPI_result));
            }
            plan
        };
        Ok(BoundInsert {
            plan,
            _relation: relation,
        })
    }

    /// Runs the INSERT with these arguments. Errors: those of the INSERT; 55000 if another table has the name now.
    pub fn run(&self, _client: &mut SpiClient, arguments: &[&str]) -> Result<()> {
        // SAFETY: SPI is connected; the list has as many entries as were asked for, all of which are set; the texts live
        // as long as SPI's memory.
        let status = unsafe {
            let list = pg_sys::makeParamList(arguments.len() as i32);
            let entries = (*list).params.as_mut_slice(arguments.len());
            for (entry, argument) in entries.iter_mut().zip(arguments) {
                let value = argument.into_datum();
                entry.isnull = value.is_none();
                entry.value = value.unwrap_or(pg_sys::Datum::null());
                entry.pflags = pg_sys::PARAM_FLAG_CONST as u16;
                entry.ptype = pg_sys::TEXTOID;
            }
            pg_sys::SPI_execute_plan_with_paramlist(self.plan, list, false, 0)
        };
        match status {
            0.. => Ok(()),
            error => Err(failed(error)),
        }
    }
}

impl Drop for BoundInsert {
    fn drop(&mut self) {
        // SAFETY: a saved plan that nobody else has; one that runs is kept by its own reference count.
        unsafe { pg_sys::SPI_freeplan(self.plan) };
    }
}

/// SPI status codes that an INSERT cannot cause.
pub fn failed(status: i32) -> Error {
    Error::object_not_in_prerequisite_state(report(format!(
        "could not insert into realtime.messages: SPI status {status}"
    )))
}

/// Called at the start of each analysis.
#[pg_guard]
unsafe extern "C-unwind" fn watch(state: *mut pg_sys::ParseState, relation: *mut c_void) {
    // SAFETY: the state of the analysis that begins.
    unsafe {
        (*state).p_ref_hook_state = relation;
        (*state).p_paramref_hook = Some(parameter);
    }
}

/// Called for each parameter. By then an INSERT has opened and locked its target, and keeps the lock.
#[pg_guard]
unsafe extern "C-unwind" fn parameter(
    state: *mut pg_sys::ParseState,
    reference: *mut pg_sys::ParamRef,
) -> *mut pg_sys::Node {
    // SAFETY: the hook's state is what `watch` has set; the target is open while the analysis lasts. A zeroed node with
    // its tag is one that makeNode would make.
    unsafe {
        let target = (*state).p_target_relation;
        let relation = (*state).p_ref_hook_state.cast::<pg_sys::Oid>();
        if target.is_null() || (*target).rd_id != *relation {
            ErrorReport::from(replaced()).report(PgLogLevel::ERROR);
        }
        let node = pg_sys::palloc0(std::mem::size_of::<pg_sys::Param>()).cast::<pg_sys::Param>();
        (*node).xpr.type_ = pg_sys::NodeTag::T_Param;
        (*node).paramkind = pg_sys::ParamKind::PARAM_EXTERN;
        (*node).paramid = (*reference).number;
        (*node).paramtype = pg_sys::TEXTOID;
        (*node).paramtypmod = -1;
        (*node).paramcollid = pg_sys::get_typcollation(pg_sys::TEXTOID);
        (*node).location = (*reference).location;
        node.cast()
    }
}

fn replaced() -> Error {
    Error::object_not_in_prerequisite_state(
        report(
            "realtime.messages was replaced by another table while a message was being inserted",
        )
        .hint("Write again when the DDL on that table is done."),
    )
}
