//! The form of one line, and how it hangs on the one before.

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::fsio::Dir;

/// `prev` of the very first line.
pub(super) const START: &str = "0000000000000000000000000000000000000000000000000000000000000000";

const MARK: &str = ",\"hash\":\"";

/// What the next line needs of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) seq: u64,
    pub(super) hash: String,
}

/// The keys of a line that are the chain's.
#[derive(Deserialize)]
pub(super) struct Keys {
    pub(super) seq: u64,
    pub(super) prev: String,
    pub(super) hash: String,
}

impl Link {
    pub(super) fn of(line: &[u8]) -> Option<Self> {
        let keys: Keys = serde_json::from_slice(line).ok()?;
        Some(Self { seq: keys.seq, hash: keys.hash })
    }
}

/// SHA-256 in hexadecimal digits.
pub(super) fn hash(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    out
}

/// Adds a line for an event, given as JSON, and moves the end of the chain.
pub(super) fn push(lines: &mut String, seq: &mut u64, last: &mut String, body: &str) {
    *seq += 1;
    let start = lines.len();
    let fields = body.strip_prefix('{').and_then(|b| b.strip_suffix('}')).unwrap_or(body);
    lines.push_str("{\"seq\":");
    lines.push_str(&seq.to_string());
    lines.push(',');
    lines.push_str(fields);
    lines.push_str(",\"prev\":\"");
    lines.push_str(last);
    lines.push('"');
    *last = hash(&lines.as_bytes()[start..]);
    lines.push_str(MARK);
    lines.push_str(last);
    lines.push_str("\"}\n");
}

/// The hash a line ought to have.
pub(super) fn due(line: &[u8]) -> Option<String> {
    let at = line.windows(MARK.len()).rposition(|w| w == MARK.as_bytes())?;
    Some(hash(&line[..at]))
}

/// Counts the lines of a damaged segment, so that numbers go on upwards.
pub(super) fn lines_before(dir: &Dir, name: &str) -> u64 {
    let bytes = std::fs::read(dir.path().join(name)).unwrap_or_default();
    let known = bytes.split(|b| *b == b'\n').filter_map(Link::of).map(|l| l.seq).max().unwrap_or(0);
    known + 1
}
