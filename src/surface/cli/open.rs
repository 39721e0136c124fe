//! `cellphone open`: the way into the page.

use serde_json::json;

use super::Run;
use super::context::Context;
use super::failure::{Code, Failure};
use super::status::PATIENCE;
use crate::office::{Office, control};
use crate::surface::render::age;

/// Arguments of `open`.
#[derive(Debug, clap::Args)]
pub(super) struct OpenArgs {}

impl Run for OpenArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        let office = cx.office()?;
        let http = control::daemon_status(office.root().state().path(), PATIENCE)
            .map_err(|e| Failure::new(Code::Failed, e.to_string()).hint("cellphone up --detach"))?
            .http;
        let Some(address) = http.address else {
            let why = http.error.unwrap_or_else(|| "the daemon listens nowhere (http.listen is none)".to_owned());
            return Err(Failure::new(Code::Failed, why).hint("cellphone config show http"));
        };
        let (url, expires) = sign_in_at(&office, &address)?;
        if cx.json() {
            return cx.write_json(&json!({ "url": url, "as": office.actor(), "expires": expires }));
        }
        cx.say(&url)?;
        let lasts = age::span(crate::office::tokens::CODE);
        cx.note(&format!("it signs a browser in as {}, once, within {lasts}", office.actor()));
        Ok(())
    }
}

/// An address that signs a browser in as the actor, and when it ends.
pub(super) fn sign_in_at(office: &Office, address: &str) -> Result<(String, jiff::Timestamp), Failure> {
    let code = office.sign_in_code()?;
    Ok((format!("{address}/sign-in?code={}", code.text), code.token.expires))
}
