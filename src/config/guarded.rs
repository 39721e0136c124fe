//! Settings that are in force as approved.
//!
//! The settings file is the agents' to write, and plain limits in it reload
//! freely. These settings are none: a place could carry the mail away, a
//! command would be run, a token would go to somebody. In the tree they count
//! as approved, like hooks; until then what was approved before holds, else
//! what the user's and the machine's files say, else what is built in. Those
//! files, the environment and the command line are a person's, and need no
//! approval.

use super::layers::lower_layers;
use super::origin::{FileLayer, Origin};
use super::read::from_file;
use super::schema::{Key, Settings};
use super::settings::find;
use super::{ConfigError, Root, SETTINGS, trust};

/// What is approved together: the name of the item, and its settings.
type Item = (&'static str, &'static [&'static str]);

/// Where snapshots go and what unlocks them.
pub(super) const SNAPSHOT: Item = (
    "config/cellphone.yaml#snapshot",
    &[
        "snapshot.repositories",
        "snapshot.password",
        "snapshot.password_file",
        "snapshot.password_command",
        "snapshot.remote_password",
    ],
);
/// What webhooks are told beside the notice.
pub(super) const NUDGE: Item = ("config/cellphone.yaml#nudge", &["nudge.webhook_token"]);
/// Who can reach the daemon from where.
pub(super) const HTTP: Item = ("config/cellphone.yaml#http", &["http.listen", "http.hosts"]);
const ITEMS: [Item; 3] = [SNAPSHOT, NUDGE, HTTP];

/// The names under which parts of the settings are approved.
pub(super) fn items() -> impl Iterator<Item = &'static str> {
    ITEMS.into_iter().map(|(name, _)| name)
}

/// Whether a setting is one of those.
pub(crate) fn is_guarded(key: &str) -> bool {
    ITEMS.iter().any(|(_, keys)| keys.contains(&key))
}

fn keys_of(item: Item) -> impl Iterator<Item = &'static Key> {
    item.1.iter().filter_map(|key| find(key))
}

/// What the settings file in the tree says of an item, when that is not what
/// is built in; the outer `None`: there is no such item.
pub(super) fn in_tree(root: &Root, name: &str) -> Option<Result<Option<Vec<u8>>, ConfigError>> {
    let item = *ITEMS.iter().find(|(known, _)| *known == name)?;
    Some(said(root, item))
}

fn said(root: &Root, item: Item) -> Result<Option<Vec<u8>>, ConfigError> {
    let Some(bytes) = root.read(SETTINGS)? else { return Ok(None) };
    // A file that cannot be read is somebody else's complaint.
    let Ok(all) = from_file(&bytes, FileLayer::Root, &root.path().join(SETTINGS)) else { return Ok(None) };
    let usual = Settings::default();
    let differs = keys_of(item).any(|key| (key.show)(&all) != (key.show)(&usual));
    let lines = keys_of(item).map(|key| format!("{}: {}\n", key.name, (key.show)(&all)));
    Ok(differs.then(|| lines.collect::<String>().into_bytes()))
}

/// Approves what the tree says of a setting now, for whoever changed it by
/// command.
pub(crate) fn approve(root: &Root, key: &str) -> Result<(), ConfigError> {
    let Some(item) = ITEMS.iter().find(|(_, keys)| keys.contains(&key)) else { return Ok(()) };
    match said(root, *item)? {
        Some(bytes) => trust::approve_bytes(root, item.0, &bytes),
        None if trust::approved(root, item.0)?.is_some() => trust::withdraw(root, item.0),
        None => Ok(()),
    }
}

/// The settings with an item as it is in force, and whether the tree says
/// something else that nobody approved.
pub(super) fn in_force(root: &Root, settings: &Settings, item: Item) -> Result<(Settings, bool), ConfigError> {
    let approved = trust::approved(root, item.0)?;
    let unapproved = said(root, item)? != approved;
    let approved = approved.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let below = lower_layers(root);
    let mut held = settings.clone();
    for key in keys_of(item) {
        let origin = settings.origin(key.name);
        if origin != Origin::Default && !origin.is_the_tree() {
            continue;
        }
        let line =
            |text: &String| Some(text.lines().find_map(|l| l.strip_prefix(key.name)?.strip_prefix(": "))?.to_owned());
        let value = approved.as_ref().and_then(line).unwrap_or_else(|| (key.show)(&below));
        let wrap =
            |why| ConfigError::invalid(trust::approved_path(root, item.0), None, format!("`{}`: {why}", key.name));
        held.take(key, &value, origin).map_err(wrap)?;
    }
    Ok((held, unapproved))
}
