//! Whether readers can share the answers of a condition: it must not depend on who asks in any way that cannot be seen.
//!
//! What is known is listed, in code and types alike; everything else is refused.

use super::body;
use super::claims;
use super::known;
use super::tree;
use crate::pg::backend::syscache::Cached;
use crate::pg::catalog::columns::text;
use pg_sys::Oid;
use pgrx::pg_sys;
use pgrx::pg_sys::Node;
use std::ffi::c_void;

/// What is known of functions in SQL at the moment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// They will be put in place of their calls, if Postgres can; their bodies are looked at.
    BeforeInlining,
    /// As before, within a function that says that it is immutable: Postgres may work it out once and for all, so
    /// everything in it must be immutable.
    WithinImmutable,
    /// They were not put in place.
    Inlined,
}

/// Bodies that are looked at for one relation, at most.
const MAX_BODIES: usize = 200;

/// The functions whose bodies are being looked at, before Postgres puts them in place of their calls.
///
/// While Postgres does so, it works out what is declared IMMUTABLE. A function that is declared so and reads a claim
/// would then be answered for everybody by the claims of one, so it must be found before.
#[derive(Default)]
pub(super) struct Bodies {
    within: Vec<Oid>,
    looked: usize,
}

impl Bodies {
    /// Why readers cannot share what a function in SQL answers.
    ///
    /// # Safety
    /// The node calls the function.
    unsafe fn refusal(
        &mut self,
        function: &Cached<pg_sys::FormData_pg_proc>,
        call: *mut Node,
        stage: Stage,
    ) -> Option<String> {
        self.looked += 1;
        if self.looked > MAX_BODIES || self.within.contains(&function.oid) {
            return Some("call functions within functions without an end".to_string());
        }
        self.within.push(function.oid);
        let expands = function.proretset && stage != Stage::WithinImmutable;
        let stage = match function.provolatile as u8 {
            pg_sys::PROVOLATILE_IMMUTABLE => Stage::WithinImmutable,
            _ => stage,
        };
        // Postgres works out no function that returns a set. What it does is looked at where it replaces a call.
        let parts = match expands {
            true => body::defaults(function).into_iter().collect(),
            // SAFETY: as promised.
            false => unsafe { body::parts(function, call) },
        };
        // SAFETY: the trees are analysed.
        let refused = unsafe {
            parts.into_iter().find_map(|part| {
                // Postgres would not inline it, and views that it reads are not looked into here.
                let reads = || tree::any(part, &mut |node| is_table(node));
                refusal(part, stage, self).or_else(|| {
                    let name = || text(pg_sys::format_procedure(function.oid));
                    reads().then(|| format!("call function {}, which reads tables itself", name()))
                })
            })
        };
        self.within.pop();
        refused
    }
}

/// Why readers cannot share the condition's answers; `None` if they can. The reason follows "the policies ".
///
/// # Safety
/// The node is an analysed expression or query, or null.
pub(super) unsafe fn refusal(node: *mut Node, stage: Stage, bodies: &mut Bodies) -> Option<String> {
    let mut found = None;
    // SAFETY: as promised.
    unsafe {
        tree::any(node, &mut |node| {
            found = known::of_node(node)
                .or_else(|| of_type(node, stage))
                .or_else(|| of_functions(node, stage, bodies));
            found.is_some()
        });
    }
    found
}

/// # Safety
/// As [`refusal`].
unsafe fn of_type(node: *mut Node, stage: Stage) -> Option<String> {
    // SAFETY: as promised; the tag says what the node is.
    unsafe {
        // A function in FROM that returns rows: it is replaced by what it does, or refused then.
        let expands = stage == Stage::BeforeInlining
            && tree::tag(node) == pg_sys::NodeTag::T_FuncExpr
            && (*node.cast::<pg_sys::FuncExpr>()).funcretset;
        if expands {
            None
        } else {
            known::of_type(node)
        }
    }
}

struct Checking<'a> {
    node: *mut Node,
    stage: Stage,
    bodies: &'a mut Bodies,
    found: Option<String>,
}

/// # Safety
/// As [`refusal`].
unsafe fn of_functions(node: *mut Node, stage: Stage, bodies: &mut Bodies) -> Option<String> {
    let mut checking = Checking {
        node,
        stage,
        bodies,
        found: None,
    };
    // SAFETY: as promised; the context is on the stack meanwhile.
    unsafe {
        pg_sys::check_functions_in_node(node, Some(check), (&raw mut checking).cast());
        if stage == Stage::Inlined && checking.found.is_none() {
            checking.found = claims::unknown_setting(node);
        }
    }
    checking.found
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn check(function: Oid, context: *mut c_void) -> bool {
    // SAFETY: the context is the one of `of_functions`.
    unsafe {
        let checking = &mut *context.cast::<Checking>();
        checking.found = of_function(function, checking);
        checking.found.is_some()
    }
}

/// OIDs of languages (pg_language.dat).
const INTERNAL: Oid = Oid::from_u32(12);
const C: Oid = Oid::from_u32(13);
const SQL: Oid = Oid::from_u32(14);

/// Postgres's own functions that are not volatile and yet may read any setting, by running a view or by listing all.
const READ_ANYTHING: [u32; 10] = [
    pg_sys::F_PG_SHOW_ALL_SETTINGS,
    pg_sys::F_TABLE_TO_XML,
    pg_sys::F_TABLE_TO_XML_AND_XMLSCHEMA,
    pg_sys::F_SCHEMA_TO_XML,
    pg_sys::F_SCHEMA_TO_XML_AND_XMLSCHEMA,
    pg_sys::F_DATABASE_TO_XML,
    pg_sys::F_DATABASE_TO_XML_AND_XMLSCHEMA,
    pg_sys::F_QUERY_TO_XML,
    pg_sys::F_QUERY_TO_XML_AND_XMLSCHEMA,
    pg_sys::F_CURSOR_TO_XML,
];

/// # Safety
/// The node that is checked calls the function.
unsafe fn of_function(function: Oid, checking: &mut Checking) -> Option<String> {
    let (stage, node) = (checking.stage, checking.node);
    let Some(form) = Cached::<pg_sys::FormData_pg_proc>::by_oid(function) else {
        return Some("call a function that has gone".to_string());
    };
    // SAFETY: a look-up of a function that exists.
    let name = || unsafe { text(pg_sys::format_procedure(function)) };
    let immutable = form.provolatile as u8 == pg_sys::PROVOLATILE_IMMUTABLE;
    if form.provolatile as u8 == pg_sys::PROVOLATILE_VOLATILE {
        return Some(format!("call function {}, which is VOLATILE", name()));
    }
    if stage == Stage::WithinImmutable && !immutable {
        return Some(format!(
            "call a function that is declared IMMUTABLE and calls {}, which is not",
            name()
        ));
    }
    if function.to_u32() < pg_sys::FirstNormalObjectId {
        let reads = READ_ANYTHING.contains(&function.to_u32());
        return reads.then(|| format!("call function {}, which may read any setting", name()));
    }
    if form.prokind as u8 != pg_sys::PROKIND_FUNCTION {
        return Some(format!("call aggregate {}, which is user-defined", name()));
    }
    let language = form.prolang;
    if [INTERNAL, C].contains(&language) {
        return (!immutable).then(|| {
            format!(
                "call function {}, which is written in C and not IMMUTABLE",
                name()
            )
        });
    }
    if language != SQL {
        // SAFETY: a look-up of a language that exists.
        let language = unsafe { text(pg_sys::get_language_name(language, false)) };
        return Some(format!(
            "call function {}, which is written in {language}",
            name()
        ));
    }
    // SAFETY: prosecdef and proconfig are columns of the catalog.
    let has_settings = unsafe { form.column(pg_sys::Anum_pg_proc_proconfig) }.is_some();
    match (form.prosecdef, has_settings, stage) {
        (true, ..) => Some(format!(
            "call function {}, which is SECURITY DEFINER",
            name()
        )),
        (_, true, _) => Some(format!(
            "call function {}, which has settings (SET)",
            name()
        )),
        (.., Stage::Inlined) => Some(format!(
            "call function {}, which Postgres cannot inline",
            name()
        )),
        // SAFETY: as promised.
        _ => unsafe { checking.bodies.refusal(&form, node, stage) },
    }
}

/// # Safety
/// As [`refusal`].
unsafe fn is_table(node: *mut Node) -> bool {
    // SAFETY: as promised; the tag says what it is.
    unsafe {
        tree::tag(node) == pg_sys::NodeTag::T_RangeTblEntry
            && (*node.cast::<pg_sys::RangeTblEntry>()).rtekind == pg_sys::RTEKind::RTE_RELATION
    }
}
