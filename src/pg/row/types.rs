//! Properties of types from the catalogs: length, base, element, name, and when cached answers become stale.

use crate::pg::backend::syscache::Cached;
use pgrx::pg_sys;
use pgrx::pg_sys::Oid;

/// A type with domains resolved, and its length, which determines how its values are stored (pg_type.typlen).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Type {
    oid: Oid,
    length: i16,
}

impl Type {
    /// The type itself, or what a domain is over.
    pub fn base_of(oid: Oid) -> Type {
        let mut length = 0;
        let mut by_value = false;
        // SAFETY: syscache look-ups, which raise an error for a type that does not exist.
        let oid = unsafe {
            let base = pg_sys::getBaseType(oid);
            pg_sys::get_typlenbyval(base, &mut length, &mut by_value);
            base
        };
        Type { oid, length }
    }

    /// Stands for a dropped column: no value has this type.
    pub const NONE: Type = Type {
        oid: Oid::INVALID,
        length: 0,
    };

    pub fn oid(self) -> Oid {
        self.oid
    }

    /// Whether values are stored with a length in front, possibly compressed or out of line.
    pub fn is_varlena(self) -> bool {
        self.length == -1
    }

    /// Element type as declared, without resolving domains; `None` for a type that is not a true array (`name` and
    /// `point` have elements too, but are no arrays).
    pub fn element(self) -> Option<Oid> {
        // SAFETY: a syscache look-up; InvalidOid for no array.
        let element = unsafe { pg_sys::get_element_type(self.oid) };
        (element != Oid::INVALID).then_some(element)
    }

    /// The relation that this row type belongs to: a table, a view or a standalone composite type.
    pub fn relation(self) -> Option<Oid> {
        // SAFETY: a syscache look-up; InvalidOid for no composite type.
        let relation = unsafe { pg_sys::get_typ_typrelid(self.oid) };
        (relation != Oid::INVALID).then_some(relation)
    }

    /// Whether the type is user-defined. Only casts of such types to json are used.
    pub fn is_users(self) -> bool {
        self.oid.to_u32() >= pg_sys::FirstNormalObjectId
    }

    /// The type's owner; `None` if it was dropped.
    pub fn owner(self) -> Option<Oid> {
        Cached::<pg_sys::FormData_pg_type>::by_oid(self.oid).map(|form| form.typowner)
    }

    pub fn is_enum(self) -> bool {
        // SAFETY: a syscache look-up.
        unsafe { pg_sys::type_is_enum(self.oid) }
    }

    /// The element type of a range or a multirange.
    pub fn range_subtype(self) -> Option<Type> {
        // SAFETY: syscache look-ups; InvalidOid where there is none.
        let subtype = unsafe {
            let range = match pg_sys::get_multirange_range(self.oid) {
                Oid::INVALID => self.oid,
                range => range,
            };
            pg_sys::get_range_subtype(range)
        };
        (subtype != Oid::INVALID).then(|| Type::base_of(subtype))
    }
}

/// pg_type.typname.
pub fn type_name(oid: Oid) -> Option<String> {
    Cached::<pg_sys::FormData_pg_type>::by_oid(oid).map(|form| crate::pg::name(&form.typname))
}

/// Raises 54001 before nested types overflow the stack.
pub fn check_stack_depth() {
    // SAFETY: compares an address with a limit.
    unsafe { pg_sys::check_stack_depth() }
}
