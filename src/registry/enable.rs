//! `enable` and `disable`.

use super::captured::{Capture, TriggersOf};
use super::merge::{merge, Request};
use super::settings::{self, Settings};
use super::watch::{self, Own};
use super::{attach, belonging, cache, eligible, filter_rule, policies, publish};
use crate::capture_trigger::Sink;
use crate::error::{report, Error, Result};
use crate::log::append::append_gap;
use crate::log::entry::GapCause;
use crate::pg::backend::ddl;
use crate::pg::catalog::relation;
use crate::pg::catalog::relation::Class;
use crate::pg::Oid;

/// Publishes a relation, attaches capture, remembers the settings. What holds already is left alone.
pub fn enable(relation: Option<Oid>, request: Request) -> Result<()> {
    let class = lock(relation, c"pgrealtime.enable()")?;
    let _own = Own::of(class.oid);
    eligible::check_kind(&class)?;
    eligible::check_leaves(&class)?;
    eligible::check_relatives(&class)?;
    let old = belonging::settings_of(&class)?;
    let mut new = merge(&class, old.as_ref(), request)?;
    new.published |= publish::publish(&class, old.is_none())?;
    let made = attach::attach(&class, &new, old.as_ref())?;
    if old.is_none() {
        // What another owner left behind under the name gives way.
        cache::forget_dropped(&class.schema_name, &class.name)?;
    }
    if old.as_ref() != Some(&new) {
        settings::save(&new)?;
    }
    watch::remember(&class)?;
    warn_of_others(&class)?;
    if old.as_ref() != Some(&new) {
        tell(&class, old.as_ref(), &new)?;
    }
    if made || old.is_some_and(|old| tells_otherwise(&old, &new)) {
        append_gap(class.oid, GapCause::Enabled)?;
    }
    Ok(())
}

/// What the settings have in tow, said once when they come to have it.
fn tell(class: &Class, old: Option<&Settings>, new: &Settings) -> Result<()> {
    let is_new = |has: fn(&Settings) -> bool| has(new) && !old.is_some_and(has);
    let filters = |one: &Settings| one.row_filter.is_some() && !one.sinks.is_empty();
    if is_new(filters) || (filters(new) && old.is_some_and(|old| old.row_filter != new.row_filter))
    {
        tell_of_filter(class, new)?;
    }
    if is_new(|one| one.has_sink(Sink::Notify)) {
        report(format!("transactions that change table \"{}\" can no longer be prepared", class.name))
            .detail("NOTIFY does not go with PREPARE TRANSACTION, and takes one lock for the whole cluster at each commit.")
            .hint("Leave the sink \"notify\" out where two-phase commit or many commits a second matter.")
            .warning();
    }
    if is_new(|one| one.deletes == "policy" && !one.sinks.is_empty()) {
        policies::warn(class);
    }
    Ok(())
}

/// Each time, since each change is told twice for as long as it is there.
fn warn_of_others(class: &Class) -> Result<()> {
    let capture = Capture::of(class, attach::capture_function()?, &TriggersOf::Catalog);
    if capture.twice {
        report(format!("changes of table \"{}\" are captured twice", class.name))
            .detail("Another trigger than those of enable() calls pgrealtime.capture_change() for the same operation.")
            .hint("Drop the trigger that was made by hand, or call pgrealtime.disable() for the table.")
            .warning();
    }
    Ok(())
}

fn tell_of_filter(class: &Class, settings: &Settings) -> Result<()> {
    let Some(filter) = &settings.row_filter else {
        return Ok(());
    };
    let numbers = filter_rule::check(class.oid, filter)?;
    let names: Vec<String> = numbers
        .iter()
        .filter_map(|number| relation::column_name(class.oid, *number))
        .map(|name| format!("\"{name}\""))
        .collect();
    report(format!(
        "the capture triggers of table \"{}\" now depend on columns",
        class.name
    ))
    .detail(format!("The row filter reads {}.", names.join(", ")))
    .hint("To drop or retype one of them, clear the row filter first: row_filter => ''.")
    .notice();
    Ok(())
}

/// Whether readers get other changes than before: they have to read the table again.
fn tells_otherwise(old: &Settings, new: &Settings) -> bool {
    let mut comparable = old.clone();
    comparable.priority.clone_from(&new.priority);
    comparable.owner.clone_from(&new.owner);
    comparable.published = new.published;
    comparable != *new
}

/// Forgets the settings, detaches capture, takes the relation out of the publication.
pub fn disable(relation: Option<Oid>) -> Result<()> {
    let class = lock(relation, c"pgrealtime.disable()")?;
    let _own = Own::of(class.oid);
    let Some(settings) = belonging::settings_of(&class)? else {
        report(format!("table \"{}\" is not enabled, skipping", class.name)).notice();
        return Ok(());
    };
    if attach::detach(&class, &settings)? {
        append_gap(class.oid, GapCause::Disabled)?;
    }
    publish::unpublish(&class, settings.published)?;
    settings::remove(&class.schema_name, &class.name)?;
    cache::forget_dropped(&class.schema_name, &class.name)?;
    watch::remember(&class)
}

/// The relation, owned by the caller and locked, so that two callers come one after the other.
fn lock(relation: Option<Oid>, command: &'static std::ffi::CStr) -> Result<Class> {
    let relation = relation.ok_or_else(|| {
        Error::null_value_not_allowed(
            report("parameter \"relation\" must not be null")
                .detail("It says which table is meant.")
                .hint("Name the table as 'schema.table'."),
        )
    })?;
    ddl::prevent_if_read_only(command);
    eligible::owned(relation)?;
    ddl::lock_relation(relation);
    // Again: it may have been dropped, renamed or given away while we waited; from here on it cannot be.
    settings::share_names(eligible::owned(relation)?.schema)?;
    // And again: its schema may have been renamed.
    eligible::owned(relation)
}
