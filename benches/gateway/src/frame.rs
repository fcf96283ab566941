//! WebSocket frames, as a client writes and reads them. A reader of our own: a library's buffers and copies for 20,000 sockets
//! would take the time that the measured server needs.

/// What a server has sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    Text(&'a [u8]),
    Ping(&'a [u8]),
    Close,
    /// Binary, pong, and parts of a message: nobody here sends them, so they are counted as errors.
    Other,
}

pub const TEXT: u8 = 1;
pub const PONG: u8 = 10;

/// A client's frame. The mask is zero, which is as valid as any.
pub fn encode(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 14);
    out.push(0x80 | opcode);
    match payload.len() {
        length @ 0..=125 => out.push(0x80 | length as u8),
        length @ 126..=65535 => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(payload);
    out
}

/// The first frame and its length in bytes; `None` when more bytes are needed.
pub fn decode(data: &[u8]) -> Option<(Frame<'_>, usize)> {
    let (first, second) = (*data.first()?, *data.get(1)?);
    let (length, head) = match second & 0x7f {
        126 => (
            u64::from(u16::from_be_bytes(data.get(2..4)?.try_into().ok()?)),
            4,
        ),
        127 => (u64::from_be_bytes(data.get(2..10)?.try_into().ok()?), 10),
        short => (u64::from(short), 2),
    };
    let end = head + length as usize;
    let payload = data.get(head..end)?;
    let frame = match first {
        0x81 => Frame::Text(payload),
        0x89 => Frame::Ping(payload),
        0x88 => Frame::Close,
        _ => Frame::Other,
    };
    Some((frame, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(opcode: u8, payload: &[u8]) -> Vec<u8> {
        // As a server's frame: without the mask.
        let mut bytes = encode(opcode, payload);
        let mask = bytes.len() - payload.len() - 4;
        bytes.drain(mask..mask + 4);
        bytes[1] &= 0x7f;
        bytes
    }

    #[test]
    fn frames_of_every_length_and_in_parts() {
        for length in [0, 1, 125, 126, 65535, 65536] {
            let payload = vec![b'x'; length];
            let bytes = served(TEXT, &payload);
            assert_eq!(decode(&bytes), Some((Frame::Text(&payload), bytes.len())));
            for cut in [0, 1, 2, 3, bytes.len() - 1] {
                assert_eq!(
                    decode(&bytes[..cut.min(bytes.len() - 1)]),
                    None,
                    "{length} {cut}"
                );
            }
        }
    }

    #[test]
    fn the_first_of_several_frames() {
        let mut bytes = served(9, b"ping");
        bytes.extend(served(8, b""));
        assert_eq!(decode(&bytes), Some((Frame::Ping(b"ping"), 6)));
        assert_eq!(decode(&bytes[6..]), Some((Frame::Close, 2)));
    }
}
