//! Changing one setting in the file that a person wrote: its line changes,
//! every other line and every comment stays.

use super::good::{Side, keep};
use super::schema::Settings;
use super::settings::{Places, find, from_file, unknown};
use super::{ConfigError, Root, SETTINGS};

/// Writes a setting into `config/cellphone.yaml`. A daemon picks it up.
///
/// # Errors
/// [`ConfigError::NotFound`] for an unknown key, [`ConfigError::Refused`] for a
/// value it may not have, and [`ConfigError::Invalid`] when the file cannot be used for another reason;
/// it is as it was then.
pub fn set_setting(root: &Root, key: &str, value: &str) -> Result<(), ConfigError> {
    let known = find(key).ok_or_else(|| ConfigError::NotFound(unknown(key)))?;
    let refuse = |why: String| ConfigError::Refused(format!("`{key}`: {why}"));
    let mut alone = Settings::default();
    (known.set)(&mut alone, value).map_err(refuse)?;
    if let Some((_, why)) = alone.fault().filter(|(faulty, _)| *faulty == key) {
        return Err(refuse(why.into()));
    }
    change(root, key, &(known.show)(&alone), |text| edit(text, key, value))
}

/// Takes a setting out of `config/cellphone.yaml`, so that its default holds;
/// gives whether it was there.
///
/// # Errors
/// As [`set_setting`].
pub fn unset_setting(root: &Root, key: &str) -> Result<bool, ConfigError> {
    let known = find(key).ok_or_else(|| ConfigError::NotFound(unknown(key)))?;
    let mut there = false;
    change(root, key, &(known.show)(&Settings::default()), |text| {
        let line = Places::new(text).line(key);
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
fn change(root: &Root, key: &str, wanted: &str, edit: impl FnOnce(&str) -> String) -> Result<(), ConfigError> {
    let _held = root.lock("settings")?;
    let path = root.path().join(SETTINGS);
    let bytes = root.read(SETTINGS)?.unwrap_or_default();
    let text = std::str::from_utf8(&bytes).map_err(|_| ConfigError::invalid(&path, None, "it is not UTF-8"))?;
    let after = edit(text);
    let all = from_file(after.as_bytes(), &path)?;
    let says = find(key).map(|known| (known.show)(&all));
    if says.as_deref() != Some(wanted) {
        let line = Places::new(&after).line(key);
        let why = format!("`{key}` cannot be changed by command here; edit the file");
        return Err(ConfigError::invalid(path, line, why));
    }
    if after.as_bytes() != bytes {
        root.dir().child_or_create("config")?.replace("cellphone.yaml", after.as_bytes(), true)?;
    }
    keep(root, Side::Tree, SETTINGS, after.as_bytes())
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
    } else if let Some(at) = section.and_then(|section| places.line(section)) {
        lines.insert(at, format!("  {name}: {value}"));
    } else if let Some(section) = section {
        lines.extend([format!("{section}:"), format!("  {name}: {value}")]);
    } else {
        lines.push(format!("{name}: {value}"));
    }
    joined(&lines)
}

#[cfg(test)]
mod tests {
    use super::super::settings;
    use super::super::testing::Home;
    use super::*;

    #[test]
    fn one_line_changes_and_comments_stay() {
        let home = Home::new();
        let root = home.root();
        let before = String::from_utf8(root.read(SETTINGS).unwrap().unwrap()).unwrap();
        set_setting(&root, "limits.hops", "7").unwrap();
        set_setting(&root, "log.filter", "warn,agent_cellphone=debug").unwrap();
        let after = String::from_utf8(root.read(SETTINGS).unwrap().unwrap()).unwrap();
        assert_eq!(
            after,
            before
                .replace("hops: 100", "hops: 7")
                .replace("filter: info\n", "filter: \"warn,agent_cellphone=debug\"\n")
        );
        home.write(SETTINGS, "limits: # mine\n  body: 1MiB # small\n");
        for (key, value) in [("limits.body", "2MiB"), ("limits.hops", "8"), ("lease", "5m"), ("watch.poll", "3s")] {
            set_setting(&root, key, value).unwrap();
        }
        let after = String::from_utf8(root.read(SETTINGS).unwrap().unwrap()).unwrap();
        let expect = "limits: # mine\n  hops: 8\n  body: 2MiB # small\nlease: 5m\nwatch:\n  poll: 3s\n";
        assert_eq!(after, expect);
        assert_eq!(settings(&root).unwrap().limits.hops, 8);
        for (key, value) in [("limits.hopes", "8"), ("lease", "soon"), ("lease", "0"), ("limits", "3")] {
            let refused = set_setting(&root, key, value).unwrap_err();
            assert!(matches!(refused, ConfigError::Refused(_) | ConfigError::NotFound(_)), "{key}: {refused}");
        }
        assert_eq!(root.read(SETTINGS).unwrap().unwrap(), expect.as_bytes());
        assert!(unset_setting(&root, "limits.body").unwrap() && unset_setting(&root, "watch.poll").unwrap());
        assert!(!unset_setting(&root, "limits.body").unwrap());
        let after = String::from_utf8(root.read(SETTINGS).unwrap().unwrap()).unwrap();
        assert_eq!(after, "limits: # mine\n  hops: 8\nlease: 5m\nwatch:\n");
        assert_eq!(settings(&root).unwrap().limits.body, Settings::default().limits.body);
    }

    #[test]
    fn a_wrong_value_is_mended_and_another_fault_is_left_to_a_person() {
        let home = Home::new();
        let root = home.root();
        home.write(SETTINGS, "# mine\nlimits:\n  hops: seven\n");
        set_setting(&root, "limits.hops", "7").unwrap();
        assert_eq!(root.read(SETTINGS).unwrap().unwrap(), b"# mine\nlimits:\n  hops: 7\n");
        for broken in ["limits:\n  hops: 7\nlimit: 3\n", "limits: {hops: 7\n", "limits: {hops: 7}\n"] {
            home.write(SETTINGS, broken);
            assert!(set_setting(&root, "limits.body", "1MiB").is_err(), "{broken}");
            assert_eq!(root.read(SETTINGS).unwrap().unwrap(), broken.as_bytes());
        }
        home.write(SETTINGS, "limits: {hops: 7}\n");
        assert!(unset_setting(&root, "limits.hops").is_err());
        set_setting(&root, "lease", "5m").unwrap();
        assert_eq!(settings(&root).unwrap().limits.hops, 7);
    }
}
