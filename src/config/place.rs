//! Places outside the tree, and who sits at the machine: the user's home, the
//! state and configuration folders of the platform, the default root.

use std::env;
use std::path::{Path, PathBuf};

use super::{ConfigError, Root};
use crate::fsio::Dir;

fn variable(name: &str) -> Option<PathBuf> {
    env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute())
}

/// The line of the user in the platform's list. Some programs are started
/// without `HOME` and `USER`.
#[cfg(unix)]
fn passwd() -> Option<(String, PathBuf)> {
    let uid = rustix::process::geteuid().as_raw().to_string();
    let text = std::fs::read_to_string("/etc/passwd").ok()?;
    text.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        (fields.len() >= 6 && fields[2] == uid).then(|| (fields[0].to_owned(), PathBuf::from(fields[5])))
    })
}

#[cfg(not(unix))]
fn passwd() -> Option<(String, PathBuf)> {
    None
}

fn home() -> Option<PathBuf> {
    variable("HOME").or_else(|| variable("USERPROFILE")).or_else(|| passwd().map(|(_, home)| home))
}

/// A path in which `~/` stands for the home; `None` where none is known.
pub(super) fn at_home(path: &str) -> Option<PathBuf> {
    match path.strip_prefix("~/") {
        Some(rest) => home().map(|home| home.join(rest)),
        None => Some(PathBuf::from(path)),
    }
}

/// Where state of this machine's user is kept: `XDG_STATE_HOME`, on Windows
/// `LOCALAPPDATA`, else `~/.local/state`.
pub(super) fn state_home() -> Option<PathBuf> {
    if cfg!(test) {
        return Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("target/unit-tests/state"));
    }
    variable("XDG_STATE_HOME")
        .or_else(|| if cfg!(windows) { variable("LOCALAPPDATA") } else { None })
        .or_else(|| home().map(|h| h.join(".local").join("state")))
}

/// Where data of this machine's user is kept: `XDG_DATA_HOME`, on Windows
/// `LOCALAPPDATA`, else `~/.local/share`.
pub(super) fn data_home() -> Option<PathBuf> {
    if cfg!(test) {
        return Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("target/unit-tests/data"));
    }
    variable("XDG_DATA_HOME")
        .or_else(|| if cfg!(windows) { variable("LOCALAPPDATA") } else { None })
        .or_else(|| home().map(|h| h.join(".local").join("share")))
}

pub(super) fn config_home() -> Option<PathBuf> {
    if cfg!(test) {
        return Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("target/unit-tests/config"));
    }
    variable("XDG_CONFIG_HOME")
        .or_else(|| if cfg!(windows) { variable("APPDATA") } else { None })
        .or_else(|| home().map(|h| h.join(".config")))
        .map(|dir| dir.join("cellphone"))
}

/// Names the machine's file of settings, for who runs the command.
pub(super) const SYSTEM_FILE: &str = "CELLPHONE_SYSTEM_CONFIG";

/// The machine's file of settings.
pub(super) fn system_settings() -> Option<PathBuf> {
    if cfg!(test) {
        return Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("target/unit-tests/system/cellphone.yaml"));
    }
    variable(SYSTEM_FILE).or_else(|| {
        if cfg!(windows) {
            return variable("ProgramData").map(|dir| dir.join("cellphone").join("cellphone.yaml"));
        }
        let macos = cfg!(target_os = "macos");
        Some(PathBuf::from(if macos { "/Library/Application Support/cellphone" } else { "/etc/cellphone" }))
            .map(|dir| dir.join("cellphone.yaml"))
    })
}

/// The user's file of settings.
pub(super) fn user_settings() -> Option<PathBuf> {
    config_home().map(|dir| dir.join("cellphone.yaml"))
}

/// The user's default root, used when no other way finds one.
#[must_use]
pub fn default_root() -> Option<PathBuf> {
    let text = std::fs::read_to_string(config_home()?.join("default-root")).ok()?;
    let path = PathBuf::from(text.trim());
    path.is_absolute().then_some(path)
}

/// Makes a root the user's default.
///
/// # Errors
/// When the user's configuration folder cannot be written.
pub fn set_default_root(root: &Root) -> Result<(), ConfigError> {
    let Some(dir) = config_home() else {
        return Err(ConfigError::NotFound("no home folder is known; set HOME and run again".into()));
    };
    let text = format!("{}\n", root.path().display());
    Ok(Dir::create_all(&dir)?.replace("default-root", text.as_bytes(), false)?)
}

/// Whether `init` may make this root the default: none is set that still
/// exists, and it is not in a folder for temporary files, unless the home is.
pub(super) fn wants_default(root: &Path) -> bool {
    let inside = |dir: PathBuf| dir.canonicalize().is_ok_and(|dir| root.starts_with(dir));
    let temporary = inside(env::temp_dir()) && !home().is_some_and(inside);
    !temporary && default_root().is_none_or(|path| !path.is_dir())
}

/// The name of the person at the machine, made fit for a mailbox.
#[must_use]
pub fn os_user() -> String {
    let named = ["USER", "LOGNAME", "USERNAME"].iter().find_map(|v| env::var(v).ok().filter(|n| !n.trim().is_empty()));
    let name = named.or_else(|| passwd().map(|(name, _)| name)).unwrap_or_default();
    let fit: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect();
    let fit = fit.trim_matches(['-', '_']);
    let fit = &fit[..fit.len().min(64)];
    match crate::model::AgentName::new(fit) {
        Ok(name) if !name.is_reserved() => fit.to_owned(),
        _ => "me".into(),
    }
}
