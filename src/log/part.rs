//! Which part of the log a reader reads next when it is to stop at another cursor; pure.

use super::cursor::{Batch, Cursor, Origin, Watermark};
use super::snapshot::Snapshot;

/// The entries between two watermarks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub from: Watermark,
    pub to: Watermark,
    /// Position of the last entry of it that was read; 0 if none was.
    pub after: u64,
    /// Position of the last entry of it that is to be read, where that is not the end.
    pub last: Option<u64>,
}

/// Both cursors are in the middle of a batch, and the batches overlap. No cursor can say where the reader is then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overlap;

impl Part {
    fn whole(from: &Watermark, to: &Watermark) -> Part {
        Part {
            from: from.clone(),
            to: to.clone(),
            after: 0,
            last: None,
        }
    }

    /// The next part of what `until` has seen and the reader has not. `None` when the reader has seen it all. A reader has
    /// seen nothing beyond `until`, or it is left out of its cursor where there is no other way: nothing is lost by that.
    pub fn until(cursor: &Cursor, until: &Cursor) -> Result<Option<Part>, Overlap> {
        let from = &cursor.from;
        if from.snapshot.covers(&until.last().snapshot) {
            return Ok(None);
        }
        let Some(batch) = &cursor.batch else {
            return Ok(Some(match &until.batch {
                Some(last) if from.snapshot.covers(&until.from.snapshot) => Part {
                    last: Some(last.position),
                    ..Part::whole(from, &last.to)
                },
                _ => Part::whole(from, &until.from),
            }));
        };
        let rest = Part {
            after: batch.position,
            ..Part::whole(from, &batch.to)
        };
        match &until.batch {
            Some(last) if last.to == batch.to && from.snapshot.covers(&until.from.snapshot) => {
                Ok((last.position > batch.position).then_some(Part {
                    last: Some(last.position),
                    ..rest
                }))
            }
            _ if until.from.snapshot.covers(&batch.to.snapshot) => Ok(Some(rest)),
            Some(_) => Err(Overlap),
            None => Ok(Some(Part {
                to: seen_by_both(&batch.to, &until.from),
                ..rest
            })),
        }
    }

    /// The cursor of a reader that has read it up to a position; all of it for `None`.
    pub fn at(&self, origin: Origin, position: Option<u64>) -> Cursor {
        let Some(position) = position else {
            return self.end(origin);
        };
        Cursor {
            origin,
            from: self.from.clone(),
            batch: Some(Batch {
                to: self.to.clone(),
                position,
            }),
        }
    }

    /// The cursor of a reader that has read all of it.
    pub fn end(&self, origin: Origin) -> Cursor {
        if self.last.is_some() {
            return self.at(origin, self.last);
        }
        let from = if self.to.snapshot.covers(&self.from.snapshot) {
            self.to.clone()
        } else {
            seen_by_either(&self.from, &self.to)
        };
        Cursor {
            origin,
            from,
            batch: None,
        }
    }
}

/// The watermark that counts as finished what both do. An entry that it has not seen is found as from the watermark
/// that has not seen it: at or after the lower position, listed, or begun before the higher id.
fn seen_by_both(one: &Watermark, other: &Watermark) -> Watermark {
    let xmax = one.snapshot.xmax().min(other.snapshot.xmax());
    let listed = [one, other].map(|mark| mark.snapshot.in_progress());
    Watermark {
        snapshot: Snapshot::new(xmax, listed.concat()),
        lsn: one.lsn.min(other.lsn),
        next_xid: one.next_xid.max(other.next_xid),
    }
}

/// The watermark that counts as finished what one of them does. Standbys and primaries list different ids, so that
/// neither of two snapshots may cover the other. What neither has finished began before the later of the two positions
/// only if the watermark with that position lists it, or had not yet counted its id: its entries are found. A lower
/// position would say that the reader has come less far than it has: another server would take its cursor too early.
fn seen_by_either(one: &Watermark, other: &Watermark) -> Watermark {
    let (one_has, other_has) = (&one.snapshot, &other.snapshot);
    let listed = [one_has, other_has].map(|snapshot| snapshot.in_progress());
    let mut unfinished = listed.concat();
    unfinished.retain(|xid| !one_has.finished(*xid) && !other_has.finished(*xid));
    let xmax = one_has.xmax().max(other_has.xmax());
    Watermark {
        snapshot: Snapshot::new(xmax, unfinished),
        lsn: one.lsn.max(other.lsn),
        next_xid: one.next_xid.max(other.next_xid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An entry of a log: the transaction and the position.
    type Entry = (u64, u64);

    /// What a server did, and the watermarks that were taken meanwhile.
    #[derive(Debug, Default)]
    struct History {
        entries: Vec<Entry>,
        running: Vec<u64>,
        /// The transactions that have ended, and the position of that.
        ended: Vec<Entry>,
        next_xid: u64,
        marks: Vec<Watermark>,
    }

    impl History {
        fn play(steps: &[(u8, u8)]) -> History {
            let mut history = History {
                next_xid: 10,
                ..History::default()
            };
            for (kind, choice) in steps {
                let chosen = |of: &[u64]| usize::from(*choice) % of.len().max(1);
                let place = chosen(&history.running);
                match kind {
                    0 | 1 => {
                        history.running.push(history.next_xid);
                        history.next_xid += 1;
                    }
                    2..=5 if !history.running.is_empty() => {
                        let position = 100 + 10 * history.entries.len() as u64;
                        history.entries.push((history.running[place], position));
                    }
                    6 | 7 if !history.running.is_empty() => {
                        let xid = history.running.remove(place);
                        let at = 100 + 10 * history.entries.len() as u64;
                        history.ended.push((xid, at));
                    }
                    _ => history.mark(u64::from(*choice)),
                }
            }
            history.mark(0);
            history
        }

        /// As a primary does, or as a standby does that still lists ids which have written nothing.
        fn mark(&mut self, choice: u64) {
            let mut listed = self.running.clone();
            let wrote = |xid: &u64| self.entries.iter().any(|(of, _)| of == xid);
            listed.extend(
                (10..self.next_xid).filter(|xid| (choice >> (xid % 8)) & 1 == 1 && !wrote(xid)),
            );
            self.marks.push(Watermark {
                snapshot: Snapshot::new(self.next_xid, listed),
                lsn: 100 + 10 * self.entries.len() as u64,
                next_xid: self.next_xid,
            });
        }

        /// A cursor at a watermark, or in the middle of the batch from there to another.
        fn cursor(&self, (from, to, position): (u8, Option<u8>, u8)) -> Cursor {
            let mark = |choice: u8| usize::from(choice) % self.marks.len();
            let from = mark(from);
            let batch = to.map(mark).filter(|to| *to > from).and_then(|to| {
                let to = self.marks[to].clone();
                let part = Part::whole(&self.marks[from], &to);
                let entries = self.of(&part);
                let (_, position) = entries.get(usize::from(position) % entries.len().max(1))?;
                Some(Batch {
                    to,
                    position: *position,
                })
            });
            Cursor {
                origin: Origin::default(),
                from: self.marks[from].clone(),
                batch,
            }
        }

        fn of(&self, part: &Part) -> Vec<Entry> {
            let (from, to) = (&part.from, &part.to);
            let is_of = |(xid, position): &Entry| {
                to.snapshot.finished(*xid)
                    && !from.snapshot.finished(*xid)
                    && *position > part.after
                    && part.last.is_none_or(|last| *position <= last)
            };
            self.entries.iter().copied().filter(is_of).collect()
        }

        fn seen(&self, cursor: &Cursor) -> Vec<Entry> {
            let has = |(xid, position): &Entry| {
                let in_batch =
                    |batch: &Batch| batch.to.snapshot.finished(*xid) && *position <= batch.position;
                cursor.from.snapshot.finished(*xid) || cursor.batch.as_ref().is_some_and(in_batch)
            };
            self.entries.iter().copied().filter(has).collect()
        }
    }

    /// Where the log is looked at for a part (`log::read`).
    fn is_found(part: &Part, (xid, position): &Entry) -> bool {
        let from = &part.from;
        let begun = from.snapshot.xmax()..from.next_xid.min(part.to.snapshot.xmax());
        *position < part.to.lsn
            && (*position >= from.lsn
                || from.snapshot.in_progress().contains(xid)
                || begun.contains(xid))
    }

    fn minus(all: &[Entry], some: &[Entry]) -> Vec<Entry> {
        let all = all.iter().copied();
        all.filter(|entry| !some.contains(entry)).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn a_reader_gets_what_until_has_seen_once_and_loses_nothing(
            steps in prop::collection::vec((0u8..10, any::<u8>()), 4..60),
            cursor in (any::<u8>(), prop::option::of(any::<u8>()), any::<u8>()),
            until in (any::<u8>(), prop::option::of(any::<u8>()), any::<u8>()),
            batch in 1usize..6,
        ) {
            let history = History::play(&steps);
            let (first, until) = (history.cursor(cursor), history.cursor(until));
            let mut cursor = first.clone();
            let mut got: Vec<Entry> = Vec::new();
            loop {
                let part = match Part::until(&cursor, &until) {
                    Ok(Some(part)) => part,
                    Ok(None) => break,
                    Err(Overlap) => {
                        prop_assert!(first.batch.is_some() && until.batch.is_some() && got.is_empty());
                        return Ok(());
                    }
                };
                let mut entries = history.of(&part);
                prop_assert!(entries.iter().all(|entry| is_found(&part, entry)));
                let next = if entries.len() > batch {
                    entries.truncate(batch);
                    let position = entries[batch - 1].1;
                    part.at(first.origin, Some(position))
                } else {
                    part.end(first.origin)
                };
                prop_assert_ne!(&next, &cursor, "no way forward");
                cursor = next;
                got.append(&mut entries);
                // Nobody takes the cursor who does not have what it has seen.
                let (from, last) = (&cursor.from, cursor.last());
                let furthest = from.lsn.max(last.lsn);
                for (xid, at) in &history.ended {
                    let seen = from.snapshot.finished(*xid) || last.snapshot.finished(*xid);
                    prop_assert!(!seen || furthest >= *at, "{} has ended at {}, cursor at {}", xid, at, furthest);
                }
                // Whoever goes on from here without `until` loses nothing.
                let had = [history.seen(&first), got.clone()].concat();
                prop_assert_eq!(minus(&history.seen(&cursor), &had), Vec::new());
            }
            let mut sorted = got.clone();
            sorted.sort_unstable();
            let mut expected = minus(&history.seen(&until), &history.seen(&first));
            expected.sort_unstable();
            prop_assert_eq!(sorted, expected);
        }
    }
}
