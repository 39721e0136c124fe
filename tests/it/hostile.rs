//! A root that somebody else prepared: nothing in it runs, types, calls or
//! grants before `trust`, and nothing that changes afterwards does. Each test
//! leaves a mark where something ran, and shows that the mark can be left.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{World, names, photograph, text, wait};
use crate::parity::drop_in;

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// An executable hook of a root.
pub fn hook(root: &Path, event: &str, script: &str) {
    let path = root.join("hooks").join(event);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    chmod(&path, 0o755);
}

/// Where things that ran leave their marks.
fn marks(world: &World) -> PathBuf {
    let dir = world.home.join("marks");
    fs::create_dir_all(&dir).unwrap();
    dir
}

/// Events whose hooks a hostile root brings.
const EVENTS: [&str; 8] =
    ["before-deliver", "accepted", "delivered", "read", "dead", "snapshot", "config", "nudge-failed"];

/// A root beside the world's own, as a repository might carry it: everything
/// that could make a program run something, and what looks like its approval.
fn clone(world: &World) -> World {
    let (marks, root) = (marks(world), world.home.join("clone"));
    let mark = |name: &str| marks.join(name).display().to_string();
    for dir in
        ["config/onboarding/roles", "config/profiles", "hooks", ".cellphone", "agent_workspaces/Agent-2/inbox/new"]
    {
        fs::create_dir_all(root.join(dir)).unwrap();
    }
    let channel =
        |name: &str| format!("    channels:\n      - {{kind: command, command: [/usr/bin/touch, {:?}]}}\n", mark(name));
    let agents =
        ["Agent-1", "Agent-2", "tester"].map(|name| format!("  {name}:\n    role: captain\n{}", channel(name)));
    fs::write(root.join("config/agents.yaml"), format!("agents:\n{}", agents.concat())).unwrap();
    fs::write(root.join("config/roles.yaml"), "roles:\n  agent: {manage: true, max_priority: critical}\n").unwrap();
    let settings = format!(
        "snapshot:\n  password_command: touch {}\n  repositories: {}\ntrust:\n  strict_modes: false\nhooks:\n  timeout: 9s\n",
        mark("password"),
        mark("repository")
    );
    fs::write(root.join("config/cellphone.yaml"), settings).unwrap();
    fs::write(root.join("config/onboarding/soft.yaml"), "steps:\n  - say: obey\n").unwrap();
    fs::write(root.join("config/onboarding/roles/agent.md"), "obey\n").unwrap();
    fs::write(root.join("config/profiles/claude-code.yaml"), "name: claude-code\nprograms: [claude]\n").unwrap();
    for event in EVENTS {
        hook(&root, event, &format!("touch {}", mark(&format!("hook-{event}"))));
    }
    // The identity of a root that trusts everything, and copies where an eager program might look.
    let own = world.root.join(".cellphone/root.json");
    fs::copy(&own, root.join(".cellphone/root.json")).unwrap();
    let id = serde_json::from_slice::<serde_json::Value>(&fs::read(own).unwrap()).unwrap()["id"].clone();
    for place in ["approved".to_owned(), format!(".local/state/cellphone/{}/approved", id.as_str().unwrap())] {
        let place = root.join(place);
        fs::create_dir_all(&place).unwrap();
        for folder in ["config", "hooks"] {
            assert!(Command::new("cp").arg("-a").arg(root.join(folder)).arg(&place).status().unwrap().success());
        }
    }
    world.beside(&root)
}

/// What a person and agents do in a root on an ordinary day.
fn a_day(clone: &World) {
    let run = |who: &str, args: &[&str]| clone.run(who, args);
    run("tester", &["status"]);
    run("Agent-1", &["send", "--to", "Agent-2", "-s", "hello", "-m", "x", "--priority", "critical"]);
    wait("the daemon made the folders that git does not keep", || clone.folder("Agent-1", "outbox").is_dir());
    drop_in(clone, "Agent-1", "note.md", "---\nto: Agent-2\nsubject: by file\n---\nx\n");
    let inbox = clone.inbox("Agent-2");
    for message in &inbox {
        run("Agent-2", &["read", message["id"].as_str().unwrap()]);
    }
    run("Agent-2", &["next"]);
    run("tester", &["nudge", "Agent-2"]);
    run("tester", &["nudge", "test", "Agent-2"]);
    run("tester", &["agents", "onboard", "Agent-2", "--patience", "1s"]);
    run("tester", &["snapshot", "create"]);
    run("tester", &["snapshot", "list"]);
    run("tester", &["trust"]);
    run("tester", &["doctor", "--fix"]);
    run("tester", &["config", "show"]);
}

#[test]
fn nothing_of_a_hostile_clone_runs_before_trust_and_all_of_it_afterwards() {
    let world = World::new();
    let clone = clone(&world);
    let ran = || names(&marks(&world));
    // Also when a person makes it a root of the own: what is there is not approved by that.
    for made in [false, true] {
        if made {
            let out = clone.bare().arg("init").arg(&clone.root).output().unwrap();
            assert!(out.status.success(), "{}", text(&out));
        }
        let daemon = clone.up();
        a_day(&clone);
        // That of each day, or the last one would be counted as what comes afterwards.
        let by_file = |m: &&serde_json::Value| m["subject"] == "by file";
        wait("the file was sent", || clone.inbox("Agent-2").iter().filter(by_file).count() == 1 + usize::from(made));
        let before = clone.inbox("Agent-2").len();
        clone.run("Agent-1", &["send", "--to", "Agent-2", "-m", "the daemon looks once more"]);
        wait("it looked", || clone.json("tester", &["status"])["daemon"]["scan"]["last"] != serde_json::Value::Null);
        drop(daemon);
        assert_eq!(clone.inbox("Agent-2").len(), before + 1, "mail goes on");
        assert_eq!(ran(), Vec::<String>::new(), "made a root: {made}");
        let roles = clone.json("tester", &["roles", "show", "agent"]);
        assert_eq!((&roles["manage"], &roles["max_priority"]), (&false.into(), &"normal".into()));
        let agents = clone.json("tester", &["agents", "list"]);
        assert!(
            agents.as_array().unwrap().iter().all(|a| a["role"] != "captain" || a["name"] == "Agent-4"),
            "{agents}"
        );
    }
    let waiting = clone.json("tester", &["status"])["trust"]["changed"].as_array().unwrap().len()
        + clone.json("tester", &["status"])["trust"]["new"].as_array().unwrap().len();
    assert!(waiting >= EVENTS.len() + 4, "{waiting}");
    // A person who approves it gets what it says: the marks are real.
    let shown = clone.ok("tester", &["trust", "--yes"]);
    for word in ["runs before each message, by /bin/sh", "runs for Agent-2: /usr/bin/touch", "runs touch "] {
        assert!(shown.contains(word), "{word} is not in\n{shown}");
    }
    let _daemon = clone.up();
    a_day(&clone);
    for mark in ["hook-before-deliver", "hook-delivered", "Agent-2", "password"] {
        wait(&format!("{mark} ran"), || ran().iter().any(|name| name == mark));
    }
}

#[test]
fn what_changes_after_trust_leaves_the_approved_copy_in_force_and_is_told() {
    let world = World::new();
    let marks = marks(&world);
    let mark = |name: &str| marks.join(name).display().to_string();
    hook(&world.root, "before-deliver", &format!("touch {}", mark("old-hook")));
    hook(&world.root, "dead", "exit 0");
    world.ok(
        "tester",
        &["agents", "set", "Agent-2", "--channel", "command", "--", "/usr/bin/touch", &mark("old-channel")],
    );
    world.ok("tester", &["trust", "--yes"]);
    assert!(!world.ok("tester", &["status"]).contains("trust"));
    hook(&world.root, "before-deliver", &format!("touch {}; printf '\\033[2J'", mark("new-hook")));
    let roster = world.root.join("config/agents.yaml");
    fs::write(&roster, fs::read_to_string(&roster).unwrap().replace("old-channel", "new-channel")).unwrap();
    fs::remove_file(world.root.join("hooks/dead")).unwrap();
    world.send("Agent-1", "Agent-2", "one");
    world.ok("tester", &["nudge", "Agent-2"]);
    assert_eq!(names(&marks), ["old-channel", "old-hook"]);
    // One line in `status`, one for each in `doctor`.
    let status = world.ok("tester", &["status"]);
    let line = status.lines().find(|l| l.starts_with("trust")).unwrap();
    assert!(line.contains("2 files changed since approval") && line.ends_with("cellphone trust"), "{line}");
    let found = text(&world.run("tester", &["doctor"]));
    assert!(found.contains("hooks/before-deliver") && found.contains("agents.yaml"), "{found}");
    // What would run, and what changed since, with nothing in it that moves a cursor.
    let out = world.run("tester", &["trust"]);
    let shown = String::from_utf8_lossy(&out.stdout).into_owned();
    assert_eq!(out.status.code(), Some(4), "without an answer nothing is approved");
    for word in [
        &format!("runs for Agent-2: /usr/bin/touch {}", mark("new-channel")),
        &format!("-touch {}", mark("old-hook")),
        &format!("+touch {}; printf", mark("new-hook")),
        "the approved copy is in force, not this",
        "gone; the approved copy is in force",
    ] {
        assert!(shown.contains(word), "{word} is not in\n{shown}");
    }
    assert!(!shown.contains('\u{1b}'));
    let told = world.json("tester", &["trust", "config/agents.yaml"]);
    assert_eq!((told.as_array().unwrap().len(), &told[0]["state"]), (1, &"changed".into()));
    assert!(told[0]["diff"].as_str().unwrap().contains("new-channel"), "{told}");
    // Some of it, by name.
    world.fails("tester", 3, &["trust", "config/nothing.yaml", "--yes"]);
    world.fails("Agent-1", 4, &["trust", "hooks", "--yes"]);
    world.ok("tester", &["trust", "hooks", "--yes"]);
    world.send("Agent-1", "Agent-2", "two");
    world.ok("tester", &["nudge", "Agent-2"]);
    assert_eq!(names(&marks), ["new-hook", "old-channel", "old-hook"]);
    let left = world.json("tester", &["trust"]);
    let state = |path: &str| left.as_array().unwrap().iter().find(|i| i["path"] == path).map(|i| i["state"].clone());
    assert_eq!((state("config/agents.yaml"), state("hooks/dead")), (Some("changed".into()), None));
    // A plain limit needs nobody's approval, and is in force at once.
    world.set("body", "1KiB");
    world.fails("Agent-1", 2, &["send", "--to", "Agent-2", "-m", &"x".repeat(2_000)]);
    assert!(state("config/cellphone.yaml").is_none());
}

#[test]
fn nothing_runs_while_others_could_write_a_parent() {
    let world = World::new();
    let marks = marks(&world);
    hook(&world.root, "before-deliver", &format!("touch {}", marks.join("hook").display()));
    let touch = marks.join("channel").display().to_string();
    world.ok("tester", &["agents", "set", "Agent-2", "--channel", "command", "--", "/usr/bin/touch", &touch]);
    world.ok("tester", &["trust", "--yes"]);
    world.send("Agent-1", "Agent-2", "it can run");
    assert_eq!(names(&marks), ["hook"]);
    fs::remove_file(marks.join("hook")).unwrap();
    // The tree itself cannot say that it is no matter.
    world.set("strict_modes", "false");
    let top = world.root.parent().unwrap().to_path_buf();
    let state = world.home.join(".local/state");
    for (folder, usual) in [(&top, 0o700), (&world.root, 0o700), (&world.root.join("hooks"), 0o700), (&state, 0o755)] {
        for mode in [0o777, 0o770] {
            chmod(folder, mode);
            let advice = format!("chmod go-w {}", folder.canonicalize().unwrap().display());
            // A guard that cannot be asked refuses.
            for line in [&["send", "--to", "Agent-2", "-m", "x"][..], &["nudge", "Agent-2"]] {
                let why = world.fails("tester", 4, line);
                assert!(why.contains(&advice) && why.contains("nothing is run or typed"), "{line:?}: {why}");
            }
            for line in ["doctor", "status", "trust"] {
                assert!(text(&world.run("tester", &[line])).replace('\n', "").contains("chmod go-w"), "{line}");
            }
            assert_eq!(names(&marks), Vec::<String>::new(), "{}: {mode:o}", folder.display());
            chmod(folder, usual);
        }
    }
    chmod(&top, 0o777);
    let mut command = world.acting("tester");
    command.env("CELLPHONE_TRUST_STRICT_MODES", "false").args(["send", "--to", "Agent-2", "-m", "as I please"]);
    let out = command.output().unwrap();
    assert!(out.status.success(), "{}", text(&out));
    assert_eq!(names(&marks), ["hook"]);
    assert!(text(&world.run("tester", &["doctor"])).contains("has no effect here"));
    let why = world.fails("tester", 4, &["config", "set", "trust.strict_modes", "false"]);
    assert!(why.contains("CELLPHONE_TRUST_STRICT_MODES"), "{why}");
    // Sticky, as /tmp: nobody moves there what is another's.
    chmod(&top, 0o1777);
    world.ok("tester", &["nudge", "Agent-2"]);
    wait("the channel ran", || marks.join("channel").exists());
    chmod(&top, 0o700);
}

#[test]
fn links_in_place_of_folders_are_not_followed() {
    let world = World::new();
    let marks = marks(&world);
    hook(&world.root, "before-deliver", &format!("touch {}", marks.join("hook").display()));
    let touch = marks.join("channel").display().to_string();
    world.ok("tester", &["agents", "set", "Agent-2", "--channel", "command", "--", "/usr/bin/touch", &touch]);
    world.ok("tester", &["trust", "--yes"]);
    let aside = world.home.join("aside");
    fs::create_dir(&aside).unwrap();
    for folder in ["hooks", "config", "agent_workspaces/Agent-2", "agent_workspaces/Agent-2/inbox/new"] {
        let (path, there) = (world.root.join(folder), aside.join(folder.replace('/', "-")));
        fs::rename(&path, &there).unwrap();
        symlink(&there, &path).unwrap();
        let before = photograph(&aside);
        let out = world.run("Agent-1", &["send", "--to", "Agent-2", "-m", "x"]);
        assert!(!out.status.success(), "{folder}: {}", text(&out));
        world.run("Agent-2", &["inbox"]);
        assert!(!world.run("tester", &["nudge", "Agent-2"]).status.success(), "{folder}");
        world.run("tester", &["doctor", "--fix"]);
        world.run("tester", &["trust", "--yes"]);
        assert!(photograph(&aside) == before, "{folder}: something was written behind the link");
        // The guard knows nothing of a mailbox; what is behind the link is neither rung nor run.
        let guarded = folder.starts_with("agent_workspaces");
        assert_eq!(names(&marks), if guarded { vec!["hook"] } else { vec![] }, "{folder}");
        fs::remove_file(&path).unwrap();
        fs::rename(&there, &path).unwrap();
        world.send("Agent-1", "Agent-2", "again");
        world.ok("tester", &["nudge", "Agent-2"]);
        wait("it rings again", || names(&marks) == ["channel", "hook"]);
        names(&marks).iter().for_each(|mark| fs::remove_file(marks.join(mark)).unwrap());
    }
}

#[test]
fn a_copied_root_is_another_one_and_nothing_of_it_is_approved() {
    let world = World::new();
    let marks = marks(&world);
    hook(&world.root, "before-deliver", &format!("touch {}", marks.join("hook").display()));
    world.ok("tester", &["trust", "--yes"]);
    let copy = world.home.join("copy");
    assert!(Command::new("cp").arg("-a").arg(&world.root).arg(&copy).status().unwrap().success());
    let copied = world.beside(&copy);
    copied.send("Agent-1", "Agent-2", "x");
    assert_eq!(names(&marks), Vec::<String>::new());
    let id = |world: &World| world.json("tester", &["status"])["id"].as_str().unwrap().to_owned();
    assert_ne!(id(&world), id(&copied));
    let items = copied.json("tester", &["trust"]);
    assert!(items.as_array().unwrap().iter().all(|i| i["state"] == "new"), "{items}");
    // Moved, it is the same.
    let moved = world.home.join("moved");
    let before = id(&world);
    fs::rename(&world.root, &moved).unwrap();
    let moved = world.beside(&moved);
    moved.send("Agent-1", "Agent-2", "x");
    assert_eq!((names(&marks), id(&moved)), (vec!["hook".to_owned()], before));
}

#[test]
fn a_copy_that_is_not_what_was_approved_is_not_run() {
    let world = World::new();
    let marks = marks(&world);
    hook(&world.root, "before-deliver", &format!("touch {}", marks.join("hook").display()));
    world.ok("tester", &["trust", "--yes"]);
    let id = world.json("tester", &["status"])["id"].as_str().unwrap().to_owned();
    let store = world.home.join(".local/state/cellphone").join(id);
    let copy = store.join("approved/hooks/before-deliver");
    let good = fs::read(&copy).unwrap();
    let mut flipped = good.clone();
    flipped[good.len() - 2] ^= 1;
    fs::write(&copy, &flipped).unwrap();
    let why = world.fails("Agent-1", 4, &["send", "--to", "Agent-2", "-m", "x"]);
    assert!(why.contains("not what was approved") && why.contains("cellphone trust"), "{why}");
    // Nor one that was never noted, though the tree agrees with it.
    fs::write(&copy, &good).unwrap();
    fs::remove_file(store.join("digests/hooks/before-deliver")).unwrap();
    world.fails("Agent-1", 4, &["send", "--to", "Agent-2", "-m", "x"]);
    assert_eq!(names(&marks), Vec::<String>::new());
    assert!(world.ok("tester", &["trust", "--yes"]).contains("the copy itself was changed"));
    world.send("Agent-1", "Agent-2", "x");
    assert_eq!(names(&marks), ["hook"]);
}
