//! Who wrote it, and for whose eyes it is: keys, signatures, sealed bodies.
//!
//! Everything is in the formats of tools that people trust already: private
//! keys and signatures are OpenSSH's (ed25519, SSHSIG in the namespace
//! `cellphone`), sealed bodies are `age`'s. Private keys lie outside the tree,
//! beside the approved copies, readable by the user alone, or in `ssh-agent`.
//! Public keys stand in `config/allowed_signers`, those that count no more in
//! `config/revoked_keys`; both are used only as approved, so an agent that
//! writes the tree makes no key a signer's. Old keys stay in the file with the
//! interval in which they held, so old mail verifies by its `date`.
//!
//! [`tokens`] are for the doors that are no files: what a program or a browser
//! shows to the daemon. They are outside the tree too, only as their hashes.
//!
//! Judges bytes and names alone. Whether a message lies where it belongs, and
//! what becomes of a forged one, is decided above, in `office/`.

pub mod allowed;
mod keys;
mod known;
mod pattern;
mod public;
mod register;
pub mod seal;
mod sign;
mod signers;
mod ssh_agent;
pub mod tokens;
mod verified;

pub use keys::{KeyFile, KeyRing};
pub use known::Known;
pub use public::PublicKey;
pub use register::{close_keys, register, revoke, withdraw};
pub use sign::Signer;
pub use signers::Signers;
pub use ssh_agent::SshAgent;

use std::path::PathBuf;

use crate::config::ConfigError;
use crate::fsio::FsError;
use crate::model::ModelError;

/// What our signatures are for. A signature for something else is none here.
pub const NAMESPACE: &str = "cellphone";
/// What signatures of reports are for.
pub const NAMESPACE_REPORT: &str = "cellphone-report";
/// The public keys, from the root.
pub const ALLOWED: &str = crate::config::ALLOWED_SIGNERS;
/// The keys that count no more, from the root.
pub const REVOKED: &str = crate::config::REVOKED_KEYS;

/// Why something with a key did not work.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The disk said no.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// The approved copies said no.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The message cannot be signed as it is.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A private key that may not be used, or is none.
    #[error("{}: {why}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and what to do.
        why: String,
    },
    /// There is no place for private keys.
    #[error("{0}")]
    NoPlace(String),
    /// `ssh-agent` did not do it.
    #[error("ssh-agent: {0}")]
    Agent(String),
    /// A body could not be sealed or opened.
    #[error("{0}")]
    Sealing(String),
}

/// The result of something with a key.
pub type Result<T> = std::result::Result<T, IdentityError>;
