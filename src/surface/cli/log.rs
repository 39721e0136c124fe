//! `cellphone log`: what happened.

use jiff::Timestamp;

use super::Run;
use super::context::Context;
use super::failure::{Code, Failure};
use crate::model::{Event, EventKind};
use crate::office::setup::Record;
use crate::surface::render::{Paint, age, foreign, text};

/// Arguments of `log`.
#[derive(Debug, clap::Args)]
pub(super) struct LogArgs {
    /// The newest N
    #[arg(short = 'n', long = "limit", value_name = "N", default_value_t = 30)]
    limit: usize,
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
        for record in journal.tail(self.limit).map_err(failed)? {
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
