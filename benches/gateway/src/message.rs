//! Messages of the second serialisation, `[join_ref, ref, topic, event, payload]`: told apart without parsing them.

use memchr::memmem::find;

/// What the measurement needs of a message.
#[derive(Debug, PartialEq, Eq)]
pub enum Message<'a> {
    Change {
        /// The number of the row, and when it was written.
        number: u64,
        stamp: u64,
    },
    Joined,
    Cursor(&'a str),
    /// A refusal, a fault or the end of the channel: with the whole text.
    Ended(&'a str),
    /// Any other error.
    Error(&'a str),
    /// Replies to heartbeats, system messages.
    Other,
}

/// Where the event's name must begin at the latest: what follows belongs to the payload.
const HEAD: usize = 160;

pub fn read(text: &[u8]) -> Message<'_> {
    let head = &text[..text.len().min(HEAD)];
    if find(head, b"\"postgres_changes\",{\"ids\"").is_some() {
        return match (after(text, b"\"number\":"), after(text, b"\"stamp\":")) {
            (Some(number), Some(stamp)) => Message::Change { number, stamp },
            _ => error(text),
        };
    }
    if find(head, b"\"phx_reply\"").is_some() {
        return match (
            find(text, b"\"status\":\"ok\""),
            head.starts_with(b"[\"1\",\"1\""),
        ) {
            (Some(_), true) => Message::Joined,
            (Some(_), false) => Message::Other,
            (None, _) => Message::Ended(readable(text)),
        };
    }
    if find(head, b"\"pgrealtime\",").is_some() {
        return cursor(text).map_or_else(|| error(text), Message::Cursor);
    }
    if find(head, b"\"phx_error\"").is_some() || find(head, b"\"phx_close\"").is_some() {
        return Message::Ended(readable(text));
    }
    match find(text, b"\"status\":\"error\"") {
        Some(_) => error(text),
        None => Message::Other,
    }
}

fn error(text: &[u8]) -> Message<'_> {
    Message::Error(readable(text))
}

fn readable(text: &[u8]) -> &str {
    std::str::from_utf8(text).unwrap_or("not UTF-8")
}

/// The number after a key.
fn after(text: &[u8], key: &[u8]) -> Option<u64> {
    let begin = find(text, key)? + key.len();
    let digits = text[begin..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit());
    digits.fold(None, |number, digit| {
        Some(number.unwrap_or(0) * 10 + u64::from(digit - b'0'))
    })
}

fn cursor(text: &[u8]) -> Option<&str> {
    let begin = find(text, b"\"cursor\":\"")? + 10;
    let length = memchr::memchr(b'"', &text[begin..])?;
    std::str::from_utf8(&text[begin..begin + length]).ok()
}

/// The text of a change for the floor: as one came from the gateway, with another topic, number and stamp.
#[derive(Clone)]
pub struct Template {
    text: String,
}

/// One as the gateway writes it for the benchmark's tables, for the floor by itself.
const DEFAULT: &str = r#"[null,null,"realtime:team-0","postgres_changes",{"ids":[1234567890],"data":{"type":"INSERT","schema":"public","table":"watched","commit_timestamp":"2026-11-28T10:00:00.000Z","columns":[{"name":"id","type":"int8"},{"name":"team","type":"int4"},{"name":"number","type":"int8"},{"name":"stamp","type":"int8"},{"name":"title","type":"text"},{"name":"status","type":"text"},{"name":"updated_at","type":"timestamptz"}],"record":{"id":1,"team":0,"number":1,"stamp":1000000000000,"title":"A row of ordinary length, as applications have them","status":"in_progress","updated_at":"2026-11-28T10:00:00.000000+00:00"},"errors":null}}]"#;

impl Default for Template {
    fn default() -> Self {
        Template::of(DEFAULT)
    }
}

impl Template {
    pub fn of(text: &str) -> Template {
        Template {
            text: text.to_string(),
        }
    }

    pub fn fill(&self, topic: &str, number: u64, stamp: u64) -> String {
        let topic_end = self.text.find("\",\"postgres_changes\"").unwrap_or(0);
        let mut out = format!("[null,null,\"{topic}");
        let rest = &self.text[topic_end..];
        let rest = put(rest, "\"number\":", number, &mut out);
        let rest = put(rest, "\"stamp\":", stamp, &mut out);
        out.push_str(rest);
        out
    }
}

/// Copies up to a key, and this number in place of the one behind it; returns the rest.
fn put<'a>(text: &'a str, key: &str, number: u64, out: &mut String) -> &'a str {
    let begin = text.find(key).map_or(text.len(), |place| place + key.len());
    out.push_str(&text[..begin]);
    out.push_str(&number.to_string());
    text[begin..].trim_start_matches(|digit: char| digit.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_gateway_sends() {
        let reply = br#"["1","1","realtime:t","phx_reply",{"status":"ok","response":{"postgres_changes":[{"event":"*","id":7}]}}]"#;
        assert_eq!(read(reply), Message::Joined);
        let heartbeat = br#"[null,"2","phoenix","phx_reply",{"status":"ok","response":{}}]"#;
        assert_eq!(read(heartbeat), Message::Other);
        let system = br#"[null,null,"realtime:t","system",{"extension":"postgres_changes","status":"ok","message":"Subscribed to PostgreSQL","channel":"t"}]"#;
        assert_eq!(read(system), Message::Other);
        let cursor = br#"[null,null,"realtime:t","pgrealtime",{"cursor":"abc"}]"#;
        assert_eq!(read(cursor), Message::Cursor("abc"));
        for text in [
            r#"["1","1","realtime:t","phx_reply",{"status":"error","response":{"reason":"no"}}]"#,
            r#"["1","1","realtime:t","phx_error",{"reason":"channel_crash"}]"#,
            r#"["1","1","realtime:t","phx_close",{}]"#,
        ] {
            assert_eq!(read(text.as_bytes()), Message::Ended(text));
        }
        let text = r#"[null,null,"realtime:t","system",{"extension":"system","status":"error","message":"no","channel":"t"}]"#;
        assert_eq!(read(text.as_bytes()), Message::Error(text));
    }

    #[test]
    fn a_template_is_filled_and_read() {
        let text = Template::default().fill("realtime:team-17", 9, 1_000_000_000_123);
        assert!(text.starts_with("[null,null,\"realtime:team-17\",\"postgres_changes\",{\"ids\":"));
        let (number, stamp) = (9, 1_000_000_000_123);
        assert_eq!(read(text.as_bytes()), Message::Change { number, stamp });
        assert_eq!(text.len(), DEFAULT.len() + 1);
        let again = Template::of(&text).fill("realtime:team-0", 1, 1_000_000_000_000);
        assert_eq!(again, DEFAULT);
    }
}
