//! Reading a file of settings: the quick reader for the form that nearly every
//! file has, the YAML library for the rest, and the lines of the keys.

use std::path::Path;

use serde_yaml::Value;

use super::ConfigError;
use super::origin::{FileLayer, Origin};
use super::schema::{KEYS, Settings};
use super::secret::SecretSource;
use super::settings::{check, find, unknown};
use super::units::Kind;

/// What a file alone says.
pub(super) fn from_file(bytes: &[u8], layer: FileLayer, path: &Path) -> Result<Settings, ConfigError> {
    let mut all = Settings::default();
    apply_file(&mut all, bytes, layer, path)?;
    check(&all)?;
    Ok(all)
}

/// Puts what a file says over the layers below it.
pub(super) fn apply_file(all: &mut Settings, bytes: &[u8], layer: FileLayer, path: &Path) -> Result<(), ConfigError> {
    let text = std::str::from_utf8(bytes).map_err(|_| ConfigError::invalid(path, None, "it is not UTF-8"))?;
    let lines = match plain(text) {
        Some(lines) => lines,
        None => any_yaml(text, path)?,
    };
    for Line { name, value, line } in lines {
        let fault = |why: String| ConfigError::invalid(path, line, why);
        let key = find(&name).ok_or_else(|| fault(unknown(&name)))?;
        let value = value.ok_or_else(|| fault(format!("`{name}`: expected one value: {}", key.unit)))?;
        let origin = Origin::File { layer, path: path.to_owned(), line: line.unwrap_or(0) };
        all.take(key, &value, origin).map_err(|why| fault(format!("`{name}`: {why}")))?;
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
        let plain = is_word(value, b"_.=,/-*+: ") && !value.starts_with(['-', '*', ':']);
        // A colon is one of the text where neither a space nor the end follows.
        let plain = plain && !value.contains(": ") && !value.ends_with(':');
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
            // Where a secret is may be a map: {command: [pass, show, x]}.
            Value::Mapping(map) if find(&name).is_some_and(|key| key.kind == Kind::Secret) => {
                SecretSource::text_of(map)
            }
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
        apply_file(&mut all, text.as_bytes(), FileLayer::Root, Path::new("config/cellphone.yaml")).map(|()| all)
    }

    /// The sample with every line in force that shows what is built in.
    fn uncommented() -> String {
        let is_setting = |rest: &&str| rest.split_once(": ").is_some_and(|(key, _)| !key.contains(' '));
        let line = |line: &str| match line.trim_start().strip_prefix('#').filter(is_setting) {
            Some(rest) => format!("{}{rest}\n", &line[..line.len() - line.trim_start().len()]),
            None => format!("{line}\n"),
        };
        super::super::samples::SETTINGS.lines().map(line).collect()
    }

    #[test]
    fn the_sample_sets_nothing_so_that_the_layers_below_it_hold() {
        let all = read(super::super::samples::SETTINGS).unwrap();
        assert!(all.list().iter().all(|s| s.origin == Origin::Default));
    }

    #[test]
    fn the_sample_sets_every_key_to_its_default_and_explains_it() {
        let sample = uncommented();
        let all = read(&sample).unwrap();
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
        let (sample, sealed) =
            (uncommented(), "snapshot:\n  password: age:YWdl+/x=\n  repositories: rest:http://a/b\n");
        for text in [
            sample.as_str(),
            super::super::samples::SETTINGS,
            "lease: 5m # why\nlimits:\n  body: 3\n\n  hops: 0x\n",
            "a: 1\nnudge:\n",
            sealed,
        ] {
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
            "a: b: c",
            "a: b:",
            "a: :b",
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
}
