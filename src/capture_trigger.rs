//! The capture triggers that `enable` creates: their names and their arguments. Pure.

use crate::change::Operation;

/// Sorts before other names, so that these triggers fire first. If a user's trigger changes the row again, that change
/// must not be reported before the one that fired the trigger.
const PREFIX: &str = "00_pgrealtime_";

/// Name of the trigger for an operation.
pub fn name_for(operation: Operation) -> String {
    format!("{PREFIX}{}", operation.name().to_ascii_lowercase())
}

/// Whether a trigger has a name that `enable` gives.
pub fn is_named(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// A destination of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sink {
    Log,
    Broadcast,
    Wal,
    Notify,
}

impl Sink {
    /// In the order in which they are stored.
    pub const ALL: [Sink; 4] = [Sink::Log, Sink::Broadcast, Sink::Wal, Sink::Notify];

    /// The name, as passed to `enable`.
    pub fn name(self) -> &'static str {
        match self {
            Sink::Log => "log",
            Sink::Broadcast => "broadcast",
            Sink::Wal => "wal",
            Sink::Notify => "notify",
        }
    }

    /// The names of sinks.
    pub fn names(sinks: &[Sink]) -> Vec<&'static str> {
        sinks.iter().map(|sink| sink.name()).collect()
    }

    /// The sink of this name.
    pub fn by_name(name: &str) -> Option<Sink> {
        Sink::ALL.into_iter().find(|sink| sink.name() == name)
    }
}

/// The numbers of the columns that the arguments name, since another column may get a name later. In another table,
/// such as one restored from a dump, the numbers mean nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbers {
    /// The table's OID.
    pub table: u32,
    pub columns: Vec<(i16, String)>,
}

/// The arguments of a capture trigger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arguments {
    /// In the order in which they are written.
    pub sinks: Vec<Sink>,
    /// `payload => 'key'`: messages carry the key only.
    pub key_only: bool,
    /// `deletes => 'key'`: every DELETE carries the key only.
    pub deletes_by_key: bool,
    /// By name, since columns may get other numbers when a dump is restored. After RENAME COLUMN the trigger is
    /// recreated. If that failed, [`Numbers`] show it.
    pub columns: Option<Vec<String>>,
    /// As the user wrote it: readers and sinks compile it themselves.
    pub filter: Option<String>,
    /// The template of the topic; only with the sink `broadcast`.
    pub topic: Option<String>,
    /// The numbers of the columns that the arguments name.
    pub numbers: Option<Numbers>,
    /// Whether this is the TRUNCATE trigger of a partition, which reports for the partitioned table above.
    pub is_leaf: bool,
}

/// Why the arguments do not match the table. They might mean another column, or none, so they are not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// The column was renamed. Another column may have its old name.
    Renamed {
        then: String,
        now: String,
    },
    /// The column was dropped, and another one was added with its name or renamed to it.
    Replaced(String),
    Missing(String),
    /// They fire on another condition than their row filter means now: an enum value was renamed and another one has its
    /// label, say.
    Condition,
}

impl Misfit {
    /// What they do not match.
    pub fn with(&self) -> &'static str {
        match self {
            Misfit::Condition => "row filter",
            _ => "columns",
        }
    }

    /// What to call `enable` with.
    pub fn way_out(&self) -> &'static str {
        match self {
            Misfit::Condition => "with the row filter that is meant",
            _ => "with settings that match its columns",
        }
    }
}

/// A sentence whose subject is "they": it follows one about the triggers.
impl std::fmt::Display for Misfit {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Misfit::Renamed { then, now } => {
                write!(
                    f,
                    "They name column \"{then}\", which was renamed to \"{now}\"."
                )
            }
            Misfit::Replaced(name) => write!(
                f,
                "They name column \"{name}\", which was dropped; another column now has this name."
            ),
            Misfit::Missing(name) => {
                write!(f, "They name column \"{name}\", which does not exist.")
            }
            Misfit::Condition => write!(
                f,
                "Their WHEN conditions are not what the row filter means now. A value that it names was renamed, or they were created by hand."
            ),
        }
    }
}

const SINKS: &str = "sinks=";
const PAYLOAD_KEY: &str = "payload=key";
const DELETES_KEY: &str = "deletes=key";
const COLUMNS: &str = "columns=";
const FILTER: &str = "filter=";
const TOPIC: &str = "topic=";
const NUMBERS: &str = "numbers=";
const LEAF: &str = "leaf";

impl Arguments {
    /// The arguments as CREATE TRIGGER takes them.
    pub fn encode(&self) -> Vec<String> {
        let mut all = vec![format!("{SINKS}{}", Sink::names(&self.sinks).join(","))];
        if self.key_only {
            all.push(PAYLOAD_KEY.to_owned());
        }
        if self.deletes_by_key {
            all.push(DELETES_KEY.to_owned());
        }
        if let Some(columns) = &self.columns {
            all.push(format!("{COLUMNS}{}", serde_json::json!(columns)));
        }
        if let Some(filter) = &self.filter {
            all.push(format!("{FILTER}{filter}"));
        }
        if let Some(topic) = self.topic.as_ref().filter(|_| self.has(Sink::Broadcast)) {
            all.push(format!("{TOPIC}{topic}"));
        }
        if let Some(Numbers { table, columns }) = &self.numbers {
            all.push(format!("{NUMBERS}{}", serde_json::json!([table, columns])));
        }
        if self.is_leaf {
            all.push(LEAF.to_owned());
        }
        all
    }

    /// Reads the arguments of a trigger, which may have been created by hand. Without `sinks=…`, the sink is the log.
    /// Arguments that are unknown or malformed are ignored.
    pub fn decode<S: AsRef<str>>(arguments: &[S]) -> Arguments {
        let value = |key: &str| {
            let mut all = arguments.iter();
            all.find_map(|argument| argument.as_ref().strip_prefix(key))
        };
        let has = |wanted: &str| arguments.iter().any(|one| one.as_ref() == wanted);
        let names = value(SINKS).unwrap_or("log").split(',');
        let sinks: Vec<Sink> = names.filter_map(Sink::by_name).collect();
        Arguments {
            topic: value(TOPIC)
                .filter(|_| sinks.contains(&Sink::Broadcast))
                .map(str::to_owned),
            sinks,
            key_only: has(PAYLOAD_KEY),
            deletes_by_key: has(DELETES_KEY),
            columns: value(COLUMNS).and_then(|columns| serde_json::from_str(columns).ok()),
            filter: value(FILTER).map(str::to_owned),
            numbers: value(NUMBERS)
                .and_then(|numbers| serde_json::from_str(numbers).ok())
                .map(|(table, columns)| Numbers { table, columns }),
            is_leaf: has(LEAF),
        }
    }

    /// The arguments for the TRUNCATE trigger of a partition of the table.
    pub fn of_leaf(&self) -> Arguments {
        Arguments {
            is_leaf: true,
            ..self.clone()
        }
    }

    /// The arguments without the numbers of columns, which differ after a dump was restored.
    pub fn by_name(&self) -> Arguments {
        Arguments {
            numbers: None,
            ..self.clone()
        }
    }

    /// Why the arguments do not match a table; `None` if they do. `name_of` and `number_of` look up its live columns.
    /// `named`: the columns in the arguments that must exist.
    pub fn misfit<'a>(
        &self,
        table: u32,
        name_of: impl Fn(i16) -> Option<String>,
        number_of: impl Fn(&str) -> Option<i16>,
        named: impl IntoIterator<Item = &'a str>,
    ) -> Option<Misfit> {
        let numbers = self.numbers.as_ref().filter(|one| one.table == table);
        let meant = numbers.map_or(&[][..], |numbers| &numbers.columns);
        // A dropped column has no name. Whether another column has its name is checked next.
        let renamed = meant.iter().find_map(|(number, then)| {
            let now = name_of(*number).filter(|now| now != then)?;
            let then = then.clone();
            Some(Misfit::Renamed { then, now })
        });
        let replaced = || {
            let is_other =
                |(number, name): &&(i16, String)| number_of(name).is_some_and(|now| now != *number);
            let found = meant.iter().find(is_other);
            found.map(|(_, name)| Misfit::Replaced(name.clone()))
        };
        let missing = || {
            let mut named = named.into_iter();
            let name = named.find(|name| number_of(name).is_none())?;
            Some(Misfit::Missing(name.to_owned()))
        };
        renamed.or_else(replaced).or_else(missing)
    }

    /// Whether changes go to this sink.
    pub fn has(&self, sink: Sink) -> bool {
        self.sinks.contains(&sink)
    }
}

#[cfg(test)]
mod tests;
