//! A home, a root and the real binary; waiting; and children that end with
//! their test.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

pub const BIN: &str = env!("CARGO_BIN_EXE_cellphone");

/// Long enough for the slowest machine; a test that passes never waits for it.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Full-size storms were asked for.
pub fn long() -> bool {
    std::env::var_os("CELLPHONE_TEST_LONG").is_some_and(|v| v == "1")
}

/// The size of a storm: `small` always, `full` with `--long`.
pub fn size(small: usize, full: usize) -> usize {
    if long() { full } else { small }
}

/// A person's home with one root in it.
pub struct World {
    _temp: Option<TempDir>,
    pub home: PathBuf,
    pub root: PathBuf,
}

impl World {
    /// A fresh root below a temporary home.
    pub fn new() -> Self {
        let temp = tempfile::Builder::new().prefix("cellphone-test-").tempdir().unwrap();
        let base = temp.path().to_path_buf();
        Self::at(Some(temp), &base.join("home"), &base.join("root"))
    }

    /// A root inside `place` (a file system made by the test); the home is elsewhere.
    pub fn inside(place: &Path) -> Self {
        let temp = tempfile::Builder::new().prefix("cellphone-test-").tempdir().unwrap();
        let home = temp.path().join("home");
        Self::at(Some(temp), &home, &place.join("root"))
    }

    fn at(temp: Option<TempDir>, home: &Path, root: &Path) -> Self {
        for dir in ["run", ".config", ".local/state", ".cache", ".local/share"] {
            fs::create_dir_all(home.join(dir)).unwrap();
        }
        let world = Self { _temp: temp, home: home.to_path_buf(), root: root.to_path_buf() };
        let out = world.bare().arg("init").arg(root).output().unwrap();
        assert!(out.status.success(), "init: {}", text(&out));
        world
    }

    /// Another root of the same home, which somebody else made.
    pub fn beside(&self, root: &Path) -> Self {
        Self { _temp: None, home: self.home.clone(), root: root.to_path_buf() }
    }

    /// Any program with this home's environment and nothing of the caller's.
    pub fn program(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.home)
            .env("USER", "tester")
            .env("LOGNAME", "tester")
            .env("LANG", "C.UTF-8")
            .env("XDG_CONFIG_HOME", self.home.join(".config"))
            .env("XDG_STATE_HOME", self.home.join(".local/state"))
            .env("XDG_CACHE_HOME", self.home.join(".cache"))
            .env("XDG_DATA_HOME", self.home.join(".local/share"))
            .env("XDG_RUNTIME_DIR", self.home.join("run"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .current_dir(&self.home)
            .stdin(Stdio::null());
        // Where coverage is measured, the profile's path reaches the children.
        if let Some(profile) = std::env::var_os("LLVM_PROFILE_FILE") {
            command.env("LLVM_PROFILE_FILE", profile);
        }
        command
    }

    /// The binary without root and actor.
    pub fn bare(&self) -> Command {
        self.program(BIN)
    }

    /// The binary, acting as `agent` in this root.
    pub fn acting(&self, agent: &str) -> Command {
        let mut command = self.bare();
        command.arg("--root").arg(&self.root).args(["--as", agent]);
        command
    }

    /// Runs a command line as `agent`.
    pub fn run(&self, agent: &str, args: &[&str]) -> Output {
        self.acting(agent).args(args).output().unwrap()
    }

    /// Runs a command line that must succeed, and returns what it printed.
    pub fn ok(&self, agent: &str, args: &[&str]) -> String {
        let out = self.run(agent, args);
        assert!(out.status.success(), "{args:?} as {agent}: {}", text(&out));
        String::from_utf8(out.stdout).unwrap()
    }

    /// The same with `--json`, parsed.
    pub fn json(&self, agent: &str, args: &[&str]) -> Value {
        let mut all = vec!["--json"];
        all.extend(args);
        let out = self.ok(agent, &all);
        serde_json::from_str(&out).unwrap_or_else(|e| panic!("{args:?} printed no JSON ({e}): {out}"))
    }

    /// Runs a command line that must fail with `code`, and returns its complaint.
    pub fn fails(&self, agent: &str, code: i32, args: &[&str]) -> String {
        let out = self.run(agent, args);
        assert_eq!(out.status.code(), Some(code), "{args:?} as {agent}: {}", text(&out));
        String::from_utf8_lossy(&out.stderr).into_owned()
    }

    /// Sends one message and returns its id.
    pub fn send(&self, from: &str, to: &str, subject: &str) -> String {
        let sent = self.json(from, &["send", "--to", to, "-s", subject, "-m", "body"]);
        sent["id"].as_str().unwrap_or_else(|| panic!("no id: {sent}")).to_owned()
    }

    /// A folder of an agent.
    pub fn folder(&self, agent: &str, folder: &str) -> PathBuf {
        self.root.join("agent_workspaces").join(agent).join(folder)
    }

    /// Names of the messages in a folder of an agent, sorted.
    pub fn mail(&self, agent: &str, folder: &str) -> Vec<String> {
        names(&self.folder(agent, folder)).into_iter().filter(|n| n.ends_with(".md")).collect()
    }

    /// The unread messages as `inbox --json` gives them.
    pub fn inbox(&self, agent: &str) -> Vec<Value> {
        let list = self.json(agent, &["inbox", "--all", "-n", "1000000"]);
        list.as_array().unwrap_or_else(|| panic!("inbox is no list: {list}")).clone()
    }

    /// Starts the daemon and waits until it answers.
    pub fn up(&self) -> Running {
        self.up_with(&[])
    }

    /// The same, with more in its environment: settings as `CELLPHONE_…`.
    pub fn up_with(&self, environment: &[(&str, &str)]) -> Running {
        let log = fs::File::create(self.home.join("daemon.log")).unwrap();
        let mut command = self.bare();
        command.arg("--root").arg(&self.root).arg("up").stdout(log.try_clone().unwrap()).stderr(log);
        command.envs(environment.iter().copied());
        let mut running = Running::start(command);
        wait("the daemon answers", || {
            assert!(running.alive(), "the daemon ended: {}", self.daemon_log());
            std::os::unix::net::UnixStream::connect(self.root.join(".cellphone/control.sock")).is_ok()
        });
        running
    }

    /// What the daemon printed.
    pub fn daemon_log(&self) -> String {
        fs::read_to_string(self.home.join("daemon.log")).unwrap_or_default()
    }

    /// Changes a plain setting in `config/cellphone.yaml`: the line of `key`
    /// (unique in the file) gets `value`.
    pub fn set(&self, key: &str, value: &str) {
        let path = self.root.join("config/cellphone.yaml");
        let old = fs::read_to_string(&path).unwrap();
        let mut hits = 0;
        let new: String = old
            .lines()
            .map(|line| {
                let bare = line.trim_start();
                if bare.trim_start_matches('#').trim_start().split(':').next() == Some(key) && !bare.starts_with("##") {
                    hits += 1;
                    let indent = &line[..line.len() - bare.len()];
                    format!("{indent}{key}: {value}\n")
                } else {
                    format!("{line}\n")
                }
            })
            .collect();
        assert_eq!(hits, 1, "`{key}` stands {hits} times in {}", path.display());
        fs::write(path, new).unwrap();
    }
}

/// Names in a folder, sorted; none when the folder is absent.
pub fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .map(|entries| entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect())
        .unwrap_or_default();
    names.sort();
    names
}

/// Everything below a folder, as path → (mode, bytes): to prove that nothing changed.
pub fn photograph(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut open = vec![dir.to_path_buf()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).unwrap().map(Result::unwrap) {
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                open.push(entry.path());
            }
            let bytes = if kind.is_file() { fs::read(entry.path()) } else { Ok(Vec::new()) };
            match bytes {
                // A daemon that runs meanwhile took it away again.
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                bytes => drop(all.insert(entry.path(), bytes.unwrap())),
            }
        }
    }
    all
}

/// Whether the file is one whole message: the body has the digest it states.
pub fn is_whole(path: &Path) -> bool {
    use agent_cellphone::model::front_matter::Limits;
    use agent_cellphone::model::{Message, UniqueName};
    let name = path.file_name().unwrap().to_str().unwrap();
    let (name, _) = UniqueName::parse(name).unwrap();
    Message::parse(name, fs::read(path).unwrap(), &Limits::default()).is_ok()
}

/// What a program said, for a failure.
pub fn text(out: &Output) -> String {
    format!(
        "{}\n--- stdout\n{}\n--- stderr\n{}",
        out.status,
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    )
}

/// Waits until the condition holds.
pub fn wait(what: &str, condition: impl FnMut() -> bool) {
    wait_for(what, PATIENCE, condition);
}

/// Waits until the condition holds, at most `patience`.
pub fn wait_for(what: &str, patience: Duration, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + patience;
    while !condition() {
        assert!(Instant::now() < end, "waited {patience:?} in vain: {what}");
        // The interval of a poll, not a guess at how long something takes.
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A child that is killed when the test ends.
pub struct Running(pub Child);

impl Running {
    pub fn start(mut command: Command) -> Self {
        Self(command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}")))
    }

    pub fn alive(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }

    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Sends a signal by name: `STOP`, `CONT`, `TERM`, `HUP`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([format!("-{name}"), self.pid().to_string()]).status().unwrap();
        assert!(status.success(), "kill -{name} {}", self.pid());
    }

    /// Waits for the end, and returns the exit code.
    pub fn code(&mut self) -> Option<i32> {
        let mut code = None;
        wait("the child ends", || {
            code = self.0.try_wait().unwrap().map(|s| s.code());
            code.is_some()
        });
        code.flatten()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Already gone is what we want.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Feeds `input` to a command line and returns what came out.
pub fn feed(mut command: Command, input: &[u8]) -> Output {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

/// Compiles a C program of `tests/c/` once for all tests.
pub fn c_program(name: &str, flags: &[&str]) -> PathBuf {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c").join(format!("{name}.c"));
    let made = out.with_extension(format!("{}.{:?}", std::process::id(), std::thread::current().id()));
    let cc = Command::new("gcc").args(["-O2", "-Wall", "-o"]).arg(&made).arg(&source).args(flags).output();
    let cc = cc.expect("gcc is needed: run tests/run");
    assert!(cc.status.success(), "gcc {}: {}", source.display(), text(&cc));
    fs::rename(&made, &out).unwrap();
    out
}
