//! The elements of literals of arrays, ranges and rows, as far as their text shows them. Pure.

/// What separates elements: of an array, of a row or a range, of a multirange, which is a list of ranges.
const OF_ARRAY: &[char] = &['{', '}', ','];
const OF_ROW: &[char] = &['(', ')', '[', ']', ','];
const OF_MULTIRANGE: &[char] = &['{', '}', '(', ')', '[', ']', ','];

fn delimiters(literal: &str) -> &'static [char] {
    let mut begins = literal.chars().filter(|c| !c.is_whitespace());
    match (begins.next(), begins.next()) {
        (Some('{'), Some('(' | '[')) => OF_MULTIRANGE,
        (Some('{'), _) => OF_ARRAY,
        // An array with bounds, as [0:1]={a,b}, has them before its elements.
        _ if literal.contains("={") => OF_MULTIRANGE,
        _ => OF_ROW,
    }
}

/// The literal with every element `then`, at any depth, replaced by `now`.
pub fn replace(literal: &str, then: &str, now: &str) -> String {
    let delimiters = delimiters(literal);
    let mut replaced = String::new();
    let mut element = String::new();
    let mut characters = literal.chars();
    let mut quoted = false;
    while let Some(c) = characters.next() {
        if !quoted && delimiters.contains(&c) {
            replaced += &replaced_element(&std::mem::take(&mut element), then, now);
            replaced.push(c);
            continue;
        }
        quoted ^= c == '"';
        element.push(c);
        if c == '\\' {
            element.extend(characters.next());
        }
    }
    replaced + &replaced_element(&element, then, now)
}

fn replaced_element(text: &str, then: &str, now: &str) -> String {
    let value = unquoted(text);
    if value == then || text.trim() == then {
        return quoted(now);
    }
    // Rows within an array are its elements, quoted once more.
    match value.contains(OF_MULTIRANGE) {
        true => {
            let inner = replace(&value, then, now);
            match inner == value {
                true => text.to_owned(),
                false => quoted(&inner),
            }
        }
        false => text.to_owned(),
    }
}

/// The value of an element: without quotes, of which two within quotes are one, and without escapes.
fn unquoted(text: &str) -> String {
    let mut value = String::new();
    let mut characters = text.trim().chars().peekable();
    let mut quoted = false;
    while let Some(c) = characters.next() {
        match c {
            '\\' => value.extend(characters.next()),
            '"' if quoted && characters.next_if_eq(&'"').is_some() => value.push('"'),
            '"' => quoted = !quoted,
            _ => value.push(c),
        }
    }
    value
}

/// An element as it is written, in quotes where it needs them.
fn quoted(value: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || c == '_';
    let is_word = !value.is_empty() && value.chars().all(is_plain);
    if is_word && !value.eq_ignore_ascii_case("null") {
        return value.to_owned();
    }
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_replaced_at_any_depth() {
        let new = |literal: &str| replace(literal, "open", "be gun");
        assert_eq!(new("{open,done}"), r#"{"be gun",done}"#);
        assert_eq!(new(r#"{ open , "open" }"#), r#"{"be gun","be gun"}"#);
        assert_eq!(new("[open,done)"), r#"["be gun",done)"#);
        assert_eq!(new("(1,open,)"), r#"(1,"be gun",)"#);
        assert_eq!(
            new("{[open,done),(open,)}"),
            r#"{["be gun",done),("be gun",)}"#
        );
        assert_eq!(new("[0:1]={open,done}"), r#"[0:1]={"be gun",done}"#);
        assert_eq!(new("(1,{open})"), r#"(1,"{\"be gun\"}")"#);
        assert_eq!(new("{{open},{done}}"), r#"{{"be gun"},{done}}"#);
        assert_eq!(new(r#"{"(1,open)"}"#), r#"{"(1,\"be gun\")"}"#);
        assert_eq!(new(r#"(1,"{open}")"#), r#"(1,"{\"be gun\"}")"#);
        assert_eq!(
            new(r#"{"(1,\"{open}\")"}"#),
            r#"{"(1,\"{\\\"be gun\\\"}\")"}"#
        );
    }

    #[test]
    fn everything_else_stays() {
        for literal in [
            "{}",
            "{opened}",
            r#"{"op,en"}"#,
            r#"("open ","")"#,
            r#"{"a\"open"}"#,
            "{\\",
        ] {
            assert_eq!(replace(literal, "open", "x"), literal);
        }
        assert_eq!(replace(r#"{"a\"b",c}"#, "a\"b", "d\\e"), r#"{"d\\e",c}"#);
        assert_eq!(replace(r#"("a""b",c)"#, "a\"b", "d"), "(d,c)");
        assert_eq!(replace("{a}", "a", "NULL"), r#"{"NULL"}"#);
    }
}
