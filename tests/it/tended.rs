//! What tending must not do: let one broken thing hold up the others, say a
//! thing twice, or lose what was promised.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use crate::crash::traced;
use crate::harness::{PATIENCE, Running, World, names, text, wait, wait_for};
use crate::reading::fill;

/// How often a word stands in the journal for a message.
fn events(world: &World, id: &str, word: &str) -> usize {
    let out = world.run("tester", &["--json", "trace", id]);
    let Ok(events) = serde_json::from_slice::<serde_json::Value>(&out.stdout) else { return 0 };
    events.as_array().unwrap().iter().filter(|e| e["event"] == word).count()
}

/// Sends a message that asks for a receipt by a deadline.
fn urgent(world: &World, to: &str, subject: &str, deadline: &str) -> String {
    let args = ["send", "--to", to, "-s", subject, "-m", "x", "--ack", "--deadline", deadline];
    world.json("Agent-1", &args)["id"].as_str().unwrap().to_owned()
}

/// The captain's notices that a deadline passed, about a subject.
fn told(world: &World, subject: &str) -> usize {
    let subject = format!("Deadline passed: {subject}");
    world.inbox("Agent-4").iter().filter(|m| m["subject"] == subject.as_str()).count()
}

fn next(world: &World, agent: &str) -> (String, String) {
    let claim = world.json(agent, &["next"]);
    (claim["id"].as_str().unwrap().to_owned(), claim["token"].as_str().unwrap().to_owned())
}

#[test]
fn one_mailbox_that_cannot_be_opened_holds_up_no_other() {
    let world = World::new();
    let home = world.folder("Agent-1", "");
    let aside = world.root.join("aside");
    fs::rename(&home, &aside).unwrap();
    symlink(&aside, home.to_str().unwrap().trim_end_matches('/')).unwrap();
    world.ok("Agent-5", &["send", "--to", "Agent-2", "-s", "short", "-m", "x", "--expires", "1s"]);
    world.ok("Agent-5", &["send", "--to", "Agent-3", "-s", "unread", "-m", "x", "--deadline", "1s"]);
    world.send("Agent-5", "Agent-6", "task");
    world.json("Agent-6", &["next", "--lease", "1s"]);
    let mut daemon = world.up();
    wait("mail expires", || world.mail("Agent-2", "dead").len() == 1);
    wait("a deadline is told", || told(&world, "unread") == 1);
    wait("a lease returns", || world.mail("Agent-6", "inbox/new").len() == 1);
    wait("and the broken one is named", || world.ok("tester", &["status"]).contains("mailbox of Agent-1"));
    assert!(daemon.alive());
}

#[test]
fn a_passed_deadline_is_told_once_and_recorded_once_whatever_became_of_the_mail() {
    let world = World::new();
    // Filed before a daemon ran, and dead.
    let filed = urgent(&world, "Agent-2", "filed", "1s");
    world.ok("Agent-2", &["archive", &filed]);
    let args = ["--ack", "--deadline", "1s", "--expires", "500ms"];
    world.ok("Agent-1", &[&["send", "--to", "Agent-3", "-s", "dead", "-m", "x"][..], &args].concat());
    let unread = urgent(&world, "Agent-5", "unread", "1s");
    let good = urgent(&world, "Agent-2", "good", "1s");
    world.ok("Agent-2", &["ack", &good]);
    world.ok("Agent-2", &["archive", &good]);
    let mut daemon = world.up();
    for subject in ["filed", "dead", "unread"] {
        wait("the captain is told", || told(&world, subject) == 1);
    }
    // Filed while it runs.
    let later = urgent(&world, "Agent-6", "later", "3s");
    wait("it is scanned", || {
        let status = world.json("tester", &["status"]);
        let windows = status["daemon"]["windows"].as_array().cloned().unwrap_or_default();
        windows.iter().any(|w| w["agent"] == "Agent-6" && w["unread"] == 1)
    });
    world.ok("Agent-6", &["archive", &later]);
    wait("of what was filed meanwhile, too", || told(&world, "later") == 1);
    daemon.signal("TERM");
    assert_eq!(daemon.code(), Some(0));
    let _again = world.up();
    let mark = urgent(&world, "Agent-7", "mark", "1s");
    wait("the second daemon tells", || told(&world, "mark") == 1);
    for id in [&filed, &unread, &later, &mark] {
        assert_eq!(events(&world, id, "escalated"), 1);
    }
    assert_eq!((told(&world, "good"), told(&world, "filed"), told(&world, "dead")), (0, 1, 1));
}

#[test]
fn without_keys_and_journal_a_message_is_still_acknowledged_once() {
    let world = World::new();
    let id = urgent(&world, "Agent-2", "sign", "1s");
    world.ok("Agent-2", &["ack", &id]);
    for cache in ["keys", "journal"] {
        fs::remove_dir_all(world.root.join(".cellphone").join(cache)).unwrap();
    }
    world.ok("Agent-2", &["ack", &id]);
    assert_eq!(world.mail("Agent-1", "inbox/new").len(), 1);
    fs::remove_dir_all(world.root.join(".cellphone/journal")).unwrap();
    let _daemon = world.up();
    urgent(&world, "Agent-3", "mark", "1s");
    wait("deadlines are told", || told(&world, "mark") == 1);
    assert_eq!(told(&world, "sign"), 0, "the receipt in sent/ is the proof");
}

#[test]
fn a_receipt_is_owed_to_a_full_mailbox_and_at_the_end_of_a_chain() {
    let world = World::new();
    world.set("hops", "0");
    let id = world.json("Agent-1", &["send", "--to", "Agent-2", "-s", "task", "-m", "x", "--ack"])["id"].clone();
    world.send("Agent-3", "Agent-1", "fills it");
    world.set("depth", "1");
    world.fails("Agent-2", 5, &["send", "--to", "Agent-1", "-s", "no", "-m", "x"]);
    let (claimed, token) = next(&world, "Agent-2");
    assert_eq!(claimed, id.as_str().unwrap());
    world.ok("Agent-2", &["done", &claimed, "--token", &token]);
    let receipts = world.inbox("Agent-1").into_iter().filter(|m| m["kind"] == "receipt").count();
    assert_eq!(receipts, 1);
    assert_eq!(world.mail("Agent-2", "inbox/claimed"), [""; 0]);
}

#[test]
#[ignore = "needs strace: run tests/run"]
fn a_done_whose_receipt_cannot_be_sent_is_not_done_and_works_the_second_time() {
    let world = World::new();
    world.ok("Agent-1", &["send", "--to", "Agent-2", "-s", "task", "-m", "x", "--ack"]);
    let (id, token) = next(&world, "Agent-2");
    let args = ["done", id.as_str(), "--token", token.as_str()];
    let out = traced(&world, &["-e", "trace=fsync", "-e", "inject=fsync:error=EIO:when=1"], "Agent-2", &args);
    assert_eq!(out.status.code(), Some(1), "{}", text(&out));
    assert!(text(&out).contains("is not done"), "{}", text(&out));
    assert_eq!(world.mail("Agent-2", "inbox/claimed").len(), 1);
    world.ok("Agent-2", &args);
    assert_eq!(world.mail("Agent-1", "inbox/new").len(), 1);
    assert!(world.mail("Agent-2", "inbox/claimed").is_empty());
}

#[test]
fn what_is_under_a_live_lease_is_archived_by_its_token_alone() {
    let world = World::new();
    world.send("Agent-1", "Agent-2", "task");
    let (id, token) = next(&world, "Agent-2");
    let said = world.fails("Agent-2", 5, &["archive", &id]);
    assert!(said.contains("cellphone done") && said.contains("--token"), "{said}");
    world.ok("Agent-2", &["done", &id, "--token", &token]);
}

#[test]
#[ignore = "needs strace: run tests/run"]
fn mail_that_the_disk_fails_to_read_is_not_buried() {
    let world = World::new();
    let bad = world.send("Agent-1", "Agent-2", "bad sector");
    let file = world.folder("Agent-2", "inbox/new").join(&world.mail("Agent-2", "inbox/new")[0]);
    let failing = ["-P", file.to_str().unwrap(), "-e", "trace=read", "-e", "inject=read:error=EIO"];
    let out = traced(&world, &failing, "Agent-2", &["next"]);
    assert_eq!(out.status.code(), Some(1), "{}", text(&out));
    assert_eq!((world.mail("Agent-2", "inbox/new").len(), world.mail("Agent-2", "dead").len()), (1, 0));
    let good = world.send("Agent-1", "Agent-2", "good");
    let out = traced(&world, &failing, "Agent-2", &["--json", "next"]);
    assert!(out.status.success() && text(&out).contains(&good), "others wait behind it: {}", text(&out));
    assert_eq!(next(&world, "Agent-2").0, bad);
}

#[test]
#[ignore = "needs strace: run tests/run"]
fn a_plain_mv_under_a_claim_leaves_the_next_mail_to_it() {
    let world = World::new();
    let first = world.send("Agent-1", "Agent-2", "first");
    let second = world.send("Agent-1", "Agent-2", "second");
    let new = world.folder("Agent-2", "inbox/new");
    let file = world.mail("Agent-2", "inbox/new")[0].clone();
    let options = ["-e", "trace=renameat2", "-e", "inject=renameat2:delay_enter=2s:when=1"];
    std::thread::scope(|scope| {
        let claim = scope.spawn(|| traced(&world, &options, "Agent-2", &["--json", "next"]));
        let lease = world.folder("Agent-2", "inbox/claimed").join(format!("{first}.lease"));
        wait("the claim is about to be made", || lease.exists());
        fs::rename(new.join(&file), world.folder("Agent-2", "inbox/cur").join(&file)).unwrap();
        let out = claim.join().unwrap();
        assert!(out.status.success() && text(&out).contains(&second), "{}", text(&out));
        assert!(!lease.exists());
    });
}

/// Folders that an inotify instance of the process watches.
fn watches(pid: u32) -> usize {
    let infos = names(format!("/proc/{pid}/fdinfo").as_ref());
    let read = |fd: &String| fs::read_to_string(format!("/proc/{pid}/fdinfo/{fd}")).unwrap_or_default();
    infos.iter().map(|fd| read(fd).lines().filter(|l| l.starts_with("inotify wd")).count()).sum()
}

#[test]
fn wait_hears_of_mail_when_its_folders_were_replaced() {
    for replaced in ["inbox/new", "inbox", ""] {
        let world = World::new();
        let mut command = world.acting("Agent-2");
        command.args(["wait", "--timeout", "60s"]);
        let mut waiting = Running::start(command);
        wait("it watches", || watches(waiting.pid()) == 3);
        let folder = world.folder("Agent-2", replaced);
        fs::rename(&folder, world.root.join("aside")).unwrap();
        fs::create_dir_all(world.folder("Agent-2", "inbox/new")).unwrap();
        // No hint of the delivery itself reaches the old watches.
        world.send("Agent-1", "Agent-2", "ring");
        assert_eq!(waiting.code(), Some(0), "{replaced:?}");
    }
}

/// Kills a send at a system call; gives its message's files in `new/`.
fn killed(world: &World, at: &str, to: &str) -> Vec<String> {
    let call = at.split(':').next().unwrap();
    let inject = format!("inject={at}");
    let args = ["send", "--to", to, "-s", "killed", "-m", "x"];
    let out = traced(world, &["-e", &format!("trace={call}"), "-e", &inject], "Agent-1", &args);
    assert!(!out.status.success(), "{}", text(&out));
    world.mail("Agent-2", "inbox/new")
}

#[test]
#[ignore = "needs strace: run tests/run"]
fn what_a_killed_send_left_out_is_restored_wherever_the_mail_is() {
    let world = World::new();
    let id_of = |name: &str| name[name.len() - 29..name.len() - 3].to_owned();
    let sent = || world.mail("Agent-1", &format!("sent/{}", names(&world.folder("Agent-1", "sent"))[0]));
    // One whose copy its sender filed away, which is to stay so.
    world.send("Agent-1", "Agent-2", "filed");
    let day = names(&world.folder("Agent-1", "sent"))[0].clone();
    let filed = sent()[0].clone();
    fs::create_dir_all(world.folder("Agent-1", &format!("archive/{day}"))).unwrap();
    fs::rename(
        world.folder("Agent-1", &format!("sent/{day}")).join(&filed),
        world.folder("Agent-1", &format!("archive/{day}")).join(&filed),
    )
    .unwrap();
    // The second sync is that of `new/`: the message is visible then.
    let mut left = Vec::new();
    for place in ["cur", "archive"] {
        let name = killed(&world, "fsync:signal=KILL:when=2", "Agent-2").pop().unwrap();
        let id = id_of(&name);
        assert!(name.contains("-killed-") && sent().is_empty() && events(&world, &id, "delivered") == 0);
        let word = if place == "cur" { "read" } else { "archive" };
        world.ok("Agent-2", &[word, &id]);
        left.push(id);
    }
    let daemon = world.up();
    let name = killed(&world, "fsync:signal=KILL:when=2", "Agent-2").pop().unwrap();
    left.push(id_of(&name));
    for id in &left {
        wait_for("its lines are restored", PATIENCE * 2, || {
            events(&world, id, "delivered") == 1 && events(&world, id, "accepted") == 1
        });
        assert!(sent().iter().any(|name| name.contains(id)), "{id} has no copy in sent/");
    }
    drop(daemon);
    assert_eq!(sent().len(), 3, "a copy was made of what was filed away");
    let other = world.send("Agent-1", "Agent-2", "whole");
    assert_eq!((events(&world, &other, "accepted"), events(&world, &other, "delivered")), (1, 1));
}

#[test]
#[ignore = "needs strace: run tests/run"]
fn a_bad_entry_in_the_spool_holds_up_no_letter_behind_it() {
    let world = World::new();
    let spool = world.root.join(".cellphone/spool");
    fs::create_dir_all(spool.join("0000.spool")).unwrap();
    symlink("/dev/null", spool.join("0001.spool")).unwrap();
    killed(&world, "syncfs:signal=KILL:when=1", "Agent-2,Agent-3,Agent-5");
    assert!(world.mail("Agent-2", "inbox/new").is_empty());
    world.send("Agent-6", "Agent-7", "next");
    for agent in ["Agent-2", "Agent-3", "Agent-5"] {
        assert_eq!(world.mail(agent, "inbox/new").len(), 1, "{agent}");
    }
    let said = text(&world.run("tester", &["doctor"]));
    assert!(said.contains("0000.spool") && said.contains("0001.spool"), "{said}");
    let _daemon = world.up();
    wait("it is named", || world.ok("tester", &["status"]).contains("0000.spool"));
}

#[test]
fn retention_does_what_it_can_says_what_it_did_and_asks_who_may() {
    let world = World::new();
    let ids = fill(&world, "Agent-2", "inbox/cur", 2);
    world.set("archive_after", "1s");
    let plan = world.json("Agent-1", &["retention", "plan"]);
    assert_eq!(plan.as_array().unwrap().len(), 2, "{plan}");
    world.fails("Agent-1", 4, &["retention", "apply", "--yes"]);
    // The first one's name is taken in the archive.
    let file = world.mail("Agent-2", "inbox/cur")[0].clone();
    let day = format!("archive/{}-{}-{}", &file[..4], &file[4..6], &file[6..8]);
    fs::create_dir_all(world.folder("Agent-2", &day)).unwrap();
    let taken = world.folder("Agent-2", &day).join(file.replace(".md", ",S.md"));
    fs::copy(world.folder("Agent-2", "inbox/cur").join(&file), &taken).unwrap();
    let said = world.fails("tester", 1, &["retention", "apply", "--yes"]);
    assert!(said.contains(&file), "{said}");
    assert_eq!(world.mail("Agent-2", "inbox/cur"), [file]);
    assert_eq!([events(&world, &ids[0], "archived"), events(&world, &ids[1], "archived")], [0, 1]);
    fs::remove_file(taken).unwrap();
    world.ok("Agent-4", &["retention", "apply", "--yes"]);
    assert_eq!(world.mail("Agent-2", &day).len(), 2);
    world.set("max_bytes", "1");
    world.ok("tester", &["retention", "apply", "--yes"]);
    assert!(world.mail("Agent-2", &day).is_empty());
    assert_eq!((events(&world, &ids[0], "deleted"), events(&world, &ids[0], "archived")), (1, 1));
}

#[test]
fn what_changed_is_approved_only_by_who_may() {
    let world = World::new();
    let roles = world.root.join("config/roles.yaml");
    let more = fs::read_to_string(&roles)
        .unwrap()
        .replace("agent:    {max_priority: normal", "agent:    {max_priority: critical");
    fs::write(&roles, more).unwrap();
    let said = world.fails("Agent-1", 4, &["trust", "--yes"]);
    assert!(said.contains("Agent-1 is agent"), "{said}");
    let status = |world: &World| world.json("Agent-1", &["trust"]).to_string();
    assert!(status(&world).contains("\"changed\""));
    world.ok("Agent-4", &["trust", "--yes"]);
    assert!(!status(&world).contains("\"changed\""));
}

/// Mounted for the time of a test.
struct Over(std::path::PathBuf);

impl Drop for Over {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

#[test]
#[ignore = "needs strace, and mounts a tmpfs: run tests/run as root"]
fn each_file_system_has_its_barrier_and_new_folders_are_synced_into_their_parents() {
    let world = World::new();
    let far = world.folder("Agent-3", "");
    let out = Command::new("mount").args(["-t", "tmpfs", "tmpfs"]).arg(&far).output().unwrap();
    assert!(out.status.success(), "{}", text(&out));
    let _over = Over(far);
    let log = world.root.join(".cellphone/trace.txt");
    let options = ["-y", "-e", "trace=syncfs,fsync", "-o", log.to_str().unwrap()];
    let out = traced(&world, &options, "Agent-1", &["send", "--to", "Agent-2,Agent-3", "-s", "both", "-m", "x"]);
    assert!(out.status.success(), "{}", text(&out));
    let trace = fs::read_to_string(&log).unwrap();
    let calls = |call: &str, path: &str| trace.lines().filter(|l| l.contains(call) && l.contains(path)).count();
    assert_eq!((calls("syncfs(", "Agent-2/inbox"), calls("syncfs(", "Agent-3/inbox")), (1, 1), "{trace}");
    // The mount had none of the folders.
    assert!(calls("fsync(", "Agent-3>") == 1 && calls("fsync(", "Agent-3/inbox>") >= 2, "{trace}");
    assert_eq!(calls("fsync(", "Agent-2/inbox>"), 0, "{trace}");
}
