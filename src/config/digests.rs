//! What the approved copy of a hook was when it was approved, kept beside the
//! copies: a copy that the disk, or somebody, changed since is not run.

use std::path::PathBuf;

use sha2::{Digest as _, Sha256};

use super::root::{folder_below, read_below};
use super::{ConfigError, Root, trust};
use crate::fsio::Dir;

const FOLDER: &str = "digests";

/// SHA-256, in hexadecimal.
pub(super) fn of(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// Notes the digest of a copy that is about to be written.
pub(super) fn note(root: &Root, relative: &str, bytes: &[u8]) -> Result<(), ConfigError> {
    let (folder, name) = relative.rsplit_once('/').unwrap_or(("", relative));
    let mut dir = Dir::create_all(&root.outside())?.child_or_create(FOLDER)?;
    for part in folder.split('/').filter(|part| !part.is_empty()) {
        dir = dir.child_or_create(part)?;
    }
    Ok(dir.replace(name, of(bytes).as_bytes(), true)?)
}

/// Forgets it.
pub(super) fn forget(root: &Root, relative: &str) -> Result<(), ConfigError> {
    let (folder, name) = relative.rsplit_once('/').unwrap_or(("", relative));
    let Some(dir) = opened(root)?.map(|dir| folder_below(&dir, folder)).transpose()?.flatten() else { return Ok(()) };
    match dir.remove(name) {
        Err(e) if !e.is_not_found() => Err(e.into()),
        _ => Ok(()),
    }
}

/// Whether these bytes are what was approved.
pub(super) fn agrees(root: &Root, relative: &str, bytes: &[u8]) -> Result<bool, ConfigError> {
    let noted = opened(root)?.map(|dir| read_below(&dir, relative)).transpose()?.flatten();
    Ok(noted.is_some_and(|noted| noted == of(bytes).as_bytes()))
}

/// The approved copy of a hook, looked at now: its path, to be run at once.
/// `None` when none was approved.
///
/// # Errors
/// [`ConfigError::Refused`] when it is not what was approved.
pub fn approved_hook(root: &Root, event: &str) -> Result<Option<PathBuf>, ConfigError> {
    let relative = format!("hooks/{event}");
    let Some(bytes) = trust::approved(root, &relative)? else { return Ok(None) };
    let path = trust::approved_path(root, &relative);
    if agrees(root, &relative, &bytes)? {
        return Ok(Some(path));
    }
    let why =
        "it is not what was approved: somebody or the disk changed the copy; look at it and run `cellphone trust`";
    Err(ConfigError::Refused(format!("{}: {why}", path.display())))
}

fn opened(root: &Root) -> Result<Option<Dir>, ConfigError> {
    match Dir::open(&root.outside().join(FOLDER)) {
        Ok(dir) => Ok(Some(dir)),
        Err(e) if e.is_not_found() => Ok(None),
        Err(e) => Err(e.into()),
    }
}
