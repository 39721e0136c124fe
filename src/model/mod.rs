//! Pure values: what a name, an address, a message, a flag, a role or an
//! event *is*.
//!
//! Owns the formats that people and other programs see (file names, front
//! matter, flags). Does no I/O and reads no clock, so everything here can be
//! tested by generated input. Parsing happens once, at the edge, through the
//! types of this module; a value of these types is valid.

pub mod action;
pub mod address;
pub mod detector;
pub mod event;
pub mod flags;
pub mod front_matter;
pub mod header;
pub mod kind;
pub mod lexer;
pub mod message;
pub mod name;
pub mod party;
pub mod policy;
pub mod priority;
pub mod provenance;
pub mod quiet;
pub mod rate;
pub mod role;
pub mod shell;
pub mod signature;
pub mod time;
pub mod unique_name;
pub mod visible;

pub use action::{Action, Permission};
pub use address::Address;
pub use detector::{Detector, Severity};
pub use event::{Event, EventKind};
pub use flags::{Flag, Flags};
pub use header::Header;
pub use kind::Kind;
pub use message::{Draft, Message, MessageId};
pub use name::AgentName;
pub use party::Party;
pub use policy::{Policy, PolicyPart, Rule};
pub use priority::Priority;
pub use provenance::{Forgery, OnForged, Sealing, Signing, Verdict};
pub use quiet::QuietHours;
pub use rate::Rate;
pub use role::Role;
pub use unique_name::UniqueName;

/// Why a value was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// Not a name that every file system can hold.
    #[error("{0:?} is not an agent name: {1}")]
    Name(String, &'static str),
    /// Not `Agent-1`, `@role`, `@all` or `any:@role`.
    #[error("{0:?} is not an address: {1}")]
    Address(String, String),
    /// Not the name of a message file.
    #[error("{0:?} is not a message file name: {1}")]
    FileName(String, &'static str),
    /// The header is outside the small subset of YAML that is accepted.
    #[error("front matter, line {line}: {why}")]
    FrontMatter {
        /// Line in the file, from 1.
        line: usize,
        /// What is wrong, for a person.
        why: String,
    },
    /// A known key has a value it may not have.
    #[error("front matter: `{key}`: {why}")]
    Field {
        /// The key as it stands in the file.
        key: String,
        /// What is wrong, for a person.
        why: String,
    },
    /// A size over its limit.
    #[error("{what} is {size} bytes; the limit is {limit}")]
    TooLarge {
        /// `header` or `body`.
        what: &'static str,
        /// Bytes found.
        size: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// The body does not have the digest its header states.
    #[error("the body does not match its digest: the file is torn or was edited")]
    Digest,
}
