//! Each disaster is made for real in a root of its own, and the plan of its
//! scenario brings it back: by the commands as they stand in the YAML, typed by
//! nobody but this test. The engine's drills measure; this holds that every
//! line of every plan works, and that without the plan the damage stays.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::atomic::AtomicBool;

use agent_cellphone::continuity::inject::{Injection, Site, carry_out, mend, remains};
use agent_cellphone::continuity::scenario::Scenario;
use agent_cellphone::continuity::{outcome::Injected, read_scenario};
use agent_cellphone::model::AgentName;

use crate::harness::{BIN, World, feed, is_whole, long, names, photograph, text, wait};
use serde_json::Value;

/// A root with mail, two repositories and a snapshot in both.
struct Ground {
    world: World,
    site: Site,
    id: String,
    snapshot: String,
    first_line: String,
    before: BTreeMap<String, Vec<u8>>,
    _tmp: tempfile::TempDir,
}

impl Ground {
    fn new(messages: usize) -> Self {
        let tmp = tempfile::Builder::new().prefix("cellphone-ground-").tempdir().unwrap();
        let at = |name: &str| tmp.path().join(name);
        let world = World::new();
        let (first, second) = (at("first"), at("second"));
        let both = format!("{},{}", first.display(), second.display());
        world.ok("tester", &["config", "set", "snapshot.repositories", &both]);
        let lines: String = (0..messages)
            .map(|n| {
                let to = format!("Agent-{}", n % 3 + 1);
                format!(
                    "{}\n",
                    serde_json::json!({"to": [to], "subject": format!("m {n}"), "body": format!("Body {n}.")})
                )
            })
            .collect();
        let mut batch = world.acting("Agent-4");
        batch.args(["send", "--batch", "-"]);
        let sent = feed(batch, lines.as_bytes());
        assert!(sent.status.success(), "{}", text(&sent));
        let snapshot = world.json("tester", &["snapshot", "create"])["id"].as_str().unwrap().to_owned();
        world.ok("tester", &["snapshot", "copy"]);
        let sheet = world.ok("tester", &["snapshot", "sheet"]);
        let password = sheet.lines().find_map(|line| line.strip_prefix("Password")).unwrap().trim();
        std::fs::write(at("password"), password).unwrap();
        std::fs::create_dir(at("scratch")).unwrap();
        let root: serde_json::Value =
            serde_json::from_slice(&std::fs::read(world.root.join(".cellphone/root.json")).unwrap()).unwrap();
        let environment = world.bare();
        let environment = environment
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_str()?.to_owned(), value?.to_str()?.to_owned())));
        let site = Site {
            root: world.root.clone(),
            home: world.home.clone(),
            repositories: vec![first, second],
            scratch: at("scratch"),
            program: PathBuf::from(BIN),
            agent: AgentName::new("Agent-1").unwrap(),
            other: AgentName::new("Agent-2").unwrap(),
            password_file: at("password"),
            environment: environment.collect(),
            full: AtomicBool::new(false),
            only: None,
        };
        let mut ground = Self {
            id: root["id"].as_str().unwrap().to_owned(),
            snapshot,
            world,
            site,
            before: BTreeMap::new(),
            first_line: String::new(),
            _tmp: tmp,
        };
        ground.first_line = ground.journal().lines().next().unwrap().to_owned();
        ground
    }

    fn break_all(&self, scenario: &Scenario, seed: u64) -> Vec<Injected> {
        let mut dice = fastrand::Rng::with_seed(seed);
        let one = |what: &Injection| carry_out(what, &self.site, &mut dice).unwrap_or_else(|e| panic!("{what:?}: {e}"));
        scenario.inject.iter().map(one).collect()
    }

    fn fill(&self, word: &str) -> String {
        let target = self._tmp.path().join("target");
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        let mut word = word.to_owned();
        for (name, value) in [
            ("root", path(&self.site.root)),
            ("id", self.id.clone()),
            ("agent", "Agent-1".into()),
            ("other", "Agent-2".into()),
            ("captain", "Agent-4".into()),
            ("snapshot", self.snapshot.clone()),
            ("repository", path(&self.site.repositories[0])),
            ("second", path(&self.site.repositories[1])),
            ("password_file", path(&self.site.password_file)),
            ("target", path(&target)),
            ("copy", path(&self.site.copy())),
        ] {
            word = word.replace(&format!("{{{name}}}"), &value);
        }
        word
    }

    /// What looks now, of all that can notice a disaster: the daemon's alarms
    /// and what the doctor finds.
    fn noticed(&self) -> Vec<String> {
        let mut words = Vec::new();
        let log = self.world.acting("Agent-4").args(["log", "-n", "100000", "--json"]).output().unwrap();
        for line in String::from_utf8_lossy(&log.stdout).lines() {
            let event: Value = serde_json::from_str(line).unwrap_or_default();
            let events = event.as_array().cloned().unwrap_or_else(|| vec![event]);
            let alarms = events.iter().filter(|e| e["event"] == "alarm");
            words.extend(alarms.filter_map(|e| e["detail"]["detector"].as_str().map(str::to_owned)));
        }
        let doctor = self.site.command().args(["doctor", "--json"]).output().unwrap();
        match serde_json::from_slice::<Value>(&doctor.stdout) {
            Ok(found) => {
                for one in found.as_array().into_iter().flatten() {
                    words.extend(["check", "detector"].iter().filter_map(|key| one[key].as_str().map(str::to_owned)));
                }
            }
            Err(_) if !doctor.status.success() => words.push("no_root".into()),
            Err(_) => {}
        }
        if self.world.run("Agent-4", &["snapshot", "health"]).status.code() == Some(6) {
            words.push("health".into());
        }
        words
    }

    fn must_be_noticed(&self, scenario: &Scenario, before: &[String]) {
        if scenario.detect.unseen.is_some() {
            return;
        }
        let mut last = Vec::new();
        wait(&format!("{}: any of {:?}", scenario.name, scenario.detect.any_of), || {
            last = self.noticed();
            scenario.detect.any_of.iter().any(|word| last.contains(word))
        });
        let new: Vec<_> = last.iter().filter(|word| !before.contains(word)).collect();
        assert!(!new.is_empty(), "{}: all of {last:?} stood before", scenario.name);
    }

    /// Does the plan, step by step, as it is written.
    fn recover(&self, scenario: &Scenario) {
        for step in &scenario.recover {
            let Some(words) = &step.run else {
                for what in &scenario.inject {
                    mend(what, &self.site).unwrap();
                }
                continue;
            };
            let program = if words[0] == "cellphone" { BIN } else { &words[0] };
            let out: Output =
                self.world.program(program).args(words[1..].iter().map(|word| self.fill(word))).output().unwrap();
            let said = text(&out);
            assert!(step.exits.contains(&out.status.code().unwrap_or(-1)), "{}: {words:?}: {said}", scenario.name);
            if let Some(expect) = &step.expect {
                assert!(String::from_utf8_lossy(&out.stdout).contains(expect), "{}: {words:?}: {said}", scenario.name);
            }
        }
    }

    fn journal(&self) -> String {
        let folder = self.site.root.join(".cellphone/journal");
        let files = if folder.exists() { photograph(&folder) } else { BTreeMap::new() };
        files.into_values().map(|bytes| String::from_utf8(bytes).unwrap()).collect()
    }

    /// Every message below the workspaces: agent and name without flags, bytes.
    /// A folder is a state, and states may go on.
    fn mail(&self) -> BTreeMap<String, Vec<u8>> {
        let workspaces = self.site.root.join("agent_workspaces");
        let all = if workspaces.exists() { photograph(&workspaces) } else { BTreeMap::new() };
        let mail = all.into_iter().filter_map(|(path, bytes)| {
            let path = path.to_str()?.to_owned();
            let below = path.split_once("agent_workspaces/")?.1;
            let agent = below.split('/').next()?;
            let sent = if below.contains("/sent/") { "sent" } else { "received" };
            let name = below.rsplit('/').next()?.split(',').next()?;
            let is_mail = below.contains(".md") && !below.contains("inbox/tmp/") && !below.contains("/dead/");
            is_mail.then(|| (format!("{agent} {sent} {name}"), bytes))
        });
        mail.collect()
    }

    fn lost(&self, before: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
        let now = self.mail();
        before.iter().filter(|(path, bytes)| now.get(*path) != Some(bytes)).map(|(path, _)| path.clone()).collect()
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        // Whatever daemon a plan left running ends with its root.
        let _ = self.world.run("tester", &["down"]);
    }
}

fn scenario(name: &str) -> Scenario {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("config/continuity/{name}.yaml"));
    read_scenario(&std::fs::read(&path).unwrap(), &path).unwrap()
}

fn daemon_runs(ground: &Ground) -> bool {
    ground.world.json("tester", &["status"])["daemon"]["running"] == true
}

/// Whether mail that was there is not; what most disasters do.
fn mail_is_lost(ground: &Ground) -> bool {
    !ground.lost(&ground.before).is_empty()
}

fn exits(ground: &Ground, code: i32, args: &[&str]) -> bool {
    ground.world.run("tester", args).status.code() == Some(code)
}

/// Breaks it, has it noticed, recovers, and holds what came back against what
/// was there. `is_broken` must be false before, true until the plan was
/// carried out, and false again: a plan that does nothing fails here.
fn rehearse(name: &str, is_broken: impl Fn(&Ground) -> bool) -> Ground {
    let mut ground = Ground::new(if long() { 600 } else { 60 });
    let scenario = scenario(name);
    ground.world.ok("tester", &["up", "--detach"]);
    ground.before = ground.mail();
    assert!(ground.before.len() > 100);
    wait("the daemon knows the mailboxes", || {
        std::fs::read_to_string(ground.site.root.join(".cellphone/alarms.json"))
            .is_ok_and(|text| text.contains("Agent-8"))
    });
    let well = ground.noticed();
    assert!(!well.iter().any(|word| scenario.detect.any_of.contains(word)), "{name}: {well:?} before anything broke");
    assert!(!is_broken(&ground), "{name}: it is broken before anything broke");
    let told = ground.break_all(&scenario, 7);
    assert!(told.iter().all(|one| !one.what.is_empty() && (one.real || !one.how.is_empty())), "{told:?}");
    ground.must_be_noticed(&scenario, &well);
    assert!(is_broken(&ground), "{name}: nothing was broken, or it mended itself");
    ground.recover(&scenario);
    assert!(!is_broken(&ground), "{name}: the plan did not bring it back");
    assert_eq!(ground.lost(&ground.before), Vec::<String>::new(), "{name}");
    // A message goes all the way, and its signature counts.
    ground.world.send("Agent-2", "Agent-1", "after the disaster");
    let inbox = ground.world.json("Agent-1", &["inbox", "--all"]);
    let last = inbox.as_array().unwrap().iter().find(|m| m["subject"] == "after the disaster").unwrap();
    assert_eq!(last["verified"], "verified", "{name}: {last}");
    ground
}

#[test]
fn a_lost_inbox_comes_back() {
    rehearse("lost-inbox", mail_is_lost);
}

#[test]
fn a_lost_disk_comes_back() {
    rehearse("lost-disk", mail_is_lost);
}

#[test]
fn rotten_messages_come_back() {
    rehearse("bit-rot-messages", mail_is_lost);
}

#[test]
fn a_rotten_repository_is_replaced_by_the_second() {
    rehearse("bit-rot-repository", mail_is_lost);
}

#[test]
fn a_lost_journal_comes_back() {
    // The daemon writes anew what the mail itself tells; what only the journal told is gone.
    rehearse("lost-journal", |ground| !ground.journal().contains(&ground.first_line));
}

#[test]
fn a_power_cut_loses_nothing() {
    let ground = rehearse("power-cut", |ground| !daemon_runs(ground));
    // What was cut off is no mail: every message that there is is whole.
    let inbox = ground.world.folder("Agent-1", "inbox/new");
    assert!(names(&inbox).iter().all(|name| is_whole(&inbox.join(name))));
}

#[test]
fn a_full_disk_refuses_and_loses_nothing() {
    let ground = Ground::new(30);
    let scenario = scenario("disk-full");
    ground.world.ok("tester", &["up", "--detach"]);
    let before = ground.mail();
    let told = ground.break_all(&scenario, 7);
    assert!(!told[0].real && told[0].how.contains("your own disk is never filled"));
    let send = ["--as", "Agent-2", "send", "--to", "Agent-1", "-s", "x", "-m", "y"];
    let out = ground.site.command().args(send).output().unwrap();
    assert!(!out.status.success(), "{}", text(&out));
    assert!(text(&out).contains("free some space"), "{}", text(&out));
    ground.must_be_noticed(&scenario, &[]);
    ground.recover(&scenario);
    assert_eq!(ground.lost(&before), Vec::<String>::new());
    let out = ground.site.command().args(send).output().unwrap();
    assert!(out.status.success(), "{}", text(&out));
}

#[test]
fn a_network_that_is_down_stops_no_mail() {
    rehearse("network-outage", |ground| {
        let second = ground.site.repositories[1].to_str().unwrap().to_owned();
        !exits(ground, 0, &["snapshot", "list", "--repository", &second])
    });
}

#[test]
fn a_copy_is_a_stranger() {
    // Taken, and no key was changed since.
    rehearse("data-theft", |ground| {
        let keys = ground.world.json("tester", &["keys", "list"]);
        let of_it = keys.as_array().unwrap().iter().filter(|key| key["agent"] == "Agent-1").count();
        ground.site.copy().exists() && of_it == 1
    });
}

#[test]
fn a_careless_git_is_undone() {
    rehearse("careless-git", mail_is_lost);
}

#[test]
fn broken_configuration_comes_back() {
    rehearse("broken-config", |ground| !exits(ground, 0, &["config", "show"]) || exits(ground, 1, &["doctor"]));
}

#[test]
fn scrambled_coordinates_come_back() {
    rehearse("scrambled-coordinates", |ground| exits(ground, 4, &["trust"]));
}

#[test]
fn ransomware_is_undone_from_the_second_repository() {
    rehearse("ransomware", mail_is_lost);
}

#[test]
fn a_stolen_key_is_revoked() {
    let ground = Ground::new(60);
    let scenario = scenario("stolen-key");
    ground.break_all(&scenario, 7);
    let forged = |ground: &Ground| {
        let inbox = ground.world.json("Agent-2", &["inbox", "--all"]);
        let all = inbox.as_array().unwrap().clone();
        let with = |subject: &str| all.iter().find(|m| m["subject"] == subject).unwrap()["verified"].clone();
        (with("signed with a key of his own"), with("signed with the stolen key"))
    };
    assert_eq!(forged(&ground), ("forged".into(), "verified".into()));
    assert!(remains(&scenario.inject[0], &ground.site).unwrap().is_some());
    ground.recover(&scenario);
    assert_eq!(forged(&ground), ("forged".into(), "forged".into()));
    assert_eq!(remains(&scenario.inject[0], &ground.site), Ok(None));
    ground.world.send("Agent-1", "Agent-3", "with the new key");
    let inbox = ground.world.json("Agent-3", &["inbox", "--all"]);
    let last = inbox.as_array().unwrap().iter().find(|m| m["subject"] == "with the new key").unwrap().clone();
    assert_eq!(last["verified"], "verified");
}

#[test]
fn a_crash_loop_ends() {
    rehearse("crash-loop", |ground| !daemon_runs(ground));
}

#[test]
fn a_storm_is_shut_out() {
    rehearse("mail-storm", |ground| {
        ground.world.inbox("Agent-1").iter().filter(|m| m["state"] == "new").count() > 1_000
    });
}

#[test]
fn a_lost_host_comes_back_on_an_empty_machine() {
    rehearse("lost-host", mail_is_lost);
}
