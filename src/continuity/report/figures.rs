//! What the figures of a drill say in words: the verdict, how each stands
//! against its targets, how long something took. The page, the Markdown file
//! and the terminal say the same, because they say it from here.

use crate::continuity::outcome::{Finding, FindingKind, Ground, Outcome, Size};

/// The verdict in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it passed.
    pub passed: bool,
    /// `Passed` or `Failed`.
    pub word: &'static str,
    /// What happened, in a sentence or some.
    pub sentence: String,
}

/// How a figure stands against its targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Met {
    /// Promise and aim are met.
    Yes,
    /// The promise is met, the aim is not.
    NotTheAim,
    /// The promise is missed.
    No,
    /// It could not be measured, which fails the drill.
    Unknown,
}

impl Met {
    /// In words.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Yes => "met",
            Self::NotTheAim => "aim missed",
            Self::No => "missed",
            Self::Unknown => "not measured",
        }
    }
}

/// A figure that has targets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Figure {
    pub(super) name: &'static str,
    pub(super) means: &'static str,
    pub(super) measured: Option<f64>,
    pub(super) promise: f64,
    pub(super) aim: f64,
}

impl Figure {
    pub(super) fn met(&self) -> Met {
        match self.measured {
            Some(n) if n > self.promise => Met::No,
            Some(n) if n > self.aim => Met::NotTheAim,
            Some(_) => Met::Yes,
            None => Met::Unknown,
        }
    }

    pub(super) fn shown(&self) -> String {
        self.measured.map_or_else(|| "none".to_owned(), seconds)
    }

    /// How much of the promise it took.
    pub(super) fn share(&self) -> Option<String> {
        let share = self.measured? / self.promise * 100.0;
        let share = match share {
            n if !n.is_finite() || self.promise <= 0.0 => return None,
            0.0 => "0".to_owned(),
            n if n < 0.1 => "under 0.1".to_owned(),
            n if n < 10.0 => format!("{n:.1}"),
            n => format!("{n:.0}"),
        };
        Some(format!("{share} %"))
    }
}

/// RTO and RPO.
pub(super) fn figures(outcome: &Outcome) -> [Figure; 2] {
    let t = outcome.targets;
    [
        Figure {
            name: "RTO",
            means: "from the disaster until a message was sent, delivered, rung for and acknowledged again",
            measured: outcome.rto_seconds,
            promise: t.rto_seconds,
            aim: t.stretch_rto_seconds,
        },
        Figure {
            name: "RPO",
            means: "from the oldest acknowledged message that was lost to the disaster; zero when none was",
            measured: outcome.rpo_seconds,
            promise: t.rpo_seconds,
            aim: t.stretch_rpo_seconds,
        },
    ]
}

/// The verdict of a drill.
#[must_use]
pub fn verdict(outcome: &Outcome) -> Verdict {
    let word = if outcome.passed { "Passed" } else { "Failed" };
    Verdict { passed: outcome.passed, word, sentence: sentence(outcome) }
}

fn sentence(outcome: &Outcome) -> String {
    if outcome.disaster_seconds.is_none() {
        let at = outcome.phases.last().map_or("very beginning", |run| run.phase.title());
        return format!("It stopped at the {at}, before the disaster was complete: nothing about recovery was proven.");
    }
    let [rto, rpo] = figures(outcome);
    let mut out = match rto.measured {
        Some(n) => format!("Service was back {} after the disaster", seconds(n)),
        None => "Service did not come back".to_owned(),
    };
    if rto.met() == Met::No {
        out += &format!(", later than the promised {}", seconds(rto.promise));
    }
    out += &match (outcome.lost.len(), rpo.measured) {
        (0, Some(_)) => ", and no acknowledged message was lost.".to_owned(),
        (0, None) => ". Whether messages were lost could not be verified.".to_owned(),
        (n, measured) => {
            let what = if n == 1 {
                "1 acknowledged message was lost".into()
            } else {
                format!("{n} acknowledged messages were lost")
            };
            let age = measured.map(|m| format!(", the oldest accepted {} before the disaster", seconds(m)));
            format!(". {what}{}.", age.unwrap_or_default())
        }
    };
    if outcome.detected_seconds.is_none() {
        out += " Nobody noticed the disaster.";
    }
    if outcome.verified.is_none() {
        out += " What came back was not compared with what was there.";
    }
    out
}

/// A time for people: `4 ms`, `0.51 s`, `4.2 s`, `1 min 3 s`, `4 h`, `3 d`.
#[must_use]
pub fn seconds(n: f64) -> String {
    if !n.is_finite() {
        return "unknown".to_owned();
    }
    if n < 0.0 {
        return format!("-{}", seconds(-n));
    }
    let two = |great: u64, unit: &str, small: u64, sub: &str| {
        if small == 0 { format!("{great} {unit}") } else { format!("{great} {unit} {small} {sub}") }
    };
    // Far below what an f64 can count exactly.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let whole = n.round() as u64;
    match n {
        0.0 => "0 s".to_owned(),
        n if n < 0.0005 => "under 1 ms".to_owned(),
        n if n < 0.0995 => format!("{:.0} ms", n * 1_000.0),
        n if n < 59.95 => trimmed(n),
        _ if whole < 3_600 => two(whole / 60, "min", whole % 60, "s"),
        _ if whole < 172_800 => two(whole / 3_600, "h", whole % 3_600 / 60, "min"),
        _ => two(whole / 86_400, "d", whole % 86_400 / 3_600, "h"),
    }
}

/// Two digits behind the point below ten, one above, none where they say nothing.
fn trimmed(n: f64) -> String {
    let text = if n < 9.995 { format!("{n:.2}") } else { format!("{n:.1}") };
    format!("{} s", text.trim_end_matches('0').trim_end_matches('.'))
}

/// A whole number with thousands apart: `20,000`.
pub(super) fn number(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// `20 agents, 20,000 messages, 31.4 MB`.
pub(super) fn size(size: &Size) -> String {
    format!("{} mailboxes, {} messages, {}", number(size.agents), number(size.messages), bytes(size.bytes))
}

fn bytes(n: u64) -> String {
    let units = [(1_000_000_000_u64, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match units.into_iter().find(|(unit, _)| n >= *unit) {
        Some((unit, name)) => format!("{}.{} {name}", n / unit, n % unit / (unit / 10)),
        None => format!("{n} B"),
    }
}

/// A word of a file for people: `whole_root`, `hardware_failure`.
pub(super) fn spaced(word: &str) -> String {
    word.replace('_', " ")
}

/// Where it was run, in words.
pub(super) const fn ground(ground: Ground) -> &'static str {
    match ground {
        Ground::Copy => {
            "on a copy of the tree, with a daemon and repositories of its own; the tree itself was not touched"
        }
        Ground::Live => "on the tree itself, after a safety snapshot",
    }
}

/// A finding's sort, in words.
pub(super) const fn kind(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::NotSteady => "Not steady before",
        FindingKind::NotInjected => "Not broken as planned",
        FindingKind::Undetected => "Not noticed",
        FindingKind::StepFailed => "A step failed",
        FindingKind::Unverified => "Not verified",
        FindingKind::NotReady => "Does not serve",
        FindingKind::RtoMissed => "RTO missed",
        FindingKind::RpoMissed => "RPO missed",
        FindingKind::StretchMissed => "Aim missed",
        FindingKind::Aborted => "Given up",
        FindingKind::NotClean => "Left behind",
        FindingKind::Remark => "Remark",
    }
}

/// What a finding means for the verdict, in a word.
pub(super) const fn weight(finding: &Finding) -> &'static str {
    if finding.kind.passes() { "to be looked at" } else { "fails the drill" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_numbers_read_well() {
        let shown = [0.0, 0.0001, 0.0042, 0.512, 4.17, 4.0, 12.34, 59.94, 59.96, 63.0, 3_600.0, 5_400.0, 259_200.0]
            .map(seconds);
        let wanted = [
            "0 s",
            "under 1 ms",
            "4 ms",
            "0.51 s",
            "4.17 s",
            "4 s",
            "12.3 s",
            "59.9 s",
            "1 min",
            "1 min 3 s",
            "1 h",
            "1 h 30 min",
            "3 d",
        ];
        assert_eq!(shown, wanted);
        assert_eq!([seconds(f64::NAN), seconds(-2.0)], ["unknown", "-2 s"]);
        assert_eq!([number(7), number(20_000), number(1_234_567)], ["7", "20,000", "1,234,567"]);
        assert_eq!([bytes(999), bytes(1_440), bytes(31_400_000)], ["999 B", "1.4 kB", "31.4 MB"]);
    }
}
