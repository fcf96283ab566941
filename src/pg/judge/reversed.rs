//! Sub-selects the other way round: not whether one reader is among the members of a row, but who the members are.
//!
//! `organization_id IN (SELECT organization_id FROM members WHERE user_id = claim)` becomes, for a changed row,
//! `SELECT user_id FROM members WHERE organization_id = row.organization_id`.

use super::claims::number_of;
use super::operand::{self, Value};
use super::subselect::{compared_within, conjuncts, is_simple, joined};
use super::tree;
use crate::pg::row::key::KeyKind;
use pg_sys::{Node, NodeTag as Tag, Oid, Query, RTEKind, SubLinkType};
use pgrx::pg_sys;

/// A value that a member has, and the constant that it must be equal to.
pub(super) struct Member {
    pub node: *mut Node,
    pub kind: KeyKind,
    pub constant: Value,
    /// Whether the constant is an array, one of whose elements it must be equal to.
    pub any: bool,
    /// `node operator constant`.
    operator: Oid,
    collation: Oid,
}

/// A sub-select without the conditions on constants.
pub(super) struct Reversed {
    /// As it was before.
    pub link: *mut Node,
    query: *mut Query,
    pub members: Vec<Member>,
    /// Constants of type boolean that must be true.
    pub claims: Vec<usize>,
    /// Whether it depends on the row.
    pub of_row: bool,
}

impl Reversed {
    /// `None` where it cannot be turned round.
    ///
    /// # Safety
    /// The node is a simplified expression with stand-ins for constants, and it only matters whether it holds.
    pub(super) unsafe fn of(node: *mut Node) -> Option<Reversed> {
        // SAFETY: as promised; what is changed is a copy.
        unsafe {
            if tree::tag(node) != Tag::T_SubLink {
                return None;
            }
            let link: *mut pg_sys::SubLink = pg_sys::copyObjectImpl(node.cast()).cast();
            let query: *mut Query = (*link).subselect.cast();
            if !is_simple(&*query) {
                return None;
            }
            let conditions = match (*link).subLinkType {
                SubLinkType::EXISTS_SUBLINK => Vec::new(),
                SubLinkType::ANY_SUBLINK => conjuncts(compared_within(&*link)?),
                _ => return None,
            };
            let mut reversed = Reversed {
                link: node,
                query,
                members: Vec::new(),
                claims: Vec::new(),
                of_row: false,
            };
            reversed.members = reversed.taken_from(query, conditions)?;
            (*query).targetList = std::ptr::null_mut();
            let left = tree::any(query.cast(), &mut |node| number_of(node).is_some());
            let of_row = |node: *mut Node| pg_sys::contain_vars_of_level(node, 1);
            reversed.of_row =
                of_row(query.cast()) || reversed.members.iter().any(|one| of_row(one.node));
            (!left).then_some(reversed)
        }
    }

    /// Takes the conditions on constants out of a query, its sub-queries in FROM and its tables' policies, and out of
    /// more conditions of the query.
    ///
    /// # Safety
    /// The query selects rows of joined tables; it is changed.
    unsafe fn taken_from(
        &mut self,
        query: *mut Query,
        mut conditions: Vec<*mut Node>,
    ) -> Option<Vec<Member>> {
        // SAFETY: as promised.
        unsafe {
            let mut members = Vec::new();
            conditions.extend(joined((*query).jointree.cast())?);
            (*(*query).jointree).quals = self.without_constants(conditions, &mut members)?;
            for (place, entry) in tree::nodes((*query).rtable).into_iter().enumerate() {
                let entry = &mut *entry.cast::<pg_sys::RangeTblEntry>();
                if entry.rtekind == RTEKind::RTE_RELATION {
                    let quals = tree::nodes(entry.securityQuals);
                    let quals = quals.into_iter().flat_map(|qual| conjuncts(qual)).collect();
                    let rest = self.without_constants(quals, &mut members)?;
                    entry.securityQuals = tree::list_of((!rest.is_null()).then_some(rest));
                } else if entry.rtekind == RTEKind::RTE_SUBQUERY
                    && !operand::is_for_all(entry.subquery.cast())
                {
                    members.extend(self.taken_from_entry(entry, place as i32 + 1)?);
                }
            }
            // How often and in which order a row comes does not matter.
            (*query).distinctClause = std::ptr::null_mut();
            (*query).sortClause = std::ptr::null_mut();
            (*query).hasSubLinks = true;
            Some(members)
        }
    }

    /// The same for a sub-query in FROM, which gets a column for each value that a member has.
    ///
    /// # Safety
    /// As [`Reversed::taken_from`]; the entry has this number.
    unsafe fn taken_from_entry(
        &mut self,
        entry: &mut pg_sys::RangeTblEntry,
        number: i32,
    ) -> Option<Vec<Member>> {
        let query = entry.subquery;
        // SAFETY: as promised.
        unsafe {
            if !is_simple(&*query) {
                return None;
            }
            let mut members = self.taken_from(query, Vec::new())?;
            let mut targets = tree::nodes((*query).targetList);
            for member in &mut members {
                let place = targets.len() as i16 + 1;
                let name = pg_sys::pstrdup(c"member".as_ptr());
                let target = pg_sys::makeTargetEntry(member.node.cast(), place, name, false);
                targets.push(target.cast());
                (*entry.eref).colnames =
                    pg_sys::lappend((*entry.eref).colnames, pg_sys::makeString(name).cast());
                member.node = pg_sys::makeVarFromTargetEntry(number, target).cast();
            }
            (*query).targetList = tree::list_of(targets);
            Some(members)
        }
    }

    /// Takes the conditions on constants out of others, which are returned as one; null for none.
    ///
    /// # Safety
    /// They are conditions of one query.
    unsafe fn without_constants(
        &mut self,
        conditions: Vec<*mut Node>,
        members: &mut Vec<Member>,
    ) -> Option<*mut Node> {
        let mut rest = Vec::new();
        for condition in conditions {
            // SAFETY: as promised.
            unsafe {
                if operand::is_for_all(condition) {
                    rest.push(condition);
                } else if let Some(claim) = number_of(condition) {
                    self.claims.push(claim);
                } else {
                    members.push(member(condition)?);
                }
            }
        }
        Some(match rest.is_empty() {
            true => std::ptr::null_mut(),
            // SAFETY: they are conditions.
            false => unsafe { pg_sys::make_ands_explicit(tree::list_of(rest)) }.cast(),
        })
    }

    /// The query, with what the members have as its columns. `among`: the number of a parameter that is an array; only
    /// members whose first value is among its elements are looked for. `None`, where there is no such array.
    ///
    /// # Safety
    /// Called in a memory context that lives as long as the result is used.
    pub(super) unsafe fn query(&self, among: Option<i32>) -> Option<*mut Query> {
        // SAFETY: the nodes are expressions over the query's range table.
        unsafe {
            let query: *mut Query = pg_sys::copyObjectImpl(self.query.cast()).cast();
            let mut targets = Vec::new();
            let nodes = self.members.iter().map(|member| member.node);
            // A query has a column.
            let nodes = nodes.chain(
                self.members
                    .is_empty()
                    .then(|| pg_sys::makeBoolConst(true, false)),
            );
            for (place, node) in nodes.enumerate() {
                let node = pg_sys::copyObjectImpl(node.cast()).cast();
                let name = pg_sys::pstrdup(c"member".as_ptr());
                let target = pg_sys::makeTargetEntry(node, place as i16 + 1, name, false);
                targets.push(target.cast::<Node>());
            }
            (*query).targetList = tree::list_of(targets);
            if let Some(number) = among {
                let restriction = self.members.first()?.is_among(number)?;
                let tables = (*query).jointree;
                let quals = [(*tables).quals, restriction];
                let quals = quals.into_iter().filter(|qual| !qual.is_null());
                (*tables).quals = pg_sys::make_ands_explicit(tree::list_of(quals)).cast();
            }
            Some(query)
        }
    }
}

impl Member {
    /// The type of the array of constants that it can be looked for in.
    pub(super) fn array_type(&self) -> Option<Oid> {
        // SAFETY: a catalog look-up; InvalidOid where there is none.
        let array = unsafe { pg_sys::get_array_type(self.constant_type()?) };
        (array != Oid::INVALID).then_some(array)
    }

    fn constant_type(&self) -> Option<Oid> {
        let (mut left, mut right) = (Oid::INVALID, Oid::INVALID);
        // SAFETY: a catalog look-up of an operator that exists.
        unsafe { pg_sys::op_input_types(self.operator, &mut left, &mut right) };
        // SAFETY: as above. Polymorphic operators are left out.
        let is_pseudo = unsafe { pg_sys::get_typtype(right) } as u8 == pg_sys::TYPTYPE_PSEUDO;
        (!self.any && !is_pseudo).then_some(right)
    }

    /// # Safety
    /// As [`Reversed::query`].
    unsafe fn is_among(&self, number: i32) -> Option<*mut Node> {
        let array = self.array_type()?;
        // SAFETY: as promised; the node lives in the current memory context.
        unsafe {
            let node = pg_sys::copyObjectImpl(self.node.cast()).cast::<Node>();
            let parameter = tree::parameter(number, array, -1, self.collation);
            Some(tree::any_of(self.operator, self.collation, node, parameter))
        }
    }
}

/// `value = constant` or `value = ANY (constant)`.
///
/// # Safety
/// The node is a condition.
unsafe fn member(node: *mut Node) -> Option<Member> {
    // SAFETY: as promised; the tag says what the node is.
    unsafe {
        let (found, any) = match operand::comparison(node) {
            Some(found) => (found, false),
            None => (operand::one_of(node)?, true),
        };
        if found.strategy != operand::Strategy::Equal || found.negated {
            return None;
        }
        let collation = pg_sys::exprInputCollation(node);
        Some(Member {
            node: found.row,
            kind: found.kind,
            constant: found.value,
            any,
            operator: found.operator,
            collation,
        })
    }
}
