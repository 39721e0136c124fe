//! Reading mail: lists, conversations, and what is done with one message.

use axum::Router;
use axum::extract::{Path, Query};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use jiff::Timestamp;
use serde::Deserialize;

use super::super::Shared;
use super::super::sign_in::rendered;
use super::swarm::Button;
use super::{Fact, Fault, Filled, PageAnswer, Shell, Visitor, ago, line, markdown};
use crate::model::time::rfc3339;
use crate::model::{AgentName, Flags, Priority, UniqueName};
use crate::office::{Listed, Office, Opened, Result as OfficeResult, Seal, SearchQuery, Shelf};
use crate::surface::render::provenance;

/// Rows of a list.
const ROWS: usize = 50;
/// Messages of a conversation that are shown with their bodies.
const LETTERS: usize = 30;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/mail", get(list))
        .route("/search", get(search))
        .route("/mail/{id}", get(open))
        .route("/mail/{id}/read", post(read))
        .route("/mail/{id}/ack", post(ack))
        .route("/mail/{id}/archive", post(archive))
        .route("/mail/{id}/reply", post(reply))
}

#[derive(askama::Template)]
#[template(path = "mail.html")]
struct MailPage {
    shell: Shell,
    whose: Option<String>,
    q: String,
    tabs: Vec<Tab>,
    messages: Vec<Row>,
    next: Option<String>,
}

struct Tab {
    name: &'static str,
    href: String,
    here: bool,
}

struct Row {
    href: String,
    /// Who wrote it, or to whom it went.
    party: String,
    subject: String,
    /// The line that was found.
    text: Option<String>,
    facts: Vec<Fact>,
    unseen: bool,
    date: String,
    age: String,
}

#[derive(Deserialize)]
struct Asked {
    mailbox: Option<String>,
    #[serde(rename = "in", default)]
    shelf: String,
    cursor: Option<String>,
}

#[derive(Deserialize)]
struct Searched {
    #[serde(default)]
    q: String,
}

/// The parts of a mailbox, by their words in an address.
const SHELVES: [(&str, &str, Shelf); 4] = [
    ("Inbox", "inbox", Shelf::Inbox),
    ("Unread", "unread", Shelf::Unread),
    ("Everything", "all", Shelf::All),
    ("Sent", "sent", Shelf::Sent),
];

/// Another's name, as it is asked for.
fn other(office: &Office, asked: Option<&str>) -> OfficeResult<Option<AgentName>> {
    let name = asked.filter(|name| !name.is_empty()).map(AgentName::new).transpose()?;
    Ok(name.filter(|name| !office.actor().same(name.as_str())))
}

async fn list(visitor: Visitor, Query(asked): Query<Asked>) -> PageAnswer {
    let made = visitor.page("mail", true, move |office, around| {
        let whose = other(office, asked.mailbox.as_deref())?;
        let (_, word, shelf) = SHELVES.into_iter().find(|(_, word, _)| *word == asked.shelf).unwrap_or(SHELVES[0]);
        let before = asked.cursor.as_deref().map(UniqueName::parse).transpose()?.map(|(name, _)| name);
        let page = office.mail_page(whose.as_ref(), shelf, ROWS, before.as_ref())?;
        let owner = whose.as_ref().map(|whose| format!("mailbox={whose}&")).unwrap_or_default();
        let tab = |(name, key, _): (&'static str, &str, Shelf)| Tab {
            name,
            href: format!("/mail?{owner}in={key}"),
            here: key == word,
        };
        Ok(MailPage {
            tabs: SHELVES.into_iter().map(tab).collect(),
            messages: page.messages.iter().map(|m| row(m, whose.as_ref(), around.now)).collect(),
            next: page.next.map(|name| format!("/mail?{owner}in={word}&cursor={}", name.file(Flags::default()))),
            whose: whose.map(|whose| whose.to_string()),
            q: String::new(),
            shell: around.shell,
        })
    });
    Ok(rendered(&made.await?)?)
}

async fn search(visitor: Visitor, Query(asked): Query<Searched>) -> PageAnswer {
    let made = visitor.page("mail", false, move |office, around| {
        let query = SearchQuery { text: asked.q.clone(), fixed: true, ignore_case: true, limit: Some(ROWS) };
        let hits = if asked.q.trim().is_empty() { Vec::new() } else { office.search(query)? };
        let found =
            |hit: &crate::office::Hit| Row { text: Some(line(hit.text.trim())), ..row(&hit.listed, None, around.now) };
        Ok(MailPage {
            whose: None,
            tabs: Vec::new(),
            messages: hits.iter().map(found).collect(),
            next: None,
            q: asked.q,
            shell: around.shell,
        })
    });
    Ok(rendered(&made.await?)?)
}

fn row(m: &Listed, whose: Option<&AgentName>, now: Timestamp) -> Row {
    let owner = whose.map(|whose| format!("?mailbox={whose}")).unwrap_or_default();
    let party = if m.state == "sent" { format!("to {}", addresses(m)) } else { m.from.to_string() };
    Row {
        href: format!("/mail/{}{owner}", m.id),
        party,
        subject: subject(m),
        text: None,
        facts: facts(m),
        unseen: m.state == "new",
        date: rfc3339(m.date),
        age: ago(m.date, now),
    }
}

fn subject(m: &Listed) -> String {
    if m.subject.trim().is_empty() { "(no subject)".to_owned() } else { line(&m.subject) }
}

fn addresses(m: &Listed) -> String {
    m.to.iter().chain(&m.cc).map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What is unusual about a message, and whether it is whose it says.
fn facts(m: &Listed) -> Vec<Fact> {
    let mut facts = Vec::new();
    match m.priority {
        Priority::Normal => {}
        Priority::Urgent => facts.push(Fact::new("urgent", "warn-word")),
        Priority::Critical => facts.push(Fact::new("critical", "bad-word")),
    }
    facts.push(match m.verified {
        "verified" => Fact::new("verified", "good-word"),
        "unsigned" => Fact::new("unsigned", ""),
        "forged" => Fact::new("FORGED", "bad-word"),
        other => Fact::new(other, "warn-word"),
    });
    facts.extend((m.state == "claimed").then(|| Fact::new("claimed", "")));
    facts.extend((m.state == "archive").then(|| Fact::new("archived", "")));
    facts.extend(m.sealed.then(|| Fact::new("sealed", "")));
    facts.extend(m.ack.then(|| Fact::new("asks for a receipt", "")));
    facts.extend(m.deadline.map(|at| Fact::new(format!("due {}", rfc3339(at)), "warn-word")));
    facts
}

#[derive(askama::Template)]
#[template(path = "message.html")]
struct MessagePage {
    shell: Shell,
    subject: String,
    messages: Vec<Letter>,
    chosen: String,
    /// Whether it is the visitor's own mail.
    own: bool,
    read_only: bool,
    can_reply: bool,
    answers: String,
    unseen: bool,
    asks: bool,
    filed: bool,
}

struct Letter {
    id: String,
    from: String,
    to: String,
    facts: Vec<Fact>,
    notice: String,
    forged: Option<String>,
    closed: Option<String>,
    body: String,
    chosen: bool,
    unseen: bool,
    date: String,
    age: String,
}

async fn open(visitor: Visitor, Path(id): Path<String>, Query(asked): Query<Asked>) -> PageAnswer {
    let made = visitor.page("mail", true, move |office, around| {
        let whose = other(office, asked.mailbox.as_deref())?;
        let opened = match &whose {
            Some(whose) => office.read_of(whose, &id)?,
            None => office.read(&id, true)?,
        };
        let l = &opened.listed;
        let own = whose.is_none();
        let writes = own && l.state != "sent";
        Ok(MessagePage {
            subject: subject(l),
            messages: conversation(office, &opened, own, around.now)?,
            chosen: l.id.to_string(),
            own: writes,
            read_only: around.read_only,
            can_reply: office.roster().get(l.from.as_str()).is_some(),
            answers: l.from.to_string(),
            unseen: l.state == "new",
            asks: l.ack,
            filed: l.state == "archive",
            shell: around.shell,
        })
    });
    Ok(rendered(&made.await?)?)
}

/// The conversation that a message belongs to; of another's mail that message
/// alone.
fn conversation(office: &Office, chosen: &Opened, own: bool, now: Timestamp) -> OfficeResult<Vec<Letter>> {
    let id = chosen.listed.id;
    if !own {
        return Ok(vec![letter(chosen, true, now)]);
    }
    let mut all = office.thread(&id.to_string())?;
    let place = all.iter().position(|m| m.id == id).unwrap_or(0);
    // The newest ones, and the chosen one among them.
    let first = all.len().saturating_sub(LETTERS).min(place);
    let shown = all.drain(first..).take(LETTERS);
    let letters = shown.filter_map(|m| {
        if m.id == id {
            return Some(letter(chosen, true, now));
        }
        // One that cannot be read any more is passed over; the list names it.
        office.read(&m.id.to_string(), true).ok().map(|opened| letter(&opened, false, now))
    });
    let letters: Vec<Letter> = letters.collect();
    Ok(if letters.is_empty() { vec![letter(chosen, true, now)] } else { letters })
}

fn letter(m: &Opened, chosen: bool, now: Timestamp) -> Letter {
    let l = &m.listed;
    Letter {
        id: l.id.to_string(),
        from: l.from.to_string(),
        to: addresses(l),
        facts: facts(l),
        notice: provenance::warning(l.from.as_str(), l.verified == "forged"),
        forged: l.verified_why.as_deref().map(line),
        closed: match &m.seal {
            Seal::Closed(why) => Some(line(why)),
            _ => None,
        },
        body: markdown::to_html(&m.body),
        chosen,
        unseen: l.state == "new",
        date: rfc3339(l.date),
        age: ago(l.date, now),
    }
}

async fn read(visitor: Visitor, Path(id): Path<String>, Filled(form): Filled<Button>) -> Result<Response, Fault> {
    let read = visitor.checked(&form.proof)?.caller.work(move |office, _| office.read(&id, false));
    Ok(Redirect::to(&format!("/mail/{}", read.await?.listed.id)).into_response())
}

async fn ack(visitor: Visitor, Path(id): Path<String>, Filled(form): Filled<Button>) -> Result<Response, Fault> {
    let acked = visitor.checked(&form.proof)?.caller.work(move |office, _| {
        let id = office.read(&id, true)?.listed.id;
        office.ack(&id.to_string()).map(|_| id)
    });
    Ok(Redirect::to(&format!("/mail/{}?done=acknowledged", acked.await?)).into_response())
}

async fn archive(visitor: Visitor, Path(id): Path<String>, Filled(form): Filled<Button>) -> Result<Response, Fault> {
    visitor.checked(&form.proof)?.caller.work(move |office, _| office.archive(&id)).await?;
    Ok(Redirect::to("/mail?done=archived").into_response())
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    proof: String,
    body: String,
}

async fn reply(visitor: Visitor, Path(id): Path<String>, Filled(form): Filled<Answer>) -> Result<Response, Fault> {
    let sent = visitor.checked(&form.proof)?.caller.work(move |office, _| {
        // Forms end lines as the network does.
        office.reply(&id, form.body.replace("\r\n", "\n"), false)
    });
    Ok(Redirect::to(&format!("/mail/{}?done=sent", sent.await?.id)).into_response())
}
