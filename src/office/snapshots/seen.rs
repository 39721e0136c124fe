//! Snapshots that are not as they were left: dated in the future, gone without
//! being forgotten, or more than this root took. Ransomware that reaches a
//! repository does these: it floods it, so that the rules forget what is good,
//! or forgets by itself.
//!
//! Which snapshots there were is kept in `.cellphone/snapshots.json`. What
//! nobody explains stands for a week and is then taken for what is.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::super::watch::{read_state, write_state};
use super::super::{Office, Result};
use crate::journal::Filter;
use crate::model::{Event, EventKind};
use crate::snapshot::Snapshot;

/// The scenario of somebody who does such things.
pub(super) const RUNBOOK: &str = "ransomware";
const FILE: &str = "snapshots.json";
/// Clocks of machines differ.
const AHEAD: SignedDuration = SignedDuration::from_mins(10);
/// More new snapshots than this root says it took.
const TOO_MANY: usize = 5;
/// How long what nobody explains is spoken of.
const SPOKEN_OF: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The snapshots that a look found in a repository.
#[derive(Debug, Clone)]
pub(super) struct SeenIn {
    /// Which repository.
    pub place: String,
    /// Whether it is the one that is written.
    pub is_first: bool,
    /// The snapshots of this root in it, oldest first.
    pub all: Vec<Snapshot>,
}

impl SeenIn {
    fn times(&self) -> Vec<(&str, Timestamp)> {
        self.all.iter().map(|s| (s.id.as_str(), s.time)).collect()
    }
}

/// Something about the snapshots of a repository that nobody explains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Strange {
    /// Dated in the future, so many.
    Ahead(usize),
    /// Gone, so many, and nobody forgot them.
    Gone(usize),
    /// New, so many, of which this root took so many.
    Flood(usize, usize),
}

/// The snapshots of a repository when they were looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    ids: BTreeSet<String>,
    at: Timestamp,
    /// Since when something about them is strange.
    strange: Option<Timestamp>,
}

impl Strange {
    pub(super) fn in_words(&self, repository: &str) -> String {
        match self {
            Self::Ahead(n) => format!(
                "{n} snapshots in {repository} are dated in the future: somebody else wrote them, or a clock is wrong"
            ),
            Self::Gone(n) => format!("{n} snapshots in {repository} are gone, and were not forgotten here"),
            Self::Flood(n, ours) => format!("{n} new snapshots are in {repository}, of which this root took {ours}"),
        }
    }
}

pub(super) fn is_ahead(time: Timestamp, now: Timestamp) -> bool {
    time.duration_since(now) > AHEAD
}

/// What is strange about `now_there`, after `known`, with what the journal
/// says since then.
fn strange(
    known: &Known,
    now_there: &[(&str, Timestamp)],
    now: Timestamp,
    since: &[Event],
    is_first: bool,
) -> Vec<Strange> {
    let mut found = Vec::new();
    let ahead = now_there.iter().filter(|(_, time)| is_ahead(*time, now)).count();
    if ahead > 0 {
        found.push(Strange::Ahead(ahead));
    }
    let ids: BTreeSet<&str> = now_there.iter().map(|(id, _)| *id).collect();
    let gone = known.ids.iter().filter(|id| !ids.contains(id.as_str())).count();
    let forgotten: usize =
        since.iter().filter_map(|e| e.detail.get("forgotten")).filter_map(|n| n.parse::<usize>().ok()).sum();
    if gone > forgotten {
        found.push(Strange::Gone(gone));
    }
    let fresh = ids.iter().filter(|id| !known.ids.contains(**id)).count();
    let ours = since.iter().filter(|e| e.detail.get("snapshot").is_some_and(|id| ids.contains(id.as_str()))).count();
    // What goes to the others are copies, as many as there are.
    if is_first && !known.ids.is_empty() && fresh > ours + TOO_MANY {
        found.push(Strange::Flood(fresh, ours));
    }
    found
}

impl Office {
    /// What is strange about the snapshots of a repository. Of one that was not
    /// looked at before only what lies in the future is.
    pub(super) fn strange_snapshots(&self, seen: &SeenIn, now: Timestamp) -> Result<Vec<Strange>> {
        let known = self.known_snapshots().remove(&seen.place).unwrap_or(Known { at: now, ..Known::default() });
        Ok(strange(&known, &seen.times(), now, &self.snapshots_since(known.at)?, seen.is_first))
    }

    /// Keeps which snapshots there are, as far as nothing about them is strange.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn know_snapshots(&self, seen: &SeenIn, now: Timestamp) -> Result<()> {
        let mut every = self.known_snapshots();
        let known = every.get(&seen.place).cloned().unwrap_or(Known { at: now, ..Known::default() });
        let found = strange(&known, &seen.times(), now, &self.snapshots_since(known.at)?, seen.is_first);
        // Those of the future are strange for as long as they are there, whatever is known.
        let unexplained = found.iter().any(|one| !matches!(one, Strange::Ahead(_)));
        let next = match known.strange {
            None if unexplained => Known { strange: Some(now), ..known.clone() },
            Some(since) if unexplained && now.duration_since(since) < SPOKEN_OF => return Ok(()),
            _ => Known { ids: seen.all.iter().map(|s| s.id.clone()).collect(), at: now, strange: None },
        };
        if next.ids == known.ids && next.strange == known.strange && every.contains_key(&seen.place) {
            return Ok(());
        }
        every.insert(seen.place.clone(), next);
        write_state(self.root().state(), FILE, &every)
    }

    fn known_snapshots(&self) -> BTreeMap<String, Known> {
        read_state(self.root().state(), FILE)
    }

    fn snapshots_since(&self, at: Timestamp) -> Result<Vec<Event>> {
        let filter = Filter { kinds: vec![EventKind::Snapshot], since: Some(at), ..Filter::default() };
        Ok(self.journal().read(filter)?.map(|record| record.event).filter(|event| event.at >= at).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + hour * 3_600).unwrap()
    }

    fn event(key: &str, value: impl ToString) -> Event {
        Event::new(at(1), EventKind::Snapshot).with(key, value)
    }

    #[test]
    fn what_this_root_did_is_explained_and_the_rest_is_strange() {
        let names: Vec<String> = (0..30).map(|n| format!("id{n}")).collect();
        let some = |range: std::ops::Range<usize>| -> Vec<(&str, Timestamp)> {
            names[range].iter().map(|id| (id.as_str(), at(0))).collect()
        };
        let known = Known { ids: names[..10].iter().cloned().collect(), at: at(0), strange: None };
        let now = at(2);
        assert_eq!(strange(&known, &some(0..10), now, &[], true), []);
        // Seven are gone; forgotten by whoever may, or not.
        assert_eq!(strange(&known, &some(7..10), now, &[], true), [Strange::Gone(7)]);
        assert_eq!(strange(&known, &some(7..10), now, &[event("forgotten", 7)], true), []);
        // Twenty came; as many as were taken here, or more.
        assert_eq!(strange(&known, &some(0..30), now, &[], true), [Strange::Flood(20, 0)]);
        let taken: Vec<Event> = names[10..].iter().map(|id| event("snapshot", id)).collect();
        assert_eq!(strange(&known, &some(0..30), now, &taken, true), []);
        assert_eq!(strange(&known, &some(0..30), now, &[], false), [], "the others get copies");
        assert_eq!(strange(&Known { ids: BTreeSet::new(), ..known.clone() }, &some(0..30), now, &[], true), []);
        let mut ahead = some(0..10);
        ahead.push(("id11", at(3)));
        assert_eq!(strange(&known, &ahead, now, &[], true), [Strange::Ahead(1)]);
    }
}
