//! The forms of SQL and the types whose values readers can share: those that are known to hide nothing.

use super::tree;
use crate::pg::catalog::columns::text;
use pg_sys::{NodeTag as Tag, Oid};
use pgrx::pg_sys;
use pgrx::pg_sys::Node;

/// Why a node is not known; `None` if it is.
///
/// # Safety
/// The node is a part of an analysed expression or query.
pub(super) unsafe fn of_node(node: *mut Node) -> Option<String> {
    // SAFETY: the tag says what a node is.
    unsafe {
        match tree::tag(node) {
            Tag::T_Query => {
                let query = &*node.cast::<pg_sys::Query>();
                let plain = query.commandType == pg_sys::CmdType::CMD_SELECT
                    && query.rowMarks.is_null()
                    && !query.hasForUpdate
                    && !query.hasModifyingCTE;
                (!plain).then(|| "have a sub-select that does more than read".to_string())
            }
            Tag::T_RangeTblEntry => of_entry(&*node.cast::<pg_sys::RangeTblEntry>()),
            Tag::T_Param => {
                let kind = (*node.cast::<pg_sys::Param>()).paramkind;
                let known = [
                    pg_sys::ParamKind::PARAM_SUBLINK,
                    pg_sys::ParamKind::PARAM_EXTERN,
                ];
                (!known.contains(&kind)).then(|| UNKNOWN.to_string())
            }
            tag if is_part(tag) || is_expression(tag) => None,
            Tag::T_CoerceToDomain => {
                Some("cast to a domain, whose checks may run any code".to_string())
            }
            _ => Some(UNKNOWN.to_string()),
        }
    }
}

const UNKNOWN: &str = "use a form of SQL that is not looked into";

/// What is no value itself.
fn is_part(tag: Tag) -> bool {
    matches!(
        tag,
        Tag::T_List
            | Tag::T_TargetEntry
            | Tag::T_FromExpr
            | Tag::T_JoinExpr
            | Tag::T_RangeTblRef
            | Tag::T_RangeTblFunction
            | Tag::T_SetOperationStmt
            | Tag::T_CommonTableExpr
            | Tag::T_SortGroupClause
            | Tag::T_WindowClause
            | Tag::T_CaseWhen
            | Tag::T_NamedArgExpr
    )
}

pub(super) fn is_expression(tag: Tag) -> bool {
    matches!(
        tag,
        Tag::T_Var
            | Tag::T_Const
            | Tag::T_Param
            | Tag::T_Aggref
            | Tag::T_WindowFunc
            | Tag::T_SubscriptingRef
            | Tag::T_FuncExpr
            | Tag::T_OpExpr
            | Tag::T_DistinctExpr
            | Tag::T_NullIfExpr
            | Tag::T_ScalarArrayOpExpr
            | Tag::T_BoolExpr
            | Tag::T_SubLink
            | Tag::T_FieldSelect
            | Tag::T_RelabelType
            | Tag::T_CoerceViaIO
            | Tag::T_ArrayCoerceExpr
            | Tag::T_CollateExpr
            | Tag::T_CaseExpr
            | Tag::T_CaseTestExpr
            | Tag::T_ArrayExpr
            | Tag::T_RowExpr
            | Tag::T_RowCompareExpr
            | Tag::T_CoalesceExpr
            | Tag::T_MinMaxExpr
            | Tag::T_SQLValueFunction
            | Tag::T_NullTest
            | Tag::T_BooleanTest
    )
}

fn of_entry(entry: &pg_sys::RangeTblEntry) -> Option<String> {
    use pg_sys::RTEKind::*;
    match entry.rtekind {
        RTE_RELATION if !entry.tablesample.is_null() => {
            Some("read a sample of a table".to_string())
        }
        RTE_RELATION if entry.relkind as u8 == pg_sys::RELKIND_FOREIGN_TABLE => {
            Some("read a foreign table".to_string())
        }
        RTE_RELATION | RTE_SUBQUERY | RTE_JOIN | RTE_FUNCTION | RTE_VALUES | RTE_CTE
        | RTE_RESULT => None,
        _ => Some(UNKNOWN.to_string()),
    }
}

/// Values of some types run code of users when they are compared, printed or turned to JSON.
///
/// # Safety
/// As [`of_node`].
pub(super) unsafe fn of_type(node: *mut Node) -> Option<String> {
    // SAFETY: only expressions have a type.
    unsafe {
        if !is_expression(tree::tag(node)) {
            return None;
        }
        let type_oid = pg_sys::exprType(node);
        let is_cast = tree::tag(node) == Tag::T_CoerceViaIO;
        let plain = is_plain(type_oid) && !(is_cast && holds_domain(type_oid));
        (!plain).then(|| {
            let name = text(pg_sys::format_type_be(type_oid));
            format!("use a value of type {name}, which may run code of users")
        })
    }
}

/// Whether the values of a type run nothing but Postgres's own code, or that of a type in C.
fn is_plain(type_oid: Oid) -> bool {
    // SAFETY: catalog look-ups of a type that an expression has.
    unsafe {
        let base = pg_sys::getBaseType(type_oid);
        let element = pg_sys::get_element_type(base);
        if element != Oid::INVALID {
            return is_plain(element);
        }
        match pg_sys::get_typtype(base) as u8 {
            pg_sys::TYPTYPE_BASE | pg_sys::TYPTYPE_ENUM => true,
            pg_sys::TYPTYPE_RANGE | pg_sys::TYPTYPE_MULTIRANGE => {
                base.to_u32() < pg_sys::FirstNormalObjectId
            }
            pg_sys::TYPTYPE_PSEUDO => {
                [pg_sys::UNKNOWNOID, pg_sys::CSTRINGOID, pg_sys::VOIDOID].contains(&base)
            }
            _ => false,
        }
    }
}

fn holds_domain(type_oid: Oid) -> bool {
    // SAFETY: as above.
    unsafe {
        let element = pg_sys::get_element_type(type_oid);
        pg_sys::get_typtype(type_oid) as u8 == pg_sys::TYPTYPE_DOMAIN
            || element != Oid::INVALID && holds_domain(element)
    }
}
