//! What the daemon has to do for the snapshots now, and when next: the
//! timetable, fed by the repository once and by the journal from then on.

use std::collections::VecDeque;

use jiff::Timestamp;

use super::super::{Office, Result};
use crate::journal::{Filter, Follower, Record};
use crate::model::{Event, EventKind};
use crate::snapshot::{Done, Job, Kind, Repository, Timetable, Waiting, of_root};

/// Times of acceptance that are remembered; of more the oldest are only counted.
const REMEMBERED: usize = 100_000;

/// What was done, and the mail that no snapshot has.
#[derive(Debug)]
pub struct Outlook {
    done: Done,
    /// When each message was accepted that came after the newest snapshot.
    accepted: VecDeque<Timestamp>,
    /// How many more there are.
    more: u64,
    journal: Follower,
    begun: Timestamp,
}

impl Outlook {
    /// Looks through repository and journal.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub fn open(office: &Office) -> Result<Self> {
        let last = office.journal().tail(1)?.last().map_or(0, |record| record.seq);
        let mut done = Done::default();
        if Repository::exists(&office.snapshot_place(None)?)? {
            for snapshot in of_root(office.snapshot_list(None)?, office.root().id()) {
                done.took(snapshot.kind.unwrap_or(Kind::Full), snapshot.time);
            }
        }
        let filter =
            Filter { kinds: vec![EventKind::Accepted, EventKind::Checked], since: done.newest(), ..Filter::default() };
        let journal = office.journal().follow(Some(last))?;
        let mut all = Self { done, accepted: VecDeque::new(), more: 0, journal, begun: office.now() };
        for record in office.journal().read(filter)?.take_while(|record| record.seq <= last) {
            if record.event.event != EventKind::Accepted || Some(record.event.at) > all.done.newest() {
                all.heed(&record);
            }
        }
        Ok(all)
    }

    /// Takes note of what happened since.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn update(&mut self) -> Result<()> {
        for record in self.journal.next_batch()? {
            self.heed(&record);
        }
        Ok(())
    }

    fn heed(&mut self, record: &Record) {
        let event = &record.event;
        match event.event {
            EventKind::Accepted => {
                if self.accepted.len() == REMEMBERED {
                    self.accepted.pop_front();
                    self.more += 1;
                }
                self.accepted.push_back(event.at);
            }
            EventKind::Checked => self.done.check = self.done.check.max(Some(event.at)),
            EventKind::Snapshot => {
                if let Some((kind, at)) = taken(event) {
                    self.done.took(kind, at);
                    self.accepted.retain(|accepted| *accepted >= at);
                    self.more = 0;
                }
            }
            _ => {}
        }
    }

    fn waiting(&self) -> Waiting {
        Waiting { messages: self.more + self.accepted.len() as u64, since: self.accepted.front().copied() }
    }

    /// What is due now, and when something is next.
    #[must_use]
    pub fn due(&self, office: &Office) -> (Option<Job>, Option<Timestamp>) {
        let now = office.now();
        let table = Timetable::new(&office.settings().snapshot, office.root().id(), self.begun);
        let waiting = self.waiting();
        (table.due(&self.done, waiting, now), table.next(&self.done, waiting, now))
    }
}

/// The snapshot that an event tells of: its kind, and when it began.
fn taken(event: &Event) -> Option<(Kind, Timestamp)> {
    let kind = serde_json::from_value(event.detail.get("kind")?.as_str().into()).ok()?;
    Some((kind, event.detail.get("began").and_then(|at| at.parse().ok()).unwrap_or(event.at)))
}
