//! What is actually captured, according to the triggers.

use crate::change::Operation;
use crate::pg::catalog::inheritance;
use crate::pg::catalog::relation::Class;
use crate::pg::catalog::triggers;
use crate::pg::catalog::triggers::Firing;
use crate::pg::Oid;
use std::borrow::Cow;
use std::collections::HashMap;

/// What the triggers of a relation and of its leaves capture.
pub struct Capture {
    pub operations: Vec<Operation>,
    /// Another AFTER ROW trigger fires before a capture trigger.
    pub late: bool,
    /// Two triggers of a table capture the same operation.
    pub twice: bool,
}

impl Capture {
    pub fn of(class: &Class, function: Oid, triggers: &TriggersOf) -> Capture {
        let mut tables = vec![(triggers.of(class.oid), true)];
        if class.is_partitioned() {
            tables.extend(
                inheritance::leaves(class.oid)
                    .iter()
                    .map(|leaf| (triggers.of(leaf.oid), leaf.has_truncate_triggers())),
            );
        }
        let everywhere = |operation: &Operation| {
            tables.iter().all(|(all, may_truncate)| {
                triggers::captures(all, function, *operation)
                    || (*operation == Operation::Truncate && !may_truncate)
            })
        };
        let any = |has: &dyn Fn(&[Firing], Operation) -> bool| {
            let in_one = |all: &[Firing]| {
                Operation::ALL
                    .into_iter()
                    .any(|operation| has(all, operation))
            };
            tables.iter().any(|(all, _)| in_one(all))
        };
        Capture {
            operations: Operation::ALL.into_iter().filter(everywhere).collect(),
            late: any(&|all, operation| triggers::fires_before(all, function, operation).is_some()),
            twice: any(&|all, operation| triggers::captures_twice(all, function, operation)),
        }
    }

    pub fn captures(&self, operation: Operation) -> bool {
        self.operations.contains(&operation)
    }
}

/// How triggers are looked up: for many tables by one scan of the catalog, for few tables by its index. The catalog
/// also holds the triggers of every foreign key, so a scan is expensive.
pub enum TriggersOf {
    Catalog,
    Read(HashMap<Oid, Vec<Firing>>),
}

impl TriggersOf {
    pub fn these(tables: usize) -> TriggersOf {
        match tables {
            0..100 => TriggersOf::Catalog,
            _ => TriggersOf::Read(triggers::firing_everywhere()),
        }
    }

    fn of(&self, table: Oid) -> Cow<'_, [Firing]> {
        match self {
            TriggersOf::Catalog => triggers::firing(table).into(),
            TriggersOf::Read(all) => all.get(&table).map_or(&[][..], Vec::as_slice).into(),
        }
    }
}
