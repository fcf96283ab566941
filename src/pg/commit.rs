//! Work at the end of a transaction: what it has gathered is written before it commits or is prepared.

use pgrx::pg_sys;
use pgrx::prelude::*;
use std::cell::Cell;

/// What is to be called. Everything happens in the session that the transaction runs in.
#[derive(Clone, Copy)]
pub struct Hooks {
    /// Last chance to write; an error of it is the transaction's.
    pub before_end: fn(),
    /// A subtransaction, and with it every one with a higher number, was rolled back.
    pub rolled_back: fn(subtransaction: u32),
    /// The transaction has ended, in whatever way.
    pub ended: fn(),
}

thread_local! {
    static HOOKS: Cell<Option<Hooks>> = const { Cell::new(None) };
}

/// Has the hooks called in this transaction and all later ones of the session.
pub fn watch(hooks: Hooks) {
    if HOOKS.replace(Some(hooks)).is_none() {
        // SAFETY: the callbacks are functions of this library, which is never unloaded; they take no argument.
        unsafe {
            pg_sys::RegisterXactCallback(Some(at_end), std::ptr::null_mut());
            pg_sys::RegisterSubXactCallback(Some(at_end_of_sub), std::ptr::null_mut());
        }
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn at_end(
    event: pg_sys::XactEvent::Type,
    _argument: *mut std::ffi::c_void,
) {
    use pg_sys::XactEvent as Event;
    let Some(hooks) = HOOKS.get() else { return };
    match event {
        Event::XACT_EVENT_PRE_COMMIT | Event::XACT_EVENT_PRE_PREPARE => (hooks.before_end)(),
        Event::XACT_EVENT_COMMIT | Event::XACT_EVENT_ABORT | Event::XACT_EVENT_PREPARE => {
            (hooks.ended)()
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
        if let Some(hooks) = HOOKS.get() {
            (hooks.rolled_back)(subtransaction)
        }
    }
}
