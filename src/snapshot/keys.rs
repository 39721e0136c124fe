//! The keys of a repository: each is a password's, and locks the one master
//! key that locks everything else.

use rand::Rng as _;
use rustic_core::repofile::{KeyFile, MasterKey as RusticKey};
use rustic_core::{FileType, Id as RusticId, KeyOptions};

use super::cipher::{MasterKey, Sealer, unhex};
use super::{Repository, Result, SnapshotError};

/// A password's key, without what it locks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    /// Its id.
    pub id: String,
    /// Who made it.
    pub user: String,
    /// On which machine.
    pub host: String,
    /// When.
    pub created: Option<jiff::Timestamp>,
}

impl Repository {
    /// Adds a password; gives the id of its key.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add_password(&self, password: &str) -> Result<String> {
        let options = KeyOptions::default().hostname(super::hostname()).username(crate::config::os_user());
        Ok(self.rustic()?.add_key(password, &options.with_created(true))?.to_hex().to_string())
    }

    /// The keys: id, who made it, when.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn keys(&self) -> Result<Vec<KeyInfo>> {
        let mut found = Vec::new();
        for id in self.backend.list(FileType::Key)? {
            let bytes = self.backend.read_full(FileType::Key, &id)?;
            let file: KeyFile = serde_json::from_slice(&bytes)
                .map_err(|e| SnapshotError::Damaged(format!("key {}: {e}", id.to_hex().as_str())))?;
            found.push(KeyInfo {
                id: id.to_hex().to_string(),
                user: file.username.unwrap_or_default(),
                host: file.hostname.unwrap_or_default(),
                created: file.created.map(|z| z.timestamp()),
            });
        }
        found.sort_by_key(|key| key.created);
        Ok(found)
    }

    /// Takes a key away; its password no longer opens the repository.
    ///
    /// # Errors
    /// No such key, or it is the last one.
    pub fn remove_key(&self, id: &str) -> Result<String> {
        let keys = self.keys()?;
        let fits: Vec<&KeyInfo> = keys.iter().filter(|key| !id.is_empty() && key.id.starts_with(id)).collect();
        let [key] = fits[..] else {
            return Err(SnapshotError::NotFound(format!("{} keys begin with {id:?}", fits.len())));
        };
        if keys.len() == 1 {
            return Err(SnapshotError::Refused("it is the only key: without it nobody could restore".into()));
        }
        let id = unhex(&key.id).ok_or_else(|| SnapshotError::Damaged(format!("{} is no id", key.id)))?;
        self.backend.remove(FileType::Key, &RusticId::new(id), false)?;
        Ok(key.id.clone())
    }
}

/// A key file as restic has it, with the least work that restic itself would
/// take for a fast machine: the password is 256 random bits, so guessing gains
/// nothing from cheap guesses. One of a person's choosing gets the full work.
pub(super) fn key_file(key: &RusticKey, password: &str) -> Result<Vec<u8>> {
    const LOG_N: u8 = 15;
    let fail = |e: String| SnapshotError::Internal(format!("the key cannot be made: {e}"));
    let log_n = if password.len() >= 43 { LOG_N } else { LOG_N + 2 };
    let params = scrypt::Params::new(log_n, 8, 1).map_err(|e| fail(e.to_string()))?;
    let mut salt = [0; 64];
    rand::rng().fill_bytes(&mut salt);
    let mut bytes = [0; 64];
    scrypt::scrypt(password.as_bytes(), &salt, &params, &mut bytes).map_err(|e| fail(e.to_string()))?;
    let json = serde_json::to_vec(key).map_err(|e| fail(e.to_string()))?;
    let mut data = Vec::new();
    Sealer::new(&MasterKey::new(&bytes), false)?.seal(&json, &mut data)?;
    let file = KeyFile {
        hostname: Some(super::hostname()),
        username: Some(crate::config::os_user()),
        created: Some(jiff::Zoned::now()),
        kdf: "scrypt".into(),
        n: 1 << log_n,
        r: 8,
        p: 1,
        data,
        salt: salt.to_vec(),
    };
    serde_json::to_vec(&file).map_err(|e| fail(e.to_string()))
}
