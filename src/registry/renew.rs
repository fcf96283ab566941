//! Recreates capture triggers: after a column was renamed, those that contain the old name; after a restore, those that
//! contain the numbers of another database.

use super::attach;
use super::belonging;
use super::eligible;
use super::filter_rule;
use super::settings::Settings;
use super::wanted::{self, Wanted};
use super::watch::{self, Own};
use crate::capture_trigger::{Arguments, Numbers};
use crate::change::Operation;
use crate::error::Result;
use crate::pg::backend::ddl;
use crate::pg::catalog::relation::Class;
use crate::pg::catalog::triggers;
use crate::pg::catalog::triggers::Trigger;
use crate::pg::Oid;
use pgrx::spi::quote_identifier;

/// A relation with renamed columns, and its settings before and after.
pub struct Renewal {
    pub class: Class,
    pub before: Settings,
    pub after: Settings,
}

impl Renewal {
    /// Recreates the triggers that have the old arguments, and creates no others. The command that renames the column
    /// has locked every table that has it. But the command may be on a table above, with another owner, so the owner is
    /// checked here. Errors: 42501, 42883; faults in the row filter.
    pub fn run(&self) -> Result<()> {
        if wanted::arguments(&self.before) == wanted::arguments(&self.after) {
            return Ok(());
        }
        self.recreate(|_| true)
    }

    fn recreate(&self, is_meant: impl Fn(&Trigger) -> bool) -> Result<()> {
        let _own = Own::of(self.class.oid);
        let old = wanted::arguments(&self.before);
        let function = attach::capture_function()?;
        let leaves = attach::leaves_of(&self.class);
        for table in std::iter::once(&self.class).chain(&leaves) {
            let meant = triggers::of_relation(table.oid);
            for trigger in meant.into_iter().filter(&is_meant) {
                if let Some(wanted) = self.wanted(&trigger, &old, function)? {
                    eligible::owned(table.oid)?;
                    attach::check_may_capture(function)?;
                    attach::create(table, &trigger.name, &wanted);
                    restore_mode(table, &trigger);
                }
            }
        }
        watch::remember(&self.class)
    }

    /// The trigger with the new arguments; `None` if it is not to be recreated.
    fn wanted(&self, trigger: &Trigger, old: &Arguments, function: Oid) -> Result<Option<Wanted>> {
        let firing = &trigger.firing;
        let operation = Operation::ALL
            .into_iter()
            .find(|one| firing.is_exactly(*one));
        let Some(operation) =
            operation.filter(|_| firing.function == function && !trigger.is_clone)
        else {
            return Ok(None);
        };
        let arguments = if trigger.says(old) {
            wanted::numbered(&self.class, &self.after)
        } else if trigger.says(&old.of_leaf()) {
            wanted::arguments(&self.after).of_leaf()
        } else {
            return Ok(None);
        };
        let filter = self.after.row_filter.as_ref();
        let when = filter.map(|filter| filter_rule::when(self.class.oid, filter, operation));
        Ok(Some(Wanted {
            operation,
            arguments,
            condition: when.transpose()?.flatten(),
        }))
    }
}

/// Numbers the columns anew in a trigger that was just created with the names from the settings: in a restored database,
/// the table and its columns may have other numbers. So does every trigger whose numbers are of another table. Without
/// numbers, a column that is dropped and added again would count as the one that was meant. Errors: as
/// [`Renewal::run`].
pub fn renumber(created: &(Oid, String)) -> Result<()> {
    let (relation, name) = created;
    let Some(class) = Class::by_oid(*relation).filter(|_| !watch::is_own(*relation)) else {
        return Ok(());
    };
    let is_of_another = |numbers: &Numbers| numbers.table != class.oid.to_u32();
    let is_meant = |trigger: &Trigger| {
        let numbers = trigger.arguments().numbers;
        numbers.is_some_and(|numbers| trigger.name == *name || is_of_another(&numbers))
    };
    if !triggers::of_relation(*relation).iter().any(is_meant) {
        return Ok(());
    }
    let Some(settings) = belonging::settings_of(&class)? else {
        return Ok(());
    };
    let wanted = wanted::numbered(&class, &settings);
    let renewal = Renewal {
        class: class.clone(),
        before: settings.clone(),
        after: settings,
    };
    renewal.recreate(|trigger| is_meant(trigger) && trigger.arguments().numbers != wanted.numbers)
}

/// Restores the firing mode of a recreated trigger. CREATE TRIGGER always enables it for ordinary sessions.
fn restore_mode(table: &Class, trigger: &Trigger) {
    let mode = match trigger.firing.mode {
        b'D' => "DISABLE",
        b'R' => "ENABLE REPLICA",
        b'A' => "ENABLE ALWAYS",
        _ => return,
    };
    ddl::execute(&format!(
        "ALTER TABLE {} {mode} TRIGGER {}",
        table.quoted(),
        quote_identifier(&trigger.name)
    ));
}
