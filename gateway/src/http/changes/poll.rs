//! Long polls: one answer with the changes since a cursor, as soon as there are some.
//!
//! The relay only rings: what there is is read from the log, with cursors that neither lose nor repeat anything. No session
//! of the database is held while a client waits.

use super::parameters::Parameters;
use super::problem::Problem;
use super::Held;
use crate::feed::session::Batch;
use crate::feed::{Change, Cursor, Fault, Interest, Later, Leg, Outlet, Share};
use crate::lock;
use crate::node::Node;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{timeout, timeout_at, Instant};

/// Rings when there is a change, or there will be none.
#[derive(Default)]
struct Bell {
    rung: Notify,
    fault: Mutex<Option<Fault>>,
    share: Share,
}

impl Outlet for Bell {
    fn change(&self, _: &[u32], _: &mut Change) -> bool {
        self.rung.notify_one();
        true
    }

    fn moved(&self, _: &Cursor) {}

    fn fault(&self, _: &Leg, fault: &Fault) {
        *lock(&self.fault) = Some(fault.clone());
        self.rung.notify_one();
    }

    fn missed(&self, _: u32, _: &Fault) -> bool {
        true
    }

    fn room(&self) -> Later<'_> {
        Box::pin(std::future::ready(()))
    }

    fn is_closed(&self) -> bool {
        false
    }

    fn share(&self) -> &Share {
        &self.share
    }
}

/// The answer to a long poll: a JSON object.
pub async fn poll(
    node: &Node,
    parameters: &Parameters,
    interest: Interest,
    wait: Duration,
    max: usize,
) -> Result<String, Problem> {
    let problem = |fault: Fault| Problem::of_fault(&fault, &parameters.relation);
    let until = Instant::now() + wait;
    let bell = Arc::new(Bell::default());
    let held = Held::new(&node.feed, interest.clone(), bell.clone());
    let Some(mut from) = parameters.since.clone() else {
        let attached = attach(node, &held, false).await?.map_err(problem)?;
        return Ok(answer(&attached.start, &[]));
    };
    let mut start = None;
    if !wait.is_zero() {
        // From now on it rings; what was before is read first.
        // The log is read up to where the subscription begins: not before the client's cursor, as a shared one might.
        let attached = attach(node, &held, true).await?.map_err(problem)?;
        node.feed.begin(held.leg().clone(), &attached, None);
        start = Some(attached.start);
    }
    loop {
        let (batch, has_more) = read(node, &interest, from, start.as_ref())
            .await?
            .map_err(problem)?;
        if !batch.changes.is_empty() {
            let (changes, end) = whole(&batch, max, node.limits.outbox_bytes);
            return Ok(answer(end, changes));
        }
        from = batch.end;
        if has_more && Instant::now() < until && !node.draining.is_cancelled() {
            continue;
        }
        start = None;
        let is_over = tokio::select! {
            rung = timeout_at(until, bell.rung.notified()) => rung.is_err(),
            () = node.until_leaving() => true,
        };
        let fault = lock(&bell.fault).take();
        if let Some(fault) = fault {
            return Err(problem(fault));
        }
        if is_over {
            return Ok(answer(&from, &[]));
        }
    }
}

/// Batches that are read at once: of a log that others write to all the time, there always are more.
const READS: usize = 20;

/// Reads on until there is something, or the log has no more. Returns whether it may have more. `until`: what is behind it rings.
async fn read(
    node: &Node,
    interest: &Interest,
    mut from: Cursor,
    until: Option<&Cursor>,
) -> Result<Result<(Batch, bool), Fault>, Problem> {
    let limit = node.limits.join_timeout;
    let began = Instant::now();
    let mut left = READS;
    loop {
        let reading = node.feed.changes(interest, &from, until);
        let batch = match timeout(limit, reading).await {
            Ok(Ok(batch)) => batch,
            // As for streams: the client has to read again.
            Ok(Err(fault)) if fault.is_no_cursor() => return Ok(Err(Fault::no_cursor())),
            Ok(Err(fault)) => return Ok(Err(fault)),
            Err(_) => return Err(Problem::no_database()),
        };
        left -= 1;
        // An empty batch need not be the last: it may have had entries of which nothing was for the client.
        let is_last = batch.end == from || until == Some(&batch.end);
        // What was read counts: the client goes on from there.
        if !batch.changes.is_empty() || is_last || left == 0 || began.elapsed() > limit / 2 {
            return Ok(Ok((batch, !is_last)));
        }
        from = batch.end;
    }
}

async fn attach(
    node: &Node,
    held: &Held,
    has_cursor: bool,
) -> Result<Result<crate::feed::Attached, Fault>, Problem> {
    let attaching = timeout(node.limits.join_timeout, held.attach(has_cursor));
    attaching.await.map_err(|_| Problem::no_database())
}

/// As much of a batch as an answer may have, one change at least, and where it ends.
fn whole(batch: &Batch, max: usize, limit: usize) -> (&[(Arc<str>, Cursor)], &Cursor) {
    let mut bytes = 0;
    let fitting = batch.changes.iter().take(max).take_while(|(change, _)| {
        bytes += change.len();
        bytes <= limit
    });
    let count = fitting.count().max(1);
    let end = match batch.changes.get(count - 1) {
        Some((_, cursor)) if count < batch.changes.len() => cursor,
        _ => &batch.end,
    };
    (&batch.changes[..count.min(batch.changes.len())], end)
}

fn answer(cursor: &Cursor, changes: &[(Arc<str>, Cursor)]) -> String {
    let changes: Vec<&str> = changes.iter().map(|(change, _)| &**change).collect();
    let changes = changes.join(",\n");
    format!("{{\"cursor\":\"{cursor}\",\"changes\":[{changes}]}}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(sizes: &[usize]) -> Batch {
        let changes = sizes.iter().enumerate();
        Batch {
            changes: changes
                .map(|(n, size)| ("x".repeat(*size).into(), n.to_string().into()))
                .collect(),
            end: "end".into(),
            is_cut: false,
        }
    }

    fn cut(sizes: &[usize], max: usize, limit: usize) -> (usize, String) {
        let batch = batch(sizes);
        let (changes, end) = whole(&batch, max, limit);
        (changes.len(), end.to_string())
    }

    #[test]
    fn an_answer_has_whole_changes_and_the_cursor_behind_them() {
        assert_eq!(cut(&[10, 10, 10], 5, 30), (3, "end".to_string()));
        assert_eq!(cut(&[10, 10, 10], 5, 29), (2, "1".to_string()));
        assert_eq!(cut(&[10, 10, 10], 5, 10), (1, "0".to_string()));
        assert_eq!(
            cut(&[10, 10, 10], 5, 1),
            (1, "0".to_string()),
            "one at least"
        );
        assert_eq!(cut(&[10], 5, 1), (1, "end".to_string()));
        assert_eq!(cut(&[10, 10, 10], 2, 99), (2, "1".to_string()));
        assert_eq!(cut(&[10, 10], 2, 99), (2, "end".to_string()));
    }

    #[test]
    fn an_answer_is_json() {
        let (change, cursor) = ("{\"type\":\n\"INSERT\"}".into(), "b".into());
        let text = answer(&"a".into(), &[(change, cursor)]);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["cursor"], "a");
        assert_eq!(value["changes"][0]["type"], "INSERT");
        let empty = answer(&"a".into(), &[]);
        assert_eq!(empty, "{\"cursor\":\"a\",\"changes\":[]}\n");
    }
}
