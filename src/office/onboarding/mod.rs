//! Onboarding: an agent is told its place, first by mail and then in its
//! window, step by step.
//!
//! The mail comes first, so nothing depends on the window. The sequence is
//! data (`config/onboarding/*.yaml`, role and style texts beside it), used as
//! the approved copy only: an agent that can write the tree cannot choose what
//! is typed into another's window. Each step goes through the same gates as a
//! nudge and waits while one is closed; meanwhile the daemon does not ring
//! that window. Each step stands in the journal, with how it ended. What a
//! look can tell beforehand (the window, its pictures, the keys) refuses all
//! of it before anything is sent or changed.

mod mode;
mod sequence;
mod texts;

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;

use self::sequence::{Act, Step};
use self::texts::Texts;
use super::coords::At;
use super::wake::{held_by_person, target, target_at};
use super::{ErrorKind, Office, OfficeError, Result, SendRequest};
use crate::fsio::Lock;
use crate::model::{Address, AgentName, Event, EventKind, Kind, MessageId, Permission, Role};
use crate::nudge::{self, Notice, NudgeContext, Outcome, SubmitRule, Target, Way};
use crate::roster::{Agent, Channel, ChannelKind};

pub(super) use self::mode::check;
pub use self::mode::{ModeDone, ModeRequest, ModeStep};

/// Longest wait for a host's answer to one step.
const LIMIT: Duration = Duration::from_secs(15);

/// Between two looks at a closed gate.
const LOOK: Duration = Duration::from_millis(250);

/// What is asked for.
#[derive(Debug, Clone)]
pub struct OnboardRequest {
    /// Whom.
    pub agent: AgentName,
    /// The role it takes; its own when absent.
    pub role: Option<Role>,
    /// What it is for, beside the text of its role.
    pub duty: Option<String>,
    /// Who leads it, when that is not yet on the roster.
    pub captain: Option<AgentName>,
    /// A file of `config/onboarding/styles`.
    pub style: String,
    /// A sequence of `config/onboarding`: `soft` or `hard`.
    pub way: String,
    /// How long a closed gate is waited for, all steps together.
    pub patience: Duration,
    /// Look only; nothing is sent, changed or typed.
    pub dry_run: bool,
}

/// One step, and how it ended.
#[derive(Debug, Clone, Serialize)]
pub struct StepDone {
    /// The step in a few words.
    pub step: String,
    /// How it ended; in a dry run, whether the window is ready now.
    pub how: String,
}

/// What was done.
#[derive(Debug, Clone, Serialize)]
pub struct Onboarded {
    /// Whom.
    pub agent: AgentName,
    /// The role it has now.
    pub role: Role,
    /// The mail that says the same; none in a dry run.
    pub id: Option<MessageId>,
    /// The channel of the steps; without one only the mail was sent.
    pub channel: Option<ChannelKind>,
    /// The steps.
    pub steps: Vec<StepDone>,
}

/// The steps on one channel.
struct Planned {
    kind: ChannelKind,
    chat: Target,
    /// The other point of a window, where a step needs it.
    onboarding: Option<Target>,
    steps: Vec<Step>,
}

impl Planned {
    fn target(&self, step: &Step) -> &Target {
        self.onboarding.as_ref().filter(|_| step.at == At::Onboarding).unwrap_or(&self.chat)
    }

    /// Whether each step could be done now.
    fn rehearse(&self, office: &Office) -> Vec<Outcome> {
        let judge = |step: &Step| nudge::rehearse(self.target(step), step.asked(), &context(office));
        if self.kind == ChannelKind::Screen {
            return self.steps.iter().map(judge).collect();
        }
        // One look at a terminal tells the same for all of them.
        self.steps.first().map(|first| vec![judge(first); self.steps.len()]).unwrap_or_default()
    }
}

impl Office {
    /// Gives an agent its place. Tells each step as it ends.
    ///
    /// # Errors
    /// Refused by role, or because a step cannot be done on the agent's
    /// channel or in its window: nothing was sent or changed then. Put off ([`ErrorKind::TryAgain`]) or
    /// failed in the middle: the mail is in the inbox then.
    pub fn onboard(&self, request: &OnboardRequest, told: &mut dyn FnMut(&StepDone)) -> Result<Onboarded> {
        self.may(Permission::Onboard)?;
        let agent = self.entry(&request.agent)?;
        let role = request.role.clone().unwrap_or_else(|| agent.role.clone());
        if role != agent.role {
            self.may(Permission::Roster)?;
        }
        if agent.is_human() || role == Role::human() || role == Role::system() {
            let why = format!("{} is a person or would be one; only agents are onboarded", agent.name);
            return Err(OfficeError::new(ErrorKind::Refused, why).hint("cellphone agents list"));
        }
        self.must_be_private()?;
        let texts = Texts::read(self, &agent, &role, request)?;
        let planned =
            agent.channels.iter().find(|c| typed(c.kind)).map(|c| self.steps(&agent, c, &texts)).transpose()?;
        let mut done = Onboarded { agent: agent.name.clone(), role, id: None, channel: None, steps: Vec::new() };
        let judged = planned.as_ref().map(|planned| planned.rehearse(self)).unwrap_or_default();
        if request.dry_run {
            let Some(planned) = planned else { return Ok(done) };
            done.channel = Some(planned.kind);
            let steps = planned.steps.iter().zip(&judged);
            let how = |outcome| shown(held_by_person(self, &agent), outcome);
            done.steps = steps.map(|(s, outcome)| StepDone { step: s.words(), how: how(outcome) }).collect();
            return Ok(done);
        }
        for (step, outcome) in planned.iter().flat_map(|planned| &planned.steps).zip(&judged) {
            if let Outcome::Failed(why) = outcome {
                let why = format!("step {}: {why}; nothing was sent or changed", step.words());
                return Err(OfficeError::new(ErrorKind::Failed, why)
                    .hint(format!("cellphone agents onboard {} --dry-run", agent.name)));
            }
        }
        let _one = self.only_one(&agent.name)?;
        if agent.role != done.role {
            let change = super::setup::AgentChange { role: Some(done.role.clone()), ..Default::default() };
            self.set_agent(&agent.name, change)?;
        }
        self.ensure_mailbox(&agent.name)?;
        let sent = self.send(SendRequest {
            to: vec![Address::Agent(agent.name.clone())],
            subject: format!("Your place: {}", done.role),
            body: format!("{}\n{}\n", texts.role.trim_end(), texts.style.trim_end()),
            kind: Some(Kind::Onboarding),
            ..SendRequest::default()
        })?;
        done.id = Some(sent.id);
        let Some(planned) = planned else { return Ok(done) };
        done.channel = Some(planned.kind);
        let end = Instant::now() + request.patience;
        for (number, step) in planned.steps.iter().enumerate() {
            let label = format!("{}/{} {}", number + 1, planned.steps.len(), step.words());
            let how = self.take_step(sent.id, &agent, &planned, step, &label, end)?;
            let one = StepDone { step: step.words(), how };
            told(&one);
            done.steps.push(one);
        }
        Ok(done)
    }

    /// The steps for one channel, and its targets. Refuses what that cannot do.
    fn steps(&self, agent: &Agent, channel: &Channel, texts: &Texts) -> Result<Planned> {
        let refused = |why: String| OfficeError::new(ErrorKind::Refused, why);
        let chat = target(self, agent, channel)
            .map_err(|why| refused(why).hint(format!("cellphone agents show {}", agent.name)))?;
        let words = [
            ("agent", agent.name.as_str()),
            ("role", texts.role_name.as_str()),
            ("captain", texts.captain.as_str()),
            ("role_text", texts.role.as_str()),
            ("style", texts.style.as_str()),
        ];
        let steps = sequence::plan(&texts.sequence, &words, channel.kind, &chat.way).map_err(|why| {
            refused(format!("{}: {why}; nothing was sent or typed", texts.path))
                .hint(format!("edit {} and run `cellphone trust`, or give {} another channel", texts.path, agent.name))
        })?;
        let elsewhere = channel.kind == ChannelKind::Screen && steps.iter().any(|s| s.at == At::Onboarding);
        let onboarding = elsewhere.then(|| target_at(self, agent, channel, At::Onboarding)).transpose();
        let onboarding = onboarding.map_err(|why| {
            refused(format!("{}: a step clicks the onboarding point: {why}; nothing was sent or typed", texts.path))
                .hint(format!("cellphone coords capture {} --onboarding", agent.name))
        })?;
        for (target, at) in [(Some(&chat), At::Chat), (onboarding.as_ref(), At::Onboarding)] {
            let used =
                target.filter(|target| target.submit == SubmitRule::Verified && steps.iter().any(|s| s.at == at));
            if let Some(Way::Screen(screen)) = used.map(|target| &target.way)
                && screen.composer.is_none()
            {
                let what = if at == At::Chat { "composer" } else { "composer at the onboarding point" };
                let why = format!(
                    "nobody knows how the empty {what} of {} looks, so what is typed there could not be read back; \
                     nothing was sent or typed",
                    agent.name
                );
                return Err(refused(why).hint(at.register(&agent.name)));
            }
        }
        Ok(Planned { kind: channel.kind, chat, onboarding, steps })
    }

    /// Takes one step, waiting while a gate is closed.
    fn take_step(
        &self,
        id: MessageId,
        agent: &Agent,
        planned: &Planned,
        step: &Step,
        label: &str,
        end: Instant,
    ) -> Result<String> {
        let note = |how: &str| {
            let event = Event::new(Timestamp::now(), EventKind::Onboarding).id(id).agent(&agent.name);
            self.note(&[event.with("step", label).with("channel", planned.kind).with("how", how)]);
        };
        let mut noted = String::new();
        loop {
            let outcome = match held_by_person(self, agent) {
                Some(words) => Err(words),
                None => match self.attempt_step(planned.target(step), step) {
                    Outcome::Deferred(reason) => Err(reason.explain().to_owned()),
                    other => Ok(other),
                },
            };
            let why = match outcome {
                Ok(Outcome::Failed(why)) => {
                    note(&format!("failed: {why}"));
                    let why = format!("step {label}: {why}; the same text waits in the inbox as {id}");
                    return Err(
                        OfficeError::new(ErrorKind::Failed, why).hint(format!("cellphone agents show {}", agent.name))
                    );
                }
                Ok(outcome) => {
                    let how = match outcome {
                        Outcome::Submitted { blind: true } => "submitted, blind",
                        Outcome::Submitted { blind: false } => "submitted, read back",
                        _ => "pressed",
                    };
                    note(how);
                    return Ok(how.to_owned());
                }
                Err(why) => why,
            };
            if noted != why {
                note(&format!("put off: {why}"));
                noted.clone_from(&why);
            }
            if Instant::now() + LOOK >= end {
                note(&format!("given up: {why}"));
                let why = format!("step {label}: put off: {why}; the same text waits in the inbox as {id}");
                return Err(
                    OfficeError::new(ErrorKind::TryAgain, why).hint("run it again later, with a longer --patience")
                );
            }
            std::thread::sleep(LOOK);
        }
    }

    fn attempt_step(&self, target: &Target, step: &Step) -> Outcome {
        let mut context = context(self);
        match &step.act {
            Act::Press(key) => nudge::press(target, *key, &context).outcome,
            Act::Say(text) => {
                context.message = Some(text.clone());
                nudge::nudge(target, &nothing_new(&target.agent), &context).outcome
            }
        }
    }

    /// One onboarding of an agent at a time. The lock also keeps the daemon
    /// from ringing in between.
    fn only_one(&self, agent: &AgentName) -> Result<Lock> {
        let dir = self.root().state().child_or_create("locks")?;
        // The daemon looks at the lock by taking it, for a moment.
        let end = Instant::now() + Duration::from_secs(1);
        loop {
            match Lock::try_exclusive(&dir, &lock_name(agent))? {
                Some(lock) => return Ok(lock),
                None if Instant::now() >= end => {
                    let why = format!("{agent} is being onboarded by another command at this moment");
                    return Err(
                        OfficeError::new(ErrorKind::Conflict, why).hint(format!("cellphone log, and look for {agent}"))
                    );
                }
                None => std::thread::sleep(Duration::from_millis(10)),
            }
        }
    }

    /// Whether an onboarding of the agent is under way.
    pub(super) fn is_being_onboarded(&self, agent: &AgentName) -> bool {
        let Ok(dir) = self.root().state().child("locks") else { return false };
        let name = lock_name(agent);
        dir.stat(&name).is_ok_and(|there| there.is_some()) && matches!(Lock::try_exclusive(&dir, &name), Ok(None))
    }
}

fn lock_name(agent: &AgentName) -> String {
    format!("onboarding-{}", agent.as_str().to_ascii_lowercase())
}

const fn typed(kind: ChannelKind) -> bool {
    matches!(kind, ChannelKind::Pty | ChannelKind::Tmux | ChannelKind::Screen)
}

fn nothing_new(agent: &AgentName) -> Notice {
    Notice { agent: agent.clone(), new: 0, urgent: 0, from: Vec::new(), ids: Vec::new() }
}

fn context(office: &Office) -> NudgeContext {
    NudgeContext {
        human_idle: office.settings().nudge.human_idle,
        limit: LIMIT,
        ..NudgeContext::new(office.root().state().path())
    }
}

/// What a dry run says of a step.
fn shown(held: Option<String>, outcome: &Outcome) -> String {
    match (held, outcome) {
        (_, Outcome::Failed(why)) => format!("would fail: {why}"),
        (Some(why), _) => format!("would wait: {why}"),
        (None, Outcome::Deferred(reason)) => format!("would wait: {reason}"),
        (None, _) => "the window is ready".to_owned(),
    }
}
