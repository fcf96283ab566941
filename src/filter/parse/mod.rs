//! The filter language: filter string to abstract syntax tree, and back.
//!
//! ```text
//! filter     := blank | item *( "," item )                    all must hold
//! item       := condition | [ "not." ] ( "or" | "and" ) "=" group
//! condition  := name "=" [ "not." ] operator "." value
//! group      := "(" member *( "," member ) ")"
//! member     := name "." [ "not." ] operator "." value | [ "not." ] ( "or" | "and" ) group
//! name       := column *( "->" key ) [ "->>" key ]            bare, or one quoted whole
//! value      := quoted | raw                                  `in` takes "(" array input ")"
//! quoted     := '"' *( "\" any | other ) '"'                  a backslash escapes whatever follows
//! ```
//!
//! Commas separate conditions outside parentheses and quotes. In a value, a quote opens only after
//! `.`, `(` or `,`; a value that is not one quoted whole is taken verbatim. In a quoted name, as in
//! a quoted value, a quote is written `\"`; doubling it is not an escape.

mod ast;
mod error;
mod hints;
mod list;
mod name;
mod reader;
mod render;
#[cfg(test)]
mod tests;
mod value;

pub use ast::{Comparison, Expr, IsTest, Operand, Operator, PathKey, PathStep};
pub use error::ParseError;

use error::Fault;
use reader::{Context, Nesting, Reader};

/// The longest filter, in bytes.
pub const MAX_BYTES: usize = 65_536;
/// The most conditions in one filter.
pub const MAX_CONDITIONS: usize = 1_000;
/// The deepest nesting of groups. It limits the recursion of the parser and of code that walks the tree.
pub const MAX_NESTING: usize = 32;

/// Parses a filter; `None` if it is blank, which matches every row.
///
/// Conditions side by side make an [`Expr::And`]; a single one stands by itself.
///
/// # Errors
///
/// What is wrong with the filter, where, and how to correct it.
pub fn parse(input: &str) -> Result<Option<Expr>, ParseError> {
    Parser::new(input)
        .filter()
        .map_err(|fault| fault.locate(input))
}

struct Parser<'a> {
    reader: Reader<'a>,
    conditions: usize,
}

/// The opening of a group, and how it was written.
#[derive(Clone, Copy)]
struct GroupHead {
    negated: bool,
    any: bool,
    at_top: &'static str,
    in_group: &'static str,
}

const GROUP_HEADS: [GroupHead; 4] = [
    GroupHead {
        negated: false,
        any: true,
        at_top: "or=(",
        in_group: "or(",
    },
    GroupHead {
        negated: false,
        any: false,
        at_top: "and=(",
        in_group: "and(",
    },
    GroupHead {
        negated: true,
        any: true,
        at_top: "not.or=(",
        in_group: "not.or(",
    },
    GroupHead {
        negated: true,
        any: false,
        at_top: "not.and=(",
        in_group: "not.and(",
    },
];

impl<'a> Parser<'a> {
    fn new(input: &'a str) -> Self {
        Parser {
            reader: Reader::new(input),
            conditions: 0,
        }
    }

    fn filter(&mut self) -> Result<Option<Expr>, Fault> {
        check_input(self.reader.rest())?;
        if self.reader.rest().trim().is_empty() {
            return Ok(None);
        }
        let mut items = Vec::new();
        loop {
            items.push(self.member(Context::Top, 0)?);
            self.reader.skip_whitespace();
            match self.reader.peek() {
                None => break,
                Some(',') => self.reader.bump(),
                Some(c) => return Err(self.text_after_group(c)),
            };
        }
        Ok(match items.len() {
            1 => items.pop(),
            _ => Some(Expr::And(items)),
        })
    }

    fn member(&mut self, context: Context, depth: usize) -> Result<Expr, Fault> {
        self.reader.skip_whitespace();
        let next = self.reader.peek();
        if next.is_none_or(|c| Nesting::default().ends_at(c, context)) {
            return Err(self.nothing_here(next));
        }
        let start = self.reader.offset();
        match self.group_head(context) {
            Some(_) if depth == MAX_NESTING => Err(Fault::new(
                start,
                format!("groups nested deeper than {MAX_NESTING}"),
            )
            .hint("merge an or(…) inside an or(…), or an and(…) inside an and(…)")),
            Some(head) => self.group(head, depth + 1),
            None => self.condition(context).map(Expr::Compare),
        }
    }

    fn group_head(&mut self, context: Context) -> Option<GroupHead> {
        GROUP_HEADS.into_iter().find(|head| {
            self.reader.eat(match context {
                Context::Top => head.at_top,
                Context::Group => head.in_group,
            })
        })
    }

    fn group(&mut self, head: GroupHead, depth: usize) -> Result<Expr, Fault> {
        let open = self.reader.offset() - 1;
        let mut members = Vec::new();
        loop {
            self.reader.skip_whitespace();
            if self.reader.peek().is_none() {
                return Err(unclosed_group(open));
            }
            members.push(self.member(Context::Group, depth)?);
            self.reader.skip_whitespace();
            match self.reader.peek() {
                None => return Err(unclosed_group(open)),
                Some(',') => self.reader.bump(),
                Some(')') => break,
                Some(c) => return Err(self.text_after_group(c)),
            };
        }
        self.reader.bump();
        let group = if head.any {
            Expr::Or(members)
        } else {
            Expr::And(members)
        };
        Ok(if head.negated {
            Expr::Not(Box::new(group))
        } else {
            group
        })
    }

    fn condition(&mut self, context: Context) -> Result<Comparison, Fault> {
        let start = self.reader.offset();
        self.conditions += 1;
        if self.conditions > MAX_CONDITIONS {
            return Err(
                Fault::new(start, format!("more than {MAX_CONDITIONS} conditions"))
                    .hint("test many values of one column in one condition: column=in.(…)"),
            );
        }
        let mut nesting = Nesting::default();
        let name = name::read(&mut self.reader, &mut nesting, context)?;
        let written = self.reader.slice(start, self.reader.offset() - 1);
        let test = value::read(&mut self.reader, &mut nesting, context, written)?;
        Ok(Comparison {
            column: name.column,
            path: name.path,
            negated: test.negated,
            operator: test.operator,
            operand: test.operand,
            position: self.reader.position(start),
            value_position: self.reader.position(test.value_offset),
        })
    }

    /// Points at the comma that has nothing on one of its sides.
    fn nothing_here(&self, next: Option<char>) -> Fault {
        let here = self.reader.offset();
        let before = self.reader.slice(0, here).trim_end();
        if next == Some(')') && before.ends_with('(') {
            return Fault::new(here, "empty group")
                .hint("a group has at least one condition: or=(a.eq.1,b.eq.2)");
        }
        let comma = match next {
            Some(',') => here,
            _ => before.len().saturating_sub(1),
        };
        Fault::new(comma, "empty condition").hint("remove the extra comma")
    }

    fn text_after_group(&self, c: char) -> Fault {
        let here = self.reader.offset();
        match c {
            ')' => Fault::new(here, "unbalanced parentheses: this `)` has no matching `(`")
                .hint("remove it"),
            _ => Fault::new(here, "text after the group")
                .hint("a comma separates a group from what follows it"),
        }
    }
}

fn unclosed_group(open: usize) -> Fault {
    Fault::new(open, "unbalanced parentheses: this group is never closed").hint("close it with `)`")
}

fn check_input(input: &str) -> Result<(), Fault> {
    if input.len() > MAX_BYTES {
        let message = format!("filter has {} bytes, the limit is {MAX_BYTES}", input.len());
        return Err(Fault::new(0, message));
    }
    match input.find('\0') {
        Some(offset) => {
            Err(Fault::new(offset, "NUL character").hint("Postgres text cannot contain NUL"))
        }
        None => Ok(()),
    }
}
