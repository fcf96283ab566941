//! The SELECT policies of a relation as its owner made them: what they look at.

use super::policy::Uses;
use pg_sys::Oid;
use pgrx::{pg_sys, FromDatum, PgList};
use std::ffi::CStr;

/// A policy that decides who may SELECT a row.
#[derive(Clone, Debug)]
pub struct SelectPolicy {
    pub name: String,
    /// Whether it is for the current role, or for everybody.
    pub applies: bool,
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
        let roles = pg_sys::Datum::from(policy.roles);
        let roles = Vec::<Oid>::from_datum(roles, policy.roles.is_null()).unwrap_or_default();
        let applies = roles.into_iter().any(|role| {
            role == Oid::INVALID || pg_sys::has_privs_of_role(pg_sys::GetUserId(), role)
        });
        SelectPolicy {
            applies,
            name: CStr::from_ptr(policy.policy_name)
                .to_string_lossy()
                .into_owned(),
            uses,
            has_sub_select: policy.hassublinks,
            calls_mutable_function: calls_mutable_function(condition, std::ptr::null_mut()),
        }
    }
}

/// Whether an expression calls a function of somebody's own that is not immutable, and may hence look at other rows.
/// Postgres's own do not, but for the few that run a query given as text.
#[pgrx::pg_guard]
unsafe extern "C-unwind" fn calls_mutable_function(
    node: *mut pg_sys::Node,
    context: *mut std::ffi::c_void,
) -> bool {
    // SAFETY: called for the nodes of an expression tree; tags say what each is.
    unsafe {
        if node.is_null() {
            return false;
        }
        let function = match (*node).type_ {
            pg_sys::NodeTag::T_FuncExpr => (*node.cast::<pg_sys::FuncExpr>()).funcid,
            pg_sys::NodeTag::T_OpExpr => pg_sys::get_opcode((*node.cast::<pg_sys::OpExpr>()).opno),
            _ => Oid::INVALID,
        };
        if function.to_u32() >= pg_sys::FirstNormalObjectId
            && pg_sys::func_volatile(function) as u8 != pg_sys::PROVOLATILE_IMMUTABLE
        {
            return true;
        }
        pg_sys::expression_tree_walker(node, Some(calls_mutable_function), context)
    }
}
