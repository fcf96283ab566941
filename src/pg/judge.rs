//! Running a compiled statement over rows: one verdict a row, or the error of the first row that has none.

use super::decode::Decoded;
use super::policy::{Compiled, Verdict};
use super::row::RowShape;
use super::sqlstate::{note_again, noted, noting};
use crate::error::{report, Error};
use pgrx::{pg_sys, PgTryBuilder};
use std::panic::AssertUnwindSafe;

/// An error that a policy or filter raised.
#[derive(Debug, Clone)]
pub struct Raised {
    /// Its SQLSTATE, as five characters.
    pub sqlstate: [u8; 5],
    pub message: String,
}

impl Compiled {
    /// The verdicts of rows, in their order. An error undoes what the statement did and comes back.
    pub fn verdicts(&self, shape: &RowShape, rows: &[&Decoded]) -> Result<Vec<Verdict>, Raised> {
        attempt(|| {
            // SAFETY: the rows have the shape's columns; the statement takes an array of its row type.
            unsafe { self.run(shape, rows) }
        })
    }

    /// # Safety
    /// `shape` is of the row type that the statement was compiled for.
    unsafe fn run(&self, shape: &RowShape, rows: &[&Decoded]) -> Vec<Verdict> {
        let mut receiver = Receiver::new(rows.len());
        // SAFETY: the executor's protocol (pquery.c, ProcessQuery): the statement is copied, since execution may write
        // to it; parameters and receiver outlive it.
        unsafe {
            let mut elements: Vec<pg_sys::Datum> =
                rows.iter().map(|row| shape.composite(row)).collect();
            let array = pg_sys::construct_array(
                elements.as_mut_ptr(),
                elements.len() as i32,
                self.row_type,
                -1,
                false,
                pg_sys::TYPALIGN_DOUBLE as std::ffi::c_char,
            );
            let parameters = pg_sys::makeParamList(1);
            let parameter = &mut (*parameters).params.as_mut_slice(1)[0];
            parameter.value = pg_sys::Datum::from(array);
            parameter.isnull = false;
            parameter.pflags = pg_sys::PARAM_FLAG_CONST as u16;
            parameter.ptype = self.array_type;
            let statement = pg_sys::copyObjectImpl(self.statement.cast()).cast();
            let query = pg_sys::CreateQueryDesc(
                statement,
                c"pgrealtime: the policies and the filter of a relation over captured rows"
                    .as_ptr(),
                pg_sys::GetActiveSnapshot(),
                std::ptr::null_mut(),
                (&raw mut receiver).cast(),
                parameters,
                std::ptr::null_mut(),
                0,
            );
            pg_sys::ExecutorStart(query, 0);
            super::compat::executor_run(query);
            pg_sys::ExecutorFinish(query);
            pg_sys::ExecutorEnd(query);
            pg_sys::FreeQueryDesc(query);
        }
        receiver.verdicts
    }
}

/// Runs in a subtransaction, so that an error leaves nothing behind. A cancelled query and a server that shuts down go
/// on being errors.
fn attempt<T>(body: impl FnOnce() -> T) -> Result<T, Raised> {
    // SAFETY: released or rolled back below, with memory context and resource owner put back as PL/pgSQL does it
    // (pl_exec.c, exec_stmt_block).
    unsafe {
        let context = pg_sys::CurrentMemoryContext;
        let owner = pg_sys::CurrentResourceOwner;
        pg_sys::BeginInternalSubTransaction(std::ptr::null());
        pg_sys::MemoryContextSwitchTo(context);
        let result = PgTryBuilder::new(AssertUnwindSafe(|| {
            let result = noting(body);
            pg_sys::ReleaseCurrentSubTransaction();
            Ok(result)
        }))
        .catch_others(|error| {
            let raised = raised(&error);
            if matches!(&raised.sqlstate, b"57014" | b"57P01" | b"57P02") {
                error.rethrow()
            }
            pg_sys::MemoryContextSwitchTo(context);
            pg_sys::RollbackAndReleaseCurrentSubTransaction();
            Err(raised)
        })
        .execute();
        pg_sys::MemoryContextSwitchTo(context);
        pg_sys::CurrentResourceOwner = owner;
        result
    }
}

fn raised(error: &pg_sys::panic::CaughtError) -> Raised {
    use pg_sys::panic::CaughtError as Caught;
    let report = match error {
        Caught::PostgresError(report) | Caught::ErrorReport(report) => report,
        Caught::RustPanic { ereport, .. } => ereport,
    };
    // A SQLSTATE is five characters of six bits (elog.h, MAKE_SQLSTATE). pgrx knows Postgres's own only.
    let code = match noted() {
        0 => report.sql_error_code() as i32,
        noted => noted,
    };
    let character = |i: i32| ((code >> (6 * i)) & 0x3f) as u8 + b'0';
    Raised {
        sqlstate: [0, 1, 2, 3, 4].map(character),
        message: report.message().to_string(),
    }
}

/// MAKE_SQLSTATE of elog.h.
fn pack(characters: [u8; 5]) -> i32 {
    characters.iter().rev().fold(0, |code, character| {
        (code << 6) | i32::from(character.wrapping_sub(b'0') & 0x3f)
    })
}

/// Collects the verdicts that the executor sends.
#[repr(C)]
struct Receiver {
    methods: pg_sys::DestReceiver,
    verdicts: Vec<Verdict>,
}

impl Receiver {
    fn new(rows: usize) -> Receiver {
        Receiver {
            methods: pg_sys::DestReceiver {
                receiveSlot: Some(receive),
                rStartup: Some(startup),
                rShutdown: Some(ignore),
                rDestroy: Some(ignore),
                mydest: pg_sys::CommandDest::DestNone,
            },
            verdicts: Vec::with_capacity(rows),
        }
    }
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn receive(
    slot: *mut pg_sys::TupleTableSlot,
    receiver: *mut pg_sys::DestReceiver,
) -> bool {
    // SAFETY: the receiver is ours, the slot has the statement's one column, an integer that is never NULL.
    unsafe {
        if (*slot).tts_nvalid < 1 {
            pg_sys::slot_getsomeattrs_int(slot, 1);
        }
        let number = (*(*slot).tts_values).value() as i32;
        (*receiver.cast::<Receiver>())
            .verdicts
            .push(Verdict::from_number(number));
    }
    true
}

unsafe extern "C-unwind" fn startup(
    _receiver: *mut pg_sys::DestReceiver,
    _operation: i32,
    _descriptor: pg_sys::TupleDesc,
) {
}

unsafe extern "C-unwind" fn ignore(_receiver: *mut pg_sys::DestReceiver) {}

impl Raised {
    /// The error for the caller: the SQLSTATE is the policy's or filter's own, its message is not repeated.
    /// Raise it within `sqlstate::keeping`, which puts a SQLSTATE of the user's own back.
    pub fn into_error(self, message: String, detail: String, hint: &str) -> Error {
        note_again(pack(self.sqlstate));
        Error::Raised(self.sqlstate, report(message).detail(detail).hint(hint))
    }
}
