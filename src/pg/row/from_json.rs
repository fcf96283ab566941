//! Rows from JSON objects, as `jsonb_populate_record` makes them.

use super::decoded::Decoded;
use super::record::RowShape;
use crate::pg::backend::memory::Arena;
use crate::pg::sys::attributes::attribute;
use pgrx::pg_sys::Oid;
use pgrx::{pg_sys, FromDatum, PgList};
use std::marker::PhantomData;

/// A jsonb value, in memory where it stays for `'a`.
pub struct Json<'a> {
    datum: pg_sys::Datum,
    _lent: PhantomData<&'a ()>,
}

impl FromDatum for Json<'_> {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, null: bool, _: Oid) -> Option<Self> {
        (!null).then(|| Json {
            // SAFETY: as the caller says, the value is a jsonb; a copy lives in the function's memory.
            datum: unsafe { pg_sys::Datum::from(pg_sys::pg_detoast_datum(datum.cast_mut_ptr())) },
            _lent: PhantomData,
        })
    }
}

impl Json<'_> {
    /// The keys of an object; `None` for any other value.
    pub fn keys(&self) -> Option<Vec<String>> {
        // SAFETY: the value is a whole jsonb, which the iterator walks through, one token at a time; a key's text is
        // copied.
        unsafe {
            let root = &raw mut (*self.datum.cast_mut_ptr::<pg_sys::Jsonb>()).root;
            if (*root).header & pg_sys::JB_FOBJECT == 0 {
                return None;
            }
            let mut keys = Vec::new();
            let mut iterator = pg_sys::JsonbIteratorInit(root);
            let mut value = pg_sys::JsonbValue::default();
            loop {
                match pg_sys::JsonbIteratorNext(&mut iterator, &mut value, true) {
                    pg_sys::JsonbIteratorToken::WJB_DONE => return Some(keys),
                    pg_sys::JsonbIteratorToken::WJB_KEY => {
                        let text = &value.val.string;
                        let bytes = std::slice::from_raw_parts(text.val.cast(), text.len as usize);
                        keys.push(String::from_utf8_lossy(bytes).into_owned());
                    }
                    _ => {}
                }
            }
        }
    }
}

impl RowShape {
    /// The row of an object: NULL for a column that is no key of it. Domains are taken for what they are over: their
    /// CHECKs are not run. Raises Postgres's own errors, such as 22P02.
    pub fn row_from<'m>(&self, object: &Json, arena: Arena<'m>) -> Decoded<'m> {
        // SAFETY: the function is called as the parser would have it called: with the types of its arguments, a record
        // of an anonymous row type and a jsonb. It returns a record of that row type in the arena, where the values
        // stay.
        arena.within(|| unsafe {
            let descriptor = self.without_domains();
            let columns = (*descriptor).natts as usize;
            let mut values = vec![pg_sys::Datum::null(); columns];
            let mut nulls = vec![true; columns];
            let base = pg_sys::heap_form_tuple(descriptor, values.as_mut_ptr(), nulls.as_mut_ptr());
            let mut function = pg_sys::FmgrInfo::default();
            let oid = Oid::from(pg_sys::F_JSONB_POPULATE_RECORD);
            pg_sys::fmgr_info(oid, &mut function);
            function.fn_expr = call_of(oid);
            let record = pg_sys::FunctionCall2Coll(
                &mut function,
                Oid::INVALID,
                pg_sys::HeapTupleHeaderGetDatum((*base).t_data),
                object.datum,
            );
            let header = record.cast_mut_ptr::<pg_sys::HeapTupleHeaderData>();
            let mut tuple = pg_sys::HeapTupleData {
                t_len: pgrx::varlena::varsize_4b(header.cast()) as u32,
                t_data: header,
                ..Default::default()
            };
            pg_sys::heap_deform_tuple(
                &mut tuple,
                descriptor,
                values.as_mut_ptr(),
                nulls.as_mut_ptr(),
            );
            Decoded::whole(values, nulls)
        })
    }

    /// An anonymous row type with the columns of this one, of the types that domains are over.
    ///
    /// # Safety
    /// Made in the current memory context.
    unsafe fn without_domains(&self) -> pg_sys::TupleDesc {
        // SAFETY: the descriptor is a copy of the shape's, whose attributes are changed one by one.
        unsafe {
            let own = self.descriptor();
            let made = pg_sys::CreateTemplateTupleDesc((*own).natts);
            for i in 0..(*own).natts as usize {
                let from = attribute(own, i);
                let mut typmod = from.atttypmod;
                // A dropped attribute has no type any more; nothing is written there.
                let of = match from.attisdropped {
                    true => pg_sys::INT4OID,
                    false => pg_sys::getBaseTypeAndTypmod(from.atttypid, &mut typmod),
                };
                let number = i as pg_sys::AttrNumber + 1;
                pg_sys::TupleDescInitEntry(made, number, from.attname.data.as_ptr(), of, typmod, 0);
            }
            pg_sys::BlessTupleDesc(made)
        }
    }
}

/// What the parser makes of a call with a record and a jsonb: the function looks up the types of its arguments there.
///
/// # Safety
/// Made in the current memory context.
unsafe fn call_of(function: Oid) -> *mut pg_sys::Node {
    // SAFETY: constants without values, of which only the types are looked at.
    unsafe {
        let mut arguments = PgList::<pg_sys::Node>::new();
        for type_oid in [pg_sys::RECORDOID, pg_sys::JSONBOID] {
            arguments.push(pg_sys::makeNullConst(type_oid, -1, Oid::INVALID).cast());
        }
        pg_sys::makeFuncExpr(
            function,
            pg_sys::RECORDOID,
            arguments.into_pg(),
            Oid::INVALID,
            Oid::INVALID,
            pg_sys::CoercionForm::COERCE_EXPLICIT_CALL,
        )
        .cast()
    }
}
