//! Looks at the policies of a relation for many readers: what of them readers share, or why they share nothing.

use super::claims;
use super::columns::Columns;
use super::constants::Evaluator;
use super::pairs::Pairs;
use super::policy::{security_quals, uses};
use super::reading::Reading;
use super::shape::Shape;
use super::sharable::{refusal, Bodies, Stage};
use super::simplify::Simplifier;
use crate::error::Result;
use crate::pg::backend::memory::Memory;
use crate::pg::catalog::columns::text;
use crate::pg::catalog::policies::Uses;
use crate::pg::sys::compat;
use pgrx::pg_sys;
use pgrx::pg_sys::Oid;
use std::rc::Rc;

/// How the policies of a relation are judged for many readers of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// The role sees every row.
    Unrestricted,
    /// By keys, and what is asked besides.
    Shared(Shared),
    /// For each reader by themselves. The reason follows "the policies ".
    Own(String),
}

/// What is asked of Postgres where readers share answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shared {
    /// Whether rows are asked once for all readers.
    pub rows: bool,
    /// Whether pairs of a row and a reader's claims are asked.
    pub pairs: bool,
}

/// What there is where readers share answers.
pub(super) struct Inner {
    pub evaluator: Evaluator,
    pub shape: Shape,
    pub columns: Columns,
    pub pairs: Pairs,
    /// The policies and the constants taken out of them, as trees.
    pub text: Rc<str>,
    /// Owns the statements.
    _memory: Memory,
}

/// What came of looking at the policies.
pub(super) struct Analysis {
    pub way: Way,
    pub inner: Option<Inner>,
    pub uses: Uses,
    pub depends_on: Vec<Oid>,
}

impl Analysis {
    pub(super) fn refused(reason: String) -> Analysis {
        Analysis {
            way: Way::Own(reason),
            inner: None,
            uses: Uses::default(),
            depends_on: Vec::new(),
        }
    }

    /// # Safety
    /// Called in the memory context that the nodes shall live in.
    pub(super) unsafe fn of(relation: Oid, qualified_name: &str, share: bool) -> Result<Analysis> {
        // SAFETY: the policies are conditions over the relation as range-table entry 1.
        unsafe {
            let quals = security_quals(relation, qualified_name)?;
            if quals.is_null() {
                return Ok(Analysis {
                    way: Way::Unrestricted,
                    ..Analysis::refused(String::new())
                });
            }
            if !share {
                return Ok(Analysis::refused(
                    "must not be shared (pgrealtime.share_policies is off)".to_string(),
                ));
            }
            let policy = pg_sys::make_ands_explicit(quals);
            let uses = uses(Some(policy), relation)?;
            let mut bodies = Bodies::default();
            if let Some(reason) = refusal(policy.cast(), Stage::BeforeInlining, &mut bodies) {
                return Ok(Analysis::refused(reason));
            }
            if uses.all {
                return Ok(Analysis::refused("use the row as a whole".to_string()));
            }
            let mut simplifier = Simplifier {
                bodies: &mut bodies,
                refused: None,
            };
            let policy = simplifier.simplify(policy.cast());
            if let Some(reason) = simplifier.refused {
                return Ok(Analysis::refused(reason));
            }
            let mut found = Vec::new();
            let policy = claims::take_out(policy, &mut found);
            if let Some(reason) = refusal(policy, Stage::Inlined, &mut bodies) {
                return Ok(Analysis::refused(reason));
            }
            let (way, inner, depends_on) = Inner::of(relation, policy, &found)?;
            Ok(Analysis {
                depends_on,
                way,
                inner,
                uses,
            })
        }
    }
}

impl Inner {
    /// # Safety
    /// The policy is over the relation as range-table entry 1, with stand-ins for the constants.
    unsafe fn of(
        relation: Oid,
        policy: *mut pg_sys::Node,
        constants: &[*mut pg_sys::Node],
    ) -> Result<(Way, Option<Inner>, Vec<Oid>)> {
        // SAFETY: as promised.
        unsafe {
            let memory = Memory::new();
            let row_type = pg_sys::get_rel_type_id(relation);
            let evaluator = Evaluator::new(constants)?;
            let pairs = Pairs::new(&memory, row_type, policy, &evaluator.forms)?;
            if !compat::may_execute(pairs.statement) {
                let reason = "read what the role may not".to_string();
                return Ok((Way::Own(reason), None, reads([pairs.statement])));
            }
            let nodes = [policy].into_iter().chain(constants.iter().copied());
            let text: String = nodes
                .map(|node| text(pg_sys::nodeToString(node.cast())))
                .collect();
            let mut reading = Reading::default();
            let shape = reading.shape(policy, true);
            let columns = Columns::new(&memory, row_type, &reading.asked, &evaluator.forms)?;
            let way = Way::Shared(Shared {
                rows: !columns.is_empty(),
                pairs: shape.asks(),
            });
            let inner = Inner {
                evaluator,
                shape,
                columns,
                pairs,
                text: text.into(),
                _memory: memory,
            };
            let statements = inner.columns.statements().chain([inner.pairs.statement]);
            let reads = reads(statements);
            Ok((way, Some(inner), reads))
        }
    }
}

/// The relations that statements read.
///
/// # Safety
/// They came from the planner.
unsafe fn reads(statements: impl IntoIterator<Item = *mut pg_sys::PlannedStmt>) -> Vec<Oid> {
    let mut all: Vec<Oid> = statements
        .into_iter()
        // SAFETY: as promised.
        .flat_map(|statement| unsafe {
            let oids = (*statement).relationOids;
            let oids = pgrx::PgList::<Oid>::from_pg(oids);
            oids.iter_oid().collect::<Vec<_>>()
        })
        .collect();
    all.sort_unstable_by_key(|oid| oid.to_u32());
    all.dedup();
    all
}
