//! The SQL that makes a table realtime: itself, its partitions, triggers of the user's own, `enable`.

use super::{ident, partitions, Column, Table};
use crate::oracle::kind::Kind;
use crate::random::Random;

impl Table {
    pub(super) fn column_sql(&self, column: &Column) -> String {
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
        let deferrable = match random.below(2) {
            _ if !self.deferrable => "",
            0 => " DEFERRABLE",
            _ => " DEFERRABLE INITIALLY DEFERRED",
        };
        let key = self.column_list(&self.key);
        parts.push(format!("PRIMARY KEY ({key}){deferrable}"));
        let partition = partitions::by(&self.by);
        out.push(format!(
            "CREATE TABLE {} ({}){partition}",
            self.name,
            parts.join(", ")
        ));
        if junk < self.columns.len() {
            out.push(format!("ALTER TABLE {} DROP COLUMN junk", self.name));
        }
        self.create_leaves(random, out);
        if self.deferrable {
            // Such a key is no replica identity, without which the publication would refuse UPDATEs.
            let leaves = self.leaves_below().into_iter().map(|leaf| &leaf.name);
            for name in [&self.name].into_iter().chain(leaves) {
                out.push(format!("ALTER TABLE {name} REPLICA IDENTITY FULL"));
            }
        }
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
        if let Some(operations) = &self.operations {
            let names = [
                ("I", "INSERT"),
                ("U", "UPDATE"),
                ("D", "DELETE"),
                ("T", "TRUNCATE"),
            ];
            let names = names
                .into_iter()
                .filter(|(letter, _)| operations.contains(letter));
            let names: Vec<&str> = names.map(|(_, name)| name).collect();
            arguments.push(format!("operations => '{{{}}}'", names.join(",")));
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
        let again = if self.does("U") {
            format!("CREATE TRIGGER again AFTER INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_after()")
        } else {
            String::new()
        };
        out.push(format!(
            "CREATE FUNCTION {table}_before() RETURNS trigger LANGUAGE plpgsql AS $$ \
             BEGIN NEW.{column} := left(NEW.{column}, 3); RETURN NEW; END $$; \
             CREATE FUNCTION {table}_after() RETURNS trigger LANGUAGE plpgsql AS $$ \
             BEGIN IF pg_trigger_depth() = 1 THEN UPDATE {table} SET {column} = 'u3' WHERE {same}; END IF; RETURN NULL; END $$; \
             CREATE TRIGGER \"00_a_before\" BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_before(); {again}"
        ));
    }
}
