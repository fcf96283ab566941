//! What the extension runs by itself takes a few places in pg_stat_statements, and not another one for each call.

use super::reader::become_it;
use super::relay::WAIT;
use super::Scene;
use crate::pg::{quote, Client};
use crate::{check, Outcome};

pub fn run(scene: &Scene, rounds: usize) -> Outcome {
    let mut client = scene.server.connect()?;
    let there =
        client.value("SELECT count(*) FROM pg_extension WHERE extname = 'pg_stat_statements'")?;
    if there == "0" {
        println!("        left out: no pg_stat_statements");
        return Ok(());
    }
    let load = client.value(
        "SELECT sum(calls) || ' calls within other statements in ' || count(*) || ' places'
         FROM pg_stat_statements WHERE NOT toplevel",
    )?;
    // What the load has left could be in the way: a full table gives a place away for each new one.
    client.run("SELECT pg_stat_statements_reset()")?;
    for round in 0..20 {
        calls(&mut client, round)?;
    }
    let before = places(&mut client)?;
    for round in 20..20 + rounds {
        calls(&mut client, round)?;
    }
    let after = places(&mut client)?;
    println!("        under load {load}; {before} places after 20 rounds of calls, {after} after {rounds} more");
    check(after <= before, || {
        let newest =
            client.query("SELECT left(query, 200) FROM pg_stat_statements ORDER BY calls LIMIT 10");
        format!(
            "{} more places after {rounds} rounds of the same calls: {newest:?}",
            after - before
        )
    })
}

fn places(client: &mut Client) -> Result<i64, String> {
    let places = client.value(
        "SELECT count(*) FROM pg_stat_statements WHERE query NOT LIKE '%pg_stat_statements%'",
    )?;
    places.parse().map_err(|_| "no number".to_string())
}

/// What a reader, a worker and a relay do; their cursors, ids and values are others each time.
fn calls(client: &mut Client, round: usize) -> Outcome {
    let from = quote(&client.value("SELECT pgrealtime.current_cursor()")?);
    let id = 500_000_000 + round;
    client.run(&format!(
        "INSERT INTO items (id, owner, version, change, pad) VALUES ({id}, 'anna', 1, {id}, 'x');
         UPDATE items SET owner = 'bert', version = 2 WHERE id = {id};
         INSERT INTO shifting (id, owner, n) VALUES ({id}, 'anna', 1)"
    ))?;
    client.run(&format!("BEGIN; {}", become_it("one", "anna")))?;
    client.run(&format!(
        "SELECT * FROM pgrealtime.changes_since({from}, '{{items}}')"
    ))?;
    client.run(&format!(
        "SELECT * FROM pgrealtime.changes_since({from}, '{{items,shifting}}')"
    ))?;
    client.run(&format!(
        "SELECT * FROM pgrealtime.changes_since({from}, '{{items}}', 'id=eq.{id}')"
    ))?;
    client.run("COMMIT")?;
    client.run("BEGIN; SET LOCAL ROLE worker")?;
    client.run("SELECT * FROM pgrealtime.consume('used', '{items}', max_changes => 1)")?;
    client.run("ROLLBACK")?;
    for (role, filter) in [
        ("one", format!("id=gt.{round}")),
        ("slow", format!("id=eq.{id}")),
    ] {
        client.run(&format!(
            "SELECT * FROM pgrealtime.subscribe('items', {}, role_name => '{role}', claims => '{{\"sub\": \"anna\", \"n\": {round}}}')",
            quote(&filter)
        ))?;
    }
    client.run(&format!("SELECT set_config('relay.cursor', {from}, false)"))?;
    client.run(WAIT)?;
    client.run(&format!("SELECT * FROM pgrealtime.fan_out({from})"))?;
    client
        .run("SELECT pgrealtime.unsubscribe(array_agg(i)) FROM generate_series(1, 100000) AS i")?;
    if round.is_multiple_of(10) {
        client.run("SELECT * FROM pgrealtime.log_status; SELECT * FROM pgrealtime.diagnose('items', 'one', '{\"sub\": \"anna\"}')")?;
    }
    Ok(client.run(&format!(
        "DELETE FROM items WHERE id = {id}; DELETE FROM shifting WHERE id = {id}"
    ))?)
}
