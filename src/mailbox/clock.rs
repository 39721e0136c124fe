//! The one clock of a root that issues names.
//!
//! The last instant issued is kept in the lock file itself (8 bytes, little
//! endian, microseconds since 1970). A new name is later than it by at least
//! a microsecond, whatever the system clock does, so names sort as sends were
//! accepted. When the file is lost, the newest name in the tree stands in.

use std::sync::Arc;

use jiff::Timestamp;

use crate::fsio::{FsError, KeptLock};
use crate::model::{AgentName, MessageId, UniqueName};

use super::Result;
use super::layout::{Place, Tree};

const FILE: &str = "clock";

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
            let mut stored = [0; 8];
            let last = match held.read(&mut stored).map_err(wrap)? {
                8 => i64::from_le_bytes(stored),
                _ => {
                    // The scan is slow, so it is made without the lock; only its outcome is written under it.
                    drop(held);
                    self.seed()?;
                    continue;
                }
            };
            let first = Timestamp::now().as_microsecond().max(last + 1);
            held.write(&(first + count - 1).to_le_bytes()).map_err(wrap)?;
            return Ok(first);
        }
    }

    fn seed(&self) -> Result<()> {
        let newest = self.newest_name()?;
        let path = self.tree.locks.path().join(FILE);
        let wrap = |e: std::io::Error| FsError::new("use the clock", &path, e);
        let held = self.lock.exclusive()?;
        let mut stored = [0; 8];
        if held.read(&mut stored).map_err(wrap)? < 8 {
            held.write(&newest.to_le_bytes()).map_err(wrap)?;
        }
        Ok(())
    }

    /// The instant of the newest name in any mailbox, 0 when there is none.
    fn newest_name(&self) -> Result<i64> {
        let mut newest = 0;
        for agent in self.tree.agents()? {
            let mailbox = self.tree.mailbox(&agent)?;
            let mut folders = Vec::new();
            for place in [Place::New, Place::Claimed, Place::Cur, Place::Dead] {
                folders.push(mailbox.place(place, "")?);
            }
            for top in ["sent", "archive"] {
                let top = mailbox.home.child_or_create(top)?;
                let last = top.names()?.into_iter().filter(|n| crate::model::time::is_day(n)).max();
                folders.extend(last.and_then(|day| top.child(&day).ok()));
            }
            for folder in folders {
                let last =
                    folder.names()?.into_iter().filter_map(|n| UniqueName::parse(&n).ok().map(|(name, _)| name)).max();
                newest = newest.max(last.map_or(0, |name| name.accepted().as_microsecond()));
            }
        }
        Ok(newest)
    }
}

fn compose(micros: i64, from: &AgentName, subject: &str) -> UniqueName {
    let at = Timestamp::from_microsecond(micros).unwrap_or_default();
    UniqueName::compose(at, from, subject, MessageId::compose(at, ulid::Ulid::generate().random()))
}
