//! JSON in: parsed strictly, and what is wrong is told without repeating it.
//!
//! serde's own messages quote the input; an identity endpoint's input is a name. So a message is rebuilt from
//! the few parts of serde's sentence that come from this program, and a pointer keeps only words of the schema.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use crate::problem::{self, Problem};

/// Prefix of the messages that this crate's own types raise while they are read: safe to show.
pub(crate) const MUST: &str = "must ";

/// Parses a body.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if std::str::from_utf8(bytes).is_err() {
        return Err(Problem::new(&problem::BAD_BODY, "the body is not UTF-8"));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    match serde_path_to_error::deserialize::<_, T>(&mut reader) {
        Ok(value) => match reader.end() {
            Ok(()) => Ok(value),
            Err(_) => Err(Problem::new(&problem::BAD_BODY, "something follows the JSON value")),
        },
        Err(error) => {
            let inner = error.inner();
            let place = format!("line {}, column {}", inner.line(), inner.column());
            if inner.classify() != serde_json::error::Category::Data {
                return Err(Problem::new(&problem::BAD_BODY, format!("the body is not JSON at {place}")));
            }
            let pointer = pointer(error.path());
            Err(Problem::new(&problem::DOES_NOT_FIT, format!("the body does not fit at {place}"))
                .at(pointer, safe(&inner.to_string())))
        }
    }
}

/// The part of serde's message that did not come from the client.
fn safe(message: &str) -> String {
    let message = message.rsplit_once(" at line ").map_or(message, |(head, _)| head);
    if message.starts_with("missing field `") || message.starts_with(MUST) {
        return message.to_owned();
    }
    if message.starts_with("unknown field ") {
        return "has a field that is not in the schema".to_owned();
    }
    if message.starts_with("duplicate field ") {
        return "has a field twice".to_owned();
    }
    // The expectation comes last and is ours; the value before it is not.
    match message.rsplit_once(", expected ") {
        Some((_, expected)) => format!("expected {}", plain(expected)),
        None => "does not fit the schema".to_owned(),
    }
}

/// What serde expected, in words of JSON.
fn plain(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "i8" | "i16" | "i32" | "i64" | "usize" => {
            "a whole number within bounds"
        }
        "f32" | "f64" => "a number",
        "a sequence" => "a list",
        "a map" => "an object",
        other if other.starts_with("struct ") || other.starts_with("internally tagged") => "an object",
        other if other.starts_with("enum ") => "one of the schema's words",
        other => other,
    }
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    let mut out = String::new();
    for segment in path {
        out.push('/');
        match segment {
            Segment::Seq { index } => out.push_str(&index.to_string()),
            Segment::Map { key } if schema_words().contains(key.as_str()) => out.push_str(key),
            Segment::Enum { variant } if schema_words().contains(variant.as_str()) => out.push_str(variant),
            Segment::Map { .. } | Segment::Enum { .. } | Segment::Unknown => out.push('?'),
        }
    }
    out
}

/// Every property name in the published schema: the only words a pointer may hold.
fn schema_words() -> &'static BTreeSet<String> {
    static WORDS: OnceLock<BTreeSet<String>> = OnceLock::new();
    WORDS.get_or_init(|| {
        fn walk(value: &serde_json::Value, words: &mut BTreeSet<String>) {
            match value {
                serde_json::Value::Object(map) => {
                    if let Some(serde_json::Value::Object(properties)) = map.get("properties") {
                        words.extend(properties.keys().cloned());
                    }
                    map.values().for_each(|value| walk(value, words));
                }
                serde_json::Value::Array(items) => items.iter().for_each(|value| walk(value, words)),
                _ => {}
            }
        }
        let mut words = BTreeSet::new();
        if let Ok(value) = serde_json::from_str(crate::openapi::text()) {
            walk(&value, &mut words);
        }
        words
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Example {
        #[expect(dead_code, reason = "only read by serde")]
        account: u32,
        #[expect(dead_code, reason = "only read by serde")]
        #[serde(default)]
        items: Vec<BTreeMap<String, u8>>,
    }

    #[test]
    fn a_message_never_repeats_the_input() {
        for body in [
            r#"{"account": "Li Wei"}"#,
            r#"{"Li Wei": 1}"#,
            r#"{"account": 1, "items": [{"Li Wei": 4000}]}"#,
            r#"{"account": 1, "items": [{"ok": "Li Wei, expected Li Wei"}]}"#,
            r#"{"account": Li Wei}"#,
            r#""Li Wei""#,
            r#"{"account": 1} Li Wei"#,
        ] {
            let problem = parse::<Example>(body.as_bytes()).unwrap_err();
            let text = String::from_utf8(problem.to_json()).unwrap();
            assert!(!text.contains("Wei"), "{body} gave {text}");
        }
    }

    #[test]
    fn a_place_is_named_in_the_schemas_words() {
        let problem = parse::<Example>(br#"{"account": 1, "items": [{}, {"x": -1}]}"#).unwrap_err();
        let text = String::from_utf8(problem.to_json()).unwrap();
        assert!(text.contains("/items/1/?"), "{text}");
        assert!(text.contains("expected a whole number"), "{text}");
    }
}
