//! The daemon's log file, which does not grow without bound.

use std::io;

use tracing_subscriber::fmt::MakeWriter;

use crate::fsio::Dir;

const NAME: &str = "daemon.log";
const MAX: u64 = 5 * 1024 * 1024;

/// Appends to `daemon.log`; past 5 MiB it becomes `daemon.log.1`.
#[derive(Debug, Clone)]
pub(super) struct LogFile {
    dir: Dir,
}

impl LogFile {
    pub(super) const fn new(dir: Dir) -> Self {
        Self { dir }
    }
}

impl io::Write for &LogFile {
    /// One event is one write of the formatter, so one line in the file.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.dir.append_bounded(NAME, bytes, MAX).map(|()| bytes.len()).map_err(|e| e.source)
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
