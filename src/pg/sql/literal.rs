//! Literals, read by a type's input function and written back in canonical form; and regular expressions.

use crate::error::SqlState;
use crate::keyed::Key;
use crate::pg::backend::act_as::DATES_AND_TIMES;
use crate::pg::backend::memory::Scratch;
use crate::pg::backend::setting_level::Level;
use crate::pg::catalog::columns::text;
use crate::pg::row::key::KeyKind;
use crate::pg::sys::raw;
use pgrx::pg_sys;
use pgrx::pg_sys::ffi::pg_guard_ffi_boundary;
use pgrx::pg_sys::panic::CaughtError;
use pgrx::pg_sys::Oid;
use pgrx::prelude::*;
use pgrx::PgSqlErrorCode;
use std::ffi::{CStr, CString};
use std::panic::AssertUnwindSafe;

/// Why Postgres refused a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The SQLSTATE.
    pub code: PgSqlErrorCode,
    /// The message of Postgres.
    pub message: String,
    /// Its detail.
    pub detail: Option<String>,
    /// Its hint.
    pub hint: Option<String>,
}

impl Refusal {
    /// Whether the stack was too small.
    pub fn is_too_deep(&self) -> bool {
        self.code == PgSqlErrorCode::ERRCODE_STATEMENT_TOO_COMPLEX
    }
}

/// The canonical text of a value: reads `input` as type `read_as`, without a type modifier, and writes it as
/// `write_as`, a type of the same representation. Both depend on settings; see
/// [`crate::pg::backend::act_as::CANONICAL`]. Errors: Postgres refuses the value.
pub fn canonical(read_as: Oid, write_as: Oid, input: &str) -> Result<Vec<u8>, Refusal> {
    let input = c_string(input)?;
    catch(|| {
        let (mut function, mut parameter, mut varlena) =
            (pg_sys::InvalidOid, pg_sys::InvalidOid, false);
        // SAFETY: the string is NUL-terminated; the two types have one representation by the caller's word, which is
        // that an operator class of the one serves the other; -1 is no type modifier.
        unsafe {
            pg_sys::getTypeInputInfo(read_as, &mut function, &mut parameter);
            let value =
                pg_sys::OidInputFunctionCall(function, input.as_ptr().cast_mut(), parameter, -1);
            pg_sys::getTypeOutputInfo(write_as, &mut function, &mut varlena);
            let output = pg_sys::OidOutputFunctionCall(function, value);
            CStr::from_ptr(output).to_bytes().to_vec()
        }
    })
}

/// Reads values of a type as keys.
pub struct KeyReader {
    kind: KeyKind,
    function: Oid,
    parameter: Oid,
    by_settings: bool,
}

impl KeyReader {
    /// Reads values as type `read_as`, without a type modifier, to compare them with a column of type `compared` under a
    /// collation. `None` where one has no keys, or theirs cannot be compared.
    pub fn of(read_as: Oid, compared: Oid, collation: Oid) -> Option<KeyReader> {
        let kind = KeyKind::of(read_as, collation)?;
        if !KeyKind::of(compared, collation)?.compares_with(kind) {
            return None;
        }
        let (mut function, mut parameter) = (pg_sys::InvalidOid, pg_sys::InvalidOid);
        // SAFETY: writes the variables, or raises for a shell type, which has no kind.
        unsafe { pg_sys::getTypeInputInfo(read_as, &mut function, &mut parameter) };
        Some(KeyReader {
            kind,
            function,
            parameter,
            by_settings: super::typeinfo::is_datetime(read_as),
        })
    }

    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The key of a value, read under [`DATES_AND_TIMES`]. Errors: Postgres refuses the value.
    pub fn key(&self, input: &str) -> Result<Key, Refusal> {
        let input = c_string(input)?;
        let _scratch = Scratch::enter();
        let _settings = match self.by_settings {
            true => Level::pin_all(&DATES_AND_TIMES),
            false => None,
        };
        catch(|| {
            let input = input.as_ptr().cast_mut();
            // SAFETY: the string is NUL-terminated, -1 is no type modifier, and the kind is that of the type that the
            // function reads. What it allocates is scratch.
            unsafe {
                let value = pg_sys::OidInputFunctionCall(self.function, input, self.parameter, -1);
                self.kind.key(value)
            }
        })
    }
}

/// A string as an SQL literal, valid under any standard_conforming_strings.
pub fn quote(value: &str) -> String {
    match CString::new(value) {
        // SAFETY: the string is NUL-terminated; the result is a copy.
        Ok(value) => unsafe { text(pg_sys::quote_literal_cstr(value.as_ptr())) },
        // No text of Postgres contains NUL.
        Err(_) => String::from("NULL"),
    }
}

/// regex/regex.h: `REG_ADVANCED`, `REG_NOSUB` (what a match without groups asks for), `REG_ICASE`, `REG_UBACKREF`
const REG_ADVANCED: std::ffi::c_int = 3;
const REG_NOSUB: std::ffi::c_int = 16;
const REG_ICASE: std::ffi::c_int = 8;
const REG_UBACKREF: std::ffi::c_long = 1;

/// Compiles a regular expression as a match under `collation` would, and returns whether it has back-references.
/// Errors: Postgres refuses the pattern.
pub fn compile_regex(pattern: &str, ignore_case: bool, collation: Oid) -> Result<bool, Refusal> {
    let pattern = c_string(pattern)?;
    let flags = REG_ADVANCED | REG_NOSUB | if ignore_case { REG_ICASE } else { 0 };
    catch(|| {
        // SAFETY: the pattern is a text of the server; the compiled expression is the cache's and read at once.
        unsafe {
            let pattern = pg_sys::cstring_to_text(pattern.as_ptr());
            let compiled =
                pg_guard_ffi_boundary(|| raw::RE_compile_and_cache(pattern, flags, collation));
            (*compiled).info & REG_UBACKREF != 0
        }
    })
}

fn c_string(input: &str) -> Result<CString, Refusal> {
    CString::new(input).map_err(|_| Refusal {
        code: PgSqlErrorCode::ERRCODE_CHARACTER_NOT_IN_REPERTOIRE,
        message: String::from("a text cannot contain the character NUL"),
        detail: None,
        hint: None,
    })
}

/// Does `work`, and returns an error that it raises about the value. The caller must fail with that error: this is no
/// subtransaction, so resources that `work` acquired are released only when the transaction or its subtransaction is
/// rolled back.
fn catch<T>(work: impl FnOnce() -> T) -> Result<T, Refusal> {
    PgTryBuilder::new(AssertUnwindSafe(|| Ok(work())))
        .catch_others(|error| match error {
            CaughtError::PostgresError(ref raised) => {
                match code_of_value(raised.sql_error_code()) {
                    Some(code) => Err(Refusal {
                        code,
                        message: raised.message().to_owned(),
                        detail: raised.detail().map(str::to_owned),
                        hint: raised.hint().map(str::to_owned),
                    }),
                    None => error.rethrow(),
                }
            }
            other => other.rethrow(),
        })
        .execute()
}

/// The SQLSTATE of an error about the value: those of classes 0A, 22, 42 and 54. Some input functions (hstore's) raise
/// only XX000. Other errors (out of memory, a cancel) do not concern the value.
fn code_of_value(code: PgSqlErrorCode) -> Option<PgSqlErrorCode> {
    match &SqlState::from(code).characters() {
        [b'0', b'A', ..] | [b'2', b'2', ..] | [b'4', b'2', ..] | [b'5', b'4', ..] => Some(code),
        [b'X', b'X', ..] => Some(PgSqlErrorCode::ERRCODE_INVALID_TEXT_REPRESENTATION),
        _ => None,
    }
}
