//! The daemon under load, stopped, without events, and beside an editor and
//! git: every event is a hint, the scan is the truth.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::harness::{PATIENCE, Running, World, feed, is_whole, long, names, size, text, wait, wait_for};

/// Puts a file into a folder as an editor with atomic save does: by rename.
pub fn drop_in(folder: &Path, name: &str, bytes: &[u8]) {
    let staging = folder.parent().unwrap().join(format!(".{name}.part"));
    fs::write(&staging, bytes).unwrap();
    fs::rename(&staging, folder.join(name)).unwrap();
}

/// Fault 12.
#[test]
fn mail_dropped_into_a_mailbox_that_was_created_a_moment_ago_is_noticed_every_time() {
    let world = World::new();
    let count = size(60, 300);
    let roster = world.root.join("config/agents.yaml");
    let entry = "  Agent-2:\n    role: agent\n";
    let fresh: String = (0..count).map(|n| format!("  Fresh-{n}:\n    role: agent\n")).collect();
    let old = fs::read_to_string(&roster).unwrap();
    fs::write(&roster, old.replace(entry, &format!("{entry}{fresh}"))).unwrap();
    let mut daemon = world.up();
    // The daemon makes the folders of everyone on the roster; these come into being while it watches.
    for n in 0..count {
        let home = world.root.join("agent_workspaces").join(format!("Fresh-{n}"));
        if home.exists() {
            // Moved away in one step: the daemon may be making folders in it.
            fs::rename(home, world.root.parent().unwrap().join(format!("gone-{n}"))).unwrap();
        }
    }
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for load in 0..2 {
            let (world, stop) = (&world, &stop);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    world.send("Agent-1", &format!("Agent-{}", 5 + load), "load");
                }
            });
        }
        for n in 0..count {
            let outbox = world.folder(&format!("Fresh-{n}"), "outbox");
            fs::create_dir_all(&outbox).unwrap();
            drop_in(&outbox, "note.md", format!("---\nto: Agent-8\nsubject: fresh {n}\n---\nbody\n").as_bytes());
        }
        let mut seen = 0;
        let patience = if long() { PATIENCE * 4 } else { PATIENCE * 2 };
        let end = std::time::Instant::now() + patience;
        while seen < count && std::time::Instant::now() < end {
            thread::sleep(Duration::from_millis(20)); // the interval of a poll
            seen = world.mail("Agent-8", "inbox/new").len();
        }
        stop.store(true, Ordering::Relaxed);
        assert_eq!(seen, count, "dropped and not noticed");
    });
    let mail = world.mail("Agent-8", "inbox/new");
    for n in 0..count {
        assert_eq!(mail.iter().filter(|m| m.contains(&format!("-fresh-{n}-"))).count(), 1, "fresh {n}");
    }
    assert!(daemon.alive());
}

/// Gives an agent the channel `command`: a script that notes each nudge.
pub fn ring_by_command(world: &World, agent: &str) -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let bell = world.root.parent().unwrap().join(format!("bell-{agent}"));
    let script = bell.with_extension("sh");
    fs::write(&script, format!("#!/bin/sh\ncat >> {}\n", bell.display())).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let path = world.root.join("config/agents.yaml");
    let old = fs::read_to_string(&path).unwrap();
    let entry = format!("  {agent}:\n    role: agent\n");
    assert!(old.contains(&entry), "{old}");
    let new = format!("{entry}    channels:\n      - kind: command\n        command: [{}]\n", script.display());
    fs::write(&path, old.replace(&entry, &new)).unwrap();
    world.ok("tester", &["trust", "--yes"]);
    bell
}

/// Fault 13.
#[test]
fn deliveries_while_the_daemon_is_stopped_are_all_found_and_ring_once() {
    let world = World::new();
    let bell = ring_by_command(&world, "Agent-2");
    let mut daemon = world.up();
    daemon.signal("STOP");
    let count = size(500, 20_000);
    let lines: String =
        (0..count).map(|n| format!("{{\"to\":[\"Agent-2\"],\"subject\":\"n {n}\",\"body\":\"b\"}}\n")).collect();
    let mut command = world.acting("Agent-1");
    command.args(["send", "--batch", "-"]);
    let out = feed(command, lines.as_bytes());
    assert!(out.status.success(), "{}", text(&out));
    assert_eq!(world.mail("Agent-2", "inbox/new").len(), count);
    assert!(!bell.exists(), "rang while it was stopped");
    daemon.signal("CONT");
    wait_for("the bell rings", PATIENCE * 2, || bell.exists());
    let rung = || fs::read_to_string(&bell).unwrap_or_default();
    wait_for("the notice counts all of them", PATIENCE * 2, || rung().contains(&count.to_string()));
    assert!(rung().lines().count() <= 2, "not coalesced: {}", rung());
    assert!(daemon.alive());
}

/// Fault 14.
#[test]
#[ignore = "needs user namespaces: run tests/run as root"]
fn without_watches_the_daemon_polls_and_says_so() {
    let world = World::new();
    let mut command = world.program("unshare");
    let up = "echo 0 > /proc/sys/user/max_inotify_instances && exec \"$@\"";
    command.args(["-Ur", "sh", "-c", up, "sh", crate::harness::BIN, "--root"]).arg(&world.root).arg("up");
    let log = world.root.parent().unwrap().join("polling.log");
    command.stderr(fs::File::create(&log).unwrap()).env("CELLPHONE_WATCH_POLL", "200ms");
    let mut daemon = Running::start(command);
    wait("the daemon answers", || {
        world.run("tester", &["--json", "status"]).status.success()
            && world.root.join(".cellphone/control.sock").exists()
    });
    drop_in(&world.folder("Agent-1", "outbox"), "note.md", b"---\nto: Agent-2\nsubject: polled\n---\nbody\n");
    wait("the poll finds it", || world.mail("Agent-2", "inbox/new").len() == 1);
    let status = world.ok("tester", &["status"]);
    assert!(status.contains("poll"), "{status}");
    let said = fs::read_to_string(log).unwrap() + &world.ok("tester", &["log"]);
    assert!(said.contains("poll"), "no visible warning: {said}");
    assert!(daemon.alive());
}

/// Fault 15, first part.
#[test]
#[ignore = "needs vim: run tests/run"]
fn what_vim_saves_in_an_outbox_is_sent_once_and_whole() {
    let world = World::new();
    let _daemon = world.up();
    for (n, backup) in
        ["set nowritebackup", "set writebackup backupcopy=no", "set writebackup backupcopy=yes", "set backup"]
            .iter()
            .enumerate()
    {
        let note = world.folder("Agent-1", "outbox").join(format!("note-{n}.md"));
        let mut vim = world.program("vim");
        vim.args(["-u", "NONE", "-i", "NONE", "-es", "-c", backup]);
        vim.arg("-c").arg(format!(
            "call setline(1, ['---', 'to: Agent-2', 'subject: vim {n}', '---'] + repeat(['line of text'], 5000))"
        ));
        vim.arg("-c").arg("wq!").arg(&note);
        let out = vim.output().expect("vim is needed: run tests/run");
        assert!(out.status.success(), "{}", text(&out));
        wait("the outbox is picked up", || !note.exists());
    }
    wait("all are delivered", || world.mail("Agent-2", "inbox/new").len() >= 4);
    let folder = world.folder("Agent-2", "inbox/new");
    let mail = world.mail("Agent-2", "inbox/new");
    assert_eq!(mail.len(), 4, "{mail:?}");
    for name in mail {
        assert!(is_whole(&folder.join(&name)));
        assert_eq!(fs::read_to_string(folder.join(&name)).unwrap().matches("line of text\n").count(), 5_000, "{name}");
    }
    assert_eq!(world.mail("Agent-1", "dead"), Vec::<String>::new());
}

#[test]
fn a_file_that_somebody_still_writes_is_not_picked_up() {
    use std::io::Write as _;
    let world = World::new();
    let _daemon = world.up();
    let path = world.folder("Agent-1", "outbox").join("slow.md");
    let mut file = fs::File::create(&path).unwrap();
    file.write_all(b"---\nto: Agent-2\nsubject: slow\n---\nfirst half\n").unwrap();
    // Another file, complete and later, is sent meanwhile: the daemon was at work here.
    drop_in(&world.folder("Agent-1", "outbox"), "quick.md", b"---\nto: Agent-3\nsubject: quick\n---\nbody\n");
    wait("the complete file is sent", || world.mail("Agent-3", "inbox/new").len() == 1);
    assert!(world.mail("Agent-2", "inbox/new").is_empty(), "picked up half-way");
    file.write_all(b"second half\n").unwrap();
    drop(file);
    wait("the file is sent once it is closed", || world.mail("Agent-2", "inbox/new").len() == 1);
    let folder = world.folder("Agent-2", "inbox/new");
    let text = fs::read_to_string(folder.join(&world.mail("Agent-2", "inbox/new")[0])).unwrap();
    assert!(text.ends_with("first half\nsecond half\n"), "{text}");
}

/// Fault 15, second part.
#[test]
fn git_in_a_running_root_takes_no_live_mail_and_the_daemon_lives() {
    let world = World::new();
    let git = |args: &[&str]| {
        let mut command = world.program("git");
        command.args(["-c", "user.name=t", "-c", "user.email=t@example.org"]).args(args).current_dir(&world.root);
        let out = command.output().unwrap();
        assert!(out.status.success(), "git {args:?}: {}", text(&out));
    };
    git(&["init", "-q", "-b", "main"]);
    git(&["add", "-A"]);
    git(&["commit", "-qm", "root"]);
    git(&["checkout", "-q", "--orphan", "empty"]);
    git(&["rm", "-rqf", "--cached", "."]);
    git(&["commit", "-q", "--allow-empty", "-m", "nothing"]);
    git(&["checkout", "-qf", "main"]);
    let mut daemon = world.up();
    let mut expected = Vec::new();
    let check = |expected: &mut Vec<String>, daemon: &mut Running, after: &str| {
        expected.push(world.send("Agent-1", "Agent-2", after));
        let have = world.mail("Agent-2", "inbox/new");
        for id in &*expected {
            assert!(have.iter().any(|n| n.contains(id.as_str())), "{after}: {id} is gone");
        }
        assert!(daemon.alive(), "{after}: {}", world.daemon_log());
        // Directories come back wherever met: the outbox is watched again.
        let outbox = world.folder("Agent-3", "outbox");
        wait("the directories come back", || outbox.is_dir());
        let before = world.mail("Agent-8", "inbox/new").len();
        drop_in(&outbox, "note.md", b"---\nto: Agent-8\nsubject: still here\n---\nbody\n");
        wait("the outbox is picked up", || world.mail("Agent-8", "inbox/new").len() > before);
    };
    check(&mut expected, &mut daemon, "before git");
    fs::write(world.root.join("config/own.txt"), "mine").unwrap();
    git(&["stash", "-q", "-u"]);
    check(&mut expected, &mut daemon, "after stash");
    git(&["checkout", "-qf", "empty"]);
    check(&mut expected, &mut daemon, "after checkout");
    git(&["clean", "-fdq"]);
    check(&mut expected, &mut daemon, "after clean on the empty branch");
    git(&["checkout", "-qf", "main"]);
    git(&["clean", "-fdq"]);
    check(&mut expected, &mut daemon, "after clean");
    git(&["reset", "-q", "--hard"]);
    check(&mut expected, &mut daemon, "after reset");
}

#[test]
fn an_outbox_note_without_front_matter_goes_to_the_folder_it_lies_in() {
    let world = World::new();
    let _daemon = world.up();
    let to = world.folder("Agent-1", "outbox").join("Agent-2");
    fs::create_dir_all(&to).unwrap();
    drop_in(&to, "hello there.md", b"Only a body.\n");
    wait("it is delivered", || world.mail("Agent-2", "inbox/new").len() == 1);
    let listed = world.inbox("Agent-2").remove(0);
    assert_eq!(listed["from"], "Agent-1");
    let read = world.json("Agent-2", &["read", listed["id"].as_str().unwrap()]);
    assert_eq!(read["body"].as_str().unwrap(), "Only a body.\n");
}

#[test]
fn a_file_that_claims_another_sender_is_dead_with_the_reason() {
    let world = World::new();
    let _daemon = world.up();
    drop_in(&world.folder("Agent-1", "outbox"), "spoof.md", b"---\nfrom: Agent-4\nto: Agent-2\n---\nobey\n");
    // The reason is written before the letter comes to lie beside it.
    wait("it is refused", || names(&world.folder("Agent-1", "dead")).iter().any(|n| n.ends_with(".md")));
    assert!(world.mail("Agent-2", "inbox/new").is_empty());
    let dead = world.json("Agent-1", &["dead", "list"]);
    assert!(dead[0]["reason"].as_str().unwrap().contains("Agent-4"), "{dead}");
}

#[test]
fn moving_a_file_reads_it_and_archives_it() {
    let world = World::new();
    let id = world.send("Agent-1", "Agent-2", "by hand");
    let name = world.mail("Agent-2", "inbox/new").remove(0);
    fs::rename(world.folder("Agent-2", "inbox/new").join(&name), world.folder("Agent-2", "inbox/cur").join(&name))
        .unwrap();
    let unread = world.json("Agent-2", &["inbox", "--unread"]);
    assert_eq!(unread.as_array().unwrap().len(), 0);
    let archive = world.folder("Agent-2", "archive");
    fs::create_dir_all(&archive).unwrap();
    fs::rename(world.folder("Agent-2", "inbox/cur").join(&name), archive.join(&name)).unwrap();
    assert!(world.inbox("Agent-2").is_empty());
    assert_eq!(world.json("Agent-2", &["read", "--peek", &id])["subject"], "by hand");
}

#[test]
fn a_second_daemon_is_refused_and_the_first_stops_gracefully() {
    let world = World::new();
    let mut first = world.up();
    let out = world.bare().arg("--root").arg(&world.root).arg("up").output().unwrap();
    assert!(!out.status.success(), "two daemons");
    assert!(first.alive());
    world.ok("tester", &["down"]);
    assert_eq!(first.code(), Some(0), "{}", world.daemon_log());
    // A dead one leaves nothing that hinders the next.
    let mut killed = world.up();
    killed.signal("KILL");
    killed.code();
    let mut next = world.up();
    next.signal("TERM");
    assert_eq!(next.code(), Some(0), "{}", world.daemon_log());
}

#[test]
fn a_broken_config_keeps_the_last_good_one_and_says_so() {
    let world = World::new();
    let mut daemon = world.up();
    let path = world.root.join("config/cellphone.yaml");
    let good = fs::read_to_string(&path).unwrap();
    fs::write(&path, "limits:\n  boddy: 1\n").unwrap();
    daemon.signal("HUP");
    wait("it says so", || world.daemon_log().contains("boddy"));
    assert!(daemon.alive());
    fs::write(&path, good).unwrap();
    daemon.signal("HUP");
    drop_in(&world.folder("Agent-1", "outbox"), "n.md", b"---\nto: Agent-2\nsubject: s\n---\nb\n");
    wait("mail goes on", || world.mail("Agent-2", "inbox/new").len() == 1);
}

#[test]
fn an_idle_daemon_uses_no_processor() {
    let world = World::new();
    for n in 0..42 {
        fs::create_dir_all(world.folder(&format!("More-{n}"), "inbox/new")).unwrap();
    }
    let daemon = world.up();
    // What it does when idle is told by what it did: no scan, and hardly a tick. The figure itself, over 60 s and with
    // a release build, is for benches/compare: beside other tests even a sleeping process is charged a tick now and then.
    let ticks = || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", daemon.pid())).unwrap();
        let after: Vec<u64> =
            stat.rsplit(") ").next().unwrap().split(' ').skip(11).take(2).map(|n| n.parse().unwrap()).collect();
        after[0] + after[1]
    };
    let scans = || world.json("Agent-1", &["status"])["daemon"]["scan"]["mailboxes"].as_u64().unwrap();
    // Start-up work ends first: the count stands still over a second.
    let mut last = ticks();
    wait("start-up ends", || {
        thread::sleep(Duration::from_secs(1)); // the measured span itself
        let now = ticks();
        std::mem::replace(&mut last, now) == now
    });
    let span = size(5, 60) as u64;
    let (before, scanned) = (ticks(), scans());
    thread::sleep(Duration::from_secs(span)); // the measured span itself
    let used = ticks() - before;
    assert_eq!(scans(), scanned, "an idle daemon scanned");
    assert!(used <= 2 * span, "{used} ticks of a hundredth in {span} s: over 2 % of a processor");
}
