//! What is in a mailbox, from the names alone.
//!
//! A scan holds the lock shared, so our own moves cannot slip past it. A plain
//! `mv` holds no lock: when a folder changed while it was read, it is read
//! again and the readings are united by id.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::fsio::Dir;
use crate::model::time::{day, is_day};
use crate::model::{Flags, MessageId, UniqueName};

use super::Result;
use super::layout::{Mailbox, Place};

/// How often a folder that keeps changing is read again.
const READINGS: usize = 6;

/// Which messages a scan is after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// `new/` alone.
    Unread,
    /// Everything in the inbox: unread, claimed, seen.
    Inbox,
    /// The inbox and the archive.
    All,
}

/// One message as its name tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scanned {
    /// Its name without flags.
    pub name: UniqueName,
    /// Its flags.
    pub flags: Flags,
    /// Where it is.
    pub place: Place,
    /// Its file name, flags included.
    pub file: String,
    /// The day folder, where there is one.
    pub day: String,
}

impl Mailbox {
    /// The messages, oldest first; with `newest`, only that many of the
    /// newest. No file is opened.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub fn scan(&self, which: Which, newest: Option<usize>) -> Result<Vec<Scanned>> {
        let mut found = {
            let _shared = self.lock_shared()?;
            self.scan_live(which)?
        };
        if which == Which::All {
            found.extend(self.scan_days(Place::Archive)?);
        }
        if let Some(n) = newest
            && found.len() > n
        {
            if n == 0 {
                return Ok(Vec::new());
            }
            // A message that was moved meanwhile can stand here twice, so a few more are kept until that is settled.
            let cut = found.len().saturating_sub(n + READINGS);
            if cut > 0 {
                found.select_nth_unstable_by(cut, |a, b| a.file.cmp(&b.file));
                found.drain(..cut);
            }
        }
        let mut listed: Vec<Scanned> = found.into_iter().filter_map(Raw::read).collect();
        // The same message in two places: the later place of its life is the true one.
        listed.sort_by(|a, b| a.name.cmp(&b.name).then(b.place.cmp(&a.place)));
        listed.dedup_by(|b, a| a.name == b.name);
        if let Some(n) = newest {
            listed.drain(..listed.len().saturating_sub(n));
        }
        Ok(listed)
    }

    /// What was sent from here, in no order.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn scan_sent(&self) -> Result<Vec<Scanned>> {
        Ok(self.scan_days(Place::Sent)?.into_iter().filter_map(Raw::read).collect())
    }

    /// What went to the archive of the days from `since` on, and what lies
    /// dead that was accepted since then, in no order. Day folders that `skip`
    /// names, and their messages, are passed over.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub fn scan_gone(&self, since: Timestamp, mut skip: impl FnMut(&Dir) -> bool) -> Result<Vec<Scanned>> {
        let first = day(since);
        let mut folders = Vec::new();
        for (place, top) in [(Place::Archive, self.home.below("archive")), (Place::Dead, self.home.below("dead"))] {
            let top = match top {
                Err(e) if e.is_not_found() => continue,
                other => other?,
            };
            if place == Place::Archive {
                for name in top.names()? {
                    if is_day(&name) && name >= first {
                        folders.extend(top.child(&name).ok().map(|dir| (place, name, dir)));
                    }
                }
            }
            folders.push((place, String::new(), top));
        }
        let mut found = Vec::new();
        for (place, day, dir) in folders {
            if skip(&dir) {
                continue;
            }
            let names = message_names(&dir)?;
            let scanned = names.filter_map(|file| Raw { file, place, day: day.clone() }.read());
            found.extend(scanned.filter(|s| s.name.accepted() >= since));
        }
        Ok(found)
    }

    /// How many messages wait in `new/`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn count_unread(&self) -> Result<usize> {
        self.count(Place::New)
    }

    /// How many messages are held under a lease.
    ///
    /// # Errors
    /// When `claimed/` cannot be read.
    pub fn count_claimed(&self) -> Result<usize> {
        self.count(Place::Claimed)
    }

    fn count(&self, place: Place) -> Result<usize> {
        let Some(folder) = self.look(place)? else { return Ok(0) };
        Ok(match &self.tree.names {
            Some(kept) => kept.of(&folder)?.len(),
            None => message_names(&folder)?.count(),
        })
    }

    /// Names in `inbox/new` and `inbox/cur` that are no message names: put
    /// there by hand, or hurt.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub fn foreign(&self) -> Result<Vec<(Place, String)>> {
        let mut found = Vec::new();
        for place in [Place::New, Place::Cur] {
            let Some(folder) = self.look(place)? else { continue };
            for name in folder.names()? {
                if !name.starts_with('.') && UniqueName::parse(&name).is_err() {
                    found.push((place, name));
                }
            }
        }
        Ok(found)
    }

    /// The messages in `sent/` or `archive/`, in no order; files that somebody
    /// put beside the day folders are found too.
    pub(super) fn scan_days(&self, place: Place) -> Result<Vec<Raw>> {
        self.scan_days_from(place, "")
    }

    /// As [`scan_days`](Self::scan_days), without the days before `first`.
    pub(super) fn scan_days_from(&self, place: Place, first: &str) -> Result<Vec<Raw>> {
        let mut found = Vec::new();
        let Some(top) = self.look(place)? else { return Ok(found) };
        for entry in top.names()? {
            if is_message(&entry) {
                found.push(Raw { file: entry, place, day: String::new() });
            } else if (!is_day(&entry) || entry.as_str() >= first)
                && let Ok(day) = top.child(&entry)
            {
                let names = message_names(&day)?;
                found.extend(names.map(|file| Raw { file, place, day: entry.clone() }));
            }
        }
        Ok(found)
    }

    fn scan_live(&self, which: Which) -> Result<Vec<Raw>> {
        let places: &[Place] =
            if which == Which::Unread { &[Place::New] } else { &[Place::New, Place::Claimed, Place::Cur] };
        let look = |place: &Place| Ok(self.look(*place)?.map(|folder| (*place, folder)));
        let folders: Vec<Option<(Place, Dir)>> = places.iter().map(look).collect::<Result<_>>()?;
        let folders: Vec<(Place, Dir)> = folders.into_iter().flatten().collect();
        let mut before = modified(&folders)?;
        let mut found = self.read_all(&folders)?;
        for _ in 1..READINGS {
            let after = modified(&folders)?;
            if after == before && !is_fresh(&after) {
                return Ok(found);
            }
            before = after;
            found = unite(&folders, found, self.read_all(&folders)?)?;
        }
        Ok(found)
    }

    fn read_all(&self, folders: &[(Place, Dir)]) -> Result<Vec<Raw>> {
        let mut found = Vec::new();
        for (place, dir) in folders {
            let raw = |file| Raw { file, place: *place, day: String::new() };
            match &self.tree.names {
                Some(kept) => found.extend(kept.of(dir)?.iter().map(|name| raw(name.to_string()))),
                None => found.extend(message_names(dir)?.map(raw)),
            }
        }
        Ok(found)
    }
}

/// A name found in a folder, not yet read.
#[derive(Debug, Clone)]
pub(super) struct Raw {
    pub(super) file: String,
    pub(super) place: Place,
    pub(super) day: String,
}

impl Raw {
    pub(super) fn claimed(file: String) -> Option<Scanned> {
        Self { file, place: Place::Claimed, day: String::new() }.read()
    }

    pub(super) fn read(self) -> Option<Scanned> {
        let (name, flags) = UniqueName::parse(&self.file).ok()?;
        Some(Scanned { name, flags, place: self.place, file: self.file, day: self.day })
    }
}

fn is_message(name: &str) -> bool {
    name.ends_with(".md") && name.as_bytes()[0].is_ascii_digit() && name.len() > 50
}

fn modified(folders: &[(Place, Dir)]) -> Result<Vec<std::time::Duration>> {
    folders.iter().map(|(_, dir)| Ok(dir.own_stat()?.modified)).collect()
}

/// Whether a change is so young that another within the same tick of the
/// file system's clock (4 ms on most kernels) would not show.
fn is_fresh(times: &[std::time::Duration]) -> bool {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    times.iter().any(|t| now.saturating_sub(*t) < std::time::Duration::from_millis(6))
}

/// The names in a folder that are a message's, in no order.
pub(super) fn message_names(dir: &Dir) -> Result<impl Iterator<Item = String>> {
    Ok(dir.names()?.into_iter().filter(|name| is_message(name)))
}

/// Unites two readings: the later one counts where both have a message; what
/// only the earlier one has was missed or is gone, and the disk is asked.
fn unite(folders: &[(Place, Dir)], earlier: Vec<Raw>, later: Vec<Raw>) -> Result<Vec<Raw>> {
    let mut by_id: HashMap<MessageId, ()> = HashMap::with_capacity(later.len());
    by_id.extend(later.iter().filter_map(|raw| id_of(&raw.file)).map(|id| (id, ())));
    let mut united = later;
    for raw in earlier {
        let known = id_of(&raw.file).is_none_or(|id| by_id.contains_key(&id));
        if known {
            continue;
        }
        let Some((_, dir)) = folders.iter().find(|(place, _)| *place == raw.place) else { continue };
        if dir.stat(&raw.file)?.is_some() {
            united.push(raw);
        } else if let Some(moved) = elsewhere(folders, &raw)? {
            united.push(moved);
        }
    }
    Ok(united)
}

/// Where a message stands that lost its name while the folders were read: it
/// got other flags or another folder, and the later reading missed it too.
/// All names that it can have are asked for, which only such a race costs.
fn elsewhere(folders: &[(Place, Dir)], raw: &Raw) -> Result<Option<Raw>> {
    let Ok((name, _)) = UniqueName::parse(&raw.file) else { return Ok(None) };
    for (place, dir) in folders.iter().rev() {
        for flags in Flags::every() {
            let file = name.file(flags);
            if dir.stat(&file)?.is_some() {
                return Ok(Some(Raw { file, place: *place, day: String::new() }));
            }
        }
    }
    Ok(None)
}

fn id_of(file: &str) -> Option<MessageId> {
    UniqueName::parse(file).ok().map(|(name, _)| name.id())
}
