//! Words that only some files may use. They are searched among a file's tokens, so that no macro, attribute or test hides
//! them.

use crate::rules::{is_within, Rules};
use crate::source::File;
use crate::Problem;
use proc_macro2::{Delimiter, TokenStream, TokenTree};

struct Word {
    text: String,
    line: usize,
    is_identifier: bool,
    in_attribute: bool,
}

/// What error.rs may import of Postgres, and what Postgres calls when it loads the library.
const ERROR_REPORT: &str = "use pgrx : : pg_sys : : panic : : ErrorReport ;";
const INIT: &str = "extern \"C-unwind\" fn _PG_init";

pub fn judge(file: &File, rules: &Rules) -> Vec<Problem> {
    let mut words = Vec::new();
    flatten(&file.tokens, false, &mut words);
    let mut problems = Vec::new();
    for (at, word) in words.iter().enumerate() {
        if word.is_identifier {
            for what in judge_word(file, rules, &words, at) {
                problems.push(Problem::new(&file.path, word.line, what));
            }
        }
    }
    problems
}

fn judge_word(file: &File, rules: &Rules, words: &[Word], at: usize) -> Vec<String> {
    let name = words[at].text.as_str();
    let next = |n: usize| words.get(at + n).map_or("", |word| word.text.as_str());
    let before = at.checked_sub(1).map_or("", |at| words[at].text.as_str());
    let mut broken = Vec::new();
    if name == "path"
        && words[at].in_attribute
        && next(1) == "="
        && ["[", ",", "("].contains(&before)
    {
        broken.push("#[path] puts a module elsewhere".to_string());
    }
    if name == "include" && next(1) == "!" {
        broken.push("include! puts code elsewhere".to_string());
    }
    if !is_within(&file.module, rules.unsafe_in) {
        let place = format!("outside src/{}", rules.unsafe_in);
        match name {
            "unsafe" | "unsafe_code" | "unsafe_op_in_unsafe_fn" => {
                broken.push(format!("{name} {place}"))
            }
            "pg_sys"
                if !(file.path == "error.rs" && is_at(words, at.checked_sub(4), ERROR_REPORT)) =>
            {
                broken.push(format!("pg_sys {place}"));
            }
            "extern"
                if next(1) != "crate"
                    && !(file.path == "lib.rs" && is_at(words, Some(at), INIT)) =>
            {
                broken.push(format!("extern {place}"));
            }
            _ => {}
        }
    }
    if !is_within(&file.module, rules.bindings_in) {
        let place = format!("outside src/{}", rules.bindings_in.replace("::", "/"));
        if name == "feature" && next(1) == "=" && is_version(next(2)) {
            broken.push(format!("a cfg for a version of Postgres {place}"));
        }
        if name == "extern" && next(1).starts_with('"') && next(2) == "{" {
            broken.push(format!("extern declarations {place}"));
        }
    }
    if name.starts_with("pgrx") && rules.is_pure(&file.module) {
        broken.push(format!("a pure module may not use {name}"));
    }
    broken
}

/// `"pg15"` and so on.
fn is_version(literal: &str) -> bool {
    let digits = literal.strip_prefix("\"pg");
    digits.is_some_and(|digits| digits.starts_with(|c: char| c.is_ascii_digit()))
}

fn is_at(words: &[Word], at: Option<usize>, expected: &str) -> bool {
    let found = at.and_then(|at| words.get(at..)).unwrap_or_default();
    let found = found.iter().map(|word| word.text.as_str());
    let expected = expected.split(' ');
    found.take(expected.clone().count()).eq(expected)
}

fn flatten(tokens: &TokenStream, in_attribute: bool, words: &mut Vec<Word>) {
    for token in tokens.clone() {
        let line = token.span().start().line;
        let mut add = |text: String, is_identifier| {
            words.push(Word {
                text,
                line,
                is_identifier,
                in_attribute,
            });
        };
        match token {
            TokenTree::Ident(ident) => add(crate::modules::plain(&ident), true),
            TokenTree::Punct(punct) => add(punct.as_char().to_string(), false),
            TokenTree::Literal(literal) => add(literal.to_string(), false),
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                add(open.to_string(), false);
                let inner = in_attribute || (open == "[" && begins_attribute(words));
                flatten(&group.stream(), inner, words);
                let line = group.span_close().start().line;
                words.push(Word {
                    text: close.to_string(),
                    line,
                    is_identifier: false,
                    in_attribute,
                });
            }
        }
    }
}

/// Whether the bracket that comes last is behind `#` or `#!`.
fn begins_attribute(words: &[Word]) -> bool {
    let mut before = words.iter().rev().skip(1).map(|word| word.text.as_str());
    match before.next() {
        Some("!") => before.next() == Some("#"),
        before => before == Some("#"),
    }
}
