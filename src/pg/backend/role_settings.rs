//! The settings that follow SET ROLE, `role` and `is_superuser`: what they say while work is done as another role.

use crate::pg::sys::compat;
use pgrx::pg_sys;
use std::cell::OnceCell;
use std::ffi::{c_char, CStr, CString};

/// Where the server keeps the two settings.
#[derive(Clone, Copy)]
struct Records {
    role: *mut pg_sys::config_string,
    is_superuser: *mut pg_sys::config_bool,
}

/// Lets the two settings say what they say after SET ROLE, until it is dropped. SET ROLE itself is forbidden in a
/// security-restricted operation. Policies that ask `current_setting('role')` would otherwise judge by the session's role,
/// and show one reader the rows of another.
///
/// Only memory is written, so that neither this nor putting the values back can fail.
pub(super) struct RoleSettings {
    records: Records,
    role: *mut c_char,
    show_role: pg_sys::GucShowHook,
    is_superuser: bool,
    /// What the setting `role` points to meanwhile.
    _name: CString,
}

impl RoleSettings {
    /// As for a role; `None` if the server does not have the settings under their names.
    pub fn of(role: pg_sys::Oid) -> Option<RoleSettings> {
        let records = Records::known()?;
        let name = name(role);
        // SAFETY: the records and their variables are the server's own and live as long as the process; the name lives as
        // long as the value that is returned, which puts the old pointer back. The role's name has a hook that shows
        // "none" unless SET ROLE is in force (variable.c, show_role): without it the variable itself is shown.
        unsafe {
            let before = RoleSettings {
                role: *(*records.role).variable,
                show_role: (*records.role).show_hook,
                is_superuser: *(*records.is_superuser).variable,
                records,
                _name: name,
            };
            *(*records.role).variable = before._name.as_ptr().cast_mut();
            (*records.role).show_hook = None;
            *(*records.is_superuser).variable = pg_sys::superuser_arg(role);
            Some(before)
        }
    }
}

impl Drop for RoleSettings {
    fn drop(&mut self) {
        // SAFETY: as above.
        unsafe {
            *(*self.records.role).variable = self.role;
            (*self.records.role).show_hook = self.show_role;
            *(*self.records.is_superuser).variable = self.is_superuser;
        }
    }
}

impl Records {
    fn known() -> Option<Records> {
        thread_local! {
            static KNOWN: OnceCell<Option<Records>> = const { OnceCell::new() };
        }
        KNOWN.with(|known| *known.get_or_init(Records::find))
    }

    fn find() -> Option<Records> {
        // SAFETY: the array holds valid records; their type is checked before they are taken for it. The records of the
        // server's own settings are static.
        unsafe {
            let find = |wanted: &CStr, kind| {
                compat::settings().iter().copied().find(|record| {
                    CStr::from_ptr((**record).name) == wanted && (**record).vartype == kind
                })
            };
            Some(Records {
                role: find(c"role", pg_sys::config_type::PGC_STRING)?.cast(),
                is_superuser: find(c"is_superuser", pg_sys::config_type::PGC_BOOL)?.cast(),
            })
        }
    }
}

/// The name of a role; empty for one that has gone.
fn name(role: pg_sys::Oid) -> CString {
    // SAFETY: noerr: NULL for a missing role, else a palloc'd string.
    unsafe {
        let name = pg_sys::GetUserNameFromId(role, true);
        if name.is_null() {
            return CString::default();
        }
        let copy = CStr::from_ptr(name).to_owned();
        pg_sys::pfree(name.cast());
        copy
    }
}
