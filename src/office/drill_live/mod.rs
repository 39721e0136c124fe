//! A drill on the tree itself: whether it may be, what it will do, and the tree
//! made ready for it. The way back is in `way_back`.
//!
//! What is done, in this order: the mark, durable, in `.cellphone/drill-live/`;
//! a plain copy of the tree outside it; the mark says so; three agents of the
//! drill's own; a snapshot. As long as the mark is there and no drill runs, one
//! was cut short: the next drill, `doctor --fix`, the daemon and `drill back`
//! make the tree whole again.

mod way_back;

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::setup::{AgentChange, NudgeChange};
use super::snapshots::{Kind, Progress};
use super::{ErrorKind, Office, OfficeError, Result, on_roster};
use crate::continuity::drill::{self, Asked, NoDrill};
use crate::continuity::inject::{Injection, filled};
use crate::continuity::live::{self, CAST, LiveTree, NoGround, Prepared};
use crate::continuity::outcome::{Outcome, Phase};
use crate::continuity::scenario::Scenario;
use crate::fsio::{self, Dir};
use crate::model::{AgentName, Event, EventKind, Permission};
use crate::roster::{Channel, ChannelKind};

/// The mark of a drill on the tree itself, with what was moved out of its way.
const FOLDER: &str = "drill-live";
const MARK: &str = "mark.json";
const MARK_MAX: u64 = 64 * 1024;
/// In the folder outside the tree.
const COPY: &str = "copy";
/// The usual pauses between two nudges would count as recovery.
const COOLDOWN: Duration = Duration::from_secs(1);
/// What whoever runs one has to be allowed.
const NEEDED: [Permission; 5] =
    [Permission::Drill, Permission::Roster, Permission::Snapshot, Permission::Restore, Permission::Prune];

/// A drill on the tree itself that is to be.
#[derive(Debug)]
pub struct Intended {
    scenario: Scenario,
    victims: (AgentName, AgentName),
    seed: u64,
}

/// What the way back needs to know.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Mark {
    scenario: String,
    began: Timestamp,
    by: AgentName,
    shelf: PathBuf,
    /// Paths that the disaster takes.
    broken: Vec<String>,
    /// Whether the tree is as it was, and only the copy has to go.
    whole: bool,
}

impl Mark {
    /// Whether the disaster takes what has this path, from the root.
    fn took(&self, path: &str) -> bool {
        self.broken.iter().any(|broken| {
            path.strip_prefix(broken.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }

    fn write(&self, folder: &Dir) -> Result<()> {
        let text = serde_json::to_vec_pretty(self).map_err(|e| OfficeError::new(ErrorKind::Failed, e.to_string()))?;
        Ok(folder.replace(MARK, &text, true)?)
    }
}

impl Intended {
    /// The scenario's name, which a person types to let it happen.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.scenario.name
    }

    /// What will be done to the tree.
    #[must_use]
    pub fn deeds(&self) -> Vec<String> {
        let (agent, other) = &self.victims;
        self.scenario.inject.iter().map(|injection| injection.words(agent, other)).collect()
    }

    fn broken(&self) -> Vec<String> {
        let (agent, other) = &self.victims;
        let of = |injection: &Injection| match injection {
            Injection::Scramble {} => Some(crate::config::COORDINATES.to_owned()),
            taken => taken.path().map(|path| filled(path, agent, other)),
        };
        self.scenario.inject.iter().filter_map(of).collect()
    }
}

impl Office {
    /// What a drill on the tree itself would do; `agent` is whom it takes, else
    /// the seed chooses.
    ///
    /// # Errors
    /// The actor may not, there is no such scenario or agent, or the scenario
    /// breaks what no safety snapshot holds.
    pub fn drill_live_intended(&self, name: &str, agent: Option<&str>, seed: u64) -> Result<Intended> {
        for permission in NEEDED {
            self.may(permission)?;
        }
        let scenario = self.drill_scenario(name)?;
        if scenario.inject.iter().any(|injection| !injection.may_be_live()) {
            let why =
                format!("{name} breaks more than a safety copy of the root brings back, so it is run on a copy only");
            return Err(OfficeError::new(ErrorKind::Refused, why).hint(format!("cellphone drill run {name}")));
        }
        Ok(Intended { scenario, victims: self.victims(agent, seed)?, seed })
    }

    fn victims(&self, agent: Option<&str>, seed: u64) -> Result<(AgentName, AgentName)> {
        let mut all: Vec<AgentName> =
            self.roster().agents().iter().filter(|agent| !agent.is_human()).map(|agent| agent.name.clone()).collect();
        let mut dice = fastrand::Rng::with_seed(seed);
        dice.shuffle(&mut all);
        if let Some(agent) = agent {
            let agent = on_roster(self.roster(), agent)?;
            all.retain(|one| *one != agent);
            all.insert(0, agent);
        }
        match all.as_slice() {
            [first, rest @ ..] => Ok((first.clone(), rest.first().unwrap_or(first).clone())),
            [] => {
                Err(OfficeError::new(ErrorKind::NotFound, "the roster has no agent").hint("cellphone agents add NAME"))
            }
        }
    }

    /// Runs a drill on the tree itself, with everything as [`Self::drill_run`].
    ///
    /// # Errors
    /// As there; and when an earlier one was cut short and its way back fails.
    pub fn drill_run_live(
        &self,
        intended: &Intended,
        told: &dyn Fn(Phase),
        stop: &AtomicBool,
    ) -> Result<(Outcome, PathBuf)> {
        self.drill_folder()?;
        self.drill_back()?;
        let tree = Tree { office: self, intended, mark: RefCell::new(None) };
        let (root, scenario, seed) = (self.root(), &intended.scenario, intended.seed);
        let outcome = drill::run(&Asked { root, scenario, seed, told, stop, live: Some(&tree) })?;
        let written = self.drill_ended(&outcome)?;
        Ok((outcome, written.folder))
    }

    /// Whether a drill on the tree itself was cut short, and nobody has made the
    /// tree whole since.
    ///
    /// # Errors
    /// The disk.
    pub fn drill_cut_short(&self) -> Result<bool> {
        if self.mark()?.is_none() {
            return Ok(false);
        }
        match live::hold(self.root()) {
            // It may have ended well in this moment.
            Ok(_held) => Ok(self.mark()?.is_some()),
            Err(NoGround::Busy) => Ok(false),
            Err(NoGround::Failed(why)) => Err(OfficeError::new(ErrorKind::Failed, why)),
        }
    }

    /// Makes the tree whole after a drill on it that was cut short; says what
    /// was done, `None` when there was none.
    ///
    /// # Errors
    /// One runs, the actor may not, or what could not be made whole.
    pub fn drill_back(&self) -> Result<Option<String>> {
        if self.mark()?.is_none() {
            return Ok(None);
        }
        for permission in NEEDED {
            self.may(permission)?;
        }
        let _held = match live::hold(self.root()) {
            Ok(held) => held,
            Err(NoGround::Busy) => return Err(NoDrill::Busy.into()),
            Err(NoGround::Failed(why)) => return Err(OfficeError::new(ErrorKind::Failed, why)),
        };
        let Some(mark) = self.mark()? else { return Ok(None) };
        self.make_whole(&mark).map(Some)
    }

    /// Where the plain copy of a drill lies that was cut short.
    fn mark(&self) -> Result<Option<Mark>> {
        let Ok(folder) = self.root().state().child(FOLDER) else { return Ok(None) };
        let bytes = match folder.read(MARK, MARK_MAX) {
            Err(e) if e.is_not_found() => return Ok(None),
            other => other?,
        };
        let path = folder.path().join(MARK);
        let mark = serde_json::from_slice(&bytes);
        mark.map(Some).map_err(|e| OfficeError::new(ErrorKind::Failed, format!("{}: {e}", path.display())))
    }
}

/// The tree of an office, for one drill.
struct Tree<'a> {
    office: &'a Office,
    intended: &'a Intended,
    /// From the moment on in which something was changed.
    mark: RefCell<Option<Mark>>,
}

impl LiveTree for Tree<'_> {
    fn options(&self) -> String {
        format!(" --live --agent {}", self.intended.victims.0)
    }

    fn prepare(&self) -> std::result::Result<Prepared, String> {
        self.make_ready().map_err(|e| e.to_string())
    }

    fn way_back(&self) -> std::result::Result<String, String> {
        match &*self.mark.borrow() {
            Some(mark) => self.office.make_whole(mark).map_err(|e| e.to_string()),
            None => Ok("nothing was changed".into()),
        }
    }
}

impl Tree<'_> {
    fn make_ready(&self) -> Result<Prepared> {
        let (office, intended) = (self.office, self.intended);
        let root = office.root();
        for name in CAST {
            let taken = office.roster().get(name).is_some() || root.path().join("agent_workspaces").join(name).exists();
            if taken {
                let why =
                    format!("the mailbox {name} is there already; a drill on the tree itself makes one of that name");
                return Err(OfficeError::new(ErrorKind::Conflict, why));
            }
        }
        let shelf = root.outside().join(FOLDER);
        let mut mark = Mark {
            scenario: intended.name().to_owned(),
            began: office.now(),
            by: office.actor(),
            shelf: shelf.clone(),
            broken: intended.broken(),
            whole: true,
        };
        let folder = root.state().child_or_create_durable(FOLDER)?;
        mark.write(&folder)?;
        *self.mark.borrow_mut() = Some(mark.clone());
        fsio::remove_tree(&shelf)?;
        let outside = Dir::create_all(&shelf)?;
        outside.child_or_create("scratch")?;
        let copy = outside.child_or_create(COPY)?;
        live::copy(root, &copy).map_err(|why| OfficeError::new(ErrorKind::Failed, why))?;
        outside.sync_file_system()?;
        mark.whole = false;
        mark.write(&folder)?;
        let began = Event::new(office.now(), EventKind::Drill).with("scenario", &mark.scenario).with("live", "begun");
        office.note(&[began]);
        *self.mark.borrow_mut() = Some(mark);
        self.add_cast()?;
        let taken = office.snapshot_create(Kind::Incremental, false, &Progress::default())?.created;
        let mut values = office.plan_values(Some(intended.victims.0.as_str()))?;
        values.set("snapshot", taken.id.as_str());
        values.set("other", intended.victims.1.as_str());
        Ok(Prepared {
            person: office.actor(),
            victims: intended.victims.clone(),
            values,
            snapshot: (taken.id, office.now()),
            scratch: folder.path().to_owned(),
            copy: copy.path().to_owned(),
            shelf,
        })
    }

    fn add_cast(&self) -> Result<()> {
        let [.., hosted] = CAST;
        for name in CAST {
            let name = AgentName::new(name)?;
            let mut change = AgentChange::default();
            if name.as_str() == hosted {
                change.channel = Some(Channel::new(ChannelKind::Pty));
                let cooldown = Some(Some(COOLDOWN));
                change.nudge = NudgeChange { cooldown, quiet_urgent: Some(Some(true)), ..NudgeChange::default() };
            }
            self.office.add_agent(&name, change)?;
            self.office.ensure_mailbox(&name)?;
        }
        Ok(())
    }
}

/// Removes the copy, and the mark with all that lies beside it.
fn wipe(state: &Dir, shelf: &Path) -> Result<()> {
    let folder = state.path().join(FOLDER);
    fsio::remove_tree(shelf)?;
    Ok(fsio::remove_tree(&folder)?)
}
