//! `cellphone drill list`: the scenarios, and how each stands.

use jiff::Timestamp;
use serde_json::json;

use super::super::context::Context;
use super::super::failure::Failure;
use crate::office::Office;
use crate::surface::render::{Column, Paint, Table, age, text};

pub(super) fn list(cx: &Context, office: &Office) -> Result<(), Failure> {
    let all = office.drill_scenarios()?;
    let standing = office.drill_standing(&office.drill_intervals()?)?;
    let of = |name: &str| standing.iter().find(|one| one.scenario == name);
    if cx.json() {
        let rows: Vec<_> = all
            .iter()
            .map(|one| match one {
                Ok(s) => json!({
                    "scenario": s.name, "title": s.title, "models": s.models, "scope": s.scope, "systems": s.systems,
                    "targets": s.targets, "every_seconds": s.every.as_secs(),
                    "last": of(&s.name).and_then(|at| at.last.as_ref().map(|last| json!({ "at": last.at, "passed": last.passed }))),
                    "next": of(&s.name).map(|at| at.next),
                    "overdue_seconds": of(&s.name).and_then(|at| at.overdue.map(|by| by.as_secs())),
                }),
                Err((name, why)) => json!({ "scenario": name, "error": why }),
            })
            .collect();
        return cx.write_json(&rows);
    }
    let now = Timestamp::now();
    let mut table = Table::new(&[
        Column::text("SCENARIO"),
        Column::flexible("WHAT HAPPENS"),
        Column::text("LAST"),
        Column::text("NEXT"),
    ]);
    for one in &all {
        match one {
            Ok(scenario) => {
                let at = of(&scenario.name);
                let last = at.and_then(|at| at.last.as_ref());
                let (last, paint) = match last {
                    Some(last) if last.passed => (format!("passed {}", ago(last.at, now)), Some(Paint::Good)),
                    Some(last) => (format!("FAILED {}", ago(last.at, now)), Some(Paint::Bad)),
                    None => ("never".to_owned(), Some(Paint::Faint)),
                };
                let (next, late) = match at.map(|at| (at.next, at.overdue)) {
                    Some((_, Some(by))) => (format!("overdue by {}", age::span(by)), Some(Paint::Bad)),
                    Some((next, None)) => {
                        (format!("in {}", age::span(next.duration_since(now).try_into().unwrap_or_default())), None)
                    }
                    None => (String::new(), None),
                };
                table.painted(vec![
                    (scenario.name.clone(), None),
                    (text::line(&scenario.title).into_owned(), None),
                    (last, paint),
                    (next, late),
                ]);
            }
            Err((name, why)) => table.painted(vec![
                (text::line(name).into_owned(), None),
                (text::line(why).into_owned(), Some(Paint::Bad)),
                (String::new(), None),
                (String::new(), None),
            ]),
        }
    }
    cx.print(&table.render(cx.style))?;
    cx.say(&cx.paint(
        Paint::Faint,
        "cellphone drill run NAME rehearses one on a copy; cellphone drill plan NAME prints its plan",
    ))
}

fn ago(at: Timestamp, now: Timestamp) -> String {
    match age::age(at, now).as_str() {
        "now" => "just now".to_owned(),
        age => format!("{age} ago"),
    }
}
