//! The abstract syntax tree of a row filter.

use std::collections::HashSet;

/// A filter, or a part of one.
///
/// The parser produces no empty group, and `Not` only directly around a group: a single
/// condition carries its own [`Comparison::negated`].
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// Every member holds.
    And(Vec<Expr>),
    /// At least one member holds.
    Or(Vec<Expr>),
    /// The inner expression does not hold; unknown stays unknown.
    Not(Box<Expr>),
    /// One condition on one column.
    Compare(Comparison),
}

/// One condition: a column, or a path into it, compared with a constant.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The column's name, unquoted, with its case as written.
    pub column: String,
    /// Steps into a jsonb column; empty for the column itself.
    pub path: Vec<PathStep>,
    /// Whether the operator was written after `not.`.
    pub negated: bool,
    /// The comparison.
    pub operator: Operator,
    /// The constant: [`Operand::List`] for `in`, [`Operand::Is`] for `is`, else [`Operand::Text`].
    pub operand: Operand,
    /// 1-based character position of the condition in the filter; 0 when it is not known.
    pub position: usize,
    /// 1-based character position of the value in the filter; 0 when it is not known.
    pub value_position: usize,
}

/// A comparison operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `eq`: equal.
    Eq,
    /// `neq`: not equal.
    Neq,
    /// `lt`: less than.
    Lt,
    /// `lte`: less than or equal.
    Lte,
    /// `gt`: greater than.
    Gt,
    /// `gte`: greater than or equal.
    Gte,
    /// `in`: equal to one of a list.
    In,
    /// `like`: matches a LIKE pattern.
    Like,
    /// `ilike`: matches a LIKE pattern in any case.
    Ilike,
    /// `match`: matches a regular expression.
    Match,
    /// `imatch`: matches a regular expression in any case.
    Imatch,
    /// `is`: is null, not null, true, false or unknown.
    Is,
    /// `isdistinct`: differs, with NULL as an ordinary value.
    IsDistinct,
    /// `cs`: contains.
    Contains,
    /// `cd`: is contained by.
    ContainedBy,
    /// `ov`: overlaps.
    Overlaps,
}

impl Operator {
    /// Every operator, in the order in which the documentation lists them.
    pub const ALL: [Operator; 16] = [
        Operator::Eq,
        Operator::Neq,
        Operator::Lt,
        Operator::Lte,
        Operator::Gt,
        Operator::Gte,
        Operator::In,
        Operator::Like,
        Operator::Ilike,
        Operator::Match,
        Operator::Imatch,
        Operator::Is,
        Operator::IsDistinct,
        Operator::Contains,
        Operator::ContainedBy,
        Operator::Overlaps,
    ];

    /// The operator's spelling in the filter language.
    pub const fn name(self) -> &'static str {
        match self {
            Operator::Eq => "eq",
            Operator::Neq => "neq",
            Operator::Lt => "lt",
            Operator::Lte => "lte",
            Operator::Gt => "gt",
            Operator::Gte => "gte",
            Operator::In => "in",
            Operator::Like => "like",
            Operator::Ilike => "ilike",
            Operator::Match => "match",
            Operator::Imatch => "imatch",
            Operator::Is => "is",
            Operator::IsDistinct => "isdistinct",
            Operator::Contains => "cs",
            Operator::ContainedBy => "cd",
            Operator::Overlaps => "ov",
        }
    }

    /// The operator of this spelling; spellings are lower case.
    pub fn from_name(name: &str) -> Option<Operator> {
        Self::ALL
            .into_iter()
            .find(|operator| operator.name() == name)
    }
}

/// The constant side of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// A value as text; its meaning depends on the column's type.
    Text(String),
    /// The members of an `in` list; `None` is a bare `null`.
    List(Vec<Option<String>>),
    /// What `is` tests.
    Is(IsTest),
}

/// The tests of the operator `is`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IsTest {
    /// `is.null`
    Null,
    /// `is.not_null`, also written `is.not null`
    NotNull,
    /// `is.true`
    True,
    /// `is.false`
    False,
    /// `is.unknown`
    Unknown,
}

impl IsTest {
    /// The test's canonical spelling in the filter language.
    pub const fn name(self) -> &'static str {
        match self {
            IsTest::Null => "null",
            IsTest::NotNull => "not_null",
            IsTest::True => "true",
            IsTest::False => "false",
            IsTest::Unknown => "unknown",
        }
    }

    /// The test of this spelling; spellings are lower case.
    pub fn from_name(name: &str) -> Option<IsTest> {
        match name {
            "null" => Some(IsTest::Null),
            "not null" | "not_null" => Some(IsTest::NotNull),
            "true" => Some(IsTest::True),
            "false" => Some(IsTest::False),
            "unknown" => Some(IsTest::Unknown),
            _ => None,
        }
    }
}

/// One step of a path into a jsonb column.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PathStep {
    /// The key that the step selects.
    pub key: PathKey,
    /// `->>` (text) instead of `->` (jsonb); only the last step of a path can be.
    pub as_text: bool,
}

/// The kind of key that a path step selects.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PathKey {
    /// A field of an object.
    Field(String),
    /// An element of an array; negative numbers count from its end.
    Index(i32),
}

impl Expr {
    /// Every condition of the filter, in the order in which they were written.
    pub fn comparisons(&self) -> impl Iterator<Item = &Comparison> {
        let mut pending = vec![self];
        std::iter::from_fn(move || loop {
            match pending.pop()? {
                Expr::Compare(comparison) => return Some(comparison),
                Expr::Not(inner) => pending.push(inner),
                Expr::And(members) | Expr::Or(members) => pending.extend(members.iter().rev()),
            }
        })
    }

    /// The columns that the filter reads, each once, in the order of their first use.
    pub fn columns(&self) -> Vec<&str> {
        let mut seen = HashSet::new();
        self.comparisons()
            .map(|comparison| comparison.column.as_str())
            .filter(|column| seen.insert(*column))
            .collect()
    }

    /// The same expression with columns under other names.
    #[must_use]
    pub fn map_columns(self, rename: &impl Fn(String) -> String) -> Expr {
        self.map(&|comparison| Comparison {
            column: rename(comparison.column),
            ..comparison
        })
    }

    /// The same expression with other constants. `replace` gets the condition's column and the constant.
    #[must_use]
    pub fn map_values(self, replace: &impl Fn(&str, String) -> String) -> Expr {
        self.map(&|mut comparison| {
            let column = &comparison.column;
            comparison.operand = match comparison.operand {
                Operand::Text(value) => Operand::Text(replace(column, value)),
                Operand::List(members) => {
                    let members = members.into_iter();
                    let replaced = |value: Option<String>| Some(replace(column, value?));
                    Operand::List(members.map(replaced).collect())
                }
                test => test,
            };
            comparison
        })
    }

    fn map(self, change: &impl Fn(Comparison) -> Comparison) -> Expr {
        let all = |parts: Vec<Expr>| -> Vec<Expr> {
            parts.into_iter().map(|one| one.map(change)).collect()
        };
        match self {
            Expr::And(parts) => Expr::And(all(parts)),
            Expr::Or(parts) => Expr::Or(all(parts)),
            Expr::Not(inner) => Expr::Not(Box::new(inner.map(change))),
            Expr::Compare(comparison) => Expr::Compare(change(comparison)),
        }
    }
}
