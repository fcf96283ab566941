//! The log's segments: they are closed, sealed and emptied.

use crate::pg::{Client, Failure};
use crate::{wait_for, Outcome};

/// Names the seal of the last emptied segment.
pub fn horizon(client: &mut Client) -> Result<String, Failure> {
    client.value("SELECT coalesce(md5(horizon), '') FROM pgrealtime.log_state")
}

/// The segment that is written.
pub fn current(client: &mut Client) -> Result<String, Failure> {
    client.value("SELECT current_segment FROM pgrealtime.log_state")
}

/// Writes an entry that nobody reads, so that a segment is not empty.
fn fill(client: &mut Client) -> Outcome {
    client.run("CREATE TABLE IF NOT EXISTS filler (a int)")?;
    let there = "SELECT count(*) FROM pg_trigger WHERE tgrelid = 'filler'::regclass";
    if client.value(there)? == "0" {
        client.run(&crate::copy::triggers("filler"))?;
    }
    Ok(client.run("INSERT INTO filler VALUES (1)")?)
}

/// Writes until the log has switched to another segment; needs a short retention.
pub fn switch(client: &mut Client) -> Outcome {
    let before = current(client)?;
    fill(client)?;
    wait_for("a switch of segments", || {
        client.run("SELECT pgrealtime.prune()")?;
        Ok(current(client)? != before)
    })
}

/// Writes until the segment that is current now has been emptied, so that no earlier cursor is inside the log; needs a short
/// retention.
pub fn leave_behind(client: &mut Client) -> Outcome {
    let segment = current(client)?;
    switch(client)?;
    let waits = format!("SELECT count(*) FROM pgrealtime.log_segment WHERE segment = {segment}");
    wait_for("the segment to be emptied", || {
        client.run("SELECT pgrealtime.prune()")?;
        Ok(client.value(&waits)? == "0")
    })
}
