//! A relay: subscriptions of several roles in a session of its own, which begins anew whenever it is ended, while its clients
//! read through the pooler what they miss.

mod handing_out;

use super::reader::{become_it, READERS};
use super::session::Session;
use super::Scene;
use crate::copy::Copy;
use crate::pg::{quote, Client as PgClient, Failure};
use crate::random::Random;
use crate::Outcome;
use handing_out::batch;

struct Client {
    who: (&'static str, &'static str, bool),
    copy: Copy,
    cursor: Option<String>,
    subscription: Option<String>,
}

pub struct Relay<'a> {
    scene: &'a Scene,
    session: Session<'a>,
    pooled: Session<'a>,
    random: Random,
    clients: Vec<Client>,
    cursor: String,
}

/// Not with the cursor in its text: pg_stat_statements would keep a place for each (before PostgreSQL 17).
pub const WAIT: &str = "CALL pgrealtime.wait(current_setting('relay.cursor'), '30 ms')";

const FIRST: &str = "SET application_name = 'relay'; SET lock_timeout = '300ms'";

impl<'a> Relay<'a> {
    pub fn new(scene: &'a Scene) -> Relay<'a> {
        let client = |who| Client {
            who,
            copy: Copy::default(),
            cursor: None,
            subscription: None,
        };
        Relay {
            scene,
            session: Session::direct(scene, "relay", FIRST),
            pooled: Session::pooled(scene, "relay"),
            random: Random::new(scene.seed, 400),
            clients: READERS.iter().copied().map(client).collect(),
            cursor: String::new(),
        }
    }

    pub fn run(&mut self) -> Outcome {
        while !self.scene.is_over() {
            if self.is_whole()? {
                let compares = self.random.chance(5);
                self.turn(compares)?;
            }
        }
        Ok(())
    }

    /// In the quiet: all clients come to their SELECT by changes alone.
    pub fn settle(&mut self) -> Outcome {
        for _ in 0..3 {
            if self.is_whole()?
                && self.turn(true)?
                && self
                    .clients
                    .iter()
                    .all(|client| client.subscription.is_some())
            {
                return Ok(());
            }
        }
        Err("the relay does not come to its clients' SELECT in the quiet".to_string())
    }

    /// Whether there is a session in which every client has its subscription; otherwise one step to it.
    fn is_whole(&mut self) -> Result<bool, String> {
        if !self.session.is_connected() {
            for client in &mut self.clients {
                client.subscription = None;
            }
            let Ok(cursor) = self
                .session
                .attempt(|client| client.value("SELECT pgrealtime.current_cursor()"))?
            else {
                return Ok(false);
            };
            self.cursor = cursor;
            self.scene.tally.count("relay: restarts");
        }
        for place in 0..self.clients.len() {
            if self.clients[place].subscription.is_none() && !self.begin(place)? {
                return Ok(false);
            }
        }
        Ok(self.session.is_connected())
    }

    /// A client begins, or comes back with its cursor: what it has missed until the cursor of its subscription.
    fn begin(&mut self, place: usize) -> Result<bool, String> {
        let scene = self.scene;
        let client = &mut self.clients[place];
        let (role, subject, _) = client.who;
        let as_it = format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {}",
            become_it(role, subject)
        );
        if client.cursor.is_none() {
            let read = self.pooled.transaction(&as_it, "ROLLBACK", |client| {
                Ok((
                    client.value("SELECT pgrealtime.current_cursor()")?,
                    Copy::table(client)?,
                ))
            })?;
            let Ok((cursor, rows)) = read.read() else {
                return Ok(false);
            };
            client.copy = Copy {
                rows,
                ..Copy::default()
            };
            client.cursor = Some(cursor);
            scene.tally.count("relay: table read");
        }
        let subscribe = format!(
            "SELECT * FROM pgrealtime.subscribe('items', role_name => '{role}', claims => '{{\"sub\": \"{subject}\"}}')"
        );
        let Ok(rows) = self.session.attempt(|client| client.query(&subscribe))? else {
            return Ok(false);
        };
        let text = |i: usize| rows[0][i].clone().unwrap_or_default();
        let (subscription, until) = (text(0), text(1));
        while client
            .cursor
            .as_ref()
            .is_some_and(|cursor| *cursor != until)
        {
            let cursor = quote(client.cursor.as_deref().unwrap_or_default());
            let sql = format!(
                "SELECT * FROM pgrealtime.changes_since({cursor}, '{{items}}', until => '{until}')"
            );
            let missed = self
                .pooled
                .transaction(&as_it, "ROLLBACK", |client| client.query(&sql))?;
            match missed.read() {
                Ok(rows) => {
                    let batch = batch(&rows);
                    scene
                        .tally
                        .add("relay: changes missed", batch.changes.len() as u64);
                    client.cursor = Some(
                        client
                            .copy
                            .apply_all(&batch)
                            .map_err(|error| format!("relay, missed: {error}"))?,
                    );
                }
                Err(failure) => {
                    if failure.code == "72000" {
                        client.cursor = None;
                        scene.tally.count("relay: gaps");
                    }
                    // Another one is made; this one would hand out what was missed as well.
                    let end = format!("SELECT pgrealtime.unsubscribe('{{{subscription}}}')");
                    let _ = self.session.attempt(|client| client.run(&end))?;
                    return Ok(false);
                }
            }
        }
        client.subscription = Some(subscription);
        Ok(true)
    }

    /// Waits, and hands out what came; or compares all copies in one snapshot. Whether nothing went wrong.
    fn turn(&mut self, compares: bool) -> Result<bool, String> {
        if compares {
            return self.compare();
        }
        let cursor = quote(&self.cursor);
        let wait = |client: &mut PgClient| {
            client.run(&format!(
                "SELECT set_config('relay.cursor', {cursor}, false)"
            ))?;
            client.value(WAIT)
        };
        match self.session.attempt(wait)? {
            Ok(cursor) => self.cursor = cursor,
            Err(failure) => return self.failed(&failure),
        }
        let max = *self.random.pick(&[1, 50, 1_000, 1_000]);
        let fan_out = format!("SELECT * FROM pgrealtime.fan_out('{}', {max})", self.cursor);
        match self.session.attempt(|client| client.query(&fan_out))? {
            Ok(rows) => self.hand_out(&rows).map(|()| true),
            Err(failure) => self.failed(&failure),
        }
    }

    fn failed(&mut self, failure: &Failure) -> Result<bool, String> {
        if failure.code == "72000" {
            self.scene.tally.count("relay: gaps");
            let end =
                "SELECT pgrealtime.unsubscribe(array_agg(i)) FROM generate_series(1, 100000) AS i";
            let ended = self.session.attempt(|client| client.run(end))?;
            let now = self
                .session
                .attempt(|client| client.value("SELECT pgrealtime.current_cursor()"))?;
            if let (Ok(()), Ok(now)) = (ended, now) {
                self.cursor = now;
                for client in &mut self.clients {
                    (client.cursor, client.subscription) = (None, None);
                }
            }
        }
        Ok(false)
    }
}
