//! The drills of a scenario over time, as a plot: RTO and score, a dot for a
//! drill that passed, a cross for one that failed.
//!
//! Runs stand at equal distances, in their order. RTO has a logarithmic axis
//! when it differs more than twentyfold, and the axis says so; a run that
//! never came back stands above the others.

use super::figures::seconds;
use super::plot::{Anchor, Picture, Width};
use crate::continuity::outcome::Outcome;
use crate::model::time::day;

/// Most runs in a plot.
pub(super) const MOST: usize = 30;

const PANEL: f64 = 92.0;
const SCORES: f64 = 52.0;

/// The picture; nothing when there was but one drill.
pub(super) fn trend(runs: &[&Outcome], which: Width) -> String {
    let runs = &runs[runs.len().saturating_sub(MOST)..];
    if runs.len() < 2 {
        return String::new();
    }
    let (width, left) = match which {
        Width::Wide => (760.0, 76.0),
        Width::Narrow => (358.0, 62.0),
    };
    let right = width - 12.0;
    let x = |i: usize| left + 14.0 + (right - left - 28.0) * i as f64 / (runs.len() - 1) as f64;
    let mut picture = Picture::new(width);

    let scale = Scale::of(runs);
    let (top, bottom) = (34.0, 34.0 + PANEL);
    let y = |n: f64| bottom - (bottom - top) * scale.place(n);
    let title = if scale.log { "RTO (logarithmic)" } else { "RTO" };
    picture.text("t strong", Anchor::Start, (2.0, 11.0), title);
    if runs.iter().any(|run| run.rto_seconds.is_none()) {
        picture.text("t", Anchor::End, (left - 6.0, top - 8.0), "never");
    }
    for n in scale.lines() {
        picture.line("grid", (left, y(n)), (right, y(n)));
        picture.text("t num", Anchor::End, (left - 6.0, y(n) + 4.0), &seconds(n));
    }
    if let Some(now) = runs.last() {
        for (name, target) in [("aim", now.targets.stretch_rto_seconds), ("promise", now.targets.rto_seconds)] {
            if target > scale.least && target <= scale.most {
                picture.line("mark dashed", (left, y(target)), (right, y(target)));
                picture.text("t", Anchor::End, (right, y(target) - 4.0), &format!("{name} {}", seconds(target)));
            }
        }
    }
    panel(&mut picture, runs, x, |run| run.rto_seconds.map(y), top - 12.0);

    let (top, bottom) = (bottom + 34.0, bottom + 34.0 + SCORES);
    let y = |score: u8| bottom - (bottom - top) * f64::from(score) / 100.0;
    picture.text("t strong", Anchor::Start, (2.0, top - 12.0), "Score");
    for n in [0, 50, 100] {
        picture.line("grid", (left, y(n)), (right, y(n)));
        picture.text("t num", Anchor::End, (left - 6.0, y(n) + 4.0), &n.to_string());
    }
    panel(&mut picture, runs, x, |run| Some(y(run.score)), top);

    let (first, last) = (runs.first().map(|r| day(r.began)), runs.last().map(|r| day(r.began)));
    picture.text("t num", Anchor::Start, (left, bottom + 18.0), &first.unwrap_or_default());
    picture.text("t num", Anchor::End, (right, bottom + 18.0), &last.unwrap_or_default());
    let passed = runs.iter().filter(|run| run.passed).count();
    let told = format!("{} drills, of which {passed} passed. The table below has the numbers.", runs.len());
    picture.finish("trend", which, bottom + 26.0, "RTO and score of this and earlier drills", &told)
}

fn panel(
    picture: &mut Picture,
    runs: &[&Outcome],
    x: impl Fn(usize) -> f64,
    y: impl Fn(&Outcome) -> Option<f64>,
    none: f64,
) {
    let points: Vec<(f64, f64)> = runs.iter().enumerate().filter_map(|(i, run)| Some((x(i), y(run)?))).collect();
    picture.path("curve", &points);
    for (i, run) in runs.iter().enumerate() {
        let at = (x(i), y(run).unwrap_or(none));
        let now = i + 1 == runs.len();
        match (run.passed, now) {
            (true, false) => picture.dot("sign fill", at, 3.5),
            (true, true) => picture.dot("sign fill", at, 5.0),
            (false, false) => picture.cross("sign", at, 4.0),
            (false, true) => picture.cross("sign", at, 5.5),
        }
    }
}

/// The axis of RTO.
struct Scale {
    least: f64,
    most: f64,
    log: bool,
}

impl Scale {
    fn of(runs: &[&Outcome]) -> Self {
        let known = || runs.iter().filter_map(|run| run.rto_seconds).filter(|n| n.is_finite() && *n >= 0.0);
        let most = known().fold(0.0, f64::max);
        let least = known().fold(most, f64::min);
        if most <= 0.0 {
            return Self { least: 0.0, most: 1.0, log: false };
        }
        if least > 0.0 && most / least > 20.0 {
            return Self {
                least: 10_f64.powf(least.log10().floor()),
                most: 10_f64.powf(most.log10().ceil()),
                log: true,
            };
        }
        let unit = 10_f64.powf(most.log10().floor());
        let top = [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0].into_iter().map(|n| n * unit).find(|n| *n >= most);
        Self { least: 0.0, most: top.unwrap_or(most), log: false }
    }

    /// From 0 at the bottom to 1 at the top.
    fn place(&self, n: f64) -> f64 {
        let part = if self.log {
            (n.max(self.least) / self.least).log10() / (self.most / self.least).log10()
        } else {
            (n - self.least) / (self.most - self.least)
        };
        part.clamp(0.0, 1.0)
    }

    fn lines(&self) -> Vec<f64> {
        if !self.log {
            return vec![0.0, self.most / 2.0, self.most];
        }
        let mut out = vec![self.least];
        while let Some(last) = out.last().filter(|n| **n * 1.01 < self.most) {
            out.push(last * 10.0);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::continuity::report::testing;

    #[test]
    fn an_axis_holds_every_value_and_is_logarithmic_only_where_it_must() {
        let runs = |all: &[f64]| -> Vec<Outcome> {
            all.iter().map(|n| Outcome { rto_seconds: Some(*n), ..testing::passed() }).collect()
        };
        for (all, log) in
            [(&[4.0, 5.0, 9.0][..], false), (&[0.2, 90.0], true), (&[0.0, 0.0], false), (&[7.0, 0.0], false)]
        {
            let runs = runs(all);
            let scale = Scale::of(&runs.iter().collect::<Vec<_>>());
            assert_eq!(scale.log, log, "{all:?}");
            assert!(all.iter().all(|n| (0.0..=1.0).contains(&scale.place(*n)) && *n <= scale.most), "{all:?}");
            assert!(scale.lines().len() <= 8);
        }
    }

    #[test]
    fn one_drill_is_no_trend() {
        let one = testing::passed();
        assert_eq!(trend(&[&one], Width::Wide), "");
        assert!(trend(&[&one, &one], Width::Wide).contains("role=\"img\""));
    }
}
