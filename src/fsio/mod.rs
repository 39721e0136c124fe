//! The only code that changes the disk.
//!
//! Owns directory handles, durable publication, locks and the boot clock.
//! Promises: a name below a [`Dir`] is reached without following a symbolic
//! link; nothing is overwritten except by [`Dir::replace`], and [`place`] puts
//! aside what stood there; a file that was created with `sync` is on stable
//! storage before the call returns; a failed fsync is an error of that file
//! for good (the kernel reports it once, so a descriptor is never synced
//! again). Knows nothing of mail.

pub mod boot;
mod bounded;
mod copy;
mod lock;
pub(crate) mod parallel;
#[cfg(not(unix))]
mod portable;
mod restore;
mod rot;
mod spread;
#[cfg(unix)]
mod unix;
mod walk;
pub mod watch;
#[cfg(target_os = "linux")]
mod writers;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use copy::{FileBelow, Placed, Spot, place};
pub use lock::{Held, KeptLock, Lock};
#[cfg(not(unix))]
pub use portable::Dir;
pub use restore::settle_file;
#[cfg(unix)]
pub use unix::Dir;
pub use walk::{Facts, Found};

/// An operation on one file that did not work.
#[derive(Debug, thiserror::Error)]
#[error("cannot {op} {}: {source}", path.display())]
pub struct FsError {
    /// What was tried, as a verb.
    pub op: &'static str,
    /// On which file.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

/// The result of an operation on the disk.
pub type Result<T> = std::result::Result<T, FsError>;

impl FsError {
    /// An error of ours, in the words of the system's.
    #[must_use]
    pub fn new(op: &'static str, path: impl Into<PathBuf>, source: impl Into<io::Error>) -> Self {
        Self { op, path: path.into(), source: source.into() }
    }

    pub(crate) fn refuse(op: &'static str, path: impl Into<PathBuf>, why: &str) -> Self {
        Self::new(op, path, io::Error::new(io::ErrorKind::InvalidData, why.to_owned()))
    }

    /// The kind of the system's error.
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }

    /// Nothing is there.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.kind() == io::ErrorKind::NotFound
    }

    /// Something is already there.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.kind() == io::ErrorKind::AlreadyExists
    }

    /// No space, no inodes, a quota, or a limit on the size of files.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
    }

    /// What is there is not what may be there: a link, a FIFO, a second name
    /// of another file, or more bytes than allowed.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.kind() == io::ErrorKind::InvalidData
    }
}

/// What stands under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link.
    Link,
    /// A FIFO, a socket or a device.
    Other,
}

/// The facts about a name, not following a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// What it is.
    pub kind: FileKind,
    /// Bytes.
    pub size: u64,
    /// Names the file has.
    pub links: u64,
    /// Permission bits; 0 where the platform has none.
    pub mode: u32,
    /// The file's number; 0 where the platform has none.
    pub inode: u64,
    /// The device's number; 0 where the platform has none.
    pub device: u64,
    /// Last change of content, since 1970.
    pub modified: Duration,
    /// Last change of content or of these facts, since 1970, which no program
    /// can set; as `modified` where the platform has none.
    pub changed: Duration,
}

impl Dir {
    /// As [`child_or_create`](Self::child_or_create); a directory that had to
    /// be made is on stable storage before the call returns, so that what is
    /// made durable in it can be found after a power cut.
    ///
    /// # Errors
    /// When it cannot be made or synced, or is a link.
    pub fn child_or_create_durable(&self, name: &str) -> Result<Self> {
        match self.child(name) {
            Err(e) if e.is_not_found() => {}
            other => return other,
        }
        let made = self.child_or_create(name)?;
        if let Err(e) = self.sync() {
            // Found there by the next one, it would be taken for durable.
            let _ = self.remove_dir(name);
            return Err(e);
        }
        Ok(made)
    }
}

/// A file that is kept open to append to.
#[derive(Debug)]
pub struct Appender {
    file: std::fs::File,
    path: PathBuf,
    inode: u64,
}

impl Appender {
    /// Appends in one write.
    ///
    /// # Errors
    /// What the system says.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        use std::io::Write as _;
        self.file.write_all(bytes).map_err(|e| FsError::new("append to", &self.path, e))
    }

    /// The file's number, as in [`Stat::inode`].
    #[must_use]
    pub const fn inode(&self) -> u64 {
        self.inode
    }
}

/// A name for a temporary file that no other writer uses.
#[must_use]
pub fn temporary_name(hint: &str) -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    let pid = std::process::id();
    let clock = boot::now().as_nanos();
    format!("{clock:x}.{pid}.{n}.{hint}")
}

/// Random bits for a name, not for a secret: the standard library seeds its
/// hash maps from the system. (A generator of random numbers asks the processor
/// what it can; in a virtual machine that takes a tenth of a send.)
#[must_use]
pub fn random() -> u128 {
    use std::hash::BuildHasher as _;
    let bits = || u128::from(std::collections::hash_map::RandomState::new().hash_one(0));
    bits() << 64 | bits()
}

/// Bytes that are free for this user where `path` is, or will be; `None` where
/// the system does not tell.
#[must_use]
pub fn free_space(path: &Path) -> Option<u64> {
    let there = path.ancestors().find(|p| p.exists())?;
    #[cfg(unix)]
    return rustix::fs::statvfs(there).ok().map(|s| s.f_bavail.saturating_mul(s.f_frsize));
    #[cfg(not(unix))]
    {
        let _ = there;
        None
    }
}

/// What is left on a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskRoom {
    /// Names the disk while it is mounted.
    pub disk: u64,
    /// Bytes that this user can still write.
    pub bytes: u64,
    /// Files that this user can still make; `None` where there is no such bound.
    pub files: Option<u64>,
}

/// What is left on the disk where `path` is; `None` where it is not, or the
/// system does not tell.
#[must_use]
pub fn disk_room(path: &Path) -> Option<DiskRoom> {
    #[cfg(unix)]
    {
        let disk = std::os::unix::fs::MetadataExt::dev(&std::fs::metadata(path).ok()?);
        let s = rustix::fs::statvfs(path).ok()?;
        let files = (s.f_files > 0).then_some(s.f_favail);
        Some(DiskRoom { disk, bytes: s.f_bavail.saturating_mul(s.f_frsize), files })
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

/// Removes a whole tree. For trees that this program made.
///
/// # Errors
/// The first thing that cannot be removed.
#[allow(clippy::disallowed_methods)]
pub fn remove_tree(path: &Path) -> Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(FsError::new("remove", path, e)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_never_overwritten_and_links_are_refused() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = Dir::open(tmp.path()).unwrap();
        dir.create("a", b"one", true).unwrap();
        assert!(dir.create("a", b"two", true).unwrap_err().exists());
        dir.create("b", b"two", false).unwrap();
        assert!(dir.rename("a", &dir, "b").unwrap_err().exists());
        assert_eq!(dir.read("b", 10).unwrap(), b"two");
        assert!(dir.read("b", 2).unwrap_err().is_refused());
        dir.replace("b", b"three", true).unwrap();
        assert_eq!(dir.read("b", 10).unwrap(), b"three");
        let mut names = dir.names().unwrap();
        names.sort();
        assert_eq!(names, ["a", "b"]);
    }

    #[cfg(unix)]
    #[test]
    fn symbolic_links_fifos_and_hard_links_are_refused_without_a_hang() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = Dir::open(tmp.path()).unwrap();
        dir.create("a", b"one", false).unwrap();
        std::os::unix::fs::symlink("a", tmp.path().join("link")).unwrap();
        std::os::unix::fs::symlink("/", tmp.path().join("dirlink")).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(tmp.path().join("fifo")).status().unwrap().success());
        assert!(dir.read("link", 10).is_err());
        assert!(dir.read("fifo", 10).unwrap_err().is_refused());
        assert!(dir.child("dirlink").is_err());
        #[allow(clippy::disallowed_methods)]
        std::fs::hard_link(tmp.path().join("a"), tmp.path().join("twin")).unwrap();
        assert!(dir.read("a", 10).unwrap_err().is_refused());
    }

    #[test]
    fn an_exclusive_lock_keeps_others_out() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = Dir::open(tmp.path()).unwrap();
        let held = Lock::exclusive(&dir, "l").unwrap();
        assert!(Lock::try_exclusive(&dir, "l").unwrap().is_none());
        drop(held);
        assert!(Lock::try_exclusive(&dir, "l").unwrap().is_some());
    }
}
