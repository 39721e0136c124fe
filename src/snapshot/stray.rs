//! Finding files that lost their names: by inode, among the workspaces.
//!
//! While files are read, a map of inodes serves whoever misses one; it is made
//! anew when it leads nowhere and is not fresh. What is still missing then is
//! left to the end and searched together, in rounds over all workspaces: a
//! message may be moved again while it is searched. Only what is not met while
//! everything stands still, or in none of many rounds, was deleted.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Result;
use super::listing::{Sources, is_fresh, is_left_out, open_below};
use crate::fsio::{Dir, Facts, FileKind, Found};
use crate::model::AgentName;

/// How often all workspaces are searched before a message counts as deleted
/// while they never stand still.
const ROUNDS: usize = 30;
/// How long a map is good enough for another miss.
const FRESH: Duration = Duration::from_millis(200);
const WORKSPACES: &str = "agent_workspaces";

#[derive(Default)]
struct Known {
    paths: HashMap<u64, PathBuf>,
    made: HashMap<PathBuf, Instant>,
}

/// What is done with a folder: its path, itself, what is in it, and its
/// modification before it was read.
type Visit<'v> = dyn FnMut(&Path, &Dir, &[Found], i128) -> Result<()> + 'v;

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
    ///
    /// What is met is opened the moment its name was read, before it can move
    /// on. A pass during which no folder changed is a proof; without one, a
    /// file must have slipped through every pass to be taken for deleted.
    pub(super) fn find_all<T>(
        &self,
        missing: Vec<Missing<T>>,
        mut found: impl FnMut(&T, File, Facts) -> Result<()>,
    ) -> Result<Vec<Missing<T>>> {
        let mut missing: HashMap<u64, Missing<T>> = missing.into_iter().map(|one| (one.inode, one)).collect();
        for _ in 0..ROUNDS {
            if missing.is_empty() {
                break;
            }
            let mut folders = Vec::new();
            self.walk(Path::new(WORKSPACES), &mut |path, dir, entries, modified| {
                folders.push((path.to_owned(), modified));
                for entry in entries.iter().filter(|e| e.kind == Some(FileKind::File)) {
                    if !missing.contains_key(&entry.inode) {
                        continue;
                    }
                    if let Some((file, facts)) = dir.open_file(&entry.name)?.filter(|(_, f)| f.inode == entry.inode)
                        && let Some(one) = missing.remove(&entry.inode)
                    {
                        found(&one.what, file, facts)?;
                    }
                }
                Ok(())
            })?;
            if missing.values().all(|one| !one.message) || self.stood_still(&folders)? {
                break;
            }
        }
        Ok(missing.into_values().collect())
    }

    /// Whether no folder changed since it was read, so that nothing can have
    /// moved from one that was still to be read into one that had been.
    fn stood_still(&self, folders: &[(PathBuf, i128)]) -> Result<bool> {
        for (path, modified) in folders {
            let Some(dir) = open_below(&self.sources.root, path)? else { return Ok(false) };
            if dir.own_facts()?.modified != *modified || is_fresh(*modified) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn open(&self, path: Option<&PathBuf>, inode: u64) -> Result<Option<(File, Facts)>> {
        let Some((folder, name)) = path.and_then(|p| Some((p.parent()?, p.file_name()?))) else { return Ok(None) };
        let Some(dir) = open_below(&self.sources.root, folder)? else { return Ok(None) };
        Ok(dir.open_file(name)?.filter(|(_, facts)| facts.inode == inode))
    }

    /// Notes where every file below `top` is now.
    fn map(&self, top: &Path, known: &mut HashMap<u64, PathBuf>) -> Result<()> {
        self.walk(top, &mut |path, _, entries, _| {
            let files = entries.iter().filter(|e| e.kind == Some(FileKind::File));
            known.extend(files.map(|e| (e.inode, path.join(&e.name))));
            Ok(())
        })
    }

    /// Reads every folder below `top`, each under the lock of its mailbox.
    fn walk(&self, top: &Path, each: &mut Visit<'_>) -> Result<()> {
        let mut open = vec![top.to_owned()];
        while let Some(path) = open.pop() {
            let Some(dir) = open_below(&self.sources.root, &path)? else { continue };
            let _held = match mailbox_of(&path) {
                Some(agent) => self.sources.mailboxes.mailbox(&agent)?.hold_still()?,
                None => None,
            };
            let modified = dir.own_facts()?.modified;
            let mut entries = dir.found()?;
            for entry in entries.iter_mut().filter(|e| e.kind.is_none()) {
                entry.kind = kind_of(&dir, &entry.name);
            }
            entries.retain(|e| !is_left_out(&path, &e.name, e.kind));
            let folders = entries.iter().filter(|e| e.kind == Some(FileKind::Dir));
            open.extend(folders.map(|e| path.join(&e.name)));
            each(&path, &dir, &entries, modified)?;
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
