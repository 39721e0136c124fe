//! Proving the chain piece by piece, for whoever watches it all the time.
//!
//! A walk goes from the oldest line to the newest and then stays there: a
//! later step reads only what was added. It begins anew when a file that it
//! went through is another one, or was written to other than at its end, so an
//! edit in the middle is found at the next step, and after it was told to.
//! Makes nothing: a journal that is gone is seen to be gone.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::time::SystemTime;

use super::verify::{Break, check};
use super::{CURRENT, FOLDER, Journal, JournalError, chain, finished};
use crate::fsio::{FsError, Lock};

/// How far the chain is proved.
#[derive(Debug, Default)]
pub struct Walk {
    /// Files that were gone through, and the one that is being read, oldest first.
    passed: Vec<Passed>,
    link: Option<chain::Link>,
    /// Lines read in the last file.
    lines: u64,
    /// A line that was seen once, by number and hash, and whether another stands there.
    expected: Option<(u64, String)>,
    another: bool,
}

/// A file, as it was when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Passed {
    inode: u64,
    size: u64,
    modified: Option<SystemTime>,
    read: u64,
}

/// What a step found.
#[derive(Debug)]
pub enum Piece {
    /// There is no journal.
    Gone,
    /// All is whole up to here, and there is more.
    More,
    /// All is whole up to the last line: its number and its hash.
    Whole {
        /// Its number; 0 when there is none.
        last: u64,
        /// Its hash.
        hash: String,
        /// Whether the line that was expected is another one.
        another: bool,
    },
    /// The chain is broken.
    Broken(Break),
}

struct Open {
    name: String,
    file: File,
    now: Passed,
}

impl Walk {
    /// Begins anew at the next step.
    pub fn restart(&mut self) {
        *self = Self { expected: self.expected.take(), ..Self::default() };
    }

    /// Names a line that must be met with this hash when it is gone past.
    pub fn expect(&mut self, number: u64, hash: &str) {
        self.expected = Some((number, hash.to_owned()));
    }

    /// Reads on, some `bytes` at most.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn step(&mut self, journal: &Journal, mut bytes: u64) -> Result<Piece, JournalError> {
        let Some(files) = open(journal)? else {
            self.restart();
            return Ok(Piece::Gone);
        };
        self.pass_over_what_went(&files);
        if !self.fits(&files) {
            self.restart();
        }
        let from = self.passed.len().saturating_sub(1);
        for (at, open) in files.into_iter().enumerate().skip(from) {
            if bytes == 0 {
                return Ok(Piece::More);
            }
            if at == self.passed.len() {
                self.passed.push(Passed { read: 0, ..open.now.clone() });
                self.lines = 0;
            }
            let path = journal.state.path().join(FOLDER).join(&open.name);
            let begun = self.passed.get(at).map_or(0, |p| p.read);
            let wrap = |e| FsError::new("read", &path, e);
            let mut file = open.file;
            file.seek(SeekFrom::Start(begun)).map_err(wrap)?;
            let mut reader = BufReader::with_capacity(64 * 1024, file.take(open.now.size.saturating_sub(begun)));
            let mut line = Vec::new();
            let mut read = begun;
            while bytes > 0 {
                line.clear();
                let n = reader.read_until(b'\n', &mut line).map_err(wrap)? as u64;
                // A line that was cut off is the next writer's to take away.
                if n == 0 || line.pop() != Some(b'\n') {
                    break;
                }
                match check(&line, self.link.as_ref()) {
                    Ok(link) => {
                        let met = self.expected.as_ref().is_some_and(|(n, hash)| *n == link.seq && *hash != link.hash);
                        self.another |= met;
                        self.link = Some(link);
                    }
                    Err(why) => {
                        let line = self.lines + 1;
                        self.restart();
                        return Ok(Piece::Broken(Break { path, line, why }));
                    }
                }
                self.lines += 1;
                read += n;
                bytes = bytes.saturating_sub(n);
            }
            if let Some(passed) = self.passed.get_mut(at) {
                *passed = Passed { read, ..open.now };
            }
            if bytes == 0 && self.passed.get(at).is_some_and(|p| p.read < p.size) {
                return Ok(Piece::More);
            }
        }
        let (last, hash) = self.link.as_ref().map_or((0, String::new()), |link| (link.seq, link.hash.clone()));
        Ok(Piece::Whole { last, hash, another: std::mem::take(&mut self.another) })
    }

    /// The oldest segments are let go when there are many: no break.
    fn pass_over_what_went(&mut self, files: &[Open]) {
        let Some(oldest) = files.first() else { return };
        if let Some(at) = self.passed.iter().position(|p| p.inode == oldest.now.inode) {
            self.passed.drain(..at);
        }
    }

    /// Whether what was gone through is what is there: whole files unchanged,
    /// and the last one at most longer.
    fn fits(&self, files: &[Open]) -> bool {
        let Some((last, whole)) = self.passed.split_last() else { return true };
        if files.len() < self.passed.len() {
            return false;
        }
        let unchanged = |p: &Passed, open: &Open| {
            p.inode == open.now.inode && p.size == open.now.size && p.modified == open.now.modified
        };
        whole.iter().zip(files).all(|(p, open)| unchanged(p, open))
            && files
                .get(whole.len())
                .is_some_and(|open| unchanged(last, open) || last.inode == open.now.inode && open.now.size > last.size)
    }
}

/// The files as they are now, oldest first; `None` when there is no folder, or
/// nothing in it.
fn open(journal: &Journal) -> Result<Option<Vec<Open>>, JournalError> {
    let dir = match journal.state.child(FOLDER) {
        Err(e) if e.is_not_found() => return Ok(None),
        other => other?,
    };
    // The lengths are those of whole lines.
    let _held = journal.locks().ok().and_then(|locks| Lock::shared(&locks, "journal").ok());
    let mut found = Vec::new();
    for name in finished(&dir)?.into_iter().chain([CURRENT.to_owned()]) {
        let wrap = |e| FsError::new("read", dir.path().join(&name), e);
        let file = match File::open(dir.path().join(&name)) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
            other => other.map_err(wrap)?,
        };
        let meta = file.metadata().map_err(wrap)?;
        let now = Passed { inode: inode(&meta), size: meta.len(), modified: meta.modified().ok(), read: 0 };
        found.push(Open { name, file, now });
    }
    Ok(Some(found).filter(|found| !found.is_empty()))
}

#[cfg(unix)]
fn inode(meta: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(meta)
}

#[cfg(not(unix))]
fn inode(_meta: &std::fs::Metadata) -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fsio::Dir;
    use crate::model::{Event, EventKind};
    use jiff::Timestamp;

    fn event(n: u64) -> Event {
        Event::new(Timestamp::UNIX_EPOCH, EventKind::Accepted).with("n", n)
    }

    fn last(walk: &mut Walk, journal: &Journal) -> u64 {
        for _ in 0..10_000 {
            match walk.step(journal, 300).unwrap() {
                Piece::More => {}
                Piece::Whole { last, .. } => return last,
                other => panic!("{other:?}"),
            }
        }
        panic!("the walk comes to no end")
    }

    #[test]
    fn it_follows_through_segments_and_reads_only_what_was_added() {
        let tmp = tempfile::tempdir().unwrap();
        let journal = Journal::open(&Dir::open(tmp.path()).unwrap()).with_segment(1_500);
        let mut walk = Walk::default();
        assert!(matches!(walk.step(&journal, 300).unwrap(), Piece::Gone));
        assert!(!tmp.path().join(FOLDER).exists(), "it makes nothing");
        // More segments than are kept: the oldest ones go while it walks.
        for n in 0..400 {
            journal.append(&[event(n)]).unwrap();
            if n % 37 == 0 {
                assert_eq!(last(&mut walk, &journal), n + 1);
            }
        }
        assert_eq!(last(&mut walk, &journal), 400);
        journal.append(&[event(1)]).unwrap();
        assert!(matches!(walk.step(&journal, 300).unwrap(), Piece::Whole { last: 401, .. }), "one line, one step");
    }

    #[test]
    fn an_edit_behind_it_is_found_and_mending_it_is_too() {
        let tmp = tempfile::tempdir().unwrap();
        let journal = Journal::open(&Dir::open(tmp.path()).unwrap());
        for n in 100..120 {
            journal.append(&[event(n)]).unwrap();
        }
        let mut walk = Walk::default();
        assert_eq!(last(&mut walk, &journal), 20);
        let dir = journal.dir().unwrap();
        let whole = std::fs::read(dir.path().join(CURRENT)).unwrap();
        let edited = String::from_utf8(whole.clone()).unwrap().replace("\"n\":\"105\"", "\"n\":\"999\"");
        dir.replace(CURRENT, edited.as_bytes(), false).unwrap();
        let broken = loop {
            match walk.step(&journal, 300).unwrap() {
                Piece::More => {}
                Piece::Broken(broken) => break broken,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(broken.line, 6);
        dir.replace(CURRENT, &whole, false).unwrap();
        assert_eq!(last(&mut walk, &journal), 20);
        // Another journal, and a longer one.
        walk.expect(20, "not this one");
        dir.replace(CURRENT, &whole, false).unwrap();
        journal.append(&[event(1)]).unwrap();
        let met = loop {
            match walk.step(&journal, 300).unwrap() {
                Piece::More => {}
                Piece::Whole { last: 21, another, .. } => break another,
                other => panic!("{other:?}"),
            }
        };
        assert!(met);
        // Shorter than it was: it says where it ends now.
        let half: Vec<u8> = whole.split_inclusive(|b| *b == b'\n').take(3).flatten().copied().collect();
        dir.replace(CURRENT, &half, false).unwrap();
        assert_eq!(last(&mut walk, &journal), 3);
    }
}
