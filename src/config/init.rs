//! Making a working root. Idempotent: what is there is never overwritten, what
//! is missing is added, and what was written is approved, as is what stands
//! there byte for byte as it would have been written.

use std::path::{Path, PathBuf};

use super::entries::{names, set_entry};
use super::{AGENTS, ConfigError, Root, place, samples, set_default_root, trust};
use crate::fsio::Dir;
use crate::model::AgentName;

const GITIGNORE: &str = "/.cellphone/\n/agent_workspaces/*/status.yaml\n/agent_workspaces/*/inbox/\n/agent_workspaces/*/outbox/\n/agent_workspaces/*/dead/\n";
const GITATTRIBUTES: &str = "*.md -text\n";
/// Folders of a mailbox; live mail first.
const LIVE: [&str; 3] = ["inbox", "outbox", "dead"];
const INBOX: [&str; 4] = ["tmp", "new", "cur", "claimed"];
const KEPT: [&str; 2] = ["sent", "archive"];

/// What [`init`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitReport {
    /// The root.
    pub root: PathBuf,
    /// Its id.
    pub id: String,
    /// The person's mailbox.
    pub human: AgentName,
    /// Files and mailboxes that were made, as paths from the root.
    pub created: Vec<String>,
    /// What was there and stayed as it was.
    pub kept: Vec<String>,
    /// Whether the root became the user's default.
    pub is_default: bool,
    /// Ids of roots that stood here before and have gone.
    pub before: Vec<String>,
}

/// Makes a folder a working root, or completes one: `config/`, `hooks/`, a
/// mailbox for each agent and for the person.
///
/// # Errors
/// When a name is not allowed, nothing was changed; else what the disk says.
pub fn init(path: &Path, human: &str) -> Result<InitReport, ConfigError> {
    let human = AgentName::new(human).map_err(|e| ConfigError::Refused(e.to_string()))?;
    if human.is_reserved() {
        return Err(ConfigError::Refused(format!("{human} is reserved for senders without a mailbox")));
    }
    Dir::create_all(path)?;
    let path = path.canonicalize().map_err(|e| crate::fsio::FsError::new("open", path, e))?;
    check_roster(&path)?;
    let root = Root::open_any(path)?;
    let mut report = InitReport {
        root: root.path().to_owned(),
        id: root.id().to_owned(),
        human: human.clone(),
        created: Vec::new(),
        kept: Vec::new(),
        is_default: false,
        before: super::seat::take(&root)?,
    };
    for (relative, content) in samples::FILES {
        put(&root, relative, content, &mut report)?;
    }
    put(&root, ".gitignore", GITIGNORE, &mut report)?;
    put(&root, ".gitattributes", GITATTRIBUTES, &mut report)?;
    add_person(&root, &human, &mut report)?;
    for name in roster_names(&root)? {
        mailbox(&root, &name, &mut report)?;
    }
    super::keep_settings(&root)?;
    if place::wants_default(root.path()) {
        report.is_default = set_default_root(&root).is_ok();
    }
    Ok(report)
}

/// The same in the place of a root that was lost with its disk: the folder
/// gets its id, and with it the approvals, keys and passwords that lie outside
/// the tree.
///
/// # Errors
/// As [`init`]; and when nothing of such a root is known here.
pub fn init_instead_of(path: &Path, human: &str, id: &str) -> Result<InitReport, ConfigError> {
    Dir::create_all(path)?;
    Root::succeed(path, id)?;
    init(path, human)
}

/// A roster that is already there must be fit before anything is made.
fn check_roster(path: &Path) -> Result<(), ConfigError> {
    let dir = Dir::open(path)?;
    if let Some(bytes) = super::root::read_below(&dir, AGENTS)? {
        read_names(&bytes, &path.join(AGENTS))?;
    }
    Ok(())
}

fn read_names(bytes: &[u8], path: &Path) -> Result<Vec<AgentName>, ConfigError> {
    let fault = |why: String| ConfigError::invalid(path, None, why);
    let text = std::str::from_utf8(bytes).map_err(|_| fault("it is not UTF-8".into()))?;
    let names = names(text, "agents").map_err(fault)?;
    names.into_iter().map(|name| AgentName::new(name).map_err(|e| fault(e.to_string()))).collect()
}

fn roster_names(root: &Root) -> Result<Vec<AgentName>, ConfigError> {
    read_names(&root.read(AGENTS)?.unwrap_or_default(), &root.path().join(AGENTS))
}

fn put(root: &Root, relative: &str, content: &str, report: &mut InitReport) -> Result<(), ConfigError> {
    let (folder, name) = relative.rsplit_once('/').unwrap_or(("", relative));
    let mut dir = root.dir().clone();
    for part in folder.split('/').filter(|part| !part.is_empty()) {
        dir = dir.child_or_create(part)?;
    }
    match dir.create(name, content.as_bytes(), false) {
        Ok(()) => report.created.push(relative.to_owned()),
        Err(e) if e.exists() => report.kept.push(relative.to_owned()),
        Err(e) => return Err(e.into()),
    }
    // A mode that a person may run and read like any file of the repository.
    if name.ends_with(".sample") && report.created.last().is_some_and(|last| last == relative) {
        dir.set_mode(name, 0o700)?;
    }
    let ours = root.read(relative)?.is_some_and(|bytes| bytes == content.as_bytes());
    let known = trust::approved(root, relative)?.is_some();
    if ours && !known && trust::status(root)?.iter().any(|item| item.path == relative) {
        trust::approve_bytes(root, relative, content.as_bytes())?;
    }
    Ok(())
}

/// The person's entry goes into the tree and, by the same edit, into the
/// approved copy; what else differs between the two stays unapproved.
fn add_person(root: &Root, human: &AgentName, report: &mut InitReport) -> Result<(), ConfigError> {
    let _held = root.lock("roster")?;
    let path = root.path().join(AGENTS);
    let text = |bytes: Option<Vec<u8>>| String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned();
    let tree = text(root.read(AGENTS)?);
    let is_listed = |list: &[String]| list.iter().any(|name| human.same(name));
    let wrap = |why: String| ConfigError::invalid(&path, None, why);
    if !is_listed(&names(&tree, "agents").map_err(wrap)?) {
        let after = set_entry(&tree, "agents", human.as_str(), "role: human").map_err(wrap)?;
        root.dir().child_or_create("config")?.replace("agents.yaml", after.as_bytes(), true)?;
        report.created.push(format!("{AGENTS}: {human}"));
    }
    let copy = text(trust::approved(root, AGENTS)?);
    if !is_listed(&names(&copy, "agents").map_err(wrap)?) {
        let after = set_entry(&copy, "agents", human.as_str(), "role: human").map_err(wrap)?;
        trust::approve_bytes(root, AGENTS, after.as_bytes())?;
    }
    Ok(())
}

/// A mailbox. The `.gitignore` inside each folder of live mail ignores itself
/// too, so it stays whatever branch is checked out.
fn mailbox(root: &Root, name: &AgentName, report: &mut InitReport) -> Result<(), ConfigError> {
    let all = root.dir().child_or_create("agent_workspaces")?;
    let relative = format!("agent_workspaces/{name}");
    let seen = all.stat(name.as_str())?.is_some();
    if seen {
        report.kept.push(relative)
    } else {
        report.created.push(relative)
    }
    let home = all.child_or_create(name.as_str())?;
    for folder in KEPT {
        home.child_or_create(folder)?;
    }
    for folder in LIVE {
        let dir = home.child_or_create(folder)?;
        match dir.create(".gitignore", b"*\n", false) {
            Err(e) if !e.exists() => return Err(e.into()),
            _ => {}
        }
        for part in INBOX.iter().filter(|_| folder == "inbox") {
            dir.child_or_create(part)?;
        }
    }
    Ok(())
}
