//! A symbolic link for people to follow. Nothing of ours ever does.

use std::path::Path;

use rustix::fs;
use rustix::io::Errno;

use super::Dir;
use crate::fsio::{FileKind, FsError, Result, temporary_name};

impl Dir {
    /// Makes a name point at a path elsewhere, in the place of another link or
    /// file; a reader sees the old one or the new one.
    ///
    /// # Errors
    /// A folder stands there, or the disk.
    pub fn point_to(&self, name: &str, target: &Path) -> Result<()> {
        match self.stat(name)?.map(|stat| stat.kind) {
            Some(FileKind::Link) => {
                let now = fs::readlinkat(&self.fd, name, Vec::new()).map_err(|e| self.fail("read", name, e))?;
                if now.as_bytes() == std::os::unix::ffi::OsStrExt::as_bytes(target.as_os_str()) {
                    return Ok(());
                }
            }
            None | Some(FileKind::File) => {}
            Some(_) => {
                return Err(FsError::refuse("make the link", self.path.join(name), "something else stands there"));
            }
        }
        let beside = format!(".{}", temporary_name("link"));
        fs::symlinkat(target, &self.fd, &beside).map_err(|e| self.fail("make the link", name, e))?;
        fs::renameat(&self.fd, &beside, &self.fd, name).map_err(|e: Errno| {
            // Best effort: the error that is returned is the first one.
            let _ = fs::unlinkat(&self.fd, &beside, fs::AtFlags::empty());
            self.fail("make the link", name, e)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_is_made_once_changed_in_one_step_and_replaces_no_folder() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = Dir::open(tmp.path()).unwrap();
        dir.point_to("there", Path::new("/a")).unwrap();
        let first = dir.stat("there").unwrap().unwrap();
        dir.point_to("there", Path::new("/a")).unwrap();
        assert_eq!(dir.stat("there").unwrap().unwrap(), first, "one that is right stays");
        dir.point_to("there", Path::new("/b")).unwrap();
        assert_eq!(std::fs::read_link(tmp.path().join("there")).unwrap(), Path::new("/b"));
        dir.child_or_create("folder").unwrap();
        assert!(dir.point_to("folder", Path::new("/a")).unwrap_err().is_refused());
        let mut names = dir.names().unwrap();
        names.sort();
        assert_eq!(names, ["folder", "there"]);
    }
}
