//! Changing one entry of a YAML file that people write: the lines of that
//! entry change, every other line stays as it is, comments too.

use serde_yaml::{Mapping, Value};

/// Sets `section:` → `name:` to a block of lines (already indented relative to
/// the entry), ignoring the case of the name. Everything else is kept. A file
/// written in another style than indented blocks is written anew, because
/// a change must never be lost; its comments then are.
///
/// # Errors
/// When the text is no YAML, or no map of maps.
pub fn set_entry(text: &str, section: &str, name: &str, block: &str) -> Result<String, String> {
    change(text, section, name, Some(block))
}

/// Takes the entry out. No change when it is not there.
///
/// # Errors
/// As [`set_entry`].
pub fn remove_entry(text: &str, section: &str, name: &str) -> Result<String, String> {
    change(text, section, name, None)
}

/// The names in a section, in the order of the file.
pub(super) fn names(text: &str, section: &str) -> Result<Vec<String>, String> {
    let top = parse(text)?;
    let Some(inside) = top.get(section) else { return Ok(Vec::new()) };
    Ok(inside.as_mapping().into_iter().flatten().filter_map(|(k, _)| k.as_str().map(str::to_owned)).collect())
}

fn parse(text: &str) -> Result<Mapping, String> {
    match serde_yaml::from_str(text).map_err(|e| e.to_string())? {
        Value::Null => Ok(Mapping::new()),
        Value::Mapping(map) if map.values().all(|v| v.is_mapping() || !v.is_sequence()) => Ok(map),
        _ => Err("expected `key: value` lines".into()),
    }
}

fn change(text: &str, section: &str, name: &str, block: Option<&str>) -> Result<String, String> {
    let mut wanted = parse(text)?;
    let inside = wanted.entry(section.into()).or_insert(Value::Null);
    if inside.is_null() {
        *inside = Value::Mapping(Mapping::new());
    }
    let Value::Mapping(inside) = inside else { return Err(format!("`{section}` is not a map")) };
    let old = inside.iter().find_map(|(k, _)| k.as_str().filter(|k| k.eq_ignore_ascii_case(name)).map(str::to_owned));
    match block {
        Some(block) => {
            let value: Value = serde_yaml::from_str(block).map_err(|e| e.to_string())?;
            // The spelling that stands there is kept: two spellings are one mailbox.
            inside.insert(old.as_deref().unwrap_or(name).into(), value);
        }
        None => match &old {
            Some(old) => drop(inside.shift_remove(old.as_str())),
            None => return Ok(text.to_owned()),
        },
    }
    let edited = edit(text, section, old.as_deref(), name, block);
    match parse(&edited) {
        Ok(found) if found == wanted || (block.is_none() && emptied(&found, &wanted, section)) => Ok(edited),
        _ => serde_yaml::to_string(&wanted).map_err(|e| e.to_string()),
    }
}

/// The last entry was taken out: `section:` with nothing is the empty map.
fn emptied(found: &Mapping, wanted: &Mapping, section: &str) -> bool {
    found.get(section).is_some_and(Value::is_null)
        && wanted.get(section).and_then(Value::as_mapping).is_some_and(Mapping::is_empty)
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// Whether a line has something that belongs to the structure.
fn counts(line: &str) -> bool {
    let text = line.trim();
    !text.is_empty() && !text.starts_with('#')
}

fn key_of(line: &str) -> &str {
    line.split_once(':').map_or("", |(key, _)| key).trim().trim_matches(['"', '\''])
}

fn edit(text: &str, section: &str, old: Option<&str>, name: &str, block: Option<&str>) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let head = lines.iter().position(|l| indent(l) == 0 && counts(l) && key_of(l) == section).unwrap_or_else(|| {
        lines.push(format!("{section}:"));
        lines.len() - 1
    });
    // `agents: {}` opens a block once something stands in it.
    if lines[head].split_once(':').is_some_and(|(_, rest)| rest.trim() == "{}") {
        lines[head] = format!("{section}:");
    }
    let after = head + 1;
    let end = (after..lines.len()).find(|i| counts(&lines[*i]) && indent(&lines[*i]) == 0).unwrap_or(lines.len());
    let depth = (after..end).find(|i| counts(&lines[*i])).map_or(2, |i| indent(&lines[i]));
    let at = old.and_then(|old| {
        (after..end).find(|i| counts(&lines[*i]) && indent(&lines[*i]) == depth && key_of(&lines[*i]) == old)
    });
    let (from, to) = match at {
        Some(start) => {
            // The entry ends with its last deeper line; comments after it belong to the next.
            let last = (start + 1..end)
                .take_while(|i| !counts(&lines[*i]) || indent(&lines[*i]) > depth)
                .filter(|i| counts(&lines[*i]))
                .last();
            (start, last.unwrap_or(start) + 1)
        }
        None => {
            let last = (after..end).rev().find(|i| counts(&lines[*i])).map_or(after, |i| i + 1);
            (last, last)
        }
    };
    let pad = " ".repeat(depth);
    let fresh = block.into_iter().flat_map(|block| {
        let first = format!("{pad}{}:", old.unwrap_or(name));
        std::iter::once(first).chain(block.lines().map(|l| format!("{pad}  {l}"))).collect::<Vec<_>>()
    });
    lines.splice(from..to, fresh.collect::<Vec<_>>());
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# top\nagents:\n  # the first\n  A:\n    role: agent # inside\n\n  # the second\n  B:\n    role: captain\nother: 1\n";

    #[test]
    fn only_the_lines_of_the_entry_change() {
        let out = set_entry(TEXT, "agents", "a", "role: reviewer\nprofile: x\n").unwrap();
        let expect = TEXT.replace("    role: agent # inside\n", "    role: reviewer\n    profile: x\n");
        assert_eq!(out, expect);
        let out = set_entry(TEXT, "agents", "C", "role: human").unwrap();
        assert_eq!(out, TEXT.replace("other: 1", "  C:\n    role: human\nother: 1"));
        let out = remove_entry(TEXT, "agents", "A").unwrap();
        assert_eq!(out, "# top\nagents:\n  # the first\n\n  # the second\n  B:\n    role: captain\nother: 1\n");
        assert_eq!(remove_entry(TEXT, "agents", "Z").unwrap(), TEXT);
    }

    #[test]
    fn another_style_and_an_empty_file_work_as_well() {
        let flow = set_entry("agents: {A: {role: agent}}\n", "agents", "B", "role: human").unwrap();
        assert_eq!(names(&flow, "agents").unwrap(), ["A", "B"]);
        for empty in ["", "agents: {}\n", "agents:\n", "# nothing\n"] {
            let out = set_entry(empty, "agents", "B", "role: human").unwrap();
            assert_eq!(names(&out, "agents").unwrap(), ["B"], "{empty:?}");
            assert!(names(&remove_entry(&out, "agents", "B").unwrap(), "agents").unwrap().is_empty());
        }
        assert!(set_entry("- a\n", "agents", "B", "role: human").is_err());
        assert!(set_entry("agents: 3\n", "agents", "B", "role: human").is_err());
    }
}
