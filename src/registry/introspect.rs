//! What users see of realtime tables: only tables on which they have a privilege.

use super::captured::TriggersOf;
use super::settings::{self, Overview};
use super::survey::{is_published, may_know, RealtimeTable, Survey};
use super::{belonging, cache, publish};
use crate::error::Result;
use crate::pg::catalog::acl;
use crate::pg::catalog::inheritance;
use crate::pg::catalog::names;
use crate::pg::catalog::relation;
use crate::pg::catalog::relation::Class;
use crate::pg::storage::heap::View;
use std::collections::HashSet;

/// Whether the relation is published, and the caller may know it. Errors: as [`names::parse`].
pub fn is_enabled(text: &str) -> Result<bool> {
    let name = names::parse(text)?;
    let found = match &name.schema {
        Some(schema) => relation::schema_by_name(schema)
            .filter(|schema| acl::may_use_schema(*schema))
            .and_then(|schema| relation::relation_in(schema, &name.relation)),
        None => relation::relation_on_path(&name.relation),
    };
    let Some(class) = found.and_then(Class::by_oid) else {
        return Ok(false);
    };
    let publication = publish::current();
    let published = publication.is_some_and(|one| is_published(&one, &class));
    Ok(published && may_know(&class))
}

/// The realtime tables from which the caller may SELECT, ordered by priority, without a status that can be relied on. Errors: as [`realtime_tables`].
pub fn user_tables() -> Result<Vec<RealtimeTable>> {
    let mut tables = tables(false, View::Active)?;
    tables.retain(|table| table.published && table.relation.is_some_and(acl::may_select_some));
    tables.sort_by_cached_key(|one| (one.rank(), one.name.clone(), one.schema.clone()));
    Ok(tables)
}

/// All enabled or published tables that the caller may know, in no order, as the running statement sees their settings. Errors: 42P01
/// when the extension does not exist in this database.
pub fn realtime_tables() -> Result<Vec<RealtimeTable>> {
    tables(true, View::Active)
}

/// The same with the settings that the running statement has stored.
pub fn realtime_tables_now() -> Result<Vec<RealtimeTable>> {
    tables(true, View::Latest)
}

/// `compiles`: whether their row filters are looked at, too.
fn tables(compiles: bool, view: View) -> Result<Vec<RealtimeTable>> {
    let mut survey = Survey::new(compiles);
    let (mut known, mut tables) = (Vec::new(), Vec::new());
    let mut seen = HashSet::new();
    let cached = cache::relations(view)?;
    for one in settings::overviews(view)? {
        let found = survey.find(&one).and_then(Class::by_oid);
        match found.filter(|class| belonging::is_theirs(&one, class, &cached, view)) {
            Some(class) => {
                seen.insert(class.oid);
                known.extend(survey.may_know(&class).then_some((class, Some(one))));
            }
            // Nobody has privileges on a missing table, so only roles that run the extension see its name. The same
            // applies to settings that another owner left behind under a name.
            None => tables.extend(survey.may_see_missing.then(|| missing(one))),
        }
    }
    let others = survey
        .members
        .difference(&seen)
        .copied()
        .filter_map(Class::by_oid);
    for class in others.collect::<Vec<_>>() {
        let mut above = inheritance::ancestors(&class).into_iter();
        let through_another = above.any(|up| survey.members.contains(&up));
        if !through_another && class.schema_name != crate::pg::SCHEMA && survey.may_know(&class) {
            known.push((class, None));
        }
    }
    let triggers = TriggersOf::these(known.len());
    tables.extend(
        known
            .iter()
            .map(|(class, settings)| survey.of(class, settings.as_ref(), &triggers)),
    );
    Ok(tables)
}

fn missing(settings: Overview) -> RealtimeTable {
    RealtimeTable {
        schema: settings.schema,
        name: settings.relation,
        priority: Some(settings.priority),
        row_filter: settings.row_filter,
        status: "missing table",
        ..RealtimeTable::default()
    }
}
