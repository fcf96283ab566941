//! What a reader hands out: each change as it came, or the net changes of the batch.

use super::Reader;
use crate::change::{Operation, RowOperation};
use crate::error::Result;
use crate::feed::deliver::{By, Chunk, Stopped};
use crate::feed::follow::{unmappable, Delivered};
use crate::feed::net::{net, Net, Touch};
use crate::log::cursor::BatchCursors;
use crate::pg::row::decoded::Decoded;

impl Reader<'_> {
    /// Hands out a change and says how many bytes its message has.
    pub(super) fn hand_out(
        &mut self,
        change: &Delivered,
        cursor: &str,
        put: &mut impl FnMut(&str, Option<&[u8]>),
    ) -> std::result::Result<usize, Stopped> {
        self.write(change)?;
        put(cursor, Some(&self.message));
        Ok(self.message.len())
    }

    fn write(&mut self, change: &Delivered) -> std::result::Result<(), Stopped> {
        self.message.clear();
        self.followed[change.followed]
            .write(change, &mut self.message)
            .map_err(|raised| Stopped {
                followed: change.followed,
                position: change.position,
                by: By::Writing,
                raised,
            })
    }

    /// Net changes are folded before they are written: a change that cannot be written has to be found before, since
    /// the batch goes up to it.
    pub(super) fn end_before_unwritable(&mut self, chunk: &mut Chunk) {
        for (i, change) in chunk.delivered.iter().enumerate() {
            if !self.followed[change.followed].may_raise(change) {
                continue;
            }
            if let Err(stopped) = self.write(change) {
                chunk.delivered.truncate(i);
                let reached = chunk.delivered.last().map_or(0, |last| last.position);
                return chunk.end(reached, stopped);
            }
        }
    }

    /// Hands out the net changes of a batch, those in `(after, reached]`. Each carries the cursor that the batch was
    /// asked with: a client that stops in the middle asks for all of it again.
    pub(super) fn hand_out_net(
        &mut self,
        kept: &[Delivered],
        [after, reached]: [u64; 2],
        cursors: &BatchCursors,
        put: &mut impl FnMut(&str, Option<&[u8]>),
    ) -> Result<()> {
        // A TRUNCATE makes what came before it in its relation pointless.
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
        for (at, net) in nets {
            let last = &kept[at];
            let change = Delivered {
                followed: last.followed,
                operation: net.map_or(Operation::Truncate, |net| net.delivery.into()),
                old: net.and_then(|net| kept[net.old_from?].old.clone()),
                new: net.and_then(|net| kept[net.new_from?].new.clone()),
                position: last.position,
                committed_at: last.committed_at,
            };
            if self.request.wants(change.operation) {
                self.hand_out(&change, &self.request.cursor, put)
                    .map_err(|stopped| {
                        // It could be written a moment ago: no change of the batch can be told from the others.
                        let position = reached;
                        self.stopped(
                            after,
                            cursors,
                            Stopped {
                                position,
                                ..stopped
                            },
                        )
                    })?;
            }
        }
        Ok(())
    }

    /// A net UPDATE over a row that was deleted and put again is two changes where everybody gets the DELETE's key: the
    /// reader may never have seen the deleted row.
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

    /// Which keys a change takes and puts, each with its relation; nothing for a change that does not count.
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
