//! The demo's temporary root and its processes.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::super::failure::{Code, Failure};

/// How long a process may take to end when it is asked to.
const FAREWELL: Duration = Duration::from_secs(2);
/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(4);

/// What ends the demo early, with its number.
#[cfg(unix)]
const SIGNALS: &[(i32, usize)] =
    &[(signal_hook::consts::SIGHUP, 1), (signal_hook::consts::SIGINT, 2), (signal_hook::consts::SIGTERM, 15)];
#[cfg(not(unix))]
const SIGNALS: &[(i32, usize)] = &[(signal_hook::consts::SIGINT, 2), (signal_hook::consts::SIGTERM, 15)];

/// A place of its own, and who runs in it. Dropping it ends everybody.
pub(super) struct Stage {
    exe: PathBuf,
    home: Option<tempfile::TempDir>,
    base: PathBuf,
    people: Vec<(String, Child)>,
    /// The signal that ended it early; 0 while none did.
    interrupted: Arc<AtomicUsize>,
}

fn failed(what: impl Into<String>) -> Failure {
    Failure::new(Code::Failed, what)
}

impl Stage {
    /// Makes the place; nothing runs yet.
    pub(super) fn build() -> Result<Self, Failure> {
        let exe = std::env::current_exe().map_err(|e| failed(format!("cannot find this program: {e}")))?;
        // A short name: the path of a socket may not be longer than 107 bytes.
        let home = tempfile::Builder::new().prefix("cell").tempdir().map_err(|e| {
            failed(format!("cannot make a temporary folder: {e}")).hint("set TMPDIR to a folder that can be written")
        })?;
        let base = home.path().canonicalize().unwrap_or_else(|_| home.path().to_owned());
        let interrupted = Arc::new(AtomicUsize::new(0));
        for (signal, number) in SIGNALS {
            signal_hook::flag::register_usize(*signal, Arc::clone(&interrupted), *number)
                .map_err(|e| failed(format!("cannot listen to signals: {e}")))?;
        }
        Ok(Self { exe, home: Some(home), base, people: Vec::new(), interrupted })
    }

    /// The working root.
    pub(super) fn root(&self) -> PathBuf {
        self.base.join("office")
    }

    /// This program in this place: nothing of the person's own is touched.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.exe);
        for (name, folder) in
            [("HOME", "home"), ("XDG_STATE_HOME", "state"), ("XDG_CONFIG_HOME", "config"), ("XDG_RUNTIME_DIR", "run")]
        {
            command.env(name, self.base.join(folder));
        }
        for (name, _) in std::env::vars_os() {
            let foreign = name.to_str().is_none_or(|n| n.starts_with("CELLPHONE_") || n.starts_with("TMUX"));
            if foreign {
                command.env_remove(name);
            }
        }
        command.env("CELLPHONE_ROOT", self.root()).env("NO_COLOR", "1").current_dir(&self.base).args(args);
        // The usual minute between two nudges would make this a long film.
        command.env("CELLPHONE_NUDGE_COOLDOWN", "200ms").env("CELLPHONE_NUDGE_URGENT_COOLDOWN", "100ms");
        command.env("CELLPHONE_NUDGE_RETRY_FIRST", "1s");
        command.stdin(Stdio::null());
        // Ctrl-C reaches a whole process group: here only the demo itself, which then ends everybody in order.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command
    }

    /// Runs a command to its end and gives its JSON (`null` when it has none).
    pub(super) fn call(&self, args: &[&str]) -> Result<Value, Failure> {
        Ok(serde_json::from_slice(&self.output(args)?).unwrap_or(Value::Null))
    }

    /// The same for a command that answers a line per event.
    pub(super) fn call_lines(&self, args: &[&str]) -> Result<Vec<Value>, Failure> {
        let output = self.output(args)?;
        Ok(output.split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect())
    }

    fn output(&self, args: &[&str]) -> Result<Vec<u8>, Failure> {
        self.check()?;
        let output =
            self.command(args).output().map_err(|e| failed(format!("cannot run {}: {e}", self.exe.display())))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(failed(format!("cellphone {} ended with {}: {said}", args.join(" "), output.status)));
        }
        Ok(output.stdout)
    }

    /// The same as an agent.
    pub(super) fn call_as(&self, agent: &str, args: &[&str]) -> Result<Value, Failure> {
        let mut all = vec!["--as", agent, "--json"];
        all.extend(args);
        self.call(&all)
    }

    /// Starts a process that stays.
    pub(super) fn start(&mut self, name: &str, args: &[&str]) -> Result<(), Failure> {
        self.check()?;
        let child = self
            .command(args)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| failed(format!("cannot start {name}: {e}")))?;
        self.people.push((name.to_owned(), child));
        Ok(())
    }

    /// Kills a process as a power cut would: no farewell.
    pub(super) fn kill(&mut self, name: &str) -> Result<u32, Failure> {
        let at =
            self.people.iter().position(|(n, _)| n == name).ok_or_else(|| failed(format!("{name} does not run")))?;
        let (_, mut child) = self.people.remove(at);
        let pid = child.id();
        child.kill().and_then(|()| child.wait()).map_err(|e| failed(format!("cannot kill {name}: {e}")))?;
        Ok(pid)
    }

    /// Waits until `probe` gives something.
    pub(super) fn until<T>(
        &mut self,
        what: &str,
        patience: Duration,
        mut probe: impl FnMut(&Self) -> Result<Option<T>, Failure>,
    ) -> Result<T, Failure> {
        let begun = Instant::now();
        loop {
            self.check()?;
            if let Some(found) = probe(self)? {
                return Ok(found);
            }
            for (name, child) in &mut self.people {
                if let Ok(Some(status)) = child.try_wait() {
                    return Err(failed(format!("{name} ended with {status} while waiting until {what}")));
                }
            }
            if begun.elapsed() > patience {
                return Err(failed(format!("after {patience:?} it is still not so that {what}"))
                    .hint("cellphone demo --keep leaves the root, whose log tells more"));
            }
            std::thread::sleep(LOOK);
        }
    }

    fn check(&self) -> Result<(), Failure> {
        self.interruption().map_or(Ok(()), |code| Err(Failure::Silent(code)))
    }

    /// The exit code of a demo that a signal ended: 128 and its number.
    pub(super) fn interruption(&self) -> Option<u8> {
        let signal = self.interrupted.load(Ordering::Relaxed);
        (signal != 0).then(|| 128 + u8::try_from(signal).unwrap_or_default())
    }

    /// The copies of a message that stand in mailboxes: `(owner, folder)`.
    pub(super) fn copies(&self, id: &str) -> Vec<(String, String)> {
        let top = self.root().join("agent_workspaces");
        walkdir::WalkDir::new(&top)
            .into_iter()
            .filter_map(Result::ok)
            .filter(|e| e.file_type().is_file())
            .filter_map(|e| {
                let name = e.file_name().to_str()?;
                let stem = name.strip_suffix(".md")?;
                (stem.split(',').next()?.ends_with(id)).then(|| place(e.path().strip_prefix(&top).ok()?))?
            })
            .filter(|(_, folder)| matches!(folder.as_str(), "inbox" | "archive" | "dead"))
            .collect()
    }

    /// Ends everybody: asks first, then insists.
    pub(super) fn close(&mut self) {
        for (_, child) in self.people.iter().rev() {
            ask_to_end(child);
        }
        let begun = Instant::now();
        while begun.elapsed() < FAREWELL && self.people.iter_mut().any(|(_, c)| matches!(c.try_wait(), Ok(None))) {
            std::thread::sleep(LOOK);
        }
        for (_, mut child) in self.people.drain(..) {
            // Already gone is as good.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Leaves the folder where it is.
    pub(super) fn keep(&mut self) -> Option<PathBuf> {
        self.home.take().map(|home| {
            let _ = home.keep();
            self.root()
        })
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.close();
    }
}

fn place(below: &Path) -> Option<(String, String)> {
    let mut parts = below.iter().map(|p| p.to_string_lossy().into_owned());
    Some((parts.next()?, parts.next()?))
}

#[cfg(unix)]
fn ask_to_end(child: &Child) {
    // A process that is gone needs no asking.
    let _ = rustix::process::kill_process(rustix::process::Pid::from_child(child), rustix::process::Signal::TERM);
}

#[cfg(not(unix))]
fn ask_to_end(_child: &Child) {}
