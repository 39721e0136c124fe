//! What happened: the journal, with the reasons of the gates.

use axum::Router;
use axum::extract::Query;
use axum::routing::get;
use serde::Deserialize;

use super::super::Shared;
use super::super::sign_in::rendered;
use super::{PageAnswer, Shell, Visitor, ago, line};
use crate::model::time::rfc3339;
use crate::model::{AgentName, EventKind, MessageId};
use crate::office::{ErrorKind, Filter, OfficeError, Record};

/// Lines that are shown.
const LINES: usize = 200;

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/log", get(log))
}

#[derive(askama::Template)]
#[template(path = "log.html")]
struct LogPage {
    shell: Shell,
    about: Option<String>,
    lines: Vec<Line>,
}

struct Line {
    date: String,
    age: String,
    word: String,
    class: &'static str,
    agent: String,
    id: Option<String>,
    more: String,
}

#[derive(Deserialize)]
struct Asked {
    agent: Option<String>,
    message: Option<String>,
}

async fn log(visitor: Visitor, Query(asked): Query<Asked>) -> PageAnswer {
    let made = visitor.page("log", true, move |office, around| {
        let agent = asked.agent.as_deref().map(AgentName::new).transpose()?;
        let id: Option<MessageId> = asked.message.as_deref().map(|id| id.parse().map_err(unknown)).transpose()?;
        let about = agent.as_ref().map(ToString::to_string).or_else(|| id.map(|id| id.to_string()));
        let records = if about.is_none() {
            office.newest_records(LINES)?
        } else {
            office.newest_about(Filter { id, agent, ..Filter::default() }, LINES)?
        };
        let lines = records.into_iter().rev().map(|record| shown(record, around.now)).collect();
        Ok(LogPage { shell: around.shell, about, lines })
    });
    Ok(rendered(&made.await?)?)
}

fn unknown(why: String) -> OfficeError {
    OfficeError::new(ErrorKind::Usage, why)
}

fn shown(Record { event, .. }: Record, now: jiff::Timestamp) -> Line {
    let class = match event.event {
        EventKind::Dead | EventKind::NudgeFailed | EventKind::Refused | EventKind::Warning | EventKind::Alarm => {
            "bad-word"
        }
        EventKind::Escalated | EventKind::Expired | EventKind::Deferred => "warn-word",
        EventKind::Woken | EventKind::Done | EventKind::Acked | EventKind::AllClear => "good-word",
        _ => "",
    };
    let more: Vec<String> = event.detail.iter().map(|(key, value)| format!("{}: {}", line(key), line(value))).collect();
    Line {
        date: rfc3339(event.at),
        age: ago(event.at, now),
        word: event.event.word().replace('_', " "),
        class,
        agent: event.agent.map(|agent| agent.to_string()).unwrap_or_default(),
        id: event.id.map(|id| id.to_string()),
        more: more.join(", "),
    }
}
