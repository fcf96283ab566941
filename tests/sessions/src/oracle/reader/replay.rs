//! Applying changes to a reader's copies; each has to fit exactly.

use super::Reader;
use crate::oracle::json::Json;
use crate::oracle::schema::{Schema, Table};
use crate::oracle::tally::Tally;
use crate::{check, Outcome};

impl Reader {
    pub(in crate::oracle) fn apply(
        &mut self,
        schema: &Schema,
        change: &Json,
        tally: &mut Tally,
    ) -> Outcome {
        let name = change.get("table").map_or("", Json::text);
        let place = |place: &usize| schema.tables[*place].name == name;
        let i = self
            .tables
            .iter()
            .position(place)
            .ok_or("a change of another table")?;
        let table = &schema.tables[self.tables[i]];
        let delivered = self.delivered(table);
        check(
            change.get("schema").map(Json::text) == Some(&schema.name),
            || "another schema".to_string(),
        )?;
        check(
            change.get("errors").map(Json::to_string).as_deref() == Some("null"),
            || "errors".to_string(),
        )?;
        let kind = change.get("type").map_or("", Json::text);
        // The key alone of what was deleted; it may be a row that the reader never saw.
        let short = table.deletes_by_key && kind == "DELETE";
        let key_columns: Vec<usize> = delivered
            .iter()
            .filter(|place| table.identity().contains(place))
            .copied()
            .collect();
        let (new, old) = (change.get("record"), change.get("old_record"));
        let fits = |row: &Json, by_key: bool| {
            let columns = if by_key { &key_columns } else { &delivered };
            check(
                names(row)
                    == columns
                        .iter()
                        .map(|place| table.columns[*place].name.as_str())
                        .collect::<Vec<_>>(),
                || "other columns than the reader's".to_string(),
            )
        };
        new.map_or(Ok(()), |row| fits(row, false))?;
        old.map_or(Ok(()), |row| fits(row, short))?;
        if table.loose {
            return table.may_bring(kind);
        }
        let copy = &mut self.copies[i];
        if let Some(old) = old {
            let key = key(table, old);
            let had = copy.get_mut(&key).and_then(Vec::pop);
            if copy.get(&key).is_some_and(Vec::is_empty) {
                copy.remove(&key);
            }
            match had {
                None if short => {}
                None => return Err(format!("{kind} of a row that is not there")),
                Some(had) if had != *old && !short => {
                    return Err(format!(
                        "the old record is not the row that was there, {had}"
                    ))
                }
                Some(_) => {}
            }
        }
        if let Some(new) = new {
            let rows = copy.entry(key(table, new)).or_default();
            if let (Some(had), false) = (rows.first(), table.deferrable) {
                return Err(format!("{kind} puts a row where one is, {had}"));
            }
            rows.push(new.clone());
        }
        match (kind, old, new) {
            ("INSERT", None, Some(_)) => tally.inserts += 1,
            ("UPDATE", Some(old), Some(new)) => {
                check(
                    !self.net
                        || key(table, old) == key(table, new)
                        || table
                            .key
                            .iter()
                            .any(|place| table.columns[*place].kind.is_number()),
                    || "a net UPDATE of two keys".to_string(),
                )?;
                tally.updates += 1;
            }
            ("DELETE", Some(_), None) => tally.deletes += 1,
            ("TRUNCATE", None, None) => {
                copy.clear();
                tally.truncates += 1;
            }
            _ => return Err("not a well-formed change".to_string()),
        }
        Ok(())
    }
}

fn names(row: &Json) -> Vec<&str> {
    match row {
        Json::Object(members) => members.iter().map(|(name, _)| name.as_str()).collect(),
        _ => Vec::new(),
    }
}

impl Table {
    /// What readers may get of a table whose writers do more than is captured.
    fn may_bring(&self, kind: &str) -> Outcome {
        let holds = match kind {
            "INSERT" => self.captures("I") || self.captures("U"),
            // One of net changes may be a DELETE and an INSERT.
            "UPDATE" => self.captures("U") || self.captures("ID"),
            "DELETE" => self.captures("U") || self.captures("D"),
            _ => self.captures("T"),
        };
        check(holds, || format!("{kind}, which is not captured"))
    }
}

/// A row's key as one text; all of it where it has none.
pub(super) fn key(table: &Table, row: &Json) -> String {
    if table.identity().is_empty() {
        return row.to_string();
    }
    let value = |place: &usize| {
        row.get(&table.columns[*place].name)
            .map_or("?".to_string(), Json::to_string)
    };
    table.key.iter().map(value).collect::<Vec<_>>().join("|")
}
