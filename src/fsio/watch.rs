//! Hints that something changed below a folder: the only file that names
//! `notify`.
//!
//! A hint is never the truth. Events are lost when the kernel's queue
//! overflows, when a folder is made and written to at once, and when a folder
//! is replaced (the watch stays on the old inode and reports the old path);
//! so folders are watched one by one, never recursively, and whoever listens
//! scans after each [`Watcher::add`], on each hint, and now and then without
//! one. Opening and reading a file is no hint: a scan would wake itself.

use std::path::{Path, PathBuf};

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

/// What a watcher has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// Something under this name changed, or the watched folder itself.
    Changed(PathBuf),
    /// Anything may have changed: the queue overflowed or failed.
    Everything(String),
}

/// Why a folder cannot be watched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WatchFault {
    /// The user's watches or instances are used up.
    #[error("the limit of file watches is used up (fs.inotify.max_user_watches, max_user_instances)")]
    Limit,
    /// There is no such folder.
    #[error("{} is not there", .0.display())]
    Missing(PathBuf),
    /// The file system tells nothing of what other machines change.
    #[error("{} is on {}, which does not report every change", .0.display(), .1)]
    NoEvents(PathBuf, &'static str),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// Watches folders, each without those below it.
#[derive(Debug)]
pub struct Watcher {
    inner: RecommendedWatcher,
}

impl Watcher {
    /// Starts one that calls `tell` from a thread of its own. `tell` must be
    /// quick: while it runs, the kernel's queue fills.
    ///
    /// # Errors
    /// [`WatchFault::Limit`] when the user has no instance left.
    pub fn new(tell: impl Fn(Hint) + Send + 'static) -> Result<Self, WatchFault> {
        Self::with(tell, matters)
    }

    /// The same, and each write is a hint too: for files that their writer
    /// keeps open.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn of_writes(tell: impl Fn(Hint) + Send + 'static) -> Result<Self, WatchFault> {
        Self::with(tell, |kind| matters(kind) || matches!(kind, EventKind::Modify(ModifyKind::Data(_))))
    }

    fn with(tell: impl Fn(Hint) + Send + 'static, matters: fn(&EventKind) -> bool) -> Result<Self, WatchFault> {
        let handler = move |event: notify::Result<notify::Event>| match event {
            Err(e) => tell(Hint::Everything(e.to_string())),
            Ok(event) if event.need_rescan() => tell(Hint::Everything("the queue of events overflowed".into())),
            Ok(event) if matters(&event.kind) => event.paths.into_iter().for_each(|path| tell(Hint::Changed(path))),
            Ok(_) => {}
        };
        let inner = RecommendedWatcher::new(handler, notify::Config::default().with_follow_symlinks(false))
            .map_err(|e| fault(&e, Path::new("")))?;
        Ok(Self { inner })
    }

    /// Watches one more folder. To watch a folder that was replaced, call
    /// [`forget`](Self::forget) first.
    ///
    /// # Errors
    /// See [`WatchFault`].
    pub fn add(&mut self, folder: &Path) -> Result<(), WatchFault> {
        self.inner.watch(folder, RecursiveMode::NonRecursive).map_err(|e| fault(&e, folder))
    }

    /// Watches a folder no longer. One that was not watched is no fault.
    pub fn forget(&mut self, folder: &Path) {
        let _ = self.inner.unwatch(folder);
    }
}

/// Whether an event can mean that a scan finds something new. A write alone
/// does not: on Linux the close that ends it is reported too.
fn matters(kind: &EventKind) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) | EventKind::Modify(ModifyKind::Metadata(_)) => false,
        EventKind::Modify(ModifyKind::Data(_)) => !cfg!(target_os = "linux"),
        _ => true,
    }
}

fn fault(e: &notify::Error, folder: &Path) -> WatchFault {
    match &e.kind {
        notify::ErrorKind::MaxFilesWatch => WatchFault::Limit,
        notify::ErrorKind::PathNotFound => WatchFault::Missing(folder.to_owned()),
        notify::ErrorKind::Io(io) => match io.kind() {
            std::io::ErrorKind::NotFound => WatchFault::Missing(folder.to_owned()),
            // ENOSPC: watches; EMFILE, ENFILE: instances.
            std::io::ErrorKind::StorageFull => WatchFault::Limit,
            _ if matches!(io.raw_os_error(), Some(23 | 24)) => WatchFault::Limit,
            _ => WatchFault::Other(format!("cannot watch {}: {io}", folder.display())),
        },
        _ => WatchFault::Other(format!("cannot watch {}: {e}", folder.display())),
    }
}

/// Says when a folder is on a file system whose events are not to be trusted,
/// because other machines or programs change it behind the kernel's back.
///
/// # Errors
/// [`WatchFault::NoEvents`] names the file system.
#[cfg(target_os = "linux")]
pub fn has_events(folder: &Path) -> Result<(), WatchFault> {
    let Ok(facts) = rustix::fs::statfs(folder) else { return Ok(()) };
    // Magic numbers of statfs(2); the type differs between architectures.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let name = match facts.f_type as u32 {
        0x6969 => "NFS",
        0xFF53_4D42 | 0xFE53_4D42 | 0x517B => "SMB",
        0x0102_1997 => "9P",
        0x6573_5546 => "FUSE",
        0x00C3_6400 => "Ceph",
        0x5346_414F => "AFS",
        _ => return Ok(()),
    };
    Err(WatchFault::NoEvents(folder.to_owned(), name))
}

/// Elsewhere no such file system is known.
///
/// # Errors
/// Never.
#[cfg(not(target_os = "linux"))]
pub fn has_events(_folder: &Path) -> Result<(), WatchFault> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;

    #[test]
    fn a_rename_into_a_folder_is_told_and_reading_is_not() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = crate::fsio::Dir::open(tmp.path()).unwrap();
        let new = dir.child_or_create("new").unwrap();
        dir.create("a", b"x", false).unwrap();
        new.create("old", b"x", false).unwrap();
        let (tx, rx) = mpsc::channel();
        let mut watcher = Watcher::new(move |hint| drop(tx.send(hint))).unwrap();
        watcher.add(new.path()).unwrap();
        new.read("old", 10).unwrap();
        new.names().unwrap();
        dir.rename("a", &new, "b").unwrap();
        let first = rx.recv_timeout(Duration::from_secs(5)).unwrap();
        assert_eq!(first, Hint::Changed(new.path().join("b")));
    }

    #[test]
    fn a_missing_folder_is_a_fault() {
        let tmp = tempfile::tempdir().unwrap();
        let mut watcher = Watcher::new(|_| {}).unwrap();
        let gone = tmp.path().join("gone");
        assert_eq!(watcher.add(&gone).unwrap_err(), WatchFault::Missing(gone.clone()));
        watcher.forget(&gone);
    }
}
