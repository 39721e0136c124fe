//! Whether the actor may: the one function that every use case asks.
//!
//! Whatever the surface, a use case begins with [`Office::may`], and mail with
//! the same answers for each recipient. The answers themselves are made in
//! [`Roster::decide`](crate::roster::Roster::decide), which is pure; here they
//! become refusals, and explanations for `roles test`.

use crate::model::{Action, Address, AgentName, Header, Kind, Permission, Policy, Priority, Role, Rule};
use crate::post;

pub use crate::roster::{Decision, Why};

use super::{ErrorKind, Office, OfficeError, Result};

/// What would become of a message, as far as roles decide it.
#[derive(Debug, Clone)]
pub struct Explained {
    /// An answer for what it needs and for each recipient.
    pub decisions: Vec<Decision>,
    /// The kind it would have.
    pub kind: Kind,
    /// The priority it would have, and the rule that bounds it.
    pub priority: (Priority, Rule),
    /// How often the actor may send, where that is bounded.
    pub rate: Rule,
}

impl Explained {
    /// Whether it would be accepted.
    #[must_use]
    pub fn allowed(&self) -> bool {
        self.decisions.iter().all(|d| d.allowed)
    }
}

/// A message, as far as roles look at it.
pub(super) struct Mail<'a> {
    pub(super) from: &'a AgentName,
    pub(super) recipients: &'a [AgentName],
    /// Whether it is addressed to `@all`.
    pub(super) everyone: bool,
    pub(super) kind: Kind,
}

impl Office {
    /// Refuses what the actor's role does not allow, naming the rule. Nobody
    /// was named and the roster has no person: that is the person at the
    /// keyboard, who may everything.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`].
    pub fn may<'a>(&self, action: impl Into<Action<'a>>) -> Result<()> {
        refuse(&[self.decide(action)])
    }

    /// The same as an answer.
    #[must_use]
    pub fn decide<'a>(&self, action: impl Into<Action<'a>>) -> Decision {
        self.decided(&self.actor(), &action.into())
    }

    /// The answer for somebody, within what a token allows.
    fn decided(&self, who: &AgentName, action: &Action<'_>) -> Decision {
        let answer = self.roster().decide(who, action);
        match &self.bound {
            // What is the own is what a token is for.
            Some(role) if answer.allowed && answer.rule != Why::Own => {
                self.roster().decide_as(who, role.clone(), action)
            }
            _ => answer,
        }
    }

    /// The roles that bound what somebody may: its own, and that of a token.
    pub(super) fn roles_of(&self, who: &AgentName) -> impl Iterator<Item = Role> {
        [Some(self.roster().role_of(who)), self.bound.clone()].into_iter().flatten()
    }

    /// The answers for a message: what it needs beyond its recipients, then
    /// each of them.
    pub(super) fn judge(&self, mail: &Mail<'_>) -> Vec<Decision> {
        let needed = [
            (mail.everyone, Permission::Broadcast),
            // It tells an agent its place, so it is for who may do that.
            (mail.kind == Kind::Onboarding, Permission::Onboard),
        ];
        let needs = needed.into_iter().filter(|(needs, _)| *needs).map(|(_, permission)| Action::Use(permission));
        let sends = mail.recipients.iter().map(|to| Action::Send { to, kind: mail.kind });
        needs.chain(sends).map(|action| self.decided(mail.from, &action)).collect()
    }

    /// Says what would become of a message of the actor; sends nothing.
    ///
    /// # Errors
    /// An address that leads nowhere.
    pub fn explain_send(&self, to: &[Address], kind: Option<Kind>, priority: Priority) -> Result<Explained> {
        let from = self.actor();
        let header = Header { to: to.to_vec(), ..Header::default() };
        let recipients = self.recipients(&header, &from)?;
        let everyone = to.contains(&Address::All);
        let role = self.roster().role_of(&from);
        let derived = self.derived_kind(&role, &recipients, everyone);
        let kind = kind.filter(|kind| kind.is_for_senders()).unwrap_or(derived);
        let policy = self.roster().policy(&role);
        let (most, rule) = policy.max_priority();
        Ok(Explained {
            decisions: self.judge(&Mail { from: &from, recipients: &recipients, everyone, kind }),
            kind,
            priority: (priority.min(most), rule),
            rate: policy.rate().1,
        })
    }

    /// The kind that follows from the two ends.
    pub(super) fn derived_kind(&self, role: &Role, recipients: &[AgentName], everyone: bool) -> Kind {
        let only = match recipients {
            [one] => Some(self.roster().role_of(one)),
            _ => None,
        };
        Kind::derive(Some(role), only.as_ref(), everyone)
    }

    /// Takes a token of the sender's, where its role has a rate.
    pub(super) fn throttle(&self, from: &AgentName, policy: &Policy<'_>) -> Result<()> {
        let (Some(rate), rule) = policy.rate() else { return Ok(()) };
        match post::rate::take(self.root().state(), from, rate)? {
            None => Ok(()),
            Some(wait) => {
                let seconds = wait.as_millis().div_ceil(1_000);
                let why = format!("{from} sends too often ({rule}); try again in {seconds} s");
                Err(OfficeError::new(ErrorKind::TryAgain, why).hint(format!("cellphone roles show {}", rule.role)))
            }
        }
    }
}

/// Turns answers into a refusal, when one of them is none.
pub(super) fn refuse(decisions: &[Decision]) -> Result<()> {
    let mut refused = decisions.iter().filter(|d| !d.allowed);
    let Some(first) = refused.next() else { return Ok(()) };
    let mut why = first.refusal();
    let more: Vec<&str> = refused.filter_map(|d| d.about.as_ref()).map(AgentName::as_str).collect();
    if !more.is_empty() {
        why += &format!("; the same goes for {}", more.join(", "));
    }
    if decisions.len() > 1 {
        why += "; nothing was sent";
    }
    let hint = match &first.rule {
        Why::Blocked { by, .. } => format!("cellphone agents show {by}"),
        _ => format!("cellphone roles show {}", first.role),
    };
    Err(OfficeError::new(ErrorKind::Refused, why).hint(hint))
}
