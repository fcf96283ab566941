//! Work at the end of a transaction: what it has gathered is written before it commits or is prepared, then forgotten.

use pgrx::pg_sys;
use pgrx::prelude::*;
use std::cell::{Cell, RefCell};

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
    static REGISTERED: Cell<bool> = const { Cell::new(false) };
    static HOOKS: RefCell<Vec<(&'static str, Hooks)>> = const { RefCell::new(Vec::new()) };
}

/// Has the hooks called in this transaction and all later ones of the session; the first time that `who` asks for it.
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

/// Calls one hook of each that watches. A hook may write, and so may begin to watch what is written.
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
