//! Whether the daemon's root is still where it was.
//!
//! Its folders are held open, so a root that was deleted, moved away or put
//! back from elsewhere would leave a daemon that works on what nobody sees,
//! beside the one that somebody starts next. It ends instead: the lock that it
//! holds is in a folder that is not the root's any more, or is not the lock in
//! it.

use std::sync::Arc;
use std::time::Duration;

use super::house::House;
use super::supervisor::{Shutdown, WorkerResult};
use crate::fsio::{Dir, FsError};
use crate::office::control::LOCK;

/// One look costs a few system calls.
const EVERY: Duration = Duration::from_secs(2);

/// Looks until the shutdown, and requests it when the root has gone.
///
/// # Errors
/// None: what cannot be looked at is looked at again.
pub(super) async fn run(house: Arc<House>, shutdown: Shutdown) -> WorkerResult {
    loop {
        tokio::select! {
            () = shutdown.requested() => return Ok(()),
            () = tokio::time::sleep(EVERY) => {}
        }
        ends(&house);
    }
}

/// Ends the daemon when its root has gone; whether it has.
pub(super) fn ends(house: &House) -> bool {
    let gone = house.place.has_gone();
    if gone && !house.shutdown.begun() {
        tracing::error!(path = %house.root.path().display(), "the root has gone from here; the daemon ends");
        house.shutdown.begin();
    }
    gone
}

/// What makes this daemon the one of its root: a folder, and the lock in it.
#[derive(Debug)]
pub(super) struct Place {
    state: Dir,
    lock: Option<Number>,
}

/// Tells a file from another one under the same name.
type Number = (u64, u64);

impl Place {
    /// As it is now: the lock is held.
    pub(super) fn of(state: &Dir) -> Self {
        Self { state: state.clone(), lock: lock_in(state).unwrap_or_default() }
    }

    /// Whether another folder, or none, stands where this one stood, or
    /// another lock file, or none, in it. A place that cannot be reached for a
    /// moment (a network drive) has not gone.
    pub(super) fn has_gone(&self) -> bool {
        let number = |dir: &Dir| dir.own_stat().map(|stat| (stat.device, stat.inode));
        match Dir::open(self.state.path()) {
            Ok(there) if matches!((number(&there), number(&self.state)), (Ok(there), Ok(held)) if there != held) => {
                true
            }
            // Who removes what is in a folder may leave the folder: another daemon could take its new lock.
            Ok(there) => lock_in(&there).is_ok_and(|lock| lock != self.lock),
            Err(e) => e.is_not_found(),
        }
    }
}

fn lock_in(state: &Dir) -> Result<Option<Number>, FsError> {
    match state.child("locks").and_then(|locks| locks.stat(LOCK)) {
        Ok(stat) => Ok(stat.map(|stat| (stat.device, stat.inode))),
        Err(e) if e.is_not_found() => Ok(None),
        Err(e) => Err(e),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::fsio::Lock;

    #[test]
    fn a_folder_that_was_deleted_or_put_back_is_another() {
        let tmp = tempfile::tempdir().unwrap();
        let top = Dir::open(tmp.path()).unwrap();
        let place = Place::of(&top.child_or_create("state").unwrap());
        assert!(!place.has_gone());
        top.remove_dir("state").unwrap();
        assert!(place.has_gone());
        let _first = top.child_or_create("other").unwrap();
        let _again = top.child_or_create("state").unwrap();
        assert!(place.has_gone());
    }

    #[test]
    fn so_is_one_whose_lock_file_was_deleted_or_made_anew() {
        let tmp = tempfile::tempdir().unwrap();
        let state = Dir::open(tmp.path()).unwrap();
        let locks = state.child_or_create("locks").unwrap();
        let _held = Lock::exclusive(&locks, LOCK).unwrap();
        let place = Place::of(&state);
        assert!(!place.has_gone());
        locks.remove(LOCK).unwrap();
        assert!(place.has_gone());
        let _other = Lock::exclusive(&locks, LOCK).unwrap();
        assert!(place.has_gone());
        locks.remove(LOCK).unwrap();
        state.remove_dir("locks").unwrap();
        assert!(place.has_gone());
    }
}
