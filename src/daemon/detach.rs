//! Starting the daemon in the background.
//!
//! The program starts itself again in a session of its own, its output in
//! `.cellphone/daemon.log`, and waits until the new daemon answers a probe:
//! what returns well from here is alive. A thread's fork would not do, since
//! nothing but `exec` may follow it.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::fsio::Dir;
use crate::office::control;

/// What the daemon says goes there.
pub const LOG_FILE: &str = "daemon.log";

/// Set for the process that is to leave its terminal.
pub const MARK: &str = "CELLPHONE_DETACHED";

/// A log larger than this is set aside, once, at a start.
const LOG_MAX: u64 = 8 << 20;

/// Why no daemon runs in the background now.
#[derive(Debug, thiserror::Error)]
pub enum DetachError {
    /// It could not be started at all.
    #[error("cannot start the daemon: {0}")]
    Start(String),
    /// It ended before it answered.
    #[error("the daemon ended at once ({status}); {} says:\n{said}", log.display())]
    Ended {
        /// How.
        status: String,
        /// Where it wrote.
        log: PathBuf,
        /// What it wrote last.
        said: String,
    },
    /// It does not answer in time.
    #[error("the daemon (process {pid}) does not answer after {waited:?}; see {}", log.display())]
    Silent {
        /// Its process.
        pid: u32,
        /// How long was waited.
        waited: Duration,
        /// Where it writes.
        log: PathBuf,
    },
}

/// Starts `cellphone ARGUMENTS` in the background and waits until it answers
/// on the socket in `state`, at most `patience`; gives its process.
///
/// # Errors
/// See [`DetachError`].
pub fn detach(state: &Dir, arguments: &[OsString], patience: Duration) -> Result<u32, DetachError> {
    if let Some(pid) = control::probe(state.path(), Duration::from_millis(500)) {
        return Ok(pid);
    }
    let failed = |e: &dyn std::fmt::Display| DetachError::Start(e.to_string());
    let log = state.path().join(LOG_FILE);
    let (out, from) = open_log(state, &log).map_err(|e| failed(&e))?;
    let program = std::env::current_exe().map_err(|e| failed(&e))?;
    let mut command = Command::new(program);
    command.args(arguments).env(MARK, "1").stdin(Stdio::null()).current_dir("/");
    command.stdout(out.try_clone().map_err(|e| failed(&e))?).stderr(out);
    let mut child = command.spawn().map_err(|e| failed(&e))?;
    wait(state, &mut child, &log, from, patience)
}

/// In the started process: leaves the terminal, so that closing it ends
/// nothing. It is in its parent's group still and so no leader of one, which
/// is what `setsid` asks for.
#[cfg(unix)]
pub fn leave_terminal() {
    if std::env::var_os(MARK).is_some() && rustix::process::setsid().is_err() {
        tracing::debug!("leads a group already: not in a session of its own");
    }
}

fn wait(state: &Dir, child: &mut Child, log: &Path, from: u64, patience: Duration) -> Result<u32, DetachError> {
    let begun = Instant::now();
    let mut pause = Duration::from_millis(2);
    loop {
        if let Some(pid) = control::probe(state.path(), Duration::from_millis(200)) {
            return Ok(pid);
        }
        if let Ok(Some(status)) = child.try_wait() {
            let said = said_since(log, from);
            return Err(DetachError::Ended { status: status.to_string(), log: log.to_owned(), said });
        }
        if begun.elapsed() >= patience {
            return Err(DetachError::Silent { pid: child.id(), waited: patience, log: log.to_owned() });
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

/// The log, for appending, and where this start begins in it.
fn open_log(state: &Dir, log: &Path) -> std::io::Result<(File, u64)> {
    let io = |e: crate::fsio::FsError| std::io::Error::new(e.kind(), e.to_string());
    let size = state.stat(LOG_FILE).map_err(io)?.map_or(0, |stat| stat.size);
    let from = if size > LOG_MAX {
        let aside = format!("{LOG_FILE}.1");
        let _ = state.remove(&aside);
        state.rename(LOG_FILE, state, &aside).map_err(io)?;
        0
    } else {
        size
    };
    // Through the handle first: it refuses a link that was planted there, and makes the file 0600.
    state.append(LOG_FILE, b"").map_err(io)?;
    Ok((OpenOptions::new().append(true).open(log)?, from))
}

fn said_since(log: &Path, from: u64) -> String {
    let bytes = std::fs::read(log).unwrap_or_default();
    let new = bytes.get(usize::try_from(from).unwrap_or(0)..).unwrap_or_default();
    let text = String::from_utf8_lossy(new);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}
