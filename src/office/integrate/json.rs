//! Adding strings to lists of a JSON file that a person keeps, and taking
//! them out again: only those bytes change. Comments and trailing commas, as
//! agent programs allow them in their settings, are stepped over.

use std::ops::Range;

/// A value and where it stands.
#[derive(Debug)]
struct Node {
    span: Range<usize>,
    value: Value,
}

#[derive(Debug)]
enum Value {
    Object(Vec<(String, Node)>),
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
                    let key = r.string()?;
                    r.blank();
                    r.expect(b':')?;
                    members.push((key, r.value(depth - 1)?));
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

fn read(text: &str) -> Result<Node, String> {
    let mut reader = Reader { text, at: 0 };
    let node = reader.value(DEEPEST)?;
    reader.blank();
    if reader.at == text.len() { Ok(node) } else { Err(reader.fault("something stands behind the end")) }
}

/// Adds the texts that are missing to the list at `path`; makes what is not
/// there. Gives the new text and what was added.
///
/// # Errors
/// When the text is no JSON, or something else stands at the path.
pub(super) fn add(text: &str, path: &[&str], items: &[String]) -> Result<(String, Vec<String>), String> {
    let text = if text.trim().is_empty() { "{\n}\n" } else { text };
    let top = read(text)?;
    let mut node = &top;
    for (depth, key) in path.iter().enumerate() {
        let Value::Object(members) = &node.value else {
            return Err(format!("{} is no object", path[..depth].join(".")));
        };
        match members.iter().rev().find(|(known, _)| known == key) {
            Some((_, inside)) => node = inside,
            None => {
                let made = made(&path[depth..], items, depth + 1);
                let last = members.last().map(|(_, last)| last.span.end);
                return Ok((insert(text, &node.span, last, &[made], depth + 1), items.to_vec()));
            }
        }
    }
    let Value::Array(known) = &node.value else { return Err(format!("{} is no list", path.join("."))) };
    let has = |item: &&String| known.iter().any(|n| matches!(&n.value, Value::Text(t) if t == *item));
    let missing: Vec<String> = items.iter().filter(|item| !has(item)).cloned().collect();
    if missing.is_empty() {
        return Ok((text.to_owned(), missing));
    }
    let quoted: Vec<String> = missing.iter().map(|item| quote(item)).collect();
    let last = known.last().map(|last| last.span.end);
    Ok((insert(text, &node.span, last, &quoted, path.len() + 1), missing))
}

/// Takes texts out of the list at `path`; what is not there is left out.
///
/// # Errors
/// When the text is no JSON.
pub(super) fn remove(text: &str, path: &[&str], items: &[String]) -> Result<String, String> {
    let mut text = text.to_owned();
    for item in items {
        let top = read(&text)?;
        let mut node = Some(&top);
        for key in path {
            node = node.and_then(|node| match &node.value {
                Value::Object(members) => {
                    members.iter().rev().find(|(known, _)| known == key).map(|(_, inside)| inside)
                }
                _ => None,
            });
        }
        let Some(Node { value: Value::Array(known), .. }) = node else { return Ok(text) };
        let Some(at) = known.iter().position(|n| matches!(&n.value, Value::Text(t) if t == item)) else { continue };
        let cut = match (at.checked_sub(1).and_then(|before| known.get(before)), known.get(at + 1)) {
            (Some(before), _) => before.span.end..known[at].span.end,
            (None, Some(after)) => known[at].span.start..after.span.start,
            (None, None) => known[at].span.clone(),
        };
        text.replace_range(cut, "");
    }
    Ok(text)
}

fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// `"a": {"b": ["x"]}`, laid out at a depth.
fn made(path: &[&str], items: &[String], depth: usize) -> String {
    let pad = "  ".repeat(depth);
    let Some((key, rest)) = path.split_first() else { return String::new() };
    if rest.is_empty() {
        let lines: Vec<String> = items.iter().map(|item| format!("{pad}  {}", quote(item))).collect();
        return format!("{}: [\n{}\n{pad}]", quote(key), lines.join(",\n"));
    }
    format!("{}: {{\n{pad}  {}\n{pad}}}", quote(key), made(rest, items, depth + 1))
}

/// Puts entries at the end of an object or a list, as its last ones stand: on
/// lines of their own, unless all is one line.
fn insert(text: &str, span: &Range<usize>, last: Option<usize>, entries: &[String], depth: usize) -> String {
    let inside = &text[span.clone()];
    let flat = !inside.contains('\n') && last.is_some() && entries.iter().all(|e| !e.contains('\n'));
    let at = last.unwrap_or(span.start + 1);
    let rest = &text[at..span.end - 1];
    // A trailing comma is there already.
    let comma = if last.is_some() && !rest.trim_start().starts_with(',') { "," } else { "" };
    let at = if last.is_some() && comma.is_empty() { at + rest.find(',').map_or(0, |c| c + 1) } else { at };
    if flat {
        return format!("{}{comma} {}{}", &text[..at], entries.join(", "), &text[at..]);
    }
    let line = text[..at].rsplit('\n').next().unwrap_or_default();
    let indent: String = match last {
        Some(_) if inside.contains('\n') => line.chars().take_while(|c| c.is_whitespace()).collect(),
        _ => "  ".repeat(depth),
    };
    let joined = entries.join(&format!(",\n{indent}"));
    let tail = &text[at..];
    let closes = if last.is_none() || !inside.contains('\n') {
        let outer = "  ".repeat(depth - 1);
        // What stood between the brackets were blanks; the bracket goes to a line of its own.
        return format!("{}{comma}\n{indent}{joined}\n{outer}{}", &text[..at], tail.trim_start());
    } else {
        tail
    };
    format!("{}{comma}\n{indent}{joined}{closes}", &text[..at])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PATH: [&str; 2] = ["permissions", "allow"];

    fn items(list: &[&str]) -> Vec<String> {
        list.iter().map(|i| (*i).to_owned()).collect()
    }

    fn parsed(text: &str) -> serde_json::Value {
        serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
    }

    #[test]
    fn only_the_new_lines_are_new() {
        let text = "{\n    \"model\": \"x\", // mine\n    \"permissions\": {\n        \"allow\": [\n            \"Bash(ls:*)\"\n        ],\n        \"deny\": []\n    }\n}\n";
        let (after, added) = add(text, &PATH, &items(&["Bash(ls:*)", "A", "B"])).unwrap();
        assert_eq!(added, ["A", "B"]);
        assert_eq!(after, text.replace("(ls:*)\"\n", "(ls:*)\",\n            \"A\",\n            \"B\"\n"));
        assert_eq!(remove(&after, &PATH, &added).unwrap(), text);
        assert_eq!(add(&after, &PATH, &items(&["A"])).unwrap(), (after.clone(), vec![]));
    }

    #[test]
    fn what_is_missing_is_made() {
        for text in [
            "",
            "{}",
            "{\n}\n",
            "{\"a\": 1}",
            "{\"permissions\": {}}",
            "{\"permissions\": {\"allow\": []}}",
            "{\"permissions\":{\"allow\":[\"x\"]}}",
        ] {
            let (after, _) = add(text, &PATH, &items(&["A", "B"])).unwrap();
            let list = parsed(&after)["permissions"]["allow"].as_array().unwrap().clone();
            assert!(list.ends_with(&["A".into(), "B".into()]), "{text}: {after}");
            let back = remove(&after, &PATH, &items(&["A", "B"])).unwrap();
            assert!(!parsed(&back).to_string().contains('A'), "{back}");
        }
        let (after, _) = add("{}", &PATH, &items(&["A"])).unwrap();
        assert_eq!(after, "{\n  \"permissions\": {\n    \"allow\": [\n      \"A\"\n    ]\n  }\n}");
        let (after, _) = add("{\"permissions\":{\"allow\":[\"x\",]}}", &PATH, &items(&["A"])).unwrap();
        assert_eq!(after, "{\"permissions\":{\"allow\":[\"x\", \"A\"]}}");
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for bad in
            ["{", "[1", "{\"a\" 1}", "{} x", "{\"permissions\": []}", "{\"permissions\": {\"allow\": {}}}", "{a: 1}"]
        {
            assert!(add(bad, &PATH, &items(&["A"])).is_err(), "{bad}");
        }
        assert!(add(&"[".repeat(100_000), &PATH, &[]).is_err());
    }

    proptest! {
        #[test]
        fn nothing_else_is_lost(keys in prop::collection::btree_map("[a-z]{1,6}", 0u32..9, 0..5), old in prop::collection::vec("[ -~é\n]{0,8}", 0..4), pretty in any::<bool>()) {
            let mut value = serde_json::json!(keys);
            value["permissions"] = serde_json::json!({"allow": old, "x": null});
            let text = if pretty { serde_json::to_string_pretty(&value).unwrap() } else { value.to_string() };
            let (after, added) = add(&text, &PATH, &items(&["{new}", "\"quoted\""])).unwrap();
            let mut expected = value.clone();
            expected["permissions"]["allow"].as_array_mut().unwrap().extend(added.iter().cloned().map(Into::into));
            prop_assert_eq!(parsed(&after), expected);
            prop_assert_eq!(parsed(&remove(&after, &PATH, &added).unwrap()), value);
        }
    }
}
