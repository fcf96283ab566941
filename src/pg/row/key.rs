//! Keys of values: bytes that are equal where Postgres calls the values equal, and ordered as it orders them.
//!
//! A type without such bytes has no kind: jsonb, arrays, ranges, types of extensions, and text under a nondeterministic
//! collation, for which only Postgres knows what is equal.

use super::key_bytes;
use super::types::Type;
use crate::keyed::Key;
use pgrx::pg_sys::{Datum, Oid};
use pgrx::{pg_sys, varlena};

/// How the values of a type become keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyKind {
    form: Form,
    ordered: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Bool,
    /// "char"
    Byte,
    Int2,
    Int4,
    Int8,
    /// Also of what is an OID with a name.
    Oid,
    /// pg_lsn and xid8
    Unsigned8,
    Float4,
    Float8,
    Numeric,
    Text,
    Name,
    /// Blanks at the end do not count.
    Bpchar,
    Bytea,
    Uuid,
    Mac,
    Mac8,
    Inet,
    Date,
    Time,
    TimeTz,
    Timestamp,
    TimestampTz,
    Interval,
    /// An enum of this type. The order of its labels can change.
    Enum(Oid),
}

/// pg_collation.dat; not every version has a name for it.
const POSIX_COLLATION: Oid = Oid::from_u32(951);

impl KeyKind {
    /// The kind of a type, domains resolved, under a collation; the collation does not matter for types that have none.
    pub fn of(type_oid: Oid, collation: Oid) -> Option<KeyKind> {
        let base = Type::base_of(type_oid);
        let form = match base.oid() {
            pg_sys::BOOLOID => Form::Bool,
            pg_sys::CHAROID => Form::Byte,
            pg_sys::INT2OID => Form::Int2,
            pg_sys::INT4OID => Form::Int4,
            pg_sys::INT8OID => Form::Int8,
            pg_sys::OIDOID
            | pg_sys::REGCLASSOID
            | pg_sys::REGTYPEOID
            | pg_sys::REGROLEOID
            | pg_sys::REGNAMESPACEOID
            | pg_sys::REGPROCOID
            | pg_sys::REGPROCEDUREOID => Form::Oid,
            pg_sys::PG_LSNOID | pg_sys::XID8OID => Form::Unsigned8,
            pg_sys::FLOAT4OID => Form::Float4,
            pg_sys::FLOAT8OID => Form::Float8,
            pg_sys::NUMERICOID => Form::Numeric,
            pg_sys::TEXTOID | pg_sys::VARCHAROID => Form::Text,
            pg_sys::NAMEOID => Form::Name,
            pg_sys::BPCHAROID => Form::Bpchar,
            pg_sys::BYTEAOID => Form::Bytea,
            pg_sys::UUIDOID => Form::Uuid,
            pg_sys::MACADDROID => Form::Mac,
            pg_sys::MACADDR8OID => Form::Mac8,
            pg_sys::INETOID | pg_sys::CIDROID => Form::Inet,
            pg_sys::DATEOID => Form::Date,
            pg_sys::TIMEOID => Form::Time,
            pg_sys::TIMETZOID => Form::TimeTz,
            pg_sys::TIMESTAMPOID => Form::Timestamp,
            pg_sys::TIMESTAMPTZOID => Form::TimestampTz,
            pg_sys::INTERVALOID => Form::Interval,
            oid if base.is_enum() => Form::Enum(oid),
            _ => return None,
        };
        let ordered = match form {
            Form::Text | Form::Name | Form::Bpchar => order_of_texts(collation)?,
            Form::Inet | Form::Enum(_) => false,
            _ => true,
        };
        Some(KeyKind { form, ordered })
    }

    /// Whether keys are ordered as Postgres orders the values.
    pub fn ordered(self) -> bool {
        self.ordered
    }

    /// Whether a key has the bytes of a text, so that what a text begins with its key begins with.
    pub fn is_text(self) -> bool {
        matches!(self.form, Form::Text | Form::Name)
    }

    /// Whether values are padded with blanks that their keys lack.
    pub fn is_padded(self) -> bool {
        self.form == Form::Bpchar
    }

    /// Whether keys of the two kinds are equal where `=` between values of the two types holds.
    pub fn compares_with(self, other: KeyKind) -> bool {
        let class = |form| match form {
            Form::Int2 | Form::Int4 => Form::Int8,
            Form::Float4 => Form::Float8,
            Form::Name => Form::Text,
            other => other,
        };
        class(self.form) == class(other.form)
    }

    /// The key of a boolean.
    pub fn of_bool(value: bool) -> Key {
        Box::new([u8::from(value)])
    }

    /// The key of a value.
    ///
    /// # Safety
    /// The datum is not NULL, and of the type that the kind was made for.
    pub(in crate::pg) unsafe fn key(self, datum: Datum) -> Key {
        let mut out = Vec::new();
        // SAFETY: as the caller says.
        unsafe { self.write(datum, &mut out) };
        out.into_boxed_slice()
    }

    /// Appends the key of a value.
    ///
    /// # Safety
    /// The datum is not NULL, and of the type that the kind was made for.
    pub(in crate::pg) unsafe fn write(self, datum: Datum, out: &mut Vec<u8>) {
        let mut push = |bytes: &[u8]| out.extend_from_slice(bytes);
        // SAFETY: the datum is what the form says, as the caller promises: by value, or a pointer to so many bytes or to
        // a varlena. Lengths and layouts are those of pg_type.typlen, date.h, timestamp.h, uuid.h, inet.h and c.h.
        unsafe {
            match self.form {
                Form::Bool => push(&[u8::from(datum.value() as u8 != 0)]),
                Form::Byte => push(&[datum.value() as u8]),
                Form::Int2 => push(&key_bytes::integer((datum.value() as i16).into())),
                Form::Int4 => push(&key_bytes::integer((datum.value() as i32).into())),
                Form::Int8 | Form::Time | Form::Timestamp | Form::TimestampTz => {
                    push(&key_bytes::integer(datum.value() as i64));
                }
                Form::Oid | Form::Enum(_) => push(&(datum.value() as u32).to_be_bytes()),
                Form::Unsigned8 => push(&(datum.value() as u64).to_be_bytes()),
                Form::Float4 => {
                    push(&key_bytes::float(
                        f32::from_bits(datum.value() as u32).into(),
                    ));
                }
                Form::Float8 => push(&key_bytes::float(f64::from_bits(datum.value() as u64))),
                Form::Date => push(&key_bytes::integer4(datum.value() as i32)),
                Form::Uuid => push(&fixed::<16>(datum)),
                Form::Mac => push(&fixed::<6>(datum)),
                Form::Mac8 => push(&fixed::<8>(datum)),
                Form::Interval => push(&key_bytes::integer16(span(&fixed(datum)))),
                Form::TimeTz => push(&time_of_day(&fixed(datum))),
                Form::Name => push(name(&fixed(datum))),
                Form::Text | Form::Bytea => content(datum, push),
                Form::Bpchar => content(datum, |bytes| push(without_blanks(bytes))),
                Form::Inet => content(datum, |bytes| push(address(bytes))),
                Form::Numeric => content(datum, |bytes| key_bytes::numeric(out, bytes)),
            }
        }
    }
}

/// Whether the order of texts is that of their bytes; `None` where different texts can be equal.
fn order_of_texts(collation: Oid) -> Option<bool> {
    if collation == Oid::INVALID {
        return None;
    }
    // SAFETY: a syscache look-up of a collation that exists.
    let deterministic = unsafe { pg_sys::get_collation_isdeterministic(collation) };
    let by_bytes = [pg_sys::C_COLLATION_OID, POSIX_COLLATION].contains(&collation);
    deterministic.then_some(by_bytes)
}

/// # Safety
/// The datum points to so many bytes.
unsafe fn fixed<const LENGTH: usize>(datum: Datum) -> [u8; LENGTH] {
    // SAFETY: as the caller says.
    unsafe { *datum.cast_mut_ptr::<[u8; LENGTH]>() }
}

/// Reads the content of a varlena, fetched and decompressed if needed.
///
/// # Safety
/// The datum points to a varlena.
unsafe fn content(datum: Datum, read: impl FnOnce(&[u8])) {
    // SAFETY: as the caller says; a copy that was made here is freed here.
    unsafe {
        let own = datum.cast_mut_ptr::<pg_sys::varlena>();
        let whole = pg_sys::pg_detoast_datum_packed(own);
        let bytes = varlena::vardata_any(whole).cast::<u8>();
        read(std::slice::from_raw_parts(
            bytes,
            varlena::varsize_any_exhdr(whole),
        ));
        if whole != own {
            pg_sys::pfree(whole.cast());
        }
    }
}

fn name(data: &[u8; pg_sys::NAMEDATALEN as usize]) -> &[u8] {
    data.split(|byte| *byte == 0).next().unwrap_or(data)
}

/// As `bcTruelen` (varchar.c).
fn without_blanks(bytes: &[u8]) -> &[u8] {
    let length = bytes.iter().rposition(|byte| *byte != b' ');
    &bytes[..length.map_or(0, |last| last + 1)]
}

/// Family, length of the prefix, and the address: what `network_cmp` compares.
fn address(stored: &[u8]) -> &[u8] {
    const PGSQL_AF_INET: u8 = 2;
    let length = if stored.first() == Some(&PGSQL_AF_INET) {
        6
    } else {
        18
    };
    stored.get(..length).unwrap_or(stored)
}

/// Microseconds, with days of 24 hours and months of 30 days (`interval_cmp_value`, timestamp.c). Infinite intervals
/// are the extremes of all three fields.
fn span(stored: &[u8; 16]) -> i128 {
    let [time, fields] = [0, 8].map(|at| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&stored[at..at + 8]);
        bytes
    });
    let [day, month] = [0, 4].map(|at| {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(&fields[at..at + 4]);
        i64::from(i32::from_ne_bytes(bytes))
    });
    i128::from(day + month * 30) * 86_400_000_000 + i128::from(i64::from_ne_bytes(time))
}

/// First the time in UTC, then the zone (`timetz_cmp_internal`, date.c).
fn time_of_day(stored: &[u8; 12]) -> [u8; 12] {
    let (mut time, mut zone) = ([0; 8], [0; 4]);
    time.copy_from_slice(&stored[..8]);
    zone.copy_from_slice(&stored[8..]);
    let zone = i32::from_ne_bytes(zone);
    let utc = i64::from_ne_bytes(time) + i64::from(zone) * 1_000_000;
    let mut key = [0; 12];
    key[..8].copy_from_slice(&key_bytes::integer(utc));
    key[8..].copy_from_slice(&key_bytes::integer4(zone));
    key
}

#[cfg(any(test, feature = "pg_test"))]
mod tests;
