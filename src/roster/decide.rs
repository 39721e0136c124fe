//! Whether somebody may do something: the one place where roles, policies and
//! block lists become an answer. Pure, and every answer names the rule.

use std::fmt;

use serde::{Serialize, Serializer};

use super::Roster;
use crate::config::AGENTS;
use crate::model::{Action, AgentName, Party, Permission, Role, Rule};

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// Who asked.
    pub actor: AgentName,
    /// The role it was judged by.
    pub role: Role,
    /// What it wants, in words that follow "may".
    pub action: String,
    /// Whose mailbox, entry or window it is about, when it is about one.
    pub about: Option<AgentName>,
    /// Whether it may.
    pub allowed: bool,
    /// What the answer follows from.
    pub rule: Why,
}

/// What an answer follows from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// A rule of the role.
    Role(Rule),
    /// The recipient's block list.
    Blocked {
        /// The recipient.
        by: AgentName,
        /// The entry that means the sender.
        entry: Party,
    },
    /// It is about the actor itself.
    Own,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Role(rule) => rule.fmt(f),
            Self::Blocked { by, entry } => write!(f, "{by} blocks {entry}, {AGENTS}, as approved"),
            Self::Own => f.write_str("it is its own, and needs no permission"),
        }
    }
}

impl Serialize for Why {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Role(rule) => rule.serialize(to),
            other => to.collect_str(other),
        }
    }
}

impl Decision {
    /// Why not, in a sentence.
    #[must_use]
    pub fn refusal(&self) -> String {
        let Self { actor, role, action, rule, .. } = self;
        match rule {
            Why::Blocked { by, entry } => format!("{by} takes no mail from {actor}: it blocks {entry}"),
            why => format!("{actor} is {role}, who may not {action} ({why})"),
        }
    }
}

impl Roster {
    /// Decides, and says by which rule.
    #[must_use]
    pub fn decide(&self, actor: &AgentName, action: &Action<'_>) -> Decision {
        self.decide_as(actor, self.role_of(actor), action)
    }

    /// The same as if the actor had this role: what it may with a token that is bounded by it.
    #[must_use]
    pub fn decide_as(&self, actor: &AgentName, role: Role, action: &Action<'_>) -> Decision {
        let mut said = action.to_string();
        let (allowed, rule) = match *action {
            Action::Use(permission) => self.permits(&role, permission),
            Action::On(_, whose) if actor.same(whose.as_str()) => (true, Why::Own),
            Action::On(permission, _) => self.permits(&role, permission),
            Action::Send { to, kind } => {
                let policy = self.policy(&role);
                let ((parties, by_send), (kinds, by_kinds)) = (policy.send(), policy.kinds());
                let target = self.role_of(to);
                let blocks = |party: &&Party| party.includes(actor, &role);
                let blocked = self.get(to.as_str()).and_then(|mate| mate.block.iter().find(blocks));
                if parties.is_empty() {
                    "send".clone_into(&mut said);
                    (false, Why::Role(by_send))
                } else if !parties.iter().any(|party| party.includes(to, &target)) {
                    (false, Why::Role(by_send))
                } else if !kinds.contains(&kind) {
                    said = format!("send mail of kind {kind}");
                    (false, Why::Role(by_kinds))
                } else if let Some(entry) = blocked {
                    (false, Why::Blocked { by: to.clone(), entry: entry.clone() })
                } else {
                    (true, Why::Role(by_send))
                }
            }
        };
        let about = match *action {
            Action::Use(_) => None,
            Action::On(_, whose) | Action::Send { to: whose, .. } => Some(whose.clone()),
        };
        Decision { actor: actor.clone(), role, action: said, about, allowed, rule }
    }

    fn permits(&self, role: &Role, permission: Permission) -> (bool, Why) {
        let (yes, rule) = self.policy(role).may(permission);
        (yes, Why::Role(rule))
    }
}
