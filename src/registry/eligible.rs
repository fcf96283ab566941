//! Which relations can be enabled, and by whom.

use super::belonging::Remembered;
use super::{attach, present, settings, taken};
use crate::error::{report, Error, Report, Result};
use crate::pg::backend::ddl;
use crate::pg::catalog::acl;
use crate::pg::catalog::inheritance;
use crate::pg::catalog::keys;
use crate::pg::catalog::publication::Publication;
use crate::pg::catalog::relation::gone;
use crate::pg::catalog::relation::Class;
use crate::pg::Oid;

/// Finds the relation and checks that the caller owns it. Errors: 42P01 if it does not exist, 42501 if the caller does
/// not own it.
pub fn owned(relation: Oid) -> Result<Class> {
    let class = Class::by_oid(relation).ok_or_else(|| gone(relation))?;
    if acl::owns(&class) {
        return Ok(class);
    }
    Err(Error::insufficient_privilege(
        report(format!("must be owner of table {}", class.name))
            .detail(format!("Its owner is {}.", acl::role_name(class.owner)))
            .hint("Run this as a role that has the owner's rights."),
    ))
}

/// Locks a relation that the caller must own against writers and other DDL until the transaction ends. Errors: as
/// [`owned`].
pub fn lock_owned(relation: Oid) -> Result<Class> {
    owned(relation)?;
    ddl::lock_relation(relation);
    // Check again: while this call waited for the lock, the relation may have been dropped or renamed, or its owner
    // changed. From here on this cannot happen.
    settings::share_names(owned(relation)?.schema)?;
    // Check once more: its schema may have been renamed.
    owned(relation)
}

/// Only permanent tables of users can be published. Errors: 42809 for others.
pub fn check_kind(class: &Class) -> Result<()> {
    let refused = |what: &str, hint: &str| {
        Err(Error::wrong_object_type(
            report(format!("cannot enable relation \"{}\"", class.name))
                .detail(format!("It is {what}."))
                .hint(hint),
        ))
    };
    if class.is_system() || class.schema_name == crate::pg::SCHEMA {
        return refused("a system table", "Only tables of users can be realtime.");
    }
    match class.kind {
        b'r' | b'p' => {}
        b'v' => return refused("a view", "Enable the tables that the view reads."),
        b'm' => {
            return refused(
                "a materialized view",
                "Enable the tables that the view reads.",
            )
        }
        b'f' => {
            return refused(
                "a foreign table",
                "Enable the table on the server that stores it.",
            )
        }
        b'S' => return refused("a sequence", "Only tables can be realtime."),
        b'i' | b'I' => return refused("an index", "Name the table of the index."),
        b'c' => return refused("a composite type", "Only tables can be realtime."),
        _ => return refused("not a table", "Only tables can be realtime."),
    }
    if class.is_temporary() {
        return refused(
            "a temporary table",
            "Only this session can see it. Use a permanent table.",
        );
    }
    if !class.is_permanent() {
        let hint = format!("Run ALTER TABLE {} SET LOGGED first.", class.quoted());
        return refused("an unlogged table", &hint);
    }
    Ok(())
}

/// The table itself or its first leaf that is unlogged. A crash would empty it, and no change would be captured.
pub fn unlogged_part(class: &Class) -> Option<Class> {
    let parts = match class.is_partitioned() {
        true => inheritance::leaves(class.oid),
        false => vec![class.clone()],
    };
    parts.into_iter().find(Class::is_unlogged)
}

/// Leaves of the table must not be unlogged either. Errors: 42809.
pub fn check_leaves(class: &Class) -> Result<()> {
    let Some(leaf) = unlogged_part(class) else {
        return Ok(());
    };
    let message = format!("cannot enable relation \"{}\"", class.name);
    Err(Error::wrong_object_type(unlogged(message, &leaf)))
}

fn unlogged(message: String, leaf: &Class) -> Report {
    report(message)
        .detail(format!(
            "{} is an unlogged table. A crash empties it, and readers do not learn of it.",
            leaf.quoted()
        ))
        .hint(format!(
            "Run ALTER TABLE {} SET LOGGED first.",
            leaf.quoted()
        ))
}

/// A change must be reported only once, under one name. And a SELECT from the table must not return rows whose changes
/// fire no capture trigger. Errors: 55000 if a table above or below is enabled; 0A000 if tables inherit from it.
pub fn check_relatives(class: &Class) -> Result<()> {
    let remembered = Remembered::load()?;
    for oid in inheritance::ancestors(class) {
        if let Some(above) = enabled(&remembered, oid) {
            return Err(conflict(
                class,
                &above,
                format!("It is a partition of {}, which is enabled", above.quoted()),
            ));
        }
    }
    let below = inheritance::descendants(class.oid);
    if !class.is_partitioned() && !below.is_empty() {
        let children: Vec<String> = below
            .iter()
            .filter_map(|oid| Class::by_oid(*oid))
            .map(|c| c.quoted())
            .collect();
        return Err(Error::feature_not_supported(
            report(format!("cannot enable table \"{}\"", class.name))
                .detail(format!(
                    "Tables inherit from it: {}. A SELECT from it returns their rows, but their changes do not fire its triggers.",
                    children.join(", ")
                ))
                .hint("Enable each of these tables, or use declarative partitioning."),
        ));
    }
    for oid in below {
        if let Some(leaf) = enabled(&remembered, oid) {
            return Err(conflict(
                class,
                &leaf,
                format!("Its partition {} is enabled", leaf.quoted()),
            ));
        }
    }
    Ok(())
}

/// Checks before ATTACH PARTITION. If both tables are enabled, Postgres itself would only report that a trigger already
/// exists. Errors: 55000.
pub fn check_attach(parent: Option<Oid>, partition: Option<Oid>) -> Result<()> {
    let (parent, partition) = (
        parent.and_then(Class::by_oid),
        partition.and_then(Class::by_oid),
    );
    let (Some(parent), Some(partition)) = (parent, partition) else {
        return Ok(());
    };
    // A caller who may not attach it gets Postgres's own error, and learns nothing else.
    if !acl::owns(&parent) || !acl::owns(&partition) {
        return Ok(());
    }
    let remembered = Remembered::load()?;
    let above = std::iter::once(parent.oid).chain(inheritance::ancestors(&parent));
    let Some(root) = above.into_iter().find_map(|oid| enabled(&remembered, oid)) else {
        return Ok(());
    };
    if let Some(leaf) = unlogged_part(&partition) {
        let message = format!(
            "cannot attach table \"{}\" as a partition of \"{}\", which is enabled",
            partition.name, root.name
        );
        return Err(Error::object_not_in_prerequisite_state(unlogged(
            message, &leaf,
        )));
    }
    let below: Vec<Oid> = std::iter::once(partition.oid)
        .chain(inheritance::descendants(partition.oid))
        .collect();
    for table in below.iter().filter_map(|oid| enabled(&remembered, *oid)) {
        if present::would_clash(&parent, &table)? {
            return Err(Error::object_not_in_prerequisite_state(
                report(format!(
                    "cannot attach table \"{}\" as a partition of \"{}\"",
                    partition.name, parent.name
                ))
                .detail(format!(
                    "Both {} and {} are enabled. A change would be reported twice, under two names.",
                    table.quoted(),
                    root.quoted()
                ))
                .hint(format!(
                    "Run SELECT pgrealtime.disable({}) first. Its changes are then reported as changes of {}.",
                    pgrx::spi::quote_literal(table.quoted()),
                    root.quoted()
                )),
            ));
        }
    }
    let function = attach::capture_function()?;
    for table in below.into_iter().filter_map(Class::by_oid) {
        if let Some(name) = taken::same_name(&root, &parent, &table, function) {
            return Err(Error::object_not_in_prerequisite_state(
                report(format!(
                    "cannot attach table \"{}\" as a partition of \"{}\"",
                    partition.name, parent.name
                ))
                .detail(format!(
                    "{} already has a trigger \"{name}\", and {} gives its partitions a trigger with this name.",
                    table.quoted(),
                    root.quoted()
                ))
                .hint(format!(
                    "Run DROP TRIGGER {} ON {} first, or rename the trigger.",
                    pgrx::spi::quote_identifier(&name),
                    table.quoted()
                )),
            ));
        }
    }
    Ok(())
}

/// Whether the relation or a partitioned table above it is enabled. Errors: as [`Remembered::load`].
pub fn is_enabled(class: &Class) -> Result<bool> {
    let remembered = Remembered::load()?;
    let mut tables = std::iter::once(class.oid).chain(inheritance::ancestors(class));
    Ok(tables.any(|oid| enabled(&remembered, oid).is_some()))
}

fn enabled(remembered: &Remembered, relation: Oid) -> Option<Class> {
    let class = Class::by_oid(relation)?;
    remembered.of(&class).is_some().then_some(class)
}

fn conflict(class: &Class, other: &Class, why: String) -> Error {
    Error::object_not_in_prerequisite_state(
        report(format!("cannot enable table \"{}\"", class.name))
            .detail(format!(
                "{why}. A change would be reported twice, under two names."
            ))
            .hint(format!(
                "Keep it that way, or run SELECT pgrealtime.disable({}) first.",
                pgrx::spi::quote_literal(other.quoted())
            )),
    )
}

/// Publishing must not make UPDATE and DELETE on the table fail. For a partitioned table, its leaves count. Errors:
/// 55000.
pub fn check_identity(class: &Class, publication: Option<&Publication>) -> Result<()> {
    if publication.is_some_and(|one| !one.updates && !one.deletes) {
        return Ok(());
    }
    let report = without_identity(class)
        .map(|table| no_identity(&table))
        .or_else(|| unpublished_identity(class, publication));
    report.map_or(Ok(()), |report| {
        Err(Error::object_not_in_prerequisite_state(report))
    })
}

/// The table itself or the first of its leaves that has no replica identity.
pub fn without_identity(class: &Class) -> Option<Class> {
    let mut tables = written_tables(class).into_iter();
    tables.find(|table| !keys::has_replica_identity(table))
}

/// The tables that need a replica identity. Foreign tables do not, since they are never published.
fn written_tables(class: &Class) -> Vec<Class> {
    match class.is_partitioned() {
        true => inheritance::leaves(class.oid)
            .into_iter()
            .filter(Class::is_table)
            .collect(),
        false => vec![class.clone()],
    }
}

/// The report for the table itself, or its first leaf, whose replica identity is not published completely.
pub fn unpublished_identity(class: &Class, publication: Option<&Publication>) -> Option<Report> {
    let generated = publication.map(|one| one.generated);
    let table = written_tables(class)
        .into_iter()
        .find(|table| keys::identity_is_unpublished(table, generated))?;
    Some(
        report(format!(
            "the replica identity of table \"{}\" has a generated column that is not published",
            table.name
        ))
        .detail("When the table is published, every UPDATE and DELETE on it fails.")
        .hint(format!(
            "Run ALTER TABLE {} REPLICA IDENTITY DEFAULT, or, if the column is stored, \
             ALTER PUBLICATION ... SET (publish_generated_columns = stored).",
            table.quoted()
        )),
    )
}

pub fn no_identity(table: &Class) -> Report {
    let name = table.quoted();
    report(format!("table \"{}\" has no replica identity", table.name))
        .detail("When it is published, every UPDATE and DELETE on it fails.")
        .hint(format!(
            "Run ALTER TABLE {name} ADD PRIMARY KEY (...), or ALTER TABLE {name} REPLICA IDENTITY FULL."
        ))
}
