//! A JSON file with the place of every value in it.

use std::ops::Range;

/// A value and where it stands.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) span: Range<usize>,
    pub(super) value: Value,
}

/// A member of an object; `start` is where its key begins.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) key: String,
    pub(super) start: usize,
    pub(super) node: Node,
}

#[derive(Debug)]
pub(super) enum Value {
    Object(Vec<Member>),
    Array(Vec<Node>),
    Text(String),
    Other,
}

/// Levels of nesting that are followed.
const DEEPEST: usize = 64;

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn fault(&self, what: &str) -> String {
        let line = self.text.get(..self.at).unwrap_or_default().matches('\n').count() + 1;
        format!("line {line}: {what}")
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Steps over blanks and comments.
    fn blank(&mut self) {
        loop {
            let rest = &self.text[self.at..];
            if rest.starts_with("//") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if rest.starts_with("/*") {
                self.at += rest.find("*/").map_or(rest.len(), |end| end + 2);
            } else if self.peek().is_some_and(|b| b.is_ascii_whitespace()) {
                self.at += 1;
            } else {
                return;
            }
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), String> {
        if self.peek() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        Err(self.fault(&format!("{:?} is missing", char::from(byte))))
    }

    fn string(&mut self) -> Result<String, String> {
        let start = self.at;
        self.expect(b'"')?;
        loop {
            match self.peek() {
                None => return Err(self.fault("a text has no end")),
                Some(b'\\') => self.at += 2,
                Some(b'"') => break,
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
        let whole = self.text.get(start..self.at).ok_or_else(|| self.fault("a text has no end"))?;
        serde_json::from_str(whole).map_err(|e| self.fault(&e.to_string()))
    }

    fn value(&mut self, depth: usize) -> Result<Node, String> {
        if depth == 0 {
            return Err(self.fault("it is nested too deeply"));
        }
        self.blank();
        let start = self.at;
        let value = match self.peek() {
            Some(b'{') => {
                let mut members = Vec::new();
                self.list(b'}', |r| {
                    let (start, key) = (r.at, r.string()?);
                    r.blank();
                    r.expect(b':')?;
                    members.push(Member { key, start, node: r.value(depth - 1)? });
                    Ok(())
                })?;
                Value::Object(members)
            }
            Some(b'[') => {
                let mut items = Vec::new();
                self.list(b']', |r| {
                    items.push(r.value(depth - 1)?);
                    Ok(())
                })?;
                Value::Array(items)
            }
            Some(b'"') => Value::Text(self.string()?),
            _ => {
                while self.peek().is_some_and(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b)) {
                    self.at += 1;
                }
                let word = &self.text[start..self.at];
                serde_json::from_str::<serde_json::Value>(word).map_err(|_| self.fault("a value is missing"))?;
                Value::Other
            }
        };
        Ok(Node { span: start..self.at, value })
    }

    fn list(&mut self, close: u8, mut one: impl FnMut(&mut Self) -> Result<(), String>) -> Result<(), String> {
        self.at += 1;
        loop {
            self.blank();
            if self.peek() == Some(close) {
                break;
            }
            one(self)?;
            self.blank();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b) if b == close => break,
                _ => return Err(self.fault("a comma is missing")),
            }
        }
        self.at += 1;
        Ok(())
    }
}

/// Reads a whole text.
///
/// # Errors
/// When it is no JSON: the line, and what is wrong there.
pub(super) fn read(text: &str) -> Result<Node, String> {
    let mut reader = Reader { text, at: 0 };
    let node = reader.value(DEEPEST)?;
    reader.blank();
    if reader.at == text.len() { Ok(node) } else { Err(reader.fault("something stands behind the end")) }
}

impl Node {
    /// The member of that name; of several, the last counts.
    pub(super) fn member(&self, key: &str) -> Option<&Member> {
        let Value::Object(members) = &self.value else { return None };
        members.iter().rev().find(|member| member.key == key)
    }
}
