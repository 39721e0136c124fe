//! The page for people: HTML made here, that reads well without scripts, and
//! a small script that keeps it fresh.
//!
//! A page is asked for with a session. A form carries the proof that it came
//! from a page of this session ([`Visitor::checked`]); nothing that a GET asks
//! for changes anything. What others wrote is escaped by the templates; bodies
//! are Markdown, made into HTML by `markdown`.

mod assets;
mod layout;
mod log;
mod mail;
mod markdown;
mod shelves;
mod swarm;
mod write;

use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Shared;
use super::caller::{self, Caller};
use super::problem::Refusal;
use super::sign_in::rendered;
use crate::office::tokens::Token;
use crate::office::{ErrorKind, Office, Result as OfficeResult};
use crate::surface::render::{age, text};

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .merge(assets::routes())
        .merge(swarm::routes())
        .merge(mail::routes())
        .merge(write::routes())
        .merge(log::routes())
        .merge(layout::routes())
        .merge(shelves::routes())
}

/// What stands around every page.
struct Shell {
    here: &'static str,
    you: String,
    role: String,
    unread: usize,
    proof: String,
    /// Whether it is shown anew when something happens.
    live: bool,
    /// What was just done.
    done: Option<&'static str>,
}

/// A page with what stands around it, as the office makes it.
struct Around {
    shell: Shell,
    read_only: bool,
    now: Timestamp,
}

/// Somebody whose browser signed in.
struct Visitor {
    caller: Caller,
    proof: String,
    method: Method,
    done: Option<&'static str>,
}

#[derive(Default, Deserialize)]
struct Done {
    #[serde(default)]
    done: String,
}

impl Done {
    /// Words of our own alone: an address from elsewhere puts none in a page.
    fn said(&self) -> Option<&'static str> {
        match self.done.as_str() {
            "sent" => Some("Sent."),
            "archived" => Some("It is in the archive."),
            "acknowledged" => Some("Its sender has the receipt."),
            "placed" => Some("It is set, and approved."),
            "rung" => Some("The window is tried; what becomes of it stands here."),
            _ => None,
        }
    }
}

impl FromRequestParts<Shared> for Visitor {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, house: &Shared) -> Result<Self, Fault> {
        let Some(session) = caller::session(&parts.headers, &house.cookie) else { return Err(Fault::stranger()) };
        let caller = Caller::with_session(parts, house, &session)?;
        let asked: Done = Query::try_from_uri(&parts.uri).map(|Query(done)| done).unwrap_or_default();
        Ok(Self { caller, proof: caller::proof_of(&session), method: parts.method.clone(), done: asked.said() })
    }
}

impl Visitor {
    /// Makes a page.
    async fn page<T: Send + 'static>(
        self,
        here: &'static str,
        live: bool,
        make: impl FnOnce(&Office, Around) -> OfficeResult<T> + Send + 'static,
    ) -> Result<T, Fault> {
        if !self.method.is_safe() {
            return Err(Refusal::new(StatusCode::FORBIDDEN, ErrorKind::Refused, "a form was not checked").into());
        }
        self.checked_page(here, live, make).await
    }

    /// The same as the answer to a form that was [checked](Self::checked).
    async fn checked_page<T: Send + 'static>(
        self,
        here: &'static str,
        live: bool,
        make: impl FnOnce(&Office, Around) -> OfficeResult<T> + Send + 'static,
    ) -> Result<T, Fault> {
        let Self { caller, proof, done, .. } = self;
        let made = caller.work(move |office, token| make(office, around(office, token, here, live, proof, done)?));
        made.await.map_err(Fault)
    }

    /// Whoever sent a form, when it came from a page of theirs.
    fn checked(self, proof: &str) -> Result<Self, Fault> {
        if proof == self.proof {
            return Ok(self);
        }
        let why = "this form does not come from a page of this session; open the page again";
        Err(Refusal::new(StatusCode::FORBIDDEN, ErrorKind::Refused, why).into())
    }
}

fn around(
    office: &Office,
    token: &Token,
    here: &'static str,
    live: bool,
    proof: String,
    done: Option<&'static str>,
) -> OfficeResult<Around> {
    let you = office.actor();
    let shell = Shell {
        here,
        role: office.roster().role_of(&you).to_string(),
        unread: office.count_unread(&you)?,
        you: you.to_string(),
        proof,
        live,
        done,
    };
    Ok(Around { shell, read_only: token.read_only, now: Timestamp::now() })
}

/// A page that is none.
struct Fault(Refusal);

impl Fault {
    fn stranger() -> Self {
        Self(Refusal::new(StatusCode::UNAUTHORIZED, ErrorKind::Refused, "nobody is signed in"))
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

#[derive(askama::Template)]
#[template(path = "fault.html")]
struct FaultPage<'a> {
    title: &'a str,
    detail: &'a str,
    hint: Option<&'a str>,
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let Self(refusal) = self;
        if refusal.status() == StatusCode::UNAUTHORIZED {
            return Redirect::to("/sign-in").into_response();
        }
        let problem = refusal.problem();
        let page = FaultPage { title: &problem.title, detail: &problem.detail, hint: problem.hint.as_deref() };
        match rendered(&page) {
            Ok(page) => refusal.around(page),
            Err(unmade) => unmade.into_response(),
        }
    }
}

/// What a form holds; one that is no such form is told as a page.
struct Filled<T>(T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Filled<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, state: &S) -> Result<Self, Fault> {
        let filled = Form::from_request(request, state).await;
        let wrong = |e: FormRejection| Fault(Refusal::new(e.status(), ErrorKind::Usage, e.body_text()));
        filled.map(|Form(filled)| Self(filled)).map_err(wrong)
    }
}

type PageAnswer = Result<Html<String>, Fault>;

/// One line of what others wrote, with what would turn or hide text made
/// visible.
fn line(of: &str) -> String {
    text::line(of).into_owned()
}

fn ago(at: Timestamp, now: Timestamp) -> String {
    age::age(at, now)
}

/// A word with the class that shows how good it is.
struct Fact {
    word: String,
    class: &'static str,
}

impl Fact {
    fn new(word: impl Into<String>, class: &'static str) -> Self {
        Self { word: word.into(), class }
    }
}
