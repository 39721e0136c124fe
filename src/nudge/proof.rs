//! Proof of waking: does a process descend from the one that was pinned?
//!
//! The pid alone proves nothing, pids are reused; the start time of the
//! pinned process must agree too. What runs under the same user could in
//! principle place itself below it: this guards against mistakes, not
//! against the user.

use super::target::PinnedProcess;

/// Longest chain of parents that is followed.
const DEPTH: usize = 64;

/// Whether `pid` is the pinned process or a descendant of it. False when
/// that cannot be known.
#[must_use]
pub fn descends(pid: u32, from: PinnedProcess) -> bool {
    if pin(from.pid) != Some(from) {
        return false;
    }
    let mut at = pid;
    for _ in 0..DEPTH {
        if at == from.pid {
            return true;
        }
        match facts(at) {
            Some((parent, _)) if parent > 1 => at = parent,
            _ => return false,
        }
    }
    false
}

/// The process and those it descends from, nearest first. Kept when a process
/// reports before it is known whom it must descend from: it may be gone by
/// then.
#[must_use]
pub fn ancestors(pid: u32) -> Vec<PinnedProcess> {
    let mut line = Vec::new();
    let mut at = pid;
    while line.len() < DEPTH
        && let Some((parent, start)) = facts(at)
    {
        line.push(PinnedProcess { pid: at, start });
        if parent <= 1 {
            break;
        }
        at = parent;
    }
    line
}

/// The ancestors of this process, for a report about it; empty where finding
/// them costs too much for every command (a program run for each).
#[must_use]
pub fn own_line() -> Vec<PinnedProcess> {
    if cfg!(target_os = "linux") { ancestors(std::process::id()) } else { Vec::new() }
}

/// The ancestors of the process `pid` that reported: as they are, or when it
/// has ended already (a busy machine makes it wait no longer), as it told them.
#[must_use]
pub fn line_of(pid: u32, told: Vec<PinnedProcess>) -> Vec<PinnedProcess> {
    let line = ancestors(pid);
    if line.is_empty() && told.first().is_some_and(|own| own.pid == pid) { told } else { line }
}

/// The process as it is now, for pinning; `None` when there is none, or the
/// platform cannot say.
#[must_use]
pub fn pin(pid: u32) -> Option<PinnedProcess> {
    facts(pid).map(|(_, start)| PinnedProcess { pid, start })
}

/// Parent and start time. `proc(5)`: the name stands in brackets and may
/// hold blanks and brackets itself, so fields are counted after the last one:
/// state is the 3rd, the parent the 4th, the start time the 22nd.
#[cfg(target_os = "linux")]
fn facts(pid: u32) -> Option<(u32, u64)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace();
    // A zombie runs nothing any more.
    if fields.next()? == "Z" {
        return None;
    }
    let parent = fields.next()?.parse().ok()?;
    Some((parent, fields.nth(17)?.parse().ok()?))
}

/// `ps` prints the start as text; its hash differs as the text does.
#[cfg(all(unix, not(target_os = "linux")))]
fn facts(pid: u32) -> Option<(u32, u64)> {
    let out = std::process::Command::new("ps")
        .args(["-o", "ppid=,lstart=", "-p", &pid.to_string()])
        .env("LC_ALL", "C")
        .output()
        .ok()?;
    let text = String::from_utf8(out.stdout).ok()?;
    let (parent, start) = text.trim().split_once(' ')?;
    // FNV-1a.
    let hash =
        start.trim().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    Some((parent.trim().parse().ok()?, hash))
}

#[cfg(not(unix))]
fn facts(_pid: u32) -> Option<(u32, u64)> {
    None
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_child_descends_and_a_stranger_does_not() {
        let own = pin(std::process::id()).unwrap();
        let mut child =
            Command::new("sh").args(["-c", "read x"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        assert!(descends(child.id(), own));
        assert!(descends(own.pid, own));
        let line = ancestors(child.id());
        assert_eq!(line[..2], [pin(child.id()).unwrap(), own]);
        let pinned = pin(child.id()).unwrap();
        assert!(!descends(own.pid, pinned), "the parent does not descend from its child");
        assert!(!descends(child.id(), PinnedProcess { start: own.start + 1, ..own }), "a reused pid");
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(!descends(pinned.pid, pinned), "a process that has gone");

        assert_eq!(line_of(pinned.pid, line.clone()), line, "what it told when it has gone");
        assert_eq!(line_of(own.pid, line.clone())[0], own, "of one that lives it is looked up");
        assert_eq!(line_of(pinned.pid, vec![own]), [], "nobody tells of another process");
        assert!(!cfg!(target_os = "linux") || own_line() == ancestors(own.pid));
    }
}
