//! A random table: its columns and key, who may read which of them, and the settings that it is enabled with.

use super::{ident, shuffle, subset, Leaf, GRANTED};
use crate::oracle::filter::{self, Condition};
use crate::oracle::kind::{self, Kind};
use crate::random::Random;

#[derive(Debug, Clone)]
pub struct Column {
    pub name: String,
    pub kind: Kind,
    pub not_null: bool,
    /// Of another column; nobody writes it.
    pub generated: bool,
}

/// The role of a table in a schema with ON DELETE CASCADE. Policies look at the parent, so keys are never used again and the
/// columns that policies use do not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cascade {
    No,
    Parent,
    Child,
}

#[derive(Debug, Clone)]
pub struct Table {
    pub name: String,
    /// In the order of their attribute numbers.
    pub columns: Vec<Column>,
    /// Places of the key's columns, in the key's order.
    pub key: Vec<usize>,
    /// How it is partitioned, if it is: `HASH (…)`.
    pub(super) by: Option<String>,
    pub leaves: Vec<Leaf>,
    pub cascade: Cascade,
    /// The key is DEFERRABLE, so rows cannot be identified by it.
    pub deferrable: bool,
    /// `operations` of enable, by their first letters.
    pub(super) operations: Option<String>,
    /// Whether writers also do operations that are not captured. Then the copies cannot be compared with the table.
    pub loose: bool,
    /// `columns` of enable.
    pub(super) told: Option<Vec<usize>>,
    pub key_only: bool,
    pub deletes_by_key: bool,
    /// `row_filter` of enable.
    pub row_filter: Option<Condition>,
    /// Whether triggers or functions write to the table within a statement.
    pub writes: bool,
    /// Whether writers have a function that changes rows of the table.
    pub touches: bool,
    pub(super) grants: Vec<(&'static str, Vec<usize>)>,
}

impl Table {
    /// Whether writers do these operations, by their first letters.
    pub fn does(&self, operations: &str) -> bool {
        self.loose || self.captures(operations)
    }

    /// Whether all of these operations are captured.
    pub fn captures(&self, operations: &str) -> bool {
        let captured = self.operations.as_deref().unwrap_or("IUDT");
        operations.chars().all(|one| captured.contains(one))
    }

    /// Whether statements within a statement may change its rows without being captured. Then the order of changes is not always
    /// known.
    pub fn may_lose_order(&self) -> bool {
        self.writes && (self.loose || self.row_filter.is_some())
    }

    /// An UPDATE of the key may move the row to another partition: a DELETE and an INSERT.
    pub fn moves_rows(&self) -> bool {
        self.does(if self.leaves.is_empty() { "U" } else { "IUD" })
    }

    /// The columns by which changes identify rows.
    pub fn identity(&self) -> &[usize] {
        if self.deferrable {
            &[]
        } else {
            &self.key
        }
    }

    /// The columns that a role may SELECT.
    pub fn selectable(&self, role: &str) -> Vec<usize> {
        let has = |place: &usize| {
            role == "oracle_owner"
                || self.grants.iter().any(|(to, columns)| {
                    (*to == role || (role == "oracle_member" && *to == "oracle_group"))
                        && columns.contains(place)
                })
        };
        (0..self.columns.len()).filter(has).collect()
    }

    /// The columns in a message to a role that asked for some of them.
    pub fn delivered(&self, role: &str, asked: Option<&Vec<usize>>) -> Vec<usize> {
        let told = |place: &usize| {
            !self.key_only
                && self.told.as_ref().is_none_or(|told| told.contains(place))
                && asked.is_none_or(|asked| asked.contains(place))
        };
        let mut columns = self.selectable(role);
        columns.retain(|place| self.identity().contains(place) || told(place));
        columns
    }

    pub fn column_list(&self, places: &[usize]) -> String {
        let names: Vec<String> = places
            .iter()
            .map(|place| ident(&self.columns[*place].name))
            .collect();
        names.join(", ")
    }

    pub(super) fn random(name: String, random: &mut Random) -> Table {
        let partitioned = random.chance(40);
        let mut columns = Vec::new();
        for i in 0..1 + random.below(3) {
            let mut kind = *random.pick(&kind::KEYS);
            if i > 0 && random.chance(20) {
                kind = Kind::Enum;
            }
            columns.push(Column {
                name: format!("k{i}"),
                kind,
                not_null: true,
                generated: false,
            });
        }
        let mut key: Vec<usize> = (0..columns.len()).collect();
        for i in 0..2 + random.below(6) {
            let name = match random.below(12) {
                0 => format!("Total é {i}"),
                1 => format!("c\"{i}\\"),
                _ => format!("c{i}"),
            };
            columns.push(Column {
                name,
                kind: *random.pick(&kind::ALL),
                not_null: random.chance(20),
                generated: false,
            });
        }
        if !partitioned && random.chance(20) {
            columns.push(Column {
                name: "made".to_string(),
                kind: Kind::Bool,
                not_null: false,
                generated: true,
            });
        }
        // The key's columns anywhere, in any order; generated columns use the first column outside of the key.
        if !columns.iter().any(|column| column.generated) {
            let mut order: Vec<usize> = (0..columns.len()).collect();
            shuffle(&mut order, random);
            key = key
                .iter()
                .map(|place| order.iter().position(|from| from == place).unwrap_or(0))
                .collect();
            shuffle(&mut key, random);
            columns = order.iter().map(|from| columns[*from].clone()).collect();
        }
        let deferrable = random.chance(12);
        let mut table = Table {
            name,
            columns,
            key,
            by: None,
            leaves: Vec::new(),
            cascade: Cascade::No,
            deferrable,
            operations: None,
            loose: random.chance(25),
            told: None,
            key_only: !deferrable && random.chance(8),
            deletes_by_key: !deferrable && random.chance(12),
            row_filter: None,
            writes: false,
            touches: false,
            grants: Vec::new(),
        };
        if random.chance(20) {
            let some: String = "IUDT".chars().filter(|_| random.chance(60)).collect();
            table.operations = (!some.is_empty()).then_some(some);
        }
        table.loose &= table.operations.is_some();
        if random.chance(15) {
            table.told = Some(subset(table.columns.len(), random));
        }
        if partitioned {
            table.partition(random);
        }
        table
    }

    pub(super) fn grant(&mut self, random: &mut Random) {
        for role in GRANTED {
            let columns = match random.below(10) {
                // The child's policy looks at it.
                _ if self.cascade == Cascade::Parent => (0..self.columns.len()).collect(),
                0 => continue,
                1..=5 => (0..self.columns.len()).collect(),
                _ => {
                    let mut columns = subset(self.columns.len(), random);
                    columns.extend(
                        self.key
                            .iter()
                            .filter(|key| !columns.contains(key))
                            .collect::<Vec<_>>(),
                    );
                    columns
                }
            };
            self.grants.push((role, columns));
        }
    }

    /// `row_filter` of enable, over columns that everybody may SELECT: each reader's SELECT has it, too.
    pub(super) fn filter_rows(&mut self, random: &mut Random) {
        let mut columns = subset(self.columns.len(), random);
        columns.truncate(3);
        self.row_filter = filter::random(self, &columns, random);
        for (_, granted) in &mut self.grants {
            columns
                .iter()
                .filter(|place| !granted.contains(place))
                .copied()
                .collect::<Vec<_>>()
                .into_iter()
                .for_each(|place| granted.push(place));
        }
    }
}
