//! The SELECT policies of a relation as its owner made them: what they look at.

use super::policy::Uses;
use pg_sys::Oid;
use pgrx::{pg_sys, PgList};
use std::ffi::CStr;

/// A policy that decides who may SELECT a row.
#[derive(Clone, Debug)]
pub struct SelectPolicy {
    pub name: String,
    pub uses: Uses,
    /// It looks at other rows: by a sub-select, or perhaps by a function that is not immutable.
    pub has_sub_select: bool,
    pub calls_mutable_function: bool,
}

/// Whether row level security is enabled on a relation, and its policies for SELECT and ALL, whatever their roles.
pub fn select_policies(relation: Oid) -> (bool, Vec<SelectPolicy>) {
    let lock = pg_sys::AccessShareLock as pg_sys::LOCKMODE;
    let mut found = Vec::new();
    // SAFETY: the relation is open while its policies, which the relcache holds, are read.
    unsafe {
        let opened = pg_sys::try_relation_open(relation, lock);
        if opened.is_null() {
            return (false, found);
        }
        let enabled = (*(*opened).rd_rel).relrowsecurity;
        let described = (*opened).rd_rsdesc;
        if !described.is_null() {
            let policies = PgList::<pg_sys::RowSecurityPolicy>::from_pg((*described).policies);
            for policy in policies.iter_ptr() {
                if matches!((*policy).polcmd as u8, b'r' | b'*') && !(*policy).qual.is_null() {
                    found.push(facts(&*policy));
                }
            }
        }
        pg_sys::relation_close(opened, lock);
        (enabled, found)
    }
}

/// # Safety
/// The policy has a condition over its relation as range-table entry 1.
unsafe fn facts(policy: &pg_sys::RowSecurityPolicy) -> SelectPolicy {
    // SAFETY: as promised; the functions walk expression trees and change nothing.
    unsafe {
        let condition = policy.qual.cast::<pg_sys::Node>();
        let mut uses = Uses::default();
        let variables = PgList::<pg_sys::Var>::from_pg(pg_sys::pull_vars_of_level(condition, 0));
        for variable in variables.iter_ptr() {
            match (*variable).varattno {
                column if column > 0 => uses.columns.push(column),
                _ => uses.all = true,
            }
        }
        SelectPolicy {
            name: CStr::from_ptr(policy.policy_name)
                .to_string_lossy()
                .into_owned(),
            uses,
            has_sub_select: policy.hassublinks,
            calls_mutable_function: pg_sys::contain_mutable_functions(condition),
        }
    }
}
