//! Where a repository is, and that it is not in what it protects.

use std::fmt;
use std::path::{Path, PathBuf};

use super::remote::{self, without_password};
use super::{Result, SnapshotError};
use crate::config::SecretSource;

/// Where a repository is. Shows itself without the password that may be in it.
#[derive(Clone, PartialEq, Eq)]
pub enum Place {
    /// A folder of this machine.
    Local(PathBuf),
    /// `rest:https://…` or `s3:https://…`, for what was built with it.
    Remote(String),
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({self})")
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(path) => write!(f, "{}", path.display()),
            Self::Remote(text) => f.write_str(&without_password(text)),
        }
    }
}

impl Place {
    /// Reads one entry of `snapshot.repositories`; `usual` is what `default`
    /// stands for.
    ///
    /// # Errors
    /// A relative path, or a kind of repository this program was built without.
    pub fn parse(text: &str, usual: &Path) -> Result<Self> {
        let text = text.trim();
        if text == "default" {
            return Ok(Self::Local(usual.to_owned()));
        }
        let path = text.strip_prefix("local:").unwrap_or(text);
        if Path::new(path).is_absolute() {
            return Ok(Self::Local(PathBuf::from(path)));
        }
        if let Some(home) = path.strip_prefix("~/") {
            let known = std::env::var_os("HOME").map(PathBuf::from).filter(|p| p.is_absolute());
            return known
                .map(|top| Self::Local(top.join(home)))
                .ok_or_else(|| SnapshotError::Place(format!("{text}: no home folder is known; write the whole path")));
        }
        let Some((feature, built)) = remote::needs(text) else {
            let why = "write default, /a/path, ~/a/path, rest:https://host/path or s3:https://host/bucket";
            return Err(SnapshotError::Place(format!("{text:?} is no place for a repository; {why}")));
        };
        if !built {
            let why = format!("this program was built without it (cargo install --features {feature})");
            return Err(SnapshotError::Place(format!("{}: {why}", without_password(text))));
        }
        Ok(Self::Remote(text.to_owned()))
    }

    /// The same with the password of its server, where the name has a user
    /// and no password.
    ///
    /// # Errors
    /// [`SnapshotError::Secret`] when the password is not where it should be.
    pub fn unlocked_by(self, password: &SecretSource) -> Result<Self> {
        let Self::Remote(name) = &self else { return Ok(self) };
        let Some((before, behind)) = remote::password_goes(name) else { return Ok(self) };
        let fetched = password.fetch();
        let fetched = fetched
            .map_err(|e| SnapshotError::Secret(format!("the password of {self} (snapshot.remote_password): {e}")))?;
        Ok(match fetched {
            Some(secret) => Self::Remote(remote::with_password(before, secret.expose(), behind)),
            None => self,
        })
    }

    /// The folder, of a repository of this machine.
    #[must_use]
    pub fn local_path(&self) -> Option<&Path> {
        match self {
            Self::Local(path) => Some(path),
            Self::Remote(_) => None,
        }
    }

    /// Refuses a folder inside the tree it is to protect, links resolved, and
    /// one that the tree lies in.
    ///
    /// # Errors
    /// [`SnapshotError::Place`].
    pub fn must_be_outside(&self, root: &Path) -> Result<()> {
        let Self::Local(path) = self else { return Ok(()) };
        let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
        if resolved_fully(path).starts_with(&root) {
            let why = "lies in the tree it is to protect; what destroys the one would destroy the other";
            return Err(SnapshotError::Place(format!("{} {why}", path.display())));
        }
        Ok(())
    }
}

/// As [`resolved`], again until nothing changes: a `..` that was taken out can
/// uncover a link.
fn resolved_fully(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    // As many as the system follows.
    for _ in 0..40 {
        let next = resolved(&path);
        if next == path {
            break;
        }
        path = next;
    }
    path
}

/// The path with the links of the part that exists resolved, and `..` of the
/// rest taken out.
fn resolved(path: &Path) -> PathBuf {
    let mut rest = Vec::new();
    let mut here = path;
    loop {
        if let Ok(real) = here.canonicalize() {
            return rest.iter().rev().fold(real, |path: PathBuf, part: &std::ffi::OsString| {
                if part == ".." { path.parent().map(Path::to_owned).unwrap_or(path) } else { path.join(part) }
            });
        }
        let Some(parent) = here.parent() else { return path.to_owned() };
        // A dangling link counts as the place it points to.
        if let Ok(target) = std::fs::read_link(here) {
            let target = if target.is_absolute() { target } else { parent.join(target) };
            return rest.iter().rev().fold(resolved(&target), |path, part| path.join(part));
        }
        rest.push(here.components().next_back().map(|c| c.as_os_str().to_owned()).unwrap_or_default());
        here = parent;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read() {
        let usual = Path::new("/data/x");
        assert_eq!(Place::parse("default", usual).unwrap(), Place::Local(usual.to_owned()));
        assert_eq!(Place::parse(" /a/b", usual).unwrap(), Place::Local("/a/b".into()));
        assert!(Place::parse("a/b", usual).is_err());
        assert!(Place::parse("ftp:x", usual).is_err());
    }

    #[test]
    fn what_this_program_was_built_without_says_how_to_have_it() {
        for (name, feature) in [("rest:https://me:secret@host/x", "rest"), ("s3:https://host/bucket", "s3")] {
            match Place::parse(name, Path::new("/data/x")) {
                Ok(place) => assert_eq!(remote::needs(name), Some((feature, true)), "{place}"),
                Err(e) => {
                    let why = e.to_string();
                    assert!(why.contains(&format!("--features {feature}")) && !why.contains("secret"), "{why}");
                }
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn inside_the_tree_is_refused_also_through_links() {
        let tmp = tempfile::tempdir().unwrap();
        let (root, other) = (tmp.path().join("root"), tmp.path().join("other"));
        for dir in [&root, &other] {
            crate::fsio::Dir::create_all(dir).unwrap();
        }
        std::os::unix::fs::symlink(&root, other.join("link")).unwrap();
        std::os::unix::fs::symlink(root.join("later"), other.join("dangling")).unwrap();
        let outside = |path: PathBuf| Place::Local(path).must_be_outside(&root);
        assert!(outside(other.join("repo")).is_ok());
        for inside in [root.join("x"), other.join("link/y/z"), other.join("dangling"), other.join("a/../link/b")] {
            assert!(outside(inside.clone()).is_err(), "{}", inside.display());
        }
    }
}
