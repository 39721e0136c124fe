//! Who really wrote a message, as far as it can be told, and what a role asks
//! of that.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::AgentName;

/// What can be told of a message's sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The sender's key signed exactly this, for this mailbox.
    Verified,
    /// Nobody signed it, and nobody had to.
    Unsigned,
    /// It is not what it says.
    Forged(Forgery),
}

impl Verdict {
    /// The word in JSON and in listings.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Unsigned => "unsigned",
            Self::Forged(_) => "forged",
        }
    }

    /// Why it is forged; `None` for the others.
    #[must_use]
    pub fn why(&self) -> Option<String> {
        match self {
            Self::Forged(forgery) => Some(forgery.to_string()),
            _ => None,
        }
    }
}

/// How a message is not what it says. The text begins with the reason in a
/// word or two, which scripts may rely on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forgery {
    /// There is something under `signature` that is none.
    Malformed(String),
    /// The signature is one for something else.
    Namespace(String),
    /// Nobody among the allowed signers has this key.
    UnknownSigner(String),
    /// The key is one of somebody else.
    WrongKey {
        /// Its fingerprint.
        key: String,
        /// Whose it is.
        of: String,
        /// Who is said to have written.
        from: AgentName,
    },
    /// The signature does not fit the bytes.
    Edited,
    /// The key was not valid yet when this was accepted.
    EarlyKey(String, Timestamp),
    /// The key was not valid any more when this was accepted.
    ExpiredKey(String, Timestamp),
    /// The key was revoked.
    RevokedKey(String),
    /// Not signed, though its sender had a key and must.
    Downgraded(AgentName),
    /// A true message, put where or when it does not belong.
    Replayed(String),
}

impl fmt::Display for Forgery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(why) => write!(f, "malformed: {why}"),
            Self::Namespace(other) => write!(f, "other namespace: it was signed for {other:?}, not as mail"),
            Self::UnknownSigner(key) => write!(f, "unknown signer: {key} is no approved key (see: cellphone trust)"),
            Self::WrongKey { key, of, from } => write!(f, "wrong key: {key} is a key of {of}, not of {from}"),
            Self::Edited => f.write_str("edited: the signature does not fit what stands here"),
            Self::EarlyKey(key, at) => write!(f, "expired key: {key} is valid only since {at}"),
            Self::ExpiredKey(key, at) => write!(f, "expired key: {key} was valid until {at}"),
            Self::RevokedKey(key) => write!(f, "revoked key: {key}"),
            Self::Downgraded(from) => write!(f, "downgraded: {from} must sign and had a key, but this is unsigned"),
            Self::Replayed(how) => write!(f, "replayed: {how}"),
        }
    }
}

/// Whether what a role sends is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signing {
    /// Never.
    Off,
    /// Where the sender has a key.
    #[default]
    WhenPossible,
    /// Always: without a key nothing is sent.
    Required,
}

impl Signing {
    /// The word in `config/roles.yaml`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::WhenPossible => "when_possible",
            Self::Required => "required",
        }
    }
}

impl std::str::FromStr for Signing {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            "when_possible" => Ok(Self::WhenPossible),
            "required" => Ok(Self::Required),
            other => Err(format!("{other:?} is none of off, when_possible or required")),
        }
    }
}

/// Whether what a role sends is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sealing {
    /// Where the sender asks for it.
    #[default]
    Off,
    /// Always, but for receipts, which say nothing.
    Required,
}

impl Sealing {
    /// The word in `config/roles.yaml`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Required => "required",
        }
    }
}

impl std::str::FromStr for Sealing {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            "required" => Ok(Self::Required),
            other => Err(format!("{other:?} is none of off or required")),
        }
    }
}

/// What becomes of forged mail in the inboxes of a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnForged {
    /// It is shown as forged.
    #[default]
    Show,
    /// The daemon moves it to `dead/` and tells the captain.
    Dead,
}

impl OnForged {
    /// The word in `config/roles.yaml`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Show => "show",
            Self::Dead => "dead",
        }
    }
}

impl std::str::FromStr for OnForged {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "show" => Ok(Self::Show),
            "dead" => Ok(Self::Dead),
            other => Err(format!("{other:?} is none of show or dead")),
        }
    }
}
