//! Numbers in as few bytes as they need; pure.

/// LEB128: seven bits a byte, low ones first.
pub fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Reads a number that [`put`] wrote; `None` when the input ends or the number is too large.
pub fn take(input: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = input.split_first()?;
        *input = rest;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// A position or a transaction id. It never exceeds the range of the log's columns, so that adding one cannot overflow.
pub fn bounded(value: u64) -> Option<u64> {
    (value <= i64::MAX as u64).then_some(value)
}
