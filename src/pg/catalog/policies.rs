//! The SELECT policies of a relation as its owner created them, and the columns and rows that they read.

use crate::pg::backend::opened::Opened;
use pg_sys::Oid;
use pgrx::{pg_sys, FromDatum, PgList};
use std::ffi::CStr;

/// The columns of a row that a condition reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// The whole row.
    pub all: bool,
    /// By attribute number.
    pub columns: Vec<i16>,
}

/// A policy that decides who may SELECT a row.
#[derive(Clone, Debug)]
pub struct SelectPolicy {
    pub name: String,
    /// Whether the policy applies to the current role, or to everybody.
    pub applies: bool,
    /// The policy reads other rows: by a sub-select, or possibly by a function that is not immutable.
    pub has_sub_select: bool,
    pub calls_mutable_function: bool,
}

/// Row level security of an open relation.
pub(in crate::pg) struct Policies<'a> {
    pub enabled: bool,
    /// FORCE: policies apply to the owner too.
    pub forced: bool,
    pub owner: Oid,
    /// Policies for SELECT and ALL, of any role.
    pub all: Vec<Policy<'a>>,
}

/// A policy as stored in the relcache.
pub(in crate::pg) struct Policy<'a> {
    pub permissive: bool,
    pub has_sub_select: bool,
    /// A condition over the relation as range-table entry 1.
    pub condition: *mut pg_sys::Node,
    name: &'a CStr,
    /// The invalid OID is PUBLIC.
    roles: Vec<Oid>,
}

impl Policy<'_> {
    /// Whether the policy applies to a role; the invalid OID is PUBLIC.
    pub fn applies_to(&self, role: Oid) -> bool {
        // SAFETY: look-ups of role memberships.
        let member = |of: &Oid| unsafe { pg_sys::has_privs_of_role(role, *of) };
        self.roles.contains(&Oid::INVALID) || role != Oid::INVALID && self.roles.iter().any(member)
    }

    /// The columns that the policy reads.
    pub fn uses(&self) -> Uses {
        let mut uses = Uses::default();
        // SAFETY: the condition is an expression tree; the function returns its Var nodes.
        unsafe {
            let variables = pg_sys::pull_vars_of_level(self.condition, 0);
            for variable in PgList::<pg_sys::Var>::from_pg(variables).iter_ptr() {
                match (*variable).varattno {
                    column if column > 0 => uses.columns.push(column),
                    _ => uses.all = true,
                }
            }
        }
        uses
    }
}

/// Reads the policies of a relation; `None` if it was dropped.
pub(in crate::pg) fn with_policies<T>(
    relation: Oid,
    look: impl FnOnce(&Policies) -> T,
) -> Option<T> {
    let opened = Opened::shared(relation)?;
    let class = opened.class();
    // SAFETY: the relation is open while its policies, which the relcache holds, are read.
    unsafe {
        let described = (*opened.relation()).rd_rsdesc;
        let policies = if described.is_null() {
            PgList::new()
        } else {
            PgList::<pg_sys::RowSecurityPolicy>::from_pg((*described).policies)
        };
        // A policy without USING lets nothing through.
        let selects = |policy: &*mut pg_sys::RowSecurityPolicy| {
            matches!((**policy).polcmd as u8, b'r' | b'*') && !(**policy).qual.is_null()
        };
        Some(look(&Policies {
            enabled: class.relrowsecurity,
            forced: class.relforcerowsecurity,
            owner: class.relowner,
            all: policies
                .iter_ptr()
                .filter(selects)
                .map(|policy| of_relcache(&*policy))
                .collect(),
        }))
    }
}

/// # Safety
/// The policy has a condition, a name and roles.
unsafe fn of_relcache(policy: &pg_sys::RowSecurityPolicy) -> Policy<'_> {
    // SAFETY: as promised; the roles are an array of OIDs.
    unsafe {
        let roles = pg_sys::Datum::from(policy.roles);
        Policy {
            permissive: policy.permissive,
            has_sub_select: policy.hassublinks,
            condition: policy.qual.cast(),
            name: CStr::from_ptr(policy.policy_name),
            roles: Vec::<Oid>::from_datum(roles, policy.roles.is_null()).unwrap_or_default(),
        }
    }
}

/// Whether row level security is enabled on a relation, and its policies for SELECT and ALL, of any role.
pub fn select_policies(relation: Oid) -> (bool, Vec<SelectPolicy>) {
    // SAFETY: reads a variable of the backend.
    let user = unsafe { pg_sys::GetUserId() };
    let facts = |policy: &Policy| SelectPolicy {
        name: policy.name.to_string_lossy().into_owned(),
        applies: policy.applies_to(user),
        has_sub_select: policy.has_sub_select,
        // SAFETY: the condition is an expression tree; the walker changes nothing.
        calls_mutable_function: unsafe {
            calls_mutable_function(policy.condition, std::ptr::null_mut())
        },
    };
    let looked = with_policies(relation, |policies| {
        (policies.enabled, policies.all.iter().map(facts).collect())
    });
    looked.unwrap_or_default()
}

/// Whether an expression calls a user-defined function that is not immutable, and so may read other rows. Postgres's
/// own functions do not, except for the few that run a query passed as text.
///
/// # Safety
/// The node is a part of an expression tree, or null.
unsafe fn calls_mutable_function(node: *mut pg_sys::Node, context: *mut std::ffi::c_void) -> bool {
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
        pg_sys::expression_tree_walker(node, Some(child_calls_mutable_function), context)
    }
}

/// Called by Postgres only: the guard hands an error on to Postgres, past everything of Rust's that called it.
#[pgrx::pg_guard]
unsafe extern "C-unwind" fn child_calls_mutable_function(
    node: *mut pg_sys::Node,
    context: *mut std::ffi::c_void,
) -> bool {
    // SAFETY: called for the nodes of an expression tree.
    unsafe { calls_mutable_function(node, context) }
}
