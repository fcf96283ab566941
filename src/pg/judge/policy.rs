//! Row level security for images: the conditions that Postgres itself would add to a SELECT, compiled over an array of
//! rows instead of the relation.

use super::bound;
use super::conjuncts::{self, Gathered};
use super::folding;
pub(in crate::pg) use super::quals::analyze;
use super::quals::insert_checks;
pub(super) use super::quals::{cstring, security_quals, unexpected};
use crate::error::{report, Error, Result};
use crate::pg::backend::cache::Kept;
use crate::pg::backend::invalidation;
use crate::pg::backend::invalidation::Fresh;
use crate::pg::backend::lock;
use crate::pg::backend::memory::Memory;
use crate::pg::backend::subtransaction::attempt;
use crate::pg::catalog::policies::Uses;
use crate::pg::catalog::rowtype::Held;
use pg_sys::Oid;
use pgrx::{pg_sys, PgList};
use std::ffi::CStr;
use std::time::{Duration, Instant};

/// The verdict on a row. The compiled statement returns these numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No policy lets the role see it, or one hides it.
    Hidden,
    /// The role sees the row, but the filter does not hold.
    Filtered,
    Seen,
}

impl Verdict {
    pub(in crate::pg) fn from_number(number: i32) -> Verdict {
        match number {
            0 => Verdict::Hidden,
            1 => Verdict::Filtered,
            _ => Verdict::Seen,
        }
    }
}

/// A statement over `$1`, an array of rows of the relation, that returns one verdict per row. Policies run before the
/// filter, so that a row that is hidden from the role never reaches a function of the filter.
pub struct Compiled {
    pub(in crate::pg) statement: *mut pg_sys::PlannedStmt,
    pub(in crate::pg) row_type: Oid,
    pub(in crate::pg) array_type: Oid,
    /// The columns that the policies read.
    pub policy_uses: Uses,
    /// The columns that the condition reads.
    pub condition_uses: Uses,
    /// It holds only in the call that compiled it: results of users' functions may have become part of it.
    pub is_of_call: bool,
    /// How many conditions the policies are that a SELECT evaluates one by one.
    pub(super) conjuncts: usize,
    depends_on: Vec<Oid>,
    fresh: Vec<Fresh>,
    /// When it was compiled, if that may matter.
    since: Option<Instant>,
    _memory: Memory,
}

/// How long something is kept that was compiled from bodies of SQL functions. Literals in them such as 'now' and 'today'
/// are read when a body is compiled, and a SELECT compiles it each time.
pub(in crate::pg) const KEPT_FOR: Duration = Duration::from_secs(1);

/// Which policies apply, and to the relation of which name.
enum Policies<'a> {
    None,
    /// For rows that lack these columns: what they let through at most.
    Select(&'a str, &'a [i16]),
    Insert(&'a str),
}

impl Compiled {
    /// Compiles for the current role and `row_security`. `condition` is an analysed condition over the relation, as
    /// text (`filter::condition::Condition::tree`). It resolves no names, so the role needs no right to use them.
    /// `None` when the role sees every row and there is no condition. Errors: Postgres's own for a policy that cannot
    /// be applied (42501 under `row_security = off`); 0A000 for a policy on a system column.
    pub fn new(
        relation: Oid,
        qualified_name: &str,
        condition: Option<&str>,
    ) -> Result<Option<Compiled>> {
        Compiled::make(relation, Policies::Select(qualified_name, &[]), condition)
    }

    /// Compiles the policies for rows that lack these columns: it hides only those that are hidden whatever the values
    /// are. `None` when the role sees every row. Errors: as [`Compiled::new`].
    pub fn without(
        relation: Oid,
        qualified_name: &str,
        lacking: &[i16],
    ) -> Result<Option<Compiled>> {
        Compiled::make(relation, Policies::Select(qualified_name, lacking), None)
    }

    /// Compiles the conditions on rows that the current role inserts. `None` when it may insert any row. Errors: as
    /// [`Compiled::new`].
    pub fn of_insert(relation: Oid, qualified_name: &str) -> Result<Option<Compiled>> {
        Compiled::make(relation, Policies::Insert(qualified_name), None)
    }

    /// Compiles a condition alone, without any policy.
    pub fn of_condition(relation: Oid, condition: &str) -> Result<Option<Compiled>> {
        Compiled::make(relation, Policies::None, Some(condition))
    }

    fn make(
        relation: Oid,
        policies: Policies,
        condition: Option<&str>,
    ) -> Result<Option<Compiled>> {
        let _held = Held::new(relation);
        let mut fresh = vec![
            invalidation::watch(relation),
            invalidation::watch_catalogs(),
        ];
        let memory = Memory::new();
        let scratch = Memory::new();
        // SAFETY: parsing, rewriting and planning as Postgres does for a statement of the current role; the nodes live
        // in `scratch`, the plan is copied into `memory`.
        unsafe {
            let row_type = pg_sys::get_rel_type_id(relation);
            let array_type = pg_sys::get_array_type(row_type);
            let planned = scratch.within(|| {
                let quals = match policies {
                    Policies::Select(name, lacking) => {
                        let quals = security_quals(relation, name)?;
                        match lacking {
                            [] => quals,
                            lacking => bound::of_quals(quals, lacking),
                        }
                    }
                    Policies::Insert(name) => insert_checks(relation, name)?,
                    Policies::None => std::ptr::null_mut(),
                };
                if quals.is_null() && condition.is_none() {
                    return Ok(None);
                }
                let over_rows = Over {
                    array_type,
                    quals,
                    reads: matches!(policies, Policies::Select(..)),
                    condition,
                };
                over_rows.plan(relation).map(Some)
            })?;
            let Some(Planned {
                statement: planned,
                is_of_call,
                conjuncts,
                uses: [policy_uses, condition_uses],
            }) = planned
            else {
                return Ok(None);
            };
            let statement = memory
                .within(|| pg_sys::copyObjectImpl(planned.cast()).cast::<pg_sys::PlannedStmt>());
            let depends_on: Vec<Oid> = PgList::<Oid>::from_pg((*statement).relationOids)
                .iter_oid()
                .collect();
            fresh.extend(depends_on.iter().map(|oid| invalidation::watch(*oid)));
            Ok(Some(Compiled {
                statement,
                row_type,
                array_type,
                policy_uses,
                condition_uses,
                is_of_call,
                conjuncts,
                depends_on,
                fresh,
                // Functions and types, besides relations, that the plan was made of (setrefs.c): among them those whose
                // bodies are in it.
                since: (!(*statement).invalItems.is_null()).then(Instant::now),
                _memory: memory,
            }))
        }
    }

    /// Whether the statement still means the same. Checked under locks on everything that it reads; like PlanCache, it
    /// must take these before it uses a plan again (plancache.c, AcquireExecutorLocks).
    pub fn lock_and_check(&self) -> bool {
        // The flag of a dropped relation has been cleared.
        for relation in &self.depends_on {
            lock::take(*relation, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
        }
        self.is_fresh()
    }
}

impl Kept for Compiled {
    fn is_fresh(&self) -> bool {
        let is_young = self.since.is_none_or(|since| since.elapsed() < KEPT_FOR);
        is_young && self.fresh.iter().all(Fresh::get)
    }
}

/// The conditions over the rows.
struct Over<'a> {
    array_type: Oid,
    quals: *mut pg_sys::List,
    /// Whether they are those of a SELECT. An INSERT evaluates its own in their order.
    reads: bool,
    condition: Option<&'a str>,
}

/// Where the policies are in a query.
enum Place {
    /// They are conditions of the scan, as in a SELECT, for [`conjuncts::gather`].
    Scan,
    /// In the place of $2, as they are written.
    Case,
    /// No row passes them.
    Nowhere,
}

/// A planned statement, and the columns that policies and condition read.
struct Planned {
    statement: *mut pg_sys::PlannedStmt,
    is_of_call: bool,
    conjuncts: usize,
    uses: [Uses; 2],
}

/// A verdict for each row: $2 stands for the policies, and $3 for the filter.
const VERDICTS: &str =
    "SELECT CASE WHEN $2 THEN CASE WHEN $3 THEN 2 ELSE 1 END ELSE 0 END FROM pg_catalog.unnest($1)";

impl Over<'_> {
    /// # Safety
    /// Called in the context that the nodes live in. `quals` are conditions over the relation as range-table entry 1.
    unsafe fn plan(&self, relation: Oid) -> Result<Planned> {
        // SAFETY: as promised by the caller.
        unsafe {
            let policy = (!self.quals.is_null()).then(|| pg_sys::make_ands_explicit(self.quals));
            let uses = [uses(policy, relation)?, uses(self.condition()?, relation)?];
            let mut conjuncts = 0;
            let scan = (self.reads && policy.is_some()).then(|| {
                // The planner runs stable functions to estimate a scan. What they raise is raised by the rows, then.
                let planned = match attempt(|| self.planned(Place::Scan)) {
                    Ok(planned) => Some(planned),
                    Err(raised) if raised.is_of_moment() => {
                        raised.raise("the policies cannot be planned now")
                    }
                    Err(_) => None,
                };
                planned.map(|planned| (planned, conjuncts::gather(planned.0)))
            });
            // The claims of one reader may be why. What is made without the planner's order is not kept for others.
            let has_raised = matches!(scan, Some(None));
            let (statement, is_of_call) = match scan.flatten() {
                Some((planned, Gathered::Moved(number))) => {
                    conjuncts = number;
                    planned
                }
                Some(((gated, is_of_call), Gathered::NoRow)) => {
                    let (statement, _) = self.planned(Place::Nowhere)?;
                    // What made the planner find that no row passes may change.
                    (*statement).relationOids = (*gated).relationOids;
                    (*statement).invalItems = (*gated).invalItems;
                    (statement, is_of_call)
                }
                _ => self.planned(Place::Case)?,
            };
            Ok(Planned {
                statement,
                is_of_call: is_of_call || has_raised,
                conjuncts,
                uses,
            })
        }
    }

    /// The filter.
    ///
    /// # Safety
    /// As [`Over::plan`].
    unsafe fn condition(&self) -> Result<Option<*mut pg_sys::Expr>> {
        self.condition
            .map(|tree| {
                let tree = cstring(tree)?;
                // SAFETY: it is an analysed condition, as text.
                Ok(unsafe { pg_sys::stringToNode(tree.as_ptr()).cast() })
            })
            .transpose()
    }

    /// # Safety
    /// As [`Over::plan`].
    unsafe fn planned(&self, policies: Place) -> Result<(*mut pg_sys::PlannedStmt, bool)> {
        // SAFETY: the planner may write to what it is given, so it gets copies; the query has one range table entry.
        unsafe {
            let parameters = [self.array_type, pg_sys::BOOLOID, pg_sys::BOOLOID];
            let query = analyze(VERDICTS, &parameters)?;
            let quals = pg_sys::copyObjectImpl(self.quals.cast()).cast::<pg_sys::List>();
            let [first, filter] = branches(query)?;
            let condition = self.condition()?;
            (*filter).expr = condition.unwrap_or_else(|| pg_sys::makeBoolConst(true, false).cast());
            match policies {
                Place::Scan => {
                    let table = PgList::<pg_sys::RangeTblEntry>::from_pg((*query).rtable);
                    (*table.get_ptr(0).ok_or_else(unexpected)?).securityQuals = quals;
                }
                Place::Case => (*first).expr = pg_sys::make_ands_explicit(quals),
                Place::Nowhere => (*first).expr = pg_sys::makeBoolConst(false, false).cast(),
            }
            // It is not known here whether there are sub-selects; planning looks for them only where this is set.
            (*query).hasSubLinks = true;
            let text = cstring(VERDICTS)?;
            Ok(folding::plan(|| {
                pg_sys::pg_plan_query(query, text.as_ptr(), 0, std::ptr::null_mut())
            }))
        }
    }
}

/// The WHENs of [`VERDICTS`].
///
/// # Safety
/// The query came from that text.
unsafe fn branches(query: *mut pg_sys::Query) -> Result<[*mut pg_sys::CaseWhen; 2]> {
    // SAFETY: the text has one target, a CASE within a CASE; each node is checked before it is taken for what it
    // should be.
    unsafe {
        let targets = PgList::<pg_sys::TargetEntry>::from_pg((*query).targetList);
        let branch = |node: *mut pg_sys::Expr| {
            if (*node).type_ != pg_sys::NodeTag::T_CaseExpr {
                return Err(unexpected());
            }
            let branches =
                PgList::<pg_sys::CaseWhen>::from_pg((*node.cast::<pg_sys::CaseExpr>()).args);
            let branch = branches.get_ptr(0).ok_or_else(unexpected)?;
            match (*(*branch).expr).type_ {
                pg_sys::NodeTag::T_Param => Ok(branch),
                _ => Err(unexpected()),
            }
        };
        let policies = branch((*targets.get_ptr(0).ok_or_else(unexpected)?).expr)?;
        Ok([policies, branch((*policies).result)?])
    }
}

/// The columns of the rows that an expression reads, also in sub-selects.
///
/// # Safety
/// The expression is over range-table entry 1.
pub(super) unsafe fn uses(expression: Option<*mut pg_sys::Expr>, relation: Oid) -> Result<Uses> {
    let mut uses = Uses::default();
    let Some(node) = expression else {
        return Ok(uses);
    };
    // SAFETY: the function returns Var nodes.
    unsafe {
        let variables = PgList::<pg_sys::Var>::from_pg(pg_sys::pull_vars_of_level(node.cast(), 0));
        for variable in variables.iter_ptr() {
            match (*variable).varattno {
                0 => uses.all = true,
                column if column > 0 => uses.columns.push(column),
                _ => return Err(system_column(relation)),
            }
        }
    }
    uses.columns.sort_unstable();
    uses.columns.dedup();
    Ok(uses)
}

fn system_column(relation: Oid) -> Error {
    // SAFETY: a syscache look-up that returns a palloc'd string or null.
    let name = unsafe {
        let name = pg_sys::get_rel_name(relation);
        if name.is_null() {
            String::new()
        } else {
            CStr::from_ptr(name).to_string_lossy().into_owned()
        }
    };
    Error::feature_not_supported(
        report(format!("a policy of table \"{name}\" uses a system column"))
            .detail("System columns are not captured.")
            .hint("Use an ordinary column in the policy."),
    )
}

/// The conjunction of two conditions, in the format of an analysed tree (outfuncs.c, _outBoolExpr).
pub fn and(first: &str, second: &str) -> String {
    format!("{{BOOLEXPR :boolop and :args ({first} {second}) :location -1}}")
}
