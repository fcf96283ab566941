//! Layouts: what the columns of an image were when it was captured, written once each.

use crate::error::Result;
use crate::pg::heap::{Lock, Row, Table, Value, View};
use crate::pg::image::Column;
use crate::pg::Oid;
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

/// The columns of a relation's row type at one time, those that were dropped left out.
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
        let attnums: Vec<i16> = self.columns.iter().map(|c| c.attnum).collect();
        let names: Vec<String> = self.columns.iter().map(|c| c.name.clone()).collect();
        let types: Vec<Oid> = self.columns.iter().map(|c| c.type_oid).collect();
        let typmods: Vec<i32> = self.columns.iter().map(|c| c.typmod).collect();
        table.insert(&[
            Some(Value::Int8(id)),
            Some(Value::Oid(self.relation)),
            Some(Value::Int2Array(&attnums)),
            Some(Value::TextArray(&names)),
            Some(Value::OidArray(&types)),
            Some(Value::Int4Array(&typmods)),
        ]);
    }

    fn from_row(row: &Row) -> Option<Layout> {
        let attnums: Vec<i16> = row.get(2)?;
        let names: Vec<String> = row.get(3)?;
        let types: Vec<Oid> = row.get(4)?;
        let typmods: Vec<i32> = row.get(5)?;
        let columns = attnums
            .into_iter()
            .zip(names)
            .zip(types)
            .zip(typmods)
            .map(|(((attnum, name), type_oid), typmod)| Column {
                attnum,
                name,
                type_oid,
                typmod,
            })
            .collect();
        Some(Layout {
            relation: row.get(1)?,
            columns,
        })
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
