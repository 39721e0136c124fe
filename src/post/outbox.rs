//! Files that somebody dropped into an `outbox/`: which of them are complete,
//! and for whom.
//!
//! A file counts as complete when nobody has it open for writing (where the
//! platform tells) and it has not changed for 500 ms, so an editor's save is
//! never picked up half-way. Editors' own files are left alone.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::fsio::{Dir, FileKind};
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
    /// What makes this very file one letter, should its removal fail.
    pub key: String,
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
        if is_folder && !name.starts_with('.') {
            look_into(&top.child(&name)?, Some(&name), &mut outbox)?;
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
        let key = format!("outbox-file {} {} {}", stat.inode, stat.modified.as_nanos(), file);
        outbox.ready.push(Drop { folder: folder.clone(), file, to: to.map(str::to_owned), key });
    }
    Ok(())
}

/// Markdown files, but for what editors keep beside them.
fn is_letter(file: &str) -> bool {
    file.ends_with(".md") && !file.starts_with(['.', '#', '~'])
}
