//! Work at the end of a transaction: what was gathered is written before it commits or is prepared, then forgotten.

use pgrx::pg_sys;
use pgrx::prelude::*;
use std::cell::{Cell, RefCell};

/// The hooks to call. Everything happens in the session that the transaction runs in.
#[derive(Clone, Copy)]
pub struct Hooks {
    /// The last chance to write. An error here aborts the transaction.
    pub before_end: fn(),
    /// A subtransaction was rolled back, and with it all that have higher numbers.
    pub rolled_back: fn(subtransaction: u32),
    /// The transaction has committed or aborted.
    pub ended: fn(),
}

thread_local! {
    static REGISTERED: Cell<bool> = const { Cell::new(false) };
    static HOOKS: RefCell<Vec<(&'static str, Hooks)>> = const { RefCell::new(Vec::new()) };
}

/// Registers the hooks for this transaction and all later ones of the session, when `who` asks for the first time.
pub fn watch(who: &'static str, hooks: Hooks) {
    HOOKS.with_borrow_mut(|all| {
        if all.iter().all(|(other, _)| *other != who) {
            all.push((who, hooks));
        }
    });
    if !REGISTERED.replace(true) {
        // SAFETY: the callbacks are functions of this library, which is never unloaded; they take no argument.
        unsafe {
            pg_sys::RegisterXactCallback(Some(at_end), std::ptr::null_mut());
            pg_sys::RegisterSubXactCallback(Some(at_end_of_sub), std::ptr::null_mut());
        }
    }
}

/// Calls one hook of each watcher. A hook may write, and so may register another watcher.
fn each(call: impl Fn(&Hooks)) {
    let mut next = 0;
    while let Some(hooks) = HOOKS.with_borrow(|all| all.get(next).map(|(_, hooks)| *hooks)) {
        call(&hooks);
        next += 1;
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn at_end(
    event: pg_sys::XactEvent::Type,
    _argument: *mut std::ffi::c_void,
) {
    use pg_sys::XactEvent as Event;
    match event {
        Event::XACT_EVENT_PRE_COMMIT | Event::XACT_EVENT_PRE_PREPARE => {
            each(|hooks| (hooks.before_end)())
        }
        Event::XACT_EVENT_COMMIT | Event::XACT_EVENT_ABORT | Event::XACT_EVENT_PREPARE => {
            each(|hooks| (hooks.ended)())
        }
        _ => {}
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn at_end_of_sub(
    event: pg_sys::SubXactEvent::Type,
    subtransaction: pg_sys::SubTransactionId,
    _parent: pg_sys::SubTransactionId,
    _argument: *mut std::ffi::c_void,
) {
    if event == pg_sys::SubXactEvent::SUBXACT_EVENT_ABORT_SUB {
        each(|hooks| (hooks.rolled_back)(subtransaction));
    }
}
