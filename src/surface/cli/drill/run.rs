//! `cellphone drill run`.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use serde_json::{Value, json};

use super::super::context::Context;
use super::super::failure::{Code, Failure};
use super::live;
use crate::office::Office;
use crate::office::drill_reports::seconds;
use crate::office::drills::{Outcome, Phase};
use crate::office::snapshots::lower_priority;
use crate::surface::render::{Column, Paint, Table, age, text};

/// Arguments of `drill run`.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("which").required(true))]
pub(super) struct RunArgs {
    /// Which scenarios; cellphone drill list names them
    #[arg(value_name = "NAME", group = "which")]
    names: Vec<String>,
    /// Every scenario
    #[arg(long, group = "which")]
    all: bool,
    /// Those that must be drilled now, the longest overdue first
    #[arg(long, group = "which")]
    due: bool,
    /// What every random choice comes from; a report names the one it used
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// On this root itself, with a safety copy and a way back; asks first
    #[arg(long, conflicts_with_all = ["all", "due", "background"])]
    live: bool,
    /// Whom it takes, where it takes one; otherwise the seed chooses
    #[arg(long, value_name = "AGENT", requires = "live")]
    agent: Option<String>,
    /// The scenario's name, instead of typing it when asked
    #[arg(long, value_name = "NAME", requires = "live")]
    confirm: Option<String>,
    /// At a low priority, and nothing shown on the way: as the daemon runs it
    #[arg(long)]
    background: bool,
}

impl RunArgs {
    pub(super) fn run(self, cx: &Context, office: &Office) -> Result<(), Failure> {
        if self.background {
            lower_priority();
        }
        let names = self.chosen(office)?;
        let seed = |seed: Option<u64>| seed.unwrap_or_else(rand::random);
        let live = match (self.live, names.as_slice()) {
            (false, _) => None,
            (true, [name]) => {
                let intended = office.drill_live_intended(name, self.agent.as_deref(), seed(self.seed))?;
                live::confirmed(cx, office, &intended, self.confirm.as_deref())?;
                Some(intended)
            }
            (true, _) => return Err(Failure::usage("the root itself is broken by one scenario at a time")),
        };
        if names.is_empty() {
            return if cx.json() { cx.write_json(&json!([])) } else { cx.say("No drill is due.") };
        }
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            let failed = |e| Failure::new(Code::Failed, format!("cannot listen to signals: {e}"));
            signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop)).map_err(failed)?;
            signal_hook::flag::register(signal, Arc::clone(&stop)).map_err(failed)?;
        }
        let quiet = self.background || cx.json() || !std::io::stderr().is_terminal();
        let mut done: Vec<(Outcome, PathBuf)> = Vec::new();
        for (n, name) in names.iter().enumerate() {
            if stop.load(Ordering::SeqCst) {
                break;
            }
            let begun = Instant::now();
            let told = |phase: Phase| {
                if cx.json() && !self.background {
                    // The answer stands alone on standard output, as that of `snapshot create`.
                    let line = json!({ "event": "progress", "scenario": name, "phase": phase });
                    let _ = writeln!(std::io::stderr(), "{line}");
                } else if !quiet {
                    let line = format!(
                        "{} of {}  {name}  {}  {}",
                        n + 1,
                        names.len(),
                        phase.title(),
                        age::span(begun.elapsed())
                    );
                    let _ = write!(std::io::stderr(), "\r\u{1b}[K{}", text::line(&line));
                }
            };
            let ran = match &live {
                Some(intended) => office.drill_run_live(intended, &told, &stop),
                None => office.drill_run(name, seed(self.seed), &told, &stop),
            };
            if !quiet {
                let _ = write!(std::io::stderr(), "\r\u{1b}[K");
            }
            let (outcome, report) = ran?;
            if !cx.json() {
                tell(cx, &outcome)?;
            }
            done.push((outcome, report));
        }
        if cx.json() {
            cx.write_json(&done.iter().map(|(outcome, report)| answer(outcome, report)).collect::<Vec<_>>())?;
        } else {
            cx.print(&format!("\n{}", table(cx, &done)))?;
            if let [(_, report)] = done.as_slice() {
                cx.say(&format!("The report: {}", report.display()))?;
            }
        }
        verdict(&done, stop.load(Ordering::SeqCst))
    }

    fn chosen(&self, office: &Office) -> Result<Vec<String>, Failure> {
        let intervals = office.drill_intervals()?;
        if self.all {
            return Ok(intervals.into_iter().map(|(name, _)| name).collect());
        }
        if self.due {
            return Ok(office.drills_due(&intervals)?.into_iter().map(|one| one.scenario).collect());
        }
        for name in &self.names {
            // All of them, before the first takes its time.
            office.drill_scenario(name)?;
        }
        Ok(self.names.clone())
    }
}

fn verdict(done: &[(Outcome, PathBuf)], stopped: bool) -> Result<(), Failure> {
    let failed: Vec<&str> = done.iter().filter(|(o, _)| !o.passed).map(|(o, _)| o.scenario.as_str()).collect();
    if stopped {
        return Err(Failure::Silent(130));
    }
    if failed.is_empty() {
        return Ok(());
    }
    let what = format!("{} failed: {}", text::count(failed.len(), "drill"), failed.join(", "));
    Err(Failure::new(Code::TargetMissed, what).hint("cellphone drill report NAME"))
}

/// What a script gets of a drill.
fn answer(o: &Outcome, report: &std::path::Path) -> Value {
    json!({
        "scenario": o.scenario, "id": o.id, "passed": o.passed, "score": o.score, "rto_seconds": o.rto_seconds,
        "rpo_seconds": o.rpo_seconds, "targets": o.targets, "lost": o.lost, "findings": o.findings, "seed": o.seed,
        "detected_by": o.detected_by, "report": report,
    })
}

/// A drill as it ended, and what it found.
fn tell(cx: &Context, o: &Outcome) -> Result<(), Failure> {
    let (word, paint) = if o.passed { ("passed", Paint::Good) } else { ("FAILED", Paint::Bad) };
    cx.say(&format!("{} {}  {}", cx.paint(paint, word), o.scenario, text::line(&o.title)))?;
    for finding in &o.findings {
        cx.print(&text::wrap(&format!("- {}", text::line(&finding.what)), cx.style.width, 2))?;
        cx.print("\n")?;
    }
    Ok(())
}

fn table(cx: &Context, done: &[(Outcome, PathBuf)]) -> String {
    let mut table = Table::new(&[
        Column::flexible("SCENARIO"),
        Column::text("VERDICT"),
        Column::number("RTO"),
        Column::number("RPO"),
        Column::number("LOST"),
        Column::number("TOOK"),
        Column::number("SCORE"),
    ]);
    for (o, _) in done {
        let figure = |n: Option<f64>| n.map_or_else(|| "none".to_owned(), seconds);
        let (word, paint) = if o.passed { ("passed", Paint::Good) } else { ("FAILED", Paint::Bad) };
        let took = o.phases.last().map_or(0.0, |phase| phase.ended_seconds);
        table.painted(vec![
            (o.scenario.clone(), None),
            (word.to_owned(), Some(paint)),
            (figure(o.rto_seconds), None),
            (figure(o.rpo_seconds), None),
            (o.lost.len().to_string(), None),
            (seconds(took), None),
            (o.score.to_string(), None),
        ]);
    }
    table.render(cx.style)
}
