//! Binary frames: broadcasts of clients of the second version, and those that they receive.
//!
//! Lengths are one byte each and count bytes of UTF-8.

use super::frame::{Malformed, Message, Payload};
use std::borrow::Cow;

/// First byte of a broadcast from a client.
const PUSH: u8 = 3;
/// First byte of a broadcast to a client.
const BROADCAST: u8 = 4;

/// How a broadcast's payload is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Binary,
    Json,
}

/// A broadcast, as binary frames carry it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broadcast<'a> {
    /// The application's own name of the event.
    pub event: &'a str,
    /// The JSON text of an object, or nothing.
    pub meta: &'a str,
    pub encoding: Encoding,
    pub payload: &'a [u8],
}

/// Reads a binary frame from a client:
/// `03, len join_ref, len ref, len topic, len event, len meta, encoding, join_ref, ref, topic, event, meta, payload`.
/// Errors: [`Malformed`].
pub fn decode(frame: &[u8]) -> Result<Message<'_>, Malformed> {
    let (header, mut rest) = frame.split_at_checked(7).ok_or(Malformed)?;
    if header[0] != PUSH {
        return Err(Malformed);
    }
    let encoding = match header[6] {
        0 => Encoding::Binary,
        1 => Encoding::Json,
        _ => return Err(Malformed),
    };
    let mut part = |length: u8| {
        let (part, after) = rest.split_at_checked(length.into()).ok_or(Malformed)?;
        rest = after;
        std::str::from_utf8(part).map_err(|_| Malformed)
    };
    let reference = |text: &str| {
        let json = || serde_json::to_string(text).unwrap_or_default().into();
        (!text.is_empty()).then(json)
    };
    let (join_ref, its_ref) = (part(header[1])?, part(header[2])?);
    let (topic, event, meta) = (part(header[3])?, part(header[4])?, part(header[5])?);
    Ok(Message {
        join_ref: reference(join_ref),
        reference: reference(its_ref),
        topic: Cow::Borrowed(topic),
        event: Cow::Borrowed("broadcast"),
        payload: Payload::Broadcast(Broadcast {
            event,
            meta,
            encoding,
            payload: rest,
        }),
    })
}

/// Writes a binary frame to a client: `04, len topic, len event, len meta, encoding, topic, event, meta, payload`.
/// Errors: [`Malformed`] when a text is longer than 255 bytes.
pub fn encode(topic: &str, broadcast: &Broadcast) -> Result<Vec<u8>, Malformed> {
    let texts = [topic, broadcast.event, broadcast.meta];
    let mut frame = Vec::with_capacity(
        5 + texts.iter().map(|text| text.len()).sum::<usize>() + broadcast.payload.len(),
    );
    frame.push(BROADCAST);
    for text in texts {
        frame.push(u8::try_from(text.len()).map_err(|_| Malformed)?);
    }
    frame.push(match broadcast.encoding {
        Encoding::Binary => 0,
        Encoding::Json => 1,
    });
    texts
        .iter()
        .for_each(|text| frame.extend_from_slice(text.as_bytes()));
    frame.extend_from_slice(broadcast.payload);
    Ok(frame)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As realtime-js 2.119.1 sends `send({type: 'broadcast', event: 'b', payload: ArrayBuffer[1, 2]})`.
    const REAL: &[u8] = b"\x03\x01\x02\x0d\x01\x00\x00618realtime:roomb\x01\x02";

    #[test]
    fn a_broadcast_of_a_real_client() {
        let message = decode(REAL).expect("a message");
        assert_eq!(message.join_ref.as_deref(), Some("\"6\""));
        assert_eq!(message.reference.as_deref(), Some("\"18\""));
        assert_eq!(
            (&*message.topic, &*message.event),
            ("realtime:room", "broadcast")
        );
        let broadcast = Broadcast {
            event: "b",
            meta: "",
            encoding: Encoding::Binary,
            payload: &[1, 2],
        };
        assert_eq!(message.payload, Payload::Broadcast(broadcast));
    }

    #[test]
    fn every_frame_that_is_cut_is_refused() {
        // All but the payload must be there.
        for length in 0..REAL.len() - 2 {
            assert_eq!(decode(&REAL[..length]), Err(Malformed), "{length}");
        }
        assert!(decode(&REAL[..REAL.len() - 2]).is_ok());
    }

    #[test]
    fn kinds_and_encodings_that_are_not_known_are_refused() {
        for (place, byte) in [(0, 0), (0, 1), (0, 4), (6, 2), (6, 255)] {
            let mut frame = REAL.to_vec();
            frame[place] = byte;
            assert_eq!(decode(&frame), Err(Malformed), "{place} {byte}");
        }
    }

    #[test]
    fn a_broadcast_to_a_client() {
        let broadcast = Broadcast {
            event: "b",
            meta: r#"{"id":1}"#,
            encoding: Encoding::Json,
            payload: b"{}",
        };
        let frame = encode("realtime:room", &broadcast).expect("a frame");
        assert_eq!(frame, b"\x04\x0d\x01\x08\x01realtime:roomb{\"id\":1}{}");
        let long = "x".repeat(256);
        let event = Broadcast {
            event: &long,
            ..broadcast
        };
        assert_eq!(encode("t", &event), Err(Malformed));
    }

    proptest! {
        #[test]
        fn no_frame_makes_it_fail(frame in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = decode(&frame);
        }

        #[test]
        fn what_a_client_writes_is_read(
            texts in prop::array::uniform5("\\PC{0,40}"),
            binary in any::<bool>(),
            payload in prop::collection::vec(any::<u8>(), 0..50),
        ) {
            let mut frame = vec![PUSH];
            frame.extend(texts.iter().map(|text| text.len() as u8));
            frame.push(u8::from(!binary));
            texts.iter().for_each(|text| frame.extend_from_slice(text.as_bytes()));
            frame.extend_from_slice(&payload);
            let message = decode(&frame).expect("a message");
            let reference = |text: &String| (!text.is_empty()).then(|| serde_json::to_string(text).expect("JSON"));
            let references = [reference(&texts[0]), reference(&texts[1])];
            prop_assert_eq!(message.join_ref.as_deref(), references[0].as_deref());
            prop_assert_eq!(message.reference.as_deref(), references[1].as_deref());
            prop_assert_eq!(&*message.topic, &texts[2]);
            let encoding = if binary { Encoding::Binary } else { Encoding::Json };
            prop_assert_eq!(message.payload, Payload::Broadcast(Broadcast {
                event: &texts[3],
                meta: &texts[4],
                encoding,
                payload: &payload,
            }));
        }
    }
}
