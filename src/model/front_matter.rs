//! A file split into header and body, without changing a byte of either.
//!
//! [`FrontMatter`] keeps the header as it was written; setting a key replaces
//! or appends that entry alone, so unknown keys, comments and order survive.

use super::ModelError;
use super::lexer::{Entry, Value, entries};

/// Sizes above which a message is refused, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Header, without the two `---` lines. 16 KiB by default.
    pub header: u64,
    /// Body. 10 MiB by default.
    pub body: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { header: 16 * 1024, body: 10 * 1024 * 1024 }
    }
}

impl Limits {
    /// The largest file that can be a message: both limits and the marks.
    #[must_use]
    pub const fn file(&self) -> u64 {
        self.header.saturating_add(self.body).saturating_add(16)
    }
}

/// The header of a file, as written and as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrontMatter {
    text: String,
    entries: Vec<Entry>,
}

/// Where the header and the body of a file stand.
pub struct Split<'a> {
    /// Between the two `---` lines; `None` when the file has no front matter.
    pub header: Option<&'a str>,
    /// Everything after it.
    pub body: &'a str,
}

/// Splits a file at its `---` lines. A file that does not begin with `---` has
/// no front matter and is all body.
///
/// # Errors
/// Not UTF-8, a header that is never closed, or a part over its limit.
pub fn split<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Split<'a>, ModelError> {
    let too_large = |what, size: usize, limit| ModelError::TooLarge { what, size: size as u64, limit };
    let opening = opening_len(bytes);
    if opening == 0 {
        if bytes.len() as u64 > limits.body {
            return Err(too_large("body", bytes.len(), limits.body));
        }
        return Ok(Split { header: None, body: utf8(bytes, 1)? });
    }
    let header_room = usize::try_from(limits.header).unwrap_or(usize::MAX).saturating_add(opening + 5);
    let window = &bytes[..bytes.len().min(header_room)];
    let Some((end, body)) = closing(window, opening) else {
        if window.len() < bytes.len() {
            return Err(too_large("header", bytes.len(), limits.header));
        }
        return Err(ModelError::FrontMatter { line: 1, why: "the closing `---` line is missing".into() });
    };
    if (bytes.len() - body) as u64 > limits.body {
        return Err(too_large("body", bytes.len() - body, limits.body));
    }
    Ok(Split { header: Some(utf8(&bytes[opening..end], 2)?), body: utf8(&bytes[body..], 1)? })
}

fn opening_len(bytes: &[u8]) -> usize {
    if bytes.starts_with(b"---\n") {
        4
    } else if bytes.starts_with(b"---\r\n") {
        5
    } else {
        0
    }
}

/// The end of the header and the start of the body.
fn closing(bytes: &[u8], mut at: usize) -> Option<(usize, usize)> {
    loop {
        let rest = bytes.get(at..)?;
        let line_end = rest.iter().position(|b| *b == b'\n');
        let line = &rest[..line_end.unwrap_or(rest.len())];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line == b"---" {
            return Some((at, line_end.map_or(bytes.len(), |i| at + i + 1)));
        }
        at += line_end? + 1;
    }
}

fn utf8(bytes: &[u8], first_line: usize) -> Result<&str, ModelError> {
    std::str::from_utf8(bytes).map_err(|e| ModelError::FrontMatter {
        line: first_line + bytes[..e.valid_up_to()].iter().filter(|b| **b == b'\n').count(),
        why: "it is not UTF-8 text".into(),
    })
}

impl FrontMatter {
    /// Reads a header.
    ///
    /// # Errors
    /// What [`entries`] refuses.
    pub fn parse(text: &str) -> Result<Self, ModelError> {
        Ok(Self { text: text.to_owned(), entries: entries(text)? })
    }

    /// A header without any key.
    #[must_use]
    pub const fn empty() -> Self {
        Self { text: String::new(), entries: Vec::new() }
    }

    /// The header as it is written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The entries in their order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.entries.iter().find(|e| e.key == key).map(|e| &e.value)
    }

    /// The value of a key as one text; `None` when absent or empty.
    ///
    /// # Errors
    /// [`ModelError::Field`] when it is a list.
    pub fn scalar(&self, key: &str) -> Result<Option<&str>, ModelError> {
        match self.get(key) {
            None | Some(Value::Empty) => Ok(None),
            Some(Value::Scalar(text)) => Ok(Some(text)),
            Some(Value::List(_)) => {
                Err(ModelError::Field { key: key.to_owned(), why: "one value is expected here, not a list".into() })
            }
        }
    }

    /// The value of a key as a list; one scalar is a list of one (split at
    /// commas, as people write it).
    #[must_use]
    pub fn list(&self, key: &str) -> Vec<String> {
        match self.get(key) {
            None | Some(Value::Empty) => Vec::new(),
            Some(Value::List(items)) => items.clone(),
            Some(Value::Scalar(text)) => {
                text.split(',').map(|t| t.trim().to_owned()).filter(|t| !t.is_empty()).collect()
            }
        }
    }

    /// Sets a key to `yaml` (already written as YAML), leaving every other
    /// byte as it is. A new key goes to the end.
    ///
    /// # Errors
    /// When `yaml` is not a value of the accepted subset.
    pub fn set(&mut self, key: &str, yaml: &str) -> Result<(), ModelError> {
        let line = format!("{key}: {yaml}\n");
        match self.entries.iter().find(|e| e.key == key) {
            Some(entry) => self.text.replace_range(entry.span.clone(), &line),
            None => {
                if !self.text.is_empty() && !self.text.ends_with('\n') {
                    self.text.push('\n');
                }
                self.text.push_str(&line);
            }
        }
        self.entries = entries(&self.text)?;
        Ok(())
    }

    /// Takes a key out, leaving every other byte as it is. One that is not
    /// there is none.
    ///
    /// # Errors
    /// When what is left is not of the accepted subset.
    pub fn remove(&mut self, key: &str) -> Result<(), ModelError> {
        if let Some(entry) = self.entries.iter().find(|e| e.key == key) {
            self.text.replace_range(entry.span.clone(), "");
            self.entries = entries(&self.text)?;
        }
        Ok(())
    }
}

/// Writes a text as a YAML scalar: plain where that is read back the same,
/// in double quotes elsewhere.
#[must_use]
pub fn yaml_scalar(text: &str) -> String {
    let plain = !text.is_empty()
        && text.trim() == text
        && !text.starts_with(|c: char| "-?:,[]{}#&*!|>'\"%@`~=<.+".contains(c) || c.is_ascii_digit())
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.ends_with(':')
        && !matches!(
            text.to_ascii_lowercase().as_str(),
            "null" | "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n"
        )
        && text.chars().all(is_plain);
    if plain { text.to_owned() } else { quoted(text) }
}

fn is_plain(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2028}' | '\u{2029}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

fn quoted(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_plain(c) => out.push(c),
            c => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\U{:08x}", c as u32);
            }
        }
    }
    out.push('"');
    out
}

/// Writes items as a YAML list on one line.
#[must_use]
pub fn yaml_list<T: AsRef<str>>(items: &[T]) -> String {
    let items: Vec<String> = items
        .iter()
        .map(|item| {
            let text = item.as_ref();
            if text.contains([',', '[', ']', '{', '}', ':', '?']) { quoted(text) } else { yaml_scalar(text) }
        })
        .collect();
    format!("[{}]", items.join(", "))
}
