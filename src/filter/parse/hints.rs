//! Hints that guess the intended meaning: the nearest operator, the condition in its correct form.

use super::ast::Operator;
use super::error::{excerpt, Fault};
use super::reader::Context;

/// How the current condition is written, for hints that spell it out.
pub(super) struct Form<'a> {
    pub(super) name: &'a str,
    pub(super) context: Context,
    pub(super) negated: bool,
}

impl Form<'_> {
    fn example(&self, operator: &str, value: &str) -> String {
        let (name, value) = (excerpt(self.name), excerpt(value));
        let not = if self.negated { "not." } else { "" };
        format!("{name}{}{not}{operator}.{value}", self.context.separator())
    }

    pub(super) fn missing_operator(&self, text: &str, offset: usize) -> Fault {
        if Operator::from_name(text).is_some() {
            return Fault::new(offset + text.len(), format!("missing value after `{text}`"))
                .hint(format!("write {}", self.example(text, "value")));
        }
        Fault::new(offset, "missing operator").hint(self.spelled_out(text))
    }

    /// `a>=5` arrives here as the column `a>` with the text `5`.
    fn spelled_out(&self, text: &str) -> String {
        let value = text.trim_start_matches('=').trim();
        if value.is_empty() || value == "not" {
            return format!("write {}", self.example("eq", "value"));
        }
        let (name, operator) = match self.name.chars().last() {
            Some('>') => (self.name.trim_end_matches('>'), "gte"),
            Some('<') => (self.name.trim_end_matches('<'), "lte"),
            Some('!') => (self.name.trim_end_matches('!'), "neq"),
            _ => (self.name, "eq"),
        };
        let form = Form {
            name: name.trim(),
            ..*self
        };
        format!("write {}", form.example(operator, value))
    }

    pub(super) fn unknown_operator(&self, operator: &str, text: &str, offset: usize) -> Fault {
        let bare = operator.trim();
        if bare.is_empty() {
            return Fault::new(offset, "missing operator")
                .hint(format!("write {}", self.example("eq", "value")));
        }
        let group = self.name.trim();
        if self.context == Context::Top && is_group_keyword(group) {
            return Fault::new(offset, format!("`{group}=` without a group"))
                .hint(format!("write {group}=(a.eq.1,b.eq.2)"));
        }
        let word = bare.chars().all(|c| c.is_ascii_alphabetic() || c == '_');
        if !word && nearest(bare).is_none() {
            return Fault::new(offset, "missing operator").hint(self.spelled_out(text));
        }
        let fault = Fault::new(offset, format!("unknown operator `{}`", excerpt(operator)));
        let lower = bare.to_ascii_lowercase();
        match (Operator::from_name(&lower), nearest(bare)) {
            (Some(known), _) if bare != lower => {
                fault.hint(format!("operators are in lower case: `{}`", known.name()))
            }
            (Some(known), _) => fault.hint(format!("write `{}` without spaces", known.name())),
            (None, Some(near)) => fault.hint(format!("did you mean `{}`?", near.name())),
            (None, None) => fault.hint(format!("operators are {}", names())),
        }
    }

    pub(super) fn list_without_parentheses(&self, value: &str, offset: usize) -> Fault {
        let inner = value.trim_matches(|c| matches!(c, '(' | ')' | '[' | ']' | '{' | '}' | '"'));
        let list = format!("({})", if inner.is_empty() { "1,2,3" } else { inner });
        Fault::new(offset, "`in` takes a list in parentheses")
            .hint(format!("write {}", self.example("in", &list)))
    }
}

/// The text after a list that was written without parentheses, up to the next condition.
pub(super) fn stray_members(rest: &str, context: Context) -> &str {
    let mut end = 0;
    for segment in rest.split(',').skip(usize::from(rest.starts_with(','))) {
        if segment.contains([context.separator(), '(']) || !rest.starts_with(',') {
            break;
        }
        if let Some(close) = segment.find(')').filter(|_| context == Context::Group) {
            end += 1 + close;
            break;
        }
        end += 1 + segment.len();
    }
    rest.get(..end).unwrap_or_default()
}

/// Position where a value continues with another condition, as in the parameters of a URL: `&name=operator.`.
pub(super) fn joined_by_ampersand(value: &str) -> Option<usize> {
    // Looks only up to the next `&`, so that the whole search is linear.
    let is_condition = |after: &str| {
        let name = after.split(['=', '&']).next().unwrap_or_default();
        let Some(test) = after[name.len()..].strip_prefix('=') else {
            return false;
        };
        if name.is_empty() || is_group_keyword(name) {
            return !name.is_empty() && test.starts_with('(');
        }
        let positive = test.strip_prefix("not.").unwrap_or(test);
        let operator = positive.split(['.', '&']).next().unwrap_or_default();
        Operator::from_name(operator).is_some() && positive[operator.len()..].starts_with('.')
    };
    let mut places = value.match_indices('&');
    places
        .find(|(place, _)| is_condition(&value[place + 1..]))
        .map(|(place, _)| place)
}

/// Error for conditions that are joined as in a URL.
pub(super) fn ampersand(offset: usize) -> Fault {
    Fault::new(offset, "`&` between conditions")
        .hint("conditions are separated by commas; quote a value that contains `&`")
}

/// Error for a condition that ends before its separator.
pub(super) fn missing_separator(text: &str, offset: usize, context: Context) -> Fault {
    if matches!(text, "undefined" | "null" | "[object Object]") {
        return Fault::new(offset, format!("`{text}` is not a filter"))
            .hint("it looks like an unset JavaScript variable; a filter is written id=eq.5");
    }
    if context == Context::Group {
        return Fault::new(
            offset,
            format!("missing operator after `{}`", excerpt(text)),
        )
        .hint("inside a group a condition is written column.operator.value, such as id.eq.5");
    }
    Fault::new(offset, format!("missing `=` in `{}`", excerpt(text))).hint(
        suggestion(text).unwrap_or_else(|| {
            "a condition is written column=operator.value, such as id=eq.5; quote a value that contains a comma"
                .to_owned()
        }),
    )
}

fn suggestion(text: &str) -> Option<String> {
    let (head, _) = text.split_once('(').unwrap_or((text, ""));
    if is_group_keyword(head) {
        return Some(format!("write {head}=(…)"));
    }
    // The `>` of an arrow is not a comparison.
    if let Some(place) = text.find(['<', '>']).filter(|_| !text.contains("->")) {
        let (name, after) = text.split_at(place);
        let symbols = [
            ("<>", Operator::Neq),
            ("<", Operator::Lt),
            (">", Operator::Gt),
        ];
        let found = symbols
            .iter()
            .find(|(symbol, _)| after.starts_with(symbol))?;
        let form = Form {
            name: name.trim(),
            context: Context::Top,
            negated: false,
        };
        let value = after.strip_prefix(found.0).unwrap_or(after).trim();
        return Some(format!("write {}", form.example(found.1.name(), value)));
    }
    let (name, test) = text.split_once('.')?;
    let positive = test.strip_prefix("not.").unwrap_or(test);
    let (operator, _) = positive.split_once('.')?;
    Operator::from_name(operator)?;
    Some(format!("write {}={}", excerpt(name), excerpt(test)))
}

/// Error for a condition or a group inside a group that is written as at the top level.
pub(super) fn equals_in_group(name: &str, offset: usize) -> Fault {
    let fault = Fault::new(offset, "`=` inside a group");
    if is_group_keyword(name) {
        return fault.hint(format!("inside a group write {name}(…)"));
    }
    fault.hint(format!(
        "inside a group write {}.operator.value; quote a name that contains `=`",
        excerpt(name)
    ))
}

/// Error for a bare `or`, `and` or `not` in the place of a column, inside a group.
pub(super) fn reserved_name(name: &str, rest: &str, offset: usize) -> Fault {
    let fault = Fault::new(offset, format!("`{name}` is not a column here"));
    let after = rest.get(1..).and_then(|rest| rest.split_once('.'));
    match after {
        Some((column, _)) if name == "not" && Operator::from_name(column).is_none() => {
            fault.hint(format!(
                "`not.` stands before the operator: {}.not.…",
                excerpt(column)
            ))
        }
        _ => fault.hint(format!(
            "quote a column of that name: \"{name}\".eq.5; a group is written or(…), not.and(…)"
        )),
    }
}

fn is_group_keyword(name: &str) -> bool {
    matches!(name, "or" | "and" | "not.or" | "not.and")
}

fn names() -> String {
    Operator::ALL.map(Operator::name).join(", ")
}

/// The operator that a wrong spelling probably meant.
fn nearest(word: &str) -> Option<Operator> {
    // An operator has at most ten letters. This limit also keeps the distance cheap.
    if word.len() > 12 {
        return None;
    }
    let word = word.to_ascii_lowercase();
    let known = Operator::from_name(&word).or_else(|| synonym(&word));
    if known.is_some() {
        return known;
    }
    let allowed = match word.len() {
        0 | 1 => return None,
        2 | 3 => 1,
        _ => 2,
    };
    Operator::ALL
        .into_iter()
        .map(|operator| (edit_distance(&word, operator.name()), operator))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, operator)| operator)
}

/// Spellings from other query languages that are too different for the edit distance.
fn synonym(word: &str) -> Option<Operator> {
    Some(match word {
        "equals" | "equal" => Operator::Eq,
        "ne" => Operator::Neq,
        "le" => Operator::Lte,
        "ge" => Operator::Gte,
        "regex" | "matches" => Operator::Match,
        "contains" | "has" => Operator::Contains,
        "containedby" => Operator::ContainedBy,
        "overlap" | "overlaps" => Operator::Overlaps,
        _ => return None,
    })
}

/// The edit distance in which swapped neighbours count as one edit, so that `liek` is nearest to `like`.
fn edit_distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut next = vec![i];
        for j in 1..=b.len() {
            let replaced = row[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut distance = replaced.min(row[j] + 1).min(next[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                distance = distance.min(before[j - 2] + 1);
            }
            next.push(distance);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[b.len()]
}
