//! The worker that notices changes.
//!
//! Events wake scans at once; a look at every folder, now and then, finds what
//! events lost. Where there are no events to be had, because the user's
//! watches are used up or the file system has none, the same look is taken
//! every few moments, and `status` says why. After a folder was armed it is
//! scanned: what came before the watch was there told nobody.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::house::House;
use super::lookout::{Found, Lookout};
use super::supervisor::{Shutdown, WorkerResult};
use crate::fsio::watch::{Hint, WatchFault, Watcher, has_events};
use crate::office::status::WatchMode;

/// How long hints about folders are gathered before the tree is looked at: a
/// checkout makes hundreds at once.
const GATHER: Duration = Duration::from_millis(2);

/// How often it is tried to go back from polling to events.
const TRY_AGAIN: Duration = Duration::from_secs(300);

/// Runs until the shutdown.
///
/// # Errors
/// When the blocking part was lost; the supervisor starts anew.
pub(super) async fn run(house: Arc<House>, shutdown: Shutdown) -> WorkerResult {
    let mut eyes = Eyes::new(Arc::clone(&house));
    loop {
        // Off the runtime: a slow disk must not hold up the control socket.
        eyes = tokio::task::spawn_blocking(move || {
            eyes.look();
            eyes
        })
        .await
        .map_err(|e| format!("the look at the tree failed: {e}"))?;
        let pause = eyes.pause();
        tokio::select! {
            () = shutdown.requested() => return Ok(()),
            () = tokio::time::sleep(pause) => {}
            () = house.pending.layout.notified() => tokio::time::sleep(GATHER).await,
        }
    }
}

struct Eyes {
    house: Arc<House>,
    lookout: Lookout,
    watcher: Option<Watcher>,
    /// Folders that are armed.
    armed: usize,
    blind_since: Option<std::time::Instant>,
    started: bool,
}

impl Eyes {
    fn new(house: Arc<House>) -> Self {
        let lookout = Lookout::new(house.places.clone());
        Self { house, lookout, watcher: None, armed: 0, blind_since: None, started: false }
    }

    fn pause(&self) -> Duration {
        let settings = self.house.office().settings().watch.clone();
        if self.watcher.is_some() { settings.rescan } else { settings.poll }
    }

    fn look(&mut self) {
        let retry = self.blind_since.is_some_and(|since| since.elapsed() >= TRY_AGAIN);
        if !self.started || retry {
            self.open();
        }
        if !self.started {
            self.house.complete_layouts(&[]);
        }
        let mut found = self.lookout.look();
        // Folders that no watch is on are looked for at the pace of a rescan alone.
        let gone = [found.gone.clone(), std::mem::take(&mut found.replaced)].concat();
        if !gone.is_empty() || self.is_incomplete() {
            // A checkout or a person removed folders: that is said, back they come, and are armed at once.
            self.house.complete_layouts(&gone);
            let more = self.lookout.look();
            found.targets.extend(more.targets);
            found.arm.extend(more.arm);
        }
        self.arm(&found);
        // Only now: what is scanned from here on is under watch already.
        for target in found.targets {
            self.house.pending.add(target);
        }
        if !self.started {
            self.started = true;
            self.house.pending.add_everything();
        }
        let (mailboxes, folders) = (self.lookout.agents().len(), self.lookout.folders());
        self.house.note_watch(|status| {
            status.mailboxes = mailboxes;
            status.folders = folders;
        });
    }

    /// Whether a mailbox of the roster misses a folder.
    fn is_incomplete(&self) -> bool {
        self.house.office().misses_folders()
    }

    /// Starts a watcher where events can be had.
    fn open(&mut self) {
        let house = Arc::clone(&self.house);
        let tell = move |hint| match hint {
            Hint::Changed(path) => {
                if let Some(target) = house.places.target(&path) {
                    house.note_watch(|status| status.hints += 1);
                    house.pending.add(target);
                }
            }
            Hint::Everything(why) => {
                tracing::info!(%why, "events were lost; everything is scanned");
                house.note_watch(|status| status.overflows += 1);
                house.pending.add_everything();
            }
        };
        match has_events(&self.house.places.workspaces()).and_then(|()| Watcher::new(tell)) {
            Ok(watcher) => {
                self.watcher = Some(watcher);
                self.blind_since = None;
                self.armed = 0;
                // Every folder is new to this watcher.
                self.lookout = Lookout::new(self.house.places.clone());
                self.house.note_watch(|status| {
                    status.mode = WatchMode::Events;
                    status.warning = None;
                });
            }
            Err(fault) => self.go_blind(&fault),
        }
    }

    fn arm(&mut self, found: &Found) {
        let mut again: Vec<PathBuf> = Vec::new();
        let mut fault = None;
        if let Some(watcher) = self.watcher.as_mut() {
            for folder in &found.gone {
                watcher.forget(folder);
            }
            for folder in &found.arm {
                // The old watch may still be on the folder that was here before.
                watcher.forget(folder);
                match watcher.add(folder) {
                    Ok(()) => self.armed += 1,
                    Err(WatchFault::Missing(_)) => again.push(folder.clone()),
                    Err(WatchFault::Other(why)) => {
                        tracing::debug!(%why, "a folder is looked at only now and then");
                    }
                    Err(e) => {
                        fault = Some(e);
                        break;
                    }
                }
            }
        }
        for folder in again {
            self.lookout.forget(&folder);
        }
        if let Some(fault) = fault {
            self.go_blind(&fault);
        }
    }

    fn go_blind(&mut self, fault: &WatchFault) {
        let first = self.blind_since.is_none();
        self.watcher = None;
        self.blind_since = Some(std::time::Instant::now());
        let advice = match fault {
            WatchFault::Limit => "; raise fs.inotify.max_user_watches and max_user_instances (sysctl)",
            _ => "",
        };
        let warning = format!("no events, folders are polled: {fault}{advice}");
        self.house.note_watch(|status| {
            status.mode = WatchMode::Polling;
            status.warning = Some(warning.clone());
        });
        if first {
            self.house.warn(&warning);
        }
    }
}
