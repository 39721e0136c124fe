//! The record of what happened: one JSON line for each event, append-only,
//! each line chained to the one before by a hash.
//!
//! A line is `{"seq":N,"at":…,"event":…,…,"prev":"H","hash":"H"}`, where `hash`
//! is SHA-256 over the bytes of the line before `,"hash"` and `prev` is the
//! hash of the line before, so an edited, removed or inserted line shows.
//! Promises: two writers never interleave (a lock of microseconds); a line cut
//! off by a full disk or a power cut is repaired by the next append, which
//! says so; segments change by size and the chain goes on through them. The
//! journal is not synced: what the files say is the truth, and the scan
//! restores lines that a power cut took. It never holds a body or a secret.

mod chain;
mod read;
mod restore;
mod verify;
mod walk;
mod write;

use std::sync::{Arc, Mutex, PoisonError};

use self::write::Writer;
use crate::config::redact;
use crate::fsio::{Dir, FsError};
use crate::model::Event;

pub use read::{Filter, Follower, Record, Records};
pub use restore::{Standing, standing};
pub use verify::{Break, Verified};
pub use walk::{Piece, Walk};

const FOLDER: &str = "journal";
const CURRENT: &str = "journal.jsonl";
/// A segment ends past this many bytes.
const SEGMENT: u64 = 32 * 1024 * 1024;
/// Finished segments that are kept: 1 GiB in all.
const KEPT: usize = 32;

/// Why the journal could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk says no.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// An event could not be written as JSON.
    #[error("journal: cannot encode an event: {0}")]
    Encode(#[from] serde_json::Error),
}

/// The journal of one root. Cheap to make; opens its files when used.
#[derive(Debug, Clone)]
pub struct Journal {
    state: Dir,
    segment: u64,
    writer: Arc<Mutex<Option<Writer>>>,
}

impl Journal {
    /// The journal in a root's `.cellphone/`.
    #[must_use]
    pub fn open(root_state: &Dir) -> Self {
        Self { state: root_state.clone(), segment: SEGMENT, writer: Arc::default() }
    }

    #[cfg(test)]
    fn with_segment(mut self, bytes: u64) -> Self {
        self.segment = bytes;
        self
    }

    fn dir(&self) -> Result<Dir, JournalError> {
        Ok(self.state.child_or_create(FOLDER)?)
    }

    fn locks(&self) -> Result<Dir, JournalError> {
        Ok(self.state.child_or_create("locks")?)
    }

    /// Appends events, in order and next to each other.
    ///
    /// # Errors
    /// When the journal cannot be written; what it holds stays readable.
    pub fn append(&self, events: &[Event]) -> Result<(), JournalError> {
        let Some(first) = events.first() else { return Ok(()) };
        // Encoding happens before the lock: it is held for the write alone.
        let body = |event| serde_json::to_string(event).map(|text| redact(&text).into_owned());
        let bodies = events.iter().map(body).collect::<Result<Vec<_>, _>>()?;
        let mut kept = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let kept_one = kept.is_some();
        let mut appended = self.writer(&mut kept)?.append(first.at, &bodies, self.segment);
        if kept_one && appended.is_err() {
            // Its folder may have been removed, or made anew.
            *kept = None;
            appended = self.writer(&mut kept)?.append(first.at, &bodies, self.segment);
        }
        if appended.is_err() {
            *kept = None;
        }
        appended
    }

    fn writer<'a>(&self, kept: &'a mut Option<Writer>) -> Result<&'a mut Writer, JournalError> {
        match kept {
            Some(writer) => Ok(writer),
            none => Ok(none.insert(Writer::new(self.dir()?, &self.locks()?))),
        }
    }
}

/// Names of the finished segments, oldest first.
fn finished(dir: &Dir) -> Result<Vec<String>, JournalError> {
    let mut names: Vec<String> = dir.names()?;
    names.retain(|name| name.starts_with("journal-") && name.ends_with(".jsonl"));
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests;
