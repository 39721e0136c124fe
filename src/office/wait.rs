//! Blocking until mail comes.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::fsio::Dir;
use crate::fsio::watch::{Hint, WatchFault, Watcher, has_events};

use super::{Office, Result};

/// Which folder it is, whatever its path.
fn identity(folder: &Dir) -> Result<(u64, u64)> {
    let stat = folder.own_stat()?;
    Ok((stat.device, stat.inode))
}

/// Watches a folder and the two above it, in which its replacement shows. A
/// watch that is left over from an earlier folder is given back first.
fn arm(watcher: &mut Watcher, new: &Dir) -> std::result::Result<(), WatchFault> {
    for folder in new.path().ancestors().take(3) {
        watcher.forget(folder);
        watcher.add(folder)?;
    }
    Ok(())
}

impl Office {
    /// Blocks until the actor has unread mail, and tells how many; `None`
    /// when `timeout` passed first. Events wake it where the file system has
    /// them; elsewhere it looks at the polling interval of the settings.
    ///
    /// # Errors
    /// When the mailbox cannot be read.
    pub fn wait(&self, timeout: Option<Duration>) -> Result<Option<usize>> {
        let (tell, hints) = mpsc::channel();
        let new = self.mailbox()?.inbox("new")?;
        let mut armed = identity(&new)?;
        let mut watcher = has_events(new.path()).and_then(|()| {
            let mut watcher = Watcher::new(move |hint: Hint| {
                let _ = tell.send(hint);
            })?;
            arm(&mut watcher, &new)?;
            Ok(watcher)
        });
        let poll = match &watcher {
            Ok(_) => self.settings().watch.rescan,
            Err(e) => {
                tracing::warn!(reason = %e, "no events here: looking now and then");
                self.settings().watch.poll
            }
        };
        let end = timeout.map(|t| Instant::now() + t);
        loop {
            // Opened anew each time: the folders may have been replaced, and the old ones tell nothing any more.
            let mailbox = self.mailbox()?;
            let new = mailbox.inbox("new")?;
            let now = identity(&new)?;
            if now != armed
                && let Ok(watcher) = &mut watcher
            {
                // Before the count: what comes from here on is either counted or hinted at.
                match arm(watcher, &new) {
                    Ok(()) => armed = now,
                    Err(e) => tracing::debug!(reason = %e, "the folder is watched at the next look"),
                }
            }
            let unread = mailbox.count_unread()?;
            if unread > 0 {
                return Ok(Some(unread));
            }
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(None);
            }
            let pause = left.map_or(poll, |left| left.min(poll));
            if watcher.is_ok() {
                let _ = hints.recv_timeout(pause);
            } else {
                std::thread::sleep(pause);
            }
        }
    }
}
