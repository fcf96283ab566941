//! Pins the settings that decide how values are printed: a message's bytes must not depend on the writer's session.
//!
//! Postgres's own functions read a few variables. Setting them costs nanoseconds, and restoring them cannot fail, so an
//! error restores them as it unwinds. Functions of users may read or set any setting, also by name. For these, settings
//! go through the GUC machinery, which costs microseconds.

use super::setting_level::{Level, Setting};
use crate::pg::sys::raw;
use pgrx::pg_sys;
use std::cell::Cell;
use std::ffi::c_int;

/// How much must be pinned for the values of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pin {
    /// The variables that Postgres's and extensions' output functions in C read.
    Variables,
    /// Also search_path and lc_monetary; all of them through the GUC machinery.
    Settings,
}

/// The pinned values. `extra_float_digits = 1` is the default: the shortest digits that read back.
const PINNED: [Setting<'static>; 12] = [
    (c"DateStyle", c"ISO, MDY"),
    (c"IntervalStyle", c"postgres"),
    (c"TimeZone", c"UTC"),
    (c"bytea_output", c"hex"),
    (c"extra_float_digits", c"1"),
    (c"lc_monetary", c"C"),
    (c"lc_numeric", c"C"),
    (c"lc_time", c"C"),
    (c"quote_all_identifiers", c"off"),
    (c"search_path", c"pg_catalog, pg_temp"),
    (c"standard_conforming_strings", c"on"),
    (c"xmlbinary", c"base64"),
];

/// USE_ISO_DATES, INTSTYLE_POSTGRES (miscadmin.h), BYTEA_OUTPUT_HEX (bytea.h)
const ISO_DATES: c_int = 1;
const POSTGRES_INTERVALS: c_int = 0;
const HEX_BYTEA: c_int = 1;

/// Pins settings until it is dropped.
pub struct Pinned {
    _variables: Option<Variables>,
    _level: Option<Level>,
}

/// Pins what a plan needs.
pub fn pin(level: Pin) -> Pinned {
    match level {
        Pin::Variables => Pinned {
            _variables: Some(Variables::pin()),
            _level: None,
        },
        Pin::Settings => Pinned {
            _variables: None,
            _level: Level::pin_all(&PINNED),
        },
    }
}

/// The session's values of the pinned variables.
struct Variables {
    date_style: c_int,
    interval_style: c_int,
    timezone: *mut pg_sys::pg_tz,
    bytea: c_int,
    float_digits: c_int,
    quote: bool,
}

impl Variables {
    fn pin() -> Variables {
        let utc = utc();
        // SAFETY: a backend has one thread; the types are those of the server's variables.
        unsafe {
            let session = Variables {
                date_style: pg_sys::DateStyle,
                interval_style: pg_sys::IntervalStyle,
                timezone: pg_sys::session_timezone,
                bytea: raw::bytea_output,
                float_digits: pg_sys::extra_float_digits,
                quote: pg_sys::quote_all_identifiers,
            };
            pg_sys::DateStyle = ISO_DATES;
            pg_sys::IntervalStyle = POSTGRES_INTERVALS;
            pg_sys::session_timezone = utc;
            raw::bytea_output = HEX_BYTEA;
            pg_sys::extra_float_digits = 1;
            pg_sys::quote_all_identifiers = false;
            session
        }
    }
}

impl Drop for Variables {
    fn drop(&mut self) {
        // SAFETY: as above; nothing here can fail.
        unsafe {
            pg_sys::DateStyle = self.date_style;
            pg_sys::IntervalStyle = self.interval_style;
            pg_sys::session_timezone = self.timezone;
            raw::bytea_output = self.bytea;
            pg_sys::extra_float_digits = self.float_digits;
            pg_sys::quote_all_identifiers = self.quote;
        }
    }
}

/// UTC. Postgres keeps it loaded after the first use.
fn utc() -> *mut pg_sys::pg_tz {
    thread_local! {
        static UTC: Cell<*mut pg_sys::pg_tz> = const { Cell::new(std::ptr::null_mut()) };
    }
    if UTC.get().is_null() {
        // SAFETY: the name is NUL-terminated; "UTC" needs no file to be known (pgtz.c), so the result is not null.
        UTC.set(unsafe { pg_sys::pg_tzset(c"UTC".as_ptr()) });
    }
    UTC.get()
}
