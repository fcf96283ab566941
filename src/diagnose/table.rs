//! Checks of the table itself: whether it is enabled, published, and captured in the right order.

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

/// How many tables or triggers a list names.
const NAMED: usize = 5;

const ENABLE: &str = "Call pgrealtime.enable() on the table.";

/// A table with its triggers and those of its leaf partitions.
pub struct Table<'a> {
    class: &'a Class,
    relation: &'a Relation,
    /// The table's settings, if it is enabled.
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
                format!("The table is a partition of {root}, which is enabled. Its changes are reported as changes of {root}."),
                format!("Name {root} instead, in changes_since and in diagnose."),
            );
        }
        match self.settings {
            None if by_trigger => Finding::note(
                check,
                "Not enabled, but triggers that were created by hand or by a restore capture its changes.",
                "",
            ),
            None => Finding::problem(check, "The table is not enabled.", ENABLE),
            Some(known) if known.sinks.is_empty() => Finding::problem(
                check,
                "Enabled without sinks: the table is published, but its changes are not captured.",
                "Call pgrealtime.enable() with sinks => '{log}'.",
            ),
            Some(known) if !known.has_sink(Sink::Log) => Finding::problem(
                check,
                format!(
                    "Enabled with other sinks only ({}), but changes_since reads the sink log.",
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
        let off = self.disabled();
        if !off.is_empty() {
            let names: Vec<String> = off.iter().map(|(name, _)| name.clone()).collect();
            let ways: Vec<&str> = off
                .iter()
                .map(|(_, way)| way.as_str())
                .take(NAMED)
                .collect();
            return Finding::problem(
                check,
                format!("Disabled: {}.", some_of(names)),
                format!(
                    "Run {}. The change log lacks the changes that were made meanwhile.",
                    ways.join("; ")
                ),
            );
        }
        let twice = self.captured_twice();
        if !twice.is_empty() {
            return Finding::problem(
                check,
                format!("Two triggers capture {}, so each change is reported twice.", some_of(twice)),
                "Drop the trigger that enable() did not create. Its name does not begin with 00_pgrealtime_.",
            );
        }
        if self.relation.partial {
            return Finding::problem(
                check,
                "A capture trigger fires for some columns only (UPDATE OF), or on a condition (WHEN) that enable() did not create. Readers get an error.",
                "Call pgrealtime.enable() on the table, or create the trigger again without that.",
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
                format!(
                    "The capture triggers do not match the table's {}. {why} Readers get an error.",
                    why.with()
                ),
                format!(
                    "Call pgrealtime.enable() on the table again, {}.",
                    why.way_out()
                ),
            );
        }
        let missing: Vec<&str> = self
            .settings
            .iter()
            .flat_map(|known| &known.operations)
            .filter(|operation| !self.captures(**operation))
            .map(|operation| operation.name())
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
                    "Unlogged: {}. A crash empties unlogged tables, and readers do not learn of it.",
                    some_of(unlogged)
                ),
                "Run ALTER TABLE … SET LOGGED.",
            );
        }
        Finding::ok(check, "Triggers append every change to the change log, except those applied by logical replication or under session_replication_role = replica.")
    }

    /// The capture triggers that are disabled, each with the command that enables it.
    fn disabled(&self) -> Vec<(String, String)> {
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

    /// The operations that two triggers capture, at least one of them without a condition.
    fn captured_twice(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (part, all) in &self.parts {
            for operation in Operation::ALL {
                if triggers::captures_twice(all, self.function, operation) {
                    found.push(format!("{} of {}", operation.name(), part.quoted()));
                }
            }
        }
        found
    }

    fn captures(&self, operation: Operation) -> bool {
        let mut parts = self.parts.iter();
        parts.all(|(part, all)| {
            triggers::captures(all, self.function, operation)
                || (operation == Operation::Truncate && !part.has_truncate_triggers())
        })
    }

    fn order(&self) -> Finding {
        let check = "trigger order";
        let mut early = Vec::new();
        for (part, all) in &self.parts {
            for operation in Operation::ALL {
                if let Some(one) = triggers::fires_before(all, self.function, operation) {
                    let one = format!("{} of {}", quote_identifier(one.name()), part.quoted());
                    if !early.contains(&one) {
                        early.push(one);
                    }
                }
            }
        }
        if early.is_empty() {
            return Finding::ok(check, "No other AFTER trigger fires before capture.");
        }
        Finding::problem(
            check,
            format!(
                "Triggers that fire before capture: {}. Their own changes are reported before the change that fired them.",
                some_of(early)
            ),
            "Rename them so that their names sort after 00_pgrealtime_: ALTER TRIGGER … RENAME TO ….",
        )
    }

    fn operations(&self) -> Finding {
        let check = "operations";
        let names = |captured: bool| {
            let of = |operation: &Operation| self.captures(*operation) == captured;
            let names: Vec<&str> = Operation::ALL
                .into_iter()
                .filter(of)
                .map(Operation::name)
                .collect();
            names.join(", ")
        };
        let way = |otherwise| match self.disabled().is_empty() {
            true => otherwise,
            false => "Enable the triggers that the check \"captured\" names.",
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
                way("If readers need more, call pgrealtime.enable() with all operations that they need."),
            ),
        }
    }
}

/// Joins names to a list, with only the first few of many.
fn some_of(mut names: Vec<String>) -> String {
    let more = names.len().saturating_sub(NAMED);
    names.truncate(NAMED);
    match more {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

/// The operations that a trigger on the relation itself captures.
pub fn captured_operations(relation: Oid) -> Vec<Operation> {
    let function = triggers::member_function("capture_change").unwrap_or(Oid::INVALID);
    let firing = triggers::firing(relation);
    let captured = |operation: &Operation| triggers::captures(&firing, function, *operation);
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
        Some(Coverage::Schema) => "through its schema",
        Some(Coverage::AllTables) => "with all tables",
        Some(Coverage::Ancestor(_)) => "through a partitioned table above it",
        None => {
            let detail = format!("The table is not in publication \"{name}\".");
            return Finding::problem(check, detail, ENABLE);
        }
    };
    Finding::ok(check, format!("In publication \"{name}\" {how}."))
}
