//! The crate's only error: a SQLSTATE, and a report that says what is wrong, why, and what to do.

pub use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{PgLogLevel, PgSqlErrorCode};

/// The text of an error: the message, and optionally a detail and a hint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    message: String,
    detail: Option<String>,
    hint: Option<String>,
}

/// Starts a [`Report`]; messages follow Postgres's style: lower case, no full stop, names in double quotes.
pub fn report(message: impl Into<String>) -> Report {
    Report {
        message: message.into(),
        ..Report::default()
    }
}

impl Report {
    /// Adds the facts behind the message, in whole sentences.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds what the user can do about it, in whole sentences.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Sends a NOTICE to the caller.
    pub fn notice(self) {
        self.send(
            PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION,
            PgLogLevel::NOTICE,
        );
    }

    /// Sends a WARNING to the caller; the statement continues.
    pub fn warning(self) {
        self.send(PgSqlErrorCode::ERRCODE_WARNING, PgLogLevel::WARNING);
    }

    fn send(self, code: PgSqlErrorCode, level: PgLogLevel) {
        self.with_code(code).report(level);
    }

    fn with_code(self, code: PgSqlErrorCode) -> ErrorReport {
        let mut out = ErrorReport::new(code, self.message, "pgrealtime");
        if let Some(detail) = self.detail {
            out = out.set_detail(detail);
        }
        if let Some(hint) = self.hint {
            out = out.set_hint(hint);
        }
        out
    }

    /// The message alone.
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// A SQLSTATE as Postgres packs it, user-defined ones included: five characters of six bits each, the first one lowest (elog.h,
/// MAKE_SQLSTATE).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SqlState(i32);

impl SqlState {
    /// Packs five characters.
    pub fn of(characters: &[u8; 5]) -> SqlState {
        let pack =
            |code, character: &u8| (code << 6) | i32::from(character.wrapping_sub(b'0') & 0x3f);
        SqlState(characters.iter().rev().fold(0, pack))
    }

    pub fn from_packed(code: i32) -> SqlState {
        SqlState(code)
    }

    pub fn packed(self) -> i32 {
        self.0
    }

    pub fn characters(self) -> [u8; 5] {
        [0, 1, 2, 3, 4].map(|i| ((self.0 >> (6 * i)) & 0x3f) as u8 + b'0')
    }
}

impl From<PgSqlErrorCode> for SqlState {
    fn from(code: PgSqlErrorCode) -> SqlState {
        SqlState(code as i32)
    }
}

impl PartialEq<PgSqlErrorCode> for SqlState {
    fn eq(&self, code: &PgSqlErrorCode) -> bool {
        *self == SqlState::from(*code)
    }
}

impl std::fmt::Display for SqlState {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.characters()))
    }
}

impl std::fmt::Debug for SqlState {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

/// An error that a call can raise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    code: SqlState,
    /// In a box, since every row that is captured passes many results, and hardly ever an error.
    report: Box<Report>,
}

/// The crate's result.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error with any SQLSTATE: for an error of Postgres or of a user's function that is passed on with its place.
    pub fn new(code: impl Into<SqlState>, report: Report) -> Error {
        Error {
            code: code.into(),
            report: Box::new(report),
        }
    }

    /// The message alone.
    pub fn message(&self) -> &str {
        &self.report.message
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<&str> {
        self.report.hint.as_deref()
    }

    pub fn code(&self) -> SqlState {
        self.code
    }

    /// The same error with another hint.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Error {
        self.report.hint = Some(hint.into());
        self
    }
}

/// Constructors named as in errcodes.txt.
macro_rules! errors {
    ($($(#[$says:meta])* $name:ident: $code:ident,)*) => {
        impl Error {
            $($(#[$says])* pub fn $name(report: Report) -> Error {
                Error::new(PgSqlErrorCode::$code, report)
            })*
        }
    };
}

errors! {
    /// 0A000
    feature_not_supported: ERRCODE_FEATURE_NOT_SUPPORTED,
    /// 22001
    string_data_right_truncation: ERRCODE_STRING_DATA_RIGHT_TRUNCATION,
    /// 22004
    null_value_not_allowed: ERRCODE_NULL_VALUE_NOT_ALLOWED,
    /// 22023
    invalid_parameter_value: ERRCODE_INVALID_PARAMETER_VALUE,
    /// 22025
    invalid_escape_sequence: ERRCODE_INVALID_ESCAPE_SEQUENCE,
    /// 22P02
    invalid_text_representation: ERRCODE_INVALID_TEXT_REPRESENTATION,
    /// 25001
    active_sql_transaction: ERRCODE_ACTIVE_SQL_TRANSACTION,
    /// 39P01
    trigger_protocol_violated: ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
    /// 40001: the same call succeeds later.
    serialization_failure: ERRCODE_T_R_SERIALIZATION_FAILURE,
    /// 42501
    insufficient_privilege: ERRCODE_INSUFFICIENT_PRIVILEGE,
    /// 42601
    syntax_error: ERRCODE_SYNTAX_ERROR,
    /// 42602
    invalid_name: ERRCODE_INVALID_NAME,
    /// 42703
    undefined_column: ERRCODE_UNDEFINED_COLUMN,
    /// 42704
    undefined_object: ERRCODE_UNDEFINED_OBJECT,
    /// 42710
    duplicate_object: ERRCODE_DUPLICATE_OBJECT,
    /// 42804
    datatype_mismatch: ERRCODE_DATATYPE_MISMATCH,
    /// 42809
    wrong_object_type: ERRCODE_WRONG_OBJECT_TYPE,
    /// 42883
    undefined_function: ERRCODE_UNDEFINED_FUNCTION,
    /// 42P01
    undefined_table: ERRCODE_UNDEFINED_TABLE,
    /// 42P17
    invalid_object_definition: ERRCODE_INVALID_OBJECT_DEFINITION,
    /// 54000
    program_limit_exceeded: ERRCODE_PROGRAM_LIMIT_EXCEEDED,
    /// 54001
    statement_too_complex: ERRCODE_STATEMENT_TOO_COMPLEX,
    /// 55000
    object_not_in_prerequisite_state: ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
    /// 72000: "snapshot too old" is what a cursor outside the log means: the state to continue from is gone, and the
    /// reader must read the table again.
    snapshot_too_old: ERRCODE_SNAPSHOT_TOO_OLD,
    /// XX001: the change log itself is damaged, which no caller can cause.
    data_corrupted: ERRCODE_DATA_CORRUPTED,
}

/// Turns Rust's backtraces off: where the server's environment requests them, pgrx writes them into the DETAIL of
/// errors, which goes to clients. Rust reads the environment once, at the first backtrace.
pub fn without_backtraces() {
    const ASKED: &str = "RUST_LIB_BACKTRACE";
    let asked = std::env::var_os(ASKED);
    std::env::set_var(ASKED, "0");
    let _ = std::backtrace::Backtrace::capture();
    match asked {
        Some(asked) => std::env::set_var(ASKED, asked),
        None => std::env::remove_var(ASKED),
    }
}

/// The only way from an [`Error`] to the server: SQL functions return `Result<_, ErrorReport>`.
impl From<Error> for ErrorReport {
    fn from(error: Error) -> Self {
        let code = PgSqlErrorCode::from(error.code.packed());
        error.report.with_code(code)
    }
}

#[cfg(test)]
mod tests {
    use super::SqlState;

    #[test]
    fn a_sqlstate_comes_back() {
        for state in [b"57014", b"XX000", b"P0001", b"ZZZZZ", b"00000"] {
            assert_eq!(SqlState::of(state).characters(), *state);
        }
    }
}
