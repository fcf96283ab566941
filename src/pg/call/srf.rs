//! Functions with arguments that pgrx has no type for, and functions that return a set computed whole.

use crate::pg::CallInfo;
use pgrx::{pg_sys, FromDatum, IntoDatum};

/// The arguments of a call.
#[derive(Clone, Copy)]
pub struct Arguments(CallInfo);

impl Arguments {
    /// The arguments of the call that Postgres made.
    pub fn new(call: CallInfo) -> Arguments {
        Arguments(call)
    }

    /// An argument, counted from 0; `None` for NULL. `T` is what the SQL declaration says.
    pub fn get<T: FromDatum>(&self, number: usize) -> Option<T> {
        // SAFETY: the call is valid while the function runs; `T` fits the declaration in our own SQL files.
        unsafe {
            let call = &*self.0;
            if number >= call.nargs as usize {
                return None;
            }
            let argument = call.args.as_slice(call.nargs as usize)[number];
            T::from_datum(argument.value, argument.isnull)
        }
    }
}

/// The rows that a set-returning function returns, kept by Postgres (on disk above work_mem) until it has read them.
pub struct Rows {
    store: *mut pg_sys::Tuplestorestate,
    descriptor: pg_sys::TupleDesc,
}

/// A column of a returned row.
#[derive(Clone, Copy)]
pub enum Cell<'a> {
    Null,
    /// text, or json that is known to be valid: both are bytes behind a length.
    Text(&'a [u8]),
}

impl Rows {
    /// Makes the call return a materialised set. Postgres raises 0A000 where no set is accepted.
    pub fn begin(call: CallInfo) -> Rows {
        // SAFETY: the call is valid; the function checks that a set is expected and fills in its result information.
        unsafe {
            pg_sys::InitMaterializedSRF(call, 0);
            let result = (*call).resultinfo.cast::<pg_sys::ReturnSetInfo>();
            Rows {
                store: (*result).setResult,
                descriptor: (*result).setDesc,
            }
        }
    }

    /// Adds a row.
    pub fn add<const N: usize>(&self, cells: [Cell; N]) {
        let mut values = [pg_sys::Datum::null(); N];
        let mut nulls = [false; N];
        for (i, cell) in cells.iter().enumerate() {
            let datum = match *cell {
                Cell::Null => None,
                Cell::Text(bytes) => bytes.into_datum(),
            };
            nulls[i] = datum.is_none();
            values[i] = datum.unwrap_or(pg_sys::Datum::null());
        }
        // SAFETY: the store and its descriptor live as long as the call; the row has the declared columns, which is
        // asserted, and is copied.
        unsafe {
            assert_eq!((*self.descriptor).natts as usize, N);
            pg_sys::tuplestore_putvalues(
                self.store,
                self.descriptor,
                values.as_mut_ptr(),
                nulls.as_mut_ptr(),
            );
            for (i, cell) in cells.iter().enumerate() {
                if let Cell::Text(_) = cell {
                    pg_sys::pfree(values[i].cast_mut_ptr());
                }
            }
        }
    }
}
