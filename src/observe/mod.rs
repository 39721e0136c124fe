//! What the program says about its own work: logs through `tracing`; and what
//! it takes of the machine.
//!
//! Commands log to standard error and only when asked (`CELLPHONE_LOG`); the
//! daemon logs by `log.filter`, to standard error or, detached, to a file that
//! is bounded in size. Control characters never reach the log: the formatter
//! escapes them. A log that cannot be written is dropped, because mail goes
//! on without it. No secret that the process has fetched is in a log, nor in
//! the account of a crash.

mod crash;
mod file;
pub mod machine;
mod redacted;

use std::sync::OnceLock;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

pub use crash::tell_of_crashes;

use self::redacted::Redacted;
use crate::fsio::Dir;

/// Overrides the filter for one process.
pub const VARIABLE: &str = "CELLPHONE_LOG";

/// Gives the log another filter.
type Change = Box<dyn Fn(EnvFilter) + Send + Sync>;

static CHANGE: OnceLock<Change> = OnceLock::new();

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
    match output {
        Output::Stderr => {
            use std::io::IsTerminal as _;
            let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            install(std::io::stderr, colours, filter);
        }
        Output::File(dir) => install(file::LogFile::new(dir), false, filter),
    }
}

fn install<W>(writer: W, colours: bool, filter: &str)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt().with_writer(Redacted(writer)).with_ansi(colours).with_target(false);
    let builder = builder.with_env_filter(wanted(filter)).with_filter_reloading();
    let handle = builder.reload_handle();
    // The first subscriber stays; a second one is refused, which is what is wanted.
    if builder.try_init().is_ok() {
        // A log that has gone needs no filter.
        let _ = CHANGE.set(Box::new(move |filter| drop(handle.reload(filter))));
    }
}

/// Logs by another filter from now on; `CELLPHONE_LOG` goes on winning.
pub fn change(filter: &str) {
    if let Some(change) = CHANGE.get() {
        change(wanted(filter));
    }
}

fn wanted(filter: &str) -> EnvFilter {
    let named = std::env::var(VARIABLE).ok().filter(|f| !f.is_empty());
    EnvFilter::try_new(named.as_deref().unwrap_or(filter)).unwrap_or_else(|_| EnvFilter::new("info"))
}
