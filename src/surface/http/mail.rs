//! The API of mail: the caller's own, and another's for who may.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Shared;
use super::caller::Caller;
use super::problem::{Answer, Asked, Body, Named, Refusal};
use crate::model::{AgentName, Flags, UniqueName};
use crate::office::{ErrorKind, OfficeError, SearchQuery, Shelf};
use crate::surface::wire::{
    Claim, Claimed, Done, Draft, Forward, Hit, Hits, Opened, Page, Release, Reply, Sent, Thread,
};

/// Messages of a part, unless more are asked for.
const USUAL: usize = 50;
/// Messages of a part at most.
const MOST: usize = 500;
/// Longest idempotency key, in bytes.
const KEY: usize = 256;

pub(super) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(list, send))
        .routes(routes!(open))
        .routes(routes!(read))
        .routes(routes!(reply))
        .routes(routes!(forward))
        .routes(routes!(ack))
        .routes(routes!(archive))
        .routes(routes!(claim))
        .routes(routes!(done))
        .routes(routes!(release))
        .routes(routes!(thread))
        .routes(routes!(search))
}

#[derive(Debug, Clone, Copy, Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
enum In {
    /// Mail that nobody has seen.
    Unread,
    /// All of the inbox.
    #[default]
    Inbox,
    /// The archive too.
    All,
    /// What was sent.
    Sent,
}

/// What is listed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// Whose mail; the caller's own when absent.
    #[param(value_type = Option<String>)]
    mailbox: Option<AgentName>,
    /// What of it; `inbox` when absent.
    #[serde(default, rename = "in")]
    #[param(inline, required = false)]
    shelf: In,
    /// Messages at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<usize>,
    /// `next` of the part before.
    cursor: Option<String>,
}

/// Whose mail.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Whose {
    /// Whose mail; the caller's own when absent.
    #[param(value_type = Option<String>)]
    mailbox: Option<AgentName>,
}

/// What is searched for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Searched {
    /// The text.
    q: String,
    /// Whether it is a regular expression, in the syntax of Rust's `regex`.
    #[serde(default)]
    #[param(required = false)]
    regex: bool,
    /// Lines at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<usize>,
}

/// The bound of a list.
pub(super) fn bound(limit: Option<usize>) -> Result<usize, Refusal> {
    match limit {
        None => Ok(USUAL),
        Some(limit @ 1..=MOST) => Ok(limit),
        Some(other) => {
            let why = format!("`limit` is {other}; it goes from 1 to {MOST}");
            Err(Refusal::new(StatusCode::BAD_REQUEST, ErrorKind::Usage, why))
        }
    }
}

/// List mail, newest first; marks nothing.
#[utoipa::path(get, path = "/messages", tag = "mail", params(Which), responses((status = 200, body = Page)))]
async fn list(caller: Caller, Asked(which): Asked<Which>) -> Answer<Page> {
    let limit = bound(which.limit)?;
    let before = which.cursor.as_deref().map(UniqueName::parse).transpose();
    let before = before.map_err(|e| Refusal::from(OfficeError::from(e)))?.map(|(name, _)| name);
    let shelf = match which.shelf {
        In::Unread => Shelf::Unread,
        In::Inbox => Shelf::Inbox,
        In::All => Shelf::All,
        In::Sent => Shelf::Sent,
    };
    let page = caller.work(move |office, _| {
        let whose = which.mailbox.filter(|whose| !office.actor().same(whose.as_str()));
        office.mail_page(whose.as_ref(), shelf, limit, before.as_ref())
    });
    let page = page.await?;
    Ok(Json(Page {
        messages: page.messages.iter().map(Into::into).collect(),
        next: page.next.map(|name| name.file(Flags::default())),
    }))
}

/// Send a message; when this answers, it survives a power cut.
///
/// With the header `Idempotency-Key` it is sent once, however often it is
/// asked for.
#[utoipa::path(post, path = "/messages", tag = "mail", request_body = Draft,
    params(("Idempotency-Key" = Option<String>, Header, description = "Sent again with the same key, it is the same message")),
    responses((status = 201, body = Sent)))]
async fn send(
    caller: Caller,
    headers: HeaderMap,
    Body(draft): Body<Draft>,
) -> Result<(StatusCode, Json<Sent>), Refusal> {
    let key = match headers.get("idempotency-key").map(|key| key.to_str()) {
        None => None,
        Some(Ok(key)) if !key.is_empty() && key.len() <= KEY => Some(key.to_owned()),
        Some(_) => {
            let why = format!("Idempotency-Key is one line of up to {KEY} letters");
            return Err(Refusal::new(StatusCode::BAD_REQUEST, ErrorKind::Usage, why));
        }
    };
    let sent = caller.work(|office, _| office.send(draft.request(key))).await?;
    Ok((StatusCode::CREATED, Json(sent.into())))
}

/// Show one message; marks nothing.
#[utoipa::path(get, path = "/messages/{id}", tag = "mail", params(("id" = String, Path, description = "Its id, or enough of it"), Whose),
    responses((status = 200, body = Opened)))]
async fn open(caller: Caller, Named(id): Named<String>, Asked(whose): Asked<Whose>) -> Answer<Opened> {
    let opened = caller.work(move |office, _| match whose.mailbox.filter(|w| !office.actor().same(w.as_str())) {
        Some(whose) => office.read_of(&whose, &id),
        None => office.read(&id, true),
    });
    Ok(Json((&opened.await?).into()))
}

/// Mark a message as seen, and show it.
#[utoipa::path(post, path = "/messages/{id}/read", tag = "mail", params(("id" = String, Path, description = "Its id, or enough of it")),
    responses((status = 200, body = Opened)))]
async fn read(caller: Caller, Named(id): Named<String>) -> Answer<Opened> {
    Ok(Json((&caller.work(move |office, _| office.read(&id, false)).await?).into()))
}

/// Answer a message, in its thread.
#[utoipa::path(post, path = "/messages/{id}/reply", tag = "mail", params(("id" = String, Path, description = "Its id, or enough of it")),
    request_body = Reply, responses((status = 201, body = Sent)))]
async fn reply(
    caller: Caller,
    Named(id): Named<String>,
    Body(reply): Body<Reply>,
) -> Result<(StatusCode, Json<Sent>), Refusal> {
    let sent = caller.work(move |office, _| office.reply(&id, reply.body, reply.seal)).await?;
    Ok((StatusCode::CREATED, Json(sent.into())))
}

/// Pass a message on.
#[utoipa::path(post, path = "/messages/{id}/forward", tag = "mail", params(("id" = String, Path, description = "Its id, or enough of it")),
    request_body = Forward, responses((status = 201, body = Sent)))]
async fn forward(
    caller: Caller,
    Named(id): Named<String>,
    Body(forward): Body<Forward>,
) -> Result<(StatusCode, Json<Sent>), Refusal> {
    let sent = caller.work(move |office, _| office.forward(&id, forward.to, forward.body, forward.seal)).await?;
    Ok((StatusCode::CREATED, Json(sent.into())))
}

/// Send the receipt that a message asks for.
#[utoipa::path(post, path = "/messages/{id}/ack", tag = "mail", params(("id" = String, Path, description = "Its id, or enough of it")),
    responses((status = 201, body = Sent)))]
async fn ack(caller: Caller, Named(id): Named<String>) -> Result<(StatusCode, Json<Sent>), Refusal> {
    let sent = caller.work(move |office, _| office.ack(&id)).await?;
    Ok((StatusCode::CREATED, Json(sent.into())))
}

/// File a message that is done with.
#[utoipa::path(post, path = "/messages/{id}/archive", tag = "mail", params(("id" = String, Path, description = "Its id, or enough of it")),
    responses((status = 204, description = "It is in the archive")))]
async fn archive(caller: Caller, Named(id): Named<String>) -> Result<StatusCode, Refusal> {
    caller.work(move |office, _| office.archive(&id)).await.map(|()| StatusCode::NO_CONTENT)
}

/// Claim the next message under a lease.
#[utoipa::path(post, path = "/claims", tag = "mail", request_body = Claim,
    responses((status = 200, body = Claimed), (status = 204, description = "Nothing waits")))]
async fn claim(caller: Caller, Body(claim): Body<Claim>) -> Result<axum::response::Response, Refusal> {
    use axum::response::IntoResponse as _;
    let lease = claim.lease_seconds.map(|seconds| Duration::from_secs(seconds.into()));
    let claimed = caller.work(move |office, _| office.next(lease, claim.urgent_first)).await?;
    Ok(match claimed {
        Some(claimed) => Json(Claimed::from(&claimed)).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

/// Finish a claimed message; its sender gets the receipt that was asked for.
#[utoipa::path(post, path = "/messages/{id}/done", tag = "mail", params(("id" = String, Path, description = "Its id, or enough of it")),
    request_body = Done, responses((status = 204, description = "It is done")))]
async fn done(caller: Caller, Named(id): Named<String>, Body(done): Body<Done>) -> Result<StatusCode, Refusal> {
    caller.work(move |office, _| office.done(&id, &done.token)).await.map(|()| StatusCode::NO_CONTENT)
}

/// Give a claimed message back.
#[utoipa::path(post, path = "/messages/{id}/release", tag = "mail", params(("id" = String, Path, description = "Its id, or enough of it")),
    request_body = Release, responses((status = 204, description = "It waits again")))]
async fn release(
    caller: Caller,
    Named(id): Named<String>,
    Body(release): Body<Release>,
) -> Result<StatusCode, Refusal> {
    let done = caller.work(move |office, _| office.release(&id, &release.token, &release.reason));
    done.await.map(|()| StatusCode::NO_CONTENT)
}

/// Show a whole conversation.
#[utoipa::path(get, path = "/threads/{id}", tag = "mail", params(("id" = String, Path, description = "The id of any message of it, or enough of it")),
    responses((status = 200, body = Thread)))]
async fn thread(caller: Caller, Named(id): Named<String>) -> Answer<Thread> {
    let messages = caller.work(move |office, _| office.thread(&id)).await?;
    Ok(Json(Thread { messages: messages.iter().map(Into::into).collect() }))
}

/// Search one's own mail, sent and archived too.
#[utoipa::path(get, path = "/search", tag = "mail", params(Searched), responses((status = 200, body = Hits)))]
async fn search(caller: Caller, Asked(asked): Asked<Searched>) -> Answer<Hits> {
    let limit = Some(bound(asked.limit)?);
    let query = SearchQuery { text: asked.q, fixed: !asked.regex, ignore_case: true, limit };
    let hits = caller.work(move |office, _| office.search(query)).await?;
    let hits = hits.into_iter().map(|hit| Hit {
        message: (&hit.listed).into(),
        line: hit.line,
        text: hit.text.trim_end().to_owned(),
    });
    Ok(Json(Hits { hits: hits.collect() }))
}
