//! The small subset of YAML a header may be: `key: scalar`, `key: [a, b]`,
//! `key:` with `- item` lines, and `key: |` with an indented block.
//!
//! Anchors, aliases, tags, flow maps and duplicate keys are refused here,
//! before any YAML library sees them: `serde_yaml` resolves the first three
//! silently and lets the last key win. Time and memory are linear in the
//! header, which is limited before it gets here.

use std::ops::Range;

use super::ModelError;

/// One key with its value, and where both stand in the header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key, unquoted.
    pub key: String,
    /// The value.
    pub value: Value,
    /// Bytes of the whole entry in the header, its line ends included.
    pub span: Range<usize>,
}

/// A value, decoded to text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing, `~` or `null`.
    Empty,
    /// One scalar: plain, quoted or a block.
    Scalar(String),
    /// A flat list.
    List(Vec<String>),
}

/// Splits a header (the text between the two `---` lines) into its entries.
///
/// # Errors
/// [`ModelError::FrontMatter`] with the line in the file, counting the
/// opening `---` as line 1.
pub fn entries(header: &str) -> Result<Vec<Entry>, ModelError> {
    let mut found: Vec<Entry> = Vec::new();
    let mut lines = Lines::new(header);
    while let Some(line) = lines.next() {
        let text = line.text;
        if text.trim().is_empty() || text.starts_with('#') {
            continue;
        }
        if text.starts_with([' ', '\t', '-']) {
            return Err(line.fault("a line here begins with its key; nested values are not accepted"));
        }
        let (key, rest) = split_key(&line)?;
        if found.iter().any(|e| e.key == key) {
            return Err(line.fault(&format!("the key `{key}` stands twice")));
        }
        let rest = rest.trim();
        let value = match rest.as_bytes().first() {
            Some(b'|' | b'>') if is_block_mark(rest) => Value::Scalar(block(&mut lines, rest)),
            Some(b'[') => Value::List(flow_list(rest).map_err(|why| line.fault(&why))?),
            None => dash_list(&mut lines)?,
            Some(_) => scalar(rest).map_err(|why| line.fault(&why))?,
        };
        found.push(Entry { key, value, span: line.start..lines.at });
    }
    Ok(found)
}

fn split_key<'a>(line: &Line<'a>) -> Result<(String, &'a str), ModelError> {
    let fault = || line.fault("expected `key: value`");
    let (key, rest) = line.text.split_once(':').ok_or_else(fault)?;
    if !(rest.is_empty() || rest.starts_with([' ', '\t'])) {
        return Err(fault());
    }
    let key = key.trim_end().trim_matches(|c| c == '"' || c == '\'');
    let ok = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ' '));
    if !ok {
        return Err(line.fault("a key is made of letters, digits, `_`, `-` and `.`"));
    }
    Ok((key.to_owned(), rest))
}

fn is_block_mark(rest: &str) -> bool {
    let mark = rest.split(" #").next().unwrap_or(rest).trim_end();
    matches!(mark, "|" | "|-" | "|+" | ">" | ">-" | ">+")
}

/// The indented lines after `key: |`, with the indentation of the first.
fn block(lines: &mut Lines<'_>, mark: &str) -> String {
    let mut indent = None;
    let mut out: Vec<&str> = Vec::new();
    while let Some(line) = lines.peek() {
        let blank = line.text.trim().is_empty();
        if !blank && !line.text.starts_with([' ', '\t']) {
            break;
        }
        lines.next();
        let own = line.text.len() - line.text.trim_start().len();
        let depth = if blank { indent.unwrap_or(0) } else { *indent.get_or_insert(own) };
        out.push(line.text.get(depth.min(own)..).unwrap_or(""));
    }
    while out.last().is_some_and(|l| l.trim().is_empty()) {
        out.pop();
    }
    let folded = mark.starts_with('>');
    let mut text = out.join(if folded { " " } else { "\n" });
    if !mark.contains('-') && !text.is_empty() {
        text.push('\n');
    }
    text
}

fn dash_list(lines: &mut Lines<'_>) -> Result<Value, ModelError> {
    let mut items = Vec::new();
    while let Some(line) = lines.peek() {
        let Some(item) = line.text.trim_start().strip_prefix('-') else {
            if line.text.starts_with([' ', '\t']) && !line.text.trim().is_empty() {
                return Err(line.fault("nested values are not accepted"));
            }
            break;
        };
        lines.next();
        match scalar(item.trim()).map_err(|why| line.fault(&why))? {
            Value::Scalar(text) => items.push(text),
            _ => return Err(line.fault("an item of a list is one plain value")),
        }
    }
    Ok(if items.is_empty() { Value::Empty } else { Value::List(items) })
}

fn flow_list(text: &str) -> Result<Vec<String>, String> {
    const SHAPE: &str = "a list stands on one line, from `[` to `]`";
    let mut items = Vec::new();
    let mut quote = None;
    let mut start = 1;
    let mut end = None;
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((i, c)) = chars.next() {
        match (quote, c) {
            (None, '"' | '\'') if text[start..i].trim().is_empty() => quote = Some(c),
            // `\"` and `''` are a quote inside the text, not its end.
            (Some('"'), '\\') => drop(chars.next()),
            (Some('\''), '\'') if chars.peek().is_some_and(|(_, next)| *next == '\'') => drop(chars.next()),
            (Some(q), c) if q == c => quote = None,
            (None, ',') => {
                items.push(&text[start..i]);
                start = i + 1;
            }
            (None, ']') => {
                end = Some(i);
                break;
            }
            (None, '[' | '{' | '}') => return Err("lists are flat: no list or map inside one".into()),
            _ => {}
        }
    }
    let end = end.ok_or(SHAPE)?;
    let after = &text[end + 1..];
    if !(after.trim().is_empty() || after.trim_start().starts_with('#') && after.starts_with([' ', '\t'])) {
        return Err(SHAPE.into());
    }
    items.push(&text[start..end]);
    let last_is_blank = items.last().is_some_and(|i| i.trim().is_empty());
    if last_is_blank {
        items.pop();
    }
    items
        .into_iter()
        .map(|item| match scalar(item.trim())? {
            Value::Scalar(text) => Ok(text),
            _ => Err("an item of a list is one plain value".to_owned()),
        })
        .collect()
}

fn scalar(text: &str) -> Result<Value, String> {
    match text.as_bytes().first() {
        None => Ok(Value::Empty),
        Some(b'"' | b'\'') => serde_yaml::from_str::<String>(text)
            .map(Value::Scalar)
            .map_err(|_| format!("the quotes of {text} are not closed rightly")),
        Some(b'&') => Err("anchors (`&`) are not accepted; quote the value".into()),
        Some(b'*') => Err("aliases (`*`) are not accepted; quote the value".into()),
        Some(b'!') => Err("tags (`!`) are not accepted; quote the value".into()),
        Some(b'{') => Err("maps are not accepted here; quote the value".into()),
        Some(b'|' | b'>' | b'%' | b'`') => Err("a plain value may not begin with this character; quote it".into()),
        Some(_) => {
            let text = without_comment(text);
            Ok(if matches!(text, "~" | "null" | "") { Value::Empty } else { Value::Scalar(text.to_owned()) })
        }
    }
}

fn without_comment(text: &str) -> &str {
    if text.starts_with('#') {
        return "";
    }
    text.find(" #").map_or(text, |i| &text[..i]).trim_end()
}

#[derive(Clone, Copy)]
struct Line<'a> {
    text: &'a str,
    number: usize,
    start: usize,
}

impl Line<'_> {
    fn fault(&self, why: &str) -> ModelError {
        ModelError::FrontMatter { line: self.number, why: why.to_owned() }
    }
}

struct Lines<'a> {
    all: &'a str,
    at: usize,
    number: usize,
}

impl<'a> Lines<'a> {
    const fn new(all: &'a str) -> Self {
        // The opening `---` is line 1.
        Self { all, at: 0, number: 2 }
    }

    fn peek(&self) -> Option<Line<'a>> {
        let rest = self.all.get(self.at..)?;
        if rest.is_empty() {
            return None;
        }
        let end = rest.find('\n').unwrap_or(rest.len());
        let text = rest[..end].trim_end_matches('\r');
        Some(Line { text, number: self.number, start: self.at })
    }

    fn next(&mut self) -> Option<Line<'a>> {
        let line = self.peek()?;
        let rest = &self.all[self.at..];
        self.at += rest.find('\n').map_or(rest.len(), |i| i + 1);
        self.number += 1;
        Some(line)
    }
}
