//! `cellphone release`: a claimed message goes back.

use serde_json::json;

use super::Run;
use super::context::Context;
use super::failure::Failure;

/// Arguments of `release`.
#[derive(Debug, clap::Args)]
pub(super) struct ReleaseArgs {
    /// The claimed message
    id: String,
    /// The token that `next` gave
    #[arg(long)]
    token: String,
    /// Why, for whoever claims it next
    #[arg(long, default_value = "released", allow_hyphen_values = true)]
    reason: String,
}

impl Run for ReleaseArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        cx.office()?.release(&self.id, &self.token, &self.reason)?;
        if cx.json() {
            return cx.write_json(&json!({ "id": self.id, "state": "released" }));
        }
        cx.say(&format!("released {}", self.id))
    }
}
