//! DISCARD ALL: what a session that is given to another client forgets.

use crate::pg::sys::raw;
use pgrx::pg_sys;
use std::cell::Cell;

thread_local! {
    static FORGET: Cell<Option<fn()>> = const { Cell::new(None) };
    static NEXT: Cell<pg_sys::ProcessUtility_hook_type> = const { Cell::new(None) };
}

/// Has the session call `forget` after every DISCARD ALL from now on. It must not raise an error.
pub fn on_discard_all(forget: fn()) {
    if FORGET.replace(Some(forget)).is_none() {
        // SAFETY: the hook is called in this session alone; the one that was there is called by ours.
        unsafe {
            NEXT.set(pg_sys::ProcessUtility_hook);
            pg_sys::ProcessUtility_hook = Some(utility);
        }
    }
}

/// Not guarded: errors of the statement pass it as they pass Postgres's own functions. A guard would turn SQLSTATEs of
/// users into XX000. It has nothing to drop where that happens.
#[allow(clippy::too_many_arguments)]
unsafe extern "C-unwind" fn utility(
    statement: *mut pg_sys::PlannedStmt,
    text: *const std::ffi::c_char,
    is_read_only: bool,
    context: pg_sys::ProcessUtilityContext::Type,
    parameters: pg_sys::ParamListInfo,
    environment: *mut pg_sys::QueryEnvironment,
    receiver: *mut pg_sys::DestReceiver,
    completion: *mut pg_sys::QueryCompletion,
) {
    // SAFETY: called by Postgres with a utility statement; the arguments are passed on as they are.
    unsafe {
        let node = (*statement).utilityStmt;
        let is_discard_all = (*node).type_ == pg_sys::NodeTag::T_DiscardStmt
            && (*node.cast::<pg_sys::DiscardStmt>()).target == pg_sys::DiscardMode::DISCARD_ALL;
        let next = NEXT.get().unwrap_or(raw::standard_ProcessUtility);
        next(
            statement,
            text,
            is_read_only,
            context,
            parameters,
            environment,
            receiver,
            completion,
        );
        if let Some(forget) = FORGET.get().filter(|_| is_discard_all) {
            forget();
        }
    }
}
