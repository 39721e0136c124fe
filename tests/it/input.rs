//! What a hostile neighbour may leave in the tree or put on the command
//! line: refused before any effect, never followed, never waited for, never
//! shown raw.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::harness::{BIN, Running, World, names, photograph, text, wait};
use crate::reading::fill;
use crate::watching::drop_in;

/// Runs a command line that must not hang.
fn prompt(world: &World, agent: &str, args: &[&str]) -> Output {
    let mut command = world.program("timeout");
    command.args(["-k", "1", "10", BIN, "--root"]).arg(&world.root).args(["--as", agent]).args(args);
    let out = command.output().unwrap();
    assert!(!matches!(out.status.code(), Some(124 | 137) | None), "{args:?} hangs");
    out
}

const HOSTILE: [&str; 12] = [
    "../../etc",
    "CON",
    "a/b",
    "nul",
    "com1",
    "a\\b",
    ".",
    "..",
    "-rf",
    "a b",
    "é",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];

/// Fault 16.
#[test]
fn hostile_names_are_refused_before_anything_on_the_disk_changes() {
    let world = World::new();
    let outside = world.root.parent().unwrap();
    let before = photograph(outside);
    for name in HOSTILE {
        let to = format!("--to={name}");
        let lines: [&[&str]; 5] = [
            &["send", &to, "-s", "x", "-m", "x"],
            &["send", "--to", "Agent-2", "-s", "x", "-m", "x"],
            &["agents", "add", "--", name],
            &["agents", "remove", "--", name],
            &["join", "--", name],
        ];
        for (n, line) in lines.iter().enumerate() {
            let actor = if n == 1 { name } else { "Agent-1" };
            let mut command = world.bare();
            command.arg("--root").arg(&world.root).arg(format!("--as={actor}")).args(*line);
            let out = command.output().unwrap();
            assert!(!out.status.success(), "{name:?} {line:?} was accepted");
            let code = out.status.code().unwrap();
            assert!((2..=4).contains(&code), "{name:?} {line:?}: {}", text(&out));
        }
    }
    let after = photograph(outside);
    let changed: Vec<_> = after.iter().filter(|(p, b)| before.get(*p) != Some(*b)).map(|(p, _)| p).collect();
    assert!(changed.is_empty() && after.len() == before.len(), "{changed:?}");
    for twin in ["agent-1", "AGENT-1"] {
        let out = world.run("Agent-4", &["agents", "add", twin]);
        assert!(!out.status.success(), "{twin} is a twin of Agent-1: {}", text(&out));
    }
    assert!(!world.root.join("agent_workspaces/agent-1").exists());
}

/// Fault 16, NUL: it cannot stand in an argument, but it can in a file.
#[test]
fn a_nul_in_a_recipients_name_is_dead_with_the_reason() {
    let world = World::new();
    let _daemon = world.up();
    drop_in(&world.folder("Agent-1", "outbox"), "nul.md", b"---\nto: \"Agent-2\\0x\"\n---\nbody\n");
    drop_in(&world.folder("Agent-1", "outbox"), "raw.md", b"---\nto: Agent-2\0x\n---\nbody\n");
    drop_in(&world.folder("Agent-1", "outbox"), "up.md", b"---\nto: ../../etc\n---\nbody\n");
    wait("all three are dead", || world.json("Agent-1", &["dead", "list"]).as_array().unwrap().len() == 3);
    assert!(world.mail("Agent-2", "inbox/new").is_empty());
}

/// Fault 17, first part.
#[test]
fn a_mailbox_replaced_by_a_symlink_is_refused_and_nothing_is_written_outside() {
    for folder in ["inbox/new", "inbox/tmp", "inbox", "outbox", ""] {
        let world = World::new();
        let _id = world.send("Agent-1", "Agent-2", "before");
        let outside = world.root.parent().unwrap().join("outside");
        for dir in ["tmp", "new", "cur", "claimed", "inbox/new", "inbox/tmp", "inbox/cur"] {
            fs::create_dir_all(outside.join(dir)).unwrap();
        }
        let target = world.folder("Agent-2", folder);
        fs::rename(&target, outside.with_file_name("aside")).unwrap();
        symlink(&outside, target.to_str().unwrap().trim_end_matches('/')).unwrap();
        let before = photograph(&outside);
        let out = prompt(&world, "Agent-1", &["send", "--to", "Agent-2", "-s", "x", "-m", "x"]);
        if folder != "outbox" {
            assert!(!out.status.success(), "sent through the link at {folder:?}");
        }
        for line in [&["inbox"][..], &["next"], &["doctor", "--fix"], &["search", "x"]] {
            prompt(&world, "Agent-2", line);
        }
        assert_eq!(photograph(&outside), before, "something was written behind the link at {folder:?}");
    }
}

/// Fault 17, second part.
#[test]
fn links_pipes_and_foreign_files_among_the_mail_are_neither_followed_nor_waited_for() {
    let world = World::new();
    let id = world.send("Agent-1", "Agent-2", "honest");
    let secret = world.root.parent().unwrap().join("secret");
    fs::write(&secret, "---\nto: Agent-3\nsubject: secret\n---\nthe secret\n").unwrap();
    let new = world.folder("Agent-2", "inbox/new");
    let name = world.mail("Agent-2", "inbox/new").remove(0);
    let honest = new.join(&name);
    // Names as good as the real one, which may itself end in one of these digits.
    let mut forged = "0123"
        .chars()
        .filter(|digit| !id.ends_with(*digit))
        .map(|digit| format!("{}{digit}.md", &name[..name.len() - 4]));
    let (link, pipe, hard) = (forged.next().unwrap(), forged.next().unwrap(), forged.next().unwrap());
    symlink(&secret, new.join(&link)).unwrap();
    assert!(Command::new("mkfifo").arg(new.join(&pipe)).status().unwrap().success());
    fs::hard_link(&secret, new.join(&hard)).unwrap();
    fs::create_dir(new.join("folder.md")).unwrap();
    let outbox = world.folder("Agent-2", "outbox");
    symlink(&secret, outbox.join("link.md")).unwrap();
    fs::hard_link(&secret, outbox.join("hard.md")).unwrap();
    assert!(Command::new("mkfifo").arg(outbox.join("pipe.md")).status().unwrap().success());
    let _daemon = world.up();
    for line in [&["inbox", "--all"][..], &["read", "--peek", &id], &["search", "secret"], &["doctor"], &["inbox"]] {
        let out = prompt(&world, "Agent-2", line);
        assert!(!text(&out).contains("the secret"), "{line:?}: {}", text(&out));
    }
    drop_in(&outbox, "honest.md", b"---\nto: Agent-8\nsubject: honest\n---\nbody\n");
    wait("the outbox goes on", || world.mail("Agent-8", "inbox/new").len() == 1);
    assert!(world.mail("Agent-3", "inbox/new").is_empty(), "a foreign file was sent");
    assert_eq!(fs::read_to_string(&secret).unwrap().lines().last(), Some("the secret"));
    assert!(honest.exists());
}

/// The biggest resident set a process had, in KiB.
fn peak(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn bombs() -> Vec<(&'static str, Vec<u8>)> {
    let mut laughs = String::from("---\nto: Agent-2\na: &a [x,x,x,x,x,x,x,x,x]\n");
    for n in 1..12 {
        let (this, last) = ((b'a' + n) as char, (b'a' + n - 1) as char);
        laughs += &format!("{this}: &{this} [{}]\n", vec![format!("*{last}"); 9].join(","));
    }
    laughs += "---\nbody\n";
    vec![
        ("laughs", laughs.into_bytes()),
        ("deep", format!("---\nto: Agent-2\ndeep: {}{}\n---\nb\n", "[".repeat(5_000), "]".repeat(5_000)).into_bytes()),
        ("maps", format!("---\nto: Agent-2\ndeep: {}\n---\nb\n", "{a: ".repeat(3_000)).into_bytes()),
        ("twice", b"---\nto: Agent-2\nto: Agent-3\n---\nb\n".to_vec()),
        ("latin", b"---\nto: Agent-2\nsubject: caf\xe9\n---\nb\n".to_vec()),
        ("body", b"---\nto: Agent-2\n---\nb\xff\xfe\n".to_vec()),
        ("open", b"---\nto: Agent-2\nnever closed\n".to_vec()),
        ("nobody", b"---\nsubject: to nobody\n---\nb\n".to_vec()),
    ]
}

/// Fault 18.
#[test]
fn bombs_in_an_outbox_are_dead_with_a_reason_in_little_time_and_memory() {
    let world = World::new();
    let mut daemon = world.up();
    drop_in(&world.folder("Agent-1", "outbox"), "warm.md", b"---\nto: Agent-8\n---\nbody\n");
    wait("the outbox is at work", || world.mail("Agent-8", "inbox/new").len() == 1);
    let outbox = world.folder("Agent-1", "outbox");
    let gone = |name: &str| {
        let start = Instant::now();
        wait("the bomb leaves the outbox", || !outbox.join(name).exists());
        // The bound is 100 ms of work; the settling time of 500 ms and a debug build come on top.
        assert!(start.elapsed() < Duration::from_secs(3), "{name} took {:?}", start.elapsed());
    };
    let bombs = bombs();
    for (name, bytes) in &bombs {
        drop_in(&outbox, &format!("{name}.md"), bytes);
        gone(&format!("{name}.md"));
    }
    let huge = outbox.parent().unwrap().join("huge.part");
    fs::write(&huge, "---\nto: Agent-2\n").unwrap();
    fs::OpenOptions::new().write(true).open(&huge).unwrap().set_len(1 << 30).unwrap();
    fs::rename(&huge, outbox.join("huge.md")).unwrap();
    gone("huge.md");
    let dead = world.json("Agent-1", &["dead", "list"]);
    let dead = dead.as_array().unwrap();
    assert_eq!(dead.len(), bombs.len() + 1, "{dead:?}");
    assert!(dead.iter().all(|d| d["reason"].as_str().is_some_and(|r| r.len() > 10)), "{dead:?}");
    assert!(peak(daemon.pid()) < 64 * 1024, "{} KiB", peak(daemon.pid()));
    assert!(world.mail("Agent-2", "inbox/new").is_empty() && world.mail("Agent-3", "inbox/new").is_empty());
    assert!(daemon.alive());
}

/// Fault 18, in an inbox: somebody wrote there by hand.
#[test]
fn bombs_in_an_inbox_become_dead_letters_and_the_rest_is_listed() {
    let world = World::new();
    fill(&world, "Agent-2", "inbox/new", bombs().len() + 1);
    let new = world.folder("Agent-2", "inbox/new");
    let mail = world.mail("Agent-2", "inbox/new");
    for ((_, bytes), name) in bombs().iter().zip(&mail) {
        fs::write(new.join(name), bytes).unwrap();
    }
    let start = Instant::now();
    let mut command = world.program("sh");
    // 64 MiB of data, not one more: a bomb that unfolds cannot allocate.
    command.args(["-c", "ulimit -d 65536; exec \"$@\"", "sh", BIN, "--root"]).arg(&world.root);
    command.args(["--as", "Agent-2", "--json", "inbox", "--all"]);
    let out = command.output().unwrap();
    assert!(out.status.success(), "{}", text(&out));
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    let listed: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert!(
        listed.as_array().unwrap().iter().any(|m| m["path"].as_str().unwrap().contains(mail.last().unwrap().as_str()))
    );
    world.ok("Agent-4", &["doctor", "--fix"]);
    wait("all bombs are dead letters", || {
        world.run("Agent-2", &["inbox"]);
        world.mail("Agent-2", "inbox/new").len() == 1
    });
    assert!(names(&world.folder("Agent-2", "dead")).len() >= bombs().len());
}

/// Characters that a terminal would act on, and those that reorder text.
fn acts(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\r' && c != '\t')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

/// Fault 19.
#[test]
fn escape_sequences_in_mail_reach_no_terminal() {
    let world = World::new();
    let subject = "a\u{1b}[2Jb\u{1b}]0;title\u{7}c\u{202e}d\u{1b}[201~\re\u{9b}31m";
    let body = "x\u{1b}[201~\rrm -rf ~\u{7}\u{2066}y\n";
    let sent = world.json("Agent-1", &["send", "--to", "Agent-2", "-s", subject, "-m", body, "--tag", "t\u{1b}[1m"]);
    let id = sent["id"].as_str().unwrap();
    for line in [
        vec!["inbox"],
        vec!["inbox", "--all"],
        vec!["read", "--peek", id],
        vec!["thread", id],
        vec!["trace", id],
        vec!["log"],
        vec!["search", "rm -rf"],
        vec!["status"],
    ] {
        // `script` gives the program a real terminal.
        let mut command = world.program("script");
        let quoted: Vec<String> = line.iter().map(|a| format!("'{a}'")).collect();
        let inner = format!("{BIN} --root '{}' --as Agent-2 {}", world.root.display(), quoted.join(" "));
        let out =
            command.args(["-qec", &inner, "/dev/null"]).env("NO_COLOR", "1").env("TERM", "xterm").output().unwrap();
        let shown = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(out.status.success() && !shown.trim().is_empty(), "{line:?}: {shown}");
        let bad: Vec<char> = shown.chars().filter(|c| acts(*c)).collect();
        assert!(bad.is_empty(), "{line:?} shows {bad:?} in {shown:?}");
        assert!(!shown.contains("\rrm") && !shown.contains("\re"), "{line:?} shows a bare carriage return: {shown:?}");
    }
    // The message itself is kept as it was sent, byte for byte.
    let read = world.json("Agent-2", &["read", "--peek", id]);
    assert_eq!(read["subject"].as_str(), Some(subject));
    assert!(read["body"].as_str().unwrap().starts_with(body.trim_end()));
}

/// Fault 19, the nudge: nothing of the mail is in it.
#[test]
fn a_nudge_carries_no_byte_of_subject_or_body() {
    let world = World::new();
    let bell = crate::watching::ring_by_command(&world, "Agent-2");
    let _daemon: Running = world.up();
    world.ok("Agent-1", &["send", "--to", "Agent-2", "-s", "$(touch pwned) \u{1b}[201~\r", "-m", "`id`\r\n"]);
    wait("it rings", || fs::read_to_string(&bell).is_ok_and(|t| t.ends_with('\n')));
    // A command gets JSON; what a window gets typed is its text.
    let given: serde_json::Value = serde_json::from_str(&fs::read_to_string(&bell).unwrap()).unwrap();
    assert!(!given.to_string().contains("pwned") && !given.to_string().contains("`id`"), "{given}");
    let rung = given["text"].as_str().unwrap();
    assert!(rung.contains("1 new for Agent-2") && rung.contains("from Agent-1"), "{rung:?}");
    assert!(rung.chars().all(|c| c.is_ascii_alphanumeric() || " ,.:_-".contains(c)), "{rung:?}");
}
