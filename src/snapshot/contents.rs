//! Looking into a snapshot: its directories, its files, its differences.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Component, Path, PathBuf};

use super::cipher::{Id, Sealer, hex};
use super::index::{Index, Spot};
use super::tree::{NodeIn, TreeIn};
use super::{Repository, Result, Snapshot, SnapshotError};

/// What an entry of a stored directory is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stored {
    File { size: u64, pieces: Vec<Id> },
    Folder(Id),
    Link(OsString),
    Other,
}

/// An entry of a stored directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: OsString,
    pub(super) mode: u32,
    pub(super) modified: i128,
    pub(super) stored: Stored,
}

impl Entry {
    /// A name that leads elsewhere is refused: nobody wrote it in good faith.
    fn read(node: &NodeIn<'_>) -> Option<Self> {
        let name = node.real_name();
        let mut parts = Path::new(&name).components();
        let one = matches!((parts.next(), parts.next()), (Some(Component::Normal(part)), None) if *part == *name);
        if !one || name.as_encoded_bytes().contains(&0) {
            return None;
        }
        let modified = node.mtime.parse::<jiff::Timestamp>().map_or(0, jiff::Timestamp::as_nanosecond);
        let stored = match node.kind {
            "file" => Stored::File { size: node.size, pieces: node.pieces()? },
            "dir" => Stored::Folder(node.below()?),
            "symlink" => Stored::Link(node.linktarget.as_ref().into()),
            _ => Stored::Other,
        };
        Some(Self { name, mode: node.permissions(), modified, stored })
    }
}

/// A repository with its index, for reading.
pub(super) struct Contents<'a> {
    pub(super) repository: &'a Repository,
    pub(super) index: Index,
    pub(super) sealer: Sealer,
}

impl<'a> Contents<'a> {
    pub(super) fn open(repository: &'a Repository) -> Result<Self> {
        let mut sealer = repository.sealer()?;
        let index = repository.index(&mut sealer)?;
        Ok(Self { repository, index, sealer })
    }

    /// One directory.
    pub(super) fn folder(&mut self, id: &Id) -> Result<Vec<Entry>> {
        let damaged = |why: &str| SnapshotError::Damaged(format!("directory {}: {why}", &hex(id)[..8]));
        let spot = *self.index.trees.get(id).ok_or_else(|| damaged("no index knows where it is"))?;
        let json = self.repository.blob(&mut self.sealer, &self.index, spot, id)?;
        let nodes = TreeIn::parse(&json).ok_or_else(|| damaged("it is none"))?;
        let entries = nodes.iter().map(|n| Entry::read(n).ok_or_else(|| damaged("a name in it leads elsewhere")));
        entries.collect()
    }

    /// The directory of the root. Other programs store the way to it too.
    pub(super) fn top(&mut self, snapshot: &Snapshot) -> Result<Id> {
        if snapshot.is_ours() || snapshot.paths.len() != 1 {
            return Ok(snapshot.tree);
        }
        let path = Path::new(&snapshot.paths[0]);
        match self.find(snapshot.tree, &path.components().skip(1).collect::<PathBuf>())? {
            Some(Entry { stored: Stored::Folder(id), .. }) => Ok(id),
            _ => Ok(snapshot.tree),
        }
    }

    /// An entry by its path below a directory.
    pub(super) fn find(&mut self, top: Id, path: &Path) -> Result<Option<Entry>> {
        let mut here = top;
        let mut parts = path.components().filter(|c| !matches!(c, Component::CurDir)).peekable();
        while let Some(part) = parts.next() {
            let Some(entry) = self.folder(&here)?.into_iter().find(|e| e.name == part.as_os_str()) else {
                return Ok(None);
            };
            match (parts.peek().is_some(), &entry.stored) {
                (false, _) => return Ok(Some(entry)),
                (true, Stored::Folder(id)) => here = *id,
                (true, _) => return Ok(None),
            }
        }
        let stored = Stored::Folder(top);
        Ok(Some(Entry { name: OsString::new(), mode: 0o700, modified: 0, stored }))
    }

    /// Every entry below a directory, folders before what is in them.
    pub(super) fn walk(&mut self, top: Id, at: &Path, each: &mut dyn FnMut(PathBuf, Entry)) -> Result<()> {
        let mut open = vec![(top, at.to_owned())];
        while let Some((id, path)) = open.pop() {
            for entry in self.folder(&id)? {
                let below = path.join(&entry.name);
                if let Stored::Folder(id) = entry.stored {
                    open.push((id, below.clone()));
                }
                each(below, entry);
            }
        }
        Ok(())
    }

    /// Where a piece lies.
    pub(super) fn spot(&self, id: &Id) -> Option<Spot> {
        self.index.data.get(id).copied()
    }
}

/// An entry, for showing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// From the root.
    pub path: PathBuf,
    /// `file`, `dir`, `link` or `other`.
    pub kind: &'static str,
    /// Bytes of a file.
    pub size: u64,
    /// When it changed.
    pub modified: jiff::Timestamp,
    /// Permission bits.
    pub mode: u32,
}

/// How an entry differs between two snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Only the later has it.
    Added,
    /// Only the earlier has it.
    Removed,
    /// Its bytes differ.
    Changed,
    /// The same bytes stand at another path.
    Moved,
}

impl Change {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
            Self::Moved => "moved",
        }
    }
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Which path.
    pub path: PathBuf,
    /// What about it.
    pub change: Change,
    /// Where it was before, of what moved.
    pub from: Option<PathBuf>,
}

impl Repository {
    /// What is below a path of a snapshot, sorted.
    ///
    /// # Errors
    /// No such path, or it is damaged.
    pub fn ls(&self, snapshot: &Snapshot, path: &Path) -> Result<Vec<Shown>> {
        let mut contents = Contents::open(self)?;
        let top = contents.top(snapshot)?;
        let mut found = Vec::new();
        let mut add = |path: PathBuf, entry: Entry| {
            let (kind, size) = match &entry.stored {
                Stored::File { size, .. } => ("file", *size),
                Stored::Folder(_) => ("dir", 0),
                Stored::Link(_) => ("link", 0),
                Stored::Other => ("other", 0),
            };
            let modified = jiff::Timestamp::from_nanosecond(entry.modified).unwrap_or_default();
            found.push(Shown { path, kind, size, modified, mode: entry.mode });
        };
        match contents.find(top, path)? {
            Some(Entry { stored: Stored::Folder(id), .. }) => contents.walk(id, path, &mut add)?,
            Some(entry) => add(path.to_owned(), entry),
            None => return Err(no_path(snapshot, path)),
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    /// Writes the bytes of one file.
    ///
    /// # Errors
    /// No such file, it is damaged, or the reader has gone.
    pub fn cat(&self, snapshot: &Snapshot, path: &Path, out: &mut dyn Write) -> Result<()> {
        let mut contents = Contents::open(self)?;
        let top = contents.top(snapshot)?;
        let Some(Entry { stored: Stored::File { pieces, .. }, .. }) = contents.find(top, path)? else {
            return Err(no_path(snapshot, path));
        };
        for id in pieces {
            let lost = || SnapshotError::Damaged(format!("{} is lost: no index knows a piece of it", path.display()));
            let spot = contents.spot(&id).ok_or_else(lost)?;
            let bytes = self.blob(&mut contents.sealer, &contents.index, spot, &id)?;
            out.write_all(&bytes).map_err(SnapshotError::Output)?;
        }
        Ok(())
    }

    /// What differs from one snapshot to another, sorted by path.
    ///
    /// # Errors
    /// When one of them is damaged.
    pub fn diff(&self, a: &Snapshot, b: &Snapshot) -> Result<Vec<Difference>> {
        let mut contents = Contents::open(self)?;
        let (a, b) = (contents.top(a)?, contents.top(b)?);
        let (mut old, mut new) = (BTreeMap::new(), BTreeMap::new());
        contents.differing(Some(a), Some(b), Path::new(""), &mut old, &mut new)?;
        let mut found = Vec::new();
        for (path, stored) in &new {
            match old.get(path) {
                None => found.push(Difference { path: path.clone(), change: Change::Added, from: None }),
                Some(before) if before != stored => {
                    found.push(Difference { path: path.clone(), change: Change::Changed, from: None });
                }
                Some(_) => {}
            }
        }
        // A message that was moved has the same bytes under the same id elsewhere.
        let mut gone: Vec<(&PathBuf, &Stored)> = old.iter().filter(|(path, _)| !new.contains_key(*path)).collect();
        for difference in found.iter_mut().filter(|d| d.change == Change::Added) {
            let stored = &new[&difference.path];
            let fits = |(_, before): &(&PathBuf, &Stored)| *before == stored && matches!(stored, Stored::File { .. });
            if let Some(at) = gone.iter().position(fits) {
                difference.change = Change::Moved;
                difference.from = Some(gone.swap_remove(at).0.clone());
            }
        }
        found.extend(gone.iter().map(|(path, _)| Difference {
            path: (*path).clone(),
            change: Change::Removed,
            from: None,
        }));
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }
}

pub(super) fn no_path(snapshot: &Snapshot, path: &Path) -> SnapshotError {
    SnapshotError::NotFound(format!("{} is not in snapshot {}", path.display(), snapshot.short()))
}

impl Contents<'_> {
    /// What stands only on one side, or differs; directories that are the same
    /// are not entered.
    fn differing(
        &mut self,
        a: Option<Id>,
        b: Option<Id>,
        at: &Path,
        old: &mut BTreeMap<PathBuf, Stored>,
        new: &mut BTreeMap<PathBuf, Stored>,
    ) -> Result<()> {
        if a == b {
            return Ok(());
        }
        let mut read = |id: Option<Id>| -> Result<BTreeMap<OsString, Stored>> {
            let Some(id) = id else { return Ok(BTreeMap::new()) };
            Ok(self.folder(&id)?.into_iter().map(|e| (e.name, e.stored)).collect())
        };
        let (mut before, after) = (read(a)?, read(b)?);
        for (name, stored) in after {
            let path = at.join(&name);
            match (before.remove(&name), stored) {
                (Some(Stored::Folder(x)), Stored::Folder(y)) => {
                    self.differing(Some(x), Some(y), &path, old, new)?;
                }
                (Some(same), stored) if same == stored => {}
                (other, stored) => {
                    if let Stored::Folder(id) = stored {
                        self.differing(None, Some(id), &path, old, new)?;
                    } else {
                        new.insert(path.clone(), stored);
                    }
                    self.only_before(other, path, old, new)?;
                }
            }
        }
        for (name, stored) in before {
            self.only_before(Some(stored), at.join(name), old, new)?;
        }
        Ok(())
    }

    fn only_before(
        &mut self,
        stored: Option<Stored>,
        path: PathBuf,
        old: &mut BTreeMap<PathBuf, Stored>,
        new: &mut BTreeMap<PathBuf, Stored>,
    ) -> Result<()> {
        match stored {
            Some(Stored::Folder(id)) => self.differing(Some(id), None, &path, old, new),
            Some(other) => {
                old.insert(path, other);
                Ok(())
            }
            None => Ok(()),
        }
    }
}
