//! One scenario on one channel: a root, its daemon, a target and a bystander,
//! and as many wakes as are asked for. Everything here was opened by the
//! bench, on servers and terminals of its own.

use std::fs;
use std::io::{Read as _, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::fake::OBSTACLE;
use super::{Scenario, now};

/// Longest wait for one wake: many times the longest pause of the root.
const PATIENCE: Duration = Duration::from_secs(12);

/// The fakes' looks: a composer between two rules.
const PROFILE: &str = r"name: nasty
composer:
  place: box
  prompt: '^❯ '
  more: '^(  |\s*$)'
  above: '^─{8}'
  below: '^─{8}'
busy:
  screen: ['esc to interrupt']
dialog:
  screen: ['^ *[❯ ] \d\. ', 'Do you want to']
entry: typed
settle_ms: 30
echo_ms: 400
enters: 3
";

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One wake, as the logs tell it.
#[derive(Debug, serde::Serialize)]
pub struct Wake {
    pub channel: String,
    pub scenario: String,
    pub id: String,
    /// proven, moved, deferred, failed.
    pub end: String,
    pub reasons: Vec<String>,
    /// Milliseconds from the start of `send` to the proof.
    pub proof_ms: Option<f64>,
    /// Milliseconds from the end of the obstacle to the proof.
    pub recovery_ms: Option<f64>,
    /// Bytes of ours at a bystander, or at the target outside its composer.
    pub elsewhere: usize,
    pub dialogs: usize,
    pub drafts: usize,
    pub busy: usize,
    /// `woken` in the journal although nothing ran.
    pub unproven: usize,
}

struct Stage {
    bin: String,
    home: PathBuf,
    root: PathBuf,
    scenario: Scenario,
    tmux: bool,
    pane: String,
    human: Option<Box<dyn Write + Send>>,
    children: Vec<Box<dyn portable_pty::Child + Send + Sync>>,
}

fn wait(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < end, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(3));
    }
}

impl Stage {
    fn environment(&self) -> [(&'static str, String); 6] {
        let home = self.home.display().to_string();
        [
            ("PATH", "/usr/bin:/bin".into()),
            ("HOME", home.clone()),
            ("USER", "tester".into()),
            ("LANG", "C.UTF-8".into()),
            ("XDG_RUNTIME_DIR", home),
            ("CELLPHONE_ROOT", self.root.display().to_string()),
        ]
    }

    fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.environment()).env("TERM", "xterm-256color").env("SHELL", "/bin/sh");
        command.args(args).stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> String {
        let out = self.command(&self.bin, args).stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    }

    fn tmux(&self, args: &[&str]) -> String {
        let mut all = vec!["-L", "nasty", "-f", "/dev/null"];
        all.extend(args);
        let out = self.command("tmux", &all).env("TMUX_TMPDIR", &self.home).stdout(Stdio::piped()).output().unwrap();
        assert!(out.status.success(), "tmux {args:?}");
        String::from_utf8(out.stdout).unwrap().trim().to_owned()
    }

    fn log(&self, name: &str) -> PathBuf {
        self.home.join(format!("{name}.log"))
    }

    fn lines(&self, name: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.log(name)).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    fn count(&self, name: &str, what: &str) -> usize {
        self.lines(name).iter().filter(|line| line["what"] == what).count()
    }

    /// The command line of a fake; paths here hold no blanks.
    fn fake(&self, scenario: Scenario, name: &str) -> String {
        let this = std::env::current_exe().unwrap();
        format!("{} fake {} {} {}", this.display(), scenario.name(), self.log(name).display(), self.bin)
    }

    fn joined(&self) -> String {
        let fake = self.fake(self.scenario, "target");
        format!("{} join Agent-2 --profile nasty >/dev/null && CELLPHONE_AGENT=Agent-2 exec {fake}", self.bin)
    }

    fn host(&mut self, agent: &str, scenario: Scenario, name: &str) {
        let cols = if scenario == Scenario::Narrow { 30 } else { 100 };
        let size = portable_pty::PtySize { rows: 30, cols, pixel_width: 0, pixel_height: 0 };
        let pair = portable_pty::native_pty_system().openpty(size).unwrap();
        let mut command = portable_pty::CommandBuilder::new(&self.bin);
        command.env_clear();
        for (key, value) in self.environment() {
            command.env(key, value);
        }
        command.env("TERM", "xterm-256color");
        command.cwd(&self.home);
        command.args(["run", agent, "--"]);
        command.args(self.fake(scenario, name).split(' '));
        self.children.push(pair.slave.spawn_command(command).unwrap());
        let mut reader = pair.master.try_clone_reader().unwrap();
        if name == "target" {
            self.human = Some(pair.master.take_writer().unwrap());
        }
        std::thread::spawn(move || {
            // The terminal outside: reads, or the host would stand still.
            let (_master, mut buffer) = (pair.master, [0; 4096]);
            while reader.read(&mut buffer).is_ok_and(|n| n > 0) {}
        });
    }

    fn open(&mut self) {
        let bystander = self.fake(Scenario::Bystander, "bystander");
        if self.tmux {
            let width = if self.scenario == Scenario::Narrow { "30" } else { "100" };
            self.tmux(&["new-session", "-d", "-s", "s", "-x", width, "-y", "30", &bystander]);
            self.pane = self.tmux(&["new-window", "-P", "-F", "#{pane_id}", "-t", "s:", &self.joined()]);
        } else {
            self.host("Agent-3", Scenario::Bystander, "bystander");
            self.host("Agent-2", self.scenario, "target");
        }
        wait("both programs are there", || self.count("target", "started") + self.count("bystander", "started") == 2);
    }

    fn types(&mut self, keys: &str) {
        if let Some(human) = &mut self.human {
            human.write_all(keys.as_bytes()).unwrap();
            human.flush().unwrap();
        } else if keys == "\x15" {
            self.tmux(&["send-keys", "-t", &self.pane, "C-u"]);
        } else {
            self.tmux(&["send-keys", "-t", &self.pane, "-l", keys]);
        }
    }

    /// What happens outside the fake, from the moment of sending on; gives
    /// when it was over.
    fn act(&mut self) -> Option<u128> {
        let pause = Duration::from_millis(OBSTACLE);
        match self.scenario {
            Scenario::Typing => {
                for _ in 0..12 {
                    self.types("=");
                    std::thread::sleep(Duration::from_millis(40));
                }
                self.types("\x15");
            }
            Scenario::CopyMode => {
                std::thread::sleep(pause);
                self.tmux(&["send-keys", "-t", &self.pane, "-X", "cancel"]);
            }
            Scenario::Reused => {
                std::thread::sleep(pause);
                let before = self.count("target", "started");
                self.tmux(&["respawn-pane", "-k", "-t", &self.pane, &self.joined()]);
                wait("the agent is back", || self.count("target", "started") > before);
            }
            _ => return None,
        }
        Some(now())
    }

    fn arm(&self) {
        match self.scenario {
            Scenario::CopyMode => drop(self.tmux(&["copy-mode", "-t", &self.pane])),
            Scenario::Reused => {
                let before = self.count("bystander", "started");
                let stranger = self.fake(Scenario::Bystander, "bystander");
                self.tmux(&["respawn-pane", "-k", "-t", &self.pane, &stranger]);
                wait("the stranger is there", || self.count("bystander", "started") > before);
            }
            _ => {
                let before = self.count("target", "armed");
                fs::write(self.home.join("target.arm"), "").unwrap();
                wait("the fake is armed", || self.count("target", "armed") > before);
            }
        }
    }

    fn trace(&self, id: &str) -> Vec<Value> {
        let text = self.run(&["--as", "Agent-1", "--json", "trace", id]);
        let whole: Result<Vec<Value>, _> = serde_json::from_str(&text);
        whole.unwrap_or_else(|_| text.lines().filter_map(|l| serde_json::from_str(l).ok()).collect())
    }

    fn wake(&mut self) -> Wake {
        self.arm();
        let (seen, beside) = (self.lines("target").len(), self.lines("bystander").len());
        let start = now();
        let sent = self.run(&["--as", "Agent-1", "--json", "send", "--to", "Agent-2", "-s", "ring", "-m", "x"]);
        let id = serde_json::from_str::<Value>(&sent).unwrap()["id"].as_str().unwrap().to_owned();
        let over = self.act();
        let ran = |stage: &Self| stage.lines("target").iter().any(|l| l["what"] == "ran" && l["id"] == id.as_str());
        let end = Instant::now() + PATIENCE;
        while !ran(self) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(3));
        }
        let proved = |trace: &[Value]| trace.iter().find(|e| e["event"] == "woken").cloned();
        let mut trace = self.trace(&id);
        let end = Instant::now() + Duration::from_secs(2);
        while ran(self) && proved(&trace).is_none() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(10));
            trace = self.trace(&id);
        }
        wait("the turn ends", || {
            let log = self.lines("target");
            let at = |what: &str| log.iter().rposition(|l| l["what"] == what);
            at("turn ended") >= at("ran")
        });
        let has_run = ran(self);
        self.judge(id, start, over, &trace, (seen, beside), has_run)
    }

    fn judge(
        &self,
        id: String,
        start: u128,
        over: Option<u128>,
        trace: &[Value],
        from: (usize, usize),
        ran: bool,
    ) -> Wake {
        let log = self.lines("target").split_off(from.0);
        let beside = self.lines("bystander").split_off(from.1);
        let ours = |state: &str| log.iter().filter(|l| l["what"] == "byte" && l["state"] == state).count();
        let strange = beside.iter().filter(|l| l["what"] == "byte").count();
        let wrong = log.iter().filter(|l| l["what"] == "byte" && l["state"] != "composer").count();
        let changed = log.iter().filter(|l| l["what"] == "draft changed").count();
        let woken = trace.iter().find(|e| e["event"] == "woken");
        let at =
            woken.and_then(|e| e["at"].as_str()?.parse::<jiff::Timestamp>().ok()).map(|t| t.as_microsecond() as u128);
        let clear = log.iter().filter(|l| l["what"] == "clear").filter_map(|l| l["at"].as_u64()).next_back();
        let over = over.or(clear.map(u128::from));
        let reasons: Vec<String> = trace
            .iter()
            .filter(|e| ["deferred", "nudge_failed"].iter().any(|k| e["event"] == *k))
            .map(|e| {
                format!(
                    "{}: {}",
                    e["event"].as_str().unwrap_or_default(),
                    e["detail"]["why"].as_str().or(e["why"].as_str()).unwrap_or("?")
                )
            })
            .collect();
        let any = |kind: &str| trace.iter().any(|e| e["event"] == kind);
        let end = match () {
            () if woken.is_some() && ran => "proven",
            () if any("moved") => "moved",
            () if any("deferred") => "deferred",
            () => "failed",
        };
        let ms = |from: u128| at.map(|at| (at as f64 - from as f64) / 1_000.0);
        Wake {
            channel: if self.tmux { "tmux" } else { "pty" }.to_owned(),
            scenario: self.scenario.name(),
            end: end.to_owned(),
            reasons,
            proof_ms: ms(start),
            recovery_ms: over.and_then(ms),
            elsewhere: strange + wrong,
            dialogs: ours("dialog"),
            drafts: ours("draft") + changed,
            busy: ours("busy"),
            unproven: usize::from(woken.is_some() && !ran),
            id,
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
        if self.tmux {
            let mut kill = self.command("tmux", &["-L", "nasty", "kill-server"]);
            let _ = kill.env("TMUX_TMPDIR", &self.home).stderr(Stdio::null()).status();
        }
    }
}

fn settings(root: &Path) {
    let path = root.join("config/cellphone.yaml");
    let mut text = fs::read_to_string(&path).unwrap();
    for (key, value) in [
        ("cooldown", "0s"),
        ("urgent_cooldown", "0s"),
        ("human_idle", "300ms"),
        ("retry_first", "100ms"),
        ("retry_max", "400ms"),
        ("attempts", "50"),
        ("breaker_rest", "200ms"),
        ("budget", "0"),
    ] {
        let line = text.lines().find(|l| l.trim_start().starts_with(&format!("{key}: "))).unwrap().to_owned();
        text = text.replacen(&format!("\n{line}\n"), &format!("\n  {key}: {value}\n"), 1);
    }
    fs::write(path, text).unwrap();
    fs::create_dir_all(root.join("config/profiles")).unwrap();
    fs::write(root.join("config/profiles/nasty.yaml"), PROFILE).unwrap();
}

/// Plays a scenario so many times.
pub fn play(bin: &str, channel: &str, scenario: Scenario, rounds: usize) -> Vec<Wake> {
    let temp = tempfile::Builder::new().prefix("nasty-").tempdir().unwrap();
    let home = temp.path().to_path_buf();
    let mut stage = Stage {
        bin: bin.to_owned(),
        root: home.join("root"),
        home,
        scenario,
        tmux: channel == "tmux",
        pane: String::new(),
        human: None,
        children: Vec::new(),
    };
    let root = stage.root.display().to_string();
    stage.run(&["init", &root]);
    settings(&stage.root);
    stage.run(&["trust", "--yes"]);
    if !stage.tmux {
        stage.run(&["agents", "set", "Agent-2", "--channel", "pty", "--profile", "nasty"]);
    }
    stage.open();
    let log = fs::File::create(stage.log("daemon")).unwrap();
    let _daemon = Killed(stage.command(bin, &["up"]).stderr(log).spawn().unwrap());
    let socket = stage.root.join(".cellphone/control.sock");
    wait("the daemon answers", || std::os::unix::net::UnixStream::connect(&socket).is_ok());
    (0..rounds).map(|_| stage.wake()).collect()
}
