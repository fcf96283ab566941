//! Turns log entries into what a reader receives: decodes their rows, judges them, and applies the delta rule.

use super::follow::{gap, unmappable, Delivered, Followed};
use super::judge::{Case, Sees, Unjudged};
use super::relation::Rows;
use crate::change::{Operation, RowOperation};
use crate::error::Result;
use crate::log::decode::{Content, Entry};
use crate::pg::backend::subtransaction::Raised;
use crate::pg::judge::policy::Verdict;
use crate::pg::row::decoded::Decoded;
use crate::timestamp::Timestamp;

/// A change of a followed relation.
enum Change<'m> {
    Row {
        operation: RowOperation,
        rows: Rows<'m>,
    },
    Truncate,
}

/// A decoded entry of a followed relation, not yet judged.
pub struct Pending<'m> {
    followed: usize,
    change: Change<'m>,
    position: u64,
    committed_at: Timestamp,
}

/// The result of judging a few entries.
#[derive(Default)]
pub struct Chunk<'m> {
    pub delivered: Vec<Delivered<'m>>,
    /// Position of the last entry that was judged.
    pub reached: u64,
    /// Set if an error ended the chunk early. The change that raised it, and all later ones, are not part of the chunk.
    pub stopped: Option<Stopped>,
}

/// A change for which an error was raised.
pub struct Stopped {
    /// Index of the followed relation.
    pub followed: usize,
    pub position: u64,
    pub by: By,
    pub raised: Raised,
}

/// The code that raised the error.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// A policy or the filter.
    Judging,
    /// A type's cast to json, or its output function.
    Writing,
}

impl Chunk<'_> {
    /// Ends the chunk after the change at `reached`, because of an error.
    pub fn end(&mut self, reached: u64, stopped: Stopped) {
        self.reached = reached;
        self.stopped = Some(stopped);
    }
}

impl<'m> Pending<'m> {
    /// Decodes a committed entry. `None` for a note, since notes are not for readers. Errors: 72000 for a gap, XX001
    /// when the log lacks the entry's layout.
    pub fn new(
        entry: Entry<'m>,
        followed: usize,
        of: &Followed,
        committed_at: Timestamp,
    ) -> Result<Option<Pending<'m>>> {
        let change = match entry.content {
            Content::Row(row) => Change::Row {
                operation: row.operation,
                rows: of.relation.rows(&row)?,
            },
            Content::Truncate => Change::Truncate,
            Content::Gap(cause) => return Err(gap(&of.relation, cause)),
            Content::Note => return Ok(None),
        };
        Ok(Some(Pending {
            followed,
            change,
            position: entry.position,
            committed_at,
        }))
    }

    /// The rows to judge. `None` for a TRUNCATE, which every reader sees.
    fn case(&self) -> Option<Case<'_>> {
        match &self.change {
            Change::Row { operation, rows } => Some(Case {
                rows,
                is_delete: *operation == RowOperation::Delete,
            }),
            Change::Truncate => None,
        }
    }

    /// What a reader receives if it `sees` these rows; `None` for nothing.
    fn delivered(
        self,
        by: &Followed,
        sees: Sees,
        wants: impl Fn(Operation) -> bool,
    ) -> Option<Delivered<'m>> {
        let (operation, old, new) = match self.change {
            Change::Truncate => (Operation::Truncate, None, None),
            Change::Row { operation, rows } => {
                let seen =
                    |row: &Option<Decoded>, verdict| row.is_some() && verdict == Verdict::Seen;
                let sees = [seen(&rows.old, sees.old), seen(&rows.new, sees.new)];
                let delivery = by.shown.delta(&by.relation, operation, &rows, sees)?;
                let Rows { old, new, .. } = rows;
                let old = old.filter(|_| delivery != RowOperation::Insert);
                let new = new.filter(|_| delivery != RowOperation::Delete);
                (delivery.into(), old, new)
            }
        };
        wants(operation).then_some(Delivered {
            followed: self.followed,
            operation,
            old,
            new,
            position: self.position,
            committed_at: self.committed_at,
        })
    }
}

/// The changes that a reader receives from entries. Errors: 72000 for a row that lacks a part of its key, or a value
/// that a policy or the filter needs; those of [`Judge::judge`](super::judge::Judge::judge).
pub fn deliver<'m>(
    followed: &mut [Followed],
    mut pending: Vec<Pending<'m>>,
    wants: &impl Fn(Operation) -> bool,
) -> Result<Chunk<'m>> {
    let mut sees = vec![
        Sees {
            old: Verdict::Seen,
            new: Verdict::Seen
        };
        pending.len()
    ];
    let mut raised: Option<(usize, Raised)> = None;
    for (place, followed) in followed.iter_mut().enumerate() {
        let of_it = pending
            .iter()
            .enumerate()
            .filter(|(_, one)| one.followed == place);
        let (of, cases): (Vec<usize>, Vec<Case>) =
            of_it.filter_map(|(i, one)| Some((i, one.case()?))).unzip();
        match followed.judge.judge(&followed.relation, &cases)? {
            Ok(verdicts) => of
                .iter()
                .zip(verdicts)
                .for_each(|(i, verdict)| sees[*i] = verdict),
            Err(Unjudged::Absent) => return Err(unmappable(&followed.relation)),
            Err(Unjudged::Raised(at, error)) => {
                let first = of[at];
                if raised.as_ref().is_none_or(|(earlier, _)| first < *earlier) {
                    raised = Some((first, error));
                }
            }
        }
    }
    if let Some((at, error)) = raised {
        // The error also discarded the verdicts on earlier entries, so these are judged again.
        let (place, position) = (pending[at].followed, pending[at].position);
        pending.truncate(at);
        let mut chunk = deliver(followed, pending, wants)?;
        chunk.stopped.get_or_insert(Stopped {
            followed: place,
            position,
            by: By::Judging,
            raised: error,
        });
        return Ok(chunk);
    }
    let mut chunk = Chunk::default();
    for (change, sees) in pending.into_iter().zip(sees) {
        chunk.reached = change.position;
        let by = &followed[change.followed];
        if let Some(change) = change.delivered(by, sees, wants) {
            followed[change.followed].check_key(&change)?;
            chunk.delivered.push(change);
        }
    }
    Ok(chunk)
}
