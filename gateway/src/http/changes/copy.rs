//! The rows of a table at the beginning of a stream.

use super::problem::Problem;
use super::stream::Stream;
use crate::feed::snapshot::Reader;
use crate::feed::{Cursor, Interest};
use crate::node::Node;
use tokio::time::timeout;

/// Rows are sent together up to this many bytes.
const PART: usize = 16 * 1024;

/// Sends the rows as the client's role sees them, and their cursor. Returns the cursor.
pub async fn rows(
    node: &Node,
    interest: &Interest,
    stream: &Stream,
) -> Result<Option<Cursor>, Problem> {
    let waiting = timeout(
        node.limits.join_timeout,
        node.feed.sessions().for_snapshot(),
    );
    let mut reader = match waiting.await {
        Ok(reader) => reader.map_err(|fault| Problem::of_fault(&fault, &interest.relation))?,
        Err(_) => {
            ::metrics::counter!(crate::metrics::LIMITS, "limit" => "snapshots").increment(1);
            return Err(Problem::too_many_snapshots());
        }
    };
    let limit = node.limits.snapshot;
    match timeout(limit, read(node, &mut reader, interest, stream)).await {
        Ok(cursor) => cursor.map(Some),
        Err(_) => {
            ::metrics::counter!(crate::metrics::LIMITS, "limit" => "snapshot").increment(1);
            Err(Problem::slow_snapshot())
        }
    }
}

async fn read(
    node: &Node,
    reader: &mut Reader,
    interest: &Interest,
    stream: &Stream,
) -> Result<Cursor, Problem> {
    let form = stream.form;
    let relation = &interest.relation;
    let opened = reader.open(interest, node.limits.snapshot).await;
    let mut snapshot = opened.map_err(|fault| Problem::of_fault(&fault, relation))?;
    stream.begin();
    let (mut part, mut rows) = (String::new(), 0);
    loop {
        let row = snapshot.next().await;
        let row = row.map_err(|fault| {
            tracing::warn!(%relation, sqlstate = fault.sqlstate.as_deref(), "the rows of a snapshot cannot be read");
            Problem::of_rows(&fault, relation)
        })?;
        let Some(row) = row else { break };
        form.row(&mut part, &row, rows == 0);
        rows += 1;
        if part.len() >= PART {
            stream.send(std::mem::take(&mut part)).await;
        }
    }
    let cursor = snapshot.cursor.clone();
    part.push_str(&form.snapshot(&cursor, rows));
    stream.send(part).await;
    stream.passed(&cursor);
    if form == super::form::Form::Document {
        stream.complete();
    }
    Ok(cursor)
}
