//! Restores when something breaks: a kill at every system call that changes
//! the disk, trees that somebody prepared to do harm, a disk without space.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::crash::{Mount, ext4, traced};
use crate::harness::{World, c_program, names, photograph, size, text, wait};
use crate::restore::{mail, restore, stage};

/// What of a root a restore touches.
const PARTS: [&str; 4] = ["agent_workspaces", "config", ".cellphone/journal", ".cellphone/restore"];

fn copy(from: &Path, to: &Path) {
    for part in PARTS {
        let _ = fs::remove_dir_all(to.join(part));
        if from.join(part).exists() {
            fs::create_dir_all(to.join(part).parent().unwrap()).unwrap();
            let out = Command::new("cp").arg("-a").arg(from.join(part)).arg(to.join(part)).output().unwrap();
            assert!(out.status.success(), "{}", text(&out));
        }
    }
}

/// How often each call that changes the disk is made.
fn calls(world: &World, args: &[&str]) -> Vec<(&'static str, usize)> {
    const CHANGES: [&str; 14] = [
        "renameat2",
        "renameat",
        "rename",
        "linkat",
        "fsync",
        "fdatasync",
        "syncfs",
        "unlinkat",
        "unlink",
        "rmdir",
        "mkdirat",
        "mkdir",
        "write",
        "flock",
    ];
    let log = world.home.join("trace.txt");
    let out = traced(world, &["-qq", "-o", log.to_str().unwrap()], "tester", args);
    assert!(out.status.success(), "{}", text(&out));
    let trace = fs::read_to_string(&log).unwrap();
    let count = |call: &str| {
        trace
            .lines()
            .filter(|l| l.split_whitespace().nth(1).is_some_and(|w| w.starts_with(&format!("{call}("))))
            .count()
    };
    CHANGES.iter().map(|call| (*call, count(call))).filter(|(_, n)| *n > 0).collect()
}

type Places = BTreeMap<(String, String, bool), Vec<String>>;

/// A root that moved on since its copy was made: back, moved, of other bytes,
/// gone; and one message that the copy does not have.
fn moved_on(world: &World) -> std::path::PathBuf {
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|s| world.send("Agent-1", "Agent-2", s));
    world.ok("Agent-2", &["read", &b]);
    world.send("Agent-1", "Agent-4", "job");
    let job = world.json("Agent-4", &["next"]);
    let staged = stage(world, "staged");
    world.ok("Agent-4", &["done", job["id"].as_str().unwrap(), "--token", job["token"].as_str().unwrap()]);
    world.ok("Agent-2", &["read", &a]);
    world.ok("Agent-2", &["archive", &b]);
    for name in world.mail("Agent-2", "inbox/new") {
        let path = world.folder("Agent-2", "inbox/new").join(&name);
        if name.contains(&c) {
            fs::remove_file(path).unwrap();
        } else if name.contains(&d) {
            let whole = fs::read(&path).unwrap();
            fs::write(path, &whole[..whole.len() / 2]).unwrap();
        }
    }
    world.send("Agent-1", "Agent-2", "newer");
    fs::write(world.root.join("config/roles.yaml"), "roles: {}\n").unwrap();
    // A journal that was lost: the restored one comes back.
    fs::write(world.root.join(".cellphone/journal/journal.jsonl"), "").unwrap();
    staged
}

fn without(mut places: Places, subject_ids: &[String]) -> Places {
    places.retain(|(_, id, _), _| !subject_ids.contains(id));
    places
}

#[test]
#[ignore = "needs strace: run tests/run"]
fn a_restore_killed_at_any_change_of_the_disk_loses_nothing_and_is_finished_by_resume() {
    let world = World::new();
    let staged = moved_on(&world);
    let template = world.home.join("template");
    copy(&world.root, &template);
    let before = mail(&world);
    let args = ["snapshot", "restore", "--staged", staged.to_str().unwrap(), "--yes"];
    let changes = calls(&world, &args);
    let after = mail(&world);
    let first_lines = fs::read_to_string(staged.join(".cellphone/journal/journal.jsonl")).unwrap();
    let (mut kills, mut resumed, step) = (0, 0, size(2, 1));
    for (call, count) in changes {
        // Writing and locking change nothing between two steps: a sample of them is enough.
        let every = if matches!(call, "write" | "flock" | "mkdirat") { 3 * step } else { step };
        for n in (1..=count).step_by(every) {
            copy(&template, &world.root);
            let inject = format!("inject={call}:signal=KILL:when={n}");
            let out = traced(&world, &["-e", &format!("trace={call}"), "-e", &inject], "tester", &args);
            kills += usize::from(!out.status.success());
            let now = mail(&world);
            for key in before.keys() {
                assert!(now.get(key).is_some_and(|places| !places.is_empty()), "{call} {n}: {key:?} is missing");
            }
            // Life goes on.
            let sent = world.send("Agent-3", "Agent-2", "meanwhile");
            let open = world.run("tester", &args);
            let said = text(&open);
            if open.status.code() == Some(5) {
                assert!(said.contains("--resume"), "{said}");
                let doctor = text(&world.run("tester", &["doctor"]));
                assert!(doctor.contains("not finished"), "{doctor}");
                world.ok("tester", &["snapshot", "restore", "--resume"]);
                resumed += 1;
            } else {
                assert!(open.status.success(), "{call} {n}: {said}");
            }
            assert!(mail(&world).contains_key(&("Agent-2".into(), sent.clone(), false)), "{call} {n}");
            assert_eq!(without(mail(&world), std::slice::from_ref(&sent)), after, "{call} {n}");
            assert_ne!(fs::read(world.root.join("config/roles.yaml")).unwrap(), b"roles: {}\n", "{call} {n}");
            let journal = fs::read_to_string(world.root.join(".cellphone/journal/journal.jsonl")).unwrap();
            assert!(journal.starts_with(&first_lines), "{call} {n}: {journal}");
            // And back.
            world.ok("tester", &["snapshot", "restore", "--undo", "--yes"]);
            assert_eq!(without(mail(&world), &[sent]), before, "{call} {n}: undone");
            let litter = names(&world.root.join(".cellphone/restore")).len();
            assert!(litter <= 3, "{call} {n}: {litter} records");
        }
    }
    assert!(kills >= 30 && resumed >= 10, "{kills} kills, {resumed} resumed: the injection does not work here");
}

/// Every entry that would lead out of the tree, in each part of it.
#[test]
fn a_staged_tree_that_leads_elsewhere_is_refused_by_the_name_of_the_entry_and_nothing_is_written() {
    let world = World::new();
    world.send("Agent-1", "Agent-2", "one");
    let outside = world.home.join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), "mine\n").unwrap();
    type Plant = fn(&Path, &Path);
    let kinds: [(&str, Plant); 4] = [
        ("link", |at, outside| symlink(outside.join("secret"), at).unwrap()),
        ("folder-link", |at, outside| symlink(outside, at).unwrap()),
        ("fifo", |at, _| assert!(Command::new("mkfifo").arg(at).status().unwrap().success())),
        ("twin", |at, outside| fs::hard_link(outside.join("secret"), at).unwrap()),
    ];
    let places = [
        "agent_workspaces/Agent-2/inbox/new",
        "agent_workspaces/Agent-2/archive/2026-01-01",
        "agent_workspaces/Agent-2/outbox/Agent-1",
        "agent_workspaces",
        "config/profiles",
        "hooks",
        ".cellphone/spool",
        ".cellphone/journal",
    ];
    let before = photograph(&world.root.join("agent_workspaces"));
    let was = photograph(&outside);
    for (n, place) in places.iter().enumerate() {
        for (kind, plant) in kinds {
            if kind == "twin" && *place == "agent_workspaces" {
                continue;
            }
            let staged = stage(&world, &format!("staged-{n}-{kind}"));
            fs::remove_file(staged.join(".cellphone/journal/journal.jsonl")).unwrap();
            let folder = staged.join(place);
            fs::create_dir_all(&folder).unwrap();
            let name = if *place == ".cellphone/spool" { "planted.spool" } else { "planted" };
            plant(&folder.join(name), &outside);
            let why = world.fails("tester", 4, &["snapshot", "restore", "--staged", staged.to_str().unwrap(), "--yes"]);
            assert!(why.contains(name), "{place} {kind}: {why}");
            assert_eq!(photograph(&world.root.join("agent_workspaces")), before, "{place} {kind}");
            assert_eq!(photograph(&outside), was, "{place} {kind}");
        }
    }
    // A folder on the way is a link, in the restored tree or in the live one.
    let staged = stage(&world, "staged-way");
    fs::remove_dir_all(staged.join("agent_workspaces/Agent-2")).unwrap();
    symlink(&outside, staged.join("agent_workspaces/Agent-2")).unwrap();
    world.fails("tester", 4, &["snapshot", "restore", "--staged", staged.to_str().unwrap(), "--yes"]);
    let staged = stage(&world, "staged-live");
    fs::create_dir_all(staged.join("agent_workspaces/Agent-2/archive/2026-01-01")).unwrap();
    fs::write(staged.join("agent_workspaces/Agent-2/archive/2026-01-01/note"), "x").unwrap();
    let archive = world.folder("Agent-2", "archive");
    fs::remove_dir_all(&archive).unwrap();
    symlink(&outside, &archive).unwrap();
    let out = world.run("tester", &["snapshot", "restore", "--staged", staged.to_str().unwrap(), "--yes"]);
    assert!(!out.status.success() && text(&out).contains("archive"), "{}", text(&out));
    assert_eq!(photograph(&outside), was);
    // What was not asked for does not refuse what was.
    let staged = stage(&world, "staged-beside");
    symlink(&outside, staged.join("agent_workspaces/Agent-3/project")).unwrap();
    let tree = staged.to_str().unwrap();
    world.fails("tester", 4, &["snapshot", "restore", "--staged", tree, "--yes"]);
    fs::remove_file(world.root.join("config/roles.yaml")).unwrap();
    // Where the live tree has a link, the link goes aside and nothing is written through it.
    symlink(outside.join("secret"), world.root.join("config/roles.yaml")).unwrap();
    restore(&world, &staged, &["--path", "config"]);
    assert_eq!(photograph(&outside), was);
    assert!(!world.root.join("config/roles.yaml").is_symlink());
    // The live root is no restored tree of itself, and an empty folder none at all.
    let root = world.root.to_str().unwrap().to_owned();
    world.fails("tester", 4, &["snapshot", "restore", "--staged", &root, "--yes"]);
    let empty = world.home.join("run");
    world.fails("tester", 3, &["snapshot", "restore", "--staged", empty.to_str().unwrap(), "--yes"]);
}

#[test]
#[ignore = "mounts a tmpfs: run tests/run as root"]
fn without_space_or_on_a_read_only_disk_a_restore_changes_nothing_and_says_so() {
    let mount = Mount::new(&["-t", "tmpfs", "-o", "size=8m", "tmpfs"]);
    let world = World::inside(&mount.at);
    let body = "x".repeat(900_000);
    let ids: Vec<String> = (0..6)
        .map(|n| world.json("Agent-1", &["send", "--to", "Agent-2", "-s", &format!("big {n}"), "-m", &body[..100_000]]))
        .map(|sent| sent["id"].as_str().unwrap().to_owned())
        .collect();
    let staged = stage(&world, "staged");
    fs::remove_dir_all(world.folder("Agent-2", "")).unwrap();
    fs::write(mount.at.join("filler"), vec![0; 1]).unwrap();
    let mut filler = Vec::new();
    // All but some 300 kB.
    while fs::write(mount.at.join("filler"), {
        filler.resize(filler.len() + 100_000, 0);
        &filler
    })
    .is_ok()
    {}
    fs::write(mount.at.join("filler"), &filler[..filler.len() - 400_000]).unwrap();
    let before = mail(&world);
    let args = ["snapshot", "restore", "--staged", staged.to_str().unwrap(), "--yes"];
    let why = world.fails("tester", 1, &args);
    assert!(why.contains("space") && why.contains(".cellphone/restore"), "{why}");
    assert_eq!(mail(&world), before);
    assert!(names(&world.root.join(".cellphone/restore")).is_empty());
    let remount = |how: &str| {
        let out = Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(&mount.at).output().unwrap();
        assert!(out.status.success(), "{}", text(&out));
    };
    remount("ro");
    let why = world.fails("tester", 1, &args);
    assert!(why.contains("read-only"), "{why}");
    // The plan can be looked at all the same.
    world.ok("tester", &args[..4]);
    remount("rw");
    fs::remove_file(mount.at.join("filler")).unwrap();
    restore(&world, &staged, &[]);
    assert!(ids.iter().all(|id| mail(&world).contains_key(&("Agent-2".into(), id.clone(), false))));
}

#[test]
#[ignore = "needs strace: run tests/run"]
fn a_restore_that_cannot_be_finished_holds_up_no_other_mailbox_and_can_be_given_up_and_taken_back() {
    let world = World::new();
    let [two, three] = ["Agent-2", "Agent-3"].map(|to| world.send("Agent-1", to, "one"));
    let staged = stage(&world, "staged");
    world.ok("Agent-2", &["read", &two]);
    world.ok("Agent-3", &["read", &three]);
    let before = mail(&world);
    let args = ["snapshot", "restore", "--staged", staged.to_str().unwrap(), "--yes"];
    // Killed before the first message moves: the second rename wrote the phase down.
    let out = traced(&world, &["-e", "trace=renameat2", "-e", "inject=renameat2:signal=KILL:when=1"], "tester", &args);
    assert!(!out.status.success(), "{}", text(&out));
    let record = world.root.join(".cellphone/restore").join(&names(&world.root.join(".cellphone/restore"))[0]);
    // A plan that somebody wrote over leads nowhere.
    let plan = fs::read_to_string(record.join("plan.json")).unwrap();
    fs::write(record.join("plan.json"), plan.replace("inbox/cur/", "../../../")).unwrap();
    let why = world.fails("tester", 4, &["snapshot", "restore", "--resume"]);
    assert!(why.contains("no path of a root"), "{why}");
    fs::write(record.join("plan.json"), plan).unwrap();
    // One mailbox cannot be written to.
    let cur = world.folder("Agent-2", "inbox/cur");
    fs::rename(&cur, world.folder("Agent-2", "inbox/was")).unwrap();
    fs::write(&cur, "no folder").unwrap();
    let why = world.fails("tester", 4, &["snapshot", "restore", "--resume"]);
    assert!(why.contains("inbox/cur"), "{why}");
    assert!(mail(&world)[&("Agent-3".into(), three, false)][0].starts_with("inbox/new/"));
    world.ok("tester", &["snapshot", "restore", "--abandon"]);
    fs::remove_file(&cur).unwrap();
    fs::rename(world.folder("Agent-2", "inbox/was"), &cur).unwrap();
    world.ok("tester", &["snapshot", "restore", "--undo", "--yes"]);
    assert_eq!(mail(&world), before);
    assert_eq!(restore(&world, &staged, &[])["applied"], true);
}

/// A power cut takes whatever was not synced: what a restore reported done is
/// there, and what it was doing can be finished.
#[test]
#[ignore = "needs a loop device: run tests/run as root"]
fn a_restore_survives_a_power_cut_done_or_half_done() {
    let cut = c_program("power_cut", &[]);
    let (mount, _images) = ext4();
    let options = mount.options();
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let world = World::inside(&mount.at);
    let batch: String =
        (0..400).map(|n| format!("{{\"to\":[\"Agent-2\"],\"subject\":\"mail {n}\",\"body\":\"x\"}}\n")).collect();
    fs::write(world.home.join("batch"), batch).unwrap();
    world.ok("Agent-1", &["send", "--batch", world.home.join("batch").to_str().unwrap()]);
    let staged = stage(&world, "staged");
    let expected = mail(&world);
    let args = ["snapshot", "restore", "--staged", staged.to_str().unwrap(), "--yes"];
    let mut halves = 0;
    for round in 0..size(6, 30) {
        for name in world.mail("Agent-2", "inbox/new") {
            let seen = name.replace(".md", ",S.md");
            fs::rename(
                world.folder("Agent-2", "inbox/new").join(&name),
                world.folder("Agent-2", "inbox/cur").join(seen),
            )
            .unwrap();
        }
        assert!(Command::new("sync").status().unwrap().success());
        let records = world.root.join(".cellphone/restore");
        let before = names(&records).len();
        let mut child = world.acting("tester").args(args).stdout(std::process::Stdio::null()).spawn().unwrap();
        if round == 0 {
            assert!(child.wait().unwrap().success());
        } else {
            // While it copies, or while it exchanges.
            wait("it has begun", || {
                let part = if round % 3 == 1 { "in" } else { "out/agent_workspaces/Agent-2/inbox/cur" };
                names(&records).get(before).is_some_and(|id| !names(&records.join(id).join(part)).is_empty())
            });
        }
        let out = Command::new(&cut).arg(&mount.at).output().unwrap();
        assert!(out.status.success(), "{}", text(&out));
        let done = child.wait().unwrap().success();
        assert!(mount.unmount(), "the file system is still in use");
        mount.mount(&options);
        let now = mail(&world);
        if done {
            assert_eq!(now, expected, "round {round}: reported done, and not there after the cut");
        }
        if world.run("tester", &args).status.code() == Some(5) {
            halves += 1;
            world.ok("tester", &["snapshot", "restore", "--resume"]);
        }
        assert_eq!(mail(&world), expected, "round {round}");
    }
    assert!(halves > 0, "no cut fell into the exchange itself: nothing was proved");
}
