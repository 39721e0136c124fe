//! Damage on purpose: what a disk does that rots.
//!
//! Bytes change where they lie; size, mode and times stay, as nobody wrote
//! the file. For drills, which rehearse it on a copy.

use std::io::{Read as _, Seek as _, SeekFrom, Write as _};

use super::{Dir, FsError, Result, settle_file};

impl Dir {
    /// Turns the bits of `mask` over in one byte of a file, and gives the file
    /// its times and mode again. A link is not followed.
    ///
    /// # Errors
    /// When it is not there, no regular file of one name, or has no such byte.
    pub fn rot(&self, name: &str, at: u64, mask: u8) -> Result<()> {
        let path = self.path().join(name);
        let before = self
            .look(name.as_ref())?
            .ok_or_else(|| FsError::new("change", &path, std::io::Error::from(std::io::ErrorKind::NotFound)))?;
        let mut byte = [0_u8];
        let mut file = self.open_for_copy(name)?;
        let read = file.seek(SeekFrom::Start(at)).and_then(|_| file.read_exact(&mut byte));
        read.map_err(|e| FsError::new("read", &path, e))?;
        // Packs may be read-only for their owner too.
        self.set_mode(name, before.mode | 0o200)?;
        let changed = self.reopen_file(name.as_ref()).and_then(|mut file| {
            byte[0] ^= mask;
            let wrote = file.seek(SeekFrom::Start(at)).and_then(|_| file.write_all(&byte));
            wrote.map_err(|e| FsError::new("change", &path, e)).map(|()| file)
        });
        let settled = |file| settle_file(&file, before.mode, before.modified);
        changed.and_then(|file| settled(file).map_err(|e| FsError::new("set the time of", &path, e)))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_byte_changes_and_nothing_else_and_no_link_is_followed() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = Dir::open(tmp.path()).unwrap();
        dir.create("a", b"abc", false).unwrap();
        dir.set_mode("a", 0o400).unwrap();
        let before = dir.look("a".as_ref()).unwrap().unwrap();
        dir.rot("a", 1, 1).unwrap();
        assert_eq!(dir.read("a", 9).unwrap(), b"acc");
        let after = dir.look("a".as_ref()).unwrap().unwrap();
        assert_eq!((after.modified, after.mode, after.inode), (before.modified, before.mode, before.inode));
        assert!(dir.rot("a", 3, 1).is_err());
        std::os::unix::fs::symlink("a", tmp.path().join("link")).unwrap();
        assert!(dir.rot("link", 0, 1).is_err());
        assert_eq!(dir.read("a", 9).unwrap(), b"acc");
    }
}
