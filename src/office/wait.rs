//! Blocking until mail comes.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::fsio::watch::{Hint, Watcher, has_events};

use super::{Office, Result};

impl Office {
    /// Blocks until the actor has unread mail, and tells how many; `None`
    /// when `timeout` passed first. Events wake it where the file system has
    /// them; elsewhere it looks at the polling interval of the settings.
    ///
    /// # Errors
    /// When the mailbox cannot be read.
    pub fn wait(&self, timeout: Option<Duration>) -> Result<Option<usize>> {
        let mailbox = self.mailbox()?;
        let (tell, hints) = mpsc::channel();
        let new = mailbox.inbox("new")?.path().to_owned();
        let watcher = has_events(&new).and_then(|()| {
            let mut watcher = Watcher::new(move |hint: Hint| {
                let _ = tell.send(hint);
            })?;
            watcher.add(&new)?;
            // The folder itself may be replaced; that shows in the folder above.
            if let Some(above) = new.parent() {
                watcher.add(above)?;
            }
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
