//! Where each root stood last, kept outside the tree beside its approved copies.
//!
//! Whoever removes `.cellphone/` (`git clean -fdx`, say) takes the root's id
//! with it: the next command gives the folder another one, and all that lies
//! outside under the old id (approvals, keys, passwords) counts no more. This
//! record tells that from a new root.

use super::{ConfigError, Root, place};
use crate::fsio::{Dir, FsError};

/// The record: one line, the path.
const SEAT: &str = "seat";
/// The longest path that is read, in bytes.
const LIMIT: u64 = 8_192;

/// Keeps where this root stands, for the day on which its id is lost. Where
/// another one stood that is not settled yet.
///
/// # Errors
/// The folder outside the tree cannot be listed or written.
pub(crate) fn keep(root: &Root) -> Result<(), ConfigError> {
    if !root.has_outside() || !before(root)?.is_empty() {
        return Ok(());
    }
    let line = line(root);
    let outside = Dir::create_all(&root.outside())?;
    if read(&outside).is_some_and(|known| known == line) {
        return Ok(());
    }
    Ok(outside.replace(SEAT, line.as_bytes(), false)?)
}

/// The ids of the roots that stood last where this one stands, besides its own.
///
/// # Errors
/// The folder outside the tree cannot be listed.
pub(crate) fn before(root: &Root) -> Result<Vec<String>, ConfigError> {
    let Some(all) = all()? else { return Ok(Vec::new()) };
    let line = line(root);
    let mut ids = all.names()?;
    ids.retain(|id| id != root.id() && super::root::is_id(id));
    ids.retain(|id| all.child(id).ok().and_then(|one| read(&one)).is_some_and(|known| known == line));
    Ok(ids)
}

/// Takes the place of whatever stood here; gives the ids of those.
///
/// # Errors
/// The folder outside the tree cannot be written.
pub(super) fn take(root: &Root) -> Result<Vec<String>, ConfigError> {
    let before = before(root)?;
    for id in &before {
        if let Some(all) = all()? {
            all.child(id)?.remove(SEAT)?;
        }
    }
    keep(root)?;
    Ok(before)
}

fn all() -> Result<Option<Dir>, FsError> {
    let Some(home) = place::state_home() else { return Ok(None) };
    match Dir::open(&home.join("cellphone")) {
        Ok(dir) => Ok(Some(dir)),
        Err(e) if e.is_not_found() => Ok(None),
        Err(e) => Err(e),
    }
}

fn line(root: &Root) -> String {
    format!("{}\n", root.path().display())
}

fn read(outside: &Dir) -> Option<String> {
    String::from_utf8(outside.read(SEAT, LIMIT).ok()?).ok()
}
