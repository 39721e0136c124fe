//! Finding files that lost their names: by inode, among the workspaces.
//!
//! While files are read, a map of inodes serves whoever misses one; it is made
//! anew when it leads nowhere and is not fresh. What is still missing then is
//! left to the end and searched together, in several rounds over all
//! workspaces: a message may be moved again while it is searched. Only what
//! none of the rounds meets was deleted.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Result;
use super::listing::{Sources, is_left_out, open_below};
use crate::fsio::{Dir, Facts, FileKind};
use crate::model::AgentName;

/// How often all workspaces are searched before a message counts as deleted.
const ROUNDS: usize = 5;
/// How long a map is good enough for another miss.
const FRESH: Duration = Duration::from_millis(200);
const WORKSPACES: &str = "agent_workspaces";

#[derive(Default)]
struct Known {
    paths: HashMap<u64, PathBuf>,
    made: HashMap<PathBuf, Instant>,
}

/// Finds files of one tree by their inodes.
pub(super) struct Finder<'a> {
    sources: &'a Sources,
    known: Mutex<Known>,
}

/// A file that is searched.
pub(super) struct Missing<T> {
    pub(super) inode: u64,
    /// Whether its name is one of a message; others are replaced and removed in the normal course.
    pub(super) message: bool,
    pub(super) what: T,
}

impl<'a> Finder<'a> {
    pub(super) fn new(sources: &'a Sources) -> Self {
        Self { sources, known: Mutex::default() }
    }

    /// Opens the file with this inode, which was listed in `folder`; `None`
    /// when it is not found at once.
    pub(super) fn find(&self, inode: u64, folder: &Path) -> Result<Option<(File, Facts)>> {
        if inode == 0 || !folder.starts_with(WORKSPACES) {
            return Ok(None);
        }
        // Who searches meanwhile waits for this search rather than repeating it.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(opened) = self.open(known.paths.get(&inode), inode)? {
            return Ok(Some(opened));
        }
        let own: PathBuf = folder.components().take(2).collect();
        if known.made.get(&own).is_some_and(|at| at.elapsed() < FRESH) {
            return Ok(None);
        }
        self.map(&own, &mut known.paths)?;
        known.made.insert(own, Instant::now());
        self.open(known.paths.get(&inode), inode)
    }

    /// Searches files together; gives those that are nowhere.
    pub(super) fn find_all<T>(
        &self,
        mut missing: Vec<Missing<T>>,
        mut found: impl FnMut(&T, File, Facts) -> Result<()>,
    ) -> Result<Vec<Missing<T>>> {
        let rounds = if missing.iter().any(|m| m.message) { ROUNDS } else { 1 };
        for _ in 0..rounds {
            if missing.is_empty() {
                break;
            }
            let mut paths = HashMap::new();
            self.map(Path::new(WORKSPACES), &mut paths)?;
            let mut left = Vec::new();
            for one in missing {
                match self.open(paths.get(&one.inode), one.inode)? {
                    Some((file, facts)) => found(&one.what, file, facts)?,
                    None => left.push(one),
                }
            }
            missing = left;
        }
        Ok(missing)
    }

    fn open(&self, path: Option<&PathBuf>, inode: u64) -> Result<Option<(File, Facts)>> {
        let Some((folder, name)) = path.and_then(|p| Some((p.parent()?, p.file_name()?))) else { return Ok(None) };
        let Some(dir) = open_below(&self.sources.root, folder)? else { return Ok(None) };
        Ok(dir.open_file(name)?.filter(|(_, facts)| facts.inode == inode))
    }

    /// Notes where every file below `top` is now, mailbox by mailbox.
    fn map(&self, top: &Path, known: &mut HashMap<u64, PathBuf>) -> Result<()> {
        let mut open = vec![top.to_owned()];
        while let Some(path) = open.pop() {
            let Some(dir) = open_below(&self.sources.root, &path)? else { continue };
            let _held = match mailbox_of(&path) {
                Some(agent) => self.sources.mailboxes.mailbox(&agent)?.hold_still()?,
                None => None,
            };
            for found in dir.found()? {
                let kind = found.kind.or_else(|| kind_of(&dir, &found.name));
                if is_left_out(&path, &found.name, kind) {
                    continue;
                }
                match kind {
                    Some(FileKind::Dir) => open.push(path.join(&found.name)),
                    Some(FileKind::File) => {
                        known.insert(found.inode, path.join(&found.name));
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

fn mailbox_of(path: &Path) -> Option<AgentName> {
    AgentName::new(path.components().nth(1)?.as_os_str().to_str()?).ok()
}

fn kind_of(dir: &Dir, name: &std::ffi::OsStr) -> Option<FileKind> {
    dir.look(name).ok()?.map(|facts| facts.kind)
}
