//! A disk that takes no more bytes. The person's own is never filled: the
//! daemon and whatever a drill starts may write files of no bytes only, so
//! that every write fails while everything can be read, as on a full disk.
//! A disk fills before it is full: first the daemon is told, for as long as it
//! runs, that what is free is too little.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::process::{daemon, wait_until};
use super::{Injected, Site};

/// What counts as nearly full meanwhile: more than any disk has.
const WANTED: &str = "1024TiB";
/// The daemon looks within seconds after its settings changed.
const NOTICES_WITHIN: Duration = Duration::from_secs(5);
const SETTING: &str = "watch.disk_free";

/// The signal of the limit is ignored, and that is inherited: a program then
/// meets an error, as on a full disk, and not its end.
const LIMIT: &str = "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\"";

/// A shell that runs the program under the limit; arguments follow.
pub(super) fn limited(mut shell: Command, program: &Path) -> Command {
    shell.args(["-c", LIMIT]).arg(program);
    shell
}

pub(super) fn begin(site: &Site) -> Result<Injected, String> {
    if !cfg!(unix) {
        return Err("limiting the size of files is not possible on this platform".into());
    }
    let pid = daemon(site);
    if let Some(pid) = pid {
        site.say(&["config", "set", "--runtime", SETTING, WANTED])?;
        // Whether it notices is what the drill asks; here it gets the time to, as a disk that fills gives it.
        let _ = wait_until("it did not notice", NOTICES_WITHIN, || {
            site.say(&["status", "--json"]).is_ok_and(|said| said.contains("\"disk_space\""))
        });
        limit(pid, Some(0))?;
    }
    site.full.store(true, Ordering::SeqCst);
    let who = if pid.is_some() { "the daemon and all programs" } else { "all programs" };
    Ok(Injected {
        what: format!("no write of {who} succeeds any more"),
        real: false,
        how:
            "the size of files was limited to nothing for these processes, so that writes fail with EFBIG where a full \
              disk says ENOSPC, and what is free was declared to be too little before; your own disk is never filled, and one for this alone needs root"
                .into(),
    })
}

pub(super) fn end(site: &Site) -> Result<Option<String>, String> {
    if !site.full.swap(false, Ordering::SeqCst) {
        return Ok(None);
    }
    if let Some(pid) = daemon(site) {
        limit(pid, None)?;
        site.say(&["config", "unset", "--runtime", SETTING])?;
    }
    Ok(Some("there is room on the disk again".into()))
}

/// Sets how large the files of a running process may become.
#[cfg(target_os = "linux")]
fn limit(pid: u32, bytes: Option<u64>) -> Result<(), String> {
    use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
    // No number would mean this process itself.
    let raw = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or("the daemon's process has no number")?;
    // The hard limit stays, so that the soft one can be raised again.
    let hard = getrlimit(Resource::Fsize).maximum;
    let wanted = Rlimit { current: bytes.or(hard), maximum: hard };
    let set = prlimit(Some(raw), Resource::Fsize, wanted);
    set.map(drop).map_err(|e| format!("cannot limit the files of the daemon, process {pid}: {e}"))
}

#[cfg(not(target_os = "linux"))]
fn limit(_: u32, _: Option<u64>) -> Result<(), String> {
    Err("limiting the files of a running daemon is not possible on this platform; stop it first: cellphone down".into())
}
