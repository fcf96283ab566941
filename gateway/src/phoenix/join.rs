//! What a client asks for when it joins a channel. A part that has the wrong shape counts as absent: the peer does not
//! refuse it either, and clients of some versions send booleans as strings.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::Value;

/// The payload of `phx_join`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Join {
    pub access_token: Option<String>,
    pub private: bool,
    /// Whether the client wants its own broadcasts.
    pub broadcast_self: bool,
    /// Whether broadcasts are acknowledged.
    pub broadcast_ack: bool,
    pub presence: bool,
    pub presence_key: Option<String>,
    pub bindings: Vec<Binding>,
}

/// One entry of `postgres_changes`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Binding {
    /// The object as the client sent it; the reply must give it back with all its values.
    pub text: String,
    /// `*` unless it is one of INSERT, UPDATE, DELETE, TRUNCATE.
    pub event: String,
    /// `public` unless given; `*` for every schema.
    pub schema: String,
    /// `None` for every table of the schema.
    pub table: Option<String>,
    pub filter: Option<String>,
    pub select: Option<Vec<String>>,
    /// Whether the client follows cursors; with the one to go on from, if it has one.
    pub since: Option<Option<String>>,
}

#[derive(Deserialize, Default)]
struct Payload<'a> {
    #[serde(borrow, default)]
    config: Option<&'a RawValue>,
    #[serde(default)]
    access_token: Value,
    #[serde(default)]
    user_token: Value,
}

#[derive(Deserialize, Default)]
struct Config<'a> {
    #[serde(default)]
    private: Value,
    #[serde(default)]
    broadcast: Value,
    #[serde(default)]
    presence: Value,
    #[serde(borrow, default)]
    postgres_changes: Option<&'a RawValue>,
}

impl Join {
    /// Reads the payload of a join. It never fails: what has the wrong shape counts as absent. Of more bindings than `most`,
    /// one more is read.
    pub fn read(payload: &RawValue, most: usize) -> Join {
        let payload: Payload = serde_json::from_str(payload.get()).unwrap_or_default();
        let config = payload.config.map(RawValue::get).unwrap_or_default();
        let config: Config = serde_json::from_str(config).unwrap_or_default();
        let token = text(&payload.access_token).or_else(|| text(&payload.user_token));
        let list = config
            .postgres_changes
            .map(RawValue::get)
            .unwrap_or_default();
        let list: Vec<Option<&RawValue>> = serde_json::from_str(list).unwrap_or_default();
        Join {
            access_token: token,
            private: holds(&config.private),
            broadcast_self: holds(&config.broadcast["self"]),
            broadcast_ack: holds(&config.broadcast["ack"]),
            presence: holds(&config.presence["enabled"]),
            presence_key: text(&config.presence["key"]).filter(|key| !key.is_empty()),
            bindings: list
                .into_iter()
                .flatten()
                .filter_map(Binding::read)
                .take(most.saturating_add(1))
                .collect(),
        }
    }
}

impl Binding {
    fn read(object: &RawValue) -> Option<Binding> {
        let value: Value = serde_json::from_str(object.get()).ok()?;
        let value = value.as_object()?;
        let named = |name: &str| value.get(name).and_then(text);
        let event = named("event").map(|event| event.to_ascii_uppercase());
        Some(Binding {
            text: object.get().to_string(),
            event: event.unwrap_or_else(|| "*".to_string()),
            schema: named("schema").unwrap_or_else(|| "public".to_string()),
            table: named("table").filter(|table| table != "*"),
            filter: named("filter").filter(|filter| !filter.is_empty()),
            select: value.get("select").and_then(columns),
            since: value.get("since").map(text),
        })
    }

    /// The object for the reply: as it came, and its id. The last of two equal keys is the one that counts.
    pub fn with_id(&self, id: u32) -> String {
        let inner = self.text.trim_end();
        let inner = inner.strip_suffix('}').unwrap_or(inner).trim_end();
        let comma = if inner.ends_with('{') { "" } else { "," };
        format!("{inner}{comma}\"id\":{id}}}")
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_string)
}

fn holds(value: &Value) -> bool {
    value.as_bool().unwrap_or(value.as_str() == Some("true"))
}

/// A list of names, or names with commas between them.
fn columns(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(names) => Some(
            names
                .split(',')
                .map(|name| name.trim().to_string())
                .collect(),
        ),
        Value::Array(names) => names.iter().map(text).collect(),
        _ => None,
    }
    .filter(|names: &Vec<String>| names.iter().any(|name| !name.is_empty() && name != "*"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(payload: &str) -> Join {
        Join::read(
            &RawValue::from_string(payload.to_string()).expect("JSON"),
            100,
        )
    }

    #[test]
    fn a_join_of_a_real_client() {
        let join = read(
            r#"{"config":{"broadcast":{"ack":false,"self":true},"presence":{"key":"","enabled":false},
            "postgres_changes":[{"event":"*","schema":"public","table":"todos","filter":"id=eq.1"},null,
            {"event":"insert","schema":"hr","since":null,"select":["a","b"]}],"private":false},"access_token":"x.y.z"}"#,
        );
        assert_eq!(join.access_token.as_deref(), Some("x.y.z"));
        assert!(join.broadcast_self && !join.broadcast_ack && !join.private && !join.presence);
        assert_eq!(join.presence_key, None);
        let [first, second] = &join.bindings[..] else {
            panic!("{join:?}");
        };
        assert_eq!(
            (first.event.as_str(), first.schema.as_str()),
            ("*", "public")
        );
        assert_eq!(first.table.as_deref(), Some("todos"));
        assert_eq!(first.filter.as_deref(), Some("id=eq.1"));
        assert_eq!((first.since.clone(), first.select.clone()), (None, None));
        assert_eq!(
            (second.event.as_str(), second.table.as_deref()),
            ("INSERT", None)
        );
        assert_eq!(second.since, Some(None));
        assert_eq!(second.select, Some(vec!["a".to_string(), "b".to_string()]));
    }

    #[test]
    fn parts_of_the_wrong_shape_count_as_absent() {
        for payload in [
            "{}",
            "[]",
            "7",
            r#"{"config":7,"access_token":{}}"#,
            r#"{"config":{"postgres_changes":{}}}"#,
        ] {
            assert_eq!(read(payload), Join::default(), "{payload}");
        }
        let join = read(
            r#"{"config":{"private":"true","broadcast":7,"postgres_changes":[7,{"table":7}]}}"#,
        );
        assert!(join.private);
        assert_eq!(join.bindings.len(), 1);
        assert_eq!(join.bindings[0].table, None);
    }

    #[test]
    fn the_reply_has_every_value_and_the_id() {
        let text = r#"{"event":"*","schema":"s","table":null,"own":{"a":[1]}, "id":5 }"#;
        let binding = Binding {
            text: text.to_string(),
            ..Binding::default()
        };
        let value: Value = serde_json::from_str(&binding.with_id(7)).expect("JSON");
        assert_eq!(value["id"], 7);
        assert_eq!(value["own"]["a"][0], 1);
        assert!(
            value["table"].is_null() && value.as_object().expect("an object").contains_key("table")
        );
        let empty = Binding {
            text: "{ }".to_string(),
            ..Binding::default()
        };
        assert_eq!(empty.with_id(1), "{\"id\":1}");
    }

    #[test]
    fn the_inner_end_of_an_object_is_kept() {
        let binding = Binding {
            text: r#"{"own":{"a":{}}}"#.to_string(),
            ..Binding::default()
        };
        let value: Value = serde_json::from_str(&binding.with_id(3)).expect("JSON");
        assert_eq!(value["id"], 3);
        assert!(value["own"]["a"].is_object());
    }
}
