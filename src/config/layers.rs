//! The layers put together: what is built in, the files of the system, of the
//! user and of the root, the environment (`CELLPHONE_LIMITS_BODY` for
//! `limits.body`), and what the command line and a running daemon say.
//!
//! A layer that cannot be used stops nothing: what of it was last good holds,
//! and [`settings_in_force`] names it. An unknown key is a fault in every
//! layer. A file that is not there costs one `open`.

use std::ffi::{OsStr, OsString};

use super::good::{ConfigFault, Side, keep, kept, kept_path};
use super::origin::{FileLayer, Origin};
use super::outside::{self, Closed};
use super::read::{apply_file, from_file};
use super::schema::{KEYS, Key, Settings};
use super::settings::{check, known};
use super::units::Kind;
use super::values::nearest;
use super::{ConfigError, MAX_FILE, Root, SETTINGS};

const PREFIX: &str = "CELLPHONE_";

/// Variables of the prefix that are no settings.
const OTHERS: [&str; 10] = [
    "CELLPHONE_ROOT",
    "CELLPHONE_AGENT",
    "CELLPHONE_LOG",
    "CELLPHONE_EVENT",
    "CELLPHONE_DETACHED",
    "CELLPHONE_KEPT",
    "CELLPHONE_LAST_INPUT",
    super::place::SYSTEM_FILE,
    // Of the tests and their tools.
    "CELLPHONE_AGENTS_DIR",
    "CELLPHONE_BIN_DIR",
];
/// Such variables by what follows the prefix.
const OTHER_KINDS: [&str; 2] = ["TEST_", "BENCH_"];

/// A value that the command line or a running daemon gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    key: &'static str,
    value: String,
    origin: Origin,
}

impl Override {
    /// `KEY=VALUE`, from `--set`.
    ///
    /// # Errors
    /// [`ConfigError::NotFound`] for an unknown key, with the nearest one;
    /// [`ConfigError::Refused`] for a value it may not have.
    pub fn command_line(text: &str) -> Result<Self, ConfigError> {
        let (key, value) = text.split_once('=').ok_or_else(|| {
            ConfigError::Refused(format!("--set {text}: expected KEY=VALUE, as --set nudge.cooldown=10s"))
        })?;
        Self::checked(key.trim(), value, Origin::CommandLine)
    }

    /// What is set in the daemon, for as long as it runs.
    ///
    /// # Errors
    /// As [`command_line`](Self::command_line); and for what is in force as
    /// approved, secrets among it, which whoever reaches the daemon's socket
    /// may not choose.
    pub fn runtime(key: &str, value: &str) -> Result<Self, ConfigError> {
        if super::is_guarded(key) || key == super::strict::SETTING {
            let why =
                "it is in force as approved, never by run time; use cellphone config set, or --set for one command";
            return Err(ConfigError::Refused(format!("`{key}`: {why}")));
        }
        Self::checked(key, value, Origin::Runtime)
    }

    fn checked(key: &str, value: &str, origin: Origin) -> Result<Self, ConfigError> {
        let (key, _) = checked(key, value)?;
        Ok(Self { key: key.name, value: value.to_owned(), origin })
    }

    /// The key.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        self.key
    }

    /// The value, as it is written in a file.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// As the command line has it.
    #[must_use]
    pub fn as_argument(&self) -> String {
        format!("{}={}", self.key, self.value)
    }

    fn apply(&self, all: &mut Settings) -> Result<(), ConfigError> {
        let wrap = |why| ConfigError::Refused(format!("{}: `{}`: {why}", self.origin, self.key));
        all.take(known(self.key)?, &self.value, self.origin.clone()).map_err(wrap)
    }
}

/// The key, when it may have this value, and settings that have it.
pub(super) fn checked(key: &str, value: &str) -> Result<(&'static Key, Settings), ConfigError> {
    let key = known(key)?;
    let refuse = |why: String| ConfigError::Refused(format!("`{}`: {why}", key.name));
    let mut alone = Settings::default();
    (key.set)(&mut alone, value).map_err(refuse)?;
    match alone.fault().filter(|(faulty, _)| *faulty == key.name) {
        Some((_, why)) => Err(refuse(why.into())),
        None => Ok((key, alone)),
    }
}

/// Reads the settings of a root; `overrides` hold above all files and the
/// environment, a later one above an earlier one.
///
/// # Errors
/// Names the file and line, or the variable, and the nearest known key.
pub fn settings(root: &Root, overrides: &[Override]) -> Result<Settings, ConfigError> {
    let mut all = Settings::default();
    for layer in FileLayer::ALL {
        apply_layer(&mut all, root, layer)?;
    }
    for (name, value) in std::env::vars_os() {
        apply_variable(&mut all, &name, &value)?;
    }
    for one in overrides {
        one.apply(&mut all)?;
    }
    check(&all)?;
    Ok(all)
}

fn apply_layer(all: &mut Settings, root: &Root, layer: FileLayer) -> Result<(), ConfigError> {
    let (Some(path), Some(bytes)) = (layer.path(root), bytes_of(root, layer)?) else { return Ok(()) };
    apply_file(all, &bytes, layer, &path)
}

/// The text of a layer's file; `None` when there is none.
pub(super) fn bytes_of(root: &Root, layer: FileLayer) -> Result<Option<Vec<u8>>, ConfigError> {
    match (layer, layer.path(root)) {
        (FileLayer::Root, _) => root.read(SETTINGS),
        (_, Some(path)) => outside::read(&path, MAX_FILE, Closed::ToWriting),
        (_, None) => Ok(None),
    }
}

/// What the files of the machine and of the user say. One that cannot be used
/// is left out: whoever asked for all layers was told of it.
pub(super) fn lower_layers(root: &Root) -> Settings {
    let mut all = Settings::default();
    for layer in [FileLayer::System, FileLayer::User] {
        let _ = tried(&mut all, |with| apply_layer(with, root, layer));
    }
    all
}

fn apply_variable(all: &mut Settings, name: &OsStr, value: &OsStr) -> Result<(), ConfigError> {
    let Some(rest) = name.to_str().and_then(|n| n.strip_prefix(PREFIX)) else { return Ok(()) };
    let name = || format!("{PREFIX}{rest}");
    let wrong = |why: String| ConfigError::Env { name: name(), why };
    let Some(key) = KEYS.iter().find(|key| is_variable_of(key.name, rest)) else {
        let other = OTHERS.iter().any(|known| known.strip_prefix(PREFIX) == Some(rest));
        let foreign = OTHER_KINDS.iter().any(|kind| rest.starts_with(kind));
        return if other || foreign { Ok(()) } else { Err(wrong(unknown_variable(&name()))) };
    };
    let text = value.to_str().ok_or_else(|| wrong("it is not UTF-8".into()))?;
    let origin = Origin::Env { name: name() };
    match key.kind {
        // The variable holds the secret itself, and is where it is fetched from.
        Kind::Secret if text.is_empty() => Ok(()),
        Kind::Secret => all.take(key, &format!("env:{}", name()), origin).map_err(wrong),
        _ => all.take(key, text, origin).map_err(wrong),
    }
}

fn is_variable_of(key: &str, rest: &str) -> bool {
    let letter = |k: u8| if k == b'.' { b'_' } else { k.to_ascii_uppercase() };
    key.len() == rest.len() && key.bytes().zip(rest.bytes()).all(|(k, r)| r == letter(k))
}

fn unknown_variable(name: &str) -> String {
    let all: Vec<String> = KEYS.iter().map(|key| variable_of(key.name)).collect();
    match nearest(name, all.iter().map(String::as_str).chain(OTHERS)) {
        Some(near) => format!("there is no such setting; did you mean {near}?"),
        None => "there is no such setting; `cellphone config show --about` lists all".into(),
    }
}

/// The environment variable of a key.
fn variable_of(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "_").to_ascii_uppercase())
}

/// The settings in force; where a layer cannot be used, what of it was last
/// good, and without a wrong variable. Costs nothing more than [`settings`]
/// when all is well.
#[must_use]
pub fn settings_in_force(root: &Root, overrides: &[Override]) -> (Settings, Vec<ConfigFault>) {
    match settings(root, overrides) {
        Ok(all) => (all, Vec::new()),
        Err(_) => fall_back(root, overrides, std::env::vars_os()),
    }
}

fn fall_back(
    root: &Root,
    overrides: &[Override],
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> (Settings, Vec<ConfigFault>) {
    let (mut all, mut faults) = (Settings::default(), Vec::new());
    for layer in FileLayer::ALL {
        if let Err(e) = tried(&mut all, |with| apply_layer(with, root, layer)) {
            let side = Side::of(layer);
            let good = kept(root, side, SETTINGS).and_then(|bytes| {
                let path = kept_path(root, side, SETTINGS);
                tried(&mut all, |with| apply_file(with, &bytes, layer, &path)).ok()
            });
            faults.push(ConfigFault::of_file(root, side, SETTINGS, &e, good.is_some()));
        }
    }
    let mut ignored = |e: ConfigError| faults.push(ConfigFault::ignored(&e));
    for (name, value) in variables {
        tried(&mut all, |with| apply_variable(with, &name, &value)).unwrap_or_else(&mut ignored);
    }
    for one in overrides {
        tried(&mut all, |with| one.apply(with)).unwrap_or_else(&mut ignored);
    }
    (all, faults)
}

/// Changes the settings, or leaves them as they were.
fn tried(all: &mut Settings, change: impl FnOnce(&mut Settings) -> Result<(), ConfigError>) -> Result<(), ConfigError> {
    let mut with = all.clone();
    change(&mut with)?;
    check(&with)?;
    *all = with;
    Ok(())
}

/// Keeps the files of settings that can be used.
///
/// # Errors
/// When a copy cannot be written.
pub fn keep_settings(root: &Root) -> Result<(), ConfigError> {
    for layer in FileLayer::ALL {
        let (Some(path), Ok(Some(bytes))) = (layer.path(root), bytes_of(root, layer)) else { continue };
        if from_file(&bytes, layer, &path).is_ok() {
            keep(root, Side::of(layer), SETTINGS, &bytes)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::Home;
    use super::*;

    fn variable(all: &mut Settings, name: &str, value: &str) -> Result<(), ConfigError> {
        apply_variable(all, name.as_ref(), value.as_ref())
    }

    #[test]
    fn every_value_has_its_origin() {
        let mut all = Settings::default();
        apply_file(&mut all, b"limits:\n  hops: 7\n", FileLayer::Root, "config/cellphone.yaml".as_ref()).unwrap();
        variable(&mut all, "CELLPHONE_NUDGE_URGENT_COOLDOWN", "3s").unwrap();
        variable(&mut all, "CELLPHONE_ROOT", "/x").unwrap();
        assert_eq!(all.limits.hops, 7);
        assert_eq!(all.origin("limits.hops").to_string(), "config/cellphone.yaml:2");
        assert_eq!(all.origin("limits.hops").layer(), "root");
        assert_eq!(all.nudge.urgent_cooldown.as_secs(), 3);
        assert_eq!(all.origin("nudge.urgent_cooldown").to_string(), "environment CELLPHONE_NUDGE_URGENT_COOLDOWN");
        assert_eq!(all.origin("lease"), Origin::Default);
        let wrong = variable(&mut all, "CELLPHONE_LEASE", "soon").unwrap_err().to_string();
        assert!(wrong.starts_with("environment variable CELLPHONE_LEASE: "), "{wrong}");
    }

    #[test]
    fn an_unknown_variable_is_a_fault_that_names_the_nearest() {
        let mut all = Settings::default();
        let said = variable(&mut all, "CELLPHONE_LIMITS_BODDY", "1").unwrap_err().to_string();
        assert!(
            said.contains("CELLPHONE_LIMITS_BODDY") && said.contains("did you mean CELLPHONE_LIMITS_BODY?"),
            "{said}"
        );
        let said = variable(&mut all, "CELLPHONE_ROOOT", "/x").unwrap_err().to_string();
        assert!(said.contains("did you mean CELLPHONE_ROOT?"), "{said}");
        for other in ["CELLPHONE_TEST_LONG", "CELLPHONE_DETACHED", "PATH"] {
            variable(&mut all, other, "1").unwrap();
        }
    }

    #[test]
    fn the_later_word_wins_and_a_wrong_one_is_no_hindrance() {
        let home = Home::new();
        let root = home.root();
        home.write(SETTINGS, "lease: 5m\nlimits:\n  hops: 7\n");
        let line = Override::command_line("lease=3m").unwrap();
        let now = Override::runtime("lease", "2m").unwrap();
        let origin = |given: &[Override]| settings(&root, given).unwrap().origin("lease");
        assert_eq!(origin(&[]).layer(), "root");
        assert_eq!(origin(&[line.clone(), now.clone()]), Origin::Runtime);
        assert_eq!(origin(&[now, line.clone()]), Origin::CommandLine);
        let wrong = [("CELLPHONE_LEASE".into(), "soon".into()), ("CELLPHONE_LIMITS_HOPS".into(), "9".into())];
        let (all, faults) = fall_back(&root, &[line], wrong.into_iter());
        assert_eq!((all.lease.as_secs(), all.limits.hops, faults.len()), (180, 9, 1), "{faults:?}");
        for (text, word) in [("lease", "KEY=VALUE"), ("leese=1m", "`lease`"), ("lease=soon", "10s"), ("lease=0", "1s")]
        {
            let said = Override::command_line(text).unwrap_err().to_string();
            assert!(said.contains(word), "{said}");
        }
        assert!(Override::runtime("snapshot.password_command", "id").is_err(), "a socket chooses no command");
    }
}
