//! The report as one page for a browser and for paper: no scripts, nothing
//! fetched, which its own policy forbids as well.
//!
//! Written by plain functions in the order of the page. Whatever comes from
//! the outcome passes [`page`], [`page_block`] or [`page_prose`]; what is written without are
//! words and numbers of ours.

use super::css::STYLE;
use super::escape::{page, page_block, page_prose};
use super::figures::{Met, figures, ground, kind, number, seconds, size, spaced, verdict, weight};
use super::plot::Width;
use super::timeline::timeline;
use super::trend::{self, trend};
use super::{JSON, Proof, SIGNATURE};
use crate::continuity::outcome::{Ground, Lost, Outcome, Tier};
use crate::identity::NAMESPACE_REPORT;
use crate::model::time::rfc3339;

/// Most rows of a list that may be long; the rest is counted.
const MOST: usize = 200;

/// The page. `past` are earlier drills of the same scenario, the oldest first.
#[must_use]
pub fn html(outcome: &Outcome, past: &[Outcome], proof: Option<&Proof>) -> String {
    let verdict = verdict(outcome);
    let title = format!("{}: {}, {}", verdict.word, page(&outcome.scenario), outcome.began.strftime("%Y-%m-%d"));
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n"
    );
    for part in [
        top(outcome),
        targets(outcome),
        findings(outcome),
        tested(outcome),
        broken(outcome),
        course(outcome),
        recovery(outcome),
        verification(outcome),
        history(outcome, past),
        repeat(outcome),
        checked(outcome, proof),
    ] {
        out += &part;
    }
    out + &format!(
        "<footer>Agent Cellphone · drill {} · began {}</footer>\n</main>\n</body>\n</html>\n",
        page(&outcome.id),
        rfc3339(outcome.began)
    )
}

fn section(title: &str, body: &str) -> String {
    format!("<section>\n<h2>{title}</h2>\n{body}</section>\n")
}

fn top(outcome: &Outcome) -> String {
    let v = verdict(outcome);
    let (class, sign) = if v.passed { ("passed", "✔") } else { ("failed", "✘") };
    let [rto, rpo] = figures(outcome);
    let target = |promise: f64, aim: f64| format!("promised {}, aim {}", seconds(promise), seconds(aim));
    let verified = outcome.verified.as_ref().map_or_else(
        || ("not compared".to_owned(), "with the manifest".to_owned()),
        |v| (number(v.intact), format!("of {} files as they were", number(v.expected))),
    );
    let key = [
        ("RTO", rto.shown(), target(rto.promise, rto.aim)),
        ("RPO", rpo.shown(), target(rpo.promise, rpo.aim)),
        ("Lost", number(outcome.lost.len()), if outcome.lost.len() == 1 { "message" } else { "messages" }.to_owned()),
        ("Verified", verified.0, verified.1),
        ("Score", outcome.score.to_string(), "of 100".to_owned()),
    ];
    let key: String = key
        .iter()
        .map(|(name, value, more)| format!("<div><dt>{name}</dt><dd><b>{value}</b>{more}</dd></div>\n"))
        .collect();
    format!(
        "<header>\n<p class=\"over\">Report of the drill {}, {}</p>\n<h1>{}</h1>\n\
         <p class=\"verdict {class}\"><strong><span aria-hidden=\"true\">{sign}</span> {}</strong>{}</p>\n\
         <dl class=\"key\">\n{key}</dl>\n</header>\n",
        page(&outcome.scenario),
        outcome.began.strftime("%-d %B %Y, %H:%M:%S UTC"),
        page(&outcome.title),
        v.word,
        page_prose(&v.sentence),
    )
}

fn state(met: Met) -> String {
    let (class, sign) = match met {
        Met::Yes => ("good", "✔"),
        Met::NotTheAim => ("warn", "△"),
        Met::No | Met::Unknown => ("bad", "✘"),
    };
    format!("<span class=\"word {class}\"><span aria-hidden=\"true\">{sign}</span> {}</span>", met.word())
}

fn targets(outcome: &Outcome) -> String {
    let rows: String = figures(outcome)
        .iter()
        .map(|f| {
            format!(
                "<tr><th scope=\"row\">{}</th><td class=\"num\" data-of=\"Measured\">{}</td><td class=\"num\" data-of=\"Promise\">{}</td>\
                 <td class=\"num\" data-of=\"Aim\">{}</td><td class=\"num\" data-of=\"Of the promise\">{}</td><td>{}</td></tr>\n",
                f.name,
                f.shown(),
                seconds(f.promise),
                seconds(f.aim),
                f.share().unwrap_or_default(),
                state(f.met()),
            )
        })
        .collect();
    let noticed = match (outcome.disaster_seconds, outcome.detected_seconds) {
        (Some(disaster), Some(at)) => {
            let by = outcome.detected_by.as_deref().map(|by| format!(": {}", page(by))).unwrap_or_default();
            format!("The disaster was noticed {} after it was complete{by}.", seconds(at - disaster))
        }
        (Some(_), None) => "The disaster was not noticed.".to_owned(),
        (None, _) => "There was no disaster to notice.".to_owned(),
    };
    let means: String = figures(outcome).iter().map(|f| format!("{} counts {}. ", f.name, f.means)).collect();
    let body = format!(
        "<table class=\"stack targets\">\n<thead><tr><th scope=\"col\">Figure</th><th scope=\"col\" class=\"num\">Measured</th><th scope=\"col\" class=\"num\">Promise</th>\
         <th scope=\"col\" class=\"num\">Aim</th><th scope=\"col\" class=\"num\">Of the promise</th><th scope=\"col\">Target</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n\
         <p style=\"margin-top:10px\">{noticed}</p>\n<p class=\"soft\">{means}A drill that misses a promise fails; a missed aim lowers the score.</p>\n"
    );
    section("Figures against targets", &body)
}

fn findings(outcome: &Outcome) -> String {
    if outcome.findings.is_empty() {
        return section("Findings", "<p>None.</p>\n");
    }
    let mut all: Vec<_> = outcome.findings.iter().collect();
    all.sort_by_key(|finding| finding.kind.passes());
    let list: String = all
        .iter()
        .map(|f| {
            let (class, paint) = if f.kind.passes() { ("", "warn") } else { ("fails", "bad") };
            format!(
                "<li class=\"{class}\"><p><span class=\"{paint}\">{}</span> <span class=\"soft\">({})</span></p>\n<p>{}</p>\n<p class=\"soft\">Follow-up: {}</p></li>\n",
                kind(f.kind),
                weight(f),
                page_prose(&f.what),
                page_prose(&f.follow_up),
            )
        })
        .collect();
    section("Findings", &format!("<ul class=\"findings\">\n{list}</ul>\n"))
}

fn tested(outcome: &Outcome) -> String {
    let tier = |tier: Tier| {
        let (rto, rpo) = tier.seconds();
        format!("{} (back within {}, at most {} lost)", tier.word(), seconds(rto), seconds(rpo))
    };
    let systems: String =
        outcome.systems.iter().map(|s| format!("<li>{}: {}</li>", page(&s.name), tier(s.tier))).collect();
    let facts = [
        ("Hypothesis", page_prose(&outcome.hypothesis)),
        ("Models", page(&spaced(&outcome.models))),
        ("Scope", page(&spaced(&outcome.scope))),
        ("Systems", format!("<ul>{systems}</ul>")),
        ("Run", ground(outcome.ground).to_owned()),
    ];
    section("What was put to the test", &facts_list(&facts))
}

fn facts_list(facts: &[(&str, String)]) -> String {
    let rows: String = facts.iter().map(|(name, value)| format!("<dt>{name}</dt><dd>{value}</dd>\n")).collect();
    format!("<dl class=\"facts\">\n{rows}</dl>\n")
}

fn broken(outcome: &Outcome) -> String {
    if outcome.injections.is_empty() {
        return section("What was broken", "<p>Nothing: the drill did not come that far.</p>\n");
    }
    let list: String = outcome
        .injections
        .iter()
        .map(|i| match i.real {
            true => format!("<li><span class=\"tag\">real</span>{}.</li>\n", page_prose(&i.what)),
            false => format!(
                "<li><span class=\"tag sim\">simulated</span>{}: {}.</li>\n",
                page_prose(&i.what),
                page_prose(&i.how)
            ),
        })
        .collect();
    section("What was broken", &format!("<ol>\n{list}</ol>\n"))
}

fn course(outcome: &Outcome) -> String {
    let zero = outcome.disaster_seconds;
    let when = |t: f64| match zero {
        Some(zero) if t < zero => format!("−{}", seconds(zero - t)),
        Some(zero) if t > zero => format!("+{}", seconds(t - zero)),
        _ => seconds(zero.map_or(t, |_| 0.0)),
    };
    let rows: String = outcome
        .phases
        .iter()
        .map(|p| {
            let how = if p.ok { "<span class=\"good\">✔ done</span>" } else { "<span class=\"bad\">✘ failed</span>" };
            format!(
                "<tr><th scope=\"row\" class=\"word\">{}</th><td class=\"num\" data-of=\"Began\">{}</td><td class=\"num\" data-of=\"Took\">{}</td><td class=\"word\">{how}</td><td>{}</td></tr>\n",
                p.phase.title(),
                when(p.began_seconds),
                seconds(p.ended_seconds - p.began_seconds),
                page_prose(&p.note),
            )
        })
        .collect();
    let (wide, narrow) = (timeline(outcome, Width::Wide), timeline(outcome, Width::Narrow));
    let from = if zero.is_some() { "the disaster" } else { "the beginning" };
    let body = format!(
        "<figure>\n{wide}{narrow}<figcaption>Times count from {from}. So that short phases can be seen beside long ones, each has a least width; lengths are in proportion within a phase only.</figcaption>\n</figure>\n\
         <table class=\"stack\">\n<caption>The same in numbers, by the monotonic clock</caption>\n<thead><tr><th scope=\"col\">Phase</th><th scope=\"col\" class=\"num\">Began</th><th scope=\"col\" class=\"num\">Took</th>\
         <th scope=\"col\">Ended</th><th scope=\"col\">Note</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n"
    );
    section("Course of the drill", &body)
}

fn recovery(outcome: &Outcome) -> String {
    if outcome.steps.is_empty() {
        return section("Recovery by the plan", "<p>No step of the plan was carried out.</p>\n");
    }
    let rows: String = outcome
        .steps
        .iter()
        .enumerate()
        .map(|(i, s)| {
            let how = if s.ok { "<span class=\"good\">✔ done</span>" } else { "<span class=\"bad\">✘ failed</span>" };
            let command = s.command.as_ref().map_or_else(
                || "<br><span class=\"soft\">Done by hand in life; the drill does it in its own way.</span>".to_owned(),
                |c| format!("<pre>{}</pre>", page(c)),
            );
            let said = if s.said.is_empty() { String::new() } else { format!("<pre class=\"said\">{}</pre>", page_block(&s.said)) };
            format!(
                "<tr><td class=\"num\">{}</td><td>{}{command}{said}</td><td class=\"num\" data-of=\"Took\">{}</td><td class=\"word\">{how}</td></tr>\n",
                i + 1,
                page_prose(&s.title),
                seconds(s.seconds),
            )
        })
        .collect();
    let body = format!(
        "<p class=\"soft\">These are the steps that <code>cellphone drill plan</code> prints for a person; the drill carried out the same ones.</p>\n\
         <table class=\"stack\">\n<thead><tr><th scope=\"col\" class=\"num\">No.</th><th scope=\"col\">Step, command, last words</th><th scope=\"col\" class=\"num\">Took</th><th scope=\"col\">Ended</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n"
    );
    section("Recovery by the plan", &body)
}

fn verification(outcome: &Outcome) -> String {
    let mut body = match &outcome.verified {
        None => "<p>What came back was not compared with the manifest.</p>\n".to_owned(),
        Some(v) => {
            let mut out = format!(
                "<p>The manifest was written before anything was broken, outside the root. Of its {} files {} came back byte for byte, {} are missing, {} have other bytes.</p>\n",
                number(v.expected),
                number(v.intact),
                number(v.missing.len()),
                number(v.altered.len()),
            );
            for (title, paths) in [("Missing", &v.missing), ("With other bytes", &v.altered)] {
                if !paths.is_empty() {
                    let list: String =
                        paths.iter().take(MOST).map(|p| format!("<li><code>{}</code></li>\n", page(p))).collect();
                    out += &format!("<h3>{title}</h3>\n<ul>\n{list}</ul>\n{}", rest(paths.len()));
                }
            }
            out
        }
    };
    let t = outcome.traffic;
    body += &format!(
        "<p>While it was broken, generated agents went on sending: {} attempts, {} acknowledged as durable.</p>\n",
        number(t.sent),
        number(t.acknowledged)
    );
    body += &lost(&outcome.lost);
    section("Verification", &body)
}

fn lost(lost: &[Lost]) -> String {
    if lost.is_empty() {
        return "<p>No acknowledged message is missing.</p>\n".to_owned();
    }
    let rows: String = lost
        .iter()
        .take(MOST)
        .map(|l| {
            format!(
                "<tr><td>{}</td><td><code>{}</code></td><td class=\"num\">{}</td></tr>\n",
                page(l.agent.as_str()),
                l.id,
                l.accepted.strftime("%Y-%m-%d %H:%M:%S")
            )
        })
        .collect();
    format!(
        "<h3>Acknowledged messages that are lost</h3>\n<div class=\"wrap\"><table>\n<thead><tr><th scope=\"col\">Mailbox</th><th scope=\"col\">Message</th><th scope=\"col\" class=\"num\">Accepted (UTC)</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n{}",
        rest(lost.len())
    )
}

fn rest(n: usize) -> String {
    if n <= MOST { String::new() } else { format!("<p>And {} more, in <code>{JSON}</code>.</p>\n", number(n - MOST)) }
}

fn history(outcome: &Outcome, past: &[Outcome]) -> String {
    let mut runs: Vec<&Outcome> = past.iter().collect();
    runs.push(outcome);
    if past.is_empty() {
        return section("Past drills", "<p>This is the first drill of this scenario that is kept.</p>\n");
    }
    let shown = &runs[runs.len().saturating_sub(trend::MOST)..];
    let rows: String = shown
        .iter()
        .rev()
        .map(|run| {
            let how = if run.passed { "<span class=\"good\">✔ passed</span>" } else { "<span class=\"bad\">✘ failed</span>" };
            let [rto, rpo] = figures(run);
            let now = if run.id == outcome.id { " (this one)" } else { "" };
            format!(
                "<tr><th scope=\"row\">{}{now}</th><td class=\"word\">{how}</td><td class=\"num\">{}</td><td class=\"num\">{}</td><td class=\"num\">{}</td><td class=\"num\">{}</td></tr>\n",
                run.began.strftime("%Y-%m-%d %H:%M"),
                rto.shown(),
                rpo.shown(),
                number(run.lost.len()),
                run.score,
            )
        })
        .collect();
    let passed = runs.iter().filter(|run| run.passed).count();
    let body = format!(
        "<p>{passed} of {} drills of this scenario passed.</p>\n<figure>\n{}{}<figcaption>A dot is a drill that passed, a cross one that failed, the last one is larger.</figcaption>\n</figure>\n\
         <div class=\"wrap\"><table>\n<thead><tr><th scope=\"col\">Began (UTC)</th><th scope=\"col\">Verdict</th><th scope=\"col\" class=\"num\">RTO</th><th scope=\"col\" class=\"num\">RPO</th><th scope=\"col\" class=\"num\">Lost</th><th scope=\"col\" class=\"num\">Score</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n",
        runs.len(),
        trend(&runs, Width::Wide),
        trend(&runs, Width::Narrow),
    );
    section("Past drills", &body)
}

fn repeat(outcome: &Outcome) -> String {
    let versions: Vec<String> =
        outcome.versions.iter().map(|(name, v)| format!("{} {}", page(name), page(v))).collect();
    let facts = [
        ("Run on", size(&outcome.size)),
        ("Versions", versions.join("<br>")),
        ("Seed", outcome.seed.to_string()),
        ("Again", format!("<pre>{}</pre>", page(&outcome.replay))),
        ("Scope of it", limits(outcome.ground).to_owned()),
    ];
    section("How to repeat it", &facts_list(&facts))
}

/// What the figures do not say.
const fn limits(ground: Ground) -> &'static str {
    match ground {
        Ground::Copy => {
            "The figures are those of this tree on this machine at this time, recovered by commands that are ready. The time a person needs to notice, to decide and to find another machine is not in them."
        }
        Ground::Live => {
            "The figures are those of the tree itself on this machine at this time, recovered by commands that are ready. The time a person needs to notice, to decide and to find another machine is not in them."
        }
    }
}

fn checked(outcome: &Outcome, proof: Option<&Proof>) -> String {
    let Some(proof) = proof else { return String::new() };
    let mut facts = vec![(
        "Digest",
        format!(
            "<code>sha256 {}</code><br>of <code>{JSON}</code> beside this page, from which this page was made.<pre>sha256sum {JSON}</pre>",
            proof.digest
        ),
    )];
    facts.push(("Signature", match (&proof.signed, &proof.why_not) {
        (Some(signed), _) => format!(
            "<code>{SIGNATURE}</code>, by {} with the key <code>{}</code>.<pre>{}</pre>",
            page(signed.by.as_str()),
            page(&signed.key),
            page_block(&super::markdown::check_commands(outcome, proof, signed)),
        ),
        (None, Some(why)) => format!("None: {}.", page(why)),
        (None, None) => format!("None: whoever ran the drill has no key. A signature would be in the namespace <code>{NAMESPACE_REPORT}</code>."),
    }));
    section("How to check it", &facts_list(&facts))
}
