//! What is in a mailbox, or in a restored copy of one, file by file, and
//! which message each file is.
//!
//! A message is known by its id: received (inbox, archive, dead) or sent. Any
//! other file is known by its path. What is being written, and leases, are
//! nothing that can be brought back: a claim of another day comes back as mail
//! that waits.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::fsio::Dir;
use crate::model::{Flags, MessageId, UniqueName};

use super::layout::Place;
use super::{Lease, Result, unnumbered};

/// What a file of a mailbox is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// A message its owner received.
    Received(MessageId),
    /// The copy of one its owner sent.
    Sent(MessageId),
    /// Anything else, by its path.
    File(String),
}

impl Key {
    /// The message's id, if it is one.
    #[must_use]
    pub const fn id(&self) -> Option<MessageId> {
        match self {
            Self::Received(id) | Self::Sent(id) => Some(*id),
            Self::File(_) => None,
        }
    }
}

/// One file of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What it is.
    pub key: Key,
    /// Its path from the mailbox's folder.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// Permission bits.
    pub mode: u32,
}

impl Item {
    /// Where it belongs when it is brought back: a claim is over.
    #[must_use]
    pub fn target(&self) -> String {
        match (self.path.strip_prefix("inbox/claimed/"), &self.key) {
            (Some(file), Key::Received(_)) => match UniqueName::parse(file) {
                Ok((name, _)) => format!("inbox/new/{}", name.file(Flags::NONE)),
                Err(_) => self.path.clone(),
            },
            _ => self.path.clone(),
        }
    }
}

/// Everything below the folder of a mailbox, one item for each key: where one
/// message stands twice, the later place of its life counts. Links, FIFOs and
/// second names are passed over, or refused where `refuses` says so of the path.
///
/// # Errors
/// What cannot be read, and what is refused.
pub fn contents(home: &Dir, refuses: &dyn Fn(&str) -> bool) -> Result<Vec<Item>> {
    let mut items: Vec<(Place, Item)> = home
        .files_below(refuses)?
        .into_iter()
        .filter_map(|found| {
            let (key, place) = key_of(&found.path)?;
            Some((place, Item { key, path: found.path, size: found.stat.size, mode: found.stat.mode }))
        })
        .collect();
    items.sort_by(|a, b| (&a.1.key, b.0, &a.1.path).cmp(&(&b.1.key, a.0, &b.1.path)));
    let mut kept: Vec<Item> = Vec::with_capacity(items.len());
    for (place, mut item) in items {
        if kept.last().is_some_and(|before| before.key == item.key) {
            if place != Place::Dead {
                continue;
            }
            // Two dead letters of one id are two letters.
            item.key = Key::File(item.path.clone());
        }
        kept.push(item);
    }
    Ok(kept)
}

/// How often each message was claimed so far, as the leases of a restored
/// mailbox tell it.
#[must_use]
pub fn attempts(home: &Dir) -> HashMap<MessageId, u32> {
    let Ok(claimed) = home.below("inbox/claimed") else { return HashMap::new() };
    let ids = claimed.names().unwrap_or_default().into_iter().filter_map(|name| {
        let id = name.strip_suffix(".lease")?.parse().ok()?;
        let lease: Lease = serde_json::from_slice(&claimed.read(&name, 4096).ok()?).ok()?;
        Some((id, lease.attempts))
    });
    ids.collect()
}

/// What stands under a path of a mailbox; `None` for what is no content.
fn key_of(path: &str) -> Option<(Key, Place)> {
    let parts: Vec<&str> = path.split('/').collect();
    let file = *parts.last()?;
    if is_temporary(file) {
        return None;
    }
    let message = |place: Place, name: &str| {
        let id = UniqueName::parse(name).ok().map(|(name, _)| name.id());
        let key = match (id, place) {
            (None, _) => Key::File(path.to_owned()),
            (Some(id), Place::Sent) => Key::Sent(id),
            (Some(id), _) => Key::Received(id),
        };
        Some((key, place))
    };
    match parts.as_slice() {
        // Every mailbox that is complete has these.
        ["inbox" | "outbox" | "dead", ".gitignore"] => None,
        ["inbox", "tmp", ..] => None,
        ["inbox", "claimed", lease] if lease.ends_with(".lease") => None,
        ["inbox", "claimed", _] => message(Place::Claimed, file),
        ["inbox", "new", _] => message(Place::New, file),
        ["inbox", "cur", _] => message(Place::Cur, file),
        ["archive", _] | ["archive", _, _] => message(Place::Archive, file),
        ["sent", _] | ["sent", _, _] => message(Place::Sent, file),
        ["dead", _] => message(Place::Dead, unnumbered(file)),
        _ => Some((Key::File(path.to_owned()), Place::New)),
    }
}

/// Whether it is a file of ours that was not finished: `.CLOCK.PID.N.HINT`.
fn is_temporary(name: &str) -> bool {
    let mut parts = name.strip_prefix('.').unwrap_or("").split('.');
    parts.next().is_some_and(|clock| !clock.is_empty() && clock.bytes().all(|b| b.is_ascii_hexdigit()))
        && parts.next().is_some_and(|pid| !pid.is_empty() && pid.bytes().all(|b| b.is_ascii_digit()))
        && parts.count() == 2
}
