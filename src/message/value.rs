//! Turns values into JSON: one match on the type's JSON form, and an append.

use super::class::{Class, Composite, Field, How, Labels};
use super::{json, jsonb, text};
use crate::pg::backend::memory::Scratch;
use crate::pg::print::output::{Output, Printed};
use crate::pg::row::array::Elements;
use crate::pg::row::record::Cell as Column;
use crate::pg::row::record::DeformedRow;
use crate::pg::row::scalar::Scalar;
use crate::pg::row::types::check_stack_depth;
use crate::pg::row::types::Type;
use crate::pg::row::value::Value;

/// A stored byte makes at least 1/32 byte of JSON. The worst case is the 64 bytes of a `name` in an array, `"",`. So a
/// value that cannot fit is known before it is fetched or printed.
const STORED_PER_BYTE: usize = 32;

/// The value's JSON did not fit. The caller must cut off the part that was written.
#[derive(Debug)]
pub struct TooLarge;

/// The buffer for JSON, and the length up to which it may grow.
pub struct Text<'a> {
    pub out: &'a mut Vec<u8>,
    pub end: usize,
    pub scratch: &'a Scratch,
    /// Whether a row lacked a value.
    pub lacks: bool,
}

impl Text<'_> {
    /// Errors: the message is too large.
    pub(super) fn fits(&self) -> Result<(), TooLarge> {
        if self.out.len() <= self.end {
            Ok(())
        } else {
            Err(TooLarge)
        }
    }
}

impl Class {
    pub fn base(&self) -> Type {
        self.base
    }

    fn is_verbatim(&self) -> bool {
        matches!(&self.how, How::Native(native) if native.is_verbatim())
    }

    /// Appends a value. Errors: it does not fit.
    pub fn write(&self, value: Value<'_>, to: &mut Text<'_>) -> Result<(), TooLarge> {
        let least = match value.stored_bytes() {
            stored if self.is_verbatim() => stored,
            stored => stored / STORED_PER_BYTE,
        };
        if least > to.end.saturating_sub(to.out.len()) {
            return Err(TooLarge);
        }
        match &self.how {
            How::Native(native) => match native.read(value, to.scratch) {
                Some(scalar) => write_scalar(to.out, scalar),
                None => json::null(to.out),
            },
            How::Mixed(native, output, labels) => match native.read(value, to.scratch) {
                Some(Scalar::Jsonb(stored)) => {
                    let start = to.out.len();
                    if jsonb::write(to.out, stored).is_none() {
                        to.out.truncate(start);
                        write_printed(output, value, to);
                    }
                }
                Some(Scalar::Enum(oid)) => write_label(labels, oid, output, value, to),
                _ => write_printed(output, value, to),
            },
            How::Printed(output) => write_printed(output, value, to),
            How::Array(array, element) => match array.open(value, to.scratch) {
                Some(elements) => write_array(elements, element, to)?,
                None => json::null(to.out),
            },
            How::Record(composite) => composite.write(value, self.base, to)?,
        }
        to.fits()
    }
}

/// Printed by the type's own function.
fn write_printed(output: &Output, value: Value<'_>, to: &mut Text<'_>) {
    match output.print(value, to.scratch) {
        Some(Printed::Json(text)) => to.out.extend_from_slice(text),
        Some(Printed::Text(text)) => json::string(to.out, text),
        None => json::null(to.out),
    }
}

/// A label is printed once and copied afterwards.
fn write_label(labels: &Labels, oid: u32, output: &Output, value: Value<'_>, to: &mut Text<'_>) {
    let start = to.out.len();
    let place = {
        let labels = labels.borrow();
        match labels.binary_search_by_key(&oid, |(oid, _)| *oid) {
            Ok(place) => return to.out.extend_from_slice(&labels[place].1),
            Err(place) => place,
        }
    };
    write_printed(output, value, to);
    let label = to.out[start..].into();
    labels.borrow_mut().insert(place, (oid, label));
}

fn write_scalar(out: &mut Vec<u8>, scalar: Scalar<'_>) {
    match scalar {
        Scalar::Bool(value) => json::boolean(out, value),
        Scalar::Int(value) => json::integer(out, value),
        Scalar::Float(digits) => json::number(out, digits.as_bytes()),
        Scalar::Numeric(stored) => text::numeric(out, stored),
        Scalar::Text(value) => json::string(out, value),
        Scalar::Uuid(bytes) => text::uuid(out, bytes),
        Scalar::Date(days) => text::date(out, days),
        Scalar::Timestamp(micros) => text::timestamp(out, micros, b""),
        Scalar::TimestampTz(micros) => text::timestamp(out, micros, b"+00:00"),
        Scalar::Json(value) => out.extend_from_slice(value),
        Scalar::Bytea(bytes) => text::bytea(out, bytes),
        Scalar::Money(cents) => text::money(out, cents),
        // Only mixed classes get here.
        Scalar::Jsonb(_) | Scalar::Enum(_) => json::null(out),
    }
}

/// Nested JSON arrays, one level per dimension. Lower bounds are dropped.
fn write_array(mut array: Elements<'_>, class: &Class, to: &mut Text<'_>) -> Result<(), TooLarge> {
    if array.is_empty() {
        to.out.extend_from_slice(b"[]");
        return Ok(());
    }
    let dimensions = array.dimensions;
    write_dimension(dimensions, &mut array, class, to)
}

fn write_dimension<'s>(
    dimensions: &[i32],
    elements: &mut impl Iterator<Item = Option<Value<'s>>>,
    class: &Class,
    to: &mut Text<'_>,
) -> Result<(), TooLarge> {
    let Some((length, inner)) = dimensions.split_first() else {
        return Ok(());
    };
    for i in 0..*length {
        to.out.push(if i == 0 { b'[' } else { b',' });
        if !inner.is_empty() {
            write_dimension(inner, elements, class, to)?;
        } else {
            match elements.next().flatten() {
                Some(value) => class.write(value, to)?,
                None => json::null(to.out),
            }
        }
        to.fits()?;
    }
    to.out.push(b']');
    Ok(())
}

impl Composite {
    fn write(&self, value: Value<'_>, base: Type, to: &mut Text<'_>) -> Result<(), TooLarge> {
        check_stack_depth();
        let mut buffer = self.buffer.take();
        let written = match self
            .shape
            .deform_value(value, base, &mut buffer, to.scratch)
        {
            Some(row) => write_object(&self.fields, &row, to, None),
            None => {
                json::null(to.out);
                Ok(())
            }
        };
        self.buffer.set(buffer);
        written
    }
}

/// An object with the columns that the row has. With `cut`, only the key and values of at most that many bytes. Errors:
/// it does not fit.
pub fn write_object(
    fields: &[Field],
    row: &DeformedRow<'_>,
    to: &mut Text<'_>,
    cut: Option<usize>,
) -> Result<(), TooLarge> {
    to.out.push(b'{');
    let mut skip_comma = 1;
    for field in fields {
        let cell = row.cell(field.place, field.class.base());
        if matches!(cell, Column::Absent) {
            to.lacks = true;
            continue;
        }
        let start = to.out.len();
        to.out.extend_from_slice(&field.key[skip_comma..]);
        if let Column::Value(value) = cell {
            if let Err(too_large) = write_member(field, value, to, cut) {
                if cut.is_none() {
                    return Err(too_large);
                }
                to.out.truncate(start);
                continue;
            }
        } else {
            json::null(to.out);
        }
        skip_comma = 0;
    }
    to.out.push(b'}');
    to.fits()
}

fn write_member(
    field: &Field,
    value: Value<'_>,
    to: &mut Text<'_>,
    cut: Option<usize>,
) -> Result<(), TooLarge> {
    let whole = to.end;
    if let Some(bytes) = cut.filter(|_| !field.is_key) {
        to.end = to.out.len() + bytes;
    }
    let written = field.class.write(value, to);
    to.end = whole;
    written
}
