//! Where snapshots go and what unlocks them, as approved.

use std::path::PathBuf;

use super::schema::Settings;
use super::{ConfigError, Root, SecretSource, guarded, place};

/// Where snapshots go and what unlocks them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotPlaces {
    /// The repositories, as written; the first is the one that is written to.
    pub repositories: Vec<String>,
    /// What `default` stands for.
    pub usual: PathBuf,
    /// The folder of secrets, outside the tree.
    pub secrets: PathBuf,
    /// Where the password is; nowhere: one is generated.
    pub password: SecretSource,
    /// Where the password of a remote place is.
    pub remote_password: SecretSource,
    /// Whether the tree says something else that nobody approved.
    pub unapproved: bool,
}

/// What is in force.
///
/// # Errors
/// When the approved copy cannot be read.
pub fn snapshot_places(root: &Root, settings: &Settings) -> Result<SnapshotPlaces, ConfigError> {
    let (held, unapproved) = guarded::in_force(root, settings, guarded::SNAPSHOT)?;
    let held = held.snapshot;
    let password = match (held.password, held.password_file.as_str(), held.password_command.as_str()) {
        (SecretSource::None, "none", "none") => SecretSource::None,
        (SecretSource::None, "none", line) => SecretSource::Shell(line.to_owned()),
        (SecretSource::None, path, _) => SecretSource::File(place::at_home(path).unwrap_or_else(|| path.into())),
        (source, ..) => source,
    };
    let usual = place::data_home().unwrap_or_else(|| PathBuf::from("/nonexistent"));
    Ok(SnapshotPlaces {
        repositories: held.repositories.split(',').map(|r| r.trim().to_owned()).filter(|r| !r.is_empty()).collect(),
        usual: usual.join("cellphone").join("repositories").join(root.id()),
        secrets: root.outside().join("snapshot"),
        password,
        remote_password: held.remote_password,
        unapproved,
    })
}

/// Where the token for webhooks is, as approved.
///
/// # Errors
/// When the approved copy cannot be read.
pub fn webhook_token(root: &Root, settings: &Settings) -> Result<SecretSource, ConfigError> {
    Ok(guarded::in_force(root, settings, guarded::NUDGE)?.0.nudge.webhook_token)
}
