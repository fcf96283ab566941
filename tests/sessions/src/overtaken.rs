//! An overtaken change gets a position in front of entries that were logged earlier: every cursor's reader finds it.

use crate::log::switch;
use crate::pg::{quote, Client};
use crate::{check, Outcome};

/// A trigger that fires before capture changes the row again, and then waits.
const TABLE: &str = "CREATE TABLE twice (id integer PRIMARY KEY, n integer); \
     CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
       IF pg_trigger_depth() = 1 THEN \
         UPDATE twice SET n = n + 1 WHERE id = NEW.id; \
         PERFORM pg_advisory_xact_lock(7); \
       END IF; \
       RETURN NULL; END $$; \
     CREATE TRIGGER \"00_again\" AFTER UPDATE ON twice FOR EACH ROW EXECUTE FUNCTION again()";

/// The trigger's change is logged first, the change that fired the trigger later. Readers take cursors in between, and the
/// log may switch to another segment. Needs a short retention.
pub fn is_found(reader: &mut Client, writer: &mut Client, other: &mut Client) -> Outcome {
    writer.run(TABLE)?;
    writer.run(&crate::copy::triggers("twice"))?;
    for switches in [false, true] {
        one(reader, writer, other, switches)
            .map_err(|error| format!("{error}, with a switch of segments: {switches}"))?;
    }
    Ok(())
}

fn one(reader: &mut Client, writer: &mut Client, other: &mut Client, switches: bool) -> Outcome {
    writer.run("DELETE FROM twice; INSERT INTO twice VALUES (1, 0)")?;
    let taken = "SELECT pgrealtime.current_cursor()";
    let mut cursors = vec![reader.value(taken)?];
    other.run("SELECT pg_advisory_lock(7)")?;
    writer.run("BEGIN")?;
    writer.send_to_wait("UPDATE twice SET n = 10", reader)?;
    cursors.push(reader.value(taken)?);
    if switches {
        switch(other)?;
        cursors.push(reader.value(taken)?);
    }
    other.run("SELECT pg_advisory_unlock(7)")?;
    writer.receive()?;
    cursors.push(reader.value(taken)?);
    for cursor in &cursors {
        check(after(reader, cursor, 10)?.is_empty(), || {
            "early".to_string()
        })?;
    }
    writer.run("COMMIT")?;
    let expected = ["0 -> 10", "10 -> 11"];
    for (number, cursor) in cursors.iter().enumerate() {
        for max in [1, 10] {
            let changes = after(reader, cursor, max)?;
            check(changes == expected, || {
                format!("cursor {number}: {changes:?} instead of {expected:?}")
            })?;
        }
    }
    Ok(())
}

/// The changes after a cursor, read to the end, `max` at a time.
fn after(reader: &mut Client, cursor: &str, max: u64) -> Result<Vec<String>, String> {
    let (mut changes, mut cursor) = (Vec::new(), cursor.to_string());
    loop {
        let rows = reader.query(&format!(
            "SELECT cursor, (change -> 'old_record' ->> 'n') || ' -> ' || (change -> 'record' ->> 'n') \
             FROM pgrealtime.changes_since({}, '{{twice}}', max_changes => {max})",
            quote(&cursor)
        ))?;
        let found = changes.len();
        for mut row in rows {
            changes.extend(row.pop().flatten());
            cursor = row.pop().flatten().unwrap_or_default();
        }
        if changes.len() == found {
            return Ok(changes);
        }
    }
}
