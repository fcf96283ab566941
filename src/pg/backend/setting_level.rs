//! Settings that hold only for some work: levels of Postgres's own stack of settings.

use pgrx::pg_sys;
use std::ffi::{c_int, CStr, CString};

/// A setting and the value to pin it to.
pub type Setting<'a> = (&'a CStr, &'a CStr);

/// A level of the stack of settings. Dropping it restores everything that was set in it and in the levels above it,
/// after a result or an error alike. So it does not matter whether a subtransaction or something else catches the
/// error.
pub(in crate::pg) struct Level(c_int);

impl Level {
    /// Opens a level. Levels are closed in reverse order, so keep it in a variable of the function that opens it.
    pub fn open() -> Level {
        // SAFETY: counts up; closed when the value is dropped.
        Level(unsafe { pg_sys::NewGUCNestLevel() })
    }

    /// Opens a level with these settings pinned; `None` if all of them have these values already.
    pub fn pin_all(settings: &[Setting]) -> Option<Level> {
        let mut level = None;
        for (name, value) in settings {
            if !is_set_to(name, value) {
                level.get_or_insert_with(Level::open);
                set(name, value);
            }
        }
        level
    }
}

impl Drop for Level {
    fn drop(&mut self) {
        // SAFETY: opened once by this value; levels above it that an error has left open are closed with it. Putting
        // values back raises no error: they were valid before. An abort does the same.
        unsafe { pg_sys::AtEOXact_GUC(false, self.0) }
    }
}

/// Pins a setting until the last opened level is closed. Skips a setting that has the value already, to save time.
pub(in crate::pg) fn pin(name: &CStr, value: &CStr) {
    if !is_set_to(name, value) {
        set(name, value);
    }
}

/// The value of a setting; `None` for an unknown setting.
pub(in crate::pg) fn value_of(name: &CStr) -> Option<CString> {
    // SAFETY: with missing_ok the function returns NULL for an unknown setting, else a string that is valid until the
    // next such call, and copied at once.
    unsafe {
        let value = pg_sys::GetConfigOption(name.as_ptr(), true, false);
        (!value.is_null()).then(|| CStr::from_ptr(value).to_owned())
    }
}

fn is_set_to(name: &CStr, value: &CStr) -> bool {
    // SAFETY: as above; compared at once.
    unsafe {
        let current = pg_sys::GetConfigOption(name.as_ptr(), true, false);
        !current.is_null() && CStr::from_ptr(current) == value
    }
}

fn set(name: &CStr, value: &CStr) {
    // SAFETY: both end with a NUL and are copied. GUC_ACTION_SAVE is allowed in parallel workers.
    unsafe {
        pg_sys::set_config_option(
            name.as_ptr(),
            value.as_ptr(),
            pg_sys::GucContext::PGC_SUSET,
            pg_sys::GucSource::PGC_S_SESSION,
            pg_sys::GucAction::GUC_ACTION_SAVE,
            true,
            0,
            false,
        );
    }
}
