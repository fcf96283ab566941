//! Literals: read once under pinned settings, and written so that every session reads them alike.

use super::{faults, types};
use crate::error::{Error, Result};
use crate::filter::parse::Comparison;
use crate::pg::sql::literal::canonical;
use crate::pg::sql::literal::quote;
use crate::pg::sql::typeinfo::display_name;
use crate::pg::sql::typeinfo::qualified_name;
use crate::pg::sql::typeinfo::type_kind;
use crate::pg::sql::typeinfo::TypeKind;
use crate::pg::sql::typeinfo::CHAR;
use crate::pg::sql::typeinfo::NAME;
use crate::pg::Oid;

/// Words in dates and times whose value changes with the current time.
const MOVING: [&str; 4] = ["now", "today", "tomorrow", "yesterday"];

/// Words in a time of day that name no zone, or a zone with a fixed offset.
const FIXED: [&str; 9] = ["", "am", "pm", "t", "z", "utc", "gmt", "zulu", "allballs"];

/// The value as SQL of type `write_as`, read as the column's own type `read_as`. Errors: as [`read`].
pub fn write(comparison: &Comparison, value: &str, read_as: Oid, write_as: Oid) -> Result<String> {
    let text = read(comparison, value, read_as, write_as)?;
    Ok(format!("{}::{}", quote(&text), qualified_name(write_as)))
}

/// The canonical text of the value. Errors: Postgres refuses the value; 22001 for a value that is too long; 22023 for a
/// value whose meaning changes with time; 0A000 for NULL inside an array; 42883 for a type without constants.
pub fn read(comparison: &Comparison, value: &str, read_as: Oid, write_as: Oid) -> Result<String> {
    let read_as = input_type(comparison, read_as, write_as)?;
    refuse_moving(comparison, value, Moving::of(read_as))?;
    let bytes = canonical(read_as, write_as, value)
        .map_err(|refusal| faults::refused(comparison, refusal))?;
    if [NAME, CHAR].contains(&read_as) && bytes != value.as_bytes() {
        return Err(too_long(comparison, read_as));
    }
    let text = String::from_utf8(bytes).map_err(|_| {
        Error::invalid_text_representation(faults::bad_value(
            comparison,
            "value is not text in UTF8",
        ))
    })?;
    refuse_null_elements(comparison, &text, read_as)?;
    Ok(text)
}

/// The type whose input function reads the value: the column's own. If that reads the catalog or settings (as regclass
/// does), the type that the column's operators are declared for (oid).
///
/// Errors: 0A000 for a type without constants.
pub fn input_type(comparison: &Comparison, read_as: Oid, write_as: Oid) -> Result<Oid> {
    let Err(why) = types::check_writable(read_as) else {
        return Ok(read_as);
    };
    if write_as != read_as && types::check_writable(write_as).is_ok() {
        return Ok(write_as);
    }
    Err(Error::feature_not_supported(
        faults::bad_value(
            comparison,
            format!(
                "column \"{}\" of type {} cannot be compared with a constant",
                comparison.column,
                display_name(read_as)
            ),
        )
        .hint(format!("{why} is.null and is.not_null work on every type.")),
    ))
}

pub fn too_long(comparison: &Comparison, type_oid: Oid) -> Error {
    let message = format!("value too long for type {}", display_name(type_oid));
    Error::string_data_right_truncation(
        faults::bad_value(comparison, message).hint("No row can have this value."),
    )
}

/// What of a type's values can change with time.
#[derive(Debug, Clone, Copy)]
pub struct Moving {
    datetime: bool,
    timetz: bool,
}

impl Moving {
    pub fn of(type_oid: Oid) -> Moving {
        Moving {
            datetime: types::contains_datetime(type_oid),
            timetz: types::contains_timetz(type_oid),
        }
    }
}

/// Errors: 22023 for a value whose meaning changes with time.
pub fn refuse_moving(comparison: &Comparison, value: &str, moving_part: Moving) -> Result<()> {
    if !moving_part.datetime {
        return Ok(());
    }
    let is_one_of =
        |list: &[&str], word: &str| list.iter().any(|one| one.eq_ignore_ascii_case(word));
    let words = || value.split(|c: char| !c.is_ascii_alphabetic());
    if let Some(word) = words().find(|word| is_one_of(&MOVING, word)) {
        return Err(moving(comparison, word, "write the date or time itself."));
    }
    // Noon in Paris is a different time of day in summer than in winter.
    if let Some(word) = words().find(|word| !is_one_of(&FIXED, word)) {
        if moving_part.timetz {
            return Err(moving(
                comparison,
                word,
                "write the offset, as in 12:00+02.",
            ));
        }
    }
    Ok(())
}

fn moving(comparison: &Comparison, word: &str, instead: &str) -> Error {
    let message = format!("\"{word}\" means different times at different moments");
    Error::invalid_parameter_value(
        faults::bad_value(comparison, message)
            .hint(format!("A filter compares with a constant: {instead}")),
    )
}

/// An unquoted NULL in an array is a string when the setting array_nulls is off.
fn refuse_null_elements(comparison: &Comparison, text: &str, type_oid: Oid) -> Result<()> {
    if !types::contains_array(type_oid) {
        return Ok(());
    }
    // In an array of scalars, a quoted NULL is a string. Where arrays are inside rows, quotes do not show that.
    let found = match type_kind(type_oid) {
        TypeKind::Array(element)
            if !types::contains_array(element) && type_kind(element) == TypeKind::Scalar =>
        {
            has_null(&without_quoted(text))
        }
        _ => has_null(text),
    };
    if found {
        return Err(Error::feature_not_supported(
            faults::bad_value(comparison, "the array contains NULL").hint(
                "The setting array_nulls decides whether NULL in an array is a null or a string.",
            ),
        ));
    }
    Ok(())
}

fn has_null(text: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .any(|word| word.eq_ignore_ascii_case("null"))
}

fn without_quoted(text: &str) -> String {
    let mut rest = String::new();
    let mut quoted = false;
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match c {
            '"' => quoted = !quoted,
            '\\' => {
                characters.next();
            }
            _ if !quoted => rest.push(c),
            _ => {}
        }
    }
    rest
}
