//! Writes a filter's canonical text, which parses back to the same filter.

use std::fmt::{self, Display, Formatter, Write};

use super::ast::{Comparison, Expr, Operand, PathKey, PathStep};
use super::name::is_integer;
use super::reader::{is_array_space, Context};

/// Writes the canonical text: parsing it gives the same expression, positions aside.
///
/// Trees that the language cannot express are written as an equivalent: `Not` around a condition as the condition's
/// `not.`, a double `Not` as nothing. There is no equivalent for an empty group, a text that contains NUL, or an
/// operand of a kind that its operator does not take; their text is refused.
impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Expr::And(members) if members.len() > 1 => write_members(f, members, Context::Top),
            _ => write_member(f, self, Context::Top, false),
        }
    }
}

fn write_members(f: &mut Formatter<'_>, members: &[Expr], context: Context) -> fmt::Result {
    for (i, member) in members.iter().enumerate() {
        if i > 0 {
            f.write_char(',')?;
        }
        write_member(f, member, context, false)?;
    }
    Ok(())
}

fn write_member(
    f: &mut Formatter<'_>,
    expr: &Expr,
    context: Context,
    negated: bool,
) -> fmt::Result {
    let (keyword, members) = match expr {
        Expr::Not(inner) => return write_member(f, inner, context, !negated),
        Expr::Compare(comparison) => return write_comparison(f, comparison, context, negated),
        Expr::And(members) => ("and", members),
        Expr::Or(members) => ("or", members),
    };
    if negated {
        f.write_str("not.")?;
    }
    f.write_str(keyword)?;
    if context == Context::Top {
        f.write_char('=')?;
    }
    f.write_char('(')?;
    write_members(f, members, Context::Group)?;
    f.write_char(')')
}

fn write_comparison(
    f: &mut Formatter<'_>,
    comparison: &Comparison,
    context: Context,
    negated: bool,
) -> fmt::Result {
    write_column(f, &comparison.column, context)?;
    for step in &comparison.path {
        write_step(f, step)?;
    }
    f.write_char(context.separator())?;
    if comparison.negated != negated {
        f.write_str("not.")?;
    }
    write!(f, "{}.", comparison.operator.name())?;
    match &comparison.operand {
        Operand::Text(text) => write_text(f, text),
        Operand::List(members) => write_list(f, members),
        Operand::Is(test) => f.write_str(test.name()),
    }
}

fn write_column(f: &mut Formatter<'_>, column: &str, context: Context) -> fmt::Result {
    let reserved = context == Context::Group && matches!(column, "or" | "and" | "not");
    if is_plain_name(column) && !reserved {
        f.write_str(column)
    } else {
        write_quoted(f, column)
    }
}

fn write_step(f: &mut Formatter<'_>, step: &PathStep) -> fmt::Result {
    f.write_str(if step.as_text { "->>" } else { "->" })?;
    match &step.key {
        PathKey::Index(index) => write!(f, "{index}"),
        PathKey::Field(field) if is_plain_name(field) && !is_integer(field) => f.write_str(field),
        PathKey::Field(field) => write_quoted(f, field),
    }
}

fn is_plain_name(name: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$');
    !name.is_empty() && name.chars().all(plain)
}

fn write_text(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    let special = text.contains(['"', ',', '(', ')', '&']);
    if text.is_empty() || special || text.trim() != text {
        write_quoted(f, text)
    } else {
        f.write_str(text)
    }
}

fn write_list(f: &mut Formatter<'_>, members: &[Option<String>]) -> fmt::Result {
    f.write_char('(')?;
    for (i, member) in members.iter().enumerate() {
        if i > 0 {
            f.write_char(',')?;
        }
        match member {
            None => f.write_str("null")?,
            Some(text) => write_list_member(f, text)?,
        }
    }
    f.write_char(')')
}

fn write_list_member(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    let special = text.contains(['"', ',', '(', ')', '\\', '{', '}']);
    let null = text.eq_ignore_ascii_case("null");
    let spaced = text.trim_matches(is_array_space) != text;
    if text.is_empty() || special || null || spaced {
        write_quoted(f, text)
    } else {
        f.write_str(text)
    }
}

fn write_quoted(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            f.write_char('\\')?;
        }
        f.write_char(c)?;
    }
    f.write_char('"')
}
