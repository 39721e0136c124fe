//! A log file that does not grow without bound.

use std::io;

use tracing_subscriber::fmt::MakeWriter;

use crate::fsio::Dir;

const NAME: &str = "daemon.log";
const BEFORE: &str = "daemon.log.1";
const MAX: u64 = 5 * 1024 * 1024;

/// Appends to `daemon.log`; past 5 MiB it becomes `daemon.log.1`.
#[derive(Debug, Clone)]
pub(super) struct LogFile {
    dir: Dir,
    max: u64,
}

impl LogFile {
    pub(super) const fn new(dir: Dir) -> Self {
        Self { dir, max: MAX }
    }

    fn rotate(&self) -> crate::fsio::Result<()> {
        if self.dir.stat(NAME)?.is_none_or(|s| s.size < self.max) {
            return Ok(());
        }
        if self.dir.stat(BEFORE)?.is_some() {
            self.dir.remove(BEFORE)?;
        }
        self.dir.rename(NAME, &self.dir, BEFORE)
    }
}

impl io::Write for &LogFile {
    /// One event is one write of the formatter, so one line in the file.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let done = self.rotate().and_then(|()| self.dir.append(NAME, bytes));
        done.map(|()| bytes.len()).map_err(|e| e.source)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogFile {
    type Writer = &'a Self;
    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn the_log_is_bounded() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = Dir::open(tmp.path()).unwrap();
        let log = LogFile { dir: dir.clone(), max: 100 };
        for _ in 0..50 {
            (&log).write_all(b"a line of twenty by\n").unwrap();
        }
        let mut names = dir.names().unwrap();
        names.sort();
        assert_eq!(names, [NAME, BEFORE]);
        assert!(dir.stat(NAME).unwrap().unwrap().size <= 120);
        assert_eq!(dir.stat(BEFORE).unwrap().unwrap().size, 100);
    }
}
