//! Writing: a message, looked at before it goes where that is wanted.

use axum::Router;
use axum::extract::Query;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use axum::routing::get;
use serde::Deserialize;

use super::super::Shared;
use super::super::sign_in::rendered;
use super::{Around, Fault, Filled, PageAnswer, Shell, Visitor, markdown};
use crate::model::{Address, Priority};
use crate::office::{Office, OfficeError, Result as OfficeResult, SendRequest, Sent};

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/write", get(show).post(take))
}

#[derive(askama::Template)]
#[template(path = "write.html")]
struct WritePage {
    shell: Shell,
    fault: Option<String>,
    hint: Option<String>,
    preview: Option<Preview>,
    people: Vec<String>,
    priorities: Vec<(&'static str, bool)>,
    key: String,
    to: String,
    subject: String,
    body: String,
    ack: bool,
    seal: bool,
}

/// What would become of it.
struct Preview {
    kind: String,
    priority: String,
    /// Why it is not the one that was asked for.
    lowered: Option<String>,
    people: Vec<Person>,
    body: String,
}

struct Person {
    name: String,
    allowed: bool,
    why: Option<String>,
}

#[derive(Default, Clone, Deserialize)]
struct Letter {
    #[serde(default)]
    proof: String,
    /// The same letter, sent twice, is one.
    #[serde(default)]
    key: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    subject: String,
    #[serde(default)]
    body: String,
    #[serde(default)]
    priority: String,
    #[serde(default)]
    ack: bool,
    #[serde(default)]
    seal: bool,
    #[serde(default)]
    action: String,
}

impl Letter {
    fn addresses(&self) -> OfficeResult<Vec<Address>> {
        let words = self.to.split([',', ';']).map(str::trim).filter(|word| !word.is_empty());
        words.map(|word| word.parse::<Address>().map_err(OfficeError::from)).collect()
    }

    fn level(&self) -> Priority {
        self.priority.parse().unwrap_or_default()
    }

    fn request(self) -> OfficeResult<SendRequest> {
        Ok(SendRequest {
            to: self.addresses()?,
            priority: self.level(),
            subject: self.subject,
            // Forms end lines as the network does.
            body: self.body.replace("\r\n", "\n"),
            ack: self.ack,
            seal: self.seal,
            idempotency_key: Some(format!("page-{}", self.key)).filter(|key| key.len() > 5),
            ..SendRequest::default()
        })
    }
}

fn page(
    office: &Office,
    around: Around,
    letter: Letter,
    fault: Option<OfficeError>,
    preview: Option<Preview>,
) -> WritePage {
    let roster = office.roster();
    let names = roster.agents().iter().map(|agent| agent.name.to_string());
    let roles = roster.roles().into_iter().filter(|role| !roster.with_role(role).is_empty());
    let level = letter.level();
    let priority = |one: Priority| (one.as_str(), one == level);
    WritePage {
        people: names.chain(roles.map(|role| format!("@{role}"))).chain(["@all".to_owned()]).collect(),
        priorities: [Priority::Normal, Priority::Urgent, Priority::Critical].map(priority).to_vec(),
        key: if letter.key.is_empty() { format!("{:032x}", rand::random::<u128>()) } else { letter.key },
        hint: fault.as_ref().and_then(|e| e.hint.clone()),
        fault: fault.map(|e| e.message),
        preview,
        to: letter.to,
        subject: letter.subject,
        body: letter.body,
        ack: letter.ack,
        seal: letter.seal,
        shell: around.shell,
    }
}

async fn show(visitor: Visitor, Query(letter): Query<Letter>) -> PageAnswer {
    // An address from elsewhere may say to whom and about what, no more.
    let letter = Letter { to: letter.to, subject: letter.subject, ..Letter::default() };
    let made = visitor.page("write", false, move |office, around| Ok(page(office, around, letter, None, None)));
    Ok(rendered(&made.await?)?)
}

/// What became of a form.
enum Outcome {
    Sent(Sent),
    Shown(Box<WritePage>),
}

async fn take(visitor: Visitor, Filled(letter): Filled<Letter>) -> Result<Response, Fault> {
    let made = visitor.checked(&letter.proof)?.checked_page("write", false, move |office, around| {
        if letter.action == "preview" {
            let (preview, fault) = match preview(office, &letter) {
                Ok(preview) => (Some(preview), None),
                Err(e) => (None, Some(e)),
            };
            return Ok(Outcome::Shown(Box::new(page(office, around, letter, fault, preview))));
        }
        // What cannot be sent stays in the form, with the reason.
        let sent = letter.clone().request().and_then(|request| office.send(request));
        Ok(match sent {
            Ok(sent) => Outcome::Sent(sent),
            // Changed, it is another letter.
            Err(e) => {
                let letter = Letter { key: String::new(), ..letter };
                Outcome::Shown(Box::new(page(office, around, letter, Some(e), None)))
            }
        })
    });
    Ok(match made.await? {
        Outcome::Sent(sent) => Redirect::to(&format!("/mail/{}?done=sent", sent.id)).into_response(),
        Outcome::Shown(page) => Html(rendered(page.as_ref())?.0).into_response(),
    })
}

fn preview(office: &Office, letter: &Letter) -> OfficeResult<Preview> {
    let asked = letter.level();
    let explained = office.explain_send(&letter.addresses()?, None, asked)?;
    let (most, rule) = &explained.priority;
    // What the whole needs, and may, is nobody's name.
    let told = explained.decisions.iter().filter(|decision| decision.about.is_some() || !decision.allowed);
    let people = told.map(|decision| Person {
        name: decision.about.as_ref().map_or_else(|| decision.action.clone(), ToString::to_string),
        allowed: decision.allowed,
        why: (!decision.allowed).then(|| decision.refusal()),
    });
    Ok(Preview {
        kind: explained.kind.to_string().replace('_', " "),
        priority: most.to_string(),
        lowered: (*most < asked).then(|| format!("not {asked}: {rule}")),
        people: people.collect(),
        body: markdown::to_html(&letter.body.replace("\r\n", "\n")),
    })
}
