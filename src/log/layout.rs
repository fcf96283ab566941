//! Layouts: what the columns of an image were when it was captured, written once each.

use crate::error::Result;
use crate::pg::heap::{Lock, Row, Table, Value, View};
use crate::pg::image::Column;
use crate::pg::Oid;
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

/// The attributes of a relation's row type at one time, dropped ones included.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Layout {
    pub relation: Oid,
    pub columns: Vec<Column>,
}

/// Where a layout stands in its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Committed: it will never have to be looked up again.
    Committed(i64),
    /// Written by this transaction: ROLLBACK TO SAVEPOINT may take it back.
    Own(i64),
}

impl Layout {
    /// Finds this layout's id, or writes it.
    pub fn register(&self) -> Result<Standing> {
        let table = Table::open_member("log_layout", Lock::RowExclusive)?;
        let rows = table.rows(View::Latest);
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        let mut id = hasher.finish() as i64;
        loop {
            let mut taken = false;
            for row in rows.iter().filter(|row| row.get::<i64>(0) == Some(id)) {
                if Layout::from_row(row).as_ref() == Some(self) {
                    return Ok(if row.is_own() {
                        Standing::Own(id)
                    } else {
                        Standing::Committed(id)
                    });
                }
                taken = true;
            }
            if !taken {
                self.insert(&table, id);
                return Ok(Standing::Own(id));
            }
            id = id.wrapping_add(1);
        }
    }

    fn insert(&self, table: &Table, id: i64) {
        let of = &self.columns;
        let names: Vec<String> = of.iter().map(|c| c.name.clone()).collect();
        let types: Vec<Oid> = of.iter().map(|c| c.type_oid).collect();
        let typmods: Vec<i32> = of.iter().map(|c| c.typmod).collect();
        let lengths: Vec<i16> = of.iter().map(|c| c.length).collect();
        let alignments: String = of.iter().map(alignment_letter).collect();
        table.insert(&[
            Some(Value::Int8(id)),
            Some(Value::Oid(self.relation)),
            Some(Value::TextArray(&names)),
            Some(Value::OidArray(&types)),
            Some(Value::Int4Array(&typmods)),
            Some(Value::Int2Array(&lengths)),
            Some(Value::Text(&alignments)),
        ]);
    }

    fn from_row(row: &Row) -> Option<Layout> {
        // No type is stored as NULL.
        let mut types = row
            .get::<Vec<Option<Oid>>>(3)?
            .into_iter()
            .map(|type_oid| type_oid.unwrap_or(Oid::INVALID));
        let mut typmods = row.get::<Vec<i32>>(4)?.into_iter();
        let mut lengths = row.get::<Vec<i16>>(5)?.into_iter();
        let alignments = row.get::<String>(6)?;
        let mut letters = alignments.chars();
        let columns = row
            .get::<Vec<String>>(2)?
            .into_iter()
            .map(|name| {
                let letter = letters.next()?;
                Some(Column {
                    name,
                    type_oid: types.next()?,
                    typmod: typmods.next()?,
                    length: lengths.next()?,
                    alignment: letter.to_ascii_lowercase() as u8,
                    by_value: letter.is_ascii_uppercase(),
                })
            })
            .collect::<Option<Vec<_>>>()?;
        Some(Layout {
            relation: row.get(1)?,
            columns,
        })
    }
}

fn alignment_letter(column: &Column) -> char {
    let letter = char::from(column.alignment);
    if column.by_value {
        letter.to_ascii_uppercase()
    } else {
        letter
    }
}

thread_local! {
    static READ: RefCell<HashMap<i64, Rc<Layout>>> = RefCell::new(HashMap::new());
}

/// The layout of an entry that the statement sees; what an id means never changes, so it is read once a session.
pub fn find(id: i64) -> Result<Option<Rc<Layout>>> {
    if let Some(layout) = READ.with_borrow(|read| read.get(&id).cloned()) {
        return Ok(Some(layout));
    }
    let table = Table::open_member("log_layout", Lock::AccessShare)?;
    let found = table
        .rows(View::Latest)
        .iter()
        .filter(|row| row.get::<i64>(0) == Some(id))
        .find_map(Layout::from_row)
        .map(Rc::new);
    if let Some(layout) = &found {
        READ.with_borrow_mut(|read| read.insert(id, layout.clone()));
    }
    Ok(found)
}
