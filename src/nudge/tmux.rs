//! The channel `tmux`: a pane, by its id, its process and when that started.
//!
//! Every keystroke goes through one `if-shell -F` that the tmux server
//! evaluates itself, so the identity check and the keys are one step there:
//! a pane that was killed, reused or put into copy-mode a moment ago gets
//! none. The process's start time, which tmux does not know, is checked
//! right before each step.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::converse::{self, Look, Stop, Terminal, converse, examine};
use super::gates::Seen;
use super::grid::Screen;
use super::key::Key;
use super::outcome::{Attempt, Outcome, Reason};
use super::profile::SubmitKey;
use super::proof;
use super::target::{PinnedProcess, Target, TmuxTarget};
use super::{NudgeContext, foreground, typist};
use crate::fsio::boot;

/// What is asked of tmux in each look, one line.
const FACTS: &str = "#{pane_id} #{pane_pid} #{pane_dead} #{pane_in_mode} #{alternate_on} \
                     #{?synchronize-panes,1,0} #{pane_input_off} #{cursor_y} #{cursor_x} #{session_activity} \
                     #{pane_title}";

/// Rest between two looks while a change is awaited; a look takes 2 ms itself.
const POLL: Duration = Duration::from_millis(2);

/// How long a tmux server may take to answer; it takes milliseconds.
const LIMIT: Duration = Duration::from_secs(5);

/// A pane as it was found, for pinning it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pane {
    /// Its id, as `%5`.
    pub id: String,
    /// Its process.
    pub process: PinnedProcess,
}

/// Finds the pane that `target` names (`%5`, `session:window.pane`) so that
/// it can be pinned.
///
/// # Errors
/// For a person: when tmux is missing or knows no such pane.
pub fn identify(socket: Option<&str>, target: &str) -> Result<Pane, String> {
    let facts = run(socket, &["display-message", "-p", "-t", target, "#{pane_id} #{pane_pid}"])?;
    let (id, pid) = facts.trim().split_once(' ').ok_or_else(|| format!("tmux knows no pane {target:?}"))?;
    let pid = pid.parse().map_err(|_| format!("tmux knows no pane {target:?}"))?;
    let process = proof::pin(pid).ok_or_else(|| format!("process {pid} of pane {id} cannot be read"))?;
    Ok(Pane { id: id.to_owned(), process })
}

/// Nudges a pane.
#[must_use]
pub fn nudge(target: &Target, tmux: &TmuxTarget, text: &str, context: &NudgeContext) -> Attempt {
    match open(tmux, context, &target.agent) {
        Err(stop) => Attempt::of(stop.into()),
        Ok(mut pane) => {
            let outcome = if context.dry_run {
                examine(&mut pane, &target.profile).map_or_else(Outcome::from, |_| Outcome::Typed)
            } else {
                converse(&mut pane, &target.profile, text)
            };
            Attempt { outcome, pinned: Some(pane.process), entered: pane.entered }
        }
    }
}

/// Presses one key in a pane.
#[must_use]
pub fn press(target: &Target, tmux: &TmuxTarget, key: Key, context: &NudgeContext) -> Attempt {
    match open(tmux, context, &target.agent) {
        Err(stop) => Attempt::of(stop.into()),
        Ok(mut pane) => {
            let outcome = converse::press(&mut pane, &target.profile, key);
            Attempt { outcome, pinned: Some(pane.process), entered: pane.entered }
        }
    }
}

/// What a pinned pane shows, for a person.
///
/// # Errors
/// When it is not the pinned one, or another types there.
pub fn peek(target: &Target, tmux: &TmuxTarget, context: &NudgeContext) -> Result<Screen, Stop> {
    Ok(open(tmux, context, &target.agent)?.look_once()?.screen)
}

struct PaneTerminal {
    socket: Option<String>,
    pane: String,
    process: PinnedProcess,
    human_idle: Duration,
    agent: String,
    entered: Option<Duration>,
    /// When a person last pressed a key in the session, at the first look.
    activity: Option<String>,
    _typist: crate::fsio::Lock,
}

fn open(tmux: &TmuxTarget, context: &NudgeContext, agent: &crate::model::AgentName) -> Result<PaneTerminal, Stop> {
    let (Some(pane), Some(process)) = (tmux.pane.clone(), tmux.process) else {
        return Err(Stop::Failed(format!(
            "the tmux channel of {agent} is not pinned to a pane; run in that pane: cellphone join {agent}"
        )));
    };
    if !pane.strip_prefix('%').is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit())) {
        return Err(Stop::Failed(format!("{pane:?} is not a tmux pane id such as %5")));
    }
    // By its process: a socket has several names.
    let _typist = typist::lock("pane", &format!("{} {}", process.pid, process.start))?;
    let human_idle = context.human_idle;
    Ok(PaneTerminal {
        socket: tmux.socket.clone(),
        pane,
        process,
        human_idle,
        agent: agent.to_string(),
        entered: None,
        activity: None,
        _typist,
    })
}

/// Runs tmux with one command line of arguments and returns what it printed.
fn run(socket: Option<&str>, arguments: &[&str]) -> Result<String, String> {
    run_with_input(socket, arguments, String::new())
}

fn run_with_input(socket: Option<&str>, arguments: &[&str], input: String) -> Result<String, String> {
    let mut command = Command::new("tmux");
    match socket {
        Some(path) if path.contains('/') => drop(command.args(["-S", path])),
        Some(name) => drop(command.args(["-L", name])),
        None => {}
    }
    command.arg("-u").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => "tmux is not installed".to_owned(),
        _ => format!("tmux cannot be started: {e}"),
    })?;
    let (send, heard) = std::sync::mpsc::channel();
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    // In a thread: a server that is stopped must not hold us.
    std::thread::spawn(move || {
        drop(stdin.map(|mut to| to.write_all(input.as_bytes())));
        let mut printed = Vec::new();
        drop(stdout.map(|mut from| from.read_to_end(&mut printed)));
        drop(send.send(printed));
    });
    let Ok(printed) = heard.recv_timeout(LIMIT) else {
        drop(child.kill());
        drop(child.wait());
        return Err(format!("tmux does not answer within {} s; is its server stopped?", LIMIT.as_secs()));
    };
    let out = child.wait_with_output().map_err(|e| format!("tmux: {e}"))?;
    if out.status.success() {
        return Ok(String::from_utf8_lossy(&printed).into_owned());
    }
    Err(format!("tmux: {}", String::from_utf8_lossy(&out.stderr).trim()))
}

/// What the server compares itself in the moment of the keys: where the
/// cursor is, and the title, in which several programs say that they work or
/// ask. A title that tmux would read as a format is not compared.
fn still_shows(judged: &Screen) -> String {
    let (row, column) = judged.cursor;
    let cursor = format!("#{{==:#{{cursor_y}} #{{cursor_x}},{row} {column}}}");
    if judged.title.contains(['#', '{', '}', ',', ':', '"', '\'', '\\', '$', ';']) {
        return cursor;
    }
    format!("#{{&&:{cursor},#{{==:#{{pane_title}},{}}}}}", judged.title)
}

impl PaneTerminal {
    fn gone(&self, why: &str) -> Stop {
        Stop::Failed(format!(
            "pane {} is not the one that was pinned for {} ({why}); run in its pane: cellphone join {}",
            self.pane, self.agent, self.agent
        ))
    }

    fn tmux(&self, arguments: &[&str]) -> Result<String, Stop> {
        run(self.socket.as_deref(), arguments).map_err(|why| self.gone(&why))
    }

    fn check_process(&self) -> Result<(), Stop> {
        match proof::pin(self.process.pid) {
            Some(now) if now == self.process => Ok(()),
            Some(_) => Err(self.gone("its process id belongs to another process now")),
            None => Err(self.gone("its process has ended")),
        }
    }

    /// Sends keys, if the server finds the pane as it was pinned, in no mode,
    /// and still as it was judged. `keys` is one tmux command.
    fn press(&mut self, keys: &str, judged: &Screen) -> Result<(), Stop> {
        self.press_after(&[], String::new(), keys, judged)
    }

    /// As [`press`](Self::press), after another command that reads `input`.
    fn press_after(&mut self, first: &[&str], input: String, keys: &str, judged: &Screen) -> Result<(), Stop> {
        self.check_process()?;
        let same = format!(
            "#{{&&:#{{==:#{{pane_id}} #{{pane_pid}},{} {}}},#{{&&:#{{==:#{{pane_in_mode}}#{{pane_dead}}#{{pane_input_off}},000}},#{{==:#{{?synchronize-panes,1,0}},0}}}}}}",
            self.pane, self.process.pid
        );
        let mut same = format!("#{{&&:{same},{}}}", still_shows(judged));
        if let Some(activity) = &self.activity {
            // A person's key may be under way to the program, which has not shown it yet. The person was quiet for a
            // while before the first look, so that seconds tell.
            same = format!("#{{&&:{same},#{{==:#{{session_activity}},{activity}}}}}");
        }
        let checked = ["if-shell", "-F", "-t", &self.pane, &same, keys, "display-message -p refused"];
        let said = run_with_input(self.socket.as_deref(), &[first, &checked].concat(), input)
            .map_err(|why| self.gone(&why))?;
        if said.trim() == "refused" {
            // The next look names the reason.
            let seen = self.look_once()?.seen;
            return Err(Stop::Deferred(match () {
                () if seen.synchronized => Reason::Synchronized,
                () if seen.copy_mode => Reason::CopyMode,
                () => Reason::Unsettled,
            }));
        }
        Ok(())
    }

    fn look_once(&mut self) -> Result<Look, Stop> {
        self.check_process()?;
        let out = self.tmux(&[
            "display-message",
            "-p",
            "-t",
            &self.pane,
            FACTS,
            ";",
            "list-clients",
            "-F",
            "client #{client_activity} #{pane_id}",
            ";",
            "display-message",
            "-p",
            "-t",
            &self.pane,
            "screen",
            ";",
            "capture-pane",
            "-p",
            "-e",
            "-N",
            "-t",
            &self.pane,
        ])?;
        let mut lines = out.splitn(2, '\n');
        let facts: Vec<&str> = lines.next().unwrap_or_default().splitn(11, ' ').collect();
        let [id, pid, dead, mode, alternate, synchronized, input_off, row, column, activity, title] = facts[..] else {
            return Err(self.gone("tmux does not describe it"));
        };
        if id != self.pane || pid.parse() != Ok(self.process.pid) || dead == "1" {
            return Err(self.gone("it has another process, or none"));
        }
        let rest = lines.next().unwrap_or_default();
        let (clients, picture) = rest.split_once("screen\n").ok_or_else(|| self.gone("tmux does not show it"))?;
        let number = |text: &str| text.parse::<usize>().unwrap_or(usize::MAX);
        let mut screen = Screen::from_lines(picture, (number(row), number(column)));
        screen.alternate = alternate == "1";
        screen.title = title.to_owned();
        self.activity.get_or_insert_with(|| activity.to_owned());
        // tmux passes the brackets on only to a program that asked for them.
        screen.paste = true;
        let seen = Seen {
            human_quiet: quiet(clients, &self.pane),
            human_idle: self.human_idle,
            human_draft: false,
            still: None,
            copy_mode: mode != "0",
            synchronized: synchronized == "1" || input_off == "1",
            bare_shell: foreground::is_left_to_a_shell(self.process.pid),
        };
        Ok(Look { screen, seen })
    }
}

/// How long ago, at least, a client that shows this pane last had a key
/// pressed. tmux counts in whole seconds of the wall clock.
fn quiet(clients: &str, pane: &str) -> Option<Duration> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    clients
        .lines()
        .filter_map(|line| line.strip_prefix("client ")?.split_once(' '))
        .filter(|(_, shown)| *shown == pane)
        .filter_map(|(at, _)| at.parse().ok().map(Duration::from_secs))
        .map(|at| now.saturating_sub(at + Duration::from_secs(1)))
        .min()
}

impl Terminal for PaneTerminal {
    fn look(&mut self) -> Result<Look, Stop> {
        self.look_once()
    }

    fn put(&mut self, text: &str, paste: bool, judged: &Screen) -> Result<(), Stop> {
        if !paste {
            // The only text that is typed: no quoting can go wrong with it.
            if !super::notice::is_safe(text) {
                return Err(Stop::Failed("only the template's letters are typed into a pane".to_owned()));
            }
            return self.press(&format!("send-keys -t {} -l \"{text}\"", self.pane), judged);
        }
        // tmux passes ESC and CR of a buffer through, even ESC [ 201 ~.
        let clean = super::notice::without_controls(text);
        // Several panes are rung at once, and buffers belong to the whole server: one of its own for each text.
        let buffer = crate::fsio::temporary_name("cellphone");
        let pasted = self.press_after(
            &["load-buffer", "-b", &buffer, "-", ";"],
            clean,
            &format!("paste-buffer -p -r -d -b {buffer} -t {}", self.pane),
            judged,
        );
        if pasted.is_err() {
            drop(run(self.socket.as_deref(), &["delete-buffer", "-b", &buffer]));
        }
        pasted
    }

    fn submit(&mut self, key: SubmitKey, judged: &Screen) -> Result<(), Stop> {
        let key = match key {
            SubmitKey::Enter => "Enter",
            SubmitKey::CtrlEnter => "C-Enter",
            SubmitKey::AltEnter => "M-Enter",
            SubmitKey::Tab => "Tab",
        };
        let now = boot::now();
        self.press(&format!("send-keys -t {} {key}", self.pane), judged)?;
        self.entered.get_or_insert(now);
        Ok(())
    }

    fn erase(&mut self, times: usize, judged: &Screen) -> Result<(), Stop> {
        self.press(&format!("send-keys -t {} -N {times} BSpace", self.pane), judged)
    }

    fn key(&mut self, key: Key, judged: &Screen) -> Result<(), Stop> {
        let name = key.tmux().ok_or_else(|| Stop::Failed(format!("a terminal has no key {key}")))?;
        self.press(&format!("send-keys -t {} {name}", self.pane), judged)
    }

    fn look_again(&mut self, before: &Screen, limit: Duration) -> Result<Look, Stop> {
        let end = Instant::now() + limit;
        loop {
            std::thread::sleep(POLL.min(end.saturating_duration_since(Instant::now())));
            let look = self.look_once()?;
            if look.screen != *before || Instant::now() >= end {
                return Ok(look);
            }
        }
    }
}

#[cfg(test)]
#[path = "tmux_tests.rs"]
mod tests;
