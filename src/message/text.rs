//! Text forms that Postgres prints by the session's settings but that are fixed here (dates, times, money), and of
//! types whose stored form is enough (numeric, uuid, bytea). Pure: uses only Postgres's formats.

use super::json;
use crate::timestamp::Timestamp;

/// Days from the Julian calendar's day 0 to 2000-01-01 (POSTGRES_EPOCH_JDATE).
const EPOCH: i64 = 2_451_545;
const DAY: i64 = 86_400_000_000;

/// A date as `row_to_json` writes it; `days` since 2000-01-01.
pub fn date(out: &mut Vec<u8>, days: i32) {
    out.push(b'"');
    match days {
        i32::MAX => out.extend_from_slice(b"infinity"),
        i32::MIN => out.extend_from_slice(b"-infinity"),
        _ => {
            let before_christ = year_month_day(out, i64::from(days));
            era(out, before_christ);
        }
    }
    out.push(b'"');
}

/// A timestamp as `row_to_json` writes it, followed by `zone`; `micros` since 2000-01-01.
pub fn timestamp(out: &mut Vec<u8>, micros: i64, zone: &[u8]) {
    out.push(b'"');
    match micros {
        i64::MAX => out.extend_from_slice(b"infinity"),
        i64::MIN => out.extend_from_slice(b"-infinity"),
        _ => {
            let before_christ = year_month_day(out, micros.div_euclid(DAY));
            out.push(b'T');
            let micros = micros.rem_euclid(DAY);
            clock(out, micros);
            fraction(out, (micros % 1_000_000) as u32);
            out.extend_from_slice(zone);
            era(out, before_christ);
        }
    }
    out.push(b'"');
}

/// The time of a commit, `YYYY-MM-DDTHH:MM:SS.mmmZ`.
pub fn commit_timestamp(out: &mut Vec<u8>, at: Timestamp) {
    let micros = at.micros();
    out.push(b'"');
    year_month_day(out, micros.div_euclid(DAY));
    out.push(b'T');
    let micros = micros.rem_euclid(DAY);
    clock(out, micros);
    out.push(b'.');
    let millis = (micros / 1000 % 1000) as u32;
    out.push(b'0' + (millis / 100) as u8);
    json::two_digits(out, millis);
    out.extend_from_slice(b"Z\"");
}

/// Writes the day, and returns whether its year is BC. The arithmetic is Postgres's `j2date`.
fn year_month_day(out: &mut Vec<u8>, days: i64) -> bool {
    // Every date that Postgres stores is in range: its calendar begins in 4714 BC, EPOCH days earlier.
    let mut julian = (days + EPOCH) as u32 + 32_044;
    let quad = julian / 146_097;
    let extra = (julian - quad * 146_097) * 4 + 3;
    julian += 60 + quad * 3 + extra / 146_097;
    let quad = julian / 1461;
    julian -= quad * 1461;
    let within = julian * 4 / 1461;
    julian = 123
        + if within != 0 {
            (julian + 305) % 365
        } else {
            (julian + 306) % 366
        };
    let year = (within + quad * 4) as i32 - 4800;
    let quad = julian * 2141 / 65_536;
    let shown = if year > 0 { year } else { 1 - year }.unsigned_abs();
    if shown < 10_000 {
        json::two_digits(out, shown / 100);
        json::two_digits(out, shown);
    } else {
        json::unsigned(out, shown.into());
    }
    out.push(b'-');
    json::two_digits(out, (quad + 10) % 12 + 1);
    out.push(b'-');
    json::two_digits(out, julian - 7834 * quad / 256);
    year <= 0
}

fn era(out: &mut Vec<u8>, before_christ: bool) {
    if before_christ {
        out.extend_from_slice(b" BC");
    }
}

fn clock(out: &mut Vec<u8>, micros: i64) {
    let seconds = (micros / 1_000_000) as u32;
    json::two_digits(out, seconds / 3600);
    out.push(b':');
    json::two_digits(out, seconds / 60 % 60);
    out.push(b':');
    json::two_digits(out, seconds % 60);
}

/// Microseconds without trailing zeros; empty for zero.
fn fraction(out: &mut Vec<u8>, micros: u32) {
    if micros != 0 {
        out.push(b'.');
        json::two_digits(out, micros / 10_000);
        json::two_digits(out, micros / 100 % 100);
        json::two_digits(out, micros % 100);
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
}

/// Money as the C locale writes it: `-$1,234.56`.
pub fn money(out: &mut Vec<u8>, cents: i64) {
    out.extend_from_slice(if cents < 0 { b"\"-$" } else { b"\"$" });
    let cents = cents.unsigned_abs();
    let mut whole = Vec::with_capacity(20);
    json::unsigned(&mut whole, cents / 100);
    for (i, digit) in whole.iter().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 {
            out.push(b',');
        }
        out.push(*digit);
    }
    out.push(b'.');
    json::two_digits(out, (cents % 100) as u32);
    out.push(b'"');
}

/// A uuid.
pub fn uuid(out: &mut Vec<u8>, bytes: &[u8; 16]) {
    out.push(b'"');
    json::hex(out, &bytes[..4]);
    for part in [4..6, 6..8, 8..10, 10..16] {
        out.push(b'-');
        json::hex(out, &bytes[part]);
    }
    out.push(b'"');
}

/// A bytea as `\x…`, the backslash escaped.
pub fn bytea(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(b"\"\\\\x");
    json::hex(out, bytes);
    out.push(b'"');
}

/// A numeric from its stored form (numeric.c, "the packed format"), which is the same in every version since 9.1;
/// NaN and the infinities as strings.
pub fn numeric(out: &mut Vec<u8>, stored: &[u8]) {
    let word = |at: usize| match stored.get(at..at + 2) {
        Some(bytes) => u16::from_ne_bytes([bytes[0], bytes[1]]),
        None => 0,
    };
    let header = word(0);
    let (negative, scale, weight, first) = match header & 0xc000 {
        0xc000 => {
            out.extend_from_slice(match header & 0xf000 {
                0xd000 => b"\"Infinity\"",
                0xf000 => b"\"-Infinity\"",
                _ => b"\"NaN\"".as_slice(),
            });
            return;
        }
        // Short: sign, scale and weight share the header; the weight is seven bits with a sign.
        0x8000 => {
            let weight = i32::from(header & 0x3f) - i32::from(header & 0x40);
            (header & 0x2000 != 0, (header & 0x1f80) >> 7, weight, 2)
        }
        sign => {
            let weight = i32::from(word(2) as i16);
            (sign == 0x4000, header & 0x3fff, weight, 4)
        }
    };
    let count = (stored.len().saturating_sub(first) / 2) as i32;
    // The digit of 10000^-place before the point, in the order written. Digits that are not stored are zero.
    let digit = |place: i32| match place {
        0.. if place < count => u32::from(word(first + place as usize * 2)),
        _ => 0,
    };
    if negative {
        out.push(b'-');
    }
    json::unsigned(out, u64::from(digit(if weight < 0 { -1 } else { 0 })));
    for place in 1..=weight {
        four_digits(out, digit(place));
    }
    if scale > 0 {
        out.push(b'.');
        let end = out.len() + usize::from(scale);
        let mut place = weight + 1;
        while out.len() < end {
            four_digits(out, digit(place));
            place += 1;
        }
        out.truncate(end);
    }
}

fn four_digits(out: &mut Vec<u8>, value: u32) {
    json::two_digits(out, value / 100);
    json::two_digits(out, value % 100);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn dates() {
        let day = |days| written(|out| date(out, days));
        assert_eq!(day(0), "\"2000-01-01\"");
        assert_eq!(day(59), "\"2000-02-29\"");
        assert_eq!(day(-1), "\"1999-12-31\"");
        assert_eq!(day(-730_119), "\"0001-01-01\"");
        assert_eq!(day(-730_120), "\"0001-12-31 BC\"");
        assert_eq!(day(-2_451_545), "\"4714-11-24 BC\"");
        assert_eq!(day(2_145_031_948), "\"5874897-12-31\"");
        assert_eq!(day(i32::MAX), "\"infinity\"");
        assert_eq!(day(i32::MIN), "\"-infinity\"");
    }

    #[test]
    fn timestamps() {
        let utc = |micros| written(|out| timestamp(out, micros, b"+00:00"));
        assert_eq!(utc(0), "\"2000-01-01T00:00:00+00:00\"");
        assert_eq!(utc(-1), "\"1999-12-31T23:59:59.999999+00:00\"");
        assert_eq!(utc(1_500_000), "\"2000-01-01T00:00:01.5+00:00\"");
        assert_eq!(utc(40), "\"2000-01-01T00:00:00.00004+00:00\"");
        assert_eq!(utc(i64::MIN), "\"-infinity\"");
        assert_eq!(
            utc(-730_120 * DAY + 1),
            "\"0001-12-31T00:00:00.000001+00:00 BC\""
        );
    }

    #[test]
    fn commit_timestamps_have_three_decimals() {
        let at = |micros| written(|out| commit_timestamp(out, Timestamp::from_micros(micros)));
        assert_eq!(at(759_999), "\"2000-01-01T00:00:00.759Z\"");
        assert_eq!(at(-1), "\"1999-12-31T23:59:59.999Z\"");
        assert_eq!(at(5_000), "\"2000-01-01T00:00:00.005Z\"");
    }

    #[test]
    fn money_in_the_c_locale() {
        let cash = |cents| written(|out| money(out, cents));
        assert_eq!(cash(0), "\"$0.00\"");
        assert_eq!(cash(-5), "\"-$0.05\"");
        assert_eq!(cash(123_456), "\"$1,234.56\"");
        assert_eq!(cash(i64::MIN), "\"-$92,233,720,368,547,758.08\"");
    }

    #[test]
    fn numerics_of_both_stored_forms() {
        let text = |words: &[u16]| {
            let stored: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
            written(|out| numeric(out, &stored))
        };
        assert_eq!(text(&[0x8000]), "0");
        assert_eq!(text(&[0x8000 | 2 << 7]), "0.00");
        assert_eq!(text(&[0x8000 | 2 << 7 | 1, 1, 2345, 6700]), "12345.67");
        assert_eq!(text(&[0xa000 | 5 << 7 | 0x7f, 12, 3000]), "-0.00123");
        assert_eq!(text(&[0x8000 | 6 << 7 | 0x7e, 1200]), "0.000012");
        assert_eq!(text(&[0x4000 | 1, 1, 7]), "-70000.0");
        assert_eq!(text(&[0xc000]), "\"NaN\"");
        assert_eq!(text(&[0xf000]), "\"-Infinity\"");
    }

    #[test]
    fn bytes_and_uuids() {
        assert_eq!(written(|out| bytea(out, &[0, 0xab])), "\"\\\\x00ab\"");
        let id = written(|out| uuid(out, &[0x12; 16]));
        assert_eq!(id, "\"12121212-1212-1212-1212-121212121212\"");
    }
}
