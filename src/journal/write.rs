//! Appending: the end of the chain, and the file that is kept open for it.
//!
//! A long-lived writer keeps the lock file and the segment open and remembers
//! the end of the chain; the inode and the length of the segment tell whether
//! somebody else wrote meanwhile, and then the end is read anew.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::time::Duration;

use jiff::Timestamp;

use super::{CURRENT, JournalError, KEPT, chain, finished};
use crate::fsio::{Appender, Dir, FsError, KeptLock};
use crate::model::{Event, EventKind};

/// How long a line waits for its turn, which takes microseconds. A process that
/// was stopped in its turn holds up no mail: the daemon's scan adds the line.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where the chain goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Tail {
    seq: u64,
    hash: String,
    /// Bytes of the current segment that are whole lines.
    whole: u64,
    /// Bytes after them: a line that was cut off.
    torn: u64,
}

/// Writes to one journal.
#[derive(Debug)]
pub(super) struct Writer {
    dir: Dir,
    lock: KeptLock,
    open: Option<(Appender, Tail)>,
}

impl Writer {
    pub(super) fn new(dir: Dir, locks: &Dir) -> Self {
        Self { dir, lock: KeptLock::new(locks, "journal"), open: None }
    }

    /// Appends events that are JSON already.
    pub(super) fn append(&mut self, at: Timestamp, bodies: &[String], segment: u64) -> Result<(), JournalError> {
        let Self { dir, lock, open } = self;
        let _held = lock.exclusive_within(PATIENCE)?;
        let there = dir.stat(CURRENT)?.map(|s| (s.inode, s.size));
        // Whatever fails below, the end is read anew the next time.
        let kept = open.take().filter(|(file, tail)| there == Some((file.inode(), tail.whole)));
        let (mut file, mut tail) = match kept {
            Some(kept) => kept,
            None => (dir.appender(CURRENT)?, tail_of(dir)?),
        };
        let mut lines = String::with_capacity(bodies.iter().map(|b| b.len() + 192).sum());
        if tail.torn > 0 {
            dir.truncate(CURRENT, tail.whole)?;
            let note = Event::new(at, EventKind::Repaired)
                .with("what", "a line of the journal that was cut off")
                .with("bytes", tail.torn);
            chain::push(&mut lines, &mut tail.seq, &mut tail.hash, &serde_json::to_string(&note)?);
            tail.torn = 0;
        }
        for body in bodies {
            chain::push(&mut lines, &mut tail.seq, &mut tail.hash, body);
        }
        file.append(lines.as_bytes())?;
        tail.whole += lines.len() as u64;
        if tail.whole > segment {
            return finish_segment(dir, tail.seq);
        }
        *open = Some((file, tail));
        Ok(())
    }
}

/// Gives the current segment the number of its last line, and lets the oldest
/// ones go. The lock is held.
fn finish_segment(dir: &Dir, last: u64) -> Result<(), JournalError> {
    dir.rename(CURRENT, dir, &format!("journal-{last:012}.jsonl"))?;
    let finished = finished(dir)?;
    for old in finished.iter().take(finished.len().saturating_sub(KEPT)) {
        dir.remove(old)?;
    }
    Ok(())
}

/// Finds the end of the chain by reading the end of the file alone.
fn tail_of(dir: &Dir) -> Result<Tail, JournalError> {
    let mut found = last_line(dir, CURRENT)?;
    if found.line.is_empty() {
        // A new segment goes on from the one before.
        if let Some(before) = finished(dir)?.pop() {
            found.line = last_line(dir, &before)?.line;
        }
    }
    let link = chain::Link::of(&found.line).unwrap_or_else(|| match found.line.as_slice() {
        [] => chain::Link { seq: 0, hash: chain::START.to_owned() },
        // A whole line that is none of ours: the chain goes on from its
        // bytes, and `verify` points at it.
        other => chain::Link { seq: chain::lines_before(dir, CURRENT), hash: chain::hash(other) },
    });
    Ok(Tail { seq: link.seq, hash: link.hash, whole: found.whole, torn: found.torn })
}

#[derive(Default)]
struct LastLine {
    line: Vec<u8>,
    whole: u64,
    torn: u64,
}

/// The last whole line of a segment, without its line end. Reads backwards in
/// growing steps; a line has some hundred bytes.
fn last_line(dir: &Dir, name: &str) -> Result<LastLine, JournalError> {
    let wrap = |e| FsError::new("read", dir.path().join(name), e);
    let mut file = match File::open(dir.path().join(name)) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(LastLine::default()),
        Err(e) => return Err(wrap(e).into()),
    };
    let size = file.metadata().map_err(wrap)?.len();
    let mut step = 4_096;
    loop {
        let from = size.saturating_sub(step);
        let mut bytes = Vec::with_capacity(usize::try_from(size - from).unwrap_or(0));
        file.seek(SeekFrom::Start(from)).map_err(wrap)?;
        (&mut file).take(size - from).read_to_end(&mut bytes).map_err(wrap)?;
        let end = bytes.iter().rposition(|b| *b == b'\n');
        let begin = end.and_then(|end| bytes[..end].iter().rposition(|b| *b == b'\n'));
        match (begin, end) {
            (Some(begin), Some(end)) => return Ok(cut(&bytes, begin + 1, end, from, size)),
            (None, Some(end)) if from == 0 => return Ok(cut(&bytes, 0, end, from, size)),
            (None, None) if from == 0 => return Ok(LastLine { line: Vec::new(), whole: 0, torn: size }),
            _ => step *= 8,
        }
    }
}

fn cut(bytes: &[u8], begin: usize, end: usize, from: u64, size: u64) -> LastLine {
    let whole = from + end as u64 + 1;
    LastLine { line: bytes[begin..end].to_vec(), whole, torn: size - whole }
}
