//! Proving that nobody changed the record afterwards.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Take};
use std::path::PathBuf;

use super::{Journal, JournalError, chain};
use crate::fsio::Dir;

/// An unbroken chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Lines that were checked.
    pub lines: u64,
    /// Number of the first line that is still there; 1 unless the oldest
    /// segments were let go.
    pub first: u64,
    /// Whether the last line was cut off; the next append repairs it.
    pub torn: bool,
}

/// Where the chain is broken.
#[derive(Debug, thiserror::Error)]
#[error("{}:{line}: {why}", path.display())]
pub struct Break {
    /// The segment.
    pub path: PathBuf,
    /// The line in it, from 1.
    pub line: u64,
    /// What is wrong, for a person.
    pub why: String,
}

impl Journal {
    /// Checks every line against the one before.
    ///
    /// # Errors
    /// The outer error when the files cannot be read.
    pub fn verify(&self) -> Result<Result<Verified, Break>, JournalError> {
        verify(&self.dir()?, self.segments()?)
    }
}

/// Checks every line of these segments against the one before.
pub(super) fn verify(dir: &Dir, segments: Vec<(String, Take<File>)>) -> Result<Result<Verified, Break>, JournalError> {
    let mut done = Verified { lines: 0, first: 1, torn: false };
    let mut before: Option<chain::Link> = None;
    for (name, file) in segments {
        let path = dir.path().join(&name);
        let mut reader = BufReader::with_capacity(64 * 1024, file);
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            let read = reader.read_until(b'\n', &mut line);
            if read.map_err(|e| crate::fsio::FsError::new("read", &path, e))? == 0 {
                break;
            }
            if line.pop() != Some(b'\n') {
                done.torn = true;
                break;
            }
            match check(&line, before.as_ref()) {
                Ok(link) => {
                    if before.is_none() {
                        done.first = link.seq;
                    }
                    done.lines += 1;
                    before = Some(link);
                }
                Err(why) => return Ok(Err(Break { path, line: number, why })),
            }
        }
    }
    Ok(Ok(done))
}

pub(super) fn check(line: &[u8], before: Option<&chain::Link>) -> Result<chain::Link, String> {
    let keys: chain::Keys = serde_json::from_slice(line).map_err(|_| "it is no line of the journal".to_owned())?;
    if chain::due(line).as_deref() != Some(keys.hash.as_str()) {
        return Err(format!("line {} was changed: it does not have its hash", keys.seq));
    }
    match before {
        Some(b) if b.hash != keys.prev || b.seq + 1 != keys.seq => {
            Err(format!("a line is missing or was put in between {} and {}", b.seq, keys.seq))
        }
        // The oldest segments may be gone, but the first line of all has a fixed start.
        None if keys.seq == 1 && keys.prev != chain::START => Err("the first line has a line before it".into()),
        _ => Ok(chain::Link { seq: keys.seq, hash: keys.hash }),
    }
}
