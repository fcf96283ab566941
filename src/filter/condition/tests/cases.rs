//! Random filters, each with the SQL that a person would write for it.

use super::values::{Kind, CONTAINERS, INCOMPARABLE, JSON, KINDS, TEXTUAL, UNORDERED};
use super::Random;
use crate::filter::parse::{Comparison, Expr, IsTest, Operand, Operator, PathKey, PathStep};
use crate::pg::sql::literal::quote;

/// A filter and the SQL that a person would write for it.
pub struct Case {
    pub expr: Expr,
    pub sql: String,
}

/// A filter of conditions and groups at most `depth` deep.
pub fn group(random: &mut Random, depth: usize) -> Case {
    if depth == 0 || random.below(3) > 0 {
        return condition(random);
    }
    let members: Vec<Case> = (0..1 + random.below(3))
        .map(|_| group(random, depth - 1))
        .collect();
    let any = random.below(2) == 0;
    let joined: Vec<String> = members
        .iter()
        .map(|member| format!("({})", member.sql))
        .collect();
    let joined = joined.join(if any { " or " } else { " and " });
    let members = members.into_iter().map(|member| member.expr).collect();
    let expr = if any {
        Expr::Or(members)
    } else {
        Expr::And(members)
    };
    match random.below(3) {
        0 => Case {
            expr: Expr::Not(Box::new(expr)),
            sql: format!("not ({joined})"),
        },
        _ => Case { expr, sql: joined },
    }
}

fn condition(random: &mut Random) -> Case {
    let kind = &KINDS[random.below(KINDS.len())];
    let negated = random.below(3) == 0;
    let column = format!("\"{}\"", kind.name);
    if kind.name == "jb" && random.below(3) > 0 {
        return path(random, negated);
    }
    match random.below(7) {
        0 => is(random, kind, &column, negated),
        _ if INCOMPARABLE.contains(&kind.name) => is(random, kind, &column, negated),
        1 if TEXTUAL.contains(&kind.name) => pattern(random, kind.name, &column, negated),
        2 if CONTAINERS.contains(&kind.name) || kind.name == "jb" => {
            contained(random, kind, &column, negated)
        }
        3 => list(random, kind, &column, negated),
        4 => distinct(random, kind, &column, negated),
        _ => compared(random, kind, &column, negated),
    }
}

fn case(
    name: &str,
    path: Vec<PathStep>,
    negated: bool,
    operator: Operator,
    operand: Operand,
    sql: String,
) -> Case {
    let sql = if negated { format!("not ({sql})") } else { sql };
    let comparison = Comparison {
        column: name.to_owned(),
        path,
        negated,
        operator,
        operand,
        position: 0,
        value_position: 0,
    };
    Case {
        expr: Expr::Compare(comparison),
        sql,
    }
}

fn value(random: &mut Random, kind: &Kind) -> String {
    let longer = ["t", "tc", "Vc 3", "c5", "bp", "sh", "ci"];
    match kind.name {
        "num52" if random.below(3) == 0 => String::from("99999.994"),
        name if longer.contains(&name) && random.below(4) == 0 => String::from("abcdefgh"),
        _ => random.pick(kind.values).to_owned(),
    }
}

/// A literal as a person would write it.
fn literal(kind: &Kind, value: &str) -> String {
    match kind.name {
        "pair" | "r4" | "rt" | "rx" | "mr" | "ae" => {
            format!("{}::{}", quote(value), kind.declaration)
        }
        _ => quote(value),
    }
}

fn is(random: &mut Random, kind: &Kind, column: &str, negated: bool) -> Case {
    let (test, sql) = match (kind.name, random.below(5)) {
        ("b", 0) => (IsTest::True, format!("coalesce({column}, false)")),
        ("b", 1) => (IsTest::False, format!("coalesce(not {column}, false)")),
        ("b", 2) => (IsTest::Unknown, format!("{column} is null")),
        (_, 3) => (IsTest::NotNull, format!("({column})::text is not null")),
        _ => (IsTest::Null, format!("({column})::text is null")),
    };
    case(
        kind.name,
        vec![],
        negated,
        Operator::Is,
        Operand::Is(test),
        sql,
    )
}

fn pattern(random: &mut Random, name: &str, column: &str, negated: bool) -> Case {
    let likes = [
        "%", "a%", "%b", "_", "A%", "é%", "\\%", "a\\_", "", "%a%b%", "__   ", "É",
    ];
    let regexes = [
        "^a",
        "b$",
        "[[:alpha:]]",
        "(a|b)",
        "",
        "\\w",
        "É",
        "^.$",
        "a\\s*$",
        "\\\\",
    ];
    let (operator, sql, pattern) = match random.below(4) {
        0 => (Operator::Like, "like", random.pick(&likes)),
        1 => (Operator::Ilike, "ilike", random.pick(&likes)),
        2 => (Operator::Match, "~", random.pick(&regexes)),
        _ => (Operator::Imatch, "~*", random.pick(&regexes)),
    };
    let sql = format!("{column} {sql} {}", quote(pattern));
    case(
        name,
        vec![],
        negated,
        operator,
        Operand::Text(pattern.to_owned()),
        sql,
    )
}

fn contained(random: &mut Random, kind: &Kind, column: &str, negated: bool) -> Case {
    let choices = if kind.name == "jb" { 2 } else { 3 };
    let (operator, sql) = [
        (Operator::Contains, "@>"),
        (Operator::ContainedBy, "<@"),
        (Operator::Overlaps, "&&"),
    ][random.below(choices)];
    let value = value(random, kind);
    let sql = format!("{column} {sql} {}::{}", quote(&value), kind.declaration);
    case(
        kind.name,
        vec![],
        negated,
        operator,
        Operand::Text(value),
        sql,
    )
}

fn list(random: &mut Random, kind: &Kind, column: &str, negated: bool) -> Case {
    let members: Vec<Option<String>> = (0..random.below(4))
        .map(|_| (random.below(6) > 0).then(|| value(random, kind)))
        .collect();
    let sql = members
        .iter()
        .map(|member| match member {
            Some(value) => format!("{column} = {}", literal(kind, value)),
            None => String::from("null::bool"),
        })
        .fold(String::from("false"), |sql, one| format!("{sql} or {one}"));
    case(
        kind.name,
        vec![],
        negated,
        Operator::In,
        Operand::List(members),
        sql,
    )
}

fn distinct(random: &mut Random, kind: &Kind, column: &str, negated: bool) -> Case {
    let value = value(random, kind);
    let sql = format!("{column} is distinct from {}", literal(kind, &value));
    case(
        kind.name,
        vec![],
        negated,
        Operator::IsDistinct,
        Operand::Text(value),
        sql,
    )
}

const COMPARISONS: [(Operator, &str); 6] = [
    (Operator::Eq, "="),
    (Operator::Neq, "<>"),
    (Operator::Lt, "<"),
    (Operator::Lte, "<="),
    (Operator::Gt, ">"),
    (Operator::Gte, ">="),
];

fn compared(random: &mut Random, kind: &Kind, column: &str, negated: bool) -> Case {
    let choices = if UNORDERED.contains(&kind.name) { 2 } else { 6 };
    let (operator, mut sql) = COMPARISONS[random.below(choices)];
    if kind.name == "hs" {
        // hstore's ordering operators have other names.
        sql = [("<", "#<#"), ("<=", "#<=#"), (">", "#>#"), (">=", "#>=#")]
            .into_iter()
            .find(|(plain, _)| *plain == sql)
            .map_or(sql, |(_, own)| own);
    }
    let value = value(random, kind);
    let sql = format!("{column} {sql} {}", literal(kind, &value));
    case(
        kind.name,
        vec![],
        negated,
        operator,
        Operand::Text(value),
        sql,
    )
}

fn path(random: &mut Random, negated: bool) -> Case {
    let field = |name: &str| PathStep {
        key: PathKey::Field(name.to_owned()),
        as_text: false,
    };
    let index = |i: i32| PathStep {
        key: PathKey::Index(i),
        as_text: false,
    };
    let (mut steps, mut sql) = match random.below(5) {
        0 => (vec![field("a")], String::from("jb -> 'a'")),
        1 => (
            vec![field("b"), field("c")],
            String::from("jb -> 'b' -> 'c'"),
        ),
        2 => (vec![field("a"), index(0)], String::from("jb -> 'a' -> 0")),
        3 => (
            vec![field("a"), index(-1), field("c")],
            String::from("jb -> 'a' -> -1 -> 'c'"),
        ),
        _ => (vec![index(1)], String::from("jb -> 1")),
    };
    let (operator, symbol) = COMPARISONS[random.below(6)];
    if random.below(2) == 0 {
        steps.last_mut().unwrap().as_text = true;
        let arrow = sql.rfind("->").unwrap();
        sql.insert(arrow + 2, '>');
        let value = random.pick(&["1", "pro", "é", "5.0", "true", "x", "10"]);
        let sql = format!("({sql}) collate \"C\" {symbol} {}", quote(value));
        return case(
            "jb",
            steps,
            negated,
            operator,
            Operand::Text(value.to_owned()),
            sql,
        );
    }
    let value = random.pick(&["1", "5", "\"1\"", "true", "\"x\"", "null", "10", JSON[0]]);
    let test = format!("({sql}) {symbol} {}", quote(value));
    // Values of another type satisfy neither an ordering comparison nor its negation.
    let sql = match operator {
        Operator::Eq | Operator::Neq => test,
        _ => format!(
            "nullif(jsonb_typeof({sql}) = jsonb_typeof({}), false) = ({test})",
            quote(value)
        ),
    };
    case(
        "jb",
        steps,
        negated,
        operator,
        Operand::Text(value.to_owned()),
        sql,
    )
}
