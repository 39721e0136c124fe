//! One daemon per root: a lock that dies with its process, a socket that
//! answers, and a pid file for people.
//!
//! The lock alone decides. The pid file is only ever read by a person or by
//! `doctor`: a process number says nothing of who has it now.

use std::path::PathBuf;
use std::time::Duration;

use super::place::Place;
use crate::fsio::{Dir, FsError, Lock};
use crate::office::control::{self, LOCK, PID_FILE, RUNTIME_HINT};

/// Why there is no second daemon.
#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    /// One runs already and answers.
    #[error("a daemon runs already for {} (process {pid}); see `cellphone status`, or stop it with `cellphone down`", root.display())]
    Running {
        /// The root.
        root: PathBuf,
        /// Its process.
        pid: u32,
    },
    /// One holds the lock and does not answer.
    #[error("a daemon for {} holds its lock and does not answer{hint}; end that process, then run `cellphone up` again", root.display())]
    Silent {
        /// The root.
        root: PathBuf,
        /// The process its pid file names.
        hint: String,
    },
    /// The disk said no.
    #[error(transparent)]
    Fs(#[from] FsError),
}

/// The right to be the daemon of a root, until dropped.
#[derive(Debug)]
pub struct Instance {
    state: Dir,
    place: Place,
    _lock: Lock,
}

impl Instance {
    /// Takes the right, or says who has it. What a dead daemon left (socket,
    /// pid file) is cleared away.
    ///
    /// # Errors
    /// See [`InstanceError`].
    pub fn take(state: &Dir) -> Result<Self, InstanceError> {
        let root = state.path().parent().unwrap_or(state.path()).to_owned();
        let locks = state.child_or_create("locks")?;
        // One that is just ending still has the lock for a moment.
        for _ in 0..20 {
            if let Some(lock) = Lock::try_exclusive(&locks, LOCK)? {
                let instance = Self { state: state.clone(), place: Place::of(state), _lock: lock };
                instance.clear()?;
                let line = format!("{}\n", std::process::id());
                // The pid file is a convenience: a full disk does not keep the daemon away.
                if let Err(e) = state.replace(PID_FILE, line.as_bytes(), false) {
                    tracing::warn!(error = %e, "no pid file");
                }
                return Ok(instance);
            }
            if let Some(pid) = control::probe(state.path(), Duration::from_millis(500)) {
                return Err(InstanceError::Running { root, pid });
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let hint =
            control::recorded_pid(state).map_or_else(String::new, |pid| format!(" (process {pid}, says {PID_FILE})"));
        Err(InstanceError::Silent { root, hint })
    }

    fn clear(&self) -> Result<(), FsError> {
        for name in [control::SOCKET, PID_FILE, RUNTIME_HINT] {
            match self.state.remove(name) {
                Err(e) if !e.is_not_found() && name == control::SOCKET => return Err(e),
                _ => {}
            }
        }
        Ok(())
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // Still under the lock: no successor's files can be hit. Where that has gone there may be one.
        if !self.place.has_gone() {
            let _ = self.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_and_it_clears_up() {
        let tmp = tempfile::tempdir().unwrap();
        let state = Dir::open(tmp.path()).unwrap();
        state.create(control::SOCKET, b"", false).unwrap();
        state.create(RUNTIME_HINT, b"", false).unwrap();
        let one = Instance::take(&state).unwrap();
        assert_eq!(control::recorded_pid(&state), Some(std::process::id()));
        assert!([control::SOCKET, RUNTIME_HINT].iter().all(|name| state.stat(name).unwrap().is_none()));
        assert!(control::daemon_lock_held(&state).unwrap());
        let second = Instance::take(&state).unwrap_err();
        assert!(matches!(second, InstanceError::Silent { .. }), "{second}");
        drop(one);
        assert!(control::recorded_pid(&state).is_none());
        assert!(!control::daemon_lock_held(&state).unwrap());
    }
}
