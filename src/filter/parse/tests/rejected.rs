//! Refused filters, one per line: the beginning of the message, the position, a part of the hint.

use super::*;

#[rustfmt::skip]
const REJECTED: &[(&str, &str, usize, &str)] = &[
    // not a condition
    ("undefined", "`undefined` is not a filter", 1, "unset JavaScript variable"),
    (" undefined ", "`undefined` is not a filter", 2, "unset JavaScript variable"),
    ("a=eq.1,undefined", "`undefined` is not a filter", 8, "unset JavaScript variable"),
    ("null", "`null` is not a filter", 1, "unset JavaScript variable"),
    ("[object Object]", "`[object Object]` is not a filter", 1, "unset JavaScript variable"),
    ("id", "missing `=` in `id`", 1, "column=operator.value"),
    ("a=eq.1,b", "missing `=` in `b`", 8, "quote a value that contains a comma"),
    ("é=eq.日,b", "missing `=` in `b`", 8, "id=eq.5"),
    ("id.eq.5", "missing `=`", 1, "write id=eq.5"),
    ("id.not.in.(5)", "missing `=`", 1, "write id=not.in.(5)"),
    ("id>5", "missing `=`", 1, "write id=gt.5"),
    ("id < 5", "missing `=`", 1, "write id=lt.5"),
    ("id<>5", "missing `=`", 1, "write id=neq.5"),
    ("or(a.eq.1,b.eq.2)", "missing `=`", 1, "write or=(…)"),
    ("not.and(a.eq.1)", "missing `=`", 1, "write not.and=(…)"),
    ("a=cs.{1,2}", "missing `=` in `2}`", 9, "quote a value that contains a comma"),
    ("a=match.a{1,3}", "missing `=` in `3}`", 13, "quote a value that contains a comma"),
    ("\"a\"", "missing `=`", 1, "id=eq.5"),
    ("meta->x", "missing `=` in `meta->x`", 1, "id=eq.5"),
    // empty parts
    (",a=eq.1", "empty condition", 1, "remove the extra comma"),
    ("a=eq.1,", "empty condition", 7, "remove the extra comma"),
    ("a=eq.1, ", "empty condition", 7, "remove the extra comma"),
    ("a=eq.1,,b=eq.2", "empty condition", 8, "remove the extra comma"),
    ("a=eq.1, ,b=eq.2", "empty condition", 9, "remove the extra comma"),
    (",", "empty condition", 1, "remove the extra comma"),
    ("or=(a.eq.1,)", "empty condition", 11, "remove the extra comma"),
    ("or=(a.eq.1, )", "empty condition", 11, "remove the extra comma"),
    ("or=(,a.eq.1)", "empty condition", 5, "remove the extra comma"),
    ("or=()", "empty group", 5, "at least one condition"),
    ("or=( )", "empty group", 6, "at least one condition"),
    ("or=(a.eq.1,and())", "empty group", 16, "at least one condition"),
    ("=eq.5", "missing column name", 1, "starts with the column"),
    ("a=eq.1, =eq.5", "missing column name", 9, "starts with the column"),
    ("\"\"=eq.5", "missing column name", 1, "starts with the column"),
    ("or=(.eq.5)", "missing column name", 5, "starts with the column"),
    ("->x=eq.5", "missing column name", 1, "starts with the column"),
    ("=", "missing column name", 1, "starts with the column"),
    // operator
    ("col=5", "missing operator", 5, "write col=eq.5"),
    ("col=", "missing operator", 5, "write col=eq.value"),
    ("col==5", "missing operator", 5, "write col=eq.5"),
    ("col=1.5", "missing operator", 5, "write col=eq.1.5"),
    ("col=a@b.com", "missing operator", 5, "write col=eq.a@b.com"),
    ("col=2024-05-01T00:00:00.000Z", "missing operator", 5, "write col=eq.2024-05-01T00:00:00.000Z"),
    ("col>=5", "missing operator", 6, "write col=gte.5"),
    ("col <= 5", "missing operator", 7, "write col=lte.5"),
    ("col!=5", "missing operator", 6, "write col=neq.5"),
    ("col=not.5", "missing operator", 9, "write col=not.eq.5"),
    ("col=not", "missing operator", 5, "write col=eq.value"),
    ("col=.5", "missing operator", 5, "write col=eq.value"),
    ("col=eq", "missing value after `eq`", 7, "write col=eq.value"),
    ("col=not.in", "missing value after `in`", 11, "write col=not.in.value"),
    ("or=(a.5)", "missing operator", 7, "write a.eq.5"),
    ("or=(a)", "missing operator after `a`", 5, "column.operator.value"),
    ("or=(a,b.eq.1)", "missing operator after `a`", 5, "column.operator.value"),
    ("\"a b\"=5", "missing operator", 7, "write \"a b\"=eq.5"),
    ("subject=foo.hey", "unknown operator `foo`", 9, "operators are eq, neq"),
    ("a=eqq.1", "unknown operator `eqq`", 3, "did you mean `eq`?"),
    ("a=EQ.1", "unknown operator `EQ`", 3, "lower case: `eq`"),
    ("a=not.ILIKE.x", "unknown operator `ILIKE`", 7, "lower case: `ilike`"),
    ("a= eq.1", "unknown operator ` eq`", 3, "without spaces"),
    ("a=eq .1", "unknown operator `eq `", 3, "without spaces"),
    ("a=ne.1", "unknown operator `ne`", 3, "did you mean `neq`?"),
    ("a=ge.1", "unknown operator `ge`", 3, "did you mean `gte`?"),
    ("a=le.1", "unknown operator `le`", 3, "did you mean `lte`?"),
    ("a=liek.x", "unknown operator `liek`", 3, "did you mean `like`?"),
    ("a=ilkie.x", "unknown operator `ilkie`", 3, "did you mean `ilike`?"),
    ("a=equals.x", "unknown operator `equals`", 3, "did you mean `eq`?"),
    ("a=contains.x", "unknown operator `contains`", 3, "did you mean `cs`?"),
    ("a=is_distinct.x", "unknown operator `is_distinct`", 3, "did you mean `isdistinct`?"),
    ("a==eq.1", "unknown operator `=eq`", 3, "did you mean `eq`?"),
    ("a=fts.x", "unknown operator `fts`", 3, "operators are"),
    ("a=Not.eq.1", "unknown operator `Not`", 3, "operators are"),
    ("or=(a.foo.1)", "unknown operator `foo`", 7, "operators are"),
    ("a=not.not.eq.1", "`not.` is written twice", 7, "cancel each other"),
    ("a=not.not.not.eq.1", "`not.` is written twice", 7, "cancel each other"),
    ("a=not.not", "`not.` is written twice", 7, "cancel each other"),
    ("or=(a.not.not.eq.1)", "`not.` is written twice", 11, "cancel each other"),
    // parentheses and quotes
    ("a=eq.(x", "unbalanced parentheses: this `(`", 6, "quote a value"),
    ("a=eq.:(,b=eq.1", "unbalanced parentheses: this `(`", 7, "quote a value"),
    ("a=eq.f((x),b=eq.1", "unbalanced parentheses: this `(`", 7, "quote a value"),
    ("b=eq.1,a=ov.(1,5]", "unbalanced parentheses: this `(`", 13, "quote a value"),
    ("f(a=eq.1", "unbalanced parentheses: this `(`", 2, "quote a value"),
    ("f(a", "unbalanced parentheses: this `(`", 2, "quote a value"),
    ("a=in.(1,2", "unbalanced parentheses: this `(`", 6, "close it"),
    ("or=(a.eq.1", "unbalanced parentheses: this group", 4, "close it"),
    ("or=(", "unbalanced parentheses: this group", 4, "close it"),
    ("or=(a.eq.1,", "unbalanced parentheses: this group", 4, "close it"),
    ("or=(a.eq.1,and(b.eq.1)", "unbalanced parentheses: this group", 4, "close it"),
    ("or=(a.eq.1,and(b.eq.1", "unbalanced parentheses: this group", 15, "close it"),
    ("or=(a.eq.(1,b.eq.2)", "unbalanced parentheses: this group", 4, "close it"),
    ("or=(a.eq.1))", "unbalanced parentheses: this `)`", 12, "remove it"),
    ("or=(a.eq.1)x", "text after the group", 12, "a comma separates"),
    ("or=(a.eq.1) or=(b.eq.1)", "text after the group", 13, "a comma separates"),
    ("or=(and(a.eq.1)b.eq.1)", "text after the group", 16, "a comma separates"),
    ("or=(and(a.eq.1).eq.1)", "text after the group", 16, "a comma separates"),
    ("a=eq.\"x,b=eq.1", "this quote is never closed", 6, "close it"),
    ("a=eq.v.\"x,b=eq.1", "this quote is never closed", 8, "close it"),
    ("a=eq.(\"x)", "this quote is never closed", 7, "close it"),
    ("or=(a.eq.\"x)", "this quote is never closed", 10, "close it"),
    // in
    ("a.\"b=in.(1", "unbalanced parentheses: this list", 9, "close it"),
    ("a=in.1", "`in` takes a list in parentheses", 6, "write a=in.(1)"),
    ("a=in.", "`in` takes a list in parentheses", 6, "write a=in.(1,2,3)"),
    ("a=in.\"(1)\"", "`in` takes a list in parentheses", 6, "write a=in.(1)"),
    ("a=not.in.{1}", "`in` takes a list in parentheses", 10, "write a=not.in.(1)"),
    ("a=in.[1]", "`in` takes a list in parentheses", 6, "write a=in.(1)"),
    ("or=(a.in.1)", "`in` takes a list in parentheses", 10, "write a.in.(1)"),
    ("a=in.1,2", "`in` takes a list in parentheses", 6, "write a=in.(1,2)"),
    ("a=in.open,done,b=eq.1", "`in` takes a list in parentheses", 6, "write a=in.(open,done)"),
    ("a=not.in.open,done", "`in` takes a list in parentheses", 10, "write a=not.in.(open,done)"),
    ("or=(a.in.x,y,b.eq.1)", "`in` takes a list in parentheses", 10, "write a.in.(x,y)"),
    ("or=(a.in.x,y)", "`in` takes a list in parentheses", 10, "write a.in.(x,y)"),
    // joined as in a URL
    ("a=eq.opened&b=eq.open", "`&` between conditions", 12, "separated by commas"),
    ("a=eq.1&b=not.in.(1,2)", "`&` between conditions", 7, "separated by commas"),
    ("a=eq.x & y&b=is.null", "`&` between conditions", 11, "quote a value that contains `&`"),
    ("a=is.null&b=eq.1", "`&` between conditions", 10, "separated by commas"),
    ("a=eq.1&or=(b.eq.1,c.eq.2)", "`&` between conditions", 7, "separated by commas"),
    ("a=in.(1)x", "text after the list", 9, "quote a member"),
    ("a=in.(1) x", "text after the list", 9, "quote a member"),
    ("a=in.(1)(2)", "text after the list", 9, "quote a member"),
    ("a=in.(1))", "unbalanced parentheses: this `)`", 9, "quote the member"),
    ("a=in.(,)", "empty member in the list", 7, "the empty string is written \"\""),
    ("a=in.(1,)", "empty member in the list", 9, "remove the extra comma"),
    ("a=in.(1, ,2)", "empty member in the list", 10, "remove the extra comma"),
    ("a=in.(,1)", "empty member in the list", 7, "remove the extra comma"),
    ("a=in.({1,2})", "`{` in an unquoted member", 7, "quote the whole member"),
    ("a=in.(a\\),b)", "`)` in an unquoted member", 9, "quote the whole member"),
    ("a=in.(\\(x),b)", "`(` in an unquoted member", 8, "quote the whole member"),
    ("a=in.(1\\)", "`)` in an unquoted member", 9, "quote the whole member"),
    ("a=in.(x}y)", "`}` in an unquoted member", 8, "quote the whole member"),
    ("a=in.(x\"y)", "`\"` in an unquoted member", 8, "quote the whole member"),
    ("a=in.(\"x\"y)", "text after a quoted member", 10, "quote the whole member"),
    ("a=in.(\"x\" \"y\")", "text after a quoted member", 11, "quote the whole member"),
    ("a=in.(\"x)", "this quote is never closed", 7, "close it"),
    ("a=in.(1),2)", "missing `=` in `2)`", 10, "id=eq.5"),
    // is
    ("a=is.NULL", "`is` does not take `NULL`", 6, "lower case, `is.null`; allowed are null, not_null, true"),
    ("a=is.Not Null", "`is` does not take `Not Null`", 6, "lower case, `is.not_null`"),
    ("a=is.maybe", "`is` does not take `maybe`", 6, "allowed are null, not_null, true, false, unknown"),
    ("a=is.", "`is` does not take ``", 6, "allowed are"),
    ("a=is.not.null", "`is` does not take `not.null`", 6, "not_null"),
    ("a=is.1", "`is` does not take `1`", 6, "allowed are"),
    ("or=(a.is.TRUE)", "`is` does not take `TRUE`", 10, "`is.true`"),
    // names and paths
    ("\"a=eq.1", "this quoted name is never closed", 1, "a\\\"b"),
    ("\"a\\\"=eq.1", "this quoted name is never closed", 1, "a\\\"b"),
    ("\"a\"b=eq.1", "text after the quoted name \"a\"", 4, "after it comes `=`"),
    ("\"a\"\"b\"=eq.1", "text after the quoted name \"a\"", 4, "a\\\"b"),
    ("\"a\" =eq.1", "text after the quoted name \"a\"", 4, "after it comes `=`"),
    ("or=(\"a\"=eq.1)", "text after the quoted name \"a\"", 8, "after it comes `.`"),
    ("m->>a->b=eq.1", "`->>` is not the last step", 2, "write `->`"),
    ("m->>a->>b=eq.1", "`->>` is not the last step", 2, "write `->`"),
    ("m->=eq.1", "missing key after the arrow", 4, "field or an array index"),
    ("m->>=eq.1", "missing key after the arrow", 5, "field or an array index"),
    ("m->->x=eq.1", "missing key after the arrow", 4, "field or an array index"),
    ("m->'x'=eq.1", "a path key must not be in single quotes", 4, "write it bare: x"),
    ("m -> x=eq.1", "space next to an arrow", 1, "without spaces"),
    ("m-> x=eq.1", "space next to an arrow", 4, "without spaces"),
    ("m->x =eq.1", "space next to an arrow", 4, "without spaces"),
    ("m->2147483648=eq.1", "array index out of range", 4, "quote it: \"2147483648\""),
    ("m->-99999999999999999999=eq.1", "array index out of range", 4, "quote it"),
    ("m->\"x=eq.1", "this quoted name is never closed", 4, "a\\\"b"),
    ("m->\"x\"y=eq.1", "text after the quoted name \"x\"", 7, "an arrow"),
    ("or=(m->x)", "missing operator after `m->x`", 5, "column.operator.value"),
    // written as at the other level
    ("or=(a=eq.1,b=eq.2)", "`=` inside a group", 6, "write a.operator.value"),
    ("or=(a.eq.1,and=(b.eq.2))", "`=` inside a group", 15, "write and(…)"),
    ("or=(a=1)", "`=` inside a group", 6, "write a.operator.value"),
    ("or=(m->>x=eq.1)", "`=` inside a group", 10, "operator.value"),
    ("or=(not.a.eq.1)", "`not` is not a column here", 5, "a.not.…"),
    ("or=(or.eq.1)", "`or` is not a column here", 5, "\"or\".eq.5"),
    ("or=(not.eq.1)", "`not` is not a column here", 5, "\"not\".eq.5"),
    ("or= (a.eq.1)", "`or=` without a group", 4, "write or=(a.eq.1,b.eq.2)"),
    ("not.and =(a.eq.1)", "`not.and=` without a group", 10, "write not.and=("),
    ("m->x>5", "missing `=` in `m->x>5`", 1, "id=eq.5"),
    ("m->>x.eq.5", "missing `=`", 1, "write m->>x=eq.5"),
    ("or=a.eq.1", "`or=` without a group", 4, "write or=("),
    // NUL
    ("a=eq.x\0", "NUL character", 7, "cannot contain NUL"),
    ("\0", "NUL character", 1, "cannot contain NUL"),
    ("é=in.(\0)", "NUL character", 7, "cannot contain NUL"),
];

#[test]
fn rejected_filters() {
    let mut failures = String::new();
    for (input, message, position, hint) in REJECTED {
        match parse(input) {
            Err(error)
                if error.message.starts_with(message)
                    && error.position == *position
                    && error
                        .hint
                        .as_deref()
                        .is_some_and(|text| text.contains(hint)) => {}
            other => {
                failures += &format!(
                    "\n{input}\n  expected {message} at {position} ({hint})\n  found    {other:?}"
                )
            }
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

/// A hint that begins with `write` and spells out a condition contains one that parses.
#[test]
fn hints_that_spell_a_condition_out_are_right() {
    let mut checked = 0;
    for (input, ..) in REJECTED
        .iter()
        .filter(|(input, ..)| !input.starts_with("or"))
    {
        let hint = parse(input).unwrap_err().hint.unwrap_or_default();
        let Some(text) = hint.strip_prefix("write ") else {
            continue;
        };
        if text.contains(['…', '`', ' ']) || text.contains("in.value") {
            continue;
        }
        assert!(parse(text).is_ok(), "{input}: {hint}");
        checked += 1;
    }
    assert!(checked > 15, "only {checked}");
}

#[test]
fn error_text() {
    let error = parse("col=5").unwrap_err();
    assert_eq!(
        error.to_string(),
        "missing operator at character 5 (write col=eq.5)"
    );
    let long = format!("col={}", "x\u{7}".repeat(1000));
    let error = parse(&long).unwrap_err().to_string();
    assert!(
        error.chars().count() < 200 && !error.contains('\u{7}'),
        "{error}"
    );
}
