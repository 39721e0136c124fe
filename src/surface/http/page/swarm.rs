//! The swarm at a glance.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::super::Shared;
use super::super::sign_in::rendered;
use super::super::team;
use super::{Fault, Filled, PageAnswer, Shell, Visitor, ago, line};
use crate::model::{Action, AgentName, Permission, Severity};
use crate::office::{ErrorKind, OfficeError};
use crate::surface::render::text;

#[derive(askama::Template)]
#[template(path = "swarm.html")]
struct Swarm {
    shell: Shell,
    alarms: Vec<Alarm>,
    /// What waits, in a sentence.
    sum: String,
    agents: Vec<Card>,
    root: String,
    version: String,
    started: String,
}

struct Alarm {
    class: &'static str,
    severity: &'static str,
    what: String,
    since: String,
}

struct Card {
    name: String,
    role: String,
    unread: usize,
    urgent: usize,
    claimed: usize,
    status: Option<String>,
    seen: String,
    window: String,
    rang: String,
    proof: String,
    proof_class: &'static str,
    note: Option<String>,
    /// Whether the visitor may ring it.
    rings: bool,
}

/// A form that is a button alone.
#[derive(Deserialize)]
pub(super) struct Button {
    #[serde(default)]
    pub(super) proof: String,
}

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/", get(swarm)).route("/agents/{name}/ring", post(ring))
}

async fn swarm(State(house): State<Shared>, visitor: Visitor) -> PageAnswer {
    let made = visitor.page("swarm", true, move |office, around| {
        let (daemon, now) = (house.desk.status(), around.now);
        let agents = team::roster(office, &daemon)?.into_iter().map(|agent| {
            let proof = agent.proof.unwrap_or_default();
            let mute = agent.channels.is_empty();
            let may = || office.decide(Action::On(Permission::Ring, &agent.name)).allowed;
            Card {
                rings: !around.read_only && !agent.channels.is_empty() && may(),
                name: agent.name.to_string(),
                role: agent.role,
                unread: agent.unread,
                urgent: agent.urgent,
                claimed: agent.claimed,
                status: agent.status.as_deref().map(line),
                seen: agent.seen.map_or_else(|| "not yet".to_owned(), |at| said(&ago(at, now))),
                window: match agent.channels.as_slice() {
                    [] => "none".to_owned(),
                    all => format!("{}, {}", all.join(", "), agent.window.unwrap_or_default()),
                },
                rang: agent.rang.map(|at| said(&ago(at, now))).unwrap_or_default(),
                proof_class: if proof == "woken" { "good-word" } else { "warn-word" },
                proof,
                note: agent.note.as_deref().map(line).or_else(|| {
                    mute.then(|| {
                        format!("Mail waits until it looks. So that its window rings: cellphone join {}", agent.name)
                    })
                }),
            }
        });
        let agents: Vec<Card> = agents.collect();
        Ok(Swarm {
            sum: sum(&agents),
            agents,
            alarms: office
                .alarms()
                .into_iter()
                .map(|alarm| Alarm {
                    class: if alarm.seen.severity == Severity::Critical { "bad" } else { "warn" },
                    severity: alarm.seen.severity.word(),
                    what: line(&alarm.seen.what),
                    since: ago(alarm.since, now),
                })
                .collect(),
            root: line(&office.root().path().display().to_string()),
            version: daemon.version,
            started: said(&ago(daemon.started, now)),
            shell: around.shell,
        })
    });
    Ok(rendered(&made.await?)?)
}

fn sum(agents: &[Card]) -> String {
    let (unread, claimed) = (agents.iter().map(|a| a.unread).sum(), agents.iter().map(|a| a.claimed).sum::<usize>());
    let with = agents.iter().filter(|a| a.unread > 0).count();
    let who = text::count(agents.len(), "agent");
    let waits = match unread {
        0 => "no mail waits".to_owned(),
        _ => format!("{} unread with {with} of them", text::count(unread, "message")),
    };
    match claimed {
        0 => format!("{who}; {waits}."),
        _ => format!("{who}; {waits}, {} being worked on.", text::count(claimed, "message")),
    }
}

/// An age as it stands in a sentence.
fn said(age: &str) -> String {
    match age {
        "now" => "just now".to_owned(),
        day if day.contains('-') => day.to_owned(),
        age => format!("{age} ago"),
    }
}

async fn ring(
    State(house): State<Shared>,
    visitor: Visitor,
    Path(name): Path<String>,
    Filled(form): Filled<Button>,
) -> Result<Response, Fault> {
    let rung = visitor.checked(&form.proof)?.caller.work(move |office, _| {
        let agent = office.entry(&AgentName::new(&name)?)?.name;
        office.may(Action::On(Permission::Ring, &agent))?;
        house.desk.nudge(&agent, &office.actor()).map_err(|why| OfficeError::new(ErrorKind::Refused, why))?;
        Ok(agent)
    });
    Ok(Redirect::to(&format!("/log?agent={}&done=rung", rung.await?)).into_response())
}
