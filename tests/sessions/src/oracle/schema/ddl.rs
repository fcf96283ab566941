//! The SQL that makes a table realtime: itself, its partitions, triggers of the user's own, `enable`.

use super::{ident, shuffle, Column, Leaf, Table};
use crate::oracle::kind::Kind;
use crate::random::Random;

impl Table {
    fn column_sql(&self, column: &Column) -> String {
        let mut sql = format!("{} {}", ident(&column.name), column.kind.sql());
        if column.generated {
            let of = &self.columns[self.key.len()].name;
            sql += &format!(" GENERATED ALWAYS AS ({} IS NULL) STORED", ident(of));
        }
        if column.not_null {
            sql += " NOT NULL";
        }
        sql
    }

    pub(super) fn create(&self, random: &mut Random, out: &mut Vec<String>) {
        let junk = random.below(self.columns.len() as u64 + 3) as usize;
        let mut parts: Vec<String> = Vec::new();
        for (i, column) in self.columns.iter().enumerate() {
            if i == junk {
                parts.push("junk text DEFAULT 'junk'".to_string());
            }
            parts.push(self.column_sql(column));
        }
        parts.push(format!("PRIMARY KEY ({})", self.column_list(&self.key)));
        let by = self.column_list(&self.key[..1]);
        let partition = if self.leaves.is_empty() {
            String::new()
        } else {
            format!(" PARTITION BY HASH ({by})")
        };
        out.push(format!(
            "CREATE TABLE {} ({}){partition}",
            self.name,
            parts.join(", ")
        ));
        if junk < self.columns.len() {
            out.push(format!("ALTER TABLE {} DROP COLUMN junk", self.name));
        }
        for leaf in &self.leaves {
            match random.below(4) {
                0 => out.push(format!(
                    "CREATE TABLE {} PARTITION OF {} {}",
                    leaf.name, self.name, leaf.bound
                )),
                1 => {
                    out.push(format!(
                        "CREATE TABLE {} PARTITION OF {} {} PARTITION BY HASH ({by})",
                        leaf.name, self.name, leaf.bound
                    ));
                    for i in 0..2 {
                        out.push(format!("CREATE TABLE {0}_{i} PARTITION OF {0} FOR VALUES WITH (MODULUS 2, REMAINDER {i})", leaf.name));
                    }
                }
                _ => self.attach_another_order(leaf, random, out),
            }
        }
    }

    /// A partition whose columns have other numbers.
    fn attach_another_order(&self, leaf: &Leaf, random: &mut Random, out: &mut Vec<String>) {
        let mut order: Vec<usize> = (0..self.columns.len()).collect();
        shuffle(&mut order, random);
        let mut parts: Vec<String> = order
            .iter()
            .map(|place| self.column_sql(&self.columns[*place]))
            .collect();
        parts.insert(random.below(3) as usize, "junk integer".to_string());
        out.push(format!("CREATE TABLE {} ({})", leaf.name, parts.join(", ")));
        out.push(format!("ALTER TABLE {} DROP COLUMN junk", leaf.name));
        out.push(format!(
            "ALTER TABLE {} ATTACH PARTITION {} {}",
            self.name, leaf.name, leaf.bound
        ));
    }

    pub(super) fn enable(&self) -> String {
        let mut arguments = vec![format!("'{}'", self.name)];
        if let Some(told) = &self.told {
            let names: Vec<String> = told
                .iter()
                .map(|place| crate::pg::quote(&self.columns[*place].name))
                .collect();
            arguments.push(format!("columns => ARRAY[{}]::text[]", names.join(", ")));
        }
        if self.key_only {
            arguments.push("payload => 'key'".to_string());
        }
        if self.deletes_by_key {
            arguments.push("deletes => 'key'".to_string());
        }
        if let Some(filter) = &self.row_filter {
            arguments.push(format!("row_filter => {}", crate::pg::quote(&filter.text)));
        }
        format!("SELECT pgrealtime.enable({})", arguments.join(", "))
    }

    /// Triggers of the user's own: one that changes what is written, one that writes the row once more.
    pub(super) fn user_triggers(&self, random: &mut Random, out: &mut Vec<String>) {
        let text = self
            .columns
            .iter()
            .enumerate()
            .find(|(place, column)| column.kind == Kind::Text && !self.key.contains(place));
        let Some((_, column)) = text.filter(|_| random.chance(25)) else {
            return;
        };
        let (table, column) = (&self.name, ident(&column.name));
        let same = self
            .key
            .iter()
            .map(|place| ident(&self.columns[*place].name))
            .map(|key| format!("{key} = NEW.{key}"));
        let same = same.collect::<Vec<_>>().join(" AND ");
        out.push(format!(
            "CREATE FUNCTION {table}_before() RETURNS trigger LANGUAGE plpgsql AS $$ \
             BEGIN NEW.{column} := left(NEW.{column}, 3); RETURN NEW; END $$; \
             CREATE FUNCTION {table}_after() RETURNS trigger LANGUAGE plpgsql AS $$ \
             BEGIN IF pg_trigger_depth() = 1 THEN UPDATE {table} SET {column} = 'u3' WHERE {same}; END IF; RETURN NULL; END $$; \
             CREATE TRIGGER \"00_a_before\" BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_before(); \
             CREATE TRIGGER again AFTER INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_after()"
        ));
    }
}
