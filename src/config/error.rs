//! What can be wrong with a root or its configuration.

use std::path::PathBuf;

use crate::fsio::FsError;

/// Why a root, its settings or its roster cannot be used. The text names the
/// file and the next command to run.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is no working root.
    #[error("no working root {where_}; make one with `cellphone init DIR`, or name one with --root DIR")]
    NoRoot {
        /// Where was looked, for a person.
        where_: String,
    },
    /// A file says something that cannot be used.
    #[error("{}{}: {why}", path.display(), line.map(|n| format!(":{n}")).unwrap_or_default())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Line in it, from 1, when known.
        line: Option<usize>,
        /// What is wrong and what to do, for a person.
        why: String,
    },
    /// An environment variable says something that cannot be used.
    #[error("environment variable {name}: {why}")]
    Env {
        /// The variable.
        name: String,
        /// What is wrong, for a person.
        why: String,
    },
    /// What is asked for is not there.
    #[error("{0}")]
    NotFound(String),
    /// Refused, with the reason and the next command.
    #[error("{0}")]
    Refused(String),
    /// The disk says no.
    #[error(transparent)]
    Fs(#[from] FsError),
}

impl ConfigError {
    pub(crate) fn invalid(path: impl Into<PathBuf>, line: Option<usize>, why: impl Into<String>) -> Self {
        Self::Invalid { path: path.into(), line, why: why.into() }
    }

    /// An error of the YAML library, with its line.
    pub(crate) fn yaml(path: impl Into<PathBuf>, e: &serde_yaml::Error) -> Self {
        let text = e.to_string();
        let why = text.split(" at line ").next().unwrap_or(&text).to_owned();
        Self::invalid(path, e.location().map(|l| l.line()), why)
    }
}
