//! Where things are, and handles on them.

use std::sync::Arc;

use crate::fsio::{Dir, FileKind, Lock};
use crate::model::AgentName;
use crate::model::front_matter::Limits;

use super::names::Names;
use super::{MailboxError, Result};

/// The folders of live mail, which carry a `.gitignore` holding `*`.
const IGNORED: [&str; 3] = ["inbox", "outbox", "dead"];

/// Every folder of a mailbox.
pub const FOLDERS: [&str; 8] =
    ["inbox/tmp", "inbox/new", "inbox/cur", "inbox/claimed", "outbox", "sent", "archive", "dead"];

/// The folder of all mailboxes.
const WORKSPACES: &str = "agent_workspaces";

/// All mailboxes of a root, and where their locks are.
#[derive(Debug, Clone)]
pub struct Tree {
    pub(super) root: Dir,
    pub(super) locks: Dir,
    /// Sizes above which a message is refused.
    pub limits: Limits,
    /// Messages a mailbox may hold unread, claimed and read, not archived.
    pub depth: u64,
    /// What is kept of folders that did not change.
    pub(super) names: Option<Arc<Names>>,
}

/// Where a message of a mailbox is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// `inbox/new`: delivered, unseen.
    New,
    /// `inbox/claimed`: under a lease.
    Claimed,
    /// `inbox/cur`: seen.
    Cur,
    /// `archive/DAY`: done with.
    Archive,
    /// `sent/DAY`: left from here.
    Sent,
    /// `dead`: not deliverable or not readable.
    Dead,
}

impl Place {
    /// The word for it in JSON and tables.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Claimed => "claimed",
            Self::Cur => "cur",
            Self::Archive => "archive",
            Self::Sent => "sent",
            Self::Dead => "dead",
        }
    }
}

/// One agent's mailbox.
#[derive(Debug, Clone)]
pub struct Mailbox {
    pub(super) agent: AgentName,
    pub(super) home: Dir,
    pub(super) tree: Tree,
}

impl Tree {
    /// Opens the tree of the root `dir`, whose machine-local state is `state`.
    ///
    /// # Errors
    /// When the lock folder cannot be made.
    pub fn open(dir: &Dir, state: &Dir, limits: Limits, depth: u64) -> Result<Self> {
        Ok(Self { root: dir.clone(), locks: state.child_or_create("locks")?, limits, depth, names: None })
    }

    /// Keeps the names in folders from one look to the next, with those that
    /// `before` kept. For who looks all the time: it costs some 100 bytes a
    /// message, of 200,000 at most.
    pub fn keep_names(&mut self, before: Option<&Self>) {
        self.names = Some(before.and_then(|before| before.names.clone()).unwrap_or_default());
    }

    /// The folder of all mailboxes, made anew where somebody removed it.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn workspaces(&self) -> Result<Dir> {
        Ok(self.root.child_or_create_durable(WORKSPACES)?)
    }

    /// One mailbox. Nothing is made but its own folder.
    ///
    /// # Errors
    /// When its folder is a link or cannot be made.
    pub fn mailbox(&self, agent: &AgentName) -> Result<Mailbox> {
        let home = match self.root.below(&format!("{WORKSPACES}/{agent}")) {
            Err(e) if e.is_not_found() => self.workspaces()?.child_or_create_durable(agent.as_str())?,
            other => other?,
        };
        Ok(Mailbox { agent: agent.clone(), home, tree: self.clone() })
    }

    /// The folders that a mailbox misses; `None` when it has no folder at all,
    /// or no mailbox has. Makes nothing.
    ///
    /// # Errors
    /// When it cannot be looked at.
    pub fn missing(&self, agent: &AgentName) -> Result<Option<Vec<&'static str>>> {
        let home = match self.root.below(&format!("{WORKSPACES}/{agent}")) {
            Err(e) if e.is_not_found() => return Ok(None),
            other => other?,
        };
        let mut missing = Vec::new();
        for path in FOLDERS {
            match home.below(path) {
                Err(e) if e.is_not_found() => missing.push(path),
                other => drop(other?),
            }
        }
        Ok(Some(missing))
    }

    /// Whether the folder of all mailboxes is there. Makes nothing.
    #[must_use]
    pub fn has_workspaces(&self) -> bool {
        self.root.child(WORKSPACES).is_ok()
    }

    /// The agents that have a folder, sorted; folders that are no names are
    /// left out.
    ///
    /// # Errors
    /// When the workspaces cannot be listed.
    pub fn agents(&self) -> Result<Vec<AgentName>> {
        let workspaces = self.workspaces()?;
        let mut agents = Vec::new();
        for name in workspaces.names()? {
            let is_dir = workspaces.stat(&name)?.is_some_and(|s| s.kind == FileKind::Dir);
            if let (true, Ok(agent)) = (is_dir, AgentName::new(name)) {
                agents.push(agent);
            }
        }
        agents.sort();
        Ok(agents)
    }
}

impl Mailbox {
    /// Whose it is.
    #[must_use]
    pub const fn agent(&self) -> &AgentName {
        &self.agent
    }

    /// Its folder, `agent_workspaces/<Agent>`.
    #[must_use]
    pub const fn home(&self) -> &Dir {
        &self.home
    }

    /// The folder of a place; `day` names the day folder where there is one.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn place(&self, place: Place, day: &str) -> Result<Dir> {
        Ok(match place {
            Place::New => self.inbox("new")?,
            Place::Claimed => self.inbox("claimed")?,
            Place::Cur => self.inbox("cur")?,
            Place::Archive => self.day_folder("archive", day)?,
            Place::Sent => self.day_folder("sent", day)?,
            Place::Dead => self.ignored("dead")?,
        })
    }

    /// The folder of a place of live mail, `None` when it is missing: who only
    /// looks makes none, or nobody would notice that it was removed.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(super) fn look(&self, place: Place) -> Result<Option<Dir>> {
        let path = match place {
            Place::New => "inbox/new",
            Place::Claimed => "inbox/claimed",
            Place::Cur => "inbox/cur",
            Place::Archive | Place::Sent | Place::Dead => place.word(),
        };
        match self.home.below(path) {
            Err(e) if e.is_not_found() => Ok(None),
            other => Ok(Some(other?)),
        }
    }

    fn day_folder(&self, top: &str, day: &str) -> Result<Dir> {
        match self.home.below(&format!("{top}/{day}")) {
            Err(e) if e.is_not_found() => Ok(self.home.child_or_create(top)?.child_or_create(day)?),
            other => Ok(other?),
        }
    }

    /// `inbox/NAME`, made anew where it is missing.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn inbox(&self, name: &str) -> Result<Dir> {
        match self.home.below(&format!("inbox/{name}")) {
            Ok(dir) => Ok(dir),
            Err(e) if e.is_not_found() => Ok(self.ignored("inbox")?.child_or_create_durable(name)?),
            Err(e) => Err(e.into()),
        }
    }

    /// `outbox/`, made anew where it is missing.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn outbox(&self) -> Result<Dir> {
        self.ignored("outbox")
    }

    /// A folder of live mail with the `.gitignore` that keeps git's hands off.
    fn ignored(&self, name: &str) -> Result<Dir> {
        let dir = self.home.child_or_create_durable(name)?;
        if dir.stat(".gitignore")?.is_none() {
            match dir.create(".gitignore", b"*\n", false) {
                Err(e) if !e.exists() => return Err(e.into()),
                _ => {}
            }
        }
        Ok(dir)
    }

    /// Makes whatever folder is missing; gives the paths that were.
    ///
    /// # Errors
    /// When one cannot be made.
    pub fn complete_layout(&self) -> Result<Vec<String>> {
        let mut made = Vec::new();
        for path in FOLDERS {
            let (top, sub) = path.split_once('/').map_or((path, None), |(t, s)| (t, Some(s)));
            let had_top = self.home.stat(top)?.is_some();
            let dir = if IGNORED.contains(&top) { self.ignored(top)? } else { self.home.child_or_create(top)? };
            let had = match sub {
                None => had_top,
                Some(sub) => {
                    let had = dir.stat(sub)?.is_some();
                    dir.child_or_create_durable(sub)?;
                    had
                }
            };
            if !had {
                made.push(self.home.path().join(path).display().to_string());
            }
        }
        Ok(made)
    }

    pub(super) fn lock_exclusive(&self) -> Result<Lock> {
        Ok(Lock::exclusive(&self.tree.locks, &self.lock_name("mailbox"))?)
    }

    /// Keeps our own moves within this mailbox away until the lock is dropped,
    /// for whoever lists its folders. A delivery and a plain `mv` take no lock.
    ///
    /// # Errors
    /// When the lock file cannot be opened.
    pub fn hold_still(&self) -> Result<Option<Lock>> {
        self.lock_shared()
    }

    /// The lock for a scan. On a disk that is full or read-only the lock file
    /// may not come into being; reading goes on without it, and the second
    /// look at folders that changed has to do.
    pub(super) fn lock_shared(&self) -> Result<Option<Lock>> {
        match Lock::shared(&self.tree.locks, &self.lock_name("mailbox")) {
            Ok(lock) => Ok(Some(lock)),
            Err(e) if e.is_full() || e.kind() == std::io::ErrorKind::ReadOnlyFilesystem => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// The name of one of the mailbox's lock files.
    pub(super) fn lock_name(&self, what: &str) -> String {
        format!("{what}-{}", self.agent.as_str().to_ascii_lowercase())
    }

    pub(super) fn not_found(&self, id: impl ToString) -> MailboxError {
        MailboxError::NotFound(id.to_string(), self.agent.clone())
    }
}
