//! A drill: the phases in their order, each timed, and what they yield.
//!
//! A phase that fails is a finding; the drill goes on where that tells more,
//! and its outcome is always there. Nothing of the live tree is touched but
//! read, unless a drill on the tree itself is what was asked for.

mod verify;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::call::{Said, call};
use super::detect::Before;
use super::ground::{Ground, NoGround};
use super::inject::{carry_out, mend};
use super::live::LiveTree;
use super::manifest::Manifest;
use super::outcome::{self, Finding, FindingKind, Outcome, Phase, PhaseRun, Size, StepRun, Traffic};
use super::probe;
use super::runbook::Values;
use super::scenario::{Scenario, Scope, Step};
use super::traffic::Senders;
use crate::config::Root;

const MANIFEST: &str = "manifest.json";
/// A step of a plan has ended by then; the scenario's own limit is usually shorter.
const STEP: Duration = Duration::from_secs(1_800);
/// Least messages that the senders got through before the disaster.
const UNDER_WAY: Duration = Duration::from_millis(400);

/// What follows when something is left behind.
const CLEARS_AWAY: &str = "end that process, then run the drill again: it clears away what is left";
const GOES_BACK: &str = "mend what it says; then cellphone drill back";

/// What a drill is asked.
pub struct Asked<'a> {
    /// The root whose copy is broken.
    pub root: &'a Root,
    /// What breaks it.
    pub scenario: &'a Scenario,
    /// What every choice comes from.
    pub seed: u64,
    /// Told at the beginning of each phase.
    pub told: &'a dyn Fn(Phase),
    /// Set by whoever wants it to end: it gives up at the next step, and clears away.
    pub stop: &'a AtomicBool,
    /// The tree itself, where that is to be broken, and not a copy.
    pub live: Option<&'a dyn LiveTree>,
}

/// Why there is no outcome.
#[derive(Debug, thiserror::Error)]
pub enum NoDrill {
    /// Another one runs.
    #[error("another drill of this root is running; two at once would disturb each other")]
    Busy,
}

/// A drill that is running.
struct Run<'a> {
    asked: &'a Asked<'a>,
    begun: Instant,
    outcome: Outcome,
}

/// Runs a drill, on a copy of the tree unless the tree itself was named.
///
/// # Errors
/// Another one of this root runs. Whatever else goes wrong is in the outcome.
pub fn run(asked: &Asked<'_>) -> Result<Outcome, NoDrill> {
    let mut run = Run { asked, begun: Instant::now(), outcome: blank(asked) };
    let mut dice = fastrand::Rng::with_seed(asked.seed);
    (asked.told)(Phase::Preparation);
    let laid = match asked.live {
        None => Ground::lay(asked.root, &mut dice, asked.scenario.abort.free_below),
        Some(tree) => Ground::take(asked.root, tree),
    };
    let mut ground = match laid {
        Ok(ground) => ground,
        Err(NoGround::Busy) => return Err(NoDrill::Busy),
        Err(NoGround::Failed(why)) => {
            run.ended(Phase::Preparation, 0.0, false, &why);
            run.found(FindingKind::NotSteady, &why, "cellphone doctor; then run the drill again");
            return Ok(run.outcome.rated());
        }
    };
    let ready = match asked.live {
        None => "copied, a snapshot in both repositories, a daemon, a hosted agent",
        Some(_) => "a plain copy outside the tree, a safety snapshot, a hosted agent",
    };
    run.ended(Phase::Preparation, 0.0, true, ready);
    run.through(&mut ground, &mut dice);
    run.clean_up(ground);
    Ok(run.outcome.rated())
}

fn blank(asked: &Asked<'_>) -> Outcome {
    let (scenario, began) = (asked.scenario, Timestamp::now());
    let (root, name, seed) = (asked.root.path().display(), &scenario.name, asked.seed);
    let live = asked.live.map(LiveTree::options).unwrap_or_default();
    let replay = format!("cellphone --root {root} drill run {name}{live} --seed {seed}");
    Outcome {
        id: format!("{}-{}", began.strftime("%Y%m%dT%H%M%S%.3fZ"), scenario.name),
        scenario: scenario.name.clone(),
        title: scenario.title.clone(),
        models: scenario.models.clone(),
        hypothesis: scenario.hypothesis.clone(),
        scope: scope(scenario.scope).to_owned(),
        systems: scenario.systems.clone(),
        ground: if asked.live.is_some() { outcome::Ground::Live } else { outcome::Ground::Copy },
        seed: asked.seed,
        replay,
        versions: versions(),
        size: Size::default(),
        began,
        phases: Vec::new(),
        disaster_seconds: None,
        detected_seconds: None,
        detected_by: None,
        ready_seconds: None,
        injections: Vec::new(),
        steps: Vec::new(),
        targets: scenario.targets,
        rto_seconds: None,
        rpo_seconds: None,
        lost: Vec::new(),
        verified: None,
        traffic: Traffic::default(),
        findings: Vec::new(),
        score: 0,
        passed: false,
    }
}

const fn scope(scope: Scope) -> &'static str {
    match scope {
        Scope::WholeRoot => "whole_root",
        Scope::OneAgent => "one_agent",
        Scope::Repository => "repository",
        Scope::Journal => "journal",
        Scope::Config => "config",
        Scope::Keys => "keys",
    }
}

fn versions() -> std::collections::BTreeMap<String, String> {
    let system = format!("{} {}", std::env::consts::OS, std::env::consts::ARCH);
    let all = [
        ("cellphone", env!("CARGO_PKG_VERSION").to_owned()),
        ("repositories", "restic format 2".to_owned()),
        ("system", system),
    ];
    all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

impl Run<'_> {
    fn now(&self) -> f64 {
        self.begun.elapsed().as_secs_f64()
    }

    fn begin(&self, phase: Phase) -> f64 {
        (self.asked.told)(phase);
        self.now()
    }

    fn ended(&mut self, phase: Phase, began: f64, ok: bool, note: &str) {
        let run = PhaseRun { phase, began_seconds: began, ended_seconds: self.now(), ok, note: note.to_owned() };
        self.outcome.phases.push(run);
    }

    fn found(&mut self, kind: FindingKind, what: &str, follow_up: &str) {
        self.outcome.findings.push(Finding { kind, what: what.to_owned(), follow_up: follow_up.to_owned() });
    }

    /// Whether an abort condition holds; then that is a finding.
    fn aborted(&mut self, ground: &Ground) -> bool {
        let abort = self.asked.scenario.abort;
        let why = if self.asked.stop.load(Ordering::SeqCst) {
            "it was interrupted".to_owned()
        } else if self.begun.elapsed() > abort.after {
            format!("it took longer than {} s", abort.after.as_secs())
        } else if ground.free().is_some_and(|free| free < abort.free_below) {
            format!("less than {} bytes are free where it runs", abort.free_below)
        } else {
            return false;
        };
        if !self.outcome.findings.iter().any(|finding| finding.kind == FindingKind::Aborted) {
            self.found(
                FindingKind::Aborted,
                &format!("the drill was given up: {why}"),
                "run it again when that has passed",
            );
        }
        true
    }

    /// From the steady state to the service.
    fn through(&mut self, ground: &mut Ground, dice: &mut fastrand::Rng) {
        let began = self.begin(Phase::SteadyState);
        let agent = ground.reader.clone();
        let steady = probe::prove(ground, &agent);
        let before = Before::look(ground);
        let (ok, note) = told(&steady);
        self.ended(Phase::SteadyState, began, ok, note);
        if let Err(why) = &steady {
            let what = format!("it did not work before anything was broken: {why}");
            return self.found(
                FindingKind::NotSteady,
                &what,
                "cellphone doctor, in the live root; then run the drill again",
            );
        }
        let senders = Senders::start(&ground.site, &ground.agents, dice);
        std::thread::sleep(UNDER_WAY);
        let values = values(ground);
        if let Err(why) = self.remember(ground) {
            return self.found(FindingKind::NotSteady, &why, "look at the disk");
        }
        // A daemon may notice what is broken first while the rest still breaks.
        let breaking = Timestamp::now();
        if self.aborted(ground) || !self.break_it(ground, dice) {
            return;
        }
        let disaster = (self.now(), Timestamp::now());
        self.outcome.disaster_seconds = Some(disaster.0);
        self.detect(ground, &before, breaking);
        let recovered = self.recover(ground, &values);
        let (traffic, acknowledged) = senders.stop();
        self.outcome.traffic = traffic;
        self.verify(ground, &acknowledged, disaster.1);
        if recovered {
            self.serve(ground, &agent, disaster.0);
        }
        self.settle(ground, &before);
    }

    /// Writes the manifest down, outside the root and its repositories.
    fn remember(&mut self, ground: &Ground) -> Result<(), String> {
        let manifest = Manifest::take(&ground.site.root).map_err(|e| e.to_string())?;
        self.outcome.size = manifest.size();
        manifest.write(&ground.shelf()?, MANIFEST)
    }

    fn break_it(&mut self, ground: &Ground, dice: &mut fastrand::Rng) -> bool {
        let began = self.begin(Phase::Disaster);
        let mut note = String::new();
        for injection in &self.asked.scenario.inject {
            match carry_out(injection, &ground.site, dice) {
                Ok(done) => self.outcome.injections.push(done),
                Err(why) => {
                    note = format!("not broken: {why}");
                    self.found(FindingKind::NotInjected, &note, "see what the injection needs: docs/drills.md");
                    break;
                }
            }
        }
        self.ended(Phase::Disaster, began, note.is_empty(), &note);
        note.is_empty()
    }

    fn detect(&mut self, ground: &Ground, before: &Before, since: Timestamp) {
        let began = self.begin(Phase::Detection);
        let detect = &self.asked.scenario.detect;
        if let Some(why) = &detect.unseen {
            return self.ended(Phase::Detection, began, true, &format!("nothing can notice it: {why}"));
        }
        match before.wait(ground, &detect.any_of, detect.within, since) {
            Some(by) => {
                self.outcome.detected_seconds = Some(self.now());
                self.ended(Phase::Detection, began, true, &by);
                self.outcome.detected_by = Some(by);
            }
            None => {
                let (words, within) = (detect.any_of.join(", "), detect.within.as_secs());
                let what = format!("nobody noticed within {within} s; expected was one of {words}");
                self.ended(Phase::Detection, began, false, &what);
                self.found(FindingKind::Undetected, &what, "cellphone config get watch.off; cellphone status");
            }
        }
    }

    /// Carries the plan out; whether every step did what it should.
    fn recover(&mut self, ground: &mut Ground, values: &Values) -> bool {
        let began = self.begin(Phase::Recovery);
        let mut failed = None;
        for step in &self.asked.scenario.recover {
            if self.aborted(ground) {
                failed = Some("given up".to_owned());
                break;
            }
            let at = self.now();
            let result = self.step(ground, values, step);
            let (ok, said) = told(&result);
            let command = values.line(step);
            let run =
                StepRun { title: step.title.clone(), command, seconds: self.now() - at, ok, said: said.to_owned() };
            self.outcome.steps.push(run);
            if let Err(why) = result {
                let what = format!("the step \u{201c}{}\u{201d} failed: {why}", step.title);
                self.found(FindingKind::StepFailed, &what, "mend the plan, or what it needs; then run the drill again");
                failed = Some(what);
                break;
            }
        }
        self.ended(Phase::Recovery, began, failed.is_none(), failed.as_deref().unwrap_or_default());
        failed.is_none()
    }

    fn step(&self, ground: &Ground, values: &Values, step: &Step) -> Result<String, String> {
        let Some((program, words)) = values.command(step)? else {
            let mended: Result<Vec<_>, String> =
                self.asked.scenario.inject.iter().map(|injection| mend(injection, &ground.site)).collect();
            let mended: Vec<String> = mended?.into_iter().flatten().collect();
            return Ok(if mended.is_empty() { "a person does this".into() } else { mended.join("; ") });
        };
        let path = if program == "cellphone" { ground.site.program.as_path() } else { Path::new(&program) };
        let said = call(ground.site.plain(path).args(words), STEP.min(self.asked.scenario.abort.after))?;
        judge(&said, step)
    }

    fn clean_up(&mut self, mut ground: Ground) {
        let began = self.begin(Phase::Cleanup);
        let cleared = ground.clear();
        let (cleared, follow_up) = match self.asked.live {
            None => (cleared.map(|()| "no process and no file is left".to_owned()), CLEARS_AWAY),
            // Whatever still runs, the tree comes first.
            Some(tree) => (tree.way_back().and_then(|done| cleared.map(|()| done)), GOES_BACK),
        };
        let (ok, note) = told(&cleared);
        self.ended(Phase::Cleanup, began, ok, note);
        if let Err(why) = &cleared {
            self.found(FindingKind::NotClean, why, follow_up);
        }
    }
}

/// What stands for the placeholders in a ground.
fn values(ground: &Ground) -> Values {
    if let Some(values) = &ground.values {
        return values.clone();
    }
    let site = &ground.site;
    let path = |path: &Path| path.display().to_string();
    let mut values = Values::default();
    let second = site.repositories.get(1).or(site.repositories.first());
    for (name, value) in [
        ("root", path(&site.root)),
        ("id", ground.id.clone()),
        ("agent", site.agent.to_string()),
        ("other", site.other.to_string()),
        ("captain", ground.captain.to_string()),
        ("snapshot", ground.snapshot.clone()),
        ("repository", site.repositories.first().map(|first| path(first)).unwrap_or_default()),
        ("second", second.map(|second| path(second)).unwrap_or_default()),
        ("password_file", path(&site.password_file)),
        ("target", path(&ground.target())),
        ("copy", path(&site.copy())),
        ("key", ground.key_of(&site.agent)),
    ] {
        values.set(name, value);
    }
    values
}

fn told(result: &Result<String, String>) -> (bool, &str) {
    match result {
        Ok(said) => (true, said),
        Err(why) => (false, why),
    }
}

fn judge(said: &Said, step: &Step) -> Result<String, String> {
    let Some(code) = said.code else { return Err(format!("it was ended by a signal: {}", said.line())) };
    if !step.exits.contains(&code) {
        return Err(format!("it ended with {code}: {}", said.line()));
    }
    match &step.expect {
        Some(words) if !said.out.contains(words.as_str()) => Err(format!("it does not say {words:?}: {}", said.line())),
        _ => Ok(said.line()),
    }
}
