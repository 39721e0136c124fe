//! Files that somebody dropped into an `outbox/`: which of them are complete,
//! and for whom.
//!
//! A file counts as complete when nobody has it open for writing (where the
//! platform tells) and it has not changed for 500 ms, so an editor's save is
//! never picked up half-way. Editors' own files are left alone. A file that
//! changes while it is sent is another letter: it stays for the next round.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

use crate::fsio::{Dir, FileKind, Stat};
use crate::mailbox::Mailbox;

use super::Result;

/// How long a file must have been left alone.
pub const QUIET: Duration = Duration::from_millis(500);

/// A file that is ready to be sent.
#[derive(Debug)]
pub struct Drop {
    /// The folder it is in.
    pub folder: Dir,
    /// Its name.
    pub file: String,
    /// The name of the folder below `outbox/`, an address.
    pub to: Option<String>,
    /// What it was when it was found complete.
    stat: Stat,
}

impl Drop {
    /// Whether the name still stands for the file that was found. An editor
    /// may replace it, or write into it, at any moment.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn is_unchanged(&self) -> Result<bool> {
        let same = |now: Stat| {
            (now.inode, now.modified, now.size, now.kind)
                == (self.stat.inode, self.stat.modified, self.stat.size, self.stat.kind)
        };
        Ok(self.folder.stat(&self.file)?.is_some_and(same))
    }

    /// What makes this very file, with these bytes, one letter, should its
    /// removal fail. To be forgotten once it has gone: `cp -p` can make another
    /// of the same inode, time and content.
    #[must_use]
    pub fn key(&self, bytes: &[u8]) -> String {
        identity("outbox-file", &self.file, &self.stat, bytes)
    }
}

/// A key for a file that is to be sent once: this one, as it is now.
#[must_use]
pub fn identity(what: &str, file: &str, stat: &Stat, bytes: &[u8]) -> String {
    let digest: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{what} {} {} {} {digest} {file}", stat.inode, stat.modified.as_nanos(), stat.size)
}

/// What an outbox holds.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Ready to be sent, by name.
    pub ready: Vec<Drop>,
    /// When the next one may be, counted from now.
    pub next: Option<Duration>,
}

/// Looks through an outbox and the folders in it.
///
/// # Errors
/// When it cannot be read.
pub fn look(mailbox: &Mailbox) -> Result<Outbox> {
    let mut outbox = Outbox::default();
    let top = mailbox.outbox()?;
    look_into(&top, None, &mut outbox)?;
    for name in top.names()? {
        let is_folder = top.stat(&name)?.is_some_and(|s| s.kind == FileKind::Dir);
        if !is_folder || name.starts_with('.') {
            continue;
        }
        // One folder that cannot be opened, or was just removed, is no reason to leave the others.
        if let Err(e) = top.child(&name).map_err(Into::into).and_then(|dir| look_into(&dir, Some(&name), &mut outbox)) {
            tracing::warn!(error = %e, "a folder of an outbox cannot be read");
        }
    }
    outbox.ready.sort_by(|a, b| a.file.cmp(&b.file));
    Ok(outbox)
}

fn look_into(folder: &Dir, to: Option<&str>, outbox: &mut Outbox) -> Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    for file in folder.names()? {
        if !is_letter(&file) {
            continue;
        }
        let Some(stat) = folder.stat(&file)? else { continue };
        if stat.kind == FileKind::Dir {
            continue;
        }
        // A file from the future (a clock set back) is taken as unchanged.
        let age = now.checked_sub(stat.modified).unwrap_or(QUIET);
        let busy = age < QUIET || stat.kind == FileKind::File && folder.is_being_written(&file) == Some(true);
        if busy {
            let wait = QUIET.saturating_sub(age).max(Duration::from_millis(50));
            outbox.next = Some(outbox.next.map_or(wait, |n| n.min(wait)));
            continue;
        }
        outbox.ready.push(Drop { folder: folder.clone(), file, to: to.map(str::to_owned), stat });
    }
    Ok(())
}

/// Markdown files (`.md` in any case), but for what editors keep beside them.
#[must_use]
pub fn is_letter(file: &str) -> bool {
    stem(file).is_some() && !is_editors(file)
}

/// Whether a name is one that editors, and we, give to what is not finished.
#[must_use]
pub fn is_editors(file: &str) -> bool {
    file.starts_with(['.', '#', '~']) || file.ends_with('~')
}

/// The name without its `.md`; `None` when it has none.
#[must_use]
pub fn stem(file: &str) -> Option<&str> {
    let (stem, ending) = file.split_at_checked(file.len().checked_sub(3)?)?;
    ending.eq_ignore_ascii_case(".md").then_some(stem)
}
