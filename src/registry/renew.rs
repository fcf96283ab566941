//! A column has got another name: the capture triggers that carry the old one get the new.

use super::attach::{self, Wanted};
use super::eligible;
use super::settings::Settings;
use super::watch::{self, Own};
use crate::capture_trigger::Arguments;
use crate::change::Operation;
use crate::error::Result;
use crate::pg::backend::ddl;
use crate::pg::catalog::relation::Class;
use crate::pg::catalog::triggers;

use crate::pg::catalog::triggers::Trigger;
use crate::pg::Oid;
use pgrx::spi::quote_identifier;

/// A relation of whose columns some were renamed, and its settings before and after.
pub struct Renewal {
    pub class: Class,
    pub before: Settings,
    pub after: Settings,
}

impl Renewal {
    /// Makes the triggers again that carry the arguments of before, and none that is not there. The command that renames
    /// a column holds the locks on every table that has it; but it may be that of a table above, with another owner.
    pub fn run(&self) -> Result<()> {
        let _own = Own::of(self.class.oid);
        let old = attach::arguments(&self.before);
        if old == attach::arguments(&self.after) {
            return Ok(());
        }
        let function = attach::capture_function()?;
        let leaves = attach::leaves_of(&self.class);
        for table in std::iter::once(&self.class).chain(&leaves) {
            for trigger in triggers::of_relation(table.oid) {
                if let Some(wanted) = self.wanted(&trigger, &old, function)? {
                    eligible::owned(table.oid)?;
                    attach::check_may_capture(function)?;
                    attach::create(table, &trigger.name, &wanted);
                    switch(table, &trigger);
                }
            }
        }
        watch::remember(&self.class)
    }

    /// What a trigger should be; `None` for one that is not to be made again.
    fn wanted(&self, trigger: &Trigger, old: &Arguments, function: Oid) -> Result<Option<Wanted>> {
        let firing = &trigger.firing;
        let event = Operation::ALL
            .into_iter()
            .find(|one| firing.is_exactly(*one));
        let Some(event) = event.filter(|_| firing.function == function && !trigger.is_clone) else {
            return Ok(None);
        };
        let arguments = if trigger.says(old) {
            attach::numbered(&self.class, &self.after)
        } else if trigger.says(&old.of_leaf()) {
            attach::arguments(&self.after).of_leaf()
        } else {
            return Ok(None);
        };
        let filter = self.after.row_filter.as_ref();
        let condition = filter.map(|filter| attach::condition(&self.class, event, filter));
        Ok(Some(Wanted {
            event,
            arguments,
            condition: condition.transpose()?.flatten(),
        }))
    }
}

/// A trigger that is made again fires in ordinary sessions: as its owner had it, it may not.
fn switch(table: &Class, trigger: &Trigger) {
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
