//! Checks of the table itself: enabled, published, captured in the right order.

use super::answer::Finding;
use crate::capture_trigger::Sink;
use crate::change::Operation;
use crate::feed::relation::Relation;
use crate::gucs;
use crate::pg::catalog::inheritance;
use crate::pg::catalog::publication::Coverage;
use crate::pg::catalog::publication::Publication;
use crate::pg::catalog::relation::Class;
use crate::pg::catalog::relation_triggers;
use crate::pg::catalog::triggers;
use crate::pg::catalog::triggers::Firing;
use crate::pg::Oid;
use crate::registry::Settings;
use pgrx::spi::quote_identifier;

/// So many tables or triggers are named.
const NAMED: usize = 5;

const ENABLE: &str = "Call pgrealtime.enable() on the table.";

/// A table with the triggers of its own and of its leaves.
pub struct Table<'a> {
    class: &'a Class,
    relation: &'a Relation,
    /// What the table is enabled with, if it is.
    settings: Option<&'a Settings>,
    function: Oid,
    parts: Vec<(Class, Vec<Firing>)>,
}

impl<'a> Table<'a> {
    pub fn new(
        class: &'a Class,
        relation: &'a Relation,
        settings: Option<&'a Settings>,
    ) -> Table<'a> {
        let mut parts = vec![class.clone()];
        if class.is_partitioned() {
            parts.extend(inheritance::leaves(class.oid));
        }
        Table {
            class,
            relation,
            settings,
            function: triggers::member_function("capture_change").unwrap_or(Oid::INVALID),
            parts: parts
                .into_iter()
                .map(|part| (part.clone(), triggers::firing(part.oid)))
                .collect(),
        }
    }

    pub fn findings(&self) -> Vec<Finding> {
        vec![
            self.enabled(),
            published(self.class),
            self.captured(),
            self.order(),
            self.operations(),
        ]
    }

    fn enabled(&self) -> Finding {
        let check = "enabled";
        let by_trigger = !relation_triggers::capture_triggers(self.class.oid).is_empty();
        let is_enabled = |above: &Oid| !relation_triggers::capture_triggers(*above).is_empty();
        let root = inheritance::ancestors(self.class)
            .into_iter()
            .find(is_enabled)
            .and_then(Class::by_oid);
        if let Some(root) = root.filter(|_| !by_trigger || self.settings.is_none()) {
            let root = root.quoted();
            return Finding::problem(
                check,
                format!("The table is a partition of {root}, which is enabled: its changes are told as those of {root}."),
                format!("Name {root} where changes are asked for, and here."),
            );
        }
        match self.settings {
            None if by_trigger => Finding::note(
                check,
                "Not enabled: triggers that were made by hand capture its changes.",
                "",
            ),
            None => Finding::problem(check, "The table is not enabled.", ENABLE),
            Some(known) if known.sinks.is_empty() => Finding::problem(
                check,
                "Enabled with no sink: the table is published, its changes are not captured.",
                "Call pgrealtime.enable() with sinks => '{log}'.",
            ),
            Some(known) if !known.has_sink(Sink::Log) => Finding::problem(
                check,
                format!(
                    "Enabled for {} only: changes_since reads the sink log.",
                    Sink::names(&known.sinks).join(", ")
                ),
                "Call pgrealtime.enable() with log among the sinks.",
            ),
            Some(known) => Finding::ok(
                check,
                format!("Enabled; sinks: {}.", Sink::names(&known.sinks).join(", ")),
            ),
        }
    }

    fn captured(&self) -> Finding {
        let check = "captured";
        let off = self.switched_off();
        if !off.is_empty() {
            let names: Vec<String> = off.iter().map(|(name, _)| name.clone()).collect();
            let ways: Vec<&str> = off
                .iter()
                .map(|(_, way)| way.as_str())
                .take(NAMED)
                .collect();
            return Finding::problem(
                check,
                format!("Switched off: {}.", some_of(names)),
                format!(
                    "Run {}. What was written meanwhile is not in the change log.",
                    ways.join("; ")
                ),
            );
        }
        let twice = self.captured_twice();
        if !twice.is_empty() {
            return Finding::problem(
                check,
                format!("Two triggers capture {}: each change is told twice.", some_of(twice)),
                "Drop the one that enable() has not made, whose name does not begin with 00_pgrealtime_.",
            );
        }
        if !self.relation.captured {
            return Finding::problem(
                check,
                "No trigger of this table appends to the change log.",
                "Call pgrealtime.enable() on the table, or name the partitioned table that is enabled.",
            );
        }
        if let Some(why) = &self.relation.stale {
            return Finding::problem(
                check,
                format!("The capture triggers do not fit the table's columns. {why} Readers are refused."),
                "Call pgrealtime.enable() on the table, with the settings that name the column.",
            );
        }
        let missing: Vec<&str> = self
            .settings
            .iter()
            .flat_map(|known| &known.operations)
            .filter(|event| !self.captures(**event))
            .map(|event| event.name())
            .collect();
        if !missing.is_empty() {
            return Finding::problem(
                check,
                format!(
                    "No trigger captures {}, which the table is enabled for.",
                    missing.join(", ")
                ),
                ENABLE,
            );
        }
        let unlogged = self.parts.iter().map(|(part, _)| part);
        let unlogged: Vec<String> = unlogged
            .filter(|part| part.is_unlogged())
            .map(Class::quoted)
            .collect();
        if !unlogged.is_empty() {
            return Finding::problem(
                check,
                format!(
                    "Unlogged: {}. A crash empties it, and no reader is told.",
                    some_of(unlogged)
                ),
                "Run ALTER TABLE … SET LOGGED.",
            );
        }
        Finding::ok(check, "Triggers append every change to the change log, but those applied by logical replication or under session_replication_role = replica.")
    }

    /// The capturing triggers that do not fire, and how each is switched on.
    fn switched_off(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for (part, all) in &self.parts {
            for one in all {
                if one.function == self.function && !one.enabled {
                    let (name, table) = (quote_identifier(one.name()), part.quoted());
                    let way = format!("ALTER TABLE {table} ENABLE TRIGGER {name}");
                    found.push((format!("trigger {name} of {table}"), way));
                }
            }
        }
        found
    }

    /// What more than one trigger captures: one that has no condition and another.
    fn captured_twice(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (part, all) in &self.parts {
            for event in Operation::ALL {
                if triggers::captures_twice(all, self.function, event) {
                    found.push(format!("{} of {}", event.name(), part.quoted()));
                }
            }
        }
        found
    }

    fn captures(&self, event: Operation) -> bool {
        let mut parts = self.parts.iter();
        parts.all(|(part, all)| {
            triggers::captures(all, self.function, event)
                || (event == Operation::Truncate && !part.has_truncate_triggers())
        })
    }

    fn order(&self) -> Finding {
        let check = "trigger order";
        let mut early = Vec::new();
        for (part, all) in &self.parts {
            for event in Operation::ALL {
                if let Some(one) = triggers::fires_before(all, self.function, event) {
                    let one = format!("{} of {}", quote_identifier(one.name()), part.quoted());
                    if !early.contains(&one) {
                        early.push(one);
                    }
                }
            }
        }
        if early.is_empty() {
            return Finding::ok(check, "No other AFTER ROW trigger fires before capture.");
        }
        Finding::problem(
            check,
            format!(
                "Fires before capture: {}. What it changes is told of before its cause.",
                some_of(early)
            ),
            "Give it a name that sorts behind 00_pgrealtime_: ALTER TRIGGER … RENAME TO ….",
        )
    }

    fn operations(&self) -> Finding {
        let check = "operations";
        let names = |captured: bool| {
            let of = |event: &Operation| self.captures(*event) == captured;
            let names: Vec<&str> = Operation::ALL
                .into_iter()
                .filter(of)
                .map(Operation::name)
                .collect();
            names.join(", ")
        };
        let way = |otherwise| match self.switched_off().is_empty() {
            true => otherwise,
            false => "Switch on the triggers that the check \"captured\" names.",
        };
        match (names(true), names(false)) {
            (all, none) if none.is_empty() => Finding::ok(check, format!("Captured: {all}.")),
            (none, _) if none.is_empty() => Finding::problem(
                check,
                "No operation is captured.",
                way("Call pgrealtime.enable() with the operations that readers need."),
            ),
            (some, others) => Finding::note(
                check,
                format!("Captured: {some}; not captured: {others}."),
                way("Where readers miss one, call pgrealtime.enable() with the operations that they need."),
            ),
        }
    }
}

/// A list that stays readable.
fn some_of(mut names: Vec<String>) -> String {
    let more = names.len().saturating_sub(NAMED);
    names.truncate(NAMED);
    match more {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

/// The operations that a trigger of the relation's own captures.
pub fn captured_events(relation: Oid) -> Vec<Operation> {
    let function = triggers::member_function("capture_change").unwrap_or(Oid::INVALID);
    let firing = triggers::firing(relation);
    let captured = |event: &Operation| triggers::captures(&firing, function, *event);
    Operation::ALL.into_iter().filter(captured).collect()
}

fn published(class: &Class) -> Finding {
    let check = "published";
    let name = gucs::publication();
    let Some(publication) = Publication::by_name(&name) else {
        return Finding::problem(
            check,
            format!("Publication \"{name}\" does not exist."),
            ENABLE,
        );
    };
    let how = match publication.coverage(class) {
        Some(Coverage::Direct) => "as a member",
        Some(Coverage::Schema) => "with its schema",
        Some(Coverage::AllTables) => "with all tables",
        Some(Coverage::Ancestor(_)) => "with a partitioned table above it",
        None => {
            let detail = format!("The table is not in publication \"{name}\".");
            return Finding::problem(check, detail, ENABLE);
        }
    };
    Finding::ok(check, format!("In publication \"{name}\" {how}."))
}
