//! Durable publication into `inbox/new`.
//!
//! One message: tmp file with `O_EXCL`, written, fsynced; renamed into `new/`
//! without the power to overwrite; `new/` fsynced. Many: their tmp files, one
//! barrier for all, the renames, one fsync for each folder. No lock is held.

use crate::fsio::{Dir, FsError, KeptLock};
use crate::model::{Flag, Flags, Message, UniqueName};

use super::layout::{Mailbox, Place};
use super::{MailboxError, Result};

/// For how many sends an exact count of a large mailbox is believed at most.
const COUNT_GOOD_FOR: u64 = 1_000;

/// How a delivery ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// The message is there now.
    Published,
    /// It was there already, under the same name.
    AlreadyThere,
}

/// Where a mailbox takes deliveries. Cloning shares the handles.
#[derive(Debug, Clone)]
struct Door {
    tmp: Dir,
    new: Dir,
}

/// A message written to `tmp/` and not yet published.
#[derive(Debug)]
struct Staged {
    door: Door,
    name: String,
}

/// Several deliveries that share their barriers.
#[derive(Debug, Default)]
pub struct Barrier {
    staged: Vec<Staged>,
    /// One for each mailbox, however many messages it gets: descriptors are few.
    doors: Vec<Door>,
}

impl Mailbox {
    /// Delivers a message durably. When this returns, it survives a power cut.
    ///
    /// # Errors
    /// Whatever the disk says. A failed sync of the file leaves nothing; one
    /// of the folder takes the message out again, so an error never leaves
    /// mail behind that a retry would double.
    pub fn deliver(&self, message: &Message) -> Result<Delivery> {
        let staged = self.door()?.stage(message, true)?;
        let outcome = staged.publish()?;
        let new = &staged.door.new;
        if let Err(e) = new.sync() {
            if outcome == Delivery::Published {
                // The reader may have taken it meanwhile; then it was delivered after all.
                let _ = new.remove(&staged.name);
            }
            return Err(e.into());
        }
        Ok(outcome)
    }

    fn door(&self) -> Result<Door> {
        Ok(Door { tmp: self.inbox("tmp")?, new: self.inbox("new")? })
    }

    /// Refuses when the mailbox has no room for `more` messages.
    ///
    /// # Errors
    /// [`MailboxError::Full`].
    pub fn ensure_room(&self, more: u64) -> Result<()> {
        const FOLDERS: [&str; 3] = ["new", "cur", "claimed"];
        let limit = self.tree.depth;
        // A directory's own size bounds its entries from above: ours take at least 60 bytes in ext4 and most
        // others. tmpfs and overlays count otherwise, and are counted exactly below.
        let mut bound = 0;
        for folder in FOLDERS {
            let size = self.home.stat(&format!("inbox/{folder}"))?.map_or(0, |s| s.size);
            bound += if size >= 4096 { size / 60 } else { size };
        }
        if bound.saturating_add(more) <= limit {
            return Ok(());
        }
        // Counting a large mailbox takes milliseconds, so the count is good for many sends: what it left free is
        // kept in a lock file, and every sender draws on that.
        let lock = KeptLock::new(&self.tree.locks, self.lock_name("room"));
        let held = lock.exclusive()?;
        let wrap = |e: std::io::Error| FsError::new("use the count of", self.home.path(), e);
        let mut stored = [0; 8];
        let left = if held.read(&mut stored).map_err(wrap)? == 8 { u64::from_le_bytes(stored) } else { 0 };
        let left = match left.checked_sub(more) {
            Some(left) => left,
            None => {
                let mut depth = 0;
                for folder in FOLDERS {
                    depth += self.inbox(folder)?.names()?.iter().filter(|n| n.ends_with(".md")).count() as u64;
                }
                match limit.saturating_sub(depth).checked_sub(more) {
                    Some(free) => free.min(COUNT_GOOD_FOR),
                    None => return Err(MailboxError::Full { agent: self.agent.clone(), depth, limit }),
                }
            }
        };
        held.write(&left.to_le_bytes()).map_err(wrap)?;
        Ok(())
    }

    /// Files a copy of what left in `sent/DAY`, not synced: the daemon's scan
    /// restores it if the machine dies.
    ///
    /// # Errors
    /// Whatever the disk says; a copy that is already there is none.
    pub fn keep_sent(&self, message: &Message) -> Result<()> {
        let day = crate::model::time::day(message.name.accepted());
        let sent = self.place(Place::Sent, &day)?;
        let beside = format!(".{}", crate::fsio::temporary_name("tmp"));
        sent.create(&beside, &message.bytes, false)?;
        let moved = sent.rename(&beside, &sent, &message.name.file(crate::model::Flags::NONE));
        if let Err(e) = moved {
            sent.remove(&beside)?;
            if !e.exists() {
                return Err(e.into());
            }
        }
        Ok(())
    }

    /// Whether the owner has a copy of this message in `sent/`, or has moved
    /// it to `archive/`. No folder is made.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn has_sent(&self, name: &UniqueName) -> Result<bool> {
        let day = crate::model::time::day(name.accepted());
        for flags in [Flags::NONE, Flags::NONE.with(Flag::Seen)] {
            let file = name.file(flags);
            // Beside the day folders too: that is where a plain `mv` into `archive/` leaves it.
            for place in [format!("sent/{day}"), format!("archive/{day}"), "archive".into(), "sent".into()] {
                if self.home.stat(&format!("{place}/{file}"))?.is_some() {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

impl Door {
    fn stage(&self, message: &Message, sync: bool) -> Result<Staged> {
        let name = message.name.file(crate::model::Flags::NONE);
        match self.tmp.create(&name, &message.bytes, sync) {
            Err(e) if e.exists() => {
                // Left by a writer of this same name that died: its bytes are not to be trusted.
                self.tmp.remove(&name)?;
                self.tmp.create(&name, &message.bytes, sync)?;
            }
            other => other?,
        }
        Ok(Staged { door: self.clone(), name })
    }
}

impl Staged {
    fn publish(&self) -> Result<Delivery> {
        let Door { tmp, new } = &self.door;
        match tmp.rename(&self.name, new, &self.name) {
            Ok(()) => Ok(Delivery::Published),
            Err(e) if e.exists() => {
                tmp.remove(&self.name)?;
                Ok(Delivery::AlreadyThere)
            }
            Err(e) => {
                let _ = tmp.remove(&self.name);
                Err(e.into())
            }
        }
    }
}

impl Barrier {
    /// Writes a message into the tmp folder of `mailbox`.
    ///
    /// # Errors
    /// Whatever the disk says; what was staged before stays staged.
    pub fn stage(&mut self, mailbox: &Mailbox, message: &Message) -> Result<()> {
        // Where one call cannot sync many files, each is synced as it is written.
        let each = !cfg!(target_os = "linux");
        let tmp = mailbox.home.path().join("inbox/tmp");
        let at = match self.doors.iter().position(|door| door.tmp.path() == tmp) {
            Some(at) => at,
            None => {
                self.doors.push(mailbox.door()?);
                self.doors.len() - 1
            }
        };
        self.staged.push(self.doors[at].stage(message, each)?);
        Ok(())
    }

    /// Makes all of it durable and visible. Nothing is visible before all
    /// bytes are on stable storage.
    ///
    /// # Errors
    /// The first failure; what was published by then stays, and publishing
    /// again is harmless.
    pub fn publish(self) -> Result<()> {
        // A mailbox may be mounted from elsewhere: each file system has a barrier of its own.
        let mut synced = Vec::new();
        for door in &self.doors {
            let device = door.tmp.own_stat()?.device;
            if !synced.contains(&device) {
                door.tmp.sync_file_system()?;
                synced.push(device);
            }
        }
        for staged in &self.staged {
            staged.publish()?;
        }
        for door in &self.doors {
            door.new.sync()?;
        }
        Ok(())
    }
}
