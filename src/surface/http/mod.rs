//! The daemon's door for browsers and programs: the API under `/api/v1`.
//!
//! It listens on this machine alone, unless what was approved says otherwise,
//! and answers nobody without a token or a session (`caller`). What comes
//! from a page of another origin, or was asked for under another name, is
//! refused before anything looks at it (`gate`). Too much at once is told to
//! come later, and never queued without end. Every answer is made by `office`,
//! in a thread that may wait for a disk; the loop that reads connections never
//! does.
//!
//! Formats: HTTP/1.1, RFC 9457 (problems), the HTML standard (server-sent
//! events), OpenAPI 3.1.

mod caller;
mod events;
mod gate;
mod limits;
mod listener;
mod mail;
mod page;
mod problem;
mod reference;
mod sign_in;
mod team;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use utoipa_axum::router::OpenApiRouter;

pub use self::events::End;
use self::events::Hub;
use self::limits::Limits;
pub use self::listener::Door;
use crate::office::desk::Desk;

/// Room for what stands around a body in a request, in bytes.
const AROUND: u64 = 64 * 1024;

/// What every request works with.
struct House {
    desk: Arc<dyn Desk>,
    limits: Limits,
    hub: Hub,
    /// Names under which it may be asked for.
    hosts: Vec<String>,
    /// The name of the session's cookie: one per root, since ports share them.
    cookie: String,
}

type Shared = Arc<House>;

/// Answers on an open door until `end`.
///
/// # Errors
/// The door cannot be used any more, in a sentence.
pub async fn serve(door: Arc<Door>, desk: Arc<dyn Desk>, end: End) -> Result<(), String> {
    let listener = door.listener()?;
    let office = desk.office();
    let house = Arc::new(House {
        limits: Limits::new(&office.settings().http),
        hub: Hub::new(Arc::clone(&desk), end.clone()),
        hosts: door.hosts().to_vec(),
        cookie: format!("cellphone-{}", office.root().id().to_ascii_lowercase()),
        desk,
    });
    axum::serve(listener, router(house)).with_graceful_shutdown(end).await.map_err(|e| e.to_string())
}

fn router(house: Shared) -> Router {
    let body = house.desk.office().settings().limits.body.saturating_add(AROUND);
    let (api, document) = api().split_for_parts();
    Router::new()
        .merge(api)
        .merge(reference::routes(document))
        .merge(sign_in::routes())
        .merge(page::routes())
        .fallback(problem::nowhere)
        .method_not_allowed_fallback(problem::not_so)
        .layer(DefaultBodyLimit::max(usize::try_from(body).unwrap_or(usize::MAX)))
        .layer(middleware::from_fn_with_state(Arc::clone(&house), gate::pass))
        .with_state(house)
}

/// The API and its description.
fn api() -> OpenApiRouter<Shared> {
    let inner = OpenApiRouter::new().merge(mail::routes()).merge(team::routes()).merge(events::routes());
    OpenApiRouter::with_openapi(reference::about()).nest("/api/v1", inner)
}
