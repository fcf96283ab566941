//! Messages to clients: replies, system messages, changes, and the ends of channels.

use super::frame::{encode, push_string, Address, Version};

/// A reply to a message. `response` is the JSON text of an object.
pub fn reply(version: Version, to: Address, is_ok: bool, response: &str) -> String {
    let status = if is_ok { "ok" } else { "error" };
    encode(
        version,
        to,
        "phx_reply",
        &["{\"status\":\"", status, "\",\"response\":", response, "}"],
    )
}

/// A refusal, with the reason as clients match on it.
pub fn refusal(version: Version, to: Address, reason: &str) -> String {
    let mut response = String::from("{\"reason\":");
    push_string(&mut response, reason);
    response.push('}');
    reply(version, to, false, &response)
}

/// A message about the channel as a whole, or about its changes (`postgres_changes`).
pub fn system(
    version: Version,
    topic: &str,
    extension: &str,
    is_ok: bool,
    message: &str,
) -> String {
    let mut payload = String::from("{\"extension\":");
    push_string(&mut payload, extension);
    payload.push_str(",\"status\":\"");
    payload.push_str(if is_ok { "ok" } else { "error" });
    payload.push_str("\",\"message\":");
    push_string(&mut payload, message);
    payload.push_str(",\"channel\":");
    push_string(
        &mut payload,
        topic.strip_prefix("realtime:").unwrap_or(topic),
    );
    payload.push('}');
    encode(version, Address::unasked(topic), "system", &[&payload])
}

/// A change for the bindings with these ids. `change` is the JSON text that the extension wrote; it is not parsed.
pub fn change(version: Version, topic: &str, ids: &[u32], change: &str) -> String {
    let mut head = String::from("{\"ids\":[");
    for (place, id) in ids.iter().enumerate() {
        if place > 0 {
            head.push(',');
        }
        head.push_str(&id.to_string());
    }
    head.push_str("],\"data\":");
    encode(
        version,
        Address::unasked(topic),
        "postgres_changes",
        &[&head, change, "}"],
    )
}

/// The cursor that a channel has reached, for channels that follow cursors.
pub fn cursor(version: Version, topic: &str, cursor: &str) -> String {
    let mut payload = String::from("{\"cursor\":");
    push_string(&mut payload, cursor);
    payload.push('}');
    encode(version, Address::unasked(topic), "pgrealtime", &[&payload])
}

/// The end of a channel: the client does not join again. Both references are that of the join: clients of the first
/// version ignore other ends.
pub fn close(version: Version, topic: &str, join_ref: Option<&str>) -> String {
    encode(version, ended(topic, join_ref), "phx_close", &["{}"])
}

/// A fault of a channel: the client joins again.
pub fn fault(version: Version, topic: &str, join_ref: Option<&str>, reason: &str) -> String {
    let mut payload = String::from("{\"reason\":");
    push_string(&mut payload, reason);
    payload.push('}');
    encode(version, ended(topic, join_ref), "phx_error", &[&payload])
}

fn ended<'a>(topic: &'a str, join_ref: Option<&'a str>) -> Address<'a> {
    Address {
        join_ref,
        reference: join_ref,
        topic,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_frames() {
        let to = Address {
            join_ref: Some("\"1\""),
            reference: Some("\"2\""),
            topic: "realtime:r",
        };
        assert_eq!(
            refusal(Version::V2, to, "unmatched topic"),
            r#"["1","2","realtime:r","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]"#
        );
        assert_eq!(
            reply(Version::V1, to, true, "{}"),
            r#"{"topic":"realtime:r","event":"phx_reply","payload":{"status":"ok","response":{}},"ref":"2"}"#
        );
        assert_eq!(
            system(
                Version::V2,
                "realtime:r",
                "postgres_changes",
                true,
                "Subscribed to PostgreSQL"
            ),
            r#"[null,null,"realtime:r","system",{"extension":"postgres_changes","status":"ok","message":"Subscribed to PostgreSQL","channel":"r"}]"#
        );
        assert_eq!(
            change(Version::V2, "realtime:r", &[7, 9], r#"{"type":"INSERT"}"#),
            r#"[null,null,"realtime:r","postgres_changes",{"ids":[7,9],"data":{"type":"INSERT"}}]"#
        );
        assert_eq!(
            close(Version::V1, "realtime:r", Some("\"1\"")),
            r#"{"topic":"realtime:r","event":"phx_close","payload":{},"ref":"1"}"#
        );
        assert_eq!(
            fault(Version::V2, "realtime:r", Some("\"1\""), "channel_crash"),
            r#"["1","1","realtime:r","phx_error",{"reason":"channel_crash"}]"#
        );
        assert_eq!(
            cursor(Version::V2, "realtime:r", "abc"),
            r#"[null,null,"realtime:r","pgrealtime",{"cursor":"abc"}]"#
        );
    }
}
