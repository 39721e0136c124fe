//! Reading the settings: defaults, then `config/cellphone.yaml`, then the
//! environment (`CELLPHONE_LIMITS_BODY` for `limits.body`). Every value knows
//! which of the three it came from.

use std::fmt;
use std::path::{Path, PathBuf};

use serde_yaml::Value;

use super::schema::{KEYS, Key, Settings};
use super::values::nearest;
use super::{ConfigError, Root, SETTINGS};

const PREFIX: &str = "CELLPHONE_";

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Built in.
    Default,
    /// A line of a file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1; 0 when it could not be told.
        line: usize,
    },
    /// An environment variable.
    Env {
        /// Its name.
        name: String,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line: 0 } => write!(f, "{}", path.display()),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Env { name } => write!(f, "environment {name}"),
        }
    }
}

/// One setting, for showing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The key, as `limits.body`.
    pub key: &'static str,
    /// The value in force, as it is written in the file.
    pub value: String,
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

    /// Every setting with its value and origin, in the order of the file.
    #[must_use]
    pub fn list(&self) -> Vec<Setting> {
        KEYS.iter()
            .map(|key| Setting {
                key: key.name,
                value: (key.show)(self),
                origin: self.origin(key.name),
                default: key.default,
                unit: key.unit,
                about: key.about.trim(),
            })
            .collect()
    }

    fn note(&mut self, key: &'static str, origin: Origin) {
        self.origins.retain(|(k, _)| *k != key);
        self.origins.push((key, origin));
    }
}

/// Reads the settings of a root.
///
/// # Errors
/// Names the file and line, or the variable, and the nearest known key.
pub fn settings(root: &Root) -> Result<Settings, ConfigError> {
    let mut all = Settings::default();
    let path = root.path().join(SETTINGS);
    if let Some(bytes) = root.read(SETTINGS)? {
        apply_file(&mut all, &bytes, &path)?;
    }
    apply_environment(&mut all, std::env::vars_os())?;
    check(&all, &path)?;
    Ok(all)
}

/// What a file alone says.
pub(super) fn from_file(bytes: &[u8], path: &Path) -> Result<Settings, ConfigError> {
    let mut all = Settings::default();
    apply_file(&mut all, bytes, path)?;
    check(&all, path)?;
    Ok(all)
}

/// Refuses values that would make a promise impossible to keep.
pub(super) fn check(all: &Settings, path: &Path) -> Result<(), ConfigError> {
    let Some((key, why)) = all.fault() else { return Ok(()) };
    Err(match all.origin(key) {
        Origin::Env { name } => ConfigError::Env { name, why: why.into() },
        Origin::File { path, line } => ConfigError::invalid(path, Some(line), format!("`{key}`: {why}")),
        Origin::Default => ConfigError::invalid(path, None, format!("`{key}`: {why}")),
    })
}

pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
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
        None => format!("unknown setting `{name}`; `cellphone config schema` lists all"),
    }
}

pub(super) fn apply_file(all: &mut Settings, bytes: &[u8], path: &Path) -> Result<(), ConfigError> {
    let text = std::str::from_utf8(bytes).map_err(|_| ConfigError::invalid(path, None, "it is not UTF-8"))?;
    let lines = match plain(text) {
        Some(lines) => lines,
        None => any_yaml(text, path)?,
    };
    for Line { name, value, line } in lines {
        let fault = |why: String| ConfigError::invalid(path, line, why);
        let key = find(&name).ok_or_else(|| fault(unknown(&name)))?;
        let value = value.ok_or_else(|| fault(format!("`{name}`: expected one value: {}", key.unit)))?;
        (key.set)(all, &value).map_err(|why| fault(format!("`{name}`: {why}")))?;
        all.note(key.name, Origin::File { path: path.to_owned(), line: line.unwrap_or(0) });
    }
    Ok(())
}

/// One setting as the file has it; `value` is `None` when it is a list or map.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    name: String,
    value: Option<String>,
    line: Option<usize>,
}

/// Reads the form that nearly every file has, two levels of plain values, at a
/// tenth of the cost of the YAML library: every `send` pays for this. Anything
/// else, and anything doubtful, is `None` and goes to the library.
fn plain(text: &str) -> Option<Vec<Line>> {
    let mut found: Vec<Line> = Vec::with_capacity(KEYS.len());
    let (mut section, mut sections) = ("", Vec::new());
    for (at, line) in text.lines().enumerate() {
        let content = line.trim_start_matches(' ');
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let (key, rest) = content.split_once(':')?;
        let value = rest.split_once(" #").map_or(rest, |(value, _)| value).trim_matches(' ');
        let is_word = |text: &str, more: &[u8]| text.bytes().all(|b| b.is_ascii_alphanumeric() || more.contains(&b));
        let spaced = rest.is_empty() || rest.starts_with(' ');
        let plain = is_word(value, b"_.=,/-* ") && !value.starts_with(['-', '*']);
        if key.is_empty() || !is_word(key, b"_") || !plain || !spaced {
            return None;
        }
        let name = match line.len() - content.len() {
            0 if value.is_empty() => {
                section = key;
                // An unknown one and a second one of a name are refused by the library, with their place.
                if sections.contains(&key) || !is_section(key) {
                    return None;
                }
                sections.push(key);
                continue;
            }
            0 => {
                section = "";
                key.to_owned()
            }
            2 if !section.is_empty() && !value.is_empty() => format!("{section}.{key}"),
            _ => return None,
        };
        if value == "null" || found.iter().any(|l| l.name == name) {
            return None;
        }
        found.push(Line { name, value: Some(value.to_owned()), line: Some(at + 1) });
    }
    Some(found)
}

fn is_section(name: &str) -> bool {
    KEYS.iter().any(|key| key.name.split_once('.').is_some_and(|(section, _)| section == name))
}

fn any_yaml(text: &str, path: &Path) -> Result<Vec<Line>, ConfigError> {
    let top = match serde_yaml::from_str(text).map_err(|e| ConfigError::yaml(path, &e))? {
        Value::Null => return Ok(Vec::new()),
        Value::Mapping(map) => map,
        _ => return Err(ConfigError::invalid(path, Some(1), "expected `key: value` lines")),
    };
    let places = Places::new(text);
    let mut found = Vec::new();
    let mut take = |name: String, value: &Value| {
        let value = match value {
            // `key:` with nothing behind it leaves the default in force.
            Value::Null if find(&name).is_some() => return,
            Value::String(s) => Some(s.clone()),
            Value::Bool(b) => Some(b.to_string()),
            Value::Number(n) => Some(n.to_string()),
            // A list of texts is the same texts with commas.
            Value::Sequence(items) => items.iter().map(Value::as_str).collect::<Option<Vec<_>>>().map(|i| i.join(",")),
            _ => None,
        };
        let line = places.line(&name);
        found.push(Line { name, value, line });
    };
    for (section, value) in &top {
        let section = section.as_str().unwrap_or("?");
        match value {
            Value::Mapping(inside) => {
                inside
                    .iter()
                    .for_each(|(name, value)| take(format!("{section}.{}", name.as_str().unwrap_or("?")), value));
            }
            // A section whose every line is commented out.
            Value::Null if is_section(section) => {}
            _ => take(section.to_owned(), value),
        }
    }
    Ok(found)
}

pub(super) fn apply_environment(
    all: &mut Settings,
    variables: impl Iterator<Item = (std::ffi::OsString, std::ffi::OsString)>,
) -> Result<(), ConfigError> {
    for (name, value) in variables {
        let Some(rest) = name.to_str().and_then(|n| n.strip_prefix(PREFIX)) else { continue };
        let is_key = |key: &&Key| {
            key.name.len() == rest.len()
                && key
                    .name
                    .bytes()
                    .zip(rest.bytes())
                    .all(|(k, r)| r == if k == b'.' { b'_' } else { k.to_ascii_uppercase() })
        };
        // Other variables of this prefix belong to other parts (CELLPHONE_ROOT, CELLPHONE_AGENT).
        let Some(key) = KEYS.iter().find(is_key) else { continue };
        let name = format!("{PREFIX}{rest}");
        let wrong = |why: String| ConfigError::Env { name: name.clone(), why };
        let text = value.to_str().ok_or_else(|| wrong("it is not UTF-8".into()))?;
        (key.set)(all, text).map_err(wrong)?;
        all.note(key.name, Origin::Env { name: name.clone() });
    }
    Ok(())
}

/// The line of each `section.key`, found in the text: the YAML library keeps
/// none for values.
pub(super) struct Places(Vec<(String, usize)>);

impl Places {
    pub(super) fn new(text: &str) -> Self {
        let mut found = Vec::new();
        let mut section = String::new();
        for (at, line) in text.lines().enumerate() {
            let Some((key, _)) = line.split_once(':') else { continue };
            let name = key.trim().trim_matches(['"', '\'']);
            if name.is_empty() || name.starts_with('#') {
                continue;
            }
            if key.starts_with([' ', '\t']) {
                found.push((format!("{section}.{name}"), at + 1));
            } else {
                name.clone_into(&mut section);
                found.push((section.clone(), at + 1));
            }
        }
        Self(found)
    }

    pub(super) fn line(&self, name: &str) -> Option<usize> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, line)| *line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Settings, ConfigError> {
        let mut all = Settings::default();
        apply_file(&mut all, text.as_bytes(), Path::new("config/cellphone.yaml")).map(|()| all)
    }

    #[test]
    fn the_sample_sets_every_key_to_its_default_and_explains_it() {
        let sample = super::super::samples::SETTINGS;
        let all = read(sample).unwrap();
        let defaults = Settings::default();
        for (key, setting) in KEYS.iter().zip(all.list()) {
            assert_eq!((key.show)(&all), (key.show)(&defaults), "{}", key.name);
            let Origin::File { line, .. } = setting.origin else { panic!("{} is not in the sample", key.name) };
            let above = sample.lines().nth(line - 2).unwrap();
            assert!(above.trim().starts_with('#') && above.contains("Default"), "{}: {above}", key.name);
        }
        assert!(defaults.fault().is_none());
    }

    #[test]
    fn the_quick_reader_agrees_with_the_library_or_stands_back() {
        let path = Path::new("x");
        for text in
            [super::super::samples::SETTINGS, "lease: 5m # why\nlimits:\n  body: 3\n\n  hops: 0x\n", "a: 1\nnudge:\n"]
        {
            assert_eq!(plain(text).unwrap(), any_yaml(text, path).unwrap(), "{text}");
        }
        for text in [
            "a: \"1\"",
            "limits: {body: 1}",
            "a:\n b: 1",
            "a: 1\na: 2",
            "b:",
            "log:\nlog:",
            "a:\n  b: 1\na:\n  c: 1",
            "\ta: 1",
            "a: !x 1",
            "a: &x 1",
            "a:\n  b:\n    c: 1",
            "- a",
            "a: ~",
            "a:b",
            "--- \na: 1",
        ] {
            assert_eq!(plain(text), None, "{text}");
        }
    }

    #[test]
    fn an_error_names_the_line_and_the_nearest_key() {
        let error = read("limits:\n  body: 1MiB\nnudge:\n  # a remark\n  cooldwon: 3s\n").unwrap_err().to_string();
        assert_eq!(error, "config/cellphone.yaml:5: unknown setting `nudge.cooldwon`; did you mean `nudge.cooldown`?");
        let error = read("cooldown: 3s\n").unwrap_err().to_string();
        assert!(error.contains(":1:") && error.contains("`nudge.cooldown`"), "{error}");
        let error = read("lease: 5 parsecs\n").unwrap_err().to_string();
        assert!(error.contains("cellphone.yaml:1: `lease`: ") && error.contains("10s"), "{error}");
        let error = read("limits:\n  body: 1\n  body: 2\n").unwrap_err().to_string();
        assert!(error.contains("cellphone.yaml:") && error.contains("duplicate"), "{error}");
        assert!(read("limits: [1]\n").is_err());
    }

    #[test]
    fn every_value_has_its_origin() {
        let mut all = read("limits:\n  hops: 7\n").unwrap();
        let env = [("CELLPHONE_NUDGE_URGENT_COOLDOWN", "3s"), ("CELLPHONE_ROOT", "/x")];
        apply_environment(&mut all, env.iter().map(|(k, v)| (k.into(), v.into()))).unwrap();
        assert_eq!(all.limits.hops, 7);
        assert_eq!(all.origin("limits.hops").to_string(), "config/cellphone.yaml:2");
        assert_eq!(all.nudge.urgent_cooldown.as_secs(), 3);
        assert_eq!(all.origin("nudge.urgent_cooldown").to_string(), "environment CELLPHONE_NUDGE_URGENT_COOLDOWN");
        assert_eq!(all.origin("lease"), Origin::Default);
        let wrong = apply_environment(&mut all, [("CELLPHONE_LEASE".into(), "soon".into())].into_iter());
        assert!(wrong.unwrap_err().to_string().starts_with("environment variable CELLPHONE_LEASE: "));
    }
}
