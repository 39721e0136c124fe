//! One typist at a time: a lock per screen and per pane, shared by every
//! root of this user.
//!
//! Lives in the user's runtime directory, else in `/tmp/cellphone-UID`, and
//! dies with its process.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::converse::Stop;
use super::outcome::Reason;
use crate::fsio::{Dir, Lock};

/// Longest wait for another typist: a nudge takes milliseconds, and one that
/// takes longer is better met by trying again.
const PATIENCE: Duration = Duration::from_millis(400);

/// Where the locks are.
fn place() -> PathBuf {
    match std::env::var_os("XDG_RUNTIME_DIR") {
        Some(dir) if Path::new(&dir).is_absolute() && Path::new(&dir).is_dir() => Path::new(&dir).join("cellphone"),
        _ => std::env::temp_dir().join(format!("cellphone-{}", user())),
    }
}

#[cfg(unix)]
fn user() -> u32 {
    rustix::process::getuid().as_raw()
}

#[cfg(not(unix))]
fn user() -> u32 {
    0
}

/// A directory in `/tmp` may have been put there by somebody else.
#[cfg(unix)]
fn is_ours(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::symlink_metadata(path).is_ok_and(|m| m.is_dir() && m.uid() == user() && m.mode() & 0o022 == 0)
}

#[cfg(not(unix))]
fn is_ours(path: &Path) -> bool {
    path.is_dir()
}

/// Locks what is named by `kind` and `name` (a display, or a socket with its
/// pane) against every other typist of this user.
///
/// # Errors
/// [`Reason::Locked`] when another keeps it; a failure when the lock cannot
/// be made.
pub fn lock(kind: &str, name: &str) -> Result<Lock, Stop> {
    let path = place();
    let dir = Dir::create_all(&path).map_err(|e| Stop::Failed(e.to_string()))?;
    if !is_ours(&path) {
        return Err(Stop::Failed(format!(
            "{} belongs to another user or others may write it; remove it, or set XDG_RUNTIME_DIR",
            path.display()
        )));
    }
    let digest = Sha256::digest(name.as_bytes());
    let short: String = digest.iter().take(8).map(|b| format!("{b:02x}")).collect();
    let file = format!("{kind}-{short}.lock");
    let end = Instant::now() + PATIENCE;
    loop {
        match Lock::try_exclusive(&dir, &file) {
            Ok(Some(lock)) => return Ok(lock),
            Ok(None) if Instant::now() >= end => return Err(Stop::Deferred(Reason::Locked)),
            Ok(None) => std::thread::sleep(Duration::from_millis(5)),
            Err(error) => return Err(Stop::Failed(error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_typist_waits_or_goes() {
        let name = format!("test {}", std::process::id());
        let first = lock("pane", &name).unwrap();
        assert_eq!(lock("pane", &name).err(), Some(Stop::Deferred(Reason::Locked)));
        assert!(lock("pane", "another").is_ok());
        drop(first);
        assert!(lock("pane", &name).is_ok());
    }
}
