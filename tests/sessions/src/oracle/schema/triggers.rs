//! Users' triggers that write: before and after the row, in the same table, by functions. Their statements end before the
//! statement that fired them.

use super::{ident, Table};
use crate::oracle::kind::Kind;
use crate::random::Random;

impl Table {
    /// Makes triggers that change other rows of the transaction, and a function that writers call, if its operations
    /// allow it.
    pub(super) fn writing_triggers(&mut self, random: &mut Random, out: &mut Vec<String>) {
        let text = |place: &usize| self.columns[*place].kind == Kind::Text;
        let free = |place: &usize| !self.key.contains(place);
        let Some(place) = (0..self.columns.len())
            .filter(free)
            .find(text)
            .filter(|_| random.chance(45))
        else {
            return;
        };
        let column = ident(&self.columns[place].name);
        self.writes = true;
        if random.chance(60) && self.does("U") {
            out.push(self.touch(&column));
            self.touches = true;
        }
        if random.chance(40) && self.does("U") {
            out.push(self.before_row(&column));
        }
        if random.chance(40) && self.does("ID") {
            out.push(self.make_room());
        }
        if random.chance(60) && self.does("IUD") {
            out.push(self.after_row(&column, random));
        }
    }

    fn same_row(&self, of: &str) -> String {
        let same = self
            .key
            .iter()
            .map(|place| ident(&self.columns[*place].name))
            .map(|key| format!("t.{key} = {of}.{key}"));
        same.collect::<Vec<_>>().join(" AND ")
    }

    /// A function that changes rows which the transaction has written.
    fn touch(&self, column: &str) -> String {
        let table = &self.name;
        format!(
            "CREATE FUNCTION {table}_touch() RETURNS text LANGUAGE plpgsql AS $$ BEGIN \
             IF pg_trigger_depth() = 0 THEN \
             UPDATE {table} AS t SET {column} = left(concat('f', t.{column}), 3) WHERE t.xmin = pg_current_xact_id()::xid; \
             END IF; RETURN 'u4'; END $$"
        )
    }

    /// Before a row: it takes a value away from other rows.
    fn before_row(&self, column: &str) -> String {
        let (table, same) = (&self.name, self.same_row("NEW"));
        format!(
            "CREATE FUNCTION {table}_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             IF pg_trigger_depth() = 1 AND NEW.{column} IS NOT NULL THEN \
             UPDATE {table} AS t SET {column} = 'o' WHERE t.xmin = pg_current_xact_id()::xid AND t.{column} = NEW.{column} AND NOT ({same}); \
             END IF; RETURN NEW; END $$; \
             CREATE TRIGGER only_one BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_only()"
        )
    }

    /// Before an INSERT: it deletes the row that has the key.
    fn make_room(&self) -> String {
        let (table, same) = (&self.name, self.same_row("NEW"));
        format!(
            "CREATE FUNCTION {table}_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             IF pg_trigger_depth() = 1 THEN DELETE FROM {table} AS t WHERE {same}; END IF; RETURN NEW; END $$; \
             CREATE TRIGGER room BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_room()"
        )
    }

    /// After a row: other rows of the transaction are changed, deleted, or deleted and inserted again, and deleted rows are
    /// inserted again. It fires before or after capture.
    fn after_row(&self, column: &str, random: &mut Random) -> String {
        let table = &self.name;
        let name = random.pick(&["\"00_after\"", "z_after"]);
        let written: Vec<usize> = (0..self.columns.len())
            .filter(|place| !self.columns[*place].generated)
            .collect();
        let list = self.column_list(&written);
        let of = |row: &str, places: &[usize]| {
            let columns = places
                .iter()
                .map(|place| format!("{row}.{}", ident(&self.columns[*place].name)));
            columns.collect::<Vec<_>>().join(", ")
        };
        // A partition's columns may have another order.
        let whole = |row: &str| {
            let all: Vec<usize> = (0..self.columns.len()).collect();
            format!("ROW({})::{table}", of(row, &all))
        };
        let others = format!(
            "t.xmin = pg_current_xact_id()::xid AND NOT ({}) AND hashtext(t::text) % 2 = 0",
            self.same_row("r")
        );
        format!(
            "CREATE FUNCTION {table}_others() RETURNS trigger LANGUAGE plpgsql AS $$ \
             DECLARE r {table}; o {table}; BEGIN \
             IF pg_trigger_depth() > 1 THEN RETURN NULL; END IF; \
             IF TG_OP = 'DELETE' THEN r := {}; ELSE r := {}; END IF; \
             CASE abs(hashtext(r::text)) % 6 \
             WHEN 0 THEN UPDATE {table} AS t SET {column} = left(concat('a', t.{column}), 3) WHERE {others}; \
             WHEN 1 THEN DELETE FROM {table} AS t WHERE {others}; \
             WHEN 2 THEN FOR o IN SELECT * FROM {table} AS t WHERE {others} LOOP \
               r := o; DELETE FROM {table} AS t WHERE {}; o.{column} := 'r'; INSERT INTO {table} ({list}) VALUES ({}); END LOOP; \
             WHEN 3 THEN IF TG_OP = 'DELETE' THEN INSERT INTO {table} ({list}) VALUES ({}); END IF; \
             WHEN 4 THEN BEGIN UPDATE {table} AS t SET {column} = left(concat('e', t.{column}), 3) WHERE {others}; \
               RAISE EXCEPTION 'undone'; EXCEPTION WHEN raise_exception THEN \
               UPDATE {table} AS t SET {column} = left(concat('x', t.{column}), 3) WHERE {others}; END; \
             ELSE NULL; END CASE; \
             RETURN NULL; END $$; \
             CREATE TRIGGER {name} AFTER INSERT OR UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_others()",
            whole("OLD"),
            whole("NEW"),
            self.same_row("o"),
            of("o", &written),
            of("r", &written),
        )
    }
}
