//! The swarm at a glance: everybody in one look that changes nothing and opens
//! no message.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::{Filter, Office, Result};
use crate::model::front_matter::FrontMatter;
use crate::model::{AgentName, Event, EventKind, Role};

/// Lines of the journal in which the last wakes are looked for, the first time.
const LINES: u64 = 2_000;
/// Longest `status.yaml` that is read, in bytes.
const STATUS_MAX: u64 = 4 * 1024;
/// Letters of a status that are shown.
const STATUS_SHOWN: usize = 200;

/// How it stands with somebody.
#[derive(Debug, Clone)]
pub struct Glance {
    /// Who.
    pub name: AgentName,
    /// Their role.
    pub role: Role,
    /// Mail that waits.
    pub unread: usize,
    /// Mail they hold under a lease.
    pub claimed: usize,
    /// `status` of their `status.yaml`: their own words, one line.
    pub status: Option<String>,
    /// The last time that their window rang, and how far that is proved:
    /// `typed`, `submitted`, `woken` or `moved`.
    pub woken: Option<Event>,
}

/// The last ringing of each, as far as the journal was read.
#[derive(Debug, Default)]
pub(super) struct Rung(Mutex<Newest>);

#[derive(Debug, Default)]
struct Newest {
    end: u64,
    /// By the name in small letters.
    of: HashMap<String, Event>,
}

impl Office {
    /// Looks at everybody on the roster. What cannot be read counts as none:
    /// alarms tell of it.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn glance(&self) -> Result<Vec<Glance>> {
        let rung = self.rung()?;
        let agents = self.roster().agents().iter().map(|agent| Glance {
            unread: self.count_unread(&agent.name).unwrap_or(0),
            claimed: self.tree.mailbox(&agent.name).and_then(|mailbox| mailbox.count_claimed()).unwrap_or(0),
            status: self.own_status(&agent.name),
            woken: rung.get(&agent.name.as_str().to_ascii_lowercase()).cloned(),
            name: agent.name.clone(),
            role: agent.role.clone(),
        });
        Ok(agents.collect())
    }

    /// The last ringing of each, of which only what is new is read.
    fn rung(&self) -> Result<HashMap<String, Event>> {
        let mut newest = self.rung.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Looked up while nobody else reads on, so that an earlier end is never another's later one.
        let end = self.journal_end()?;
        if end < newest.end {
            // Another journal than the one that was read.
            *newest = Newest::default();
        }
        let after = if newest.end == 0 { end.saturating_sub(LINES) } else { newest.end };
        let kinds = vec![EventKind::Typed, EventKind::Submitted, EventKind::Woken, EventKind::Moved];
        for record in self.records_after(Filter { kinds, after, ..Filter::default() }, usize::MAX)? {
            if let Some(agent) = &record.event.agent {
                newest.of.insert(agent.as_str().to_ascii_lowercase(), record.event);
            }
        }
        newest.end = end;
        Ok(newest.of.clone())
    }

    /// What somebody says of themselves.
    fn own_status(&self, name: &AgentName) -> Option<String> {
        let workspace = self.tree.workspaces().ok()?.child(name.as_str()).ok()?;
        let text = String::from_utf8(workspace.read("status.yaml", STATUS_MAX).ok()?).ok()?;
        let said = FrontMatter::parse(&text).ok()?;
        let line = said.scalar("status").ok()??.trim();
        let shown: String = line.chars().filter(|c| !c.is_control()).take(STATUS_SHOWN).collect();
        (!shown.is_empty()).then_some(shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::Home;
    use crate::office::SendRequest;
    use jiff::Timestamp;

    #[test]
    fn one_look_tells_what_waits_what_is_held_and_how_the_last_ringing_ended() {
        let home = Home::new();
        home.root();
        let office = |actor| Office::open(Some(&home.path("root")), Some(actor)).unwrap();
        let (one, two) = (office("Agent-1"), office("Agent-2"));
        for n in 0..3 {
            let to = vec!["Agent-2".parse().unwrap()];
            one.send(SendRequest { to, subject: format!("{n}"), body: "x".into(), ..SendRequest::default() }).unwrap();
        }
        two.next(None, false).unwrap();
        home.write("agent_workspaces/Agent-2/status.yaml", "status: \"Reviewing <b>\"\ntask: parser\n");
        home.write("agent_workspaces/Agent-1/status.yaml", "status: [not, one, line]\n");
        for kind in [EventKind::Typed, EventKind::Submitted, EventKind::Woken, EventKind::Deferred] {
            one.note(&[Event::new(Timestamp::now(), kind).agent(&two.actor())]);
        }
        let all = one.glance().unwrap();
        let of = |name: &str| all.iter().find(|g| g.name.as_str() == name).unwrap();
        let seen = of("Agent-2");
        assert_eq!((seen.unread, seen.claimed, seen.status.as_deref()), (2, 1, Some("Reviewing <b>")));
        assert_eq!(seen.woken.as_ref().unwrap().event, EventKind::Woken);
        let other = of("Agent-1");
        assert_eq!((other.unread, &other.status, other.woken.is_none()), (0, &None, true));
        // The next look reads on where this one ended, and keeps what it saw.
        one.note(&[Event::new(Timestamp::now(), EventKind::Typed).agent(&one.actor())]);
        let rung = |all: &[Glance], name: &str| {
            all.iter().find(|g| g.name.as_str() == name).and_then(|g| g.woken.as_ref()).map(|event| event.event)
        };
        let all = one.glance().unwrap();
        assert_eq!((rung(&all, "Agent-1"), rung(&all, "Agent-2")), (Some(EventKind::Typed), Some(EventKind::Woken)));
        let looks =
            || (0..50).for_each(|_| assert_eq!(rung(&one.glance().unwrap(), "Agent-2"), Some(EventKind::Woken)));
        std::thread::scope(|threads| {
            let others = [threads.spawn(looks), threads.spawn(looks)];
            for _ in 0..50 {
                one.note(&[Event::new(Timestamp::now(), EventKind::Moved).agent(&one.actor())]);
            }
            others.map(|thread| thread.join().unwrap())
        });
        assert_eq!(rung(&one.glance().unwrap(), "Agent-1"), Some(EventKind::Moved));
    }
}
