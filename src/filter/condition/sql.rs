//! SQL text with open column references. The alias is inserted when it is rendered.

use crate::pg::catalog::columns::quote_identifier;

/// A piece of SQL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sql(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// A column's name, quoted where it needs to be.
    Column(String),
}

impl Sql {
    /// Text without a column.
    pub fn text(text: impl Into<String>) -> Sql {
        Sql(vec![Part::Text(text.into())])
    }

    /// A column, by its unquoted name.
    pub fn column(name: &str) -> Sql {
        Sql(vec![Part::Column(quote_identifier(name))])
    }

    /// Appends text.
    pub fn push(&mut self, text: &str) {
        match self.0.last_mut() {
            Some(Part::Text(last)) => last.push_str(text),
            _ => self.0.push(Part::Text(text.to_owned())),
        }
    }

    /// Appends another piece.
    pub fn append(&mut self, other: Sql) {
        for part in other.0 {
            match part {
                Part::Text(text) => self.push(&text),
                column => self.0.push(column),
            }
        }
    }

    /// Puts the piece between two texts.
    pub fn between(self, before: &str, after: &str) -> Sql {
        let mut sql = Sql::text(before);
        sql.append(self);
        sql.push(after);
        sql
    }

    /// Puts the piece in parentheses.
    pub fn in_parentheses(self) -> Sql {
        self.between("(", ")")
    }

    /// Negates the piece; unknown stays unknown.
    pub fn negated(self) -> Sql {
        self.between("NOT (", ")")
    }

    /// The text. Columns are qualified with `alias`, or not at all.
    pub fn render(&self, alias: Option<&str>) -> String {
        let alias = alias.map(quote_identifier);
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(part) => text += part,
                Part::Column(name) => {
                    if let Some(alias) = &alias {
                        text += alias;
                        text.push('.');
                    }
                    text += name;
                }
            }
        }
        text
    }
}
