//! Runs work as another role: restricted, under pinned settings, and undone on every way out.

use super::role_settings::RoleSettings;
use super::setting_level::{pin, value_of, Level, Setting};
use crate::error::Result;
use crate::pg::sys::compat;
use pgrx::pg_sys;
use std::ffi::{c_int, CStr, CString};

/// Pinned for any work as another role: no object that the role planted is found by name, policies apply, and no parallel
/// worker takes part, since it would see the session's settings `role` and `is_superuser`. Plans are made without
/// workers, and those that a session made before get none, unless a function sets both settings itself.
const ALWAYS: [Setting<'static>; 4] = [
    (c"search_path", c"pg_catalog, pg_temp"),
    (c"row_security", c"on"),
    (c"max_parallel_workers_per_gather", c"0"),
    (c"max_parallel_workers", c"0"),
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

/// Those of [`CANONICAL`] that dates and times are read under.
pub(in crate::pg) const DATES_AND_TIMES: [Setting<'static>; 4] =
    [CANONICAL[0], CANONICAL[1], CANONICAL[2], CANONICAL[3]];

/// Does `work`, which runs nothing but Postgres's own code, as `role` in a security-restricted operation. Pins
/// `settings` and those of [`ALWAYS`], and empties every setting `request.*` (the claims of the caller). Settings that
/// `work` changes are restored too. Errors: those of `work`.
///
/// Role and settings are restored on every way out: a result, an error, a panic, and an error of Postgres, which is
/// passed on. So it does not matter whether a subtransaction or something else catches the error.
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

/// Whether the code that runs was given another role than the session's, as a SECURITY DEFINER function is, or is confined
/// to a security-restricted operation. There SET ROLE is refused (variable.c and guc.c), and so is what is like it.
pub fn is_confined() -> bool {
    // SAFETY: both read a variable of the backend.
    unsafe { pg_sys::InLocalUserIdChange() || pg_sys::InSecurityRestrictedOperation() }
}

/// The user and the security context from before. Restored when this is dropped, and then the settings that follow the
/// role.
struct Acting {
    user: pg_sys::Oid,
    context: c_int,
    _settings: Option<RoleSettings>,
}

impl Acting {
    fn as_role(role: pg_sys::Oid) -> Acting {
        let restricted =
            pg_sys::SECURITY_LOCAL_USERID_CHANGE | pg_sys::SECURITY_RESTRICTED_OPERATION;
        let (mut user, mut context) = (pg_sys::InvalidOid, 0);
        let settings = RoleSettings::of(role);
        // SAFETY: reads and writes two variables of the backend.
        unsafe {
            pg_sys::GetUserIdAndSecContext(&mut user, &mut context);
            pg_sys::SetUserIdAndSecContext(role, context | restricted as c_int);
        }
        Acting {
            user,
            context,
            _settings: settings,
        }
    }
}

impl Drop for Acting {
    fn drop(&mut self) {
        // SAFETY: as above; the abort of a transaction or subtransaction does the same.
        unsafe { pg_sys::SetUserIdAndSecContext(self.user, self.context) }
    }
}

/// Does `work` with a stack that is at most `kilobytes` deep. A depth check that passes here also passes later, in a
/// trigger that is called when most of the stack is in use. Only within [`act_as_trusted`], which restores the limit.
pub fn bound_stack(kilobytes: i32) {
    // SAFETY: reads a variable of the backend.
    if unsafe { pg_sys::max_stack_depth } <= kilobytes {
        return;
    }
    if let Ok(value) = CString::new(format!("{kilobytes}kB")) {
        pin(c"max_stack_depth", &value);
    }
}

/// The caller's claims and search_path, as settings for work that depends on the caller.
pub fn own_settings() -> Vec<(CString, CString)> {
    let mut names = claims();
    names.push(c"search_path".to_owned());
    names
        .into_iter()
        .filter_map(|name| value_of(&name).map(|value| (name, value)))
        .collect()
}

/// Names of the string settings `request.*`.
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
