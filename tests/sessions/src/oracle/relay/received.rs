//! The rows of `fan_out`.

use crate::check;
use crate::pg::Row;
use crate::random::Random;

const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

#[derive(Debug, Clone)]
pub struct Received {
    pub cursor: String,
    pub change: Option<String>,
    pub ids: Vec<i32>,
    /// The SQLSTATE of an error row.
    pub error: Option<String>,
    /// The position of the change that the row is of.
    pub at: u64,
}

/// What one subscription is told in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub id: i32,
    pub at: u64,
    pub what: Result<String, String>,
}

impl Received {
    /// The rows of a call, which have to be well-formed.
    pub fn all(rows: Vec<Row>) -> Result<Vec<Received>, String> {
        let parse = |row: Row| {
            let mut row = row.into_iter();
            let mut next = || row.next().flatten();
            let cursor = next().unwrap_or_default();
            let (change, ids, error) = (next(), next().unwrap_or_default(), next());
            let ids = ids.trim_matches(['{', '}']).split(',');
            Received {
                at: position(&cursor),
                cursor,
                change,
                ids: ids.filter_map(|id| id.parse().ok()).collect(),
                error: error.map(|error| error.chars().take(5).collect()),
            }
        };
        let mut all: Vec<Received> = rows.into_iter().map(parse).collect();
        // Another session has locked a table: the same is read again, later.
        let mut errors = all.iter().filter_map(|row| row.error.as_deref());
        check(!errors.any(|error| error == "55P03"), || {
            "55P03".to_string()
        })?;
        let (last, rows) = all.split_last_mut().ok_or("no row")?;
        check(
            last.change.is_none() && last.ids.is_empty() && last.error.is_none(),
            || format!("the last row is {last:?}"),
        )?;
        // All rows of a change but the last one carry the cursor before it.
        for i in (0..rows.len().saturating_sub(1)).rev() {
            if rows[i].at + 1 == rows[i + 1].at {
                rows[i].at += 1;
            }
        }
        for (i, row) in rows.iter().enumerate() {
            let fits = row.change.is_some() != row.error.is_some()
                && !row.ids.is_empty()
                && row.ids.is_sorted_by(|a, b| a < b)
                && (i == 0 || rows[i - 1].at <= row.at);
            check(fits, || format!("not a well-formed row: {row:?}"))?;
        }
        Ok(all)
    }

    /// Whether the subscriptions of the row have ended.
    pub fn ends(&self) -> bool {
        let ends = ["42501", "42P01", "42703", "55000"];
        self.error
            .as_ref()
            .is_some_and(|error| ends.contains(&error.as_str()))
    }

    /// How many changes they are of.
    pub fn changes(rows: &[Received]) -> usize {
        let of = |row: &&Received| !row.ids.is_empty() && !row.ends();
        let mut at: Vec<u64> = rows.iter().filter(of).map(|row| row.at).collect();
        at.dedup();
        at.len()
    }

    /// Leaves the rows up to one of them; that one's cursor is where to go on from. What is left of a change that came in
    /// part is not worked on. Changes that triggers make may have positions side by side: then it is not known which rows
    /// are of one change (`apart` is false), and only what is surely the end of one is taken.
    pub fn cut(rows: &mut Vec<Received>, apart: bool, random: &mut Random) {
        let place = random.below(rows.len() as u64) as usize;
        let to = &rows[place];
        let next = rows.get(place + 1).map_or(0, |next| position(&next.cursor));
        let includes = position(&to.cursor);
        if to.ids.is_empty() || (!apart && (includes..=includes + 1).contains(&next)) {
            return;
        }
        let end = Received {
            change: None,
            ids: Vec::new(),
            error: None,
            ..to.clone()
        };
        rows.truncate(place + 1);
        rows.retain(|row| !apart || row.at <= includes || row.ends());
        rows.push(end);
    }

    /// The rows for one subscription.
    pub fn of(rows: &[Received], id: i32) -> Vec<&Received> {
        rows.iter().filter(|row| row.ids.contains(&id)).collect()
    }

    /// What each of its subscriptions is told.
    pub fn told(&self) -> impl Iterator<Item = Told> + '_ {
        let what = || match (&self.change, &self.error) {
            (Some(change), _) => Ok(change.clone()),
            (_, error) => Err(error.clone().unwrap_or_default()),
        };
        self.ids.iter().map(move |id| Told {
            id: *id,
            at: self.at,
            what: what(),
        })
    }
}

/// Whether a cursor is at the end of a batch.
pub fn is_whole(cursor: &str) -> bool {
    // Behind the version and two identifiers: database, epoch, timeline and its beginning, position, next id, xmax, and the
    // running ids.
    let numbers = numbers(cursor);
    let running = numbers.get(7).copied().unwrap_or(0);
    numbers.len() as u64 == 8 + running
}

/// The last number of a cursor: the position that it has reached within its batch.
fn position(cursor: &str) -> u64 {
    numbers(cursor).last().copied().unwrap_or(0)
}

fn numbers(cursor: &str) -> Vec<u64> {
    const HEAD: usize = 17;
    const CHECKSUM: usize = 4;
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0u32, 0);
    for letter in cursor.chars() {
        let six = ALPHABET.find(letter).unwrap_or(0) as u32;
        (bits, held) = (bits << 6 | six, held + 6);
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    let end = bytes.len().saturating_sub(CHECKSUM);
    let (mut numbers, mut value, mut shift) = (Vec::new(), 0, 0);
    for byte in bytes.get(HEAD..end).unwrap_or_default() {
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            numbers.push(value);
            (value, shift) = (0, 0);
        }
    }
    numbers
}
