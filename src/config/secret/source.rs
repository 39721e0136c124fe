//! Where a secret is, as a setting says it.

use std::fmt;
use std::path::PathBuf;

use super::super::outside::{self, Closed};
use super::super::{ConfigError, place};
use super::{Secret, run, sealed};

/// Longest file of a secret, in bytes.
const MOST: u64 = 16 * 1024;

/// Where a secret is.
#[derive(Clone, PartialEq, Eq, Default)]
pub enum SecretSource {
    /// There is none.
    #[default]
    None,
    /// In a file that nobody else may read.
    File(PathBuf),
    /// In an environment variable.
    Env(String),
    /// In the first line that a program prints.
    Command(Vec<String>),
    /// The same, of a line for the shell.
    Shell(String),
    /// In the setting itself, encrypted.
    Sealed(String),
}

impl SecretSource {
    /// Reads `none`, `file:PATH`, `env:NAME`, `command:["program", …]`,
    /// `command:LINE` or `age:TEXT`.
    ///
    /// # Errors
    /// Anything else, which may be the secret itself and is not repeated.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            "a secret does not stand here as it is; write file:PATH, env:NAME or command:[program, …], or encrypt it: \
             cellphone config set --secret KEY"
                .to_owned()
        };
        let text = text.trim();
        if text == "none" {
            return Ok(Self::None);
        }
        if text.chars().any(char::is_control) {
            return Err("a control character stands in it".into());
        }
        match text.split_once(':').ok_or_else(wrong)? {
            ("file", path) => {
                let path = place::at_home(path).filter(|path| path.is_absolute());
                path.map(Self::File).ok_or_else(|| "file: needs a whole path, or one that begins with ~/".into())
            }
            ("env", name) if is_variable(name) => Ok(Self::Env(name.to_owned())),
            ("env", _) => Err("env: needs the name of an environment variable".into()),
            ("command", list) if list.starts_with('[') => {
                let argv: Vec<String> = serde_json::from_str(list).map_err(|_| "command: that is no list of texts")?;
                if argv.is_empty() { Err("command: names no program".into()) } else { Ok(Self::Command(argv)) }
            }
            ("command", "") => Err("command: names no program".into()),
            ("command", line) => Ok(Self::Shell(line.to_owned())),
            ("age", text) if sealed::is_sealed(text) => Ok(Self::Sealed(text.to_owned())),
            ("age", _) => Err("age: what follows is not encrypted; use cellphone config set --secret KEY".into()),
            _ => Err(wrong()),
        }
    }

    /// Reads the map that a file may have in place of the text:
    /// `{command: [pass, show, x]}`.
    pub(in crate::config) fn text_of(map: &serde_yaml::Mapping) -> Option<String> {
        let (kind, value) = map.iter().next().filter(|_| map.len() == 1)?;
        let kind = kind.as_str().filter(|kind| ["file", "env", "command", "age"].contains(kind))?;
        let value = match value {
            serde_yaml::Value::String(text) => text.clone(),
            serde_yaml::Value::Sequence(items) if kind == "command" => {
                let texts: Option<Vec<&str>> = items.iter().map(serde_yaml::Value::as_str).collect();
                serde_json::Value::from(texts?).to_string()
            }
            _ => return None,
        };
        Some(format!("{kind}:{value}"))
    }

    /// Whether there is one at all.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// Whether a program is run to fetch it.
    #[must_use]
    pub const fn runs_a_command(&self) -> bool {
        matches!(self, Self::Command(_) | Self::Shell(_))
    }

    /// Where it is, for a person; the words of a command may hold more than
    /// they should, so only its program is named.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::None => "nowhere".into(),
            Self::File(path) => format!("the file {}", path.display()),
            Self::Env(name) => format!("the environment variable {name}"),
            Self::Command(argv) => format!("the command {}", argv.first().map_or("", String::as_str)),
            Self::Shell(_) => "a command".into(),
            Self::Sealed(_) => "the setting itself, encrypted".into(),
        }
    }

    /// As it is written in a file.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::None => "none".into(),
            Self::File(path) => format!("file:{}", path.display()),
            Self::Env(name) => format!("env:{name}"),
            Self::Command(argv) => format!("command:{}", serde_json::Value::from(argv.as_slice())),
            Self::Shell(line) => format!("command:{line}"),
            Self::Sealed(text) => format!("age:{text}"),
        }
    }

    /// Fetches it; `None` when there is none.
    ///
    /// # Errors
    /// Says where it was looked for and what to do; never what was found.
    pub fn fetch(&self) -> Result<Option<Secret>, ConfigError> {
        let text = match self {
            Self::None => return Ok(None),
            Self::File(path) => match outside::read(path, MOST, Closed::Entirely)? {
                Some(bytes) => String::from_utf8(bytes)
                    .map_err(|_| ConfigError::invalid(path, None, "the secret in it is not UTF-8"))?,
                None => {
                    return Err(ConfigError::invalid(path, None, "there is no such file; a secret should be in it"));
                }
            },
            Self::Env(name) => std::env::var(name).map_err(|_| ConfigError::Env {
                name: name.clone(),
                why: "a secret should be in it, and it is not set".into(),
            })?,
            Self::Command(argv) => run::first_line(argv).map_err(failed)?,
            Self::Shell(line) => {
                // A person's own words, so a shell reads them.
                let (shell, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("/bin/sh", "-c") };
                run::first_line(&[shell, flag, line].map(str::to_owned)).map_err(failed)?
            }
            Self::Sealed(text) => sealed::open(text)?,
        };
        match text.trim_end_matches(['\r', '\n']) {
            "" => Err(ConfigError::Refused(format!("the secret from {} is empty", self.place()))),
            text => Ok(Some(Secret::new(text.to_owned()))),
        }
    }
}

fn failed(why: String) -> ConfigError {
    ConfigError::Refused(format!("the command that should print a secret did not: {why}"))
}

fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !name.starts_with(char::is_numeric)
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_reads_what_it_writes_and_no_secret() {
        for text in
            ["none", "file:/run/secrets/x", "env:TOKEN", "command:[\"pass\",\"show\",\"x y\"]", "command:pass show x"]
        {
            assert_eq!(SecretSource::parse(text).unwrap().text(), text);
        }
        for bad in
            ["hunter2", "hunter2:x", "file:relative", "env:", "env:A B", "command:", "command:[]", "age:hunter2", ""]
        {
            let why = SecretSource::parse(bad).unwrap_err();
            assert!(!why.contains("hunter2"), "{why}");
        }
        let map = serde_yaml::from_str("command: [pass, show, x]").unwrap();
        assert_eq!(SecretSource::text_of(&map).unwrap(), "command:[\"pass\",\"show\",\"x\"]");
        assert!(SecretSource::text_of(&serde_yaml::from_str("{file: /x, env: Y}").unwrap()).is_none());
    }

    #[cfg(unix)]
    #[test]
    fn a_command_prints_a_secret_or_says_why_not() {
        let fetch = |text: &str| SecretSource::parse(text).unwrap().fetch();
        assert_eq!(fetch("command:printf 'one\\ntwo\\n'").unwrap().unwrap().expose(), "one");
        assert_eq!(fetch("command:[\"echo\",\"a  b\"]").unwrap().unwrap().expose(), "a  b");
        let why = fetch("command:echo secret-of-ours; echo no key >&2; exit 3").unwrap_err().to_string();
        assert!(why.contains("no key") && why.contains('3') && !why.contains("secret-of-ours"), "{why}");
        assert!(fetch("command:true").unwrap_err().to_string().contains("empty"));
        assert!(fetch("command:[\"/nonexistent/x\"]").unwrap_err().to_string().contains("/nonexistent/x"));
        assert!(fetch("env:CELLPHONE_TEST_NOTHING").unwrap_err().to_string().contains("CELLPHONE_TEST_NOTHING"));
        assert!(fetch("none").unwrap().is_none());
    }

    #[cfg(unix)]
    #[test]
    fn a_file_of_a_secret_is_closed_to_others() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = crate::fsio::Dir::open(tmp.path()).unwrap();
        let source = SecretSource::File(tmp.path().join("token"));
        assert!(source.fetch().unwrap_err().to_string().contains("no such file"));
        dir.create("token", b"unit-token\n", false).unwrap();
        assert_eq!(source.fetch().unwrap().unwrap().expose(), "unit-token");
        dir.set_mode("token", 0o644).unwrap();
        let why = source.fetch().unwrap_err().to_string();
        assert!(why.contains("chmod 600") && why.contains("644") && !why.contains("unit-token"), "{why}");
    }
}
