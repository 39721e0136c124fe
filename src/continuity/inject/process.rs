//! Killing what runs: power cuts and crash loops. And more mail than anybody
//! reads.

use std::process::Stdio;
use std::time::{Duration, Instant};

use super::{Injected, Site, told, truly};
use crate::fsio::Dir;

/// A child of ours that does not end by then hangs.
const PATIENCE: Duration = Duration::from_secs(20);
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);
/// Within this time the power goes, and so much each sender wants to send: more
/// than it can until then.
const MOMENT_MS: u64 = 150;
const EACH_SENDS: usize = 1_000;

/// The process of the site's daemon, as the daemon itself tells it; a number
/// that an old file holds may be another program's by now.
pub(super) fn daemon(site: &Site) -> Option<u32> {
    let said = site.say(&["status", "--json"]).ok()?;
    let value: serde_json::Value = serde_json::from_str(&said).ok()?;
    value.get("daemon")?.get("pid")?.as_u64().and_then(|pid| u32::try_from(pid).ok())
}

#[cfg(unix)]
fn kill(pid: u32) -> Result<(), String> {
    use rustix::process::{Pid, Signal, kill_process};
    let raw = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or("the daemon's process has no number")?;
    kill_process(raw, Signal::KILL).map_err(|e| format!("cannot kill the daemon, process {pid}: {e}"))
}

#[cfg(not(unix))]
fn kill(_: u32) -> Result<(), String> {
    Err("killing a daemon is not possible on this platform".into())
}

/// Kills the daemon and waits until it is gone.
pub(super) fn kill_daemon(site: &Site) -> Result<(), String> {
    let pid = daemon(site).ok_or("no daemon runs that could be killed")?;
    kill(pid)?;
    wait_until("the daemon that was killed still answers", PATIENCE, || daemon(site) != Some(pid))
}

pub(super) fn wait_until(otherwise: &str, patience: Duration, mut holds: impl FnMut() -> bool) -> Result<(), String> {
    let begun = Instant::now();
    while !holds() {
        if begun.elapsed() > patience {
            return Err(otherwise.to_owned());
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
    Ok(())
}

/// Senders and the daemon die at one moment, in the middle of deliveries; and
/// a message is half written, as by a program that does not publish it whole.
pub(super) fn power_cut(site: &Site, senders: usize, dice: &mut fastrand::Rng) -> Result<Injected, String> {
    let scratch = Dir::open(&site.scratch).map_err(told)?;
    let batch = crate::fsio::temporary_name("cut.jsonl");
    scratch.create(&batch, batch_of(site, "power cut", 0..EACH_SENDS).as_bytes(), false).map_err(told)?;
    let mut running = Vec::new();
    for _ in 0..senders.max(1) {
        let mut command = site.command();
        command.args(["--as", site.other.as_str(), "send", "--batch"]).arg(site.scratch.join(&batch));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        running.push(command.spawn().map_err(|e| format!("cannot start a sender: {e}"))?);
    }
    let daemon = daemon(site);
    let moment = dice.u64(0..MOMENT_MS);
    std::thread::sleep(Duration::from_millis(moment));
    let mut cut = 0;
    for child in &mut running {
        if child.try_wait().map_err(|e| e.to_string())?.is_none() {
            child.kill().map_err(|e| format!("cannot kill a sender: {e}"))?;
            cut += 1;
        }
    }
    if let Some(pid) = daemon {
        kill(pid)?;
    }
    for child in &mut running {
        child.wait().map_err(|e| e.to_string())?;
    }
    scratch.remove(&batch).map_err(told)?;
    if cut == 0 {
        return Err("every sender was done before the power went".into());
    }
    let tmp = Dir::open(&site.root)
        .and_then(|root| root.below_or_create(&format!("agent_workspaces/{}/inbox/tmp", site.agent)))
        .map_err(told)?;
    let name = format!("{}.md", crate::fsio::temporary_name("torn"));
    tmp.create(&name, b"---\nid: 01TORN\nfrom: ", false).map_err(told)?;
    let who = if daemon.is_some() { " and the daemon" } else { "" };
    Ok(Injected {
        what: format!(
            "{cut} of {} senders{who} were killed in the middle of it, {moment} ms after they began, and half a message was left in inbox/tmp of {}",
            running.len(),
            site.agent
        ),
        real: false,
        how: "processes were killed, but what they had written stayed in the system's memory; a real cut needs root \
              and a file system of its own (the suite does it by the ext4 shutdown ioctl)"
            .into(),
    })
}

pub(super) fn crash_loop(site: &Site, times: usize) -> Result<Injected, String> {
    let times = times.max(1);
    for n in 0..times {
        if n > 0 || daemon(site).is_none() {
            site.say(&["up", "--detach"])?;
        }
        wait_until("the daemon did not come up again", PATIENCE, || daemon(site).is_some())?;
        kill_daemon(site)?;
    }
    Ok(truly(format!("the daemon was killed {times} times, as soon as it was up; it does not run now")))
}

/// Letters from the one agent to the other, a line each.
fn batch_of(site: &Site, subject: &str, numbers: std::ops::Range<usize>) -> String {
    let line = |n| {
        let letter =
            serde_json::json!({ "to": [site.agent.as_str()], "subject": format!("{subject} {n}"), "body": "Again." });
        format!("{letter}\n")
    };
    numbers.map(line).collect()
}

/// So much mail for one agent at once; a consumer takes one of a hundred.
pub(super) fn mail_storm(site: &Site, messages: usize) -> Result<Injected, String> {
    const TAKES_ONE_OF: usize = 100;
    let mut left = messages.max(1);
    let (mut sent, mut taken) = (0, 0);
    while left > 0 {
        let now = left.min(TAKES_ONE_OF);
        let lines = batch_of(site, "storm", sent..sent + now);
        let batch = crate::fsio::temporary_name("storm.jsonl");
        let scratch = Dir::open(&site.scratch).map_err(told)?;
        scratch.create(&batch, lines.as_bytes(), false).map_err(told)?;
        let file = site.scratch.join(&batch);
        let said = site.say(&["--as", site.other.as_str(), "send", "--batch", &file.to_string_lossy()]);
        scratch.remove(&batch).map_err(told)?;
        match said {
            Ok(_) => sent += now,
            // A limit that holds the storm back is what should happen; then this is all of it.
            Err(_) if sent > 0 => break,
            Err(why) => return Err(format!("the storm was refused from the beginning: {why}")),
        }
        left -= now;
        taken += usize::from(site.say(&["--as", site.agent.as_str(), "next"]).is_ok());
    }
    Ok(truly(format!(
        "{sent} messages from {} arrived at {} as fast as they could be sent, of which it took {taken}",
        site.other, site.agent
    )))
}
