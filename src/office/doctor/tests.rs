//! One clinic, everything that can be wrong.

use super::*;
use crate::model::front_matter::Limits;
use crate::model::{Draft, Header};
use crate::post::{Letter, Post};

struct Clinic {
    _tmp: tempfile::TempDir,
    root: Dir,
    state: Dir,
    tree: Tree,
    agents: Vec<AgentName>,
}

impl Clinic {
    fn new() -> Self {
        let tmp = tempfile::tempdir().unwrap();
        let root = Dir::open(tmp.path()).unwrap();
        let state = root.child_or_create(".cellphone").unwrap();
        let tree = Tree::open(&root, &state, Limits::default(), 1_000).unwrap();
        let agents: Vec<AgentName> = ["Agent-1", "Agent-2"].iter().map(|n| AgentName::new(*n).unwrap()).collect();
        for agent in &agents {
            tree.mailbox(agent).unwrap().complete_layout().unwrap();
        }
        Self { _tmp: tmp, root, state, tree, agents }
    }

    fn examine(&self, fix: bool) -> Vec<Finding> {
        let tmp_after = Duration::from_secs(36 * 3_600);
        let patient = Patient { tree: &self.tree, state: &self.state, agents: &self.agents, tmp_after };
        let mut found = examine(&patient, fix);
        // The limits of the machine that runs the test are not the matter.
        found.retain(|f| f.check != Check::Watch);
        found
    }

    fn checks(&self, fix: bool) -> Vec<Check> {
        self.examine(fix).into_iter().map(|f| f.check).collect()
    }

    fn inbox(&self, folder: &str) -> Dir {
        let home = self.root.child("agent_workspaces").unwrap().child("Agent-2").unwrap();
        home.child("inbox").unwrap().child(folder).unwrap()
    }

    fn send(&self) -> String {
        let header = Header { subject: "Hello".into(), ..Header::default() };
        let letter = Letter::new(Draft::new(header, "Body.\n"), self.agents[0].clone(), vec![self.agents[1].clone()]);
        let posted = Post::new(&self.tree, &self.state).post(letter).unwrap();
        self.tree.mailbox(&self.agents[0]).unwrap().keep_sent(&posted.message).unwrap();
        posted.message.name.file(crate::model::Flags::NONE)
    }
}

#[test]
fn a_sound_root_has_no_finding() {
    let clinic = Clinic::new();
    clinic.send();
    assert_eq!(clinic.examine(false), []);
}

#[test]
fn everything_that_is_wrong_is_found_left_alone_and_then_repaired() {
    let clinic = Clinic::new();
    let file = clinic.send();
    let copy = clinic.send();
    let (new, cur, tmp) = (clinic.inbox("new"), clinic.inbox("cur"), clinic.inbox("tmp"));

    let bytes = new.read(&copy, 100_000).unwrap();
    cur.create(&copy, &bytes, false).unwrap();
    new.create("note.md", b"put here by hand", false).unwrap();
    let mut torn = new.read(&file, 100_000).unwrap();
    torn.pop();
    new.replace(&file, &torn, false).unwrap();
    // No process has this number: the kernel's largest is 4,194,304.
    tmp.create("1f.4194999.0.x", b"half", false).unwrap();
    clinic.inbox("claimed").create("01K3ZJ9Q6T8V4B2M7X5C1D0E9F.lease", b"{}", false).unwrap();
    clinic.state.create(control_pid(), b"4194999\n", false).unwrap();
    let sent = clinic.root.child("agent_workspaces").unwrap().child("Agent-1").unwrap().child("sent").unwrap();
    let day = sent.child(&sent.names().unwrap()[0]).unwrap();
    day.remove(&copy).unwrap();
    let two = clinic.root.child("agent_workspaces").unwrap().child("Agent-2").unwrap();
    two.remove_dir("archive").unwrap();
    if cfg!(unix) {
        new.set_mode("note.md", 0o666).unwrap();
    }

    // Without the folder no mailbox is scanned, as nothing may be made.
    let first = clinic.checks(false);
    assert!(first.contains(&Check::Folder) && !first.contains(&Check::Twice));
    assert!(two.stat("archive").unwrap().is_none(), "looking changes nothing");

    let found = clinic.examine(true);
    let mut checks: Vec<Check> = found.iter().map(|f| f.check).collect();
    checks.sort();
    checks.dedup();
    let all = [
        Check::Folder,
        Check::Mode,
        Check::Temporary,
        Check::Misplaced,
        Check::Unreadable,
        Check::Twice,
        Check::Lease,
        Check::Sent,
        Check::Daemon,
    ];
    assert_eq!(checks, all, "{found:#?}");
    assert!(found.iter().all(|f| f.fixed), "{found:#?}");
    assert_eq!(clinic.examine(false), []);
    let dead = clinic.tree.mailbox(&clinic.agents[1]).unwrap().dead_letters().unwrap();
    assert_eq!(dead.len(), 3, "{dead:?}");
    assert!(dead.iter().all(|letter| letter.reason.is_some()));
}

fn control_pid() -> &'static str {
    crate::office::control::PID_FILE
}
