//! Follows ALTER TYPE … RENAME VALUE: row filters that name the value get its new label, as they get the new name of a
//! column. The triggers' conditions hold the value itself, and stay as they are.

use super::renew::Renewal;
use super::settings::{self, Settings};
use super::{belonging, cache, eligible, filter_rule};
use crate::error::{report, Error, Result};
use crate::pg::call::event_trigger::ValueRenamed;
use crate::pg::Oid;

/// The enabled tables whose row filter names the value. Errors: 42P01 when the extension does not exist in this database.
pub fn named_by(renamed: &ValueRenamed) -> Result<Vec<Oid>> {
    let mut found = belonging::enabled()?;
    found.retain(|(class, one)| {
        let filter = one.row_filter.as_deref();
        filter.is_some_and(|filter| filter_rule::relabel(class.oid, filter, renamed).is_some())
    });
    let mut tables: Vec<Oid> = found.into_iter().map(|(class, _)| class.oid).collect();
    tables.sort_unstable_by_key(|oid| oid.to_u32());
    Ok(tables)
}

/// Locks those of these tables that the caller owns, as [`renew`] does.
pub fn lock(tables: &[Oid]) {
    for table in tables {
        // Where the caller does not own the table, `renew` says so.
        let _ = eligible::lock_owned(*table).and_then(|class| cache::lock(class.oid));
    }
}

/// Puts the new label into a table's settings and triggers, unless the triggers would fire on another condition than
/// before. Errors: 55000 then; 42501 if the caller does not own the table; those of [`Renewal::run`].
pub fn renew(table: Oid, renamed: &ValueRenamed) -> Result<()> {
    let class = eligible::lock_owned(table)?;
    cache::lock(class.oid)?;
    let Some(before) = belonging::settings_of(&class)? else {
        return Ok(());
    };
    let filter = before.row_filter.as_deref();
    let filter = filter.and_then(|filter| filter_rule::relabel(class.oid, filter, renamed));
    let Some(filter) = filter else {
        return Ok(());
    };
    if !filter_rule::fires_on(class.oid, &filter)? {
        return Err(Error::object_not_in_prerequisite_state(report(format!(
            "the row filter of table \"{}\" cannot follow the new label \"{}\"",
            class.name, renamed.now
        ))));
    }
    let after = Settings {
        row_filter: Some(filter),
        ..before.clone()
    };
    settings::save(&after)?;
    Renewal {
        class,
        before,
        after,
    }
    .run()
}
