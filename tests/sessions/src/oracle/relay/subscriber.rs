//! One subscription of a relay: its reader, and what it has received.

use super::received::{is_whole, Received};
use super::Scene;
use crate::oracle::json::Json;
use crate::oracle::reader::Reader;
use crate::oracle::schema::Schema;
use crate::oracle::tally::Tally;
use crate::pg::{quote, Client, Failure};
use crate::random::Random;
use crate::{check, Outcome};

pub struct Subscriber {
    pub id: i32,
    pub(super) reader: Reader,
    pub(super) events: Option<Vec<String>>,
    /// Where its own calls go on from.
    pub(super) own: String,
    /// Whether its own calls have come to where `fan_out` is: until then they begin at the subscription's own cursor.
    is_abreast: bool,
    /// Whether its own calls cannot be compared before the batch ends: they have to go on behind a gap, and only a cursor
    /// of `fan_out` is there, which does not know that this subscription began within the batch.
    is_blind: bool,
    /// Whether its own calls have begun further on than `fan_out` is within a batch.
    pub(super) is_ahead: bool,
    /// Whether the copy is the table as `fan_out` has told it.
    is_fresh: bool,
    /// Where a client stands that was there before the subscription.
    started: Option<String>,
}

impl Subscriber {
    pub fn random(schema: &Schema, random: &mut Random) -> Subscriber {
        let mut events: Vec<String> = ["INSERT", "update", "DELETE", "TRUNCATE"]
            .iter()
            .filter(|_| random.chance(45))
            .map(|event| event.to_string())
            .collect();
        if events.is_empty() {
            events.push("*".to_string());
        }
        Subscriber {
            id: 0,
            reader: Reader::of_one_table(schema, random),
            events: random.chance(30).then_some(events),
            own: String::new(),
            is_abreast: false,
            is_blind: false,
            is_ahead: false,
            is_fresh: false,
            started: None,
        }
    }

    pub fn describe(&self, schema: &Schema) -> String {
        format!(
            "subscription {}, events {:?}: {}",
            self.id,
            self.events,
            self.reader.describe(schema)
        )
    }

    pub fn role(&self) -> &'static str {
        self.reader.role
    }

    pub fn table(&self) -> usize {
        self.reader.tables[0]
    }

    pub fn has_started(&self) -> bool {
        self.started.is_some()
    }

    /// A client reads the table, as a client does that has no subscription yet.
    pub fn start(&mut self, client: &mut Client, scene: &Scene) -> Outcome {
        client.run("BEGIN ISOLATION LEVEL REPEATABLE READ")?;
        self.started = Some(client.value("SELECT pgrealtime.current_cursor()")?);
        self.read(client, scene)?;
        Ok(client.run("COMMIT")?)
    }

    pub fn subscribe(&mut self, client: &mut Client, schema: &Schema) -> Result<(), Failure> {
        let table = &schema.tables[self.table()];
        let text = |text: &str| quote(text);
        let list = |names: Option<Vec<String>>| {
            names.map_or("NULL".to_string(), |names| {
                format!("ARRAY[{}]::text[]", names.join(", "))
            })
        };
        let name = |place: &usize| quote(&table.columns[*place].name);
        let columns = self.reader.asked.as_ref();
        let events = self.events.as_ref();
        let call = format!(
            "SELECT * FROM pgrealtime.subscribe('{}.{}', {}, {}, {}, '{}', {})",
            schema.name,
            table.name,
            self.reader
                .filter
                .as_ref()
                .map_or("NULL".to_string(), |filter| text(&filter.text)),
            list(events.map(|events| events.iter().map(|event| quote(event)).collect())),
            list(columns.map(|columns| columns.iter().map(name).collect())),
            self.reader.role,
            quote(&self.reader.claims)
        );
        let row = client.query(&call)?.into_iter().next().unwrap_or_default();
        self.id = row[0].as_ref().and_then(|id| id.parse().ok()).unwrap_or(0);
        self.own = row[1].clone().unwrap_or_default();
        (self.is_abreast, self.is_blind, self.is_ahead) = (false, false, false);
        Ok(())
    }

    /// From now on it is another reader's.
    pub fn becomes(&mut self, role: &'static str, claims: String) {
        (self.reader.role, self.reader.claims) = (role, claims);
        self.is_fresh = false;
    }

    /// The copy is what the table is now. With some events only, there is none.
    pub fn read(&mut self, client: &mut Client, scene: &Scene) -> Outcome {
        if self.events.is_some() {
            return Ok(());
        }
        self.reader.copies = self.as_reader(client, |reader, client| {
            reader.read_tables(client, scene.schema)
        })?;
        self.reader.known = scene.gaps.to_vec();
        self.is_fresh = true;
        Ok(())
    }

    /// Does something with the reader's role and claims in the open transaction.
    fn as_reader<T>(
        &self,
        client: &mut Client,
        work: impl FnOnce(&Reader, &mut Client) -> Result<T, String>,
    ) -> Result<T, String> {
        client.run(&format!("SAVEPOINT s; {}", self.reader.become_it()))?;
        let result = work(&self.reader, client)?;
        client.run("ROLLBACK TO s")?;
        Ok(result)
    }

    /// Brings the client up to where the subscription begins: what it lacks, no more and no less.
    pub fn catch_up(&mut self, client: &mut Client, scene: &Scene, tally: &mut Tally) -> Outcome {
        let Some(mut cursor) = self.started.take() else {
            return Ok(());
        };
        loop {
            let call = self.call(scene.schema, &cursor, Some(&self.own), 7);
            let rows = match client.query(&format!("{}; {call}", self.reader.become_it())) {
                Ok(rows) => rows,
                Err(failure) if ["72000", "55P03"].contains(&failure.code.as_str()) => {
                    self.is_fresh = false;
                    return Ok(());
                }
                Err(failure) => return Err(failure.to_string()),
            };
            for change in rows.iter().filter_map(|row| row[1].as_ref()) {
                self.apply_one(scene, change, tally)?;
            }
            let next = rows
                .last()
                .and_then(|last| last[0].clone())
                .unwrap_or_default();
            if next == cursor || next == self.own {
                return Ok(());
            }
            cursor = next;
        }
    }

    pub fn is_compared(&self, often: u64, random: &mut Random) -> bool {
        !self.is_blind && (!self.is_abreast || random.below(50) < often)
    }

    pub fn is_blind(&self) -> bool {
        self.is_blind
    }

    /// Goes on without comparing.
    pub fn skip_to(&mut self, cursor: &str) {
        self.own = cursor.to_string();
        if is_whole(cursor) {
            (self.is_abreast, self.is_blind) = (true, false);
        }
    }

    /// Whether a gap keeps its own calls from being compared from now on.
    pub fn sees(&mut self, own: &[&Received]) {
        let has_gap = own.iter().any(|row| row.error.as_deref() == Some("72000"));
        self.is_blind |= has_gap && !self.is_abreast;
    }

    /// Its own calls go on from there.
    pub fn goes_on(&mut self, from: &str, fan_out: &str) {
        self.own = from.to_string();
        self.is_abreast |= from == fan_out;
    }

    /// Brings the copy forward.
    pub fn apply(&mut self, scene: &Scene, own: &[&Received], tally: &mut Tally) -> Outcome {
        for row in own {
            match &row.change {
                Some(change) => self.apply_one(scene, change, tally)?,
                // It has to read the table again.
                None => self.is_fresh = false,
            }
        }
        Ok(())
    }

    fn apply_one(&mut self, scene: &Scene, change: &str, tally: &mut Tally) -> Outcome {
        if !self.is_fresh {
            return Ok(());
        }
        self.reader
            .apply(scene.schema, &Json::parse(change), tally)
            .map_err(|wrong| format!("{wrong}: {change}"))
    }

    /// Compares the copy with the table in the open transaction, whose snapshot `fan_out` has come to.
    pub fn compare(&mut self, client: &mut Client, scene: &Scene, tally: &mut Tally) -> Outcome {
        if !self.is_fresh {
            return self.read(client, scene);
        }
        let table = &scene.schema.tables[self.table()];
        let rows = self.as_reader(client, |reader, client| {
            reader.read_tables(client, scene.schema)
        })?;
        tally.copies += 1;
        let told = self.reader.known[self.table()].certain == scene.gaps[self.table()].certain;
        check(told, || format!("{}: a gap was not told", table.name))?;
        if table.loose {
            return Ok(());
        }
        self.reader
            .compare(client, table, &self.reader.copies[0], &rows[0])
    }
}
