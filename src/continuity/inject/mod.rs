//! Breaking things, truly where that is possible and harmless, else so that it
//! looks the same; which of the two is told.
//!
//! Everything stays within its [`Site`]: a path that leaves the root is
//! refused when a scenario is read and again here, no link is followed, and
//! children get the site's environment and nothing else. Every choice comes
//! from the dice that are handed in, so a seed breaks the same things again.
//! What goes on outside the tree (a dead network, a full disk) is ended by
//! [`mend`], which is what a person does by hand.

mod files;
mod full;
mod intruder;
mod outage;
mod pack;
mod process;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Deserialize;

use super::outcome::Injected;
use crate::fsio::{Dir, FsError};
use crate::model::AgentName;

/// One thing to break. In YAML `do:` names it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Injection {
    /// Deletes a file or folder; `.` is the whole root.
    Delete {
        /// Below the root; `{agent}` and `{other}` stand for their names.
        path: String,
    },
    /// Turns bits over in messages, as a disk does that rots: size and times
    /// stay as they were.
    FlipBits {
        /// The folder in which they lie, at any depth.
        path: String,
        /// In how many, at most.
        messages: usize,
    },
    /// Turns bits over in the packs of a repository.
    FlipPack {
        /// Which one.
        repository: Which,
    },
    /// Cuts a file down to its beginning.
    Truncate {
        /// Below the root; a folder means the largest file in it.
        path: String,
        /// Bytes that are left.
        keep: u64,
    },
    /// Writes rubbish over a file.
    Rubbish {
        /// Below the root.
        path: String,
    },
    /// Exchanges and moves coordinates, so that each is another's.
    Scramble {},
    /// The power goes while mail is delivered.
    PowerCut {
        /// Senders at that moment.
        senders: usize,
    },
    /// The disk takes no more bytes.
    DiskFull {},
    /// The second repository and a webhook cannot be reached.
    NetworkOutage {},
    /// The root is copied, and the copy opened.
    DataTheft {},
    /// `git clean -ffdx` and `git reset --hard` in the root.
    CarelessGit {},
    /// The tree is encrypted in place, the first repository flooded with
    /// snapshots of that under dates to come, and the older ones forgotten.
    Ransomware {
        /// Snapshots that flood it.
        snapshots: usize,
    },
    /// Somebody has an agent's private key, and mail signed with it arrives.
    StolenKey {},
    /// The daemon dies as soon as it is up.
    CrashLoop {
        /// How often.
        times: usize,
    },
    /// More mail for one agent than it reads.
    MailStorm {
        /// Messages.
        messages: usize,
    },
    /// Root, home and first repository are gone.
    LostHost {},
}

/// A repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Which {
    /// The one that is used.
    First,
    /// The one it is copied to.
    Second,
    /// Every one there is.
    All,
}

/// What is broken: the ground of a drill, never the live tree unless it was
/// asked for.
#[derive(Debug)]
pub struct Site {
    /// The root.
    pub root: PathBuf,
    /// The home whose programs and keys it uses (`HOME` and the XDG folders
    /// below it).
    pub home: PathBuf,
    /// The repositories, first one first.
    pub repositories: Vec<PathBuf>,
    /// A folder for what an injection needs, removed afterwards.
    pub scratch: PathBuf,
    /// This program.
    pub program: PathBuf,
    /// The agent that a scenario about one agent takes.
    pub agent: AgentName,
    /// Another agent.
    pub other: AgentName,
    /// A file with the repositories' password, outside root and home, as
    /// somebody writes it from the recovery sheet.
    pub password_file: PathBuf,
    /// The whole environment of children.
    pub environment: Vec<(String, String)>,
    /// Whether children can write no file, because the disk counts as full.
    /// `false` at the beginning; set by the injection.
    pub full: AtomicBool,
    /// A copy of the root, where it is the live one: what is not in it is not
    /// broken one by one either.
    pub only: Option<PathBuf>,
}

impl Site {
    /// This program with the site's environment and root, nothing of the
    /// person's; under the limits that an injection keeps up. Whatever a drill
    /// runs in its ground it runs by this.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = if self.full.load(Ordering::SeqCst) {
            full::limited(self.bare("sh"), &self.program)
        } else {
            self.bare(&self.program)
        };
        command.arg("--root").arg(&self.root);
        command
    }

    /// Where `{copy}` is.
    #[must_use]
    pub fn copy(&self) -> PathBuf {
        self.scratch.join(intruder::COPY)
    }

    /// A program with the site's environment, in its scratch folder, under no
    /// limit: what a person runs who recovers.
    #[must_use]
    pub fn plain(&self, program: &Path) -> Command {
        self.bare(program)
    }

    fn bare(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.current_dir(&self.scratch).stdin(Stdio::null());
        command
    }

    /// What this program says about the root, under no limit.
    fn say(&self, words: &[&str]) -> Result<String, String> {
        let mut command = self.bare(&self.program);
        said(command.arg("--root").arg(&self.root).args(words))
    }

    /// What lies outside the tree of a root with this id.
    fn state(&self, id: &str) -> PathBuf {
        let state = self.environment.iter().find(|(name, _)| name == "XDG_STATE_HOME");
        let state = state.map_or_else(|| self.home.join(".local/state"), |(_, path)| PathBuf::from(path));
        state.join("cellphone").join(id)
    }

    /// Whether what has this path from the root may be broken.
    fn may_break(&self, path: &str) -> bool {
        self.only.as_ref().is_none_or(|copy| copy.join(path).exists())
    }

    fn fill(&self, path: &str) -> String {
        filled(path, &self.agent, &self.other)
    }
}

impl Injection {
    /// The path below the root that it is about, unfilled.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::Delete { path }
            | Self::FlipBits { path, .. }
            | Self::Truncate { path, .. }
            | Self::Rubbish { path } => Some(path),
            _ => None,
        }
    }

    /// What it will do, for who is asked whether it may.
    #[must_use]
    pub fn words(&self, agent: &AgentName, other: &AgentName) -> String {
        let filled = |path: &str| filled(path, agent, other);
        match self {
            Self::Delete { path } => format!("delete {}", filled(path)),
            Self::FlipBits { path, messages } => {
                format!("turn a bit over in {messages} messages below {}", filled(path))
            }
            Self::Truncate { path, keep } => format!("cut {} to {keep} bytes", filled(path)),
            Self::Rubbish { path } => format!("overwrite {} with rubbish", filled(path)),
            Self::Scramble {} => format!("exchange and move the numbers of {}", crate::config::COORDINATES),
            Self::CrashLoop { times } => format!("kill the daemon {times} times; meanwhile no window rings"),
            other => format!("{other:?}"),
        }
    }

    /// Whether it may be made in the tree itself: whatever it takes is in a
    /// snapshot, it rings nobody, and nothing beyond the root is touched. A
    /// root may hold other things too (a repository of source code), which no
    /// safety snapshot holds.
    #[must_use]
    pub fn may_be_live(&self) -> bool {
        const KEPT: [&str; 4] = ["agent_workspaces", "config", "hooks", ".cellphone/journal"];
        let is_kept = |path: &str| {
            KEPT.iter().any(|kept| path.strip_prefix(kept).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
        };
        match self {
            Self::Delete { path }
            | Self::FlipBits { path, .. }
            | Self::Truncate { path, .. }
            | Self::Rubbish { path } => is_kept(path),
            Self::Scramble {} | Self::CrashLoop { .. } => true,
            Self::FlipPack { .. }
            | Self::PowerCut { .. }
            | Self::DiskFull {}
            | Self::NetworkOutage {}
            | Self::DataTheft {}
            | Self::CarelessGit {}
            | Self::Ransomware { .. }
            | Self::StolenKey {}
            | Self::MailStorm { .. }
            | Self::LostHost {} => false,
        }
    }
}

/// A path with the names of the agents whom it is about.
#[must_use]
pub fn filled(path: &str, agent: &AgentName, other: &AgentName) -> String {
    path.replace("{agent}", agent.as_str()).replace("{other}", other.as_str())
}

/// Whether a path stays below the root, by its words alone.
///
/// # Errors
/// Why it does not.
pub fn check_path(path: &str) -> Result<(), String> {
    if path == "." {
        return Ok(());
    }
    let leaves = |part: &str| matches!(part, "" | "." | "..") || part.contains(['\\', ':', '\0']);
    if path.split('/').any(leaves) {
        return Err(format!("{path:?} is no path below the root; write it as `agent_workspaces/{{agent}}/inbox`"));
    }
    Ok(())
}

/// Carries one out.
///
/// # Errors
/// A sentence: it could not be made.
pub fn carry_out(what: &Injection, site: &Site, dice: &mut fastrand::Rng) -> Result<Injected, String> {
    match what {
        Injection::Delete { path } => files::delete(site, path),
        Injection::FlipBits { path, messages } => files::flip_bits(site, path, *messages, dice),
        Injection::FlipPack { repository } => pack::flip(site, *repository, dice),
        Injection::Truncate { path, keep } => files::truncate(site, path, *keep),
        Injection::Rubbish { path } => files::rubbish(site, path, dice),
        Injection::Scramble {} => files::scramble(site, dice),
        Injection::PowerCut { senders } => process::power_cut(site, *senders, dice),
        Injection::DiskFull {} => full::begin(site),
        Injection::NetworkOutage {} => outage::begin(site),
        Injection::DataTheft {} => intruder::data_theft(site),
        Injection::CarelessGit {} => intruder::careless_git(site),
        Injection::Ransomware { snapshots } => intruder::ransomware(site, *snapshots, dice),
        Injection::StolenKey {} => intruder::stolen_key(site),
        Injection::CrashLoop { times } => process::crash_loop(site, *times),
        Injection::MailStorm { messages } => process::mail_storm(site, *messages),
        Injection::LostHost {} => intruder::lost_host(site),
    }
}

/// Ends what an injection keeps up outside the tree, as a person does by hand
/// or time does; a sentence says what was ended. May be called more than
/// once, and after an injection that was never made.
///
/// # Errors
/// A sentence: it could not be ended.
pub fn mend(what: &Injection, site: &Site) -> Result<Option<String>, String> {
    match what {
        Injection::DiskFull {} => full::end(site),
        Injection::NetworkOutage {} => outage::end(site),
        _ => Ok(None),
    }
}

/// What of an injection still holds after the recovery, a sentence, where no
/// comparison of files and no finding of `doctor` can tell.
///
/// # Errors
/// A sentence: it could not be looked at.
pub fn remains(what: &Injection, site: &Site) -> Result<Option<String>, String> {
    match what {
        Injection::StolenKey {} => intruder::still_trusted(site),
        _ => Ok(None),
    }
}

/// Something that happened as it would in life.
fn truly(what: impl Into<String>) -> Injected {
    Injected { what: what.into(), real: true, how: String::new() }
}

/// What a program says, or in one line why it failed.
fn said(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|e| format!("cannot run {name}: {e}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let line = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("it says nothing").trim().to_owned();
    Err(format!("{name} failed ({}): {line}", output.status))
}

/// The id of the site's root.
fn id_of(site: &Site) -> Result<String, String> {
    id_below(&site.root)
}

fn id_below(root: &Path) -> Result<String, String> {
    let bytes = Dir::open(root).and_then(|root| root.child(".cellphone")?.read("root.json", 4096)).map_err(told)?;
    let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(|e| format!("root.json: {e}"))?;
    value.get("id").and_then(|id| id.as_str()).map(str::to_owned).ok_or_else(|| "root.json names no id".into())
}

fn told(e: FsError) -> String {
    e.to_string()
}

/// The folder and the last name of a path below a folder; no part of the way
/// may be a link.
fn spot(top: &Path, path: &str) -> Result<(Dir, String), String> {
    check_path(path)?;
    let dir = Dir::open(top).map_err(told)?;
    match path.rsplit_once('/') {
        Some((folder, name)) => Ok((dir.below(folder).map_err(told)?, name.to_owned())),
        None => Ok((dir, path.to_owned())),
    }
}

#[cfg(test)]
mod tests;
