//! Dead letters: the file as it was, beside `<file>.reason`, which a person
//! understands. Nothing here is ever deleted by the program.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::fsio::Dir;
use crate::model::time::rfc3339;
use crate::model::{Flag, Flags, UniqueName};

use super::Result;
use super::layout::{Mailbox, Place};

/// Largest reason file that is read, in bytes.
const REASON_MAX: u64 = 64 * 1024;

/// The ending of a reason file.
const REASON: &str = ".reason";

/// Bytes of a name that may be buried as it is: file systems hold 255, and
/// `.reason` and a number in front have to fit as well.
const NAME_ROOM: usize = 255 - REASON.len() - "99999-".len();

/// Why a letter is dead, as it stands in the `.reason` file (YAML).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// One sentence.
    pub reason: String,
    /// When it was put here.
    pub at: String,
    /// From which folder it came.
    pub from: String,
    /// Its name there, where that was too long to stand here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// To whom it could not be delivered, if that is why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undelivered: Vec<String>,
}

/// A dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its file name in `dead/`.
    pub file: String,
    /// Why it is here; absent when somebody put it here without one.
    pub reason: Option<Reason>,
}

impl Mailbox {
    /// Moves `file` from `folder` into `dead/` as it is and says why beside
    /// it. Gives the name it has there.
    ///
    /// # Errors
    /// When the disk does not do it; the file is then where it was.
    pub fn bury(&self, folder: &Dir, file: &str, why: &str) -> Result<String> {
        let _lock = self.lock_exclusive()?;
        self.bury_held(folder, file, why)
    }

    /// As [`bury`](Self::bury); the lock is held.
    pub(super) fn bury_held(&self, folder: &Dir, file: &str, why: &str) -> Result<String> {
        self.bury_for(folder, file, why, &[])
    }

    /// As [`bury`](Self::bury), for a letter that these recipients do not get.
    ///
    /// # Errors
    /// As [`bury`](Self::bury).
    pub fn bury_for(&self, folder: &Dir, file: &str, why: &str, undelivered: &[String]) -> Result<String> {
        let dead = self.place(Place::Dead, "")?;
        let short = fitting(file);
        let mut name = short.clone();
        let mut n = 1;
        // The reason comes first: a letter without one would be a riddle, a reason without a letter is harmless.
        while dead.stat(&name)?.is_some() {
            n += 1;
            name = format!("{n}-{short}");
        }
        let reason = Reason {
            reason: why.to_owned(),
            at: rfc3339(Timestamp::now()),
            from: folder.path().display().to_string(),
            name: (short != file).then(|| file.to_owned()),
            undelivered: undelivered.to_vec(),
        };
        let text = serde_yaml::to_string(&reason).unwrap_or_else(|_| format!("reason: {why:?}\n"));
        dead.replace(&format!("{name}{REASON}"), text.as_bytes(), false)?;
        if let Err(e) = folder.rename(file, &dead, &name) {
            let _ = dead.remove(&format!("{name}{REASON}"));
            return Err(e.into());
        }
        Ok(name)
    }

    /// Puts bytes that are in no folder of this mailbox into `dead/`.
    ///
    /// # Errors
    /// When the disk does not do it.
    pub fn bury_bytes(&self, file: &str, bytes: &[u8], why: &str, undelivered: &[String]) -> Result<String> {
        let tmp = self.inbox("tmp")?;
        let beside = crate::fsio::temporary_name("dead");
        tmp.create(&beside, bytes, true)?;
        let named = tmp.rename(&beside, &tmp, file);
        match named {
            Ok(()) => {}
            Err(e) if e.exists() => {
                tmp.remove(file)?;
                tmp.rename(&beside, &tmp, file)?;
            }
            Err(e) => return Err(e.into()),
        }
        let name = self.bury_for(&tmp, file, why, undelivered)?;
        self.place(Place::Dead, "")?.sync()?;
        Ok(name)
    }

    /// The dead letters, by name.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn dead_letters(&self) -> Result<Vec<DeadLetter>> {
        let dead = self.place(Place::Dead, "")?;
        let mut names = dead.names()?;
        names.retain(|n| !n.starts_with('.') && !n.ends_with(REASON));
        names.sort();
        Ok(names
            .into_iter()
            .map(|file| {
                let bytes = dead.read(&format!("{file}{REASON}"), REASON_MAX).ok();
                let reason = bytes.and_then(|b| serde_yaml::from_slice(&b).ok());
                DeadLetter { file, reason }
            })
            .collect())
    }

    /// Removes a dead letter that was sent again.
    ///
    /// # Errors
    /// When it is not there.
    pub fn forget_dead(&self, file: &str) -> Result<()> {
        let dead = self.place(Place::Dead, "")?;
        dead.remove(file)?;
        let _ = dead.remove(&format!("{file}{REASON}"));
        Ok(())
    }

    /// Moves a dead letter that was received back into the inbox as it is,
    /// under its name: unseen, or seen. Gives where it is now.
    ///
    /// # Errors
    /// Full, or the disk; the letter is then where it was.
    pub fn revive(&self, file: &str, name: &UniqueName, seen: bool) -> Result<PathBuf> {
        self.ensure_room(1)?;
        let _lock = self.lock_exclusive()?;
        let dead = self.place(Place::Dead, "")?;
        let (place, flags) = if seen { (Place::Cur, Flags::NONE.with(Flag::Seen)) } else { (Place::New, Flags::NONE) };
        let (folder, alive) = (self.place(place, "")?, name.file(flags));
        dead.rename(file, &folder, &alive)?;
        folder.sync()?;
        // A reason without a letter is harmless.
        let _ = dead.remove(&format!("{file}{REASON}"));
        Ok(folder.path().join(alive))
    }
}

/// The name, or as much of it as can stand in `dead/`; its ending stays.
fn fitting(file: &str) -> String {
    const ENDING: &str = "~.md";
    if file.len() <= NAME_ROOM {
        return file.to_owned();
    }
    let ending = if file.to_ascii_lowercase().ends_with(".md") { ENDING } else { "~" };
    let mut end = NAME_ROOM - ending.len();
    while !file.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{ending}", &file[..end])
}

/// The name a letter had before it was buried, without the number in front
/// that tells it from others of the same name.
#[must_use]
pub fn unnumbered(file: &str) -> &str {
    match file.split_once('-') {
        Some((n, rest)) if !rest.is_empty() && !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()) => rest,
        _ => file,
    }
}
