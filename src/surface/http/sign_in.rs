//! How a browser gets in and out.
//!
//! `cellphone open` prints an address with a code that counts once. Opening it
//! shows a button, because what only looks at an address (a preview, a
//! prefetch) must not use the code up; pressing it begins a session.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::Shared;
use super::caller::{self, blocking};
use super::problem::Refusal;
use crate::office::ErrorKind;
use crate::office::tokens::TokenUse;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct Page {
    /// The code that the address brought.
    code: Option<String>,
    fault: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Code {
    #[serde(default)]
    code: String,
}

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/sign-in", get(show).post(enter)).route("/sign-out", post(leave))
}

/// A page as it goes out.
pub(super) fn rendered(page: &impl Template) -> Result<Html<String>, Refusal> {
    page.render().map(Html).map_err(|e| {
        let why = format!("the page could not be made: {e}");
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, ErrorKind::Failed, why)
    })
}

async fn show(Query(asked): Query<Code>) -> Result<Html<String>, Refusal> {
    rendered(&Page { code: Some(asked.code).filter(|code| !code.is_empty()), fault: None })
}

async fn enter(State(house): State<Shared>, headers: HeaderMap, Form(asked): Form<Code>) -> Result<Response, Refusal> {
    let _place = house.limits.place()?;
    house.limits.count_stranger()?;
    let label = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or("a browser").to_owned();
    let desk = Arc::clone(&house.desk);
    let entered = blocking(&house, move || {
        let office = desk.office();
        let lasts = office.settings().http.session;
        Ok((office.sign_in(&asked.code, &label, lasts), lasts))
    });
    match entered.await? {
        (Ok(session), lasts) => {
            let cookie = cookie(&house, &session.text, lasts.as_secs());
            Ok(([(header::SET_COOKIE, cookie?)], Redirect::to("/")).into_response())
        }
        (Err(e), _) if e.kind == ErrorKind::Refused => {
            let page = rendered(&Page { code: None, fault: Some(format!("{}.", e.message)) })?;
            Ok((StatusCode::FORBIDDEN, page).into_response())
        }
        (Err(e), _) => Err(e.into()),
    }
}

/// Ends the session, here and at the browser.
async fn leave(State(house): State<Shared>, headers: HeaderMap) -> Result<Response, Refusal> {
    if let Some(text) = caller::session(&headers, &house.cookie) {
        let desk = Arc::clone(&house.desk);
        let ended = blocking(&house, move || {
            if let Some((office, token)) = desk.office().bearing(&text, TokenUse::Session)? {
                office.token_revoke(Some(&token.id))?;
            }
            Ok(())
        });
        ended.await?;
    }
    Ok(([(header::SET_COOKIE, cookie(&house, "", 0)?)], Redirect::to("/sign-in")).into_response())
}

/// Read by no script, sent by no other site.
fn cookie(house: &Shared, value: &str, seconds: u64) -> Result<HeaderValue, Refusal> {
    let text = format!("{}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict", house.cookie);
    HeaderValue::from_str(&text).map_err(|e| {
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, ErrorKind::Failed, format!("no cookie could be made: {e}"))
    })
}
