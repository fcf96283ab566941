//! A reader's copy of the table `items`, updated by changes alone; every change is checked against the copy.

use crate::pg::{quote, Client, Failure};
use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};

/// The table that the writers change. `version` counts a row's changes, `change` is unique to each INSERT and UPDATE.
pub const ITEMS: &str = "CREATE TABLE items (id bigint PRIMARY KEY, version bigint NOT NULL, change bigint NOT NULL, pad text NOT NULL)";

/// The triggers that `enable` attaches, by hand.
pub fn triggers(table: &str) -> String {
    ["INSERT", "UPDATE", "DELETE", "TRUNCATE"]
        .iter()
        .map(|event| {
            let each = if *event == "TRUNCATE" {
                "STATEMENT"
            } else {
                "ROW"
            };
            format!(
                "CREATE TRIGGER \"00_pgrealtime_{event}\" AFTER {event} ON {table} FOR EACH {each} \
                 EXECUTE FUNCTION pgrealtime.capture_change();"
            )
        })
        .collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    pub version: i64,
    pub change: i64,
    pad: u64,
}

/// A change as it was received.
#[derive(Debug)]
pub struct Change {
    pub kind: String,
    pub new: Option<(i64, State)>,
    pub old: Option<(i64, State)>,
}

impl Change {
    /// Names an INSERT or UPDATE by what it wrote, a DELETE by what it deleted.
    pub fn name(&self) -> i64 {
        match (&self.new, &self.old) {
            (Some((_, new)), _) => new.change,
            (None, Some((_, old))) => -old.change,
            (None, None) => 0,
        }
    }
}

/// What one call returned.
pub struct Batch {
    /// Each change with the cursor behind it.
    pub changes: Vec<(String, Change)>,
    /// The cursor to continue from.
    pub cursor: String,
}

/// Calls `changes_since` for `items`.
pub fn poll(client: &mut Client, cursor: &str, max: u64, net: bool) -> Result<Batch, Failure> {
    let rows = client.query(&format!(
        "SELECT * FROM pgrealtime.changes_since({}, '{{items}}', max_changes => {max}, net => {net})",
        quote(cursor)
    ))?;
    let mut batch = Batch {
        changes: Vec::with_capacity(rows.len()),
        cursor: String::new(),
    };
    for row in rows {
        let mut row = row.into_iter();
        batch.cursor = row.next().flatten().unwrap_or_default();
        if let Some(message) = row.next().flatten() {
            batch.changes.push((batch.cursor.clone(), parse(&message)));
        }
    }
    Ok(batch)
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// Reads a message about `items`; its values need no unescaping.
pub fn parse(message: &str) -> Change {
    let text = |from: &str, key: &str| {
        let start = from
            .find(key)
            .unwrap_or_else(|| panic!("no {key} in {message}"))
            + key.len();
        let end = from[start..].find([',', '}']).unwrap_or(0);
        from[start..start + end].trim_matches('"').to_string()
    };
    let number = |from: &str, key: &str| {
        text(from, key)
            .parse()
            .unwrap_or_else(|_| panic!("{key} in {message}"))
    };
    let row = |key: &str| {
        message.find(key).map(|at| {
            let from = &message[at + key.len() - 1..];
            let state = State {
                version: number(from, "\"version\":"),
                change: number(from, "\"change\":"),
                pad: hash(&text(from, "\"pad\":")),
            };
            (number(from, "\"id\":"), state)
        })
    };
    Change {
        kind: text(message, "\"type\":"),
        new: row("\"record\":{"),
        old: row("\"old_record\":{"),
    }
}

#[derive(Debug, Clone, Default)]
pub struct Copy {
    pub rows: HashMap<i64, State>,
    /// The names of the changes that were received.
    pub seen: HashSet<i64>,
    /// Whether the copy is fed by net changes.
    pub net: bool,
}

impl Copy {
    /// The table and the current cursor, in one snapshot.
    pub fn start(client: &mut Client, net: bool) -> Result<(Copy, String), Failure> {
        client.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
        let cursor = client.value("SELECT pgrealtime.current_cursor()")?;
        let rows = Copy::table(client)?;
        client.run("COMMIT")?;
        let copy = Copy {
            rows,
            net,
            ..Copy::default()
        };
        Ok((copy, cursor))
    }

    /// The table as it is.
    pub fn table(client: &mut Client) -> Result<HashMap<i64, State>, Failure> {
        let rows = client.query("SELECT id, version, change, pad FROM items")?;
        let number =
            |value: &Option<String>| value.as_deref().and_then(|v| v.parse().ok()).unwrap_or(-1);
        Ok(rows
            .iter()
            .map(|row| {
                let state = State {
                    version: number(&row[1]),
                    change: number(&row[2]),
                    pad: hash(row[3].as_deref().unwrap_or("")),
                };
                (number(&row[0]), state)
            })
            .collect())
    }

    /// Applies a change: it must fit the copy exactly.
    pub fn apply(&mut self, change: &Change) -> Result<(), String> {
        let wrong = |what: &str| Err(format!("{what}: {change:?}"));
        if let Some((id, old)) = &change.old {
            match self.rows.remove(id) {
                None => return wrong("a change of a row that is not there"),
                Some(had) if had != *old => return wrong(&format!("the row was {had:?} before")),
                Some(_) => {}
            }
        }
        if let Some((id, new)) = &change.new {
            if self.rows.insert(*id, *new).is_some() {
                return wrong("an INSERT of a row that is there");
            }
        }
        match (change.kind.as_str(), &change.old, &change.new) {
            ("INSERT", None, Some(_)) | ("DELETE", Some(_), None) => {}
            ("UPDATE", Some(_), Some(_)) if self.net => {}
            ("UPDATE", Some((_, old)), Some((_, new))) if new.version == old.version + 1 => {}
            _ => return wrong("not a well-formed change"),
        }
        if !self.net && !self.seen.insert(change.name()) {
            return wrong("received twice");
        }
        Ok(())
    }

    /// Applies a batch and returns the cursor behind it.
    pub fn apply_all(&mut self, batch: &Batch) -> Result<String, String> {
        for (_, change) in &batch.changes {
            self.apply(change)?;
        }
        Ok(batch.cursor.clone())
    }

    /// Reads to the end of a log that nobody writes. A call may only finish an older batch, so the end is reached after two
    /// calls without a change, each with room for more than there is.
    pub fn drain(&mut self, client: &mut Client, mut cursor: String) -> Result<String, String> {
        let mut nothing = 0;
        while nothing < 2 {
            let batch = poll(client, &cursor, 100_000, self.net)?;
            nothing = if batch.changes.is_empty() {
                nothing + 1
            } else {
                0
            };
            cursor = self.apply_all(&batch)?;
        }
        Ok(cursor)
    }

    /// Compares with the table.
    pub fn compare(&self, client: &mut Client) -> Result<(), String> {
        self.compare_with(&Copy::table(client)?)
    }

    /// Compares with the table as it was read.
    pub fn compare_with(&self, table: &HashMap<i64, State>) -> Result<(), String> {
        let differing: Vec<_> = table
            .keys()
            .chain(self.rows.keys())
            .filter(|id| table.get(id) != self.rows.get(id))
            .collect();
        match differing.first() {
            None => Ok(()),
            Some(id) => Err(format!(
                "{} rows differ from the table, {id}: {:?} instead of {:?}",
                differing.len(),
                self.rows.get(id),
                table.get(id)
            )),
        }
    }
}
