//! Snapshots when things happen: mail arrives, is flagged, archived and moved
//! by hand; the process is killed; the disk is full.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::crash::Mount;
use crate::harness::{World, feed, is_whole, names, size, text};
use crate::snapshot::{ids_below, ok, protected, repository, restic};

/// Sends many at once, each to one or to both.
fn batch(world: &World, from: &str, count: usize, acknowledged: &Mutex<BTreeMap<String, Vec<&'static str>>>) {
    let mut lines = String::new();
    for n in 0..count {
        let to = if n % 5 == 0 { r#"["Agent-2","Agent-3"]"# } else { r#"["Agent-2"]"# };
        lines += &format!("{{\"to\":{to},\"subject\":\"message {n}\",\"body\":\"A body, of number {n}.\\n\"}}\n");
    }
    let mut command = world.acting(from);
    command.args(["--json", "send", "--batch", "-"]);
    let out = feed(command, lines.as_bytes());
    assert!(out.status.success(), "{}", text(&out));
    let mut all = acknowledged.lock().unwrap();
    for line in String::from_utf8(out.stdout).unwrap().lines() {
        let sent: serde_json::Value = serde_json::from_str(line).unwrap();
        let sent = if sent.is_array() { sent.as_array().unwrap().clone() } else { vec![sent] };
        for one in sent {
            let Some(id) = one["id"].as_str() else { continue };
            let to = one["delivered"].as_array().unwrap().len();
            all.insert(id.to_owned(), if to > 1 { vec!["Agent-2", "Agent-3"] } else { vec!["Agent-2"] });
        }
    }
}

/// Moves mail on by hand, as `mv` does: read, flagged, filed.
fn move_by_hand(world: &World, agent: &str, stop: &AtomicBool, moved: &AtomicUsize) {
    let at = |folder: &str| world.folder(agent, folder);
    fs::create_dir_all(at("archive/2026-11-24")).unwrap();
    let mut n = 0_usize;
    while !stop.load(Ordering::Relaxed) {
        for name in names(&at("inbox/new")).into_iter().filter(|n| n.ends_with(".md")).take(40) {
            let seen = name.replace(".md", ",S.md");
            moved.fetch_add(
                usize::from(fs::rename(at("inbox/new").join(&name), at("inbox/cur").join(seen)).is_ok()),
                Ordering::Relaxed,
            );
        }
        for name in names(&at("inbox/cur")).into_iter().filter(|n| n.ends_with(".md")).take(60) {
            n += 1;
            let plain = name.split(',').next().unwrap().trim_end_matches(".md").to_owned();
            let (to, new) = match n % 4 {
                0 => ("archive/2026-11-24", format!("{plain},S.md")),
                1 => ("inbox/cur", format!("{plain},FS.md")),
                2 => ("inbox/cur", format!("{plain},RS.md")),
                // Back, which a scan in the order of life would miss.
                _ => ("inbox/new", format!("{plain}.md")),
            };
            if !at(to).join(&new).exists() {
                let _ = fs::rename(at("inbox/cur").join(&name), at(to).join(new));
            }
        }
    }
}

fn spooled(root: &Path, id: &str) -> bool {
    names(&root.join(".cellphone/spool")).iter().any(|n| n.contains(id))
}

#[test]
fn every_message_acknowledged_before_is_in_it_once_and_whole_whatever_moves_meanwhile() {
    let world = World::new();
    let acknowledged = Mutex::new(BTreeMap::new());
    batch(&world, "Agent-1", size(3_000, 20_000), &acknowledged);
    let (stop, moved) = (AtomicBool::new(false), AtomicUsize::new(0));
    let rounds = size(6, 30);
    let kept = tempfile::tempdir().unwrap();
    thread::scope(|scope| {
        for from in ["Agent-1", "Agent-4"] {
            scope.spawn(|| {
                // Bounded, so that what is restored and judged each round does not grow without end.
                for _ in 0..size(60, 2_000) {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    batch(&world, from, 40, &acknowledged);
                }
            });
        }
        scope.spawn(|| move_by_hand(&world, "Agent-2", &stop, &moved));
        // Our own moves, under the lock.
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let _ = world.run("Agent-3", &["next", "--lease", "10m"]);
                for name in world.mail("Agent-3", "inbox/new").into_iter().take(3) {
                    let id = name.trim_end_matches(".md").rsplit('-').next().unwrap().to_owned();
                    let _ = world.run("Agent-3", &["archive", &id]);
                }
            }
        });
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for round in 0..rounds {
                let before = acknowledged.lock().unwrap().clone();
                let kind = ["--full", "--differential"][round % 2];
                let taken = world.json("Agent-1", &["snapshot", "create", kind]);
                assert_eq!(taken["gone"], 0, "nothing was deleted: {taken}");
                let place = kept.path().join(round.to_string());
                world.ok("tester", &["snapshot", "restore", "--target", place.to_str().unwrap()]);
                judge(&place, &before, round);
            }
        }));
        stop.store(true, Ordering::Relaxed);
        result.unwrap();
    });
    assert!(moved.load(Ordering::Relaxed) > 100, "the storm moved {moved:?} only");
}

fn judge(place: &Path, before: &BTreeMap<String, Vec<&'static str>>, round: usize) {
    let found = ids_below(place);
    let mut faults = Vec::new();
    for (id, recipients) in before {
        for agent in recipients {
            let home = place.join("agent_workspaces").join(agent);
            let copies: Vec<&PathBuf> = found.get(id).into_iter().flatten().filter(|p| p.starts_with(&home)).collect();
            match copies.len() {
                1 if is_whole(copies[0]) => {}
                1 => faults.push(format!("{id} is not whole in {}", copies[0].display())),
                0 if spooled(place, id) => {}
                n => faults.push(format!("{id} is {n} times with {agent}: {copies:?}")),
            }
        }
    }
    assert!(
        faults.is_empty(),
        "round {round}, {} acknowledged, {} faults: {:#?}",
        before.len(),
        faults.len(),
        &faults[..faults.len().min(5)]
    );
}

/// Fault 21.
#[test]
fn killed_at_any_moment_of_a_snapshot_the_repository_is_whole_and_the_next_one_completes() {
    let world = World::new();
    let acknowledged = Mutex::new(BTreeMap::new());
    batch(&world, "Agent-1", 500, &acknowledged);
    let repo = repository(&world);
    let first = protected(&world.root);
    batch(&world, "Agent-1", size(2_000, 20_000), &acknowledged);
    let mut finished = 0;
    for n in 0..size(12, 60) {
        let mut command = world.acting("Agent-1");
        command.args(["snapshot", "create", "--full"]).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        // Moments spread over the work, not a wait for something.
        let until = Instant::now() + Duration::from_millis(3 + 9 * n as u64);
        while Instant::now() < until && child.try_wait().unwrap().is_none() {
            thread::sleep(Duration::from_micros(200));
        }
        let _ = child.kill();
        finished += usize::from(child.wait().unwrap().success());
        if n % 4 == 3 {
            batch(&world, "Agent-1", 50, &acknowledged);
        }
        world.ok("Agent-1", &["snapshot", "check", "--read-data"]);
    }
    assert!(finished < size(12, 60), "none was killed");
    let place = tempfile::tempdir().unwrap();
    let at = |n: &str| place.path().join(n).to_str().unwrap().to_owned();
    world.ok("Agent-1", &["snapshot", "create"]);
    world.ok("tester", &["snapshot", "restore", "--target", &at("new")]);
    assert_eq!(protected(Path::new(&at("new"))), protected(&world.root));
    let list = world.json("Agent-1", &["snapshot", "list"]);
    world.ok("tester", &["snapshot", "restore", &list[0]["id"].as_str().unwrap()[..10], "--target", &at("old")]);
    assert_eq!(protected(Path::new(&at("old"))), first);
    if std::process::Command::new("restic").arg("version").output().is_ok() {
        ok(restic(&world, &repo, &["check", "--read-data"]));
    }
}

#[test]
fn ctrl_c_ends_a_snapshot_with_nothing_recorded() {
    let world = World::new();
    let acknowledged = Mutex::new(BTreeMap::new());
    batch(&world, "Agent-1", 5_000, &acknowledged);
    repository(&world);
    let mut command = world.acting("Agent-1");
    command.args(["snapshot", "create", "--full"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    thread::sleep(Duration::from_millis(40));
    let _ = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    let out = child.wait_with_output().unwrap();
    let count = world.json("Agent-1", &["snapshot", "list"]).as_array().unwrap().len();
    // Quick machines are done before the signal comes.
    assert_eq!(count, if out.status.success() { 2 } else { 1 }, "{}", text(&out));
    world.ok("Agent-1", &["snapshot", "check", "--read-data"]);
}

#[test]
#[ignore = "needs a tmpfs of its own: run tests/run as root"]
fn a_full_disk_ends_a_snapshot_and_a_restore_in_an_error_and_loses_nothing() {
    let world = World::new();
    let small = Mount::new(&["-t", "tmpfs", "-o", "size=2m", "tmpfs"]);
    let repo = small.at.join("repo");
    world.ok("tester", &["config", "set", "snapshot.repositories", repo.to_str().unwrap()]);
    world.send("Agent-1", "Agent-2", "hello");
    world.ok("tester", &["snapshot", "create"]);
    let first = protected(&world.root);
    let notes = world.folder("Agent-2", "notes");
    fs::create_dir_all(&notes).unwrap();
    let mut state = 1_u64;
    let noise: Vec<u8> = (0..6_000_000)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .collect();
    fs::write(notes.join("noise"), &noise).unwrap();
    let said = world.fails("tester", 1, &["snapshot", "create"]);
    assert!(said.to_lowercase().contains("space"), "{said}");
    assert_eq!(world.json("tester", &["snapshot", "list"]).as_array().unwrap().len(), 1);
    world.ok("tester", &["snapshot", "check", "--read-data"]);
    let target = tempfile::tempdir().unwrap();
    let place = target.path().join("x");
    world.ok("tester", &["snapshot", "restore", "--target", place.to_str().unwrap()]);
    assert_eq!(protected(&place), first);
    // With room the next one completes; restored to a disk that is full, it says so.
    small.mount(&["-o", "remount,size=64m"]);
    world.ok("tester", &["snapshot", "create"]);
    let tight = Mount::new(&["-t", "tmpfs", "-o", "size=1m", "tmpfs"]);
    let said = world.fails("tester", 1, &["snapshot", "restore", "--target", tight.at.join("x").to_str().unwrap()]);
    assert!(said.to_lowercase().contains("space"), "{said}");
    world.ok("tester", &["snapshot", "check", "--read-data"]);
}
