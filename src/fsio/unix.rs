//! Directory handles on Unix: every name is reached by `openat` with
//! `O_NOFOLLOW`, so a component that was replaced by a link is refused, not
//! followed.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{self, AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::{Appender, FileKind, FsError, Result, Stat, temporary_name};

mod copy;
mod pointer;

/// An open directory. Cloning shares the handle.
#[derive(Debug, Clone)]
pub struct Dir {
    pub(super) fd: Arc<OwnedFd>,
    pub(super) path: PathBuf,
}

const FOLDER: Mode = Mode::RWXU;
const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);

impl Dir {
    /// Opens a directory by a path that is trusted; links in it are followed.
    ///
    /// # Errors
    /// When it is not there or not a directory.
    pub fn open(path: &Path) -> Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = fs::open(path, flags, Mode::empty()).map_err(|e| FsError::new("open", path, e))?;
        Ok(Self { fd: Arc::new(fd), path: path.to_owned() })
    }

    /// Opens a directory, making it and its parents (0700) where missing.
    ///
    /// # Errors
    /// When a part cannot be made.
    pub fn create_all(path: &Path) -> Result<Self> {
        use std::os::unix::fs::DirBuilderExt as _;
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|e| FsError::new("create", path, e))?;
        Self::open(path)
    }

    /// Opens a directory in this one; a link is refused.
    ///
    /// # Errors
    /// When it is missing, a link, or no directory.
    pub fn child(&self, name: &str) -> Result<Self> {
        let path = self.path.join(name);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = fs::openat(&self.fd, name, flags, Mode::empty()).map_err(|e| match e {
            Errno::LOOP | Errno::NOTDIR => FsError::refuse("open", &path, "it is a link or no directory"),
            e => FsError::new("open", &path, e),
        })?;
        Ok(Self { fd: Arc::new(fd), path })
    }

    /// Opens a directory some levels below this one (`a/b/c`); a link in any
    /// of them is refused.
    ///
    /// # Errors
    /// As [`child`](Self::child).
    pub fn below(&self, relative: &str) -> Result<Self> {
        #[cfg(target_os = "linux")]
        {
            // One call for the whole way; kernels before 5.6, and sandboxes that do not know it, go step by step.
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let path = || self.path.join(relative);
            match fs::openat2(&self.fd, relative, flags, Mode::empty(), fs::ResolveFlags::NO_SYMLINKS) {
                Ok(fd) => return Ok(Self { fd: Arc::new(fd), path: path() }),
                Err(Errno::LOOP | Errno::NOTDIR) => {
                    return Err(FsError::refuse("open", path(), "a part of it is a link or no directory"));
                }
                Err(Errno::NOSYS | Errno::PERM) => {}
                Err(e) => return Err(FsError::new("open", path(), e)),
            }
        }
        let mut dir = self.clone();
        for part in relative.split('/') {
            dir = dir.child(part)?;
        }
        Ok(dir)
    }

    /// Opens a directory in this one, making it (0700) where missing.
    ///
    /// # Errors
    /// When it cannot be made, or is a link.
    pub fn child_or_create(&self, name: &str) -> Result<Self> {
        match self.child(name) {
            Err(e) if e.is_not_found() => match fs::mkdirat(&self.fd, name, FOLDER) {
                Ok(()) | Err(Errno::EXIST) => self.child(name),
                Err(e) => Err(self.fail("create", name, e)),
            },
            other => other,
        }
    }

    /// Where it was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names in it, in no order. A name that is not UTF-8 is given with
    /// replacement characters, and cannot be opened by it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn names(&self) -> Result<Vec<String>> {
        let wrap = |e: Errno| FsError::new("list", &self.path, e);
        let mut names = Vec::new();
        for entry in fs::Dir::read_from(&*self.fd).map_err(wrap)? {
            let entry = entry.map_err(wrap)?;
            let name = entry.file_name();
            // Nearly every name is UTF-8, and checking is cheaper than replacing: folders of 100,000 names are usual.
            let name = name.to_str().map_or_else(|_| name.to_string_lossy().into_owned(), str::to_owned);
            if name != "." && name != ".." {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// The facts about a name; `None` when nothing is there.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn stat(&self, name: &str) -> Result<Option<Stat>> {
        match fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(s) => Ok(Some(convert(&s))),
            Err(Errno::NOENT) => Ok(None),
            Err(e) => Err(self.fail("look at", name, e)),
        }
    }

    /// The facts about the directory itself.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn own_stat(&self) -> Result<Stat> {
        fs::fstat(&*self.fd).map(|s| convert(&s)).map_err(|e| FsError::new("look at", &self.path, e))
    }

    /// Reads a file whole.
    ///
    /// # Errors
    /// A link, a FIFO, a file with several names, or one larger than `limit`
    /// is refused ([`FsError::is_refused`]); a FIFO does not block.
    pub fn read(&self, name: &str, limit: u64) -> Result<Vec<u8>> {
        let path = || self.path.join(name);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = fs::openat(&self.fd, name, flags, Mode::empty()).map_err(|e| match e {
            Errno::LOOP => FsError::refuse("read", path(), "it is a symbolic link"),
            Errno::NXIO => FsError::refuse("read", path(), "it is not a regular file"),
            e => FsError::new("read", path(), e),
        })?;
        let stat = fs::fstat(&fd).map_err(|e| self.fail("look at", name, e))?;
        let stat = convert(&stat);
        if stat.kind != FileKind::File {
            return Err(FsError::refuse("read", path(), "it is not a regular file"));
        }
        if stat.links > 1 {
            return Err(FsError::refuse("read", path(), "it has a second name (a hard link)"));
        }
        if stat.size > limit {
            let why = format!("it is {} bytes; the limit is {limit}", stat.size);
            return Err(FsError::refuse("read", path(), &why));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(stat.size).unwrap_or(0) + 1);
        let read = File::from(fd).take(limit + 1).read_to_end(&mut bytes);
        read.map_err(|e| FsError::new("read", path(), e))?;
        Ok(bytes)
    }

    /// Reads at most the first `most` bytes of a file, which may be larger.
    ///
    /// # Errors
    /// As [`read`](Self::read), but for the size.
    pub fn read_head(&self, name: &str, most: u64) -> Result<Vec<u8>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = fs::openat(&self.fd, name, flags, Mode::empty()).map_err(|e| self.fail("read", name, e))?;
        let stat = convert(&fs::fstat(&fd).map_err(|e| self.fail("look at", name, e))?);
        if stat.kind != FileKind::File || stat.links > 1 {
            return Err(FsError::refuse("read", self.path.join(name), "it is not a regular file of one name"));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(stat.size.min(most)).unwrap_or(0) + 1);
        let read = File::from(fd).take(most).read_to_end(&mut bytes);
        read.map_err(|e| FsError::new("read", self.path.join(name), e))?;
        Ok(bytes)
    }

    /// Creates a file (0600) that must not exist and writes it whole.
    ///
    /// # Errors
    /// [`FsError::exists`], or whatever writing and syncing say; the file is
    /// then removed again.
    pub fn create(&self, name: &str, bytes: &[u8], sync: bool) -> Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = fs::openat(&self.fd, name, flags, PRIVATE).map_err(|e| self.fail("create", name, e))?;
        let mut file = File::from(fd);
        let written = file.write_all(bytes).map_err(|e| FsError::new("write", self.path.join(name), e));
        let done = written.and_then(|()| {
            if sync { file.sync_all().map_err(|e| FsError::new("sync", self.path.join(name), e)) } else { Ok(()) }
        });
        if done.is_err() {
            // Best effort: the error that is returned is the first one.
            let _ = fs::unlinkat(&self.fd, name, AtFlags::empty());
        }
        done
    }

    /// Writes a file beside and renames it over `name`, so a reader sees the
    /// old bytes or the new ones. With `sync` both file and directory are on
    /// stable storage afterwards.
    ///
    /// # Errors
    /// Whatever a step says; `name` is then as it was.
    pub fn replace(&self, name: &str, bytes: &[u8], sync: bool) -> Result<()> {
        let beside = format!(".{}", temporary_name("tmp"));
        self.create(&beside, bytes, sync)?;
        if let Err(e) = fs::renameat(&self.fd, &beside, &self.fd, name) {
            let _ = fs::unlinkat(&self.fd, &beside, AtFlags::empty());
            return Err(self.fail("replace", name, e));
        }
        if sync { self.sync() } else { Ok(()) }
    }

    /// Appends to a file (0600, made where missing) in one write.
    ///
    /// # Errors
    /// When it cannot be opened or written.
    pub fn append(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.appender(name)?.append(bytes)
    }

    /// Opens a file (0600, made where missing) to append to it more than once.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn appender(&self, name: &str) -> Result<Appender> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = fs::openat(&self.fd, name, flags, PRIVATE).map_err(|e| self.fail("open", name, e))?;
        let inode = fs::fstat(&fd).map(|s| convert(&s).inode).map_err(|e| self.fail("look at", name, e))?;
        Ok(Appender { file: File::from(fd), path: self.path.join(name), inode })
    }

    /// Renames a file or directory, also into another directory of the same
    /// file system; never over something.
    ///
    /// # Errors
    /// [`FsError::exists`] when `new` is taken.
    pub fn rename(&self, name: &str, to: &Self, new: &str) -> Result<()> {
        match rename_noreplace(self, name, to, new) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => self.link_and_unlink(name, to, new),
            other => other,
        }
        .map_err(|e| match e {
            Errno::EXIST => FsError::new("move to", to.path.join(new), e),
            e => self.fail("move", name, e),
        })
    }

    /// For file systems without `RENAME_NOREPLACE` (NFS): a link fails when
    /// the name is taken. Dying between the two leaves a file of two names,
    /// which the mailbox completes.
    fn link_and_unlink(&self, name: &str, to: &Self, new: &str) -> rustix::io::Result<()> {
        fs::linkat(&self.fd, name, &to.fd, new, AtFlags::empty())?;
        fs::unlinkat(&self.fd, name, AtFlags::empty())
    }

    /// Removes a file.
    ///
    /// # Errors
    /// When it is not there or may not be removed.
    pub fn remove(&self, name: &str) -> Result<()> {
        fs::unlinkat(&self.fd, name, AtFlags::empty()).map_err(|e| self.fail("remove", name, e))
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// When it is not there, not empty, or may not be removed.
    pub fn remove_dir(&self, name: &str) -> Result<()> {
        fs::unlinkat(&self.fd, name, AtFlags::REMOVEDIR).map_err(|e| self.fail("remove", name, e))
    }

    /// Cuts a file down to its first `size` bytes.
    ///
    /// # Errors
    /// When it is not there, a link, or may not be written.
    pub fn truncate(&self, name: &str, size: u64) -> Result<()> {
        let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = fs::openat(&self.fd, name, flags, Mode::empty()).map_err(|e| self.fail("open", name, e))?;
        fs::ftruncate(&fd, size).map_err(|e| self.fail("shorten", name, e))
    }

    /// Sets the permission bits of a name in this directory.
    ///
    /// # Errors
    /// When it is a link, or may not be changed.
    pub fn set_mode(&self, name: &str, mode: u32) -> Result<()> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = fs::openat(&self.fd, name, flags, Mode::empty()).map_err(|e| self.fail("open", name, e))?;
        fs::fchmod(&fd, Mode::from_raw_mode(mode as _)).map_err(|e| self.fail("change the mode of", name, e))
    }

    /// Puts the names of the directory on stable storage.
    ///
    /// # Errors
    /// What the system says; final for what was in flight.
    pub fn sync(&self) -> Result<()> {
        fs::fsync(&*self.fd).map_err(|e| FsError::new("sync", &self.path, e))
    }

    /// Puts everything written so far to this file system on stable storage:
    /// one barrier for many files.
    ///
    /// # Errors
    /// What the system says.
    pub fn sync_file_system(&self) -> Result<()> {
        #[cfg(target_os = "linux")]
        return fs::syncfs(&*self.fd).map_err(|e| FsError::new("sync", &self.path, e));
        #[cfg(not(target_os = "linux"))]
        {
            fs::sync();
            Ok(())
        }
    }

    /// Opens (and makes) a lock file for reading and writing.
    pub(super) fn open_lock(&self, name: &str) -> Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        fs::openat(&self.fd, name, flags, PRIVATE).map(File::from).map_err(|e| self.fail("open", name, e))
    }

    /// Whether another process has the file open for writing: a read lease is
    /// refused then. `None` where the platform cannot tell.
    #[must_use]
    pub fn is_being_written(&self, name: &str) -> Option<bool> {
        #[cfg(target_os = "linux")]
        {
            super::writers::any(self.path.join(name).as_path(), self.stat(name).ok()??.inode)
        }
        #[cfg(not(target_os = "linux"))]
        {
            let _ = name;
            None
        }
    }

    fn fail(&self, op: &'static str, name: &str, e: Errno) -> FsError {
        FsError::new(op, self.path.join(name), e)
    }
}

#[cfg(any(target_os = "linux", target_vendor = "apple"))]
fn rename_noreplace(from: &Dir, name: &str, to: &Dir, new: &str) -> rustix::io::Result<()> {
    fs::renameat_with(&from.fd, name, &to.fd, new, fs::RenameFlags::NOREPLACE)
}

#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
fn rename_noreplace(_: &Dir, _: &str, _: &Dir, _: &str) -> rustix::io::Result<()> {
    Err(Errno::NOSYS)
}

fn convert(s: &fs::Stat) -> Stat {
    let kind = match FileType::from_raw_mode(s.st_mode) {
        FileType::RegularFile => FileKind::File,
        FileType::Directory => FileKind::Dir,
        FileType::Symlink => FileKind::Link,
        _ => FileKind::Other,
    };
    #[allow(clippy::unnecessary_cast, clippy::cast_sign_loss, clippy::useless_conversion)]
    // The widths differ by platform.
    Stat {
        kind,
        size: s.st_size as u64,
        links: s.st_nlink as u64,
        mode: u32::from(s.st_mode) & 0o7777,
        inode: s.st_ino as u64,
        device: s.st_dev as u64,
        modified: Duration::new(s.st_mtime.try_into().unwrap_or(0), s.st_mtime_nsec.try_into().unwrap_or(0)),
        changed: Duration::new(s.st_ctime.try_into().unwrap_or(0), s.st_ctime_nsec.try_into().unwrap_or(0)),
    }
}
