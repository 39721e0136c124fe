//! A root of its own, the program and its environment, and what the fakes
//! logged there.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Scenario;

pub struct World {
    pub bin: String,
    pub home: PathBuf,
    pub root: PathBuf,
    pub scenario: Scenario,
    /// The X display, where the place has one.
    pub display: Option<String>,
}

/// A process that ends with its owner.
pub struct Killed(pub Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn wait(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < end, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(3));
    }
}

impl World {
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let home = self.home.display().to_string();
        let mut all = vec![
            ("PATH", "/usr/bin:/bin".into()),
            ("HOME", home.clone()),
            ("USER", "tester".into()),
            ("LANG", "C.UTF-8".into()),
            ("XDG_RUNTIME_DIR", home),
            ("CELLPHONE_ROOT", self.root.display().to_string()),
        ];
        all.extend(self.display.clone().map(|display| ("DISPLAY", display)));
        all
    }

    pub fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.environment()).env("TERM", "xterm-256color").env("SHELL", "/bin/sh");
        command.args(args).stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// Runs the program, which must succeed.
    pub fn run(&self, args: &[&str]) -> String {
        let out = self.command(&self.bin, args).stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    }

    pub fn json(&self, args: &[&str]) -> Value {
        let all = [&["--as", "Agent-1", "--json"], args].concat();
        serde_json::from_str(&self.run(&all)).unwrap()
    }

    pub fn log(&self, name: &str) -> PathBuf {
        self.home.join(format!("{name}.log"))
    }

    /// How long a log is, in bytes.
    pub fn length(&self, name: &str) -> u64 {
        fs::metadata(self.log(name)).map_or(0, |m| m.len())
    }

    /// What a fake logged from a length on.
    pub fn lines_from(&self, name: &str, from: u64) -> Vec<Value> {
        let mut text = String::new();
        if let Ok(mut file) = fs::File::open(self.log(name)) {
            std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(from)).unwrap();
            file.read_to_string(&mut text).unwrap();
        }
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Writes so many bytes of ours into a log, for one who cannot.
    pub fn note(&self, name: &str, bytes: usize) {
        let line = "{\"at\":0,\"what\":\"byte\",\"state\":\"shell\"}\n".repeat(bytes);
        let mut file = fs::OpenOptions::new().create(true).append(true).open(self.log(name)).unwrap();
        file.write_all(line.as_bytes()).unwrap();
    }

    pub fn count(&self, name: &str, what: &str) -> usize {
        self.lines_from(name, 0).iter().filter(|line| line["what"] == what).count()
    }

    /// The command line of a fake; paths here hold no blanks.
    pub fn fake(&self, scenario: Scenario, name: &str) -> String {
        let this = std::env::current_exe().unwrap();
        format!("{} fake {} {} {}", this.display(), scenario.name(), self.log(name).display(), self.bin)
    }
}
