//! Delivers the changes of a batch: each change as it was captured, or the net changes.

use super::Reader;
use crate::change::{Operation, RowOperation};
use crate::error::Result;
use crate::feed::deliver::{By, Chunk, Stopped};
use crate::feed::follow::{unmappable, Delivered};
use crate::feed::net::{net, Net, Touch};
use crate::log::cursor::BatchCursors;
use crate::pg::row::decoded::Decoded;

impl Reader<'_> {
    /// Delivers the first of some changes, and returns the size of its message; the others are written ahead. Errors:
    /// whatever is raised while the message is written.
    pub(super) fn hand_out(
        &mut self,
        changes: &[Delivered],
        cursor: &str,
        put: &mut impl FnMut(&str, Option<&[u8]>),
    ) -> std::result::Result<usize, Stopped> {
        let message = self.write(changes)?;
        put(cursor, Some(message));
        Ok(message.len())
    }

    fn write(&mut self, changes: &[Delivered]) -> std::result::Result<&[u8], Stopped> {
        let followed = &self.followed;
        let write = |change: &Delivered, out: &mut Vec<u8>| {
            followed[change.followed].write(change, out);
            Ok(())
        };
        self.ahead.next(changes, write).map_err(|raised| Stopped {
            followed: changes[0].followed,
            position: changes[0].position,
            by: By::Writing,
            raised,
        })
    }

    /// Ends the chunk before the first change that cannot be written. Net changes are written only after the batch has
    /// been read, which is too late to end the batch there.
    pub(super) fn end_before_unwritable(&mut self, chunk: &mut Chunk) {
        for (i, change) in chunk.delivered.iter().enumerate() {
            if !self.followed[change.followed].may_raise(change) {
                continue;
            }
            if let Err(stopped) = self.write(std::slice::from_ref(change)) {
                chunk.delivered.truncate(i);
                let reached = chunk.delivered.last().map_or(0, |last| last.position);
                return chunk.end(reached, stopped);
            }
        }
    }

    /// Delivers the net changes of a batch, of the changes in `(after, reached]`. Each row carries the request's
    /// cursor: a client that stops in the middle reads the whole batch again. Errors: 72000 for a change without its
    /// key; the error of a cast or an output function.
    pub(super) fn hand_out_net(
        &mut self,
        kept: &[Delivered],
        [after, reached]: [u64; 2],
        cursors: &BatchCursors,
        put: &mut impl FnMut(&str, Option<&[u8]>),
    ) -> Result<()> {
        // A TRUNCATE makes all earlier changes of its relation irrelevant.
        let mut truncated: Vec<Option<usize>> = vec![None; self.followed.len()];
        for (i, change) in kept.iter().enumerate() {
            if change.operation == Operation::Truncate {
                truncated[change.followed] = Some(i);
            }
        }
        let mut touches = Vec::with_capacity(kept.len());
        for (i, change) in kept.iter().enumerate() {
            let counts = truncated[change.followed].is_none_or(|at| i > at);
            touches.push(self.touch(change, counts)?);
        }
        let mut nets: Vec<(usize, Option<_>)> = truncated
            .into_iter()
            .flatten()
            .map(|at| (at, None))
            .collect();
        for net in net(touches) {
            let apart = self.apart(kept, net);
            nets.extend(apart.into_iter().flatten().map(|net| (net.at, Some(net))));
        }
        nets.sort_by_key(|(at, _)| *at);
        let of_net = |(at, net): (usize, Option<Net>)| {
            let last = &kept[at];
            Delivered {
                followed: last.followed,
                operation: net.map_or(Operation::Truncate, |net| net.delivery.into()),
                old: net.and_then(|net| kept[net.old_from?].old.clone()),
                new: net.and_then(|net| kept[net.new_from?].new.clone()),
                position: last.position,
                committed_at: last.committed_at,
            }
        };
        let mut changes: Vec<Delivered> = nets.into_iter().map(of_net).collect();
        changes.retain(|change| self.request.wants(change.operation));
        self.ahead.clear();
        for at in 0..changes.len() {
            self.hand_out(&changes[at..], &self.request.cursor, put)
                .map_err(|stopped| {
                    // Each change could be written when it was checked, so none of them can be blamed. skip_cursor
                    // skips the whole batch.
                    let position = reached;
                    let stopped = Stopped {
                        position,
                        ..stopped
                    };
                    self.stopped(after, cursors, stopped)
                })?;
        }
        Ok(())
    }

    /// With `deletes => 'key'`, a row that was deleted and inserted again is delivered as a DELETE and an INSERT, not
    /// as an UPDATE: the reader may never have seen the deleted row.
    fn apart(&self, kept: &[Delivered], net: Net) -> [Option<Net>; 2] {
        let deleted = net.old_from.map(|from| &kept[from]).is_some_and(|from| {
            from.operation == Operation::Delete
                && self.followed[from.followed].relation.deletes_by_key
        });
        if net.delivery != RowOperation::Update || !deleted {
            return [Some(net), None];
        }
        let delete = Net {
            delivery: RowOperation::Delete,
            new_from: None,
            ..net
        };
        let insert = Net {
            delivery: RowOperation::Insert,
            old_from: None,
            ..net
        };
        [Some(delete), Some(insert)]
    }

    /// The keys that a change removes and adds, each with its relation; none for a change that does not count. Errors:
    /// 72000 for a change without its key.
    fn touch(&self, change: &Delivered, counts: bool) -> Result<Touch<(usize, Vec<u8>)>> {
        let relation = &self.followed[change.followed].relation;
        let key = |row: &Option<Decoded>| match row {
            Some(row) if counts => relation
                .identity(row)
                .map(|key| Some((change.followed, key)))
                .ok_or_else(|| unmappable(relation)),
            _ => Ok(None),
        };
        Ok(Touch {
            old: key(&change.old)?,
            new: key(&change.new)?,
        })
    }
}
