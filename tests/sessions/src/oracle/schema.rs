//! Random tables: columns, keys, partitions, grants, triggers, and the settings that they are enabled with.

mod ddl;

use super::filter::{self, Condition};
use super::kind::{self, Kind};
use super::policy;
use crate::random::Random;

/// Roles that read, as [`ROLES_SQL`] makes them.
pub const READERS: [&str; 5] = [
    "oracle_a",
    "oracle_b",
    "oracle_member",
    "oracle_bypass",
    "oracle_owner",
];

/// Roles that are granted something: the member has what its group has.
pub const GRANTED: [&str; 5] = [
    "oracle_a",
    "oracle_b",
    "oracle_group",
    "oracle_member",
    "oracle_bypass",
];

pub const ROLES_SQL: &str = "CREATE ROLE oracle_a; CREATE ROLE oracle_b; CREATE ROLE oracle_group; \
    CREATE ROLE oracle_member IN ROLE oracle_group; CREATE ROLE oracle_bypass BYPASSRLS; CREATE ROLE oracle_owner";

#[derive(Debug, Clone)]
pub struct Column {
    pub name: String,
    pub kind: Kind,
    pub not_null: bool,
    /// Of another column; nobody writes it.
    pub generated: bool,
}

#[derive(Debug, Clone)]
pub struct Leaf {
    pub name: String,
    pub bound: String,
}

/// What a table is in a schema with ON DELETE CASCADE. Its policies look at the parent: keys are never used again, and
/// what they look at does not change.
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
    pub leaves: Vec<Leaf>,
    pub cascade: Cascade,
    /// `columns` of enable.
    told: Option<Vec<usize>>,
    pub key_only: bool,
    pub deletes_by_key: bool,
    /// `row_filter` of enable.
    pub row_filter: Option<Condition>,
    grants: Vec<(&'static str, Vec<usize>)>,
}

#[derive(Debug, Clone)]
pub struct Schema {
    pub name: String,
    pub tables: Vec<Table>,
    /// What makes it, in order.
    pub setup: Vec<String>,
}

pub fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Table {
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

    /// The columns that a message to a role has that asked for some of them.
    pub fn delivered(&self, role: &str, asked: Option<&Vec<usize>>) -> Vec<usize> {
        let told = |place: &usize| {
            !self.key_only
                && self.told.as_ref().is_none_or(|told| told.contains(place))
                && asked.is_none_or(|asked| asked.contains(place))
        };
        let mut columns = self.selectable(role);
        columns.retain(|place| self.key.contains(place) || told(place));
        columns
    }

    pub fn column_list(&self, places: &[usize]) -> String {
        let names: Vec<String> = places
            .iter()
            .map(|place| ident(&self.columns[*place].name))
            .collect();
        names.join(", ")
    }

    fn random(name: String, random: &mut Random) -> Table {
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
        // The key's columns somewhere, in any order; generated ones look at the first that is none of the key's.
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
        let mut table = Table {
            name,
            columns,
            key,
            leaves: Vec::new(),
            cascade: Cascade::No,
            told: None,
            key_only: random.chance(8),
            deletes_by_key: random.chance(12),
            row_filter: None,
            grants: Vec::new(),
        };
        if random.chance(15) {
            table.told = Some(subset(table.columns.len(), random));
        }
        if partitioned {
            let bounds = [
                "(MODULUS 3, REMAINDER 0)",
                "(MODULUS 3, REMAINDER 1)",
                "(MODULUS 3, REMAINDER 2)",
            ];
            table.leaves = (bounds.iter().enumerate())
                .map(|(i, bound)| Leaf {
                    name: format!("{}_{i}", table.name),
                    bound: format!("FOR VALUES WITH {bound}"),
                })
                .collect();
        }
        table
    }

    fn grant(&mut self, random: &mut Random) {
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
    fn filter_rows(&mut self, random: &mut Random) {
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

pub fn shuffle<T>(items: &mut [T], random: &mut Random) {
    for i in (1..items.len()).rev() {
        items.swap(i, random.below(i as u64 + 1) as usize);
    }
}

/// Some of so many places, at least one.
pub fn subset(of: usize, random: &mut Random) -> Vec<usize> {
    let mut places: Vec<usize> = (0..of).filter(|_| random.chance(50)).collect();
    if places.is_empty() {
        places.push(random.below(of as u64) as usize);
    }
    places
}

impl Schema {
    pub fn random(number: u64, random: &mut Random) -> Schema {
        let name = format!("oracle_{number}");
        let mut setup = vec![
            format!("CREATE SCHEMA {name}; GRANT USAGE ON SCHEMA {name} TO PUBLIC; SET search_path = {name}"),
            "CREATE TYPE mood AS ENUM ('sad', 'ok', 'so happy'); \
             CREATE DOMAIN tag AS text CHECK (length(VALUE) < 100)"
                .to_string(),
        ];
        policy::members(random, &mut setup);
        let tables = if random.chance(15) {
            cascade(random)
        } else {
            (0..2 + random.below(5))
                .map(|i| Table::random(format!("t{i}"), random))
                .collect()
        };
        let mut schema = Schema {
            name,
            tables,
            setup,
        };
        for i in 0..schema.tables.len() {
            schema.finish(i, random);
        }
        schema
    }

    fn finish(&mut self, i: usize, random: &mut Random) {
        let table = &mut self.tables[i];
        table.grant(random);
        if table.cascade == Cascade::No && random.chance(20) {
            table.filter_rows(random);
        }
        let out = &mut self.setup;
        match table.cascade {
            Cascade::No => table.create(random, out),
            Cascade::Parent => out.push("CREATE TABLE parent (id integer PRIMARY KEY, org integer, note text)".to_string()),
            Cascade::Child => out.push(
                "CREATE TABLE child (id integer PRIMARY KEY, parent integer REFERENCES parent ON DELETE CASCADE, note text)".to_string(),
            ),
        }
        if table.cascade == Cascade::No {
            table.user_triggers(random, out);
        }
        out.push(format!("ALTER TABLE {} OWNER TO oracle_owner", table.name));
        for (role, columns) in &table.grants {
            out.push(format!(
                "GRANT SELECT ({}) ON {} TO {role}",
                table.column_list(columns),
                table.name
            ));
        }
        policy::random(table, random, out);
        out.push(table.enable());
    }
}

fn cascade(random: &mut Random) -> Vec<Table> {
    let deletes_by_key = random.chance(50);
    let table = |name: &str, cascade, middle: &str| Table {
        name: name.to_string(),
        columns: [
            ("id", Kind::Integer),
            (middle, Kind::Integer),
            ("note", Kind::Text),
        ]
        .map(|(name, kind)| Column {
            name: name.to_string(),
            kind,
            not_null: name == "id",
            generated: false,
        })
        .to_vec(),
        key: vec![0],
        leaves: Vec::new(),
        cascade,
        told: None,
        key_only: false,
        deletes_by_key: deletes_by_key && cascade == Cascade::Child,
        row_filter: None,
        grants: Vec::new(),
    };
    vec![
        table("parent", Cascade::Parent, "org"),
        table("child", Cascade::Child, "parent"),
    ]
}
