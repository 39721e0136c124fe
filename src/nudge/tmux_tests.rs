//! Against a real tmux on a private socket, in panes opened here.

use super::*;
use crate::model::AgentName;
use crate::nudge::{Notice, Way, nudge};

struct Server {
    dir: tempfile::TempDir,
}

impl Server {
    fn new(program: &str) -> Self {
        let server = Self { dir: tempfile::tempdir().unwrap() };
        server.tmux(&["-f", "/dev/null", "new-session", "-d", "-s", "t", "-x", "60", "-y", "12", program]);
        server
    }
    fn socket(&self) -> String {
        self.dir.path().join("s").display().to_string()
    }
    fn tmux(&self, arguments: &[&str]) -> String {
        run(Some(&self.socket()), arguments).unwrap()
    }
    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-t", "t"])
    }
    fn until(&self, wanted: &str) {
        let end = Instant::now() + Duration::from_secs(5);
        while !self.screen().contains(wanted) {
            assert!(Instant::now() < end, "{wanted:?} did not appear:\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    fn target(&self) -> Target {
        let pane = identify(Some(&self.socket()), "t").unwrap();
        let tmux = TmuxTarget { socket: Some(self.socket()), pane: Some(pane.id), process: Some(pane.process) };
        let mut target = Target::new(AgentName::new("Agent-3").unwrap(), Way::Tmux(tmux));
        target.profile.echo_ms = 300;
        target
    }
    /// Nudges; waits for a program that has only just been told to show its
    /// prompt again.
    fn nudge_ready(&self, target: &Target) -> Attempt {
        let end = Instant::now() + Duration::from_secs(5);
        loop {
            let attempt = self.nudge(target);
            let later = matches!(attempt.outcome, Outcome::Deferred(Reason::Busy | Reason::Unsettled));
            if !later || Instant::now() > end {
                return attempt;
            }
        }
    }
    fn nudge(&self, target: &Target) -> Attempt {
        nudge(target, &notice(), &NudgeContext::new(self.dir.path()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(run(Some(&self.socket()), &["kill-server"]));
    }
}

fn notice() -> Notice {
    let from = vec![AgentName::new("Agent-1").unwrap()];
    Notice { agent: AgentName::new("Agent-3").unwrap(), new: 2, urgent: 1, from, ids: vec![] }
}

/// Prints a prompt and what it reads, like an agent.
const AGENT: &str = "sh -c 'while printf \"> \"; read -r x; do echo \"got: $x\"; done'";

#[test]
#[ignore = "needs tmux: run tests/run"]
fn a_nudge_reaches_the_pinned_pane_across_a_wrapped_line() {
    let server = Server::new(AGENT);
    server.until(">");
    let target = server.target();
    let attempt = server.nudge_ready(&target);
    assert_eq!(attempt.outcome, Outcome::Submitted { blind: false }, "{}", server.screen());
    server.until("got: Cellphone: 2 new for Agent-3");
    assert_eq!(attempt.pinned.map(|p| p.pid), Some(identify(Some(&server.socket()), "t").unwrap().process.pid));
    // At the bottom of the pane, where lines scroll.
    for _ in 0..6 {
        assert_eq!(server.nudge_ready(&target).outcome, Outcome::Submitted { blind: false }, "{}", server.screen());
    }
}

#[test]
#[ignore = "needs tmux: run tests/run"]
fn a_shell_that_an_agent_left_behind_gets_no_key() {
    let server = Server::new("env -i PATH=$PATH TERM=screen PS1='$ ' bash --norc -i");
    server.until("$");
    let target = server.target();
    assert_eq!(server.nudge(&target).outcome, Outcome::Deferred(Reason::Absent), "{}", server.screen());
    // The agent's program comes back, in front of the same shell.
    server.tmux(&["send-keys", "-t", "t", "-l", AGENT]);
    server.tmux(&["send-keys", "-t", "t", "Enter"]);
    server.until("\n>");
    assert_eq!(server.nudge_ready(&target).outcome, Outcome::Submitted { blind: false }, "{}", server.screen());
    server.until("got: Cellphone: 2 new");
    server.tmux(&["send-keys", "-t", "t", "C-c"]);
    server.until("\n$");
    assert_eq!(server.nudge(&target).outcome, Outcome::Deferred(Reason::Absent));
    assert_eq!(server.screen().matches("Cellphone").count(), 2, "typed and printed once: {}", server.screen());
}

#[test]
#[ignore = "needs tmux: run tests/run"]
fn many_panes_that_are_pasted_into_at_once_each_get_their_own() {
    const PASTING: &str = "bash -c 'while read -e -p \"> \" x; do echo \"got: $x\"; done'";
    let server = Server::new(PASTING);
    let panes: Vec<String> = (0..8)
        .map(|_| server.tmux(&["new-window", "-P", "-F", "#{pane_id}", "-t", "t:", PASTING]).trim().to_owned())
        .collect();
    let shown = |pane: &str| server.tmux(&["capture-pane", "-p", "-J", "-S", "-", "-t", pane]);
    std::thread::scope(|scope| {
        for (n, pane) in panes.iter().enumerate() {
            let (server, shown) = (&server, &shown);
            scope.spawn(move || {
                let found = identify(Some(&server.socket()), pane).unwrap();
                let way =
                    TmuxTarget { socket: Some(server.socket()), pane: Some(found.id), process: Some(found.process) };
                let agent = AgentName::new(format!("Agent-{n}")).unwrap();
                let mut target = Target::new(agent.clone(), Way::Tmux(way));
                target.profile.entry = crate::nudge::profile::Entry::Paste;
                let notice = Notice { agent, ..notice() };
                let context = NudgeContext { human_idle: Duration::ZERO, ..NudgeContext::new(server.dir.path()) };
                for round in 1..=5 {
                    let end = Instant::now() + Duration::from_secs(20);
                    while nudge(&target, &notice, &context).outcome != (Outcome::Submitted { blind: false }) {
                        assert!(Instant::now() < end, "{}", shown(pane));
                    }
                    while shown(pane).matches(&format!("got: Cellphone: 2 new for Agent-{n}")).count() < round {
                        assert!(Instant::now() < end, "{}", shown(pane));
                    }
                }
            });
        }
    });
    for (n, pane) in panes.iter().enumerate() {
        let all = shown(pane);
        let own = all.matches(&format!("new for Agent-{n}")).count();
        assert_eq!(all.matches("new for Agent-").count(), own, "{all}");
    }
    assert_eq!(server.tmux(&["list-buffers"]), "", "no buffer is left");
}

#[test]
#[ignore = "needs tmux: run tests/run"]
fn a_server_that_is_stopped_holds_nobody() {
    let server = Server::new(AGENT);
    server.until(">");
    let target = server.target();
    let pid = server.tmux(&["display-message", "-p", "#{pid}"]).trim().to_owned();
    let signal = |name: &str| assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    signal("-STOP");
    let outcome = server.nudge(&target).outcome;
    signal("-CONT");
    assert!(matches!(&outcome, Outcome::Failed(why) if why.contains("does not answer")), "{outcome:?}");
}

#[test]
#[ignore = "needs tmux: run tests/run"]
fn drafts_copy_mode_busy_and_synchronized_panes_get_no_key() {
    let server = Server::new(AGENT);
    server.until(">");
    let target = server.target();
    server.tmux(&["send-keys", "-t", "t", "-l", "half a dra"]);
    server.until("half a dra");
    assert_eq!(server.nudge(&target).outcome, Outcome::Deferred(Reason::Draft));
    server.tmux(&["copy-mode", "-t", "t"]);
    assert_eq!(server.nudge(&target).outcome, Outcome::Deferred(Reason::CopyMode));
    server.tmux(&["send-keys", "-t", "t", "-X", "cancel"]);
    server.tmux(&["set-option", "-w", "-t", "t", "synchronize-panes", "on"]);
    assert_eq!(server.nudge(&target).outcome, Outcome::Deferred(Reason::Synchronized));
    server.tmux(&["set-option", "-w", "-t", "t", "synchronize-panes", "off"]);
    server.tmux(&["send-keys", "-t", "t", "-l", "ft"]);
    server.until("half a draft");
    assert!(!server.screen().contains("Cellphone"), "{}", server.screen());
    let busy = Server::new("sh -c 'echo working; sleep 60'");
    busy.until("working");
    assert_eq!(busy.nudge(&busy.target()).outcome, Outcome::Deferred(Reason::Busy));
}

#[test]
#[ignore = "needs tmux: run tests/run"]
fn a_pane_that_was_replaced_gets_no_key() {
    let server = Server::new(AGENT);
    server.until(">");
    let target = server.target();
    server.tmux(&["respawn-pane", "-k", "-t", "t", AGENT]);
    server.until(">");
    let Outcome::Failed(why) = server.nudge(&target).outcome else { panic!("{}", server.screen()) };
    assert!(why.contains("cellphone join Agent-3"), "{why}");
    server.tmux(&["split-window", "-t", "t", AGENT]);
    let Way::Tmux(mut tmux) = target.way.clone() else { unreachable!() };
    tmux.pane = Some("%1".to_owned());
    let other = Target { way: Way::Tmux(tmux), ..target };
    assert!(matches!(server.nudge(&other).outcome, Outcome::Failed(_)));
    assert!(!server.screen().contains("Cellphone"));
}

#[test]
#[ignore = "needs tmux: run tests/run"]
fn a_program_that_does_not_echo_is_not_submitted() {
    let server = Server::new("sh -c 'stty -echo; printf \"> \"; read -r x; echo \"got: [$x]\"; sleep 60'");
    server.until(">");
    assert_eq!(server.nudge(&server.target()).outcome, Outcome::Deferred(Reason::NoEcho));
    server.tmux(&["send-keys", "-t", "t", "Enter"]);
    server.until("got: []");
}

#[test]
#[ignore = "needs tmux: run tests/run"]
fn a_pasted_message_cannot_leave_its_paste() {
    // A program with bracketed paste that shows what it is given.
    let server = Server::new("env -i PATH=$PATH TERM=screen bash -c 'while read -e -p \"$ \" x; do eval \"$x\"; done'");
    server.until("$");
    let mut target = server.target();
    target.profile.echo_ms = 1_000;
    let mut context = NudgeContext::new(server.dir.path());
    context.message = Some("echo a\u{1b}[201~\recho pwned".to_owned());
    let attempt = nudge(&target, &notice(), &context);
    assert_eq!(attempt.outcome, Outcome::Submitted { blind: false }, "{}", server.screen());
    server.until("a[201~echo pwned");
}

#[test]
#[ignore = "needs tmux: run tests/run"]
fn a_pane_and_a_hosted_terminal_give_the_same_grid() {
    use crate::nudge::grid::Cell;
    // Attributes, greys of every kind, wide and combining characters, a row
    // that wraps, bytes of another encoding, a title, a cursor moved back.
    let bytes: &[u8] = b"plain \x1b[2mdim\x1b[22m \x1b[7mreversed\x1b[27m \x1b[90mbright black\x1b[39m done\r\n\
        \x1b[38;5;244mgrey\x1b[0m \x1b[38;2;175;175;175mpale\x1b[39m \x1b[38;2;250;120;0morange\x1b[0m \x1b[1;2;7mall\x1b[0m\r\n\
        \xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e e\xcc\x81 \xe2\x9d\xaf end\r\n\
        caf\xe9 na\xefve \x93quoted\x94\r\n\
        a row that is longer than sixty columns and is wrapped by the terminal itself at its edge\r\n\
        \x1b]2;\xe2\xa0\x82 a title\x07\xe2\x9d\xaf \x1b[2mhint\x1b[0m\x1b[4D";
    let server = Server::new("cat");
    let file = server.dir.path().join("bytes");
    crate::fsio::Dir::create_all(server.dir.path()).unwrap().create("bytes", bytes, false).unwrap();
    server.tmux(&["respawn-pane", "-k", "-t", "t", &format!("stty -echo; cat {}; exec cat", file.display())]);
    server.until("hint");
    let target = server.target();
    let Way::Tmux(pane) = &target.way else { panic!() };
    let pane = peek(&target, pane, &NudgeContext::new(server.dir.path())).unwrap();
    let hosted = crate::nudge::host::hosted::picture_of(bytes, (12, 60));
    let blank = |cell: &Cell| cell.text.trim().is_empty();
    let cells = |screen: &Screen, row: usize| -> Vec<Cell> {
        let mut cells: Vec<Cell> = screen.rows.get(row).cloned().unwrap_or_default();
        cells.resize(60, Cell::default());
        // A blank has no colour, whatever was set when it was printed.
        cells.iter_mut().filter(|cell| blank(cell) && !cell.inverse).for_each(|cell| *cell = Cell::default());
        cells.iter_mut().filter(|cell| blank(cell)).for_each(|cell| cell.text.clear());
        cells
    };
    for row in 0..12 {
        assert_eq!(cells(&pane, row), cells(&hosted, row), "row {row}: {:?} and {:?}", pane.row(row), hosted.row(row));
    }
    assert_eq!((pane.cursor, &pane.title, pane.alternate), (hosted.cursor, &hosted.title, hosted.alternate));
    assert_eq!(pane.title, "⠂ a title");
    assert!(pane.row(2).contains("日本語") && pane.row(1).contains("pale"), "{}", pane.text());
}
