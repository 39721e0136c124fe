//! Whether the daemon's root is still where it was.
//!
//! Its folders are held open, so a root that was deleted, moved away or put
//! back from elsewhere would leave a daemon that works on what nobody sees,
//! beside the one that somebody starts next. It ends instead: the lock that it
//! holds is in a folder that is not the root's any more.

use std::sync::Arc;
use std::time::Duration;

use super::house::House;
use super::supervisor::{Shutdown, WorkerResult};
use crate::fsio::Dir;

/// One look costs one system call or two.
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
    let gone = has_gone(house.root.state());
    if gone && !house.shutdown.begun() {
        tracing::error!(path = %house.root.path().display(), "the root has gone from here; the daemon ends");
        house.shutdown.begin();
    }
    gone
}

/// Whether another folder, or none, stands where this one stood. A place that
/// cannot be reached for a moment (a network drive) has not gone.
fn has_gone(held: &Dir) -> bool {
    let number = |dir: &Dir| dir.own_stat().map(|stat| (stat.device, stat.inode));
    match Dir::open(held.path()) {
        Ok(there) => matches!((number(&there), number(held)), (Ok(there), Ok(held)) if there != held),
        Err(e) => e.is_not_found(),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_was_deleted_or_put_back_is_another() {
        let tmp = tempfile::tempdir().unwrap();
        let top = Dir::open(tmp.path()).unwrap();
        let held = top.child_or_create("state").unwrap();
        assert!(!has_gone(&held));
        top.remove_dir("state").unwrap();
        assert!(has_gone(&held));
        let _first = top.child_or_create("other").unwrap();
        let _again = top.child_or_create("state").unwrap();
        assert!(has_gone(&held));
    }
}
