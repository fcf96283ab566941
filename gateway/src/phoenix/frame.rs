//! Text frames: messages from clients in both serialisations, and messages to clients.

use super::binary;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// How a client writes its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// Objects: `{"topic", "event", "payload", "ref", "join_ref"?}`.
    V1,
    /// Arrays: `[join_ref, ref, topic, event, payload]`, and binary frames.
    V2,
}

impl Version {
    /// The version of the parameter `vsn` (`~> 1.0.0`, `~> 2.0.0`; without one it is 1.0.0); `None` for others.
    pub fn of(vsn: Option<&str>) -> Option<Version> {
        let mut parts = vsn.unwrap_or("1.0.0").split('.');
        let numbers = [parts.next()?, parts.next()?, parts.next()?];
        if parts.next().is_some() || numbers[2].parse::<u32>().is_err() {
            return None;
        }
        match numbers {
            ["1", "0", _] => Some(Version::V1),
            ["2", "0", _] => Some(Version::V2),
            _ => None,
        }
    }
}

/// A reference that the server gives back as it came: the JSON text of a string or a number; `None` for null.
pub type Reference = Option<Box<str>>;

/// A message from a client. It borrows from the frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Message<'a> {
    /// The reference of the join that the message belongs to.
    pub join_ref: Reference,
    /// The reference that the reply carries.
    pub reference: Reference,
    pub topic: Cow<'a, str>,
    pub event: Cow<'a, str>,
    pub payload: Payload<'a>,
}

/// The payload of a message.
#[derive(Debug, Clone)]
pub enum Payload<'a> {
    Json(&'a RawValue),
    /// A broadcast in a binary frame.
    Broadcast(binary::Broadcast<'a>),
}

impl PartialEq for Payload<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Payload::Json(one), Payload::Json(two)) => one.get() == two.get(),
            (Payload::Broadcast(one), Payload::Broadcast(two)) => one == two,
            _ => false,
        }
    }
}

/// A frame that is no message. The socket stays open; the frame is counted and dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow)]
    topic: Cow<'a, str>,
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow)]
    payload: &'a RawValue,
    #[serde(borrow, rename = "ref")]
    reference: Option<&'a RawValue>,
    #[serde(borrow, default)]
    join_ref: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Array<'a>(
    #[serde(borrow)] Option<&'a RawValue>,
    #[serde(borrow)] Option<&'a RawValue>,
    #[serde(borrow)] Cow<'a, str>,
    #[serde(borrow)] Cow<'a, str>,
    #[serde(borrow)] &'a RawValue,
);

/// Reads a text frame. Errors: [`Malformed`].
pub fn decode(version: Version, text: &str) -> Result<Message<'_>, Malformed> {
    let (join_ref, reference, topic, event, payload) = match version {
        // Serde also takes an array for the fields of a struct.
        Version::V1 if !text.trim_start().starts_with('{') => return Err(Malformed),
        Version::V1 => {
            let object: Object = serde_json::from_str(text).map_err(|_| Malformed)?;
            (
                object.join_ref,
                object.reference,
                object.topic,
                object.event,
                object.payload,
            )
        }
        Version::V2 => {
            let Array(join_ref, reference, topic, event, payload) =
                serde_json::from_str(text).map_err(|_| Malformed)?;
            (join_ref, reference, topic, event, payload)
        }
    };
    Ok(Message {
        join_ref: scalar(join_ref)?,
        reference: scalar(reference)?,
        topic,
        event,
        payload: Payload::Json(payload),
    })
}

/// Longest reference that is given back, in bytes. Clients count from 1.
const MAX_REFERENCE: usize = 64;

fn scalar(reference: Option<&RawValue>) -> Result<Reference, Malformed> {
    let Some(text) = reference.map(RawValue::get).filter(|text| *text != "null") else {
        return Ok(None);
    };
    let is_scalar =
        text.starts_with(|first: char| first == '"' || first == '-' || first.is_ascii_digit());
    if is_scalar && text.len() <= MAX_REFERENCE {
        Ok(Some(text.into()))
    } else {
        Err(Malformed)
    }
}

/// Whom a message to a client belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Address<'a> {
    /// JSON text; `None` for null. Clients of [`Version::V1`] are sent no `join_ref`.
    pub join_ref: Option<&'a str>,
    /// JSON text; `None` for null.
    pub reference: Option<&'a str>,
    pub topic: &'a str,
}

impl<'a> Address<'a> {
    /// The address of what a channel's members receive without having asked.
    pub fn unasked(topic: &'a str) -> Address<'a> {
        Address {
            join_ref: None,
            reference: None,
            topic,
        }
    }
}

/// Writes a text frame. `payload` is the JSON text of an object, in parts: clients fail on other payloads, and a change
/// is not copied to be put into its envelope first.
pub fn encode(version: Version, to: Address, event: &str, payload: &[&str]) -> String {
    let length: usize = payload.iter().map(|part| part.len()).sum();
    let mut out = String::with_capacity(length + to.topic.len() + event.len() + 64);
    match version {
        Version::V1 => {
            out.push_str("{\"topic\":");
            push_string(&mut out, to.topic);
            out.push_str(",\"event\":");
            push_string(&mut out, event);
            out.push_str(",\"payload\":");
            payload.iter().for_each(|part| out.push_str(part));
            out.push_str(",\"ref\":");
            out.push_str(to.reference.unwrap_or("null"));
            out.push('}');
        }
        Version::V2 => {
            out.push('[');
            out.push_str(to.join_ref.unwrap_or("null"));
            out.push(',');
            out.push_str(to.reference.unwrap_or("null"));
            out.push(',');
            push_string(&mut out, to.topic);
            out.push(',');
            push_string(&mut out, event);
            out.push(',');
            payload.iter().for_each(|part| out.push_str(part));
            out.push(']');
        }
    }
    out
}

/// Appends a JSON string.
pub fn push_string(out: &mut String, text: &str) {
    // A string has a JSON form, so the default is never taken.
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn json(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_string()).expect("JSON")
    }

    #[test]
    fn the_version_is_the_first_or_the_second() {
        assert_eq!(Version::of(None), Some(Version::V1));
        assert_eq!(Version::of(Some("1.0.0")), Some(Version::V1));
        assert_eq!(Version::of(Some("2.0.0")), Some(Version::V2));
        assert_eq!(Version::of(Some("2.0.7")), Some(Version::V2));
        for refused in [
            "", "1", "1.0", "2.1.0", "3.0.0", "2.0.x", "2.0.0.0", "1.0.-1",
        ] {
            assert_eq!(Version::of(Some(refused)), None, "{refused}");
        }
    }

    /// As realtime-js 2.119.1 and 2.10.7 send them.
    #[test]
    fn messages_of_real_clients() {
        let payload = json(r#"{"config":{"postgres_changes":[]}}"#);
        let join = Message {
            join_ref: Some("\"6\"".into()),
            reference: Some("\"6\"".into()),
            topic: "realtime:room".into(),
            event: "phx_join".into(),
            payload: Payload::Json(&payload),
        };
        let text = r#"["6","6","realtime:room","phx_join",{"config":{"postgres_changes":[]}}]"#;
        assert_eq!(decode(Version::V2, text), Ok(join.clone()));
        let text = r#"{"topic":"realtime:room","event":"phx_join","payload":{"config":{"postgres_changes":[]}},"ref":"6","join_ref":"6"}"#;
        assert_eq!(decode(Version::V1, text), Ok(join));
        let heartbeat =
            decode(Version::V2, r#"[null,"9","phoenix","heartbeat",{}]"#).expect("a message");
        assert_eq!(
            (heartbeat.join_ref, heartbeat.reference.as_deref()),
            (None, Some("\"9\""))
        );
        let heartbeat = r#"{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"9"}"#;
        assert!(decode(Version::V1, heartbeat).is_ok());
    }

    #[test]
    fn what_is_no_message() {
        for text in [
            "",
            "null",
            "[]",
            "{}",
            r#"["1","1","t","e"]"#,
            r#"["1","1","t","e",{},{}]"#,
            r#"["1","1",7,"e",{}]"#,
            r#"[{},"1","t","e",{}]"#,
            r#"[null,[1],"t","e",{}]"#,
            r#"[null,true,"t","e",{}]"#,
            r#"["1","1","t","e",{}] "x""#,
            r#"{"topic":"t","event":"e","payload":{}"#,
        ] {
            assert_eq!(decode(Version::V2, text), Err(Malformed), "{text}");
            assert_eq!(decode(Version::V1, text), Err(Malformed), "{text}");
        }
        let long = format!(r#"[null,"{}","t","e",{{}}]"#, "1".repeat(MAX_REFERENCE));
        assert_eq!(decode(Version::V2, &long), Err(Malformed));
        // What is required of an object is what the peer requires.
        for lacks in ["topic", "event", "payload"] {
            let text =
                r#"{"topic":"t","event":"e","payload":{},"ref":"1"}"#.replace(lacks, "other");
            assert_eq!(decode(Version::V1, &text), Err(Malformed), "{text}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_before_the_stack_ends() {
        let text = format!(r#"[null,null,"t","e",{}]"#, "[".repeat(100_000));
        assert_eq!(decode(Version::V2, &text), Err(Malformed));
    }

    #[test]
    fn frames_as_clients_expect_them() {
        let to = Address {
            join_ref: Some("\"6\""),
            reference: Some("\"7\""),
            topic: "realtime:a \"b\"",
        };
        assert_eq!(
            encode(
                Version::V2,
                to,
                "phx_reply",
                &[r#"{"status":"ok","response":"#, "{}", "}"]
            ),
            r#"["6","7","realtime:a \"b\"","phx_reply",{"status":"ok","response":{}}]"#
        );
        assert_eq!(
            encode(Version::V1, to, "phx_reply", &["{}"]),
            r#"{"topic":"realtime:a \"b\"","event":"phx_reply","payload":{},"ref":"7"}"#
        );
        assert_eq!(
            encode(Version::V2, Address::unasked("t"), "e", &["{}"]),
            r#"[null,null,"t","e",{}]"#
        );
    }

    fn references() -> impl Strategy<Value = Option<String>> {
        proptest::option::of("[0-9]{1,9}".prop_map(|number| format!("\"{number}\"")))
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            join_ref in references(),
            reference in references(),
            topic in ".*",
            event in ".*",
            value in ".*",
        ) {
            let payload = format!("{{\"value\":{}}}", serde_json::to_string(&value).expect("JSON"));
            let to = Address { join_ref: join_ref.as_deref(), reference: reference.as_deref(), topic: &topic };
            for version in [Version::V1, Version::V2] {
                let text = encode(version, to, &event, &[&payload]);
                let message = decode(version, &text).expect("a message");
                let kept = version == Version::V2;
                prop_assert_eq!(message.join_ref.as_deref(), join_ref.as_deref().filter(|_| kept));
                prop_assert_eq!(message.reference.as_deref(), reference.as_deref());
                prop_assert_eq!(&*message.topic, &topic);
                prop_assert_eq!(&*message.event, &event);
                prop_assert_eq!(message.payload, Payload::Json(&json(&payload)));
            }
        }

        #[test]
        fn no_text_makes_it_fail(text in "[\\[\\]{}\",:a-e0-9\\\\ null]{0,60}") {
            let _ = decode(Version::V1, &text);
            let _ = decode(Version::V2, &text);
        }
    }
}
