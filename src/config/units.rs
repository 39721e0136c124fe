//! The sorts of values that settings have: how each is read, written, shown
//! to people, and described to editors.

use std::time::Duration;

use serde_json::{Value, json};

use super::cron::Cron;
use super::secret::SecretSource;
use super::values::{parse_bytes, parse_count, parse_duration, parse_switch, show_bytes, show_duration};
use crate::model::QuietHours;
use crate::model::detector::{Detector, parse_detectors, show_detectors};

/// How a value is shown to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// As it is.
    Plain,
    /// Addresses, without the passwords in them.
    Addresses,
    /// Not at all: it says where a secret is.
    Secret,
}

/// Which outgoing mail is searched for secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ScanSecrets {
    /// What goes to everyone, or to everyone of a role.
    #[default]
    Broadcast,
    /// All.
    Always,
    /// None.
    Off,
}

impl ScanSecrets {
    const WORDS: [(&str, Self); 3] = [("broadcast", Self::Broadcast), ("always", Self::Always), ("off", Self::Off)];

    fn parse(text: &str) -> Result<Self, String> {
        let found = Self::WORDS.iter().find(|(word, _)| *word == text.trim());
        found.map(|(_, value)| *value).ok_or_else(|| format!("{text:?} is none of broadcast, always and off"))
    }

    fn word(&self) -> String {
        Self::WORDS.iter().find(|(_, value)| value == self).map_or("", |(word, _)| word).to_owned()
    }
}

macro_rules! unit {
    ($name:ident, $type:ty, $unit:literal, $parse:expr, $show:expr, $json:tt) => {
        unit!($name, $type, $unit, $parse, $show, $json, Plain);
    };
    ($name:ident, $type:ty, $unit:literal, $parse:expr, $show:expr, $json:tt, $kind:ident) => {
        pub(super) mod $name {
            #[allow(unused_imports)]
            use super::*;
            pub(in crate::config) const UNIT: &str = $unit;
            pub(in crate::config) const KIND: Kind = Kind::$kind;
            pub(in crate::config) fn parse(text: &str) -> Result<$type, String> {
                $parse(text)
            }
            pub(in crate::config) fn show(value: &$type) -> String {
                $show(value)
            }
            pub(in crate::config) fn json() -> Value {
                json!($json)
            }
        }
    };
}

unit!(bytes, u64, "bytes (4096, 16KiB, 10MiB)", parse_bytes, |v: &u64| show_bytes(*v), [
    { "type": "integer", "minimum": 0 },
    { "type": "string", "pattern": "^ *[0-9]+ *([bB]|[kKmMgG][iI]?[bB]|[tT][iI][bB])? *$" },
]);
unit!(duration, Duration, "duration (500ms, 10s, 5m, 2h, 30d)", parse_duration, |v: &Duration| show_duration(*v), [
    { "const": 0 },
    { "type": "string", "pattern": "^ *(0|([0-9]+ *(ms|s|m|h|d|w) *)+)$" },
]);
unit!(count, u64, "number", parse_count, u64::to_string, [
    { "type": "integer", "minimum": 0 },
    { "type": "string", "pattern": "^[0-9][0-9_]*$" },
]);
unit!(small, u32, "number", parse_count, u32::to_string, [
    { "type": "integer", "minimum": 0, "maximum": 4294967295_u32 },
    { "type": "string", "pattern": "^[0-9][0-9_]*$" },
]);
unit!(switch, bool, "true or false", parse_switch, bool::to_string, [
    { "type": "boolean" },
    { "enum": ["yes", "no", "on", "off"] },
]);
unit!(
    hours,
    QuietHours,
    "hours (22:00-07:00, several with commas, or never)",
    QuietHours::parse,
    |v: &QuietHours| v.to_string(),
    [{ "type": "string" }]
);
unit!(places, String, "default, a path, or a URL; several with commas", super::parse_text, String::clone, [
    { "type": "string" },
    { "type": "array", "items": { "type": "string" } },
], Addresses);
unit!(cron, Cron, "minute hour day month weekday (0 2 * * SUN), or none", Cron::parse, Cron::to_string, [
    { "type": "string" },
]);
unit!(text, String, "text, or none", super::parse_text, String::clone, [{ "type": "string" }]);
unit!(
    secret,
    SecretSource,
    "none, file:PATH, env:NAME, command:[program, ...], or encrypted by config set --secret",
    SecretSource::parse,
    SecretSource::text,
    [
        { "type": "string", "pattern": "^(none|(file|env|command|age):.+)$" },
        {
            "type": "object",
            "additionalProperties": false,
            "minProperties": 1,
            "maxProperties": 1,
            "properties": {
                "file": { "type": "string" },
                "env": { "type": "string" },
                "command": { "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] },
                "age": { "type": "string" }
            }
        },
    ],
    Secret
);
unit!(
    detectors,
    Vec<Detector>,
    "none, or words of detectors with commas (docs/watch.md)",
    parse_detectors,
    |v: &Vec<Detector>| show_detectors(v),
    [
        { "type": "string" },
        { "type": "array", "items": { "type": "string" } },
    ]
);
unit!(scan, ScanSecrets, "broadcast, always or off", ScanSecrets::parse, ScanSecrets::word, [
    { "enum": ["broadcast", "always", "off"] },
]);
unit!(filter, String, "tracing filter (info, agent_cellphone=debug)", super::parse_filter, String::clone, [
    { "type": "string", "pattern": "^[A-Za-z0-9_:=,\\-\\[\\]{}]+$" },
]);

fn parse_text(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("nothing stands there; write none for nothing".into()),
        text if text.chars().any(char::is_control) => Err("a control character stands in it".into()),
        text => Ok(text.to_owned()),
    }
}

fn parse_filter(text: &str) -> Result<String, String> {
    let ok = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_:=,-[]{}".contains(&b));
    if ok { Ok(text.to_owned()) } else { Err(format!("{text:?} is not a filter; write error, warn, info or debug")) }
}
