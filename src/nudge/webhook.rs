//! The channel `webhook`: a small JSON is posted to an address of the
//! approved roster. 2xx means told.
//!
//! Nothing of a message goes out: who has how much mail, from whom, and the
//! line that a nudge types. A redirect is not followed: it would choose
//! another address. The address may hold a secret, so only its host is named
//! in an error. This file alone names `ureq`, and the cryptography under its
//! TLS, which needs no C compiler but a processor of the last ten years; the
//! trusted roots are the system's.

use std::sync::Arc;

use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::NudgeContext;
use super::notice::{Notice, without_controls};
use super::outcome::{Attempt, Outcome};
use crate::config::Secret;

const SECURE: &str = "https://";
const PLAIN: &str = "http://";

/// Posts the notice, with the token when there is one. The limit bounds all of
/// it, from the name to the answer.
#[must_use]
pub fn nudge(url: &str, notice: &Notice, context: &NudgeContext) -> Attempt {
    Attempt::of(match post(url, notice, context) {
        Ok(()) => Outcome::Delivered,
        Err(why) => {
            let host = host(url).unwrap_or("without an address");
            Outcome::Failed(format!("webhook {}: {}", without_controls(host), without_controls(&why)))
        }
    })
}

/// What is wrong with an address, for a person.
///
/// # Errors
/// It is no http or https address of a host.
pub fn check(url: &str) -> Result<(), String> {
    let clean = url.bytes().all(|b| b.is_ascii_graphic());
    match host(url) {
        Some(_) if clean => Ok(()),
        _ => Err("a webhook needs an address as target, as https://example.org/hook".to_owned()),
    }
}

fn host(url: &str) -> Option<&str> {
    let rest = url.strip_prefix(SECURE).or_else(|| url.strip_prefix(PLAIN))?;
    let authority = rest.split(['/', '?', '#']).next()?;
    authority.rsplit('@').next().filter(|host| !host.is_empty())
}

/// The token, which goes to nobody who could be overheard.
fn token(url: &str, context: &NudgeContext) -> Result<Option<Secret>, String> {
    let token = context.webhook_token.fetch().map_err(|e| format!("nudge.webhook_token: {e}"))?;
    let here = ["127.0.0.1", "localhost", "[::1]"];
    let host = host(url).unwrap_or_default();
    let host = host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(host, |(host, _)| host);
    if token.is_some() && !url.starts_with(SECURE) && !here.contains(&host) {
        return Err("a token goes over https only, or to this machine; nothing was sent".to_owned());
    }
    Ok(token)
}

fn post(url: &str, notice: &Notice, context: &NudgeContext) -> Result<(), String> {
    check(url)?;
    let token = token(url, context)?;
    let mut config = ureq::Agent::config_builder()
        .timeout_global(Some(context.limit))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .user_agent(concat!("cellphone/", env!("CARGO_PKG_VERSION")));
    if url.starts_with(SECURE) {
        config = config.tls_config(tls()?);
    }
    let json = serde_json::json!({
        "agent": notice.agent, "new": notice.new, "urgent": notice.urgent, "from": notice.from, "text": notice.text(),
    });
    let mut request = ureq::Agent::new_with_config(config.build()).post(url).header("content-type", "application/json");
    if let Some(token) = &token {
        request = request.header("authorization", format!("Bearer {}", token.expose()));
    }
    let status = request.send(json.to_string().as_bytes()).map_err(|e| e.to_string())?.status();
    if status.is_success() {
        return Ok(());
    }
    let why = if status.is_redirection() { ", which is not followed" } else { "" };
    Err(format!("it answered {}{why}", status.as_u16()))
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn tls() -> Result<TlsConfig, String> {
    if !processor_can() {
        return Err("this processor lacks what https needs here; use an http address of this machine".to_owned());
    }
    let found = rustls_native_certs::load_native_certs();
    let roots: Vec<Certificate<'static>> =
        found.certs.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    if roots.is_empty() {
        let why = found.errors.first().map(|e| format!(" ({e})")).unwrap_or_default();
        return Err(format!("the system has no trusted certificates{why}; install ca-certificates"));
    }
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&roots))
        .unversioned_rustls_crypto_provider(Arc::new(rustls_graviola::default_provider()))
        .build())
}

/// What `graviola` would panic without.
#[cfg(target_arch = "x86_64")]
fn processor_can() -> bool {
    use std::arch::is_x86_feature_detected as has;
    has!("adx") && has!("aes") && has!("avx") && has!("avx2") && has!("bmi1") && has!("bmi2") && has!("pclmulqdq")
}

#[cfg(target_arch = "aarch64")]
fn processor_can() -> bool {
    use std::arch::is_aarch64_feature_detected as has;
    has!("neon") && has!("aes") && has!("pmull") && has!("sha2")
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn tls() -> Result<TlsConfig, String> {
    Err("https is not available on this processor; use an http address of this machine".to_owned())
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::thread::JoinHandle;
    use std::time::Duration;

    use super::*;
    use crate::config::SecretSource;
    use crate::model::AgentName;

    /// Answers one request, and gives it.
    fn server(answer: &'static str) -> (String, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook?secret", listener.local_addr().unwrap());
        let served = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut seen, mut part) = (String::new(), [0; 4096]);
            while !seen.ends_with('}') {
                let n = stream.read(&mut part).unwrap();
                assert!(n > 0, "{seen}");
                seen.push_str(std::str::from_utf8(&part[..n]).unwrap());
            }
            stream.write_all(answer.as_bytes()).unwrap();
            seen
        });
        (url, served)
    }

    fn ring(url: &str, limit: Duration) -> Outcome {
        ring_with(url, limit, SecretSource::None)
    }

    fn ring_with(url: &str, limit: Duration, webhook_token: SecretSource) -> Outcome {
        let name = |n| AgentName::new(n).unwrap();
        let notice = Notice { agent: name("Agent-3"), new: 2, urgent: 1, from: vec![name("Agent-1")], ids: vec![] };
        nudge(url, &notice, &NudgeContext { limit, webhook_token, ..NudgeContext::new("") }).outcome
    }

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn a_small_json_is_posted_and_2xx_means_told() {
        let (url, served) = server("HTTP/1.1 204 No Content\r\n\r\n");
        assert_eq!(ring(&url, LONG), Outcome::Delivered);
        let seen = served.join().unwrap();
        assert!(seen.starts_with("POST /hook?secret HTTP/1.1\r\n"), "{seen}");
        let json: serde_json::Value = serde_json::from_str(seen.split("\r\n\r\n").nth(1).unwrap()).unwrap();
        let text = "Cellphone: 2 new for Agent-3, 1 urgent, from Agent-1. Run: cellphone inbox";
        let wanted =
            serde_json::json!({ "agent": "Agent-3", "new": 2, "urgent": 1, "from": ["Agent-1"], "text": text });
        assert_eq!(json, wanted);
    }

    #[test]
    fn a_token_goes_along_and_over_no_open_line() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = crate::fsio::Dir::open(tmp.path()).unwrap();
        dir.create("token", b"unit-token-4711\n", true).unwrap();
        let source = || SecretSource::File(tmp.path().join("token"));
        let (url, served) = server("HTTP/1.1 204 No Content\r\n\r\n");
        assert_eq!(ring_with(&url, LONG, source()), Outcome::Delivered);
        let seen = served.join().unwrap();
        assert!(seen.to_lowercase().contains("\r\nauthorization: bearer unit-token-4711\r\n"), "{seen}");
        for (url, source) in [
            ("http://example.org/hook", source()),
            ("http://127.0.0.1.example.org/hook", source()),
            ("http://127.0.0.1:1/hook", SecretSource::File(tmp.path().join("none"))),
        ] {
            let Outcome::Failed(why) = ring_with(url, LONG, source) else { panic!("{url}") };
            assert!(why.contains("over https only") || why.contains("no such file"), "{why}");
            assert!(!why.contains("4711"), "{why}");
        }
    }

    #[test]
    fn anything_else_is_a_failure_that_keeps_the_secret() {
        let failed = |url: &str, limit, word: &str| {
            let Outcome::Failed(why) = ring(url, limit) else { panic!("{url}") };
            assert!(why.contains(word) && !why.contains("secret"), "{why}");
        };
        let (url, _) = server("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/other\r\nContent-Length: 0\r\n\r\n");
        failed(&url, LONG, "answered 302, which is not followed");
        let (url, _) = server("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n");
        failed(&url, LONG, "answered 500");
        // One that listens and never answers.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = silent.local_addr().unwrap();
        failed(&format!("http://{address}/secret"), Duration::from_millis(200), "timeout");
        failed("ftp://example.org/secret", LONG, "needs an address");
        assert!(check("https://example.org/x").is_ok());
        for wrong in ["", "https://", "https:///x", "example.org", "http://a b", "file:///etc/passwd"] {
            assert!(check(wrong).is_err(), "{wrong}");
        }
        drop(silent);
        // Whoever answers without TLS is not believed.
        let plain = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}/secret", plain.local_addr().unwrap());
        let served = std::thread::spawn(move || {
            let (mut stream, _) = plain.accept().unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
            let _ = stream.read(&mut [0; 4096]);
        });
        if tls().is_ok() {
            failed(&url, LONG, "webhook 127.0.0.1");
            served.join().unwrap();
        }
    }
}
