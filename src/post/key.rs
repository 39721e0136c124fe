//! Idempotency keys: the same key from the same sender is one letter.
//!
//! `.cellphone/keys/<sha256 of sender and key>` says under which name the
//! letter was accepted; it is durable before the letter is, so a retry after
//! a crash finds the name and completes what is missing. Senders of one key
//! take turns under a lock of that key. Another letter under a key that is
//! taken is refused, never swallowed.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::fsio::{Dir, Lock};
use crate::mailbox::MailboxError;
use crate::model::message::digest;
use crate::model::{AgentName, Flags, Header, Message, MessageId, UniqueName};

use super::{Letter, Post, PostError, Posted, Result};

const RECORD_MAX: u64 = 1024 * 1024;

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    name: String,
    from: AgentName,
    recipients: Vec<AgentName>,
    /// The addresses as written, sorted: `any:@role` may mean somebody else the next time. Empty in older records.
    #[serde(default)]
    asked: Vec<String>,
    done: bool,
    /// Of the body, or what stands for it where that is sealed: with `asked` it tells a repeated letter from another one.
    digest: String,
}

impl Record {
    /// In what this letter is not the one that the record is of.
    fn differs(&self, letter: &Letter, body: &str) -> Option<&'static str> {
        if self.digest != body {
            return Some("text");
        }
        (!self.asked.is_empty() && self.asked != asked(&letter.draft.header)).then_some("list of recipients")
    }
}

impl Post {
    pub(super) fn post_once(&self, letter: Letter, key: &str) -> Result<Posted> {
        let keys = self.state.child_or_create("keys")?;
        let file = file_name(&letter, key);
        let _turn = Lock::exclusive(&self.tree_locks()?, &format!("key-{}", &file[..2]))?;
        let body = letter.text();
        let record = match (self.record(&keys, &file)?, letter.id) {
            (None, Some(id)) => self.accepted_before(&letter, id, &body)?,
            (record, _) => record,
        };
        match record {
            Some(record) => self.repeat(letter, key, (&keys, &file), record, &body),
            None => {
                let name = self.issue(&letter)?;
                let message = self.stamp(&letter, Some(name))?;
                let mut record = Record {
                    name: message.name.file(Flags::NONE),
                    from: letter.from.clone(),
                    recipients: letter.recipients.clone(),
                    asked: asked(&letter.draft.header),
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

    fn repeat(
        &self,
        mut letter: Letter,
        key: &str,
        (keys, file): (&Dir, &str),
        mut record: Record,
        body: &str,
    ) -> Result<Posted> {
        let name = UniqueName::parse(&record.name).map(|(name, _)| name)?;
        let id = name.id();
        let differs = record.differs(&letter, body);
        if letter.id.is_some() && (record.from != letter.from || differs.is_some()) {
            return Err(PostError::IdTaken(id, record.from));
        }
        // The program's own keys say what happened, not in which words and to whom it was told.
        if let Some(what) = differs.filter(|_| letter.from != AgentName::system()) {
            return Err(PostError::KeyTaken { key: key.to_owned(), id, what });
        }
        // Those it was accepted for: `any:@role` may mean somebody else by now.
        letter.recipients.clone_from(&record.recipients);
        let message = self.stamp(&letter, Some(name))?;
        let (has, lacks) = self.standing(&record.recipients, id)?;
        // A file that names its id is dropped anew to reach whom it did not: from `dead/`, say.
        let again = letter.id.is_some() && !lacks.is_empty() && !self.is_spooled(&message.name)?;
        if record.done && !again {
            return Ok(Posted { message, delivered: has, pending: absent(lacks), duplicate: true });
        }
        letter.recipients = if record.done { lacks } else { record.recipients.clone() };
        if record.done {
            for name in &letter.recipients {
                self.tree.mailbox(name)?.ensure_room(1)?;
            }
        }
        let posted = self.hand_out(&letter, message, true)?;
        record.done = true;
        write(keys, file, &record, false)?;
        let (delivered, lacks) = self.standing(&letter.recipients, id)?;
        Ok(Posted { delivered, pending: absent(lacks), ..posted })
    }

    /// Which of them have the message, and which have not.
    fn standing(&self, names: &[AgentName], id: MessageId) -> Result<(Vec<AgentName>, Vec<AgentName>)> {
        let (mut has, mut lacks) = (Vec::new(), Vec::new());
        for name in names {
            if self.tree.mailbox(name)?.has_received(id)? {
                has.push(name.clone());
            } else {
                lacks.push(name.clone());
            }
        }
        Ok((has, lacks))
    }

    /// The letter of this id that was accepted without a key: by `send`, or so
    /// long ago that its key was forgotten. Its sender and those it goes to
    /// are asked.
    fn accepted_before(&self, letter: &Letter, id: MessageId, body: &str) -> Result<Option<Record>> {
        for name in std::iter::once(&letter.from).chain(&letter.recipients) {
            let mailbox = self.tree.mailbox(name)?;
            let Some(found) = mailbox.find_id(id)? else { continue };
            let message: Message = match mailbox.open(&found) {
                Ok(message) => message,
                Err(MailboxError::NotFound(..)) => continue,
                // It cannot be read, so it cannot be said to be this letter.
                Err(MailboxError::Model { .. }) => return Err(PostError::IdTaken(id, name.clone())),
                Err(e) => return Err(e.into()),
            };
            return Ok(Some(Record {
                name: message.name.file(Flags::NONE),
                from: message.from(),
                recipients: letter.recipients.clone(),
                asked: asked(&message.header),
                done: true,
                // What is sealed tells nothing of its text: then the addresses alone are compared.
                digest: if message.header.sealed { body.to_owned() } else { digest(&message.body) },
            }));
        }
        Ok(None)
    }

    /// Forgets one key: the thing it stood for has gone, and the next of that
    /// name is another letter.
    ///
    /// # Errors
    /// When it cannot be removed; one that is not there is none.
    pub fn forget_key(&self, from: &AgentName, key: &str) -> Result<()> {
        match self.state.child_or_create("keys")?.remove(&hash(from.as_str(), key)) {
            Err(e) if !e.is_not_found() => Err(e.into()),
            _ => Ok(()),
        }
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
    hash(if letter.id.is_some() { "id" } else { letter.from.as_str() }, key)
}

fn hash(scope: &str, key: &str) -> String {
    let digest = Sha256::digest(format!("{scope}\n{key}").as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// To whom a letter is addressed, in whatever order and case it was written.
fn asked(header: &Header) -> Vec<String> {
    let mut all: Vec<String> = header.to.iter().chain(&header.cc).map(|a| a.to_string().to_ascii_lowercase()).collect();
    all.sort();
    all.dedup();
    all
}

fn absent(names: Vec<AgentName>) -> Vec<(AgentName, String)> {
    names.into_iter().map(|name| (name, "it does not have it".to_owned())).collect()
}

fn write(keys: &Dir, file: &str, record: &Record, sync: bool) -> Result<()> {
    let bytes = serde_json::to_vec(record).unwrap_or_default();
    Ok(keys.replace(file, &bytes, sync)?)
}
