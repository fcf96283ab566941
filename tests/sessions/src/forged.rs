//! Cursors that no server made: decoded, one number put for another, and encoded again with a right checksum.

use crate::pg::{quote, Client, LOST};
use crate::random::Random;
use crate::{check, Outcome};

const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A cursor's content: the version and two identifiers as bytes, then numbers.
#[derive(Clone)]
struct Content {
    head: Vec<u8>,
    numbers: Vec<u64>,
}

/// Bytes of the version, the system identifier and the log's id.
const HEAD: usize = 17;

impl Content {
    fn decode(cursor: &str) -> Content {
        let bytes = from_base64(cursor);
        let body = &bytes[..bytes.len() - 4];
        let (mut numbers, mut value, mut shift) = (Vec::new(), 0, 0);
        for byte in &body[HEAD..] {
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                numbers.push(value);
                (value, shift) = (0, 0);
            }
        }
        Content {
            head: body[..HEAD].to_vec(),
            numbers,
        }
    }

    fn encode(&self) -> String {
        let mut bytes = self.head.clone();
        for number in &self.numbers {
            let mut rest = *number;
            while rest >= 0x80 {
                bytes.push(rest as u8 | 0x80);
                rest >>= 7;
            }
            bytes.push(rest as u8);
        }
        let checksum = crc32(&bytes);
        bytes.extend_from_slice(&checksum.to_be_bytes());
        to_base64(&bytes)
    }

    /// Replaces a few numbers; sometimes adds or removes one, or changes the head.
    fn mutate(&mut self, random: &mut Random) {
        for _ in 0..=random.below(2) {
            if self.numbers.is_empty() {
                return;
            }
            let place = random.below(self.numbers.len() as u64) as usize;
            match random.below(12) {
                0 => {
                    self.numbers.remove(place);
                }
                1 => self.numbers.insert(place, number(random, 1)),
                2 => self.numbers.extend(self.numbers.clone()),
                3 => {
                    let byte = random.below(HEAD as u64) as usize;
                    self.head[byte] = random.below(256) as u8;
                }
                _ => self.numbers[place] = number(random, self.numbers[place]),
            }
        }
    }
}

fn number(random: &mut Random, was: u64) -> u64 {
    match random.below(10) {
        0 => 0,
        1 => u64::MAX - random.below(3),
        2 => i64::MAX as u64 - random.below(3),
        3 => i64::MAX as u64 + random.below(3),
        4 => was.wrapping_add(1),
        5 => was.wrapping_sub(1),
        6 => 1 << random.below(64),
        7 => was ^ (1 << random.below(64)),
        8 => was.wrapping_add(random.below(1 << 20)),
        _ => random.below(100),
    }
}

/// Reads and waits from mutations of these cursors. Each must be refused with a proper error or return rows, and only rows
/// that the role may see by `visible`. The session must stay usable.
pub fn attack(
    client: &mut Client,
    cursors: &[String],
    rounds: u64,
    random: &mut Random,
    visible: impl Fn(i64) -> bool,
) -> Outcome {
    let contents: Vec<Content> = cursors.iter().map(|text| Content::decode(text)).collect();
    for (cursor, content) in cursors.iter().zip(&contents) {
        check(content.encode() == *cursor, || {
            format!("this test does not understand the cursor {cursor}")
        })?;
    }
    let mut counts = [0; 3];
    for _ in 0..rounds {
        let mut content = contents[random.below(contents.len() as u64) as usize].clone();
        content.mutate(random);
        let forged = content.encode();
        let max = 1 + random.below(5);
        for statement in [
            format!(
                "SELECT coalesce(change->'record', change->'old_record')->>'id' FROM pgrealtime.changes_since({}, '{{items}}', max_changes => {max})",
                quote(&forged)
            ),
            format!(
                "SELECT NULL FROM pgrealtime.wait_for_changes({}, '{{items}}', '0 s')",
                quote(&forged)
            ),
        ] {
            match client.query(&statement) {
                Ok(rows) => {
                    counts[0] += 1;
                    for id in rows.iter().filter_map(|row| row[0].as_deref()) {
                        check(id.parse().is_ok_and(&visible), || {
                            format!("the row {id} was shown for {forged}")
                        })?;
                    }
                }
                Err(failure) => match failure.code.as_str() {
                    "22P02" => counts[1] += 1,
                    "72000" => counts[2] += 1,
                    LOST => return Err(format!("the session has ended: {forged}")),
                    _ => return Err(format!("{failure}: {forged}")),
                },
            }
        }
    }
    println!(
        "        {} answers, {} times 22P02, {} times 72000",
        counts[0], counts[1], counts[2]
    );
    check(counts.iter().all(|count| *count > 0), || {
        "not every kind of answer was met".to_string()
    })
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 * (crc & 1))
        })
    })
}

fn from_base64(text: &str) -> Vec<u8> {
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0u32, 0);
    for letter in text.bytes() {
        let value = ALPHABET.iter().position(|one| *one == letter).unwrap_or(0);
        bits = bits << 6 | value as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}

fn to_base64(bytes: &[u8]) -> String {
    let letter = |bits: u32| char::from(ALPHABET[(bits & 63) as usize]);
    let mut text = String::new();
    for part in bytes.chunks(3) {
        let bits = part
            .iter()
            .chain([0, 0].iter())
            .take(3)
            .fold(0u32, |bits, byte| bits << 8 | u32::from(*byte));
        text.extend((0..=part.len()).map(|place| letter(bits >> (18 - 6 * place))));
    }
    text
}
