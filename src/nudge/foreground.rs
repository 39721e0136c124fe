//! Which program has a terminal now: the leader of its foreground process
//! group, by the words it was started with.
//!
//! An agent's program ends and leaves a shell behind; its profile would take
//! the shell's prompt for a composer. Nobody there is to be woken.

/// Programs that read commands, by the last part of their path.
const SHELLS: [&str; 12] = ["sh", "bash", "zsh", "fish", "dash", "ash", "ksh", "mksh", "tcsh", "csh", "nu", "pwsh"];

/// The words of the program in front of the terminal of process `pid`, paths
/// as they are; `None` where that cannot be known.
#[must_use]
#[cfg(target_os = "linux")]
pub fn words(pid: u32) -> Option<Vec<String>> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // `proc(5)`: after the name come the 3rd field, the state, and so on; the 8th is the group in front.
    let leader: i32 = stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace().nth(5)?.parse().ok()?;
    let line = std::fs::read(format!("/proc/{}/cmdline", u32::try_from(leader).ok()?)).ok()?;
    let words: Vec<String> =
        line.split(|b| *b == 0).filter(|w| !w.is_empty()).map(|w| String::from_utf8_lossy(w).into_owned()).collect();
    (!words.is_empty()).then_some(words)
}

/// The same where `ps` tells.
#[must_use]
#[cfg(all(unix, not(target_os = "linux")))]
pub fn words(pid: u32) -> Option<Vec<String>> {
    let ask = |field: &str, pid: &str| {
        let out = std::process::Command::new("ps").args(["-o", field, "-p", pid]).output().ok()?;
        out.status.success().then(|| String::from_utf8_lossy(&out.stdout).trim().to_owned())
    };
    let leader = ask("tpgid=", &pid.to_string())?;
    let words: Vec<String> = ask("command=", &leader)?.split_whitespace().map(str::to_owned).collect();
    (!words.is_empty()).then_some(words)
}

/// Nothing tells.
#[must_use]
#[cfg(not(unix))]
pub const fn words(_pid: u32) -> Option<Vec<String>> {
    None
}

/// Whether a bare shell has the terminal of process `pid`; false where that
/// cannot be known.
#[must_use]
pub fn is_left_to_a_shell(pid: u32) -> bool {
    words(pid).is_some_and(|words| is_bare_shell(&words))
}

/// Whether these words start a shell that reads its commands from the
/// terminal: neither a script nor `-c`.
#[must_use]
fn is_bare_shell(words: &[String]) -> bool {
    let Some((program, arguments)) = words.split_first() else { return false };
    // A login shell's name begins with a hyphen.
    let name = program.trim_start_matches('-').rsplit('/').next().unwrap_or_default();
    // `-c`, alone or among other letters: the commands are given.
    let given = |word: &String| !word.starts_with('-') || (!word.starts_with("--") && word.contains('c'));
    SHELLS.contains(&name) && !arguments.iter().any(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_without_a_script_is_bare() {
        let is = |line: &str| is_bare_shell(&line.split(' ').map(str::to_owned).collect::<Vec<_>>());
        assert!(is("bash") && is("-zsh") && is("/bin/bash --norc -i") && is("sh"));
        assert!(
            !is("sh -c claude")
                && !is("bash -lc claude")
                && !is("bash -xec claude")
                && !is("bash ./agent")
                && !is("claude")
                && !is("node /usr/bin/claude")
        );
        assert!(!is_bare_shell(&[]));
    }
}
