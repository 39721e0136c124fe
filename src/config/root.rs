//! The working root: how it is found, and its identity.
//!
//! The id belongs to one place on one disk: it is kept beside the number and
//! the birth time of `.cellphone/`. A copy (or a restored backup) therefore
//! gets an id of its own, and with it approvals of its own; a renamed root
//! keeps both.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{ConfigError, SETTINGS, place};
use crate::fsio::{self, Dir, FileKind, Lock};
use crate::model::MessageId;

const STATE: &str = ".cellphone";
const IDENTITY: &str = "root.json";

/// An open working root. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Root {
    path: PathBuf,
    dir: Dir,
    state: Dir,
    id: String,
    outside: Option<PathBuf>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Identity {
    id: String,
    inode: u64,
    /// Nanoseconds since 1970; 0 where the file system does not tell.
    born: u64,
}

impl Root {
    /// Finds the root: `--root`, `CELLPHONE_ROOT`, walking up from the current
    /// folder to `config/cellphone.yaml`, last the user's default root.
    ///
    /// # Errors
    /// [`ConfigError::NoRoot`] says where was looked.
    pub fn find(flag: Option<&Path>) -> Result<Self, ConfigError> {
        if let Some(path) = flag {
            return Self::open(path);
        }
        if let Some(path) = std::env::var_os("CELLPHONE_ROOT").filter(|p| !p.is_empty()) {
            return Self::open(Path::new(&path)).map_err(|e| match e {
                ConfigError::NoRoot { where_ } => {
                    ConfigError::NoRoot { where_: format!("{where_} (named by CELLPHONE_ROOT)") }
                }
                other => other,
            });
        }
        let here = std::env::current_dir().unwrap_or_default();
        if let Some(found) = here.ancestors().find(|dir| !dir.as_os_str().is_empty() && is_root(dir)) {
            return Self::open(found);
        }
        match place::default_root() {
            Some(path) if is_root(&path) => Self::open(&path),
            Some(path) => Err(ConfigError::NoRoot {
                where_: format!("in {} or above it, and the default root {} has gone", here.display(), path.display()),
            }),
            None => Err(ConfigError::NoRoot { where_: format!("in {} or above it", here.display()) }),
        }
    }

    /// Opens a root by its path, making `.cellphone/` where missing.
    ///
    /// # Errors
    /// [`ConfigError::NoRoot`] when the folder is none.
    pub fn open(path: &Path) -> Result<Self, ConfigError> {
        let path = path.canonicalize().map_err(|_| ConfigError::NoRoot { where_: format!("at {}", path.display()) })?;
        if !is_root(&path) {
            return Err(ConfigError::NoRoot { where_: format!("at {}", path.display()) });
        }
        Self::open_any(path)
    }

    /// Opens a folder that is about to become a root.
    pub(super) fn open_any(path: PathBuf) -> Result<Self, ConfigError> {
        let dir = Dir::open(&path)?;
        let state = match dir.child(STATE) {
            Err(e) if e.is_not_found() => make_state(&dir)?,
            other => other?,
        };
        let id = identity(&state)?;
        let outside = place::state_home().map(|home| home.join("cellphone").join(&id));
        Ok(Self { path, dir, state, id, outside })
    }

    /// Gives a folder the id of a root that was lost, and with it the
    /// approvals, keys and passwords that lie outside the tree under that id;
    /// what it had under another stays there. Only a person says so: a copied
    /// root never takes an id by itself.
    ///
    /// # Errors
    /// Nothing is known of a root of that id, or the disk says no.
    pub(super) fn succeed(path: &Path, id: &str) -> Result<(), ConfigError> {
        let outside = place::state_home().map(|home| home.join("cellphone").join(id));
        if !is_id(id) || !outside.as_ref().is_some_and(|outside| outside.is_dir()) {
            let place = outside.map_or_else(|| id.to_owned(), |outside| outside.display().to_string());
            let why = "nothing of a root of that id is kept here; leave --instead-of out, or bring that folder back";
            return Err(ConfigError::NotFound(format!("{place}: {why}")));
        }
        let dir = Dir::open(path)?;
        let state = match dir.child(STATE) {
            Err(e) if e.is_not_found() => make_state(&dir)?,
            other => other?,
        };
        let _held = Lock::exclusive(&state.child_or_create("locks")?, "root")?;
        let (inode, born) = (state.own_stat()?.inode, birth(state.path()));
        // Whatever looked into the folder since the loss has given it an id of its own: that one has nothing yet.
        let text = serde_json::to_vec(&Identity { id: id.to_owned(), inode, born }).unwrap_or_default();
        Ok(state.replace(IDENTITY, &text, true)?)
    }

    /// Its path, without links.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The root folder.
    #[must_use]
    pub fn dir(&self) -> &Dir {
        &self.dir
    }

    /// What names this root; a copy has another.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// `.cellphone/`, this machine's own.
    #[must_use]
    pub fn state(&self) -> &Dir {
        &self.state
    }

    /// Where approved copies live, outside the tree. Made when something is
    /// approved.
    #[must_use]
    pub fn outside(&self) -> PathBuf {
        // Without any home nothing was ever approved; the path only has to be one that is not there.
        self.outside.clone().unwrap_or_else(|| PathBuf::from("/nonexistent/cellphone").join(&self.id))
    }

    /// Whether there is a place outside the tree at all.
    pub(super) fn has_outside(&self) -> bool {
        self.outside.is_some()
    }

    /// Takes a lock of this root by name.
    ///
    /// # Errors
    /// When `.cellphone/locks` cannot be written.
    pub(crate) fn lock(&self, name: &str) -> Result<Lock, ConfigError> {
        Ok(Lock::exclusive(&self.state.child_or_create("locks")?, name)?)
    }

    /// Reads a file of the tree by its path from the root, following no link;
    /// `None` when it is not there.
    ///
    /// # Errors
    /// When it is there and cannot be read, or is larger than a configuration
    /// may be.
    pub fn read(&self, relative: &str) -> Result<Option<Vec<u8>>, ConfigError> {
        read_below(&self.dir, relative)
    }

    /// Opens a folder of the tree by its path from the root; `None` when it is
    /// not there.
    pub(crate) fn folder(&self, relative: &str) -> Result<Option<Dir>, ConfigError> {
        folder_below(&self.dir, relative)
    }
}

pub(super) fn folder_below(top: &Dir, relative: &str) -> Result<Option<Dir>, ConfigError> {
    if relative.is_empty() {
        return Ok(Some(top.clone()));
    }
    match top.below(relative) {
        Ok(dir) => Ok(Some(dir)),
        Err(e) if e.is_not_found() => Ok(None),
        Err(e) => Err(e.into()),
    }
}

pub(super) fn read_below(top: &Dir, relative: &str) -> Result<Option<Vec<u8>>, ConfigError> {
    let (folder, name) = relative.rsplit_once('/').unwrap_or(("", relative));
    let Some(dir) = folder_below(top, folder)? else { return Ok(None) };
    match dir.read(name, super::MAX_FILE) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.is_not_found() => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// A branch without `config/` may be checked out in a running root, so the
/// identity beside the locks marks one as well.
fn is_root(path: &Path) -> bool {
    path.join(SETTINGS).is_file() || path.join(STATE).join(IDENTITY).is_file()
}

/// `.cellphone/` keeps git away from itself, whatever the repository around it
/// says.
fn make_state(dir: &Dir) -> Result<Dir, ConfigError> {
    let state = dir.child_or_create(STATE)?;
    match state.create(".gitignore", b"*\n", false) {
        Err(e) if !e.exists() => Err(e.into()),
        _ => Ok(state),
    }
}

fn identity(state: &Dir) -> Result<String, ConfigError> {
    let inode = state.own_stat()?.inode;
    let born = birth(state.path());
    let fits = |known: &Identity| known.inode == inode && known.born == born && is_id(&known.id);
    if let Some(known) = read_identity(state).filter(fits) {
        return Ok(known.id);
    }
    let _held = Lock::exclusive(&state.child_or_create("locks")?, "root")?;
    if let Some(known) = read_identity(state).filter(fits) {
        return Ok(known.id);
    }
    let id = MessageId::compose(jiff::Timestamp::now(), fsio::random()).to_string().to_ascii_lowercase();
    let fresh = Identity { id, inode, born };
    let text = serde_json::to_vec(&fresh).unwrap_or_default();
    state.replace(IDENTITY, &text, true)?;
    Ok(fresh.id)
}

fn read_identity(state: &Dir) -> Option<Identity> {
    let known = state.stat(IDENTITY).ok()??;
    if known.kind != FileKind::File {
        return None;
    }
    serde_json::from_slice(&state.read(IDENTITY, 4_096).ok()?).ok()
}

/// The id becomes a path outside the tree, so it is checked like any name an
/// agent could have written.
pub(super) fn is_id(id: &str) -> bool {
    id.len() == 26 && id.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase())
}

fn birth(path: &Path) -> u64 {
    let created = std::fs::metadata(path).and_then(|m| m.created()).ok();
    let since = created.and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok());
    since.and_then(|d| u64::try_from(d.as_nanos()).ok()).unwrap_or(0)
}
