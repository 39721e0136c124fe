//! Windows and macOS: untested on these platforms.
//!
//! macOS: the same steps as on X displays as far as the platform lets them be
//! made: the pinned process is brought forward, read back as the frontmost
//! one with its title, and read back again before every stroke, which enigo
//! makes. Check and stroke are two things there, pictures are not taken, so
//! only `submit: blind` types. The person who runs it has to allow it under
//! Accessibility. Windows: a process cannot be pinned without calls that this
//! program does not make, so it says so and types nothing.

use std::process::Command;
use std::time::Duration;

use super::input::Input;
use super::picture::{Area, Composer};
use super::{Monitor, Window, title_matches};
use crate::fsio::boot;
use crate::nudge::converse::Stop;
use crate::nudge::outcome::{Attempt, Outcome, Reason};
use crate::nudge::proof;
use crate::nudge::target::{PinnedProcess, ScreenTarget, Target};
use crate::nudge::typist;
use crate::nudge::{Key, NudgeContext, Step};

/// How long the platform may take to bring a window forward.
const FRONT: Duration = Duration::from_millis(700);
/// How long a person has to put the pointer where the agent listens.
const POINTING: Duration = Duration::from_secs(5);

const NOT_HERE: &str = "the screen channel cannot verify a window on this platform, so nothing was typed; use the pty \
                        channel (`cellphone run NAME -- PROGRAM`), tmux, command or desktop";

/// Asks System Events; `script` holds nothing that came from a file.
fn ask(script: &str) -> Result<String, String> {
    if !cfg!(target_os = "macos") {
        return Err(NOT_HERE.to_owned());
    }
    let out =
        Command::new("/usr/bin/osascript").args(["-e", script]).output().map_err(|e| format!("osascript: {e}"))?;
    if !out.status.success() {
        let why = String::from_utf8_lossy(&out.stderr).trim().to_owned();
        return Err(format!("{why}; allow it in System Settings, Privacy & Security, Accessibility"));
    }
    Ok(String::from_utf8_lossy(&out.stdout).trim().to_owned())
}

/// The window in front: its process, that one's name, and its title.
fn front() -> Result<Window, String> {
    let told = ask(
        "tell application \"System Events\"\nset p to first process whose frontmost is true\nset t to \"\"\ntry\nset t to \
         name of front window of p\nend try\nreturn (unix id of p as text) & tab & (name of p) & tab & t\nend tell",
    )?;
    let mut parts = told.splitn(3, '\t').map(str::to_owned);
    let pid = parts.next().and_then(|pid| pid.parse().ok());
    let (class, title) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let whole = Input::open(None)?.main_display()?;
    let area = Area { x: 0, y: 0, width: whole.0, height: whole.1 };
    Ok(Window { id: pid.unwrap_or_default(), class, pid, title, area })
}

/// The pinned process, if it is there and the same.
fn pinned(pin: &ScreenTarget) -> Result<PinnedProcess, Stop> {
    let (Some(pid), Some(start)) = (pin.pid, pin.start) else {
        return Err(Stop::Failed("no window with a process is pinned; nothing was typed".to_owned()));
    };
    let process = PinnedProcess { pid, start };
    if proof::pin(pid) != Some(process) {
        return Err(Stop::Failed("the pinned process is gone; nothing was typed".to_owned()));
    }
    Ok(process)
}

fn verify(pin: &ScreenTarget) -> Result<PinnedProcess, Stop> {
    let process = pinned(pin)?;
    let window = front().map_err(Stop::Failed)?;
    let title = pin.title.as_ref().is_none_or(|pattern| title_matches(pattern, &window.title));
    if window.pid == Some(process.pid) && title { Ok(process) } else { Err(Stop::Deferred(Reason::NoFocus)) }
}

pub(super) fn nudge(target: &Target, screen: &ScreenTarget, text: &str, context: &NudgeContext) -> Attempt {
    let mut attempt = Attempt::of(Outcome::Typed);
    attempt.outcome = talk(target, screen, text, context, &mut attempt).unwrap_or_else(Outcome::from);
    attempt
}

pub(super) fn press(_: &Target, _: &ScreenTarget, _: Key, _: &NudgeContext) -> Attempt {
    Attempt::of(Outcome::failed("single keys are pressed on X displays only so far; use the pty or tmux channel"))
}

pub(super) fn rehearse(target: &Target, screen: &ScreenTarget, _: Step<'_>, context: &NudgeContext) -> Outcome {
    nudge(target, screen, "", &NudgeContext { dry_run: true, ..context.clone() }).outcome
}

fn talk(
    target: &Target,
    pin: &ScreenTarget,
    text: &str,
    context: &NudgeContext,
    facts: &mut Attempt,
) -> Result<Outcome, Stop> {
    let _typist = typist::lock("display", "")?;
    let process = pinned(pin)?;
    if idle().map_err(Stop::Failed)? < context.human_idle {
        return Err(Stop::Deferred(Reason::HumanActive));
    }
    if context.dry_run {
        return Ok(Outcome::Typed);
    }
    let pid = process.pid;
    let before = front().map_err(Stop::Failed)?;
    let pointer = Input::open(None).and_then(|input| input.location()).map_err(Stop::Failed)?;
    bring(pid).map_err(Stop::Failed)?;
    let outcome = (|| {
        let end = std::time::Instant::now() + FRONT;
        loop {
            match verify(pin) {
                Ok(process) => break facts.pinned = Some(process),
                Err(Stop::Deferred(_)) if std::time::Instant::now() < end => {}
                Err(stop) => return Err(stop),
            }
        }
        let mut input = Input::open(None).map_err(Stop::Failed)?;
        if let Some(spot) = pin.spot {
            input.point(spot.x, spot.y).map_err(Stop::Failed)?;
            verify(pin)?;
            input.click().map_err(Stop::Failed)?;
        }
        verify(pin)?;
        input.text(text).map_err(Stop::Failed)?;
        std::thread::sleep(target.profile.pause());
        verify(pin).map_err(|_| Stop::Deferred(Reason::Stranded))?;
        facts.entered = Some(boot::now());
        input.enter().map_err(Stop::Failed)?;
        Ok(Outcome::Submitted { blind: true })
    })();
    drop(Input::open(None).and_then(|mut input| input.point(pointer.0, pointer.1)));
    if let Some(pid) = before.pid {
        drop(bring(pid));
    }
    outcome
}

/// How long keyboard and mouse have been left alone, by `ioreg`, in whose
/// words it is `"HIDIdleTime" = NANOSECONDS`. Where that cannot be read
/// nothing is typed.
fn idle() -> Result<Duration, String> {
    let unknown = || "nothing tells how long keyboard and mouse were left alone; nothing was typed".to_owned();
    let out = Command::new("ioreg").args(["-c", "IOHIDSystem", "-d", "4"]).output().map_err(|_| unknown())?;
    let text = String::from_utf8_lossy(&out.stdout);
    let (_, rest) = text.split_once("\"HIDIdleTime\" = ").ok_or_else(unknown)?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().map(Duration::from_nanos).map_err(|_| unknown())
}

fn bring(pid: u32) -> Result<(), String> {
    let script = format!(
        "tell application \"System Events\" to set frontmost of (first process whose unix id is {pid}) to true"
    );
    ask(&script).map(drop)
}

/// Only the window in front can be told.
pub(super) fn windows(_: Option<&str>) -> Result<Vec<Window>, String> {
    front().map(|window| vec![window])
}

pub(super) fn monitors(_: Option<&str>) -> Result<Vec<Monitor>, String> {
    let (width, height) = Input::open(None)?.main_display()?;
    Ok(vec![Monitor { name: "main".to_owned(), area: Area { x: 0, y: 0, width, height }, primary: true }])
}

/// No press can be waited for: what is in front, and where the pointer is,
/// counts after a while.
pub(super) fn pick(_: Option<&str>, limit: Duration) -> Result<(i32, i32, Option<Window>), String> {
    ask("return")?;
    std::thread::sleep(limit.min(POINTING));
    let (x, y) = Input::open(None)?.location()?;
    Ok((x, y, Some(front()?)))
}

pub(super) fn register(_: &Target, _: &ScreenTarget, _: Option<Area>, _: Vec<Area>) -> Result<Composer, Stop> {
    Err(Stop::Failed("pictures of windows are taken on X displays only so far; use the pty or tmux channel".to_owned()))
}
