//! The tree itself as the ground: the person's environment and daemon, the
//! root's own repositories, and agents of the drill's own among the others.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::super::inject::Site;
use super::super::live::{LiveTree, Prepared, READER, WRITER};
use super::{Ground, NoGround, hold};
use crate::config::Root;
use crate::model::AgentName;

impl Ground {
    /// Takes the tree itself, once it is ready.
    pub(in crate::continuity) fn take(root: &Root, tree: &dyn LiveTree) -> Result<Self, NoGround> {
        // Also while the way back is taken.
        let held = hold(root)?;
        match tree.prepare().and_then(|ready| Self::upon(root, ready)) {
            Ok(ground) => Ok(Self { _held: Some(held), ..ground }),
            Err(why) => match tree.way_back() {
                Ok(_) => Err(NoGround::Failed(why)),
                Err(more) => Err(NoGround::Failed(format!("{why}; and {more}"))),
            },
        }
    }

    fn upon(root: &Root, ready: Prepared) -> Result<Self, String> {
        let name = |name: &str| AgentName::new(name).map_err(|e| e.to_string());
        let (reader, writer) = (name(READER)?, name(WRITER)?);
        let Prepared { person, victims: (agent, other), values, snapshot, scratch, shelf, copy } = ready;
        let site = Site {
            root: root.path().to_owned(),
            // Nothing that may be broken in the tree itself looks at these.
            home: scratch.clone(),
            repositories: Vec::new(),
            password_file: scratch.clone(),
            scratch,
            program: std::env::current_exe().map_err(|e| format!("this program is not found: {e}"))?,
            agent,
            other,
            environment: environment(&person),
            full: AtomicBool::new(false),
            only: Some(copy),
        };
        let mut ground = Self {
            base: shelf,
            live: true,
            site: Arc::new(site),
            id: root.id().to_owned(),
            snapshot: snapshot.0,
            taken: snapshot.1,
            person,
            captain: writer.clone(),
            agents: vec![reader.clone(), writer],
            reader,
            values: Some(values),
            hosted: None,
            _held: None,
        };
        if !ground.has_daemon() {
            return Err("no daemon runs: windows do not ring, and nobody would notice".into());
        }
        ground.host().inspect_err(|_| ground.end_children())?;
        Ok(ground)
    }
}

/// As the person has it, who acts by name.
fn environment(person: &AgentName) -> Vec<(String, String)> {
    let own = |name: &str| matches!(name, "CELLPHONE_AGENT" | "CELLPHONE_ROOT" | "NO_COLOR");
    let theirs =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let mut all: Vec<(String, String)> = theirs.filter(|(name, _)| !own(name)).collect();
    all.extend([("CELLPHONE_AGENT".into(), person.to_string()), ("NO_COLOR".into(), "1".into())]);
    all
}
