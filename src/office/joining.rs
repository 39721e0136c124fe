//! An agent takes its place: which window it is in, which program it is, and
//! the roster entry that says so.
//!
//! What is pinned is looked at, not believed: a tmux pane counts only when
//! this very process descends from the pane's, because `$TMUX_PANE` is
//! inherited by whatever a pane starts, other terminals included. An X window
//! counts only when its process is one of our ancestors.

use std::path::PathBuf;
use std::process::Command;

use super::coords::At;
use super::{ErrorKind, Office, OfficeError, Result};
use crate::model::{Action, AgentName, Event, EventKind, Permission};
use crate::nudge::screen::{self, Window};
use crate::roster::{Agent, Channel, ChannelKind, Pin, save_agent};

/// How many ancestors of a process are looked at.
const ANCESTORS: usize = 64;

/// One process, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// Its parent's.
    pub parent: u32,
    /// When it started: field 22 of `/proc/PID/stat`.
    pub start: u64,
    /// Its name and the beginning of its arguments, last path parts only.
    pub words: Vec<String>,
}

/// Where this process runs.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// How the window is rung; `None` when it cannot be.
    pub channel: Option<Channel>,
    /// The window, for a person: `tmux pane %3`.
    pub window: String,
    /// The profile of the program that was found between the window and us.
    pub profile: Option<String>,
    /// Why the window cannot be rung, and what would help.
    pub warning: Option<String>,
}

/// What `join` did.
#[derive(Debug, Clone)]
pub struct Joined {
    /// The roster entry as it is now.
    pub agent: Agent,
    /// The working root.
    pub root: PathBuf,
    /// Where it was found.
    pub surroundings: Surroundings,
    /// Whether it was on the roster before.
    pub known: bool,
}

impl Office {
    /// Pins the window this process runs in on the roster entry of `name`,
    /// which is made when it is missing, with a key, and approves what it wrote.
    ///
    /// # Errors
    /// A name that may not be one, a person's entry, or the disk.
    pub fn join(&self, name: &AgentName, profile: Option<String>) -> Result<Joined> {
        if name.is_reserved() {
            return Err(OfficeError::new(
                ErrorKind::Refused,
                format!("{name} is the name of a sender without a mailbox"),
            )
            .hint("choose another name, as Agent-1"));
        }
        self.may(Action::On(Permission::Roster, name))?;
        let before = self.roster().get(name.as_str()).cloned();
        let known = before.is_some();
        let mut agent = before.unwrap_or_else(|| Agent::new(name.clone()));
        if agent.is_human() {
            return Err(OfficeError::new(
                ErrorKind::Refused,
                format!("{name} is a person, who is rung on the desktop"),
            )
            .hint("cellphone agents list shows the agents; join as one of them"));
        }
        let surroundings = look_around(self, &agent.name);
        if let Some(found) = &surroundings.channel {
            // The new window comes first; other kinds stay as fallbacks.
            agent
                .channels
                .retain(|c| c.kind != found.kind && !(c.kind == ChannelKind::Pty || c.kind == ChannelKind::Tmux));
            agent.channels.insert(0, found.clone());
        }
        if let Some(profile) = &profile {
            self.known_profile(profile)?;
        }
        if let Some(profile) = profile.or_else(|| surroundings.profile.clone()) {
            agent.profile = Some(profile);
        }
        save_agent(self.root(), &agent)?;
        self.ensure_mailbox(&agent.name)?;
        self.give_keys(std::slice::from_ref(&agent.name));
        let event = Event::new(jiff::Timestamp::now(), EventKind::Joined)
            .agent(&agent.name)
            .with("window", &surroundings.window);
        self.note(&[event]);
        self.window_is_new(&agent.name);
        Ok(Joined { agent, root: self.root().path().to_owned(), surroundings, known })
    }
}

fn look_around(office: &Office, name: &AgentName) -> Surroundings {
    let chain = ancestors(std::process::id());
    let hosted = std::env::var("CELLPHONE_AGENT").is_ok_and(|a| name.same(&a))
        && office.root().state().path().join("pty").join(format!("{name}.sock")).exists();
    if hosted {
        let profile = program(office, &chain);
        let channel = Some(Channel::new(ChannelKind::Pty));
        return Surroundings { channel, window: "a terminal of `cellphone run`".into(), profile, warning: None };
    }
    match tmux_pane() {
        Some(Ok((pane, socket, pid))) => match chain.iter().position(|p| p.pid == pid) {
            Some(at) => {
                let pin =
                    Pin { pane: Some(pane.clone()), pid: Some(pid), start: Some(chain[at].start), ..Pin::default() };
                let mut channel = Channel::new(ChannelKind::Tmux);
                channel.target = Some(pane.clone());
                channel.tmux_socket = Some(socket);
                channel.pin = Some(pin);
                let window = format!("tmux pane {pane}, process {pid}");
                Surroundings { channel: Some(channel), window, profile: program(office, &chain[..=at]), warning: None }
            }
            None => unringable(
                program(office, &chain),
                name,
                format!("$TMUX_PANE says {pane}, but this process does not run in that pane"),
            ),
        },
        Some(Err(why)) => unringable(program(office, &chain), name, why),
        None => match terminal_window(&chain) {
            Ok(Some((display, window, at))) => on_screen(office, name, &chain[..=at], display, &window),
            Ok(None) => unringable(
                program(office, &chain),
                name,
                "this terminal has no keyboard that another process can use".into(),
            ),
            Err(why) => unringable(program(office, &chain), name, why),
        },
    }
}

/// The X window of the terminal this process runs in: its display, the
/// window, and the place of its process among our ancestors. `$WINDOWID` is
/// inherited as `$TMUX_PANE` is, so it counts only when the window belongs to
/// one of them; without it, a process with one window is enough. `None`
/// without a display, or where no window fits.
fn terminal_window(chain: &[Process]) -> std::result::Result<Option<(String, Window, usize)>, String> {
    let Some(display) = std::env::var("DISPLAY").ok().filter(|d| !d.is_empty()) else { return Ok(None) };
    // Whatever is typed there would not come from a keyboard of this display.
    if std::env::var_os("SSH_CONNECTION").is_some() {
        return Ok(None);
    }
    let Ok(windows) = screen::windows(Some(&display)) else { return Ok(None) };
    let mine = |w: &Window| w.pid.and_then(|pid| chain.iter().position(|p| p.pid == pid));
    let told: Option<u32> = std::env::var("WINDOWID").ok().and_then(|id| id.trim().parse().ok());
    if let Some((window, at)) = windows.iter().find(|w| Some(w.id) == told).and_then(|w| Some((w, mine(w)?))) {
        return Ok(Some((display, window.clone(), at)));
    }
    let nearest = windows.iter().filter_map(mine).min();
    let Some(at) = nearest else { return Ok(None) };
    let mut of_it = windows.into_iter().filter(|w| w.pid == Some(chain[at].pid));
    match (of_it.next(), of_it.next()) {
        (Some(window), None) => Ok(Some((display, window, at))),
        _ => Err(format!(
            "process {} of this terminal has several windows, and nothing says which one this is (show it with \
             cellphone coords capture NAME)",
            chain[at].pid
        )),
    }
}

fn on_screen(office: &Office, name: &AgentName, chain: &[Process], display: String, window: &Window) -> Surroundings {
    let (pid, start) = chain.last().map_or((0, 0), |terminal| (terminal.pid, terminal.start));
    let mut channel = Channel::new(ChannelKind::Screen);
    channel.target = Some(display);
    channel.pin = Some(Pin {
        window: Some(window.id),
        class: Some(window.class.clone()),
        pid: Some(pid),
        start: Some(start),
        ..Pin::default()
    });
    let size = (window.area.width, window.area.height);
    let known = office.composer(name, At::Chat).ok().flatten().is_some_and(|composer| composer.window == size);
    let warning = (!known).then(|| {
        format!(
            "nothing is typed into this window before its empty composer is known: cellphone coords capture {name} \
             (point at the composer), then cellphone coords register {name}; tmux and `cellphone run {name} -- PROGRAM` \
             need neither"
        )
    });
    let shown = format!("window {:#x} {} on the screen, process {pid}", window.id, window.class);
    Surroundings { channel: Some(channel), window: shown, profile: program(office, chain), warning }
}

fn unringable(profile: Option<String>, name: &AgentName, why: String) -> Surroundings {
    let warning = format!(
        "{why}: {name} can work here, its mail waits in the inbox, but this window will not ring. To make one ring, \
         run `cellphone join {name}` in a tmux pane, or start the program with: cellphone run {name} -- PROGRAM"
    );
    let window = "a terminal that cannot ring".into();
    Surroundings { channel: None, window, profile, warning: Some(warning) }
}

/// The profile of the nearest known program among these processes. Our own
/// process is the first and does not count.
fn program(office: &Office, chain: &[Process]) -> Option<String> {
    office.profile_of(chain.iter().skip(1).flat_map(|process| process.words.iter().map(String::as_str)))
}

/// The tmux pane of the environment: its id, the server's socket, the pane's
/// process. `None` outside tmux.
fn tmux_pane() -> Option<std::result::Result<(String, String, u32), String>> {
    let (server, pane) = (std::env::var("TMUX").ok()?, std::env::var("TMUX_PANE").ok()?);
    // SOCKET,PID,SESSION; the path itself may hold commas.
    let socket = server.rsplitn(3, ',').nth(2)?.to_owned();
    let output = Command::new("tmux")
        .args(["-S", &socket, "display-message", "-p", "-t", &pane, "#{pane_pid}"])
        .stdin(std::process::Stdio::null())
        .output();
    Some(match output {
        Ok(o) if o.status.success() => String::from_utf8_lossy(&o.stdout)
            .trim()
            .parse()
            .map(|pid| (pane.clone(), socket, pid))
            .map_err(|_| format!("tmux does not know the process of pane {pane}")),
        Ok(o) => Err(format!("tmux does not know pane {pane} ({})", String::from_utf8_lossy(&o.stderr).trim())),
        Err(e) => Err(format!("cannot ask tmux about pane {pane}: {e}")),
    })
}

/// A process and its ancestors, nearest first.
fn ancestors(pid: u32) -> Vec<Process> {
    let mut chain = Vec::new();
    let mut next = pid;
    while next > 1 && chain.len() < ANCESTORS {
        let Some(process) = process(next) else { break };
        next = process.parent;
        chain.push(process);
    }
    chain
}

#[cfg(target_os = "linux")]
fn process(pid: u32) -> Option<Process> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    parse_stat(pid, &stat, &arguments)
}

#[cfg(not(target_os = "linux"))]
fn process(pid: u32) -> Option<Process> {
    let output = Command::new("ps").args(["-o", "ppid=,lstart=,command=", "-p", &pid.to_string()]).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut words = text.split_whitespace();
    let parent = words.next()?.parse().ok()?;
    // `Mon Nov 23 08:00:00 2026` has five words.
    let started: Vec<&str> = words.by_ref().take(5).collect();
    let start = started.join(" ").bytes().fold(0_u64, |h, b| h.wrapping_mul(131).wrapping_add(u64::from(b)));
    Some(Process { pid, parent, start, words: words.take(3).map(last_part).collect() })
}

/// Reads `/proc/PID/stat`, whose second field may hold anything, blanks and
/// parentheses too; the fields after it are counted from its last `)`.
#[cfg(any(target_os = "linux", test))]
fn parse_stat(pid: u32, stat: &str, arguments: &[u8]) -> Option<Process> {
    let (head, rest) = stat.rsplit_once(')')?;
    let name = head.split_once('(')?.1;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let mut words = vec![name.to_owned()];
    // `node /usr/bin/claude --continue`: the program is the second word.
    let text = String::from_utf8_lossy(arguments);
    words.extend(text.split('\0').filter(|w| !w.is_empty()).take(2).map(last_part));
    Some(Process { pid, parent: fields.get(1)?.parse().ok()?, start: fields.get(19)?.parse().ok()?, words })
}

pub(super) fn last_part(word: &str) -> String {
    word.rsplit('/').next().unwrap_or(word).trim_end_matches(".js").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_stat_with_a_hostile_name() {
        let tail = "S 7 1 1 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 4242 1 1";
        let p = parse_stat(9, &format!("9 (a) b (c) {tail}"), b"node\0/usr/bin/claude\0--continue\0").unwrap();
        assert_eq!((p.parent, p.start), (7, 4242));
        assert_eq!(p.words, ["a) b (c", "node", "claude"]);
    }

    #[test]
    fn a_terminal_that_cannot_ring_says_so_and_what_to_do() {
        let name = AgentName::new("Agent-3").unwrap();
        let around = unringable(None, &name, "this terminal has no keyboard".into());
        let warning = around.warning.unwrap();
        assert!(around.channel.is_none());
        assert!(warning.contains("will not ring") && warning.contains("cellphone run Agent-3 -- "), "{warning}");
    }

    #[test]
    fn this_process_has_ancestors() {
        let chain = ancestors(std::process::id());
        assert!(chain.len() > 1);
        assert_eq!(chain[0].pid, std::process::id());
    }
}
