//! Trees that are brought into a live one: what is in them, whole copies, and
//! the step that puts one file in place while the old one goes aside.
//!
//! Promises: nothing outside a tree is reached, whatever links, FIFOs or
//! second names somebody put into it; no file is overwritten and none is
//! missing in between, where the file system can exchange two names; each step
//! can be done again after a crash, and then ends as the first would have.

use std::io::{Read as _, Write as _};

use sha2::{Digest as _, Sha256};

use super::{Dir, FileKind, FsError, Result, Stat};

/// Folders within folders that are followed.
const DEEPEST: usize = 48;
/// Bytes that are copied at a time.
const PART: usize = 128 * 1024;
/// How often a file is put in place that others move meanwhile.
const TRIES: usize = 5;

/// A regular file somewhere below a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileBelow {
    /// Its path from that folder, with `/`.
    pub path: String,
    /// The facts about it.
    pub stat: Stat,
}

/// What became of a file that was to be put in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placed {
    /// It is there now.
    New,
    /// It is there now, and what was there went aside.
    Swapped,
    /// The same bytes were there already; what was prepared lies where it did.
    Same,
    /// Nothing was prepared: it was done before.
    Before,
}

/// One of the three places of [`place`]: a folder and a name in it.
pub type Spot<'a> = (&'a Dir, &'a str);

impl Dir {
    /// Every regular file below this folder, in no order. An entry that is
    /// neither that nor a folder (a link, a FIFO, a second name, a name that is
    /// no text) refuses the whole when `refuses` says so of its path, and is
    /// passed over otherwise.
    ///
    /// # Errors
    /// What cannot be read, and what is refused.
    pub fn files_below(&self, refuses: &dyn Fn(&str) -> bool) -> Result<Vec<FileBelow>> {
        let mut found = Vec::new();
        let mut open = vec![(String::new(), self.clone(), 0)];
        while let Some((path, dir, depth)) = open.pop() {
            for name in dir.names()? {
                let below = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
                let why = match dir.stat(&name)? {
                    None => "its name is not UTF-8, or it has gone",
                    Some(stat) => match stat.kind {
                        FileKind::Dir if depth < DEEPEST => match dir.child(&name) {
                            Ok(child) => {
                                open.push((below, child, depth + 1));
                                continue;
                            }
                            Err(_) => "it cannot be opened",
                        },
                        FileKind::Dir => "it lies too deep",
                        FileKind::File if stat.links <= 1 => {
                            found.push(FileBelow { path: below, stat });
                            continue;
                        }
                        FileKind::File => "it has a second name (a hard link)",
                        FileKind::Link => "it is a symbolic link",
                        FileKind::Other => "it is a FIFO, a socket or a device",
                    },
                };
                if refuses(&below) {
                    return Err(FsError::refuse("take over", dir.path().join(&name), why));
                }
            }
        }
        Ok(found)
    }

    /// The folder `path` below this one, made where it is missing; the folder
    /// itself when the path is empty. Links are refused.
    ///
    /// # Errors
    /// When a part cannot be made.
    pub fn below_or_create(&self, path: &str) -> Result<Self> {
        if path.is_empty() {
            return Ok(self.clone());
        }
        match self.below(path) {
            Err(e) if e.is_not_found() => {
                path.split('/').try_fold(self.clone(), |dir, part| dir.child_or_create_durable(part))
            }
            other => other,
        }
    }

    /// SHA-256 of a file, in hexadecimal digits.
    ///
    /// # Errors
    /// As [`read`](Self::read), but for the size.
    pub fn digest(&self, name: &str) -> Result<String> {
        let mut digest = Sha256::new();
        self.in_parts(name, |part| {
            digest.update(part);
            Ok(())
        })?;
        Ok(hexadecimal(&digest.finalize()))
    }

    /// Copies a file to a name that must not exist; not synced. Gives the
    /// digest of what was copied.
    ///
    /// # Errors
    /// Whatever reading and writing say; the copy is then removed again.
    pub fn copy(&self, name: &str, to: &Self, new: &str) -> Result<String> {
        let mut digest = Sha256::new();
        let mut file = to.create_file(new)?;
        let copied = self.in_parts(name, |part| {
            digest.update(part);
            file.write_all(part).map_err(|e| FsError::new("write", to.path().join(new), e))
        });
        if let Err(e) = copied {
            // Best effort: the error that is returned is the first one.
            let _ = to.remove(new);
            return Err(e);
        }
        Ok(hexadecimal(&digest.finalize()))
    }

    fn in_parts(&self, name: &str, mut each: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut file = self.open_for_copy(name)?;
        // Most files are small, and there are many.
        let size = file.metadata().map_or(PART, |meta| usize::try_from(meta.len()).unwrap_or(PART));
        let mut part = vec![0; (size + 1).min(PART)];
        loop {
            match file.read(&mut part) {
                Ok(0) => return Ok(()),
                Ok(read) => each(&part[..read])?,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(FsError::new("read", self.path().join(name), e)),
            }
        }
    }
}

/// Puts a prepared file, whose digest is known, in its place; what is there
/// goes aside under a name that is free. Both were made on one file system.
/// Done again after a crash, it finishes what was begun.
///
/// # Errors
/// Whatever a step says; nothing is lost then.
pub fn place(prepared: Spot<'_>, live: Spot<'_>, aside: Spot<'_>, digest: &str) -> Result<Placed> {
    let mut last = place_once(prepared, live, aside, digest);
    for _ in 1..TRIES {
        match &last {
            // A plain `mv` holds no lock: what stood there a moment ago has gone, or the other way round.
            Err(e) if e.is_not_found() || e.exists() => last = place_once(prepared, live, aside, digest),
            _ => break,
        }
    }
    last
}

fn place_once(prepared: Spot<'_>, live: Spot<'_>, aside: Spot<'_>, digest: &str) -> Result<Placed> {
    let is_it = |(dir, name): Spot<'_>| dir.digest(name).is_ok_and(|is| is == digest);
    if prepared.0.stat(prepared.1)?.is_none() {
        return Ok(Placed::Before);
    }
    if live.0.stat(live.1)?.is_none() {
        return prepared.0.rename(prepared.1, live.0, live.1).map(|()| Placed::New);
    }
    if is_it(live) {
        if is_it(prepared) {
            return Ok(Placed::Same);
        }
        // Died between the exchange and the step below.
        prepared.0.rename(prepared.1, aside.0, aside.1)?;
        return Ok(Placed::Swapped);
    }
    if prepared.0.exchange(prepared.1, live.0, live.1)? {
        prepared.0.rename(prepared.1, aside.0, aside.1)?;
    } else {
        live.0.rename(live.1, aside.0, aside.1)?;
        prepared.0.rename(prepared.1, live.0, live.1)?;
    }
    Ok(Placed::Swapped)
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(64);
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_swapped_in_once_however_often_the_step_is_done() {
        let tmp = tempfile::tempdir().unwrap();
        let top = Dir::open(tmp.path()).unwrap();
        let [source, inn, live, out] = ["source", "in", "live", "out"].map(|d| top.child_or_create(d).unwrap());
        source.create("a", b"snapshot", false).unwrap();
        live.create("a", b"damaged", false).unwrap();
        let digest = source.copy("a", &inn, "a").unwrap();
        let step = || place((&inn, "a"), (&live, "a"), (&out, "a"), &digest).unwrap();
        assert_eq!(step(), Placed::Swapped);
        assert_eq!(step(), Placed::Before);
        assert_eq!((live.read("a", 99).unwrap(), out.read("a", 99).unwrap()), (b"snapshot".into(), b"damaged".into()));
        // Died after the exchange: what lies prepared is the old one.
        out.rename("a", &inn, "a").unwrap();
        assert_eq!(step(), Placed::Swapped);
        assert_eq!((live.read("a", 99).unwrap(), out.read("a", 99).unwrap()), (b"snapshot".into(), b"damaged".into()));
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_plain_file_is_refused_by_name_or_passed_over() {
        let tmp = tempfile::tempdir().unwrap();
        let top = Dir::open(tmp.path()).unwrap();
        top.below_or_create("a/b").unwrap().create("plain", b"x", false).unwrap();
        assert_eq!(top.files_below(&|_| true).unwrap().len(), 1);
        std::os::unix::fs::symlink("/etc", tmp.path().join("a/link")).unwrap();
        let why = top.files_below(&|_| true).unwrap_err().to_string();
        assert!(why.contains("a/link") && why.contains("symbolic link"), "{why}");
        assert_eq!(top.files_below(&|_| false).unwrap()[0].path, "a/b/plain");
        assert!(top.below_or_create("a/link/x").is_err());
    }
}
