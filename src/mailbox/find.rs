//! One message by its id, wherever in the mailbox it is.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::model::time::day;
use crate::model::{Message, MessageId};

use super::layout::{Mailbox, Place};
use super::scan::{Raw, Scanned, Which};
use super::{MailboxError, Result};

/// Shortest part of an id that is looked up.
const SHORTEST: usize = 6;

/// How often a message is looked up that is moved each time it is found.
const LOOKUPS: usize = 3;

impl Mailbox {
    /// Finds the message whose id is `text` or begins or ends with it (at
    /// least 6 characters, upper or lower case): in the inbox, then in the
    /// archive, then among the sent.
    ///
    /// # Errors
    /// Not found, or several fit.
    pub fn find(&self, text: &str) -> Result<Scanned> {
        let wanted = text.trim().to_ascii_uppercase();
        if wanted.len() < SHORTEST {
            return Err(self.not_found(format!("{text:?} (give at least {SHORTEST} characters of its id)")));
        }
        let live = self.scan(Which::Inbox, None)?;
        if let Some(found) = only_one(&wanted, live)? {
            return Ok(found);
        }
        for place in [Place::Archive, Place::Sent] {
            let names = self.scan_days(place)?.into_iter().filter_map(Raw::read).collect();
            if let Some(found) = only_one(&wanted, names)? {
                return Ok(found);
            }
        }
        // A restore or a plain `mv` may have brought it from the archive into the inbox between the two looks.
        match only_one(&wanted, self.scan(Which::Inbox, None)?)? {
            Some(found) => Ok(found),
            None => Err(self.not_found(text)),
        }
    }

    /// The owner's copy of a message that left since `since`: in `sent/`, or
    /// moved from there to the archive. Folders of earlier days are not read.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub fn find_sent(&self, id: MessageId, since: jiff::Timestamp) -> Result<Option<Scanned>> {
        let first = crate::model::time::day(since);
        let tail = id.to_string();
        for place in [Place::Sent, Place::Archive] {
            for raw in self.scan_days_from(place, &first)? {
                if raw.file.contains(&tail) {
                    return Ok(raw.read());
                }
            }
        }
        Ok(None)
    }

    /// The message with exactly this id, in the inbox, the archive or among
    /// the sent; the later place of its life where it stands in several.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub fn find_id(&self, id: MessageId) -> Result<Option<Scanned>> {
        let mut all = self.scan(Which::All, None)?;
        all.extend(self.scan_sent()?);
        Ok(all.into_iter().filter(|s| s.name.id() == id).max_by_key(|s| s.place))
    }

    /// What stands in the archive and was filed on the day of `since` or later,
    /// which is everything that was accepted since then.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub fn archived_since(&self, since: Timestamp) -> Result<HashMap<MessageId, Scanned>> {
        // Also where nothing may be written: a folder that is not there holds nothing.
        if self.home.stat(Place::Archive.word())?.is_none() {
            return Ok(HashMap::new());
        }
        let found = self.scan_days_from(Place::Archive, &day(since))?;
        Ok(found.into_iter().filter_map(Raw::read).map(|one| (one.name.id(), one)).collect())
    }

    /// Whether two files that scans found both stand where they were.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn both_stand(&self, one: &Scanned, other: &Scanned) -> Result<bool> {
        let _shared = self.lock_shared()?;
        let stands = |found: &Scanned| -> Result<bool> { Ok(self.folder(found)?.stat(&found.file)?.is_some()) };
        Ok(stands(one)? && stands(other)?)
    }

    /// Whether this mailbox received the message: in the inbox, the archive
    /// or among the dead.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub fn has_received(&self, id: MessageId) -> Result<bool> {
        let is = |s: &Scanned| s.name.id() == id;
        if self.scan(Which::All, None)?.iter().any(is) {
            return Ok(true);
        }
        let tail = id.to_string();
        if self.place(Place::Dead, "")?.names()?.iter().any(|n| n.contains(&tail) && n.ends_with(".md")) {
            return Ok(true);
        }
        // It may have come back from the archive or the dead into the inbox between the looks.
        Ok(self.scan(Which::Inbox, None)?.iter().any(is))
    }

    /// Reads a message that a scan found. When it was moved or flagged since,
    /// it is looked up again.
    ///
    /// # Errors
    /// Not found, or unreadable: [`MailboxError::Model`] or a refusal of the
    /// disk, after which it belongs into `dead/`.
    pub fn open(&self, found: &Scanned) -> Result<Message> {
        let mut result = self.open_at(found);
        for _ in 0..LOOKUPS {
            match result {
                Err(MailboxError::Fs(e)) if e.is_not_found() => {
                    let again = self.find(&found.name.id().to_string())?;
                    result = self.open_at(&again);
                }
                other => return other,
            }
        }
        result
    }

    /// The bytes of a message as they are, not parsed.
    ///
    /// # Errors
    /// Gone since the scan, or refused by the disk.
    pub fn bytes_of(&self, found: &Scanned) -> Result<Vec<u8>> {
        Ok(self.folder(found)?.read(&found.file, self.tree.limits.file())?)
    }

    pub(super) fn open_at(&self, found: &Scanned) -> Result<Message> {
        let dir = self.folder(found)?;
        let limit = self.tree.limits.file();
        let bytes = match dir.read(&found.file, limit) {
            Err(e) if e.is_refused() && self.complete_twin(found)? => dir.read(&found.file, limit)?,
            other => other?,
        };
        Message::parse(found.name.clone(), bytes, &self.tree.limits)
            .map_err(|source| MailboxError::Model { path: dir.path().join(&found.file).display().to_string(), source })
    }

    /// The folder a scanned message is in.
    pub(super) fn folder(&self, found: &Scanned) -> Result<crate::fsio::Dir> {
        if found.day.is_empty() && matches!(found.place, Place::Archive | Place::Sent) {
            return Ok(self.home.child(found.place.word())?);
        }
        self.place(found.place, &found.day)
    }

    /// A publication by link and unlink that died between the two leaves a
    /// second name in `tmp/`: that one is removed. Any other second name is
    /// not ours to judge.
    fn complete_twin(&self, found: &Scanned) -> Result<bool> {
        let tmp = self.inbox("tmp")?;
        let plain = found.name.file(crate::model::Flags::NONE);
        let (Some(here), Some(there)) = (self.folder(found)?.stat(&found.file)?, tmp.stat(&plain)?) else {
            return Ok(false);
        };
        if here.links == 2 && here.inode == there.inode && here.device == there.device {
            tmp.remove(&plain)?;
            return Ok(true);
        }
        Ok(false)
    }

    /// The whole path of a scanned message.
    #[must_use]
    pub fn path_of(&self, found: &Scanned) -> std::path::PathBuf {
        let home = self.home.path();
        match found.place {
            Place::New | Place::Cur | Place::Claimed => home.join("inbox").join(found.place.word()).join(&found.file),
            Place::Dead => home.join("dead").join(&found.file),
            Place::Archive | Place::Sent => home.join(found.place.word()).join(&found.day).join(&found.file),
        }
    }
}

fn only_one(wanted: &str, names: Vec<Scanned>) -> Result<Option<Scanned>> {
    let mut fits: Vec<Scanned> = names
        .into_iter()
        .filter(|s| {
            let text = s.name.as_str();
            let id = &text[text.len() - 26..];
            id.starts_with(wanted) || id.ends_with(wanted)
        })
        .collect();
    // One id twice is one message, and the later place of its life is the true one.
    fits.sort_by(|a, b| (a.name.id(), b.place, &b.name).cmp(&(b.name.id(), a.place, &a.name)));
    fits.dedup_by(|b, a| a.name.id() == b.name.id());
    match fits.len() {
        0 => Ok(None),
        1 => Ok(fits.pop()),
        _ => {
            let ids: Vec<String> = fits.iter().take(5).map(|s| s.name.id().to_string()).collect();
            Err(MailboxError::Ambiguous(wanted.to_owned(), ids.join(", ")))
        }
    }
}
