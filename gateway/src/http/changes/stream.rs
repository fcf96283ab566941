//! A stream: what the feed hands out for one client, on its way into the body of an answer.

use super::form::Form;
use super::problem::Problem;
use crate::feed::{Change, Cursor, Fault, Later, Leg, Outlet, Relation, Share};
use crate::lock;
use crate::metrics as names;
use crate::socket::outbox::{Next, Outbox};
use axum::body::{Body, Bytes};
use axum::extract::ws::Utf8Bytes;
use futures_util::stream::unfold;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Whether a stream begins, or why not.
pub type Begun = oneshot::Sender<Result<(), Problem>>;

/// How the body ends.
const WHOLE: u16 = 0;
const BROKEN: u16 = 1;

/// A client's cursor is at most about this old while it receives nothing: the feed says each minute where the log is.
const SILENCE: Duration = Duration::from_secs(50);

/// One client's stream.
pub struct Stream {
    pub form: Form,
    relation: Relation,
    outbox: Arc<Outbox>,
    leg: OnceLock<Weak<Leg>>,
    state: Mutex<State>,
    /// Cancelled when nothing more comes.
    pub ended: CancellationToken,
}

struct State {
    /// Until the answer has begun.
    begun: Option<Begun>,
    /// The last cursor that the client was sent, and when.
    cursor: Option<(Cursor, Instant)>,
}

impl Stream {
    pub fn new(form: Form, relation: Relation, outbox: Arc<Outbox>, begun: Begun) -> Stream {
        Stream {
            form,
            relation,
            outbox,
            leg: OnceLock::new(),
            state: Mutex::new(State {
                begun: Some(begun),
                cursor: None,
            }),
            ended: CancellationToken::new(),
        }
    }

    /// The leg that the stream is the outlet of.
    pub fn follow(&self, leg: &Arc<Leg>) {
        let _ = self.leg.set(Arc::downgrade(leg));
    }

    /// The answer begins, whatever comes.
    pub fn begin(&self) {
        lock(&self.state).begin();
    }

    /// The answer begins with the cursor that the stream begins at.
    pub fn begin_at(&self, cursor: &Cursor) {
        let mut state = lock(&self.state);
        self.send_cursor(&mut state, cursor);
        state.begin();
    }

    fn send_cursor(&self, state: &mut State, cursor: &Cursor) {
        if self.outbox.offer(self.form.cursor(cursor).into()) {
            state.cursor = Some((cursor.clone(), Instant::now()));
        }
    }

    /// Sends a part of a snapshot, as soon as there is room.
    pub async fn send(&self, part: String) {
        let part = Utf8Bytes::from(part);
        while !self.outbox.offer(part.clone()) {
            self.outbox.room().await;
        }
    }

    /// Where the client goes on if it loses the stream now.
    pub fn passed(&self, cursor: &Cursor) {
        lock(&self.state).cursor = Some((cursor.clone(), Instant::now()));
    }

    /// Shows that the connection lives, where the client takes anything.
    pub fn show_life(&self) {
        let state = lock(&self.state);
        let cursor = state.cursor.as_ref().map(|(cursor, _)| cursor);
        let sign = self.form.sign_of_life(cursor);
        if !sign.is_empty() && state.begun.is_none() {
            self.outbox.offer(sign.into());
        }
    }

    /// Ends the stream with what is wrong; where it has not begun, that is the answer.
    pub fn fail(&self, problem: Problem) {
        let mut state = lock(&self.state);
        match (state.begun.take(), self.form.error(&problem.json())) {
            (Some(begun), _) => {
                // Without a receiver the client has gone.
                let _ = begun.send(Err(problem));
            }
            (None, Some(last)) => self.end_with(last),
            (None, None) => self.outbox.close(BROKEN),
        }
        self.ended.cancel();
    }

    /// Ends the stream though nothing is wrong; the client should come back after some milliseconds.
    pub fn retire(&self, retry: u64) {
        let begun = lock(&self.state).begun.is_none();
        match self.form.retry(retry) {
            Some(last) if begun => {
                self.end_with(last);
                self.ended.cancel();
            }
            _ => self.fail(Problem::restarting()),
        }
    }

    /// Ends a stream that is complete.
    pub fn complete(&self) {
        self.outbox.close(WHOLE);
        self.ended.cancel();
    }

    fn end_with(&self, last: String) {
        self.outbox.put(last);
        self.outbox.close(WHOLE);
    }
}

impl State {
    fn begin(&mut self) {
        if let Some(begun) = self.begun.take() {
            let _ = begun.send(Ok(()));
        }
    }
}

impl Outlet for Stream {
    // It may be called while the leg is locked: nothing here asks the leg.
    fn change(&self, _: &[u32], change: &mut Change) -> bool {
        let frame = match self.form {
            Form::Events => change.event(|text, cursor| Form::Events.change(text, cursor)),
            form => form.change(change.text(), change.cursor).into(),
        };
        let mut state = lock(&self.state);
        if !self.outbox.offer(frame) {
            return false;
        }
        state.cursor = Some((change.cursor.clone(), Instant::now()));
        state.begin();
        true
    }

    fn moved(&self, cursor: &Cursor) {
        let leg = self.leg.get().and_then(Weak::upgrade);
        if !leg.is_some_and(|leg| leg.is_live()) {
            return;
        }
        let mut state = lock(&self.state);
        let is_due = match &state.cursor {
            None => true,
            Some((before, when)) => before != cursor && when.elapsed() > SILENCE,
        };
        if is_due {
            self.send_cursor(&mut state, cursor);
        }
        state.begin();
    }

    fn fault(&self, _: &Leg, fault: &Fault) {
        if fault.is_read_again() {
            ::metrics::counter!(names::READ_AGAIN, "reason" => "stream").increment(1);
        }
        self.fail(Problem::of_fault(fault, &self.relation));
    }

    // The client has to read again: it would not see a gap in the middle of a stream.
    fn missed(&self, _: u32, _: &Fault) -> bool {
        false
    }

    fn room(&self) -> Later<'_> {
        Box::pin(self.outbox.room())
    }

    fn is_closed(&self) -> bool {
        self.outbox.is_closed()
    }

    fn share(&self) -> &Share {
        &self.outbox.share
    }
}

/// What is handed to the connection at once: the rest waits in the outbox, which counts it.
const CHUNK: usize = 32 * 1024;

struct Reading {
    outbox: Arc<Outbox>,
    frames: VecDeque<Utf8Bytes>,
    /// Cancels what writes into the outbox when the connection has ended.
    _client: DropGuard,
}

/// The body of an answer, as the outbox has it.
pub fn body(outbox: Arc<Outbox>, client: DropGuard) -> Body {
    let reading = Reading {
        outbox,
        frames: VecDeque::new(),
        _client: client,
    };
    Body::from_stream(unfold(reading, |mut reading| async {
        let chunk = reading.chunk().await?;
        Some((chunk, reading))
    }))
}

impl Reading {
    async fn chunk(&mut self) -> Option<io::Result<Bytes>> {
        if self.frames.is_empty() {
            match self.outbox.next().await {
                Next::Frames(frames) => self.frames = frames.into(),
                Next::Close(WHOLE) => return None,
                Next::Close(_) => return Some(Err(io::ErrorKind::ConnectionAborted.into())),
            }
        }
        let first = self.frames.pop_front()?;
        self.passed_on(&first);
        let follows = |frames: &VecDeque<Utf8Bytes>, length: usize| {
            let next = frames.front();
            next.is_some_and(|next| length + next.len() <= CHUNK)
        };
        if !follows(&self.frames, first.len()) {
            return Some(Ok(first.into()));
        }
        let mut chunk = Vec::with_capacity(CHUNK);
        chunk.extend_from_slice(first.as_bytes());
        while follows(&self.frames, chunk.len()) {
            let frame = self.frames.pop_front()?;
            self.passed_on(&frame);
            chunk.extend_from_slice(frame.as_bytes());
        }
        Some(Ok(chunk.into()))
    }

    fn passed_on(&self, frame: &Utf8Bytes) {
        self.outbox.written(frame.len());
        ::metrics::counter!(names::MESSAGES_OUT).increment(1);
        ::metrics::counter!(names::BYTES_OUT).increment(frame.len() as u64);
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
