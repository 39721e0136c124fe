//! Reading the journal back: all of it, its end, or what is added from now on.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Take};

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::{CURRENT, Journal, JournalError, finished};
use crate::fsio::{Dir, FsError, Lock};
use crate::model::{AgentName, Event, EventKind, MessageId};

/// One line, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Number of the line; grows by one.
    pub seq: u64,
    /// What happened.
    pub event: Event,
}

/// Which lines are wanted; empty means all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only about this message.
    pub id: Option<MessageId>,
    /// Only about this agent.
    pub agent: Option<AgentName>,
    /// Only of these kinds.
    pub kinds: Vec<EventKind>,
    /// Only lines with a greater number.
    pub after: u64,
    /// Older lines are of no interest: files that were not changed since then
    /// are not read.
    pub since: Option<Timestamp>,
}

impl Filter {
    /// Everything about one message.
    #[must_use]
    pub fn message(id: MessageId) -> Self {
        Self { id: Some(id), ..Self::default() }
    }

    /// Whether it takes a line.
    #[must_use]
    pub fn takes(&self, record: &Record) -> bool {
        let event = &record.event;
        record.seq > self.after
            && self.id.is_none_or(|id| event.id == Some(id))
            && self.agent.as_ref().is_none_or(|a| event.agent.as_ref().is_some_and(|b| b.same(a.as_str())))
            && (self.kinds.is_empty() || self.kinds.contains(&event.event))
    }
}

#[derive(Deserialize)]
struct Seq {
    seq: u64,
}

fn parse(line: &[u8]) -> Option<Record> {
    let Seq { seq } = serde_json::from_slice(line).ok()?;
    Some(Record { seq, event: serde_json::from_slice(line).ok()? })
}

/// The lines of a journal as they stood when reading began, oldest first. A
/// line that cannot be read is passed over here; `verify` names it.
#[derive(Debug)]
pub struct Records {
    segments: std::vec::IntoIter<BufReader<Take<File>>>,
    current: Option<BufReader<Take<File>>>,
    filter: Filter,
    /// The id as text: most lines are passed over without reading them as JSON.
    needle: Option<String>,
    line: Vec<u8>,
}

impl Iterator for Records {
    type Item = Record;
    fn next(&mut self) -> Option<Record> {
        loop {
            let reader = match &mut self.current {
                Some(reader) => reader,
                None => self.current.insert(self.segments.next()?),
            };
            self.line.clear();
            // A disk that fails in the middle ends this segment; the others are still read.
            if reader.read_until(b'\n', &mut self.line).unwrap_or(0) == 0 {
                self.current = None;
                continue;
            }
            if self.needle.as_ref().is_some_and(|n| !contains(&self.line, n.as_bytes())) {
                continue;
            }
            match parse(&self.line) {
                Some(record) if self.filter.takes(&record) => return Some(record),
                _ => {}
            }
        }
    }
}

/// The segments of a folder as they are now, oldest first, each up to its
/// present length.
pub(super) fn open_segments(dir: &Dir) -> Result<Vec<(String, Take<File>)>, JournalError> {
    let mut names = finished(dir)?;
    names.push(CURRENT.to_owned());
    let mut open = Vec::with_capacity(names.len());
    for name in names {
        let wrap = |e| FsError::new("read", dir.path().join(&name), e);
        match File::open(dir.path().join(&name)) {
            Ok(file) => {
                let size = file.metadata().map_err(wrap)?.len();
                open.push((name, file.take(size)));
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(wrap(e).into()),
        }
    }
    Ok(open)
}

/// Every line of a folder's segments that can be read, oldest first.
pub(super) fn records_of(dir: &Dir) -> Result<Records, JournalError> {
    let segments: Vec<_> = open_segments(dir)?.into_iter().map(|(_, file)| BufReader::new(file)).collect();
    Ok(Records {
        segments: segments.into_iter(),
        current: None,
        filter: Filter::default(),
        needle: None,
        line: Vec::new(),
    })
}

/// A day is allowed for a clock that was set back.
fn is_wanted(file: &Take<File>, since: Option<Timestamp>) -> bool {
    const SLACK: SignedDuration = SignedDuration::from_hours(24);
    let modified = file.get_ref().metadata().and_then(|meta| meta.modified()).ok();
    let modified = modified.and_then(|at| Timestamp::try_from(at).ok());
    match (since, modified) {
        (Some(since), Some(modified)) => modified.saturating_add(SLACK).is_ok_and(|end| end >= since),
        _ => true,
    }
}

fn contains(line: &[u8], needle: &[u8]) -> bool {
    line.windows(needle.len()).any(|w| w == needle)
}

impl Journal {
    /// The segments as they are now, oldest first, each up to its present
    /// length. The lock is held only to open them.
    pub(super) fn segments(&self) -> Result<Vec<(String, Take<File>)>, JournalError> {
        let dir = self.dir()?;
        // Reading goes on where nothing can be written, lock files included (a read-only remount).
        let _held = self.locks().ok().and_then(|locks| Lock::shared(&locks, "journal").ok());
        open_segments(&dir)
    }

    /// Reads what the filter takes, oldest first.
    ///
    /// # Errors
    /// When the files cannot be opened.
    pub fn read(&self, filter: Filter) -> Result<Records, JournalError> {
        let segments: Vec<_> = self
            .segments()?
            .into_iter()
            .filter(|(_, file)| is_wanted(file, filter.since))
            .map(|(_, file)| BufReader::with_capacity(64 * 1024, file))
            .collect();
        let needle = filter.id.map(|id| id.to_string());
        Ok(Records { segments: segments.into_iter(), current: None, filter, needle, line: Vec::new() })
    }

    /// The last `n` records, oldest first. Reads the end of the newest
    /// segments alone.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn tail(&self, n: usize) -> Result<Vec<Record>, JournalError> {
        let dir = self.dir()?;
        let mut found: Vec<Record> = Vec::new();
        for (name, file) in self.segments()?.into_iter().rev() {
            let wrap = |e| FsError::new("read", dir.path().join(&name), e);
            let (size, mut file) = (file.limit(), file.into_inner());
            let mut step = 1_024 * n.clamp(4, 65_536) as u64;
            let lines = loop {
                let from = size.saturating_sub(step);
                let mut bytes = Vec::new();
                file.seek(SeekFrom::Start(from)).map_err(wrap)?;
                (&mut file).take(size - from).read_to_end(&mut bytes).map_err(wrap)?;
                // The first line may be cut by where the reading began.
                let skip = usize::from(from > 0);
                let lines: Vec<Record> = bytes.split(|b| *b == b'\n').skip(skip).filter_map(parse).collect();
                if lines.len() + found.len() >= n || from == 0 {
                    break lines;
                }
                step *= 4;
            };
            found.splice(0..0, lines);
            if found.len() >= n {
                break;
            }
        }
        found.drain(..found.len().saturating_sub(n));
        Ok(found)
    }

    /// What happened since a moment, oldest first. Reads as much of the end of
    /// the newest segments as it takes.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn since(&self, moment: Timestamp) -> Result<Vec<Record>, JournalError> {
        let mut n = 256;
        loop {
            let mut found = self.tail(n)?;
            // Lines stand in the order in which they were written; a step of the clock may cut some off.
            if found.len() < n || found.first().is_some_and(|first| first.event.at < moment) {
                found.retain(|record| record.event.at >= moment);
                return Ok(found);
            }
            n *= 8;
        }
    }

    /// Follows the journal from its present end, or from after a line.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn follow(&self, after: Option<u64>) -> Result<Follower, JournalError> {
        let Some(after) = after else {
            // Looked at first: what is written in between is met again, and passed over by its number.
            let seen = self.dir()?.stat(CURRENT)?.map(|s| (s.inode, s.size));
            let last = self.tail(1)?.pop();
            let (after, at) = last.map_or((0, None), |record| (record.seq, Some(record.event.at)));
            return Ok(Follower { journal: self.clone(), after, at, seen });
        };
        Ok(Follower { journal: self.clone(), after, at: None, seen: None })
    }
}

/// Gives the records that were added since it was asked last.
#[derive(Debug)]
pub struct Follower {
    journal: Journal,
    after: u64,
    /// When the line of that number happened, as far as it is known.
    at: Option<Timestamp>,
    /// Inode and length of the current segment when it was read last.
    seen: Option<(u64, u64)>,
}

impl Follower {
    /// What was added; empty when nothing was. Costs one look at the file when
    /// nothing was.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn next_batch(&mut self) -> Result<Vec<Record>, JournalError> {
        let dir = self.journal.dir()?;
        let now = dir.stat(CURRENT)?.map(|s| (s.inode, s.size));
        if now.is_some() && now == self.seen {
            return Ok(Vec::new());
        }
        let fresh = match (self.seen, now) {
            (Some((inode, from)), Some((same, to))) if inode == same && to > from => self.since(from)?,
            _ => None,
        };
        let (records, seen) = match fresh {
            Some((records, to)) => (records, now.map(|(inode, _)| (inode, to))),
            // What is written during the reading is met again, and passed over by its number.
            None => (self.anew()?, now),
        };
        if let Some(last) = records.last() {
            (self.after, self.at) = (last.seq, Some(last.event.at));
        }
        self.seen = seen;
        Ok(records)
    }

    /// The lines after the last one, from all segments. A journal that ends
    /// before that is another one, begun anew or brought back: of that one,
    /// what happened later.
    fn anew(&mut self) -> Result<Vec<Record>, JournalError> {
        let last = self.journal.tail(1)?.last().map_or(0, |record| record.seq);
        if last >= self.after || last == 0 {
            return Ok(self.journal.read(Filter { after: self.after, ..Filter::default() })?.collect());
        }
        self.after = last;
        let Some(at) = self.at else { return Ok(Vec::new()) };
        Ok(self.journal.read(Filter { since: Some(at), ..Filter::default() })?.filter(|r| r.event.at > at).collect())
    }

    /// The lines of the current segment from a length on, and its length now;
    /// `None` when it is no longer the same file. The length is taken under
    /// the lock: one that was seen beside a writer may end within a line.
    fn since(&self, from: u64) -> Result<Option<(Vec<Record>, u64)>, JournalError> {
        let dir = self.journal.dir()?;
        let wrap = |e| FsError::new("read", dir.path().join(CURRENT), e);
        let _held = Lock::shared(&self.journal.locks()?, "journal")?;
        let mut file = File::open(dir.path().join(CURRENT)).map_err(wrap)?;
        if dir.stat(CURRENT)?.map(|s| s.inode) != self.seen.map(|(inode, _)| inode) {
            return Ok(None);
        }
        file.seek(SeekFrom::Start(from)).map_err(wrap)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(wrap)?;
        // A line that was cut off is taken out by the next writer, and another stands in its place.
        let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
        let (after, to) = (self.after, from + whole as u64);
        Ok(Some((bytes.split(|b| *b == b'\n').filter_map(parse).filter(|r| r.seq > after).collect(), to)))
    }
}
