//! A restored copy of a root, and what in it may come back.
//!
//! Whoever made it, it is taken for hostile: its folders are opened without
//! following links, and an entry that is no plain file refuses all of it.

use std::path::Path;

use super::{ExchangeError, Result};
use crate::fsio::{Dir, FileKind};
use crate::model::AgentName;

/// The folders of a root that come back.
pub(super) const WORKSPACES: &str = "agent_workspaces";
/// Configuration, and programs that run on events.
pub(super) const PLAIN: [&str; 2] = ["config", "hooks"];
/// Letters for several recipients that were accepted and not yet delivered.
pub(super) const SPOOL: &str = ".cellphone/spool";
/// The record of what happened.
pub(super) const JOURNAL: &str = ".cellphone/journal";

/// Folders that hold one folder and nothing else, which are gone through: a
/// restic restore puts a tree below its whole path.
const LEVELS: usize = 64;

/// Opens the restored tree in `path`, or below it where each folder holds one
/// folder alone. It must not be the live root itself.
pub(super) fn open(path: &Path, root: &Dir) -> Result<Dir> {
    let mut dir = Dir::open(path)?;
    for _ in 0..LEVELS {
        let names = dir.names()?;
        if names.iter().any(|name| name == WORKSPACES || PLAIN.contains(&name.as_str())) {
            let (here, live) = (dir.own_stat()?, root.own_stat()?);
            if here.inode != 0 && (here.inode, here.device) == (live.inode, live.device) {
                return Err(unfit(dir.path(), "it is the live root itself"));
            }
            return Ok(dir);
        }
        match names.as_slice() {
            [only] if dir.stat(only)?.is_some_and(|s| s.kind == FileKind::Dir) => dir = dir.child(only)?,
            _ => break,
        }
    }
    Err(ExchangeError::NoTree(path.to_owned()))
}

/// A folder of the tree; `None` when it is not there.
pub(super) fn folder(top: &Dir, path: &str) -> Result<Option<Dir>> {
    match top.below(path) {
        Ok(dir) => Ok(Some(dir)),
        Err(e) if e.is_not_found() => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// The mailboxes of the restored tree, each under the name the live tree has
/// for it.
pub(super) fn mailboxes(top: &Dir, live: &[AgentName]) -> Result<Vec<(AgentName, Dir)>> {
    let Some(workspaces) = folder(top, WORKSPACES)? else { return Ok(Vec::new()) };
    let mut found: Vec<(AgentName, Dir)> = Vec::new();
    for name in workspaces.names()? {
        let path = workspaces.path().join(&name);
        match workspaces.stat(&name)?.map(|s| s.kind) {
            Some(FileKind::Dir) => {}
            // A note that lies beside the mailboxes is none.
            Some(FileKind::File) => continue,
            Some(FileKind::Link) => return Err(unfit(&path, "it is a symbolic link; nothing was changed")),
            _ => return Err(unfit(&path, "it is no folder and no file; nothing was changed")),
        }
        let Ok(agent) = AgentName::new(name.clone()) else { continue };
        if found.iter().any(|(other, _)| other.same(&name)) {
            return Err(unfit(&path, "two mailboxes there differ in upper and lower case alone"));
        }
        let here = live.iter().find(|known| known.same(&name)).cloned().unwrap_or(agent);
        found.push((here, workspaces.child(&name)?));
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}

pub(super) fn unfit(path: &Path, why: &str) -> ExchangeError {
    ExchangeError::Unfit { path: path.to_owned(), why: why.to_owned() }
}
