//! Letters for several recipients, durable before the first is delivered.
//!
//! `.cellphone/spool/<name>.spool` is one line of JSON (who is to have it) and
//! then the message. Its sender holds the lock on the file itself while it
//! delivers; whoever finds one without a holder finishes it.

use std::path::PathBuf;
use std::sync::PoisonError;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::fsio::{Dir, FileKind, FsError, Lock, temporary_name};
use crate::mailbox::{Barrier, Delivery, MailboxError};
use crate::model::{AgentName, Flags, Message, UniqueName};

use super::{Post, PostError, Posted, Result};

pub(super) const ENDING: &str = ".spool";
/// The coarsest time stamp of a file system in use.
const GRAIN: Duration = Duration::from_secs(2);

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    name: String,
    from: AgentName,
    recipients: Vec<AgentName>,
}

/// A letter that was finished after its sender had gone.
#[derive(Debug)]
pub struct Recovered {
    /// The message.
    pub message: Message,
    /// Who got it now (not counting who had it).
    pub delivered: Vec<AgentName>,
    /// Who cannot get it; a dead letter in the sender's mailbox says why.
    pub dead: Vec<(AgentName, String)>,
}

/// What became of what stood in the spool.
#[derive(Debug, Default)]
pub struct Recovery {
    /// Letters that were finished, as far as they could be.
    pub letters: Vec<Recovered>,
    /// Entries with which nothing could be done, and why.
    pub failed: Vec<(PathBuf, PostError)>,
}

impl Post {
    fn spool(&self) -> Result<Dir> {
        Ok(self.state.child_or_create_durable("spool")?)
    }

    pub(super) fn spool_and_deliver(
        &self,
        from: &AgentName,
        message: Message,
        to: &[AgentName],
        again: bool,
    ) -> Result<Posted> {
        let spool = self.spool()?;
        let entry = Entry { name: message.name.file(Flags::NONE), from: from.clone(), recipients: to.to_vec() };
        let mut bytes = serde_json::to_vec(&entry).unwrap_or_default();
        bytes.push(b'\n');
        bytes.extend_from_slice(&message.bytes);
        // Nothing that ends like an entry: between its making and its lock another sender would take it for an orphan.
        let beside = format!(".{}", temporary_name("letter"));
        spool.create(&beside, &bytes, true)?;
        // The lock goes with the file through the rename, so nobody takes the entry for an orphan.
        let held = Lock::exclusive(&spool, &beside)?;
        let file = format!("{}{ENDING}", message.name.as_str());
        if let Err(e) = spool.rename(&beside, &spool, &file) {
            let _ = spool.remove(&beside);
            if !e.exists() {
                return Err(e.into());
            }
        }
        if let Err(e) = spool.sync() {
            let _ = spool.remove(&file);
            return Err(e.into());
        }
        if again {
            // An earlier attempt may have delivered some of it: finished with a look at who has it.
            drop(held);
            self.recover_one(&spool, &file, &|_| true)?;
            return Ok(Posted { message, delivered: to.to_vec(), pending: Vec::new(), duplicate: false });
        }
        let mut delivered = Vec::new();
        let mut pending = Vec::new();
        let mut barrier = Barrier::default();
        for name in to {
            match self.tree.mailbox(name).and_then(|mailbox| barrier.stage(&mailbox, &message)) {
                Ok(()) => delivered.push(name.clone()),
                Err(e) => pending.push((name.clone(), e.to_string())),
            }
        }
        if let Err(e) = barrier.publish() {
            let why = e.to_string();
            pending.extend(delivered.drain(..).map(|name| (name, why.clone())));
        }
        if pending.is_empty() {
            remove(&spool, &file)?;
        }
        drop(held);
        Ok(Posted { message, delivered, pending, duplicate: false })
    }

    /// How many letters wait in the spool.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn spooled(&self) -> Result<usize> {
        let spool = self.spool()?;
        let mut letters = 0;
        for name in spool.names()?.iter().filter(|n| n.ends_with(ENDING)) {
            letters += usize::from(spool.stat(name)?.is_some_and(|stat| stat.kind == FileKind::File));
        }
        Ok(letters)
    }

    /// Finishes what senders left behind; `None` when nobody left anything.
    /// `known` tells whether a recipient is still on the roster.
    ///
    /// # Errors
    /// When the spool itself cannot be read; a letter that cannot be finished
    /// yet stays, and holds up no other.
    pub fn recover(&self, known: impl Fn(&AgentName) -> bool) -> Result<Option<Recovery>> {
        let Some(modified) = self.state.stat("spool")?.map(|s| s.modified) else { return Ok(None) };
        let mut empty = self.spool_empty.lock().unwrap_or_else(PoisonError::into_inner);
        if *empty == Some(modified) {
            return Ok(None);
        }
        let spool = self.spool()?;
        let mut names = spool.names()?;
        names.retain(|file| file.ends_with(ENDING));
        if names.is_empty() {
            // A time that is not yet old may be that of a later change, too.
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            *empty = (now > modified + GRAIN).then_some(modified);
            return Ok(None);
        }
        drop(empty);
        names.sort();
        let mut recovery = Recovery::default();
        for file in names {
            match self.recover_one(&spool, &file, &known) {
                Ok(letter) => recovery.letters.extend(letter),
                Err(e) => recovery.failed.push((spool.path().join(file), e)),
            }
        }
        Ok(Some(recovery))
    }

    fn recover_one(&self, spool: &Dir, file: &str, known: &impl Fn(&AgentName) -> bool) -> Result<Option<Recovered>> {
        match spool.stat(file)? {
            // Its sender finished it a moment ago.
            None => return Ok(None),
            Some(stat) if stat.kind != FileKind::File => {
                return Err(FsError::refuse("finish", spool.path().join(file), "it is not a regular file").into());
            }
            Some(_) => {}
        }
        let Some(_held) = Lock::try_exclusive(spool, file)? else { return Ok(None) };
        let limit = self.tree.limits.file() + 1024 * 1024;
        let bytes = match spool.read(file, limit) {
            Err(e) if e.is_not_found() => return Ok(None),
            other => other?,
        };
        if bytes.is_empty() {
            // It was finished between our look and our lock, which made an empty file anew.
            remove(spool, file)?;
            return Ok(None);
        }
        let Some((entry, message)) = parse(&bytes, &self.tree.limits) else {
            let system = self.tree.mailbox(&first_known(self, known)?)?;
            system.bury(spool, file, "a spool entry that cannot be read")?;
            return Ok(None);
        };
        let mut done = Recovered { message, delivered: Vec::new(), dead: Vec::new() };
        let mut waiting = false;
        for name in &entry.recipients {
            match self.finish(name, &done.message, known(name)) {
                Ok(Some(Delivery::Published)) => done.delivered.push(name.clone()),
                Ok(_) => {}
                Err(PostError::Mailbox(MailboxError::Fs(e))) if !e.is_refused() => {
                    tracing::warn!(recipient = %name, error = %e, "a spooled letter waits");
                    waiting = true;
                }
                Err(e) => done.dead.push((name.clone(), e.to_string())),
            }
        }
        if waiting {
            return Ok(Some(done).filter(|d| !d.delivered.is_empty()));
        }
        if !done.dead.is_empty() {
            self.bury_undelivered(&entry.from, &done, known)?;
        }
        remove(spool, file)?;
        Ok(Some(done))
    }

    fn finish(&self, name: &AgentName, message: &Message, known: bool) -> Result<Option<Delivery>> {
        if !known {
            return Err(PostError::Route(format!("{name} is not on the roster any more")));
        }
        let mailbox = self.tree.mailbox(name)?;
        if mailbox.has_received(message.id())? {
            return Ok(None);
        }
        mailbox.ensure_room(1)?;
        Ok(Some(mailbox.deliver(message)?))
    }

    fn bury_undelivered(&self, from: &AgentName, done: &Recovered, known: &impl Fn(&AgentName) -> bool) -> Result<()> {
        let owner = if known(from) { from.clone() } else { first_known(self, known)? };
        let why: Vec<String> = done.dead.iter().map(|(name, why)| format!("{name}: {why}")).collect();
        let names: Vec<String> = done.dead.iter().map(|(name, _)| name.to_string()).collect();
        let file = done.message.name.file(Flags::NONE);
        let why = format!("not delivered to {}", why.join("; "));
        self.tree.mailbox(&owner)?.bury_bytes(&file, &done.message.bytes, &why, &names)?;
        Ok(())
    }
}

/// Removes an entry; one that is gone already is what is wanted.
fn remove(spool: &Dir, file: &str) -> Result<()> {
    match spool.remove(file) {
        Err(e) if !e.is_not_found() => Err(e.into()),
        _ => Ok(()),
    }
}

/// Where a dead letter goes whose sender has no mailbox.
fn first_known(post: &Post, known: &impl Fn(&AgentName) -> bool) -> Result<AgentName> {
    let agents = post.tree.agents()?;
    agents.into_iter().find(|a| known(a)).ok_or_else(|| PostError::Route("the root has no mailbox".into()))
}

fn parse(bytes: &[u8], limits: &crate::model::front_matter::Limits) -> Option<(Entry, Message)> {
    let end = bytes.iter().position(|b| *b == b'\n')?;
    let entry: Entry = serde_json::from_slice(&bytes[..end]).ok()?;
    let (name, _) = UniqueName::parse(&entry.name).ok()?;
    let message = Message::parse(name, bytes[end + 1..].to_vec(), limits).ok()?;
    Some((entry, message))
}
