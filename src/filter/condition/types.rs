//! Which types can be compared without failing for any value, and which can be written as a literal.

use crate::pg::sql::operators::comparison;
use crate::pg::sql::operators::Strategy;
use crate::pg::sql::typeinfo::display_name;
use crate::pg::sql::typeinfo::has_stable_input;
use crate::pg::sql::typeinfo::is_datetime;
use crate::pg::sql::typeinfo::range_is_trusted;
use crate::pg::sql::typeinfo::type_kind;
use crate::pg::sql::typeinfo::TypeKind;
use crate::pg::sql::typeinfo::TIMETZ;
use crate::pg::sql::typeinfo::TSQUERY;
use crate::pg::Oid;

/// Checks that any two values of the type can be compared: it and its component types have the operators, and these run
/// only trusted code. Errors: the reason why not.
pub fn check_comparable(type_oid: Oid, ordered: bool) -> Result<(), String> {
    let name = display_name(type_oid);
    if type_oid == TSQUERY {
        return Err(format!(
            "Comparing values of type {name} can exhaust the stack."
        ));
    }
    let strategies: &[Strategy] = match ordered {
        true => &[Strategy::Equal, Strategy::Less],
        false => &[Strategy::Equal],
    };
    for strategy in strategies {
        match comparison(type_oid, *strategy) {
            None if *strategy == Strategy::Equal => {
                return Err(format!("Type {name} has no equality operator."));
            }
            None => return Err(format!("Values of type {name} have no order.")),
            Some(operator) if !operator.trusted => {
                return Err(format!(
                    "The comparison function of type {name} is neither Postgres's own nor a known extension's."
                ));
            }
            Some(_) => {}
        }
    }
    match type_kind(type_oid) {
        TypeKind::Scalar => Ok(()),
        TypeKind::Domain(base) => check_comparable(base, ordered),
        TypeKind::Array(element) => check_comparable(element, ordered),
        TypeKind::Multirange(range) => check_comparable(range, ordered),
        TypeKind::Range(subtype) if range_is_trusted(type_oid) => check_comparable(subtype, true),
        TypeKind::Range(_) => Err(format!(
            "Type {name} runs functions that are not known to be safe."
        )),
        TypeKind::Composite(types) => types
            .into_iter()
            .try_for_each(|inner| check_comparable(inner, ordered)),
    }
}

/// Checks that a literal of the type can be written so that it means the same everywhere. Errors: the reason why not.
pub fn check_writable(type_oid: Oid) -> Result<(), String> {
    let name = display_name(type_oid);
    match type_kind(type_oid) {
        TypeKind::Scalar if has_stable_input(type_oid) => Ok(()),
        TypeKind::Scalar => Err(format!(
            "The meaning of a {name} value depends on more than its text."
        )),
        TypeKind::Domain(_) => Err(format!("It contains values of domain {name}.")),
        TypeKind::Array(inner) | TypeKind::Multirange(inner) => check_writable(inner),
        TypeKind::Range(subtype) if range_is_trusted(type_oid) => check_writable(subtype),
        TypeKind::Range(_) => Err(format!(
            "Type {name} runs functions that are not known to be safe."
        )),
        TypeKind::Composite(types) => types.into_iter().try_for_each(check_writable),
    }
}

/// Whether `holds` is true for the type or one of its components.
fn contains(type_oid: Oid, holds: fn(Oid, &TypeKind) -> bool) -> bool {
    let kind = type_kind(type_oid);
    if holds(type_oid, &kind) {
        return true;
    }
    match kind {
        TypeKind::Scalar => false,
        TypeKind::Domain(inner)
        | TypeKind::Array(inner)
        | TypeKind::Range(inner)
        | TypeKind::Multirange(inner) => contains(inner, holds),
        TypeKind::Composite(types) => types.into_iter().any(|inner| contains(inner, holds)),
    }
}

/// Whether the type is, or contains, a date or time.
pub fn contains_datetime(type_oid: Oid) -> bool {
    contains(type_oid, |inner, _| is_datetime(inner))
}

/// Whether the type is, or contains, a time with a time zone.
pub fn contains_timetz(type_oid: Oid) -> bool {
    contains(type_oid, |inner, _| inner == TIMETZ)
}

/// Whether the type is, or contains, an array.
pub fn contains_array(type_oid: Oid) -> bool {
    contains(type_oid, |_, kind| matches!(kind, TypeKind::Array(_)))
}
