//! Who may send what to whom: the one place where it is decided.
//!
//! For every surface and for outbox files alike: may this role send, to
//! everyone, at this priority, at this depth of a chain; and what a person's
//! `before-deliver` hook says. What is lowered is told to the sender.

use jiff::Timestamp;

use crate::model::{Address, AgentName, Draft, Header, Kind, MessageId, RolePolicy};
use crate::post::Letter;

use super::{ErrorKind, Office, OfficeError, Result};

impl Office {
    /// Decides whether `from` may send this, and to whom it goes. The one
    /// place where a sender's permission is checked.
    pub(super) fn admit(
        &self,
        mut draft: Draft,
        from: AgentName,
        key: Option<String>,
        id: Option<MessageId>,
    ) -> Result<(Letter, Vec<String>)> {
        let role = self.role_of(&from);
        let policy = self.roster().policy(&role);
        let header = &mut draft.header;
        let refuse = |why: String| {
            Err(OfficeError::new(ErrorKind::Refused, why).hint("cellphone roles show ".to_owned() + role.as_str()))
        };
        let is_receipt = header.kind == Some(Kind::Receipt);
        if !policy.send && !is_receipt {
            return refuse(format!("{from} is {role}, who may not send"));
        }
        let everyone = header.to.iter().chain(&header.cc).any(|a| *a == Address::All);
        if everyone && !policy.broadcast {
            return refuse(format!("{from} is {role}, who may not write to @all"));
        }
        // A receipt ends a chain: nothing answers it.
        if header.hops > self.settings().limits.hops && !is_receipt {
            return Err(OfficeError::new(
                ErrorKind::Refused,
                format!(
                    "{} replies and forwards in a row look like a loop; the limit is {}",
                    header.hops,
                    self.settings().limits.hops
                ),
            )
            .hint("begin a new thread: cellphone send"));
        }
        if header.expires.is_some_and(|at| at <= Timestamp::now()) {
            return Err(OfficeError::new(ErrorKind::Usage, "`expires` is in the past"));
        }
        let notices = lower_priority(header, &policy, &from, role.as_str());
        let recipients = self.recipients(header, &from)?;
        if header.kind.is_none() {
            let only = match recipients.as_slice() {
                [one] => Some(self.role_of(one)),
                _ => None,
            };
            header.kind = Some(Kind::derive(Some(&role), only.as_ref(), everyone));
        }
        self.ask_guard(&from, &recipients, header)?;
        Ok((Letter { draft, from, recipients, key, id }, notices))
    }

    pub(super) fn recipients(&self, header: &Header, from: &AgentName) -> Result<Vec<AgentName>> {
        if header.to.is_empty() && header.cc.is_empty() {
            return Err(OfficeError::new(ErrorKind::Usage, "no recipient is given").hint("add `to: Agent-2`"));
        }
        let addresses: Vec<Address> = header.to.iter().chain(&header.cc).cloned().collect();
        let load = |name: &AgentName| {
            self.tree
                .mailbox(name)
                .and_then(|m| m.scan(crate::mailbox::Which::Inbox, None))
                .map_or(usize::MAX, |l| l.len())
        };
        Ok(crate::post::route::resolve(&addresses, from, &self.mates(), load)?)
    }
}

fn lower_priority(header: &mut Header, policy: &RolePolicy, from: &AgentName, role: &str) -> Vec<String> {
    if header.priority <= policy.max_priority {
        return Vec::new();
    }
    let notice =
        format!("the priority was lowered from {} to {}: {from} is {role}", header.priority, policy.max_priority);
    header.priority = policy.max_priority;
    vec![notice]
}
