//! Properties over generated input. `PGREALTIME_SEED` replays a run.

use std::panic::catch_unwind;

use super::generator::{expression, seeded, shared_string, string};
use super::*;

const FUZZ_INPUTS: usize = 1_000_000;
const ROUND_TRIPS: usize = 100_000;
const SHARED_INPUTS: usize = 300_000;

/// No input causes a panic. An error has a message and a place within the input. An accepted filter parses back from
/// its canonical text, which is a fixed point.
#[test]
fn no_input_panics() {
    let (seed, mut random) = seeded();
    let mut accepted = 0;
    for case in 0..FUZZ_INPUTS {
        let input = string(&mut random);
        let result = catch_unwind(|| parse(&input));
        let result =
            result.unwrap_or_else(|_| panic!("PGREALTIME_SEED={seed} case {case}: {input:?}"));
        match result {
            Ok(None) => assert!(input.trim().is_empty(), "{input:?}"),
            Ok(Some(expr)) => {
                accepted += 1;
                check_positions(&input, &expr);
                check_round_trip(expr, &input);
            }
            Err(error) => {
                let characters = input.chars().count();
                assert!(
                    (1..=characters + 1).contains(&error.position),
                    "{input:?}: {error:?}"
                );
                assert!(!error.message.is_empty(), "{input:?}");
            }
        }
    }
    assert!(
        accepted > FUZZ_INPUTS / 50,
        "only {accepted} inputs were accepted"
    );
}

#[test]
fn expressions_survive_their_text() {
    let (_, mut random) = seeded();
    for _ in 0..ROUND_TRIPS {
        let depth = random.usize(..5);
        let expr = expression(&mut random, depth);
        check_round_trip(expr, "a generated expression");
    }
}

fn check_round_trip(expr: Expr, origin: &str) {
    let text = expr.to_string();
    let again = match parse(&text) {
        Ok(Some(again)) => again,
        other => panic!("{origin:?}: {text:?} gives {other:?}"),
    };
    assert_eq!(again.to_string(), text, "{origin:?}");
    assert_eq!(
        without_positions(again),
        without_positions(expr),
        "{origin:?}: {text:?}"
    );
}

/// A condition begins where its position says, and so does its value.
fn check_positions(input: &str, expr: &Expr) {
    let characters: Vec<char> = input.chars().collect();
    let mut last = 0;
    for comparison in expr.comparisons() {
        assert!(comparison.position > last, "{input:?}");
        let first = characters.get(comparison.position - 1).copied();
        assert!(
            first == Some('"') || first == comparison.column.chars().next(),
            "{input:?}"
        );
        let before = characters.get(comparison.value_position - 2).copied();
        assert_eq!(before, Some('.'), "{input:?}");
        last = comparison.position;
    }
}

/// One condition as the shared part of the language splits it.
type Split = (String, bool, String, String);

/// A second implementation of the shared part, directly from its description: first splits conditions, then parses
/// each.
fn segments(input: &str) -> Vec<String> {
    let mut segments = Vec::new();
    let mut segment = String::new();
    let (mut depth, mut quoted, mut previous) = (0_usize, false, ' ');
    let mut characters = input.trim().chars();
    while let Some(c) = characters.next() {
        if c == ',' && depth == 0 && !quoted {
            segments.push(std::mem::take(&mut segment));
            previous = ' ';
            continue;
        }
        segment.push(c);
        match c {
            '\\' if quoted => segment.extend(characters.next()),
            '"' if quoted => quoted = false,
            '"' if ".(,".contains(previous) => quoted = true,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        previous = c;
    }
    segments.push(segment);
    segments
}

/// `None` where the description requires an error.
fn take_apart(segment: &str) -> Option<Split> {
    let (column, rest) = segment.split_once('=')?;
    let positive = rest.strip_prefix("not.");
    let (operator, value) = positive.unwrap_or(rest).split_once('.')?;
    Operator::from_name(operator)?;
    let in_parentheses = value.len() > 1 && value.starts_with('(') && value.ends_with(')');
    if operator == "in" && !in_parentheses {
        return None;
    }
    Some((
        column.to_owned(),
        positive.is_some(),
        operator.to_owned(),
        value.to_owned(),
    ))
}

/// Errors for what the shared part lets through or leaves to a later stage.
const STRICTER: &[&str] = &[
    "unbalanced parentheses",
    "this quote is never closed",
    "text after the list",
    "text after a quoted member",
    "in an unquoted member",
    "empty member in the list",
    "missing column name",
    "`is` does not take",
];

/// What clients already write is split into the same conditions, with the same values.
#[test]
fn the_shared_part_is_read_as_described() {
    let (_, mut random) = seeded();
    let mut agreed = 0;
    for _ in 0..SHARED_INPUTS {
        let input = shared_string(&mut random);
        let segments = segments(&input);
        if segments
            .iter()
            .any(|segment| segment.trim().starts_with('"'))
        {
            continue; // quoted names are an extension
        }
        let split: Option<Vec<Split>> = segments
            .iter()
            .map(|text| take_apart(text.trim()))
            .collect();
        match (split, parse(&input)) {
            (Some(expected), Ok(Some(expr))) => {
                let found: Vec<_> = expr.comparisons().collect();
                assert_eq!(found.len(), expected.len(), "{input:?}");
                for (comparison, expected) in found.into_iter().zip(&expected) {
                    check_same(comparison, expected, &input);
                }
                agreed += 1;
            }
            (Some(_), Err(error)) => {
                let known = STRICTER.iter().any(|part| error.message.contains(part));
                assert!(known, "{input:?}: {error:?}");
            }
            (None, Ok(Some(_))) => assert!(input.contains("in.("), "accepted {input:?}"),
            (_, Ok(None)) => assert!(input.trim().is_empty(), "{input:?}"),
            (None, Err(_)) => {}
        }
    }
    assert!(
        agreed > SHARED_INPUTS / 50,
        "only {agreed} inputs were compared"
    );
}

fn check_same(comparison: &Comparison, expected: &Split, input: &str) {
    let (column, negated, operator, value) = expected;
    assert_eq!(
        (comparison.negated, comparison.operator.name()),
        (*negated, operator.as_str()),
        "{input:?}"
    );
    assert_eq!(&comparison.column, column, "{input:?}");
    if let Operand::Text(text) = &comparison.operand {
        let whole = value.len() > 1 && value.starts_with('"') && value.ends_with('"');
        let plain = whole
            .then(|| unescape(&value[1..value.len() - 1]))
            .flatten();
        assert_eq!(text, plain.as_ref().unwrap_or(value), "{input:?}");
    }
}

/// `None` if a quote in it is not escaped, or its end is.
fn unescape(text: &str) -> Option<String> {
    let mut plain = String::new();
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match c {
            '"' => return None,
            '\\' => plain.push(characters.next()?),
            _ => plain.push(c),
        }
    }
    Some(plain)
}
