//! Functions with argument types that pgrx does not know, and functions that return a whole set at once.

use crate::pg::row::readable::{refuse, Readable};
use crate::pg::sys::attributes;
use crate::pg::CallInfo;
use pgrx::{pg_sys, IntoDatum};
use std::ffi::CStr;

/// The arguments of a call.
pub struct Arguments<'c> {
    call: CallInfo<'c>,
    /// The types of the parameters, as the function is declared.
    types: Vec<pg_sys::Oid>,
}

impl<'c> Arguments<'c> {
    /// The arguments of the call that Postgres made.
    pub fn new(call: CallInfo<'c>) -> Arguments<'c> {
        let (mut types, mut number) = (std::ptr::null_mut(), 0);
        // SAFETY: the call is valid and names a function that is there; its parameters' types are copied.
        let types = unsafe {
            pg_sys::get_func_signature(call.function(), &mut types, &mut number);
            (0..number as usize).map(|i| *types.add(i)).collect()
        };
        Arguments { call, types }
    }

    /// An argument, counted from 0; `None` for NULL, and for one that the function is not declared with. Raises 55000
    /// when `T` cannot read the parameter's type.
    pub fn get<T: Readable<'c>>(&self, number: usize) -> Option<T> {
        if !T::reads(*self.types.get(number)?) {
            refuse_function(self.call);
        }
        // SAFETY: the call is valid while the function runs; `T` reads what the parameter is declared as.
        unsafe {
            let call = &*self.call.raw();
            if number >= call.nargs as usize {
                return None;
            }
            let argument = call.args.as_slice(call.nargs as usize)[number];
            T::from_datum(argument.value, argument.isnull)
        }
    }
}

/// Raises 55000: the function's declaration does not match the library.
pub(super) fn refuse_function(call: CallInfo) -> ! {
    // SAFETY: a syscache look-up; the name is copied, and null for a function that has gone.
    let name = unsafe {
        let name = pg_sys::get_func_name(call.function());
        (!name.is_null()).then(|| CStr::from_ptr(name).to_string_lossy().into_owned())
    };
    refuse(&format!("function \"{}\"", name.unwrap_or_default()))
}

/// The rows that a set-returning function returns. Postgres keeps them (on disk above work_mem) until it has read them.
pub struct Rows<'c, const N: usize> {
    store: *mut pg_sys::Tuplestorestate,
    descriptor: pg_sys::TupleDesc,
    columns: [Column; N],
    _call: CallInfo<'c>,
}

/// A column of a returned row.
#[derive(Clone, Copy)]
pub enum Cell<'a> {
    Null,
    /// text, or json that is known to be valid. Both are bytes after a length.
    Text(&'a [u8]),
    Number(i32),
    Numbers(&'a [i32]),
}

/// What a column of the returned rows holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// text or json
    Text,
    /// integer
    Number,
    /// integer[]
    Numbers,
}

impl Column {
    fn holds(self, type_oid: pg_sys::Oid) -> bool {
        match self {
            Column::Text => [pg_sys::TEXTOID, pg_sys::JSONOID].contains(&type_oid),
            Column::Number => type_oid == pg_sys::INT4OID,
            Column::Numbers => type_oid == pg_sys::INT4ARRAYOID,
        }
    }
}

impl<'c, const N: usize> Rows<'c, N> {
    /// Makes the call return a materialised set of `N` columns of text or json. Postgres raises 0A000 where no set is
    /// accepted. Raises 55000 when the function is not declared with these columns.
    pub fn begin(call: CallInfo<'c>) -> Rows<'c, N> {
        Rows::begin_with(call, [Column::Text; N])
    }

    /// The same with other columns.
    pub fn begin_with(call: CallInfo<'c>, columns: [Column; N]) -> Rows<'c, N> {
        // SAFETY: the call is valid; the function checks that a set is expected and fills in its result information.
        unsafe {
            let result = (*call.raw()).resultinfo.cast::<pg_sys::ReturnSetInfo>();
            // With the descriptor that the caller expects: to make one from the function's declaration would take longer
            // than some calls do, and leave memory behind for each call until the statement ends.
            let is_set = !result.is_null() && (*result).type_ == pg_sys::NodeTag::T_ReturnSetInfo;
            let is_expected = is_set && !(*result).expectedDesc.is_null();
            let flags = if is_expected {
                pg_sys::MAT_SRF_USE_EXPECTED_DESC
            } else {
                0
            };
            pg_sys::InitMaterializedSRF(call.raw(), flags);
            let descriptor = (*result).setDesc;
            let fits = |i: usize| columns[i].holds(attributes::attribute(descriptor, i).atttypid);
            if (*descriptor).natts as usize != N || !(0..N).all(fits) {
                refuse_function(call);
            }
            Rows {
                store: (*result).setResult,
                descriptor,
                columns,
                _call: call,
            }
        }
    }

    /// Adds a row. A cell that is not of its column's kind is NULL.
    pub fn add(&self, cells: [Cell; N]) {
        let mut values = [pg_sys::Datum::null(); N];
        let mut nulls = [false; N];
        for (i, cell) in cells.iter().enumerate() {
            let datum = match (*cell, self.columns[i]) {
                (Cell::Text(bytes), Column::Text) => bytes.into_datum(),
                (Cell::Number(number), Column::Number) => number.into_datum(),
                (Cell::Numbers(numbers), Column::Numbers) => Some(array(numbers)),
                _ => None,
            };
            nulls[i] = datum.is_none();
            values[i] = datum.unwrap_or(pg_sys::Datum::null());
        }
        // SAFETY: the store and its descriptor live as long as the call; the row has the declared columns and is copied.
        unsafe {
            pg_sys::tuplestore_putvalues(
                self.store,
                self.descriptor,
                values.as_mut_ptr(),
                nulls.as_mut_ptr(),
            );
            for (i, cell) in cells.iter().enumerate() {
                if matches!(cell, Cell::Text(_) | Cell::Numbers(_)) && !nulls[i] {
                    pg_sys::pfree(values[i].cast_mut_ptr());
                }
            }
        }
    }
}

/// An integer array in the current memory context.
fn array(numbers: &[i32]) -> pg_sys::Datum {
    let mut elements: Vec<pg_sys::Datum> = numbers
        .iter()
        .map(|number| pg_sys::Datum::from(*number))
        .collect();
    // SAFETY: the elements are integers, passed by value.
    unsafe {
        pg_sys::Datum::from(pg_sys::construct_array(
            elements.as_mut_ptr(),
            elements.len() as i32,
            pg_sys::INT4OID,
            4,
            true,
            pg_sys::TYPALIGN_INT as std::ffi::c_char,
        ))
    }
}
