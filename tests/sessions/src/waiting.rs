//! The procedure `wait`: what it holds while it waits, and what ends it.

use crate::cluster::Cluster;
use crate::pg::{quote, Client, LOST};
use crate::{check, part, wait_for, Outcome};

/// Longer than any part may take: whatever ends a wait, it was not the time.
const LONG: &str = "SET pgrealtime.max_wait = '1 h'";

struct Sessions {
    cluster: Cluster,
    other: Client,
}

pub fn run() -> Outcome {
    let cluster = Cluster::from_environment();
    let mut all = Sessions {
        other: cluster.server.connect()?,
        cluster,
    };
    all.other.run("CREATE EXTENSION pgrealtime")?;
    all.other.run("CREATE TABLE watched (id int PRIMARY KEY)")?;
    all.other
        .run("CREATE TABLE unwatched (id int PRIMARY KEY)")?;
    all.other
        .run("SELECT pgrealtime.enable('watched'), pgrealtime.enable('unwatched')")?;
    for level in ["read committed", "repeatable read", "serializable"] {
        part(&format!("holds nothing: {level}"), || {
            all.holds_nothing(level)
        })?;
    }
    part("inside a procedure", || all.nested())?;
    part("a change of a subscribed table", || all.told())?;
    part("the next command is sent while it waits", || all.later())?;
    part("the next command is sent with it", || all.pipelined())?;
    part("a Sync is not the next command", || all.sync())?;
    part("a Sync that comes late is not the next command", || {
        all.late_sync()
    })?;
    part("the next command in the extended protocol", || {
        all.extended()
    })?;
    part("the client has gone", || all.gone())?;
    part("cancelled and terminated", || all.ended())?;
    part("an older cursor is refused", || all.refused())
}

impl Sessions {
    fn waiter(&self) -> Result<Client, String> {
        let mut waiter = self.cluster.server.connect()?;
        waiter.run(LONG)?;
        Ok(waiter)
    }

    fn call(&mut self) -> Result<String, String> {
        let cursor = self.other.value("SELECT pgrealtime.current_cursor()")?;
        Ok(format!("CALL pgrealtime.wait({}, '1 h')", quote(&cursor)))
    }

    /// Of a session; "" when it has ended.
    fn shown(&mut self, waiter: &Client, what: &str) -> Result<String, String> {
        Ok(self.other.value(&format!(
            "SELECT {what} FROM pg_stat_activity AS a WHERE pid = {}",
            waiter.pid
        ))?)
    }

    fn until_it_waits(&mut self, waiter: &Client) -> Outcome {
        let waits = "state = 'active' AND query LIKE 'CALL%' AND wait_event_type = 'Extension'";
        wait_for(
            "the session waits",
            || Ok(self.shown(waiter, waits)? == "t"),
        )
    }

    /// Until a session has done what was sent to it, or has ended.
    fn until_it_is_idle(&mut self, waiter: &Client) -> Outcome {
        wait_for("the session is idle", || {
            Ok(["idle", ""].contains(&self.shown(waiter, "state")?.as_str()))
        })
    }

    fn holds_nothing(&mut self, level: &str) -> Outcome {
        let mut waiter = self.waiter()?;
        waiter.run(&format!("SET default_transaction_isolation = '{level}'"))?;
        let call = self.call()?;
        waiter.send(&call)?;
        for id in 0..3 {
            self.until_it_waits(&waiter)?;
            let held = "concat_ws(' ', backend_xmin, backend_xid, (SELECT string_agg(locktype, ',')
                        FROM pg_locks AS l WHERE l.pid = a.pid AND locktype <> 'virtualxid'))";
            // It looks at the log now and then, with a snapshot and locks.
            wait_for("it holds nothing", || {
                Ok(self.shown(&waiter, held)?.is_empty())
            })?;
            // The log is looked at again, and again nothing is held.
            self.other.run(&format!(
                "INSERT INTO unwatched VALUES ({id}); DELETE FROM unwatched"
            ))?;
        }
        waiter.send("SHOW transaction_isolation")?;
        check(waiter.receive()?.len() == 1, || "no cursor".to_string())?;
        let then = waiter.receive()?;
        check(then == [[Some(level.to_string())]], || {
            format!("another isolation level: {then:?}")
        })
    }

    fn nested(&mut self) -> Outcome {
        let mut waiter = self.waiter()?;
        waiter.run(
            "CREATE TABLE IF NOT EXISTS noted (v text);
             CREATE OR REPLACE PROCEDURE note() LANGUAGE plpgsql AS $$
             DECLARE cursor text := pgrealtime.current_cursor();
             BEGIN
                 INSERT INTO noted VALUES ('before');
                 CALL pgrealtime.wait(cursor, '1 h');
                 INSERT INTO noted SELECT 'after' WHERE cursor IS NOT NULL;
             END $$",
        )?;
        waiter.send("CALL note()")?;
        self.until_it_waits(&waiter)?;
        let noted = "SELECT string_agg(v, ' ') FROM noted";
        let before = self.other.value(noted)?;
        waiter.send("SELECT 1")?;
        waiter.receive()?;
        waiter.receive()?;
        let after = self.other.value(noted)?;
        check(before == "before" && after == "before after", || {
            format!("{before}, {after}")
        })
    }

    fn told(&mut self) -> Outcome {
        let mut waiter = self.waiter()?;
        waiter.run("SELECT FROM pgrealtime.subscribe('watched')")?;
        let call = self.call()?;
        waiter.send(&call)?;
        self.until_it_waits(&waiter)?;
        self.other.run("INSERT INTO unwatched VALUES (7)")?;
        self.until_it_waits(&waiter)?;
        self.other
            .run("BEGIN; INSERT INTO watched VALUES (7); SAVEPOINT s")?;
        self.until_it_waits(&waiter)?;
        self.other.run("COMMIT")?;
        self.until_it_is_idle(&waiter)?;
        let rows = waiter.receive()?;
        let cursor = rows.first().and_then(|row| row[0].clone());
        let cursor = cursor.ok_or("no cursor")?;
        let got = waiter.value(&format!(
            "SELECT string_agg(change #>> '{{record,id}}', ' ') FROM pgrealtime.fan_out({})",
            quote(&cursor)
        ))?;
        check(got == "7", || format!("it received: {got}"))
    }

    fn later(&mut self) -> Outcome {
        let mut waiter = self.waiter()?;
        let call = self.call()?;
        waiter.send(&call)?;
        self.until_it_waits(&waiter)?;
        waiter.send("SELECT 'next'")?;
        self.until_it_is_idle(&waiter)?;
        check(waiter.receive()?.len() == 1, || "no cursor".to_string())?;
        let next = waiter.receive()?;
        check(next == [[Some("next".to_string())]], || format!("{next:?}"))
    }

    fn pipelined(&mut self) -> Outcome {
        let mut waiter = self.waiter()?;
        let both = [query(&self.call()?), query("SELECT 'next'")].concat();
        waiter.send_bytes(&both)?;
        self.until_it_is_idle(&waiter)?;
        waiter.receive()?;
        let next = waiter.receive()?;
        check(next == [[Some("next".to_string())]], || format!("{next:?}"))
    }

    fn sync(&mut self) -> Outcome {
        let mut waiter = self.waiter()?;
        // Before version 17 a wait that has read its Sync ends after a moment. It is seen to wait all the same.
        for _ in 0..100 {
            let call = self.call()?;
            let before = self.shown(&waiter, "query_start")?;
            waiter.send_bytes(&[&extended(&call)[..], SYNC].concat())?;
            // Idle after this call: it was idle before, too, until the call arrived.
            let seen = format!(
                "query_start > {} AND (state = 'idle' OR wait_event_type = 'Extension')",
                quote(&before)
            );
            wait_for("the session waits", || {
                Ok(self.shown(&waiter, &seen)? == "t")
            })?;
            if self.shown(&waiter, "state")? == "active" {
                waiter.send("SELECT 1")?;
                self.until_it_is_idle(&waiter)?;
                waiter.receive()?;
                waiter.receive()?;
                return Ok(());
            }
            waiter.receive()?;
        }
        Err("it never waited".to_string())
    }

    fn late_sync(&mut self) -> Outcome {
        let mut waiter = self.waiter()?;
        let call = self.call()?;
        waiter.send_bytes(&extended(&call))?;
        self.until_it_waits(&waiter)?;
        for byte in SYNC {
            waiter.send_bytes(&[*byte])?;
            self.until_it_waits(&waiter)?;
        }
        waiter.send("SELECT 'next'")?;
        self.until_it_is_idle(&waiter)?;
        check(waiter.receive()?.len() == 1, || "no cursor".to_string())?;
        let next = waiter.receive()?;
        check(next == [[Some("next".to_string())]], || format!("{next:?}"))
    }

    fn extended(&mut self) -> Outcome {
        let mut waiter = self.waiter()?;
        let call = extended(&self.call()?);
        let next = extended("SELECT 'next'");
        // In one packet, with one Sync or two.
        for between in [&[], SYNC] {
            let all = [&call[..], between, &next, SYNC].concat();
            waiter.send_bytes(&all)?;
            self.until_it_is_idle(&waiter)?;
            let mut rows = waiter.receive()?;
            if !between.is_empty() {
                rows.extend(waiter.receive()?);
            }
            check(
                rows.len() == 2 && rows[1] == [Some("next".to_string())],
                || format!("{rows:?}"),
            )?;
        }
        Ok(())
    }

    fn gone(&mut self) -> Outcome {
        let mut waiter = self.waiter()?;
        let call = self.call()?;
        waiter.send(&call)?;
        self.until_it_waits(&waiter)?;
        let alive = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE pid = {}",
            waiter.pid
        );
        drop(waiter);
        wait_for("the session has ended", || {
            Ok(self.other.value(&alive)? == "0")
        })
    }

    fn ended(&mut self) -> Outcome {
        let mut waiter = self.waiter()?;
        for (function, code) in [("cancel", "57014"), ("terminate", "57P01")] {
            let call = self.call()?;
            waiter.send(&call)?;
            self.until_it_waits(&waiter)?;
            self.other
                .run(&format!("SELECT pg_{function}_backend({})", waiter.pid))?;
            let failure = waiter.receive().err();
            check(
                failure
                    .as_ref()
                    .is_some_and(|failure| [code, LOST].contains(&failure.code.as_str())),
                || format!("{function}: {failure:?}"),
            )?;
        }
        Ok(())
    }

    fn refused(&mut self) -> Outcome {
        let mut waiter = self.waiter()?;
        let call = self.call()?;
        self.other.run("SELECT pgrealtime.invalidate_cursors()")?;
        crate::refused(waiter.query(&call), "72000", "not inside the change log")?;
        check(waiter.status == b'I', || "in a transaction".to_string())
    }
}

/// The message Sync: 'S' and its length.
const SYNC: &[u8] = &[b'S', 0, 0, 0, 4];

fn message(letter: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32 + 4).to_be_bytes();
    [&[letter], &length[..], body].concat()
}

fn query(sql: &str) -> Vec<u8> {
    message(b'Q', format!("{sql}\0").as_bytes())
}

/// Parse, Bind and Execute of a statement without parameters.
fn extended(sql: &str) -> Vec<u8> {
    [
        message(b'P', format!("\0{sql}\0\0\0").as_bytes()),
        message(b'B', &[0; 8]),
        message(b'E', &[0; 5]),
    ]
    .concat()
}
