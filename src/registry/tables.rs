//! The tables whose rows a relation shows, with their capture triggers, as texts that are compared after DDL.

use super::attach;
use crate::error::Result;
use crate::log::entry::GapCause;
use crate::pg::catalog::inheritance;
use crate::pg::catalog::triggers;
use crate::pg::Oid;

/// The relation itself and everything that inherits from it, each as `oid:digest of its capture triggers`, sorted.
/// Errors: 42883.
pub fn of(relation: Oid) -> Result<Vec<String>> {
    let function = attach::capture_function()?;
    let mut all = inheritance::lasting_descendants(relation);
    all.push(relation);
    all.sort_unstable_by_key(|oid| oid.to_u32());
    let one = |oid: &Oid| format!("{}:{:x}", oid.to_u32(), triggers::digest(*oid, function));
    Ok(all.iter().map(one).collect())
}

/// The relation that a text is about.
pub fn oid_of(table: &str) -> Oid {
    let number = table.split(':').next().and_then(|text| text.parse().ok());
    number.map_or(Oid::INVALID, Oid::from_u32)
}

/// These tables with others added.
pub fn with(tables: &[String], added: Vec<String>) -> Vec<String> {
    let mut all = tables.to_vec();
    all.retain(|one| added.iter().all(|other| oid_of(other) != oid_of(one)));
    all.extend(added);
    all.sort_by_key(|one| oid_of(one).to_u32());
    all
}

/// The cause of the gap entry for a difference; `None` if there is no difference.
pub fn difference(is_partitioned: bool, then: &[String], now: &[String]) -> Option<GapCause> {
    if then == now {
        return None;
    }
    let oids = |tables: &[String]| -> Vec<Oid> { tables.iter().map(|one| oid_of(one)).collect() };
    Some(match oids(then) == oids(now) {
        true => GapCause::Capture,
        false if is_partitioned => GapCause::PartitionMoved,
        false => GapCause::Inheritance,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_has_a_cause() {
        let list = |all: &[&str]| -> Vec<String> { all.iter().map(|one| (*one).into()).collect() };
        let (then, other) = (list(&["7:0"]), list(&["7:1"]));
        let more = with(&then, list(&["65:0", "8:0"]));
        assert_eq!(more, list(&["7:0", "8:0", "65:0"]));
        assert_eq!(with(&then, other.clone()), other);
        assert_eq!(difference(false, &then, &then), None);
        assert_eq!(difference(false, &then, &other), Some(GapCause::Capture));
        assert_eq!(difference(false, &then, &more), Some(GapCause::Inheritance));
        assert_eq!(
            difference(true, &more, &then),
            Some(GapCause::PartitionMoved)
        );
        assert_eq!(oid_of("8:f0"), Oid::from(8));
    }
}
