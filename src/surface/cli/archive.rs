//! `cellphone archive`: what is done with.

use serde_json::json;

use super::Run;
use super::context::Context;
use super::failure::Failure;

/// Arguments of `archive`.
#[derive(Debug, clap::Args)]
pub(super) struct ArchiveArgs {
    /// The messages to file
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
}

impl Run for ArchiveArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        let office = cx.office()?;
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
