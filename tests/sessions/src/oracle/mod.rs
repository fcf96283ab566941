//! The oracle: on random schemas, every reader's copy, updated by changes alone, equals the reader's own SELECT.
//!
//! The sessions of a schema take turns in an order that the seed decides, so that a seed repeats a failure.

mod filter;
mod json;
mod kind;
mod moves;
mod policy;
mod reader;
mod relay;
mod schema;
mod tally;
mod writer;

use crate::cluster::Cluster;
use crate::pg::{Client, Server};
use crate::random::{knob, seed, Random};
use crate::{check, part, Outcome};
use reader::Reader;
use relay::{Relay, Scene};
use schema::Schema;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::Mutex;
use std::thread;
use tally::Tally;
use writer::{Gaps, Writer, WRITERS};

/// Schemas that are worked on at a time.
const AT_A_TIME: usize = 2;

struct Run {
    seed: u64,
    server: Server,
    standby: Server,
    statements: u64,
    next: AtomicU64,
    end: u64,
    /// One at a time changes the catalogs: the publication is one row.
    catalogs: Mutex<()>,
    tally: Mutex<Tally>,
    failure: Mutex<Option<String>>,
}

pub fn run() -> Outcome {
    let seed = seed();
    let cluster = Cluster::from_environment();
    let server = cluster.server.clone();
    let schemas = knob("ORACLE_SCHEMAS", 30);
    let statements = knob("ORACLE_STATEMENTS", 1000);
    let only = knob("PGREALTIME_SCHEMA", u64::MAX);
    let mut admin = server.connect()?;
    admin.run("CREATE EXTENSION pgrealtime")?;
    let version: u32 = admin
        .value("SELECT current_setting('server_version_num')::int / 10000")?
        .parse()
        .unwrap_or(0);
    if version >= 18 {
        // A replica identity FULL with generated columns is refused otherwise.
        admin.run(
            "CREATE PUBLICATION supabase_realtime WITH (publish_generated_columns = stored)",
        )?;
    }
    admin.run(schema::ROLES_SQL)?;
    // Replay waits for the relays there, and they never for it.
    let settings = ["hot_standby_feedback=on", "max_standby_streaming_delay=-1"];
    let standby = cluster.standby(&settings)?;
    let (first, end) = if only == u64::MAX {
        (0, schemas)
    } else {
        (only, only + 1)
    };
    let run = Run {
        seed,
        server,
        standby: standby.server.clone(),
        statements,
        next: AtomicU64::new(first),
        end,
        catalogs: Mutex::default(),
        tally: Mutex::default(),
        failure: Mutex::default(),
    };
    part(
        &format!("{} schemas of {statements} statements", end - first),
        || run.schemas(),
    )
    .map_err(|_| "see above".to_string())?;
    let tally = *run.tally.lock().unwrap();
    println!("        {tally:?}");
    let Tally {
        inserts,
        updates,
        deletes,
        truncates,
        compared,
        chosen,
        prepares,
        swaps,
        resubscribed,
        handed_over,
        matched,
        copies,
        moves,
        ..
    } = tally;
    let relayed = [resubscribed, handed_over, matched, copies, moves];
    let vain = [inserts, updates, deletes, compared, swaps].contains(&0)
        || (relayed.contains(&0) && end - first > 3)
        || ([truncates, chosen, prepares].contains(&0) && end - first > 20);
    check(!vain || only != u64::MAX, || {
        "a kind of change never came".to_string()
    })
}

impl Run {
    fn schemas(&self) -> Outcome {
        thread::scope(|scope| {
            for _ in 0..AT_A_TIME {
                scope.spawn(|| self.work());
            }
        });
        self.failure.lock().unwrap().take().map_or(Ok(()), Err)
    }

    fn work(&self) {
        loop {
            let number = self.next.fetch_add(1, SeqCst);
            if number >= self.end || self.failure.lock().unwrap().is_some() {
                return;
            }
            let result =
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.schema(number)))
                    .unwrap_or_else(|_| Err("panicked".to_string()));
            if let Err(error) = result {
                let again = format!(
                    "repeat it with PGREALTIME_SEED={} PGREALTIME_SCHEMA={number}",
                    self.seed
                );
                self.failure
                    .lock()
                    .unwrap()
                    .get_or_insert(format!("schema {number}: {error}\n{again}"));
            }
        }
    }

    fn schema(&self, number: u64) -> Outcome {
        let mut random = Random::new(self.seed.wrapping_mul(1000).wrapping_add(number), 0);
        let schema = Schema::random(number, &mut random);
        let mut admin = self.server.connect()?;
        {
            let _one = self.catalogs.lock();
            for statement in &schema.setup {
                admin
                    .run(statement)
                    .map_err(|failure| format!("{failure}: {statement}"))?;
            }
        }
        let result = self
            .play(&schema, &mut random)
            .map_err(|error| format!("{error}\n{}", schema.setup.join(";\n")));
        if result.is_ok() {
            let _one = self.catalogs.lock();
            admin.run("SET client_min_messages = error")?;
            admin.run(&format!("DROP SCHEMA {} CASCADE", schema.name))?;
        }
        result
    }

    fn play(&self, schema: &Schema, random: &mut Random) -> Outcome {
        let mut writers = (0..WRITERS)
            .map(|number| Writer::new(&self.server, schema, number))
            .collect::<Result<Vec<_>, _>>()?;
        // No copy can be brought forward where policies change: then there is only the relay.
        let moving = random.chance(knob("ORACLE_MOVING", 35));
        let readers = if moving { 0 } else { 4 + random.below(5) };
        let mut readers: Vec<Reader> = (0..readers)
            .map(|_| Reader::random(schema, random))
            .collect();
        // Those that hold no transaction share a session, as in a pool.
        let mut pooled = self.reading(schema)?;
        let mut own = readers
            .iter()
            .map(|reader| reader.holds.then(|| self.reading(schema)).transpose())
            .collect::<Result<Vec<_>, _>>()?;
        let mut primary = self.reading(schema)?;
        let at = if random.chance(30) {
            &self.standby
        } else {
            &self.server
        };
        let mut relay = Relay::new(at, &mut primary, schema, moving)?;
        let mut gaps = vec![Gaps::default(); schema.tables.len()];
        let mut ids = vec![0; schema.tables.len()];
        let mut tally = Tally::default();
        let mut written = 0;
        while written < self.statements {
            let writer = random.below(WRITERS) as usize;
            written += writers[writer].step(schema, &mut ids, &mut gaps, random)? as u64;
            if moving && random.chance(6) {
                moves::one(&mut primary, schema, &mut tally, random)?;
            }
            if random.chance(6) {
                let mut scene = Scene {
                    schema,
                    gaps: &gaps,
                    primary: &mut primary,
                };
                let stepped = relay.step(&mut scene, &mut tally, random);
                stepped.map_err(|error| format!("after {written} statements, {error}"))?;
            }
            let i = random.below(readers.len() as u64 * 5) as usize;
            let Some(reader) = readers.get_mut(i) else {
                continue;
            };
            let holds = own[i].is_some();
            let client = own[i].as_mut().unwrap_or(&mut pooled);
            let result = if !reader.waits() {
                reader.act(client, schema, &gaps, &mut tally, random)
            } else if random.below(self.statements) < 20 + written {
                match reader.start(client, schema, &gaps, &mut tally) {
                    Ok(false) => {
                        *reader = Reader::random(schema, random);
                        reader.holds = holds;
                        Ok(())
                    }
                    other => other.map(|_| ()),
                }
            } else {
                Ok(())
            };
            let result = result.or_else(|error| reader.gives_way(client, error));
            result.map_err(|error| {
                format!(
                    "after {written} statements, {}: {error}",
                    reader.describe(schema)
                )
            })?;
        }
        for writer in &mut writers {
            writer.end(random.chance(70), &mut gaps)?;
            writer.finish_prepared(random.chance(70), &mut gaps)?;
            tally.prepares += writer.prepares;
            tally.swaps += writer.swaps;
        }
        let mut scene = Scene {
            schema,
            gaps: &gaps,
            primary: &mut primary,
        };
        relay
            .end(&mut scene, &mut tally, random)
            .map_err(|error| format!("in the end, {error}"))?;
        for (reader, own) in readers.iter_mut().zip(&mut own) {
            let client = own.as_mut().unwrap_or(&mut pooled);
            reader
                .drain_and_compare(client, schema, &gaps, &mut tally)
                .map_err(|error| format!("in the end, {}: {error}", reader.describe(schema)))?;
        }
        self.tally.lock().unwrap().add(&tally);
        Ok(())
    }

    fn reading(&self, schema: &Schema) -> Result<Client, String> {
        let mut client = self.server.connect()?;
        client.run(&format!(
            "SET search_path = {}; SET TimeZone = 'UTC'; SET client_min_messages = error; SET lock_timeout = '5ms'",
            schema.name
        ))?;
        Ok(client)
    }
}
