//! What every request has to pass, before anything looks at it, and what every
//! answer carries.
//!
//! A page of another site may send requests here from the person's own
//! browser, and may have its name lead here (DNS rebinding). The first says so
//! in `Origin`; the second asks for another name. Both are refused. An address
//! in digits is nobody's name, and cannot be made to lead here.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::Shared;
use super::problem::Refusal;
use crate::office::ErrorKind;

/// Nothing is fetched from elsewhere, nothing is run that stands in a page, and
/// no other page shows this one.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// How long a request may take: one that is never whole must not keep its place. What has no end begins within it.
const PATIENCE: Duration = Duration::from_secs(30);

const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // With `no-referrer`, a browser sends the forms of our own pages with `Origin: null`.
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

pub(super) async fn pass(State(house): State<Shared>, request: Request, next: Next) -> Response {
    house.desk.note_http(&mut |http| http.requests += 1);
    let begun = Instant::now();
    let (door, reads) = (door(request.uri().path()), request.method().is_safe());
    let mut response = match judge(request.headers(), &house.hosts) {
        Ok(()) => tokio::time::timeout(PATIENCE, next.run(request)).await.unwrap_or_else(|_| late().into_response()),
        Err(refusal) => refusal.into_response(),
    };
    let office = house.desk.office();
    house.metrics.answered(door, reads, response.status().as_u16(), begun.elapsed(), &office.settings().objectives);
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Which door a path leads to.
fn door(path: &str) -> &'static str {
    match path.split('/').nth(1) {
        Some("api") => "api",
        Some("mcp") => "mcp",
        Some("metrics") => "metrics",
        _ => "page",
    }
}

fn late() -> Refusal {
    let why = format!("the request was not whole, or not answered, within {} s", PATIENCE.as_secs());
    Refusal::busy(StatusCode::REQUEST_TIMEOUT, 1, why)
}

fn judge(headers: &HeaderMap, hosts: &[String]) -> Result<(), Refusal> {
    let refused = |status, why| Err(Refusal::new(status, ErrorKind::Refused, why));
    let mut asked = headers.get_all(header::HOST).iter();
    let host = match (asked.next().map(HeaderValue::to_str), asked.next()) {
        (Some(Ok(host)), None) => host,
        _ => return refused(StatusCode::BAD_REQUEST, "one Host is needed"),
    };
    if !is_known(host, hosts) {
        let why = format!("{host:?} is no name of this daemon");
        return Err(Refusal::new(StatusCode::MISDIRECTED_REQUEST, ErrorKind::Refused, why)
            .hint("cellphone config set http.hosts NAME"));
    }
    // An address in a browser's bar says `none`; what another site makes the browser do says `cross-site`.
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    let navigates = headers.get("sec-fetch-mode").is_some_and(|mode| mode.as_bytes() == b"navigate");
    if matches!(site, Some(b"cross-site" | b"same-site")) && !navigates {
        return refused(StatusCode::FORBIDDEN, "this comes from a page of another site");
    }
    for origin in headers.get_all(header::ORIGIN) {
        let own = origin.to_str().ok().and_then(|text| text.split_once("://"));
        if own.is_none_or(|(_, authority)| !authority.eq_ignore_ascii_case(host)) {
            return refused(StatusCode::FORBIDDEN, "this comes from a page of another origin");
        }
    }
    Ok(())
}

/// Whether a `Host` means this daemon.
fn is_known(host: &str, hosts: &[String]) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    bare.parse::<IpAddr>().is_ok()
        || bare.eq_ignore_ascii_case("localhost")
        || hosts.iter().any(|known| known.eq_ignore_ascii_case(bare))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(lines: &[(&'static str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        judge(&headers, &["swarm.example.org".to_owned()]).is_ok()
    }

    #[test]
    fn only_its_own_names_and_its_own_pages_get_in() {
        for host in [
            "127.0.0.1:7411",
            "127.0.0.1",
            "localhost:7411",
            "LOCALHOST",
            "[::1]:7411",
            "swarm.example.org:80",
            "10.0.0.7",
        ] {
            assert!(judged(&[("host", host)]), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example:7411",
            "127.0.0.1.evil.example",
            "",
            "[::1",
            "a:b",
            "127.0.0.1@evil",
        ] {
            assert!(!judged(&[("host", host)]), "{host}");
        }
        assert!(!judged(&[]) && !judged(&[("host", "localhost"), ("host", "localhost")]));
        let with = |name, value: &str| judged(&[("host", "localhost:7411"), (name, value)]);
        assert!(with("origin", "http://localhost:7411") && with("origin", "https://LOCALHOST:7411"));
        for origin in ["http://localhost", "http://localhost:8080", "http://evil.example", "null", ""] {
            assert!(!with("origin", origin), "{origin}");
        }
        assert!(with("sec-fetch-site", "same-origin") && with("sec-fetch-site", "none"));
        assert!(!with("sec-fetch-site", "cross-site") && !with("sec-fetch-site", "same-site"));
    }
}
