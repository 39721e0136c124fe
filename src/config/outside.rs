//! Files outside the tree that a person keeps: settings and secrets, read only
//! where nobody else could have written or read them.
//!
//! Links are followed, since such files are often links into a repository of
//! one's own or into a mount of secrets; what counts is the file at their end.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::ConfigError;
use crate::fsio::FsError;

/// What others may not do with the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closed {
    /// Write it.
    ToWriting,
    /// Write it, nor read it.
    Entirely,
}

/// Reads a file whole; `None` when it is not there.
///
/// # Errors
/// It is no regular file, larger than `limit`, somebody else's, or open to
/// others in a way that it may not be: then with the command that closes it.
pub(super) fn read(path: &Path, limit: u64, closed: Closed) -> Result<Option<Vec<u8>>, ConfigError> {
    let file = match open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(FsError::new("read", path, e).into()),
    };
    let wrap = |e| ConfigError::from(FsError::new("read", path, e));
    let meta = file.metadata().map_err(wrap)?;
    if !meta.is_file() {
        return Err(ConfigError::invalid(path, None, "it is not a regular file"));
    }
    check(path, &meta, closed)?;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(wrap)?;
    if bytes.len() as u64 > limit {
        return Err(ConfigError::invalid(path, None, format!("it is larger than {limit} bytes")));
    }
    Ok(Some(bytes))
}

/// A FIFO that stands there blocks nothing.
#[cfg(unix)]
fn open(path: &Path) -> std::io::Result<File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

#[cfg(not(unix))]
fn open(path: &Path) -> std::io::Result<File> {
    File::open(path)
}

#[cfg(unix)]
fn check(path: &Path, meta: &std::fs::Metadata, closed: Closed) -> Result<(), ConfigError> {
    use std::os::unix::fs::MetadataExt as _;
    let (shown, mode) = (path.display(), meta.mode() & 0o777);
    let own = rustix::process::geteuid().as_raw();
    if meta.uid() != own && meta.uid() != 0 {
        let why = format!("it belongs to another user (id {}); run: sudo chown {own} {shown}", meta.uid());
        return Err(ConfigError::invalid(path, None, why));
    }
    let why = match closed {
        Closed::ToWriting if mode & 0o022 != 0 => {
            format!("others may write it (mode {mode:03o}); run: chmod go-w {shown}")
        }
        Closed::Entirely if mode & 0o077 != 0 => {
            format!("it holds a secret and is open to others (mode {mode:03o}); run: chmod 600 {shown}")
        }
        _ => return Ok(()),
    };
    Err(ConfigError::invalid(path, None, why))
}

/// The folder's own access list holds here: a user's folder is the user's.
#[cfg(not(unix))]
fn check(_path: &Path, _meta: &std::fs::Metadata, _closed: Closed) -> Result<(), ConfigError> {
    Ok(())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::fsio::Dir;

    #[test]
    fn a_file_that_is_open_to_others_is_refused_with_the_command_that_closes_it() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = Dir::open(tmp.path()).unwrap();
        let path = tmp.path().join("secret");
        assert!(read(&path, 10, Closed::Entirely).unwrap().is_none());
        dir.create("secret", b"word", false).unwrap();
        assert_eq!(read(&path, 4, Closed::Entirely).unwrap().unwrap(), b"word");
        assert!(read(&path, 3, Closed::Entirely).is_err());
        for (mode, closed, fine) in [
            (0o640, Closed::Entirely, false),
            (0o604, Closed::Entirely, false),
            (0o644, Closed::ToWriting, true),
            (0o664, Closed::ToWriting, false),
            (0o602, Closed::ToWriting, false),
            (0o400, Closed::Entirely, true),
        ] {
            dir.set_mode("secret", mode).unwrap();
            let said = read(&path, 10, closed);
            assert_eq!(said.is_ok(), fine, "{mode:o}");
            if let Err(e) = said {
                assert!(e.to_string().contains("chmod ") && e.to_string().contains("secret"), "{e}");
            }
        }
        dir.set_mode("secret", 0o600).unwrap();
        std::os::unix::fs::symlink(&path, tmp.path().join("link")).unwrap();
        assert!(read(&tmp.path().join("link"), 10, Closed::Entirely).unwrap().is_some());
        assert!(std::process::Command::new("mkfifo").arg(tmp.path().join("fifo")).status().unwrap().success());
        assert!(read(&tmp.path().join("fifo"), 10, Closed::ToWriting).is_err(), "it does not wait either");
        assert!(read(tmp.path(), 10, Closed::ToWriting).is_err());
    }
}
