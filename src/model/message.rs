//! A message: its id, what a sender hands in ([`Draft`]), and what a mailbox
//! holds ([`Message`]).

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::front_matter::{FrontMatter, Limits, split};
use super::{AgentName, Header, ModelError, UniqueName, signature};

/// A ULID, 26 characters of Crockford's base 32.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MessageId(ulid::Ulid);

impl MessageId {
    /// The id of a message accepted at `at` (not before 1970), with 70 bits of
    /// `random`. The microseconds stand above the random bits, so ids sort as
    /// acceptance does.
    #[must_use]
    pub fn compose(at: Timestamp, random: u128) -> Self {
        let micros = u64::try_from(at.as_microsecond()).unwrap_or(0);
        let below = u128::from(micros % 1_000) << 70 | (random & ((1 << 70) - 1));
        Self(ulid::Ulid::from_parts(micros / 1_000, below))
    }

    /// The instant that the id tells, to the millisecond: when the message was
    /// accepted, for an id of ours; anything at all for one that a sender gave.
    #[must_use]
    pub fn time(self) -> Timestamp {
        i64::try_from(self.0.timestamp_ms())
            .ok()
            .and_then(|ms| Timestamp::from_millisecond(ms).ok())
            .unwrap_or_default()
    }

    /// The raw 128 bits.
    #[must_use]
    pub fn bits(self) -> u128 {
        self.0.0
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl std::str::FromStr for MessageId {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        ulid::Ulid::from_string(text).map(Self).map_err(|_| format!("{text:?} is not an id (a ULID, 26 characters)"))
    }
}

impl TryFrom<String> for MessageId {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<MessageId> for String {
    fn from(id: MessageId) -> Self {
        id.to_string()
    }
}

/// The digest of a body as it stands in the header.
#[must_use]
pub fn digest(body: &str) -> String {
    use fmt::Write as _;
    let mut out = String::with_capacity(71);
    out.push_str("sha256:");
    for byte in Sha256::digest(body.as_bytes()) {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
    }
    out
}

/// What a sender hands in, before it is accepted: the header as written (with
/// any keys of the sender's own) and the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Known keys.
    pub header: Header,
    /// The header as written; [`Draft::accept`] keeps every byte that it need
    /// not change.
    pub written: FrontMatter,
    /// The body.
    pub body: String,
}

impl Draft {
    /// A draft composed by the program, not read from a file.
    #[must_use]
    pub fn new(header: Header, body: impl Into<String>) -> Self {
        Self { header, written: FrontMatter::empty(), body: body.into() }
    }

    /// Reads a file that may lack front matter.
    ///
    /// # Errors
    /// See [`split`], [`FrontMatter::parse`] and [`Header::read`].
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, ModelError> {
        let parts = split(bytes, limits)?;
        let written = FrontMatter::parse(parts.header.unwrap_or_default())?;
        Ok(Self { header: Header::read(&written)?, written, body: parts.body.to_owned() })
    }

    /// Renders the accepted message: `header` with its final values, the body
    /// with its digest.
    ///
    /// # Errors
    /// [`ModelError::TooLarge`] when header or body is over its limit.
    pub fn accept(mut self, name: &UniqueName, from: &AgentName, limits: &Limits) -> Result<Message, ModelError> {
        self.header.id = Some(name.id());
        self.header.from = Some(from.clone());
        self.header.date = Some(name.accepted());
        self.header.digest = Some(digest(&self.body));
        let mut fm = self.written;
        if fm.entries().is_empty() {
            let text: String = self.header.yaml().iter().map(|(k, v)| format!("{k}: {v}\n")).collect();
            fm = FrontMatter::parse(&(fm.text().to_owned() + &text))?;
        } else {
            // It was over other bytes: those of the draft, or of the message that is sent again.
            fm.remove(signature::KEY)?;
            let (before, now) = (Header::read(&fm)?.yaml(), self.header.yaml());
            // What the header no longer has may not live on in the file: an old `expires` would hold again.
            for (key, _) in before.iter().filter(|(key, _)| !now.iter().any(|(k, _)| k == key)) {
                fm.remove(key)?;
            }
            for (key, yaml) in now {
                let unchanged = fm.get(key).is_some() && before.iter().any(|(k, v)| *k == key && *v == yaml);
                if !unchanged {
                    fm.set(key, &yaml)?;
                }
            }
        }
        let check = |what, size: usize, limit| {
            if size as u64 > limit { Err(ModelError::TooLarge { what, size: size as u64, limit }) } else { Ok(()) }
        };
        check("header", fm.text().len(), limits.header)?;
        check("body", self.body.len(), limits.body)?;
        let bytes = format!("---\n{}---\n{}", fm.text(), self.body).into_bytes();
        Ok(Message { name: name.clone(), header: self.header, body: self.body, bytes })
    }
}

/// An accepted message. Never changes again: what happens to it afterwards is
/// in its folder, its flags and the files beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its file name without flags.
    pub name: UniqueName,
    /// The known keys.
    pub header: Header,
    /// The body.
    pub body: String,
    /// The whole file.
    pub bytes: Vec<u8>,
}

impl Message {
    /// Reads an accepted message and verifies its digest.
    ///
    /// # Errors
    /// Whatever makes it unreadable: see [`Draft::parse`]; a header without
    /// `id`, `from` or `digest`, one whose id is not that of the file name,
    /// or a body that does not match ([`ModelError::Digest`]).
    pub fn parse(name: UniqueName, bytes: Vec<u8>, limits: &Limits) -> Result<Self, ModelError> {
        let draft = Draft::parse(&bytes, limits)?;
        let missing = |key: &str| ModelError::Field { key: key.to_owned(), why: "it is missing".into() };
        let header = draft.header;
        let id = header.id.ok_or_else(|| missing("id"))?;
        if id != name.id() {
            return Err(ModelError::Field {
                key: "id".into(),
                why: format!("it is {id}, the file name says {}", name.id()),
            });
        }
        header.from.as_ref().ok_or_else(|| missing("from"))?;
        let stated = header.digest.as_deref().ok_or_else(|| missing("digest"))?;
        if stated != digest(&draft.body) {
            return Err(ModelError::Digest);
        }
        Ok(Self { name, header, body: draft.body, bytes })
    }

    /// The same with a signature, which is over all of it as it is.
    ///
    /// # Errors
    /// [`ModelError::TooLarge`] when the header has no room for it.
    pub fn signed(self, armor: &str, limits: &Limits) -> Result<Self, ModelError> {
        let bytes = signature::put_in(&self.bytes, armor)?;
        // Read again by the limits that every reader has.
        split(&bytes, limits)?;
        Ok(Self { bytes, ..self })
    }

    /// The sender.
    #[must_use]
    pub fn from(&self) -> AgentName {
        self.header.from.clone().unwrap_or_else(AgentName::system)
    }

    /// The id.
    #[must_use]
    pub fn id(&self) -> MessageId {
        self.name.id()
    }

    /// The id of the first message of its thread: its own when it is first.
    #[must_use]
    pub fn thread(&self) -> MessageId {
        self.header.thread.unwrap_or_else(|| self.id())
    }
}
