//! The settings as values: each with its origin, found by its key.

use super::ConfigError;
use super::origin::Origin;
use super::schema::{KEYS, Key, Settings};
use super::secret::{HIDDEN, SecretSource, without_password};
use super::units::Kind;
use super::values::nearest;

/// One setting, for showing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The key, as `limits.body`.
    pub key: &'static str,
    /// The value in force, as it is written in the file; of a secret only
    /// that there is one.
    pub value: String,
    /// Where a secret is.
    pub place: Option<String>,
    /// Where it came from.
    pub origin: Origin,
    /// The built-in value.
    pub default: &'static str,
    /// What sort of value it is.
    pub unit: &'static str,
    /// What it means.
    pub about: &'static str,
}

impl Settings {
    /// Where the value of a key came from.
    #[must_use]
    pub fn origin(&self, key: &str) -> Origin {
        self.origins.iter().find(|(k, _)| *k == key).map_or(Origin::Default, |(_, origin)| origin.clone())
    }

    /// The built-in value of a key, as it is written in a file.
    #[must_use]
    pub fn default_of(key: &str) -> Option<&'static str> {
        find(key).map(|key| key.default)
    }

    /// Every setting with its value and origin, in the order of the file.
    #[must_use]
    pub fn list(&self) -> Vec<Setting> {
        KEYS.iter()
            .map(|key| Setting {
                key: key.name,
                value: shown(key.kind, (key.show)(self)),
                place: place(key.kind, &(key.show)(self)),
                origin: self.origin(key.name),
                default: key.default,
                unit: key.unit,
                about: key.about.trim(),
            })
            .collect()
    }

    /// Takes a value from somewhere.
    pub(super) fn take(&mut self, key: &'static Key, value: &str, origin: Origin) -> Result<(), String> {
        (key.set)(self, value)?;
        self.origins.retain(|(k, _)| *k != key.name);
        self.origins.push((key.name, origin));
        Ok(())
    }
}

fn shown(kind: Kind, text: String) -> String {
    match kind {
        Kind::Plain => text,
        Kind::Addresses => without_password(&text),
        Kind::Secret if text == "none" => text,
        Kind::Secret => HIDDEN.to_owned(),
    }
}

fn place(kind: Kind, text: &str) -> Option<String> {
    let source = SecretSource::parse(text).ok().filter(|source| kind == Kind::Secret && !source.is_none());
    source.map(|source| source.place())
}

/// A value as it may be told: to the journal, or in an answer.
#[must_use]
pub fn shown_value(key: &str, value: &str) -> String {
    find(key).map_or_else(|| value.to_owned(), |key| shown(key.kind, value.to_owned()))
}

/// Refuses values that would make a promise impossible to keep.
pub(super) fn check(all: &Settings) -> Result<(), ConfigError> {
    let Some((key, why)) = all.fault() else { return Ok(()) };
    let why = format!("`{key}`: {why}");
    Err(match all.origin(key) {
        Origin::Env { name } => ConfigError::Env { name, why },
        Origin::File { path, line, .. } => ConfigError::invalid(path, Some(line), why),
        other => ConfigError::Refused(format!("{other}: {why}")),
    })
}

pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The key, or what to say about one that is none.
pub(super) fn known(name: &str) -> Result<&'static Key, ConfigError> {
    find(name).ok_or_else(|| ConfigError::NotFound(unknown(name)))
}

/// What to say about a key that is none: the nearest one, among the whole
/// names and among the last parts (a right key in the wrong section).
pub(super) fn unknown(name: &str) -> String {
    let last = |key: &'static str| key.rsplit('.').next().unwrap_or(key);
    let own = name.rsplit('.').next().unwrap_or(name);
    let near = KEYS
        .iter()
        .find(|key| last(key.name) == own)
        .map(|key| key.name)
        .or_else(|| nearest(name, KEYS.iter().map(|key| key.name)));
    match near {
        Some(near) => format!("unknown setting `{name}`; did you mean `{near}`?"),
        None => format!("unknown setting `{name}`; `cellphone config show --about` lists all"),
    }
}

/// Whether a setting says where a secret is.
///
/// # Errors
/// [`ConfigError::NotFound`] for an unknown key.
pub fn is_secret(key: &str) -> Result<bool, ConfigError> {
    Ok(known(key)?.kind == Kind::Secret)
}
