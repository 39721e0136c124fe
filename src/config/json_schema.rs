//! JSON schemas of the files that people write, for their editors.
//!
//! That of the settings is made from the list of settings; the others are
//! files of `config/schema/`, where `init` puts all of them. Each file of
//! configuration names its own in its first line, in the way of the YAML
//! language server.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde_json::{Map, Value, json};

use super::schema::{KEYS, Key, SECTIONS};

const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Whose schema is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaOf {
    /// `cellphone.yaml`.
    Cellphone,
    /// `agents.yaml`.
    Agents,
    /// `roles.yaml`.
    Roles,
    /// `profiles/*.yaml`.
    Profile,
    /// `continuity/*.yaml`.
    Scenario,
}

impl FromStr for SchemaOf {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "cellphone" => Ok(Self::Cellphone),
            "agents" => Ok(Self::Agents),
            "roles" => Ok(Self::Roles),
            "profile" => Ok(Self::Profile),
            "scenario" => Ok(Self::Scenario),
            _ => Err(format!("{text:?} has no schema; write cellphone, agents, roles, profile or scenario")),
        }
    }
}

/// The schema of a file.
#[must_use]
pub fn json_schema(of: SchemaOf) -> Value {
    let text = match of {
        SchemaOf::Cellphone => return settings_schema(),
        SchemaOf::Agents => include_str!("../../config/schema/agents.schema.json"),
        SchemaOf::Roles => include_str!("../../config/schema/roles.schema.json"),
        SchemaOf::Profile => include_str!("../../config/schema/profile.schema.json"),
        SchemaOf::Scenario => include_str!("../../config/schema/scenario.schema.json"),
    };
    // Constant; a test reads each.
    serde_json::from_str(text).unwrap_or_default()
}

fn settings_schema() -> Value {
    let mut top = BTreeMap::new();
    for key in KEYS.iter().filter(|key| !key.name.contains('.')) {
        top.insert(key.name.to_owned(), property(key));
    }
    for (section, about) in SECTIONS {
        let of_it = |key: &'static Key| key.name.strip_prefix(section)?.strip_prefix('.').map(|name| (name, key));
        let inside = KEYS.iter().filter_map(of_it).map(|(name, key)| (name.to_owned(), property(key)));
        let properties = object(inside.collect());
        // A section whose every line is commented out is null.
        let value = [("additionalProperties", json!(false)), ("description", json!(about.trim()))];
        let more = [("properties", properties), ("type", json!(["object", "null"]))];
        top.insert((*section).to_owned(), object(named(value.into_iter().chain(more))));
    }
    let about = "Settings of a working root, of the user or of the machine. Printed by: cellphone config schema";
    object(named([
        ("$schema", json!(DRAFT)),
        ("additionalProperties", json!(false)),
        ("description", json!(about)),
        ("properties", object(top)),
        ("title", json!("cellphone.yaml")),
        ("type", json!(["object", "null"])),
    ]))
}

fn property(key: &Key) -> Value {
    let Value::Array(mut forms) = (key.json)() else { return Value::Null };
    // `key:` with nothing behind it leaves the default in force.
    forms.push(json!({ "type": "null" }));
    let about = format!("{}\nUnit: {}", key.about.trim(), key.unit);
    let default = serde_json::from_str(key.default).ok().filter(|v: &Value| v.is_boolean() || v.is_number());
    let default = default.unwrap_or_else(|| json!(key.default));
    object(named([("anyOf", Value::Array(forms)), ("default", default), ("description", json!(about))]))
}

fn named(pairs: impl IntoIterator<Item = (&'static str, Value)>) -> BTreeMap<String, Value> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// In the order of the names, whatever the JSON library keeps.
fn object(pairs: BTreeMap<String, Value>) -> Value {
    Value::Object(pairs.into_iter().collect::<Map<String, Value>>())
}

/// The text that is written into a file.
#[must_use]
pub fn json_schema_text(of: SchemaOf) -> String {
    format!("{:#}\n", json_schema(of))
}

#[cfg(test)]
mod tests {
    use super::super::samples::FILES;
    use super::*;

    #[test]
    fn the_schemas_that_are_shipped_are_those_that_are_printed() {
        for (name, of) in [
            ("cellphone", SchemaOf::Cellphone),
            ("agents", SchemaOf::Agents),
            ("roles", SchemaOf::Roles),
            ("profile", SchemaOf::Profile),
            ("scenario", SchemaOf::Scenario),
        ] {
            let path = format!("config/schema/{name}.schema.json");
            let shipped = FILES.iter().find(|(file, _)| *file == path).unwrap().1;
            let printed = json_schema_text(name.parse().unwrap());
            assert_eq!(shipped, printed, "write it anew: cellphone config schema {name} > {path}");
            assert_eq!(json_schema(of)["$schema"], DRAFT, "{name}");
        }
        assert!("settings".parse::<SchemaOf>().is_err());
    }

    #[test]
    fn every_file_names_its_schema() {
        let mut named = 0;
        for (path, text) in FILES.iter().filter(|(path, _)| path.ends_with(".yaml") && !path.contains("onboarding")) {
            let line = text.lines().next().unwrap();
            let schema = line.strip_prefix("# yaml-language-server: $schema=").unwrap_or_else(|| panic!("{path}"));
            let folder = path.rsplit_once('/').unwrap().0;
            let mut parts: Vec<&str> = folder.split('/').collect();
            for part in schema.split('/') {
                match part {
                    ".." => parts.truncate(parts.len().saturating_sub(1)),
                    part => parts.push(part),
                }
            }
            let schema = parts.join("/");
            assert!(FILES.iter().any(|(file, _)| *file == schema), "{path} names {schema}");
            named += 1;
        }
        assert!(named > 3);
    }
}
