//! The API of who is there, what stands, and what happened.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Shared;
use super::caller::Caller;
use super::mail::bound;
use super::problem::{Answer, Asked, Body, Refusal};
use crate::model::{AgentName, Permission};
use crate::office::status::{DaemonStatus, WorkerState};
use crate::office::tokens::Token;
use crate::office::{ErrorKind, Filter, Office, Result};
use crate::surface::wire::{
    Account, Agent, Agents, Alarm, Coordinates, DrillRun, Drills, Entry, Happened, Journal, Nudge, Nudged, Role, Roles,
    Snapshot, Snapshots, Status,
};

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(status))
        .routes(routes!(agents))
        .routes(routes!(roles))
        .routes(routes!(coordinates))
        .routes(routes!(nudge))
        .routes(routes!(journal))
        .routes(routes!(snapshots))
        .routes(routes!(drills))
}

/// Who asks, and how things are.
#[utoipa::path(get, path = "/status", tag = "team", responses((status = 200, body = Status)))]
async fn status(State(house): State<Shared>, caller: Caller) -> Answer<Status> {
    Ok(Json(caller.work(move |office, token| standing(office, token, &house.desk.status())).await?))
}

fn standing(office: &Office, token: &Token, daemon: &DaemonStatus) -> Result<Status> {
    let down = daemon.workers.iter().filter(|worker| worker.state == WorkerState::Waiting);
    Ok(Status {
        you: account(office, token)?,
        root: office.root().path().display().to_string(),
        id: office.root().id().to_owned(),
        version: daemon.version.clone(),
        started: daemon.started,
        workers_down: down.map(|w| format!("{}: {}", w.name, w.last_error.as_deref().unwrap_or("?"))).collect(),
        alarms: office
            .alarms()
            .into_iter()
            .map(|alarm| Alarm {
                severity: alarm.seen.severity.word().to_owned(),
                what: alarm.seen.what,
                since: alarm.since,
                runbook: alarm.seen.runbook,
            })
            .collect(),
        faults: office.faults().iter().map(ToString::to_string).collect(),
        seq: office.journal_end()?,
        now: Timestamp::now(),
    })
}

fn account(office: &Office, token: &Token) -> Result<Account> {
    let name = office.actor();
    Ok(Account {
        role: office.roster().role_of(&name).to_string(),
        bound: token.role.as_ref().map(ToString::to_string),
        read_only: token.read_only,
        unread: office.count_unread(&name)?,
        name,
    })
}

/// The roster: who, which role, what waits, and how their windows are.
#[utoipa::path(get, path = "/agents", tag = "team", responses((status = 200, body = Agents)))]
async fn agents(State(house): State<Shared>, caller: Caller) -> Answer<Agents> {
    let found = caller.work(move |office, _| roster(office, &house.desk.status()));
    Ok(Json(Agents { agents: found.await? }))
}

/// Everybody, as the API and the page show them.
pub(super) fn roster(office: &Office, daemon: &DaemonStatus) -> Result<Vec<Agent>> {
    let agents = office.glance()?.into_iter().map(|glance| {
        let window = daemon.windows.iter().find(|window| window.agent == glance.name);
        let channels = office.roster().get(glance.name.as_str()).map(|agent| agent.channels.as_slice());
        Agent {
            // Without targets: some of those are secrets.
            channels: channels.unwrap_or_default().iter().map(|channel| channel.kind.as_str().to_owned()).collect(),
            name: glance.name,
            role: glance.role.to_string(),
            unread: glance.unread,
            urgent: window.map_or(0, |window| window.urgent),
            claimed: glance.claimed,
            status: glance.status,
            rang: glance.woken.as_ref().map(|event| event.at),
            proof: glance.woken.map(|event| event.event.word()),
            window: window.map(|window| window.state.clone()),
            note: window.and_then(|window| window.note.clone()),
            seen: window.and_then(|window| window.seen),
        }
    });
    Ok(agents.collect())
}

/// The roles, and what each may do.
#[utoipa::path(get, path = "/roles", tag = "team", responses((status = 200, body = Roles)))]
async fn roles(caller: Caller) -> Answer<Roles> {
    let roles = caller.work(|office, _| {
        let roster = office.roster();
        let all = roster.roles().into_iter().map(|role| {
            let policy = roster.policy(&role);
            Role {
                send: policy.send().0.iter().map(ToString::to_string).collect(),
                max_priority: policy.max_priority().0.to_string(),
                may: Permission::all().filter(|one| policy.may(*one).0).map(|one| one.word().to_owned()).collect(),
                held_by: roster.with_role(&role).iter().map(|agent| agent.name.clone()).collect(),
                name: role.to_string(),
            }
        });
        Ok(all.collect())
    });
    Ok(Json(Roles { roles: roles.await? }))
}

/// Where on the screen the agents listen, as approved.
#[utoipa::path(get, path = "/coordinates", tag = "team", responses((status = 200, body = Coordinates)))]
async fn coordinates(caller: Caller) -> Answer<Coordinates> {
    let found = caller.work(|office, _| office.coordinates()).await?;
    let entries = found.agents.into_iter().map(|(name, place)| Entry {
        name: name.to_string(),
        chat: place.chat,
        onboarding: place.onboarding,
        monitor: place.monitor,
    });
    Ok(Json(Coordinates { coordinates: entries.collect() }))
}

/// Have a window tried now, whatever pauses hold.
///
/// It is tried by the same gates as ever; what becomes of it is in the
/// journal, behind `after`.
#[utoipa::path(post, path = "/nudges", tag = "team", request_body = Nudge, responses((status = 202, body = Nudged)))]
async fn nudge(
    State(house): State<Shared>,
    caller: Caller,
    Body(nudge): Body<Nudge>,
) -> std::result::Result<(StatusCode, Json<Nudged>), Refusal> {
    let nudged = caller.work(move |office, _| {
        let agent = office.entry(&nudge.agent)?.name;
        office.may(crate::model::Action::On(Permission::Ring, &agent))?;
        let after = office.journal_end()?;
        let refused = |why| crate::office::OfficeError::new(ErrorKind::Refused, why);
        house.desk.nudge(&agent, &office.actor()).map_err(refused)?;
        Ok(Nudged { agent, after })
    });
    Ok((StatusCode::ACCEPTED, Json(nudged.await?)))
}

/// A part of the journal.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Part {
    /// Lines behind this number, oldest first; without it the newest lines.
    after: Option<u64>,
    /// Only about this message.
    #[param(value_type = Option<String>)]
    message: Option<crate::model::MessageId>,
    /// Only about this agent.
    #[param(value_type = Option<String>)]
    agent: Option<AgentName>,
    /// Lines at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<usize>,
}

/// What happened, oldest first.
#[utoipa::path(get, path = "/journal", tag = "journal", params(Part), responses((status = 200, body = Journal)))]
async fn journal(caller: Caller, Asked(part): Asked<Part>) -> Answer<Journal> {
    let limit = bound(part.limit)?;
    let narrow = part.message.is_some() || part.agent.is_some();
    let after = part.after;
    let filter = Filter { id: part.message, agent: part.agent, after: after.unwrap_or(0), ..Filter::default() };
    let lines = caller.work(move |office, _| match after {
        Some(_) => office.records_after(filter, limit),
        None if narrow => office.newest_about(filter, limit),
        None => office.newest_records(limit),
    });
    let events: Vec<Happened> = lines.await?.into_iter().map(Into::into).collect();
    let next = events.last().map(|last| last.seq);
    Ok(Json(Journal { events, next }))
}

/// The snapshots of the first repository, newest last.
#[utoipa::path(get, path = "/snapshots", tag = "keep", responses((status = 200, body = Snapshots)))]
async fn snapshots(caller: Caller) -> Answer<Snapshots> {
    let found = caller.work(|office, _| office.snapshot_list(None)).await?;
    let snapshots = found.into_iter().map(|one| Snapshot {
        id: one.id,
        time: one.time,
        kind: one.kind.map(|kind| kind.word().to_owned()),
        parent: one.parent,
        files: one.files,
        bytes: one.bytes,
        bytes_added: one.bytes_added,
        seconds: one.seconds,
    });
    Ok(Json(Snapshots { snapshots: snapshots.collect() }))
}

/// The drills there were, newest last.
#[utoipa::path(get, path = "/drills", tag = "keep", responses((status = 200, body = Drills)))]
async fn drills(caller: Caller) -> Answer<Drills> {
    let history = caller.work(|office, _| office.drill_history()).await?;
    let drills = history.runs.into_iter().map(|run| DrillRun {
        id: run.outcome.id,
        scenario: run.outcome.scenario,
        began: run.outcome.began,
        passed: run.outcome.passed,
        rto_seconds: run.outcome.rto_seconds,
        rpo_seconds: run.outcome.rpo_seconds,
        findings: run.outcome.findings.into_iter().map(|finding| finding.what).collect(),
    });
    Ok(Json(Drills { drills: drills.collect() }))
}
