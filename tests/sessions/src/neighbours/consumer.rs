//! Workers of two consumers: one is used by `consume`, the other is moved by hand; the work is a row for each change.

use super::session::{End, Session};
use super::{limits, Scene};
use crate::copy::{parse, Copy};
use crate::pg::{quote, Client, Failure};
use crate::random::Random;
use crate::{check, Outcome};

pub const SETUP: &str = "
CREATE TABLE worked (n bigint GENERATED ALWAYS AS IDENTITY, consumer text NOT NULL, change text, rows text);
CREATE TABLE place (cursor text NOT NULL);
GRANT ALL ON worked, place TO worker;
SET ROLE worker;
SELECT pgrealtime.create_consumer('used', FROM_HERE), pgrealtime.create_consumer('moved', FROM_HERE);
INSERT INTO place VALUES (FROM_HERE);
RESET ROLE;
";

pub const CONSUMERS: [&str; 2] = ["used", "moved"];

/// Works with both until the load is over.
pub fn run(scene: &Scene, number: u64) -> Outcome {
    let mut random = Random::new(scene.seed, 300 + number);
    let mut session = Session::pooled(scene, "consumer");
    while !scene.is_over() {
        let consumer = *random.pick(&CONSUMERS);
        work(scene, &mut session, &mut random, consumer, true)?;
    }
    Ok(())
}

/// Works until nothing is left.
pub fn settle(scene: &Scene) -> Outcome {
    let mut random = Random::new(scene.seed, 399);
    let mut session = Session::pooled(scene, "consumer");
    for consumer in CONSUMERS {
        let mut nothing = 0;
        while nothing < 2 {
            nothing = match work(scene, &mut session, &mut random, consumer, false)? {
                0 => nothing + 1,
                _ => 0,
            };
        }
    }
    Ok(())
}

/// A transaction: the work and the move. How many changes there were.
fn work(
    scene: &Scene,
    session: &mut Session,
    random: &mut Random,
    consumer: &str,
    hostile: bool,
) -> Result<u64, String> {
    let level = *random.pick(&["READ COMMITTED", "READ COMMITTED", "REPEATABLE READ"]);
    let limits = if hostile {
        limits(random, &scene.tally)
    } else {
        String::new()
    };
    let begin = format!("BEGIN ISOLATION LEVEL {level}; SET LOCAL ROLE worker; {limits}");
    let end = if hostile && random.chance(15) {
        "ROLLBACK"
    } else {
        "COMMIT"
    };
    let (max, savepoint) = (
        if hostile {
            1 + random.below(200)
        } else {
            100_000
        },
        random.chance(20),
    );
    let ended = session.transaction(&begin, end, |client| {
        if savepoint && hostile {
            client.run("SAVEPOINT s")?;
            take(client, consumer, max)?;
            client.run("ROLLBACK TO s")?;
        }
        take(client, consumer, max)
    })?;
    match ended {
        End::Done(done) if end == "COMMIT" => {
            let what = if consumer == "used" {
                "consumer: consumed"
            } else {
                "consumer: moved"
            };
            scene.tally.add(what, done);
            return Ok(done);
        }
        End::Undone(failure) if failure.code == "72000" => again(scene, session, consumer)?,
        _ => {}
    }
    Ok(1)
}

fn take(client: &mut Client, consumer: &str, max: u64) -> Result<u64, Failure> {
    if consumer == "used" {
        let taken = client.value(&format!(
            "WITH kept AS (INSERT INTO worked (consumer, change)
                 SELECT 'used', change FROM pgrealtime.consume('used', '{{items}}', max_changes => {max})
                 WHERE change IS NOT NULL RETURNING 1)
             SELECT count(*) FROM kept"
        ))?;
        return Ok(taken.parse().unwrap_or(0));
    }
    let from = client.value("SELECT cursor FROM place FOR UPDATE")?;
    // A statement that has waited has the snapshot of before.
    let rows = client.query(&format!(
        "WITH batch AS MATERIALIZED (SELECT * FROM pgrealtime.changes_since({}, '{{items}}', max_changes => {max})),
              kept AS (INSERT INTO worked (consumer, change) SELECT 'moved', change FROM batch WHERE change IS NOT NULL RETURNING 1)
         SELECT (SELECT cursor FROM batch WHERE change IS NULL), (SELECT count(*) FROM kept)",
        quote(&from)
    ))?;
    let text = |i: usize| rows[0][i].clone().unwrap_or_default();
    let to = quote(&text(0));
    client.run(&format!(
        "UPDATE place SET cursor = {to}; SELECT pgrealtime.move_consumer('moved', {to})"
    ))?;
    Ok(text(1).parse().unwrap_or(0))
}

/// After a gap, as the documentation says: the table is read in the transaction that moves the consumer.
fn again(scene: &Scene, session: &mut Session, consumer: &str) -> Outcome {
    scene.tally.count("consumer: gaps");
    let sql = format!(
        "UPDATE place SET cursor = (SELECT pgrealtime.move_consumer('{consumer}')) WHERE '{consumer}' = 'moved';
         SELECT pgrealtime.move_consumer('{consumer}') WHERE '{consumer}' = 'used';
         INSERT INTO worked (consumer, rows) SELECT '{consumer}', coalesce(json_agg(json_build_object(
             'type', 'INSERT', 'record', json_build_object('id', id, 'owner', owner, 'version', version, 'change', change,
             'pad', pad)))::text, '[]') FROM items"
    );
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ; SET LOCAL ROLE worker";
    session.transaction(begin, "COMMIT", |client| client.run(&sql))?;
    Ok(())
}

/// Each change was worked on once, in the order of its row; what the changes make of the table is the table.
pub fn compare(scene: &Scene, client: &mut Client, start: &Copy) -> Outcome {
    for consumer in CONSUMERS {
        let (mut copy, mut names, mut gaps) = (start.clone(), Vec::new(), 0);
        for row in client.query(&format!(
            "SELECT change, rows FROM worked WHERE consumer = '{consumer}' ORDER BY n"
        ))? {
            if let Some(change) = &row[0] {
                let change = parse(change);
                names.push(change.name());
                copy.apply(&change)
                    .map_err(|error| format!("the consumer {consumer}: {error}"))?;
            } else {
                gaps += 1;
                copy.rows = row[1]
                    .as_deref()
                    .unwrap_or_default()
                    .split("{\"type\"")
                    .filter_map(parse_row)
                    .collect();
            }
        }
        copy.compare(client)
            .map_err(|error| format!("the consumer {consumer}: {error}"))?;
        scene.ledger.compare(
            &format!("the consumer {consumer}, {gaps} gaps"),
            &names,
            gaps == 0,
        )?;
    }
    let differs = client.value("SELECT count(*) FROM place, pgrealtime.consumer_place AS c WHERE name = 'moved' AND c.cursor <> place.cursor")?;
    check(differs == "0", || {
        "the consumer is not where its worker has moved it".to_string()
    })
}

fn parse_row(row: &str) -> Option<(i64, crate::copy::State)> {
    row.contains("record")
        .then(|| parse(&format!("{{\"type\"{}", row.replace(" : ", ":"))).new)?
}
