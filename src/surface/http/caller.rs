//! Who asks: a program with a token, or a browser with a session.
//!
//! A program shows its token in `Authorization: Bearer`, a browser its session
//! in a cookie that no script reads and no other site sends. Whatever changes
//! something on the word of a cookie also carries a secret that only a page
//! from here knows. Tokens are looked up at each request, so that revoking one
//! ends it at once.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use sha2::{Digest as _, Sha256};
use tokio::sync::OwnedSemaphorePermit;

use super::Shared;
use super::problem::Refusal;
use crate::office::tokens::{Token, TokenUse};
use crate::office::{ErrorKind, Office, Result as OfficeResult};
use crate::surface::acting::Acting;

/// The header in which a page's script proves that it is ours.
const PROOF: &str = "x-csrf-token";

/// What was shown.
#[derive(Clone)]
struct Shown {
    text: String,
    purpose: TokenUse,
}

/// Somebody who shows something. Whether it counts is looked up by
/// [`work`](Self::work), in a thread that may wait for the disk.
pub(super) struct Caller {
    house: Shared,
    shown: Shown,
    /// Whether it asks for something that changes nothing.
    safe: bool,
    /// A place among the requests, held until the answer is there.
    place: OwnedSemaphorePermit,
}

impl FromRequestParts<Shared> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, house: &Shared) -> Result<Self, Refusal> {
        let place = house.limits.place()?;
        let safe = parts.method.is_safe();
        let Some(shown) = shown(&parts.headers, &house.cookie) else {
            house.limits.count_stranger()?;
            return Err(stranger("a token is needed: Authorization: Bearer cell_…"));
        };
        let proof = parts.headers.get(PROOF).map(axum::http::HeaderValue::as_bytes);
        if shown.purpose == TokenUse::Session && !safe && proof != Some(proof_of(&shown.text).as_bytes()) {
            return Err(Refusal::new(
                StatusCode::FORBIDDEN,
                ErrorKind::Refused,
                format!("what changes something needs the header {PROOF}, as the page has it"),
            ));
        }
        Ok(Self { house: Arc::clone(house), shown, safe, place })
    }
}

impl Caller {
    /// Whoever shows a session to a page, whose forms carry the proof that
    /// programs send as a header: the page has to ask for it.
    pub(super) fn with_session(parts: &Parts, house: &Shared, session: &str) -> Result<Self, Refusal> {
        let shown = Shown { text: session.to_owned(), purpose: TokenUse::Session };
        let place = house.limits.place()?;
        Ok(Self { house: Arc::clone(house), shown, safe: parts.method.is_safe(), place })
    }
}

/// What was shown, to look at it again later.
pub(super) struct Access {
    house: Shared,
    shown: Shown,
}

impl Access {
    /// Whether it still counts.
    pub(super) async fn holds(&self) -> bool {
        let (desk, shown) = (Arc::clone(&self.house.desk), self.shown.clone());
        let found = blocking(&self.house, move || Ok(desk.office().bearing(&shown.text, shown.purpose)?.is_some()));
        found.await.unwrap_or(false)
    }
}

impl Caller {
    /// What was shown, for an answer that has no end.
    pub(super) fn access(&self) -> Access {
        Access { house: Arc::clone(&self.house), shown: self.shown.clone() }
    }

    /// Does something as the caller, beside the loop that reads connections.
    pub(super) async fn work<T: Send + 'static>(
        self,
        work: impl FnOnce(&Office, &Token) -> OfficeResult<T> + Send + 'static,
    ) -> Result<T, Refusal> {
        let Self { house, shown, safe, place } = self;
        let inner = Arc::clone(&house);
        blocking(&house, move || {
            // Until here the place was held for the queue, from here for the thread.
            let _place = place;
            let (office, token) = shown.counts(&inner)?;
            if token.read_only && !safe {
                return Err(Refusal::new(StatusCode::FORBIDDEN, ErrorKind::Refused, "this token changes nothing"));
            }
            Ok(work(&office, &token)?)
        })
        .await
    }

    /// The caller, for what answers behind this door and looks itself whether
    /// something is changed.
    pub(super) async fn acting(self) -> Result<Acting, Refusal> {
        let Self { house, shown, place, .. } = self;
        let inner = Arc::clone(&house);
        let (office, token) = blocking(&house, move || shown.counts(&inner)).await?;
        Ok(Acting::new(office, token.read_only, house.limits.threads(), place))
    }
}

impl Shown {
    /// Whose it is, when it counts; the request is counted.
    fn counts(&self, house: &Shared) -> Result<(Office, Token), Refusal> {
        let Some((office, token)) = house.desk.office().bearing(&self.text, self.purpose)? else {
            house.limits.count_stranger()?;
            return Err(stranger("this token does not count: it ended, was revoked, or never was"));
        };
        house.limits.count(&token.id)?;
        Ok((office, token))
    }
}

/// Does something in a thread that may wait.
pub(super) async fn blocking<T: Send + 'static>(
    house: &Shared,
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let _thread = house.limits.thread().await;
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|e| {
        tracing::error!(error = %e, "a request ended in a defect");
        let why = "the request ended in a defect, which the log tells; the others go on";
        Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, ErrorKind::Failed, why))
    })
}

fn stranger(why: &str) -> Refusal {
    Refusal::new(StatusCode::UNAUTHORIZED, ErrorKind::Refused, why).hint("cellphone token create")
}

/// A token goes before a cookie: a program says what it means.
fn shown(headers: &HeaderMap, cookie: &str) -> Option<Shown> {
    if let Some(said) = headers.get(header::AUTHORIZATION) {
        let (scheme, text) = said.to_str().ok()?.split_once(' ')?;
        let bearer = scheme.eq_ignore_ascii_case("bearer");
        return bearer.then(|| Shown { text: text.trim().to_owned(), purpose: TokenUse::Api });
    }
    session(headers, cookie).map(|text| Shown { text, purpose: TokenUse::Session })
}

/// The session in the cookies.
pub(super) fn session(headers: &HeaderMap, cookie: &str) -> Option<String> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == cookie).map(|(_, value)| value.to_owned())
}

/// What a page of a session carries, and no other knows.
pub(super) fn proof_of(session: &str) -> String {
    let digest = Sha256::new().chain_update(b"cellphone-page\0").chain_update(session).finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
