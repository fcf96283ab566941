//! Broadcast topics: text with columns in braces, `org:{organization_id}`. Pure.

/// A piece of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    Text(&'a str),
    Column(&'a str),
}

/// Splits a topic. Errors: the byte position of a brace that is not part of a `{column}`.
pub fn parse(template: &str) -> Result<Vec<Part<'_>>, usize> {
    let mut parts = Vec::new();
    let mut rest = template;
    let position = |rest: &str| template.len() - rest.len();
    while let Some(open) = rest.find(['{', '}']) {
        if rest.as_bytes()[open] == b'}' {
            return Err(position(&rest[open..]));
        }
        if open > 0 {
            parts.push(Part::Text(&rest[..open]));
        }
        let inside = &rest[open + 1..];
        match inside.find(['{', '}']) {
            Some(close) if close > 0 && inside.as_bytes()[close] == b'}' => {
                parts.push(Part::Column(&inside[..close]));
                rest = &inside[close + 1..];
            }
            _ => return Err(position(&rest[open..])),
        }
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    Ok(parts)
}

/// The columns that a topic names; none if it is malformed.
pub fn columns(template: &str) -> Vec<String> {
    let parts = parse(template).unwrap_or_default();
    let column = |part: &Part| match part {
        Part::Column(name) => Some((*name).to_owned()),
        Part::Text(_) => None,
    };
    parts.iter().filter_map(column).collect()
}

/// The topic with renamed columns. The pairs (old, new) are applied at once.
pub fn rename_columns(template: &str, renamed: &[(String, String)]) -> String {
    let Ok(parts) = parse(template) else {
        return template.to_owned();
    };
    let rendered = parts.iter().map(|part| match part {
        Part::Text(text) => (*text).to_owned(),
        Part::Column(name) => {
            let new = renamed.iter().find(|(old, _)| old == name);
            format!("{{{}}}", new.map_or(*name, |(_, new)| new))
        }
    });
    rendered.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_text_and_columns() {
        use Part::*;
        assert_eq!(
            parse("org:{a b}:é{c}"),
            Ok(vec![Text("org:"), Column("a b"), Text(":é"), Column("c")])
        );
        assert_eq!(parse(""), Ok(vec![]));
        assert_eq!(parse("plain"), Ok(vec![Text("plain")]));
    }

    #[test]
    fn points_at_a_stray_brace() {
        for (template, at) in [("{", 0), ("a}", 1), ("é{}", 2), ("{a{b}}", 0), ("{a}}", 3)] {
            assert_eq!(parse(template), Err(at), "{template}");
        }
    }

    #[test]
    fn renames_whole_names_all_at_once() {
        let swap = [
            ("id".to_owned(), "idx".to_owned()),
            ("idx".to_owned(), "id".to_owned()),
        ];
        assert_eq!(
            rename_columns("id:{id}:{idx}:{idy}", &swap),
            "id:{idx}:{id}:{idy}"
        );
        assert_eq!(columns("{b}-{a}"), ["b", "a"]);
    }
}
