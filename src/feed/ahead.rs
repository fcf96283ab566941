//! Messages that are written ahead, so that an error of one can be told apart from an error of the call.

use crate::pg::backend::subtransaction::{attempt, Raised};
use std::collections::VecDeque;
use std::ops::Range;

/// Bytes that are written ahead.
const ENOUGH: usize = 64 * 1024;

/// Messages that were written and not yet taken.
#[derive(Default)]
pub struct Ahead {
    bytes: Vec<u8>,
    ready: VecDeque<Range<usize>>,
}

impl Ahead {
    /// The next message; more are written if none is left. `rest` are those that were not yet taken, of which this is the
    /// first. Errors: what writing it raises. The next call goes on with the message behind it.
    pub fn next<T>(
        &mut self,
        rest: impl IntoIterator<Item = T>,
        mut write: impl FnMut(T, &mut Vec<u8>) -> Result<(), Raised>,
    ) -> Result<&[u8], Raised> {
        if self.ready.is_empty() {
            let (bytes, ready) = (&mut self.bytes, &mut self.ready);
            bytes.clear();
            let mut refused = None;
            let written = attempt(|| {
                for one in rest {
                    let from = bytes.len();
                    if from >= ENOUGH {
                        break;
                    }
                    if let Err(raised) = write(one, bytes) {
                        refused = Some(raised);
                        break;
                    }
                    ready.push_back(from..bytes.len());
                }
                Ok(())
            });
            if let (true, Some(raised)) = (ready.is_empty(), written.err().or(refused)) {
                return Err(raised);
            }
        }
        let next = self.ready.pop_front().unwrap_or_default();
        Ok(&self.bytes[next])
    }

    /// Forgets what was written.
    pub fn clear(&mut self) {
        self.ready.clear();
    }
}
