//! The neighbours that are installed, with every setting that makes them look into what the extension does; and the tables.

use super::writer::SHARED;
use crate::cluster::Cluster;
use crate::pg::Client;
use crate::Outcome;
use std::fs;

const LIBRARIES: [&str; 3] = ["pgaudit", "pg_stat_statements", "auto_explain"];

const SETTINGS: [&str; 15] = [
    "pgaudit.log = 'all'",
    "pgaudit.log_catalog = on",
    "pgaudit.log_parameter = on",
    "pgaudit.log_relation = on",
    "pgaudit.role = 'auditor'",
    "pg_stat_statements.track = 'all'",
    "pg_stat_statements.track_planning = on",
    "pg_stat_statements.max = 20000",
    "auto_explain.log_min_duration = 0",
    "auto_explain.log_nested_statements = on",
    "auto_explain.log_analyze = on",
    "auto_explain.log_triggers = on",
    "auto_explain.log_verbose = on",
    "auto_explain.log_buffers = on",
    // All of it would be gigabytes.
    "auto_explain.sample_rate = 0.02",
];

/// Whether a library is there to be loaded.
fn is_installed(client: &mut Client, library: &str) -> Result<bool, String> {
    let place = client.value("SELECT setting FROM pg_config WHERE name = 'PKGLIBDIR'")?;
    Ok(fs::metadata(format!("{place}/{library}.so")).is_ok())
}

/// Preloads those that there are, and says which are not.
pub fn neighbours(cluster: &Cluster) -> Result<Vec<&'static str>, String> {
    let mut client = cluster.server.connect()?;
    client.run("CREATE ROLE auditor")?;
    let (mut there, mut missing) = (Vec::new(), Vec::new());
    for library in LIBRARIES {
        match is_installed(&mut client, library)? {
            true => there.push(library),
            false => missing.push(library),
        }
    }
    drop(client);
    for library in &missing {
        println!("        WITHOUT {library}, which is not installed for this server");
    }
    cluster.configure(&[
        &format!("shared_preload_libraries = {}", there.join(", ")),
        "log_line_prefix = '%m [%p] %e '",
        "deadlock_timeout = '50ms'",
        "max_connections = 60",
    ])?;
    let of = |setting: &&str| {
        there
            .iter()
            .any(|library| setting.starts_with(&format!("{library}.")))
    };
    let settings: Vec<&str> = SETTINGS.into_iter().filter(of).collect();
    cluster.configure(&settings)?;
    let mut client = cluster.server.connect()?;
    for library in there.iter().filter(|library| **library != "auto_explain") {
        client.run(&format!("CREATE EXTENSION {library}"))?;
    }
    println!("        with {}", there.join(", "));
    Ok(there)
}

/// A table with policies of each kind, and one whose columns and settings change.
const SCHEMA: &str = "
CREATE EXTENSION pgrealtime;
CREATE ROLE app; CREATE ROLE one; CREATE ROLE slow; CREATE ROLE all_rows; CREATE ROLE worker;
GRANT USAGE ON SCHEMA pgrealtime TO one, slow, all_rows, worker;
GRANT EXECUTE ON FUNCTION pgrealtime.wait_for_changes TO one, slow, all_rows, worker;
GRANT EXECUTE ON FUNCTION pgrealtime.create_consumer, pgrealtime.consume, pgrealtime.move_consumer TO worker;
CREATE TABLE items (id bigint PRIMARY KEY, owner text NOT NULL, version bigint NOT NULL, change bigint NOT NULL, pad text NOT NULL);
CREATE TABLE shifting (id bigint PRIMARY KEY, owner text NOT NULL, n int);
CREATE FUNCTION mine(owner text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
    BEGIN
        PERFORM 1 / (length(owner) - 4);
        RETURN false;
    EXCEPTION WHEN division_by_zero THEN
        RETURN owner = current_setting('request.jwt.claims')::json ->> 'sub';
    END $$;
ALTER TABLE items ENABLE ROW LEVEL SECURITY;
ALTER TABLE shifting ENABLE ROW LEVEL SECURITY;
CREATE POLICY writes ON items TO app USING (true) WITH CHECK (true);
CREATE POLICY writes ON shifting TO app USING (true) WITH CHECK (true);
CREATE POLICY own ON items FOR SELECT TO one USING (owner = (SELECT current_setting('request.jwt.claims')::json ->> 'sub'));
CREATE POLICY own ON shifting FOR SELECT TO one USING (owner = (SELECT current_setting('request.jwt.claims')::json ->> 'sub'));
CREATE POLICY called ON items FOR SELECT TO slow USING (mine(owner));
CREATE POLICY whole ON items FOR SELECT TO all_rows, worker USING (true);
GRANT ALL ON items, shifting TO app;
GRANT SELECT ON items, shifting TO one, slow, all_rows, worker;
GRANT ALL ON items TO auditor; -- whose rights name what pgaudit logs by object
SELECT pgrealtime.enable('items');
SELECT pgrealtime.enable('shifting');
-- The names of a statement's changes, or 0 where it was ended and the block goes on.
CREATE FUNCTION guarded(statement text) RETURNS bigint[] LANGUAGE plpgsql AS $$
    DECLARE names bigint[];
    BEGIN
        EXECUTE 'WITH w (change) AS (' || statement || ') SELECT coalesce(array_agg(change), ''{}'') FROM w' INTO names;
        RETURN names;
    EXCEPTION WHEN query_canceled OR lock_not_available OR deadlock_detected THEN
        RETURN '{0}';
    END $$;
CREATE FUNCTION caught(statement text) RETURNS text LANGUAGE plpgsql AS $$
    BEGIN EXECUTE statement; RETURN 'done'; EXCEPTION WHEN query_canceled OR OTHERS THEN RETURN SQLSTATE; END $$;
";

pub fn schema(client: &mut Client) -> Outcome {
    client.run(SCHEMA)?;
    Ok(client.run(&format!(
        "INSERT INTO items SELECT i, (ARRAY['anna', 'bert', 'carl'])[1 + i % 3], 1, i + 1, 'first'
         FROM generate_series(0, {SHARED} - 1) AS i"
    ))?)
}
