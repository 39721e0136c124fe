//! The signature of a message: where it stands in the file, and which bytes it
//! is over.
//!
//! It is one entry of the header, in one form only: the line `signature: |`,
//! then OpenSSH's armour, each line behind two blanks. Signed is every byte of
//! the file but those lines, so that `sed` can take the two apart:
//!
//! ```sh
//! sed -n '1,/^---$/{/^signature: |$/,/^  -----END SSH SIGNATURE-----$/{s/^  //p;};}' FILE > sig
//! sed '1,/^---$/{/^signature: |$/,/^  -----END SSH SIGNATURE-----$/d;}' FILE > signed
//! ```
//!
//! Anything else under that key is no signature and is told as malformed: what
//! two programs could cut differently would let one of them check other bytes
//! than the other shows. Knows no keys; `identity/` does.

use super::ModelError;
use super::front_matter::{FrontMatter, Limits, split};

/// The key of the entry.
pub const KEY: &str = "signature";

const OPENING: &[u8] = b"---\n";
const HEAD: &str = "signature: |\n";
const INDENT: &str = "  ";
const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----";
const END: &str = "-----END SSH SIGNATURE-----";

/// A signed file, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed<'a> {
    before: &'a [u8],
    after: &'a [u8],
    armor: String,
}

impl Signed<'_> {
    /// The signature as OpenSSH writes it.
    #[must_use]
    pub fn armor(&self) -> &str {
        &self.armor
    }

    /// The bytes it is over.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        [self.before, self.after].concat()
    }
}

/// Takes a message file apart; `None` when it has no signature.
///
/// # Errors
/// A sentence, when there is something under the key that is not exactly a
/// signature, or the header cannot be read.
pub fn take_apart(bytes: &[u8]) -> Result<Option<Signed<'_>>, &'static str> {
    let any = Limits { header: u64::MAX, body: u64::MAX };
    let Ok(parts) = split(bytes, &any) else { return Err("its header cannot be read") };
    let Some(header) = parts.header else { return Ok(None) };
    let Ok(front) = FrontMatter::parse(header) else { return Err("its header cannot be read") };
    let Some(entry) = front.entries().iter().find(|entry| entry.key == KEY) else { return Ok(None) };
    let armor = armor_of(&header[entry.span.clone()])?;
    bounded(bytes, header)?;
    let (start, end) = (OPENING.len() + entry.span.start, OPENING.len() + entry.span.end);
    Ok(Some(Signed { before: &bytes[..start], after: &bytes[end..], armor }))
}

/// Whether the header ends for everybody at the same place: a carriage return
/// in the lines around it would move its end for `sed`.
fn bounded(bytes: &[u8], header: &str) -> Result<(), &'static str> {
    let closing = bytes.get(OPENING.len() + header.len()..).unwrap_or_default();
    let exact = bytes.starts_with(OPENING) && (closing == b"---" || closing.starts_with(b"---\n"));
    if exact { Ok(()) } else { Err("the lines around the header are not exactly `---`") }
}

/// The armour in an entry, without what the header adds to it.
fn armor_of(entry: &str) -> Result<String, &'static str> {
    let block = entry.strip_prefix(HEAD).ok_or("it does not begin with the line `signature: |`")?;
    let mut armor = String::with_capacity(block.len());
    let mut lines = block.split_inclusive('\n').peekable();
    let mut first = true;
    while let Some(line) = lines.next() {
        let inner = line.strip_prefix(INDENT).and_then(|rest| rest.strip_suffix('\n'));
        let inner = inner.ok_or("a line of it does not stand behind two blanks")?;
        let last = lines.peek().is_none();
        let fits = match (first, last) {
            (true, false) => inner == BEGIN,
            (false, true) => inner == END,
            (false, false) => is_base64(inner),
            (true, true) => false,
        };
        if !fits {
            return Err("it is not OpenSSH's armour, from its first line to its last");
        }
        armor.push_str(inner);
        armor.push('\n');
        first = false;
    }
    if first { Err("it is empty") } else { Ok(armor) }
}

fn is_base64(line: &str) -> bool {
    !line.is_empty() && line.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='))
}

/// Puts a signature into an accepted message, as the last entry of its header.
///
/// # Errors
/// When the file has no header, has a signature, or the armour is none.
pub fn put_in(bytes: &[u8], armor: &str) -> Result<Vec<u8>, ModelError> {
    let fault = |why: &str| ModelError::Field { key: KEY.into(), why: why.into() };
    if take_apart(bytes).map_err(fault)?.is_some() {
        return Err(fault("the message is signed already"));
    }
    let any = Limits { header: u64::MAX, body: u64::MAX };
    let header = split(bytes, &any)?.header.ok_or_else(|| fault("a message without a header is not signed"))?;
    let mut block = String::with_capacity(armor.len() + 64);
    block.push_str(HEAD);
    for line in armor.lines() {
        block.push_str(INDENT);
        block.push_str(line);
        block.push('\n');
    }
    armor_of(&block).map_err(fault)?;
    bounded(bytes, header).map_err(fault)?;
    let end = OPENING.len() + header.len();
    Ok([&bytes[..end], block.as_bytes(), &bytes[end..]].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ARMOR: &str = "-----BEGIN SSH SIGNATURE-----\nU1NIU0lHAAAAAQ\n+/b=\n-----END SSH SIGNATURE-----\n";
    const PLAIN: &str = "---\nid: x\nsubject: s\n---\nBody.\n";

    fn signed() -> String {
        String::from_utf8(put_in(PLAIN.as_bytes(), ARMOR).unwrap()).unwrap()
    }

    #[test]
    fn what_is_put_in_comes_out_and_leaves_what_was_there() {
        let file = signed();
        assert!(file.contains("subject: s\nsignature: |\n  -----BEGIN SSH SIGNATURE-----\n  U1N"), "{file}");
        let apart = take_apart(file.as_bytes()).unwrap().unwrap();
        assert_eq!(apart.armor(), ARMOR);
        assert_eq!(apart.bytes(), PLAIN.as_bytes());
        assert_eq!(take_apart(PLAIN.as_bytes()), Ok(None));
        assert_eq!(take_apart(b"no header"), Ok(None));
        assert!(put_in(file.as_bytes(), ARMOR).is_err(), "twice");
        assert!(put_in(b"no header", ARMOR).is_err());
        assert!(put_in(PLAIN.as_bytes(), "-----BEGIN PGP-----\n").is_err());
    }

    #[test]
    fn it_may_stand_anywhere_in_the_header_and_nowhere_else() {
        let block = signed().replace("---\nid: x\nsubject: s\n", "").replace("---\nBody.\n", "");
        let first = format!("---\n{block}id: x\n---\nBody.\n");
        assert_eq!(take_apart(first.as_bytes()).unwrap().unwrap().bytes(), b"---\nid: x\n---\nBody.\n");
        let quoted = format!("---\nid: x\n---\n{block}");
        assert_eq!(take_apart(quoted.as_bytes()), Ok(None), "in the body it is text");
        let nested = format!("---\nnote: |\n  {}---\n", block.replace('\n', "\n  "));
        assert!(!matches!(take_apart(nested.as_bytes()), Ok(Some(_))), "in another block it is text");
    }

    #[test]
    fn everything_that_could_be_cut_in_two_ways_is_malformed() {
        let file = signed();
        for (from, to) in [
            ("signature: |", "signature: |-"),
            ("signature: |", "signature:  |"),
            ("signature: |", "\"signature\": |"),
            ("signature: |", "signature: | # mine"),
            ("signature: |\n", "signature: |\r\n"),
            ("signature: |\n", "signature: |\n\n"),
            ("signature: |\n  ", "signature: |\n   "),
            ("  U1N", " U1N"),
            ("  U1N", "\tU1N"),
            ("U1NIU0", "U1N IU0"),
            ("  -----END", "  \n  -----END"),
            ("-----END SSH SIGNATURE-----\n", "-----END SSH SIGNATURE-----\n  more\n"),
            ("-----END SSH SIGNATURE-----\n", "-----END SSH SIGNATURE-----\n\n"),
            ("-----END SSH SIGNATURE-----\n", "-----END SSH SIGNATURE-----\r\n"),
            ("---\nid: x", "---\r\nid: x"),
            ("\n---\nBody", "\n---\r\nBody"),
        ] {
            let other = file.replacen(from, to, 1);
            assert_ne!(other, file, "{from:?}");
            assert!(take_apart(other.as_bytes()).is_err(), "{from:?} → {to:?} was taken for a signature");
        }
        assert!(take_apart(b"---\nsignature: Bob\n---\n").is_err());
        assert!(take_apart(b"---\nsignature: |\n---\n").is_err());
    }

    proptest! {
        #[test]
        fn any_header_and_body_come_back_whole(
            lines in proptest::collection::vec("[a-z]{1,8}: [a-zA-Z0-9 ]{0,20}[a-z]", 0..6),
            body in any::<String>(),
            base64 in proptest::collection::vec("[A-Za-z0-9+/]{1,70}", 1..6),
        ) {
            let header: String = lines.iter().enumerate().map(|(n, line)| format!("k{n}{line}\n")).collect();
            let plain = format!("---\n{header}---\n{body}");
            let armor = format!("{BEGIN}\n{}\n{END}\n", base64.join("\n"));
            let file = put_in(plain.as_bytes(), &armor).unwrap();
            let apart = take_apart(&file).unwrap().unwrap();
            prop_assert_eq!(apart.bytes(), plain.as_bytes());
            prop_assert_eq!(apart.armor(), armor);
        }
    }
}
