//! Idempotency keys: the same key from the same sender is one letter.
//!
//! `.cellphone/keys/<sha256 of sender and key>` says under which name the
//! letter was accepted; it is durable before the letter is, so a retry after
//! a crash finds the name and completes what is missing. Senders of one key
//! take turns under a lock of that key.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::fsio::{Dir, Lock};
use crate::mailbox::MailboxError;
use crate::model::{AgentName, Flags, UniqueName};

use super::{Letter, Post, PostError, Posted, Result};

const RECORD_MAX: u64 = 1024 * 1024;

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    name: String,
    from: AgentName,
    recipients: Vec<AgentName>,
    done: bool,
    /// Kept so that a repeated outbox file with an id can be told from another letter with the same id.
    digest: String,
}

impl Post {
    pub(super) fn post_once(&self, letter: Letter, key: &str) -> Result<Posted> {
        let keys = self.state.child_or_create("keys")?;
        let file = file_name(&letter, key);
        let _turn = Lock::exclusive(&self.tree_locks()?, &format!("key-{}", &file[..2]))?;
        let body = crate::model::message::digest(&letter.draft.body);
        match self.record(&keys, &file)? {
            Some(record) => self.repeat(letter, &keys, &file, record, &body),
            None => {
                let name = self.issue(&letter)?;
                let message = self.stamp(&letter, Some(name))?;
                let mut record = Record {
                    name: message.name.file(Flags::NONE),
                    from: letter.from.clone(),
                    recipients: letter.recipients.clone(),
                    done: false,
                    digest: body,
                };
                write(&keys, &file, &record, true)?;
                let posted = match self.hand_out(&letter, message, false) {
                    Ok(posted) => posted,
                    Err(e) => {
                        // Nothing was accepted: the key is free again.
                        let _ = keys.remove(&file);
                        return Err(e);
                    }
                };
                record.done = true;
                write(&keys, &file, &record, false)?;
                Ok(posted)
            }
        }
    }

    fn repeat(&self, mut letter: Letter, keys: &Dir, file: &str, mut record: Record, body: &str) -> Result<Posted> {
        let name = UniqueName::parse(&record.name).map(|(name, _)| name)?;
        if letter.id.is_some() && (record.from != letter.from || record.digest != body) {
            return Err(PostError::IdTaken(name.id(), record.from));
        }
        letter.recipients.clone_from(&record.recipients);
        let message = self.stamp(&letter, Some(name))?;
        if record.done {
            return Ok(Posted { message, delivered: record.recipients, pending: Vec::new(), duplicate: true });
        }
        let posted = self.hand_out(&letter, message, true)?;
        record.done = true;
        write(keys, file, &record, false)?;
        Ok(posted)
    }

    fn record(&self, keys: &Dir, file: &str) -> Result<Option<Record>> {
        match keys.read(file, RECORD_MAX) {
            // A record that cannot be read was not written by us whole: the rename makes that impossible but by hand.
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(e) if e.is_not_found() => Ok(None),
            Err(e) => Err(MailboxError::Fs(e).into()),
        }
    }

    pub(super) fn tree_locks(&self) -> Result<Dir> {
        Ok(self.state.child_or_create("locks")?)
    }

    /// Forgets keys of letters that are older than `age`; gives how many.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn forget_keys(&self, age: std::time::Duration) -> Result<usize> {
        let keys = self.state.child_or_create("keys")?;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let mut forgotten = 0;
        for file in keys.names()? {
            if keys.stat(&file)?.is_some_and(|s| now.saturating_sub(s.modified) > age) && keys.remove(&file).is_ok() {
                forgotten += 1;
            }
        }
        Ok(forgotten)
    }
}

/// A key is the sender's own; an id is one for the whole root.
fn file_name(letter: &Letter, key: &str) -> String {
    let scope = if letter.id.is_some() { "id" } else { letter.from.as_str() };
    let digest = Sha256::digest(format!("{scope}\n{key}").as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn write(keys: &Dir, file: &str, record: &Record, sync: bool) -> Result<()> {
    let bytes = serde_json::to_vec(record).unwrap_or_default();
    Ok(keys.replace(file, &bytes, sync)?)
}
