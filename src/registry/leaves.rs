//! Leaves that are added to an enabled root or removed from it. Postgres does not clone their TRUNCATE triggers.

use super::belonging::Remembered;
use super::settings::Settings;
use super::watch::Own;
use super::{attach, eligible, present};
use crate::error::Result;
use crate::pg::catalog::inheritance;
use crate::pg::catalog::relation::Class;
use crate::pg::Oid;

/// A leaf of an enabled root that lacks its TRUNCATE trigger.
pub struct NewLeaf {
    leaf: Class,
    root: Oid,
    settings: Settings,
}

/// The leaves at or below a partition.
fn leaves_at(partition: Option<Oid>) -> Vec<Class> {
    match partition.and_then(Class::by_oid) {
        Some(class) if class.is_partitioned() => inheritance::leaves(class.oid),
        Some(class) => vec![class],
        None => Vec::new(),
    }
}

/// Leaves of an enabled root that lack their TRUNCATE trigger, with the root's settings. Errors: 42883; as
/// [`Remembered::load`].
pub fn new(partition: Option<Oid>) -> Result<Vec<NewLeaf>> {
    let mut leaves = leaves_at(partition);
    leaves.retain(|leaf| leaf.is_partition);
    let mut lacking = Vec::new();
    for leaf in leaves {
        if !present::has_leaf_trigger(&leaf)? {
            lacking.push(leaf);
        }
    }
    let leaves = lacking;
    if leaves.is_empty() {
        return Ok(Vec::new());
    }
    let remembered = Remembered::load()?;
    let mut found = Vec::new();
    for leaf in leaves {
        let above = inheritance::ancestors(&leaf).into_iter();
        for root in above.filter_map(Class::by_oid) {
            if let Some(settings) = remembered.of(&root) {
                found.push(NewLeaf {
                    leaf: leaf.clone(),
                    root: root.oid,
                    settings: settings.clone(),
                });
            }
        }
    }
    Ok(found)
}

impl NewLeaf {
    /// Creates the trigger. Errors: 42501, 42883.
    pub fn complete(&self) -> Result<()> {
        let _own = Own::of(self.root);
        attach::attach_new_leaf(&self.leaf, &self.settings)
    }
}

/// Tables that have a leaf's TRUNCATE trigger, but are no longer leaves of an enabled root. Errors: 42883; as
/// [`Remembered::load`].
pub fn orphans(partition: Option<Oid>) -> Result<Vec<Class>> {
    let mut orphans = Vec::new();
    for table in leaves_at(partition) {
        if present::has_leaf_trigger(&table)? && !eligible::is_enabled(&table)? {
            orphans.push(table);
        }
    }
    Ok(orphans)
}
