//! Drills by the real program: that the shipped scenarios pass, that a system
//! which cannot recover fails, and that the live tree never notices.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::harness::{World, feed, long, names, photograph, text, wait};

/// A root with some mail.
pub fn world() -> World {
    let world = World::new();
    let lines: String = (0..120)
        .map(|n| {
            let message = serde_json::json!({"to": [format!("Agent-{}", n % 7 + 1)], "subject": format!("m {n}"), "body": "Hello.\n"});
            format!("{message}\n")
        })
        .collect();
    let mut batch = world.acting("Agent-8");
    batch.args(["send", "--batch", "-"]);
    assert!(feed(batch, lines.as_bytes()).status.success());
    // What came later has a key of its own, too, which no `init` makes again.
    world.ok("tester", &["agents", "add", "Agent-9"]);
    world.send("Agent-1", "Agent-9", "welcome");
    world
}

/// What must never change: mail, configuration and hooks.
fn live(world: &World) -> BTreeMap<PathBuf, Vec<u8>> {
    let folders = ["agent_workspaces", "config", "hooks"];
    folders.iter().flat_map(|folder| photograph(&world.root.join(folder))).collect()
}

/// Grounds of this root that are left.
fn grounds(world: &World) -> Vec<PathBuf> {
    let id: Value = serde_json::from_slice(&fs::read(world.root.join(".cellphone/root.json")).unwrap()).unwrap();
    let id = id["id"].as_str().unwrap();
    let name = format!("drill-{}", &id[id.len() - 8..]);
    let beside = world.home.join(".local/state/cellphone").join(&name);
    [beside, std::env::temp_dir().join(format!("cellphone-{name}"))].into_iter().filter(|path| path.exists()).collect()
}

/// Runs drills; gives the exit code and what each yielded.
pub fn drill(world: &World, args: &[&str]) -> (i32, Vec<Value>) {
    let out = world.acting("tester").args(["--json", "drill", "run"]).args(args).output().unwrap();
    let all: Value = serde_json::from_slice(&out.stdout).unwrap_or_else(|_| panic!("{}", text(&out)));
    (out.status.code().unwrap(), all.as_array().unwrap().clone())
}

pub fn report(drill: &Value) -> Value {
    let folder = Path::new(drill["report"].as_str().unwrap());
    assert_eq!(fs::metadata(folder).unwrap().permissions().mode() & 0o777, 0o700);
    serde_json::from_slice(&fs::read(folder.join("report.json")).unwrap()).unwrap()
}

pub fn kinds(drill: &Value) -> Vec<&str> {
    drill["findings"].as_array().unwrap().iter().map(|f| f["kind"].as_str().unwrap()).collect()
}

fn all_pass(world: &World, args: &[&str]) -> Vec<Value> {
    let before = live(world);
    let (code, drills) = drill(world, args);
    for one in &drills {
        assert_eq!(one["passed"], true, "{}: {:#}", one["scenario"], one["findings"]);
        assert!(one["rto_seconds"].as_f64().unwrap() > 0.0 && one["rpo_seconds"].as_f64().is_some());
        let report = report(one);
        assert!(report["traffic"]["acknowledged"].as_u64().unwrap() > 0, "{report:#}");
        assert!(report["verified"]["expected"].as_u64().unwrap() > 200, "{report:#}");
        let phases = report["phases"].as_array().unwrap();
        assert!(phases.len() == 8 && phases.iter().all(|phase| phase["ok"] == true), "{report:#}");
    }
    assert_eq!(code, 0);
    assert!(live(world) == before, "a drill changed the live tree");
    assert_eq!(grounds(world), Vec::<PathBuf>::new());
    drills
}

/// Writes a scenario of one's own and approves it.
pub fn own(world: &World, name: &str, inject: &str, detect: &str, recover: &str) {
    world.ok("tester", &["drill", "new", name]);
    let text = format!(
        "name: {name}\ntitle: A test\nmodels: hardware_failure\nhypothesis: It cannot pass.\nscope: whole_root\n\
         systems:\n  - {{name: mail, tier: critical}}\ntargets: {{stretch_rto: 1m, stretch_rpo: 1m}}\nevery: 30d\n\
         inject:\n{inject}detect:\n{detect}recover:\n{recover}may_differ:\n  - {{path: .cellphone/journal/, why: it goes on}}\n\
         abort: {{after: 5m, free_below: 64MiB}}\n"
    );
    let path = format!("config/continuity/{name}.yaml");
    fs::write(world.root.join(&path), text).unwrap();
    world.ok("tester", &["trust", &path, "--yes"]);
}

const AT_ONCE: &str = "  any_of: [missing_mailbox, folder, journal_chain, no_root]\n  within: 1m\n";
const INBOX: &str = "  - {do: delete, path: 'agent_workspaces/{agent}/inbox'}\n";

#[test]
fn the_quick_scenarios_pass_and_the_live_tree_stays() {
    let world = world();
    let quick = ["lost-disk", "lost-inbox", "broken-config", "data-theft", "bit-rot-messages"];
    let drills = all_pass(&world, &[&quick[..], &["--seed", "7"]].concat());
    assert_eq!(drills.len(), quick.len());
    let list = world.json("tester", &["drill", "list"]);
    let lost = list.as_array().unwrap().iter().find(|one| one["scenario"] == "lost-disk").unwrap();
    assert_eq!(lost["last"]["passed"], true);
    let history = world.json("tester", &["drill", "history"]);
    assert_eq!(history["drills"].as_array().unwrap().len(), quick.len());
    assert!(world.ok("tester", &["log", "-n", "50"]).contains("lost-disk"));
}

#[test]
#[ignore = "needs restic: run tests/run"]
fn every_scenario_that_comes_along_passes() {
    let world = world();
    let some: &[&str] = if long() { &["--all"] } else { &["lost-host"] };
    let drills = all_pass(&world, some);
    assert!(!long() || drills.len() >= 17);
}

#[test]
#[ignore = "needs ssh-keygen: run tests/run"]
fn openssh_verifies_a_report_by_the_commands_that_stand_in_it() {
    let world = world();
    let drills = all_pass(&world, &["lost-inbox"]);
    let folder = Path::new(drills[0]["report"].as_str().unwrap());
    let shown = fs::read_to_string(folder.join("report.md")).unwrap();
    let block = shown.split("```").find(|block| block.contains("ssh-keygen -Y verify")).unwrap();
    let commands: String = block.lines().skip(1).map(|line| format!("{line}\n")).collect();
    let check = || world.program("sh").args(["-euc", &commands]).current_dir(folder).output().unwrap();
    let good = check();
    assert!(good.status.success() && text(&good).contains("signature for tester"), "{}", text(&good));
    let report = folder.join("report.json");
    fs::write(&report, fs::read_to_string(&report).unwrap().replace("\"passed\"", "\"failed\"")).unwrap();
    assert!(!check().status.success(), "a changed report is not the one that was signed");
}

#[test]
fn a_seed_makes_the_same_choices_again() {
    let world = world();
    let what = |seed: &str| report(&all_pass(&world, &["lost-inbox", "--seed", seed])[0])["injections"].clone();
    assert_eq!(what("11"), what("11"));
}

#[test]
fn with_both_repositories_damaged_it_fails_and_the_captain_hears_of_it() {
    let world = world();
    let hook = world.root.join("hooks/drill");
    fs::write(&hook, "#!/bin/sh\ncat > \"$HOME/outcome\"\n").unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    world.ok("tester", &["trust", "--yes"]);
    let recover = "  - title: Bring it back\n    run: cellphone --root {root} snapshot restore {snapshot} --yes\n";
    own(&world, "no-way", &format!("{INBOX}  - {{do: flip_pack, repository: all}}\n"), AT_ONCE, recover);
    let (code, drills) = drill(&world, &["no-way"]);
    assert_eq!(code, 6);
    assert_eq!(drills[0]["passed"], false);
    assert!(kinds(&drills[0]).contains(&"step_failed"), "{:#}", drills[0]);
    assert!(!drills[0]["lost"].as_array().unwrap().is_empty(), "{:#}", drills[0]);
    let told = world.inbox("Agent-4");
    assert!(told.iter().any(|m| m["subject"].as_str().unwrap().contains("no-way")), "{told:?}");
    let outcome: Value = serde_json::from_slice(&fs::read(world.home.join("outcome")).unwrap()).unwrap();
    assert_eq!(outcome["scenario"], "no-way");
    assert_eq!(grounds(&world), Vec::<PathBuf>::new());
}

#[test]
fn without_a_snapshot_it_fails() {
    let world = world();
    let recover =
        "  - title: Bring it back\n    run: cellphone --root {root} snapshot restore --at 2001-01-01T00:00:00Z --yes\n";
    own(&world, "none", INBOX, AT_ONCE, recover);
    let (code, drills) = drill(&world, &["none"]);
    assert_eq!((code, drills[0]["passed"].as_bool()), (6, Some(false)));
    assert!(kinds(&drills[0]).contains(&"step_failed"), "{:#}", drills[0]);
}

#[test]
fn a_plan_that_does_nothing_and_a_detector_that_is_off_are_found_out() {
    let world = world();
    world.ok("tester", &["config", "set", "watch.off", "mail_storm"]);
    own(
        &world,
        "idle",
        &format!("  - {{do: mail_storm, messages: 1100}}\n{INBOX}"),
        "  any_of: [mail_storm]\n  within: 3s\n",
        "  - title: Hope\n    run: cellphone --root {root} status\n",
    );
    let (code, drills) = drill(&world, &["idle"]);
    assert_eq!((code, drills[0]["passed"].as_bool()), (6, Some(false)));
    assert!(kinds(&drills[0]).contains(&"undetected"), "{:#}", drills[0]);
    assert!(!drills[0]["lost"].as_array().unwrap().is_empty(), "{:#}", drills[0]);
}

/// A drill that runs, and the lines in which it tells its phases.
pub struct Drill {
    child: Child,
    phases: std::io::Lines<BufReader<std::process::ChildStderr>>,
}

impl Drill {
    pub fn start(world: &World, args: &[&str]) -> Self {
        let mut command = world.acting("tester");
        command.args(["--json", "drill", "run"]).args(args).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let phases = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, phases }
    }

    /// Waits until a phase begins.
    pub fn until(&mut self, phase: &str) {
        let wanted = format!("\"phase\":\"{phase}\"");
        assert!(self.phases.by_ref().map_while(Result::ok).any(|line| line.contains(&wanted)), "{phase} never began");
    }

    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
fn a_manifest_that_lies_is_told() {
    let world = world();
    let recover = "  - title: Wait\n    run: cellphone --root {root} status\n";
    let harmless = "  - {do: delete, path: 'config/profiles/aider.yaml'}\n";
    own(&world, "lies", harmless, "  any_of: [mail_storm]\n  within: 5s\n", recover);
    let mut drill = Drill::start(&world, &["lies"]);
    drill.until("detection");
    let place = grounds(&world).remove(0);
    let manifest = place.join(&names(&place)[0]).join("manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    let lie = text.replacen("\"digest\":\"", "\"digest\":\"00", 3);
    assert_ne!(lie, text);
    fs::write(&manifest, lie).unwrap();
    assert_eq!(drill.child.wait().unwrap().code(), Some(6));
    let history = world.json("tester", &["drill", "history", "lies"]);
    assert!(kinds(&history["drills"][0]).contains(&"unverified"), "{history:#}");
}

#[test]
fn a_second_drill_at_once_is_refused() {
    let world = world();
    let mut first = Drill::start(&world, &["lost-inbox"]);
    first.until("steady_state");
    let why = world.fails("tester", 75, &["drill", "run", "data-theft"]);
    assert!(why.contains("another drill"), "{why}");
    assert_eq!(first.child.wait().unwrap().code(), Some(0));
}

#[test]
fn killed_at_any_phase_it_leaves_the_live_tree_and_the_next_one_clears_away() {
    let world = world();
    let before = live(&world);
    let phases: &[&str] = match long() {
        true => {
            &["preparation", "steady_state", "disaster", "detection", "recovery", "verification", "service", "cleanup"]
        }
        false => &["steady_state", "recovery"],
    };
    for phase in phases {
        let mut drill = Drill::start(&world, &["lost-disk"]);
        drill.until(phase);
        drill.kill();
        assert!(live(&world) == before, "killed in {phase}, it changed the live tree");
    }
    assert!(!grounds(&world).is_empty(), "a ground that was killed is gone by itself: nothing was tested");
    all_pass(&world, &["lost-inbox"]);
    let daemons = || {
        let all = fs::read_dir("/proc").unwrap().flatten();
        let lines = all.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
        lines
            .filter(|line| {
                String::from_utf8_lossy(line).contains("drill-")
                    && String::from_utf8_lossy(line).contains(world.home.to_str().unwrap())
            })
            .count()
    };
    wait("no process of a ground is left", || daemons() == 0);
}

#[test]
fn who_may_not_drill_is_refused_and_names_are_checked() {
    let world = world();
    let why = world.fails("Agent-1", 4, &["drill", "run", "lost-disk"]);
    assert!(why.contains("run drills"), "{why}");
    let why = world.fails("tester", 3, &["drill", "run", "lost-dsik"]);
    assert!(why.contains("lost-disk"), "{why}");
    world.fails("tester", 2, &["drill", "run"]);
}

#[test]
fn the_plan_on_paper_is_what_a_drill_runs() {
    let world = world();
    world.ok("tester", &["snapshot", "create"]);
    let plan = world.json("tester", &["drill", "plan", "lost-inbox", "--agent", "Agent-3"]);
    let page = world.ok("tester", &["drill", "plan", "lost-inbox", "--agent", "Agent-3"]);
    let newest = world.json("tester", &["snapshot", "list"])[0]["id"].as_str().unwrap().to_owned();
    assert!(
        page.contains("Agent-3") && page.contains(world.root.to_str().unwrap()) && page.contains(&newest),
        "{page}"
    );
    let steps: Vec<Value> = plan["steps"].as_array().unwrap().clone();
    let ran = report(&all_pass(&world, &["lost-inbox"])[0])["steps"].as_array().unwrap().clone();
    assert_eq!(steps.len(), ran.len());
    for (planned, ran) in steps.iter().zip(&ran) {
        assert_eq!(planned["title"], ran["title"]);
        let words = |step: &Value| step["command"].as_str().map(|line| line.split(' ').count());
        assert_eq!(words(planned), words(ran), "{planned} {ran}");
        if let Some(command) = planned["command"].as_str() {
            assert!(page.contains(command), "{page}");
        }
    }
}
