//! Looking at a tree as it is: names of any bytes, inodes, all times.
//!
//! For whoever copies a tree that others are changing meanwhile. A name is
//! listed with its inode, so that a file that was renamed is found again; what
//! is opened is looked at through its own handle, so that the facts belong to
//! the bytes that are read. No link is followed.

use std::ffi::{OsStr, OsString};
use std::fs::File;

use super::{Dir, FileKind, FsError, Result};

/// A name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The name, as it is.
    pub name: OsString,
    /// The number of the file behind it; 0 where the platform has none.
    pub inode: u64,
    /// What it is, where the directory tells.
    pub kind: Option<FileKind>,
}

/// Everything about a file that a copy of it keeps. Times are in nanoseconds
/// since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// What it is.
    pub kind: FileKind,
    /// Its bytes.
    pub size: u64,
    /// When its bytes changed.
    pub modified: i128,
    /// When anything about it changed, its name included.
    pub changed: i128,
    /// Permission bits.
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// Its number; 0 where the platform has none.
    pub inode: u64,
    /// How many names it has.
    pub links: u64,
}

#[cfg(unix)]
mod here {
    use std::os::unix::ffi::OsStrExt as _;

    use rustix::fs::{self, AtFlags, FileType, Mode, OFlags};
    use rustix::io::Errno;

    use super::{Dir, Facts, File, FileKind, Found, FsError, OsStr, OsString, Result};

    fn kind(kind: FileType) -> FileKind {
        match kind {
            FileType::RegularFile => FileKind::File,
            FileType::Directory => FileKind::Dir,
            FileType::Symlink => FileKind::Link,
            _ => FileKind::Other,
        }
    }

    #[allow(clippy::unnecessary_cast, clippy::cast_sign_loss, clippy::useless_conversion)]
    // The widths differ by platform.
    fn facts(s: &fs::Stat) -> Facts {
        let nanos = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        Facts {
            kind: kind(FileType::from_raw_mode(s.st_mode)),
            size: s.st_size as u64,
            modified: nanos(s.st_mtime as i64, s.st_mtime_nsec as i64),
            changed: nanos(s.st_ctime as i64, s.st_ctime_nsec as i64),
            mode: u32::from(s.st_mode) & 0o7777,
            uid: s.st_uid,
            gid: s.st_gid,
            inode: s.st_ino as u64,
            links: s.st_nlink as u64,
        }
    }

    pub(super) fn found(dir: &Dir) -> Result<Vec<Found>> {
        let wrap = |e: Errno| FsError::new("list", &dir.path, e);
        let mut found = Vec::new();
        for entry in fs::Dir::read_from(&*dir.fd).map_err(wrap)? {
            let entry = entry.map_err(wrap)?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                let told = entry.file_type();
                found.push(Found {
                    name: OsStr::from_bytes(name).to_owned(),
                    #[allow(clippy::useless_conversion, clippy::unnecessary_cast)]
                    inode: entry.ino() as u64,
                    kind: (told != FileType::Unknown).then(|| kind(told)),
                });
            }
        }
        Ok(found)
    }

    pub(super) fn look(dir: &Dir, name: &OsStr) -> Result<Option<Facts>> {
        match fs::statat(&dir.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(s) => Ok(Some(facts(&s))),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(e) => Err(FsError::new("look at", dir.path.join(name), e)),
        }
    }

    pub(super) fn own(dir: &Dir) -> Result<Facts> {
        fs::fstat(&*dir.fd).map(|s| facts(&s)).map_err(|e| FsError::new("look at", &dir.path, e))
    }

    pub(super) fn open(dir: &Dir, name: &OsStr) -> Result<Option<(File, Facts)>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fail = |op, e: Errno| FsError::new(op, dir.path.join(name), e);
        let fd = match fs::openat(&dir.fd, name, flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NXIO) => return Ok(None),
            Err(e) => return Err(fail("read", e)),
        };
        let seen = facts(&fs::fstat(&fd).map_err(|e| fail("look at", e))?);
        Ok((seen.kind == FileKind::File).then(|| (File::from(fd), seen)))
    }

    pub(super) fn link(dir: &Dir, name: &OsStr) -> Result<Option<OsString>> {
        match fs::readlinkat(&dir.fd, name, Vec::new()) {
            Ok(target) => Ok(Some(OsStr::from_bytes(target.to_bytes()).to_owned())),
            Err(Errno::NOENT | Errno::INVAL) => Ok(None),
            Err(e) => Err(FsError::new("read", dir.path.join(name), e)),
        }
    }

    pub(super) fn child(dir: &Dir, name: &OsStr) -> Result<Dir> {
        let path = dir.path.join(name);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = fs::openat(&dir.fd, name, flags, Mode::empty()).map_err(|e| FsError::new("open", &path, e))?;
        Ok(Dir { fd: std::sync::Arc::new(fd), path })
    }
}

#[cfg(not(unix))]
mod here {
    use std::time::{SystemTime, UNIX_EPOCH};

    use super::{Dir, Facts, File, FileKind, Found, FsError, OsStr, OsString, Result};

    fn kind(kind: std::fs::FileType) -> FileKind {
        if kind.is_symlink() {
            FileKind::Link
        } else if kind.is_dir() {
            FileKind::Dir
        } else if kind.is_file() {
            FileKind::File
        } else {
            FileKind::Other
        }
    }

    fn facts(m: &std::fs::Metadata) -> Facts {
        let nanos = |t: std::io::Result<SystemTime>| {
            let since = t.ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
            i128::try_from(since.as_nanos()).unwrap_or(0)
        };
        Facts {
            kind: kind(m.file_type()),
            size: m.len(),
            modified: nanos(m.modified()),
            changed: nanos(m.created()),
            mode: if m.is_dir() { 0o700 } else { 0o600 },
            uid: 0,
            gid: 0,
            inode: 0,
            links: 1,
        }
    }

    pub(super) fn found(dir: &Dir) -> Result<Vec<Found>> {
        let wrap = |e| FsError::new("list", &dir.path, e);
        let entries = std::fs::read_dir(&dir.path).map_err(wrap)?;
        entries
            .map(|entry| {
                let entry = entry.map_err(wrap)?;
                Ok(Found { name: entry.file_name(), inode: 0, kind: entry.file_type().ok().map(kind) })
            })
            .collect()
    }

    pub(super) fn look(dir: &Dir, name: &OsStr) -> Result<Option<Facts>> {
        let path = dir.path.join(name);
        match std::fs::symlink_metadata(&path) {
            Ok(m) => Ok(Some(facts(&m))),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(FsError::new("look at", path, e)),
        }
    }

    pub(super) fn own(dir: &Dir) -> Result<Facts> {
        std::fs::metadata(&dir.path).map(|m| facts(&m)).map_err(|e| FsError::new("look at", &dir.path, e))
    }

    pub(super) fn open(dir: &Dir, name: &OsStr) -> Result<Option<(File, Facts)>> {
        let path = dir.path.join(name);
        match File::open(&path).and_then(|file| file.metadata().map(|m| (file, facts(&m)))) {
            Ok((file, seen)) => Ok((seen.kind == FileKind::File).then_some((file, seen))),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(FsError::new("read", path, e)),
        }
    }

    pub(super) fn link(dir: &Dir, name: &OsStr) -> Result<Option<OsString>> {
        Ok(std::fs::read_link(dir.path.join(name)).ok().map(Into::into))
    }

    pub(super) fn child(dir: &Dir, name: &OsStr) -> Result<Dir> {
        Dir::open(&dir.path.join(name))
    }
}

impl Dir {
    /// The names in it with their inodes, in no order.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn found(&self) -> Result<Vec<Found>> {
        here::found(self)
    }

    /// The facts about a name of any bytes; `None` when nothing is there.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn look(&self, name: &OsStr) -> Result<Option<Facts>> {
        here::look(self, name)
    }

    /// The facts about the directory itself.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn own_facts(&self) -> Result<Facts> {
        here::own(self)
    }

    /// Opens a regular file for reading, with the facts of what was opened;
    /// `None` when there is no regular file of this name.
    ///
    /// # Errors
    /// When it may not be read.
    pub fn open_file(&self, name: &OsStr) -> Result<Option<(File, Facts)>> {
        here::open(self, name)
    }

    /// Where a symbolic link points; `None` when there is none of this name.
    ///
    /// # Errors
    /// When it may not be read.
    pub fn link_target(&self, name: &OsStr) -> Result<Option<OsString>> {
        here::link(self, name)
    }

    /// As [`child`](Self::child), for a name of any bytes.
    ///
    /// # Errors
    /// When it is missing, a link, or no directory.
    pub fn child_named(&self, name: &OsStr) -> Result<Self> {
        here::child(self, name)
    }
}
