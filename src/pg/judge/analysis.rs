//! Looks at the policies of a relation for many readers: what of them readers share, or why they share nothing.

use super::claims;
use super::columns::Columns;
use super::constants::Evaluator;
use super::execute;
use super::opaque::{may_call_all, Marking};
use super::pairs::Pairs;
use super::policy::{security_quals, uses};
use super::reading::Reading;
use super::shape::Shape;
use super::sharable::{Bodies, Stage};
use super::simplify::Simplifier;
use crate::error::Result;
use crate::pg::backend::memory::Memory;
use crate::pg::catalog::columns::text;
use crate::pg::catalog::policies::Uses;
use crate::pg::sys::compat;
use pgrx::pg_sys;
use pgrx::pg_sys::{Node, Oid};
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    /// Whether rows are asked once for all readers.
    pub rows: bool,
    /// Whether pairs of a row and a reader's claims are asked.
    pub pairs: bool,
    /// Why they are asked by each reader's own execution, if they are. The reason follows "the policies ".
    pub own: Option<String>,
}

/// What there is where readers share answers.
pub(super) struct Inner {
    pub evaluator: Evaluator,
    pub shape: Shape,
    pub columns: Columns,
    /// Nothing where pairs are asked by own execution.
    pub pairs: Option<Pairs>,
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
            let original = pg_sys::make_ands_explicit(quals).cast::<Node>();
            let uses = uses(Some(original.cast()), relation)?;
            if uses.all {
                return Ok(Analysis::refused("use the row as a whole".to_string()));
            }
            let simple = match Simple::of(original) {
                Ok(simple) => simple,
                Err(reason) => return Ok(Analysis::refused(reason)),
            };
            let (way, inner, depends_on) = Inner::of(relation, original, simple)?;
            Ok(Analysis {
                depends_on,
                way,
                inner,
                uses,
            })
        }
    }
}

/// A policy without what depends on the reader.
struct Simple {
    /// With stand-ins for the constants, and marks for what cannot be seen through.
    policy: *mut Node,
    constants: Vec<*mut Node>,
    /// Why there are marks.
    own: Option<String>,
}

impl Simple {
    /// Errors: why the policy as a whole must be judged by own execution.
    ///
    /// # Safety
    /// It is an analysed condition.
    unsafe fn of(policy: *mut Node) -> std::result::Result<Simple, String> {
        let mut bodies = Bodies::default();
        let mut own = None;
        let mut marked = |policy: *mut Node, stage: Stage, bodies: &mut Bodies| {
            let mut marking = Marking {
                bodies,
                reason: None,
                leaves_some: false,
                volatile: None,
            };
            // SAFETY: as promised.
            let policy = unsafe { marking.mark(policy, stage) };
            let alone = marking.reason.clone().filter(|_| !marking.leaves_some);
            own = own.take().or(marking.reason);
            match marking.volatile.or(alone) {
                Some(reason) => Err(reason),
                None => Ok(policy),
            }
        };
        // SAFETY: as promised.
        unsafe {
            let policy = marked(policy, Stage::BeforeInlining, &mut bodies)?;
            let mut simplifier = Simplifier {
                bodies: &mut bodies,
                refused: None,
            };
            let policy = simplifier.simplify(policy);
            if let Some(reason) = simplifier.refused {
                return Err(reason);
            }
            let mut constants = Vec::new();
            let policy = claims::take_out(policy, &mut constants);
            let policy = marked(policy, Stage::Inlined, &mut bodies)?;
            Ok(Simple {
                policy,
                constants,
                own,
            })
        }
    }
}

impl Inner {
    /// # Safety
    /// The policy is over the relation as range-table entry 1.
    unsafe fn of(
        relation: Oid,
        original: *mut Node,
        simple: Simple,
    ) -> Result<(Way, Option<Inner>, Vec<Oid>)> {
        // SAFETY: as promised.
        unsafe {
            let memory = Memory::new();
            let row_type = pg_sys::get_rel_type_id(relation);
            let Simple {
                policy,
                constants,
                own,
            } = simple;
            let evaluator = Evaluator::new(&constants)?;
            let (pairs, whole) = match own {
                None => {
                    let pairs = Pairs::new(&memory, row_type, policy, &evaluator.forms)?;
                    let statement = pairs.statement;
                    (Some(pairs), statement)
                }
                Some(_) => (None, execute::over_rows(row_type, original)?),
            };
            let reads_whole = reads([whole]);
            if !compat::may_execute(whole) || own.is_some() && !may_call_all(original) {
                let reason = "use what the role may not".to_string();
                return Ok((Way::Own(reason), None, reads_whole));
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
                own,
            });
            let inner = Inner {
                evaluator,
                shape,
                columns,
                pairs,
                text: text.into(),
                _memory: memory,
            };
            let mut all = reads(inner.columns.statements());
            all.extend(reads_whole);
            Ok((way, Some(inner), all))
        }
    }
}

/// The relations that statements read.
///
/// # Safety
/// They came from the planner.
unsafe fn reads(statements: impl IntoIterator<Item = *mut pg_sys::PlannedStmt>) -> Vec<Oid> {
    statements
        .into_iter()
        // SAFETY: as promised.
        .flat_map(|statement| unsafe {
            let oids = (*statement).relationOids;
            let oids = pgrx::PgList::<Oid>::from_pg(oids);
            oids.iter_oid().collect::<Vec<_>>()
        })
        .collect()
}
