//! What an exchange will do, exactly: a value that prints and serialises.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::mailbox::Step;
use crate::model::AgentName;

/// Which part of a tree comes back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// Only this mailbox.
    pub agent: Option<AgentName>,
    /// Only what has this path, from the root, or lies below it.
    pub path: Option<String>,
    /// Only the message whose id this is, or begins or ends with it.
    pub message: Option<String>,
}

/// Where the tree that comes back was taken from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The restored tree.
    pub tree: PathBuf,
    /// The snapshot it is of, where that is known.
    pub snapshot: Option<String>,
    /// The exchange that is undone, if one is.
    pub undoes: Option<String>,
    /// Whether the tree was made for this alone: then its files are moved, not
    /// copied.
    #[serde(default)]
    pub spent: bool,
}

/// What becomes of one mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailboxPlan {
    /// Whose.
    pub agent: AgentName,
    /// In this order.
    pub steps: Vec<Step>,
    /// Messages that are there as they were.
    pub unchanged: usize,
    /// Messages that the restored tree does not have, by their paths; they stay.
    pub kept: Vec<String>,
    /// Messages under a live lease, by their paths; they stay with their holder.
    pub leased: Vec<String>,
    /// Files that waited in the outbox and may have been sent since; they do
    /// not come back unless their path is named.
    pub drafts: Vec<String>,
}

/// What becomes of configuration, hooks and spool, by paths from the root.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilePlan {
    /// In this order.
    pub steps: Vec<Step>,
    /// Files that are there as they were.
    pub unchanged: usize,
    /// Files that the restored tree does not have; they stay.
    pub kept: Vec<String>,
}

/// What becomes of the record of what happened.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "journal", rename_all = "snake_case")]
pub enum JournalPlan {
    /// It is not a part of what was asked for.
    #[default]
    Untouched,
    /// The live one goes on.
    Kept {
        /// Why, a sentence.
        why: String,
    },
    /// The restored one comes back, the live one goes aside, and what only the
    /// live one tells is added.
    BroughtBack {
        /// Why, a sentence.
        why: String,
    },
}

/// What an exchange will do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// From where.
    pub source: Source,
    /// Which part.
    pub selection: Selection,
    /// Whether mail that the restored tree does not have stays.
    pub keep_newer: bool,
    /// Every mailbox that was looked at.
    pub mailboxes: Vec<MailboxPlan>,
    /// Configuration, hooks and spool.
    pub files: FilePlan,
    /// The record of what happened.
    pub journal: JournalPlan,
}

impl MailboxPlan {
    /// One in which there is nothing to do.
    #[must_use]
    pub(super) const fn new(agent: AgentName) -> Self {
        Self { agent, steps: Vec::new(), unchanged: 0, kept: Vec::new(), leased: Vec::new(), drafts: Vec::new() }
    }

    /// Messages and files that are gone and come back.
    #[must_use]
    pub fn back(&self) -> usize {
        self.steps.iter().filter(|s| s.bring.is_some() && s.out.is_empty()).count()
    }

    /// Messages and files that are there otherwise: in another folder, with
    /// other flags, or with other bytes.
    #[must_use]
    pub fn changed(&self) -> usize {
        self.steps.iter().filter(|s| s.bring.is_some() && !s.out.is_empty()).count()
    }

    /// Messages and files that only go aside.
    #[must_use]
    pub fn aside(&self) -> usize {
        self.steps.iter().filter(|s| s.bring.is_none()).count()
    }
}

impl Plan {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.mailboxes.iter().all(|m| m.steps.is_empty())
            && self.files.steps.is_empty()
            && !matches!(self.journal, JournalPlan::BroughtBack { .. })
    }
}
