//! The one error enum of the crate: each variant is a SQLSTATE, its report says what, why and what to do.

pub use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{PgLogLevel, PgSqlErrorCode};

/// What an error says: the message, and where there is more to say the detail and the hint.
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
    /// The facts behind the message, in whole sentences.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// What the user can do about it, in whole sentences.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Tells the caller something that is no error.
    pub fn notice(self) {
        self.send(
            PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION,
            PgLogLevel::NOTICE,
        );
    }

    /// Warns the caller of something that goes on all the same.
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

    /// The message by itself.
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// Everything that a caller can get wrong or meet; the variant is the SQLSTATE (errcodes.txt of Postgres).
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::enum_variant_names)] // the names are those of errcodes.txt
pub enum Error {
    /// 0A000
    FeatureNotSupported(Report),
    /// 22001
    StringDataRightTruncation(Report),
    /// 22023
    InvalidParameterValue(Report),
    /// 22025
    InvalidEscapeSequence(Report),
    /// 22P02
    InvalidTextRepresentation(Report),
    /// 22004
    NullValueNotAllowed(Report),
    /// 39P01
    TriggerProtocolViolated(Report),
    /// 42501
    InsufficientPrivilege(Report),
    /// 42601
    SyntaxError(Report),
    /// 42602
    InvalidName(Report),
    /// 42703
    UndefinedColumn(Report),
    /// 42804
    DatatypeMismatch(Report),
    /// 42809
    WrongObjectType(Report),
    /// 42883
    UndefinedFunction(Report),
    /// 42P01
    UndefinedTable(Report),
    /// 42704
    UndefinedObject(Report),
    /// 42P17
    InvalidObjectDefinition(Report),
    /// 54000
    ProgramLimitExceeded(Report),
    /// 54001
    StatementTooComplex(Report),
    /// 55000
    ObjectNotInPrerequisiteState(Report),
    /// 55P02
    CannotChangeRuntimeParam(Report),
    /// XX001: the change log itself is damaged, which no caller can cause.
    DataCorrupted(Report),
    /// Any: what a policy or filter of a relation raised, with a message of ours.
    Raised([u8; 5], Report),
    /// 72000: Postgres's "snapshot too old" says exactly what a cursor outside the log means:
    /// the state to go on from is gone, read the table again.
    SnapshotTooOld(Report),
    /// An error that Postgres itself raised, passed on under its own SQLSTATE with where it happened.
    Server(PgSqlErrorCode, Report),
}

/// The crate's result.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The message by itself.
    pub fn message(&self) -> String {
        self.clone().parts().1.message
    }

    /// Its SQLSTATE, as Postgres packs it.
    pub fn code(&self) -> PgSqlErrorCode {
        self.clone().parts().0
    }

    fn parts(self) -> (PgSqlErrorCode, Report) {
        use PgSqlErrorCode as Code;
        match self {
            Error::FeatureNotSupported(r) => (Code::ERRCODE_FEATURE_NOT_SUPPORTED, r),
            Error::StringDataRightTruncation(r) => (Code::ERRCODE_STRING_DATA_RIGHT_TRUNCATION, r),
            Error::InvalidEscapeSequence(r) => (Code::ERRCODE_INVALID_ESCAPE_SEQUENCE, r),
            Error::Server(code, r) => (code, r),
            Error::InvalidParameterValue(r) => (Code::ERRCODE_INVALID_PARAMETER_VALUE, r),
            Error::InvalidTextRepresentation(r) => (Code::ERRCODE_INVALID_TEXT_REPRESENTATION, r),
            Error::NullValueNotAllowed(r) => (Code::ERRCODE_NULL_VALUE_NOT_ALLOWED, r),
            Error::TriggerProtocolViolated(r) => {
                (Code::ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED, r)
            }
            Error::InsufficientPrivilege(r) => (Code::ERRCODE_INSUFFICIENT_PRIVILEGE, r),
            Error::SyntaxError(r) => (Code::ERRCODE_SYNTAX_ERROR, r),
            Error::InvalidName(r) => (Code::ERRCODE_INVALID_NAME, r),
            Error::UndefinedColumn(r) => (Code::ERRCODE_UNDEFINED_COLUMN, r),
            Error::DatatypeMismatch(r) => (Code::ERRCODE_DATATYPE_MISMATCH, r),
            Error::WrongObjectType(r) => (Code::ERRCODE_WRONG_OBJECT_TYPE, r),
            Error::UndefinedFunction(r) => (Code::ERRCODE_UNDEFINED_FUNCTION, r),
            Error::UndefinedTable(r) => (Code::ERRCODE_UNDEFINED_TABLE, r),
            Error::UndefinedObject(r) => (Code::ERRCODE_UNDEFINED_OBJECT, r),
            Error::InvalidObjectDefinition(r) => (Code::ERRCODE_INVALID_OBJECT_DEFINITION, r),
            Error::ProgramLimitExceeded(r) => (Code::ERRCODE_PROGRAM_LIMIT_EXCEEDED, r),
            Error::StatementTooComplex(r) => (Code::ERRCODE_STATEMENT_TOO_COMPLEX, r),
            Error::ObjectNotInPrerequisiteState(r) => {
                (Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, r)
            }
            Error::CannotChangeRuntimeParam(r) => (Code::ERRCODE_CANT_CHANGE_RUNTIME_PARAM, r),
            Error::Raised(state, r) => (sqlstate(state), r),
            Error::DataCorrupted(r) => (Code::ERRCODE_DATA_CORRUPTED, r),
            Error::SnapshotTooOld(r) => (Code::ERRCODE_SNAPSHOT_TOO_OLD, r),
        }
    }
}

/// Where the server's environment asks for Rust's backtraces, pgrx writes them into the DETAIL of errors, which go to
/// clients. Rust reads the environment once, at the first one.
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

/// The code of a SQLSTATE's five characters (elog.h, MAKE_SQLSTATE).
fn sqlstate(characters: [u8; 5]) -> PgSqlErrorCode {
    let code = characters.iter().rev().fold(0i32, |code, character| {
        (code << 6) | i32::from(character.wrapping_sub(b'0') & 0x3f)
    });
    PgSqlErrorCode::from(code)
}

/// The only way from an [`Error`] to the server: SQL functions return `Result<_, ErrorReport>`.
impl From<Error> for ErrorReport {
    fn from(error: Error) -> Self {
        let (code, report) = error.parts();
        report.with_code(code)
    }
}
