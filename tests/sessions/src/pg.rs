//! A client of the server: the simple query protocol over its Unix socket, a result as text.
//!
//! Not the crate `postgres`: its calls return with the answer, and here one session waits while the same thread uses others.

use std::env;
use std::io::{self, BufReader, Read, Write};
use std::os::unix::net::UnixStream;

/// What a statement failed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The SQLSTATE; [`LOST`] when the connection ended.
    pub code: String,
    pub message: String,
    pub detail: String,
}

/// connection_failure
pub const LOST: &str = "08006";

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{}: {} {}", self.code, self.message, self.detail)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure {
            code: LOST.to_string(),
            message: error.to_string(),
            detail: String::new(),
        }
    }
}

impl From<Failure> for String {
    fn from(failure: Failure) -> String {
        failure.to_string()
    }
}

pub type Row = Vec<Option<String>>;

/// Where a server listens, and the database to use.
#[derive(Debug, Clone)]
pub struct Server {
    pub host: String,
    pub port: String,
    pub database: String,
}

impl Server {
    /// The one that the environment names.
    pub fn from_environment() -> Server {
        let of = |name| {
            env::var(name).unwrap_or_else(|_| panic!("{name} is not set; run this with .ci/test"))
        };
        Server {
            host: of("PGHOST"),
            port: of("PGPORT"),
            database: of("PGDATABASE"),
        }
    }

    pub fn database(&self, name: &str) -> Server {
        Server {
            database: name.to_string(),
            ..self.clone()
        }
    }

    pub fn connect(&self) -> Result<Client, Failure> {
        Client::open(self)
    }
}

/// A session.
pub struct Client {
    stream: BufReader<UnixStream>,
    pub pid: String,
    /// As the server said last: `I` outside a transaction block, `T` in one, `E` in one that has failed.
    pub status: u8,
}

impl Client {
    fn open(server: &Server) -> Result<Client, Failure> {
        let stream = UnixStream::connect(format!("{}/.s.PGSQL.{}", server.host, server.port))?;
        let mut client = Client {
            stream: BufReader::with_capacity(1 << 16, stream),
            pid: String::new(),
            status: b'I',
        };
        let mut body = 196_608u32.to_be_bytes().to_vec();
        for (name, value) in [("user", "postgres"), ("database", &server.database)] {
            body.extend_from_slice(name.as_bytes());
            body.push(0);
            body.extend_from_slice(value.as_bytes());
            body.push(0);
        }
        body.push(0);
        let mut message = (body.len() as u32 + 4).to_be_bytes().to_vec();
        message.extend_from_slice(&body);
        client.stream.get_mut().write_all(&message)?;
        client.receive()?;
        Ok(client)
    }

    /// Runs statements; the rows of all of them.
    pub fn query(&mut self, sql: &str) -> Result<Vec<Row>, Failure> {
        self.send(sql)?;
        self.receive()
    }

    /// Runs statements for their effect.
    pub fn run(&mut self, sql: &str) -> Result<(), Failure> {
        self.query(sql).map(|_| ())
    }

    /// The first column of the first row; "" for NULL or no row.
    pub fn value(&mut self, sql: &str) -> Result<String, Failure> {
        let rows = self.query(sql)?;
        let value = rows
            .into_iter()
            .next()
            .and_then(|row| row.into_iter().next());
        Ok(value.flatten().unwrap_or_default())
    }

    /// Sends statements without waiting for what they do.
    pub fn send(&mut self, sql: &str) -> Result<(), Failure> {
        let mut message = vec![b'Q'];
        message.extend_from_slice(&(sql.len() as u32 + 5).to_be_bytes());
        message.extend_from_slice(sql.as_bytes());
        message.push(0);
        Ok(self.stream.get_mut().write_all(&message)?)
    }

    /// Sends messages as they are.
    pub fn send_bytes(&mut self, messages: &[u8]) -> Result<(), Failure> {
        Ok(self.stream.get_mut().write_all(messages)?)
    }

    /// Sends a statement, other than its last one, and waits until it waits for a lock; it fails when it ends instead.
    pub fn send_to_wait(&mut self, sql: &str, watcher: &mut Client) -> Result<(), String> {
        let state = format!(
            "SELECT CASE WHEN wait_event_type = 'Lock' THEN 'waits' WHEN state LIKE 'idle%' AND query = {} THEN 'over' END
             FROM pg_stat_activity WHERE pid = {}",
            quote(sql),
            self.pid
        );
        self.send(sql)?;
        crate::wait_for("a session to wait for a lock", || {
            match watcher.value(&state)?.as_str() {
                "over" => Err(format!("it did not wait: {sql}")),
                state => Ok(state == "waits"),
            }
        })
    }

    /// Hands rows to a COPY FROM STDIN that was sent.
    pub fn copy(&mut self, rows: &str) -> Result<(), Failure> {
        let mut message = vec![b'd'];
        message.extend_from_slice(&(rows.len() as u32 + 4).to_be_bytes());
        message.extend_from_slice(rows.as_bytes());
        Ok(self.stream.get_mut().write_all(&message)?)
    }

    /// Ends it.
    pub fn copy_done(&mut self) -> Result<(), Failure> {
        Ok(self.stream.get_mut().write_all(&[b'c', 0, 0, 0, 4])?)
    }

    /// Waits for the result of what was sent.
    pub fn receive(&mut self) -> Result<Vec<Row>, Failure> {
        let (mut rows, mut failure) = (Vec::new(), None);
        loop {
            let (kind, body) = self.message()?;
            match kind {
                b'D' => rows.push(data_row(&body)?),
                b'E' => failure = Some(error(&body)),
                b'K' => {
                    self.pid = u32::from_be_bytes([body[0], body[1], body[2], body[3]]).to_string()
                }
                b'Z' => {
                    self.status = body[0];
                    return failure.map_or(Ok(rows), Err);
                }
                _ => {}
            }
            // A fatal error ends the connection: no ready message follows.
            if kind == b'E' && body.starts_with(b"SFATAL") {
                return Err(failure.unwrap_or_else(|| error(&body)));
            }
        }
    }

    fn message(&mut self) -> Result<(u8, Vec<u8>), Failure> {
        let mut head = [0; 5];
        self.stream.read_exact(&mut head)?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        if !(4..1 << 30).contains(&length) {
            return Err(cut_off().into());
        }
        let mut body = vec![0; length as usize - 4];
        self.stream.read_exact(&mut body)?;
        Ok((head[0], body))
    }
}

/// Errors: a pooler whose server session was ended within a row sends its own message in the place of the rest.
fn data_row(body: &[u8]) -> Result<Row, Failure> {
    let mut rest = body.get(2..).unwrap_or_default();
    let mut row = Vec::new();
    while rest.len() >= 4 {
        let length = i32::from_be_bytes([rest[0], rest[1], rest[2], rest[3]]);
        rest = &rest[4..];
        if length < 0 {
            row.push(None);
            continue;
        }
        let value = rest.get(..length as usize).ok_or_else(cut_off)?;
        row.push(Some(String::from_utf8_lossy(value).into_owned()));
        rest = &rest[length as usize..];
    }
    Ok(row)
}

fn cut_off() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a message was cut off")
}

fn error(body: &[u8]) -> Failure {
    let field = |letter: u8| {
        body.split(|byte| *byte == 0)
            .find(|field| field.first() == Some(&letter))
            .map(|field| String::from_utf8_lossy(&field[1..]).into_owned())
            .unwrap_or_default()
    };
    Failure {
        code: field(b'C'),
        message: field(b'M'),
        detail: field(b'D'),
    }
}

/// A string as an SQL literal.
pub fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
