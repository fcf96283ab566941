//! Layouts: the columns of an image when it was captured. Each segment stores the layouts that its entries use.

use super::segments::Current;
use crate::error::{report, Error, Result};
use crate::pg::backend::cache::{Cache, Kept};
use crate::pg::backend::xact::Within;
use crate::pg::image::format::Column;
use crate::pg::storage::column_value::Value;
use crate::pg::storage::heap::Lock;
use crate::pg::storage::heap::Row;
use crate::pg::storage::heap::Table;
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

/// A layout that entries are written with, and where this session knows it to be stored.
///
/// Every segment has its own row for each layout of its entries. A session that writes into a segment holds a lock on
/// it, so that these rows are deleted when the segment is emptied, and not before. An id is drawn at random once and
/// reused in later segments: its meaning never changes, even after its rows have been deleted.
pub struct Registered {
    layout: Layout,
    known: Cell<Known>,
}

#[derive(Clone, Copy)]
enum Known {
    Nothing,
    /// Committed in the segment that was current at that [`Current::loaded`].
    ForGood(u64, i64),
    /// Written in this transaction and subtransaction: ROLLBACK TO SAVEPOINT may remove it.
    Within(u64, i64, Within),
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

    /// The id of the layout, whose row is in the segment. This transaction has locked the segment for writing. Until
    /// the row has committed, it is looked up again in every subtransaction. Errors: as reading and writing the
    /// extension's tables.
    pub fn id(&self, segment: &Current, now: Within) -> Result<i64> {
        match self.known.get() {
            Known::ForGood(loaded, id) if loaded == segment.loaded => return Ok(id),
            Known::Within(loaded, id, within) if loaded == segment.loaded && within == now => {
                return Ok(id)
            }
            _ => {}
        }
        let (id, is_own) = self.layout.register(segment.number)?;
        self.known.set(if is_own {
            Known::Within(segment.loaded, id, now)
        } else {
            Known::ForGood(segment.loaded, id)
        });
        Ok(id)
    }
}

/// The meaning of a layout's id never changes.
impl Kept for Layout {
    fn is_fresh(&self) -> bool {
        true
    }
}

impl Layout {
    /// Finds this layout's row in a segment, or writes it. Returns the id, and whether this transaction wrote it. Two
    /// sessions that do so at once may each write one, which does no harm.
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

    /// A random id that no row has and that nobody can predict: if two layouts shared an id, images would be read
    /// wrongly.
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

/// The layout with an id, from the rows that the statement sees. The meaning of an id never changes, so a session reads
/// it once. Errors: XX001 when the layout is damaged.
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

/// Deletes the rows of a segment that is being emptied. No session writes into it, so all of its rows have committed.
/// Errors: as writing the extension's tables.
pub fn forget(segment: u16) -> Result<()> {
    let table = Table::open_member("log_layout", Lock::RowExclusive)?;
    for row in table.rows(View::Latest) {
        if row.get::<i16>(SEGMENT) == Some(segment as i16) {
            table.delete(row.id());
        }
    }
    Ok(())
}
