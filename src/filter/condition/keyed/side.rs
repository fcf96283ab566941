//! The left side of a comparison by keys: a column, and how values become keys of its type.

use crate::error::Result;
use crate::filter::condition::{faults, literal};
use crate::filter::parse::{Comparison, Operator};
use crate::keyed::Key;
use crate::pg::catalog::columns::Column;
use crate::pg::sql::literal::KeyReader;
use crate::pg::sql::operators::comparison as class_operator;
use crate::pg::sql::operators::Strategy;
use crate::pg::sql::typeinfo::base_type;
use crate::pg::sql::typeinfo::CHAR;
use crate::pg::sql::typeinfo::NAME;
use crate::pg::Oid;

/// A column, as far as keys decide what is said of it.
pub struct Side {
    pub number: i16,
    values: Option<Values>,
}

/// How values are stored that patterns match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Texts {
    Plain,
    Padded,
}

/// How the values of a filter are read for a column.
struct Values {
    reader: KeyReader,
    read_as: Oid,
    moving: literal::Moving,
}

impl Side {
    /// The left side of a comparison with a column that is compared as [`super::super::compile`] has found it to be.
    pub fn new(comparison: &Comparison, column: &Column) -> Side {
        Side {
            number: column.number,
            values: Values::new(comparison, column),
        }
    }

    /// The key of a value; `None` where the column's type has no keys. Errors: as [`literal::read`].
    pub fn key(&self, comparison: &Comparison, value: &str) -> Result<Option<Key>> {
        let Some(values) = &self.values else {
            return Ok(None);
        };
        literal::refuse_moving(comparison, value, values.moving)?;
        let key = values
            .reader
            .key(value)
            .map_err(|refusal| faults::refused(comparison, refusal))?;
        if values.read_as == NAME && *key != *value.as_bytes() {
            return Err(literal::too_long(comparison, NAME));
        }
        Ok(Some(key))
    }

    pub fn is_ordered(&self) -> bool {
        let values = self.values.as_ref();
        values.is_some_and(|values| values.reader.kind().ordered())
    }

    /// How texts are stored; `None` for what is no text.
    pub fn texts(&self) -> Option<Texts> {
        let kind = self.values.as_ref()?.reader.kind();
        match (kind.is_text(), kind.is_padded()) {
            (true, _) => Some(Texts::Plain),
            (_, true) => Some(Texts::Padded),
            _ => None,
        }
    }

    /// Whether all that can be wrong with another value is found by reading its key, or by looking at it as a pattern.
    pub fn is_settled(&self, operator: Operator) -> bool {
        match operator {
            Operator::Is => true,
            Operator::Like => self.texts().is_some(),
            _ => self
                .values
                .as_ref()
                .is_some_and(|values| values.read_as != CHAR),
        }
    }
}

impl Values {
    fn new(comparison: &Comparison, column: &Column) -> Option<Values> {
        let base = base_type(column.type_oid);
        let operator = class_operator(base, Strategy::Equal)?;
        let write_as = if operator.is_polymorphic() {
            base
        } else {
            operator.left
        };
        let read_as = literal::input_type(comparison, base, write_as).ok()?;
        let reader = KeyReader::of(read_as, base, column.collation)?;
        Some(Values {
            reader,
            read_as,
            moving: literal::Moving::of(read_as),
        })
    }
}
