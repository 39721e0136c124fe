//! The processes of a ground: found by the ground's path in their command
//! line or environment, wherever they came from, and ended.

use std::path::Path;

/// Ends every process of this user that was started in a ground; this process
/// is none of them.
///
/// # Errors
/// One does not end.
#[cfg(target_os = "linux")]
pub(in crate::continuity) fn end_all(base: &Path) -> Result<(), String> {
    use std::time::Duration;

    use rustix::process::{Signal, kill_process};

    use crate::continuity::call::until;

    /// A killed process is gone by then, but for a disk that hangs.
    const PATIENCE: Duration = Duration::from_secs(10);
    until(PATIENCE, &format!("a process in {} does not end", base.display()), || {
        let all = of(base);
        for pid in &all {
            // It may have ended by itself.
            let _ = kill_process(*pid, Signal::KILL);
        }
        all.is_empty().then_some(())
    })
}

#[cfg(target_os = "linux")]
fn of(base: &Path) -> Vec<rustix::process::Pid> {
    use std::os::unix::ffi::OsStrExt as _;

    let needle = [base.as_os_str().as_bytes(), b"/"].concat();
    let holds = |bytes: Vec<u8>| bytes.windows(needle.len()).any(|part| part == needle);
    let own = std::process::id();
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).filter(|pid| *pid != own);
    let in_it = |pid: &u32| {
        // The environment tells whose it is even where a program rewrote its line. A zombie has neither.
        std::fs::read(format!("/proc/{pid}/environ")).is_ok_and(holds)
    };
    pids.filter(in_it).filter_map(|pid| rustix::process::Pid::from_raw(i32::try_from(pid).ok()?)).collect()
}

/// Here the daemon was asked to end, and hosted programs were ended by their
/// own handle; a folder in use cannot be removed, which is then said.
#[cfg(not(target_os = "linux"))]
#[allow(clippy::unnecessary_wraps)]
pub(in crate::continuity) fn end_all(_: &Path) -> Result<(), String> {
    Ok(())
}
