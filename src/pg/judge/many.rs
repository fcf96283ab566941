//! The policies of a relation for many readers of one role: what they ask of a reader is taken out of them, so that
//! the rest is asked once, or answered by keys.

use super::analysis::{Analysis, Inner};
pub use super::analysis::{Shared, Way};
use super::constants::Constants;
use super::facts::Facts;
use super::policy::KEPT_FOR;
use super::sets::Readers;
use super::shape::Values;
use crate::keyed::Condition;
use crate::pg::backend::cache::Kept;
use crate::pg::backend::invalidation::{self, Fresh};
use crate::pg::backend::lock;
use crate::pg::backend::memory::Memory;
use crate::pg::backend::subtransaction::{attempt, Raised};
use crate::pg::catalog::policies::Uses;
use crate::pg::catalog::rowtype::Held;
use crate::pg::row::decoded::Decoded;
use crate::pg::row::record::RowShape;
use pgrx::pg_sys;
use pgrx::pg_sys::Oid;
use pgrx::PgSqlErrorCode;
use std::time::Instant;

/// The policies of a relation for the role and the `row_security` that they were analysed under.
pub struct ManyPolicies {
    way: Way,
    inner: Option<Inner>,
    uses: Uses,
    depends_on: Vec<Oid>,
    fresh: Vec<Fresh>,
    /// When they were analysed; see [`KEPT_FOR`].
    since: Instant,
}

impl ManyPolicies {
    /// Analyses them for the current role, whose claims must not be set. `share`: whether readers may share answers at
    /// all. Whatever goes wrong is left to own execution, which says what it is.
    pub fn new(relation: Oid, qualified_name: &str, share: bool) -> ManyPolicies {
        let _held = Held::new(relation);
        let mut fresh = vec![
            invalidation::watch(relation),
            invalidation::watch_catalogs(),
        ];
        let scratch = Memory::new();
        // SAFETY: analysed, rewritten and planned as for a statement of the current role; the nodes live in `scratch`.
        let made =
            attempt(|| unsafe { scratch.within(|| Analysis::of(relation, qualified_name, share)) });
        let made = made.unwrap_or_else(|raised| {
            Analysis::refused(format!(
                "raise an error when they are looked at: {}",
                raised.message
            ))
        });
        fresh.extend(made.depends_on.iter().map(|oid| invalidation::watch(*oid)));
        ManyPolicies {
            way: made.way,
            inner: made.inner,
            uses: made.uses,
            depends_on: made.depends_on,
            fresh,
            since: Instant::now(),
        }
    }

    pub fn way(&self) -> &Way {
        &self.way
    }

    /// Whether conditions and constants that the others made hold under these, too: they were made anew, and are the
    /// same.
    pub fn is_like(&self, other: &ManyPolicies) -> bool {
        let text =
            |policies: &ManyPolicies| policies.inner.as_ref().map(|inner| inner.text.clone());
        self.way == other.way && text(self) == text(other)
    }

    /// The columns that the policies read.
    pub fn uses(&self) -> &Uses {
        &self.uses
    }

    /// Whether they still are the same, checked under locks as `Compiled::lock_and_check` does.
    pub fn lock_and_check(&self) -> bool {
        for relation in &self.depends_on {
            lock::take(*relation, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
        }
        self.is_fresh()
    }

    /// The constants of the reader whose claims are set. Errors: what working them out raises; this reader's rows are
    /// judged by own execution then.
    pub fn constants(&self) -> std::result::Result<Constants, Raised> {
        match &self.inner {
            Some(inner) => inner.evaluator.evaluate(),
            None => Ok(Constants::default()),
        }
    }

    /// The condition under which a reader sees a row, as far as keys can tell.
    pub fn condition(&self, constants: &Constants) -> Condition {
        let Some(inner) = &self.inner else {
            return match self.way {
                Way::Unrestricted => Condition::And(Vec::new()),
                _ => Condition::Other,
            };
        };
        let scratch = Memory::new();
        // SAFETY: the constants were worked out by these policies.
        scratch.within(|| unsafe {
            let values = Values::new(&inner.evaluator.forms, constants);
            inner.shape.condition(&values)
        })
    }

    /// What the rows have in the columns with negative numbers. Called for each batch, before its rows are matched.
    /// Errors: those of the policies; the batch is judged by own execution then.
    pub fn facts(
        &self,
        shape: &RowShape,
        rows: &[&Decoded],
        readers: &Readers,
    ) -> std::result::Result<Vec<Facts>, Raised> {
        let inner = self
            .inner
            .as_ref()
            .filter(|inner| !inner.columns.is_empty());
        let Some(inner) = inner.filter(|_| !rows.is_empty()) else {
            return Ok(vec![Facts::default(); rows.len()]);
        };
        let forms = &inner.evaluator.forms;
        let scratch = Memory::new();
        // SAFETY: the rows have the shape's columns, which are the relation's.
        attempt(|| unsafe {
            scratch.within(|| Ok(inner.columns.answers(shape, rows, forms, readers)))
        })
    }

    /// Whether readers with these constants see rows, for pairs of places in `rows` and in `readers`. Errors: those of
    /// the policies; the batch is judged by own execution then.
    pub fn verdicts(
        &self,
        shape: &RowShape,
        rows: &[&Decoded],
        readers: &[&Constants],
        pairs: &[(u32, u32)],
    ) -> std::result::Result<Vec<bool>, Raised> {
        let Some(inner) = &self.inner else {
            let seen = self.way == Way::Unrestricted;
            return Ok(vec![seen; pairs.len()]);
        };
        if pairs.is_empty() {
            return Ok(Vec::new());
        }
        let Some(asking) = &inner.pairs else {
            return Err(Raised {
                sqlstate: PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED.into(),
                message: "the policies can only be judged by own execution".to_string(),
                hint: None,
            });
        };
        let forms = &inner.evaluator.forms;
        let scratch = Memory::new();
        // SAFETY: as above; the constants were worked out by these policies.
        attempt(|| unsafe {
            scratch.within(|| {
                let values: Vec<_> = readers.iter().map(|one| one.values(forms)).collect();
                Ok(asking.verdicts(shape, rows, &values, pairs))
            })
        })
    }
}

impl Kept for ManyPolicies {
    fn is_fresh(&self) -> bool {
        self.since.elapsed() < KEPT_FOR && self.fresh.iter().all(Fresh::get)
    }
}
