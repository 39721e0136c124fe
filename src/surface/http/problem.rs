//! Answers that are none: always `application/problem+json`, whoever found
//! the fault.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;

use crate::office::{ErrorKind, OfficeError};
use crate::surface::wire::Problem;

/// What a handler gives.
pub(super) type Answer<T> = Result<Json<T>, Refusal>;

/// A problem on its way out.
#[derive(Debug)]
pub(super) struct Refusal {
    problem: Box<Problem>,
    status: StatusCode,
    /// How long to stay away, in seconds.
    later: Option<u64>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, kind: ErrorKind, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("Error").to_owned();
        let problem =
            Problem { title, status: status.as_u16(), detail: detail.into(), kind: kind.word().to_owned(), hint: None };
        Self { problem: Box::new(problem), status, later: None }
    }

    pub(super) const fn status(&self) -> StatusCode {
        self.status
    }

    pub(super) fn problem(&self) -> &Problem {
        &self.problem
    }

    /// The same for a person: a page in the place of the value.
    pub(super) fn around(self, page: impl IntoResponse) -> Response {
        let mut response = (self.status, page).into_response();
        self.tell(response.headers_mut());
        response
    }

    fn tell(&self, headers: &mut HeaderMap) {
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"cellphone\""));
        }
        if let Some(seconds) = self.later {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
    }

    pub(super) fn hint(mut self, hint: &str) -> Self {
        self.problem.hint = Some(hint.to_owned());
        self
    }

    pub(super) fn busy(status: StatusCode, seconds: u64, detail: impl Into<String>) -> Self {
        Self { later: Some(seconds), ..Self::new(status, ErrorKind::TryAgain, detail) }
    }
}

impl From<OfficeError> for Refusal {
    fn from(e: OfficeError) -> Self {
        let problem = Problem::from(&e);
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let later = (status == StatusCode::TOO_MANY_REQUESTS).then_some(1);
        Self { problem: Box::new(problem), status, later }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(&self.problem)).into_response();
        self.tell(response.headers_mut());
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}

pub(super) async fn nowhere() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, ErrorKind::NotFound, "nothing is here; see /api/v1")
}

pub(super) async fn not_so() -> Refusal {
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, ErrorKind::Usage, "this is asked for by another method; see /api/v1")
}

fn usage(status: StatusCode, detail: String) -> Refusal {
    Refusal::new(status, ErrorKind::Usage, detail)
}

/// A body in JSON.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        match Json::from_request(request, state).await {
            Ok(Json(value)) => Ok(Self(value)),
            // What is well-formed and means nothing here is as wrong as what is not.
            Err(JsonRejection::JsonDataError(e)) => Err(usage(StatusCode::BAD_REQUEST, e.body_text())),
            Err(e) => Err(usage(e.status(), e.body_text())),
        }
    }
}

/// What stands behind the question mark.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let found = Query::from_request_parts(parts, state).await;
        found.map(|Query(value)| Self(value)).map_err(|e: QueryRejection| usage(e.status(), e.body_text()))
    }
}

/// What stands in the path.
pub(super) struct Named<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Named<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let found = Path::from_request_parts(parts, state).await;
        found.map(|Path(value)| Self(value)).map_err(|e: PathRejection| usage(StatusCode::BAD_REQUEST, e.body_text()))
    }
}
