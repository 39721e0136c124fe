//! Reading a scenario from its YAML.
//!
//! What is written is checked whole before anything of it is used: an unknown
//! key, a path that leaves the root, a word in braces that stands for nothing
//! and a program other than ours and restic's are refused with the file, the
//! line and, where one is near, the word that was meant. Defaults are filled
//! in here and nowhere else.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use super::inject::{Injection, check_path};
use super::outcome::{System, Targets, Tier};
use super::scenario::{Abort, Detect, MODELS, NOTICES, PLACEHOLDERS, PROGRAMS, Scenario, Scope, Step};
use crate::config::{ConfigError, nearest, parse_bytes, parse_duration};

/// What we aim at where a scenario says nothing, seconds: restored and read
/// again before somebody has finished asking what is wrong.
const STRETCH_RTO: f64 = 30.0;
/// A whole message lost is one too many; seconds of mail after the last
/// snapshot cannot be helped on a lost disk.
const STRETCH_RPO: f64 = 60.0;
const EVERY: Duration = Duration::from_hours(30 * 24);
const WITHIN: Duration = Duration::from_mins(1);
const ABORT_AFTER: Duration = Duration::from_mins(10);
const FREE_BELOW: u64 = 256 << 20;
/// Longest name of a scenario: it is part of file names.
const LONGEST_NAME: usize = 40;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    title: String,
    models: String,
    hypothesis: String,
    scope: Scope,
    systems: Vec<System>,
    #[serde(default)]
    targets: WrittenTargets,
    every: Option<Text>,
    inject: Vec<Injection>,
    detect: WrittenDetect,
    recover: Vec<WrittenStep>,
    #[serde(default)]
    may_differ: Vec<MayDiffer>,
    #[serde(default)]
    may_stand: Vec<MayStand>,
    #[serde(default)]
    abort: WrittenAbort,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct WrittenTargets {
    rto: Option<Text>,
    rpo: Option<Text>,
    stretch_rto: Option<Text>,
    stretch_rpo: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenDetect {
    #[serde(default)]
    any_of: Vec<String>,
    within: Option<Text>,
    unseen: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenStep {
    title: String,
    #[serde(default)]
    say: String,
    run: Option<Line>,
    #[serde(default)]
    exits: Vec<i32>,
    expect: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MayDiffer {
    path: String,
    why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MayStand {
    notice: String,
    why: String,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct WrittenAbort {
    after: Option<Text>,
    free_below: Option<Text>,
}

/// A duration or a size: `10m`, or a bare number.
#[derive(Deserialize)]
#[serde(untagged)]
enum Text {
    Word(String),
    Number(u64),
}

impl Text {
    fn text(&self) -> String {
        match self {
            Self::Word(text) => text.clone(),
            Self::Number(number) => number.to_string(),
        }
    }
}

/// A command: one line as a person types it, or its words.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    One(String),
    Words(Vec<String>),
}

/// What is wrong, and a piece of the text that it is wrong at.
struct Fault {
    why: String,
    at: String,
}

fn fault<T>(at: &str, why: impl Into<String>) -> Result<T, Fault> {
    Err(Fault { why: why.into(), at: at.to_owned() })
}

/// Reads the scenario that a file of this path holds; its name must be the
/// file's.
///
/// # Errors
/// What is wrong, with the file and the line.
pub fn read_scenario(bytes: &[u8], path: &Path) -> Result<Scenario, ConfigError> {
    let text = std::str::from_utf8(bytes).map_err(|_| ConfigError::invalid(path, None, "it is not UTF-8"))?;
    let written: Written = serde_yaml::from_str(text).map_err(|e| yaml_fault(text, path, &e))?;
    let scenario = check(written, path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default());
    scenario.map_err(|fault| ConfigError::invalid(path, line_of(text, &fault.at), fault.why))
}

/// The library names an unknown key and all that are known; a person wants the
/// nearest one, and the line.
fn yaml_fault(text: &str, path: &Path, error: &serde_yaml::Error) -> ConfigError {
    let said = error.to_string();
    let why = said.split(" at line ").next().unwrap_or(&said);
    let words: Vec<&str> = why.split('`').skip(1).step_by(2).collect();
    let is_key = why.contains("unknown field");
    let (Some((word, known)), true) = (words.split_first(), is_key || why.contains("unknown variant")) else {
        return ConfigError::yaml(path, error);
    };
    let line = text.lines().position(|line| {
        let plain = line.split(" #").next().unwrap_or(line);
        if is_key { has_key(plain, word) } else { has_word(plain, word) }
    });
    let what = if is_key { "key" } else { "word" };
    let hint = nearest(word, known.iter().copied())
        .map_or_else(|| format!("; known are {}", known.join(", ")), |near| format!("; did you mean `{near}`?"));
    let line = line.map(|at| at + 1).or_else(|| error.location().map(|place| place.line()));
    ConfigError::invalid(path, line, format!("unknown {what} `{word}`{hint}"))
}

fn has_key(line: &str, key: &str) -> bool {
    line.split(['{', ',', '-', ' ']).any(|part| part.trim().split_once(':').is_some_and(|(name, _)| name == key))
}

fn has_word(line: &str, word: &str) -> bool {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|part| part == word)
}

fn line_of(text: &str, at: &str) -> Option<usize> {
    let found = text.lines().position(|line| !line.trim_start().starts_with('#') && line.contains(at));
    found.filter(|_| !at.is_empty()).map(|at| at + 1)
}

fn check(written: Written, stem: &str) -> Result<Scenario, Fault> {
    if !is_name(&written.name) {
        let why = format!("{:?} is no name: small letters, digits and -, {LONGEST_NAME} at most", written.name);
        return fault("name:", why);
    }
    if written.name != stem {
        return fault("name:", format!("its name is {:?}, the file's is {stem:?}; make them the same", written.name));
    }
    if !MODELS.contains(&written.models.as_str()) {
        let near = nearest(&written.models, MODELS).map(|near| format!("; did you mean `{near}`?"));
        let near = near.unwrap_or_else(|| format!("; known are {}", MODELS.join(", ")));
        return fault("models:", format!("`{}` is no sort of disaster{near}", written.models));
    }
    let Some(tier) = written.systems.iter().map(|system| system.tier).min() else {
        return fault("systems:", "name at least one system, with its tier");
    };
    if written.inject.is_empty() {
        return fault("inject:", "nothing is broken; name at least one injection");
    }
    for what in &written.inject {
        if let Some(path) = what.path() {
            check_path(path).or_else(|why| fault(path, why))?;
        }
    }
    let recover = written.recover.into_iter().map(step).collect::<Result<Vec<_>, _>>()?;
    if recover.is_empty() {
        return fault("recover:", "there is no way back; name at least one step");
    }
    let mut may_differ = Vec::new();
    for MayDiffer { path, why } in written.may_differ {
        check_path(path.strip_suffix('/').unwrap_or(&path)).or_else(|why| fault(&path, why))?;
        may_differ.push((path, why));
    }
    let mut may_stand = Vec::new();
    for MayStand { notice, why } in written.may_stand {
        known_notice(&notice)?;
        may_stand.push((notice, why));
    }
    Ok(Scenario {
        targets: targets(&written.targets, tier)?,
        every: duration("every:", written.every.as_ref(), EVERY)?,
        detect: detect(written.detect)?,
        abort: Abort {
            after: duration("after:", written.abort.after.as_ref(), ABORT_AFTER)?,
            free_below: match &written.abort.free_below {
                Some(text) => parse_bytes(&text.text()).or_else(|why| fault("free_below:", why))?,
                None => FREE_BELOW,
            },
        },
        name: written.name,
        title: written.title,
        models: written.models,
        hypothesis: written.hypothesis,
        scope: written.scope,
        systems: written.systems,
        inject: written.inject,
        recover,
        may_differ,
        may_stand,
    })
}

/// Whether a text may name a scenario, and so be part of a file's name.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let plain = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    plain && !text.is_empty() && text.len() <= LONGEST_NAME && !text.starts_with('-')
}

fn duration(key: &str, written: Option<&Text>, otherwise: Duration) -> Result<Duration, Fault> {
    match written {
        Some(text) => parse_duration(&text.text()).or_else(|why| fault(key, why)),
        None => Ok(otherwise),
    }
}

fn targets(written: &WrittenTargets, tier: Tier) -> Result<Targets, Fault> {
    let (rto, rpo) = tier.seconds();
    let seconds = |key: &str, text: Option<&Text>, otherwise: f64| {
        duration(key, text, Duration::from_secs_f64(otherwise)).map(|wanted| wanted.as_secs_f64())
    };
    let rto = seconds("rto:", written.rto.as_ref(), rto)?;
    let rpo = seconds("rpo:", written.rpo.as_ref(), rpo)?;
    Ok(Targets {
        rto_seconds: rto,
        rpo_seconds: rpo,
        // A stretch beyond the promise would be none.
        stretch_rto_seconds: seconds("stretch_rto:", written.stretch_rto.as_ref(), STRETCH_RTO.min(rto))?,
        stretch_rpo_seconds: seconds("stretch_rpo:", written.stretch_rpo.as_ref(), STRETCH_RPO.min(rpo))?,
    })
}

fn detect(written: WrittenDetect) -> Result<Detect, Fault> {
    if written.any_of.is_empty() == written.unseen.is_none() {
        return fault("detect:", "say what notices it (any_of), or why nothing can (unseen), not both");
    }
    written.any_of.iter().try_for_each(|word| known_notice(word))?;
    Ok(Detect {
        any_of: written.any_of,
        within: duration("within:", written.within.as_ref(), WITHIN)?,
        unseen: written.unseen,
    })
}

fn known_notice(word: &str) -> Result<(), Fault> {
    let known = NOTICES.iter().map(|(word, _)| *word);
    if known.clone().any(|known| known == word) {
        return Ok(());
    }
    let near = nearest(word, known.clone()).map(|near| format!("; did you mean `{near}`?"));
    let near = near.unwrap_or_else(|| format!("; known are {}", known.collect::<Vec<_>>().join(", ")));
    fault(word, format!("nothing that looks is called `{word}`{near}"))
}

fn step(written: WrittenStep) -> Result<Step, Fault> {
    let run = match written.run {
        None => None,
        Some(Line::Words(words)) => Some(words),
        Some(Line::One(line)) => Some(words(&line).or_else(|why| fault(&line, why))?),
    };
    if let Some(words) = &run {
        let program = words.first().map(String::as_str).unwrap_or_default();
        if !PROGRAMS.contains(&program) {
            let why = format!(
                "`{program}` may not be run by a plan; {} may. Leave `run` out for what a person does and say it in `say`",
                PROGRAMS.join(" and ")
            );
            return fault(&format!("run: {program}"), why);
        }
    } else if written.say.trim().is_empty() {
        return fault(&written.title, "a step without `run` needs `say`: what does a person do?");
    }
    for text in run.iter().flatten().chain([&written.say]) {
        unknown_placeholder(text).map_or(Ok(()), |word| {
            let known = PLACEHOLDERS.iter().map(|(word, _)| *word);
            let near = nearest(word, known.clone()).map(|near| format!("; did you mean {{{near}}}?"));
            let near = near.unwrap_or_else(|| format!("; known are {}", known.collect::<Vec<_>>().join(", ")));
            fault(&format!("{{{word}}}"), format!("{{{word}}} stands for nothing{near}"))
        })?;
    }
    let exits = if written.exits.is_empty() { vec![0] } else { written.exits };
    Ok(Step { title: written.title, say: written.say, run, exits, expect: written.expect })
}

/// The first word in braces that stands for nothing.
fn unknown_placeholder(text: &str) -> Option<&str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(word, _)| word).find(|word| {
        word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
            && !PLACEHOLDERS.iter().any(|(known, _)| known == word)
    })
}

/// Cuts a command line at its spaces; `'…'` and `"…"` keep theirs. Nothing
/// else means anything: no shell ever sees it.
fn words(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let (mut word, mut quote) = (None::<String>, None);
    for c in line.trim().chars() {
        match (quote, c) {
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (Some(open), c) if open == c => quote = None,
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err("a quotation mark is not closed".into());
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
#[path = "scenario_read_tests.rs"]
mod tests;
