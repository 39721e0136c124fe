//! The one clock of a root that issues names.
//!
//! The last instant issued is kept in the lock file itself (8 bytes, little
//! endian, microseconds since 1970), followed by the start of the machine it
//! was issued in (8 bytes). A new name is later than it by at least a
//! microsecond, whatever the system clock does, so names sort as sends were
//! accepted. The file is not synced: after a power cut it may be lost or old,
//! so once for each start of the machine the newest name in the tree is looked
//! for.

use std::sync::Arc;

use jiff::Timestamp;

use crate::fsio::{self, FsError, Held, KeptLock, boot};
use crate::model::{AgentName, MessageId, UniqueName};

use super::Result;
use super::layout::Tree;

const FILE: &str = "clock";
const SIZE: usize = 16;

/// What the file holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Kept {
    /// The last instant issued, in microseconds.
    last: i64,
    /// The start of the machine in which it was.
    boot: u64,
}

/// Issues unique names.
#[derive(Debug, Clone)]
pub struct Clock {
    tree: Tree,
    lock: Arc<KeptLock>,
}

impl Clock {
    /// The clock of a tree.
    #[must_use]
    pub fn new(tree: &Tree) -> Self {
        Self { tree: tree.clone(), lock: Arc::new(KeptLock::new(&tree.locks, FILE)) }
    }

    /// Issues the next name.
    ///
    /// # Errors
    /// When the clock file cannot be locked, read or written.
    pub fn issue(&self, from: &AgentName, subject: &str) -> Result<UniqueName> {
        let at = self.advance(1)?;
        Ok(compose(at, from, subject))
    }

    /// Issues a name for each sender and subject, in order, under one lock.
    ///
    /// # Errors
    /// As [`issue`](Self::issue).
    pub fn issue_many(&self, letters: &[(&AgentName, &str)]) -> Result<Vec<UniqueName>> {
        if letters.is_empty() {
            return Ok(Vec::new());
        }
        let first = self.advance(i64::try_from(letters.len()).unwrap_or(i64::MAX))?;
        Ok(letters.iter().zip(first..).map(|((from, subject), at)| compose(at, from, subject)).collect())
    }

    /// Sees to it that no name issued from now on is older than `at`: names
    /// that come back into the tree were issued, too, perhaps by a clock whose
    /// file is lost.
    ///
    /// # Errors
    /// As [`issue`](Self::issue).
    pub fn not_before(&self, at: Timestamp) -> Result<()> {
        // Seeds it, if this is the first use since the machine started.
        self.advance(1)?;
        let path = self.tree.locks.path().join(FILE);
        let wrap = |e: std::io::Error| FsError::new("use the clock", &path, e);
        let held = self.lock.exclusive()?;
        let kept = Kept::read(&held).map_err(wrap)?;
        Ok(Kept { last: kept.last.max(at.as_microsecond()), ..kept }.write(&held).map_err(wrap)?)
    }

    /// A number greater than all before it: the token of a lease.
    ///
    /// # Errors
    /// As [`issue`](Self::issue).
    pub fn token(&self) -> Result<u64> {
        Ok(u64::try_from(self.advance(1)?).unwrap_or(0))
    }

    /// Takes `count` microseconds that were never taken; gives the first.
    fn advance(&self, count: i64) -> Result<i64> {
        let path = self.tree.locks.path().join(FILE);
        let wrap = |e: std::io::Error| FsError::new("use the clock", &path, e);
        loop {
            let held = self.lock.exclusive()?;
            let kept = Kept::read(&held).map_err(wrap)?;
            if kept.boot != this_boot() {
                // The scan is slow, so it is made without the lock; only its outcome is written under it.
                drop(held);
                self.seed()?;
                continue;
            }
            let first = Timestamp::now().as_microsecond().max(kept.last + 1);
            Kept { last: first + count - 1, ..kept }.write(&held).map_err(wrap)?;
            return Ok(first);
        }
    }

    fn seed(&self) -> Result<()> {
        let newest = self.newest_name()?;
        let path = self.tree.locks.path().join(FILE);
        let wrap = |e: std::io::Error| FsError::new("use the clock", &path, e);
        let held = self.lock.exclusive()?;
        let kept = Kept::read(&held).map_err(wrap)?;
        Kept { last: kept.last.max(newest), boot: this_boot() }.write(&held).map_err(wrap)?;
        Ok(())
    }

    /// The instant of the newest name in any mailbox, 0 when there is none.
    fn newest_name(&self) -> Result<i64> {
        let mut newest = 0;
        for agent in self.tree.agents()? {
            // One that cannot be read must not stop the mail of all others.
            newest = newest.max(self.newest_of(&agent).unwrap_or(0));
        }
        Ok(newest)
    }

    fn newest_of(&self, agent: &AgentName) -> Result<i64> {
        let mailbox = self.tree.mailbox(agent)?;
        let mut folders = Vec::new();
        for path in ["inbox/new", "inbox/claimed", "inbox/cur", "dead"] {
            folders.extend(mailbox.home.below(path).ok());
        }
        for top in ["sent", "archive"] {
            let Ok(top) = mailbox.home.child(top) else { continue };
            let last = top.names()?.into_iter().filter(|n| crate::model::time::is_day(n)).max();
            folders.extend(last.and_then(|day| top.child(&day).ok()));
        }
        let mut newest = 0;
        for folder in folders {
            let last =
                folder.names()?.into_iter().filter_map(|n| UniqueName::parse(&n).ok().map(|(name, _)| name)).max();
            newest = newest.max(last.map_or(0, |name| name.accepted().as_microsecond()));
        }
        Ok(newest)
    }
}

impl Kept {
    /// Nothing, a part, or what an earlier version wrote is of no start of the
    /// machine.
    fn read(held: &Held<'_>) -> std::io::Result<Self> {
        let mut bytes = [0; SIZE];
        let read = held.read(&mut bytes)?;
        let (last, boot) = bytes.split_at(8);
        let number = |part: &[u8]| part.try_into().map(u64::from_le_bytes).unwrap_or_default();
        Ok(Self {
            last: if read < 8 { 0 } else { number(last).cast_signed() },
            boot: if read < SIZE { 0 } else { number(boot) },
        })
    }

    fn write(self, held: &Held<'_>) -> std::io::Result<()> {
        let mut bytes = [0; SIZE];
        bytes[..8].copy_from_slice(&self.last.to_le_bytes());
        bytes[8..].copy_from_slice(&self.boot.to_le_bytes());
        held.write(&bytes)
    }
}

/// This start of the machine as a number, never 0. Where the platform does not
/// tell starts apart, a lost file alone is noticed.
fn this_boot() -> u64 {
    let text: String = boot::id().chars().filter(char::is_ascii_hexdigit).take(16).collect();
    u64::from_str_radix(&text, 16).unwrap_or(0).max(1)
}

fn compose(micros: i64, from: &AgentName, subject: &str) -> UniqueName {
    let at = Timestamp::from_microsecond(micros).unwrap_or_default();
    UniqueName::compose(at, from, subject, MessageId::compose(at, fsio::random()))
}
