//! Which types can be compared without a failure for any value, and which can be written as a literal.

use crate::pg::sql::operators::comparison;
use crate::pg::sql::operators::Strategy;
use crate::pg::sql::typeinfo::display_name;
use crate::pg::sql::typeinfo::has_stable_input;
use crate::pg::sql::typeinfo::is_datetime;
use crate::pg::sql::typeinfo::range_is_trusted;
use crate::pg::sql::typeinfo::shape;
use crate::pg::sql::typeinfo::Shape;
use crate::pg::sql::typeinfo::TIMETZ;
use crate::pg::sql::typeinfo::TSQUERY;
use crate::pg::Oid;

/// Whether any two values of the type can be compared: it and all that it is made of have the operators, and these
/// run nothing but known code. Otherwise why not.
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
                    "The comparison of type {name} is neither Postgres's own nor of a known extension."
                ));
            }
            Some(_) => {}
        }
    }
    match shape(type_oid) {
        Shape::Scalar => Ok(()),
        Shape::Domain(base) => check_comparable(base, ordered),
        Shape::Array(element) => check_comparable(element, ordered),
        Shape::Multirange(range) => check_comparable(range, ordered),
        Shape::Range(subtype) if range_is_trusted(type_oid) => check_comparable(subtype, true),
        Shape::Range(_) => Err(format!("Type {name} runs functions that are not known.")),
        Shape::Composite(types) => types
            .into_iter()
            .try_for_each(|inner| check_comparable(inner, ordered)),
    }
}

/// Whether a literal of the type can be written so that it means the same everywhere. Otherwise why not.
pub fn check_writable(type_oid: Oid) -> Result<(), String> {
    let name = display_name(type_oid);
    match shape(type_oid) {
        Shape::Scalar if has_stable_input(type_oid) => Ok(()),
        Shape::Scalar => Err(format!(
            "What a value of type {name} means depends on more than its text."
        )),
        Shape::Domain(_) => Err(format!("It contains values of domain {name}.")),
        Shape::Array(inner) | Shape::Multirange(inner) => check_writable(inner),
        Shape::Range(subtype) if range_is_trusted(type_oid) => check_writable(subtype),
        Shape::Range(_) => Err(format!("Type {name} runs functions that are not known.")),
        Shape::Composite(types) => types.into_iter().try_for_each(check_writable),
    }
}

/// Whether the type is, or is made of, what `holds` says.
fn contains(type_oid: Oid, holds: fn(Oid, &Shape) -> bool) -> bool {
    let shape = shape(type_oid);
    if holds(type_oid, &shape) {
        return true;
    }
    match shape {
        Shape::Scalar => false,
        Shape::Domain(inner)
        | Shape::Array(inner)
        | Shape::Range(inner)
        | Shape::Multirange(inner) => contains(inner, holds),
        Shape::Composite(types) => types.into_iter().any(|inner| contains(inner, holds)),
    }
}

/// Whether the type is, or is made of, dates or times.
pub fn contains_datetime(type_oid: Oid) -> bool {
    contains(type_oid, |inner, _| is_datetime(inner))
}

/// Whether the type is, or is made of, times with a time zone.
pub fn contains_timetz(type_oid: Oid) -> bool {
    contains(type_oid, |inner, _| inner == TIMETZ)
}

/// Whether the type is, or is made of, arrays.
pub fn contains_array(type_oid: Oid) -> bool {
    contains(type_oid, |_, shape| matches!(shape, Shape::Array(_)))
}
