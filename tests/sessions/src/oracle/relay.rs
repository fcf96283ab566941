//! A relay: one session with many subscriptions. What `fan_out` gives each of them is what `changes_since` gives as its
//! role, with its claims, in the same snapshot; and the copy that it brings forward is the subscriber's SELECT.

mod batch;
mod expected;
mod own;
mod received;
mod subscriber;

use super::policy;
use super::schema::{Schema, READERS};
use super::tally::Tally;
use super::writer::Gaps;
use crate::pg::{quote, Client, Server};
use crate::random::Random;
use crate::{check, wait_for, Outcome};
use subscriber::Subscriber;

/// How many subscriptions a relay has at most.
const MOST: usize = 50;

pub struct Relay {
    server: Server,
    client: Client,
    /// Where `fan_out` goes on from.
    cursor: String,
    subscribers: Vec<Subscriber>,
    /// Clients that have read their tables and have no subscription yet.
    clients: Vec<Subscriber>,
    /// Whether privileges, policies and memberships change meanwhile: no copy can be brought forward then.
    moving: bool,
    /// Whether policies can be judged without recognising anything in them.
    shares: bool,
}

/// What a step needs of the schema.
pub struct Scene<'a> {
    pub schema: &'a Schema,
    pub gaps: &'a [Gaps],
    /// A session on the primary; a standby first replays what it has written.
    pub primary: &'a mut Client,
}

impl Relay {
    pub fn new(
        server: &Server,
        primary: &mut Client,
        schema: &Schema,
        moving: bool,
    ) -> Result<Relay, String> {
        let mut relay = Relay {
            server: server.clone(),
            client: server.connect()?,
            cursor: String::new(),
            subscribers: Vec::new(),
            clients: Vec::new(),
            moving,
            shares: false,
        };
        relay.replay(primary)?;
        relay.client = connect(server, schema)?;
        let setting = "SELECT count(*) FROM pg_settings WHERE name = 'pgrealtime.share_policies'";
        relay.cursor = relay.client.value("SELECT pgrealtime.current_cursor()")?;
        relay.shares = relay.client.value(setting)? == "1";
        Ok(relay)
    }

    /// One more step. Where another session's lock is in the way, it is left for later.
    pub fn step(&mut self, scene: &mut Scene, tally: &mut Tally, random: &mut Random) -> Outcome {
        self.act(scene, tally, random).or_else(|error| {
            check(error.contains("55P03"), || error)?;
            Ok(self.client.run("ROLLBACK")?)
        })
    }

    fn act(&mut self, scene: &mut Scene, tally: &mut Tally, random: &mut Random) -> Outcome {
        match random.below(100) {
            0..=34 if self.subscribers.len() < MOST => {
                for _ in 0..1 + random.below(12) {
                    self.subscribe(scene, tally, random)?;
                }
                Ok(())
            }
            35..=39 => self.unsubscribe(random),
            40..=54 => self.resubscribe(scene, tally, random),
            55..=56 => self.die(scene),
            57..=69 => self.drain(scene, tally, random),
            _ => self.pass_on(scene, tally, random),
        }
    }

    /// To the end of the log, and to each subscriber's SELECT.
    pub fn end(&mut self, scene: &mut Scene, tally: &mut Tally, random: &mut Random) -> Outcome {
        self.drain(scene, tally, random)?;
        Ok(self.client.run("SELECT pgrealtime.unsubscribe('{}')")?)
    }

    fn subscribe(&mut self, scene: &Scene, tally: &mut Tally, random: &mut Random) -> Outcome {
        let mut subscriber = match self.clients.pop() {
            Some(client) => client,
            None => Subscriber::random(scene.schema, random),
        };
        let table = &scene.schema.tables[subscriber.table()];
        let denied = !self.moving && table.selectable(subscriber.role()).is_empty();
        if !denied && !self.moving && !subscriber.has_started() && random.chance(30) {
            subscriber.start(&mut self.client, scene)?;
            self.clients.push(subscriber);
            return Ok(());
        }
        self.client.run("BEGIN ISOLATION LEVEL REPEATABLE READ")?;
        if let Err(failure) = subscriber.subscribe(&mut self.client, scene.schema) {
            check(failure.code != "55P03", || failure.to_string())?;
            self.client.run("ROLLBACK")?;
            return check(failure.code == "42501" && (denied || self.moving), || {
                format!("{}: {failure}", subscriber.describe(scene.schema))
            });
        }
        check(!denied, || "it may read nothing".to_string())?;
        tally.subscribed += 1;
        if subscriber.has_started() {
            self.client.run("COMMIT")?;
            let caught_up = subscriber.catch_up(&mut self.client, scene, tally);
            caught_up.map_err(|error| format!("{}: {error}", subscriber.describe(scene.schema)))?;
            tally.handed_over += 1;
        } else {
            if !self.moving {
                // It is there, whatever comes of its transaction.
                let read = subscriber.read(&mut self.client, scene);
                if let Err(error) = read {
                    check(error.contains("55P03"), || error)?;
                }
            }
            self.client.run("ROLLBACK")?;
        }
        self.subscribers.push(subscriber);
        Ok(())
    }

    fn unsubscribe(&mut self, random: &mut Random) -> Outcome {
        let mut ids = Vec::new();
        for _ in 0..random.below(4) {
            if !self.subscribers.is_empty() {
                let place = random.below(self.subscribers.len() as u64) as usize;
                ids.push(self.subscribers.swap_remove(place).id.to_string());
            }
        }
        Ok(self.client.run(&format!(
            "SELECT pgrealtime.unsubscribe('{{{}}}')",
            ids.join(",")
        ))?)
    }

    /// The same subscription for another reader.
    fn resubscribe(&mut self, scene: &Scene, tally: &mut Tally, random: &mut Random) -> Outcome {
        if self.subscribers.is_empty() {
            return Ok(());
        }
        let place = random.below(self.subscribers.len() as u64) as usize;
        let subscriber = &mut self.subscribers[place];
        let role = another(subscriber.role(), random);
        let claims = policy::claims(random);
        let call = format!(
            "SELECT pgrealtime.resubscribe({}, '{role}', {})",
            subscriber.id,
            quote(&claims)
        );
        match self.client.run(&call) {
            Ok(()) => {
                subscriber.becomes(role, claims);
                tally.resubscribed += 1;
                Ok(())
            }
            Err(failure) => check(failure.code == "42501", || {
                format!("{}: {failure}", subscriber.describe(scene.schema))
            }),
        }
    }

    /// The session ends in the middle: its subscriptions with it, and nothing of it is left.
    fn die(&mut self, scene: &mut Scene) -> Outcome {
        self.client.send(&format!(
            "SELECT count(*) FROM pgrealtime.fan_out({})",
            quote(&self.cursor)
        ))?;
        let mut other = self.server.connect()?;
        let pid = &self.client.pid;
        other.run(&format!("SELECT pg_terminate_backend({pid})"))?;
        let left = format!(
            "SELECT (SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}) + (SELECT count(*) FROM pg_locks WHERE pid = {pid})"
        );
        wait_for("the session has gone", || Ok(other.value(&left)? == "0"))?;
        self.client = connect(&self.server, scene.schema)?;
        self.subscribers.clear();
        Ok(())
    }

    /// Waits until the relay's server has all that the primary has written.
    pub(super) fn replay(&mut self, primary: &mut Client) -> Outcome {
        if self.client.value("SELECT pg_is_in_recovery()")? != "t" {
            return Ok(());
        }
        let written = primary.value("SELECT pg_current_wal_flush_lsn()")?;
        let replayed = format!("SELECT pg_last_wal_replay_lsn() >= '{written}'");
        wait_for("the standby to catch up", || {
            Ok(self.client.value(&replayed)? == "t")
        })
    }
}

fn connect(server: &Server, schema: &Schema) -> Result<Client, String> {
    let mut client = server.connect()?;
    client.run(&format!(
        "SET search_path = {}; SET TimeZone = 'UTC'; SET client_min_messages = error; SET lock_timeout = '5ms'",
        schema.name
    ))?;
    Ok(client)
}

/// Any other reader than this one.
fn another(role: &'static str, random: &mut Random) -> &'static str {
    match random.chance(50) {
        true => role,
        false => random.pick::<&str>(&READERS),
    }
}
