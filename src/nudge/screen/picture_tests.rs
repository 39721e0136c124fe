//! The read-back by picture, on windows that misbehave.

use std::sync::Arc;
use std::time::Duration;

use x11rb::connection::Connection as _;
use x11rb::protocol::xproto::{ConfigureWindowAux, ConnectionExt as _, CreateWindowAux, StackMode, WindowClass};

use super::pad::{COMPOSER, Habits, Pad};
use super::{Desk, change, until};
use crate::nudge::screen::{self, ScreenTarget, SubmitRule, Target};
use crate::nudge::{Outcome, Reason, Way};

const WOKEN: Outcome = Outcome::Submitted { blind: false };

/// A target whose composer was registered.
fn registered(desk: &Desk, title: &str) -> Target {
    let mut target = desk.target(title);
    target.submit = SubmitRule::Verified;
    target.profile.echo_ms = 400;
    let target = change(&target, |s| {
        s.spot = s.home.map(|home| crate::nudge::Spot { x: home.x + 200, y: home.y + COMPOSER.y + 20 });
    });
    let composer = screen::register(&target, pin(&target), Some(COMPOSER), vec![]).unwrap();
    change(&target, |s| s.composer = Some(Arc::new(composer)))
}

fn pin(target: &Target) -> &ScreenTarget {
    match &target.way {
        Way::Screen(pin) => pin,
        other => panic!("{other:?}"),
    }
}

fn text(new: usize) -> String {
    format!("Cellphone: {new} new for Agent-3. Run: cellphone inbox")
}

#[test]
#[ignore = "needs Xvfb and openbox: run tests/run"]
fn what_was_typed_is_proven_by_the_picture_whatever_blinks() {
    let desk = Desk::new(true);
    let habits = Habits { blink: Some(Duration::from_millis(300)), place: (40, 60), ..Habits::default() };
    let pad = Pad::open(&desk, "pad", habits);
    let other = Pad::open(&desk, "other", Habits { place: (600, 60), ..Habits::default() });
    let target = registered(&desk, "pad");
    assert_eq!(pad.keys(), 0, "registering types nothing");
    desk.open().activate(other.window).unwrap();
    for n in 1..=10 {
        assert_eq!(desk.nudge(&target, n), WOKEN, "nudge {n}");
        assert_eq!(pad.lines().last(), Some(&text(n)));
    }
    assert_eq!((pad.lines().len(), other.keys(), other.clicks()), (10, 0, 0));
}

#[test]
#[ignore = "needs Xvfb and openbox: run tests/run"]
fn unobstructed_every_nudge_is_proven_and_soon() {
    let desk = Desk::new(true);
    let pads = [("left", 40), ("right", 600)]
        .map(|(title, x)| Pad::open(&desk, title, Habits { place: (x, 60), ..Habits::default() }));
    let targets = ["left", "right"].map(|title| registered(&desk, title));
    let mut took = Vec::new();
    for n in 0..100 {
        let begun = std::time::Instant::now();
        assert_eq!(desk.nudge(&targets[n % 2], n), WOKEN, "nudge {n}");
        took.push(begun.elapsed());
    }
    took.sort();
    assert_eq!(pads.map(|pad| pad.lines().len()), [50, 50]);
    // The published figures are the benchmark's; this only notices when something begins to wait.
    assert!(took[50] < Duration::from_millis(250), "{took:?}");
}

#[test]
#[ignore = "needs Xvfb and openbox: run tests/run"]
fn a_swallowed_enter_is_pressed_again_and_then_the_text_is_taken_out() {
    let desk = Desk::new(true);
    let pad = Pad::open(&desk, "pad", Habits { swallow_enters: 3, place: (40, 60), ..Habits::default() });
    let target = registered(&desk, "pad");
    assert_eq!(desk.nudge(&target, 1), Outcome::Deferred(Reason::NotSubmitted));
    assert_eq!((pad.composer(), pad.lines().len()), (String::new(), 0), "taken out again");
    // Two Enters were swallowed; of the next two the second counts.
    assert_eq!(desk.nudge(&target, 2), WOKEN);
    assert_eq!(pad.lines(), [text(2)]);
}

#[test]
#[ignore = "needs Xvfb and openbox: run tests/run"]
fn a_draft_a_deaf_window_and_another_size_get_no_enter() {
    let desk = Desk::new(true);
    let pad = Pad::open(&desk, "pad", Habits { place: (40, 60), ..Habits::default() });
    let target = registered(&desk, "pad");
    desk.open().bring(pad.window, Duration::from_secs(5)).unwrap();
    desk.person_types("half a thou");
    until("the draft", || (pad.composer() == "half a thou").then_some(()));
    let keys = pad.keys();
    assert_eq!(desk.nudge(&target, 1), Outcome::Deferred(Reason::Draft));
    assert_eq!((pad.keys(), pad.composer().as_str()), (keys, "half a thou"), "not a key");
    let display = desk.open();
    display.connection.configure_window(pad.window, &ConfigureWindowAux::new().width(500)).unwrap();
    until("the new size", || (display.area(pad.window).unwrap().width == 500).then_some(()));
    assert!(matches!(desk.nudge(&target, 1), Outcome::Failed(why) if why.contains("coords register")));
    assert_eq!(pad.keys(), keys);

    let deaf = Pad::open(&desk, "deaf", Habits { deaf: true, place: (40, 400), ..Habits::default() });
    let target = registered(&desk, "deaf");
    assert_eq!(desk.nudge(&target, 1), Outcome::Deferred(Reason::NoEcho));
    assert!(deaf.lines().is_empty(), "no Enter without an echo");
}

#[test]
#[ignore = "needs Xvfb and openbox: run tests/run"]
fn a_window_with_a_draft_is_not_brought_forward_again_while_the_draft_stands() {
    let desk = Desk::new(true);
    let pad = Pad::open(&desk, "pad", Habits { place: (40, 60), ..Habits::default() });
    let other = Pad::open(&desk, "other", Habits { place: (600, 60), ..Habits::default() });
    let target = registered(&desk, "pad");
    let display = Arc::new(desk.open());
    display.bring(pad.window, Duration::from_secs(5)).unwrap();
    desk.person_types("half");
    until("the draft", || (pad.composer() == "half").then_some(()));
    display.bring(other.window, Duration::from_secs(5)).unwrap();
    assert_eq!(desk.nudge(&target, 1), Outcome::Deferred(Reason::Draft));
    let clicks = pad.clicks();
    for _ in 0..5 {
        assert_eq!(desk.nudge(&target, 1), Outcome::Deferred(Reason::Draft));
    }
    assert_eq!(pad.clicks(), clicks, "it was left alone");
    // The person finishes: the next look finds it.
    let keymap = super::Keymap::read(&display).unwrap();
    display.bring(pad.window, Duration::from_secs(5)).unwrap();
    let mut fingers = super::Hands::open(&display).unwrap();
    fingers.stroke(&keymap.erase(4).unwrap()).unwrap();
    display.sync().unwrap();
    until("the draft has gone", || pad.composer().is_empty().then_some(()));
    assert_eq!(desk.nudge(&target, 1), WOKEN);
}

#[test]
#[ignore = "needs Xvfb and openbox: run tests/run"]
fn a_title_that_says_busy_or_asking_gets_no_key_and_urgent_has_its_own() {
    use crate::nudge::profile::{Pattern, SubmitKey};
    use x11rb::protocol::xproto::{AtomEnum, PropMode};
    use x11rb::wrapper::ConnectionExt as _;
    let desk = Desk::new(true);
    let pad = Pad::open(&desk, "pad", Habits { place: (40, 60), ..Habits::default() });
    let mut target = registered(&desk, "pad");
    target.profile.busy.title = vec![Pattern::new("Working").unwrap()];
    target.profile.dialog.title = vec![Pattern::new("asks$").unwrap()];
    let display = desk.open();
    let entitle = |title: &str| {
        let (replace, string) = (PropMode::REPLACE, AtomEnum::STRING);
        display.connection.change_property8(replace, pad.window, AtomEnum::WM_NAME, string, title.as_bytes()).unwrap();
        display.sync().unwrap();
    };
    for (title, reason) in [("pad Working", Reason::Busy), ("pad asks", Reason::Dialog)] {
        entitle(title);
        assert_eq!(desk.nudge(&target, 1), Outcome::Deferred(reason));
    }
    assert_eq!(pad.keys(), 0);
    entitle("pad");
    target.profile.submit = SubmitKey::CtrlEnter;
    assert_eq!(desk.nudge(&target, 1), WOKEN);
    assert_eq!(pad.chords(), 1);
}

#[test]
#[ignore = "needs Xvfb and openbox: run tests/run"]
fn a_window_that_changes_elsewhere_meanwhile_gets_no_enter() {
    let desk = Desk::new(true);
    let pad = Pad::open(&desk, "pad", Habits { chatty: true, place: (40, 60), ..Habits::default() });
    let target = registered(&desk, "pad");
    // Nor a backspace: what has changed may be a question.
    assert_eq!(desk.nudge(&target, 1), Outcome::Deferred(Reason::Stranded));
    assert_eq!((pad.composer(), pad.lines().len()), (text(1), 0));
    let display = Arc::new(desk.open());
    let keymap = super::Keymap::read(&display).unwrap();
    display.bring(pad.window, Duration::from_secs(5)).unwrap();
    super::Hands::open(&display).unwrap().stroke(&keymap.erase(text(1).len()).unwrap()).unwrap();
    display.sync().unwrap();
    until("a person clears it", || pad.composer().is_empty().then_some(()));
    // Where the registration says that the program writes by itself, it may.
    let above = screen::picture::Area { x: 0, y: 0, width: 480, height: 108 };
    let composer = screen::register(&target, pin(&target), Some(COMPOSER), vec![above]).unwrap();
    let target = change(&target, |s| s.composer = Some(Arc::new(composer)));
    assert_eq!(desk.nudge(&target, 2), WOKEN);
}

#[test]
#[ignore = "needs Xvfb and openbox: run tests/run"]
fn a_window_that_was_moved_covered_or_minimised_is_found_again() {
    let desk = Desk::new(true);
    let pad = Pad::open(&desk, "pad", Habits { place: (40, 60), ..Habits::default() });
    let other = Pad::open(&desk, "other", Habits { place: (60, 80), ..Habits::default() });
    let target = registered(&desk, "pad");
    let display = desk.open();
    // Covered by another window, which has the focus: it is raised, and lowered again.
    display.bring(other.window, Duration::from_secs(5)).unwrap();
    assert_eq!(desk.nudge(&target, 1), WOKEN);
    until("the other one is back", || display.has_focus(other.window).unwrap().then_some(()));
    // Moved: the point moves along.
    display.connection.configure_window(pad.window, &ConfigureWindowAux::new().x(500).y(400)).unwrap();
    until("the new place", || (display.area(pad.window).unwrap().x > 450).then_some(()));
    assert_eq!(desk.nudge(&target, 2), WOKEN);
    // Minimised: brought up, and minimised again.
    display.minimise(pad.window).unwrap();
    until("it is minimised", || display.is_minimised(pad.window).unwrap().then_some(()));
    assert_eq!(desk.nudge(&target, 3), WOKEN);
    until("it is minimised again", || display.is_minimised(pad.window).unwrap().then_some(()));
    // Off the screen.
    display.activate(pad.window).unwrap();
    until("it is up", || (!display.is_minimised(pad.window).unwrap()).then_some(()));
    display.connection.configure_window(pad.window, &ConfigureWindowAux::new().x(1100).y(750)).unwrap();
    until("the new place", || (display.area(pad.window).unwrap().x > 1000).then_some(()));
    assert!(matches!(desk.nudge(&target, 4), Outcome::Failed(why) if why.contains("no monitor")));
    // Something that no window manager lowers lies on top.
    display.connection.configure_window(pad.window, &ConfigureWindowAux::new().x(40).y(60)).unwrap();
    until("the old place", || (display.area(pad.window).unwrap().x < 100).then_some(()));
    let cover = display.connection.generate_id().unwrap();
    let aux = CreateWindowAux::new().override_redirect(1);
    let kind = WindowClass::INPUT_OUTPUT;
    display.connection.create_window(0, cover, display.root, 0, 0, 900, 700, 0, kind, 0, &aux).unwrap();
    display.connection.map_window(cover).unwrap();
    let above = ConfigureWindowAux::new().stack_mode(StackMode::ABOVE);
    display.connection.configure_window(cover, &above).unwrap();
    display.sync().unwrap();
    assert_eq!(desk.nudge(&target, 5), Outcome::Deferred(Reason::Covered));
    display.connection.destroy_window(cover).unwrap();
    display.sync().unwrap();
    assert_eq!(desk.nudge(&target, 6), WOKEN, "and when it has gone, it rings");
    assert_eq!(pad.lines(), [1, 2, 3, 6].map(text));
    assert_eq!((other.keys(), other.clicks()), (0, 0));
}

/// Runs `disturb` on a thread as soon as the pad has got a key.
fn at_the_first_key<T: Send>(
    pad: &Pad,
    disturb: impl FnOnce() -> T + Send,
    nudge: impl FnOnce() -> Outcome,
) -> Outcome {
    let before = pad.keys();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            until("a key", || (pad.keys() > before).then_some(()));
            disturb();
        });
        let outcome = nudge();
        waiting.join().unwrap();
        outcome
    })
}

#[test]
#[ignore = "needs Xvfb and openbox: run tests/run"]
fn a_window_that_steals_the_focus_gets_no_key_and_the_text_is_taken_out() {
    let desk = Desk::new(true);
    let pad = Pad::open(&desk, "pad", Habits { place: (40, 60), ..Habits::default() });
    let thief = Pad::open(&desk, "thief", Habits { place: (600, 60), ..Habits::default() });
    let mut target = registered(&desk, "pad");
    // Time enough to steal in.
    target.profile.pause_ms = 300;
    let display = desk.open();
    let steal = || display.activate(thief.window).unwrap();
    let outcome = at_the_first_key(&pad, steal, || desk.nudge(&target, 1));
    // Taken out at once where a picture of it was taken before, else by the next nudge.
    let stands = match outcome {
        Outcome::Deferred(Reason::NoFocus) => String::new(),
        Outcome::Deferred(Reason::Stranded) => text(1),
        other => panic!("{other:?}"),
    };
    assert_eq!((pad.composer(), pad.lines().len()), (stands, 0));
    assert_eq!((thief.keys(), thief.clicks()), (0, 0));
    assert_eq!(desk.nudge(&target, 2), WOKEN);
    assert_eq!(pad.lines(), [text(2)]);
}

#[test]
#[ignore = "needs Xvfb and openbox: run tests/run"]
fn a_person_who_types_in_the_middle_keeps_every_key() {
    let desk = Desk::new(true);
    let pad = Pad::open(&desk, "pad", Habits { place: (40, 60), ..Habits::default() });
    let mut target = registered(&desk, "pad");
    target.profile.pause_ms = 300;
    let whole = || until("our text is there", || (pad.composer() == text(1)).then_some(()));
    let wait = || {
        whole();
        // Into the pause before Enter.
        std::thread::sleep(Duration::from_millis(100));
        desk.person_types("wait");
    };
    let outcome = at_the_first_key(&pad, wait, || desk.nudge(&target, 1));
    assert_eq!(outcome, Outcome::Deferred(Reason::Stranded));
    assert_eq!(pad.composer(), format!("{}wait", text(1)), "neither Enter nor a backspace");
    assert!(pad.lines().is_empty());
    // As long as theirs stands there, nothing happens; nor right after they typed.
    assert_eq!(desk.nudge_after(&target, 2, Duration::from_secs(3_600)), Outcome::Deferred(Reason::HumanActive));
    assert_eq!(desk.nudge(&target, 2), Outcome::Deferred(Reason::Draft));
    // They take theirs out, and ours is recognised, taken out and rung anew.
    let display = Arc::new(desk.open());
    let keymap = super::Keymap::read(&display).unwrap();
    display.bring(pad.window, Duration::from_secs(5)).unwrap();
    let mut fingers = super::Hands::open(&display).unwrap();
    fingers.stroke(&keymap.erase(4).unwrap()).unwrap();
    display.sync().unwrap();
    until("theirs is gone", || (pad.composer() == text(1)).then_some(()));
    assert_eq!(desk.nudge(&target, 2), WOKEN);
    assert_eq!(pad.lines(), [text(2)]);
}

#[test]
#[ignore = "needs Xvfb and openbox: run tests/run"]
fn a_person_who_types_at_once_keeps_every_key_too() {
    let desk = Desk::new(true);
    let pad = Pad::open(&desk, "pad", Habits { place: (40, 60), ..Habits::default() });
    let mut target = registered(&desk, "pad");
    target.profile.pause_ms = 300;
    let outcome = at_the_first_key(&pad, || desk.person_types("no"), || desk.nudge(&target, 1));
    assert_eq!(outcome, Outcome::Deferred(Reason::Stranded));
    assert_eq!(pad.composer(), format!("{}no", text(1)));
    // Whose text it is cannot be known: it is a draft.
    assert_eq!(desk.nudge(&target, 2), Outcome::Deferred(Reason::Draft));
    assert_eq!((pad.composer(), pad.lines().len()), (format!("{}no", text(1)), 0));
}

#[test]
#[ignore = "needs Xvfb and openbox: run tests/run"]
fn a_window_that_closes_in_the_middle_is_a_failure_and_no_more() {
    let desk = Desk::new(true);
    let pad = Pad::open(&desk, "pad", Habits { ends_after: Some(20), place: (40, 60), ..Habits::default() });
    let other = Pad::open(&desk, "other", Habits { place: (60, 80), ..Habits::default() });
    let target = registered(&desk, "pad");
    let outcome = desk.nudge(&target, 1);
    assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
    assert_eq!((pad.lines().len(), other.keys()), (0, 0));
}
