//! The daemon's door for browsers and programs: the page, the API under
//! `/api/v1`, MCP at `/mcp`, and figures at `/metrics`.
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
mod metrics;
mod page;
mod problem;
mod reference;
mod sign_in;
mod team;

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any_service};
use axum::{RequestExt as _, Router};
use tower_service::Service;
use utoipa_axum::router::OpenApiRouter;

use self::caller::Caller;
pub use self::events::End;
use self::events::Hub;
use self::limits::Limits;
pub use self::listener::Door;
use self::metrics::Metrics;
use crate::office::desk::Desk;

/// Room for what stands around a body in a request, in bytes.
const AROUND: u64 = 64 * 1024;

/// What every request works with.
struct House {
    desk: Arc<dyn Desk>,
    limits: Limits,
    hub: Hub,
    metrics: Metrics,
    /// Names under which it may be asked for.
    hosts: Vec<String>,
    /// The name of the session's cookie: one per root, since ports share them.
    cookie: String,
}

type Shared = Arc<House>;

/// Answers on an open door until `end`. `mcp` answers at `/mcp`; each of its
/// requests has an [`Acting`](crate::surface::acting::Acting) among its extensions.
///
/// # Errors
/// The door cannot be used any more, in a sentence.
pub async fn serve(door: Arc<Door>, desk: Arc<dyn Desk>, mcp: MethodRouter, end: End) -> Result<(), String> {
    let listener = door.listener()?;
    let office = desk.office();
    let house = Arc::new(House {
        limits: Limits::new(&office.settings().http),
        hub: Hub::new(Arc::clone(&desk), end.clone()),
        metrics: Metrics::new(&office),
        hosts: door.hosts().to_vec(),
        cookie: format!("cellphone-{}", office.root().id().to_ascii_lowercase()),
        desk,
    });
    axum::serve(listener, router(house, mcp)).with_graceful_shutdown(end).await.map_err(|e| e.to_string())
}

fn router(house: Shared, mcp: MethodRouter) -> Router {
    let body = house.desk.office().settings().limits.body.saturating_add(AROUND);
    let (api, document) = api().split_for_parts();
    let mcp = Router::new()
        .route("/mcp", mcp.with_state(()))
        .route_layer(middleware::from_fn_with_state(Arc::clone(&house), admit));
    Router::new()
        .merge(mcp)
        .merge(api)
        .merge(reference::routes(document))
        .merge(sign_in::routes())
        .merge(page::routes())
        .merge(metrics::routes())
        .fallback(problem::nowhere)
        .method_not_allowed_fallback(problem::not_so)
        .layer(DefaultBodyLimit::max(usize::try_from(body).unwrap_or(usize::MAX)))
        .layer(middleware::from_fn_with_state(Arc::clone(&house), gate::pass))
        .with_state(house)
}

/// Lets in whose token counts, to what answers behind this door.
async fn admit(caller: Caller, mut request: Request, next: Next) -> Response {
    match caller.acting().await {
        Ok(acting) => {
            request.extensions_mut().insert(acting);
            next.run(request.with_limited_body()).await
        }
        Err(refusal) => refusal.into_response(),
    }
}

/// What answers at `/mcp`, as a service of that kind.
pub fn mounted<S, B: 'static>(service: S) -> MethodRouter
where
    S: Service<Request, Response = Response<B>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    Response<B>: IntoResponse,
{
    any_service(service)
}

/// The API and its description.
fn api() -> OpenApiRouter<Shared> {
    let inner = OpenApiRouter::new().merge(mail::routes()).merge(team::routes()).merge(events::routes());
    OpenApiRouter::with_openapi(reference::about()).nest("/api/v1", inner)
}
