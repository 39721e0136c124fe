//! Windows that ring, for real: a hosted program, a tmux pane, an X11 window
//! with a window manager. The text reaches the right one and only that one.
//! Every window here was opened by its test, on a server of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::harness::{BIN, Running, World, text, wait};

/// The events of one message, as words.
pub(super) fn steps(world: &World, id: &str) -> Vec<String> {
    let trace = world.run("Agent-1", &["--json", "trace", id]);
    let text = String::from_utf8_lossy(&trace.stdout).into_owned();
    let whole: Result<serde_json::Value, _> = serde_json::from_str(&text);
    let list = match whole {
        Ok(serde_json::Value::Array(list)) => list,
        _ => text.lines().filter_map(|l| serde_json::from_str(l).ok()).collect(),
    };
    list.iter().filter_map(|e| e["event"].as_str().map(str::to_owned)).collect()
}

fn answered(world: &World, count: usize) -> impl FnMut() -> bool + '_ {
    move || world.mail("Agent-1", "inbox/new").len() >= count
}

pub fn host(world: &World, agent: &str) -> Running {
    let mut command = world.bare();
    command.arg("--root").arg(&world.root).args(["run", agent, "--", BIN, "demo-agent"]);
    command.stdout(Stdio::null());
    let mut hosted = Running::start(command);
    let socket = world.root.join(format!(".cellphone/pty/{agent}.sock"));
    wait("the program is hosted", || {
        assert!(hosted.alive(), "the host of {agent} ended");
        socket.exists()
    });
    hosted
}

#[test]
fn a_hosted_program_is_woken_answers_and_survives_the_daemons_death() {
    let world = World::new();
    let mut hosted = host(&world, "Agent-2");
    let mut daemon = world.up_with(&[("CELLPHONE_NUDGE_COOLDOWN", "1s")]);
    let first = world.send("Agent-1", "Agent-2", "first");
    wait("the agent answers", answered(&world, 1));
    wait("woken is proved", || steps(&world, &first).iter().any(|s| s == "woken"));
    daemon.signal("KILL");
    daemon.code();
    assert!(hosted.alive(), "the program died with the daemon");
    world.send("Agent-1", "Agent-2", "second");
    let _daemon = world.up_with(&[("CELLPHONE_NUDGE_COOLDOWN", "1s")]);
    wait("the agent answers again", answered(&world, 2));
    assert!(world.mail("Agent-2", "inbox/new").is_empty());
}

/// A tmux server of the test's own.
pub struct Tmux<'a> {
    world: &'a World,
    socket: PathBuf,
}

impl<'a> Tmux<'a> {
    pub fn new(world: &'a World) -> Self {
        let socket = world.root.parent().unwrap().join("tmux.sock");
        let tmux = Self { world, socket };
        tmux.run(&["new-session", "-d", "-s", "s", "-x", "120", "-y", "30", "cat"]);
        tmux
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.world.program("tmux");
        command.arg("-S").arg(&self.socket).args(["-f", "/dev/null"]).args(args).env("SHELL", "/bin/sh");
        command.env("CELLPHONE_ROOT", &self.world.root).env("TERM", "xterm-256color");
        command
    }

    pub fn run(&self, args: &[&str]) -> String {
        let out = self.command(args).output().expect("tmux is needed: run tests/run");
        assert!(out.status.success(), "tmux {args:?}: {}", text(&out));
        String::from_utf8(out.stdout).unwrap().trim_end().to_owned()
    }

    /// A new window; returns its pane.
    pub(super) fn window(&self, script: &str) -> String {
        self.run(&["new-window", "-d", "-P", "-F", "#{pane_id}", "-t", "s:", &format!("sh -c '{script}'")])
    }

    pub fn screen(&self, pane: &str) -> String {
        self.run(&["capture-pane", "-p", "-t", pane])
    }
}

impl Drop for Tmux<'_> {
    fn drop(&mut self) {
        // It may have ended with its last window.
        let _ = self.command(&["kill-server"]).output();
    }
}

pub fn joined(tmux: &Tmux<'_>, agent: &str) -> String {
    let pane = tmux.window(&format!("{BIN} join {agent} && CELLPHONE_AGENT={agent} exec {BIN} demo-agent"));
    wait("the agent is ready in its pane", || tmux.screen(&pane).contains(&format!("I am {agent}, ready.")));
    pane
}

#[test]
#[ignore = "needs tmux: run tests/run"]
fn a_joined_tmux_pane_is_rung_and_no_other_pane_is_touched() {
    let world = World::new();
    let tmux = Tmux::new(&world);
    let pane = joined(&tmux, "Agent-2");
    let other = tmux.window("cat");
    let _daemon = world.up();
    let id = world.send("Agent-1", "Agent-2", "for the pane");
    wait("the agent answers", answered(&world, 1));
    wait("woken is proved", || steps(&world, &id).iter().any(|s| s == "woken"));
    assert!(tmux.screen(&pane).contains("Cellphone: 1 new for Agent-2"), "{}", tmux.screen(&pane));
    assert_eq!(tmux.screen(&other).trim(), "");
    assert_eq!(tmux.screen("s:0").trim(), "");
}

#[test]
#[ignore = "needs tmux: run tests/run"]
fn another_program_in_the_pinned_pane_gets_no_keystroke() {
    let world = World::new();
    let tmux = Tmux::new(&world);
    let pane = joined(&tmux, "Agent-2");
    // The same pane, the same id, another process.
    tmux.run(&["respawn-pane", "-k", "-t", &pane, "cat"]);
    let _daemon = world.up();
    let id = world.send("Agent-1", "Agent-2", "nobody there");
    wait("the nudge is given up with a reason", || {
        steps(&world, &id).iter().any(|s| s == "deferred" || s == "nudge_failed")
            || world.ok("Agent-1", &["log"]).contains("nudge_failed")
    });
    assert_eq!(tmux.screen(&pane).trim(), "");
    assert_eq!(world.mail("Agent-2", "inbox/new").len(), 1, "the mail still waits");
}

#[test]
#[ignore = "needs tmux: run tests/run"]
fn a_draft_in_the_composer_is_not_clobbered() {
    let world = World::new();
    let tmux = Tmux::new(&world);
    let pane = joined(&tmux, "Agent-2");
    tmux.run(&["send-keys", "-t", &pane, "-l", "half a thought"]);
    wait("the draft stands there", || tmux.screen(&pane).contains("half a thought"));
    let _daemon = world.up();
    let id = world.send("Agent-1", "Agent-2", "later");
    wait("the nudge is put off", || {
        steps(&world, &id).iter().any(|s| s == "deferred") || world.ok("Agent-1", &["log"]).contains("deferred")
    });
    assert!(!tmux.screen(&pane).contains("Cellphone:"), "{}", tmux.screen(&pane));
}

#[test]
#[ignore = "needs tmux: run tests/run"]
fn nudge_test_shows_what_the_gates_see_and_types_nothing() {
    let world = World::new();
    let tmux = Tmux::new(&world);
    let pane = joined(&tmux, "Agent-2");
    let test = |code: i32| {
        let out = world.run("Agent-1", &["--json", "nudge", "test", "Agent-2"]);
        assert_eq!(out.status.code(), Some(code), "{}", text(&out));
        serde_json::from_slice::<serde_json::Value>(&out.stdout).unwrap()
    };
    wait("the program is ready", || world.run("Agent-1", &["nudge", "test", "Agent-2"]).status.success());
    let before = tmux.screen(&pane);
    let ready = test(0);
    assert_eq!((ready["verdict"].as_str(), ready["screen"]["composer_text"].as_str()), (Some("ready"), Some("")));
    assert_eq!(ready["profile"], "generic-shell");
    let pid: u64 = tmux.run(&["display-message", "-p", "-t", &pane, "#{pane_pid}"]).parse().unwrap();
    assert_eq!(ready["pinned"]["pid"].as_u64(), Some(pid));
    tmux.run(&["send-keys", "-t", &pane, "-l", "half a thought"]);
    wait("the draft stands there", || tmux.screen(&pane).contains("half a thought"));
    let draft = test(75);
    assert_eq!(draft["outcome"]["deferred"], "draft");
    assert_eq!(draft["screen"]["composer_text"], "half a thought");
    let out = world.run("Agent-1", &["nudge", "test", "Agent-2"]);
    let said = String::from_utf8(out.stdout).unwrap();
    for words in ["put off", "half-typed draft", "generic-shell", &pid.to_string(), "half a thought"] {
        assert!(said.contains(words), "{words} is not in: {said}");
    }
    // The same but for the human's words: nothing was typed.
    assert_eq!(tmux.screen(&pane).replace("half a thought", "").trim_end(), before.trim_end());
    tmux.run(&["copy-mode", "-t", &pane]);
    assert_eq!(test(75)["outcome"]["deferred"], "copy_mode");
}

#[test]
#[ignore = "needs tmux: run tests/run"]
fn a_profile_is_added_without_compiling_and_used_once_it_is_approved() {
    let world = World::new();
    let tmux = Tmux::new(&world);
    joined(&tmux, "Agent-2");
    let file = world.root.join("config/profiles/my-agent.yaml");
    let set = || world.run("tester", &["agents", "set", "Agent-2", "--profile", "my-agent"]);
    fs::write(&file, "name: my-agent\nverified: by hand\nbusy: {screen: ['I am Agent-.*ready']}\n").unwrap();
    let refused = set();
    assert_eq!(refused.status.code(), Some(3), "an agent could have written it: {}", text(&refused));
    assert!(text(&refused).contains("known are") && text(&refused).contains("cellphone trust"), "{}", text(&refused));
    world.ok("tester", &["trust", "--yes"]);
    assert!(set().status.success());
    // Its pattern takes the demo agent's first words for work.
    let seen = world.run("Agent-1", &["--json", "nudge", "test", "Agent-2"]);
    let seen: serde_json::Value = serde_json::from_slice(&seen.stdout).unwrap();
    assert_eq!((seen["profile"].as_str(), seen["outcome"]["deferred"].as_str()), (Some("my-agent"), Some("busy")));
    // One that could not be used is not approved, and the key is named.
    fs::write(&file, "name: my-agent\npause_ms: 4000\n").unwrap();
    let broken = world.fails("tester", 4, &["trust", "--yes"]);
    assert!(broken.contains("config/profiles/my-agent.yaml: pause_ms: 4000 is more than 150"), "{broken}");
    // What an agent writes there later has no effect.
    fs::write(&file, "name: my-agent\n").unwrap();
    let again = world.run("Agent-1", &["--json", "nudge", "test", "Agent-2"]);
    assert!(String::from_utf8_lossy(&again.stdout).contains("busy"), "{}", text(&again));
}

/// An X server of the test's own, with a window manager.
struct Screen {
    display: String,
    _server: Running,
    _manager: Running,
}

impl Screen {
    fn new(world: &World) -> Self {
        let mut command = world.program("Xvfb");
        // The server chooses a free display and writes its number.
        command.args(["-displayfd", "1", "-screen", "0", "1200x800x24", "-nolisten", "tcp"]).stderr(Stdio::null());
        let mut server = Running::start({
            command.stdout(Stdio::piped());
            command
        });
        let mut number = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(server.0.stdout.take().unwrap()), &mut number)
            .unwrap();
        let display = format!(":{}", number.trim());
        let mut command = world.program("openbox");
        command.env("DISPLAY", &display).stdout(Stdio::null()).stderr(Stdio::null());
        let manager = Running::start(command);
        let screen = Self { display, _server: server, _manager: manager };
        wait("the window manager is there", || {
            let out = screen.command(world, "xprop").args(["-root", "_NET_SUPPORTING_WM_CHECK"]).output().unwrap();
            String::from_utf8_lossy(&out.stdout).contains("window id")
        });
        screen
    }

    fn command(&self, world: &World, program: &str) -> Command {
        let mut command = world.program(program);
        command.env("DISPLAY", &self.display);
        command
    }

    fn xdotool(&self, world: &World, args: &[&str]) -> String {
        let out = self.command(world, "xdotool").args(args).output().expect("xdotool is needed: run tests/run");
        String::from_utf8_lossy(&out.stdout).trim().to_owned()
    }

    /// An xterm whose program writes every line it reads to `log`.
    fn xterm(&self, world: &World, title: &str, place: &str, log: &Path) -> (Running, u32) {
        let script =
            format!("printf '> '; while IFS= read -r line; do echo \"$line\" >> {}; printf '> '; done", log.display());
        let mut command = self.command(world, "xterm");
        command.args(["-T", title, "-geometry", place, "-e", "sh", "-c", &script]).stderr(Stdio::null());
        let xterm = Running::start(command);
        let mut id = String::new();
        wait("the window is mapped", || {
            id = self.xdotool(world, &["search", "--onlyvisible", "--name", &format!("^{title}$")]);
            !id.is_empty()
        });
        (xterm, id.lines().next().unwrap().parse().unwrap())
    }
}

#[test]
#[ignore = "needs Xvfb, openbox and xterm: run tests/run"]
fn on_a_screen_with_two_terminals_the_text_reaches_the_right_one_and_focus_returns() {
    let world = World::new();
    let screen = Screen::new(&world);
    let place = world.root.parent().unwrap().to_path_buf();
    let (right, wrong) = (place.join("right.log"), place.join("wrong.log"));
    let (agents_window, window) = screen.xterm(&world, "Agent-2", "60x20+20+20", &right);
    let (_b, other) = screen.xterm(&world, "Somebody", "60x20+600+300", &wrong);
    screen.xdotool(&world, &["windowactivate", "--sync", &other.to_string()]);
    let agents = world.root.join("config/agents.yaml");
    let old = fs::read_to_string(&agents).unwrap();
    let entry = "  Agent-2:\n    role: agent\n";
    let pid = agents_window.0.id();
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // Field 22 of proc(5), counted after the name in parentheses, which may hold spaces.
    let start = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(19).unwrap();
    let with = format!(
        "{entry}    channels:\n      - kind: screen\n        pin: {{window: {window}, pid: {pid}, start: {start}, class: XTerm, title: Agent-2}}\n    nudge:\n      submit: blind\n"
    );
    fs::write(&agents, old.replace(entry, &with)).unwrap();
    world.ok("tester", &["trust", "--yes"]);
    let coordinates = r#"{"version": 1, "origin": "top-left", "agents": {"Agent-2": {"x": 150, "y": 150}}}"#;
    fs::write(world.root.join("config/coordinates.json"), coordinates).unwrap();
    world.ok("tester", &["trust", "--yes"]);
    let _daemon = world.up_with(&[("DISPLAY", &screen.display), ("CELLPHONE_NUDGE_HUMAN_IDLE", "0s")]);
    world.send("Agent-1", "Agent-2", "on the screen");
    let typed = || fs::read_to_string(&right).unwrap_or_default();
    wait("the text reaches the window", || typed().contains('\n'));
    assert!(typed().starts_with("Cellphone: 1 new for Agent-2"), "{}", typed());
    assert!(!wrong.exists(), "typed into the wrong window: {:?}", fs::read_to_string(&wrong));
    wait("focus is given back", || screen.xdotool(&world, &["getactivewindow"]) == other.to_string());
}
