//! Putting a tree on disk as it was stored: names of any bytes, modes, times.
//!
//! For an empty place of our own. Nothing is overwritten and no link is
//! followed: a name that is taken is an error, whatever it leads to.

use std::ffi::OsStr;
use std::fs::File;

use super::{Dir, FsError, Result};

#[cfg(unix)]
mod here {
    use rustix::fs::{self, AtFlags, Mode, OFlags, Timespec, Timestamps};
    use rustix::io::Errno;

    use super::{Dir, File, FsError, OsStr, Result};

    fn fail(dir: &Dir, op: &'static str, name: &OsStr, e: Errno) -> FsError {
        FsError::new(op, dir.path.join(name), e)
    }

    fn times(modified: i128) -> Timestamps {
        let (seconds, nanos) = (modified.div_euclid(1_000_000_000), modified.rem_euclid(1_000_000_000));
        #[allow(clippy::useless_conversion)] // The widths differ by platform.
        let at = Timespec {
            tv_sec: i64::try_from(seconds).unwrap_or(0).try_into().unwrap_or(0),
            tv_nsec: i64::try_from(nanos).unwrap_or(0).try_into().unwrap_or(0),
        };
        Timestamps { last_access: at, last_modification: at }
    }

    pub(super) fn folder(dir: &Dir, name: &OsStr) -> Result<Dir> {
        fs::mkdirat(&dir.fd, name, Mode::RWXU).map_err(|e| fail(dir, "create", name, e))?;
        dir.child_named(name)
    }

    pub(super) fn file(dir: &Dir, name: &OsStr) -> Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        fs::openat(&dir.fd, name, flags, mode).map(File::from).map_err(|e| fail(dir, "create", name, e))
    }

    pub(super) fn again(dir: &Dir, name: &OsStr) -> Result<File> {
        let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        fs::openat(&dir.fd, name, flags, Mode::empty()).map(File::from).map_err(|e| fail(dir, "open", name, e))
    }

    pub(super) fn link(dir: &Dir, name: &OsStr, target: &OsStr) -> Result<()> {
        fs::symlinkat(target, &dir.fd, name).map_err(|e| fail(dir, "create", name, e))
    }

    pub(super) fn settle(file: impl std::os::fd::AsFd, mode: u32, modified: i128) -> std::io::Result<()> {
        fs::fchmod(&file, Mode::from_raw_mode(mode as _))?;
        Ok(fs::futimens(&file, &times(modified))?)
    }

    pub(super) fn settle_folder(dir: &Dir, mode: u32, modified: i128) -> std::io::Result<()> {
        settle(&*dir.fd, mode, modified)
    }

    pub(super) fn settle_link(dir: &Dir, name: &OsStr, modified: i128) -> Result<()> {
        fs::utimensat(&dir.fd, name, &times(modified), AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|e| fail(dir, "set the time of", name, e))
    }
}

#[cfg(not(unix))]
mod here {
    use std::fs::OpenOptions;

    use super::{Dir, File, FsError, OsStr, Result};

    #[allow(clippy::disallowed_methods)] // This is the room that may.
    pub(super) fn folder(dir: &Dir, name: &OsStr) -> Result<Dir> {
        let path = dir.path.join(name);
        std::fs::create_dir(&path).map_err(|e| FsError::new("create", &path, e))?;
        Dir::open(&path)
    }

    pub(super) fn file(dir: &Dir, name: &OsStr) -> Result<File> {
        let path = dir.path.join(name);
        OpenOptions::new().write(true).create_new(true).open(&path).map_err(|e| FsError::new("create", path, e))
    }

    pub(super) fn again(dir: &Dir, name: &OsStr) -> Result<File> {
        let path = dir.path.join(name);
        OpenOptions::new().write(true).open(&path).map_err(|e| FsError::new("open", path, e))
    }

    pub(super) fn link(dir: &Dir, name: &OsStr, _: &OsStr) -> Result<()> {
        Err(FsError::refuse("create", dir.path.join(name), "this platform has no such links"))
    }

    pub(super) fn settle(file: &File, _: u32, modified: i128) -> std::io::Result<()> {
        let nanos = u64::try_from(modified).unwrap_or(0);
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_nanos(nanos))
    }

    #[allow(clippy::unnecessary_wraps)]
    pub(super) fn settle_folder(_: &Dir, _: u32, _: i128) -> std::io::Result<()> {
        Ok(())
    }

    #[allow(clippy::unnecessary_wraps)]
    pub(super) fn settle_link(_: &Dir, _: &OsStr, _: i128) -> Result<()> {
        Ok(())
    }
}

impl Dir {
    /// Makes a directory (0700) that must not exist.
    ///
    /// # Errors
    /// When the name is taken, or it cannot be made.
    pub fn make_folder(&self, name: &OsStr) -> Result<Self> {
        here::folder(self, name)
    }

    /// Makes an empty file (0600) that must not exist, open for writing.
    ///
    /// # Errors
    /// When the name is taken, or it cannot be made.
    pub fn make_file(&self, name: &OsStr) -> Result<File> {
        here::file(self, name)
    }

    /// Opens a file for writing that [`make_file`](Self::make_file) made.
    ///
    /// # Errors
    /// When it is not there, or a link.
    pub fn reopen_file(&self, name: &OsStr) -> Result<File> {
        here::again(self, name)
    }

    /// Makes a symbolic link that must not exist.
    ///
    /// # Errors
    /// When the name is taken, or the platform has none.
    pub fn make_link(&self, name: &OsStr, target: &OsStr, modified: i128) -> Result<()> {
        here::link(self, name, target)?;
        here::settle_link(self, name, modified)
    }

    /// Gives the directory its mode and time.
    ///
    /// # Errors
    /// When they may not be changed.
    pub fn settle(&self, mode: u32, modified: i128) -> Result<()> {
        here::settle_folder(self, mode, modified).map_err(|e| FsError::new("set the mode of", self.path(), e))
    }
}

/// Gives a file that was written its mode and time.
///
/// # Errors
/// When they may not be changed.
pub fn settle_file(file: &File, mode: u32, modified: i128) -> std::io::Result<()> {
    here::settle(file, mode, modified)
}
