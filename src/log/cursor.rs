//! The cursor: which log it belongs to, how far its reader has read, and which batch the reader is in the middle of;
//! pure.
//!
//! A reader's *watermark* is a snapshot S, a WAL position L and a next transaction id N, taken in that order. The
//! reader has seen exactly the transactions that S counts as finished. L and N make the rest findable through two
//! indexes: an entry at or after L is found by its position. An entry before L that S did not count as finished belongs
//! to a transaction of S's in-progress list, or to one that began between S and N.

use super::snapshot::Snapshot;
use super::varint::{bounded, put, take};
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine;

/// Version of the encoding, its first byte.
const VERSION: u8 = 2;

/// How far a reader has read: S, L and N of the module's description.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watermark {
    pub snapshot: Snapshot,
    /// The WAL position at which the next record would have started.
    pub lsn: u64,
    /// The next transaction id; every id from `snapshot.xmax()` to it began in between.
    pub next_xid: u64,
}

/// The batch that a reader is in the middle of. It ends at `to`; `position` is that of the last entry read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    pub to: Watermark,
    pub position: u64,
}

/// Which log a cursor was made for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Origin {
    /// The cluster's system identifier.
    pub system: u64,
    /// OID of the database.
    pub database: u32,
    /// Made at CREATE EXTENSION.
    pub log: u64,
    /// Drawn by `invalidate_cursors()`.
    pub epoch: u32,
    /// Number of the timeline that `lsn` was read on.
    pub timeline: u32,
    /// Where that timeline began.
    pub began: u64,
}

/// A reader's place in the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cursor {
    pub origin: Origin,
    pub from: Watermark,
    pub batch: Option<Batch>,
}

/// Writes the cursors of one batch. Everything but the position is encoded once.
pub struct BatchCursors {
    prefix: Vec<u8>,
}

impl BatchCursors {
    /// The cursors between two watermarks.
    pub fn new(origin: &Origin, from: &Watermark, to: &Watermark) -> BatchCursors {
        let mut prefix = start(origin);
        put_watermark(&mut prefix, from, &Watermark::default());
        put_watermark(&mut prefix, to, from);
        BatchCursors { prefix }
    }

    /// The cursor after the entry at a position.
    pub fn at(&self, position: u64) -> String {
        let mut out = Vec::with_capacity(self.prefix.len() + 14);
        out.extend_from_slice(&self.prefix);
        put(&mut out, position);
        finish(out)
    }
}

fn start(origin: &Origin) -> Vec<u8> {
    let mut out = vec![VERSION];
    out.extend_from_slice(&origin.system.to_be_bytes());
    out.extend_from_slice(&origin.log.to_be_bytes());
    put(&mut out, u64::from(origin.database));
    put(&mut out, u64::from(origin.epoch));
    put(&mut out, u64::from(origin.timeline));
    put(&mut out, origin.began);
    out
}

fn finish(mut out: Vec<u8>) -> String {
    let checksum = crc32fast::hash(&out);
    out.extend_from_slice(&checksum.to_be_bytes());
    URL_SAFE_NO_PAD.encode(out)
}

/// Why a text is not a valid cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecodeError {
    /// Not made by `encode`, or damaged.
    Malformed,
    /// Made by another version of the extension.
    Version(u8),
}

impl Cursor {
    /// How far a reader has come: rises from each call's cursor to those that the call returns.
    pub fn progress(&self) -> (u64, u64) {
        let position = self.batch.as_ref().map_or(0, |batch| batch.position);
        (self.from.lsn, position)
    }

    /// The watermark that counts as finished everything that the cursor includes.
    pub fn last(&self) -> &Watermark {
        self.batch.as_ref().map_or(&self.from, |batch| &batch.to)
    }

    /// The encoded text: URL-safe, without padding.
    pub fn encode(&self) -> String {
        match &self.batch {
            Some(batch) => {
                BatchCursors::new(&self.origin, &self.from, &batch.to).at(batch.position)
            }
            None => {
                let mut out = start(&self.origin);
                put_watermark(&mut out, &self.from, &Watermark::default());
                finish(out)
            }
        }
    }

    /// Reads the text that `encode` wrote. Never panics; takes time linear in the text. Errors: the text is malformed,
    /// or of another version.
    pub fn decode(text: &str) -> Result<Cursor, DecodeError> {
        let bytes = URL_SAFE_NO_PAD
            .decode(text.trim())
            .map_err(|_| DecodeError::Malformed)?;
        let (body, checksum) = bytes
            .split_last_chunk::<4>()
            .ok_or(DecodeError::Malformed)?;
        if crc32fast::hash(body) != u32::from_be_bytes(*checksum) {
            return Err(DecodeError::Malformed);
        }
        match body.first() {
            Some(&VERSION) => {}
            Some(&other) => return Err(DecodeError::Version(other)),
            None => return Err(DecodeError::Malformed),
        }
        decode_body(&body[1..]).ok_or(DecodeError::Malformed)
    }
}

fn decode_body(mut rest: &[u8]) -> Option<Cursor> {
    let input = &mut rest;
    let origin = Origin {
        system: take_fixed(input)?,
        log: take_fixed(input)?,
        database: u32::try_from(take(input)?).ok()?,
        epoch: u32::try_from(take(input)?).ok()?,
        timeline: u32::try_from(take(input)?).ok()?,
        began: take(input)?,
    };
    let from = take_watermark(input, &Watermark::default())?;
    let batch = if input.is_empty() {
        None
    } else {
        Some(Batch {
            to: take_watermark(input, &from)?,
            position: bounded(take(input)?)?,
        })
    };
    input.is_empty().then_some(Cursor {
        origin,
        from,
        batch,
    })
}

fn take_fixed(input: &mut &[u8]) -> Option<u64> {
    let (bytes, rest) = input.split_first_chunk::<8>()?;
    *input = rest;
    Some(u64::from_be_bytes(*bytes))
}

/// A watermark, stored as differences to an earlier one, so that a batch's end costs a few bytes.
fn put_watermark(out: &mut Vec<u8>, watermark: &Watermark, base: &Watermark) {
    put(out, watermark.lsn.wrapping_sub(base.lsn));
    put(out, watermark.next_xid.wrapping_sub(base.next_xid));
    watermark.snapshot.put(out, base.snapshot.xmax());
}

fn take_watermark(input: &mut &[u8], base: &Watermark) -> Option<Watermark> {
    Some(Watermark {
        lsn: bounded(base.lsn.wrapping_add(take(input)?))?,
        next_xid: bounded(base.next_xid.wrapping_add(take(input)?))?,
        snapshot: Snapshot::take(input, base.snapshot.xmax())?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn watermarks() -> impl Strategy<Value = Watermark> {
        (
            0..1u64 << 63,
            0..1u64 << 63,
            0..1u64 << 63,
            prop::collection::vec(any::<u64>(), 0..40),
        )
            .prop_map(|(lsn, next_xid, xmax, xids)| Watermark {
                snapshot: Snapshot::new(xmax, xids),
                lsn,
                next_xid,
            })
    }

    fn cursors() -> impl Strategy<Value = Cursor> {
        (
            (
                any::<u64>(),
                any::<u32>(),
                any::<u64>(),
                any::<u32>(),
                any::<u32>(),
                any::<u64>(),
            ),
            watermarks(),
            prop::option::of((watermarks(), 0..1u64 << 63)),
        )
            .prop_map(|(o, from, batch)| Cursor {
                origin: Origin {
                    system: o.0,
                    database: o.1,
                    log: o.2,
                    epoch: o.3,
                    timeline: o.4,
                    began: o.5,
                },
                from,
                batch: batch.map(|(to, position)| Batch { to, position }),
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn decode_undoes_encode(cursor in cursors()) {
            prop_assert_eq!(Cursor::decode(&cursor.encode()), Ok(cursor));
        }

        #[test]
        fn what_the_log_cannot_hold_is_refused(mut cursor in cursors(), which in 0..3, value in 1u64 << 63..) {
            match which {
                0 => cursor.from.lsn = value,
                1 => cursor.from.next_xid = value,
                _ => cursor.from.snapshot = Snapshot::new(value, Vec::new()),
            }
            prop_assert_eq!(Cursor::decode(&cursor.encode()), Err(DecodeError::Malformed));
        }

        #[test]
        fn decode_never_panics(text in "[A-Za-z0-9_-]{0,200}") {
            let _ = Cursor::decode(&text);
        }

        #[test]
        fn a_damaged_cursor_is_refused(cursor in cursors(), at in any::<prop::sample::Index>(), bit in 0u8..6) {
            let text = cursor.encode();
            let mut bytes = text.clone().into_bytes();
            let place = at.index(bytes.len());
            const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
            let old = ALPHABET.iter().position(|c| *c == bytes[place]).unwrap();
            bytes[place] = ALPHABET[old ^ (1 << bit)];
            let damaged = String::from_utf8(bytes).unwrap();
            prop_assert!(Cursor::decode(&damaged) != Ok(cursor));
        }

    }

    #[test]
    fn a_cursor_is_short() {
        let cursor = Cursor {
            origin: Origin {
                system: u64::MAX,
                database: 16384,
                log: u64::MAX,
                epoch: 0,
                timeline: 1,
                began: 0,
            },
            from: Watermark {
                snapshot: Snapshot::new(5_000_000, vec![4_999_990, 4_999_999]),
                lsn: 0x12_3456_7890,
                next_xid: 5_000_000,
            },
            batch: None,
        };
        assert!(cursor.encode().len() < 70, "{}", cursor.encode().len());
    }
}
