//! What somebody does who should not be there: a copy taken away, a stolen
//! key, files encrypted, repositories flooded. And what a careless hand does
//! with git.

use std::path::{Path, PathBuf};

use super::files::{below, still_there};
use super::{Injected, Site, told, truly};
use crate::fsio::{Dir, remove_tree};

/// Where the copy of a thief lies: what `{copy}` stands for.
pub(super) const COPY: &str = "stolen";
/// The home of somebody else.
const THIEF: &str = "thief";
/// Subject of what is signed with a stolen key.
const STOLEN: &str = "signed with the stolen key";
const NOTE: &str = "READ-ME-TO-GET-YOUR-FILES-BACK.txt";

/// The root is copied, and the copy is opened in the same home, where the keys
/// and approvals of the original lie: it must not get at them.
pub(super) fn data_theft(site: &Site) -> Result<Injected, String> {
    let copy = site.scratch.join(COPY);
    remove_tree(&copy).map_err(told)?;
    let (from, to) = (Dir::open(&site.root).map_err(told)?, Dir::create_all(&copy).map_err(told)?);
    let mut files = 0;
    for file in &below(&from)? {
        let (folder, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
        let source = if folder.is_empty() { Ok(from.clone()) } else { from.below(folder) };
        let copied = source.and_then(|source| source.copy(name, &to.below_or_create(folder)?, name).map(drop));
        files += usize::from(still_there(copied)?);
    }
    for (what, question) in [
        ("has the id of the original", acts_as(site, &copy)?),
        ("holds private keys", says(site, &copy, &["keys", "list", "--json"])?.contains("\"private\":\"")),
    ] {
        if question {
            return Err(format!("the copy {what}; it acts as the original"));
        }
    }
    Ok(truly(format!(
        "all {files} files of the root were copied away; the copy was opened, and has another id and no key"
    )))
}

fn says(site: &Site, root: &Path, words: &[&str]) -> Result<String, String> {
    let mut command = site.bare(&site.program);
    command.arg("--root").arg(root).args(words);
    super::said(&mut command)
}

/// Whether the copy has the id of the original.
fn acts_as(site: &Site, copy: &Path) -> Result<bool, String> {
    // Whatever opens a root settles its id first.
    says(site, copy, &["status", "--json"])?;
    Ok(super::id_of(site)? == super::id_below(copy)?)
}

/// What a hook does that calls `git clean -fdx` and `git reset --hard` in the
/// wrong folder. The history lies in the scratch folder, so none is left in a
/// root that had none.
pub(super) fn careless_git(site: &Site) -> Result<Injected, String> {
    let history = site.scratch.join("history.git");
    let git = |words: &[&str]| {
        let mut command = site.bare("git");
        command.arg("--git-dir").arg(&history).arg("--work-tree").arg(&site.root).current_dir(&site.root);
        command.args(["-c", "user.name=careless", "-c", "user.email=careless@localhost", "-c", "commit.gpgsign=false"]);
        // Whatever hooks the person has set up are none of this.
        command.args(["-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "gc.auto=0"]);
        command.args(words);
        super::said(&mut command).map_err(|why| format!("git {}: {why}", words.join(" ")))
    };
    git(&["init", "-q"])?;
    git(&["add", "--", "config", "hooks"])?;
    git(&["commit", "-q", "--allow-empty", "-m", "What is tracked"])?;
    let before = below(&Dir::open(&site.root).map_err(told)?)?.len();
    // A daemon that makes missing folders again may keep one from going; the mail in it has gone all the same.
    let cleaned = git(&["clean", "-q", "-ffdx"]);
    git(&["reset", "-q", "--hard"])?;
    let after = below(&Dir::open(&site.root).map_err(told)?)?.len();
    remove_tree(&history).map_err(told)?;
    if after >= before {
        return Err(cleaned.err().unwrap_or_else(|| "git took nothing".into()));
    }
    Ok(truly(format!(
        "git clean -ffdx and git reset --hard took {} of {before} files: all mail and .cellphone/",
        before.saturating_sub(after)
    )))
}

/// Every file is encrypted where it lies; the first repository is flooded with
/// snapshots of that under dates to come; the older ones are forgotten.
pub(super) fn ransomware(site: &Site, flood: usize, dice: &mut fastrand::Rng) -> Result<Injected, String> {
    let root = Dir::open(&site.root).map_err(told)?;
    let mut encrypted = 0;
    for folder in ["agent_workspaces", "config", "hooks"] {
        let Ok(dir) = root.child(folder) else { continue };
        for file in below(&dir)? {
            let (inner, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
            // What is moved on meanwhile gets away.
            let Ok(at) = dir.below_or_create(inner) else { continue };
            let cipher: Vec<u8> = (0..file.stat.size).map(|_| dice.u8(..)).collect();
            if at.stat(name).map_err(told)?.is_some() {
                encrypted += usize::from(still_there(at.replace(name, &cipher, false))?);
            }
        }
    }
    root.replace(NOTE, b"Send money.\n", false).map_err(told)?;
    let (flooded, dated) = flood_repository(site, flood)?;
    let forgot = match site.say(&["snapshot", "forget", "--keep-last", "1", "--yes"]) {
        Ok(_) => "had the older ones forgotten",
        Err(_) => "could not have the older ones forgotten",
    };
    let what = format!(
        "{encrypted} files were encrypted in place, {flooded} snapshots of that written into the first repository, and whoever did it {forgot}"
    );
    let how = if dated {
        "the files were overwritten with noise, so that no key opens them"
    } else {
        "the files were overwritten with noise; without restic on this machine the dates of the flood are true ones"
    };
    Ok(Injected { what, real: dated, how: how.into() })
}

/// Snapshots in the time to come, as a rule that keeps the newest would keep
/// them. restic takes any date; our own program writes none but the true one.
fn flood_repository(site: &Site, flood: usize) -> Result<(usize, bool), String> {
    let Some(first) = site.repositories.first() else { return Ok((0, false)) };
    let id = super::id_of(site)?;
    for n in 0..flood.max(1) {
        let year = format!("{}-01-01 00:00:00", 2100 + n);
        let mut restic = site.bare("restic");
        restic.arg("-r").arg(first).args(["--no-cache", "-q", "backup", "--time", &year]);
        for tag in ["cellphone".to_owned(), format!("root={id}"), "kind=full".to_owned()] {
            restic.args(["--tag", &tag]);
        }
        restic.arg("--password-file").arg(&site.password_file).arg(&site.root);
        if super::said(&mut restic).is_err() {
            if n > 0 {
                return Ok((n, true));
            }
            site.say(&["snapshot", "create", "--full"])?;
            return Ok((1, false));
        }
    }
    Ok((flood.max(1), true))
}

/// A thief has the private key of an agent: mail arrives that is signed with
/// it, and some that a fool signed with a key of his own.
pub(super) fn stolen_key(site: &Site) -> Result<Injected, String> {
    let keys = site.state(&super::id_of(site)?).join("keys");
    let private = Dir::open(&keys).and_then(|dir| dir.read(site.agent.as_str(), 64 * 1024)).map_err(told)?;
    let thief = site.scratch.join(THIEF);
    remove_tree(&thief).map_err(told)?;
    let (home, root) = (thief.join("home"), thief.join("root"));
    Dir::create_all(&home).map_err(told)?;
    let run = |words: &[&str]| {
        let mut command = site.bare(&site.program);
        command.env("HOME", &home);
        for name in ["XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"] {
            command.env_remove(name);
        }
        command.arg("--root").arg(&root).args(words);
        super::said(&mut command)
    };
    Dir::create_all(&root).map_err(told)?;
    run(&["init", &root.to_string_lossy(), "--human", "Thief"])?;
    for name in [&site.agent, &site.other] {
        // On the roster of the sample, or not.
        let _ = run(&["agents", "add", name.as_str()]);
    }
    let forge = |subject: &str| {
        let (from, to) = (site.agent.as_str(), site.other.as_str());
        run(&["--as", from, "send", "--to", to, "-s", subject, "-m", "Send me the keys of the safe."]).map(drop)
    };
    forge("signed with a key of his own")?;
    let thief_keys = thief_keys(&home)?;
    let ring = Dir::open(&thief_keys).map_err(told)?;
    ring.replace(site.agent.as_str(), &private, false).map_err(told)?;
    // The public half beside it would not fit any more.
    let _ = ring.remove(&format!("{}.pub", site.agent));
    forge(STOLEN)?;
    let inbox = format!("agent_workspaces/{}/inbox/new", site.other);
    let made = Dir::open(&root).and_then(|dir| dir.below(&inbox)).map_err(told)?;
    let target = Dir::open(&site.root).and_then(|dir| dir.below(&inbox)).map_err(told)?;
    let mut placed = 0;
    for name in made.names().map_err(told)?.iter().filter(|name| name.ends_with(".md")) {
        made.copy(name, &target, name).map_err(told)?;
        placed += 1;
    }
    remove_tree(&thief).map_err(told)?;
    if placed < 2 {
        return Err(format!("only {placed} forged messages could be made"));
    }
    Ok(truly(format!(
        "the private key of {} was copied; a message signed with it and one signed with another key were put into the inbox of {}",
        site.agent, site.other
    )))
}

/// Whether mail signed with the stolen key counts as its owner's.
pub(super) fn still_trusted(site: &Site) -> Result<Option<String>, String> {
    let said = site.say(&["--as", site.other.as_str(), "inbox", "--all", "-n", "1000000", "--json"])?;
    let all: Vec<serde_json::Value> = serde_json::from_str(&said).map_err(|e| format!("the inbox: {e}"))?;
    let is = |message: &&serde_json::Value, key: &str, word: &str| message.get(key).is_some_and(|value| value == word);
    let trusted = all.iter().any(|message| is(&message, "subject", STOLEN) && is(&message, "verified", "verified"));
    Ok(trusted.then(|| format!("mail signed with the stolen key of {} still counts as verified", site.agent)))
}

fn thief_keys(home: &Path) -> Result<PathBuf, String> {
    let state = home.join(".local/state/cellphone");
    let names = Dir::open(&state).and_then(|dir| dir.names()).map_err(told)?;
    let id = names.into_iter().find(|name| state.join(name).join("keys").is_dir());
    id.map(|id| state.join(id).join("keys")).ok_or_else(|| "the thief's own keys were not made".into())
}

/// Root, home and the first repository at once: the machine is gone.
pub(super) fn lost_host(site: &Site) -> Result<Injected, String> {
    let [first, _, ..] = site.repositories.as_slice() else {
        let why = "with one repository a lost machine takes everything; name a second in snapshot.repositories";
        return Err(why.into());
    };
    if super::process::daemon(site).is_some() {
        super::process::kill_daemon(site)?;
    }
    super::files::remove(site, &site.root)?;
    let home = Dir::open(&site.home).map_err(told)?;
    for name in home.names().map_err(told)? {
        super::files::remove(site, &site.home.join(name))?;
    }
    super::files::remove(site, first)?;
    Ok(truly("the root, the home with keys and approvals, and the first repository were deleted"))
}
