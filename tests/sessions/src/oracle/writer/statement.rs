//! One random statement of a writer.

use super::{Writer, WRITERS};
use crate::oracle::kind::Kind;
use crate::oracle::schema::{ident, Cascade, Column, Table};
use crate::random::Random;

#[derive(Debug, Default)]
pub struct Statement {
    pub sql: String,
    /// Whether it leaves a gap for certain or perhaps.
    pub gap: Option<bool>,
    /// Whether rows exchange their keys.
    pub swaps: bool,
}

impl From<String> for Statement {
    fn from(sql: String) -> Statement {
        Statement {
            sql,
            ..Statement::default()
        }
    }
}

impl Writer {
    /// A statement for a table; `None` when its operations allow none.
    pub(super) fn statement(
        &self,
        table: &Table,
        place: usize,
        ids: &mut [u64],
        random: &mut Random,
    ) -> Option<Statement> {
        let name = &table.name;
        if random.chance(1) && random.chance(60) && table.does("T") {
            return Some(format!("TRUNCATE {name} CASCADE").into());
        }
        if table.cascade != Cascade::No {
            return Some(cascading(table, place, ids, random).into());
        }
        let leaf = table.pick_leaf(random);
        match (leaf, random.below(500)) {
            (Some(leaf), 0) if table.captures("T") => Some(Statement {
                sql: format!("TRUNCATE {}", leaf.name),
                gap: Some(true),
                swaps: false,
            }),
            (Some(leaf), 1) => {
                let (leaf, parent, bound) = (&leaf.name, &leaf.parent, &leaf.bound);
                let sql = format!("ALTER TABLE {parent} DETACH PARTITION {leaf}; ALTER TABLE {parent} ATTACH PARTITION {leaf} {bound}");
                Some(Statement {
                    sql,
                    gap: Some(true),
                    swaps: false,
                })
            }
            (_, 2) => {
                let sql = self.change(table, name, random)?;
                Some(Statement {
                    sql: format!("SET pgrealtime.enabled = off; {sql}; RESET pgrealtime.enabled"),
                    gap: Some(false),
                    swaps: false,
                })
            }
            (Some(leaf), 3..=60) => self.change(table, &leaf.name, random).map(Statement::from),
            (_, 61..=85) if table.moves_rows() => Some(self.swap(table, random)),
            _ => self.write(table, random).map(Statement::from),
        }
    }

    fn write(&self, table: &Table, random: &mut Random) -> Option<String> {
        let name = &table.name;
        match random.below(100) {
            0..=29 if table.does("I") => Some(self.insert(table, random)),
            30..=39 if table.does("IU") && !table.deferrable => Some(format!(
                "INSERT INTO {name} ({}) VALUES {} ON CONFLICT ({}) DO UPDATE SET {}",
                written(table),
                self.row(table, random),
                table.column_list(&table.key),
                assignments(table, name, random)
            )),
            40..=47 if table.does("IUD") => Some(self.merge(table, random)),
            48..=55 if table.moves_rows() => {
                let key = *random.pick(&table.key);
                let value = self.key_value(&table.columns[key], random);
                Some(format!(
                    "UPDATE {name} SET {} = {value} WHERE {}",
                    ident(&table.columns[key].name),
                    self.some_rows(table, random)
                ))
            }
            _ => self
                .change(table, name, random)
                .or_else(|| table.does("I").then(|| self.insert(table, random))),
        }
    }

    fn insert(&self, table: &Table, random: &mut Random) -> String {
        let rows: Vec<String> = (0..1 + random.below(4))
            .map(|_| self.row(table, random))
            .collect();
        // A key that is deferrable cannot arbitrate.
        let conflict = if random.chance(60) && !table.deferrable {
            " ON CONFLICT DO NOTHING"
        } else {
            ""
        };
        format!(
            "INSERT INTO {} ({}) VALUES {}{conflict}",
            table.name,
            written(table),
            rows.join(", ")
        )
    }

    /// Changes or deletes rows of a table or a partition of it, in place.
    fn change(&self, table: &Table, target: &str, random: &mut Random) -> Option<String> {
        let rows = match random.below(100) {
            0..=1 => "true".to_string(),
            _ => self.some_rows(table, random),
        };
        match random.below(100) {
            0..=24 if table.does("D") => Some(format!("DELETE FROM {target} WHERE {rows}")),
            _ if table.does("U") => Some(format!(
                "UPDATE {target} SET {} WHERE {rows}",
                assignments(table, target, random)
            )),
            _ => None,
        }
    }

    /// Rows exchange the first column of their keys: at once where the key is deferrable, otherwise by way of an unused value.
    fn swap(&self, table: &Table, random: &mut Random) -> Statement {
        let name = &table.name;
        let column = table.columns.iter().find(|column| column.name == "k0");
        let column = column.unwrap_or(&table.columns[table.key[0]]);
        let literal = |number| column.kind.literal(&column.kind.plain_key_value(number));
        let mut own = || literal(self.number * 8 + random.below(8));
        let (one, other, k) = (own(), own(), ident(&column.name));
        let sql = if table.deferrable {
            format!("UPDATE {name} SET {k} = CASE {k} WHEN {one} THEN {other} ELSE {one} END WHERE {k} IN ({one}, {other})")
        } else {
            let between = literal(WRITERS * 8 + self.number);
            let step =
                |from: &str, to: &str| format!("UPDATE {name} SET {k} = {to} WHERE {k} = {from}");
            [
                step(&one, &between),
                step(&other, &one),
                step(&between, &other),
            ]
            .join("; ")
        };
        Statement {
            sql,
            gap: None,
            swaps: one != other,
        }
    }

    fn merge(&self, table: &Table, random: &mut Random) -> String {
        let keys: Vec<&Column> = table.key.iter().map(|key| &table.columns[*key]).collect();
        let source: Vec<String> = keys
            .iter()
            .map(|key| format!("{} AS {}", self.key_value(key, random), ident(&key.name)))
            .collect();
        let on: Vec<String> = keys
            .iter()
            .map(|key| format!("t.{0} = s.{0}", ident(&key.name)))
            .collect();
        let matched = *random.pick(&["DELETE", "DO NOTHING"]);
        let values: Vec<String> = columns(table)
            .map(|(place, column)| match table.key.contains(&place) {
                true => format!("s.{}", ident(&column.name)),
                false => value(column, random),
            })
            .collect();
        format!(
            "MERGE INTO {} t USING (SELECT {}) s ON {} WHEN MATCHED AND {} THEN {matched} \
             WHEN MATCHED THEN UPDATE SET {} WHEN NOT MATCHED THEN INSERT ({}) VALUES ({})",
            table.name,
            source.join(", "),
            on.join(" AND "),
            random.pick(&["true", "false", "false"]),
            assignments(table, "t", random),
            written(table),
            values.join(", ")
        )
    }

    fn row(&self, table: &Table, random: &mut Random) -> String {
        let values: Vec<String> = columns(table)
            .map(|(place, column)| match table.key.contains(&place) {
                true => self.key_value(column, random),
                false => value(column, random),
            })
            .collect();
        format!("({})", values.join(", "))
    }

    /// Mostly this writer's own rows; otherwise writers would wait for each other all the time.
    fn some_rows(&self, table: &Table, random: &mut Random) -> String {
        let first = table
            .columns
            .iter()
            .find(|column| column.name == "k0")
            .unwrap_or(&table.columns[table.key[0]]);
        format!("{} = {}", ident(&first.name), self.key_value(first, random))
    }

    fn key_value(&self, column: &Column, random: &mut Random) -> String {
        let number = match (column.name.as_str(), random.below(100)) {
            ("k0", 0..=89) => self.number * 8 + random.below(8),
            ("k0", _) => random.below(WRITERS * 8),
            _ => random.below(3),
        };
        if column.kind == Kind::Enum {
            return value(column, random);
        }
        column.kind.literal(&column.kind.key_value(number, random))
    }
}

/// The columns that are written.
fn columns(table: &Table) -> impl Iterator<Item = (usize, &Column)> {
    table
        .columns
        .iter()
        .enumerate()
        .filter(|(_, column)| !column.generated)
}

fn written(table: &Table) -> String {
    table.column_list(&columns(table).map(|(place, _)| place).collect::<Vec<_>>())
}

fn value(column: &Column, random: &mut Random) -> String {
    if !column.not_null && random.chance(15) {
        return "NULL".to_string();
    }
    column.kind.literal(&column.kind.value(random))
}

fn assignments(table: &Table, target: &str, random: &mut Random) -> String {
    let free: Vec<&Column> = columns(table)
        .filter(|(place, _)| !table.key.contains(place))
        .map(|(_, column)| column)
        .collect();
    let mut chosen: Vec<&Column> = free.iter().filter(|_| random.chance(30)).copied().collect();
    if chosen.is_empty() {
        chosen.push(random.pick::<&Column>(&free));
    }
    let set = chosen.into_iter().map(|column| {
        let name = ident(&column.name);
        match random.below(12) {
            1..=4 if table.touches && column.kind == Kind::Text => {
                format!("{name} = {}_touch()", table.name)
            }
            // Nothing changes; a trigger sees an UPDATE all the same.
            0 => format!("{name} = {target}.{name}"),
            _ => format!("{name} = {}", value(column, random)),
        }
    });
    set.collect::<Vec<_>>().join(", ")
}

/// Keys count up and policies' columns stay as they are, see [`Cascade`].
fn cascading(table: &Table, place: usize, ids: &mut [u64], random: &mut Random) -> String {
    let name = &table.name;
    let old =
        |ids: &[u64], of: usize, random: &mut Random| ids[of].saturating_sub(random.below(30));
    match random.below(10) {
        0..=5 => {
            ids[place] += 1;
            let middle = match table.cascade {
                Cascade::Parent => random.below(3),
                _ => old(ids, 0, random),
            };
            format!(
                "INSERT INTO {name} VALUES ({}, {middle}, 'u{}')",
                ids[place],
                random.below(5)
            )
        }
        6..=8 => format!(
            "UPDATE {name} SET note = 'u{}' WHERE id = {}",
            random.below(5),
            old(ids, place, random)
        ),
        _ => format!("DELETE FROM {name} WHERE id = {}", old(ids, place, random)),
    }
}
