//! The last good text of each file of configuration, kept outside the tree,
//! so that a broken file stops no mail.
//!
//! Written by what changes or watches the configuration (`init`, `config set`,
//! `join`, the daemon), never by a send, which pays nothing for it. An agent
//! cannot write there, so what is put back from it grants nothing that was not
//! in force before. Where nothing was kept, what is built in holds.

use std::fmt;
use std::path::PathBuf;

use super::origin::FileLayer;
use super::root::read_below;
use super::{ConfigError, Root, SETTINGS};
use crate::fsio::Dir;

const GOOD: &str = "good";

/// Which of the texts of a file is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The file in the tree.
    Tree,
    /// Its approved copy.
    Approved,
    /// The user's own, for every root.
    User,
    /// The machine's.
    System,
}

impl Side {
    const fn folder(self) -> &'static str {
        match self {
            Self::Tree => "tree",
            Self::Approved => "approved",
            Self::User => "user",
            Self::System => "system",
        }
    }

    pub(super) const fn of(layer: FileLayer) -> Self {
        match layer {
            FileLayer::System => Self::System,
            FileLayer::User => Self::User,
            FileLayer::Root => Self::Tree,
        }
    }

    fn path(self, root: &Root, relative: &str) -> PathBuf {
        let outside = |layer: FileLayer| layer.path(root).unwrap_or_default();
        match self {
            Self::Tree => root.path().join(relative),
            Self::Approved => super::trust::approved_path(root, relative),
            Self::User => outside(FileLayer::User),
            Self::System => outside(FileLayer::System),
        }
    }
}

/// A part of the configuration that cannot be used, and what holds instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFault {
    /// The file and line, or the variable, and what is wrong with it.
    pub what: String,
    /// The file; `None` for an environment variable.
    pub path: Option<PathBuf>,
    /// Its path from the root, when it is a file of the tree whose last good
    /// text was kept and can be put back.
    pub restorable: Option<&'static str>,
    /// Whether the last good text holds, not only what is built in.
    pub kept: bool,
    /// What holds instead, a sentence.
    pub instead: &'static str,
    /// What to run or to change.
    pub fix: String,
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}; {}", self.what, self.instead, self.fix)
    }
}

impl ConfigFault {
    /// For a file, or its approved copy.
    pub(crate) fn of_file(root: &Root, side: Side, relative: &'static str, error: &ConfigError, kept: bool) -> Self {
        let path = side.path(root, relative);
        let what = match error {
            // An error of the disk names the file in its own way.
            ConfigError::Invalid { .. } | ConfigError::Fs(_) => error.to_string(),
            other => format!("{}: {other}", path.display()),
        };
        let instead = match (side, kept) {
            (_, true) => "the last good one holds",
            (Side::User | Side::System, false) => "it is left out",
            _ => "what is built in holds",
        };
        let fix = match (side, kept) {
            (Side::User | Side::System, _) => "mend it; cellphone doctor says when it is well".to_owned(),
            (Side::Tree, true) => "mend it, or put the last good one back: cellphone doctor --fix".to_owned(),
            (Side::Tree, false) => "mend it; cellphone doctor says when it is well".to_owned(),
            (Side::Approved, _) => format!("mend {relative}, then approve it: cellphone trust"),
        };
        let restorable = (kept && side == Side::Tree).then_some(relative);
        Self { what, path: Some(path), restorable, kept, instead, fix }
    }

    /// When what is set at run time cannot be known.
    pub(crate) fn untold(why: &str) -> Self {
        Self {
            what: format!("the daemon does not tell what is set at run time ({why})"),
            path: None,
            restorable: None,
            kept: false,
            instead: "without it the files hold",
            fix: "cellphone status".into(),
        }
    }

    /// For a variable, or a value of the command line or of a daemon.
    pub(super) fn ignored(error: &ConfigError) -> Self {
        Self {
            what: error.to_string(),
            path: None,
            restorable: None,
            kept: false,
            instead: "it is ignored",
            fix: "see: cellphone config show --about".into(),
        }
    }
}

/// Keeps a text that was found good. Writes only what is new.
pub(crate) fn keep(root: &Root, side: Side, relative: &str, bytes: &[u8]) -> Result<(), ConfigError> {
    // Without any home there is no place that agents cannot write.
    if !root.has_outside() || kept(root, side, relative).is_some_and(|old| old == bytes) {
        return Ok(());
    }
    let (folder, name) = relative.rsplit_once('/').unwrap_or(("", relative));
    let mut dir = Dir::create_all(&root.outside())?.child_or_create(GOOD)?.child_or_create(side.folder())?;
    for part in folder.split('/').filter(|part| !part.is_empty()) {
        dir = dir.child_or_create(part)?;
    }
    Ok(dir.replace(name, bytes, true)?)
}

/// The text that was kept; `None` when there is none that can be read.
pub(crate) fn kept(root: &Root, side: Side, relative: &str) -> Option<Vec<u8>> {
    if !root.has_outside() {
        return None;
    }
    let dir = Dir::open(&root.outside().join(GOOD).join(side.folder())).ok()?;
    read_below(&dir, relative).ok().flatten()
}

/// Where the text is kept.
pub(crate) fn kept_path(root: &Root, side: Side, relative: &str) -> PathBuf {
    root.outside().join(GOOD).join(side.folder()).join(relative)
}

/// Puts the last good text of a file back; the broken one stays beside it
/// under the name that is given back.
///
/// # Errors
/// [`ConfigError::NotFound`] when none was kept, or what the disk says.
pub(crate) fn put_back(root: &Root, relative: &str) -> Result<String, ConfigError> {
    let none = || ConfigError::NotFound(format!("no last good {relative} was kept; mend it by hand"));
    let good = kept(root, Side::Tree, relative).ok_or_else(none)?;
    let _held = root.lock(if relative == SETTINGS { "settings" } else { "roster" })?;
    let (folder, name) = relative.rsplit_once('/').unwrap_or(("", relative));
    let dir = root.folder(folder)?.ok_or_else(none)?;
    let mut aside = format!("{name}.broken");
    for n in 2.. {
        if dir.stat(&aside)?.is_none() {
            break;
        }
        aside = format!("{name}.broken-{n}");
    }
    match root.read(relative) {
        // Replaced in one step, so that there is a file at every moment.
        Ok(Some(broken)) => dir.create(&aside, &broken, false)?,
        Ok(None) => {}
        // A link, a pipe, or larger than a configuration may be.
        Err(_) => dir.rename(name, &dir, &aside)?,
    }
    dir.replace(name, &good, true)?;
    Ok(format!("{folder}/{aside}"))
}

#[cfg(test)]
mod tests {
    use super::super::schema::Settings;
    use super::super::testing::Home;
    use super::super::{keep_settings, settings_in_force};
    use super::*;

    #[test]
    fn a_broken_file_leaves_the_last_good_one_in_force() {
        let home = Home::new();
        let root = home.root();
        home.write(SETTINGS, "limits:\n  hops: 7\n");
        keep_settings(&root).unwrap();
        assert_eq!(settings_in_force(&root, &[]).1, []);
        for broken in ["limits:\n  hops: seven\n", "limits: [\n", "lease: 0s\n", "\u{0}"] {
            home.write(SETTINGS, broken);
            keep_settings(&root).unwrap();
            let (all, faults) = settings_in_force(&root, &[]);
            assert_eq!(all.limits.hops, 7, "{broken:?}");
            assert!(all.origin("limits.hops").to_string().contains("good/tree/config"), "{broken:?}");
            let [fault] = faults.as_slice() else { panic!("{faults:?}") };
            let text = fault.to_string();
            assert!(text.contains("config/cellphone.yaml") && text.contains("cellphone doctor --fix"), "{text}");
        }
        assert_eq!(put_back(&root, SETTINGS).unwrap(), "config/cellphone.yaml.broken");
        assert_eq!(settings_in_force(&root, &[]).1, []);
        assert_eq!(root.read("config/cellphone.yaml.broken").unwrap().unwrap(), b"\0");
    }

    #[cfg(unix)]
    #[test]
    fn a_settings_file_that_is_a_link_is_no_hindrance_either() {
        let home = Home::new();
        let root = home.root();
        keep_settings(&root).unwrap();
        let path = root.path().join(SETTINGS);
        root.folder("config").unwrap().unwrap().remove("cellphone.yaml").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
        let (all, faults) = settings_in_force(&root, &[]);
        assert_eq!((all.limits.hops, faults.len()), (100, 1));
        put_back(&root, SETTINGS).unwrap();
        assert_eq!(settings_in_force(&root, &[]).1, []);
        assert!(std::fs::symlink_metadata(path).unwrap().is_file());
    }

    #[test]
    fn where_nothing_was_kept_what_is_built_in_holds() {
        let home = Home::new();
        let root = home.root();
        Dir::open(&root.outside()).unwrap().rename(GOOD, &Dir::open(&root.outside()).unwrap(), "gone").unwrap();
        home.write(SETTINGS, "limits: 3\n");
        let (all, faults) = settings_in_force(&root, &[]);
        assert_eq!(all, Settings::default());
        assert!(!faults[0].kept && faults[0].restorable.is_none());
        assert!(put_back(&root, SETTINGS).is_err());
    }
}
