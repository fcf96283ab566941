//! Runs a compiled statement over rows: returns one verdict per row, or the error of the first row that fails.

use super::policy::{Compiled, Verdict};
use crate::pg::backend::subtransaction::attempt;
use crate::pg::backend::subtransaction::Raised;
use crate::pg::row::decoded::Decoded;
use crate::pg::row::record::RowShape;
use pgrx::pg_sys;

impl Compiled {
    /// The verdicts on rows, in order. Errors: an error of a policy or filter, with the effects of the statement
    /// undone.
    pub fn verdicts(&self, shape: &RowShape, rows: &[&Decoded]) -> Result<Vec<Verdict>, Raised> {
        attempt(|| {
            // SAFETY: the rows have the shape's columns; the statement takes an array of its row type.
            Ok(unsafe { self.run(shape, rows) })
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
            crate::pg::sys::compat::executor_run(query);
            pg_sys::ExecutorFinish(query);
            pg_sys::ExecutorEnd(query);
            pg_sys::FreeQueryDesc(query);
        }
        receiver.verdicts
    }
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
