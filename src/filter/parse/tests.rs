//! Tests of the filter language: vectors, limits, and properties over generated input.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod accepted;
mod generator;
mod limits;
mod properties;
mod rejected;

use super::*;

/// The expression as one compact line, so that a vector fits on one.
fn compact(expr: &Expr) -> String {
    let join = |members: &[Expr]| members.iter().map(compact).collect::<Vec<_>>().join("; ");
    match expr {
        Expr::And(members) => format!("and[{}]", join(members)),
        Expr::Or(members) => format!("or[{}]", join(members)),
        Expr::Not(inner) => format!("not {}", compact(inner)),
        Expr::Compare(comparison) => compact_comparison(comparison),
    }
}

fn compact_comparison(comparison: &Comparison) -> String {
    let mut text = format!("<{}>", comparison.column);
    for step in &comparison.path {
        text += if step.as_text { " ->> " } else { " -> " };
        match &step.key {
            PathKey::Field(field) => text += &format!("<{field}>"),
            PathKey::Index(index) => text += &format!("#{index}"),
        }
    }
    text += if comparison.negated { " not " } else { " " };
    text += comparison.operator.name();
    match &comparison.operand {
        Operand::Text(value) => text + &format!(" <{value}>"),
        Operand::Is(test) => text + " " + test.name(),
        Operand::List(members) => {
            let members = members.iter().map(|member| match member {
                Some(value) => format!("<{value}>"),
                None => "NULL".to_owned(),
            });
            text + " [" + &members.collect::<Vec<_>>().join(" ") + "]"
        }
    }
}

fn parsed(input: &str) -> Expr {
    match parse(input) {
        Ok(Some(expr)) => expr,
        other => panic!("{input}: {other:?}"),
    }
}

/// The same expression with every position set to 0, for comparing meanings.
fn without_positions(expr: Expr) -> Expr {
    let strip = |members: Vec<Expr>| members.into_iter().map(without_positions).collect();
    match expr {
        Expr::And(members) => Expr::And(strip(members)),
        Expr::Or(members) => Expr::Or(strip(members)),
        Expr::Not(inner) => Expr::Not(Box::new(without_positions(*inner))),
        Expr::Compare(comparison) => Expr::Compare(Comparison {
            position: 0,
            value_position: 0,
            ..comparison
        }),
    }
}
