//! Whether somebody else could change what is trusted: owner and mode of every
//! parent of the root and of the approved copies, as OpenSSH's `StrictModes`
//! looks at a home.
//!
//! Asked before anything is run or typed. A parent that others may write (but
//! for a sticky one, as `/tmp`, where nobody moves what is another's), one that
//! belongs to neither the user nor root, a link in place of a folder of the
//! tree, and approved copies inside the tree refuse it. The setting
//! `trust.strict_modes` switches it off from outside the tree only: a hostile
//! clone could bring it along.

use std::path::{Path, PathBuf};

use super::schema::Settings;
use super::{ConfigError, FileLayer, Origin, Root, trust};

/// The setting that switches the check off.
pub const SETTING: &str = "trust.strict_modes";

/// The folders of a root that hold what is looked at.
const FOLDERS: [&str; 4] = ["config", "hooks", "agent_workspaces", ".cellphone"];

/// Whether the check is wanted.
#[must_use]
pub fn is_wanted(root: &Root, settings: &Settings) -> bool {
    settings.trust.strict_modes || is_of_the_tree(root, &settings.origin(SETTING))
}

/// Whether a value comes from the tree, which agents can write, from the copy
/// of it that was last good, or from whoever reaches the daemon's socket.
fn is_of_the_tree(root: &Root, origin: &Origin) -> bool {
    match origin {
        Origin::File { layer: FileLayer::Root, .. } | Origin::Runtime => true,
        Origin::File { path, .. } => path.starts_with(root.path()) || path.starts_with(root.outside()),
        _ => false,
    }
}

/// Whether the tree asks for what only the outside may have.
#[must_use]
pub fn is_asked_by_the_tree(root: &Root, settings: &Settings) -> bool {
    !settings.trust.strict_modes && is_wanted(root, settings)
}

/// Refuses when others could change what is trusted.
///
/// # Errors
/// [`ConfigError::Refused`] names the folder and what to do.
pub fn check(root: &Root, settings: &Settings) -> Result<(), ConfigError> {
    if !is_wanted(root, settings) {
        return Ok(());
    }
    let refused = |why: String| Err(ConfigError::Refused(format!("{why}; until then nothing is run or typed")));
    if trust::lies_inside(root) {
        let place = root.outside();
        let why = "the approved copies lie inside the tree, where agents can write";
        return refused(format!("{}: {why}: set XDG_STATE_HOME to a folder outside it", place.display()));
    }
    let inside = FOLDERS.iter().map(|name| root.path().join(name));
    if let Some(why) = inside.chain([root.path().to_owned()]).find_map(|folder| fault(&folder, false)) {
        return refused(why);
    }
    for end in [Some(root.path().to_owned()), nearest(&root.outside())].into_iter().flatten() {
        if let Some(why) = end.ancestors().skip(1).find_map(|folder| fault(folder, true)) {
            return refused(why);
        }
    }
    let store = ["", "approved", "approved/hooks"].map(|part| root.outside().join(part));
    match store.iter().find_map(|folder| fault(folder, false)) {
        Some(why) => refused(why),
        None => Ok(()),
    }
}

/// Refuses when others could change what lies in a folder outside the tree,
/// or put another in its place: for private keys.
///
/// # Errors
/// As [`check`].
pub fn check_folder(root: &Root, settings: &Settings, folder: &Path) -> Result<(), ConfigError> {
    if !is_wanted(root, settings) {
        return Ok(());
    }
    let parents = nearest(folder).into_iter().flat_map(|end| {
        let parents: Vec<PathBuf> = end.ancestors().skip(1).map(Path::to_owned).collect();
        parents
    });
    match fault(folder, false).or_else(|| parents.into_iter().find_map(|folder| fault(&folder, true))) {
        Some(why) => Err(ConfigError::Refused(why)),
        None => Ok(()),
    }
}

/// The path without links, of the deepest part of it that is there.
fn nearest(path: &Path) -> Option<PathBuf> {
    path.ancestors().find_map(|part| part.canonicalize().ok())
}

/// What is wrong with one folder, and what to do; nothing where it is not.
#[cfg(unix)]
fn fault(folder: &Path, is_parent: bool) -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;

    use crate::model::shell::quoted;
    let shown = folder.display();
    let meta = std::fs::symlink_metadata(folder).ok()?;
    if !meta.is_dir() {
        return Some(format!("{shown} is a link or no folder: put the folder itself there"));
    }
    let user = rustix::process::geteuid().as_raw();
    if meta.uid() != user && meta.uid() != 0 {
        let owner = meta.uid();
        return Some(format!("{shown} belongs to user {owner}, who could change what is trusted: chown it, or move"));
    }
    let (mode, sticky) = (meta.mode() & 0o7777, meta.mode() & 0o1000 != 0);
    let writable = mode & 0o022 != 0 && !(is_parent && sticky);
    writable.then(|| {
        format!(
            "{shown} may be written by others (mode {mode:03o}): chmod go-w {}",
            quoted(&folder.display().to_string())
        )
    })
}

/// Without modes nothing can be said.
#[cfg(not(unix))]
fn fault(_: &Path, _: bool) -> Option<String> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::config::settings;
    use crate::config::testing::Home;
    use crate::fsio::Dir;

    #[test]
    fn each_folder_that_others_could_change_is_named_with_what_to_do() {
        let home = Home::new();
        let root = home.root();
        let all = settings(&root, &[]).unwrap();
        check(&root, &all).unwrap();
        let parent = Dir::open(&home.path("")).unwrap();
        let top = root.dir();
        for (dir, name) in [(&parent, "root"), (top, "config"), (top, "hooks"), (top, ".cellphone"), (&parent, ".")] {
            for mode in [0o777, 0o775] {
                dir.set_mode(name, mode).unwrap();
                let why = check(&root, &all).unwrap_err().to_string();
                let path = dir.path().join(name).canonicalize().unwrap();
                assert!(why.contains(&format!("chmod go-w {}", path.display())), "{name}: {why}");
                dir.set_mode(name, 0o755).unwrap();
            }
        }
        // A sticky parent is as /tmp; a sticky root is none.
        parent.set_mode(".", 0o1777).unwrap();
        check(&root, &all).unwrap();
        parent.set_mode("root", 0o1777).unwrap();
        assert!(check(&root, &all).is_err());
        parent.set_mode("root", 0o700).unwrap();
        home.write("config/cellphone.yaml", "");
        let mut off = settings(&root, &[]).unwrap();
        off.trust.strict_modes = false;
        parent.set_mode(".", 0o777).unwrap();
        check(&root, &off).unwrap();
        home.write("config/cellphone.yaml", "trust:\n  strict_modes: false\n");
        let of_the_tree = settings(&root, &[]).unwrap();
        assert!(!of_the_tree.trust.strict_modes && is_asked_by_the_tree(&root, &of_the_tree));
        assert!(check(&root, &of_the_tree).is_err(), "the tree cannot switch it off");
        parent.set_mode(".", 0o700).unwrap();
    }

    #[test]
    fn a_link_in_place_of_a_folder_is_refused() {
        let home = Home::new();
        let root = home.root();
        let all = settings(&root, &[]).unwrap();
        let aside = Dir::open(&home.path("")).unwrap();
        root.dir().rename("hooks", &aside, "elsewhere").unwrap();
        std::os::unix::fs::symlink(home.path("elsewhere"), root.path().join("hooks")).unwrap();
        let why = check(&root, &all).unwrap_err().to_string();
        assert!(why.contains("hooks is a link"), "{why}");
    }
}
