//! The name of a message file: `TIME-SENDER-SLUG-ID.md`, flags after a comma.
//!
//! It sorts by acceptance, tells sender and topic to `ls`, and is the same in
//! every recipient's folder. Only the time, the id and the flags are read
//! back from it: sender and subject are in the header.

use jiff::Timestamp;

use super::time::{STAMP_LEN, parse_stamp, stamp};
use super::{AgentName, Flags, MessageId, ModelError};

const ID_LEN: usize = 26;
const SLUG_MAX: usize = 40;

/// A file name without flags and `.md`: `TIME-SENDER-SLUG-ID`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UniqueName {
    text: String,
}

impl UniqueName {
    /// Composes the name of a message accepted at `at`.
    #[must_use]
    pub fn compose(at: Timestamp, from: &AgentName, subject: &str, id: MessageId) -> Self {
        let slug = slug(subject);
        let text = if slug.is_empty() {
            format!("{}-{from}-{id}", stamp(at))
        } else {
            format!("{}-{from}-{slug}-{id}", stamp(at))
        };
        Self { text }
    }

    /// Reads a file name with its flags.
    ///
    /// # Errors
    /// [`ModelError::FileName`] when it was not made by [`compose`](Self::compose)
    /// and [`file`](Self::file).
    pub fn parse(file: &str) -> Result<(Self, Flags), ModelError> {
        let fail = |why| ModelError::FileName(file.to_owned(), why);
        let stem = file.strip_suffix(".md").ok_or_else(|| fail("it does not end in .md"))?;
        let (text, flags) = match stem.split_once(',') {
            Some((text, letters)) => {
                (text, Flags::parse(letters).ok_or_else(|| fail("the flags after the comma are not of DFPRST"))?)
            }
            None => (stem, Flags::NONE),
        };
        let ok = text.is_ascii()
            && text.len() > STAMP_LEN + 1 + ID_LEN + 1
            && text.as_bytes()[STAMP_LEN] == b'-'
            && text.as_bytes()[text.len() - ID_LEN - 1] == b'-'
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
        if !ok {
            return Err(fail("it is not TIME-SENDER-SUBJECT-ID.md"));
        }
        parse_stamp(&text[..STAMP_LEN]).ok_or_else(|| fail("it does not begin with a time"))?;
        text[text.len() - ID_LEN..].parse::<MessageId>().map_err(|_| fail("it does not end with an id"))?;
        Ok((Self { text: text.to_owned() }, flags))
    }

    /// The file name with these flags.
    #[must_use]
    pub fn file(&self, flags: Flags) -> String {
        if flags.is_empty() { format!("{}.md", self.text) } else { format!("{},{flags}.md", self.text) }
    }

    /// The name without flags and ending.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The id at the end.
    #[must_use]
    pub fn id(&self) -> MessageId {
        self.text[self.text.len() - ID_LEN..].parse().unwrap_or_default()
    }

    /// The time at the beginning: when the message was accepted.
    #[must_use]
    pub fn accepted(&self) -> Timestamp {
        parse_stamp(&self.text[..STAMP_LEN]).unwrap_or_default()
    }
}

/// A subject as part of a file name: `[a-z0-9-]`, at most 40 characters.
#[must_use]
pub fn slug(subject: &str) -> String {
    let mut out = String::with_capacity(SLUG_MAX);
    for c in subject.chars() {
        if out.len() >= SLUG_MAX {
            break;
        }
        if c.is_ascii_alphanumeric() {
            out.push(c.to_ascii_lowercase());
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    out.truncate(out.trim_end_matches('-').len());
    out
}
