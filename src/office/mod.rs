//! The use cases that every surface calls, a file per subject.
//!
//! One door for each: the command line, the daemon and whatever comes later
//! call the same functions, and permission is checked inside them. Ties
//! mailbox, post, roster, journal and settings of one root together for one
//! actor; holds no state of its own.

mod admission;
pub mod agent_hook;
pub mod approval;
mod brief;
mod claims;
pub mod control;
pub mod coords;
pub mod coords_check;
mod coords_picture;
mod coords_target;
mod dead;
pub mod desk;
pub mod doctor;
pub mod drill_live;
pub mod drill_reports;
pub mod drills;
mod error;
mod events;
mod glance;
mod hooks;
pub mod hosting;
pub mod integrate;
pub mod joining;
pub mod keys;
mod leaks;
mod mail_page;
mod mail_read;
mod mail_send;
pub mod onboarding;
mod outbox;
mod oversight;
pub mod policy;
mod profiles;
mod proof;
mod receipts;
pub mod running;
mod sealing;
mod search;
pub mod setup;
pub mod snapshots;
pub mod status;
mod tend;
pub mod tokens;
mod trail;
mod wait;
pub mod wake;
pub mod watch;

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

pub use claims::Claimed;
pub use dead::DeadListed;
pub use error::{ErrorKind, OfficeError, Result};
pub use events::Subscription;
pub use glance::Glance;
pub use mail_page::{MailPage, Shelf};
pub use mail_read::{InboxQuery, Listed, Opened};
pub use mail_send::{SendRequest, Sent};
pub use sealing::{Seal, Unsealed};
pub use search::{Hit, SearchQuery};
pub use tend::{RetentionDone, RetentionPlan, TendReport, Unread};

pub use crate::journal::{Filter, Record, Records};
pub use crate::mailbox::Which;

use crate::config::{ConfigError, ConfigFault, Override, Root, Settings};
use crate::identity;
use crate::journal::{Journal, JournalError};
use crate::mailbox::{Mailbox, Tree};
use crate::model::front_matter::Limits;
use crate::model::{AgentName, Event, Role};
use crate::post::Post;
use crate::post::route::Mate;
use crate::roster::Roster;

/// A root, opened for one actor.
#[derive(Debug, Clone)]
pub struct Office {
    root: Root,
    roster: Roster,
    settings: Settings,
    journal: Journal,
    tree: Tree,
    post: Post,
    actor: Option<AgentName>,
    /// The role that bounds what the actor may, beside its own.
    bound: Option<Role>,
    faults: Vec<ConfigFault>,
    /// What the command line set.
    said: Vec<Override>,
    known: Arc<brief::Known>,
    keys: Arc<identity::Known>,
    memory: Arc<tend::Memory>,
    rung: Arc<glance::Rung>,
}

impl From<ConfigError> for OfficeError {
    fn from(e: ConfigError) -> Self {
        Self::new(ErrorKind::Failed, e.to_string())
    }
}

impl From<JournalError> for OfficeError {
    fn from(e: JournalError) -> Self {
        Self::new(ErrorKind::Failed, e.to_string()).hint("cellphone doctor")
    }
}

impl Office {
    /// Opens the root (a flag, `CELLPHONE_ROOT`, upwards from here, or the
    /// default one) for an actor (a flag, `CELLPHONE_AGENT`, or the person).
    ///
    /// # Errors
    /// No root, or an actor who is not on the roster. A broken configuration
    /// is none: what was last good holds, and [`faults`](Self::faults) says so.
    pub fn open(root: Option<&Path>, actor: Option<&str>) -> Result<Self> {
        Self::open_with(root, actor, &[])
    }

    /// The same with settings of the command line, which hold above all others.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(root: Option<&Path>, actor: Option<&str>, said: &[Override]) -> Result<Self> {
        Self::open_for_nobody(Root::find(root)?, said, None)?.acting_as(actor)
    }

    fn acting_as(mut self, actor: Option<&str>) -> Result<Self> {
        let from_environment = std::env::var("CELLPHONE_AGENT").ok().filter(|name| !name.is_empty());
        self.actor = match actor.map(str::to_owned).or(from_environment) {
            Some(name) => Some(on_roster(&self.roster, &name).map_err(|e| match self.faults.first() {
                // Perhaps the name stands in what cannot be read.
                Some(fault) => e.hint(fault.fix.clone()),
                None => e,
            })?),
            None => self.roster.default_actor().map(|agent| agent.name.clone()),
        };
        Ok(self)
    }

    /// Opens the root for the person, whoever was named to act: for what must
    /// work when the roster does not. `said` is as in
    /// [`open_with`](Self::open_with).
    ///
    /// # Errors
    /// No root.
    pub fn open_for_repair(root: Option<&Path>, said: &[Override]) -> Result<Self> {
        let mut office = Self::open_for_nobody(Root::find(root)?, said, None)?;
        office.actor = office.roster.default_actor().map(|agent| agent.name.clone());
        Ok(office)
    }

    /// Opens it anew for the daemon, from the files as they are now. What was
    /// set at run time came after the command line, and holds above it.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn anew(&self, runtime: &[Override]) -> Result<Self> {
        Self::open_for_nobody(Root::open(self.root.path())?, &self.said, Some(runtime))?.acting_as(None)
    }

    fn open_for_nobody(root: Root, said: &[Override], runtime: Option<&[Override]>) -> Result<Self> {
        let (overrides, unknown) = match runtime {
            Some(runtime) => ([said, runtime].concat(), None),
            None => {
                let (mut all, unknown) = running::asked(&root);
                all.extend_from_slice(said);
                (all, unknown)
            }
        };
        let (settings, mut faults) = crate::config::settings_in_force(&root, &overrides);
        faults.extend(unknown);
        let (roster, more) = Roster::in_force(&root);
        faults.extend(more);
        let l = &settings.limits;
        let tree = Tree::open(root.dir(), root.state(), Limits { header: l.header, body: l.body }, l.depth)?;
        let post = Post::new(&tree, root.state());
        let journal = Journal::open(root.state());
        Ok(Self {
            root,
            roster,
            settings,
            journal,
            tree,
            post,
            actor: None,
            bound: None,
            faults,
            said: said.to_vec(),
            known: Arc::default(),
            keys: Arc::default(),
            memory: Arc::default(),
            rung: Arc::default(),
        })
    }

    /// For a process that stays: what folders hold is kept in memory from look
    /// to look.
    #[must_use]
    pub fn staying(mut self) -> Self {
        self.tree.keep_names(None);
        self
    }

    /// Takes over what another office of the same root, one that stays,
    /// remembers of messages, so that a change of the configuration has none of
    /// them read again.
    #[must_use]
    pub fn remembering(mut self, before: &Self) -> Self {
        self.tree.keep_names(Some(&before.tree));
        self.rung = Arc::clone(&before.rung);
        self.known = Arc::clone(&before.known);
        self.memory = Arc::clone(&before.memory);
        self
    }

    /// Who acts; `system` when the root has no person and none was named.
    #[must_use]
    pub fn actor(&self) -> AgentName {
        self.actor.clone().unwrap_or_else(AgentName::system)
    }

    /// The root.
    #[must_use]
    pub const fn root(&self) -> &Root {
        &self.root
    }

    /// The roster.
    #[must_use]
    pub const fn roster(&self) -> &Roster {
        &self.roster
    }

    /// The settings.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What the command line set: for a process that is started to do a part.
    #[must_use]
    pub fn said(&self) -> &[Override] {
        &self.said
    }

    /// What of the configuration cannot be used, and what holds instead.
    #[must_use]
    pub fn faults(&self) -> &[ConfigFault] {
        &self.faults
    }

    /// Keeps what of the configuration is good, for when it no longer is. For
    /// what changes or watches it; reading and sending mail need not.
    pub fn keep_good(&self) {
        if let Err(e) = crate::config::keep_settings(&self.root).and_then(|()| Roster::keep_good(&self.root)) {
            tracing::warn!(error = %e, "the last good configuration was not kept");
        }
    }

    /// The journal.
    #[must_use]
    pub const fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Writes to the journal. A journal that cannot be written stops no mail;
    /// it is said in the log, and the daemon's scan adds what is missing.
    pub fn note(&self, events: &[Event]) {
        if let Err(e) = self.journal.append(events) {
            tracing::warn!(error = %e, "the journal was not written");
        }
    }

    /// Makes the folders of a mailbox.
    ///
    /// # Errors
    /// When one cannot be made.
    pub fn ensure_mailbox(&self, agent: &AgentName) -> Result<()> {
        self.tree.mailbox(agent)?.complete_layout()?;
        Ok(())
    }

    fn acting(&self) -> Result<&AgentName> {
        self.actor.as_ref().ok_or_else(|| {
            OfficeError::new(ErrorKind::Usage, "nobody acts: no --as, no CELLPHONE_AGENT, and no person on the roster")
                .hint("cellphone init (adds you), or cellphone --as Agent-1 …")
        })
    }

    /// The actor's own mailbox.
    fn mailbox(&self) -> Result<Mailbox> {
        Ok(self.tree.mailbox(self.acting()?)?)
    }

    fn mates(&self) -> Vec<Mate> {
        self.roster.agents().iter().map(|a| Mate { name: a.name.clone(), role: a.role.clone() }).collect()
    }

    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

fn on_roster(roster: &Roster, name: &str) -> Result<AgentName> {
    let checked = AgentName::new(name)?;
    match roster.get(checked.as_str()) {
        Some(agent) => Ok(agent.name.clone()),
        None => {
            let near = roster.nearest(name).map_or_else(String::new, |n| format!("; did you mean {n}?"));
            Err(OfficeError::new(ErrorKind::NotFound, format!("{name} is not on the roster{near}"))
                .hint(format!("cellphone agents list, or cellphone join {name}")))
        }
    }
}
