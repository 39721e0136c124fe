//! The password of the repositories, and the master keys it unlocks.
//!
//! All of it lies outside the tree, readable by the user alone. A password has
//! to go through scrypt, which takes half a second and 130 MB on purpose; the
//! master key that comes out is kept beside the password, so that this is paid
//! once. It is used only together with the password that unlocked it: whoever
//! gives a wrong one is told so.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::Rng as _;
use serde::{Deserialize, Serialize};

use super::cipher::{digest, hex};
use super::{Result, SnapshotError};
use crate::config::{Secret, SecretSource};
use crate::fsio::Dir;

const PASSWORD: &str = "password";
/// Longest password, and longest kept key.
const MOST: u64 = 16 * 1024;

/// The folder of secrets of one root.
#[derive(Debug, Clone)]
pub struct Secrets {
    folder: PathBuf,
    source: SecretSource,
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
    /// For a folder outside the tree. Where `source` is nowhere, a password is
    /// generated.
    #[must_use]
    pub const fn new(folder: PathBuf, source: SecretSource) -> Self {
        Self { folder, source }
    }

    /// The file of the password, if it is in one.
    #[must_use]
    pub fn password_file(&self) -> Option<PathBuf> {
        match &self.source {
            SecretSource::None => Some(self.folder.join(PASSWORD)),
            SecretSource::File(path) => Some(path.clone()),
            _ => None,
        }
    }

    /// Where the password is.
    #[must_use]
    pub const fn source(&self) -> &SecretSource {
        &self.source
    }

    /// The password; a generated one is made when `make` says so.
    pub(crate) fn password(&self, make: bool) -> Result<Secret> {
        match self.source.fetch() {
            Ok(Some(secret)) => Ok(secret),
            Ok(None) => self.generated(make).map(Secret::new),
            Err(e) => Err(SnapshotError::Secret(format!("the password of the snapshots: {e}"))),
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
        let text = URL_SAFE_NO_PAD.encode(bytes);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_password_stays_and_a_key_needs_its_password() {
        let tmp = tempfile::tempdir().unwrap();
        let secrets = Secrets::new(tmp.path().join("s"), SecretSource::None);
        assert!(secrets.password(false).is_err());
        let made = secrets.password(true).unwrap();
        assert_eq!(made.expose().len(), 43);
        assert_eq!(secrets.password(false).unwrap(), made);
        let mode = Dir::open(&tmp.path().join("s")).unwrap().stat(PASSWORD).unwrap().unwrap().mode;
        assert_eq!(mode & 0o077, 0);
        secrets.keep("r", "/x", "p", serde_json::json!(1)).unwrap();
        assert!(secrets.kept("r", "/x", "p").is_some());
        assert!(secrets.kept("r", "/x", "q").is_none() && secrets.kept("s", "/x", "p").is_none());
    }
}
