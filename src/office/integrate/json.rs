//! Adding strings to lists, and entries to objects, of a JSON file that a
//! person keeps, and taking them out again: only those bytes change. Comments
//! and trailing commas, as agent programs allow them in their settings, are
//! stepped over.

use std::ops::Range;

use super::places::{Node, Value, read};

/// How far a path leads into a file: the last node, the keys that are not
/// there, and the end of the last member of the node, where it is an object.
struct Way<'a, 'p> {
    node: &'a Node,
    missing: &'p [&'p str],
    last: Option<usize>,
}

impl Way<'_, '_> {
    /// The text with the keys of `path` that are missing, and at their end what
    /// `leaf` writes at a depth.
    fn made(&self, text: &str, path: &[&str], leaf: &dyn Fn(usize) -> String) -> String {
        let depth = path.len() - self.missing.len() + 1;
        insert(text, &self.node.span, self.last, &[nested(self.missing, leaf, depth)], depth)
    }
}

fn way<'a, 'p>(top: &'a Node, path: &'p [&'p str]) -> Result<Way<'a, 'p>, String> {
    let mut node = top;
    for (depth, key) in path.iter().enumerate() {
        let Value::Object(members) = &node.value else {
            return Err(format!("{} is no object", path[..depth].join(".")));
        };
        match node.member(key) {
            Some(member) => node = &member.node,
            None => return Ok(Way { node, missing: &path[depth..], last: members.last().map(|m| m.node.span.end) }),
        }
    }
    Ok(Way { node, missing: &[], last: None })
}

/// What is written into a file that is not there.
fn begun(text: &str) -> &str {
    if text.trim().is_empty() { "{\n}\n" } else { text }
}

/// Whether anything stands at `path`.
///
/// # Errors
/// When the text is no JSON, or something on the way is no object.
pub(super) fn has(text: &str, path: &[&str]) -> Result<bool, String> {
    Ok(way(&read(begun(text))?, path)?.missing.is_empty())
}

/// Puts an entry into the object at `path`; makes what is not there. One of
/// that name that is `ours` is replaced. `None`: it is there as it should be.
///
/// # Errors
/// When the text is no JSON, or something else stands there.
pub(super) fn put(
    text: &str,
    path: &[&str],
    value: &serde_json::Value,
    ours: impl Fn(&serde_json::Value) -> bool,
) -> Result<Option<String>, String> {
    let text = begun(text);
    let top = read(text)?;
    let way = way(&top, path)?;
    if !way.missing.is_empty() {
        return Ok(Some(way.made(text, path, &|_| value.to_string())));
    }
    let span = way.node.span.clone();
    match serde_json::from_str::<serde_json::Value>(&text[span.clone()]) {
        Ok(known) if known == *value => Ok(None),
        Ok(known) if ours(&known) => Ok(Some(format!("{}{value}{}", &text[..span.start], &text[span.end..]))),
        _ => Err(format!("{} is there already and not made by `cellphone integrate`", path.join("."))),
    }
}

/// Takes an entry out again; one that is not there is out.
///
/// # Errors
/// When the text is no JSON, or the entry was changed.
pub(super) fn take(text: &str, path: &[&str], value: &serde_json::Value) -> Result<String, String> {
    let top = read(text)?;
    let Some((key, above)) = path.split_last() else { return Ok(text.to_owned()) };
    let object = way(&top, above)?;
    let (true, Value::Object(members)) = (object.missing.is_empty(), &object.node.value) else {
        return Ok(text.to_owned());
    };
    let Some(at) = members.iter().rposition(|member| member.key == *key) else { return Ok(text.to_owned()) };
    let known = &members[at];
    if serde_json::from_str::<serde_json::Value>(&text[known.node.span.clone()]).ok().as_ref() != Some(value) {
        return Err(format!("our entry {} was changed", path.join(".")));
    }
    let before = at.checked_sub(1).map(|before| members[before].node.span.end);
    let cut = cut(before, known.start..known.node.span.end, members.get(at + 1).map(|after| after.start));
    Ok(format!("{}{}", &text[..cut.start], &text[cut.end..]))
}

/// What goes with an entry of a list or an object: the comma before it, or
/// behind it where it is the first.
fn cut(before: Option<usize>, entry: Range<usize>, after: Option<usize>) -> Range<usize> {
    match (before, after) {
        (Some(before), _) => before..entry.end,
        (None, Some(after)) => entry.start..after,
        (None, None) => entry,
    }
}

/// Puts a value into the list at `path`, in place of the one that is `ours`;
/// makes what is not there. `None`: it is there as it should be.
///
/// # Errors
/// When the text is no JSON, or something else stands at the path.
pub(super) fn put_item(
    text: &str,
    path: &[&str],
    value: &serde_json::Value,
    ours: impl Fn(&serde_json::Value) -> bool,
) -> Result<Option<String>, String> {
    let text = begun(text);
    let top = read(text)?;
    let way = way(&top, path)?;
    let entry = [value.to_string()];
    if !way.missing.is_empty() {
        return Ok(Some(way.made(text, path, &|depth| tall(&entry, depth))));
    }
    let Value::Array(known) = &way.node.value else { return Err(format!("{} is no list", path.join("."))) };
    Ok(match found(text, known, ours) {
        Some((_, item)) if item == *value => None,
        Some((at, _)) => {
            let span = &known[at].span;
            Some(format!("{}{}{}", &text[..span.start], entry[0], &text[span.end..]))
        }
        None => Some(insert(text, &way.node.span, known.last().map(|last| last.span.end), &entry, path.len() + 1)),
    })
}

/// Takes ours out of the list at `path` again; what is not there is out.
///
/// # Errors
/// When the text is no JSON, or ours was changed.
pub(super) fn take_item(
    text: &str,
    path: &[&str],
    value: &serde_json::Value,
    ours: impl Fn(&serde_json::Value) -> bool,
) -> Result<String, String> {
    let top = read(text)?;
    let list = way(&top, path)?;
    let (true, Value::Array(known)) = (list.missing.is_empty(), &list.node.value) else { return Ok(text.to_owned()) };
    let Some((at, item)) = found(text, known, ours) else { return Ok(text.to_owned()) };
    if item != *value {
        return Err(format!("our entry in {} was changed", path.join(".")));
    }
    let before = at.checked_sub(1).map(|before| known[before].span.end);
    let cut = cut(before, known[at].span.clone(), known.get(at + 1).map(|after| after.span.start));
    Ok(format!("{}{}", &text[..cut.start], &text[cut.end..]))
}

/// The first entry of a list that is `ours`, and its place.
fn found(text: &str, list: &[Node], ours: impl Fn(&serde_json::Value) -> bool) -> Option<(usize, serde_json::Value)> {
    let read = |node: &Node| serde_json::from_str(&text[node.span.clone()]).ok();
    list.iter().enumerate().find_map(|(at, node)| read(node).filter(&ours).map(|item| (at, item)))
}

/// Adds the texts that are missing to the list at `path`; makes what is not
/// there. Gives the new text and what was added.
///
/// # Errors
/// When the text is no JSON, or something else stands at the path.
pub(super) fn add(text: &str, path: &[&str], items: &[String]) -> Result<(String, Vec<String>), String> {
    let text = begun(text);
    let top = read(text)?;
    let way = way(&top, path)?;
    let node = way.node;
    if !way.missing.is_empty() {
        let all: Vec<String> = items.iter().map(|item| quote(item)).collect();
        return Ok((way.made(text, path, &|depth| tall(&all, depth)), items.to_vec()));
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
        let node = path.iter().try_fold(&top, |node, key| node.member(key).map(|member| &member.node));
        let Some(Node { value: Value::Array(known), .. }) = node else { return Ok(text) };
        let Some(at) = known.iter().position(|n| matches!(&n.value, Value::Text(t) if t == item)) else { continue };
        let before = at.checked_sub(1).map(|before| known[before].span.end);
        let cut = cut(before, known[at].span.clone(), known.get(at + 1).map(|after| after.span.start));
        text.replace_range(cut, "");
    }
    Ok(text)
}

fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// `"a": {"b": LEAF}`, laid out at a depth.
fn nested(path: &[&str], leaf: &dyn Fn(usize) -> String, depth: usize) -> String {
    let pad = "  ".repeat(depth);
    let Some((key, rest)) = path.split_first() else { return String::new() };
    if rest.is_empty() {
        return format!("{}: {}", quote(key), leaf(depth));
    }
    format!("{}: {{\n{pad}  {}\n{pad}}}", quote(key), nested(rest, leaf, depth + 1))
}

/// A list, a line for each.
fn tall(entries: &[String], depth: usize) -> String {
    let pad = "  ".repeat(depth);
    let lines: Vec<String> = entries.iter().map(|entry| format!("{pad}  {entry}")).collect();
    format!("[\n{}\n{pad}]", lines.join(",\n"))
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
