//! Whether every role that may read a message sees the row that it reports: for sinks that do not know their readers.

use super::row_filter::RowFilter;
use crate::pg::backend::subtransaction::attempt;
use crate::pg::catalog::acl::role_name;
use crate::pg::catalog::grants::select_grants;
use crate::pg::catalog::grants::Grant;
use crate::pg::catalog::members::members;
use crate::pg::catalog::policies::with_policies;
use crate::pg::catalog::policies::Policies;
use crate::pg::catalog::policies::Policy;
use crate::pg::catalog::privilege::bypasses_row_security;
use crate::pg::catalog::privilege::is_superuser;
use crate::pg::catalog::privilege::may_use_schema_of;
use crate::pg::catalog::privilege::selectable;
use crate::pg::catalog::relation::Class;
use crate::pg::sql::typeinfo::FIRST_USER_OID;
use pgrx::pg_sys;
use pgrx::pg_sys::Oid;

/// The roles that may read messages of a relation that are not addressed to one role: those that were granted SELECT on
/// it, those that were granted SELECT on the table of the messages or own it, and the members of pg_read_all_data, who
/// read both; and whoever has the grants of one of these who bypasses policies. Other members of these roles see at least
/// what they see. The owner of the relation is trusted with its contents, and so is a superuser who owns the messages.
/// Any other owner of the messages is not: whoever may create a schema could make a table of their name.
pub struct Readers {
    relation: Oid,
    /// The invalid OID is PUBLIC.
    roles: Vec<Oid>,
}

/// The rows that all readers see.
pub enum Access {
    /// No row is known to be visible to all: only the owner has SELECT, some reader may not SELECT a column, or the
    /// policies need more than the listeners know already.
    Never,
    Always,
    Where(RowFilter),
}

impl Readers {
    /// `messages`: the table of the messages, if there is one, and then its partitions and what it belongs to: who may
    /// SELECT from one of these reads messages, too.
    pub fn of(relation: Oid, messages: &[Oid]) -> Readers {
        let owner = |table: &Oid| Class::by_oid(*table).map(|class| class.owner);
        let tables = std::iter::once(relation).chain(messages.iter().copied());
        let trusted = owner(&relation);
        let mut roles: Vec<Oid> = tables
            .flat_map(select_grants)
            .map(|grant| grant.grantee)
            .chain(messages.iter().filter_map(owner))
            .chain(members(READ_ALL_DATA))
            .collect();
        roles.retain(|role| Some(*role) != trusted);
        let heirs: Vec<Oid> = roles.iter().copied().flat_map(heirs).collect();
        let superuser = messages.first().and_then(owner);
        let superuser = superuser.filter(|owner| is_superuser(*owner));
        roles.retain(|role| Some(*role) != superuser);
        roles.extend(heirs.iter().filter(|role| Some(**role) != trusted));
        roles.sort_unstable_by_key(|role| role.to_u32());
        roles.dedup();
        Readers { relation, roles }
    }

    /// Whether all of them may SELECT these columns.
    pub fn may_select(&self, columns: &[i16]) -> bool {
        self.without(columns).is_none()
    }

    /// One of them who may not SELECT all of these columns. The invalid OID is PUBLIC.
    pub fn without(&self, columns: &[i16]) -> Option<Oid> {
        let relation = self.relation;
        let grants = select_grants(relation);
        let may_public = |column: &i16| {
            let to_public = |grant: &Grant| {
                grant.grantee == Oid::INVALID && grant.column.is_none_or(|one| one == *column)
            };
            grants.iter().any(to_public)
        };
        let may = |role: Oid| match role {
            Oid::INVALID => columns.iter().all(may_public),
            role => {
                selectable(relation, role, columns)
                    .unwrap_or_default()
                    .len()
                    == columns.len()
            }
        };
        let mut roles = self.roles.iter().copied();
        roles.find(|role| !may_use_schema_of(relation, *role) || !may(*role))
    }

    /// `delivered`: the columns that are sent with a row. `known`: the columns that a listener knows of every row that
    /// it gets.
    pub fn access(&self, row_type: Oid, delivered: &[i16], known: &[i16]) -> Access {
        if self.roles.is_empty() || !self.may_select(delivered) {
            return Access::Never;
        }
        with_policies(self.relation, |policies| {
            if !policies.enabled {
                return Access::Always;
            }
            // A condition that cannot be compiled lets no row through.
            attempt(|| Ok(condition(policies, self.roles.clone(), row_type, known)))
                .ok()
                .flatten()
                .map_or(Access::Never, Access::Where)
        })
        .unwrap_or(Access::Never)
    }
}

/// What a reader is called in messages; the invalid OID is PUBLIC.
pub fn reader_name(reader: Oid) -> String {
    match reader {
        Oid::INVALID => "every role".to_owned(),
        role => format!("role \"{}\"", role_name(role)),
    }
}

/// The members who inherit the grants of a role that bypasses policies. They need not bypass them as it does: neither
/// BYPASSRLS nor SUPERUSER is inherited, even where the member could become the role.
fn heirs(role: Oid) -> Vec<Oid> {
    if role == Oid::INVALID || !bypasses_row_security(role) {
        return Vec::new();
    }
    let mut all = members(role);
    // SAFETY: look-ups of role memberships.
    all.retain(|member| unsafe { pg_sys::has_privs_of_role(*member, role) });
    all
}

const READ_ALL_DATA: Oid = Oid::from_u32(pg_sys::ROLE_PG_READ_ALL_DATA);

/// The condition under which all readers see a row; `None` if it cannot be expressed.
fn condition(
    policies: &Policies,
    mut readers: Vec<Oid>,
    row_type: Oid,
    known: &[i16],
) -> Option<RowFilter> {
    if !policies.all.iter().all(|policy| is_plain(policy, known)) {
        return None;
    }
    if policies.forced {
        readers.push(policies.owner);
        readers.extend(heirs(policies.owner));
    }
    readers.retain(|role| is_subject(*role, policies));
    // A role that inherits a right to SELECT may have restrictive policies of its own, so all of them must hold.
    let restrictive = policies.all.iter().filter(|policy| !policy.permissive);
    let mut conditions: Vec<Vec<*mut pg_sys::Node>> =
        restrictive.map(|policy| vec![policy.condition]).collect();
    for reader in readers {
        let permissive = policies.all.iter().filter(|policy| policy.permissive);
        let applies = permissive.filter(|policy| policy.applies_to(reader));
        let any: Vec<_> = applies.map(|policy| policy.condition).collect();
        if any.is_empty() {
            return None;
        }
        if !conditions.contains(&any) {
            conditions.push(any);
        }
    }
    // SAFETY: policies are conditions over range-table entry 1.
    Some(unsafe { RowFilter::all_of_any(&conditions, row_type) })
}

/// Whether the policies apply to a role.
fn is_subject(role: Oid, policies: &Policies) -> bool {
    // SAFETY: a look-up of role memberships.
    let owns = || unsafe { pg_sys::has_privs_of_role(role, policies.owner) };
    role == Oid::INVALID || !bypasses_row_security(role) && (policies.forced || !owns())
}

/// Whether a policy uses only the known columns and Postgres's own immutable functions. Then every reader gets the same
/// answer at any time, and already knows it. Functions that users declare immutable are not trusted to be so.
fn is_plain(policy: &Policy, known: &[i16]) -> bool {
    let uses = policy.uses();
    !policy.has_sub_select
        && !uses.all
        && uses.columns.iter().all(|column| known.contains(column))
        // SAFETY: the condition is an expression tree; the walker changes nothing.
        && unsafe { !is_foreign(policy.condition, std::ptr::null_mut()) }
}

/// Whether an expression has a node that might run something other than Postgres's own immutable functions.
///
/// # Safety
/// The node is a part of an expression tree, or null.
unsafe fn is_foreign(node: *mut pg_sys::Node, context: *mut std::ffi::c_void) -> bool {
    use pg_sys::NodeTag as Tag;
    if node.is_null() {
        return false;
    }
    // SAFETY: called for the nodes of an expression tree; the tags asked for their type are expressions.
    unsafe {
        let typed = match (*node).type_ {
            Tag::T_Var | Tag::T_Const | Tag::T_FuncExpr | Tag::T_OpExpr | Tag::T_RelabelType => {
                true
            }
            Tag::T_CoalesceExpr | Tag::T_ArrayExpr | Tag::T_CaseExpr | Tag::T_CaseTestExpr => true,
            Tag::T_ScalarArrayOpExpr | Tag::T_DistinctExpr | Tag::T_NullIfExpr => true,
            Tag::T_BoolExpr | Tag::T_NullTest | Tag::T_BooleanTest | Tag::T_CollateExpr => true,
            Tag::T_List | Tag::T_CaseWhen => false,
            _ => return true,
        };
        let is_users =
            |type_oid: Oid| type_oid.to_u32() >= FIRST_USER_OID && !pg_sys::type_is_enum(type_oid);
        typed && is_users(pg_sys::exprType(node))
            || pg_sys::check_functions_in_node(node, Some(is_not_plain), context)
            || pg_sys::expression_tree_walker(node, Some(child_is_foreign), context)
    }
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn is_not_plain(function: Oid, _context: *mut std::ffi::c_void) -> bool {
    // SAFETY: a syscache look-up of a function that an expression calls.
    let volatility = unsafe { pg_sys::func_volatile(function) } as u8;
    function.to_u32() >= FIRST_USER_OID || volatility != pg_sys::PROVOLATILE_IMMUTABLE
}

/// Called by Postgres only: the guard hands an error on to Postgres, past everything of Rust's that called it.
#[pgrx::pg_guard]
unsafe extern "C-unwind" fn child_is_foreign(
    node: *mut pg_sys::Node,
    context: *mut std::ffi::c_void,
) -> bool {
    // SAFETY: called for the nodes of an expression tree.
    unsafe { is_foreign(node, context) }
}
