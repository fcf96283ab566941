//! Writes JSON text: append-only into a byte buffer, nothing of Postgres.

/// Two hexadecimal digits for every byte. [`hex`] and the escapes of control characters copy from it.
const HEX: &[u8; 16] = b"0123456789abcdef";

/// Every two-digit number. Integers are written two digits at a time, which halves the divisions.
const PAIRS: &[u8; 200] = b"0001020304050607080910111213141516171819\
2021222324252627282930313233343536373839\
4041424344454647484950515253545556575859\
6061626364656667686970717273747576777879\
8081828384858687888990919293949596979899";

/// A string: quoted, with the escapes that Postgres's `escape_json` writes and no others.
pub fn string(out: &mut Vec<u8>, text: &[u8]) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    escaped(out, text);
    out.push(b'"');
}

/// The inside of a string.
fn escaped(out: &mut Vec<u8>, text: &[u8]) {
    let mut rest = text;
    // Runs of plain bytes are copied whole, since few texts need escapes.
    while let Some(at) = special(rest) {
        out.extend_from_slice(&rest[..at]);
        escape(out, rest[at]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

/// Position of the first byte that a JSON string must escape: a quote, a backslash, a control character.
fn special(text: &[u8]) -> Option<usize> {
    let (words, tail) = text.as_chunks::<8>();
    for (i, word) in words.iter().enumerate() {
        let marks = special_in_word(u64::from_le_bytes(*word));
        if marks != 0 {
            return Some(i * 8 + marks.trailing_zeros() as usize / 8);
        }
    }
    let start = words.len() * 8;
    tail.iter()
        .position(|byte| matches!(byte, 0..=0x1f | b'"' | b'\\'))
        .map(|at| start + at)
}

/// Sets the high bit of each special byte of a word. A borrow can wrongly mark bytes above a special one, but never
/// below, so the lowest mark is right.
fn special_in_word(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = ONES * 0x80;
    let zero = |v: u64| v.wrapping_sub(ONES) & !v;
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (control | zero(word ^ (ONES * b'"' as u64)) | zero(word ^ (ONES * b'\\' as u64))) & HIGH
}

fn escape(out: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        0x0c => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            out.extend_from_slice(b"\\u00");
            hex(out, &[byte]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// Hexadecimal digits, lower case.
pub fn hex(out: &mut Vec<u8>, bytes: &[u8]) {
    out.reserve(bytes.len() * 2);
    for byte in bytes {
        let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 0x0f)]];
        out.extend_from_slice(&digits);
    }
}

/// An integer.
pub fn integer(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    unsigned(out, value.unsigned_abs());
}

/// An integer without a sign.
pub fn unsigned(out: &mut Vec<u8>, value: u64) {
    let mut digits = [0u8; 20];
    let mut start = digits.len();
    let mut rest = value;
    while rest >= 100 {
        let pair = (rest % 100) as usize * 2;
        rest /= 100;
        start -= 2;
        digits[start..start + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    }
    if rest >= 10 {
        let pair = rest as usize * 2;
        start -= 2;
        digits[start..start + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    } else {
        start -= 1;
        digits[start] = b'0' + rest as u8;
    }
    out.extend_from_slice(&digits[start..]);
}

/// A number below 100 in two digits.
pub fn two_digits(out: &mut Vec<u8>, value: u32) {
    let pair = (value % 100) as usize * 2;
    out.extend_from_slice(&PAIRS[pair..pair + 2]);
}

/// The text of a number as Postgres prints it; NaN and the infinities, which JSON lacks, become strings.
pub fn number(out: &mut Vec<u8>, text: &[u8]) {
    if text.last().is_some_and(u8::is_ascii_digit) {
        out.extend_from_slice(text);
    } else {
        string(out, text);
    }
}

/// `true` or `false`.
pub fn boolean(out: &mut Vec<u8>, value: bool) {
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

/// `null`.
pub fn null(out: &mut Vec<u8>) {
    out.extend_from_slice(b"null");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn escapes_as_escape_json_does() {
        let text = "a\"b\\c/d\u{8}\u{c}\n\r\t\u{1}\u{1f}\u{7f}é😀";
        let expected = "\"a\\\"b\\\\c/d\\b\\f\\n\\r\\t\\u0001\\u001f\u{7f}é😀\"";
        assert_eq!(written(|out| string(out, text.as_bytes())), expected);
    }

    #[test]
    fn every_byte_at_every_place_of_a_word() {
        for byte in 0..0x80u8 {
            for place in 0..17 {
                let mut text = vec![b'x'; 17];
                text[place] = byte;
                let json = written(|out| string(out, &text));
                let back: String = serde_json::from_str(&json).unwrap();
                assert_eq!(back.as_bytes(), text);
            }
        }
    }

    #[test]
    fn numbers() {
        for value in [0, 7, 10, 99, 100, 12345, i64::MAX, i64::MIN, -1, -100] {
            assert_eq!(written(|out| integer(out, value)), value.to_string());
        }
        assert_eq!(written(|out| unsigned(out, u64::MAX)), u64::MAX.to_string());
        assert_eq!(written(|out| number(out, b"-12.50")), "-12.50");
        assert_eq!(written(|out| number(out, b"-Infinity")), "\"-Infinity\"");
        assert_eq!(written(|out| number(out, b"NaN")), "\"NaN\"");
    }

    proptest! {
        #[test]
        fn a_string_parses_to_itself(text in ".*") {
            let json = written(|out| string(out, text.as_bytes()));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }

        #[test]
        fn control_characters_and_quotes_survive(text in "[\\x00-\\x1f\"\\\\a-c😀]{0,64}") {
            let json = written(|out| string(out, text.as_bytes()));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }

        #[test]
        fn an_integer_is_its_decimal_form(value: i64) {
            prop_assert_eq!(written(|out| integer(out, value)), value.to_string());
        }
    }
}
