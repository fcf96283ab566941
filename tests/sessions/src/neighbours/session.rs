//! A session that others disturb: transactions that are done, undone or in doubt, and a new connection where one is lost.

use super::tally::is_lost;
use super::Scene;
use crate::pg::{Client, Failure, Server};
use crate::{check, Outcome};

/// How a transaction ended.
pub enum End<T> {
    Done(T),
    /// It failed, and was rolled back.
    Undone(Failure),
    /// The connection was lost while it was being ended.
    Doubt(T),
}

impl<T> End<T> {
    /// What was read, where it does not matter whether the end was answered.
    pub fn read(self) -> Result<T, Failure> {
        match self {
            End::Done(read) | End::Doubt(read) => Ok(read),
            End::Undone(failure) => Err(failure),
        }
    }
}

pub struct Session<'a> {
    scene: &'a Scene,
    server: &'a Server,
    who: &'static str,
    /// Run when a connection has been made.
    first: &'static str,
    client: Option<Client>,
}

impl<'a> Session<'a> {
    /// Through the pooler, where there is one.
    pub fn pooled(scene: &'a Scene, who: &'static str) -> Session<'a> {
        Session {
            scene,
            server: &scene.pooled,
            who,
            first: "",
            client: None,
        }
    }

    pub fn direct(scene: &'a Scene, who: &'static str, first: &'static str) -> Session<'a> {
        Session {
            scene,
            server: &scene.server,
            who,
            first,
            client: None,
        }
    }

    /// Whether the next statement runs in the session of the last one.
    pub fn is_connected(&self) -> bool {
        self.client.is_some()
    }

    fn client(&mut self) -> Result<&mut Client, Failure> {
        if self.client.is_none() {
            let mut client = self.server.connect()?;
            if !self.first.is_empty() {
                client.run(self.first)?;
            }
            self.client = Some(client);
        }
        Ok(self.client.as_mut().expect("made above"))
    }

    /// Does something without a transaction of its own.
    pub fn attempt<T>(
        &mut self,
        work: impl FnOnce(&mut Client) -> Result<T, Failure>,
    ) -> Result<Result<T, Failure>, String> {
        match self.client().and_then(work) {
            Ok(done) => Ok(Ok(done)),
            Err(failure) => {
                self.give_up(&failure)?;
                Ok(Err(failure))
            }
        }
    }

    /// A transaction. An error that nothing explains comes back as an error.
    pub fn transaction<T>(
        &mut self,
        begin: &str,
        end: &str,
        work: impl FnOnce(&mut Client) -> Result<T, Failure>,
    ) -> Result<End<T>, String> {
        let begun = |client: &mut Client| {
            client.run(begin)?;
            work(client)
        };
        let result = match self.attempt(begun)? {
            Err(failure) => return Ok(End::Undone(failure)),
            Ok(result) => result,
        };
        let Some(client) = &mut self.client else {
            return Err("a transaction without a session".to_string());
        };
        // COMMIT of a transaction that has failed is answered as if nothing were wrong.
        check(client.status == b'T', || {
            format!("{}: no transaction at {end}", self.who)
        })?;
        match client.run(end) {
            Ok(()) => Ok(End::Done(result)),
            Err(failure) => {
                self.give_up(&failure)?;
                Ok(if is_lost(&failure.code) {
                    End::Doubt(result)
                } else {
                    End::Undone(failure)
                })
            }
        }
    }

    /// After an error: out of the transaction, or to another connection.
    fn give_up(&mut self, failure: &Failure) -> Outcome {
        self.scene.tally.failed(self.who, failure)?;
        let mut lost = is_lost(&failure.code);
        while let Some(client) = self
            .client
            .as_mut()
            .filter(|client| !lost && client.status != b'I')
        {
            if let Err(failure) = client.run("ROLLBACK") {
                self.scene.tally.failed(self.who, &failure)?;
                lost = is_lost(&failure.code);
            }
        }
        if lost {
            self.client = None;
        }
        Ok(())
    }
}
