//! The tables `pgrealtime.consumer` and `pgrealtime.consumer_place`. Errors of all functions: 42P01 when the extension does
//! not exist in this database.
//!
//! What is written at every use is a table of its own, without an index: an index would keep an entry for every use since
//! the last VACUUM, and a dump must not have it.

use crate::error::Result;
use crate::pg::backend::lock;
use crate::pg::backend::random;
use crate::pg::storage::column_value::Value;
use crate::pg::storage::heap::Lock;
use crate::pg::storage::heap::Row;
use crate::pg::storage::heap::RowId;
use crate::pg::storage::heap::Table;
use crate::pg::storage::heap::View;
use crate::pg::Oid;
use crate::timestamp::Timestamp;
use pgrx::prelude::TimestampWithTimeZone;
use std::collections::HashMap;

const CONSUMERS: &str = "consumer";
const PLACES: &str = "consumer_place";

/// A row of `pgrealtime.consumer`.
pub struct Consumer {
    pub name: String,
    /// May have been dropped.
    pub owner: Oid,
    pub created_at: Option<TimestampWithTimeZone>,
    /// What is locked while it is used.
    pub key: u64,
}

/// A row of `pgrealtime.consumer_place`: where a consumer stands.
pub struct Place {
    pub cursor: String,
    pub used_at: Option<Timestamp>,
    row: RowId,
}

impl Place {
    fn read(row: &Row) -> Place {
        let used_at: Option<TimestampWithTimeZone> = row.get(2);
        Place {
            cursor: row.get(1).unwrap_or_default(),
            used_at: used_at.map(|at| Timestamp::from_micros(at.into_inner())),
            row: row.id(),
        }
    }
}

fn is_of(row: &Row, name: &str) -> bool {
    row.get::<&str>(0) == Some(name)
}

fn consumer(row: &Row) -> Consumer {
    Consumer {
        name: row.get(0).unwrap_or_default(),
        owner: row.get(1).unwrap_or(Oid::INVALID),
        created_at: row.get(2),
        key: row.get::<i64>(3).unwrap_or_default() as u64,
    }
}

/// All consumers that the statement sees, by name.
pub fn all() -> Result<Vec<Consumer>> {
    let table = Table::open_member(CONSUMERS, Lock::AccessShare)?;
    let rows = table.rows(View::Active);
    let mut all: Vec<Consumer> = rows.iter().map(consumer).collect();
    all.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(all)
}

/// Where consumers stand, as the statement sees it, by their names.
pub fn places() -> Result<HashMap<String, Place>> {
    let table = Table::open_member(PLACES, Lock::AccessShare)?;
    let named = |row: &Row| (row.get(0).unwrap_or_default(), Place::read(row));
    Ok(table.rows(View::Active).iter().map(named).collect())
}

/// The consumer of a name, as it is now.
pub fn find(name: &str) -> Result<Option<Consumer>> {
    let table = Table::open_member(CONSUMERS, Lock::AccessShare)?;
    let found = table.find_newest(View::Latest, |row| is_of(row, name));
    Ok(found.as_ref().map(consumer))
}

/// Where a consumer stands now.
pub fn place(name: &str) -> Result<Option<Place>> {
    let table = Table::open_member(PLACES, Lock::AccessShare)?;
    let found = table.find_newest(View::Latest, |row| is_of(row, name));
    Ok(found.as_ref().map(Place::read))
}

/// Lets one transaction at a time use a consumer. Held until the (sub)transaction ends.
pub fn lock(consumer: &Consumer) -> Result<()> {
    let table = Table::open_member(PLACES, Lock::AccessShare)?.oid();
    let name = &consumer.name;
    let detail = format!("Another transaction uses the consumer \"{name}\".");
    lock::take_numbered(table, consumer.key, detail);
    Ok(())
}

/// Lets one transaction at a time make a consumer of a name. Held until the (sub)transaction ends.
pub fn lock_name(name: &str) -> Result<()> {
    let table = Table::open_member(CONSUMERS, Lock::AccessShare)?.oid();
    // FNV. Names that share a number wait for each other, no more.
    let number = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let detail = format!("Another transaction is making the consumer \"{name}\".");
    lock::take_numbered(table, number, detail);
    Ok(())
}

/// Stores a new consumer. The caller has locked its name. Errors: also XX000 when the server has no random numbers.
pub fn insert(name: &str, owner: Oid, now: Timestamp) -> Result<()> {
    // By a number that could be chosen, as one made from the name, roles could lock consumers of others.
    let [high, low] = [random::number()?, random::number()?];
    let key = i64::from(high as u32) << 16 | i64::from(low as u16);
    Table::open_member(CONSUMERS, Lock::RowExclusive)?.insert(&[
        Some(Value::Text(name)),
        Some(Value::Role(owner)),
        Some(Value::Timestamp(now)),
        Some(Value::Int8(key)),
    ]);
    Ok(())
}

/// Deletes a consumer. The caller has locked it, as for the functions below.
pub fn remove(name: &str) -> Result<()> {
    for table in [CONSUMERS, PLACES] {
        delete(&Table::open_member(table, Lock::RowExclusive)?, name);
    }
    Ok(())
}

fn delete(table: &Table, name: &str) {
    for row in table.rows(View::Latest) {
        if is_of(&row, name) {
            table.delete(row.id());
        }
    }
}

/// Stores where a consumer stands, wherever it stood.
pub fn replace_place(name: &str, cursor: &str, used_at: Option<Timestamp>) -> Result<()> {
    let table = Table::open_member(PLACES, Lock::RowExclusive)?;
    delete(&table, name);
    insert_place(&table, name, cursor, used_at);
    Ok(())
}

/// Moves a consumer from its place.
pub fn move_place(name: &str, from: &Place, cursor: &str, now: Timestamp) -> Result<()> {
    let table = Table::open_member(PLACES, Lock::RowExclusive)?;
    table.make_room(from.row);
    table.delete(from.row);
    insert_place(&table, name, cursor, Some(now));
    Ok(())
}

fn insert_place(table: &Table, name: &str, cursor: &str, used_at: Option<Timestamp>) {
    table.insert(&[
        Some(Value::Text(name)),
        Some(Value::Text(cursor)),
        used_at.map(Value::Timestamp),
    ]);
}
