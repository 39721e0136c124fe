//! Making an agent program at home here: rules that let its mail commands run
//! without a question, roots its sandbox lets it write, hooks that tell it of
//! its mail, and a short instruction. Planned, shown, applied, and taken back.
//!
//! What was done is recorded outside the tree, so `--undo` gives back the very
//! bytes that were there while nobody else changed the file, and takes out
//! only what is ours when somebody did. What a person changed in our own part
//! is never overwritten: the undo is refused and says so. Writes into the
//! agent's project and the program's own settings, as the person who runs it;
//! nothing of the tree decides where.

mod edits;
mod json;
mod moments;
mod places;
mod programs;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use self::edits::Edit;
pub use self::moments::{answer, moment};
use self::programs::{KNOWN, Places};
use super::{ErrorKind, Office, OfficeError, Result};
use crate::fsio::Dir;
use crate::model::{AgentName, Event, EventKind};

/// Larger settings are no settings.
const LARGEST: u64 = 4 << 20;

const RECORDS: &str = "integrate";

/// One file, before and after. `None`: not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// The file.
    pub path: PathBuf,
    /// What is there.
    pub before: Option<String>,
    /// What will be.
    pub after: Option<String>,
}

/// What will be done; applied as it is shown or not at all.
#[derive(Debug, Clone)]
pub struct Integration {
    /// The program.
    pub program: String,
    /// The project.
    pub dir: PathBuf,
    /// The files that change.
    pub changes: Vec<FileChange>,
    /// The record afterwards; `None` takes it away.
    record: Option<Record>,
    record_name: String,
    /// Folders that go when they are empty.
    leaves: Vec<PathBuf>,
}

/// What was done to a program in a project, kept outside the tree.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Record {
    program: String,
    dir: PathBuf,
    files: Vec<Recorded>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Recorded {
    path: PathBuf,
    /// The bytes that were there, while giving them back loses nobody's work.
    before: Before,
    /// What we left there.
    after: String,
    edits: Vec<Edit>,
    /// Folders that were made for it, the innermost first.
    made: Vec<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Before {
    Nothing,
    Text(String),
    /// Somebody wrote into the file between two of our changes.
    Mixed,
}

impl Office {
    /// Plans what a program needs in a project; changes nothing.
    ///
    /// # Errors
    /// An unknown program, or a file that is not what it should be.
    pub fn plan_integration(&self, program: &str, dir: &Path, agent: Option<&AgentName>) -> Result<Integration> {
        let dir = existing(dir)?;
        if let Some(agent) = agent {
            self.entry(agent)?;
        }
        let known = self.record(program, &dir)?;
        let edits = self.edits(program, &dir, agent)?;
        let mut files: Vec<Recorded> = Vec::new();
        let mut changes: Vec<FileChange> = Vec::new();
        for (path, edit) in edits {
            let path = resolved(path);
            let at = match changes.iter().position(|c| c.path == path) {
                Some(at) => at,
                None => {
                    let before = read(&path)?;
                    let old = known.as_ref().and_then(|r| r.files.iter().find(|f| f.path == path));
                    files.push(Recorded {
                        path: path.clone(),
                        before: first_before(old, before.as_deref()),
                        after: String::new(),
                        edits: old.map(|old| old.edits.clone()).unwrap_or_default(),
                        made: old.map_or_else(|| missing(&path), |old| old.made.clone()),
                    });
                    changes.push(FileChange { path: path.clone(), after: before.clone(), before });
                    changes.len() - 1
                }
            };
            let fault = |why: String| {
                OfficeError::new(ErrorKind::Refused, format!("{}: {why}; nothing was changed", path.display()))
                    .hint("mend the file, or move it away, and run it again")
            };
            let (after, new) = edit.apply(changes[at].after.as_deref()).map_err(fault)?;
            files[at].after.clone_from(&after);
            remember(&mut files[at].edits, new);
            changes[at].after = Some(after);
        }
        let record = Record { program: program.to_owned(), dir: dir.clone(), files };
        changes.retain(|c| c.before != c.after);
        Ok(Integration {
            program: program.into(),
            record_name: record_name(program, &dir),
            dir,
            changes,
            record: Some(record),
            leaves: Vec::new(),
        })
    }

    /// Plans how to take it back; changes nothing.
    ///
    /// # Errors
    /// Nothing was done there, or a person changed our part meanwhile.
    pub fn plan_undo(&self, program: &str, dir: &Path) -> Result<Integration> {
        let dir = existing(dir)?;
        self.edits(program, &dir, None)?;
        let Some(record) = self.record(program, &dir)? else {
            let why = format!("{program} was not integrated in {}", dir.display());
            return Err(OfficeError::new(ErrorKind::NotFound, why)
                .hint(format!("cellphone integrate {program} --dir DIR --undo")));
        };
        let mut changes = Vec::new();
        let leaves = record.files.iter().flat_map(|file| file.made.iter().cloned()).collect();
        for file in &record.files {
            let Some(now) = read(&file.path)? else { continue };
            let after = match &file.before {
                Before::Nothing if now == file.after => None,
                Before::Text(text) if now == file.after => Some(text.clone()),
                _ => {
                    let mut text = Some(now.clone());
                    for edit in &file.edits {
                        let Some(inside) = text else { break };
                        text = edit.take_out(&inside).map_err(|why| {
                            let why = format!("{}: {why} since; nothing was taken back", file.path.display());
                            OfficeError::new(ErrorKind::Conflict, why).hint(format!(
                                "put it back with `cellphone integrate {program}`, or take it out by hand, and run \
                                 --undo again"
                            ))
                        })?;
                    }
                    text
                }
            };
            if after.as_deref() != Some(&now) {
                changes.push(FileChange { path: file.path.clone(), before: Some(now), after });
            }
        }
        Ok(Integration {
            program: program.into(),
            record_name: record_name(program, &dir),
            dir,
            changes,
            record: None,
            leaves,
        })
    }

    /// Does exactly what was shown.
    ///
    /// # Errors
    /// Refused when a file changed after it was shown; or the disk. Files
    /// before the one that failed are changed then, and `--undo` knows them.
    pub fn apply_integration(&self, plan: &Integration) -> Result<()> {
        for change in &plan.changes {
            if read(&change.path)? != change.before {
                let why = format!("{} changed after it was shown; nothing was changed", change.path.display());
                return Err(OfficeError::new(ErrorKind::Conflict, why).hint("look again, and run it once more"));
            }
        }
        let records = Dir::create_all(&self.root().outside().join(RECORDS))?;
        if let Some(record) = &plan.record {
            // First, so that what a crash leaves behind can be taken back.
            let text =
                serde_json::to_vec_pretty(record).map_err(|e| OfficeError::new(ErrorKind::Failed, e.to_string()))?;
            records.replace(&plan.record_name, &text, true)?;
        }
        for change in &plan.changes {
            write(&change.path, change.after.as_deref())?;
        }
        for folder in &plan.leaves {
            let (above, name) = split(folder)?;
            // One that holds something of somebody else stays.
            let _ = Dir::open(above).and_then(|dir| dir.remove_dir(name));
        }
        if plan.record.is_none() {
            records.remove(&plan.record_name)?;
        }
        let what = if plan.record.is_some() { "integrated" } else { "taken back" };
        let event = Event::new(self.now(), EventKind::Config).agent(&self.actor()).with(what, &plan.program);
        self.note(&[event.with("dir", plan.dir.display())]);
        Ok(())
    }

    fn edits(&self, program: &str, dir: &Path, agent: Option<&AgentName>) -> Result<Vec<(PathBuf, Edit)>> {
        let home = std::env::var_os("HOME").or_else(|| std::env::var_os("USERPROFILE")).map(PathBuf::from);
        let Some(home) = home.filter(|home| home.is_absolute()) else {
            let why = "no home folder is known, so the program's own settings cannot be found";
            return Err(OfficeError::new(ErrorKind::Usage, why).hint("set HOME and run it again"));
        };
        let codex = std::env::var_os("CODEX_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let places = Places { root: self.root().path(), dir, home: &home, codex };
        programs::edits(program, agent.map(AgentName::as_str), &places).ok_or_else(|| {
            let why = format!("{program:?} is not a program that can be integrated; it is one of {}", KNOWN.join(", "));
            OfficeError::new(ErrorKind::Usage, why).hint("other programs: see README.md, \"Integrate\"")
        })
    }

    fn record(&self, program: &str, dir: &Path) -> Result<Option<Record>> {
        let place = self.root().outside().join(RECORDS);
        let records = match Dir::open(&place) {
            Ok(records) => records,
            Err(e) if e.is_not_found() => return Ok(None),
            Err(e) => return Err(e.into()),
        };
        let name = record_name(program, dir);
        match records.read(&name, 4 * LARGEST) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|e| {
                let path = place.join(&name);
                OfficeError::new(
                    ErrorKind::Failed,
                    format!("{}: it is no record of an integration: {e}", path.display()),
                )
                .hint("take our parts out by hand and remove this file")
            }),
            Err(e) if e.is_not_found() => Ok(None),
            Err(e) => Err(e.into()),
        }
    }
}

/// What was there before the first of our changes.
fn first_before(old: Option<&Recorded>, now: Option<&str>) -> Before {
    match (old, now) {
        (Some(old), Some(now)) if old.after == now => old.before.clone(),
        // Ours is gone: this is a beginning.
        (_, None) => Before::Nothing,
        (Some(_), Some(_)) => Before::Mixed,
        (None, Some(now)) => Before::Text(now.to_owned()),
    }
}

/// Adds an edit to what we know of a file: strings that were added earlier
/// are still ours, a server, a hook, a block or a file has only its newest text.
fn remember(known: &mut Vec<Edit>, new: Edit) {
    match &new {
        Edit::Json { items, .. } | Edit::Toml { items, .. } if items.is_empty() => {}
        Edit::Json { .. } | Edit::Toml { .. } => known.push(new),
        // Nothing of it is taken back.
        Edit::JsonNeeded { .. } => {}
        // Of these, a file holds one.
        Edit::JsonServer { .. } | Edit::TomlServer { .. } | Edit::Block(_) | Edit::Own(_) => {
            known.retain(|edit| std::mem::discriminant(edit) != std::mem::discriminant(&new));
            known.push(new);
        }
        // And of these one in a list.
        Edit::JsonHook { path, .. } => {
            known.retain(|edit| !matches!(edit, Edit::JsonHook { path: known, .. } if known == path));
            known.push(new);
        }
    }
}

/// The folders above a file that are not there, the innermost first.
fn missing(path: &Path) -> Vec<PathBuf> {
    path.ancestors().skip(1).take_while(|folder| !folder.exists()).map(Path::to_owned).collect()
}

fn record_name(program: &str, dir: &Path) -> String {
    let digest = Sha256::digest(dir.as_os_str().as_encoded_bytes());
    let short: String = digest.iter().take(8).map(|b| format!("{b:02x}")).collect();
    format!("{program}-{short}.json")
}

fn existing(dir: &Path) -> Result<PathBuf> {
    dir.canonicalize().ok().filter(|dir| dir.is_dir()).ok_or_else(|| {
        OfficeError::new(ErrorKind::NotFound, format!("{} is no folder", dir.display()))
            .hint("name the project the agent works in: --dir DIR")
    })
}

/// `CLAUDE.md` is often a link to `AGENTS.md`: the file behind it is shown
/// and changed, and the link stays.
fn resolved(path: PathBuf) -> PathBuf {
    path.canonicalize().unwrap_or(path)
}

fn split(path: &Path) -> Result<(&Path, &str)> {
    path.parent()
        .zip(path.file_name().and_then(|name| name.to_str()))
        .ok_or_else(|| OfficeError::new(ErrorKind::Usage, format!("{} is no file name", path.display())))
}

fn read(path: &Path) -> Result<Option<String>> {
    let (folder, name) = split(path)?;
    let bytes = match Dir::open(folder).and_then(|dir| dir.read(name, LARGEST)) {
        Ok(bytes) => bytes,
        Err(e) if e.is_not_found() => return Ok(None),
        Err(e) => return Err(e.into()),
    };
    String::from_utf8(bytes).map(Some).map_err(|_| {
        OfficeError::new(ErrorKind::Refused, format!("{} is not UTF-8; nothing was changed", path.display()))
    })
}

fn write(path: &Path, text: Option<&str>) -> Result<()> {
    let (folder, name) = split(path)?;
    let Some(text) = text else { return Ok(Dir::open(folder)?.remove(name)?) };
    let dir = Dir::create_all(folder)?;
    // A file of the project is read by others as before; a new one like any file there.
    let mode = dir.stat(name)?.map_or(0o644, |stat| stat.mode & 0o777);
    dir.replace(name, text.as_bytes(), true)?;
    if cfg!(unix) {
        dir.set_mode(name, mode)?;
    }
    Ok(())
}
