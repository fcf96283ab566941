//! Batches of `fan_out`: compared with the subscriptions' own calls, and worked on.

use super::received::{is_whole, Received, Told};
use super::subscriber::Subscriber;
use super::{Relay, Scene};
use crate::oracle::schema::Schema;
use crate::oracle::tally::Tally;
use crate::pg::quote;
use crate::random::Random;
use crate::{check, Outcome};

/// How many of fifty subscriptions are compared with their own calls after each batch.
const COMPARED: u64 = 12;

impl Relay {
    /// One batch, in a transaction of its own or by itself.
    pub(super) fn pass_on(
        &mut self,
        scene: &mut Scene,
        tally: &mut Tally,
        random: &mut Random,
    ) -> Outcome {
        let max = match random.below(3) {
            0 => 1 + random.below(3),
            1 => 1 + random.below(40),
            _ => 1000,
        };
        if self.moving {
            // A standby replays what changes privileges at any moment: not between the two that are compared.
            self.replay(scene.primary)?;
        }
        let level = ["REPEATABLE READ", "READ COMMITTED"][random.below(2) as usize];
        self.client.run(&format!("BEGIN ISOLATION LEVEL {level}"))?;
        let repeatable = level == "REPEATABLE READ";
        if repeatable && random.chance(20) {
            self.again(max, scene.schema)?;
        }
        let cut = random.chance(15);
        self.batch(max, cut, scene, tally, random)?;
        Ok(self.client.run("COMMIT")?)
    }

    /// The same call twice gives the same; also where nothing is recognised in the policies.
    fn again(&mut self, max: u64, schema: &Schema) -> Outcome {
        let first = Received::all(self.client.query(&call(&self.cursor, max))?)?;
        if first.iter().any(Received::ends) {
            return self.forget(&first);
        }
        if self.shares {
            self.client
                .run("SET LOCAL pgrealtime.share_policies = off")?;
        }
        let second = Received::all(self.client.query(&call(&self.cursor, max))?)?;
        if self.shares {
            self.client
                .run("SET LOCAL pgrealtime.share_policies = on")?;
        }
        let told =
            |rows: &[Received]| -> Vec<Told> { rows.iter().flat_map(Received::told).collect() };
        let (mut first, mut second) = (told(&first), told(&second));
        // A policy may raise where nothing is recognised, and not where it is.
        let raised = |told: &&Told| told.what.as_ref().is_err_and(|code| code != "72000");
        let errors: Vec<(i32, u64)> = first
            .iter()
            .chain(&second)
            .filter(raised)
            .map(|told| (told.id, told.at))
            .collect();
        for all in [&mut first, &mut second] {
            all.retain(|told| !errors.contains(&(told.id, told.at)));
            all.sort_by_key(|told| (told.id, told.at));
        }
        let differs = first
            .iter()
            .zip(&second)
            .find(|(first, second)| first != second);
        check(differs.is_none() && first.len() == second.len(), || {
            let (one, other) = match differs {
                Some((one, other)) => (Some(one), Some(other)),
                None => {
                    let both = first.len().min(second.len());
                    (first.get(both), second.get(both))
                }
            };
            let of = |told: Option<&Told>| {
                let id = told.map(|told| told.id);
                let of = self.subscribers.iter().find(|one| Some(one.id) == id);
                of.map_or(String::new(), |one| one.describe(schema))
            };
            format!(
                "the same call gives other rows\n  first: {one:?} {}\n  then (nothing recognised: {}): {other:?} {}",
                of(one),
                self.shares,
                of(other)
            )
        })
    }

    /// The subscriptions that have ended with a call that was undone.
    fn forget(&mut self, rows: &[Received]) -> Outcome {
        let ended = |subscriber: &Subscriber| {
            rows.iter()
                .any(|row| row.ends() && row.ids.contains(&subscriber.id))
        };
        self.subscribers.retain(|one| !ended(one));
        Ok(())
    }

    /// Calls until nothing comes, in one snapshot, and compares the copies with the tables in it.
    pub(super) fn drain(
        &mut self,
        scene: &mut Scene,
        tally: &mut Tally,
        random: &mut Random,
    ) -> Outcome {
        self.replay(scene.primary)?;
        self.client.run("BEGIN ISOLATION LEVEL REPEATABLE READ")?;
        let mut nothing = 0;
        while nothing < 2 {
            let rows = self.batch(100_000, false, scene, tally, random)?;
            nothing = if rows == 0 { nothing + 1 } else { 0 };
        }
        if !self.moving {
            for subscriber in &mut self.subscribers {
                if random.chance(40) {
                    let compared = subscriber.compare(&mut self.client, scene, tally);
                    compared.map_err(|error| {
                        format!("{}: {error}", subscriber.describe(scene.schema))
                    })?;
                }
            }
        }
        Ok(self.client.run("COMMIT")?)
    }

    /// One call; how many rows it gave.
    fn batch(
        &mut self,
        max: u64,
        cut: bool,
        scene: &mut Scene,
        tally: &mut Tally,
        random: &mut Random,
    ) -> Result<usize, String> {
        let rows = self.client.query(&call(&self.cursor, max))?;
        let mut rows = Received::all(rows)?;
        tally.fanned_out += rows.len() as u64 - 1;
        tally.ended += rows.iter().filter(|row| row.ends()).count() as u64;
        let changes = Received::changes(&rows);
        check(changes <= max as usize, || {
            format!("{changes} changes of {max}")
        })?;
        if cut {
            // What a client loses before it has worked on it comes again; a change that it has a part of, too.
            let apart = !scene.schema.has_triggers();
            Received::cut(&mut rows, apart, random);
        }
        let end = rows
            .last()
            .map(|row| row.cursor.clone())
            .unwrap_or_default();
        let result = self.compare_rows(&rows, &end, scene, tally, random);
        let result = result.and_then(|from| self.take(&rows, &end, from, scene, tally));
        self.forget(&rows)?;
        result?;
        self.cursor = end;
        Ok(rows.len() - 1)
    }

    /// Compares rows with the own calls of some subscriptions, and says from where these go on.
    fn compare_rows(
        &mut self,
        rows: &[Received],
        end: &str,
        scene: &Scene,
        tally: &mut Tally,
        random: &mut Random,
    ) -> Result<Vec<Option<String>>, String> {
        let mut from = Vec::new();
        for subscriber in &mut self.subscribers {
            let own = Received::of(rows, subscriber.id);
            subscriber.sees(&own);
            let raises = own.iter().any(|row| row.error.is_some());
            if subscriber.is_blind() || !subscriber.is_compared(COMPARED, random) && !raises {
                from.push(None);
                continue;
            }
            let told = |error: String| {
                let who = subscriber.describe(scene.schema);
                let at: Vec<u64> = own.iter().map(|row| row.at).collect();
                format!(
                    "{who}: {error}\n  from {}\n  own  {}\n  to   {end}\n  rows at {at:?} of {:?}",
                    self.cursor,
                    subscriber.own,
                    rows.iter().map(|row| row.at).collect::<Vec<_>>()
                )
            };
            let expected = subscriber.expected(&mut self.client, scene.schema, &own, end);
            let Some(mut expected) = expected.map_err(told)? else {
                // Within a batch that goes beyond where its own calls are, it may have received something.
                subscriber.is_ahead = !is_whole(end);
                let received = own.len();
                check(subscriber.is_ahead || received == 0, || {
                    format!(
                        "subscription {}: {received} rows from before it",
                        subscriber.id
                    )
                })?;
                from.push(Some(subscriber.own.clone()));
                continue;
            };
            // Policies are those of the moment: this call says nothing of what it has received in others.
            if !subscriber.is_ahead {
                expected.check(&own).map_err(told)?;
                tally.matched += own.len() as u64;
            }
            subscriber.is_ahead = false;
            from.push(Some(expected.cursor));
        }
        Ok(from)
    }

    /// What clients do with what has come.
    fn take(
        &mut self,
        rows: &[Received],
        end: &str,
        from: Vec<Option<String>>,
        scene: &Scene,
        tally: &mut Tally,
    ) -> Outcome {
        for (subscriber, from) in self.subscribers.iter_mut().zip(from) {
            match from {
                Some(from) => subscriber.goes_on(&from, end),
                None => subscriber.skip_to(end),
            }
            if !self.moving {
                let own = Received::of(rows, subscriber.id);
                let applied = subscriber.apply(scene, &own, tally);
                applied
                    .map_err(|error| format!("{}: {error}", subscriber.describe(scene.schema)))?;
            }
        }
        let ids: Vec<i32> = self.subscribers.iter().map(|one| one.id).collect();
        // That a subscription has ended may be told once more.
        let mut told = rows.iter().filter(|row| !row.ends());
        let stranger = told.find_map(|row| row.ids.iter().find(|id| !ids.contains(id)));
        check(stranger.is_none(), || {
            format!("rows for {stranger:?}, which is not there")
        })
    }
}

fn call(cursor: &str, max: u64) -> String {
    format!("SELECT * FROM pgrealtime.fan_out({}, {max})", quote(cursor))
}
