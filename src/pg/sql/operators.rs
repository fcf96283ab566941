//! Operators, found once by type and written so that no search_path can change which operator is used.

use super::typeinfo::is_immutable;
use crate::pg::backend::syscache::Cached;
use crate::pg::catalog::columns::text;
use pgrx::pg_sys;
use pgrx::pg_sys::Oid;
use std::ffi::CString;

/// An operator with two operands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BinaryOperator {
    /// Its OID.
    pub oid: Oid,
    /// The declared type of its left operand.
    pub left: Oid,
    /// The declared type of its right operand.
    pub right: Oid,
    /// `OPERATOR(schema.name)`.
    pub sql: String,
    /// Whether its function is immutable, and Postgres's own or a known extension's.
    pub trusted: bool,
}

impl BinaryOperator {
    /// Whether an operand type is polymorphic.
    pub fn is_polymorphic(&self) -> bool {
        // SAFETY: a catalog look-up.
        unsafe { pg_sys::get_typtype(self.left) as u8 == pg_sys::TYPTYPE_PSEUDO }
    }
}

/// A comparison that an operator class defines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    Less,
    LessEqual,
    Equal,
    GreaterEqual,
    Greater,
}

/// The operator of a type's default btree operator class; for equality, of the hash class if there is no btree class.
/// `None` also for a type that contains types without the operator.
pub fn comparison(type_oid: Oid, strategy: Strategy) -> Option<BinaryOperator> {
    let wanted = pg_sys::TYPECACHE_EQ_OPR
        | pg_sys::TYPECACHE_LT_OPR
        | pg_sys::TYPECACHE_BTREE_OPFAMILY
        | pg_sys::TYPECACHE_CMP_PROC;
    // SAFETY: the entry lives as long as the backend; the flags ask for the fields that are read.
    unsafe {
        let entry = pg_sys::lookup_type_cache(type_oid, wanted as i32);
        if strategy == Strategy::Equal {
            return by_oid((*entry).eq_opr);
        }
        // The cache checked the element types of arrays and rows for these two; the other strategies follow from them.
        if (*entry).lt_opr == pg_sys::InvalidOid || !is_immutable((*entry).cmp_proc) {
            return None;
        }
        let number = match strategy {
            Strategy::Less => pg_sys::BTLessStrategyNumber,
            Strategy::LessEqual => pg_sys::BTLessEqualStrategyNumber,
            Strategy::Equal => pg_sys::BTEqualStrategyNumber,
            Strategy::GreaterEqual => pg_sys::BTGreaterEqualStrategyNumber,
            Strategy::Greater => pg_sys::BTGreaterStrategyNumber,
        };
        let (family, input) = ((*entry).btree_opf, (*entry).btree_opintype);
        by_oid(pg_sys::get_opfamily_member(
            family,
            input,
            input,
            number as i16,
        ))
    }
}

/// The operator's negator: true where the operator is false.
pub fn negator(operator: &BinaryOperator) -> Option<BinaryOperator> {
    // SAFETY: a catalog look-up, InvalidOid for no hit.
    by_oid(unsafe { pg_sys::get_negator(operator.oid) })
}

/// The operator with this name and these operand types in the schema of the type `home`.
pub fn named(home: Oid, name: &str, left: Oid, right: Oid) -> Option<BinaryOperator> {
    let name = CString::new(name).ok()?;
    // SAFETY: the list and its strings live in the current memory context; InvalidOid for no hit.
    unsafe {
        let schema = Cached::<pg_sys::FormData_pg_type>::by_oid(home)?.typnamespace;
        let schema = pg_sys::get_namespace_name(schema);
        if schema.is_null() {
            return None;
        }
        let mut names = pgrx::PgList::<pg_sys::Node>::new();
        names.push(pg_sys::makeString(schema).cast());
        names.push(pg_sys::makeString(pg_sys::pstrdup(name.as_ptr())).cast());
        by_oid(pg_sys::OpernameGetOprid(names.into_pg(), left, right))
    }
}

/// Postgres's own operator with this name and these operand types.
pub fn builtin(name: &str, left: Oid, right: Oid) -> Option<BinaryOperator> {
    named(pg_sys::INT4OID, name, left, right)
}

/// The polymorphic `@>`, `<@` or `&&` for arrays, ranges or multiranges.
pub fn of_containers(name: &str, kind: &super::typeinfo::TypeKind) -> Option<BinaryOperator> {
    use super::typeinfo::TypeKind;
    let operand = match kind {
        TypeKind::Array(_) => pg_sys::ANYARRAYOID,
        TypeKind::Range(_) => pg_sys::ANYRANGEOID,
        TypeKind::Multirange(_) => pg_sys::ANYMULTIRANGEOID,
        _ => return None,
    };
    builtin(name, operand, operand)
}

fn by_oid(operator: Oid) -> Option<BinaryOperator> {
    let form = Cached::<pg_sys::FormData_pg_operator>::by_oid(operator)?;
    // SAFETY: catalog look-ups; names end with a NUL.
    unsafe {
        let schema = pg_sys::get_namespace_name(form.oprnamespace);
        Some(BinaryOperator {
            oid: operator,
            left: form.oprleft,
            right: form.oprright,
            sql: format!(
                "OPERATOR({}.{})",
                text(pg_sys::quote_identifier(schema)),
                text(form.oprname.data.as_ptr())
            ),
            trusted: is_immutable(form.oprcode),
        })
    }
}
