//! Bringing a journal of another day back where the live one is lost or
//! damaged.
//!
//! The live segments go aside, the restored ones take their place, and what
//! only the live ones tell is added behind, so that the chain is whole and
//! nothing that could still be read is missing from it. Each part can be done
//! again after a crash: the name of the folder with the prepared segments
//! tells how far it came.

use jiff::Timestamp;

use super::read::{open_segments, records_of};
use super::verify::verify;
use super::{Journal, JournalError};
use crate::fsio::{Dir, FsError, Lock};
use crate::model::Event;

/// The prepared segments, in the folder that is handed over.
const PREPARED: &str = "journal";
/// The same once the live ones are aside.
const MOVING: &str = "journal.moving";

/// How a journal stands, by its chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Number of its last line; 0 when there is none.
    pub last: u64,
    /// Where the chain is broken, if it is.
    pub broken: Option<String>,
    /// Number and time of its first line.
    pub began: Option<(u64, Timestamp)>,
}

impl Standing {
    /// Whether this one was begun anew after the other: the same chain has no
    /// such number at a later time. Lines that went by age leave a higher one.
    #[must_use]
    pub fn began_anew_after(&self, other: &Self) -> bool {
        self.began.zip(other.began).is_some_and(|((number, at), (first, since))| number <= first && at > since)
    }
}

/// How the journal in a folder stands.
///
/// # Errors
/// When its files cannot be read.
pub fn standing(dir: &Dir) -> Result<Standing, JournalError> {
    let began = records_of(dir)?.next().map(|record| (record.seq, record.event.at));
    Ok(match verify(dir, open_segments(dir)?)? {
        Ok(good) if good.lines == 0 => Standing { last: 0, broken: None, began },
        Ok(good) => Standing { last: good.first + good.lines - 1, broken: None, began },
        Err(broken) => {
            let last = records_of(dir)?.last().map_or(0, |record| record.seq);
            Standing { last, broken: Some(broken.to_string()), began }
        }
    })
}

impl Journal {
    /// How the journal stands.
    ///
    /// # Errors
    /// When its files cannot be read.
    pub fn standing(&self) -> Result<Standing, JournalError> {
        standing(&self.dir()?)
    }

    /// Puts the segments prepared in `inn/journal` in the place of the live
    /// ones, which go into `aside`. After a crash the same call finishes; with
    /// nothing prepared it does nothing. Gives how many events of the live
    /// journal were added behind.
    ///
    /// # Errors
    /// Whatever the disk says; nothing is lost then.
    pub fn bring_back(&self, inn: &Dir, aside: &Dir) -> Result<usize, JournalError> {
        let dir = self.dir()?;
        {
            let _held = Lock::exclusive(&self.locks()?, "journal")?;
            if inn.stat(PREPARED)?.is_some() {
                for name in dir.names()? {
                    put_aside(&dir, &name, aside)?;
                }
                aside.sync()?;
                inn.rename(PREPARED, inn, MOVING)?;
                inn.sync()?;
            }
            let moving = match inn.child(MOVING) {
                Err(e) if e.is_not_found() => return Ok(0),
                other => other?,
            };
            let mut names = moving.names()?;
            names.sort();
            for name in names {
                match moving.rename(&name, &dir, &name) {
                    // Somebody wrote between a crash and now.
                    Err(e) if e.exists() => {
                        put_aside(&dir, &name, aside)?;
                        moving.rename(&name, &dir, &name)?;
                    }
                    other => other?,
                }
            }
            dir.sync()?;
        }
        let added = self.add_from(aside)?;
        inn.remove_dir(MOVING)?;
        Ok(added)
    }

    /// Adds the events of the segments put aside that happened after the last
    /// line that came back.
    fn add_from(&self, aside: &Dir) -> Result<usize, JournalError> {
        let known: Vec<Event> = self.tail(4_096)?.into_iter().map(|record| record.event).collect();
        // What an earlier try added stands at the end, and is not older than what it would add again.
        let newest = known.iter().map(|event| event.at).max();
        let mut folders = vec![aside.clone()];
        folders.extend(aside.names()?.iter().filter(|n| n.starts_with("again-")).filter_map(|n| aside.child(n).ok()));
        let mut events: Vec<Event> = Vec::new();
        for folder in folders {
            let later = records_of(&folder)?.map(|record| record.event);
            events.extend(later.filter(|event| newest.is_none_or(|at| event.at > at) && !known.contains(event)));
        }
        events.sort_by_key(|event| event.at);
        self.append(&events)?;
        Ok(events.len())
    }
}

/// Moves a segment aside, under a name that is free.
fn put_aside(dir: &Dir, name: &str, aside: &Dir) -> Result<(), FsError> {
    for n in 1.. {
        let folder = if n == 1 { aside.clone() } else { aside.child_or_create(&format!("again-{n}"))? };
        match dir.rename(name, &folder, name) {
            Err(e) if e.exists() => {}
            Err(e) if e.is_not_found() => return Ok(()),
            other => return other,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_that_begins_again_is_told_from_one_that_lost_its_old_lines() {
        let began = |number, second| Standing {
            last: 900,
            broken: None,
            began: Some((number, Timestamp::from_second(second).unwrap())),
        };
        let there = began(1, 1_000);
        assert!(began(1, 5_000).began_anew_after(&there));
        assert!(began(1, 5_000).began_anew_after(&began(400, 2_000)));
        assert!(!there.began_anew_after(&there));
        assert!(!began(400, 5_000).began_anew_after(&there), "old lines went by age");
        assert!(!there.began_anew_after(&began(1, 5_000)));
        assert!(!Standing { began: None, ..began(1, 1) }.began_anew_after(&there));
    }
}
