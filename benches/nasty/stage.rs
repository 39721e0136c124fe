//! One scenario in one place: a root, its daemon, a target and a bystander,
//! and as many wakes as are asked for. Everything here was opened by the
//! bench, on servers, displays and terminals of its own.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::desk::Desk;
use super::fake::OBSTACLE;
use super::hosted::Hosted;
use super::judge::{Before, Wake, judge, ran};
use super::tmux::Panes;
use super::world::{Killed, World, wait};
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

/// Where fakes run: panes, hosted terminals, windows of a display.
pub trait Place {
    /// As the tables call it: the channel.
    fn name(&self) -> &'static str;
    /// Opens target and bystander.
    fn open(&mut self, world: &mut World);
    /// Makes the root know where the target is, once it has started.
    fn register(&mut self, _: &World) {}
    /// What a human types at the target.
    fn types(&mut self, world: &World, keys: &str);
    /// Puts up an obstacle of this place's own; false when the fake is to.
    fn arm(&mut self, _: &World) -> bool {
        false
    }
    /// What happens outside the fake from the moment of sending on; gives
    /// when it was over.
    fn act(&mut self, _: &World) -> Option<u128> {
        None
    }
    /// Ends what was opened.
    fn close(&mut self, world: &World);
}

struct Stage {
    world: World,
    place: Box<dyn Place>,
}

impl Stage {
    /// What the human and the place do, from the moment of sending on; gives
    /// when it was over.
    fn act(&mut self, length: u64) -> Option<u128> {
        match self.world.scenario {
            Scenario::Typing => {
                for _ in 0..12 {
                    self.place.types(&self.world, "=");
                    std::thread::sleep(Duration::from_millis(40));
                }
                self.place.types(&self.world, "\x15");
                Some(now())
            }
            Scenario::Middle => {
                let end = Instant::now() + PATIENCE;
                while self.world.length("target") == length && Instant::now() < end {
                    std::thread::sleep(Duration::from_micros(200));
                }
                self.place.types(&self.world, "==");
                std::thread::sleep(Duration::from_millis(OBSTACLE / 2));
                self.place.types(&self.world, "\x15");
                Some(now())
            }
            _ => self.place.act(&self.world),
        }
    }

    fn arm(&mut self) {
        if !self.place.arm(&self.world) {
            let before = self.world.count("target", "armed");
            fs::write(self.world.home.join("target.arm"), "").unwrap();
            wait("the fake is armed", || self.world.count("target", "armed") > before);
        }
    }

    fn trace(&self, id: &str) -> Vec<Value> {
        let text = self.world.run(&["--as", "Agent-1", "--json", "trace", id]);
        let whole: Result<Vec<Value>, _> = serde_json::from_str(&text);
        whole.unwrap_or_else(|_| text.lines().filter_map(|l| serde_json::from_str(l).ok()).collect())
    }

    fn wake(&mut self) -> Wake {
        self.arm();
        let (target, bystander) = (self.world.length("target"), self.world.length("bystander"));
        let before = Before { start: now(), target, bystander };
        let sent = self.world.json(&["send", "--to", "Agent-2", "-s", "ring", "-m", "x"]);
        let id = sent["id"].as_str().unwrap().to_owned();
        let over = self.act(target);
        let end = Instant::now() + PATIENCE;
        while !ran(&self.world, &before, &id) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(3));
        }
        let proved = |trace: &[Value]| trace.iter().any(|e| e["event"] == "woken");
        let mut trace = self.trace(&id);
        let end = Instant::now() + Duration::from_secs(2);
        while ran(&self.world, &before, &id) && !proved(&trace) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(10));
            trace = self.trace(&id);
        }
        wait("the turn ends", || {
            let log = self.world.lines_from("target", before.target);
            let at = |what: &str| log.iter().rposition(|l| l["what"] == what);
            // One whose program was killed in it never does.
            at("turn ended").max(at("started")) >= at("ran")
        });
        judge(&self.world, self.place.name(), id, &before, over, &trace)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.place.close(&self.world);
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
        let line = text.lines().find(|l| l.trim_start().starts_with(&format!("#{key}: "))).unwrap().to_owned();
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
    let world = World { bin: bin.to_owned(), root: home.join("root"), home, scenario, display: None };
    let place: Box<dyn Place> = match channel {
        "tmux" => Box::<Panes>::default(),
        "pty" => Box::<Hosted>::default(),
        _ => Box::<Desk>::default(),
    };
    let mut stage = Stage { world, place };
    let root = stage.world.root.display().to_string();
    stage.world.run(&["init", &root]);
    settings(&stage.world.root);
    stage.world.run(&["trust", "--yes"]);
    stage.place.open(&mut stage.world);
    wait("both programs are there", || {
        stage.world.count("target", "started") + stage.world.count("bystander", "started") == 2
    });
    stage.place.register(&stage.world);
    let log = fs::File::create(stage.world.log("daemon")).unwrap();
    let _daemon = Killed(stage.world.command(bin, &["up"]).stderr(log).spawn().unwrap());
    let socket = stage.world.root.join(".cellphone/control.sock");
    wait("the daemon answers", || std::os::unix::net::UnixStream::connect(&socket).is_ok());
    (0..rounds).map(|_| stage.wake()).collect()
}
