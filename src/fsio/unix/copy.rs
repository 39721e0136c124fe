//! Whole files on their way from one tree into another: read without
//! following anything, written anew, swapped in one step.

use std::fs::File;

use rustix::fs::{self, Mode, OFlags};
use rustix::io::Errno;

use super::{Dir, PRIVATE, convert};
use crate::fsio::{FileKind, FsError, Result};

impl Dir {
    /// Opens a file to read it in parts.
    ///
    /// # Errors
    /// A link, a FIFO or a file with several names is refused; a FIFO does not
    /// block.
    pub(in crate::fsio) fn open_for_copy(&self, name: &str) -> Result<File> {
        let path = || self.path.join(name);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = fs::openat(&self.fd, name, flags, Mode::empty()).map_err(|e| match e {
            Errno::LOOP => FsError::refuse("read", path(), "it is a symbolic link"),
            Errno::NXIO => FsError::refuse("read", path(), "it is not a regular file"),
            e => FsError::new("read", path(), e),
        })?;
        let stat = convert(&fs::fstat(&fd).map_err(|e| self.fail("look at", name, e))?);
        match (stat.kind, stat.links) {
            (FileKind::File, 0 | 1) => Ok(File::from(fd)),
            (FileKind::File, _) => Err(FsError::refuse("read", path(), "it has a second name (a hard link)")),
            _ => Err(FsError::refuse("read", path(), "it is not a regular file")),
        }
    }

    /// Opens a file (0600) that must not exist, to write it in parts.
    pub(in crate::fsio) fn create_file(&self, name: &str) -> Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        fs::openat(&self.fd, name, flags, PRIVATE).map(File::from).map_err(|e| self.fail("create", name, e))
    }

    /// Exchanges two names, which both stay taken at every moment. Gives false
    /// where the file system cannot.
    ///
    /// # Errors
    /// When one of them is missing or may not be moved.
    pub(in crate::fsio) fn exchange(&self, name: &str, other: &Self, with: &str) -> Result<bool> {
        #[cfg(any(target_os = "linux", target_vendor = "apple"))]
        {
            match fs::renameat_with(&self.fd, name, &other.fd, with, fs::RenameFlags::EXCHANGE) {
                Ok(()) => Ok(true),
                Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => Ok(false),
                Err(e) => Err(self.fail("exchange", name, e)),
            }
        }
        #[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
        {
            let _ = (name, other, with);
            Ok(false)
        }
    }
}
