//! A drill as a picture: a row for each phase on one axis of time, with the
//! disaster, its detection and the return of service marked, and RTO beside
//! its targets.
//!
//! Phases last from a hundredth of a second to minutes. An axis in proportion
//! would show one bar and some hairlines, so every stretch between two events
//! gets a least width and the rest is shared in proportion; the times stand at
//! the axis and beside the bars, and the caption says so.

use super::figures::{figures, seconds};
use super::plot::{Anchor, Picture, Width, text_width};
use crate::continuity::outcome::Outcome;

const ROW: f64 = 22.0;
const BAR: f64 = 12.0;
const HEAD: f64 = 15.0;

/// Where an instant stands on the axis.
struct Axis {
    /// Instants and their places, ascending.
    marks: Vec<(f64, f64)>,
}

impl Axis {
    fn new(mut instants: Vec<f64>, from: f64, to: f64) -> Self {
        instants.retain(|t| t.is_finite());
        instants.sort_by(f64::total_cmp);
        instants.dedup();
        let (Some(first), Some(last)) = (instants.first().copied(), instants.last().copied()) else {
            return Self { marks: vec![(0.0, from), (1.0, to)] };
        };
        let all = last - first;
        if all <= 0.0 {
            return Self { marks: vec![(first, from), (first + 1.0, to)] };
        }
        let width = to - from;
        let stretches = (instants.len() - 1) as f64;
        let least = (width * 0.055).min(width * 0.6 / stretches);
        let shared = width - least * stretches;
        let mut marks = vec![(first, from)];
        let mut x = from;
        for pair in instants.windows(2) {
            x += least + shared * (pair[1] - pair[0]) / all;
            marks.push((pair[1], x));
        }
        Self { marks }
    }

    fn place(&self, t: f64) -> f64 {
        let at = self.marks.partition_point(|(mark, _)| *mark <= t);
        match (at.checked_sub(1).and_then(|i| self.marks.get(i)), self.marks.get(at)) {
            (Some((t0, x0)), Some((t1, x1))) => x0 + (x1 - x0) * (t - t0) / (t1 - t0),
            (Some((_, x)), None) | (None, Some((_, x))) => *x,
            (None, None) => 0.0,
        }
    }

    fn end(&self) -> f64 {
        self.marks.last().map_or(0.0, |(t, _)| *t)
    }
}

/// The picture, or nothing when no phase began.
pub(super) fn timeline(outcome: &Outcome, which: Width) -> String {
    if outcome.phases.is_empty() {
        return String::new();
    }
    let (width, left, right) = match which {
        Width::Wide => (760.0, 108.0, 690.0),
        Width::Narrow => (358.0, 92.0, 300.0),
    };
    let mut picture = Picture::new(width);
    let axis = axis(outcome, left, right);
    let zero = outcome.disaster_seconds.unwrap_or(0.0);

    let marks = marks(outcome);
    let top = HEAD * marks.len() as f64 + 8.0;
    let bottom = top + ROW * outcome.phases.len() as f64;
    for (i, run) in outcome.phases.iter().enumerate() {
        let y = top + ROW * i as f64;
        let (from, to) = (axis.place(run.began_seconds), axis.place(run.ended_seconds));
        picture.line("grid", (left, y + ROW), (right, y + ROW));
        let name = if run.ok { run.phase.title().to_owned() } else { format!("✘ {}", run.phase.title()) };
        let class = if run.ok { "bar" } else { "bar bad" };
        picture.text(if run.ok { "t" } else { "t strong" }, Anchor::End, (left - 8.0, y + 15.0), &name);
        picture.rect(class, (from, y + (ROW - BAR) / 2.0), to - from, BAR);
        picture.text("t num", Anchor::End, (width - 2.0, y + 15.0), &seconds(run.ended_seconds - run.began_seconds));
    }
    for (i, (name, t, shape)) in marks.iter().enumerate() {
        let (x, y) = (axis.place(*t), HEAD * i as f64 + 9.0);
        picture.line(if *name == "disaster" { "mark strong" } else { "mark" }, (x, y), (x, bottom));
        match shape {
            Shape::Cross => picture.cross("sign", (x, y), 4.0),
            Shape::Diamond => picture.diamond("sign fill", (x, y), 5.0),
            Shape::Dot => picture.dot("sign fill", (x, y), 4.5),
        }
        let said = if i == 0 { (*name).to_owned() } else { format!("{name}, {} later", seconds(t - zero)) };
        let after = x + 9.0 + text_width(&said) <= width;
        let (anchor, x) = if after { (Anchor::Start, x + 9.0) } else { (Anchor::End, x - 9.0) };
        picture.text("t", anchor, (x, y + 4.0), &said);
    }
    picture.line("axis", (left, bottom), (right, bottom));
    ticks(&mut picture, outcome, &axis, bottom);
    let height = rto(&mut picture, outcome, &axis, bottom + 34.0, (left, right, width));
    picture.finish("timeline", which, height, "The phases of the drill on an axis of time", &told(outcome))
}

enum Shape {
    Cross,
    Diamond,
    Dot,
}

fn marks(outcome: &Outcome) -> Vec<(&'static str, f64, Shape)> {
    let mark = |name, t: Option<f64>, shape| t.map(|t| (name, t, shape));
    [
        mark("disaster", outcome.disaster_seconds, Shape::Cross),
        mark("detected", outcome.detected_seconds, Shape::Diamond),
        mark("service ready", outcome.ready_seconds, Shape::Dot),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn axis(outcome: &Outcome, left: f64, right: f64) -> Axis {
    let phases = outcome.phases.iter().flat_map(|run| [run.began_seconds, run.ended_seconds]);
    let mut instants: Vec<f64> = phases.chain(marks(outcome).iter().map(|(_, t, _)| *t)).collect();
    let end = instants.iter().copied().fold(0.0, f64::max);
    // A target that fell due before the end has a place of its own.
    if let Some(disaster) = outcome.disaster_seconds {
        let t = outcome.targets;
        instants.extend([t.stretch_rto_seconds, t.rto_seconds].map(|s| disaster + s).iter().filter(|s| **s < end));
    }
    Axis::new(instants, left, right)
}

/// Times at the axis, from the disaster: the important ones first, the others
/// where there is room.
fn ticks(picture: &mut Picture, outcome: &Outcome, axis: &Axis, y: f64) {
    let zero = outcome.disaster_seconds.unwrap_or(0.0);
    let mut wanted: Vec<f64> = vec![zero];
    wanted.extend(outcome.ready_seconds);
    wanted.extend([axis.marks.first(), axis.marks.last()].into_iter().flatten().map(|(t, _)| *t));
    wanted.extend(outcome.phases.iter().map(|run| run.ended_seconds));
    let mut taken: Vec<(f64, f64)> = Vec::new();
    for t in wanted {
        let (x, from) = (axis.place(t), t - zero);
        let said = match seconds(from.abs()) {
            text if from.abs() < f64::EPSILON => text.trim_end_matches(" s").to_owned(),
            text if from < 0.0 => format!("−{text}"),
            text => format!("+{text}"),
        };
        let half = text_width(&said) / 2.0 + 5.0;
        if taken.iter().any(|(from, to)| x - half < *to && *from < x + half) {
            continue;
        }
        taken.push((x - half, x + half));
        picture.line("axis", (x, y), (x, y + 4.0));
        picture.text("t num", Anchor::Middle, (x, y + 16.0), &said);
    }
}

/// RTO as a length below the axis, with its targets. Gives where it ends.
fn rto(picture: &mut Picture, outcome: &Outcome, axis: &Axis, y: f64, (left, right, width): (f64, f64, f64)) -> f64 {
    let Some(disaster) = outcome.disaster_seconds else {
        picture.text("t", Anchor::Start, (left, y + 4.0), "The disaster was never complete.");
        return y + 14.0;
    };
    let [rto, _] = figures(outcome);
    let from = axis.place(disaster);
    let to = outcome.ready_seconds.map_or(right, |t| axis.place(t));
    let class = if outcome.ready_seconds.is_some() { "length" } else { "length dashed" };
    picture.text("t strong", Anchor::End, (left - 8.0, y + 4.0), "RTO");
    picture.line(class, (from, y), (to, y));
    picture.line("length", (from, y - 5.0), (from, y + 5.0));
    if outcome.ready_seconds.is_some() {
        picture.line("length", (to, y - 5.0), (to, y + 5.0));
    }
    let said = rto.measured.map_or_else(|| "never".to_owned(), seconds);
    picture.text("t num strong", Anchor::End, (width - 2.0, y + 4.0), &said);

    let mut y = y + 22.0;
    picture.text("t", Anchor::End, (left - 8.0, y + 4.0), "targets");
    let mut beyond = Vec::new();
    let mut used = f64::MIN;
    for (name, target) in [("aim", rto.aim), ("promise", rto.promise)] {
        let missed = rto.measured.is_none_or(|n| n > target);
        let said = format!("{name} {}{}", seconds(target), if missed { " ✘ missed" } else { "" });
        if disaster + target >= axis.end() {
            beyond.push(said);
            continue;
        }
        let x = axis.place(disaster + target);
        let after = x + 8.0 + text_width(&said) <= width;
        if x - 8.0 < used {
            y += 16.0;
        }
        picture.line("mark dashed", (x, y - 38.0), (x, y));
        picture.diamond("sign", (x, y), 4.0);
        let (anchor, at) = if after { (Anchor::Start, x + 8.0) } else { (Anchor::End, x - 8.0) };
        picture.text("t", anchor, (at, y + 4.0), &said);
        used = if after { x + 8.0 + text_width(&said) } else { x };
    }
    if !beyond.is_empty() {
        if used > f64::MIN {
            y += 16.0;
        }
        let said = format!("{} →", beyond.join(", "));
        picture.text("t", Anchor::End, (right, y + 4.0), &said);
    }
    y + 12.0
}

/// The picture in words.
fn told(outcome: &Outcome) -> String {
    let phases: Vec<String> = outcome
        .phases
        .iter()
        .map(|run| {
            let ok = if run.ok { "" } else { ", which failed" };
            format!("{} {}{ok}", run.phase.title(), seconds(run.ended_seconds - run.began_seconds))
        })
        .collect();
    let zero = outcome.disaster_seconds.unwrap_or(0.0);
    let marks: Vec<String> = marks(outcome)
        .iter()
        .skip(1)
        .map(|(name, t, _)| format!("{name} {} after the disaster", seconds(t - zero)))
        .collect();
    let marks = if marks.is_empty() { String::new() } else { format!(" {}.", marks.join(", ")) };
    format!("Phases in order: {}.{marks}", phases.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::continuity::report::testing;

    #[test]
    fn short_phases_can_be_seen_beside_long_ones_and_order_holds() {
        let axis = Axis::new(vec![0.0, 61.0, 61.01, 61.02, 121.0], 100.0, 700.0);
        let places: Vec<f64> = axis.marks.iter().map(|(_, x)| *x).collect();
        assert!(places.windows(2).all(|w| w[1] - w[0] >= 30.0), "{places:?}");
        assert!((places[0] - 100.0).abs() < 1e-9 && (places[4] - 700.0).abs() < 1e-9, "{places:?}");
        let middle = axis.place(30.5);
        assert!((middle - (100.0 + places[1]) / 2.0).abs() < 1e-6, "{middle}");
        assert_eq!((axis.place(-5.0), axis.place(500.0)), (100.0, 700.0));
    }

    #[test]
    fn figures_that_no_clock_gives_draw_something_all_the_same() {
        let mut odd = testing::failed();
        odd.phases[1].ended_seconds = f64::NAN;
        odd.phases[2].began_seconds = f64::INFINITY;
        odd.disaster_seconds = Some(f64::NAN);
        for outcome in [odd, testing::stopped()] {
            let drawn = timeline(&outcome, Width::Wide);
            assert!(!drawn.contains("NaN") && !drawn.contains("inf\""), "{drawn}");
        }
        let none = crate::continuity::outcome::Outcome { phases: vec![], ..testing::stopped() };
        assert_eq!(timeline(&none, Width::Wide), "");
    }
}
