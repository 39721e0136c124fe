//! The slow look at every message: is it what its digest says?
//!
//! Goes through all mailboxes of the roster, what came and what was sent, some
//! messages at a time; where it stands is kept, so a restart goes on. A round
//! takes at least a minute, however little there is. Signatures are not its
//! business, nor is `dead/`, where broken things belong.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Facts, Guard, Looks, sighting};
use crate::fsio::boot;
use crate::mailbox::{Mailbox, MailboxError, Scanned, Which};
use crate::model::front_matter::Limits;
use crate::model::{AgentName, Detector, Message, ModelError, Severity};
use crate::office::{Office, Result};

/// The least time between the beginnings of two rounds.
const ROUND: Duration = Duration::from_secs(60);
/// Bytes that a message may have beside the number of messages, on average.
const BYTES_EACH: u64 = 64 * 1024;
/// Damaged messages that are remembered for each mailbox, to see them mended.
const REMEMBERED: usize = 100;

/// Where it stands: after which message of which mailbox.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Cursor {
    agent: Option<AgentName>,
    after: String,
}

/// What it remembers.
#[derive(Debug, Default)]
pub(super) struct Scrub {
    begun: bool,
    cursor: Cursor,
    /// What is left of the mailbox that is being read.
    queue: VecDeque<Scanned>,
    /// Mailboxes still to come in this round.
    ahead: VecDeque<AgentName>,
    round: Option<Duration>,
    /// Parts of a message that were due and not read.
    credit: f64,
    damaged: BTreeMap<AgentName, Damaged>,
}

#[derive(Debug, Default)]
struct Damaged {
    found: Vec<Scanned>,
    /// More than are remembered.
    more: usize,
}

impl Scrub {
    pub(super) fn cursor(&self, facts: &Facts) -> Cursor {
        if self.begun { self.cursor.clone() } else { facts.scrub.clone() }
    }
}

impl Office {
    pub(super) fn scrub(&self, guard: &Guard, looks: &mut Looks, since: Duration) -> Result<()> {
        let pace = self.settings().watch.scrub_per_minute;
        if pace == 0 || self.settings().watch.off.contains(&Detector::Damage) {
            self.report(guard, Detector::Damage, Vec::new())?;
            return Ok(());
        }
        let scrub = &mut looks.scrub;
        if !std::mem::replace(&mut scrub.begun, true) {
            scrub.cursor = looks.facts.scrub.clone();
            scrub.ahead = self.from(&scrub.cursor);
            scrub.round = Some(boot::now());
        }
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let mut left = {
            // What a machine that slept owes is not made up for at once.
            scrub.credit += since.min(ROUND).as_secs_f64() / 60.0 * pace as f64;
            let whole = scrub.credit.floor();
            scrub.credit -= whole;
            whole as u64
        };
        let mut bytes = left.saturating_mul(BYTES_EACH);
        self.look_again(&mut scrub.damaged)?;
        let mut failed = None;
        while left > 0 && bytes > 0 {
            let Some(found) = scrub.queue.pop_front() else {
                if let Err(e) = self.next_mailbox(scrub) {
                    failed = Some(e);
                    scrub.ahead.pop_front();
                    continue;
                }
                if scrub.queue.is_empty() && scrub.ahead.is_empty() {
                    break;
                }
                continue;
            };
            let Some(agent) = scrub.cursor.agent.clone() else { continue };
            let mailbox = self.tree.mailbox(&agent)?;
            scrub.cursor.after = key(&found);
            left -= 1;
            match is_whole(&mailbox, &found, self.tree.limits) {
                Looked::Whole(size) => bytes = bytes.saturating_sub(size),
                Looked::Gone => {}
                Looked::Damaged => {
                    let all = scrub.damaged.entry(agent).or_default();
                    match all.found.iter().any(|one| key(one) == key(&found)) {
                        true => {}
                        false if all.found.len() < REMEMBERED => all.found.push(found),
                        false => all.more += 1,
                    }
                }
            }
        }
        let seen = scrub.damaged.iter().map(|(agent, damaged)| self.damage(agent, damaged)).collect::<Result<Vec<_>>>();
        self.report(guard, Detector::Damage, seen?)?;
        failed.map_or(Ok(()), Err)
    }

    /// Takes up the next mailbox; begins a round when none is left and it is time.
    fn next_mailbox(&self, scrub: &mut Scrub) -> Result<()> {
        if scrub.ahead.is_empty() {
            let now = boot::now();
            if scrub.round.is_some_and(|begun| now.saturating_sub(begun) < ROUND) {
                return Ok(());
            }
            scrub.round = Some(now);
            scrub.cursor = Cursor::default();
            scrub.ahead = self.from(&scrub.cursor);
            // What is more than is remembered is counted anew.
            scrub.damaged.values_mut().for_each(|damaged| damaged.more = 0);
        }
        let Some(agent) = scrub.ahead.front().cloned() else { return Ok(()) };
        let after = match &scrub.cursor.agent {
            Some(same) if *same == agent => scrub.cursor.after.clone(),
            _ => String::new(),
        };
        // A listing would make what is missing, and that is another look's business.
        if self.tree.missing(&agent)?.is_some_and(|missing| missing.is_empty()) {
            let mailbox = self.tree.mailbox(&agent)?;
            let mut all = mailbox.scan(Which::All, None)?;
            all.extend(mailbox.scan_sent()?);
            all.sort_by_cached_key(key);
            scrub.queue = all.into_iter().filter(|one| key(one) > after).collect();
        }
        scrub.cursor = Cursor { agent: Some(agent), after };
        scrub.ahead.pop_front();
        Ok(())
    }

    /// The mailboxes of a round, from the cursor on.
    fn from(&self, cursor: &Cursor) -> VecDeque<AgentName> {
        let mut all: Vec<AgentName> = self.roster().agents().iter().map(|a| a.name.clone()).collect();
        all.sort();
        all.into_iter().filter(|a| cursor.agent.as_ref().is_none_or(|from| a >= from)).collect()
    }

    /// What was damaged may have been mended, or have gone to `dead/`.
    fn look_again(&self, damaged: &mut BTreeMap<AgentName, Damaged>) -> Result<()> {
        for (agent, all) in damaged.iter_mut() {
            if !self.tree.missing(agent)?.is_some_and(|missing| missing.is_empty()) {
                continue;
            }
            let mailbox = self.tree.mailbox(agent)?;
            all.found.retain(|one| matches!(is_whole(&mailbox, one, self.tree.limits), Looked::Damaged));
        }
        damaged.retain(|agent, all| !all.found.is_empty() && self.roster().get(agent.as_str()).is_some());
        Ok(())
    }

    fn damage(&self, agent: &AgentName, damaged: &Damaged) -> Result<super::Sighting> {
        let mailbox = self.tree.mailbox(agent)?;
        let first: PathBuf = damaged.found.first().map(|one| mailbox.path_of(one)).unwrap_or_default();
        let n = damaged.found.len() + damaged.more;
        let what = match n {
            1 => format!("a message of {agent} is not what its digest says"),
            n => format!("{n} messages of {agent} are not what their digests say; one of them"),
        };
        Ok(sighting(Detector::Damage, agent.as_str(), Severity::Critical, what, &first))
    }

    /// Every message of the archive and among the sent that is not what its
    /// digest says, with its path and why: all are read, at once.
    ///
    /// # Errors
    /// A mailbox cannot be listed.
    pub(in crate::office) fn damaged_archives(&self) -> Result<Vec<(PathBuf, String)>> {
        let mut found = Vec::new();
        for agent in self.roster().agents() {
            if !self.tree.missing(&agent.name)?.is_some_and(|missing| missing.is_empty()) {
                continue;
            }
            let mailbox = self.tree.mailbox(&agent.name)?;
            let mut all = mailbox.scan(Which::All, None)?;
            all.retain(|one| one.place == crate::mailbox::Place::Archive);
            all.extend(mailbox.scan_sent()?);
            let look = |one: &Scanned| match is_whole(&mailbox, one, self.tree.limits) {
                Looked::Damaged => Some((mailbox.path_of(one), "it is not what its digest says".to_owned())),
                _ => None,
            };
            found.extend(crate::fsio::parallel::map(&all, look).into_iter().flatten());
        }
        Ok(found)
    }
}

/// The order of a round: by the name, which sorts by time, and the place.
fn key(found: &Scanned) -> String {
    format!("{}/{}", found.name.as_str(), found.place.word())
}

enum Looked {
    Whole(u64),
    Damaged,
    Gone,
}

fn is_whole(mailbox: &Mailbox, found: &Scanned, limits: Limits) -> Looked {
    let bytes = match mailbox.bytes_of(found) {
        Ok(bytes) => bytes,
        // Moved since it was listed: it is met again in the next round.
        Err(MailboxError::Fs(e)) if e.is_not_found() => return Looked::Gone,
        // A link, or larger than what may be sent now: not for a digest to say.
        Err(MailboxError::Fs(e)) if e.is_refused() => return Looked::Gone,
        Err(MailboxError::Fs(e)) if e.kind() == std::io::ErrorKind::PermissionDenied => return Looked::Gone,
        Err(_) => return Looked::Damaged,
    };
    let size = bytes.len() as u64;
    match Message::parse(found.name.clone(), bytes, &limits) {
        Ok(_) | Err(ModelError::TooLarge { .. }) => Looked::Whole(size),
        Err(_) => Looked::Damaged,
    }
}
