//! Parses what follows the column: `not.`, the operator, and the value.

use super::ast::{IsTest, Operand, Operator};
use super::error::{excerpt, Fault};
use super::hints;
use super::list;
use super::reader::{unquote, Context, Nesting, Reader};

/// The right side of a condition.
pub(super) struct Test {
    pub(super) negated: bool,
    pub(super) operator: Operator,
    pub(super) operand: Operand,
    pub(super) value_offset: usize,
}

/// Reads the right side of a condition, up to the end of the condition. Errors: a fault in the operator or the value.
pub(super) fn read(
    reader: &mut Reader<'_>,
    nesting: &mut Nesting,
    context: Context,
    name: &str,
) -> Result<Test, Fault> {
    let offset = reader.offset();
    let text = read_text(reader, nesting, context)?;
    let (negated, positive) = match text.strip_prefix("not.") {
        Some(positive) => (true, positive),
        None => (false, text),
    };
    let operator_offset = offset + text.len() - positive.len();
    let form = hints::Form {
        name,
        context,
        negated,
    };
    if positive.starts_with("not.") || (negated && positive == "not") {
        return Err(Fault::new(operator_offset, "`not.` is written twice")
            .hint("leave both out: two negations cancel each other"));
    }
    let Some((operator, value)) = positive.split_once('.') else {
        return Err(form.missing_operator(positive, operator_offset));
    };
    let Some(known) = Operator::from_name(operator) else {
        return Err(form.unknown_operator(operator, positive, operator_offset));
    };
    let value_offset = offset + text.len() - value.len();
    if known != Operator::In && context == Context::Top && unquote(value).is_none() {
        if let Some(place) = hints::joined_by_ampersand(value) {
            return Err(hints::ampersand(value_offset + place));
        }
    }
    let operand = match known {
        Operator::In if !value.starts_with('(') => {
            let stray = hints::stray_members(reader.rest(), context);
            return Err(form.list_without_parentheses(&format!("{value}{stray}"), value_offset));
        }
        _ => read_operand(known, value, value_offset)?,
    };
    Ok(Test {
        negated,
        operator: known,
        operand,
        value_offset,
    })
}

fn read_text<'a>(
    reader: &mut Reader<'a>,
    nesting: &mut Nesting,
    context: Context,
) -> Result<&'a str, Fault> {
    let start = reader.offset();
    while let Some(c) = reader.peek() {
        if nesting.ends_at(c, context) {
            break;
        }
        let here = reader.offset();
        if c == '(' && matches!(reader.slice(start, here), "in." | "not.in.") {
            nesting.open_list();
        }
        nesting.step(c, here);
        reader.bump();
    }
    nesting.check_closed(reader, context)?;
    Ok(reader.slice(start, reader.offset()).trim_end())
}

fn read_operand(operator: Operator, value: &str, offset: usize) -> Result<Operand, Fault> {
    match operator {
        Operator::In => {
            let members = value.strip_prefix('(').unwrap_or(value);
            list::read(members, offset + 1).map(Operand::List)
        }
        Operator::Is => read_is(value, offset),
        _ => Ok(Operand::Text(plain(value))),
    }
}

/// A value that is not quoted whole is taken verbatim, including stray quotes.
fn plain(value: &str) -> String {
    unquote(value).unwrap_or_else(|| value.to_owned())
}

fn read_is(value: &str, offset: usize) -> Result<Operand, Fault> {
    let word = plain(value);
    IsTest::from_name(&word).map(Operand::Is).ok_or_else(|| {
        let lower = word.to_ascii_lowercase();
        let fault = Fault::new(offset, format!("`is` does not take `{}`", excerpt(&word)));
        match IsTest::from_name(&lower) {
            Some(test) => fault.hint(format!(
                "write it in lower case, `is.{}`; allowed are null, not_null, true, false, unknown",
                test.name()
            )),
            None => fault.hint("allowed are null, not_null, true, false, unknown"),
        }
    })
}
