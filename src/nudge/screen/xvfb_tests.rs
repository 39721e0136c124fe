//! On a real X server of their own: Xvfb, openbox and two xterms, or windows
//! of a small client ([`Pad`]) that misbehaves on demand.

#[path = "pad_tests.rs"]
mod pad;
#[path = "picture_tests.rs"]
mod pictures;

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use x11rb::connection::Connection as _;
use x11rb::protocol::xproto::ConnectionExt as _;
use x11rb::protocol::xtest::ConnectionExt as _;

use super::hands::Hands;
use super::keys::{Keymap, Locks};
use super::*;
use crate::model::AgentName;
use crate::nudge::{Notice, Reason, Spot, Way, nudge, proof};

/// A display with a window manager, which ends with the test.
pub(super) struct Desk {
    pub(super) dir: tempfile::TempDir,
    pub(super) display: String,
    pub(super) children: Vec<Child>,
}

pub(super) fn until<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(15);
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < end, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

impl Desk {
    /// A display; `managed` says whether openbox runs on it.
    pub(super) fn new(managed: bool) -> Self {
        // A number that no test of this process had before: a window on a display of the same name would be taken
        // for the one that stood there.
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let first = 1_000 + std::process::id() % 500 * 100;
        let (server, display) = (0..100)
            .find_map(|_| {
                let display = format!(":{}", first + NEXT.fetch_add(1, Ordering::Relaxed));
                let mut server = Command::new("Xvfb")
                    .args([&display, "-displayfd", "1", "-screen", "0", "1200x800x24", "-nolisten", "tcp", "-noreset"])
                    .stdout(Stdio::piped())
                    .stderr(Stdio::null())
                    .spawn()
                    .expect("Xvfb");
                let mut told = std::io::BufReader::new(server.stdout.take().unwrap());
                let mut number = String::new();
                std::io::BufRead::read_line(&mut told, &mut number).unwrap();
                if number.is_empty() {
                    drop(server.wait());
                }
                (!number.is_empty()).then_some((server, display))
            })
            .expect("a free display");
        let mut desk = Self { dir: tempfile::tempdir().unwrap(), display, children: vec![server] };
        if managed {
            desk.start("openbox", &[]);
            // A window that maps while the window manager starts may be missed: its list, empty as
            // it is, is the last thing that it sets up.
            let display = desk.open();
            let list = display.atom("_NET_CLIENT_LIST").unwrap();
            let asked = || display.connection.get_property(false, display.root, list, 0_u32, 0, 1).unwrap();
            until("a window manager", || (asked().reply().unwrap().type_ != 0).then_some(()));
        }
        desk
    }
    /// Two xterms whose programs write every line they read to a file.
    fn with_terminals(managed: bool) -> Self {
        let mut desk = Self::new(managed);
        for (at, name) in ["one", "two"].iter().enumerate() {
            let place = format!("60x10+{}+50", 20 + at * 560);
            let program = format!("while read -r x; do echo \"$x\" >> {}/{name}; done", desk.dir.path().display());
            desk.start("xterm", &["-T", name, "-geometry", &place, "-e", "sh", "-c", &program]);
        }
        until("two windows", || (windows(Some(&desk.display)).ok()?.len() == 2).then_some(()));
        desk
    }
    pub(super) fn open(&self) -> x11::Display {
        x11::Display::open(Some(&self.display)).unwrap()
    }
    fn start(&mut self, program: &str, arguments: &[&str]) {
        let child = Command::new(program)
            .args(arguments)
            .env("DISPLAY", &self.display)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect(program);
        self.children.push(child);
    }
    pub(super) fn target(&self, title: &str) -> Target {
        let window = windows(Some(&self.display)).unwrap().into_iter().find(|w| w.title == title).unwrap();
        let screen = ScreenTarget {
            display: Some(self.display.clone()),
            window: Some(window.id),
            class: Some(window.class),
            pid: window.pid,
            start: window.pid.and_then(proof::pin).map(|p| p.start),
            title: Some(format!("{title}*")),
            spot: Some(Spot { x: window.area.x + 60, y: window.area.y + 60 }),
            home: Some(window.area),
            ..ScreenTarget::default()
        };
        let mut target = Target::new(AgentName::new("Agent-3").unwrap(), Way::Screen(screen));
        target.submit = SubmitRule::Blind;
        target
    }
    pub(super) fn nudge(&self, target: &Target, new: usize) -> Outcome {
        self.nudge_after(target, new, Duration::ZERO)
    }
    pub(super) fn nudge_after(&self, target: &Target, new: usize, human_idle: Duration) -> Outcome {
        let notice = Notice { agent: target.agent.clone(), new, urgent: 0, from: vec![], ids: vec![] };
        let mut context = NudgeContext::new(self.dir.path());
        context.human_idle = human_idle;
        nudge(target, &notice, &context).outcome
    }
    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(name)).unwrap_or_default()
    }
    /// Keys from a connection that is not ours: a person, as far as X knows.
    pub(super) fn person_types(&self, text: &str) {
        let display = self.open();
        let (_, strokes) = Keymap::read(&display).unwrap().plan(text).unwrap();
        for stroke in strokes {
            let (kind, code) = match stroke {
                keys::Stroke::Press(code) => (2, code),
                keys::Stroke::Release(code) => (3, code),
                other => panic!("{other:?}"),
            };
            display.connection.xtest_fake_input(kind, code, 0, 0, 0, 0, 0).unwrap();
        }
        display.sync().unwrap();
    }
    fn pointer(&self) -> (i16, i16) {
        let display = self.open();
        let reply = display.connection.query_pointer(display.root).unwrap().reply().unwrap();
        (reply.root_x, reply.root_y)
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        for child in self.children.iter_mut().rev() {
            // Asked, not killed: the server takes its socket and its lock away.
            let _ =
                rustix::process::kill_process(rustix::process::Pid::from_child(child), rustix::process::Signal::TERM);
            drop(child.wait());
        }
    }
}

pub(super) fn change(target: &Target, with: impl FnOnce(&mut ScreenTarget)) -> Target {
    let mut target = target.clone();
    if let Way::Screen(screen) = &mut target.way {
        with(screen);
    }
    target
}

#[test]
#[ignore = "needs Xvfb, openbox and xterm: run tests/run"]
fn the_right_window_is_rung_and_only_that_one() {
    let desk = Desk::with_terminals(true);
    let (one, two) = (desk.target("one"), desk.target("two"));
    // The human works in window two, has selected something and has Caps Lock on.
    let Way::Screen(ScreenTarget { window: Some(human), .. }) = two.way else { panic!() };
    let display = Arc::new(desk.open());
    let there = || display.active() == Ok(Some(human)) && display.has_focus(human) == Ok(true);
    display.activate(human).unwrap();
    until("the human's window", || there().then_some(()));
    let owner = display.connection.generate_id().unwrap();
    let aux = x11rb::protocol::xproto::CreateWindowAux::new();
    let kind = x11rb::protocol::xproto::WindowClass::INPUT_ONLY;
    display.connection.create_window(0, owner, display.root, 0, 0, 1, 1, 0, kind, 0, &aux).unwrap();
    let selections = ["PRIMARY", "CLIPBOARD"].map(|name| display.atom(name).unwrap());
    for selection in selections {
        display.connection.set_selection_owner(owner, selection, 0_u32).unwrap();
    }
    display.sync().unwrap();
    let caps = Locks::caps_lock(&display);
    let before = desk.pointer();
    for n in 1..=20 {
        let (target, file) = if n % 2 == 0 { (&two, "two") } else { (&one, "one") };
        assert_eq!(desk.nudge(target, n), Outcome::Submitted { blind: true }, "nudge {n}");
        let line = format!("Cellphone: {n} new for Agent-3. Run: cellphone inbox\n");
        until(&line, || desk.read(file).ends_with(&line).then_some(()));
        until("focus given back", || there().then_some(()));
        // xterm takes three clicks within 250 ms for the selection of a line.
        std::thread::sleep(Duration::from_millis(130));
    }
    assert_eq!((desk.read("one").lines().count(), desk.read("two").lines().count()), (10, 10));
    assert_eq!(desk.pointer(), before, "the pointer was given back");
    assert_eq!(Locks::put_aside(&display, 0).unwrap(), Some(caps), "Caps Lock is on again");
    for selection in selections {
        let holder = display.connection.get_selection_owner(selection).unwrap().reply().unwrap().owner;
        assert_eq!(holder, owner, "neither selection was touched");
    }
}

#[test]
#[ignore = "needs Xvfb, openbox and xterm: run tests/run"]
fn an_unverified_window_gets_no_key() {
    let mut desk = Desk::with_terminals(true);
    let one = desk.target("one");
    let refused = |target: &Target| match desk.nudge(target, 1) {
        Outcome::Failed(why) => why,
        other => panic!("{other:?}"),
    };
    assert!(refused(&change(&one, |s| s.class = Some("Other".into()))).contains("class"));
    assert!(refused(&change(&one, |s| s.start = Some(1))).contains("process"));
    assert!(refused(&change(&one, |s| s.title = Some("x*".into()))).contains("title"));
    assert!(refused(&change(&one, |s| s.window = Some(1))).contains("gone"));
    assert!(refused(&change(&one, |s| s.pid = None)).contains("pinned"));
    assert!(refused(&change(&one, |s| s.spot = Some(Spot { x: 900, y: 700 }))).contains("coordinates"));
    assert!(refused(&change(&one, |s| s.spot = Some(Spot { x: 5000, y: -3 }))).contains("no monitor"));
    desk.person_types("x");
    assert_eq!(desk.nudge_after(&one, 1, Duration::from_secs(3_600)), Outcome::Deferred(Reason::HumanActive));
    let mut gone = desk.children.remove(2);
    gone.kill().unwrap();
    gone.wait().unwrap();
    assert!(matches!(desk.nudge(&one, 1), Outcome::Failed(_)));
    assert_eq!((desk.read("one"), desk.read("two")), (String::new(), String::new()));
}

#[test]
#[ignore = "needs Xvfb and xterm: run tests/run"]
fn without_a_window_manager_windows_are_found_and_focused_by_hand() {
    let desk = Desk::with_terminals(false);
    let (one, two) = (desk.target("one"), desk.target("two"));
    for (target, there) in [(&one, (1, 0)), (&two, (1, 1)), (&one, (2, 1))] {
        assert_eq!(desk.nudge(target, 1), Outcome::Submitted { blind: true });
        let lines = || (desk.read("one").lines().count(), desk.read("two").lines().count());
        until("the line", || (lines() == there).then_some(()));
    }
}

#[test]
#[ignore = "needs Xvfb: run tests/run"]
fn our_own_keys_are_not_taken_for_a_persons() {
    let desk = Desk::new(false);
    let display = Arc::new(desk.open());
    let keymap = Keymap::read(&display).unwrap();
    desk.person_types("a");
    let typed = Instant::now();
    // Long enough to tell the two apart.
    std::thread::sleep(Duration::from_millis(60));
    let mut hands = Hands::open(&display).unwrap();
    let quiet = hands.quiet().unwrap().unwrap();
    assert!(quiet >= Duration::from_millis(50) && quiet <= typed.elapsed() + Duration::from_millis(10), "{quiet:?}");
    hands.stroke(&keymap.plan("Our own").unwrap().1).unwrap();
    assert!(!hands.disturbed().unwrap());
    hands.sign().unwrap();
    let mut next = Hands::open(&display).unwrap();
    let quiet = next.quiet().unwrap().unwrap();
    assert!(quiet >= Duration::from_millis(50), "our own keys were taken for a person's: {quiet:?}");
    // A person, after ours: at once, and also when ours came between.
    next.stroke(&keymap.plan("x").unwrap().1).unwrap();
    desk.person_types("b");
    assert!(next.disturbed().unwrap());
    next.sign().unwrap();
    let quiet = Hands::open(&display).unwrap().quiet().unwrap().unwrap();
    assert!(quiet < Duration::from_millis(50), "a person was overlooked: {quiet:?}");
}

#[test]
#[ignore = "needs Xvfb: run tests/run"]
fn a_screen_that_another_program_locked_gets_no_key() {
    let desk = Desk::new(false);
    let (display, locker) = (Arc::new(desk.open()), desk.open());
    let hands = Hands::open(&display).unwrap();
    assert!(hands.keys_are_free().unwrap());
    let mode = x11rb::protocol::xproto::GrabMode::ASYNC;
    locker.connection.grab_keyboard(false, locker.root, 0_u32, mode, mode).unwrap().reply().unwrap();
    assert!(!hands.keys_are_free().unwrap());
    locker.connection.ungrab_keyboard(0_u32).unwrap();
    locker.sync().unwrap();
    assert!(hands.keys_are_free().unwrap());
}
