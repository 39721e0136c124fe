//! Delivery when something breaks: a kill at every system call, a power cut,
//! a failing disk, a full one. What was acknowledged is there; what was not
//! is absent or whole.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::harness::{BIN, World, c_program, is_whole, text, wait};

/// Runs `args` as `agent` under strace with these options.
pub fn traced(world: &World, options: &[&str], agent: &str, args: &[&str]) -> Output {
    let mut command = world.program("strace");
    // A profile written by the dying program would be more system calls, not ours.
    command.env("LLVM_PROFILE_FILE", "/dev/null").args(["-f", "-o", "/dev/null"]).args(options).arg(BIN);
    command.arg("--root").arg(&world.root).args(["--as", agent]).args(args);
    command.output().expect("strace is needed: run tests/run")
}

/// System calls that `args` makes, with how often each.
fn calls(world: &World, args: &[&str]) -> Vec<(String, usize)> {
    let log = world.root.join(".cellphone/trace.txt");
    let out = traced(world, &["-qq", "-o", log.to_str().unwrap()], "Agent-1", args);
    assert!(out.status.success(), "{}", text(&out));
    let trace = fs::read_to_string(&log).unwrap();
    fs::remove_file(log).unwrap();
    let mut found: Vec<(String, usize)> = Vec::new();
    for line in trace.lines() {
        let call = line.split_whitespace().nth(1).unwrap_or("").split('(').next().unwrap_or("");
        if call.is_empty() || !call.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') {
            continue;
        }
        match found.iter_mut().find(|(name, _)| name == call) {
            Some((_, count)) => *count += 1,
            None => found.push((call.to_owned(), 1)),
        }
    }
    assert!(
        found.iter().any(|(name, _)| name == "fsync" || name == "fdatasync"),
        "a send that does not sync: {found:?}"
    );
    found
}

/// Calls after which nothing on the disk can differ from the call before.
fn is_memory(call: &str) -> bool {
    [
        "brk",
        "mmap",
        "munmap",
        "mprotect",
        "madvise",
        "rt_sig",
        "sigaltstack",
        "arch_prctl",
        "set_",
        "rseq",
        "prlimit",
        "getrandom",
        "futex",
        "exec",
        "poll",
        "sched_",
        "exit",
    ]
    .iter()
    .any(|prefix| call.starts_with(prefix))
}

fn with_subject(world: &World, agent: &str, slug: &str) -> Vec<PathBuf> {
    let folder = world.folder(agent, "inbox/new");
    world.mail(agent, "inbox/new").iter().filter(|n| n.contains(&format!("-{slug}-"))).map(|n| folder.join(n)).collect()
}

/// Fault 1.
#[test]
#[ignore = "needs strace: run tests/run"]
fn a_send_killed_at_any_system_call_leaves_nothing_or_one_whole_message() {
    let world = World::new();
    let mut kills = 0;
    for (call, count) in calls(&world, &["send", "--to", "Agent-2", "-s", "probe", "-m", "x"]) {
        for n in (1..=count).filter(|_| !is_memory(&call)) {
            let slug = format!("kill-{}-{n}", call.replace('_', "-"));
            let inject = format!("inject={call}:signal=KILL:when={n}");
            let options = ["-e", &format!("trace={call}"), "-e", &inject];
            let out =
                traced(&world, &options, "Agent-1", &["--json", "send", "--to", "Agent-2", "-s", &slug, "-m", "body"]);
            let found = with_subject(&world, "Agent-2", &slug);
            assert!(found.len() <= 1, "{call} {n}: {found:?}");
            assert!(found.iter().all(|f| is_whole(f)), "{call} {n}: a torn message");
            let acknowledged = String::from_utf8_lossy(&out.stdout).contains("\"id\"");
            assert!(!acknowledged || found.len() == 1, "{call} {n}: acknowledged and absent");
            kills += usize::from(!out.status.success());
        }
    }
    assert!(kills >= 20, "only {kills} kills: the injection does not work here");
    // The wreckage of all those hinders nobody.
    world.send("Agent-1", "Agent-2", "afterwards");
    assert_eq!(with_subject(&world, "Agent-2", "afterwards").len(), 1);
    world.ok("Agent-4", &["doctor", "--fix"]);
    let listed = world.inbox("Agent-2");
    assert_eq!(listed.len(), world.mail("Agent-2", "inbox/new").len());
}

/// Fault 7.
#[test]
#[ignore = "needs strace: run tests/run"]
fn a_send_to_three_killed_anywhere_is_finished_for_all_three_or_for_none() {
    let world = World::new();
    let to_three = ["send", "--to", "Agent-2,Agent-3,Agent-5", "-m", "body", "-s"];
    let with = |slug: &str| to_three.iter().map(|s| (*s).to_owned()).chain([slug.to_owned()]).collect::<Vec<_>>();
    let mut partial = 0;
    let probe = with("probe");
    for (call, count) in calls(&world, &probe.iter().map(String::as_str).collect::<Vec<_>>()) {
        for n in (1..=count).filter(|_| !is_memory(&call)) {
            let slug = format!("trio-{}-{n}", call.replace('_', "-"));
            let inject = format!("inject={call}:signal=KILL:when={n}");
            let args = with(&slug);
            let args: Vec<&str> = ["--json"].into_iter().chain(args.iter().map(String::as_str)).collect();
            let out = traced(&world, &["-e", &format!("trace={call}"), "-e", &inject], "Agent-1", &args);
            let have = |agent| with_subject(&world, agent, &slug).len();
            let before = [have("Agent-2"), have("Agent-3"), have("Agent-5")];
            partial += usize::from(before.iter().sum::<usize>() % 3 != 0);
            // What any later send does for those before it.
            world.send("Agent-6", "Agent-7", "next");
            let after = [have("Agent-2"), have("Agent-3"), have("Agent-5")];
            let all_or_none = after == [0, 0, 0] || after == [1, 1, 1];
            assert!(all_or_none, "{call} {n}: {before:?}, then {after:?}\n{}", text(&out));
            let acknowledged = String::from_utf8_lossy(&out.stdout).contains("\"id\"");
            assert!(!acknowledged || after == [1, 1, 1], "{call} {n}: acknowledged and absent");
            assert!(before.iter().all(|c| *c == 0) || after == [1, 1, 1], "{call} {n}: visible and taken back");
        }
    }
    assert!(partial > 0, "no kill fell between the recipients: nothing was proved");
}

/// Fault 3.
#[test]
#[ignore = "needs strace: run tests/run"]
fn a_failing_fsync_fails_the_send_leaves_nothing_and_the_retry_works() {
    let world = World::new();
    let syncs: usize = calls(&world, &["send", "--to", "Agent-2", "-s", "probe", "-m", "x"])
        .into_iter()
        .filter(|(c, _)| c == "fsync" || c == "fdatasync")
        .map(|(_, n)| n)
        .sum();
    for n in 1..=syncs {
        let slug = format!("sync-{n}");
        let inject = format!("inject=fsync,fdatasync:error=EIO:when={n}");
        let args = ["send", "--to", "Agent-2", "-s", &slug, "-m", "body"];
        let out = traced(&world, &["-e", "trace=fsync,fdatasync", "-e", &inject], "Agent-1", &args);
        assert!(!out.status.success(), "fsync {n} failed and the send did not");
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(said.contains("agent_workspaces") || said.contains(".cellphone"), "no path in: {said}");
        assert!(with_subject(&world, "Agent-2", &slug).is_empty(), "fsync {n} failed and the message is in new/");
        world.send("Agent-1", "Agent-2", &slug);
        assert_eq!(with_subject(&world, "Agent-2", &slug).len(), 1);
    }
}

/// Fault 3, with several recipients: refused as a whole, or accepted as a
/// whole and finished by whoever comes next.
#[test]
#[ignore = "needs strace: run tests/run"]
fn a_failing_sync_of_a_send_to_three_leaves_none_or_is_made_good_for_all_three() {
    let world = World::new();
    let to = ["Agent-2", "Agent-3", "Agent-5"];
    let args = ["--json", "send", "--to", "Agent-2,Agent-3,Agent-5", "-m", "body", "-s"];
    let spool = || crate::harness::names(&world.root.join(".cellphone/spool"));
    let mut fates = [0, 0];
    // Its folders are there from now on.
    world.ok("Agent-1", &[&args[..], &["probe"]].concat());
    let syncs = calls(&world, &[&args[..], &["probe"]].concat());
    for call in ["fsync", "syncfs"] {
        let count = syncs.iter().find(|(name, _)| name == call).map_or(0, |(_, count)| *count);
        assert!(count > 0, "a send to three without {call}");
        for n in 1..=count {
            let slug = format!("{call}-{n}");
            let inject = format!("inject={call}:error=EIO:when={n}");
            let options = ["-e", &format!("trace={call}"), "-e", &inject];
            let out = traced(&world, &options, "Agent-1", &[&args[..], &[slug.as_str()]].concat());
            let have = || to.map(|agent| with_subject(&world, agent, &slug).len());
            if !out.status.success() {
                fates[0] += 1;
                assert_eq!((have(), spool().len()), ([0, 0, 0], 0), "{slug}: refused, and not gone");
            } else {
                fates[1] += 1;
                world.send("Agent-6", "Agent-7", "next");
                assert_eq!((have(), spool().len()), ([1, 1, 1], 0), "{slug}: accepted, and not finished");
            }
            assert!(to.iter().all(|agent| with_subject(&world, agent, &slug).iter().all(|f| is_whole(f))), "{slug}");
        }
    }
    assert!(fates[0] >= 2 && fates[1] >= 2, "refused and accepted: {fates:?}");
}

/// Fault 4, first part.
#[test]
#[ignore = "needs strace: run tests/run"]
fn a_rename_without_space_fails_the_send_with_the_path_and_no_empty_mail() {
    let world = World::new();
    for call in ["renameat2", "linkat", "renameat", "rename", "link"] {
        let slug = format!("space-{call}");
        let inject = format!("inject={call}:error=ENOSPC");
        let args = ["send", "--to", "Agent-2", "-s", &slug, "-m", "body"];
        let out = traced(&world, &["-e", &format!("trace={call}"), "-e", &inject], "Agent-1", &args);
        let found = with_subject(&world, "Agent-2", &slug);
        assert_eq!(out.status.success(), found.len() == 1, "{call}: {}", text(&out));
        assert!(found.iter().all(|f| is_whole(f)), "{call}");
        if !out.status.success() {
            let said = String::from_utf8_lossy(&out.stderr);
            assert!(said.contains("space") && said.contains("inbox"), "{call}: {said}");
        }
    }
    let failed = with_subject(&world, "Agent-2", "space-renameat2").is_empty()
        || with_subject(&world, "Agent-2", "space-linkat").is_empty();
    assert!(failed, "no way of publishing was hit");
}

/// A file system of the test's own, unmounted with it.
pub struct Mount {
    pub at: PathBuf,
    options: Vec<String>,
    _temp: TempDir,
}

impl Mount {
    pub fn new(options: &[&str]) -> Self {
        let temp = tempfile::Builder::new().prefix("cellphone-mount-").tempdir().unwrap();
        let options = options.iter().map(|o| (*o).to_owned()).collect::<Vec<_>>();
        let mount = Self { at: temp.path().join("fs"), options, _temp: temp };
        fs::create_dir(&mount.at).unwrap();
        mount.mount(&mount.options.iter().map(String::as_str).collect::<Vec<_>>());
        mount
    }

    /// What it was mounted with, to mount it again.
    pub fn options(&self) -> Vec<String> {
        self.options.clone()
    }

    pub fn mount(&self, options: &[&str]) {
        let out = Command::new("mount").args(options).arg(&self.at).output().unwrap();
        assert!(out.status.success(), "mount needs root (run tests/run as root): {}", text(&out));
    }

    pub fn unmount(&self) -> bool {
        Command::new("umount").arg(&self.at).output().is_ok_and(|o| o.status.success())
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        if !self.unmount() {
            // Busy: detach it, so that the folder can go.
            let _ = Command::new("umount").arg("-l").arg(&self.at).output();
        }
    }
}

/// An ext4 in a file, and the folder of that file.
pub fn ext4() -> (Mount, TempDir) {
    let images = tempfile::tempdir().unwrap();
    let image = images.path().join("disk.img");
    fs::File::create(&image).unwrap().set_len(96 << 20).unwrap();
    let made = Command::new("mkfs.ext4").arg("-q").arg(&image).output().expect("mkfs.ext4 is needed: run tests/run");
    assert!(made.status.success(), "{}", text(&made));
    (Mount::new(&["-o", "loop", image.to_str().unwrap()]), images)
}

/// Fault 2.
#[test]
#[ignore = "needs a loop device: run tests/run as root"]
fn an_acknowledged_message_survives_a_power_cut() {
    let cut = c_program("power_cut", &[]);
    let (mount, _images) = ext4();
    let options = mount.options();
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let world = World::inside(&mount.at);
    // The tree itself is on the disk; from here on only the sends sync.
    assert!(Command::new("sync").status().unwrap().success());
    for round in 0..8 {
        let one = world.json("Agent-1", &["send", "--to", "Agent-2", "-s", &format!("one {round}"), "-m", "body"]);
        let three = world
            .json("Agent-1", &["send", "--to", "Agent-2,Agent-3,Agent-5", "-s", &format!("three {round}"), "-m", "b"]);
        // A send that is under way when the power goes.
        let mut under_way = world.acting("Agent-6");
        let mut child =
            under_way.args(["send", "--to", "Agent-7", "-s", &format!("cut {round}"), "-m", "body"]).spawn().unwrap();
        let out = Command::new(&cut).arg(&mount.at).output().unwrap();
        assert!(out.status.success(), "{}", text(&out));
        let acknowledged = child.wait().unwrap().success();
        assert!(mount.unmount(), "the file system is still in use");
        mount.mount(&options);
        check(&world, round, one["id"].as_str().unwrap(), &["Agent-2"]);
        check(&world, round, three["id"].as_str().unwrap(), &["Agent-2", "Agent-3", "Agent-5"]);
        let cut = with_subject(&world, "Agent-7", &format!("cut-{round}"));
        assert!(!acknowledged || cut.len() == 1, "round {round}: acknowledged before the cut and absent after it");
        assert!(cut.iter().all(|f| is_whole(f)), "round {round}: a short message");
    }
}

fn check(world: &World, round: usize, id: &str, agents: &[&str]) {
    // Several recipients: durable in the spool is enough, the next send finishes it.
    world.send("Agent-6", "Agent-8", "next");
    for agent in agents {
        let folder = world.folder(agent, "inbox/new");
        let found: Vec<PathBuf> =
            world.mail(agent, "inbox/new").iter().filter(|n| n.contains(id)).map(|n| folder.join(n)).collect();
        assert_eq!(found.len(), 1, "round {round}: {id} for {agent} after the power cut");
        assert!(is_whole(&found[0]), "round {round}: {} is short", found[0].display());
    }
}

fn fill(dir: &Path) {
    let mut n = 0;
    while fs::File::create(dir.join(format!("filler-{n}"))).is_ok() {
        n += 1;
    }
}

/// Fault 4, second part.
#[test]
#[ignore = "mounts a tmpfs: run tests/run as root"]
fn without_inodes_a_send_fails_clearly_reads_go_on_and_the_daemon_lives() {
    let mount = Mount::new(&["-t", "tmpfs", "-o", "size=16m,nr_inodes=700", "tmpfs"]);
    let world = World::inside(&mount.at);
    let id = world.send("Agent-1", "Agent-2", "before");
    let mut daemon = world.up();
    let fillers = mount.at.join("fillers");
    fs::create_dir(&fillers).unwrap();
    fill(&fillers);
    let out = world.run("Agent-1", &["send", "--to", "Agent-2", "-s", "full", "-m", "x"]);
    assert!(!out.status.success(), "a send without inodes succeeded");
    assert!(String::from_utf8_lossy(&out.stderr).contains("space"), "{}", text(&out));
    assert!(with_subject(&world, "Agent-2", "full").is_empty());
    assert_eq!(world.inbox("Agent-2").len(), 1);
    let read = world.json("Agent-2", &["read", "--peek", &id]);
    assert_eq!(read["body"].as_str().unwrap().trim_end(), "body");
    assert!(daemon.alive(), "{}", world.daemon_log());
    fs::remove_dir_all(&fillers).unwrap();
    world.send("Agent-1", "Agent-2", "after");
    assert!(daemon.alive(), "{}", world.daemon_log());
}

/// Fault 4, third part.
#[test]
#[ignore = "mounts a tmpfs: run tests/run as root"]
fn on_a_full_disk_no_message_is_empty_or_short() {
    let mount = Mount::new(&["-t", "tmpfs", "-o", "size=4m", "tmpfs"]);
    let world = World::inside(&mount.at);
    let body = "x".repeat(200_000);
    let mut failed = false;
    for n in 0..40 {
        let slug = format!("big-{n}");
        let out = world.run("Agent-1", &["send", "--to", "Agent-2", "-s", &slug, "-m", &body[..100_000]]);
        let found = with_subject(&world, "Agent-2", &slug);
        assert!(found.iter().all(|f| is_whole(f)), "{slug} is short");
        assert_eq!(out.status.success(), found.len() == 1, "{slug}: {}", text(&out));
        failed |= !out.status.success();
    }
    assert!(failed, "the disk did not fill up");
    assert!(!world.inbox("Agent-2").is_empty());
}

/// Fault 4, fourth part: a failing disk is what makes a kernel remount it
/// read-only while files are open for writing.
#[test]
#[ignore = "needs a loop device: run tests/run as root"]
fn on_a_disk_that_became_read_only_a_send_fails_clearly_reads_go_on_and_the_daemon_lives() {
    let (mount, _images) = ext4();
    let world = World::inside(&mount.at);
    let id = world.send("Agent-1", "Agent-2", "before");
    let mut daemon = world.up();
    mount.mount(&["-o", "remount,abort"]);
    let out = world.run("Agent-1", &["send", "--to", "Agent-2", "-s", "never", "-m", "x"]);
    assert!(!out.status.success());
    assert!(String::from_utf8_lossy(&out.stderr).contains("ead-only"), "{}", text(&out));
    assert_eq!(world.inbox("Agent-2").len(), 1);
    assert_eq!(world.json("Agent-2", &["read", "--peek", &id])["subject"], "before");
    assert!(daemon.alive(), "{}", world.daemon_log());
}

#[test]
fn a_process_that_is_stopped_with_the_journal_locked_holds_up_no_send() {
    let world = World::new();
    world.send("Agent-1", "Agent-2", "before");
    let lock = fs::File::open(world.root.join(".cellphone/locks/journal")).unwrap();
    // As a reader that was stopped in its turn.
    fs2::FileExt::lock_shared(&lock).unwrap();
    let id = world.send("Agent-1", "Agent-2", "meanwhile");
    assert_eq!(world.inbox("Agent-2").len(), 2);
    drop(lock);
    let _daemon = world.up();
    wait("the line is there again", || text(&world.run("Agent-1", &["trace", &id])).contains("delivered"));
}
