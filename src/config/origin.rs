//! Where a value came from: the layers, from the lowest to the highest.
//!
//! Built in; the files of the system, of the user and of the root; the
//! environment; the command line and what was set at run time. Of the last
//! two the later word wins: what is set at run time is above the command line
//! that the daemon was started with, and the command line of one command is
//! above what is set at run time.

use std::fmt;
use std::path::PathBuf;

use super::{Root, SETTINGS, place};

/// A layer that is a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileLayer {
    /// Of the machine: `/etc/cellphone/cellphone.yaml`.
    System,
    /// Of the user: `~/.config/cellphone/cellphone.yaml`.
    User,
    /// Of the root: `config/cellphone.yaml`.
    Root,
}

impl FileLayer {
    /// From the lowest to the highest.
    pub(super) const ALL: [Self; 3] = [Self::System, Self::User, Self::Root];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Root => "root",
        }
    }

    /// Where the file is, or would be; `None` where no home is known.
    #[must_use]
    pub fn path(self, root: &Root) -> Option<PathBuf> {
        match self {
            Self::System => place::system_settings(),
            Self::User => place::user_settings(),
            Self::Root => Some(root.path().join(SETTINGS)),
        }
    }
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Built in.
    Default,
    /// A line of a file.
    File {
        /// Which file.
        layer: FileLayer,
        /// Its path.
        path: PathBuf,
        /// The line, from 1; 0 when it could not be told.
        line: usize,
    },
    /// An environment variable.
    Env {
        /// Its name.
        name: String,
    },
    /// `--set` on the command line.
    CommandLine,
    /// Set in the running daemon, for as long as it runs.
    Runtime,
}

impl Origin {
    /// The word for the layer.
    #[must_use]
    pub const fn layer(&self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::File { layer, .. } => layer.as_str(),
            Self::Env { .. } => "environment",
            Self::CommandLine => "command line",
            Self::Runtime => "runtime",
        }
    }

    /// Whether an agent that can write the tree can write this.
    pub(super) const fn is_the_tree(&self) -> bool {
        matches!(self, Self::File { layer: FileLayer::Root, .. })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line: 0, .. } => write!(f, "{}", path.display()),
            Self::File { path, line, .. } => write!(f, "{}:{line}", path.display()),
            Self::Env { name } => write!(f, "environment {name}"),
            other => f.write_str(other.layer()),
        }
    }
}
