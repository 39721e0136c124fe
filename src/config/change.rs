//! Changing one setting in the file that a person wrote: its line changes,
//! every other line and every comment stays.

use std::path::PathBuf;

use super::good::{Side, keep};
use super::json_schema::{SchemaOf, json_schema_text};
use super::layers::{bytes_of, checked};
use super::origin::FileLayer;
use super::read::{Places, from_file};
use super::schema::{Key, Settings};
use super::settings::known;
use super::{ConfigError, Root, SETTINGS, place};
use crate::fsio::{Dir, Lock};

/// What a file outside the tree begins with.
const OWN_HEAD: &str = "# yaml-language-server: $schema=cellphone.schema.json
# Settings of `cellphone`, below those of each root. What there is, and what each means:
# cellphone config show --about
";

/// The schema beside such a file.
const SCHEMA: &str = "cellphone.schema.json";

/// Writes a setting into the file of a layer. A daemon picks it up.
///
/// # Errors
/// [`ConfigError::NotFound`] for an unknown key, [`ConfigError::Refused`] for a
/// value it may not have, and [`ConfigError::Invalid`] when the file cannot be used for another reason;
/// it is as it was then.
pub fn set_setting(root: &Root, layer: FileLayer, key: &str, value: &str) -> Result<(), ConfigError> {
    let (key, alone) = checked(key, value)?;
    change(root, layer, key, &(key.show)(&alone), |text| edit(text, key.name, value))
}

/// Takes a setting out of the file of a layer, so that the layers below it
/// hold; gives whether it was there.
///
/// # Errors
/// As [`set_setting`].
pub fn unset_setting(root: &Root, layer: FileLayer, key: &str) -> Result<bool, ConfigError> {
    let key = known(key)?;
    let mut there = false;
    change(root, layer, key, &(key.show)(&Settings::default()), |text| {
        let line = Places::new(text).line(key.name);
        there = line.is_some();
        let mut lines: Vec<&str> = text.lines().collect();
        if let Some(line) = line {
            lines.remove(line - 1);
        }
        joined(&lines)
    })?;
    Ok(there)
}

/// Changes the text of the file, which must then say `wanted` for the key. A
/// file that could not be used before is mended by that, or stays as it is.
fn change(
    root: &Root,
    layer: FileLayer,
    key: &Key,
    wanted: &str,
    edit: impl FnOnce(&str) -> String,
) -> Result<(), ConfigError> {
    let path = layer.path(root).ok_or_else(no_home)?;
    let _held = lock(root, layer)?;
    let bytes = bytes_of(root, layer)?.unwrap_or_default();
    let text = std::str::from_utf8(&bytes).map_err(|_| ConfigError::invalid(&path, None, "it is not UTF-8"))?;
    let after = edit(text);
    let all = from_file(after.as_bytes(), layer, &path)?;
    if (key.show)(&all) != wanted {
        let line = Places::new(&after).line(key.name);
        let why = format!("`{}` cannot be changed by command here; edit the file", key.name);
        return Err(ConfigError::invalid(path, line, why));
    }
    if after.as_bytes() != bytes {
        write(root, layer, path, &after)?;
    }
    keep(root, Side::of(layer), SETTINGS, after.as_bytes())
}

fn no_home() -> ConfigError {
    ConfigError::NotFound("no home folder is known; set HOME and run again".into())
}

fn lock(root: &Root, layer: FileLayer) -> Result<Lock, ConfigError> {
    if layer == FileLayer::Root {
        return root.lock("settings");
    }
    // One for all roots of the user.
    let dir = place::state_home().ok_or_else(no_home)?.join("cellphone").join("locks");
    Ok(Lock::exclusive(&Dir::create_all(&dir)?, layer.as_str())?)
}

fn write(root: &Root, layer: FileLayer, path: PathBuf, text: &str) -> Result<(), ConfigError> {
    if layer == FileLayer::Root {
        return Ok(root.dir().child_or_create("config")?.replace("cellphone.yaml", text.as_bytes(), true)?);
    }
    // A link into a repository of one's own stays one: what it leads to is written.
    let path = path.canonicalize().unwrap_or(path);
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Err(ConfigError::invalid(path, None, "no file can have this name"));
    };
    let fresh = !folder.is_dir();
    let dir = Dir::create_all(folder)?;
    let mut files = vec![(name, text.to_owned())];
    if !text.starts_with('#') {
        files = vec![(name, format!("{OWN_HEAD}{text}")), (SCHEMA, json_schema_text(SchemaOf::Cellphone))];
    }
    for (name, text) in &files {
        dir.replace(name, text.as_bytes(), true)?;
    }
    if layer == FileLayer::System {
        // Everybody on the machine reads it.
        for (name, _) in &files {
            dir.set_mode(name, 0o644)?;
        }
        if fresh {
            dir.set_mode(".", 0o755)?;
        }
    }
    Ok(())
}

fn joined(lines: &[impl AsRef<str>]) -> String {
    lines.iter().flat_map(|line| [line.as_ref(), "\n"]).collect()
}

fn edit(text: &str, key: &str, value: &str) -> String {
    let is_plain = value.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.".contains(&b));
    let value = if is_plain { value.to_owned() } else { serde_json::Value::from(value).to_string() };
    let (section, name) = key.split_once('.').map_or((None, key), |(section, name)| (Some(section), name));
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let places = Places::new(text);
    if let Some(at) = places.line(key) {
        let line = &lines[at - 1];
        let pad = &line[..line.len() - line.trim_start().len()];
        let remark = line.find(" #").map_or("", |at| &line[at..]);
        lines[at - 1] = format!("{pad}{name}: {value}{remark}");
    } else if let Some(at) = shown_at(text, section, name) {
        // Below the line that shows what is built in, which stays.
        let pad = if section.is_some() { "  " } else { "" };
        lines.insert(at, format!("{pad}{name}: {value}"));
    } else if let Some(at) = section.and_then(|section| places.line(section)) {
        lines.insert(at, format!("  {name}: {value}"));
    } else if let Some(section) = section {
        lines.extend([format!("{section}:"), format!("  {name}: {value}")]);
    } else {
        lines.push(format!("{name}: {value}"));
    }
    joined(&lines)
}

/// The number of the line that shows the built-in value, commented out
/// (`#name: value`), in its section.
fn shown_at(text: &str, section: Option<&str>, name: &str) -> Option<usize> {
    let mut current = None;
    for (at, line) in text.lines().enumerate() {
        let bare = line.trim_start();
        let is = bare.strip_prefix('#').and_then(|rest| rest.split_once(':')).is_some_and(|(key, _)| key == name);
        if is && (current == section || (section.is_none() && bare.len() == line.len())) {
            return Some(at + 1);
        }
        if let Some((key, _)) = line.split_once(':').filter(|_| bare.len() == line.len() && !bare.starts_with('#')) {
            current = Some(key);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::layers::settings;
    use super::super::testing::Home;
    use super::*;

    #[test]
    fn one_line_changes_and_comments_stay() {
        let home = Home::new();
        let root = home.root();
        let before = String::from_utf8(root.read(SETTINGS).unwrap().unwrap()).unwrap();
        set_setting(&root, FileLayer::Root, "limits.hops", "7").unwrap();
        set_setting(&root, FileLayer::Root, "log.filter", "warn,agent_cellphone=debug").unwrap();
        let after = String::from_utf8(root.read(SETTINGS).unwrap().unwrap()).unwrap();
        assert_eq!(
            after,
            before
                .replace("  #hops: 100\n", "  #hops: 100\n  hops: 7\n")
                .replace("  #filter: info\n", "  #filter: info\n  filter: \"warn,agent_cellphone=debug\"\n")
        );
        home.write(SETTINGS, "limits: # mine\n  body: 1MiB # small\n");
        for (key, value) in [("limits.body", "2MiB"), ("limits.hops", "8"), ("lease", "5m"), ("watch.poll", "3s")] {
            set_setting(&root, FileLayer::Root, key, value).unwrap();
        }
        let after = String::from_utf8(root.read(SETTINGS).unwrap().unwrap()).unwrap();
        let expect = "limits: # mine\n  hops: 8\n  body: 2MiB # small\nlease: 5m\nwatch:\n  poll: 3s\n";
        assert_eq!(after, expect);
        assert_eq!(settings(&root, &[]).unwrap().limits.hops, 8);
        for (key, value) in [("limits.hopes", "8"), ("lease", "soon"), ("lease", "0"), ("limits", "3")] {
            let refused = set_setting(&root, FileLayer::Root, key, value).unwrap_err();
            assert!(matches!(refused, ConfigError::Refused(_) | ConfigError::NotFound(_)), "{key}: {refused}");
        }
        assert_eq!(root.read(SETTINGS).unwrap().unwrap(), expect.as_bytes());
        assert!(
            unset_setting(&root, FileLayer::Root, "limits.body").unwrap()
                && unset_setting(&root, FileLayer::Root, "watch.poll").unwrap()
        );
        assert!(!unset_setting(&root, FileLayer::Root, "limits.body").unwrap());
        let after = String::from_utf8(root.read(SETTINGS).unwrap().unwrap()).unwrap();
        assert_eq!(after, "limits: # mine\n  hops: 8\nlease: 5m\nwatch:\n");
        assert_eq!(settings(&root, &[]).unwrap().limits.body, Settings::default().limits.body);
    }

    #[test]
    fn a_wrong_value_is_mended_and_another_fault_is_left_to_a_person() {
        let home = Home::new();
        let root = home.root();
        home.write(SETTINGS, "# mine\nlimits:\n  hops: seven\n");
        set_setting(&root, FileLayer::Root, "limits.hops", "7").unwrap();
        assert_eq!(root.read(SETTINGS).unwrap().unwrap(), b"# mine\nlimits:\n  hops: 7\n");
        for broken in ["limits:\n  hops: 7\nlimit: 3\n", "limits: {hops: 7\n", "limits: {hops: 7}\n"] {
            home.write(SETTINGS, broken);
            assert!(set_setting(&root, FileLayer::Root, "limits.body", "1MiB").is_err(), "{broken}");
            assert_eq!(root.read(SETTINGS).unwrap().unwrap(), broken.as_bytes());
        }
        home.write(SETTINGS, "limits: {hops: 7}\n");
        assert!(unset_setting(&root, FileLayer::Root, "limits.hops").is_err());
        set_setting(&root, FileLayer::Root, "lease", "5m").unwrap();
        assert_eq!(settings(&root, &[]).unwrap().limits.hops, 7);
    }
}
