//! Directory handles where there is no `openat`: by path, with a look before
//! each step. Weaker than the Unix one against somebody who swaps folders at
//! the same moment; `ARCHITECTURE.md` says so.
#![allow(clippy::disallowed_methods)] // This is the room that may.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::{Appender, FileKind, FsError, Result, Stat, temporary_name};

/// A directory, by its path.
#[derive(Debug, Clone)]
pub struct Dir {
    pub(super) path: PathBuf,
}

impl Dir {
    /// Opens a directory by a path that is trusted.
    ///
    /// # Errors
    /// When it is not there or not a directory.
    pub fn open(path: &Path) -> Result<Self> {
        let meta = std::fs::metadata(path).map_err(|e| FsError::new("open", path, e))?;
        if !meta.is_dir() {
            return Err(FsError::refuse("open", path, "it is no directory"));
        }
        Ok(Self { path: path.to_owned() })
    }

    /// Opens a directory, making it and its parents where missing.
    ///
    /// # Errors
    /// When a part cannot be made.
    pub fn create_all(path: &Path) -> Result<Self> {
        std::fs::create_dir_all(path).map_err(|e| FsError::new("create", path, e))?;
        Self::open(path)
    }

    /// Opens a directory in this one; a link is refused.
    ///
    /// # Errors
    /// When it is missing, a link, or no directory.
    pub fn child(&self, name: &str) -> Result<Self> {
        let path = self.path.join(name);
        let meta = std::fs::symlink_metadata(&path).map_err(|e| FsError::new("open", &path, e))?;
        if !meta.is_dir() {
            return Err(FsError::refuse("open", &path, "it is a link or no directory"));
        }
        Ok(Self { path })
    }

    /// Opens a directory some levels below this one (`a/b/c`); a link in any
    /// of them is refused.
    ///
    /// # Errors
    /// As [`child`](Self::child).
    pub fn below(&self, relative: &str) -> Result<Self> {
        relative.split('/').try_fold(self.clone(), |dir, part| dir.child(part))
    }

    /// Opens a directory in this one, making it where missing.
    ///
    /// # Errors
    /// When it cannot be made, or is a link.
    pub fn child_or_create(&self, name: &str) -> Result<Self> {
        match self.child(name) {
            Err(e) if e.is_not_found() => {
                let path = self.path.join(name);
                match std::fs::create_dir(&path) {
                    Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => Err(FsError::new("create", path, e)),
                    _ => self.child(name),
                }
            }
            other => other,
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names in it, in no order.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn names(&self) -> Result<Vec<String>> {
        let wrap = |e| FsError::new("list", &self.path, e);
        std::fs::read_dir(&self.path)
            .map_err(wrap)?
            .map(|entry| entry.map(|e| e.file_name().to_string_lossy().into_owned()).map_err(wrap))
            .collect()
    }

    /// The facts about a name; `None` when nothing is there.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn stat(&self, name: &str) -> Result<Option<Stat>> {
        match std::fs::symlink_metadata(self.path.join(name)) {
            Ok(meta) => Ok(Some(convert(&meta))),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(self.fail("look at", name, e)),
        }
    }

    /// The facts about the directory itself.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn own_stat(&self) -> Result<Stat> {
        std::fs::metadata(&self.path).map(|m| convert(&m)).map_err(|e| FsError::new("look at", &self.path, e))
    }

    /// Reads a file whole.
    ///
    /// # Errors
    /// A link or one larger than `limit` is refused.
    pub fn read(&self, name: &str, limit: u64) -> Result<Vec<u8>> {
        let stat = self.stat(name)?.ok_or_else(|| self.fail("read", name, std::io::ErrorKind::NotFound.into()))?;
        if stat.kind != FileKind::File || stat.size > limit {
            return Err(FsError::refuse("read", self.path.join(name), "it is no regular file, or over the limit"));
        }
        self.read_head(name, limit + 1)
    }

    /// Reads at most the first `most` bytes of a file.
    ///
    /// # Errors
    /// As [`read`](Self::read), but for the size.
    pub fn read_head(&self, name: &str, most: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let file = File::open(self.path.join(name)).map_err(|e| self.fail("read", name, e))?;
        file.take(most).read_to_end(&mut bytes).map_err(|e| self.fail("read", name, e))?;
        Ok(bytes)
    }

    /// Creates a file that must not exist and writes it whole.
    ///
    /// # Errors
    /// [`FsError::exists`], or whatever writing and syncing say.
    pub fn create(&self, name: &str, bytes: &[u8], sync: bool) -> Result<()> {
        let path = self.path.join(name);
        let mut file =
            OpenOptions::new().write(true).create_new(true).open(&path).map_err(|e| self.fail("create", name, e))?;
        let done = file.write_all(bytes).and_then(|()| if sync { file.sync_all() } else { Ok(()) });
        done.map_err(|e| {
            let _ = std::fs::remove_file(&path);
            self.fail("write", name, e)
        })
    }

    /// Says where something is elsewhere: a file with the path, since links
    /// cannot always be made here.
    ///
    /// # Errors
    /// As [`replace`](Self::replace).
    pub fn point_to(&self, name: &str, target: &Path) -> Result<()> {
        self.replace(name, format!("{}\n", target.display()).as_bytes(), false)
    }

    /// Writes a file beside and renames it over `name`.
    ///
    /// # Errors
    /// Whatever a step says; `name` is then as it was.
    pub fn replace(&self, name: &str, bytes: &[u8], sync: bool) -> Result<()> {
        let beside = format!(".{}", temporary_name("tmp"));
        self.create(&beside, bytes, sync)?;
        std::fs::rename(self.path.join(&beside), self.path.join(name)).map_err(|e| {
            let _ = std::fs::remove_file(self.path.join(&beside));
            self.fail("replace", name, e)
        })
    }

    /// Appends to a file in one write.
    ///
    /// # Errors
    /// When it cannot be opened or written.
    pub fn append(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.appender(name)?.append(bytes)
    }

    /// Opens a file (made where missing) to append to it more than once.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn appender(&self, name: &str) -> Result<Appender> {
        let path = self.path.join(name);
        let file = OpenOptions::new().append(true).create(true).open(&path).map_err(|e| self.fail("open", name, e))?;
        Ok(Appender { file, path, inode: 0 })
    }

    /// Renames, never over something: a link fails when the name is taken.
    ///
    /// # Errors
    /// [`FsError::exists`] when `new` is taken.
    pub fn rename(&self, name: &str, to: &Self, new: &str) -> Result<()> {
        let (from, target) = (self.path.join(name), to.path.join(new));
        if self.stat(name)?.is_some_and(|s| s.kind == FileKind::Dir) {
            return std::fs::rename(&from, &target).map_err(|e| FsError::new("move to", target, e));
        }
        std::fs::hard_link(&from, &target).map_err(|e| FsError::new("move to", target, e))?;
        std::fs::remove_file(&from).map_err(|e| self.fail("remove", name, e))
    }

    /// Removes a file.
    ///
    /// # Errors
    /// When it is not there or may not be removed.
    pub fn remove(&self, name: &str) -> Result<()> {
        std::fs::remove_file(self.path.join(name)).map_err(|e| self.fail("remove", name, e))
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// When it is not there, not empty, or may not be removed.
    pub fn remove_dir(&self, name: &str) -> Result<()> {
        std::fs::remove_dir(self.path.join(name)).map_err(|e| self.fail("remove", name, e))
    }

    /// Cuts a file down to its first `size` bytes.
    ///
    /// # Errors
    /// When it is not there or may not be written.
    pub fn truncate(&self, name: &str, size: u64) -> Result<()> {
        let file = OpenOptions::new().write(true).open(self.path.join(name));
        file.and_then(|f| f.set_len(size)).map_err(|e| self.fail("shorten", name, e))
    }

    /// There are no permission bits here; the folder's own access list holds.
    ///
    /// # Errors
    /// None.
    pub fn set_mode(&self, _name: &str, _mode: u32) -> Result<()> {
        Ok(())
    }

    /// Directories cannot be synced here; the file system journals names.
    ///
    /// # Errors
    /// None.
    pub fn sync(&self) -> Result<()> {
        Ok(())
    }

    /// See [`sync`](Self::sync): each file was synced by itself.
    ///
    /// # Errors
    /// None.
    pub fn sync_file_system(&self) -> Result<()> {
        Ok(())
    }

    pub(super) fn open_for_copy(&self, name: &str) -> Result<File> {
        let stat = self.stat(name)?.ok_or_else(|| self.fail("read", name, std::io::ErrorKind::NotFound.into()))?;
        if stat.kind != FileKind::File {
            return Err(FsError::refuse("read", self.path.join(name), "it is no regular file"));
        }
        File::open(self.path.join(name)).map_err(|e| self.fail("read", name, e))
    }

    pub(super) fn create_file(&self, name: &str) -> Result<File> {
        let file = OpenOptions::new().write(true).create_new(true).open(self.path.join(name));
        file.map_err(|e| self.fail("create", name, e))
    }

    /// Two names cannot be exchanged in one step here.
    pub(super) fn exchange(&self, _name: &str, _other: &Self, _with: &str) -> Result<bool> {
        Ok(false)
    }

    pub(super) fn open_lock(&self, name: &str) -> Result<File> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(self.path.join(name));
        file.map_err(|e| self.fail("open", name, e))
    }

    /// The platform does not tell.
    #[must_use]
    pub fn is_being_written(&self, _name: &str) -> Option<bool> {
        None
    }

    fn fail(&self, op: &'static str, name: &str, e: std::io::Error) -> FsError {
        FsError::new(op, self.path.join(name), e)
    }
}

fn convert(meta: &std::fs::Metadata) -> Stat {
    let kind = if meta.is_file() {
        FileKind::File
    } else if meta.is_dir() {
        FileKind::Dir
    } else {
        FileKind::Link
    };
    let modified = meta.modified().ok().and_then(|m| m.duration_since(std::time::UNIX_EPOCH).ok()).unwrap_or_default();
    Stat { kind, size: meta.len(), links: 1, mode: 0, inode: 0, device: 0, modified, changed: modified }
}
