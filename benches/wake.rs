//! Wake latency: from the moment `send` is started until the program hosted
//! by `cellphone run` has read the nudge, with an idle daemon; and how long
//! the daemon takes from an event to the end of its scan, with a thousand
//! mailboxes. Prints rows for `benches/README.md`.
//!
//! `cargo bench --bench wake`, or through `benches/compare wake`. The hosted
//! program is this one again, started as `probe FILE`: it shows a prompt and
//! notes when each line arrived.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::panic, clippy::disallowed_methods)]

use std::fs;
use std::io::{BufRead as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const ROUNDS: usize = 60;

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn now() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()
}

/// The hosted program: a prompt that notes when it read a line, and then
/// takes its mail, as an agent does.
fn probe(file: &Path, bin: &str) {
    let mut out = std::io::stdout();
    write!(out, "> ").unwrap();
    out.flush().unwrap();
    for line in std::io::stdin().lock().lines() {
        let at = now();
        let line = line.unwrap();
        if line.starts_with("Cellphone:") {
            let mut notes = fs::OpenOptions::new().create(true).append(true).open(file).unwrap();
            writeln!(notes, "{at}").unwrap();
            while Command::new(bin).args(["next", "--json"]).stdout(Stdio::piped()).output().is_ok_and(|claimed| {
                let Ok(mail) = serde_json::from_slice::<serde_json::Value>(&claimed.stdout) else { return false };
                let (Some(id), Some(token)) = (mail["id"].as_str(), mail["token"].as_str()) else { return false };
                Command::new(bin).args(["done", id, "--token", token]).output().is_ok_and(|o| o.status.success())
            }) {}
            fs::write(file.with_extension("rests"), at.to_string()).unwrap();
        }
        write!(out, "> ").unwrap();
        out.flush().unwrap();
    }
}

fn wait(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < end, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn percentile(sorted: &[u128], p: usize) -> f64 {
    sorted[(sorted.len() * p).div_ceil(100).clamp(1, sorted.len()) - 1] as f64 / 1_000.0
}

struct Bench {
    bin: String,
    root: PathBuf,
    home: PathBuf,
}

impl Bench {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.bin);
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", &self.home).env("USER", "tester");
        command
            .env("XDG_RUNTIME_DIR", &self.home)
            .env("CELLPHONE_NUDGE_COOLDOWN", "0s")
            .env("CELLPHONE_NUDGE_BUDGET", "0")
            .env("CELLPHONE_NUDGE_LOOP_BURST", "0")
            .env("CELLPHONE_ROOT", &self.root);
        command.args(args).stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> String {
        let out = self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    }

    fn up(&self) -> Killed {
        let log = fs::File::create(self.home.join("daemon.log")).unwrap();
        let daemon = Killed(self.command(&["up"]).stderr(log).spawn().unwrap());
        let socket = self.root.join(".cellphone/control.sock");
        wait("the daemon answers", || std::os::unix::net::UnixStream::connect(&socket).is_ok());
        daemon
    }

    fn status(&self) -> serde_json::Value {
        serde_json::from_str(&self.run(&["--json", "status"])).unwrap()
    }
}

fn wake(bench: &Bench, this: &str) {
    let notes = bench.home.join("notes");
    let daemon = bench.up();
    let mut host = bench.command(&["run", "Agent-2", "--", this, "probe"]);
    host.arg(&notes).arg(&bench.bin);
    let _host = Killed(host.spawn().unwrap());
    wait("the program is hosted", || bench.root.join(".cellphone/pty/Agent-2.sock").exists());
    let read = || fs::read_to_string(&notes).unwrap_or_default();
    let mut latencies = Vec::new();
    for round in 0..=ROUNDS {
        let before = read().lines().count();
        let start = now();
        bench.run(&["--as", "Agent-1", "send", "--to", "Agent-2", "-s", "ring", "-m", "x"]);
        wait("the program reads the nudge", || read().lines().count() > before);
        let at: u128 = read().lines().nth(before).unwrap().parse().unwrap();
        // The first one pays for the start of both programs.
        if round > 0 {
            latencies.push(at - start);
        }
        // While it works it would take the next mail along, before it rings.
        wait("its turn is over", || {
            fs::read_to_string(notes.with_extension("rests")).is_ok_and(|a| a == at.to_string())
        });
    }
    latencies.sort_unstable();
    println!(
        "| send started → hosted program has read the nudge, {ROUNDS} rounds | p50 {:.1} ms, p99 {:.1} ms | | p50 ≤ 15 ms, p99 ≤ 50 ms beside the profile's pauses |",
        percentile(&latencies, 50),
        percentile(&latencies, 99)
    );
    drop(daemon);
}

fn scan(bench: &Bench) {
    for n in 0..1_000 {
        bench.run(&["agents", "add", &format!("Many-{n}")]);
    }
    let _daemon = bench.up();
    wait("everything was scanned once", || {
        bench.status()["daemon"]["scan"]["mailboxes"].as_u64().is_some_and(|n| n >= 1_000)
    });
    let mut latencies = Vec::new();
    for n in 0..200 {
        let before = bench.status()["daemon"]["scan"]["mailboxes"].as_u64().unwrap();
        bench.run(&["--as", "Agent-1", "send", "--to", &format!("Many-{}", n * 5), "-s", "x", "-m", "x"]);
        let mut took = 0;
        wait("it was scanned", || {
            let scan = &bench.status()["daemon"]["scan"];
            took = scan["last_micros"].as_u64().unwrap_or(0);
            scan["mailboxes"].as_u64().is_some_and(|n| n > before)
        });
        latencies.push(u128::from(took));
    }
    latencies.sort_unstable();
    println!(
        "| event → scan done, 1,000 mailboxes, 200 deliveries | p50 {:.2} ms, p99 {:.2} ms | | p99 ≤ 5 ms |",
        percentile(&latencies, 50),
        percentile(&latencies, 99)
    );
}

fn main() {
    let args: Vec<String> = std::env::args().filter(|a| a != "--bench").collect();
    if let [_, word, file, bin] = &args[..]
        && word == "probe"
    {
        return probe(Path::new(file), bin);
    }
    let temp = tempfile::tempdir().unwrap();
    let bin = args.get(1).cloned().unwrap_or_else(|| env!("CARGO_BIN_EXE_cellphone").to_owned());
    let this = std::env::current_exe().unwrap();
    for (name, part) in [("wake", true), ("scan", false)] {
        let home = temp.path().join(name);
        fs::create_dir(&home).unwrap();
        let bench = Bench { bin: bin.clone(), root: home.join("root"), home };
        let root = bench.root.to_str().unwrap().to_owned();
        bench.run(&["init", &root]);
        if part {
            wake(&bench, this.to_str().unwrap());
        } else {
            scan(&bench);
        }
    }
}
