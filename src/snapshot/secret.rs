//! The password of the repositories, and the master keys it unlocks.
//!
//! All of it lies outside the tree, readable by the user alone. A password has
//! to go through scrypt, which takes half a second and 130 MB on purpose; the
//! master key that comes out is kept beside the password, so that this is paid
//! once. It is used only together with the password that unlocked it: whoever
//! gives a wrong one is told so.

use std::path::{Path, PathBuf};
use std::process::Command;

use rand::Rng as _;
use serde::{Deserialize, Serialize};

use super::cipher::{digest, hex};
use super::{Result, SnapshotError};
use crate::fsio::Dir;

const PASSWORD: &str = "password";
/// Longest password, and longest kept key.
const MOST: u64 = 16 * 1024;

/// Where the password comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasswordSource {
    /// Generated, in a file of ours outside the tree.
    Generated,
    /// A file of the person's.
    File(PathBuf),
    /// What a command prints, as approved.
    Command(String),
    /// The environment (`CELLPHONE_SNAPSHOT_PASSWORD`).
    Environment(String),
}

/// The folder of secrets of one root.
#[derive(Debug, Clone)]
pub struct Secrets {
    folder: PathBuf,
    source: PasswordSource,
}

/// A master key as kept: restic's own form of it, and what unlocked it.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    repository: String,
    unlocked_by: String,
    salt: String,
    key: serde_json::Value,
}

impl Secrets {
    /// For a folder outside the tree.
    #[must_use]
    pub const fn new(folder: PathBuf, source: PasswordSource) -> Self {
        Self { folder, source }
    }

    /// The file of the generated password.
    #[must_use]
    pub fn password_file(&self) -> PathBuf {
        match &self.source {
            PasswordSource::File(path) => path.clone(),
            _ => self.folder.join(PASSWORD),
        }
    }

    /// Where the password comes from.
    #[must_use]
    pub const fn source(&self) -> &PasswordSource {
        &self.source
    }

    /// The password; a generated one is made when `make` says so.
    pub(crate) fn password(&self, make: bool) -> Result<String> {
        let fail = |why: String| SnapshotError::Secret(why);
        let text = match &self.source {
            PasswordSource::Environment(text) => text.clone(),
            PasswordSource::Command(line) => run(line)?,
            PasswordSource::File(path) => {
                let text = std::fs::read_to_string(path);
                text.map_err(|e| fail(format!("cannot read the password file {}: {e}", path.display())))?
            }
            PasswordSource::Generated => return self.generated(make),
        };
        match text.trim_end_matches(['\r', '\n']) {
            "" => Err(fail("the password of the snapshots is empty".into())),
            text => Ok(text.to_owned()),
        }
    }

    fn generated(&self, make: bool) -> Result<String> {
        let path = self.folder.join(PASSWORD);
        let dir = Dir::create_all(&self.folder)?;
        match dir.read(PASSWORD, MOST) {
            Ok(bytes) => return Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned()),
            Err(e) if e.is_not_found() && make => {}
            Err(e) if e.is_not_found() => {
                return Err(SnapshotError::Secret(format!("{} is not there", path.display())));
            }
            Err(e) => return Err(e.into()),
        }
        let mut bytes = [0; 32];
        rand::rng().fill_bytes(&mut bytes);
        let text = base64url(&bytes);
        match dir.create(PASSWORD, format!("{text}\n").as_bytes(), true) {
            // Somebody else made it at the same moment.
            Err(e) if e.exists() => return self.generated(false),
            other => other?,
        }
        dir.sync()?;
        Ok(text)
    }

    /// The kept master key of a repository, if this password unlocked it.
    pub(super) fn kept(&self, repository: &str, place: &str, password: &str) -> Option<serde_json::Value> {
        let dir = Dir::open(&self.folder).ok()?;
        let kept: Kept = serde_json::from_slice(&dir.read(&file(place), MOST).ok()?).ok()?;
        let fits = kept.repository == repository && kept.unlocked_by == mark(&kept.salt, password);
        fits.then_some(kept.key)
    }

    /// Whether a repository was used at a place before.
    #[must_use]
    pub(crate) fn knows(&self, place: &str) -> bool {
        Dir::open(&self.folder).is_ok_and(|dir| dir.stat(&file(place)).is_ok_and(|stat| stat.is_some()))
    }

    /// Forgets a kept master key: the password has to unlock it again.
    pub(crate) fn forget_kept(&self, place: &str) {
        if let Ok(dir) = Dir::open(&self.folder) {
            // Not there is what we want.
            let _ = dir.remove(&file(place));
        }
    }

    /// Keeps a master key. Without it the password still opens everything.
    pub(super) fn keep(&self, repository: &str, place: &str, password: &str, key: serde_json::Value) -> Result<()> {
        let mut salt = [0; 16];
        rand::rng().fill_bytes(&mut salt);
        let salt = hex(&salt);
        let kept = Kept { repository: repository.into(), unlocked_by: mark(&salt, password), salt, key };
        let text = serde_json::to_vec(&kept).unwrap_or_default();
        Ok(Dir::create_all(&self.folder)?.replace(&file(place), &text, true)?)
    }
}

fn file(place: &str) -> String {
    format!("master-{}.json", &hex(&digest(place.as_bytes()))[..16])
}

fn mark(salt: &str, password: &str) -> String {
    hex(&digest(format!("{salt}:{password}").as_bytes()))
}

fn base64url(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let n = three.iter().fold(0_u32, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - three.len()));
        for at in 0..=three.len() {
            out.push(char::from(LETTERS[(n >> (18 - 6 * at) & 63) as usize]));
        }
    }
    out
}

/// The first line a command prints. It is a person's own words, as approved,
/// so a shell reads it.
fn run(line: &str) -> Result<String> {
    let (shell, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("/bin/sh", "-c") };
    let out = Command::new(shell).args([flag, line]).output();
    let out = out.map_err(|e| SnapshotError::Secret(format!("the password command cannot run: {e}")))?;
    if !out.status.success() {
        let why = String::from_utf8_lossy(&out.stderr);
        let why = why.lines().next().unwrap_or("it said nothing");
        return Err(SnapshotError::Secret(format!("the password command ended with {}: {why}", out.status)));
    }
    let text = String::from_utf8_lossy(&out.stdout);
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// Whether a file is readable by others; `None` where the platform does not tell.
#[must_use]
pub fn is_exposed(path: &Path) -> Option<bool> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        std::fs::metadata(path).ok().map(|m| m.mode() & 0o077 != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_password_stays_and_a_key_needs_its_password() {
        let tmp = tempfile::tempdir().unwrap();
        let secrets = Secrets::new(tmp.path().join("s"), PasswordSource::Generated);
        assert!(secrets.password(false).is_err());
        let made = secrets.password(true).unwrap();
        assert_eq!(made.len(), 43);
        assert_eq!(secrets.password(false).unwrap(), made);
        assert_eq!(is_exposed(&secrets.password_file()), if cfg!(unix) { Some(false) } else { None });
        secrets.keep("r", "/x", "p", serde_json::json!(1)).unwrap();
        assert!(secrets.kept("r", "/x", "p").is_some());
        assert!(secrets.kept("r", "/x", "q").is_none() && secrets.kept("s", "/x", "p").is_none());
        assert_eq!(base64url(b"Man"), "TWFu");
    }
}
