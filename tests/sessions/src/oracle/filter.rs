//! Random filters as clients write them, each with the SQL condition that it has to mean.

use super::kind::Kind;
use super::schema::{ident, Table};
use crate::pg::quote;
use crate::random::Random;

#[derive(Debug, Clone)]
pub struct Condition {
    pub text: String,
    pub sql: String,
}

/// A filter over some columns of a table.
pub fn random(table: &Table, columns: &[usize], random: &mut Random) -> Option<Condition> {
    let parts: Vec<Condition> = (0..1 + random.below(2))
        .map(|_| part(table, columns, random))
        .collect::<Option<_>>()?;
    Some(Condition {
        text: parts
            .iter()
            .map(|part| part.text.as_str())
            .collect::<Vec<_>>()
            .join(","),
        sql: parts
            .iter()
            .map(|part| format!("({})", part.sql))
            .collect::<Vec<_>>()
            .join(" AND "),
    })
}

fn part(table: &Table, columns: &[usize], random: &mut Random) -> Option<Condition> {
    if !random.chance(25) {
        return comparison(table, columns, '=', random);
    }
    let (word, between) = *random.pick(&[("or", " OR "), ("and", " AND ")]);
    let (before, not) = *random.pick(&[("", ""), ("not.", "NOT ")]);
    let inner: Vec<Condition> = (0..1 + random.below(3))
        .map(|_| comparison(table, columns, '.', random))
        .collect::<Option<_>>()?;
    Some(Condition {
        text: format!(
            "{before}{word}=({})",
            inner
                .iter()
                .map(|one| one.text.as_str())
                .collect::<Vec<_>>()
                .join(",")
        ),
        sql: format!(
            "{not}({})",
            inner
                .iter()
                .map(|one| format!("({})", one.sql))
                .collect::<Vec<_>>()
                .join(between)
        ),
    })
}

fn comparison(
    table: &Table,
    columns: &[usize],
    between: char,
    random: &mut Random,
) -> Option<Condition> {
    let plain = |place: &&usize| {
        table.columns[**place]
            .name
            .chars()
            .all(|c| c.is_ascii_alphanumeric())
    };
    let columns: Vec<usize> = columns.iter().filter(plain).copied().collect();
    if columns.is_empty() {
        return None;
    }
    let column = &table.columns[*random.pick(&columns)];
    let (kind, name) = (column.kind, ident(&column.name));
    let literal = |value: &str| match kind {
        // Without a type modifier: a longer literal is longer.
        Kind::Varchar => format!("{}::varchar", quote(value)),
        Kind::Char => format!("{}::bpchar", quote(value)),
        Kind::Domain => format!("{}::text", quote(value)),
        _ => kind.literal(value),
    };
    // NULL within an array is refused: nothing equals it.
    let value = |random: &mut Random| match kind.value(random) {
        value if value.contains("NULL") => "{}".to_string(),
        value => value,
    };
    let (not, negated) = *random.pick(&[("", ""), ("", ""), ("not.", "NOT ")]);
    let (test, sql) = match random.below(6) {
        0 => ("is.null".to_string(), format!("{name} IS NULL")),
        1 if kind == Kind::Bool => ("is.true".to_string(), format!("{name} IS TRUE")),
        2 if kind != Kind::Jsonb => {
            let values: Vec<String> = (0..1 + random.below(3)).map(|_| value(random)).collect();
            let texts: Vec<String> = values.iter().map(|value| quoted(value)).collect();
            let literals: Vec<String> = values.iter().map(|value| literal(value)).collect();
            (
                format!("in.({})", texts.join(",")),
                format!("{name} IN ({})", literals.join(", ")),
            )
        }
        3 | 4 if kind.is_ordered() => {
            let (word, operator) = *random.pick(&[
                ("lt", "<"),
                ("lte", "<="),
                ("gt", ">"),
                ("gte", ">="),
                ("neq", "<>"),
            ]);
            let value = value(random);
            (
                format!("{word}.{}", quoted(&value)),
                format!("{name} {operator} {}", literal(&value)),
            )
        }
        _ => {
            let value = value(random);
            (
                format!("eq.{}", quoted(&value)),
                format!("{name} = {}", literal(&value)),
            )
        }
    };
    Some(Condition {
        text: format!("{}{between}{not}{test}", column.name),
        sql: format!("{negated}({sql})"),
    })
}

fn quoted(value: &str) -> String {
    // Without quotes, null in a list is no text.
    if !value.is_empty()
        && !value.eq_ignore_ascii_case("null")
        && value
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_:.".contains(c))
    {
        return value.to_string();
    }
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}
