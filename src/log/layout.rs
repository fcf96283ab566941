//! Layouts: what the columns of an image were when it was captured, written once for each segment that needs it.

use super::state::Current;
use crate::error::{report, Error, Result};
use crate::pg::backend::cache::{Cache, Kept};
use crate::pg::backend::xact;
use crate::pg::image::format::Column;
use crate::pg::storage::heap::Lock;
use crate::pg::storage::heap::Row;
use crate::pg::storage::heap::Table;
use crate::pg::storage::heap::Value;
use crate::pg::storage::heap::View;
use crate::pg::Oid;
use std::cell::{Cell, RefCell};
use std::hash::{BuildHasher, Hash, RandomState};
use std::rc::Rc;

/// The column of `log_layout` that names the segment.
const SEGMENT: usize = 7;

/// Layouts that a session keeps in memory.
const KEPT: usize = 1_000;

/// The attributes of a relation's row type at one time, dropped ones included.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Layout {
    pub relation: Oid,
    pub columns: Vec<Column>,
}

/// A layout that entries are written with, and what this session knows of its rows.
///
/// Every segment has a row of its own for each layout of its entries: whoever writes into a segment holds it, so that
/// the rows go when the segment is emptied, and not before. An id is drawn at random once, and taken over from segment
/// to segment: what it means never changes, even after its rows have gone.
pub struct Registered {
    layout: Layout,
    known: Cell<Known>,
}

#[derive(Clone, Copy)]
enum Known {
    Nothing,
    /// Committed, in the segment that was current at that [`Current::loaded`].
    ForGood(u64, i64),
    /// Written by this transaction: ROLLBACK TO SAVEPOINT may take it back. With the transaction and subtransaction.
    Within(u64, i64, (u64, u32)),
}

impl Registered {
    pub fn new(layout: Layout) -> Registered {
        Registered {
            layout,
            known: Cell::new(Known::Nothing),
        }
    }

    /// The layout itself.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The id of the layout, with its row in the segment, which this transaction has locked for writing. Until that row
    /// has committed, it is looked for again in every subtransaction.
    pub fn id(&self, segment: &Current) -> Result<i64> {
        match self.known.get() {
            Known::ForGood(loaded, id) if loaded == segment.loaded => return Ok(id),
            Known::Within(loaded, id, within)
                if loaded == segment.loaded
                    && within == (xact::top_xid(), xact::subtransaction()) =>
            {
                return Ok(id)
            }
            _ => {}
        }
        let (id, is_own) = self.layout.register(segment.number)?;
        self.known.set(if is_own {
            let within = (xact::top_xid(), xact::subtransaction());
            Known::Within(segment.loaded, id, within)
        } else {
            Known::ForGood(segment.loaded, id)
        });
        Ok(id)
    }
}

/// What the id of a layout means never changes.
impl Kept for Layout {
    fn is_fresh(&self) -> bool {
        true
    }
}

impl Layout {
    /// Finds this layout's row in a segment, or writes it; its id, and whether this transaction wrote it. Two sessions
    /// that do so at once may each write one, which does no harm.
    fn register(&self, segment: u16) -> Result<(i64, bool)> {
        let table = Table::open_member("log_layout", Lock::RowExclusive)?;
        let rows = table.rows(View::Latest);
        let mut same = None;
        for row in rows
            .iter()
            .filter(|row| row.get::<Oid>(1) == Some(self.relation))
        {
            if Layout::from_row(row).as_ref() == Some(self) {
                let id = row.get::<i64>(0).unwrap_or_default();
                if row.get::<i16>(SEGMENT) == Some(segment as i16) {
                    return Ok((id, row.is_own()));
                }
                same = Some(id);
            }
        }
        let id = same.unwrap_or_else(|| self.draw_id(&rows));
        self.insert(&table, id, segment);
        Ok((id, true))
    }

    /// An id that no row has, and that nobody can foresee: of two layouts with one id, images would be read wrongly.
    fn draw_id(&self, rows: &[Row]) -> i64 {
        loop {
            let id = RandomState::new().hash_one(self) as i64;
            if rows.iter().all(|row| row.get::<i64>(0) != Some(id)) {
                return id;
            }
        }
    }

    fn insert(&self, table: &Table, id: i64, segment: u16) {
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
            Some(Value::Int2(segment as i16)),
        ]);
    }

    /// `None` when it is damaged.
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
        let rest = (types.next(), typmods.next(), lengths.next(), letters.next());
        (rest == (None, None, None, None)).then_some(())?;
        Some(Layout {
            relation: row.get(1)?,
            columns,
        })
    }
}

fn damaged() -> Error {
    Error::data_corrupted(report(
        "the layout of a change is damaged in the change log",
    ))
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
    static READ: RefCell<Cache<i64, Rc<Layout>>> = RefCell::new(Cache::new(KEPT));
}

/// The layout of an entry that the statement sees; what an id means never changes, so it is read once a session. Errors:
/// XX001 when it is damaged.
pub fn find(id: i64) -> Result<Option<Rc<Layout>>> {
    if let Some(layout) = READ.with_borrow_mut(|read| read.get(&id)) {
        return Ok(Some(layout));
    }
    let table = Table::open_member("log_layout", Lock::AccessShare)?;
    let rows = table.rows(View::Latest);
    let Some(row) = rows.iter().find(|row| row.get::<i64>(0) == Some(id)) else {
        return Ok(None);
    };
    let layout = Rc::new(Layout::from_row(row).ok_or_else(damaged)?);
    READ.with_borrow_mut(|read| read.insert(id, layout.clone()));
    Ok(Some(layout))
}

/// Deletes the rows of a segment that is being emptied: nobody writes into it, so all of them have committed.
pub fn forget(segment: u16) -> Result<()> {
    let table = Table::open_member("log_layout", Lock::RowExclusive)?;
    for row in table.rows(View::Latest) {
        if row.get::<i16>(SEGMENT) == Some(segment as i16) {
            table.delete(row.id());
        }
    }
    Ok(())
}
