//! What the daemon and `doctor` do for mailboxes without being asked.

use std::fs;
use std::path::Path;

use super::harness::{PATIENCE, World, size, wait, wait_for};

/// As an editor does: written beside, renamed into place.
fn drop_in(folder: &Path, name: &str, bytes: &[u8]) {
    let beside = folder.with_file_name(format!(".{name}"));
    fs::write(&beside, bytes).unwrap();
    fs::rename(beside, folder.join(name)).unwrap();
}

/// A folder is a mailbox once the roster names it, for what goes as for what comes.
#[test]
fn a_folder_that_is_on_no_roster_waits_until_it_is() {
    let world = World::new();
    let mut daemon = world.up();
    let outbox = world.folder("Stranger", "outbox");
    fs::create_dir_all(&outbox).unwrap();
    fs::create_dir_all(world.folder("Stranger", "inbox/new")).unwrap();
    drop_in(&outbox, "note.md", b"---\nto: Agent-1\nsubject: from outside\n---\nbody\n");
    // Later than the stranger's, and by the same way: once it is there, the other was passed over.
    drop_in(&world.folder("Agent-2", "outbox"), "note.md", b"---\nto: Agent-1\nsubject: from inside\n---\nbody\n");
    wait("mail of somebody on the roster is sent", || world.mail("Agent-1", "inbox/new").len() == 1);
    assert!(outbox.join("note.md").exists());
    let out = world.run("tester", &["doctor"]);
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(said.contains("Stranger is not on the roster") && said.contains("cellphone agents add Stranger"), "{said}");
    assert!(world.fails("Agent-1", 3, &["send", "--to", "Stranger", "-s", "x", "-m", "y"]).contains("Stranger"));

    world.ok("tester", &["agents", "add", "Stranger"]);
    wait("what lay in the outbox is sent", || world.mail("Agent-1", "inbox/new").len() == 2);
    world.send("Agent-1", "Stranger", "welcome");
    let unread = |world: &World| {
        let status = world.json("tester", &["status"]);
        let windows = status["daemon"]["windows"].as_array().cloned().unwrap_or_default();
        windows.iter().any(|w| w["agent"] == "Stranger" && w["unread"] == 1)
    };
    wait("its inbox is scanned", || unread(&world));
    assert!(daemon.alive());
}

/// What a crash took from the journal is restored at the daemon's start, and
/// the journal is read line by line for it.
#[test]
fn a_large_journal_costs_no_memory_at_the_start() {
    let peak = |world: &World| {
        let mut daemon = world.up();
        let restored = |world: &World| world.ok("tester", &["log", "-n", "50", "--json"]).contains("\"restored\"");
        wait_for("the missing line is restored", PATIENCE * 4, || restored(world));
        let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
        let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap().to_owned();
        assert!(daemon.alive());
        line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() / 1024
    };
    let with_journal = |megabytes: usize| {
        let world = World::new();
        world.send("Agent-1", "Agent-2", "lies unread");
        let journal = world.root.join(".cellphone/journal");
        fs::remove_file(journal.join("journal.jsonl")).unwrap();
        let mut seq = 0;
        for segment in 1..=megabytes.div_ceil(32) {
            let mut lines = String::new();
            while lines.len() < 32 * 1024 * 1024.min(megabytes * 1024 * 1024) {
                seq += 1;
                lines += &format!(
                    "{{\"seq\":{seq},\"at\":\"2026-11-01T00:00:00Z\",\"event\":\"delivered\",\"id\":\"01K3ZJ9Q6T8V4B2M{seq:010}\",\"agent\":\"Agent-{}\",\"detail\":{{}},\"prev\":\"{:064}\",\"hash\":\"{:064}\"}}\n",
                    seq % 8,
                    seq,
                    seq
                );
            }
            fs::write(journal.join(format!("journal-{:012}.jsonl", segment * 1_000_000)), lines).unwrap();
        }
        peak(&world)
    };
    let (small, large) = (with_journal(0), with_journal(size(64, 1024)));
    assert!(large < small + 12, "{large} MiB at most with a large journal, {small} MiB with none");
}
