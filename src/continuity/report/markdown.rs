//! The report as Markdown: what `drill report` prints, so first of all good to
//! read as it is, in a terminal.

use super::escape::{code, fenced, mark};
use super::figures::{figures, ground, kind, number, seconds, size, spaced, verdict, weight};
use super::{JSON, Proof, SIGNATURE, Signed};
use crate::continuity::outcome::{Finding, Outcome};
use crate::identity::{ALLOWED, NAMESPACE, NAMESPACE_REPORT};

/// Most entries of a list that may be long; the rest is counted.
const MOST: usize = 50;
/// Columns of running text.
const COLUMNS: usize = 78;

/// The text. `past` are earlier drills of the same scenario, the oldest first.
#[must_use]
pub fn markdown(outcome: &Outcome, past: &[Outcome], proof: Option<&Proof>) -> String {
    let v = verdict(outcome);
    let mut out = format!("# {}: {}\n\n", v.word, mark(&outcome.title));
    out += &para(&mark(&v.sentence), "");
    out += &para(
        &format!(
            "Drill {} of {}, begun {}, {}. Score {} of 100.",
            code(&outcome.id),
            mark(&outcome.scenario),
            outcome.began.strftime("%Y-%m-%d %H:%M:%S UTC"),
            ground(outcome.ground),
            outcome.score
        ),
        "\n",
    );
    out += "\n## Figures against targets\n\n";
    out += &targets(outcome);
    out += "\n## Findings\n\n";
    if outcome.findings.is_empty() {
        out += "None.\n";
    }
    let (remarks, fails): (Vec<_>, Vec<_>) = outcome.findings.iter().partition(|f| f.kind.passes());
    for (i, f) in fails.iter().chain(&remarks).enumerate() {
        out += &finding(i + 1, f);
    }
    out += "\n## What was put to the test\n\n";
    out += &para(&format!("Hypothesis: {}", mark(&outcome.hypothesis)), "");
    out +=
        &para(&format!("Models: {}. Scope: {}.", mark(&spaced(&outcome.models)), mark(&spaced(&outcome.scope))), "\n");
    let systems: Vec<String> =
        outcome.systems.iter().map(|s| format!("{} ({})", mark(&s.name), s.tier.word())).collect();
    out += &para(&format!("Systems, by tier: {}.", systems.join(", ")), "\n");
    out += "\n## What was broken\n\n";
    if outcome.injections.is_empty() {
        out += "Nothing: the drill did not come that far.\n";
    }
    for (i, injection) in outcome.injections.iter().enumerate() {
        let text = match injection.real {
            true => format!("real: {}", mark(&injection.what)),
            false => format!("simulated: {} ({})", mark(&injection.what), mark(&injection.how)),
        };
        out += &item(&format!("{}. ", i + 1), &text);
    }
    out += "\n## Course of the drill\n\n";
    out += &course(outcome);
    out += "\n## Recovery by the plan\n\n";
    out += &steps(outcome);
    out += "\n## Verification\n\n";
    out += &verification(outcome);
    out += "\n## Past drills\n\n";
    out += &history(outcome, past);
    out += "\n## How to repeat and check it\n\n";
    out += &repeat(outcome, proof);
    out
}

fn targets(outcome: &Outcome) -> String {
    let rows: Vec<Vec<String>> = figures(outcome)
        .iter()
        .map(|f| [f.name.to_owned(), f.shown(), seconds(f.promise), seconds(f.aim), f.met().word().to_owned()].to_vec())
        .collect();
    let noticed = match (outcome.disaster_seconds, outcome.detected_seconds) {
        (Some(disaster), Some(at)) => {
            let by = outcome.detected_by.as_deref().map(|by| format!(": {}", mark(by))).unwrap_or_default();
            format!("Noticed {} after the disaster{by}.", seconds(at - disaster))
        }
        (Some(_), None) => "The disaster was not noticed.".to_owned(),
        (None, _) => "There was no disaster to notice.".to_owned(),
    };
    table(&["Figure", "Measured", "Promise", "Aim", "Target"], &rows) + &para(&noticed, "\n")
}

fn finding(n: usize, finding: &Finding) -> String {
    let head = format!("{n}. ");
    let indent = " ".repeat(head.len());
    let mut out =
        item(&head, &format!("**{}** ({}). {}.", kind(finding.kind), weight(finding), sentence(&finding.what)));
    out += &wrapped(&format!("Follow-up: {}.", sentence(&finding.follow_up)), &indent, &indent);
    out
}

/// Escaped, without the full stop that follows.
fn sentence(text: &str) -> String {
    mark(text.trim_end_matches('.'))
}

fn course(outcome: &Outcome) -> String {
    let zero = outcome.disaster_seconds.unwrap_or(0.0);
    let rows: Vec<Vec<String>> = outcome
        .phases
        .iter()
        .map(|p| {
            let from = p.began_seconds - zero;
            let began = if from < 0.0 { format!("-{}", seconds(-from)) } else { format!("+{}", seconds(from)) };
            let ended = if p.ok { "done" } else { "FAILED" };
            [p.phase.title().to_owned(), began, seconds(p.ended_seconds - p.began_seconds), ended.to_owned()].to_vec()
        })
        .collect();
    let mut out = table(&["Phase", "Began", "Took", "Ended"], &rows);
    let notes: Vec<_> = outcome.phases.iter().filter(|p| !p.note.is_empty()).collect();
    if !notes.is_empty() {
        out.push('\n');
    }
    for p in notes {
        out += &item("- ", &format!("{}: {}", p.phase.title(), mark(&p.note)));
    }
    let from = if outcome.disaster_seconds.is_some() { "the disaster" } else { "the beginning" };
    out + &para(&format!("Times count from {from}."), "\n")
}

fn steps(outcome: &Outcome) -> String {
    if outcome.steps.is_empty() {
        return "No step of the plan was carried out.\n".to_owned();
    }
    let mut out = String::new();
    for (i, step) in outcome.steps.iter().enumerate() {
        let head = format!("{}. ", i + 1);
        let indent = " ".repeat(head.len());
        let how = if step.ok { "done" } else { "FAILED" };
        out += &item(&head, &format!("{} ({}, {how})", mark(&step.title), seconds(step.seconds)));
        if let Some(command) = &step.command {
            out += &fenced(&crate::model::visible::line(command), &indent);
        }
        if !step.said.is_empty() {
            out += &format!("{indent}It said:\n");
            out += &fenced(&step.said, &indent);
        }
    }
    out
}

fn verification(outcome: &Outcome) -> String {
    let mut out = match &outcome.verified {
        None => "What came back was not compared with the manifest.\n".to_owned(),
        Some(v) => {
            let mut out = para(
                &format!(
                    "Of {} files of the manifest {} came back byte for byte, {} are missing, {} have other bytes.",
                    number(v.expected),
                    number(v.intact),
                    number(v.missing.len()),
                    number(v.altered.len())
                ),
                "",
            );
            for (title, paths) in [("Missing", &v.missing), ("With other bytes", &v.altered)] {
                if !paths.is_empty() {
                    out += &format!("\n{title}:\n\n");
                    out += &paths.iter().take(MOST).map(|p| format!("- {}\n", code(p))).collect::<String>();
                    out += &rest(paths.len());
                }
            }
            out
        }
    };
    out += &para(
        &format!(
            "Generated agents went on sending: {} attempts, {} acknowledged as durable.",
            number(outcome.traffic.sent),
            number(outcome.traffic.acknowledged)
        ),
        "\n",
    );
    if outcome.lost.is_empty() {
        return out + "\nNo acknowledged message is missing.\n";
    }
    out += "\nAcknowledged messages that are lost:\n\n";
    for lost in outcome.lost.iter().take(MOST) {
        out += &format!(
            "- {} {}, accepted {}\n",
            mark(lost.agent.as_str()),
            code(&lost.id.to_string()),
            lost.accepted.strftime("%Y-%m-%d %H:%M:%S UTC")
        );
    }
    out + &rest(outcome.lost.len())
}

fn rest(n: usize) -> String {
    if n <= MOST { String::new() } else { format!("\nAnd {} more, in {JSON}.\n", number(n - MOST)) }
}

fn history(outcome: &Outcome, past: &[Outcome]) -> String {
    if past.is_empty() {
        return "This is the first drill of this scenario that is kept.\n".to_owned();
    }
    let row = |run: &Outcome| {
        let [rto, rpo] = figures(run);
        let how = if run.passed { "passed" } else { "FAILED" };
        let began = run.began.strftime("%Y-%m-%d %H:%M").to_string();
        vec![began, how.to_owned(), rto.shown(), rpo.shown(), number(run.lost.len()), run.score.to_string()]
    };
    let from = past.len().saturating_sub(9);
    let rows: Vec<Vec<String>> = past[from..].iter().chain([outcome]).map(row).collect();
    table(&["Began (UTC)", "Verdict", "RTO", "RPO", "Lost", "Score"], &rows)
}

fn repeat(outcome: &Outcome, proof: Option<&Proof>) -> String {
    let mut out = item("- ", &format!("Run on {}", size(&outcome.size)));
    for (name, version) in &outcome.versions {
        out += &item("- ", &format!("{}: {}", mark(name), mark(version)));
    }
    out += &item("- ", &format!("Seed {}", outcome.seed));
    out += "- Again:\n";
    out += &fenced(&crate::model::visible::line(&outcome.replay), "  ");
    let Some(proof) = proof else { return out };
    out += &format!("- {JSON} has the SHA-256 digest\n  {}\n", code(&proof.digest));
    match (&proof.signed, &proof.why_not) {
        (Some(signed), _) => {
            out += &item(
                "- ",
                &format!(
                    "{SIGNATURE} is the signature of {} with the key {}. To check it:",
                    mark(signed.by.as_str()),
                    code(&signed.key)
                ),
            );
            out += &fenced(&check_commands(outcome, proof, signed), "  ");
        }
        (None, Some(why)) => out += &item("- ", &format!("It is not signed: {}", mark(why))),
        (None, None) => out += &item("- ", "It is not signed: whoever ran the drill has no key."),
    }
    out
}

/// The commands with which anybody checks the signature. The signers file
/// allows a key for mail alone, so the copy that is checked against allows it
/// for reports; who has which key is what the file says.
pub(super) fn check_commands(outcome: &Outcome, proof: &Proof, signed: &Signed) -> String {
    let quoted = format!("'{}'", proof.root.join(ALLOWED).display().to_string().replace('\'', "'\\''"));
    let at = outcome.began.strftime("%Y%m%d%H%M%SZ");
    format!(
        "sed 's/namespaces=\"{NAMESPACE}\"/namespaces=\"{NAMESPACE_REPORT}\"/' {quoted} > signers\n\
         ssh-keygen -Y verify -f signers -I {} -n {NAMESPACE_REPORT} -O verify-time={at} -s {SIGNATURE} < {JSON}",
        signed.by
    )
}

/// A paragraph, folded, behind `before`.
fn para(text: &str, before: &str) -> String {
    before.to_owned() + &wrapped(text, "", "")
}

/// An entry of a list, folded under its head.
fn item(head: &str, text: &str) -> String {
    wrapped(text, head, &" ".repeat(head.len()))
}

/// Folded between words. A word that would begin a block at the start of a
/// line stays where it is.
fn wrapped(text: &str, first: &str, others: &str) -> String {
    let mut out = first.to_owned();
    let mut used = first.len();
    for (i, word) in text.split(' ').enumerate() {
        let width = unicode_width::UnicodeWidthStr::width(word);
        let begins =
            word.starts_with(['#', '>', '-', '+', '=', '~', '`']) || word.starts_with(|c: char| c.is_ascii_digit());
        if i > 0 && used + 1 + width > COLUMNS && !begins {
            out = out.trim_end().to_owned();
            out.push('\n');
            out.push_str(others);
            used = others.len();
        } else if i > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += width;
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

/// A table whose columns stand under each other.
fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let width = |text: &str| unicode_width::UnicodeWidthStr::width(text);
    let widths: Vec<usize> = heads
        .iter()
        .enumerate()
        .map(|(i, head)| rows.iter().filter_map(|r| r.get(i)).map(|c| width(c)).chain([width(head)]).max().unwrap_or(0))
        .collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let cells: Vec<String> =
            cells.zip(&widths).map(|(c, w)| format!("{c}{}", " ".repeat(w.saturating_sub(width(c))))).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let rule: Vec<String> = widths.iter().map(|w| "-".repeat(*w)).collect();
    let mut out = line(&mut heads.iter().copied());
    out += &format!("| {} |\n", rule.join(" | "));
    for row in rows {
        out += &line(&mut row.iter().map(String::as_str));
    }
    out
}

/// The message about a drill that failed: what was missed, and where the
/// report is.
#[must_use]
pub fn notice(outcome: &Outcome, folder: &std::path::Path) -> String {
    let mut out = para(&mark(&verdict(outcome).sentence), "");
    out.push('\n');
    let (remarks, fails): (Vec<_>, Vec<_>) = outcome.findings.iter().partition(|f| f.kind.passes());
    for (i, f) in fails.iter().chain(&remarks).enumerate() {
        out += &finding(i + 1, f);
    }
    out += "\nThe report, and the command that repeats the drill with the same choices:\n\n";
    out + &fenced(
        &format!(
            "{}\n{}\n{}",
            crate::model::visible::line(&folder.join(super::HTML).display().to_string()),
            crate::model::visible::line(&format!("cellphone drill report {}", outcome.id)),
            crate::model::visible::line(&outcome.replay)
        ),
        "",
    )
}
