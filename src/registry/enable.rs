//! `enable` and `disable`.

use super::captured::{Capture, TriggersOf};
use super::merge::{merge, Request};
use super::settings::{self, Settings};
use super::watch::{self, Own};
use super::{attach, belonging, cache, eligible, filter_rule, listeners, policies, publish};
use crate::capture_trigger::Sink;
use crate::error::{report, Error, Result};
use crate::log::append::append_gap;
use crate::log::entry::GapCause;
use crate::pg::backend::ddl;
use crate::pg::catalog::relation;
use crate::pg::catalog::relation::Class;
use crate::pg::Oid;

/// Publishes a relation, creates its capture triggers, and stores the settings. Whatever is already right is left
/// unchanged. Errors: 42501 if the caller does not own the relation or lacks another right; 22004, 22023 and 42703 for
/// invalid parameters; 0A000, 42809 and 55000 for relations that cannot be enabled; faults in the row filter.
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
        // Replaces what another owner left behind under this name.
        cache::forget_dropped(&class.schema_name, &class.name)?;
    }
    if old.as_ref() != Some(&new) {
        settings::save(&new)?;
    }
    watch::remember(&class)?;
    warn_of_others(&class)?;
    if old.as_ref() != Some(&new) {
        report_effects(&class, old.as_ref(), &new)?;
    }
    if made || old.is_some_and(|old| changes_delivery(&old, &new)) {
        append_gap(class.oid, GapCause::Enabled)?;
    }
    Ok(())
}

/// Reports what the new settings entail, once, when they begin to do so.
fn report_effects(class: &Class, old: Option<&Settings>, new: &Settings) -> Result<()> {
    let is_new = |has: fn(&Settings) -> bool| has(new) && !old.is_some_and(has);
    let filters = |one: &Settings| one.row_filter.is_some() && !one.sinks.is_empty();
    if is_new(filters) || (filters(new) && old.is_some_and(|old| old.row_filter != new.row_filter))
    {
        report_filter(class, new)?;
    }
    if is_new(|one| one.has_sink(Sink::Notify)) {
        report(format!("transactions that change table \"{}\" can no longer be prepared", class.name))
            .detail("NOTIFY cannot be used with PREPARE TRANSACTION. It also takes a lock on the whole cluster at each commit.")
            .hint("Leave out the sink \"notify\" if you need two-phase commit or many commits per second.")
            .warning();
    }
    let topic = |one: &Settings| one.broadcast_topic.clone();
    if is_new(|one| one.has_sink(Sink::Broadcast)) || old.map(topic) != Some(topic(new)) {
        listeners::warn(class, new);
    }
    if is_new(|one| one.deletes == "policy" && !one.sinks.is_empty()) {
        policies::warn(class);
    }
    Ok(())
}

/// Warns in each call, since each change is reported twice as long as such a trigger exists.
fn warn_of_others(class: &Class) -> Result<()> {
    let capture = Capture::of(class, attach::capture_function()?, &TriggersOf::Catalog);
    if capture.twice {
        report(format!("changes of table \"{}\" are captured twice", class.name))
            .detail("A trigger that enable() did not create calls pgrealtime.capture_change() for the same operation.")
            .hint("Drop that trigger, or call pgrealtime.disable() for the table.")
            .warning();
    }
    Ok(())
}

fn report_filter(class: &Class, settings: &Settings) -> Result<()> {
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
    .hint("To drop one of these columns or change its type, clear the row filter first: row_filter => ''.")
    .notice();
    Ok(())
}

/// Whether readers get other changes than before. Then they have to read the table again.
fn changes_delivery(old: &Settings, new: &Settings) -> bool {
    let mut comparable = old.clone();
    comparable.priority.clone_from(&new.priority);
    comparable.owner.clone_from(&new.owner);
    comparable.published = new.published;
    comparable != *new
}

/// Drops the capture triggers, removes the relation from the publication, and deletes the settings. Errors: 42501 if
/// the caller does not own the relation or the publication.
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

/// Locks the relation, which the caller must own. A second caller waits for the first. Errors: 22004 for a null, 42P01,
/// 42501; 25006 in a read-only transaction.
fn lock(relation: Option<Oid>, command: &'static std::ffi::CStr) -> Result<Class> {
    let relation = relation.ok_or_else(|| {
        Error::null_value_not_allowed(
            report("parameter \"relation\" must not be null")
                .detail("It names the table.")
                .hint("Name the table as 'schema.table'."),
        )
    })?;
    ddl::prevent_if_read_only(command);
    eligible::lock_owned(relation)
}
