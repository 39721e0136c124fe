//! The sorts of change an integration makes to a file, each with its way
//! back: strings in lists of JSON and TOML, our server among those of MCP, our
//! hooks among others, a marked block of text, and a file of our own.

use serde::{Deserialize, Serialize};
use toml_edit::{Array, DocumentMut, Item, Value};

use super::json;

const BEGIN: &str = "<!-- cellphone: begin; `cellphone integrate` made this block and takes it out with --undo -->";
const BEGIN_MARK: &str = "<!-- cellphone: begin";
const END: &str = "<!-- cellphone: end -->";
/// Stands in a comment among the first lines of a file that is ours alone.
pub(super) const OWN: &str = "Made by `cellphone integrate`; its --undo takes it away.";
/// Settings of a rule may stand above it.
const OWN_WITHIN: usize = 8;
/// By this, a server is known as ours.
pub(super) const COMMAND: &str = "cellphone";

/// What is put into a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Edit {
    /// Strings in a list of a JSON file.
    Json {
        /// Keys down to the list.
        path: Vec<String>,
        /// What is added.
        items: Vec<String>,
    },
    /// Strings in a list of a TOML file: table and key.
    Toml {
        /// The table and the key.
        path: [String; 2],
        /// What is added.
        items: Vec<String>,
    },
    /// Our server among those of a JSON file.
    JsonServer {
        /// Keys down to it.
        path: Vec<String>,
        /// How it is started.
        value: serde_json::Value,
    },
    /// A value that a JSON file needs, whoever else uses it: put where it is
    /// missing, and left there.
    JsonNeeded {
        /// Keys down to it.
        path: Vec<String>,
        /// The value.
        value: serde_json::Value,
    },
    /// Our hook in a list of a JSON file.
    JsonHook {
        /// Keys down to the list.
        path: Vec<String>,
        /// The entry.
        value: serde_json::Value,
        /// By this part of its command it is known as ours.
        mark: String,
    },
    /// The same in a TOML file: table and name.
    TomlServer {
        /// The table and the name.
        path: [String; 2],
        /// How it is started.
        args: Vec<String>,
    },
    /// A block between two marks in a Markdown file.
    Block(String),
    /// The whole file.
    Own(String),
}

impl Edit {
    /// The text with the change in it, and what of the change was new.
    ///
    /// # Errors
    /// When the file is not what it should be.
    pub(super) fn apply(&self, text: Option<&str>) -> Result<(String, Self), String> {
        let before = text.unwrap_or_default();
        match self {
            Self::Json { path, items } => {
                let keys: Vec<&str> = path.iter().map(String::as_str).collect();
                let (after, added) = json::add(before, &keys, items)?;
                Ok((after, Self::Json { path: path.clone(), items: added }))
            }
            Self::Toml { path, items } => {
                let (after, added) = toml_add(before, path, items)?;
                Ok((after, Self::Toml { path: path.clone(), items: added }))
            }
            Self::JsonServer { path, value } => {
                let keys: Vec<&str> = path.iter().map(String::as_str).collect();
                let ours = |known: &serde_json::Value| {
                    known["command"] == COMMAND || known["command"].get(0).is_some_and(|word| word == COMMAND)
                };
                let after = json::put(before, &keys, value, ours)?;
                Ok((after.unwrap_or_else(|| before.to_owned()), self.clone()))
            }
            Self::JsonNeeded { path, value } => {
                let keys: Vec<&str> = path.iter().map(String::as_str).collect();
                let after = if json::has(before, &keys)? { None } else { json::put(before, &keys, value, |_| false)? };
                Ok((after.unwrap_or_else(|| before.to_owned()), self.clone()))
            }
            Self::JsonHook { path, value, mark } => {
                let keys: Vec<&str> = path.iter().map(String::as_str).collect();
                let after = json::put_item(before, &keys, value, |known| runs(known, mark))?;
                Ok((after.unwrap_or_else(|| before.to_owned()), self.clone()))
            }
            Self::TomlServer { path, args } => Ok((toml_put(before, path, args)?, self.clone())),
            Self::Block(words) => {
                let block = format!("{BEGIN}\n{}\n{END}\n", words.trim_end());
                let after = match block_of(before) {
                    Some(known) => before.replacen(known, &block, 1),
                    None if before.is_empty() => block,
                    None => format!("{}{}\n{block}", before, if before.ends_with('\n') { "" } else { "\n" }),
                };
                Ok((after, self.clone()))
            }
            Self::Own(words) => match text {
                Some(known) if known != words && !known.lines().take(OWN_WITHIN).any(|line| line.contains(OWN)) => {
                    Err("it is there already and not made by `cellphone integrate`".to_owned())
                }
                _ => Ok((words.clone(), self.clone())),
            },
        }
    }

    /// The text without the change, `None` when the file goes; other text
    /// stays as it is.
    ///
    /// # Errors
    /// When the person changed what we had put there.
    pub(super) fn take_out(&self, text: &str) -> Result<Option<String>, String> {
        match self {
            Self::Json { path, items } => {
                let keys: Vec<&str> = path.iter().map(String::as_str).collect();
                json::remove(text, &keys, items).map(Some)
            }
            Self::Toml { path, items } => toml_remove(text, path, items).map(Some),
            Self::JsonServer { path, value } => {
                let keys: Vec<&str> = path.iter().map(String::as_str).collect();
                json::take(text, &keys, value).map(Some)
            }
            Self::JsonNeeded { .. } => Ok(Some(text.to_owned())),
            Self::JsonHook { path, value, mark } => {
                let keys: Vec<&str> = path.iter().map(String::as_str).collect();
                json::take_item(text, &keys, value, |known| runs(known, mark)).map(Some)
            }
            Self::TomlServer { path, args } => toml_take(text, path, args).map(Some),
            Self::Block(words) => match block_of(text) {
                None if text.contains(BEGIN_MARK) => Err("the end of our block is gone".to_owned()),
                None => Ok(Some(text.to_owned())),
                Some(known) if known == format!("{BEGIN}\n{}\n{END}\n", words.trim_end()) => {
                    let rest = text.replacen(&format!("\n{known}"), "", 1);
                    Ok(Some(if rest == text { text.replacen(known, "", 1) } else { rest }))
                }
                Some(_) => Err("our block was changed".to_owned()),
            },
            Self::Own(words) if text == words => Ok(None),
            Self::Own(_) => Err("our file was changed".to_owned()),
        }
    }
}

/// Whether an entry runs our hook, and that alone.
fn runs(entry: &serde_json::Value, mark: &str) -> bool {
    let hook = match entry["hooks"].as_array().map(Vec::as_slice) {
        Some([one]) => one,
        Some(_) => return false,
        None => entry,
    };
    hook["command"].as_str().is_some_and(|command| command.starts_with(COMMAND) && command.contains(mark))
}

/// Our block with its marks, as it stands there.
fn block_of(text: &str) -> Option<&str> {
    let from = text.find(BEGIN_MARK)?;
    let end = from + text.get(from..)?.find(END)? + END.len();
    let end = if text.get(end..)?.starts_with('\n') { end + 1 } else { end };
    text.get(from..end)
}

fn parse(text: &str) -> Result<DocumentMut, String> {
    text.parse::<DocumentMut>().map_err(|e| e.to_string())
}

fn toml_add(text: &str, [table, key]: &[String; 2], items: &[String]) -> Result<(String, Vec<String>), String> {
    let mut all = parse(text)?;
    let inside = all.entry(table).or_insert_with(toml_edit::table);
    let inside = inside.as_table_like_mut().ok_or_else(|| format!("{table} is no table"))?;
    let list = inside.entry(key).or_insert_with(|| Item::Value(Value::Array(Array::new())));
    let list = list.as_array_mut().ok_or_else(|| format!("{table}.{key} is no list"))?;
    let has = |list: &Array, item: &str| list.iter().any(|v| v.as_str() == Some(item));
    let missing: Vec<String> = items.iter().filter(|item| !has(list, item)).cloned().collect();
    if missing.is_empty() {
        return Ok((text.to_owned(), missing));
    }
    // A list over several lines gets a line for each, after the remark behind its last one.
    let trailing = list.trailing().as_str().unwrap_or_default().to_owned();
    let tall = trailing.contains('\n');
    let indent = list.iter().next().map(|first| prefix(first).rsplit('\n').next().unwrap_or_default().to_owned());
    let indent = indent.unwrap_or_else(|| "  ".to_owned());
    for (n, item) in missing.iter().enumerate() {
        if tall {
            let remark = if n == 0 { trailing.trim_end() } else { "" };
            list.push_formatted(Value::from(item.as_str()).decorated(format!("{remark}\n{indent}"), ""));
        } else {
            list.push(item.as_str());
        }
    }
    if tall {
        list.set_trailing("\n");
        list.set_trailing_comma(true);
    }
    Ok((all.to_string(), missing))
}

fn toml_remove(text: &str, [table, key]: &[String; 2], items: &[String]) -> Result<String, String> {
    let mut all = parse(text)?;
    let list = all.get_mut(table).and_then(Item::as_table_like_mut).and_then(|t| t.get_mut(key));
    let Some(list) = list.and_then(Item::as_array_mut) else { return Ok(text.to_owned()) };
    let before = list.len();
    let ours = |value: &Value| value.as_str().is_some_and(|v| items.iter().any(|item| item == v));
    // A remark that stands before one of ours belongs to the line above it.
    let remarks: Vec<String> = list
        .iter()
        .filter(|value| ours(value))
        .map(|value| prefix(value).rsplit_once('\n').map_or("", |(remark, _)| remark).to_owned())
        .filter(|remark| remark.contains('#'))
        .collect();
    let last = list.iter().last().is_some_and(ours);
    list.retain(|value| !ours(value));
    if last && !remarks.is_empty() {
        list.set_trailing(format!("{}\n", remarks.concat()));
    }
    Ok(if list.len() == before { text.to_owned() } else { all.to_string() })
}

/// A server as it stands in a file: what starts it.
fn server(item: &Item) -> (Option<&str>, Vec<&str>) {
    let args = item.get("args").and_then(Item::as_array);
    let args = args.into_iter().flatten().filter_map(Value::as_str).collect();
    (item.get("command").and_then(Item::as_str), args)
}

fn toml_put(text: &str, [table, name]: &[String; 2], args: &[String]) -> Result<String, String> {
    let mut all = parse(text)?;
    let servers = all.entry(table).or_insert_with(|| {
        let mut above = toml_edit::Table::new();
        above.set_implicit(true);
        Item::Table(above)
    });
    let servers = servers.as_table_like_mut().ok_or_else(|| format!("{table} is no table"))?;
    match servers.get(name).map(server) {
        Some((Some(COMMAND), known)) if known == args => return Ok(text.to_owned()),
        None | Some((Some(COMMAND), _)) => {}
        Some(_) => return Err(format!("{table}.{name} is there already and not made by `cellphone integrate`")),
    }
    let mut one = toml_edit::Table::new();
    one.insert("command", toml_edit::value(COMMAND));
    one.insert("args", toml_edit::value(args.iter().collect::<Array>()));
    servers.insert(name, Item::Table(one));
    Ok(all.to_string())
}

fn toml_take(text: &str, [table, name]: &[String; 2], args: &[String]) -> Result<String, String> {
    let mut all = parse(text)?;
    let Some(servers) = all.get_mut(table).and_then(Item::as_table_like_mut) else { return Ok(text.to_owned()) };
    match servers.get(name).map(server) {
        None => return Ok(text.to_owned()),
        Some((Some(COMMAND), known)) if known == args => servers.remove(name),
        Some(_) => return Err(format!("our entry {table}.{name} was changed")),
    };
    if servers.is_empty() {
        all.remove(table);
    }
    Ok(all.to_string())
}

fn prefix(value: &Value) -> &str {
    value.decor().prefix().and_then(toml_edit::RawString::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(words: &str) -> Edit {
        Edit::Block(words.to_owned())
    }

    #[test]
    fn a_block_comes_goes_and_is_replaced() {
        for text in ["", "# Mine\n", "# Mine\n\nno line end"] {
            let (with, _) = block("one").apply(Some(text)).unwrap();
            assert!(with.contains("one\n<!-- cellphone: end -->\n"), "{with}");
            let (again, _) = block("two").apply(Some(&format!("{with}\nbelow\n"))).unwrap();
            assert!(again.contains("two") && !again.contains("one\n<!") && again.ends_with("\nbelow\n"), "{again}");
            let out = block("two").take_out(&again).unwrap().unwrap();
            assert!(out.starts_with(text) && out.ends_with("below\n") && !out.contains("cellphone"), "{out}");
            assert!(block("one").take_out(&again).unwrap_err().contains("changed"));
        }
        assert_eq!(block("x").take_out("mine\n").unwrap().unwrap(), "mine\n", "the person took it out");
        assert!(block("x").take_out(&format!("{BEGIN}\nx\n")).is_err());
    }

    #[test]
    fn toml_keeps_comments_and_unknown_keys() {
        let edit = Edit::Toml {
            path: ["sandbox_workspace_write".into(), "writable_roots".into()],
            items: vec!["/a".into(), "/b".into()],
        };
        let text = "# mine\nmodel = \"x\" # why\n\n[sandbox_workspace_write]\nnetwork_access = true\nwritable_roots = [\"/a\"] # roots\n\n[other]\ny = 1\n";
        let (after, new) = edit.apply(Some(text)).unwrap();
        assert_eq!(after, text.replace("[\"/a\"]", "[\"/a\", \"/b\"]"));
        assert_eq!(new.take_out(&after).unwrap().unwrap(), text);
        let text = "[sandbox_workspace_write]\nwritable_roots = [\n    \"/x\", # shared\n]\n";
        let (after, new) = edit.apply(Some(text)).unwrap();
        assert_eq!(after, text.replace("shared\n", "shared\n    \"/a\",\n    \"/b\",\n"));
        assert_eq!(new.take_out(&after).unwrap().unwrap(), text);
        let (made, new) = edit.apply(None).unwrap();
        assert_eq!(made, "[sandbox_workspace_write]\nwritable_roots = [\"/a\", \"/b\"]\n");
        assert!(!new.take_out(&made).unwrap().unwrap().contains("/a"));
        assert!(edit.apply(Some("sandbox_workspace_write = 3\n")).is_err());
        assert!(edit.apply(Some("= broken")).is_err());
    }

    #[test]
    fn a_file_of_our_own_is_never_put_over_anothers() {
        let own = Edit::Own(format!("---\na: b\n---\n# {OWN}\nx\n"));
        assert!(own.apply(Some(&format!("// {OWN}\nolder\n"))).is_ok());
        assert!(own.apply(Some("rules of mine\n")).is_err());
        let (text, _) = own.apply(None).unwrap();
        assert_eq!(own.take_out(&text).unwrap(), None);
        assert!(own.take_out(&format!("{text}more\n")).is_err());
    }
}
