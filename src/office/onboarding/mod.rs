//! Onboarding: an agent is told its place, first by mail and then in its
//! window, step by step.
//!
//! The mail comes first, so nothing depends on the window. The sequence is
//! data (`config/onboarding/*.yaml`, role and style texts beside it), used as
//! the approved copy only: an agent that can write the tree cannot choose what
//! is typed into another's window. Each step goes through the same gates as a
//! nudge and waits while one is closed; meanwhile the daemon does not ring
//! that window. Each step stands in the journal, with how it ended.

mod sequence;

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;

use self::sequence::{Act, Place, Step};
use super::wake::{held_by_person, target};
use super::{ErrorKind, Office, OfficeError, Result, SendRequest};
use crate::config::{COORDINATES, trust};
use crate::fsio::Lock;
use crate::model::{Address, AgentName, Event, EventKind, Kind, MessageId, Role};
use crate::nudge::{self, Notice, NudgeContext, Outcome, Spot, Target, Way};
use crate::roster::{Agent, Channel, ChannelKind};

const FOLDER: &str = "config/onboarding";

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

impl Office {
    /// Gives an agent its place. Tells each step as it ends.
    ///
    /// # Errors
    /// Refused by role, or because a step cannot be done on the agent's
    /// channel: nothing was sent then. Put off ([`ErrorKind::TryAgain`]) or
    /// failed in the middle: the mail is in the inbox then.
    pub fn onboard(&self, request: &OnboardRequest, told: &mut dyn FnMut(&StepDone)) -> Result<Onboarded> {
        self.must_manage()?;
        let agent = self.entry(&request.agent)?;
        let role = request.role.clone().unwrap_or_else(|| agent.role.clone());
        if agent.is_human() || role == Role::human() || role == Role::system() {
            let why = format!("{} is a person or would be one; only agents are onboarded", agent.name);
            return Err(OfficeError::new(ErrorKind::Refused, why).hint("cellphone agents list"));
        }
        let texts = Texts::read(self, &agent, &role, request)?;
        let planned =
            agent.channels.iter().find(|c| typed(c.kind)).map(|c| self.steps(&agent, c, &texts)).transpose()?;
        let mut done = Onboarded { agent: agent.name.clone(), role, id: None, channel: None, steps: Vec::new() };
        if request.dry_run {
            let Some((kind, target, steps)) = planned else { return Ok(done) };
            done.channel = Some(kind);
            let ready = examine(self, &target);
            done.steps = steps.iter().map(|s| StepDone { step: s.words(), how: ready.clone() }).collect();
            return Ok(done);
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
        let Some((kind, target, steps)) = planned else { return Ok(done) };
        done.channel = Some(kind);
        let end = Instant::now() + request.patience;
        for (number, step) in steps.iter().enumerate() {
            let label = format!("{}/{} {}", number + 1, steps.len(), step.words());
            let how = self.take_step(sent.id, &agent, &target, kind, step, &label, end)?;
            let one = StepDone { step: step.words(), how };
            told(&one);
            done.steps.push(one);
        }
        Ok(done)
    }

    /// The steps for one channel, and its target. Refuses what that cannot do.
    fn steps(&self, agent: &Agent, channel: &Channel, texts: &Texts) -> Result<(ChannelKind, Target, Vec<Step>)> {
        let refused = |why: String| OfficeError::new(ErrorKind::Refused, why);
        let target = target(self, agent, channel)
            .map_err(|why| refused(why).hint(format!("cellphone agents show {}", agent.name)))?;
        let words = [
            ("agent", agent.name.as_str()),
            ("role", texts.role_name.as_str()),
            ("captain", texts.captain.as_str()),
            ("role_text", texts.role.as_str()),
            ("style", texts.style.as_str()),
        ];
        let steps = sequence::plan(&texts.sequence, &words, channel.kind, &target.way).map_err(|why| {
            refused(format!("{}: {why}; nothing was sent or typed", texts.path))
                .hint(format!("edit {} and run `cellphone trust`, or give {} another channel", texts.path, agent.name))
        })?;
        let elsewhere = steps.iter().any(|s| s.at == Place::Onboarding);
        if channel.kind == ChannelKind::Screen && elsewhere && self.onboarding_spot(&agent.name)?.is_none() {
            let why = format!(
                "{}: a step clicks the onboarding point of {}, which {COORDINATES} does not have; nothing was sent or \
                 typed",
                texts.path, agent.name
            );
            return Err(
                refused(why).hint(format!("add onboarding_coordinates to {COORDINATES} and run `cellphone trust`"))
            );
        }
        Ok((channel.kind, target, steps))
    }

    /// Takes one step, waiting while a gate is closed.
    #[allow(clippy::too_many_arguments)] // One call; a struct would only rename them.
    fn take_step(
        &self,
        id: MessageId,
        agent: &Agent,
        target: &Target,
        kind: ChannelKind,
        step: &Step,
        label: &str,
        end: Instant,
    ) -> Result<String> {
        let note = |how: &str| {
            let event = Event::new(Timestamp::now(), EventKind::Onboarding).id(id).agent(&agent.name);
            self.note(&[event.with("step", label).with("channel", kind).with("how", how)]);
        };
        let mut noted = String::new();
        loop {
            let outcome = match held_by_person(self, agent) {
                Some(words) => Err(words),
                None => match self.attempt_step(agent, target, step)? {
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

    fn attempt_step(&self, agent: &Agent, target: &Target, step: &Step) -> Result<Outcome> {
        let mut context = context(self);
        let mut target = target.clone();
        if step.at == Place::Onboarding
            && let Way::Screen(screen) = &mut target.way
        {
            screen.spot = self.onboarding_spot(&agent.name)?;
            // The registered picture is of the other point: it would be read back where nothing is typed.
            screen.composer = None;
        }
        Ok(match &step.act {
            Act::Press(key) => nudge::press(&target, *key, &context).outcome,
            Act::Say(text) => {
                context.message = Some(text.clone());
                nudge::nudge(&target, &nothing_new(&agent.name), &context).outcome
            }
        })
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

    /// Where a new conversation of the agent has its composer, from the
    /// approved coordinates.
    fn onboarding_spot(&self, agent: &AgentName) -> Result<Option<Spot>> {
        let all = self.coordinates()?;
        Ok(all.get(agent.as_str()).and_then(|place| place.onboarding).map(|(x, y)| Spot { x, y }))
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

fn examine(office: &Office, target: &Target) -> String {
    let context = NudgeContext { dry_run: true, ..context(office) };
    match nudge::nudge(target, &nothing_new(&target.agent), &context).outcome {
        Outcome::Deferred(reason) => format!("would wait: {reason}"),
        Outcome::Failed(why) => format!("would fail: {why}"),
        _ => "the window is ready".to_owned(),
    }
}

/// The approved texts of one onboarding.
struct Texts {
    path: String,
    sequence: Vec<u8>,
    role_name: String,
    role: String,
    style: String,
    captain: String,
}

impl Texts {
    fn read(office: &Office, agent: &Agent, role: &Role, request: &OnboardRequest) -> Result<Self> {
        let path = file(&request.way, "", "yaml")?;
        let sequence = approved(office, &path)?;
        let lead = office.roster().captain().filter(|c| c.name != agent.name);
        let captain =
            lead.or_else(|| office.roster().default_actor()).map_or("your user", |a| a.name.as_str()).to_owned();
        let words = [("agent", agent.name.as_str()), ("role", role.as_str()), ("captain", captain.as_str())];
        let text = |path: String| -> Result<String> {
            let text = String::from_utf8_lossy(&approved(office, &path)?).into_owned();
            sequence::fill(&text, &words).map_err(|why| {
                OfficeError::new(ErrorKind::Refused, format!("{path}: {why}"))
                    .hint(format!("edit {path} and run `cellphone trust`"))
            })
        };
        let (role_text, style) =
            (text(file(role.as_str(), "roles/", "md")?)?, text(file(&request.style, "styles/", "md")?)?);
        Ok(Self { path, sequence, role_name: role.to_string(), role: role_text, style, captain })
    }
}

/// A name becomes part of a path, so it is checked like any name.
fn file(name: &str, folder: &str, end: &str) -> Result<String> {
    let name = AgentName::new(name).map_err(|_| OfficeError::new(ErrorKind::Usage, format!("{name:?} is no name")))?;
    Ok(format!("{FOLDER}/{folder}{}.{end}", name.as_str()))
}

fn approved(office: &Office, path: &str) -> Result<Vec<u8>> {
    if let Some(bytes) = trust::approved(office.root(), path)? {
        return Ok(bytes);
    }
    let there = office.root().read(path)?.is_some();
    let root = office.root().path().display();
    Err(if there {
        OfficeError::new(ErrorKind::Refused, format!("{path} is not approved; nothing was sent or typed"))
            .hint("read it, then run: cellphone trust")
    } else {
        OfficeError::new(ErrorKind::NotFound, format!("{path} is not there; nothing was sent or typed"))
            .hint(format!("write it and run `cellphone trust`; `cellphone init {root}` adds the usual ones"))
    })
}
