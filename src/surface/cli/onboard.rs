//! `cellphone agents onboard`: an agent is told its place.

use std::time::Duration;

use super::context::Context;
use super::failure::Failure;
use crate::model::{AgentName, Role};
use crate::office::Office;
use crate::office::onboarding::{OnboardRequest, StepDone};
use crate::office::setup::parse_duration;
use crate::surface::render::{Paint, text};

/// Arguments of `agents onboard`.
#[derive(Debug, clap::Args)]
pub(super) struct OnboardArgs {
    /// Whom
    name: AgentName,
    /// The role it takes: a text of config/onboarding/roles; its own when left out
    #[arg(long, value_parser = super::agents::role)]
    role: Option<Role>,
    /// A text of config/onboarding/styles
    #[arg(long, default_value = "professional")]
    style: String,
    /// A sequence of config/onboarding: soft, or hard for a window whose work may be lost
    #[arg(long, default_value = "soft", value_name = "soft|hard")]
    way: String,
    /// How long a busy window is waited for, all steps together
    #[arg(long, default_value = "5m", value_name = "TIME", value_parser = parse_duration)]
    patience: Duration,
    /// Show the steps and look at the window; send and type nothing
    #[arg(long)]
    dry_run: bool,
}

impl OnboardArgs {
    pub(super) fn run(self, cx: &Context, office: &Office) -> Result<(), Failure> {
        let request = OnboardRequest {
            agent: self.name,
            role: self.role,
            style: self.style,
            way: self.way,
            patience: self.patience,
            dry_run: self.dry_run,
        };
        let mut broken = Ok(());
        let mut told = |step: &StepDone| {
            if !cx.json() && broken.is_ok() {
                broken = cx.print(&line(cx, step));
            }
        };
        let done = office.onboard(&request, &mut told)?;
        broken?;
        if cx.json() {
            return cx.write_json(&done);
        }
        if request.dry_run {
            cx.print(&done.steps.iter().map(|s| line(cx, s)).collect::<String>())?;
        }
        let (agent, role) = (&done.agent, &done.role);
        let end = match (done.channel, done.id) {
            (Some(channel), None) => {
                format!("{agent} would be onboarded as {role}, by {channel}; nothing was sent or typed")
            }
            (None, None) => {
                format!("{agent} would be onboarded as {role}, by mail only: it has no window to type into")
            }
            (Some(channel), Some(id)) => {
                format!("{agent} is onboarded as {role}, by {channel}; the same text is mail {id}")
            }
            (None, Some(id)) => format!("{agent} is {role}; its text is mail {id}: it has no window to type into"),
        };
        cx.say(&end)
    }
}

fn line(cx: &Context, step: &StepDone) -> String {
    format!("  {}  {}\n", text::line(&step.step), cx.paint(Paint::Faint, &text::line(&step.how)))
}
