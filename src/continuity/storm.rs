//! Whether mail comes to a mailbox faster than anybody takes it: arrivals of
//! the last minutes that nobody read, claimed, moved or archived since.
//!
//! A pure value: it is handed the events of the journal and the time. Holds no
//! more than four times the limit for an agent, so a storm does not fill the
//! memory of whoever watches it.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::model::{AgentName, Event, EventKind, MessageId};

/// The arrivals that nobody took yet, per mailbox.
#[derive(Debug, Default)]
pub struct Storms {
    waiting: HashMap<AgentName, VecDeque<(MessageId, Timestamp)>>,
}

impl Storms {
    /// An event of the journal.
    pub fn heard(&mut self, event: &Event, limit: usize) {
        let (Some(id), Some(agent)) = (event.id, event.agent.as_ref()) else { return };
        match event.event {
            EventKind::Delivered => {
                let waiting = self.waiting.entry(agent.clone()).or_default();
                if waiting.len() >= limit.saturating_mul(4) {
                    waiting.pop_front();
                }
                waiting.push_back((id, event.at));
            }
            EventKind::Read
            | EventKind::Claimed
            | EventKind::Done
            | EventKind::Moved
            | EventKind::Archived
            | EventKind::Dead
            | EventKind::Expired => {
                let Some(waiting) = self.waiting.get_mut(agent) else { return };
                if let Some(at) = waiting.iter().position(|(one, _)| *one == id) {
                    waiting.remove(at);
                }
            }
            _ => {}
        }
    }

    /// The mailboxes in which a storm is, and how much came to each. One that
    /// `was` a storm is over below half of the limit.
    pub fn now(
        &mut self,
        now: Timestamp,
        window: Duration,
        limit: usize,
        was: impl Fn(&AgentName) -> bool,
    ) -> Vec<(AgentName, usize)> {
        let window = SignedDuration::try_from(window).unwrap_or(SignedDuration::MAX);
        for waiting in self.waiting.values_mut() {
            // A clock that was set back leaves arrivals of the future: those count until it is there.
            while waiting.front().is_some_and(|(_, at)| now.duration_since(*at) > window) {
                waiting.pop_front();
            }
        }
        self.waiting.retain(|_, waiting| !waiting.is_empty());
        let mut found: Vec<(AgentName, usize)> = self
            .waiting
            .iter()
            .map(|(agent, waiting)| (agent.clone(), waiting.len()))
            .filter(|(agent, n)| *n >= if was(agent) { limit.div_ceil(2) } else { limit })
            .collect();
        found.sort();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: EventKind, n: u128, second: i64) -> Event {
        let at = Timestamp::from_second(second).unwrap();
        let agent = AgentName::new("Agent-1").unwrap();
        Event::new(at, kind).id(MessageId::compose(Timestamp::UNIX_EPOCH, n)).agent(&agent)
    }

    #[test]
    fn more_than_is_read_is_a_storm_until_half_is_taken() {
        let mut all = Storms::default();
        let window = Duration::from_secs(60);
        let look = |all: &mut Storms, second, was: bool| {
            all.now(Timestamp::from_second(second).unwrap(), window, 10, |_| was).first().map_or(0, |(_, n)| *n)
        };
        for n in 0..30 {
            all.heard(&event(EventKind::Delivered, n, 100), 10);
            if n < 21 {
                all.heard(&event(EventKind::Read, n, 100), 10);
            }
        }
        assert_eq!(look(&mut all, 100, false), 0, "nine wait");
        all.heard(&event(EventKind::Delivered, 99, 101), 10);
        assert_eq!(look(&mut all, 101, false), 10);
        for n in 21..26 {
            all.heard(&event(EventKind::Claimed, n, 102), 10);
            all.heard(&event(EventKind::Done, n, 102), 10);
        }
        assert_eq!(look(&mut all, 102, true), 5);
        all.heard(&event(EventKind::Moved, 26, 103), 10);
        assert_eq!(look(&mut all, 103, true), 0);
    }

    #[test]
    fn what_came_long_ago_is_no_storm_and_memory_has_a_bound() {
        let mut all = Storms::default();
        for n in 0..1_000 {
            all.heard(&event(EventKind::Delivered, n, 100), 10);
        }
        assert_eq!(all.waiting.values().map(VecDeque::len).sum::<usize>(), 40);
        let later = Timestamp::from_second(161).unwrap();
        assert_eq!(all.now(later, Duration::from_secs(60), 10, |_| true), []);
        assert!(all.waiting.is_empty());
    }
}
