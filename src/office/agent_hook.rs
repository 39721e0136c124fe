//! What the hooks of an agent's own program tell it.
//!
//! A hook runs inside the agent's session, so a busy agent learns of its mail
//! without a keystroke. It says what a nudge says, never a word of a message.
//! With a daemon the limits of all nudges hold and the agent counts as woken;
//! without one the hooks keep pauses themselves, by what they remember in
//! `.cellphone/told/`. Without that memory all but the first stay silent, or
//! they would say the same after every tool.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::control::{self, Answer, Request};
use super::{ErrorKind, Office, OfficeError, Result, Unread, wake};
use crate::fsio::{Dir, KeptLock, boot};
use crate::model::{Event, EventKind, MessageId};
use crate::nudge::notice::addressee;
use crate::roster::Agent;

const FOLDER: &str = "told";

/// A hook that was stopped while it held the lock holds up nobody longer.
const PATIENCE: Duration = Duration::from_secs(2);

/// A memory that is larger is none of ours.
const LARGEST: u64 = 4 << 20;

/// Messages that are told of and remembered: the newest ones.
const MOST: usize = 10_000;

/// Messages that are named in the journal: the newest ones.
const NAMED: usize = 8;

/// When a hook runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// A session begins, or goes on with less memory than before.
    Start,
    /// A tool was used: the agent is in the middle of its work.
    Tool,
    /// The agent is about to stop.
    Stop,
    /// A prompt was submitted.
    Prompt,
}

/// What an agent's hooks told it so far of what is still unread.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Told {
    /// At the start and between its steps.
    between: BTreeSet<MessageId>,
    /// When it was about to stop.
    at_end: BTreeSet<MessageId>,
    /// When it was told last, but at the start, in microseconds of the boot
    /// clock.
    at: Option<u64>,
}

/// The pauses between two times that a hook tells something.
#[derive(Debug, Clone, Copy)]
struct Pauses {
    usual: Duration,
    urgent: Duration,
}

impl Told {
    /// Whether there is news: each message is told at most once between the
    /// steps, where it is urgent, and once at an end.
    fn is_due(&self, moment: Moment, unread: &Unread, now: Duration, pauses: Pauses) -> bool {
        let last = self.at.map(Duration::from_micros);
        // A time to come is one of another start of the machine.
        let rested = |pause| last.and_then(|at| now.checked_sub(at)).is_none_or(|since| since >= pause);
        let known = |id: &&MessageId| self.between.contains(*id) || self.at_end.contains(*id);
        match moment {
            Moment::Start => !unread.ids.is_empty(),
            Moment::Tool => unread.pressing.iter().any(|id| !known(&id)) && rested(pauses.urgent),
            Moment::Stop => {
                let pause = if unread.urgent > 0 { pauses.urgent } else { pauses.usual };
                unread.ids.iter().any(|id| !self.at_end.contains(id)) && rested(pause)
            }
            Moment::Prompt => false,
        }
    }

    /// The same after it was told now.
    fn after(&self, moment: Moment, ids: &[MessageId], now: Duration) -> Self {
        let ids: BTreeSet<MessageId> = ids.iter().copied().collect();
        let at = u64::try_from(now.as_micros()).ok();
        if moment == Moment::Stop {
            let between = self.between.intersection(&ids).copied().collect();
            return Self { between, at_end: ids, at };
        }
        let at_end = self.at_end.intersection(&ids).copied().collect();
        // What a session is told as it begins costs it no step, and no pause.
        let at = if moment == Moment::Start { self.at } else { at };
        Self { between: ids, at_end, at }
    }
}

impl Office {
    /// A hook of the actor's program runs: what it should tell the actor, if
    /// anything. `prompt` is what was submitted, at [`Moment::Prompt`]; when
    /// that is a nudge, its submission proves that the window was woken.
    /// `by_name`: the agent's terminal does not say who it is, so its commands
    /// have to.
    ///
    /// # Errors
    /// The inbox cannot be read; or, but at the start, the hooks' memory: then
    /// nothing is to be told.
    pub fn hooked(&self, moment: Moment, prompt: &str, by_name: bool) -> Result<Option<String>> {
        let name = self.actor();
        let agent = self.entry(&name)?;
        let state = self.root().state();
        if moment == Moment::Prompt {
            if prompt.lines().any(|line| is_nudge(line, name.as_str())) {
                drop(control::report_presence(state.path(), &name, "hook"));
            }
            return Ok(None);
        }
        let unread = self.unread(&name)?;
        let told = match self.tell(moment, &agent, &unread) {
            // Who begins is told all the same.
            Err(_) if moment == Moment::Start => !unread.ids.is_empty(),
            told => told?,
        };
        let notice = told.then(|| wake::notice(&name, &unread));
        let notice = notice.map(|notice| if by_name { notice.text_by_name() } else { notice.text() });
        if moment != Moment::Start {
            return Ok(notice);
        }
        let who = format!(
            "You are {name}, {} in the office at {}; other agents write to you with Agent Cellphone.",
            agent.role,
            self.root().path().display()
        );
        Ok(Some(format!("{who} {}", notice.unwrap_or_else(|| "No mail waits.".to_owned()))))
    }

    /// Whether a hook tells what is unread; if so, it is remembered.
    fn tell(&self, moment: Moment, agent: &Agent, unread: &Unread) -> Result<bool> {
        let limits = wake::policy(self, agent, Duration::ZERO);
        let anyway = moment == Moment::Start;
        let silent = !self.settings().nudge.enabled || limits.held(Duration::ZERO, unread.urgent > 0).is_some();
        if unread.ids.is_empty() || silent && !anyway {
            return Ok(false);
        }
        let pauses = Pauses { usual: limits.cooldown, urgent: limits.urgent_cooldown };
        let folder = self.root().state().child_or_create(FOLDER)?;
        let file = format!("{}.json", agent.name.as_str().to_ascii_lowercase());
        let lock = KeptLock::new(&folder, format!("{file}.lock"));
        let _held = lock.exclusive_within(PATIENCE)?;
        let (before, now) = (remembered(&folder, &file), boot::now());
        if !before.is_due(moment, unread, now, pauses) {
            return Ok(false);
        }
        let ids = &unread.ids[unread.ids.len().saturating_sub(MOST)..];
        // Before it is told: who cannot remember says nothing.
        remember(&folder, &file, &before.after(moment, ids, now))?;
        let asked = Request::Hook { agent: agent.name.clone(), ids: ids.to_vec(), urgent: unread.urgent, anyway };
        match control::ask(self.root().state().path(), &asked, PATIENCE) {
            Ok(Answer::Reported { woken }) if woken || anyway => Ok(true),
            Ok(Answer::Reported { .. }) => {
                remember(&folder, &file, &before)?;
                Ok(false)
            }
            _ => {
                let woken = Event::new(self.now(), EventKind::Woken).agent(&agent.name).with("by", "hook");
                let named = ids.iter().rev().take(NAMED);
                self.note(&named.map(|id| woken.clone().id(*id)).collect::<Vec<_>>());
                Ok(true)
            }
        }
    }
}

/// What is remembered; nothing where that cannot be read: then it is told
/// once too often.
fn remembered(folder: &Dir, file: &str) -> Told {
    folder.read(file, LARGEST).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

fn remember(folder: &Dir, file: &str, told: &Told) -> Result<()> {
    let bytes = serde_json::to_vec(told).map_err(|e| OfficeError::new(ErrorKind::Failed, e.to_string()))?;
    Ok(folder.replace(file, &bytes, false)?)
}

/// Whether a line is a whole nudge for this agent.
fn is_nudge(line: &str, agent: &str) -> bool {
    let squeezed: String = line.chars().filter(|c| !c.is_whitespace()).collect();
    addressee(&squeezed) == Some(agent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const S: Duration = Duration::from_secs(1);
    const PAUSES: Pauses = Pauses { usual: Duration::from_secs(30), urgent: Duration::from_secs(5) };

    fn id(n: u8) -> MessageId {
        format!("01K3ZJ9Q6T8V4B2M7X5C1D0E{n:02}").parse().unwrap()
    }

    fn unread(ids: &[u8], pressing: &[u8]) -> Unread {
        let pressing: Vec<MessageId> = pressing.iter().copied().map(id).collect();
        Unread { ids: ids.iter().copied().map(id).collect(), urgent: pressing.len(), pressing, ..Unread::default() }
    }

    /// Whether it was told, and the memory after that.
    fn step(told: &mut Told, moment: Moment, waits: &Unread, now: Duration) -> bool {
        let due = told.is_due(moment, waits, now, PAUSES);
        if due {
            *told = told.after(moment, &waits.ids, now);
        }
        due
    }

    #[test]
    fn urgent_mail_is_told_in_the_middle_of_work_all_other_at_the_end_each_once() {
        let mut told = Told::default();
        let mut at =
            |moment, ids: &[u8], pressing: &[u8], now| step(&mut told, moment, &unread(ids, pressing), S * now);
        assert!(!at(Moment::Tool, &[1], &[], 100), "it is not urgent");
        assert!(at(Moment::Tool, &[1, 2], &[2], 101));
        assert!(!at(Moment::Tool, &[1, 2], &[2], 200), "it was told");
        assert!(at(Moment::Stop, &[1, 2], &[2], 201), "and is still unread at the end");
        assert!(!at(Moment::Stop, &[1, 2], &[2], 300));
        assert!(!at(Moment::Tool, &[1, 2], &[2], 301));
        assert!(at(Moment::Stop, &[2, 3], &[], 302), "there is news");
        assert!(!at(Moment::Stop, &[2, 3, 4], &[], 331), "within the pause");
        assert!(at(Moment::Stop, &[2, 3, 4, 5], &[5], 331), "urgent mail waits less long");
        assert!(at(Moment::Start, &[2, 3, 4, 5], &[5], 331), "a session that begins knows nothing");
        assert!(!at(Moment::Start, &[], &[], 400) && !at(Moment::Stop, &[], &[], 400));
        assert!(at(Moment::Stop, &[6], &[], 1), "the machine was started anew");
    }

    proptest! {
        /// Whatever happens: never within the pause, and never more often than there is news.
        #[test]
        fn hooks_do_not_nag(history in prop::collection::vec((0u64..20, 0usize..3, 0u8..8, 0u8..8), 1..80)) {
            let (mut told, mut now, mut last) = (Told::default(), S * 100, None::<Duration>);
            let (mut heard, mut heard_at_end) = (BTreeSet::new(), BTreeSet::new());
            for (wait, moment, from, to) in history {
                now += S * u32::try_from(wait).unwrap();
                let moment = [Moment::Tool, Moment::Stop, Moment::Prompt][moment];
                let ids: Vec<u8> = (from.min(to)..from.max(to)).collect();
                let pressing: Vec<u8> = ids.iter().copied().filter(|n| n % 3 == 0).collect();
                let waits = unread(&ids, &pressing);
                // What was read and is there again is news.
                heard.retain(|id| waits.ids.contains(id));
                heard_at_end.retain(|id| waits.ids.contains(id));
                if step(&mut told, moment, &waits, now) {
                    prop_assert!(moment != Moment::Prompt && !waits.ids.is_empty());
                    prop_assert!(last.is_none_or(|at| now - at >= PAUSES.urgent));
                    last = Some(now);
                    let news = match moment {
                        Moment::Stop => waits.ids.iter().any(|id| !heard_at_end.contains(id)),
                        _ => waits.pressing.iter().any(|id| !heard.contains(id)),
                    };
                    prop_assert!(news, "nothing was new at {moment:?}");
                    heard.extend(waits.ids.iter().copied());
                    if moment == Moment::Stop {
                        heard_at_end.extend(waits.ids.iter().copied());
                    }
                }
            }
        }
    }

    #[test]
    fn a_prompt_is_a_nudge_when_one_of_its_lines_is() {
        assert!(is_nudge(
            "> Cellphone: 1 new for Agent-2, from Agent-1. Run: cellphone inbox".trim_start_matches("> "),
            "Agent-2"
        ));
        assert!(!is_nudge("Cellphone: 1 new for Agent-22, from Agent-1. Run: cellphone inbox", "Agent-2"));
        assert!(!is_nudge("do run cellphone inbox", "Agent-2"));
    }
}
