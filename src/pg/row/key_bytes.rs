//! Bytes whose order is that of numbers: the parts that keys are made of.

/// The stored form of a numeric (numeric.c, "the packed format") as bytes that are equal and ordered as numerics are:
/// its scale is left out, and NaN is above everything.
pub fn numeric(out: &mut Vec<u8>, stored: &[u8]) {
    const BELOW_ALL: u8 = 0;
    const NEGATIVE: u8 = 1;
    const ZERO: u8 = 2;
    const POSITIVE: u8 = 3;
    const INFINITE: u8 = 4;
    const NOT_A_NUMBER: u8 = 5;
    let word = |at: usize| match stored.get(at..at + 2) {
        Some(bytes) => u16::from_ne_bytes([bytes[0], bytes[1]]),
        None => 0,
    };
    let header = word(0);
    let (negative, weight, first) = match header & 0xc000 {
        0xc000 => {
            out.push(match header & 0xf000 {
                0xd000 => INFINITE,
                0xf000 => BELOW_ALL,
                _ => NOT_A_NUMBER,
            });
            return;
        }
        // Short: sign and weight share the header; the weight is seven bits with a sign.
        0x8000 => {
            let weight = i32::from(header & 0x3f) - i32::from(header & 0x40);
            (header & 0x2000 != 0, weight, 2)
        }
        sign => (sign == 0x4000, i32::from(word(2) as i16), 4),
    };
    let count = stored.len().saturating_sub(first) / 2;
    let digit = |place: usize| word(first + place * 2);
    // Postgres stores no zeros at either end. Where it did, the numbers would still be equal.
    let Some(begin) = (0..count).find(|place| digit(*place) != 0) else {
        out.push(ZERO);
        return;
    };
    let end = (begin..count).rfind(|place| digit(*place) != 0);
    out.push(if negative { NEGATIVE } else { POSITIVE });
    let turned = if negative { 0xff } else { 0 };
    let mut push = |word: u16| out.extend(word.to_be_bytes().map(|byte| byte ^ turned));
    // 10000 to the power of the weight is the value of the first digit.
    push((weight - begin as i32 + 0x8000) as u16);
    for place in begin..=end.unwrap_or(begin) {
        push(digit(place) + 1);
    }
    // Of two numbers that begin alike the longer one is further from zero.
    push(0);
}

/// An integer with a sign, most significant byte first.
pub fn integer(value: i64) -> [u8; 8] {
    (value as u64 ^ 1 << 63).to_be_bytes()
}

/// The same, of 32 bits.
pub fn integer4(value: i32) -> [u8; 4] {
    (value as u32 ^ 1 << 31).to_be_bytes()
}

/// The same, of 128 bits.
pub fn integer16(value: i128) -> [u8; 16] {
    (value as u128 ^ 1 << 127).to_be_bytes()
}

/// A float: the zeros are equal, the NaNs too, and are above everything.
pub fn float(value: f64) -> [u8; 8] {
    let bits = match value {
        _ if value.is_nan() => u64::MAX,
        _ if value == 0.0 => 1 << 63,
        _ if value.is_sign_negative() => !value.to_bits(),
        _ => value.to_bits() | 1 << 63,
    };
    bits.to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(words: &[u16]) -> Vec<u8> {
        let stored: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        let mut out = Vec::new();
        numeric(&mut out, &stored);
        out
    }

    #[test]
    fn numerics_in_their_order() {
        let short = |negative: bool, weight: i16, digits: &[u16]| {
            let sign = if negative { 0x2000 } else { 0 };
            let header = 0x8000 | sign | (weight as u16 & 0x7f);
            key(&[&[header], digits].concat())
        };
        let long = |sign: u16, weight: i16, digits: &[u16]| {
            key(&[&[sign, weight as u16], digits].concat())
        };
        let ascending = [
            key(&[0xf000]),
            long(0x4000, 1000, &[1]),
            short(true, 1, &[1]),
            short(true, 0, &[5000, 1]),
            short(true, 0, &[5000]),
            short(true, -1, &[5000]),
            short(false, 0, &[]),
            short(false, -2, &[9999]),
            short(false, -1, &[1]),
            short(false, -1, &[1, 0, 1]),
            short(false, -1, &[1, 1]),
            short(false, 0, &[1]),
            long(0, 64, &[1]),
            long(0, 0x7fff, &[1]),
            key(&[0xd000]),
            key(&[0xc000]),
        ];
        for pair in ascending.windows(2) {
            assert!(pair[0] < pair[1], "{pair:?}");
        }
        // 1.5 with one, two and many decimals, in either format.
        assert_eq!(
            key(&[0x8000 | 1 << 7, 1, 5000]),
            key(&[0x8000 | 2 << 7, 1, 5000])
        );
        assert_eq!(key(&[0x8000 | 1 << 7, 1, 5000]), key(&[100, 0, 1, 5000]));
        assert_eq!(key(&[0x8000, 1, 5000, 0]), key(&[0x8001, 0, 1, 5000]));
        assert_eq!(key(&[0x8000]), key(&[0x8000 | 3 << 7]));
    }

    proptest! {
        #[test]
        fn floats_in_their_order(a in any::<f64>(), b in any::<f64>()) {
            let (x, y) = (float(a), float(b));
            let order = match (a.is_nan(), b.is_nan()) {
                (true, true) => std::cmp::Ordering::Equal,
                (true, false) => std::cmp::Ordering::Greater,
                (false, true) => std::cmp::Ordering::Less,
                (false, false) => a.partial_cmp(&b).unwrap_or(std::cmp::Ordering::Equal),
            };
            prop_assert_eq!(x.cmp(&y), order);
        }

        #[test]
        fn integers_in_their_order(a: i64, b: i64, c: i128, d: i128) {
            prop_assert_eq!(integer(a).cmp(&integer(b)), a.cmp(&b));
            prop_assert_eq!(integer4(a as i32).cmp(&integer4(b as i32)), (a as i32).cmp(&(b as i32)));
            prop_assert_eq!(integer16(c).cmp(&integer16(d)), c.cmp(&d));
        }
    }
}
