//! What the folders of mailboxes hold, kept by who looks all the time: the
//! daemon. A folder whose change is known to be the one that was read is not
//! read again; everybody else reads the disk.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::fsio::{Dir, Stat};

use super::Result;

/// Names that are kept at most, some 100 bytes each; with more, all are read anew.
const MOST: usize = 200_000;
/// How old a change has to be for another in the same tick of the file system's
/// clock (1 to 10 ms) to be out of the question.
const SETTLED: Duration = Duration::from_millis(50);

/// Message names of a folder, sorted.
pub(super) type Listing = Arc<[Box<str>]>;

/// What is kept of folders.
#[derive(Debug, Default)]
pub(super) struct Names {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    folders: HashMap<(u64, u64), (Seen, Listing)>,
    names: usize,
}

/// When a folder changed. The second cannot be set, so `touch` hides nothing.
type Seen = (Duration, Duration);

const fn seen(stat: &Stat) -> Seen {
    (stat.modified, stat.changed)
}

/// Whether a folder that changed then cannot have changed again unseen, when
/// reading it began.
fn is_settled((modified, changed): Seen, began: Duration) -> bool {
    began.saturating_sub(modified.max(changed)) > SETTLED
}

impl Names {
    /// The message names in a folder, read when it changed.
    pub(super) fn of(&self, dir: &Dir) -> Result<Listing> {
        let before = dir.own_stat()?;
        let folder = (before.device, before.inode);
        if let Some((_, names)) = self.kept().folders.get(&folder).filter(|(at, _)| *at == seen(&before)) {
            return Ok(Arc::clone(names));
        }
        let began = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut names: Vec<Box<str>> = super::scan::message_names(dir)?.map(String::into_boxed_str).collect();
        names.sort_unstable();
        let names: Listing = names.into();
        // Where folders have no number they cannot be told apart.
        if is_settled(seen(&before), began) && before.inode != 0 && seen(&dir.own_stat()?) == seen(&before) {
            self.kept().keep(folder, seen(&before), &names);
        }
        Ok(names)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        // Whole at every step.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn keep(&mut self, folder: (u64, u64), at: Seen, names: &Listing) {
        if let Some((_, old)) = self.folders.remove(&folder) {
            self.names -= old.len();
        }
        if self.names + names.len() > MOST {
            *self = Self::default();
        }
        if names.len() <= MOST {
            self.names += names.len();
            self.folders.insert(folder, (at, Arc::clone(names)));
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    /// Asks until what was read is kept.
    fn kept(names: &Names, dir: &Dir) -> Listing {
        let end = std::time::Instant::now() + Duration::from_secs(20);
        loop {
            let listing = names.of(dir).unwrap();
            let now = seen(&dir.own_stat().unwrap());
            if names.kept().folders.values().any(|(at, _)| *at == now) {
                return listing;
            }
            assert!(std::time::Instant::now() < end, "never kept");
        }
    }

    fn name(n: u32) -> String {
        format!("20261127T100000.{n:06}Z-Agent-1-letter-01JZZZZZZZZZZZZZZZZZZZZ{n:03}.md")
    }

    #[test]
    fn a_folder_is_read_again_when_it_changed_even_back_in_time() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = Dir::open(tmp.path()).unwrap();
        let names = Names::default();
        dir.create(&name(1), b"x", false).unwrap();
        dir.create(".gitignore", b"*\n", false).unwrap();
        assert_eq!(kept(&names, &dir).len(), 1);
        let set = std::fs::File::open(tmp.path()).unwrap();
        let long_ago = UNIX_EPOCH + Duration::from_secs(1_000_000);
        set.set_modified(long_ago).unwrap();
        assert_eq!(kept(&names, &dir).len(), 1);
        dir.create(&name(2), b"x", false).unwrap();
        set.set_modified(long_ago).unwrap();
        assert_eq!(names.of(&dir).unwrap().len(), 2, "its time was set back by hand");
    }

    #[test]
    fn what_changed_a_moment_ago_or_by_a_clock_that_is_ahead_is_not_kept() {
        let at = Duration::from_secs(100);
        assert!(is_settled((at, at), at + 2 * SETTLED));
        assert!(!is_settled((at, at), at + SETTLED));
        assert!(!is_settled((Duration::ZERO, at), at + SETTLED), "its time was set back");
        assert!(!is_settled((at, at), at - SETTLED));
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let mut kept = Kept::default();
        let listing = |n: usize| -> Listing { (0..n).map(|_| Box::from("x")).collect() };
        for folder in 0..3 {
            kept.keep((1, folder), Seen::default(), &listing(MOST / 2));
        }
        assert_eq!((kept.folders.len(), kept.names), (1, MOST / 2));
        kept.keep((1, 2), Seen::default(), &listing(5));
        assert_eq!((kept.folders.len(), kept.names), (1, 5));
        kept.keep((1, 4), Seen::default(), &listing(MOST + 1));
        assert_eq!((kept.folders.len(), kept.names), (0, 0));
    }
}
