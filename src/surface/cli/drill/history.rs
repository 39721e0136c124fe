//! `cellphone drill history`: the drills there were, and how each scenario
//! came along.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::context::Context;
use super::super::failure::Failure;
use crate::office::Office;
use crate::office::drill_reports::{Outcome, Run, seconds};
use crate::surface::render::{Column, Paint, Style, Table, text};

/// Arguments of `drill history`.
#[derive(Debug, clap::Args)]
pub(super) struct HistoryArgs {
    /// Only this scenario
    scenario: Option<String>,
    /// The newest N
    #[arg(short = 'n', long = "limit", value_name = "N", default_value_t = 20)]
    limit: usize,
}

impl HistoryArgs {
    pub(super) fn run(self, cx: &Context, office: &Office) -> Result<(), Failure> {
        let history = office.drill_history()?;
        let wanted = |run: &&Run| self.scenario.as_ref().is_none_or(|name| run.outcome.scenario == *name);
        let all: Vec<&Run> = history.runs.iter().filter(wanted).collect();
        let runs = &all[all.len().saturating_sub(self.limit)..];
        if cx.json() {
            let damaged: Vec<Value> =
                history.damaged.iter().map(|d| json!({ "folder": d.folder, "why": d.why })).collect();
            let drills: Vec<Value> = runs.iter().map(|run| entry(run)).collect();
            return cx.write_json(&json!({ "drills": drills, "damaged": damaged }));
        }
        for damaged in &history.damaged {
            cx.note(&format!("{} is passed over: {}", damaged.folder.display(), damaged.why));
        }
        if all.is_empty() {
            let which = self.scenario.as_ref().map(|name| format!(" of {}", text::line(name))).unwrap_or_default();
            return cx.say(&format!(
                "No drill{which} yet: cellphone drill run {}",
                self.scenario.as_deref().map_or("lost-disk".into(), text::line)
            ));
        }
        cx.print(&(table(cx.style, runs) + "\n" + &trends(cx.style, &all)))
    }
}

fn entry(run: &Run) -> Value {
    let o = &run.outcome;
    json!({
        "id": o.id, "scenario": o.scenario, "began": o.began, "passed": o.passed, "score": o.score,
        "rto_seconds": o.rto_seconds, "rpo_seconds": o.rpo_seconds, "targets": o.targets, "lost": o.lost,
        "findings": o.findings, "report": run.folder,
    })
}

fn table(style: Style, runs: &[&Run]) -> String {
    let mut table = Table::new(&[
        Column::text("BEGAN"),
        Column::flexible("SCENARIO"),
        Column::text("VERDICT"),
        Column::number("RTO"),
        Column::number("RPO"),
        Column::number("LOST"),
        Column::number("SCORE"),
    ]);
    for run in runs {
        let o = &run.outcome;
        let figure = |n: Option<f64>| n.map_or_else(|| "none".to_owned(), seconds);
        let (word, paint) = if o.passed { ("passed", Paint::Good) } else { ("FAILED", Paint::Bad) };
        table.painted(vec![
            (o.began.strftime("%Y-%m-%d %H:%M").to_string(), Some(Paint::Faint)),
            (o.scenario.clone(), None),
            (word.to_owned(), Some(paint)),
            (figure(o.rto_seconds), missed(o.rto_seconds, o.targets.rto_seconds)),
            (figure(o.rpo_seconds), missed(o.rpo_seconds, o.targets.rpo_seconds)),
            (o.lost.len().to_string(), (!o.lost.is_empty()).then_some(Paint::Bad)),
            (o.score.to_string(), None),
        ]);
    }
    table.render(style)
}

fn missed(measured: Option<f64>, promise: f64) -> Option<Paint> {
    measured.is_none_or(|n| n > promise).then_some(Paint::Bad)
}

/// A line for each scenario that was drilled more than once: RTO as a small
/// row of bars, `✘` for a drill that failed.
fn trends(style: Style, all: &[&Run]) -> String {
    let mut by: BTreeMap<&str, Vec<&Outcome>> = BTreeMap::new();
    for run in all {
        by.entry(&run.outcome.scenario).or_default().push(&run.outcome);
    }
    let mut table =
        Table::new(&[Column::flexible("SCENARIO"), Column::text("RTO, OLDEST FIRST"), Column::text("PASSED")]);
    for (scenario, runs) in by.iter().filter(|(_, runs)| runs.len() > 1) {
        let last = &runs[runs.len().saturating_sub(16)..];
        let passed = runs.iter().filter(|run| run.passed).count();
        table.row(&[(*scenario).to_owned(), bars(last), format!("{passed} of {}", runs.len())]);
    }
    let foot = style.paint(Paint::Faint, "cellphone drill report ID|SCENARIO|latest [--open]");
    if table.is_empty() { format!("{foot}\n") } else { format!("{}\n{foot}\n", table.render(style)) }
}

fn bars(runs: &[&Outcome]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = runs.iter().filter(|run| run.passed).filter_map(|run| run.rto_seconds).fold(0.0, f64::max);
    let bar = |run: &&Outcome| match run.rto_seconds.filter(|_| run.passed) {
        Some(n) if most > 0.0 => {
            let place = BARS.iter().enumerate().rev().find(|(i, _)| n / most * 8.0 >= *i as f64 + 0.5);
            place.map_or(BARS[0], |(_, c)| *c)
        }
        Some(_) => BARS[0],
        None => '✘',
    };
    let drawn: String = runs.iter().map(bar).collect();
    let newest = runs.iter().rev().find_map(|run| run.rto_seconds);
    newest.map_or_else(|| drawn.clone(), |n| format!("{drawn} {}", seconds(n)))
}
