//! Signing, with a key from a file or one that `ssh-agent` holds.

use sha2::{Digest as _, Sha256};
use ssh_key::private::Ed25519Keypair;
use ssh_key::{HashAlg, LineEnding, Signature, SshSig};

use super::keys::KeyFile;
use super::public::PublicKey;
use super::ssh_agent::SshAgent;
use super::{IdentityError, NAMESPACE, Result};
use crate::model::Message;
use crate::model::front_matter::Limits;

/// Who can sign as somebody.
#[derive(Debug)]
pub enum Signer {
    /// A private key that was read.
    File(Box<KeyFile>),
    /// A key that `ssh-agent` holds.
    Session(SshAgent, PublicKey),
}

impl Signer {
    /// For tests and measurements: a key that no file holds.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let pair = Ed25519Keypair::from_seed(&seed);
        let public = PublicKey::half(&pair.public);
        Self::File(Box::new(KeyFile { private: pair.into(), public }))
    }

    /// The key that checks what this signs.
    #[must_use]
    pub const fn public(&self) -> PublicKey {
        match self {
            Self::File(key) => key.public(),
            Self::Session(_, public) => *public,
        }
    }

    /// Signs an accepted message.
    ///
    /// # Errors
    /// `ssh-agent` would not, or the header has no room.
    pub fn sign_message(&self, message: Message, limits: &Limits) -> Result<Message> {
        let armor = self.sign(&message.bytes)?;
        Ok(message.signed(&armor, limits)?)
    }

    /// The signature over these bytes, in OpenSSH's armour.
    ///
    /// # Errors
    /// `ssh-agent` would not.
    pub fn sign(&self, bytes: &[u8]) -> Result<String> {
        self.sign_for(NAMESPACE, bytes)
    }

    /// The same in another namespace: a signature for one purpose is none for
    /// another.
    ///
    /// # Errors
    /// As [`sign`](Self::sign).
    pub fn sign_for(&self, namespace: &str, bytes: &[u8]) -> Result<String> {
        let signature = match self {
            Self::File(key) => key.private.sign(namespace, HashAlg::Sha512, bytes),
            Self::Session(agent, public) => {
                let data = SshSig::signed_data(namespace, HashAlg::Sha512, bytes).map_err(unsigned)?;
                let blob = agent.sign(&public.blob(), &data)?;
                Signature::try_from(blob.as_slice())
                    .and_then(|signature| SshSig::new(public.data(), namespace, HashAlg::Sha512, signature))
            }
        };
        signature.and_then(|signature| signature.to_pem(LineEnding::LF)).map_err(unsigned)
    }

    /// A digest that nobody without the private key can make or test, for what
    /// must not be guessed from it. `None` where the key is not here.
    #[must_use]
    pub fn keyed_digest(&self, bytes: &[u8]) -> Option<String> {
        let Self::File(key) = self else { return None };
        let seed = key.private.key_data().ed25519()?.private.to_bytes();
        let inner = Sha256::digest(bytes);
        let outer = Sha256::new().chain_update(seed).chain_update(b"cellphone text").chain_update(inner).finalize();
        Some(outer.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

fn unsigned(e: ssh_key::Error) -> IdentityError {
    IdentityError::Agent(format!("it gave no signature that can be used ({e})"))
}
