//! JSON that is written back in the order in which it was read: a person's
//! file keeps its look, and keys that nobody here knows keep their place.

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap as _, SerializeSeq as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// A document or a part of one.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Json {
    Object(Vec<(String, Json)>),
    List(Vec<Json>),
    /// A number, a text, true, false or null.
    Plain(Value),
}

impl Json {
    /// An empty object.
    pub(super) const fn object() -> Self {
        Self::Object(Vec::new())
    }

    /// What serde makes of a value.
    pub(super) fn of(value: &impl Serialize) -> Result<Self, serde_json::Error> {
        serde_json::from_str(&serde_json::to_string(value)?)
    }

    /// What stands under a key; the last where it stands twice.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Object(entries) => entries.iter().rev().find(|(k, _)| k == key).map(|(_, v)| v),
            _ => None,
        }
    }

    /// The place under a key, made at the end of the object when missing.
    /// What is no object becomes one.
    pub(super) fn entry(&mut self, key: &str) -> &mut Self {
        if !matches!(self, Self::Object(_)) {
            *self = Self::object();
        }
        let Self::Object(entries) = self else { return self };
        let at = match entries.iter().rposition(|(k, _)| k == key) {
            Some(at) => at,
            None => {
                entries.push((key.to_owned(), Self::Plain(Value::Null)));
                entries.len() - 1
            }
        };
        &mut entries[at].1
    }

    /// For a file: lists of plain values stand on one line, as a person
    /// writes a point.
    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, 0);
        out.push('\n');
        out
    }

    fn write(&self, out: &mut String, depth: usize) {
        let pad = |out: &mut String, depth: usize| out.extend(["\n", &"  ".repeat(depth)]);
        match self {
            Self::Plain(value) => out.push_str(&value.to_string()),
            Self::List(all) if all.iter().all(|v| matches!(v, Self::Plain(_))) => {
                let words: Vec<String> = all.iter().map(|v| v.text().trim_end().to_owned()).collect();
                out.extend(["[", &words.join(", "), "]"]);
            }
            Self::List(all) => {
                for (at, value) in all.iter().enumerate() {
                    out.push(if at == 0 { '[' } else { ',' });
                    pad(out, depth + 1);
                    value.write(out, depth + 1);
                }
                pad(out, depth);
                out.push(']');
            }
            Self::Object(entries) if entries.is_empty() => out.push_str("{}"),
            Self::Object(entries) => {
                for (at, (key, value)) in entries.iter().enumerate() {
                    out.push(if at == 0 { '{' } else { ',' });
                    pad(out, depth + 1);
                    out.extend([&Value::from(key.as_str()).to_string(), ": "]);
                    value.write(out, depth + 1);
                }
                pad(out, depth);
                out.push('}');
            }
        }
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Plain(value) => value.serialize(to),
            Self::List(all) => {
                let mut list = to.serialize_seq(Some(all.len()))?;
                all.iter().try_for_each(|v| list.serialize_element(v))?;
                list.end()
            }
            Self::Object(entries) => {
                let mut map = to.serialize_map(Some(entries.len()))?;
                entries.iter().try_for_each(|(k, v)| map.serialize_entry(k, v))?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Json;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("JSON")
            }
            fn visit_bool<E>(self, v: bool) -> Result<Json, E> {
                Ok(Json::Plain(v.into()))
            }
            fn visit_i64<E>(self, v: i64) -> Result<Json, E> {
                Ok(Json::Plain(v.into()))
            }
            fn visit_u64<E>(self, v: u64) -> Result<Json, E> {
                Ok(Json::Plain(v.into()))
            }
            fn visit_f64<E>(self, v: f64) -> Result<Json, E> {
                Ok(Json::Plain(v.into()))
            }
            fn visit_str<E>(self, v: &str) -> Result<Json, E> {
                Ok(Json::Plain(v.into()))
            }
            fn visit_unit<E>(self) -> Result<Json, E> {
                Ok(Json::Plain(Value::Null))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
                let mut all = Vec::new();
                while let Some(value) = seq.next_element()? {
                    all.push(value);
                }
                Ok(Json::List(all))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Json::Object(entries))
            }
        }
        from.deserialize_any(Visit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_foreign_keys_stay() {
        let text = "{\n  \"z\": 1,\n  \"note\": {\n    \"b\": [1, -2.5, \"x\"],\n    \"a\": null\n  },\n  \"list\": [\n    {\n      \"k\": true\n    }\n  ],\n  \"empty\": {}\n}\n";
        let mut json: Json = serde_json::from_str(text).unwrap();
        assert_eq!(json.text(), text);
        *json.entry("note").entry("new") = Json::of(&[4, 5]).unwrap();
        assert!(json.text().contains("\"a\": null,\n    \"new\": [4, 5]\n"));
        assert!(json.get("z").is_some() && json.get("y").is_none());
    }
}
