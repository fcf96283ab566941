//! What keys cannot tell: the policies over pairs of a row and a reader's constants, all of a batch in one statement.

use super::claims::number_of;
use super::constants::Form;
use super::execute;
use super::tree;
use crate::error::Result;
use crate::pg::backend::memory::Memory;
use crate::pg::row::decoded::Decoded;
use crate::pg::row::record::RowShape;
use crate::pg::sql::typeinfo::qualified_name;
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, Node, Oid};
use std::ffi::CString;

/// A statement over `$1`, an array of rows, and `$2`, an array of records: the number of a pair, that of its row, and
/// the constants.
pub(super) struct Pairs {
    pub statement: *mut pg_sys::PlannedStmt,
    array_type: Oid,
    row_type: Oid,
    /// The descriptor of the records.
    record: pg_sys::TupleDesc,
}

/// Columns of a record before its constants.
const BEFORE: usize = 2;

impl Pairs {
    /// # Safety
    /// The policy is over a relation of this row type as range-table entry 1, with stand-ins for constants of these
    /// forms; it uses no row as a whole.
    pub(super) unsafe fn new(
        memory: &Memory,
        row_type: Oid,
        policy: *mut Node,
        forms: &[Form],
    ) -> Result<Pairs> {
        // SAFETY: as promised; a stand-in becomes a column of the same type, in range-table entry 2 of the statement.
        unsafe {
            let array_type = pg_sys::get_array_type(row_type);
            let policy = tree::rewrite(policy, 0, &mut |node, depth| {
                let number = number_of(node)?;
                let form = &forms[number];
                let column = (number + BEFORE + 1) as i16;
                let (type_oid, typmod) = (form.type_oid, form.typmod);
                Some(pg_sys::makeVar(2, column, type_oid, typmod, form.collation, depth).cast())
            });
            let query = execute::select(
                &text(forms),
                &[array_type, pg_sys::RECORDARRAYOID],
                &[policy],
            )?;
            let statement = execute::plan(query);
            Ok(Pairs {
                statement: memory.within(|| pg_sys::copyObjectImpl(statement.cast()).cast()),
                array_type,
                row_type,
                record: memory.within(|| descriptor(forms)),
            })
        }
    }

    /// The verdicts on pairs of a row and a reader's constants.
    ///
    /// # Safety
    /// The rows are of the row type, the constants of the forms; the pairs are places in both.
    pub(super) unsafe fn verdicts(
        &self,
        shape: &RowShape,
        rows: &[&Decoded],
        values: &[Vec<Option<Datum>>],
        pairs: &[(u32, u32)],
    ) -> Vec<bool> {
        let mut verdicts = vec![false; pairs.len()];
        // SAFETY: as promised; the statement's columns are the number of a pair and a boolean.
        unsafe {
            let rows = rows.iter().map(|row| shape.composite(row)).collect();
            let record = |(pair, (row, who)): (usize, &(u32, u32))| {
                self.record(pair, *row as usize, &values[*who as usize])
            };
            let records = pairs.iter().enumerate().map(record).collect();
            let parameters = [
                (self.array_type, execute::array_of(rows, self.row_type)),
                (
                    pg_sys::RECORDARRAYOID,
                    execute::array_of(records, pg_sys::RECORDOID),
                ),
            ];
            execute::execute(self.statement, &parameters, &mut |values, nulls| {
                if !nulls[1] && values[1].value() != 0 {
                    verdicts[values[0].value()] = true;
                }
            });
        }
        verdicts
    }

    /// # Safety
    /// The values are of the forms.
    unsafe fn record(&self, pair: usize, row: usize, values: &[Option<Datum>]) -> Datum {
        let numbers = [pair, row].map(|number| Some(Datum::from(number as i64)));
        let all = || numbers.iter().chain(values);
        let mut datums: Vec<Datum> = all().map(|value| value.unwrap_or(Datum::null())).collect();
        let mut nulls: Vec<bool> = all().map(Option::is_none).collect();
        // SAFETY: as promised; a formed tuple of a registered type is a value of it.
        unsafe {
            let tuple =
                pg_sys::heap_form_tuple(self.record, datums.as_mut_ptr(), nulls.as_mut_ptr());
            Datum::from((*tuple).t_data)
        }
    }
}

/// The policy is put behind the target. It is no join condition, so that it is asked of these pairs only.
fn text(forms: &[Form]) -> String {
    let columns =
        |(number, form): (usize, &Form)| format!(", c{number} {}", qualified_name(form.type_oid));
    let columns: String = forms.iter().enumerate().map(columns).collect();
    format!(
        "SELECT pairs.pair FROM pg_catalog.unnest($1) WITH ORDINALITY AS rows, \
         pg_catalog.unnest($2) AS pairs(pair pg_catalog.int8, place pg_catalog.int8{columns}) \
         WHERE pairs.place OPERATOR(pg_catalog.+) 1 OPERATOR(pg_catalog.=) rows.ordinality"
    )
}

/// # Safety
/// The types exist.
unsafe fn descriptor(forms: &[Form]) -> pg_sys::TupleDesc {
    // SAFETY: as promised; the names are static or copied.
    unsafe {
        let count = (forms.len() + BEFORE) as i32;
        let descriptor = pg_sys::CreateTemplateTupleDesc(count);
        let types = [(pg_sys::INT8OID, -1); BEFORE]
            .into_iter()
            .chain(forms.iter().map(|form| (form.type_oid, form.typmod)));
        for (place, (type_oid, typmod)) in types.enumerate() {
            let name = CString::default();
            let number = place as i16 + 1;
            pg_sys::TupleDescInitEntry(descriptor, number, name.as_ptr(), type_oid, typmod, 0);
        }
        pg_sys::BlessTupleDesc(descriptor)
    }
}
