//! What waits to be written to a client: bounded, so that a slow client costs no memory.

use crate::feed::Share;
use crate::lock;
use axum::extract::ws::Utf8Bytes;
use std::sync::Mutex;
use tokio::sync::Notify;

/// Frames that wait for their client.
pub struct Outbox {
    /// Of those who read from the change log for the client.
    pub share: Share,
    queue: Mutex<Queue>,
    /// There is something to write.
    filled: Notify,
    /// There is room again.
    drained: Notify,
    /// In bytes, what is being written included.
    limit: usize,
}

#[derive(Default)]
struct Queue {
    frames: Vec<Utf8Bytes>,
    bytes: usize,
    /// Nothing more is taken.
    is_closed: bool,
    /// The code that the client is told.
    code: u16,
}

/// What the writer has to do next.
pub enum Next {
    Frames(Vec<Utf8Bytes>),
    /// End the connection with this code.
    Close(u16),
}

/// What a frame costs beside its bytes.
const OVERHEAD: usize = 64;

fn cost(length: usize) -> usize {
    length + OVERHEAD
}

impl Outbox {
    pub fn new(limit: usize) -> Outbox {
        Outbox {
            share: Share::default(),
            queue: Mutex::default(),
            filled: Notify::new(),
            drained: Notify::new(),
            limit,
        }
    }

    /// Takes a frame where there is room: behind [`Outbox::room`] for one, however large. A closed outbox swallows it.
    pub fn offer(&self, frame: Utf8Bytes) -> bool {
        self.take(frame, true)
    }

    /// Takes a frame in any case: answers to what the client has sent. It is not read on while they do not fit.
    pub fn put(&self, frame: impl Into<Utf8Bytes>) {
        self.take(frame.into(), false);
    }

    fn take(&self, frame: Utf8Bytes, only_with_room: bool) -> bool {
        let mut queue = lock(&self.queue);
        if queue.is_closed {
            return true;
        }
        let bytes = queue.bytes + cost(frame.len());
        if only_with_room && queue.bytes > self.limit / 2 && bytes > self.limit {
            return false;
        }
        queue.bytes = bytes;
        queue.frames.push(frame);
        drop(queue);
        self.filled.notify_one();
        true
    }

    /// Takes nothing more; the client is told this code behind what waits already.
    pub fn close(&self, code: u16) {
        let mut queue = lock(&self.queue);
        if !queue.is_closed {
            queue.is_closed = true;
            queue.code = code;
        }
        drop(queue);
        self.filled.notify_one();
        self.drained.notify_waiters();
    }

    /// The client has gone: forgets what waits.
    pub fn abandon(&self) {
        self.close(1001);
        lock(&self.queue).frames.clear();
    }

    pub fn is_closed(&self) -> bool {
        lock(&self.queue).is_closed
    }

    /// For the one writer: what there is to write, as soon as there is something.
    pub async fn next(&self) -> Next {
        loop {
            let filled = self.filled.notified();
            {
                let mut queue = lock(&self.queue);
                if !queue.frames.is_empty() {
                    return Next::Frames(std::mem::take(&mut queue.frames));
                }
                if queue.is_closed {
                    return Next::Close(queue.code);
                }
            }
            filled.await;
        }
    }

    /// The writer has passed on a frame of this length.
    pub fn written(&self, length: usize) {
        let mut queue = lock(&self.queue);
        queue.bytes = queue.bytes.saturating_sub(cost(length));
        let has_room = queue.bytes <= self.limit / 2;
        drop(queue);
        if has_room {
            self.drained.notify_waiters();
        }
    }

    /// Returns when half of the room is free, or the client has gone.
    pub async fn room(&self) {
        self.below(self.limit / 2).await;
    }

    /// Returns when what waits is within the limit, or the client has gone: it is not asked for more before.
    pub async fn calm(&self) {
        self.below(self.limit).await;
    }

    async fn below(&self, bytes: usize) {
        loop {
            let drained = self.drained.notified();
            tokio::pin!(drained);
            // Before the look, or a wake-up between the two would be lost.
            drained.as_mut().enable();
            {
                let queue = lock(&self.queue);
                if queue.is_closed || queue.bytes <= bytes {
                    return;
                }
            }
            drained.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(bytes: usize) -> Utf8Bytes {
        "x".repeat(bytes).into()
    }

    #[tokio::test]
    async fn what_does_not_fit_is_not_taken() {
        let outbox = Outbox::new(1000);
        assert!(outbox.offer(frame(5000)), "one frame always fits");
        assert!(!outbox.offer(frame(1)));
        outbox.put(frame(1));
        let Next::Frames(frames) = outbox.next().await else {
            panic!("frames");
        };
        assert_eq!(
            frames.iter().map(|one| one.len()).collect::<Vec<_>>(),
            [5000, 1]
        );
        assert!(!outbox.offer(frame(1)), "what is being written counts");
        frames.iter().for_each(|one| outbox.written(one.len()));
        outbox.room().await;
        assert!(outbox.offer(frame(1)));
    }

    #[tokio::test]
    async fn the_code_comes_behind_what_waits() {
        let outbox = Outbox::new(1000);
        outbox.put(frame(1));
        outbox.close(1012);
        outbox.close(1001);
        assert!(outbox.offer(frame(1)), "swallowed");
        assert!(matches!(outbox.next().await, Next::Frames(frames) if frames.len() == 1));
        assert!(matches!(outbox.next().await, Next::Close(1012)));
        outbox.room().await;
    }

    #[tokio::test]
    async fn room_is_noticed() {
        let outbox = std::sync::Arc::new(Outbox::new(1000));
        outbox.put(frame(900));
        let waiting = tokio::spawn({
            let outbox = outbox.clone();
            async move { outbox.room().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        let Next::Frames(frames) = outbox.next().await else {
            panic!("frames");
        };
        outbox.written(frames[0].len());
        waiting.await.expect("it returns");
    }
}
