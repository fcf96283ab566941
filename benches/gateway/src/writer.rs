//! Writes rows at a given pace: into Postgres, each with a commit of its own, or as ready-made frames to the floor.

use crate::histogram::Histogram;
use crate::message::Template;
use crate::swarm::Kind;
use crate::{stamp, Outcome};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_postgres::{Client, NoTls, Statement};

/// Connections that write at once. One waits for the disk while others go on.
const WRITERS: u64 = 32;

/// What is to be written.
#[derive(Clone, Copy)]
pub struct Plan {
    pub kind: Kind,
    /// The first row's number. Rows belong to the teams in turn.
    pub first: u64,
    pub rate: f64,
    pub number: u64,
}

/// What was written.
pub struct Written {
    pub numbers: Vec<u64>,
    pub seconds: f64,
}

impl Written {
    /// Rows of each team.
    pub fn by_team(&self, teams: u32) -> Vec<u64> {
        let mut counts = vec![0; teams as usize];
        let team = |number: &u64| (number % u64::from(teams)) as usize;
        self.numbers
            .iter()
            .for_each(|number| counts[team(number)] += 1);
        counts
    }
}

pub enum Writer {
    Postgres {
        clients: Vec<Arc<Client>>,
        commits: Arc<Histogram>,
    },
    Floor {
        stream: TcpStream,
        template: Template,
    },
}

impl Writer {
    /// `database` is a connection string.
    pub async fn postgres(database: &str) -> Outcome<Writer> {
        let mut clients = Vec::new();
        for _ in 0..WRITERS {
            let (client, connection) = tokio_postgres::connect(database, NoTls).await?;
            tokio::spawn(connection);
            clients.push(Arc::new(client));
        }
        Ok(Writer::Postgres {
            clients,
            commits: Arc::default(),
        })
    }

    pub async fn floor(control: &str, template: Template) -> Outcome<Writer> {
        let stream = TcpStream::connect(control).await?;
        stream.set_nodelay(true)?;
        Ok(Writer::Floor { stream, template })
    }

    /// Writes until the plan is done or `stop` is set.
    pub async fn write(&mut self, plan: Plan, stop: &Arc<AtomicBool>) -> Outcome<Written> {
        let begun = Instant::now();
        let numbers = match self {
            Writer::Floor { stream, template } => send_frames(stream, template, plan, stop).await?,
            Writer::Postgres { clients, commits } => {
                commits.clear();
                let mut tasks = Vec::new();
                for (place, client) in clients.iter().enumerate() {
                    let insert = prepare(client, plan.kind).await?;
                    let (client, commits, stop) = (client.clone(), commits.clone(), stop.clone());
                    tasks.push(tokio::spawn(insert_rows(
                        client,
                        insert,
                        commits,
                        plan,
                        place as u64,
                        stop,
                    )));
                }
                let mut numbers = Vec::new();
                for task in tasks {
                    numbers.extend(task.await??);
                }
                numbers
            }
        };
        let seconds = begun.elapsed().as_secs_f64();
        Ok(Written { numbers, seconds })
    }

    /// Milliseconds of the median INSERT, from the stamp to the answer.
    pub fn commit(&self) -> f64 {
        match self {
            Writer::Postgres { commits, .. } => commits.milliseconds(0.5),
            Writer::Floor { .. } => 0.0,
        }
    }
}

async fn prepare(client: &Client, kind: Kind) -> Outcome<Statement> {
    let insert = format!(
        "INSERT INTO {} (team, number, stamp, title, status)
         VALUES ($1, $2, $3, 'A row of ordinary length, as applications have them', 'in_progress')",
        kind.table
    );
    Ok(client.prepare(&insert).await?)
}

/// Waits until the row of this place is due.
async fn due(begun: Instant, place: u64, rate: f64) {
    let time = begun + Duration::from_secs_f64(place as f64 / rate);
    if time > Instant::now() {
        tokio::time::sleep_until(time.into()).await;
    }
}

/// The rows of one writer; returns their numbers.
async fn insert_rows(
    client: Arc<Client>,
    insert: Statement,
    commits: Arc<Histogram>,
    plan: Plan,
    first: u64,
    stop: Arc<AtomicBool>,
) -> Result<Vec<u64>, tokio_postgres::Error> {
    let (begun, mut numbers) = (Instant::now(), Vec::new());
    for place in (first..plan.number).step_by(WRITERS as usize) {
        due(begun, place, plan.rate).await;
        if stop.load(Relaxed) {
            break;
        }
        let (row, written) = (plan.first + place, stamp());
        let team = (row % u64::from(plan.kind.teams)) as i32;
        client
            .execute(&insert, &[&team, &(row as i64), &(written as i64)])
            .await?;
        commits.add(stamp() - written);
        numbers.push(row);
    }
    Ok(numbers)
}

async fn send_frames(
    stream: &mut TcpStream,
    template: &Template,
    plan: Plan,
    stop: &AtomicBool,
) -> Outcome<Vec<u64>> {
    let (begun, mut numbers) = (Instant::now(), Vec::new());
    for place in 0..plan.number {
        due(begun, place, plan.rate).await;
        if stop.load(Relaxed) {
            break;
        }
        let row = plan.first + place;
        let topic = Kind::topic((row % u64::from(plan.kind.teams)) as u32);
        let line = format!("{topic}\t{}\n", template.fill(&topic, row, stamp()));
        stream.write_all(line.as_bytes()).await?;
        numbers.push(row);
    }
    Ok(numbers)
}
