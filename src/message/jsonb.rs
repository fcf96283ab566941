//! Writes jsonb as JSON text, as Postgres prints it, directly from the stored form (jsonb.h), which is the same in
//! every version since 9.4. Pure. Returns `None` for values that Postgres must print itself.

use super::{json, text};

const COUNT: u32 = 0x0fff_ffff;
const SCALAR: u32 = 0x1000_0000;
const OBJECT: u32 = 0x2000_0000;
const ARRAY: u32 = 0x4000_0000;

const OFFSET_OR_LENGTH: u32 = 0x0fff_ffff;
const HAS_OFFSET: u32 = 0x8000_0000;
const KIND: u32 = 0x7000_0000;
const STRING: u32 = 0x0000_0000;
const NUMERIC: u32 = 0x1000_0000;
const FALSE: u32 = 0x2000_0000;
const TRUE: u32 = 0x3000_0000;
const NULL: u32 = 0x4000_0000;
const CONTAINER: u32 = 0x5000_0000;

/// Bounds the recursion. Postgres, which walks without recursion, prints deeper values.
const MAX_DEPTH: u32 = 256;

/// Appends the text of a jsonb, given as its bytes without the length; `None`, with an unfinished text, when it is
/// nested too deeply or malformed.
pub fn write(out: &mut Vec<u8>, stored: &[u8]) -> Option<()> {
    container(out, stored, MAX_DEPTH)
}

/// The entries of a container (the kind and end of each item), and the items.
struct Items<'a> {
    entries: &'a [u8],
    data: &'a [u8],
    next: usize,
    offset: usize,
}

impl<'a> Items<'a> {
    /// The next item: its kind and bytes, which for numbers and containers begin at a multiple of four.
    fn next(&mut self) -> Option<(u32, &'a [u8])> {
        let entry = word(self.entries, self.next * 4)?;
        self.next += 1;
        let start = self.offset;
        let given = (entry & OFFSET_OR_LENGTH) as usize;
        self.offset = if entry & HAS_OFFSET != 0 {
            given
        } else {
            start + given
        };
        let start = match entry & KIND {
            NUMERIC | CONTAINER => start.next_multiple_of(4),
            _ => start,
        };
        Some((entry & KIND, self.data.get(start..self.offset)?))
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at + 4)?;
    Some(u32::from_ne_bytes(word.try_into().ok()?))
}

/// VARSIZE_4B (varatt.h)
fn varlena_length(bytes: &[u8]) -> Option<usize> {
    let head = word(bytes, 0)?;
    Some(if cfg!(target_endian = "little") {
        (head >> 2) as usize
    } else {
        (head & 0x3fff_ffff) as usize
    })
}

fn container(out: &mut Vec<u8>, stored: &[u8], depth: u32) -> Option<()> {
    let depth = depth.checked_sub(1)?;
    let header = word(stored, 0)?;
    let count = (header & COUNT) as usize;
    let entries = if header & OBJECT != 0 {
        count * 2
    } else {
        count
    };
    let (entries, data) = stored.get(4..)?.split_at_checked(entries * 4)?;
    let mut items = Items {
        entries,
        data,
        next: 0,
        offset: 0,
    };
    if header & OBJECT != 0 {
        object(out, items, count, depth)
    } else if header & SCALAR != 0 {
        item(out, items.next()?, depth)
    } else if header & ARRAY != 0 {
        out.push(b'[');
        for i in 0..count {
            if i > 0 {
                out.extend_from_slice(b", ");
            }
            item(out, items.next()?, depth)?;
        }
        out.push(b']');
        Some(())
    } else {
        None
    }
}

/// All keys are stored before all values.
fn object(out: &mut Vec<u8>, mut keys: Items<'_>, count: usize, depth: u32) -> Option<()> {
    let mut values = Items { ..keys };
    for _ in 0..count {
        values.next()?;
    }
    out.push(b'{');
    for i in 0..count {
        if i > 0 {
            out.extend_from_slice(b", ");
        }
        json::string(out, keys.next()?.1);
        out.extend_from_slice(b": ");
        item(out, values.next()?, depth)?;
    }
    out.push(b'}');
    Some(())
}

fn item(out: &mut Vec<u8>, (kind, bytes): (u32, &[u8]), depth: u32) -> Option<()> {
    match kind {
        STRING => json::string(out, bytes),
        // A varlena: its length is in front, and the item's.
        NUMERIC if varlena_length(bytes) == Some(bytes.len()) => text::numeric(out, &bytes[4..]),
        FALSE => json::boolean(out, false),
        TRUE => json::boolean(out, true),
        NULL => json::null(out),
        CONTAINER => return container(out, bytes, depth),
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(words: &[u32], data: &[u8]) -> Vec<u8> {
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        bytes.extend_from_slice(data);
        bytes
    }

    fn written(stored: &[u8]) -> Option<String> {
        let mut out = Vec::new();
        write(&mut out, stored)?;
        Some(String::from_utf8(out).unwrap())
    }

    #[test]
    fn scalars_and_containers() {
        assert_eq!(
            written(&stored(&[SCALAR | ARRAY | 1, NULL], b"")).unwrap(),
            "null"
        );
        assert_eq!(written(&stored(&[ARRAY], b"")).unwrap(), "[]");
        assert_eq!(written(&stored(&[OBJECT], b"")).unwrap(), "{}");
        let pair = stored(&[OBJECT | 2, 1 | HAS_OFFSET, 1, TRUE, STRING | 1], b"abx");
        assert_eq!(written(&pair).unwrap(), r#"{"a": true, "b": "x"}"#);
        // The number begins at the next multiple of four: a varlena of 8 bytes, 7 in the short form.
        let head = if cfg!(target_endian = "little") {
            8 << 2
        } else {
            8u32
        };
        let number = [
            &b"a\0\0\0"[..],
            &head.to_ne_bytes(),
            &0x8000u16.to_ne_bytes(),
            &7u16.to_ne_bytes(),
        ];
        let object = stored(
            &[OBJECT | 1, 1 | HAS_OFFSET, NUMERIC | 11],
            &number.concat(),
        );
        assert_eq!(written(&object).unwrap(), r#"{"a": 7}"#);
    }

    #[test]
    fn what_is_broken_or_too_deep_is_left_to_postgres() {
        assert_eq!(written(b""), None);
        assert_eq!(written(&stored(&[ARRAY | 2, NULL], b"")), None);
        assert_eq!(
            written(&stored(&[SCALAR | ARRAY | 1, STRING | 9], b"x")),
            None
        );
        let mut deep = stored(&[ARRAY], b"");
        for _ in 0..MAX_DEPTH {
            deep = stored(&[ARRAY | 1, CONTAINER | deep.len() as u32], &deep);
        }
        assert_eq!(written(&deep), None);
    }
}
