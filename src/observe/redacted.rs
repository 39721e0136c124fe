//! A writer that hides every secret this process knows.

use std::io::{self, Write};

use tracing_subscriber::fmt::MakeWriter;

use crate::config::redact;

/// Around another writer.
#[derive(Debug, Clone)]
pub(super) struct Redacted<W>(pub(super) W);

impl<'w, W: MakeWriter<'w>> MakeWriter<'w> for Redacted<W> {
    type Writer = Redacted<W::Writer>;
    fn make_writer(&'w self) -> Self::Writer {
        Redacted(self.0.make_writer())
    }
}

impl<W: Write> Write for Redacted<W> {
    /// One event is one write of the formatter, so no secret is cut in two.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_all(redact(&String::from_utf8_lossy(bytes)).as_bytes()).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    #[test]
    fn a_secret_does_not_reach_the_writer() {
        let secret = Secret::new("unit-log-secret".into());
        let mut out = Redacted(Vec::new());
        out.write_all(format!("before {} after\n", secret.expose()).as_bytes()).unwrap();
        assert_eq!(out.0, "before •••• after\n".as_bytes());
    }
}
