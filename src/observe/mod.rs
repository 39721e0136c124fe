//! What the program says about its own work: logs through `tracing`.
//!
//! Commands log to standard error and only when asked (`CELLPHONE_LOG`); the
//! daemon logs by `log.filter`, to standard error or, detached, to a file that
//! is bounded in size. Control characters never reach the log: the formatter
//! escapes them. A log that cannot be written is dropped, because mail goes
//! on without it.

mod file;

use tracing_subscriber::EnvFilter;

use crate::fsio::Dir;

/// Overrides the filter for one process.
pub const VARIABLE: &str = "CELLPHONE_LOG";

/// Where the log goes.
#[derive(Debug, Clone)]
pub enum Output {
    /// Standard error.
    Stderr,
    /// `daemon.log` in a folder of `.cellphone/`; one older file is kept.
    File(Dir),
}

/// Starts logging for a command: only when `CELLPHONE_LOG` is set, so a send
/// pays nothing for it.
pub fn start_command() {
    if let Some(filter) = std::env::var(VARIABLE).ok().filter(|f| !f.is_empty()) {
        start(&filter, Output::Stderr);
    }
}

/// Starts logging for a long-lived process. `CELLPHONE_LOG` wins over the
/// filter given. Only the first call in a process has an effect.
pub fn start(filter: &str, output: Output) {
    let named = std::env::var(VARIABLE).ok().filter(|f| !f.is_empty());
    let filter = EnvFilter::try_new(named.as_deref().unwrap_or(filter)).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_target(false);
    // The first subscriber stays; a second one is refused, which is what is wanted.
    let _ = match output {
        Output::Stderr => {
            use std::io::IsTerminal as _;
            let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            builder.with_ansi(colours).with_writer(std::io::stderr).try_init()
        }
        Output::File(dir) => builder.with_ansi(false).with_writer(file::LogFile::new(dir)).try_init(),
    };
}
