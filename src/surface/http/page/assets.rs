//! What pages are made of beside their text; part of the program.

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

use super::super::Shared;

macro_rules! asset {
    ($file:literal, $kind:literal) => {
        (concat!("/assets/", $file), $kind, include_str!(concat!("../assets/", $file)))
    };
}

const ALL: [(&str, &str, &str); 4] = [
    asset!("page.css", "text/css; charset=utf-8"),
    asset!("page.js", "text/javascript; charset=utf-8"),
    asset!("icon.svg", "image/svg+xml"),
    asset!("page.webmanifest", "application/manifest+json"),
];

pub(super) fn routes() -> Router<Shared> {
    ALL.into_iter().fold(Router::new(), |router, (path, kind, text)| {
        // Asked for again after a while, so that a new version of the program is seen.
        let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "max-age=300")];
        router.route(path, get(move || async move { (headers, text).into_response() }))
    })
}
