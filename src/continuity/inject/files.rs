//! Breaking files of the root: gone, rotten, cut, overwritten.

use std::path::Path;

use super::{Injected, Site, spot, told, truly};
use crate::config::{COORDINATES, MAX_FILE};
use crate::fsio::{Dir, FileBelow, FileKind, FsError, remove_tree};

/// Bytes of a file that are looked at for a place to rot: beyond them a
/// message is all body anyway.
const HEAD: u64 = 64 * 1024;

pub(super) fn delete(site: &Site, path: &str) -> Result<Injected, String> {
    let path = site.fill(path);
    if path == "." {
        remove(site, &site.root)?;
        return Ok(truly("the whole root was deleted"));
    }
    let (dir, name) = spot(&site.root, &path)?;
    match dir.stat(&name).map_err(told)?.map(|stat| stat.kind) {
        None => return Err(format!("{path} was not there to be deleted")),
        // What arrived in it until this moment is in no copy: it comes back from here.
        Some(FileKind::Dir) if site.only.is_some() => set_aside(site, &path, (&dir, &name))?,
        // The name alone goes; what a link leads to is not ours.
        Some(FileKind::Dir) => remove(site, &dir.path().join(&name))?,
        Some(_) => dir.remove(&name).map_err(told)?,
    }
    Ok(truly(format!("{path} was deleted")))
}

/// Removes a folder at one moment, as a disk goes: a daemon that makes missing
/// folders again would race with a removal file by file. What was moved away
/// goes with the ground: a file system that has just given up as many names is
/// slow to make new ones, and the recovery would be measured with that. Where
/// it cannot be moved away, file by file it is.
pub(super) fn remove(site: &Site, path: &Path) -> Result<(), String> {
    const TRIES: usize = 20;
    let name = path.file_name().and_then(|name| name.to_str()).ok_or("there is nothing to remove")?;
    let from = Dir::open(path.parent().unwrap_or(path)).map_err(told)?;
    let scratch = Dir::open(&site.scratch).map_err(told)?;
    if from.rename(name, &scratch, &crate::fsio::temporary_name("gone")).is_ok() {
        return Ok(());
    }
    let mut last = remove_tree(path);
    for _ in 1..TRIES {
        if last.is_ok() {
            break;
        }
        last = remove_tree(path);
    }
    last.map_err(told)
}

/// Moves a folder of the live tree into the scratch folder, under the path it
/// had, so that what is there looks like a part of a root.
fn set_aside(site: &Site, path: &str, (dir, name): (&Dir, &str)) -> Result<(), String> {
    let scratch = Dir::open(&site.scratch).map_err(told)?;
    let part = scratch.child_or_create(&crate::fsio::temporary_name("gone")).map_err(told)?;
    let (above, last) = path.rsplit_once('/').unwrap_or(("", path));
    let to = if above.is_empty() { part } else { part.below_or_create(above).map_err(told)? };
    dir.rename(name, &to, last).map_err(told)
}

pub(super) fn flip_bits(
    site: &Site,
    path: &str,
    messages: usize,
    dice: &mut fastrand::Rng,
) -> Result<Injected, String> {
    let path = site.fill(path);
    let folder = folder(site, &path)?;
    let mut all: Vec<FileBelow> = below(&folder)?;
    all.retain(|file| is_delivered(&file.path) && site.may_break(&format!("{path}/{}", file.path)));
    dice.shuffle(&mut all);
    let mut rotten = 0;
    for file in &all {
        if rotten == messages {
            break;
        }
        rotten += usize::from(flip(&folder, file, dice)?);
    }
    if rotten == 0 {
        return Err(format!("{path} holds no message to rot"));
    }
    Ok(truly(format!("a bit was turned over in {rotten} messages below {path}, their times left as they were")))
}

/// A message, and not one that is still being written.
fn is_delivered(path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let unfinished = folder == "tmp" || folder.ends_with("/tmp");
    !unfinished && (name.ends_with(".md") || name.contains(".md,"))
}

/// Turns one bit over, where it lies, and gives the file its time again: a
/// disk that rots tells nobody. `false` when the file has moved on meanwhile.
pub(super) fn flip(top: &Dir, file: &FileBelow, dice: &mut fastrand::Rng) -> Result<bool, String> {
    if file.stat.size == 0 {
        return Err(format!("{} is empty", file.path));
    }
    let (folder, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
    let dir = if folder.is_empty() { top.clone() } else { top.below(folder).map_err(told)? };
    let at = dice.u64(0..file.stat.size.min(HEAD));
    let bit = 1_u8 << dice.u8(0..8);
    still_there(dir.rot(name, at, bit))
}

/// Mail moves on while a tree is broken: whether what was done was done to a
/// file that was still there.
pub(super) fn still_there(done: Result<(), FsError>) -> Result<bool, String> {
    match done {
        Ok(()) => Ok(true),
        Err(e) if e.is_not_found() => Ok(false),
        Err(e) => Err(told(e)),
    }
}

pub(super) fn truncate(site: &Site, path: &str, keep: u64) -> Result<Injected, String> {
    let path = site.fill(path);
    let (dir, name) = spot(&site.root, &path)?;
    let (dir, name, shown) = match dir.stat(&name).map_err(told)?.map(|stat| stat.kind) {
        None => return Err(format!("{path} was not there to be cut")),
        Some(FileKind::Dir) => {
            let dir = dir.child(&name).map_err(told)?;
            let largest = below(&dir)?.into_iter().max_by(|a, b| (a.stat.size, &a.path).cmp(&(b.stat.size, &b.path)));
            let largest = largest.ok_or_else(|| format!("{path} holds no file to be cut"))?;
            let (folder, name) = largest.path.rsplit_once('/').unwrap_or(("", &largest.path));
            let dir = if folder.is_empty() { dir } else { dir.below(folder).map_err(told)? };
            (dir, name.to_owned(), format!("{path}/{}", largest.path))
        }
        Some(_) => (dir, name, path),
    };
    let size = dir.stat(&name).map_err(told)?.map_or(0, |stat| stat.size);
    if size <= keep {
        return Err(format!("{shown} has {size} bytes, too few to be cut to {keep}"));
    }
    dir.truncate(&name, keep).map_err(told)?;
    Ok(truly(format!("{shown} was cut from {size} bytes to {keep}")))
}

pub(super) fn rubbish(site: &Site, path: &str, dice: &mut fastrand::Rng) -> Result<Injected, String> {
    let path = site.fill(path);
    let (dir, name) = spot(&site.root, &path)?;
    let Some(stat) = dir.stat(&name).map_err(told)?.filter(|stat| stat.kind == FileKind::File) else {
        return Err(format!("{path} is no file that could be overwritten"));
    };
    // Half of it is text, as an editor leaves it that crashed; the rest is not even that.
    let mut bytes = b"limits: {[}\n\tbody: ]".to_vec();
    bytes.extend((0..stat.size.clamp(16, 4096)).map(|_| dice.u8(..)));
    dir.replace(&name, &bytes, false).map_err(told)?;
    Ok(truly(format!("{path} was overwritten with {} bytes of rubbish", bytes.len())))
}

/// The numbers of the file change places and move, so that it still reads and
/// is wrong everywhere.
pub(super) fn scramble(site: &Site, dice: &mut fastrand::Rng) -> Result<Injected, String> {
    let (dir, name) = spot(&site.root, COORDINATES)?;
    let bytes = dir.read(&name, MAX_FILE).map_err(told)?;
    let mut value: serde_json::Value =
        serde_json::from_slice(&bytes).map_err(|e| format!("{COORDINATES} cannot be read: {e}"))?;
    let mut numbers = Vec::new();
    numbers_of(&mut value, "", &mut |number| numbers.push(number));
    let count = numbers.len();
    let what = if count == 0 {
        // A root of terminals alone has none: then somebody puts one in.
        let place = serde_json::json!({ "chat_input_coordinates": [dice.i64(1..4000), dice.i64(1..2000)] });
        let agents = value.get_mut("agents").and_then(serde_json::Value::as_object_mut);
        let agents = agents.ok_or_else(|| format!("{COORDINATES} holds no `agents`"))?;
        agents.insert(site.agent.to_string(), place);
        format!("{COORDINATES} held none, and got coordinates of {} that nobody took", site.agent)
    } else {
        dice.shuffle(&mut numbers);
        let mut next = numbers.into_iter();
        let mut moved = || next.next().unwrap_or_default() + dice.i64(1..400);
        replace_numbers(&mut value, "", &mut moved);
        format!("{count} numbers of {COORDINATES} changed places and moved")
    };
    let text = serde_json::to_string_pretty(&value).map_err(|e| e.to_string())?;
    dir.replace(&name, text.as_bytes(), false).map_err(told)?;
    Ok(truly(what))
}

/// Numbers within `agents` are places; the version of the file is none.
fn numbers_of(value: &mut serde_json::Value, key: &str, each: &mut impl FnMut(i64)) {
    replace_with(value, key, &mut |number| {
        each(number);
        number
    });
}

fn replace_numbers(value: &mut serde_json::Value, key: &str, next: &mut impl FnMut() -> i64) {
    replace_with(value, key, &mut |_| next());
}

fn replace_with(value: &mut serde_json::Value, key: &str, with: &mut impl FnMut(i64) -> i64) {
    match value {
        serde_json::Value::Number(number) if key != "version" => {
            if let Some(old) = number.as_i64() {
                *value = with(old).into();
            }
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| replace_with(item, key, with)),
        serde_json::Value::Object(map) => map.iter_mut().for_each(|(key, item)| replace_with(item, key, with)),
        _ => {}
    }
}

/// Every plain file below a folder, in one order, whatever the disk says.
pub(super) fn below(dir: &Dir) -> Result<Vec<FileBelow>, String> {
    let mut all = dir.files_below(&|_| false).map_err(told)?;
    all.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(all)
}

fn folder(site: &Site, path: &str) -> Result<Dir, String> {
    if path == "." {
        return Dir::open(&site.root).map_err(told);
    }
    let (dir, name) = spot(&site.root, path)?;
    dir.child(&name).map_err(told)
}
