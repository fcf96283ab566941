//! What must be true when the load is over.

use super::{is, others, Scene};
use crate::cluster::Cluster;
use crate::log::leave_behind;
use crate::pg::Client;
use crate::{check, wait_for, Outcome};

/// Autovacuum has nothing to do with what was disturbed.
const OPEN: &str = "
SELECT backend_type, state, wait_event, left(query, 60) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type <> 'autovacuum worker'
    AND (backend_xid IS NOT NULL OR backend_xmin IS NOT NULL OR state <> 'idle')";

/// Every transaction ends by itself; what a lost session has prepared is rolled back. Then tables are as they are meant to be.
pub fn ends(client: &mut Client, scene: &Scene) -> Outcome {
    let mut slowest = Vec::new();
    wait_for("transactions to end", || {
        let open = client.query(OPEN)?;
        let none = open.is_empty();
        if !none {
            slowest = open;
        }
        Ok(none)
    })?;
    println!("        the last one that was open: {slowest:?}");
    others::sweep(client, "0 s")?;
    is(client, "SELECT count(*) FROM pg_prepared_xacts", "0")?;
    let (committed, aborted) = scene.ledger.settle(client)?;
    println!("        in doubt: {committed} had committed, {aborted} had not");
    client.run("ALTER TABLE shifting ENABLE TRIGGER ALL; SELECT pgrealtime.enable('shifting')")?;
    is(client, "SELECT string_agg(tablename || ' ' || status, ',' ORDER BY tablename) FROM pgrealtime.realtime_configuration WHERE tablename <> 'brief'", "items ok,shifting ok")?;
    is(client, "SELECT count(*) FROM pgrealtime.repair()", "0")?;
    is(client, "SELECT count(*) FROM pgrealtime.consumer_status WHERE problem IS NOT NULL AND problem NOT LIKE 'read the table again%'", "0")
}

/// When the test's own sessions have ended, there is nothing of them.
pub fn nothing_left(client: &mut Client) -> Outcome {
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
                  AND backend_type <> 'autovacuum worker'";
    wait_for("all other sessions to end", || {
        Ok(client.value(others)? == "0")
    })?;
    let nothing = [
        "SELECT count(*) FROM pg_locks WHERE pid IS DISTINCT FROM pg_backend_pid()
             AND coalesce(pid, 0) NOT IN (SELECT pid FROM pg_stat_activity WHERE backend_type = 'autovacuum worker')",
        "SELECT count(*) FROM pg_locks WHERE locktype IN ('advisory', 'userlock')",
        "SELECT count(*) FROM pg_prepared_xacts",
        "SELECT count(*) FROM pg_class WHERE relpersistence = 't'",
        "SELECT count(*) FROM pg_replication_slots",
        "SELECT count(*) FROM pg_listening_channels()",
        "SELECT count(*) FROM pg_shmem_allocations WHERE name LIKE '%pgrealtime%'",
        "SELECT count(*) FROM pgrealtime.log_layout WHERE segment NOT IN
             (SELECT segment FROM pgrealtime.log_segment UNION SELECT current_segment FROM pgrealtime.log_state)",
    ];
    nothing
        .into_iter()
        .try_for_each(|sql| is(client, sql, "0"))?;
    is(
        client,
        "SELECT count(*) || ' ' || count(DISTINCT name) FROM pgrealtime.consumer_place",
        "2 2",
    )?;
    is(client, "SELECT count(*) FROM pgrealtime.log_state", "1")
}

/// A segment that all of them have written or read is sealed and emptied.
pub fn is_emptied(cluster: &Cluster, client: &mut Client) -> Outcome {
    cluster.reload(client, &["pgrealtime.retention = '1s'"])?;
    leave_behind(client)?;
    let held = client.query("SELECT sealing_delayed_by, emptying_delayed_since, janitor_error FROM pgrealtime.log_status")?;
    check(held == [[None, None, None]], || {
        format!("log_status says {held:?}")
    })
}
