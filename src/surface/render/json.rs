//! JSON that is safe on a terminal too.
//!
//! JSON escapes the C0 controls by itself. The others that [`text`](super::text)
//! makes visible (C1, among them the one-character CSI, and what turns the
//! direction of reading) are written as `\u` escapes: the same value to every
//! reader, and nothing to the terminal.

use std::io;

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter};

use crate::model::visible::suspicious;

struct Safe(CompactFormatter);

impl Formatter for Safe {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        if !fragment.chars().any(suspicious) {
            return self.0.write_string_fragment(writer, fragment);
        }
        let mut units = [0; 2];
        for c in fragment.chars() {
            if suspicious(c) {
                for unit in c.encode_utf16(&mut units) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            } else {
                write!(writer, "{c}")?;
            }
        }
        Ok(())
    }
}

/// One document on one line, ended by a line feed.
///
/// # Errors
/// When the value cannot be JSON (a map with keys that are no text).
pub fn line(value: &impl Serialize) -> serde_json::Result<String> {
    let mut bytes = Vec::with_capacity(256);
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, Safe(CompactFormatter)))?;
    bytes.push(b'\n');
    String::from_utf8(bytes).map_err(serde::ser::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_value_without_anything_that_steers() {
        let text = "a\u{1b}[31m\u{9b}2J\u{202e}x\u{e0041}\u{7f}世\"\\\n";
        let shown = line(&serde_json::json!({ "s": text })).unwrap();
        assert!(shown.trim_end().chars().all(|c| !suspicious(c)), "{shown:?}");
        let back: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(back["s"], text);
    }
}
