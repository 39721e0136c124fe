//! An ed25519 public key, as OpenSSH writes it.

use ssh_key::HashAlg;
use ssh_key::public::{Ed25519PublicKey, KeyData};

/// The one sort of key that is used.
pub(super) const ALGORITHM: &str = "ssh-ed25519";

/// A public key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Reads `ssh-ed25519 AAAA…`, with or without a comment behind it.
    ///
    /// # Errors
    /// A sentence, when it is another sort of key or none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut words = text.split_ascii_whitespace();
        let (Some(algorithm), Some(base64)) = (words.next(), words.next()) else {
            return Err("no public key stands there (ssh-ed25519 AAAA…)".into());
        };
        if algorithm != ALGORITHM {
            return Err(format!("a key of the sort {algorithm:?} is not used here, only {ALGORITHM}"));
        }
        let key = ssh_key::PublicKey::from_openssh(&format!("{algorithm} {base64}"));
        let key = key.map_err(|_| "what follows ssh-ed25519 is no public key".to_owned())?;
        Self::of(key.key_data()).ok_or_else(|| "what follows ssh-ed25519 is another sort of key".to_owned())
    }

    /// The key in a signature or a private key; `None` for another sort.
    pub(super) fn of(data: &KeyData) -> Option<Self> {
        data.ed25519().map(|key| Self(key.0))
    }

    /// The public half of a pair.
    pub(super) const fn half(key: &Ed25519PublicKey) -> Self {
        Self(key.0)
    }

    pub(super) fn data(self) -> KeyData {
        KeyData::Ed25519(Ed25519PublicKey(self.0))
    }

    /// `SHA256:…`, as `ssh-keygen -l` says it.
    #[must_use]
    pub fn fingerprint(self) -> String {
        self.data().fingerprint(HashAlg::Sha256).to_string()
    }

    /// The key in the form that is sent over a wire.
    pub(super) fn blob(self) -> Vec<u8> {
        let mut blob = Vec::with_capacity(51);
        for part in [ALGORITHM.as_bytes(), &self.0] {
            // Both are shorter than a u32 can say.
            blob.extend_from_slice(&u32::try_from(part.len()).unwrap_or_default().to_be_bytes());
            blob.extend_from_slice(part);
        }
        blob
    }
}

/// As it stands in a file: `ssh-ed25519 AAAA…`.
impl std::fmt::Display for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let key = ssh_key::PublicKey::from(self.data());
        f.write_str(&key.to_openssh().map_err(|_| std::fmt::Error)?)
    }
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.fingerprint())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::identity) const LINE: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

    #[test]
    fn a_key_is_read_and_written_as_openssh_does() {
        let key = PublicKey::parse(&format!("{LINE} somebody@somewhere")).unwrap();
        assert_eq!(key.to_string(), LINE);
        assert!(key.fingerprint().starts_with("SHA256:"), "{key:?}");
        assert_eq!(ssh_key::PublicKey::from_bytes(&key.blob()).unwrap().key_data(), &key.data());
        for bad in ["", "ssh-ed25519", "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAA", "ssh-ed25519 AAAA", "ssh-ed25519 %%%"] {
            assert!(PublicKey::parse(bad).is_err(), "{bad}");
        }
    }
}
