//! Approved copies: what of the tree may make the program run, type or grant
//! something.
//!
//! Agents can write the tree, so hooks, the roster's roles and channels, role
//! policies, signers, coordinates and profiles are used only as the copy that a person
//! approved, which is kept outside the tree under the root's id. A change in
//! the tree has no effect until it is approved; a removal neither. Plain
//! limits in `cellphone.yaml` are no part of this.

use std::path::PathBuf;

use super::digests;
use super::root::read_below;
use super::{AGENTS, ALLOWED_SIGNERS, COORDINATES, ConfigError, REVOKED_KEYS, ROLES, Root};
use crate::fsio::{Dir, FileKind};

const FILES: [&str; 5] = [AGENTS, ROLES, ALLOWED_SIGNERS, REVOKED_KEYS, COORDINATES];
/// Folder, and how the names in it end.
const FOLDERS: [(&str, &str); 6] = [
    ("config/profiles", ".yaml"),
    ("config/continuity", ".yaml"),
    ("config/onboarding", ".yaml"),
    ("config/onboarding/modes", ".yaml"),
    ("config/onboarding/roles", ".md"),
    ("config/onboarding/styles", ".md"),
];
const HOOKS: &str = "hooks";
const APPROVED: &str = "approved";

/// How a file of the tree stands to its approved copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrustState {
    /// Both are the same.
    Approved,
    /// The tree differs; the approved copy is in force.
    Changed,
    /// Never approved; without effect.
    New,
    /// Gone from the tree; the approved copy is in force.
    Missing,
}

impl TrustState {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Changed => "changed",
            Self::New => "new",
            Self::Missing => "missing",
        }
    }
}

/// One file that needs approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustItem {
    /// Path from the root, with `/`.
    pub path: String,
    /// How it stands.
    pub state: TrustState,
    /// SHA-256 of the file in the tree; empty when it is gone.
    pub digest: String,
}

/// The approved copy of a file, by its path from the root; `None` when there
/// is none.
///
/// # Errors
/// When the copy is there and cannot be read.
pub fn approved(root: &Root, relative: &str) -> Result<Option<Vec<u8>>, ConfigError> {
    match store(root)? {
        Some(dir) => read_below(&dir, relative),
        None => Ok(None),
    }
}

/// Where the approved copy of a file stands, whether or not there is one. The
/// copy of a hook may be executed.
#[must_use]
pub fn approved_path(root: &Root, relative: &str) -> PathBuf {
    root.outside().join(APPROVED).join(relative)
}

/// Every file that needs approval, sorted by path.
///
/// # Errors
/// When a file cannot be read; a link or a hard link among them is refused.
pub fn status(root: &Root) -> Result<Vec<TrustItem>, ConfigError> {
    let store = store(root)?;
    let mut paths: Vec<String> = candidates(root.dir(), true)?;
    if let Some(store) = &store {
        paths.extend(candidates(store, false)?);
    }
    paths.extend(super::guarded::items().map(str::to_owned));
    paths.sort();
    paths.dedup();
    let mut items = Vec::with_capacity(paths.len());
    for path in paths {
        // A hook that lost its executable bit was switched off by somebody: it counts as gone.
        let runs = !path.starts_with("hooks/") || runnable(root, &path)?;
        let here = if runs { in_tree(root, &path)? } else { None };
        let there = match &store {
            Some(store) => read_below(store, &path)?,
            None => None,
        };
        let state = match (&here, &there) {
            (Some(a), Some(b)) if a == b && is_sound(root, &path, b)? => TrustState::Approved,
            (Some(_), Some(_)) => TrustState::Changed,
            (Some(_), None) => TrustState::New,
            (None, Some(_)) => TrustState::Missing,
            (None, None) => continue,
        };
        items.push(TrustItem { path, state, digest: here.as_deref().map(digests::of).unwrap_or_default() });
    }
    Ok(items)
}

/// Approves everything as it stands in the tree now; gives back what changed
/// by that, as it stood before.
///
/// # Errors
/// When a file cannot be read or the copies cannot be written.
pub fn approve(root: &Root) -> Result<Vec<TrustItem>, ConfigError> {
    let items = status(root)?;
    approve_seen(root, &items)
}

/// Approves exactly what a person was shown: a file that changed since is
/// refused, and nothing after it is approved.
///
/// # Errors
/// [`ConfigError::Refused`] names a file that changed meanwhile.
pub fn approve_seen(root: &Root, seen: &[TrustItem]) -> Result<Vec<TrustItem>, ConfigError> {
    let mut done = Vec::new();
    for item in seen.iter().filter(|item| item.state != TrustState::Approved) {
        if item.state == TrustState::Missing {
            withdraw(root, &item.path)?;
        } else {
            let bytes = in_tree(root, &item.path)?.unwrap_or_default();
            if digests::of(&bytes) != item.digest {
                let path = root.path().join(&item.path);
                let why = "it changed after it was shown; look at it and run `cellphone trust` again";
                return Err(ConfigError::Refused(format!("{}: {why}", path.display())));
            }
            approve_bytes(root, &item.path, &bytes)?;
        }
        done.push(item.clone());
    }
    Ok(done)
}

/// Approves one file as it stands in the tree.
///
/// # Errors
/// [`ConfigError::NotFound`] when it is not there or needs no approval.
pub fn approve_one(root: &Root, relative: &str) -> Result<(), ConfigError> {
    if !is_candidate(relative) {
        return Err(ConfigError::NotFound(format!("{relative} needs no approval; `cellphone trust` lists what does")));
    }
    let Some(bytes) = root.read(relative)? else {
        return Err(ConfigError::NotFound(format!("{} is not there", root.path().join(relative).display())));
    };
    approve_bytes(root, relative, &bytes)
}

/// Writes bytes as the approved copy. For what our own commands write: they
/// change the copy by the same edit as the tree, so that a stranger's change
/// beside it stays unapproved.
pub(crate) fn approve_bytes(root: &Root, relative: &str, bytes: &[u8]) -> Result<(), ConfigError> {
    if !root.has_outside() {
        let why = "nothing can be approved, because no home folder is known; set HOME and run `cellphone trust`";
        return Err(ConfigError::Refused(why.into()));
    }
    let mut dir = Dir::create_all(&root.outside())?.child_or_create(APPROVED)?;
    let mut parts: Vec<&str> = relative.split('/').collect();
    let name = parts.pop().unwrap_or_default();
    for part in parts {
        dir = dir.child_or_create(part)?;
    }
    if !relative.starts_with("hooks/") {
        return Ok(dir.replace(name, bytes, true)?);
    }
    digests::note(root, relative, bytes)?;
    // The copy gets its bit before its name, so that a run never meets half of it.
    let beside = format!(".{name}.{}", std::process::id());
    dir.replace(&beside, bytes, true)?;
    dir.set_mode(&beside, 0o700)?;
    if dir.stat(name)?.is_some() {
        dir.remove(name)?;
    }
    Ok(dir.rename(&beside, &dir, name)?)
}

/// Whether the approved copies lie inside the tree that agents can write:
/// `doctor` warns of it.
#[must_use]
pub fn lies_inside(root: &Root) -> bool {
    root.outside().starts_with(root.path())
}

/// What the tree says: the file, or of the settings the part that needs
/// approval; `None` when it is not there.
///
/// # Errors
/// When it is there and cannot be read.
pub fn in_tree(root: &Root, path: &str) -> Result<Option<Vec<u8>>, ConfigError> {
    super::guarded::in_tree(root, path).unwrap_or_else(|| root.read(path))
}

/// Whether the copy of a hook is what was approved.
fn is_sound(root: &Root, relative: &str, copy: &[u8]) -> Result<bool, ConfigError> {
    if relative.starts_with("hooks/") { digests::agrees(root, relative, copy) } else { Ok(true) }
}

pub(super) fn withdraw(root: &Root, relative: &str) -> Result<(), ConfigError> {
    digests::forget(root, relative)?;
    let (folder, name) = relative.rsplit_once('/').unwrap_or(("", relative));
    let Some(store) = store(root)? else { return Ok(()) };
    match super::root::folder_below(&store, folder)? {
        Some(dir) => Ok(dir.remove(name)?),
        None => Ok(()),
    }
}

fn store(root: &Root) -> Result<Option<Dir>, ConfigError> {
    match Dir::open(&root.outside().join(APPROVED)) {
        Ok(dir) => Ok(Some(dir)),
        Err(e) if e.is_not_found() => Ok(None),
        Err(e) => Err(e.into()),
    }
}

fn is_candidate(relative: &str) -> bool {
    let in_folder = |folder: &str| {
        let name = relative.strip_prefix(folder)?.strip_prefix('/')?;
        (!name.contains('/')).then_some(name)
    };
    FILES.contains(&relative)
        || FOLDERS.iter().any(|(folder, end)| in_folder(folder).is_some_and(|name| name.ends_with(end)))
        || in_folder(HOOKS).is_some_and(is_hook)
}

/// Names of events: samples and an editor's leftovers are none.
fn is_hook(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
}

fn candidates(top: &Dir, tree: bool) -> Result<Vec<String>, ConfigError> {
    let mut found: Vec<String> = FILES.iter().map(|&f| f.to_owned()).collect();
    for folder in FOLDERS.iter().map(|(folder, _)| *folder).chain([HOOKS]) {
        let Some(dir) = super::root::folder_below(top, folder)? else { continue };
        for name in dir.names()? {
            let path = format!("{folder}/{name}");
            if is_candidate(&path) && (!tree || folder != HOOKS || executable(&dir, &name)?) {
                found.push(path);
            }
        }
    }
    Ok(found)
}

fn runnable(root: &Root, path: &str) -> Result<bool, ConfigError> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let Some(dir) = root.folder(HOOKS)? else { return Ok(false) };
    executable(&dir, name)
}

fn executable(dir: &Dir, name: &str) -> Result<bool, ConfigError> {
    Ok(dir.stat(name)?.is_some_and(|s| s.kind == FileKind::File && (s.mode & 0o100 != 0 || cfg!(not(unix)))))
}
