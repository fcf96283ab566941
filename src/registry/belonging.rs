//! Which settings are a relation's: those under its name that its own owner made.

use super::cache::{self, Known};
use super::present;
use super::settings::{self, Overview, Settings};
use crate::error::Result;
use crate::pg::catalog::acl;
use crate::pg::catalog::relation;
use crate::pg::catalog::relation::Class;
use crate::pg::storage::heap::View;
use std::collections::HashMap;

type Cached = HashMap<(String, String), Known>;

/// All settings and what is known of their relations, looked up once.
pub struct Remembered {
    settings: HashMap<(String, String), Settings>,
    cached: Cached,
}

impl Remembered {
    pub fn load() -> Result<Remembered> {
        let all = settings::all(View::Latest)?.into_iter();
        Ok(Remembered {
            settings: all
                .map(|one| ((one.schema.clone(), one.relation.clone()), one))
                .collect(),
            cached: cache::relations(View::Latest)?,
        })
    }

    /// The settings of a relation; `None` when it is not enabled.
    pub fn of(&self, class: &Class) -> Option<&Settings> {
        let name = (class.schema_name.clone(), class.name.clone());
        let one = self.settings.get(&name)?;
        let cached = self.cached.get(&name).copied();
        let theirs = by_owner(&one.owner, class, cached).unwrap_or_else(|| is_restored(one, class));
        theirs.then_some(one)
    }
}

/// The settings of one relation; `None` when it is not enabled.
pub fn settings_of(class: &Class) -> Result<Option<Settings>> {
    Ok(Remembered::load()?.of(class).cloned())
}

/// Enabled relations that exist, with their settings.
pub fn enabled() -> Result<Vec<(Class, Settings)>> {
    let remembered = Remembered::load()?;
    let all = remembered.settings.values().filter_map(|one| {
        let oid = relation::relation_by_name(&one.schema, &one.relation)?;
        let class = Class::by_oid(oid)?;
        remembered
            .of(&class)
            .map(|one| (class.clone(), one.clone()))
    });
    Ok(all.collect())
}

/// Whether settings under the relation's name are this relation's, as the running statement sees it.
pub fn is_theirs(one: &Overview, class: &Class, cached: &Cached) -> bool {
    let name = (class.schema_name.clone(), class.name.clone());
    by_owner(&one.owner, class, cached.get(&name).copied()).unwrap_or_else(|| {
        let all = settings::all(View::Active).unwrap_or_default();
        let mut all = all.iter();
        let whole = all.find(|whole| (&whole.schema, &whole.relation) == (&name.0, &name.1));
        whole.is_some_and(|whole| is_restored(whole, class))
    })
}

/// What OIDs say, and after a restore, when there are none, the owner's name; `None` for a table of another owner, made
/// under a name whose relation has gone. A role may have got its name from another.
fn by_owner(owner: &str, class: &Class, cached: Option<Known>) -> Option<bool> {
    match cached {
        Some(known) if known.relation == class.oid => Some(true),
        Some(known) if Class::by_oid(known.relation).is_some() => Some(false),
        Some(known) => (known.owner == class.owner).then_some(true),
        None => (acl::role_name(class.owner) == owner).then_some(true),
    }
}

/// A restore with --no-owner gives tables to whoever restores. His they are when he might read all settings anyway, and
/// the table's triggers say the same as they do: otherwise he could be made to take up what somebody left for him.
fn is_restored(one: &Settings, class: &Class) -> bool {
    acl::role_runs_extension(class.owner) && present::is_attached(class, one).unwrap_or(false)
}
