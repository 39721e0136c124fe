//! `cellphone agents onboard`: an agent, or with a mode the whole team, is
//! told its place.

use std::time::Duration;

use super::context::Context;
use super::failure::Failure;
use crate::model::{AgentName, Role};
use crate::office::Office;
use crate::office::onboarding::{ModeDone, ModeRequest, ModeStep, OnboardRequest, Onboarded, StepDone};
use crate::office::setup::parse_duration;
use crate::surface::render::{Paint, text};

/// Arguments of `agents onboard`.
#[derive(Debug, clap::Args)]
pub(super) struct OnboardArgs {
    /// Whom
    #[arg(required_unless_present = "mode")]
    name: Option<AgentName>,
    /// All agents of a mode: bootstrap_cli, compliance_refactor_v2, memory_nexus,
    /// production_ready, enterprise_deploy, live_ops_growth, or your own of config/onboarding/modes
    #[arg(long, conflicts_with_all = ["name", "role"])]
    mode: Option<String>,
    /// The role it takes: a text of config/onboarding/roles; its own when left out
    #[arg(long, value_parser = super::agents::role)]
    role: Option<Role>,
    /// A text of config/onboarding/styles
    #[arg(long, default_value = "professional")]
    style: String,
    /// A sequence of config/onboarding: soft, or hard for a window whose work may be lost
    #[arg(long, default_value = "soft", value_name = "soft|hard")]
    way: String,
    /// How long a busy window is waited for, all steps of an agent together
    #[arg(long, default_value = "5m", value_name = "TIME", value_parser = parse_duration)]
    patience: Duration,
    /// Show the steps and look at the window; send and type nothing
    #[arg(long)]
    dry_run: bool,
}

impl OnboardArgs {
    pub(super) fn run(self, cx: &Context, office: &Office) -> Result<(), Failure> {
        let Self { name, mode, role, style, way, patience, dry_run } = self;
        match (name, mode) {
            (_, Some(mode)) => team(cx, office, &ModeRequest { mode, style, way, patience, dry_run }),
            (Some(agent), None) => {
                let (duty, captain) = (None, None);
                one(cx, office, &OnboardRequest { agent, role, duty, captain, style, way, patience, dry_run })
            }
            (None, None) => Err(Failure::usage("whom? write: cellphone agents onboard AGENT")),
        }
    }
}

fn one(cx: &Context, office: &Office, request: &OnboardRequest) -> Result<(), Failure> {
    let mut broken = Ok(());
    let mut told = |step: &StepDone| {
        if !cx.json() && broken.is_ok() {
            broken = cx.print(&line(cx, step));
        }
    };
    let done = office.onboard(request, &mut told)?;
    broken?;
    if cx.json() {
        return cx.write_json(&done);
    }
    if request.dry_run {
        cx.print(&done.steps.iter().map(|s| line(cx, s)).collect::<String>())?;
    }
    cx.say(&end(&done))
}

/// Every agent of a mode. 75 when one was only put off, 1 when one failed.
fn team(cx: &Context, office: &Office, request: &ModeRequest) -> Result<(), Failure> {
    let mut broken = Ok(());
    let mut last: Option<AgentName> = None;
    let mut told = |agent: &AgentName, step: &StepDone| {
        if !cx.json() && broken.is_ok() {
            let head = if last.as_ref() == Some(agent) { String::new() } else { heading(cx, agent) };
            last = Some(agent.clone());
            broken = cx.print(&format!("{head}{}", line(cx, step)));
        }
    };
    let done = office.onboard_mode(request, &mut told)?;
    broken?;
    if cx.json() {
        cx.write_json(&done)?
    } else {
        cx.print(&summary(cx, &done, request.dry_run))?
    }
    match done.agents.iter().filter(|step| step.why.is_some()).collect::<Vec<_>>().as_slice() {
        [] => Ok(()),
        left if left.iter().all(|step| step.later) => Err(Failure::Silent(75)),
        _ => Err(Failure::Silent(1)),
    }
}

fn heading(cx: &Context, agent: &AgentName) -> String {
    format!("{}\n", cx.paint(Paint::Strong, agent.as_str()))
}

fn summary(cx: &Context, done: &ModeDone, dry_run: bool) -> String {
    let mut out = format!("\n{}: {}\n", cx.paint(Paint::Strong, &done.mode), text::line(&done.about));
    for step in &done.agents {
        let ModeStep { agent, role, done, why, .. } = step;
        let label = format!("{} {}", text::pad(agent.as_str(), 10, false), text::pad(role.as_str(), 10, false));
        let (paint, words) = match (done, why) {
            (Some(done), _) if dry_run => (None, ready(done)),
            (Some(done), _) => (Some(Paint::Good), end(done)),
            (None, why) => (Some(Paint::Bad), why.clone().unwrap_or_default()),
        };
        let words = text::wrap(&text::line(&words), cx.style.width, 24);
        out += &format!("  {label} {}\n", paint.map_or_else(|| words.clone(), |p| cx.paint(p, &words)));
    }
    if !done.absent.is_empty() {
        let names: Vec<&str> = done.absent.iter().map(AgentName::as_str).collect();
        out += &format!("  not on the roster, and passed over: {}\n", names.join(", "));
    }
    out
}

/// What a dry run says of one agent, in a line.
fn ready(done: &Onboarded) -> String {
    let waits = done.steps.iter().find(|step| step.how != "the window is ready");
    match (done.channel, waits) {
        (None, _) => "by mail only: it has no window to type into".to_owned(),
        (Some(channel), None) => format!("by {channel}, whose window is ready"),
        (Some(channel), Some(step)) => format!("by {channel}: {}", step.how),
    }
}

fn end(done: &Onboarded) -> String {
    let (agent, role) = (&done.agent, &done.role);
    match (done.channel, done.id) {
        (Some(channel), None) => {
            format!("{agent} would be onboarded as {role}, by {channel}; nothing was sent or typed")
        }
        (None, None) => format!("{agent} would be onboarded as {role}, by mail only: it has no window to type into"),
        (Some(channel), Some(id)) => {
            format!("{agent} is onboarded as {role}, by {channel}; the same text is mail {id}")
        }
        (None, Some(id)) => format!("{agent} is {role}; its text is mail {id}: it has no window to type into"),
    }
}

fn line(cx: &Context, step: &StepDone) -> String {
    format!("  {}  {}\n", text::line(&step.step), cx.paint(Paint::Faint, &text::line(&step.how)))
}
