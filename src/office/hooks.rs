//! A person's programs around mail: the guard that may refuse it, and what
//! runs after something happened.
//!
//! The guard is asked once for each message, after the roles were, whether the
//! message comes from a command or from an outbox. What happened is read from
//! the journal, so a hook runs whoever caused it, plain `mv` included; the
//! number of the last line that was handed on is kept, so a daemon that was
//! away runs what it missed, at least once.

use serde_json::{Value, json};

use super::{ErrorKind, Office, OfficeError, Result};
use crate::hooks::{self, Verdict};
use crate::journal::Follower;
use crate::model::{AgentName, Event, EventKind, Header};

const SEEN: &str = "hooks.seq";

impl Office {
    /// Asks the approved `hooks/before-deliver`, when there is one. It gets
    /// the header as JSON, never the body.
    pub(super) fn ask_guard(&self, from: &AgentName, recipients: &[AgentName], header: &Header) -> Result<()> {
        self.ask_before("before-deliver", from, || {
            json!({
                "from": from, "to": recipients, "subject": header.subject, "kind": header.kind,
                "priority": header.priority, "tags": header.tags, "thread": header.thread,
                "in_reply_to": header.in_reply_to, "ack": header.ack, "hops": header.hops,
            })
        })
    }

    /// Asks the approved hook of what is about to happen, when there is one.
    pub(super) fn ask_before(&self, event: &str, who: &AgentName, question: impl FnOnce() -> Value) -> Result<()> {
        if !hooks::exists(self.root(), event) {
            return Ok(());
        }
        match hooks::before(self.root(), self.settings(), event, question().to_string().as_bytes()) {
            Verdict::Accept => Ok(()),
            Verdict::Refuse(why) => {
                let refused = Event::new(self.now(), EventKind::Refused).agent(who).with("reason", &why);
                self.note(&[refused.with("hook", event)]);
                Err(OfficeError::new(ErrorKind::Refused, format!("hooks/{event} refused it: {why}")))
            }
        }
    }

    /// Whether any hook was approved.
    #[must_use]
    pub fn has_hooks(&self) -> bool {
        hooks::any(self.root())
    }

    /// The first hook was approved: hooks run for what happens from now on,
    /// whether a daemon runs already or not.
    pub(super) fn begin_hooks(&self) -> Result<()> {
        let last = self.journal().tail(1)?.last().map_or(0, |record| record.seq);
        Ok(self.root().state().replace(SEEN, last.to_string().as_bytes(), false)?)
    }

    /// Begins to follow the journal for the hooks: where the last daemon
    /// stopped, or at its end.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn follow_for_hooks(&self) -> Result<Follower> {
        let state = self.root().state();
        let kept = state.read(SEEN, 64).ok().and_then(|bytes| String::from_utf8(bytes).ok()?.trim().parse().ok());
        Ok(self.journal().follow(kept)?)
    }

    /// Runs the approved hooks of what the journal gained; gives back how many
    /// ran. Costs one look at the journal when it gained nothing.
    ///
    /// # Errors
    /// When the journal cannot be read, or the place in it not be kept.
    pub fn run_hooks(&self, follower: &mut Follower) -> Result<usize> {
        let records = follower.next_batch()?;
        let Some(last) = records.last().filter(|_| hooks::any(self.root())) else { return Ok(0) };
        let done = hooks::after(self.root(), self.settings(), &records);
        self.note(&done);
        let seen = last.seq.to_string();
        self.root().state().replace(SEEN, seen.as_bytes(), false).map_err(crate::config::ConfigError::from)?;
        Ok(done.len())
    }
}

#[cfg(test)]
mod tests {
    #[cfg(unix)]
    #[test]
    fn the_guard_refuses_mail_and_what_happened_runs_its_hook_once() {
        use super::*;
        use crate::config::{testing::Home, trust};
        use crate::office::SendRequest;
        let home = Home::new();
        let root = home.root();
        let hooks = root.dir().child("hooks").unwrap();
        for (name, script) in [
            ("before-deliver", include_str!("../../hooks/before-deliver.sample")),
            ("delivered", include_str!("../../hooks/delivered.sample")),
        ] {
            hooks.create(name, script.as_bytes(), false).unwrap();
            hooks.set_mode(name, 0o755).unwrap();
        }
        trust::approve(&root).unwrap();
        let office = Office::open(Some(root.path()), Some("me")).unwrap();
        let mut follower = office.follow_for_hooks().unwrap();
        let send = |subject: &str| {
            let to = vec!["Agent-1".parse().unwrap()];
            office.send(SendRequest { to, subject: subject.into(), body: "b".into(), ..SendRequest::default() })
        };
        let refused = send("").unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Refused);
        assert!(refused.to_string().contains("a message needs a subject"), "{refused}");
        send("one").unwrap();
        assert_eq!(office.run_hooks(&mut follower).unwrap(), 1);
        assert_eq!(office.run_hooks(&mut follower).unwrap(), 0, "its own record runs nothing");
        send("two").unwrap();
        let mut next = office.follow_for_hooks().unwrap();
        assert_eq!(office.run_hooks(&mut next).unwrap(), 1, "a new daemon goes on where the last one stopped");
        let log = String::from_utf8(root.state().read("delivered.log", 10_000).unwrap()).unwrap();
        assert_eq!(log.lines().filter(|l| l.contains("\"delivered\"")).count(), 2, "{log}");
    }
}
