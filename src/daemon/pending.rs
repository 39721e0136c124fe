//! What has to be looked at, collected from hints of every sort.
//!
//! Hints only add to a set; whoever empties it scans, so a thousand hints for
//! one mailbox are one scan and none is lost: what comes while a scan runs is
//! in the next set.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use crate::model::AgentName;

/// The folders in a mailbox.
const FOLDERS: [&str; 5] = ["inbox", "outbox", "sent", "archive", "dead"];

/// What a path means to the daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The unread mail of an agent.
    Mail(AgentName),
    /// What an agent dropped to be sent; a folder may be among it.
    Outbox {
        /// Whose outbox.
        agent: AgentName,
        /// Whether what changed may be a folder, which is then to be watched.
        folder: bool,
    },
    /// A folder of a mailbox, or a whole mailbox, came, went or was replaced.
    Layout,
    /// The configuration or its approved copies.
    Config,
    /// The journal.
    Journal,
}

/// Tells what a path means. Holds the folders that are watched.
#[derive(Debug, Clone)]
pub struct Places {
    /// The root.
    pub root: PathBuf,
    /// Where approved copies are.
    pub outside: PathBuf,
}

impl Places {
    /// The folder of all mailboxes.
    #[must_use]
    pub fn workspaces(&self) -> PathBuf {
        self.root.join("agent_workspaces")
    }

    /// The folder of the journal.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.root.join(".cellphone").join("journal")
    }

    /// What a change of `path` means; `None` when it means nothing here.
    #[must_use]
    pub fn target(&self, path: &Path) -> Option<Target> {
        if path.starts_with(&self.outside) {
            return Some(Target::Config);
        }
        let inside = path.strip_prefix(&self.root).ok()?;
        let parts: Vec<&str> = inside
            .components()
            .map(|part| match part {
                Component::Normal(name) => name.to_str(),
                _ => None,
            })
            .collect::<Option<_>>()?;
        let agent = |name: &str| AgentName::new(name).ok();
        match parts.as_slice() {
            ["config", ..] => Some(Target::Config),
            [".cellphone", "journal", ..] => Some(Target::Journal),
            ["agent_workspaces"] => Some(Target::Layout),
            ["agent_workspaces", name] => agent(name).map(|_| Target::Layout),
            ["agent_workspaces", name, folder] if FOLDERS.contains(folder) => agent(name).map(|_| Target::Layout),
            ["agent_workspaces", name, "inbox", "tmp" | "new" | "cur" | "claimed"] => {
                agent(name).map(|_| Target::Layout)
            }
            ["agent_workspaces", name, "inbox", "new", _] => agent(name).map(Target::Mail),
            ["agent_workspaces", name, "outbox", rest @ ..] => {
                // The name of an agent has no dot: without one it may be a folder `outbox/Agent-2`.
                let folder = matches!(rest, [only] if !only.contains('.'));
                agent(name).map(|agent| Target::Outbox { agent, folder })
            }
            _ => None,
        }
    }
}

/// What is to be scanned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// Everything: hints were lost.
    pub everything: bool,
    /// Mailboxes whose unread mail changed.
    pub mail: BTreeSet<AgentName>,
    /// Outboxes to be picked up.
    pub outboxes: BTreeSet<AgentName>,
    /// When the first of it was hinted at.
    pub since: Option<Instant>,
}

impl Batch {
    /// Nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.everything && self.mail.is_empty() && self.outboxes.is_empty()
    }
}

/// The sets, and who waits for them.
#[derive(Debug, Default)]
pub struct Pending {
    batch: Mutex<Batch>,
    scan: Notify,
    /// Wakes whoever arms the watcher.
    pub layout: Notify,
    /// Wakes whoever reads the configuration.
    pub config: Notify,
    /// Wakes whoever follows the journal; there may be several.
    pub journal: Notify,
}

impl Pending {
    /// Adds what a hint means.
    pub fn add(&self, target: Target) {
        match target {
            Target::Mail(agent) => self.change(|batch| {
                batch.mail.insert(agent);
            }),
            Target::Outbox { agent, folder } => {
                self.change(|batch| {
                    batch.outboxes.insert(agent);
                });
                if folder {
                    self.layout.notify_one();
                }
            }
            Target::Layout => self.layout.notify_one(),
            Target::Config => self.config.notify_one(),
            Target::Journal => self.journal.notify_waiters(),
        }
    }

    /// Has everything looked at again.
    pub fn add_everything(&self) {
        self.add_everything_but_config();
        self.config.notify_one();
    }

    /// As [`add_everything`](Self::add_everything), for who has just read the
    /// configuration.
    pub fn add_everything_but_config(&self) {
        self.change(|batch| batch.everything = true);
        self.layout.notify_one();
        self.journal.notify_waiters();
    }

    /// How many mailboxes and outboxes wait.
    #[must_use]
    pub fn lengths(&self) -> (usize, usize) {
        let batch = self.batch.lock().unwrap_or_else(PoisonError::into_inner);
        (batch.mail.len(), batch.outboxes.len())
    }

    /// Waits until there is something, and takes it all.
    pub async fn take(&self) -> Batch {
        loop {
            let batch = std::mem::take(&mut *self.batch.lock().unwrap_or_else(PoisonError::into_inner));
            if !batch.is_empty() {
                return batch;
            }
            self.scan.notified().await;
        }
    }

    fn change(&self, change: impl FnOnce(&mut Batch)) {
        {
            let mut batch = self.batch.lock().unwrap_or_else(PoisonError::into_inner);
            change(&mut batch);
            batch.since.get_or_insert_with(Instant::now);
        }
        self.scan.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> AgentName {
        AgentName::new(text).unwrap()
    }

    #[test]
    fn a_path_says_what_to_look_at_and_foreign_paths_say_nothing() {
        let places = Places { root: "/r".into(), outside: "/home/x/state/id".into() };
        let target = |path: &str| places.target(Path::new(path));
        let outbox = |folder| Some(Target::Outbox { agent: name("Agent-1"), folder });
        assert_eq!(target("/r/agent_workspaces/Agent-1/inbox/new/x.md"), Some(Target::Mail(name("Agent-1"))));
        assert_eq!(target("/r/agent_workspaces/Agent-1/inbox/new"), Some(Target::Layout));
        assert_eq!(target("/r/agent_workspaces/Agent-1/outbox/x.md"), outbox(false));
        assert_eq!(target("/r/agent_workspaces/Agent-1/outbox/Agent-2"), outbox(true));
        assert_eq!(target("/r/agent_workspaces/Agent-1/outbox/Agent-2/note.md"), outbox(false));
        assert_eq!(target("/r/agent_workspaces/Agent-9"), Some(Target::Layout));
        assert_eq!(target("/r/config/agents.yaml"), Some(Target::Config));
        assert_eq!(target("/home/x/state/id/approved/a"), Some(Target::Config));
        assert_eq!(target("/r/.cellphone/journal/1.jsonl"), Some(Target::Journal));
        for nothing in [
            "/r/agent_workspaces/Agent-1/status.yaml",
            "/r/agent_workspaces/Agent-1/inbox/tmp/x",
            "/r/agent_workspaces/.hidden",
            "/r/.cellphone/locks/a",
            "/elsewhere/agent_workspaces/Agent-1/inbox/new/x.md",
        ] {
            assert_eq!(target(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn many_hints_are_one_batch_and_what_comes_later_is_in_the_next() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let pending = Pending::default();
            for _ in 0..1_000 {
                pending.add(Target::Mail(name("Agent-1")));
            }
            pending.add(Target::Outbox { agent: name("Agent-2"), folder: false });
            assert_eq!(pending.lengths(), (1, 1));
            let batch = pending.take().await;
            assert_eq!((batch.mail.len(), batch.outboxes.len(), batch.everything), (1, 1, false));
            assert!(batch.since.is_some());
            let none = tokio::time::timeout(std::time::Duration::from_millis(20), pending.take()).await;
            assert!(none.is_err());
            pending.add_everything();
            assert!(pending.take().await.everything);
        });
    }
}
