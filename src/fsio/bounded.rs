//! A file that is appended to and does not grow without bound.

use super::{Dir, Result};

impl Dir {
    /// Appends in one write; past `most` bytes the file becomes `NAME.1`
    /// first, in place of the one before. Where two processes do that at once,
    /// the second one's finds nothing to do.
    ///
    /// # Errors
    /// When it cannot be opened, written or renamed.
    pub fn append_bounded(&self, name: &str, bytes: &[u8], most: u64) -> Result<()> {
        if self.stat(name)?.is_some_and(|s| s.size >= most) {
            let before = format!("{name}.1");
            let gone = |done: Result<()>| match done {
                Err(e) if !e.is_not_found() && !e.exists() => Err(e),
                _ => Ok(()),
            };
            gone(self.remove(&before))?;
            gone(self.rename(name, self, &before))?;
        }
        self.append(name, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_and_the_one_before_are_bounded() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = Dir::open(tmp.path()).unwrap();
        for _ in 0..50 {
            dir.append_bounded("log", b"a line of twenty by\n", 100).unwrap();
        }
        let mut names = dir.names().unwrap();
        names.sort();
        assert_eq!(names, ["log", "log.1"]);
        assert!(dir.stat("log").unwrap().unwrap().size <= 120);
        assert_eq!(dir.stat("log.1").unwrap().unwrap().size, 100);
    }
}
