//! Reading another's mail, for roles that may: looking on marks nothing, and
//! snapshots are no way around the role.

use std::path::{Component, Path};

use super::{InboxQuery, Listed, Office, Opened, Result};
use crate::fsio::parallel;
use crate::mailbox::Mailbox;
use crate::model::{Action, AgentName, Permission};

impl Office {
    /// Lists the mail of another, newest last.
    ///
    /// # Errors
    /// The actor may not, nobody has this name, or the mailbox cannot be read.
    pub fn inbox_of(&self, whose: &AgentName, query: InboxQuery) -> Result<Vec<Listed>> {
        let mailbox = self.looking_into(whose)?;
        let found = mailbox.scan(query.which, query.limit)?;
        let examiner = self.examiner(&mailbox, &found)?;
        Ok(parallel::map(&found, |one| examiner.list(one)).into_iter().flatten().collect())
    }

    /// Opens a message of another; it stays as it is, and sealed when it was
    /// sealed to others.
    ///
    /// # Errors
    /// The actor may not, nobody has this name, or as [`read`](Self::read).
    pub fn read_of(&self, whose: &AgentName, id: &str) -> Result<Opened> {
        let mailbox = self.looking_into(whose)?;
        let found = mailbox.find(id)?;
        let message = mailbox.open(&found)?;
        self.opened(&mailbox, &found, message)
    }

    pub(super) fn looking_into(&self, whose: &AgentName) -> Result<Mailbox> {
        self.may(Action::On(Permission::ReadOthers, whose))?;
        Ok(self.tree.mailbox(&self.entry(whose)?.name)?)
    }

    /// Refuses a path of a snapshot below which another's mail lies.
    ///
    /// # Errors
    /// The actor may not.
    pub(super) fn may_read_path(&self, path: &Path) -> Result<()> {
        if path.components().any(|part| part == Component::ParentDir) {
            return self.may(Permission::ReadOthers);
        }
        let mut parts = path.components().filter(|part| matches!(part, Component::Normal(_)));
        let first = parts.next().map(Component::as_os_str);
        let owner = parts.next().and_then(|part| AgentName::new(part.as_os_str().to_str()?).ok());
        match (first.and_then(|part| part.to_str()), owner) {
            (Some("config" | "hooks"), _) => Ok(()),
            (Some("agent_workspaces"), Some(owner)) => self.may(Action::On(Permission::ReadOthers, &owner)),
            // Mail of several: the spool, the journal beside it, or all of the tree.
            _ => self.may(Permission::ReadOthers),
        }
    }
}
