//! The journal: its chain, whether it is there, whether it got shorter; and
//! what its lines tell of storms of mail and of restores.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Alarm, Guard, Looks, folders, key, sighting};
use crate::continuity::alarms::Sighting;
use crate::continuity::storm::Storms;
use crate::journal::{Filter, Follower, Piece, Walk};
use crate::model::{Detector, Event, EventKind, Severity};
use crate::office::{Office, Result};

/// Bytes of the journal that one look reads at most: some 20 ms.
const PIECE: u64 = 4 << 20;
/// What an alarm is about: the chain, or its length.
const CHAIN: &str = "chain";
const LENGTH: &str = "length";

/// The end of the journal, as it was seen last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    last: u64,
    hash: String,
    at: Timestamp,
}

/// What is known of the journal.
#[derive(Debug, Default)]
pub(super) struct Chain {
    walk: Walk,
    mark: Option<Mark>,
    /// Where it is broken, until a walk to the end found it whole.
    broken: Option<(PathBuf, String)>,
    follower: Option<Follower>,
    storms: Storms,
}

impl Chain {
    pub(super) fn mark(&self) -> Option<Mark> {
        self.mark.clone()
    }
}

impl Office {
    pub(super) fn watch_chain(&self, guard: &Guard, looks: &mut Looks) -> Result<()> {
        let chain = &mut looks.chain;
        let path = self.root().state().path().join("journal");
        let before = chain.mark.take().or_else(|| looks.facts.journal.clone());
        let mut seen = Vec::new();
        let mut now = before.clone();
        if let Some(before) = &before {
            chain.walk.expect(before.last, &before.hash);
        }
        match chain.walk.step(self.journal(), PIECE)? {
            Piece::More => {}
            Piece::Broken(broken) => {
                // The last part alone: its file is told as the path.
                chain.broken = Some((broken.path.clone(), format!("line {}: {}", broken.line, broken.why)));
            }
            Piece::Gone => {
                seen.extend(
                    before.as_ref().map(|b| shorter(format!("the journal is gone; it had {} lines", b.last), &path)),
                );
                now = Some(Mark { last: 0, hash: String::new(), at: self.now() });
            }
            Piece::Whole { last, hash, another } => {
                chain.broken = None;
                let lost = before.as_ref().filter(|b| last < b.last || another);
                if let Some(before) = lost
                    && !self.was_brought_back(before.at)?
                {
                    let what =
                        format!("the journal ends at line {last}; it had {}, which are gone or others", before.last);
                    seen.push(shorter(what, &path));
                }
                if before.as_ref().is_none_or(|b| b.last != last || b.hash != hash) {
                    now = Some(Mark { last, hash, at: self.now() });
                }
            }
        }
        chain.mark = now;
        if let Some((path, why)) = &chain.broken {
            let what = format!("the chain of the journal is broken, {why}");
            seen.push(sighting(Detector::JournalChain, CHAIN, Severity::Critical, what, path));
        }
        self.report(guard, Detector::JournalChain, seen)?;
        Ok(())
    }

    /// Whether a restore put another journal in the place of the one of `since`.
    fn was_brought_back(&self, since: Timestamp) -> Result<bool> {
        let recent = self.journal().tail(500)?;
        Ok(recent.iter().any(|r| r.event.at >= since && brings_journal(&r.event)))
    }

    /// Reads what the journal gained, for storms and for what ends an alarm
    /// that stands until it is released.
    pub(super) fn watch_events(&self, guard: &Guard, looks: &mut Looks) -> Result<()> {
        let chain = &mut looks.chain;
        let limit = usize::try_from(self.settings().watch.storm_messages).unwrap_or(usize::MAX);
        let mut news: Vec<Event> = Vec::new();
        let mut follower = match chain.follower.take() {
            Some(follower) => follower,
            None => {
                let follower = self.journal().follow(None)?;
                // What was restored while no daemon ran.
                news = self.what_ends(&guard.told().standing.list())?;
                follower
            }
        };
        news.extend(follower.next_batch()?.into_iter().map(|record| record.event));
        chain.follower = Some(follower);
        for event in &news {
            chain.storms.heard(event, limit);
            if event.event == EventKind::Drill {
                looks.drills.again();
            }
            if matches!(event.event, EventKind::Restored | EventKind::Repaired) {
                self.all_clear(guard, |alarm| ends(event, alarm))?;
            }
        }
        self.watch_storms(guard, &mut chain.storms, limit)
    }

    /// What happened since they were raised that may end alarms which stand
    /// until they are released.
    pub(super) fn what_ends(&self, alarms: &[Alarm]) -> Result<Vec<Event>> {
        let oldest = alarms.iter().filter(|a| a.seen.kept).map(|a| a.since).min();
        let Some(since) = oldest else { return Ok(Vec::new()) };
        let kinds = vec![EventKind::Restored, EventKind::Repaired];
        let filter = Filter { kinds, since: Some(since), ..Filter::default() };
        Ok(self.journal().read(filter)?.map(|record| record.event).filter(|event| event.at >= since).collect())
    }

    fn watch_storms(&self, guard: &Guard, storms: &mut Storms, limit: usize) -> Result<()> {
        let mut seen = Vec::new();
        if limit > 0 {
            let window = self.settings().watch.storm_window;
            let was =
                |agent: &crate::model::AgentName| guard.told().standing.stands(Detector::MailStorm, agent.as_str());
            for (agent, n) in storms.now(self.now(), window, limit, was) {
                // Whoever reads by `mv` leaves no line: the folder itself is asked as well.
                let mailbox = self.tree.mailbox(&agent)?;
                let unread = mailbox.count_unread()?;
                if unread < if was(&agent) { limit.div_ceil(2) } else { limit } {
                    continue;
                }
                let span = crate::config::show_duration(window);
                let what =
                    format!("{n} messages came to {agent} within {span} and nobody took them; {unread} are unread");
                let path = mailbox.home().path().join("inbox/new");
                seen.push(sighting(Detector::MailStorm, agent.as_str(), Severity::Warning, what, &path));
            }
        }
        self.report(guard, Detector::MailStorm, seen)?;
        Ok(())
    }
}

fn shorter(what: String, path: &std::path::Path) -> Sighting {
    Sighting { kept: true, ..sighting(Detector::JournalChain, LENGTH, Severity::Critical, what, path) }
}

fn brings_journal(event: &Event) -> bool {
    event.event == EventKind::Restored && event.detail.contains_key("journal")
}

/// Whether an event ends an alarm that stands until it is released.
pub(super) fn ends(event: &Event, alarm: &Alarm) -> bool {
    let seen = &alarm.seen;
    if !seen.kept || event.at < alarm.since {
        return false;
    }
    match seen.detector {
        _ if event.detail.get("alarm").is_some_and(|named| *named == key(seen)) => true,
        Detector::MissingMailbox => folders::brought_back(event, &seen.subject),
        Detector::JournalChain => brings_journal(event),
        _ => false,
    }
}
