//! `cellphone archive`: what is done with.

use serde_json::json;

use super::Run;
use super::context::Context;
use super::failure::Failure;
use crate::model::AgentName;
use crate::surface::render::text;

/// Arguments of `archive`.
#[derive(Debug, clap::Args)]
pub(super) struct ArchiveArgs {
    /// The messages to file
    #[arg(required_unless_present = "from", value_name = "ID")]
    ids: Vec<String>,
    /// Everything unread from this sender, as after a storm of mail
    #[arg(long, value_name = "SENDER", conflicts_with = "ids")]
    from: Option<AgentName>,
}

impl Run for ArchiveArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        let office = cx.office()?;
        if let Some(from) = &self.from {
            let filed = office.archive_from(from)?;
            if cx.json() {
                return cx.write_json(&json!({ "from": from, "archived": filed }));
            }
            return cx.say(&format!("archived {} from {from}", text::count(filed, "message")));
        }
        for id in &self.ids {
            office.archive(id)?;
            if cx.json() {
                cx.write_json(&json!({ "id": id, "state": "archived" }))?;
            } else {
                cx.say(&format!("archived {id}"))?;
            }
        }
        Ok(())
    }
}
