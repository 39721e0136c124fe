//! `cellphone log`: what happened.

use std::time::Duration;

use jiff::Timestamp;

use super::context::Context;
use super::failure::{Code, Failure};
use super::{Run, parse};
use crate::model::{Event, EventKind};
use crate::office::setup::Record;
use crate::surface::render::{Paint, age, foreign, text};

/// Lines that are shown when neither their number nor their time was said.
const USUAL: usize = 30;

/// A moment, as a person says it.
#[derive(Debug, Clone, Copy)]
enum When {
    /// By the clock.
    At(Timestamp),
    /// So long ago.
    Ago(Duration),
}

impl When {
    fn parse(text: &str) -> Result<Self, String> {
        if let Ok(at) = text.parse() {
            return Ok(Self::At(at));
        }
        let wrong = |_| format!("{text:?} is no time and no age; write 2026-01-31T08:00:00Z, or 10m");
        parse::duration(text).map(Self::Ago).map_err(wrong)
    }

    fn moment(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            // Before all time is all of it.
            Self::Ago(ago) => now.checked_sub(ago).unwrap_or(Timestamp::MIN),
        }
    }
}

/// Arguments of `log`.
#[derive(Debug, clap::Args)]
pub(super) struct LogArgs {
    /// The newest N; 30, or with --since all
    #[arg(short = 'n', long = "limit", value_name = "N")]
    limit: Option<usize>,
    /// Only from then on: a time, as 2026-01-31T08:00:00Z, or an age, as 10m
    #[arg(long, value_name = "WHEN", value_parser = When::parse)]
    since: Option<When>,
    /// Go on as things happen
    #[arg(short, long)]
    follow: bool,
}

impl Run for LogArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        let office = cx.office()?;
        let journal = office.journal();
        let show = |record: &Record| {
            if cx.json() { cx.write_json(&record_json(record)?) } else { cx.print(&line(cx, &record.event, None)) }
        };
        // Begun before the last lines are read, so that nothing falls in between.
        let heard = if self.follow { Some(office.subscribe(None)?) } else { None };
        let mut last = None;
        let lines = match self.since {
            None => journal.tail(self.limit.unwrap_or(USUAL)),
            Some(when) => journal.since(when.moment(cx.now)).map(|mut lines| {
                lines.drain(..lines.len().saturating_sub(self.limit.unwrap_or(usize::MAX)));
                lines
            }),
        };
        for record in lines.map_err(failed)? {
            show(&record)?;
            last = Some(record.seq);
        }
        for record in heard.into_iter().flatten() {
            let record = record?;
            if last.is_none_or(|last| record.seq > last) {
                show(&record)?;
            }
        }
        Ok(())
    }
}

fn failed(e: impl std::fmt::Display) -> Failure {
    Failure::new(Code::Failed, e.to_string()).hint("cellphone doctor")
}

fn record_json(record: &Record) -> Result<serde_json::Value, Failure> {
    let mut value = serde_json::to_value(&record.event)?;
    if let Some(map) = value.as_object_mut() {
        map.insert("seq".into(), record.seq.into());
    }
    Ok(value)
}

/// One event for people. With `begin`, the time is relative to it.
pub(super) fn line(cx: &Context, event: &Event, begin: Option<Timestamp>) -> String {
    let when = match begin {
        Some(begin) => {
            let since = std::time::Duration::try_from(event.at.duration_since(begin)).unwrap_or_default();
            format!("{:>8}", format!("+{}", age::span(since)))
        }
        None => crate::model::time::rfc3339(event.at),
    };
    let paint = match event.event {
        EventKind::Dead | EventKind::NudgeFailed | EventKind::Refused | EventKind::Warning => Some(Paint::Bad),
        EventKind::Escalated | EventKind::Expired | EventKind::Deferred => Some(Paint::Warn),
        EventKind::Woken | EventKind::Done | EventKind::Acked => Some(Paint::Good),
        _ => None,
    };
    let word = text::pad(&event.event.word(), 12, false);
    let word = paint.map_or_else(|| word.clone(), |p| cx.paint(p, &word));
    let mut rest = Vec::new();
    rest.extend(event.agent.as_ref().map(ToString::to_string));
    if begin.is_none() {
        rest.extend(event.id.map(|id| id.to_string()));
    }
    rest.extend(event.detail.iter().map(|(k, v)| format!("{}={}", foreign::line(k), foreign::line(v))));
    format!("{}  {word} {}\n", cx.paint(Paint::Faint, &when), rest.join("  "))
}
