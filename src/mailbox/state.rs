//! The owner's changes of state: seen, flagged, archived. Each is a rename
//! under the mailbox lock.

use crate::model::time::day;
use crate::model::{Flag, Flags};

use super::claim::Lease;
use super::layout::{Mailbox, Place};
use super::scan::Scanned;
use super::{MailboxError, Result};

impl Mailbox {
    /// Moves a message from `new/` to `cur/`, seen; one that is there already
    /// stays. Gives where it is now.
    ///
    /// # Errors
    /// Not found, or the disk.
    pub fn mark_seen(&self, found: &Scanned) -> Result<Scanned> {
        self.add_flag(found, Flag::Seen)
    }

    /// Sets a flag on a message of the inbox, which makes it a seen one. One
    /// that is claimed or archived keeps its name.
    ///
    /// # Errors
    /// Not found, or the disk.
    pub fn add_flag(&self, found: &Scanned, flag: Flag) -> Result<Scanned> {
        let _lock = self.lock_exclusive()?;
        let mut now = self.relocate(found)?;
        if !matches!(now.place, Place::New | Place::Cur) || now.place == Place::Cur && now.flags.has(flag) {
            return Ok(now);
        }
        let flags = now.flags.with(flag).with(Flag::Seen);
        self.shift(&mut now, Place::Cur, flags)?;
        Ok(now)
    }

    /// Moves a message into `archive/DAY`, by the day it was accepted. One
    /// that is archived already stays.
    ///
    /// # Errors
    /// Not found, the disk, or [`MailboxError::Leased`]: what somebody works
    /// on is finished by its token alone.
    pub fn archive(&self, found: &Scanned) -> Result<Scanned> {
        let _lock = self.lock_exclusive()?;
        let mut now = self.relocate(found)?;
        if !matches!(now.place, Place::New | Place::Cur | Place::Claimed) {
            return Ok(now);
        }
        let flags = now.flags.with(Flag::Seen);
        let was_claimed = now.place == Place::Claimed;
        if was_claimed && let Some(lease) = self.lease(now.name.id())?.filter(Lease::is_live) {
            return Err(MailboxError::Leased(now.name.id(), lease.until));
        }
        self.shift(&mut now, Place::Archive, flags)?;
        if was_claimed {
            self.forget_lease(now.name.id())?;
        }
        Ok(now)
    }

    /// Where a scanned message is at this moment; the lock is held.
    pub(super) fn relocate(&self, found: &Scanned) -> Result<Scanned> {
        if self.folder(found)?.stat(&found.file)?.is_some() {
            return Ok(found.clone());
        }
        for place in [Place::New, Place::Cur, Place::Claimed] {
            for file in self.place(place, "")?.names()? {
                if let Ok((name, flags)) = crate::model::UniqueName::parse(&file)
                    && name == found.name
                {
                    return Ok(Scanned { name, flags, place, file, day: String::new() });
                }
            }
        }
        Err(self.not_found(found.name.id()))
    }

    /// Renames within the mailbox; the lock is held. A name that is taken in
    /// the archive (the same message put there by hand) leaves this one where
    /// it is, for `doctor` to judge.
    pub(super) fn shift(&self, what: &mut Scanned, to: Place, flags: Flags) -> Result<()> {
        let from = self.folder(what)?;
        let day = if matches!(to, Place::Archive | Place::Sent) { day(what.name.accepted()) } else { String::new() };
        let file = what.name.file(flags);
        let target = self.place(to, &day)?;
        if target.path() == from.path() && file == what.file {
            return Ok(());
        }
        from.rename(&what.file, &target, &file).map_err(|e| match e.is_not_found() {
            true => self.not_found(what.name.id()),
            false => MailboxError::Fs(e),
        })?;
        (what.place, what.flags, what.file, what.day) = (to, flags, file, day);
        Ok(())
    }
}
