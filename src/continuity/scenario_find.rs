//! Which scenarios a root has.
//!
//! A scenario breaks things and runs commands, so it is used as the copy that
//! somebody approved; a change in the tree has no effect until then. What
//! comes along with the program holds where a root has approved nothing under
//! that name.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::scenario::Scenario;
use super::scenario_read::{is_name, read_scenario};
use crate::config::trust::{self, TrustState};
use crate::config::{ConfigError, Root, nearest, sample, samples_in};

/// Where scenarios stand, from the root.
pub const FOLDER: &str = "config/continuity";

/// What a new scenario begins as; `NAME` in it is its name.
const TEMPLATE: &str = include_str!("template.yaml");

/// The names of the scenarios in force, sorted.
///
/// # Errors
/// When the approved copies cannot be listed.
pub fn scenario_names(root: &Root) -> Result<Vec<String>, ConfigError> {
    let stem = |path: &str| {
        let stem = path.strip_prefix(FOLDER)?.strip_prefix('/')?.strip_suffix(".yaml")?;
        is_name(stem).then(|| stem.to_owned())
    };
    let mut names: BTreeSet<String> = samples_in(FOLDER).filter_map(|(path, _)| stem(path)).collect();
    names
        .extend(trust::status(root)?.iter().filter(|item| item.state != TrustState::New).filter_map(|i| stem(&i.path)));
    Ok(names.into_iter().collect())
}

/// The scenario in force under a name.
///
/// # Errors
/// [`ConfigError::NotFound`] names the nearest one, or says that it waits for
/// approval; else what is wrong with the approved copy.
pub fn find_scenario(root: &Root, name: &str) -> Result<Scenario, ConfigError> {
    let relative = format!("{FOLDER}/{name}.yaml");
    if !is_name(name) {
        return Err(ConfigError::NotFound(format!("{name:?} is no name of a scenario; cellphone drill list")));
    }
    if let Some(bytes) = trust::approved(root, &relative)? {
        return read_scenario(&bytes, &trust::approved_path(root, &relative));
    }
    if let Some(text) = sample(&relative) {
        return read_scenario(text.as_bytes(), Path::new(&relative));
    }
    if root.read(&relative)?.is_some() {
        let why = format!("{relative} was never approved; look at it and run: cellphone trust {relative}");
        return Err(ConfigError::Refused(why));
    }
    let all = scenario_names(root)?;
    let near = nearest(name, all.iter().map(String::as_str));
    let near = near.map_or_else(|| "cellphone drill list".into(), |near| format!("did you mean {near}?"));
    Err(ConfigError::NotFound(format!("there is no scenario {name}; {near}")))
}

/// Whether a file that is to be approved could be used, if it is a scenario.
///
/// # Errors
/// For a person: what is wrong, and in which line.
pub fn check_scenario(path: &str, bytes: &[u8]) -> Result<(), ConfigError> {
    let is_one = path.strip_prefix(FOLDER).is_some_and(|rest| rest.starts_with('/') && rest.ends_with(".yaml"));
    if is_one { read_scenario(bytes, Path::new(path)).map(drop) } else { Ok(()) }
}

/// Writes a commented scenario to begin from into the tree. It is approved, as
/// whatever our own commands write; a change of it is not. Gives its path.
///
/// # Errors
/// The name is none, or taken; nothing is written then.
pub fn new_scenario(root: &Root, name: &str) -> Result<PathBuf, ConfigError> {
    if !is_name(name) {
        let why = format!("{name:?} is no name of a scenario: small letters, digits and -, 40 at most");
        return Err(ConfigError::Refused(why));
    }
    let relative = format!("{FOLDER}/{name}.yaml");
    if root.read(&relative)?.is_some() || sample(&relative).is_some() {
        return Err(ConfigError::Refused(format!("there is a scenario {name} already; open {relative} in an editor")));
    }
    let text = template(name);
    let folder = root.dir().child_or_create_durable("config")?.child_or_create_durable("continuity")?;
    folder.create(&format!("{name}.yaml"), text.as_bytes(), true)?;
    trust::approve_one(root, &relative)?;
    Ok(root.path().join(relative))
}

fn template(name: &str) -> String {
    TEMPLATE.replace("NAME", name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::Home;
    use crate::model::Detector;

    #[test]
    fn every_scenario_that_comes_along_reads() {
        let home = Home::new();
        let root = home.root();
        let names = scenario_names(&root).unwrap();
        for name in &names {
            let scenario = find_scenario(&root, name).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(&scenario.name, name);
        }
        assert!(names.len() >= 17, "{names:?}");
        let item = trust::status(&root).unwrap();
        assert!(item.iter().any(|i| i.path == "config/continuity/lost-disk.yaml" && i.state == TrustState::Approved));
    }

    #[test]
    fn the_schema_and_the_template_know_what_reading_knows() {
        use super::super::scenario::{MODELS, NOTICES, PLACEHOLDERS};
        let schema = crate::config::json_schema(crate::config::SchemaOf::Scenario);
        let words = |value: &serde_json::Value| {
            let all = value.as_array().unwrap().iter();
            all.map(|word| word.as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let top = &schema["properties"];
        assert_eq!(words(&top["models"]["enum"]), MODELS);
        let notices = words(&top["detect"]["properties"]["any_of"]["items"]["enum"]);
        assert_eq!(notices, NOTICES.map(|(word, _)| word));
        let recover = top["recover"]["description"].as_str().unwrap();
        for (word, means) in PLACEHOLDERS {
            assert!(recover.contains(&format!("{{{word}}}: {means}")), "{word}");
            assert!(TEMPLATE.contains(word), "{word}");
        }
        for detector in Detector::ALL {
            assert!(NOTICES.iter().any(|(word, _)| *word == detector.word()), "{detector:?}");
            let runbook = detector.runbook();
            assert!(runbook.is_none_or(|name| sample(&format!("{FOLDER}/{name}.yaml")).is_some()), "{runbook:?}");
        }
        // An unknown injection makes the reader name all that it knows.
        let text = template("x").replace("do: delete", "do: zzzzzzzzzzzzzz");
        let known = read_scenario(text.as_bytes(), Path::new("x.yaml")).unwrap_err().to_string();
        let known = known.split("known are ").nth(1).unwrap().split(", ").map(str::to_owned).collect::<Vec<_>>();
        let injections = top["inject"]["items"]["oneOf"].as_array().unwrap();
        let listed = injections.iter().map(|one| one["properties"]["do"]["const"].as_str().unwrap().to_owned());
        assert_eq!(listed.collect::<Vec<_>>(), known);
    }

    #[test]
    fn a_changed_scenario_is_not_used_before_it_is_approved() {
        let home = Home::new();
        let root = home.root();
        let relative = "config/continuity/lost-disk.yaml";
        let text = String::from_utf8(root.read(relative).unwrap().unwrap()).unwrap();
        let title = find_scenario(&root, "lost-disk").unwrap().title;
        home.write(relative, &text.replace(&format!("title: {title}"), "title: Another one"));
        assert_eq!(find_scenario(&root, "lost-disk").unwrap().title, title);
        trust::approve_one(&root, relative).unwrap();
        assert_eq!(find_scenario(&root, "lost-disk").unwrap().title, "Another one");

        home.write("config/continuity/mine.yaml", &template("mine"));
        let error = find_scenario(&root, "mine").unwrap_err();
        assert!(error.to_string().contains("cellphone trust config/continuity/mine.yaml"), "{error}");
        assert!(!scenario_names(&root).unwrap().contains(&"mine".to_owned()));
        trust::approve_one(&root, "config/continuity/mine.yaml").unwrap();
        assert_eq!(find_scenario(&root, "mine").unwrap().name, "mine");
    }

    #[test]
    fn a_new_scenario_is_commented_and_reads() {
        let home = Home::new();
        let root = home.root();
        let path = new_scenario(&root, "my-own").unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.lines().filter(|line| line.contains('#')).count() > 20, "{text}");
        assert_eq!(find_scenario(&root, "my-own").unwrap().name, "my-own");
        assert!(new_scenario(&root, "my-own").is_err());
        assert!(new_scenario(&root, "lost-disk").is_err());
        assert!(new_scenario(&root, "../x").is_err());
        let error = find_scenario(&root, "lost-dsik").unwrap_err().to_string();
        assert!(error.contains("lost-disk"), "{error}");
    }
}
