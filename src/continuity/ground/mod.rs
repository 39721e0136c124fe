//! Where a drill is run: a copy of the tree, with a home, repositories and a
//! daemon of its own; or, when somebody asked for that, the tree itself
//! ([`super::live`]).
//!
//! Nothing of the person's is in reach from there. Children get an environment
//! of their own, without display, terminal multiplexer, agent of keys or any
//! variable of this program; the copied roster keeps names and roles and no
//! channel, so that no window, webhook or command is rung; the person's hooks
//! are stand-ins that do nothing; keys are made anew. One agent more, hosted in
//! a terminal of its own, proves that windows ring.
//!
//! A root has one ground at a time, under a lock. It is removed at the end, and
//! what a drill that was killed left behind before the next one begins.

mod copy;
mod live;
mod processes;

pub(super) use copy::kept;
pub(super) use processes::end_all;

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::call::{self, must, until};
use super::inject::Site;
use super::runbook::Values;
use crate::config::Root;
use crate::fsio::{self, Dir, Lock};
use crate::model::{AgentName, Role};
use crate::roster::Roster;

/// The agent that every ground has beside those of the root.
pub(super) const HOSTED: &str = "Drill-Probe";
/// Who acts where a root has no person.
const PERSON: &str = "Drill-Person";
/// Longest path of a place for grounds: a socket below one may have 107 bytes.
const LONGEST: usize = 65;
/// A child that prepares something has ended by then.
const PATIENCE: Duration = Duration::from_secs(300);
const START: Duration = Duration::from_secs(20);
const LOCK: &str = "drill";

/// Why no ground was laid.
#[derive(Debug)]
pub enum NoGround {
    /// Another drill of this root runs.
    Busy,
    /// A sentence.
    Failed(String),
}

impl From<String> for NoGround {
    fn from(why: String) -> Self {
        Self::Failed(why)
    }
}

/// A ground that is ready.
#[derive(Debug)]
pub(super) struct Ground {
    base: PathBuf,
    /// Whether it is the tree itself.
    live: bool,
    /// What is broken there.
    pub(super) site: Arc<Site>,
    /// The id of the copy.
    pub(super) id: String,
    /// Its newest snapshot.
    pub(super) snapshot: String,
    /// When that was taken.
    pub(super) taken: jiff::Timestamp,
    /// Who acts there.
    pub(super) person: AgentName,
    /// An agent with the role captain, or the person.
    pub(super) captain: AgentName,
    /// Who writes to whom.
    pub(super) agents: Vec<AgentName>,
    /// Whose mailbox shows that mail arrives, is read and acknowledged.
    pub(super) reader: AgentName,
    /// What stands for the placeholders of the plan, where that is known
    /// already.
    pub(super) values: Option<Values>,
    hosted: Option<Child>,
    _held: Option<Lock>,
}

/// Keeps a second drill of the root away, and clears away what one that was
/// killed has left.
pub(super) fn hold(root: &Root) -> Result<Lock, NoGround> {
    let locks = root.state().child_or_create("locks").map_err(|e| e.to_string())?;
    let held = Lock::try_exclusive(&locks, LOCK).map_err(|e| e.to_string())?.ok_or(NoGround::Busy)?;
    for base in places(root) {
        clear(&base)?;
    }
    Ok(held)
}

/// Where the ground of a root may be: beside what is kept outside the tree,
/// or, where that is too deep for sockets, in the folder for temporary files.
fn places(root: &Root) -> Vec<PathBuf> {
    let tail: String = root.id().chars().skip(root.id().len().saturating_sub(8)).collect();
    let name = format!("drill-{tail}");
    let beside = root.outside().parent().map(|state| state.join(&name));
    let temporary = std::env::temp_dir().join(format!("cellphone-{name}"));
    beside.into_iter().filter(|path| path.as_os_str().len() <= LONGEST).chain([temporary]).collect()
}

/// Ends what still runs in a ground and removes it; proves both.
fn clear(base: &Path) -> Result<(), String> {
    if !base.exists() {
        return Ok(());
    }
    end_all(base)?;
    fsio::remove_tree(base).map_err(|e| e.to_string())?;
    if base.exists() { Err(format!("{} is still there", base.display())) } else { Ok(()) }
}

impl Ground {
    /// Lays one: copies the tree, makes keys and repositories, takes a
    /// snapshot into both, starts a daemon and a hosted agent.
    pub(super) fn lay(root: &Root, dice: &mut fastrand::Rng, room: u64) -> Result<Self, NoGround> {
        let held = hold(root)?;
        let place = places(root).into_iter().next().ok_or_else(|| "no folder for a ground is known".to_owned())?;
        // The drill before may have removed another one a moment ago.
        Dir::create_all(&place).map_err(|e| e.to_string())?.spread_folders();
        let base = place.join(format!("{:04x}", fastrand::u16(..)));
        let laid = Self::lay_at(root, base.clone(), held, dice, room);
        if laid.is_err() {
            // The first error is the one that counts; the next drill clears away what is left.
            let _ = clear(&place);
        }
        laid.map_err(NoGround::Failed)
    }

    fn lay_at(root: &Root, base: PathBuf, held: Lock, dice: &mut fastrand::Rng, room: u64) -> Result<Self, String> {
        let at = |name: &str| base.join(name);
        let top = Dir::create_all(&base).map_err(|e| e.to_string())?;
        for name in ["root", "home", "scratch"] {
            top.child_or_create(name).map_err(|e| e.to_string())?;
        }
        let (roster, _) = Roster::in_force(root);
        let (names, agents, person, captain) = cast(&roster);
        // The captain has a part of its own, where there are enough.
        let mut common = agents.clone();
        common.retain(|name| *name != captain);
        let (agent, other) = choose(if common.len() < 2 { &agents } else { &common }, dice)?;
        let site = Site {
            root: at("root"),
            home: at("home"),
            repositories: vec![at("first"), at("second")],
            scratch: at("scratch"),
            program: std::env::current_exe().map_err(|e| format!("this program is not found: {e}"))?,
            agent,
            other,
            password_file: at("password"),
            environment: environment(&base, &person),
            full: AtomicBool::new(false),
            only: None,
        };
        let mut ground = Self {
            live: false,
            reader: site.agent.clone(),
            values: None,
            id: String::new(),
            snapshot: String::new(),
            taken: jiff::Timestamp::UNIX_EPOCH,
            site: Arc::new(site),
            base,
            person,
            captain,
            agents,
            hosted: None,
            _held: Some(held),
        };
        if let Err(why) = ground.furnish(root, &top, &names, room) {
            ground.end_children();
            return Err(why);
        }
        Ok(ground)
    }

    fn furnish(&mut self, live: &Root, top: &Dir, names: &[(AgentName, Role)], room: u64) -> Result<(), String> {
        // An approved roster with the person on it comes first: somebody has to approve the copied one.
        let mut init = self.site.plain(&self.site.program);
        must(init.arg("init").arg(&self.site.root).args(["--human", self.person.as_str()]), PATIENCE)?;
        copy::tree(live, top, names, room)?;
        let both: Vec<_> = self.site.repositories.iter().map(|path| path.display().to_string()).collect();
        self.must(&["trust", "--yes"])?;
        for (key, value) in [
            ("snapshot.repositories", both.join(",").as_str()),
            ("snapshot.password", "none"),
            ("snapshot.password_file", "none"),
            ("snapshot.password_command", "none"),
            ("snapshot.remote_password", "none"),
            ("nudge.webhook_token", "none"),
        ] {
            self.must(&["config", "set", key, value])?;
        }
        self.must(&["keys", "renew"])?;
        let known = self.must(&["keys", "list", "--json"])?.json().unwrap_or_default();
        let has_one = |name: &AgentName| {
            let mut keys = known.as_array().into_iter().flatten();
            keys.any(|key| key.get("agent").and_then(|agent| agent.as_str()) == Some(name.as_str()))
        };
        for (name, _) in names.iter().filter(|(name, _)| !has_one(name)) {
            self.must(&["keys", "create", name.as_str()])?;
        }
        self.must(&["agents", "set", HOSTED, "--channel", "pty"])?;
        self.take_snapshot()?;
        let sheet = self.must(&["snapshot", "sheet"])?.out;
        let password = sheet.lines().find_map(|line| line.strip_prefix("Password"));
        let password = password.ok_or("the recovery sheet names no password")?.trim();
        top.create("password", password.as_bytes(), false).map_err(|e| e.to_string())?;
        self.id = self.root_id()?;
        self.must(&["up", "--detach"])?;
        self.host()
    }

    /// Takes a snapshot, into both repositories.
    pub(super) fn take_snapshot(&mut self) -> Result<(), String> {
        let taken = self.must(&["snapshot", "create", "--json"])?.json().unwrap_or_default();
        self.snapshot = taken.get("id").and_then(|id| id.as_str()).unwrap_or_default().to_owned();
        self.taken = jiff::Timestamp::now();
        self.must(&["snapshot", "copy"]).map(drop)
    }

    fn root_id(&self) -> Result<String, String> {
        let status = self.must(&["status", "--json"])?.json().unwrap_or_default();
        let id = status.get("id").and_then(|id| id.as_str());
        id.map(str::to_owned).ok_or_else(|| "status names no id of the root".to_owned())
    }

    /// The fingerprint of the key with which an agent signs; nothing, where it
    /// has none.
    pub(super) fn key_of(&self, agent: &AgentName) -> String {
        let keys = self.must(&["keys", "list", "--json"]).ok().and_then(|said| said.json()).unwrap_or_default();
        let keys = keys.as_array().cloned().unwrap_or_default();
        let of = |key: &&serde_json::Value| {
            let whose = key.get("agent").and_then(|name| name.as_str());
            whose == Some(agent.as_str()) && key.get("state").and_then(|state| state.as_str()) == Some("valid")
        };
        let key = keys.iter().find(of).and_then(|key| key.get("fingerprint")?.as_str());
        key.unwrap_or_default().to_owned()
    }

    /// Hosts the agent that proves that windows ring, if it is not hosted.
    pub(super) fn host(&mut self) -> Result<(), String> {
        let socket = self.site.root.join(format!(".cellphone/pty/{HOSTED}.sock"));
        let runs = self.hosted.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)));
        if runs && socket.exists() {
            return Ok(());
        }
        self.end_hosted();
        let mut command = self.site.command();
        // By this it is found, should the drill be killed.
        command.env("TMPDIR", self.base.join("scratch"));
        command.args(["run", HOSTED, "--"]).arg(&self.site.program).arg("demo-agent");
        command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null());
        let child = command.stderr(std::process::Stdio::null()).spawn();
        self.hosted = Some(child.map_err(|e| format!("cannot host {HOSTED}: {e}"))?);
        until(START, "the hosted agent does not come up", || socket.exists().then_some(()))
    }

    /// Whether a daemon answers.
    pub(super) fn has_daemon(&self) -> bool {
        let status = call::call(self.site.command().args(["status", "--json"]), START);
        let running = |said: call::Said| said.json()?.pointer("/daemon/running")?.as_bool();
        status.ok().and_then(running).unwrap_or(false)
    }

    /// Runs this program in the ground as the person; it must succeed.
    pub(super) fn must(&self, words: &[&str]) -> Result<call::Said, String> {
        must(self.as_person().args(words), PATIENCE)
    }

    /// This program in the ground, as the person.
    pub(super) fn as_person(&self) -> Command {
        let mut command = self.site.command();
        command.args(["--as", self.person.as_str()]);
        command
    }

    /// Where the manifest lies.
    pub(super) fn shelf(&self) -> Result<Dir, String> {
        Dir::open(&self.base).map_err(|e| e.to_string())
    }

    /// An empty folder to restore into.
    pub(super) fn target(&self) -> PathBuf {
        self.base.join("target")
    }

    /// Bytes that are free where it lies.
    pub(super) fn free(&self) -> Option<u64> {
        fsio::free_space(&self.base)
    }

    fn end_hosted(&mut self) {
        if let Some(mut child) = self.hosted.take() {
            call::end(&mut child);
        }
    }

    fn end_children(&mut self) {
        self.end_hosted();
        if self.live {
            return;
        }
        // What does not listen is ended by its process, below.
        let _ = call::call(self.site.command().arg("down"), START);
    }

    /// Ends everything and removes it; of the tree itself, ends what the drill
    /// started.
    ///
    /// # Errors
    /// What is left behind.
    pub(super) fn clear(&mut self) -> Result<(), String> {
        self.end_children();
        match self.base.parent() {
            Some(place) if !self.live => clear(place),
            _ => end_all(&self.base),
        }
    }
}

/// Everybody with a role, who writes to whom, the person, and the captain.
fn cast(roster: &Roster) -> (Vec<(AgentName, Role)>, Vec<AgentName>, AgentName, AgentName) {
    let fallback = |name: &str| AgentName::new(name).unwrap_or_else(|_| AgentName::system());
    let mut names: Vec<(AgentName, Role)> =
        roster.agents().iter().map(|agent| (agent.name.clone(), agent.role.clone())).collect();
    names.retain(|(name, _)| name.as_str() != HOSTED);
    let agents: Vec<AgentName> =
        roster.agents().iter().filter(|agent| !agent.is_human()).map(|agent| agent.name.clone()).collect();
    let person = roster.default_actor().filter(|agent| agent.is_human()).map(|agent| agent.name.clone());
    let person = person.unwrap_or_else(|| {
        names.push((fallback(PERSON), Role::human()));
        fallback(PERSON)
    });
    names.push((fallback(HOSTED), Role::agent()));
    let captain = roster.captain().map_or_else(|| person.clone(), |agent| agent.name.clone());
    (names, agents, person, captain)
}

/// The agent whom the disaster takes, and another.
fn choose(agents: &[AgentName], dice: &mut fastrand::Rng) -> Result<(AgentName, AgentName), String> {
    let two = match agents {
        [] => None,
        [only] => Some((only.clone(), AgentName::new(HOSTED).unwrap_or_else(|_| only.clone()))),
        all => {
            let first = dice.usize(..all.len());
            let second = (first + dice.usize(1..all.len())) % all.len();
            Some((all[first].clone(), all[second].clone()))
        }
    };
    two.ok_or_else(|| "the roster has no agent; add one with cellphone agents add NAME".to_owned())
}

/// All that children in a ground know of the world.
fn environment(base: &Path, person: &AgentName) -> Vec<(String, String)> {
    let path = |name: &str| base.join(name).display().to_string();
    let mut all = vec![
        ("HOME".to_owned(), path("home")),
        // Whoever recovers is the person of the roster.
        ("USER".into(), person.to_string()),
        ("XDG_STATE_HOME".into(), path("home/state")),
        ("XDG_DATA_HOME".into(), path("home/data")),
        ("XDG_CONFIG_HOME".into(), path("home/config")),
        ("XDG_CACHE_HOME".into(), path("home/cache")),
        ("XDG_RUNTIME_DIR".into(), path("home/run")),
        ("TMPDIR".into(), path("scratch")),
        ("CELLPHONE_SYSTEM_CONFIG".into(), path("none")),
        // A drill within a drill would have no end.
        ("CELLPHONE_DRILL_AUTOMATIC".into(), "false".into()),
        // The usual pauses between two nudges would count as recovery.
        ("CELLPHONE_NUDGE_COOLDOWN".into(), "200ms".into()),
        ("CELLPHONE_NUDGE_URGENT_COOLDOWN".into(), "100ms".into()),
        ("CELLPHONE_NUDGE_RETRY_FIRST".into(), "500ms".into()),
        ("CELLPHONE_NUDGE_QUIET".into(), "never".into()),
        ("NO_COLOR".into(), "1".into()),
    ];
    for name in ["PATH", "LANG", "TZ", "SystemRoot"] {
        all.extend(std::env::var(name).ok().map(|value| (name.to_owned(), value)));
    }
    all
}
