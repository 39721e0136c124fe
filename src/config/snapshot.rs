//! Where snapshots go and what unlocks them, as approved.
//!
//! The settings file is the agents' to write, and plain limits in it reload
//! freely. These three settings are none: a place could carry the mail away, a
//! command would be run. They are in force as approved, like hooks; until then
//! what was approved before holds, or what is built in. An environment
//! variable is set by whoever runs the command, and wins.

use std::path::PathBuf;

use super::schema::Settings;
use super::settings::{Origin, from_file};
use super::{ConfigError, Root, SETTINGS, place, trust};

/// The name under which the part of the settings is approved.
pub(crate) const ITEM: &str = "config/cellphone.yaml#snapshot";
const KEYS: [&str; 3] = ["snapshot.repositories", "snapshot.password_file", "snapshot.password_command"];

/// Whether a setting is one of those.
pub(crate) fn is_place_key(key: &str) -> bool {
    KEYS.contains(&key)
}

/// Where snapshots go and what unlocks them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotPlaces {
    /// The repositories, as written; the first is the one that is written to.
    pub repositories: Vec<String>,
    /// What `default` stands for.
    pub usual: PathBuf,
    /// The folder of secrets, outside the tree.
    pub secrets: PathBuf,
    /// A file with the password.
    pub password_file: Option<PathBuf>,
    /// A command that prints it.
    pub password_command: Option<String>,
    /// Whether the tree says something else that nobody approved.
    pub unapproved: bool,
}

fn values(all: &Settings) -> [String; 3] {
    let s = &all.snapshot;
    [s.repositories.clone(), s.password_file.clone(), s.password_command.clone()]
}

fn text(values: &[String; 3]) -> Vec<u8> {
    KEYS.iter().zip(values).map(|(key, value)| format!("{key}: {value}\n")).collect::<String>().into_bytes()
}

fn parse(bytes: &[u8]) -> Option<[String; 3]> {
    let text = std::str::from_utf8(bytes).ok()?;
    let value = |key: &str| Some(text.lines().find_map(|l| l.strip_prefix(key)?.strip_prefix(": "))?.to_owned());
    Some([value(KEYS[0])?, value(KEYS[1])?, value(KEYS[2])?])
}

/// What the settings file in the tree says, when that is not what is built in.
pub(super) fn in_tree(root: &Root) -> Result<Option<Vec<u8>>, ConfigError> {
    let Some(bytes) = root.read(SETTINGS)? else { return Ok(None) };
    // A file that cannot be read is somebody else's complaint.
    let Ok(all) = from_file(&bytes, &root.path().join(SETTINGS)) else { return Ok(None) };
    let said = values(&all);
    Ok((said != values(&Settings::default())).then(|| text(&said)))
}

/// Approves what the tree says now, for whoever changed it by command.
pub(crate) fn approve(root: &Root) -> Result<(), ConfigError> {
    match in_tree(root)? {
        Some(bytes) => trust::approve_bytes(root, ITEM, &bytes),
        None if trust::approved(root, ITEM)?.is_some() => trust::withdraw(root, ITEM),
        None => Ok(()),
    }
}

/// What is in force.
///
/// # Errors
/// When the approved copy cannot be read.
pub fn snapshot_places(root: &Root, settings: &Settings) -> Result<SnapshotPlaces, ConfigError> {
    let approved = trust::approved(root, ITEM)?;
    let unapproved = in_tree(root)? != approved;
    let mut held = approved.as_deref().and_then(parse).unwrap_or_else(|| values(&Settings::default()));
    for (at, (key, said)) in KEYS.iter().zip(values(settings)).enumerate() {
        if matches!(settings.origin(key), Origin::Env { .. }) {
            held[at] = said;
        }
    }
    let [repositories, file, command] = held;
    let some = |text: String| (text != "none").then_some(text);
    let usual = place::data_home().unwrap_or_else(|| PathBuf::from("/nonexistent"));
    Ok(SnapshotPlaces {
        repositories: repositories.split(',').map(|r| r.trim().to_owned()).filter(|r| !r.is_empty()).collect(),
        usual: usual.join("cellphone").join("repositories").join(root.id()),
        secrets: root.outside().join("snapshot"),
        password_file: some(file).map(PathBuf::from),
        password_command: some(command),
        unapproved,
    })
}
