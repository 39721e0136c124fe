//! Agents in windows of a real X server, through the binary: registered,
//! rung, read back by picture, and never anywhere else.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::harness::{Running, World, text, wait};

/// An X display of its own with a window manager.
pub struct Desk {
    pub world: World,
    display: String,
    _server: Running,
    _manager: Running,
}

impl Desk {
    pub fn new() -> Self {
        let world = World::new();
        let mut command = world.program("Xvfb");
        command.args(["-displayfd", "1", "-screen", "0", "1400x700x24", "-nolisten", "tcp", "-noreset"]);
        let mut server = Running::start({
            command.stdout(Stdio::piped()).stderr(Stdio::null());
            command
        });
        let mut number = String::new();
        BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut number).unwrap();
        let display = format!(":{}", number.trim());
        let mut openbox = world.program("openbox");
        openbox.env("DISPLAY", &display).stdout(Stdio::null()).stderr(Stdio::null());
        let manager = Running::start(openbox);
        let desk = Self { world, display, _server: server, _manager: manager };
        wait("the window manager", || {
            let out = desk.tool("xprop").args(["-root", "_NET_CLIENT_LIST"]).output().expect("xprop");
            String::from_utf8_lossy(&out.stdout).contains("window id")
        });
        desk
    }

    pub fn tool(&self, program: &str) -> Command {
        let mut command = self.world.program(program);
        command.env("DISPLAY", &self.display);
        command
    }

    pub fn xdotool(&self, args: &[&str]) -> String {
        let out = self.tool("xdotool").args(args).output().expect("xdotool is needed: run tests/run");
        String::from_utf8_lossy(&out.stdout).trim().to_owned()
    }

    pub fn run(&self, args: &[&str]) -> Output {
        let mut command = self.world.acting("tester");
        command.env("DISPLAY", &self.display).env("CELLPHONE_NUDGE_HUMAN_IDLE", "0s").args(args).output().unwrap()
    }

    pub fn ok(&self, args: &[&str]) -> String {
        let out = self.run(args);
        assert!(out.status.success(), "{args:?}: {}", text(&out));
        String::from_utf8(out.stdout).unwrap()
    }

    pub fn json(&self, args: &[&str]) -> Value {
        let all = [&["--json"], args].concat();
        serde_json::from_str(&self.ok(&all)).unwrap()
    }

    /// Divides the screen in two; a name with a star before it is the main
    /// monitor.
    pub fn monitors(&self, left: &str, left_place: &str, right: &str, right_place: &str) {
        for (name, place, output) in [(left, left_place, "screen"), (right, right_place, "none")] {
            let xrandr = |args: &[&str]| {
                let mut command = self.tool("xrandr");
                command.args(args).stdout(Stdio::null()).stderr(Stdio::null()).status().expect("xrandr")
            };
            xrandr(&["--delmonitor", name.trim_start_matches('*')]);
            let args = ["--setmonitor", name, place, output];
            assert!(xrandr(&args).success(), "{args:?}");
        }
    }

    /// An xterm in which a program with a composer at the bottom runs: what
    /// is entered goes to a file, and the composer is empty again.
    fn terminal(&self, title: &str, place: &str) -> (Running, PathBuf) {
        let log = self.world.root.parent().unwrap().join(format!("{title}.log"));
        let script = format!(
            "printf '\\033[2J\\033[1;1H%s' {title}; while :; do printf '\\033[9;1H> \\033[K'; IFS= read -r line || exit; \
             echo \"$line\" >> {}; done",
            log.display()
        );
        (self.xterm(title, place, &["sh", "-c", &script]), log)
    }

    /// An xterm in which this runs.
    pub fn xterm(&self, title: &str, place: &str, program: &[&str]) -> Running {
        let mut command = self.tool("xterm");
        command.args(["-T", title, "-geometry", place, "-e"]).args(program).stderr(Stdio::null());
        let xterm = Running::start(command);
        self.window(title);
        xterm
    }

    /// The window of that title; waits until it is there.
    pub fn window(&self, title: &str) -> String {
        let mut id = String::new();
        wait("the window is mapped", || {
            id = self.window_now(title);
            !id.is_empty()
        });
        id
    }

    /// The same as it is now: empty when there is none. (`xdotool search --sync`
    /// would wait for one without end.)
    pub fn window_now(&self, title: &str) -> String {
        self.xdotool(&["search", "--onlyvisible", "--name", &format!("^{title}$")])
    }

    /// Where row 9 of a terminal is: the middle of its composer.
    fn composer_of(&self, title: &str) -> (i64, i64) {
        self.row_of(title, 9)
    }

    /// Where a row of a terminal of ten is.
    pub fn row_of(&self, title: &str, row: i64) -> (i64, i64) {
        // xdotool adds the frame twice.
        let out = self.tool("xwininfo").args(["-id", &self.window(title)]).output().expect("xwininfo");
        let shown = String::from_utf8_lossy(&out.stdout).into_owned();
        let value = |key: &str| -> i64 {
            let line =
                shown.lines().find_map(|l| l.trim().strip_prefix(key)).unwrap_or_else(|| panic!("{key}: {shown}"));
            line.trim().parse().unwrap()
        };
        // Ten rows fill the height, but for a border of two pixels.
        (value("Absolute upper-left X:") + 100, value("Absolute upper-left Y:") + value("Height:") * (2 * row - 1) / 20)
    }
}

pub fn lines(log: &Path) -> Vec<String> {
    fs::read_to_string(log).unwrap_or_default().lines().map(str::to_owned).collect()
}

#[test]
#[ignore = "needs Xvfb, openbox, xterm and xdotool: run tests/run"]
fn a_window_is_pointed_at_registered_and_rung_with_a_read_back() {
    let desk = Desk::new();
    let (_one, right) = desk.terminal("one", "70x10+20+20");
    let (_two, wrong) = desk.terminal("two", "70x10+700+300");
    let (x, y) = desk.composer_of("one");
    // A person points and presses.
    let mut pointing = desk.world.acting("tester");
    pointing.env("DISPLAY", &desk.display).args(["--json", "coords", "capture", "Agent-2"]);
    let mut pointing = Running::start({
        pointing.stdout(Stdio::piped()).stderr(Stdio::null());
        pointing
    });
    desk.xdotool(&["mousemove", &x.to_string(), &y.to_string()]);
    wait("the press is taken", || {
        desk.xdotool(&["click", "1"]);
        !pointing.alive()
    });
    let mut out = String::new();
    std::io::Read::read_to_string(&mut pointing.0.stdout.take().unwrap(), &mut out).unwrap();
    let captured: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(captured["point"], serde_json::json!([x, y]), "{captured}");
    assert_eq!(captured["window"]["id"].to_string(), desk.window("one"));
    assert_eq!((&captured["channel_added"], &captured["registered"]), (&true.into(), &false.into()));
    // Without a picture nothing is typed.
    desk.world.send("Agent-1", "Agent-2", "first");
    let refused = desk.run(&["nudge", "Agent-2"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("coords register Agent-2"), "{}", text(&refused));
    assert!(lines(&right).is_empty());
    let known = desk.json(&["coords", "register", "Agent-2"]);
    assert_eq!(known["region"]["x"], 0, "{known}");
    assert!(desk.ok(&["coords", "validate"]).contains("right"));
    desk.xdotool(&["windowactivate", "--sync", &desk.window("two")]);
    let said = desk.ok(&["nudge", "Agent-2"]);
    assert!(said.contains("read back"), "{said}");
    wait("the line", || lines(&right).len() == 1);
    assert!(lines(&right)[0].starts_with("Cellphone: 1 new for Agent-2"), "{:?}", lines(&right));
    assert!(!wrong.exists());
    assert_eq!(desk.xdotool(&["getactivewindow"]), desk.window("two"), "the focus was given back");
    // A draft stays as it is.
    desk.xdotool(&["windowactivate", "--sync", &desk.window("one")]);
    desk.xdotool(&["type", "--delay", "0", "draft"]);
    let deferred = desk.run(&["nudge", "Agent-2"]);
    assert_eq!(deferred.status.code(), Some(75), "{}", text(&deferred));
    desk.xdotool(&["key", "Return"]);
    wait("the draft", || lines(&right).len() == 2);
    assert_eq!(lines(&right)[1], "draft");
}

#[test]
#[ignore = "needs Xvfb, openbox, xterm and xdotool: run tests/run"]
fn the_daemon_rings_a_registered_window_and_reads_new_coordinates_at_once() {
    let desk = Desk::new();
    let (_one, right) = desk.terminal("one", "70x10+20+20");
    let (x, y) = desk.composer_of("one");
    let (sx, sy) = (x.to_string(), y.to_string());
    let environment = [("DISPLAY", desk.display.as_str()), ("CELLPHONE_NUDGE_HUMAN_IDLE", "0s")];
    let _daemon = desk.world.up_with(&environment);
    // Everything is set while the daemon runs.
    desk.ok(&["coords", "capture", "Agent-2", "--title", "one", "--at", &sx, &sy]);
    desk.ok(&["coords", "register", "Agent-2"]);
    desk.world.send("Agent-1", "Agent-2", "on the screen");
    wait("the window rings", || lines(&right).len() == 1);
    let submitted = || desk.world.ok("tester", &["log", "-n", "50"]);
    wait("it is in the journal", || submitted().contains("submitted"));
}

#[test]
#[ignore = "needs Xvfb, openbox, xset, xterm and xdotool: run tests/run"]
fn a_signal_in_the_middle_ends_the_nudge_only_after_everything_is_given_back() {
    let desk = Desk::new();
    let (_one, right) = desk.terminal("one", "70x10+20+20");
    let (x, y) = desk.composer_of("one");
    desk.ok(&["coords", "capture", "Agent-2", "--title", "one", "--at", &x.to_string(), &y.to_string()]);
    desk.ok(&["coords", "register", "Agent-2"]);
    desk.world.send("Agent-1", "Agent-2", "first");
    // The terminal hangs: what is typed does not show, and is waited for.
    let xterm = desk.xdotool(&["getwindowpid", &desk.window("one")]);
    let signal = |name: &str| assert!(Command::new("kill").args([name, &xterm]).status().unwrap().success());
    desk.xdotool(&["key", "Caps_Lock"]);
    let caps = || {
        let out = desk.tool("xset").arg("q").output().expect("xset is needed: run tests/run");
        String::from_utf8_lossy(&out.stdout).contains("Caps Lock:   on")
    };
    assert!(caps());
    signal("-STOP");
    let mut nudge = desk.world.acting("tester");
    nudge.env("DISPLAY", &desk.display).env("CELLPHONE_NUDGE_HUMAN_IDLE", "0s").args(["nudge", "Agent-2"]);
    nudge.stdout(Stdio::null()).stderr(Stdio::null());
    let mut nudge = Running::start(nudge);
    wait("Caps Lock is put aside", || !caps());
    nudge.signal("TERM");
    wait("it ends", || !nudge.alive());
    let ended = nudge.0.wait().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&ended), Some(15), "by the signal, afterwards");
    assert!(caps(), "Caps Lock is on again");
    signal("-CONT");
    // No Enter was pressed, and what was typed was taken out: a line of ours is all that comes.
    desk.xdotool(&["key", "Caps_Lock"]);
    desk.xdotool(&["windowactivate", "--sync", &desk.window("one")]);
    desk.xdotool(&["type", "--delay", "0", "mine"]);
    desk.xdotool(&["key", "Return"]);
    wait("the line", || !lines(&right).is_empty());
    assert_eq!(lines(&right), ["mine"]);
}

#[test]
#[ignore = "needs Xvfb, openbox, xterm and xdotool: run tests/run"]
fn an_agent_joins_in_a_plain_terminal_and_its_window_is_pinned() {
    let desk = Desk::new();
    let out = desk.world.root.parent().unwrap().join("joined.json");
    let (program, root, out_shown) = (crate::harness::BIN, desk.world.root.display(), out.display());
    let script = format!(
        // Only when the window manager has the window: a person types the command into one that is there.
        "until [ -e {out_shown}.go ]; do sleep 0.02; done; \
         {program} --root {root} --json join Agent-3 > {out_shown}.part 2>&1; mv {out_shown}.part {out_shown}; read x"
    );
    let mut command = desk.tool("xterm");
    command.args(["-T", "plain", "-e", "sh", "-c", &script]).stderr(Stdio::null());
    let xterm = Running::start(command);
    let shown = desk.window("plain");
    fs::write(format!("{}.go", out.display()), "").unwrap();
    wait("it has joined", || out.exists());
    let joined: Value = serde_json::from_str(&fs::read_to_string(&out).unwrap()).unwrap();
    let channel = &joined["channel"];
    assert_eq!(channel["kind"], "screen", "{joined}");
    assert_eq!(channel["pin"]["window"].to_string(), shown);
    assert_eq!(
        (channel["pin"]["pid"].as_u64(), channel["pin"]["class"].as_str()),
        (Some(xterm.pid().into()), Some("XTerm"))
    );
    assert!(joined["warning"].as_str().unwrap().contains("coords register Agent-3"), "{joined}");
}

#[test]
#[ignore = "needs Xvfb, openbox, xrandr, xterm and xdotool: run tests/run"]
fn coordinates_are_checked_carried_and_drawn_on_two_monitors() {
    let desk = Desk::new();
    let monitors = |left: &str, right: &str| desk.monitors("LEFT", left, "RIGHT", right);
    monitors("700/185x700/185+0+0", "700/185x700/185+700+0");
    let there = desk.json(&["coords", "detect"]);
    assert_eq!(there["monitors"]["RIGHT"]["x"], 700, "{there}");
    desk.ok(&["coords", "set", "Agent-1", "100", "200", "--onboarding", "120", "60"]);
    assert_eq!(desk.json(&["coords", "set", "Agent-2", "900", "300"])["monitor"], "RIGHT");
    assert!(desk.ok(&["coords", "validate"]).contains("right"));
    let off = desk.run(&["coords", "set", "Agent-3", "5000", "10"]);
    assert_eq!(off.status.code(), Some(2), "{}", text(&off));
    desk.ok(&["coords", "set", "Agent-3", "901", "301"]);
    let findings = desk.run(&["--json", "coords", "validate"]);
    assert_eq!(findings.status.code(), Some(1));
    let found: Value = serde_json::from_slice(&findings.stdout).unwrap();
    assert_eq!(
        (found["findings"][0]["kind"].as_str(), found["findings"].as_array().map(Vec::len)),
        (Some("spot"), Some(1))
    );
    desk.ok(&["coords", "set", "Agent-3", "1200", "500"]);
    // The right monitor goes to the left: its points go with it.
    monitors("700/185x700/185+700+0", "700/185x700/185+0+0");
    let moved = desk.json(&["coords", "detect"]);
    assert_eq!(moved["differences"].as_array().map(Vec::len), Some(2), "{moved}");
    let now = |all: &Value, agent: &str| {
        all["points"].as_array().unwrap().iter().find(|p| p["agent"] == agent).unwrap()["now"].clone()
    };
    assert_eq!(
        (now(&moved, "Agent-1"), now(&moved, "Agent-2")),
        (serde_json::json!([800, 200]), serde_json::json!([200, 300]))
    );
    desk.ok(&["coords", "detect", "--apply"]);
    let after = desk.json(&["coords", "detect"]);
    assert_eq!(
        (after["differences"].as_array().map(Vec::len), now(&after, "Agent-2")),
        (Some(0), serde_json::json!([200, 300]))
    );
    let shown = desk.ok(&["coords", "show"]);
    assert!(shown.contains("LEFT 700x700") && shown.contains("1 Agent-1  800,200"), "{shown}");
    let (svg, png) = (desk.world.root.join("desk.svg"), desk.world.root.join("desk.png"));
    desk.ok(&["coords", "show", "--svg", svg.to_str().unwrap(), "--png", png.to_str().unwrap()]);
    assert!(fs::read_to_string(&svg).unwrap().contains("Agent-3"));
    assert!(fs::read(&png).unwrap().starts_with(b"\x89PNG"));
    if let Some(keep) = std::env::var_os("CELLPHONE_TEST_KEEP") {
        fs::copy(&png, Path::new(&keep).join("desk.png")).unwrap();
    }
}

#[test]
fn on_wayland_and_without_a_display_the_other_channels_are_named() {
    let world = World::new();
    for (name, value) in [("XDG_SESSION_TYPE", "wayland"), ("XDG_SESSION_TYPE", "tty")] {
        let mut command = world.acting("tester");
        let out = command.env(name, value).args(["coords", "capture", "Agent-1"]).output().unwrap();
        assert_eq!(out.status.code(), Some(1));
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(said.contains("tmux or pty"), "{said}");
    }
    // What needs no display works: bounds, list, a drawing of nothing.
    world.ok("tester", &["coords", "set", "Agent-1", "-1269", "481", "--onboarding", "-1265", "171"]);
    let list = world.json("tester", &["coords", "list"]);
    assert_eq!(
        (&list[0]["chat"], &list[0]["onboarding"]),
        (&serde_json::json!([-1269, 481]), &serde_json::json!([-1265, 171]))
    );
    assert!(world.ok("tester", &["coords", "show"]).contains("-1269,481"));
    assert!(world.fails("tester", 1, &["coords", "validate"]).contains("finding"));
}

#[test]
#[ignore = "needs Xvfb, openbox, xterm and xdotool: run tests/run"]
fn windows_are_chosen_by_title_class_and_process_and_only_when_one_fits() {
    let desk = Desk::new();
    let (one, _) = desk.terminal("one", "70x10+20+20");
    let (mut two, _) = desk.terminal("two", "70x10+700+300");
    let several = desk.run(&["coords", "capture", "Agent-1", "--class", "XTerm"]);
    assert_eq!(several.status.code(), Some(5), "{}", text(&several));
    let none = desk.run(&["coords", "capture", "Agent-1", "--title", "three*"]);
    assert_eq!(none.status.code(), Some(3), "{}", text(&none));
    let by_pid = desk.json(&["coords", "capture", "Agent-1", "--pid", &one.pid().to_string()]);
    assert_eq!(by_pid["window"]["id"].to_string(), desk.window("one"));
    let id = desk.window("two");
    let (x, y) = desk.composer_of("two");
    let at = ["coords", "capture", "Agent-2", "--window", &id, "--at", &x.to_string(), &y.to_string()];
    assert_eq!(desk.json(&at)["point"], serde_json::json!([x, y]));
    assert!(desk.ok(&["coords", "list"]).contains("no picture"));
    // The window goes: that is found, and nothing is typed.
    drop(two.0.kill());
    wait("it has gone", || desk.window_now("two").is_empty());
    let gone = desk.run(&["coords", "validate"]);
    assert_eq!(gone.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&gone.stdout).contains("its window is gone"), "{}", text(&gone));
    // An agent may place itself, and nobody else.
    let own = desk.world.run("Agent-1", &["coords", "set", "Agent-1", "10", "20"]);
    assert!(own.status.success(), "{}", text(&own));
    assert_eq!(desk.world.run("Agent-1", &["coords", "set", "Agent-2", "10", "20"]).status.code(), Some(4));
}
