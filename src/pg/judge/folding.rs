//! Notices functions of users that the planner calls. Where one is declared immutable, the plan holds its result.
//!
//! Such a function may read settings all the same, the claims of a request among them. A statement that Postgres plans
//! each time is right with it; a plan that is kept would show one reader's rows to the next.

use crate::pg::backend::syscache::Cached;
use pgrx::pg_sys;
use pgrx::prelude::*;
use std::cell::{Cell, RefCell};

/// pg_language_d.h: ClanguageId. Extensions' own code; it takes a superuser to declare it.
const C: u32 = 13;

thread_local! {
    /// How many calls of [`plan`] are running: a function that the planner calls may plan statements itself.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static CALLED: RefCell<Vec<pg_sys::Oid>> = const { RefCell::new(Vec::new()) };
    static BEFORE: Cell<Hooks> = const { Cell::new((None, None)) };
}

type Hooks = (pg_sys::needs_fmgr_hook_type, pg_sys::fmgr_hook_type);

/// Plans a statement. Returns also whether the plan may hold the result of a function of users: such a plan is valid
/// only in the call that it was made for.
pub(in crate::pg) fn plan<T>(make: impl FnOnce() -> T) -> (T, bool) {
    let watching = Watching::begin();
    let made = make();
    let called = CALLED.with_borrow(Vec::clone);
    drop(watching);
    (made, called.into_iter().any(may_be_folded))
}

fn may_be_folded(function: pg_sys::Oid) -> bool {
    let Some(facts) = Cached::<pg_sys::FormData_pg_proc>::by_oid(function) else {
        return true;
    };
    facts.provolatile as u8 == pg_sys::PROVOLATILE_IMMUTABLE && facts.prolang.to_u32() != C
}

/// Keeps the hooks set that notice calls, until it is dropped.
struct Watching;

impl Watching {
    fn begin() -> Watching {
        if DEPTH.replace(DEPTH.get() + 1) == 0 {
            CALLED.with_borrow_mut(Vec::clear);
            // SAFETY: variables of the backend, which has one thread.
            unsafe {
                BEFORE.set((pg_sys::needs_fmgr_hook, pg_sys::fmgr_hook));
                pg_sys::needs_fmgr_hook = Some(looked_up);
                pg_sys::fmgr_hook = Some(called);
            }
        }
        Watching
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        if DEPTH.replace(DEPTH.get() - 1) == 1 {
            // SAFETY: as above.
            unsafe { (pg_sys::needs_fmgr_hook, pg_sys::fmgr_hook) = BEFORE.get() }
        }
    }
}

fn note(function: pg_sys::Oid) {
    if function.to_u32() >= pg_sys::FirstNormalObjectId {
        CALLED.with_borrow_mut(|called| called.push(function));
    }
}

/// Called when a function is looked up that is neither SECURITY DEFINER nor has settings of its own (fmgr.c).
#[pg_guard]
unsafe extern "C-unwind" fn looked_up(function: pg_sys::Oid) -> bool {
    note(function);
    // SAFETY: the hook that was set before.
    BEFORE.get().0.is_some_and(|hook| unsafe { hook(function) })
}

/// Called when one of the others begins and ends.
#[pg_guard]
unsafe extern "C-unwind" fn called(
    event: pg_sys::FmgrHookEventType::Type,
    function: *mut pg_sys::FmgrInfo,
    argument: *mut pg_sys::Datum,
) {
    // SAFETY: Postgres passes the function that it calls; the hook is the one that was set before.
    unsafe {
        note((*function).fn_oid);
        if let Some(hook) = BEFORE.get().1 {
            hook(event, function, argument);
        }
    }
}
