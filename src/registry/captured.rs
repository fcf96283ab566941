//! What is really captured, as the triggers tell.

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
    pub events: Vec<Operation>,
    /// Another AFTER ROW trigger fires before the capturing one.
    pub late: bool,
    /// Two triggers of a table capture the same.
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
        let everywhere = |event: &Operation| {
            tables.iter().all(|(all, may_truncate)| {
                triggers::captures(all, function, *event)
                    || (*event == Operation::Truncate && !may_truncate)
            })
        };
        let any = |has: &dyn Fn(&[Firing], Operation) -> bool| {
            let in_one = |all: &[Firing]| Operation::ALL.into_iter().any(|event| has(all, event));
            tables.iter().any(|(all, _)| in_one(all))
        };
        Capture {
            events: Operation::ALL.into_iter().filter(everywhere).collect(),
            late: any(&|all, event| triggers::fires_before(all, function, event).is_some()),
            twice: any(&|all, event| triggers::captures_twice(all, function, event)),
        }
    }

    pub fn captures(&self, event: Operation) -> bool {
        self.events.contains(&event)
    }
}

/// Where the triggers of a table are looked up: for many tables in one pass over the catalog, for few by its index,
/// since the catalog holds the triggers of every foreign key, too.
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
