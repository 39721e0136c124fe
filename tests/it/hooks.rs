//! A person's programs around what happens, through the real binary: what
//! they get, how long they may run, what becomes of what they print, and what
//! their refusal does.

use std::fs;
use std::time::Instant;

use serde_json::Value;

use crate::harness::{PATIENCE, World, names, text, wait};
use crate::hostile::hook;
use crate::parity::drop_in;
use crate::wake::host;

/// A hook that keeps what it was handed, a line for each time it ran, and the
/// environment it saw.
fn recorder(world: &World, event: &str) {
    let dir = world.home.join("seen");
    fs::create_dir_all(&dir).unwrap();
    let file = dir.join(event);
    let script = format!("env >'{0}.env'; cat >>'{0}'; echo >>'{0}'", file.display());
    hook(&world.root, event, &script);
}

fn seen(world: &World, event: &str) -> Vec<Value> {
    let text = fs::read_to_string(world.home.join("seen").join(event)).unwrap_or_default();
    text.lines().filter(|line| !line.is_empty()).map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn each_event_runs_its_hook_with_its_line_of_the_journal() {
    const EVENTS: [&str; 15] = [
        "accepted",
        "delivered",
        "refused",
        "read",
        "acked",
        "archived",
        "dead",
        "escalated",
        "submitted",
        "woken",
        "joined",
        "config",
        "snapshot",
        "restored",
        "started",
    ];
    let world = World::new();
    EVENTS.iter().for_each(|event| recorder(&world, event));
    world.ok("tester", &["trust", "--yes"]);
    let _hosted = host(&world, "Agent-5");
    let _daemon = world.up_with(&[("SECRET_TOKEN", "hunter2"), ("CELLPHONE_NUDGE_COOLDOWN", "0s")]);
    let rung = world.send("Agent-1", "Agent-5", "wake up");
    let asked = world.json("Agent-1", &["send", "--to", "Agent-2", "-s", "sign", "-m", "a secret body", "--ack"]);
    let id = asked["id"].as_str().unwrap();
    world.ok("Agent-2", &["read", id]);
    world.ok("Agent-2", &["ack", id]);
    world.ok("Agent-2", &["archive", id]);
    let late =
        world.json("Agent-1", &["send", "--to", "Agent-3", "-s", "late", "-m", "x", "--ack", "--deadline", "1s"]);
    drop_in(&world, "Agent-1", "nobody.md", "---\nto: Nobody\n---\nx\n");
    world.ok("tester", &["agents", "set", "Agent-6", "--role", "observer"]);
    world.fails("Agent-6", 4, &["send", "--to", "Agent-1", "-m", "x"]);
    world.ok("tester", &["config", "set", "lease", "9m"]);
    world.send("Agent-1", "Agent-7", "lost and found");
    world.ok("tester", &["snapshot", "create"]);
    fs::remove_file(world.folder("Agent-7", "inbox/new").join(world.mail("Agent-7", "inbox/new").remove(0))).unwrap();
    world.ok("tester", &["snapshot", "restore", "--yes"]);
    for event in EVENTS {
        wait(&format!("{event} ran its hook"), || !seen(&world, event).is_empty());
        for line in seen(&world, event) {
            assert_eq!(line["event"], event, "{line}");
            assert!(!line.to_string().contains("secret body"), "{line}");
        }
        // A hook that runs at this moment writes it anew.
        let path = world.home.join("seen").join(format!("{event}.env"));
        let mut env = String::new();
        wait(&format!("the environment of {event}"), || {
            env = fs::read_to_string(&path).unwrap_or_default();
            env.contains("CELLPHONE_EVENT=") && env.contains("PATH=") && env.contains("USER=") && env.contains("LANG=")
        });
        let mut names: Vec<&str> = env.lines().filter_map(|line| line.split('=').next()).collect();
        // What the shell itself adds.
        names.retain(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(name));
        names.sort_unstable();
        assert_eq!(names, ["CELLPHONE_EVENT", "CELLPHONE_ROOT", "HOME", "LANG", "PATH", "USER"], "{event}");
        assert!(env.contains(&format!("CELLPHONE_EVENT={event}\n")) && !env.contains("hunter2"), "{env}");
    }
    let of = |event: &str, id: &str| seen(&world, event).iter().any(|line| line["id"] == id);
    wait("the agent was woken", || of("woken", &rung));
    wait("the captain was told", || of("escalated", late["id"].as_str().unwrap()));
    assert!(of("acked", id) && of("archived", id) && of("read", id));
    let why = seen(&world, "refused");
    assert!(
        why.iter().any(|l| l["agent"] == "Agent-6" && l["detail"]["reason"].as_str().unwrap().contains("may not send"))
    );
}

#[test]
fn what_is_about_to_happen_is_refused_with_the_reason() {
    let world = World::new();
    let ask = "read question; printf 'not \\033[31mtoday\\n'; printf '%s' \"$question\" >\"$HOME/asked\"; exit 7";
    for event in ["before-deliver", "before-snapshot", "before-restore"] {
        world.ok("tester", &["snapshot", "create"]);
        hook(&world.root, event, ask);
        world.ok("tester", &["trust", "--yes"]);
        let before = (world.json("tester", &["snapshot", "list"]), world.mail("Agent-2", "inbox/new"));
        let (line, says): (&[&str], &[&str]) = match event {
            "before-deliver" => (
                &["send", "--to", "Agent-2", "-s", "a $(touch x)", "-m", "hidden"],
                &["\"subject\":\"a $(touch x)\"", "\"from\":\"tester\""],
            ),
            "before-snapshot" => (&["snapshot", "create", "--full"], &["\"kind\":\"full\"", "\"by\":\"tester\""]),
            _ => (&["snapshot", "restore", "--yes"], &["\"agents\":", "\"by\":\"tester\""]),
        };
        // Something that a restore would change.
        fs::write(world.root.join("config/onboarding/styles/friendly.md"), event).unwrap();
        let why = world.fails("tester", 4, line);
        assert!(why.contains(&format!("hooks/{event} refused it: not [31mtoday")) && !why.contains('\u{1b}'), "{why}");
        let asked = fs::read_to_string(world.home.join("asked")).unwrap();
        assert!(says.iter().all(|word| asked.contains(word)) && !asked.contains("hidden"), "{event}: {asked}");
        assert_eq!((world.json("tester", &["snapshot", "list"]), world.mail("Agent-2", "inbox/new")), before);
        assert_eq!(fs::read_to_string(world.root.join("config/onboarding/styles/friendly.md")).unwrap(), event);
        let kept = fs::read_to_string(world.root.join(".cellphone/hooks.log")).unwrap();
        assert!(kept.contains(&format!("{event}: status 7")) && kept.contains("    not "), "{kept}");
        fs::remove_file(world.root.join("hooks").join(event)).unwrap();
        world.ok("tester", &["trust", "--yes"]);
    }
    assert!(!world.root.join("x").exists() && !world.home.join("x").exists());
}

#[test]
fn a_hook_that_hangs_is_ended_with_what_it_started_and_mail_does_not_wait_for_it() {
    let world = World::new();
    world.set("timeout", "1s");
    hook(&world.root, "delivered", "echo begun; sleep 3417 & echo $! >\"$HOME/child\"; sleep 3417");
    hook(&world.root, "accepted", "touch \"$HOME/accepted\"");
    world.ok("tester", &["trust", "--yes"]);
    let _daemon = world.up();
    let begun = Instant::now();
    let id = world.send("Agent-1", "Agent-2", "quick");
    assert!(begun.elapsed() < PATIENCE / 3, "the sender waited for a hook");
    let noted =
        || {
            world.json("tester", &["trace", &id]).as_array().unwrap().iter().any(|e| {
                e["event"] == "hook" && e["detail"]["hook"] == "delivered" && e["detail"]["status"] == "timed out"
            })
        };
    wait("its end is noted", noted);
    let child = fs::read_to_string(world.home.join("child")).unwrap();
    wait("what it started has ended", || !std::path::Path::new("/proc").join(child.trim()).join("exe").exists());
    assert!(world.home.join("accepted").exists(), "the others ran");
    let kept = fs::read_to_string(world.root.join(".cellphone/hooks.log")).unwrap();
    assert!(kept.contains("delivered: its time was over") && kept.contains("    begun"), "{kept}");
    assert!(world.ok("tester", &["log", "-n", "50"]).contains("timed out"));
}

#[test]
fn a_hook_without_an_event_is_told_and_one_that_is_broken_guards_all_the_same() {
    let world = World::new();
    hook(&world.root, "delivred", "exit 0");
    let shown = world.ok("tester", &["trust", "--yes"]);
    assert!(shown.contains("never runs: no event is called delivred"), "{shown}");
    let guard = world.root.join("hooks/before-deliver");
    hook(&world.root, "before-deliver", "exit 0");
    fs::write(&guard, "#!/no/such/interpreter\n").unwrap();
    world.ok("tester", &["trust", "--yes"]);
    let out = world.run("Agent-1", &["send", "--to", "Agent-2", "-m", "x"]);
    assert_eq!(out.status.code(), Some(4), "{}", text(&out));
    assert!(text(&out).contains("cannot be started"), "{}", text(&out));
    assert_eq!(names(&world.folder("Agent-2", "inbox/new")).iter().filter(|n| n.ends_with(".md")).count(), 0);
}
