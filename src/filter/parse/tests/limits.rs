//! The limits on size, number and depth; and that the work grows linearly with the input.

use super::*;

#[test]
fn bytes() {
    let filter = |length: usize| format!("a=eq.{}", "x".repeat(length - 5));
    assert!(parse(&filter(MAX_BYTES)).is_ok());
    let error = parse(&filter(MAX_BYTES + 1)).unwrap_err();
    assert_eq!(error.message, "filter has 65537 bytes, the limit is 65536");
    assert!(parse(&" ".repeat(1 << 20)).is_err());
    assert!(parse(&"é".repeat(MAX_BYTES / 2 + 1))
        .unwrap_err()
        .message
        .contains("65538 bytes"));
}

#[test]
fn conditions() {
    let filter = |count: usize| vec!["a=eq.1"; count].join(",");
    assert_eq!(
        parsed(&filter(MAX_CONDITIONS)).comparisons().count(),
        MAX_CONDITIONS
    );
    let error = parse(&filter(MAX_CONDITIONS + 1)).unwrap_err();
    assert_eq!(error.message, "more than 1000 conditions");
    assert_eq!(error.position, 7001);
    let grouped = format!("or=({}),{}", vec!["a.eq.1"; 600].join(","), filter(401));
    assert_eq!(
        parse(&grouped).unwrap_err().message,
        "more than 1000 conditions"
    );
}

fn nested(depth: usize) -> String {
    format!(
        "or=({}a.eq.1{}",
        "not.and(".repeat(depth - 1),
        ")".repeat(depth)
    )
}

#[test]
fn nesting() {
    assert!(parse(&nested(MAX_NESTING)).is_ok());
    let error = parse(&nested(MAX_NESTING + 1)).unwrap_err();
    assert_eq!(error.message, "groups nested deeper than 32");
    assert_eq!(error.position, 4 + 31 * 8 + 1);
    assert!(parse(&"or=(".repeat(10_000)).is_err());
    assert!(parse(&format!("or=({}", "or(".repeat(20_000))).is_err());
}

/// Parentheses, quotes and members of a list are not conditions and not groups.
#[test]
fn depth_within_a_value_is_free() {
    let value = format!("a=eq.{}{}", "(".repeat(30_000), ")".repeat(30_000));
    assert!(parse(&value).is_ok());
    let list = format!("a=in.({})", vec!["1"; 30_000].join(","));
    assert!(parse(&list).is_ok());
    let path = format!("a{}=eq.1", "->b".repeat(20_000));
    assert!(parse(&path).is_ok());
}

/// Each character is passed at most once and counted at most once for positions.
#[test]
fn work_is_linear() {
    let repeated = |unit: &str| unit.repeat(MAX_BYTES / unit.len());
    let mut inputs: Vec<String> = [
        "(",
        ")",
        "\"",
        "\\",
        ",",
        ".",
        "=",
        "->",
        "->>",
        "-",
        "é",
        "a=eq.1,",
        "or=(",
        "or(",
        "a=in.(",
        "not.",
        ".\"",
        "(\"",
        "=in.(",
        "a=in.(\"",
        "\"\\",
        " ",
        "a.eq.1,",
        "\"a\"->",
        "a=eq.(\"),",
    ]
    .into_iter()
    .map(repeated)
    .collect();
    for head in [
        "a=eq.",
        "a=in.(",
        "or=(a.eq.",
        "or=(a.in.(",
        "a=eq.\"",
        "\"",
        "a->",
    ] {
        for unit in [
            "(", ")", "\"", "\\", ".\"", "=in.(", "()", "\"\"", "x ", ",x", "->",
        ] {
            inputs.push(format!(
                "{head}{}",
                unit.repeat((MAX_BYTES - head.len()) / unit.len())
            ));
        }
    }
    let many = format!("é=eq.{},", "日".repeat(15));
    inputs.push(many.repeat(MAX_CONDITIONS));
    for input in inputs {
        assert!(input.len() <= MAX_BYTES);
        let mut parser = Parser::new(&input);
        let _ = parser.filter();
        let steps = parser.reader.steps;
        assert!(
            steps <= 2 * input.len(),
            "{steps} steps for {}",
            &input[..20]
        );
    }
}
