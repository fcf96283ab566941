//! Which settings belong to a relation: those that its own owner stored under its name.

use super::cache::{self, Known};
use super::present;
use super::settings::{self, Overview, Settings};
use crate::error::Result;
use crate::pg::catalog::acl;
use crate::pg::catalog::relation;
use crate::pg::catalog::relation::Class;
use crate::pg::storage::heap::View;
use crate::pg::Oid;
use std::collections::HashMap;

type Cached = HashMap<(String, String), Known>;

/// All settings, and the cached facts about their relations, read once.
pub struct Remembered {
    settings: HashMap<(String, String), Settings>,
    cached: Cached,
}

impl Remembered {
    /// Reads both tables. Errors: 42P01 when the extension does not exist in this database.
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

/// The settings of one relation; `None` when it is not enabled. Errors: as [`Remembered::load`].
pub fn settings_of(class: &Class) -> Result<Option<Settings>> {
    Ok(Remembered::load()?.of(class).cloned())
}

/// Whether a relation is enabled. Errors: as [`Remembered::load`].
pub fn is_enabled(relation: Oid) -> Result<bool> {
    let class = Class::by_oid(relation);
    Ok(class
        .map(|class| settings_of(&class))
        .transpose()?
        .flatten()
        .is_some())
}

/// Whether the settings of a relation's name are of one that was dropped, and of the same owner. Errors: as
/// [`Remembered::load`].
pub fn is_recreated(class: &Class) -> Result<bool> {
    let remembered = Remembered::load()?;
    let name = (class.schema_name.clone(), class.name.clone());
    let known = remembered.cached.get(&name);
    let is_of_dropped = known.is_some_and(|known| Class::by_oid(known.relation).is_none());
    Ok(is_of_dropped && remembered.of(class).is_some())
}

/// Enabled relations that exist, with their settings. Errors: as [`Remembered::load`].
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

/// Whether the settings stored under the relation's name belong to this relation.
pub fn is_theirs(one: &Overview, class: &Class, cached: &Cached, view: View) -> bool {
    let name = (class.schema_name.clone(), class.name.clone());
    by_owner(&one.owner, class, cached.get(&name).copied()).unwrap_or_else(|| {
        let all = settings::all(view).unwrap_or_default();
        let mut all = all.iter();
        let whole = all.find(|whole| (&whole.schema, &whole.relation) == (&name.0, &name.1));
        whole.is_some_and(|whole| is_restored(whole, class))
    })
}

/// Decides by OIDs if the cache has them, since a role may have taken the name of another. After a restore it has none,
/// and the owner's name decides. `None` if the table has another owner than the relation that the settings were stored
/// for.
fn by_owner(owner: &str, class: &Class, cached: Option<Known>) -> Option<bool> {
    match cached {
        Some(known) if known.relation == class.oid => Some(true),
        Some(known) if Class::by_oid(known.relation).is_some() => Some(false),
        Some(known) => (known.owner == class.owner).then_some(true),
        None => (acl::role_name(class.owner) == owner).then_some(true),
    }
}

/// After a restore with --no-owner, all tables belong to the role that restored them. Then the settings count as the
/// table's only if that role may read all settings anyway, and if the table's triggers match them. Otherwise somebody
/// could leave settings behind for another owner to take over unknowingly.
fn is_restored(one: &Settings, class: &Class) -> bool {
    acl::role_runs_extension(class.owner) && present::is_attached(class, one).unwrap_or(false)
}
