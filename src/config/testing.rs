//! Roots for the unit tests of this crate.

use std::path::PathBuf;

use super::Root;

/// A temporary folder that holds roots; their approved copies go below
/// `target/`, never into the home of who runs the tests.
pub(crate) struct Home(tempfile::TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn open(&self, name: &str) -> Root {
        Root::open(&self.path(name)).unwrap()
    }

    /// A fresh root of the person `me`.
    pub(crate) fn root(&self) -> Root {
        super::init(&self.path("root"), "me").unwrap();
        self.open("root")
    }

    /// Writes a file of the root `root`, as an agent might.
    pub(crate) fn write(&self, relative: &str, text: &str) {
        let path = self.path("root").join(relative);
        let dir = crate::fsio::Dir::open(path.parent().unwrap()).unwrap();
        dir.replace(path.file_name().unwrap().to_str().unwrap(), text.as_bytes(), false).unwrap();
    }
}
