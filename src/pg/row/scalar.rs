//! Values of the common types, read directly from their stored form, without output function or copy.

use super::types::Type;
use super::value::Value;
use crate::pg::backend::memory::Scratch;
use crate::pg::sys::raw;
use pgrx::{pg_sys, varlena};

/// A type whose values need no output function.
#[derive(Clone, Copy, Debug)]
pub struct Native {
    base: Type,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Bool,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    Numeric,
    Text,
    Name,
    Uuid,
    Date,
    Timestamp,
    TimestampTz,
    Json,
    Jsonb,
    Bytea,
    Money,
    Enum,
}

/// A value of such a type.
#[derive(Clone, Copy, Debug)]
pub enum Scalar<'a> {
    Bool(bool),
    Int(i64),
    /// The shortest digits that read back, as Postgres prints them.
    Float(Digits),
    /// The stored form without its length.
    Numeric(&'a [u8]),
    Text(&'a [u8]),
    Uuid(&'a [u8; 16]),
    /// Days since 2000-01-01.
    Date(i32),
    /// Microseconds since 2000-01-01.
    Timestamp(i64),
    /// Microseconds since 2000-01-01 UTC.
    TimestampTz(i64),
    Json(&'a [u8]),
    /// The stored form without its length.
    Jsonb(&'a [u8]),
    Bytea(&'a [u8]),
    /// Hundredths.
    Money(i64),
    /// OID of the label.
    Enum(u32),
}

impl Native {
    /// `None`: the type needs its output function.
    pub fn of(base: Type) -> Option<Native> {
        let kind = match base.oid() {
            pg_sys::BOOLOID => Kind::Bool,
            pg_sys::INT2OID => Kind::Int2,
            pg_sys::INT4OID => Kind::Int4,
            pg_sys::INT8OID => Kind::Int8,
            pg_sys::FLOAT4OID => Kind::Float4,
            pg_sys::FLOAT8OID => Kind::Float8,
            pg_sys::NUMERICOID => Kind::Numeric,
            pg_sys::TEXTOID | pg_sys::VARCHAROID | pg_sys::BPCHAROID => Kind::Text,
            pg_sys::NAMEOID => Kind::Name,
            pg_sys::UUIDOID => Kind::Uuid,
            pg_sys::DATEOID => Kind::Date,
            pg_sys::TIMESTAMPOID => Kind::Timestamp,
            pg_sys::TIMESTAMPTZOID => Kind::TimestampTz,
            pg_sys::JSONOID => Kind::Json,
            pg_sys::JSONBOID => Kind::Jsonb,
            pg_sys::BYTEAOID => Kind::Bytea,
            pg_sys::MONEYOID => Kind::Money,
            _ if base.is_enum() => Kind::Enum,
            _ => return None,
        };
        Some(Native { base, kind })
    }

    /// Whether some values need the type's output function: a jsonb that is nested too deeply, an enum's labels.
    pub fn needs_output(self) -> bool {
        matches!(self.kind, Kind::Jsonb | Kind::Enum)
    }

    /// Whether a value's JSON is never shorter than its stored form.
    pub fn is_verbatim(self) -> bool {
        matches!(self.kind, Kind::Text | Kind::Json | Kind::Bytea)
    }

    /// Reads a value; `None` when it has another type.
    pub fn read<'s>(self, value: Value<'s>, scratch: &'s Scratch) -> Option<Scalar<'s>> {
        let datum = value.datum_of(self.base)?;
        // SAFETY: the value is of the base type, so the datum is what the type's kind says: by value, a pointer to a
        // name or a uuid, or to a varlena, all of which live as long as the value.
        Some(unsafe {
            match self.kind {
                Kind::Bool => Scalar::Bool(datum.value() as u8 != 0),
                Kind::Int2 => Scalar::Int((datum.value() as i16).into()),
                Kind::Int4 => Scalar::Int((datum.value() as i32).into()),
                Kind::Int8 => Scalar::Int(datum.value() as i64),
                Kind::Float4 => Scalar::Float(Digits::float4(f32::from_bits(datum.value() as u32))),
                Kind::Float8 => Scalar::Float(Digits::float8(f64::from_bits(datum.value() as u64))),
                Kind::Numeric => Scalar::Numeric(bytes(datum, scratch)),
                Kind::Text => Scalar::Text(bytes(datum, scratch)),
                Kind::Name => Scalar::Text(name(datum)),
                Kind::Uuid => Scalar::Uuid(&*datum.cast_mut_ptr::<[u8; 16]>()),
                Kind::Date => Scalar::Date(datum.value() as i32),
                Kind::Timestamp => Scalar::Timestamp(datum.value() as i64),
                Kind::TimestampTz => Scalar::TimestampTz(datum.value() as i64),
                Kind::Json => Scalar::Json(bytes(datum, scratch)),
                Kind::Jsonb => Scalar::Jsonb(bytes(datum, scratch)),
                Kind::Bytea => Scalar::Bytea(bytes(datum, scratch)),
                Kind::Money => Scalar::Money(datum.value() as i64),
                Kind::Enum => Scalar::Enum(datum.value() as u32),
            }
        })
    }
}

/// The content of a varlena without its length, fetched and decompressed if needed.
///
/// # Safety
/// The datum points to a varlena that lives as long as the scratch is borrowed.
pub(in crate::pg) unsafe fn bytes(datum: pg_sys::Datum, _scratch: &Scratch) -> &[u8] {
    // SAFETY: as the caller says; what is fetched is allocated in the scratch context, which is the current one.
    unsafe {
        let mut pointer = datum.cast_mut_ptr::<pg_sys::varlena>();
        if varlena::varatt_is_1b_e(pointer) || varlena::varatt_is_4b_c(pointer) {
            pointer = pg_sys::pg_detoast_datum_packed(pointer);
        }
        std::slice::from_raw_parts(
            varlena::vardata_any(pointer).cast(),
            varlena::varsize_any_exhdr(pointer),
        )
    }
}

/// # Safety
/// The datum points to a name that lives as long as the result is used.
unsafe fn name<'a>(datum: pg_sys::Datum) -> &'a [u8] {
    // SAFETY: a name is NAMEDATALEN bytes with at least one NUL.
    let data = unsafe { &*datum.cast_mut_ptr::<[u8; pg_sys::NAMEDATALEN as usize]>() };
    data.split(|byte| *byte == 0).next().unwrap_or(data)
}

/// The digits of a float as `float8out` prints them by default, including `NaN` and `Infinity`.
#[derive(Clone, Copy, Debug)]
pub struct Digits {
    // DOUBLE_SHORTEST_DECIMAL_LEN is 25.
    text: [u8; 25],
    length: u8,
}

impl Digits {
    pub fn as_bytes(&self) -> &[u8] {
        &self.text[..usize::from(self.length)]
    }

    fn float8(value: f64) -> Digits {
        let mut text = [0; 25];
        // SAFETY: the buffer has the size that the function asks for.
        let length =
            unsafe { raw::double_to_shortest_decimal_bufn(value, text.as_mut_ptr().cast()) };
        Digits {
            text,
            length: length as u8,
        }
    }

    fn float4(value: f32) -> Digits {
        let mut text = [0; 25];
        // SAFETY: FLOAT_SHORTEST_DECIMAL_LEN is 16.
        let length =
            unsafe { raw::float_to_shortest_decimal_bufn(value, text.as_mut_ptr().cast()) };
        Digits {
            text,
            length: length as u8,
        }
    }
}
