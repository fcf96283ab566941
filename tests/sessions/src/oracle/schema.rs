//! Random schemas: the tables, their partitions, grants, policies and triggers, and the SQL that creates them.

mod ddl;
mod partitions;
mod table;
mod triggers;

use super::kind::Kind;
use super::policy;
use crate::random::Random;
pub use partitions::Leaf;
pub use table::{Cascade, Column, Table};

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
pub struct Schema {
    pub name: String,
    pub tables: Vec<Table>,
    /// The statements that create it, in order.
    pub setup: Vec<String>,
}

pub fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
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

    /// Whether triggers or functions write within users' statements.
    pub fn has_triggers(&self) -> bool {
        let makes = |sql: &String| {
            let words = ["TRIGGER", "_touch()", "REFERENCES"];
            words.iter().any(|word| sql.contains(word))
        };
        self.setup.iter().any(makes)
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
            table.writing_triggers(random, out);
        }
        out.push(format!(
            "GRANT EXECUTE ON FUNCTION pgrealtime.capture_change() TO oracle_owner; ALTER TABLE {} OWNER TO oracle_owner",
            table.name
        ));
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
        by: None,
        leaves: Vec::new(),
        cascade,
        deferrable: false,
        operations: None,
        loose: false,
        told: None,
        key_only: false,
        deletes_by_key: deletes_by_key && cascade == Cascade::Child,
        row_filter: None,
        writes: false,
        touches: false,
        grants: Vec::new(),
    };
    vec![
        table("parent", Cascade::Parent, "org"),
        table("child", Cascade::Child, "parent"),
    ]
}
