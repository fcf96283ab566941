//! Cancels at random moments of everything that the extension does. The session stays usable and as it was, and everything
//! that was reported as committed is there, once in the table and once in the log.

mod action;
mod ledger;
mod memory;
mod session;

use crate::cluster::Cluster;
use crate::pg::{Client, Server};
use crate::random::{knob, seed};
use crate::{check, join, part, wait_for, Outcome};
use ledger::Ledger;
use session::Session;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

const SESSIONS: u64 = 4;

/// Tables whose rows and changes are compared.
const TABLES: [&str; 3] = ["journal", "told", "parts"];

/// Functions that sessions do not call by name, and what calls them.
const CALLED_OTHERWISE: [&str; 3] = ["capture_change", "follow_ddl", "initialise_log"];

pub fn run() -> Outcome {
    let (cluster, seed) = (Cluster::from_environment(), seed());
    let seconds = knob("PGREALTIME_SECONDS", 60);
    let mut admin = cluster.server.connect()?;
    admin.run(SETUP)?;
    for number in 0..SESSIONS {
        admin.run(&action::setup(number))?;
    }
    part("every function is among those that are cancelled", || {
        every_function(&mut admin)
    })?;
    let start = admin.value("SELECT pgrealtime.current_cursor()")?;
    let phase = |name: &str, seconds: u64, stream: u64, retained: bool| {
        let ledger = Ledger::default();
        part(name, || {
            storm(&cluster.server, &ledger, seed, stream, seconds, &start)
        })?;
        part(
            "what was said to be committed is there, and nothing else",
            || compare(&cluster.server, &ledger, retained.then_some(start.as_str())),
        )
    };
    phase(
        "sessions survive cancels at random moments",
        seconds * 3 / 4,
        1,
        true,
    )?;
    part("failed calls leave no memory", || {
        memory::run(&cluster.server)
    })?;
    cluster.reload(&mut admin, &["pgrealtime.retention = '1s'"])?;
    phase(
        "and while segments are emptied all the time",
        seconds / 4,
        2,
        false,
    )?;
    part("the server's log has no complaint", || {
        let log = cluster.log();
        let bad = log.lines().find(|line| {
            [
                "leak",
                "PANIC:",
                "was terminated by signal",
                "TRAP:",
                "internal error",
            ]
            .iter()
            .any(|word| line.contains(word))
        });
        check(bad.is_none(), || bad.unwrap_or_default().to_string())
    })
}

/// What all sessions share: a policy and a cast that take a while, the sinks, guards that catch and go on.
const SETUP: &str = "
CREATE EXTENSION pgrealtime;
CREATE ROLE app;
GRANT USAGE ON SCHEMA pgrealtime TO app;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA pgrealtime TO app;
GRANT SELECT ON ALL TABLES IN SCHEMA pgrealtime TO app;
CREATE SCHEMA elsewhere;
GRANT ALL ON SCHEMA public, elsewhere TO app;
CREATE SCHEMA realtime;
CREATE TABLE realtime.messages (
    topic text NOT NULL, extension text NOT NULL, payload jsonb, event text, private boolean DEFAULT false,
    updated_at timestamp NOT NULL DEFAULT now(), inserted_at timestamp NOT NULL DEFAULT now(),
    id uuid NOT NULL DEFAULT gen_random_uuid(), PRIMARY KEY (id, inserted_at)) PARTITION BY RANGE (inserted_at);
CREATE TABLE realtime.messages_all PARTITION OF realtime.messages DEFAULT;
CREATE FUNCTION slowly(anything anyelement) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
    DECLARE i int := 0;
    BEGIN
        WHILE i < 1000 LOOP i := i + 1; END LOOP;
        BEGIN PERFORM 1 / (i - 1000); EXCEPTION WHEN division_by_zero THEN NULL; END;
        RETURN true;
    END $$;
CREATE TYPE mood AS ENUM ('good');
CREATE FUNCTION mood_json(mood) RETURNS json LANGUAGE plpgsql AS $$
    BEGIN PERFORM public.slowly(1); RETURN json_build_object('word', $1::text); END $$;
CREATE CAST (mood AS json) WITH FUNCTION mood_json(mood);
CREATE TABLE journal (id bigint PRIMARY KEY, pad text NOT NULL);
ALTER TABLE journal ENABLE ROW LEVEL SECURITY;
CREATE POLICY everything ON journal USING (true) WITH CHECK (true);
CREATE POLICY reading ON journal AS RESTRICTIVE FOR SELECT USING (slowly(id));
CREATE TABLE told (id bigint PRIMARY KEY, pad text NOT NULL, mood mood DEFAULT 'good');
CREATE TABLE parts (id bigint PRIMARY KEY, pad text NOT NULL) PARTITION BY HASH (id);
CREATE TABLE parts_0 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
GRANT ALL ON journal, told, parts TO app;
SELECT pgrealtime.enable('journal');
SELECT pgrealtime.enable('told', sinks => '{log,broadcast,wal,notify}', broadcast_topic => 'row:{id}');
SELECT pgrealtime.enable('parts', row_filter => 'pad=neq.never');
-- Whatever becomes of the first statement, the second follows: what became of the first.
CREATE FUNCTION guarded(first text, second text) RETURNS text LANGUAGE plpgsql AS $$
    DECLARE outcome text := 'done';
    BEGIN
        BEGIN EXECUTE first; EXCEPTION WHEN query_canceled OR OTHERS THEN outcome := SQLSTATE; END;
        EXECUTE second;
        RETURN outcome;
    END $$;
CREATE FUNCTION caught(first text) RETURNS text LANGUAGE plpgsql AS $$
    BEGIN EXECUTE first; RETURN 'done'; EXCEPTION WHEN query_canceled OR OTHERS THEN RETURN SQLSTATE; END $$;
-- One transaction a row, each behind a statement that may be cancelled.
CREATE PROCEDURE step_by_step(first text, ids bigint[]) LANGUAGE plpgsql AS $$
    DECLARE id bigint;
    BEGIN
        FOREACH id IN ARRAY ids LOOP
            PERFORM public.caught(first);
            INSERT INTO public.journal VALUES (id, 'step');
            COMMIT;
        END LOOP;
    END $$;
";

/// The test names every function of the extension, so that a new one is not forgotten.
fn every_function(admin: &mut Client) -> Outcome {
    let names = admin.query(
        "SELECT DISTINCT proname FROM pg_proc WHERE pronamespace = 'pgrealtime'::regnamespace",
    )?;
    let called = action::everything();
    for name in names.into_iter().flatten().flatten() {
        let known = called.contains(&format!("pgrealtime.{name}"))
            || CALLED_OTHERWISE.contains(&name.as_str());
        check(known, || format!("no session calls {name}"))?;
    }
    Ok(())
}

/// Sessions that are disturbed, and one that takes locks from them.
fn storm(
    server: &Server,
    ledger: &Ledger,
    seed: u64,
    stream: u64,
    seconds: u64,
    start: &str,
) -> Outcome {
    let until = Instant::now() + Duration::from_secs(seconds);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let sessions: Vec<_> = (0..SESSIONS)
            .map(|number| {
                let over = &over;
                scope.spawn(move || {
                    let mut session = Session::new(server, ledger, seed, stream, number, start)?;
                    let mut outcome = Ok(());
                    while outcome.is_ok() && !over.load(SeqCst) && Instant::now() < until {
                        outcome = session.turn();
                    }
                    over.store(true, SeqCst);
                    session.report();
                    outcome
                })
            })
            .collect();
        let locker = scope.spawn(|| {
            let mut client = server.connect()?;
            while !over.load(SeqCst) {
                client.run("SET lock_timeout = '50ms'")?;
                match client.run("BEGIN; LOCK TABLE journal, told; SELECT pg_sleep(0.002); COMMIT")
                {
                    Ok(()) => {}
                    Err(failure) if ["55P03", "40P01"].contains(&failure.code.as_str()) => {
                        client.run("ROLLBACK")?;
                    }
                    Err(failure) => return Err(format!("the locker: {failure}")),
                }
                thread::sleep(Duration::from_millis(20));
            }
            Ok(())
        });
        join(sessions.into_iter().chain([locker]))
    })
}

/// Compares the tables with the answers that sessions got, and the log with the tables.
fn compare(server: &Server, ledger: &Ledger, start: Option<&str>) -> Outcome {
    let mut client = server.connect()?;
    wait_for("transactions of terminated sessions to end", || {
        let open = "SELECT count(*) FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid()";
        Ok(client.value(open)? == "0")
    })?;
    for table in TABLES {
        let rows = ledger::rows(&mut client, table)?;
        ledger.compare(table, &rows)?;
        if let Some(start) = start {
            let copy = ledger::replay(&mut client, table, start)?;
            ledger::same(table, &rows, &copy)?;
        }
        println!("        {table}: {} rows", rows.len());
    }
    Ok(())
}
