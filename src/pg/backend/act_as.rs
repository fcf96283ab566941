//! Work done as another role: restricted, under pinned settings, and undone on every way out.

use super::setting_level::{pin, value_of, Level, Setting};
use crate::error::Result;
use crate::pg::sys::compat;
use pgrx::pg_sys;
use std::ffi::{c_int, CStr, CString};

/// What every work as another role starts with: no name that its owner planted is found, and policies apply.
const ALWAYS: [Setting<'static>; 2] = [
    (c"search_path", c"pg_catalog, pg_temp"),
    (c"row_security", c"on"),
];

/// Settings under which a literal's text means one value, and a value has one text.
pub const CANONICAL: [Setting<'static>; 10] = [
    (c"TimeZone", c"UTC"),
    (c"timezone_abbreviations", c"Default"),
    (c"DateStyle", c"ISO, MDY"),
    (c"IntervalStyle", c"postgres"),
    (c"extra_float_digits", c"1"),
    (c"bytea_output", c"hex"),
    (c"lc_monetary", c"C"),
    (c"array_nulls", c"on"),
    (c"xmloption", c"content"),
    (c"quote_all_identifiers", c"off"),
];

/// Does `work`, which runs nothing but Postgres's own code, as `role`, in a security-restricted operation, with `settings` and those of [`ALWAYS`] pinned and every
/// setting `request.*` (the claims of the caller) emptied; `work` may set what it wants, it is undone with the rest.
///
/// Role and settings are put back on every way out: a result, an error, a panic, and an error of Postgres, which is
/// passed on. So it does not matter who catches it, a subtransaction or not.
pub fn act_as_trusted<T>(
    role: pg_sys::Oid,
    settings: &[Setting],
    work: impl FnOnce() -> Result<T>,
) -> Result<T> {
    // Dropped in reverse order: the settings are put back before the role.
    let _role = Acting::as_role(role);
    let _level = Level::open();
    for name in claims() {
        pin(&name, c"");
    }
    for (name, value) in ALWAYS.iter().chain(settings) {
        pin(name, value);
    }
    work()
}

/// The user and the security context of before, until this is dropped.
struct Acting {
    user: pg_sys::Oid,
    context: c_int,
}

impl Acting {
    fn as_role(role: pg_sys::Oid) -> Acting {
        let restricted =
            pg_sys::SECURITY_LOCAL_USERID_CHANGE | pg_sys::SECURITY_RESTRICTED_OPERATION;
        let (mut user, mut context) = (pg_sys::InvalidOid, 0);
        // SAFETY: reads and writes two variables of the backend.
        unsafe {
            pg_sys::GetUserIdAndSecContext(&mut user, &mut context);
            pg_sys::SetUserIdAndSecContext(role, context | restricted as c_int);
        }
        Acting { user, context }
    }
}

impl Drop for Acting {
    fn drop(&mut self) {
        // SAFETY: as above; the abort of a transaction or subtransaction does the same.
        unsafe { pg_sys::SetUserIdAndSecContext(self.user, self.context) }
    }
}

/// Does `work` with a stack that is at most `kilobytes` deep: what then passes a depth check passes it later, too, in a
/// trigger that is called with most of the stack in use. Only within [`act_as_trusted`], which undoes it.
pub fn bound_stack(kilobytes: i32) {
    // SAFETY: reads a variable of the backend.
    if unsafe { pg_sys::max_stack_depth } <= kilobytes {
        return;
    }
    if let Ok(value) = CString::new(format!("{kilobytes}kB")) {
        pin(c"max_stack_depth", &value);
    }
}

/// The caller's claims and search_path, as settings for work that means him as he is.
pub fn own_settings() -> Vec<(CString, CString)> {
    let mut names = claims();
    names.push(c"search_path".to_owned());
    names
        .into_iter()
        .filter_map(|name| value_of(&name).map(|value| (name, value)))
        .collect()
}

/// Names of the settings `request.*`, of all those that are strings.
fn claims() -> Vec<CString> {
    // SAFETY: the array holds as many valid entries as the server says; it is read before anything is set.
    unsafe {
        let variables = compat::settings();
        variables
            .iter()
            .filter(|variable| (***variable).vartype == pg_sys::config_type::PGC_STRING)
            .map(|variable| CStr::from_ptr((**variable).name))
            .filter(|name| {
                let name = name.to_bytes();
                name.len() >= 8 && name[..8].eq_ignore_ascii_case(b"request.")
            })
            .map(CStr::to_owned)
            .collect()
    }
}
