//! Adds a relation to the publication and removes it, with the caller's rights.

use super::eligible;
use crate::error::{report, Error, Result};
use crate::gucs;
use crate::pg::backend::ddl;
use crate::pg::catalog::acl;
use crate::pg::catalog::publication::Coverage;
use crate::pg::catalog::publication::Publication;
use crate::pg::catalog::relation::Class;
use pgrx::spi::quote_identifier;

/// The publication that pgrealtime.publication names; `None` if it does not exist.
pub fn current() -> Option<Publication> {
    Publication::by_name(&gucs::publication())
}

/// Makes sure that the relation is published. Creates the publication if it does not exist. Returns whether the
/// relation was added. `anew`: it was not enabled before, so NOTICEs say how it is published. Errors: 42501 if the
/// caller may not change or create the publication; 55000 if the relation has no replica identity, or no publication is
/// set; 42704 if the publication was dropped in the meantime.
pub fn publish(class: &Class, anew: bool) -> Result<bool> {
    let publication = match current() {
        Some(publication) => publication,
        None => {
            eligible::check_identity(class, None)?;
            create()?
        }
    };
    let coverage = publication.coverage(class);
    match coverage {
        None => add(class, &publication)?,
        Some(coverage) => report_coverage(class, &publication, coverage, anew),
    }
    let added = coverage.is_none();
    if (anew || added) && class.is_partitioned() && !publication.via_root {
        report(format!("publication \"{}\" has publish_via_partition_root = false", publication.name))
            .detail(format!(
                "Other subscribers of the publication receive the changes of {} as changes of its partitions. pgrealtime reports them as changes of the table itself.",
                class.quoted()
            ))
            .hint(format!(
                "To change this for all its tables, run ALTER PUBLICATION {} SET (publish_via_partition_root = true).",
                quote_identifier(&publication.name)
            ))
            .notice();
    }
    Ok(added)
}

/// Creates the publication. If two callers do this at the same time, the second waits, and then finds it. Errors:
/// 42501, 42704, 55000.
fn create() -> Result<Publication> {
    let name = gucs::publication();
    if name.is_empty() {
        return Err(Error::object_not_in_prerequisite_state(
            report("no publication is set")
                .detail("The setting pgrealtime.publication is empty.")
                .hint("Set it in postgresql.conf or with ALTER SYSTEM, and reload."),
        ));
    }
    ddl::lock_publication_creation();
    if current().is_none() {
        check_may_create(&name)?;
        // The warning is about wal_level, which matters to logical subscribers only.
        ddl::without_warnings(|| {
            ddl::execute(&format!("CREATE PUBLICATION {}", quote_identifier(&name)))
        });
    }
    current().ok_or_else(|| {
        Error::undefined_object(
            report(format!("publication \"{name}\" does not exist"))
                .detail("It was dropped in the meantime.")
                .hint("Call pgrealtime.enable() again."),
        )
    })
}

fn check_may_create(name: &str) -> Result<()> {
    if acl::may_create_in_database() {
        return Ok(());
    }
    let (name, database) = (
        quote_identifier(name),
        quote_identifier(acl::database_name()),
    );
    Err(Error::insufficient_privilege(
        report(format!("permission denied to create publication {name}"))
            .detail(format!("It does not exist. The CREATE privilege on database {database} is needed to create it."))
            .hint(format!(
                "Ask the database's owner to run CREATE PUBLICATION {name} and to make you its owner, or to run GRANT \
                 CREATE ON DATABASE {database} TO {}.",
                quote_identifier(acl::current_user_name())
            )),
    ))
}

fn add(class: &Class, publication: &Publication) -> Result<()> {
    eligible::check_identity(class, Some(publication))?;
    check_owner(class, publication, "ADD")?;
    ddl::execute(&command(class, publication, "ADD"));
    Ok(())
}

fn command(class: &Class, publication: &Publication, verb: &str) -> String {
    let name = quote_identifier(&publication.name);
    format!(
        "ALTER PUBLICATION {name} {verb} TABLE ONLY {}",
        class.quoted()
    )
}

fn check_owner(class: &Class, publication: &Publication, verb: &str) -> Result<()> {
    if acl::acts_as(publication.owner) {
        return Ok(());
    }
    let owner = acl::role_name(publication.owner);
    Err(Error::insufficient_privilege(
        report(format!("must be owner of publication {}", publication.name))
            .detail(format!("Its owner is {owner}."))
            .hint(format!(
                "Ask {owner} to run {}, then try again.",
                command(class, publication, verb)
            )),
    ))
}

/// Reports what the owner of an already published relation should know. The warning that UPDATE and DELETE fail comes
/// with every call.
fn report_coverage(class: &Class, publication: &Publication, coverage: Coverage, anew: bool) {
    if publication.updates || publication.deletes {
        if let Some(table) = eligible::without_identity(class) {
            eligible::no_identity(&table).warning();
        } else if let Some(report) = eligible::unpublished_identity(class, Some(publication)) {
            report.warning();
        }
    }
    let own = publication.restriction(class.oid);
    if anew && coverage == Coverage::Direct && (own.condition.is_some() || own.has_columns) {
        report(format!(
            "table \"{}\" keeps its own WHERE or column list in publication \"{}\"",
            class.name, publication.name
        ))
        .detail("They apply to the other subscribers of the publication, but not to what pgrealtime captures.")
        .hint("To apply them here too, use row_filter and columns of pgrealtime.enable().")
        .notice();
    }
}

/// Removes a relation from the publication if `enable` added it, and it is a direct member without WHERE and column
/// list, as `enable` adds it. Otherwise a NOTICE says why it stays. Errors: 42501 if the caller does not own the
/// publication.
pub fn unpublish(class: &Class, by_enable: bool) -> Result<()> {
    let Some(publication) = current() else {
        return Ok(());
    };
    let Some(coverage) = publication.coverage(class) else {
        return Ok(());
    };
    if let Some((why, hint)) = why_it_stays(class, &publication, coverage, by_enable) {
        let name = &publication.name;
        report(format!(
            "table \"{}\" stays in publication \"{name}\"",
            class.name
        ))
        .detail(why)
        .hint(hint)
        .notice();
        return Ok(());
    }
    check_owner(class, &publication, "DROP")?;
    ddl::execute(&command(class, &publication, "DROP"));
    Ok(())
}

/// Why the publication keeps the relation, and how to remove it; `None` if `disable` removes it.
fn why_it_stays(
    class: &Class,
    publication: &Publication,
    coverage: Coverage,
    by_enable: bool,
) -> Option<(&'static str, String)> {
    let name = quote_identifier(&publication.name);
    match coverage {
        Coverage::Direct => {
            let own = publication.restriction(class.oid);
            let why = match own.condition.is_some() || own.has_columns {
                true => {
                    "It has its own WHERE or column list there, which pgrealtime did not create."
                }
                false if !by_enable => "It was published before it was enabled.",
                false => return None,
            };
            let out = command(class, publication, "DROP");
            Some((why, format!("{out} takes it out.")))
        }
        Coverage::AllTables => Some((
            "The publication is FOR ALL TABLES.",
            format!("To choose tables, drop {name} and create it again without FOR ALL TABLES."),
        )),
        Coverage::Schema => Some((
            "The publication is FOR TABLES IN SCHEMA of its schema.",
            format!(
                "To remove all tables of the schema, run ALTER PUBLICATION {name} DROP TABLES IN SCHEMA {}.",
                quote_identifier(&class.schema_name)
            ),
        )),
        Coverage::Ancestor(root) => Some((
            "It is published through a partitioned table above it.",
            format!(
                "Remove {} instead.",
                Class::by_oid(root).map_or_else(String::new, |above| above.quoted())
            ),
        )),
    }
}
