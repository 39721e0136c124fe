//! Carrying out one order: a window is tried, or the captain is told.
//!
//! Blocking, for a thread of its own. What the roster and the approved files
//! say is mapped onto what a channel needs to know; nothing here comes from
//! the tree an agent can write, but the message that `nudge.content: message`
//! asks for.

use std::time::Duration;

use super::{End, Order, Rung};
use crate::config::{SecretSource, strict};
use crate::mailbox::Which;
use crate::model::{Address, AgentName, Priority, Role};
use crate::nudge::{
    self, Attempt, Notice, NudgeContext, Outcome, PinnedProcess, SubmitRule, Target, TmuxTarget, Way, foreground,
};

use crate::office::coords::At;
use crate::office::coords_target::screen_target;
use crate::office::joining::last_part;
use crate::office::{ErrorKind, Office, OfficeError, Result, SendRequest};
use crate::roster::{Agent, Channel, ChannelKind, Coordinates, NudgeContent, Pin, Submit};

/// Longest run of a command, longest wait for a host.
pub(super) const LIMIT: Duration = Duration::from_secs(15);

/// Messages that are pasted whole, with `nudge.content: message`.
const PASTED: usize = 5;

/// Carries out an order. Never fails: what went wrong is in the result.
#[must_use]
pub fn ring(office: &Office, order: Order) -> Rung {
    match order {
        Order::TellCaptain { about, words } => told(&about, tell_captain(office, &about, &words)),
        Order::TellPeople { about, words } => told(&about, tell_people(office, &about, &words)),
        Order::TellOfLoop { about, other } => told(&about, tell_of_loop(office, &about, &other)),
        Order::Ring { channel, notice } => {
            let agent = notice.agent.clone();
            // The mail may have been read since the order was given: then there is nothing to say.
            let end = match office.unread(&agent) {
                Ok(unread) if unread.ids.is_empty() => End::Retracted,
                Ok(unread) => {
                    let notice = super::notice(&agent, &unread);
                    End::Tried(attempt(office, &agent, channel, &notice, false), notice.ids)
                }
                Err(e) => {
                    let why = format!("the mailbox cannot be read: {e}");
                    End::Tried(Attempt::of(Outcome::Failed(why)), notice.ids)
                }
            };
            Rung { agent, end }
        }
    }
}

/// An agent and the channel that is tried first.
pub(super) fn first_channel<'a>(office: &'a Office, agent: &str) -> Result<(&'a Agent, &'a Channel)> {
    let agent = office.roster().get(agent).ok_or_else(|| {
        OfficeError::new(ErrorKind::NotFound, format!("{agent} is not on the roster")).hint("cellphone agents list")
    })?;
    let first = agent.channels.first().ok_or_else(|| {
        OfficeError::new(ErrorKind::NotFound, format!("{} has no channel to ring", agent.name))
            .hint(format!("cellphone agents set {} --channel tmux --target PANE", agent.name))
    })?;
    Ok((agent, first))
}

pub(super) fn attempt(office: &Office, agent: &AgentName, channel: usize, notice: &Notice, dry_run: bool) -> Attempt {
    let Some(agent) = office.roster().get(agent.as_str()) else {
        return Attempt::of(Outcome::failed("it is not on the roster any more"));
    };
    let Some(channel) = agent.channels.get(channel) else {
        return Attempt::of(Outcome::failed("the channel is not on the roster any more"));
    };
    let target = match target(office, agent, channel) {
        Ok(target) => target,
        Err(why) => return Attempt::of(Outcome::Failed(why)),
    };
    let webhook_token = match channel.kind {
        ChannelKind::Webhook => crate::config::webhook_token(office.root(), office.settings()),
        _ => Ok(SecretSource::None),
    };
    let webhook_token = match webhook_token {
        Ok(source) => source,
        Err(e) => return Attempt::of(Outcome::Failed(e.to_string())),
    };
    let context = NudgeContext {
        human_idle: office.settings().nudge.human_idle,
        limit: LIMIT,
        webhook_token,
        message: (agent.nudge.content == NudgeContent::Message).then(|| content(office, &agent.name)).flatten(),
        dry_run,
        ..NudgeContext::new(office.root().state().path())
    };
    let begun = std::time::Instant::now();
    let attempt = nudge::nudge(&target, notice, &context);
    tracing::debug!(agent = %agent.name, channel = %channel.kind, outcome = ?attempt.outcome, took = ?begun.elapsed(), "a window was tried");
    attempt
}

/// What a channel needs to know, from the roster and the approved files.
pub(in crate::office) fn target(
    office: &Office,
    agent: &Agent,
    channel: &Channel,
) -> std::result::Result<Target, String> {
    target_at(office, agent, channel, At::Chat)
}

/// The same for one of the two points of a window.
pub(in crate::office) fn target_at(
    office: &Office,
    agent: &Agent,
    channel: &Channel,
    at: At,
) -> std::result::Result<Target, String> {
    // Without a target nothing is run and no key is pressed.
    strict::check(office.root(), office.settings()).map_err(|e| e.to_string())?;
    let pin = channel.pin.clone().unwrap_or_default();
    let way = match channel.kind {
        ChannelKind::Pty => Way::Pty,
        ChannelKind::Desktop => Way::Desktop,
        ChannelKind::Webhook => Way::Webhook(channel.target.clone().unwrap_or_default()),
        ChannelKind::Command => Way::Command(channel.command.clone()),
        ChannelKind::Tmux => Way::Tmux(TmuxTarget {
            socket: channel.tmux_socket.clone(),
            process: process(&pin),
            pane: pin.pane.or_else(|| channel.target.clone()),
        }),
        ChannelKind::Screen => Way::Screen(screen_target(office.root(), agent, channel, at)?),
    };
    let submit = match agent.nudge.submit {
        Submit::Verified => SubmitRule::Verified,
        Submit::Blind => SubmitRule::Blind,
    };
    let mut target = Target::new(agent.name.clone(), way);
    target.submit = submit;
    // What was shown of a window holds where the roster does not say; else what runs in it now.
    let shown = || {
        let all = Coordinates::load(office.root()).ok().filter(|_| channel.kind == ChannelKind::Screen)?;
        all.get(agent.name.as_str())?.profile.clone()
    };
    if let Some(name) = agent.profile.clone().or_else(shown).or_else(|| profile_in_front(office, &target.way)) {
        // Without one, that of any prompt, whose gates are the strictest.
        target.profile = office.profile(&name)?.unwrap_or_default();
    }
    Ok(target)
}

/// The profile of the program that is in a pane now: it may have been started
/// after the pane was joined.
fn profile_in_front(office: &Office, way: &Way) -> Option<String> {
    let Way::Tmux(TmuxTarget { process: Some(process), .. }) = way else { return None };
    // `node /usr/bin/claude`: the program is the second word.
    let words = foreground::words(process.pid)?;
    let parts: Vec<String> = words.iter().take(2).map(|word| last_part(word)).collect();
    office.profile_of(parts.iter().map(String::as_str))
}

fn process(pin: &Pin) -> Option<PinnedProcess> {
    Some(PinnedProcess { pid: pin.pid?, start: pin.start? })
}

/// The newest unread messages, to be pasted whole.
fn content(office: &Office, agent: &AgentName) -> Option<String> {
    let mailbox = office.tree.mailbox(agent).ok()?;
    let found = mailbox.scan(Which::Unread, Some(PASTED)).ok()?;
    let texts: Vec<String> = found
        .iter()
        .filter_map(|one| mailbox.open(one).ok())
        // Opened in a window, it would be in the scrollback of a terminal.
        .filter(|message| !message.header.sealed)
        .map(|message| format!("From {}: {}\n{}", message.from(), message.header.subject, message.body))
        .collect();
    (!texts.is_empty()).then(|| texts.join("\n"))
}

fn told(about: &AgentName, result: Result<()>) -> Rung {
    if let Err(e) = result {
        tracing::warn!(%about, error = %e, "nobody could be told of it");
    }
    Rung { agent: about.clone(), end: End::Told }
}

fn tell_captain(office: &Office, about: &AgentName, words: &str) -> Result<()> {
    let Some(captain) = office.roster().captain() else { return Ok(()) };
    if captain.name == *about {
        // Told of its own silence it would only get more mail it does not read.
        return Ok(());
    }
    tell(office, vec![captain.name.clone()], about, words, Priority::Normal)
}

/// People are told by mail, whose window is the desktop notification: so it
/// is durable, repeated while nobody looks, and kept back by their own limits.
fn tell_people(office: &Office, about: &AgentName, words: &str) -> Result<()> {
    let people = office.roster().with_role(&Role::human());
    tell(office, people.into_iter().map(|a| a.name.clone()).collect(), about, words, Priority::Urgent)
}

fn tell(office: &Office, to: Vec<AgentName>, about: &AgentName, words: &str, priority: Priority) -> Result<()> {
    if to.is_empty() {
        return Ok(());
    }
    office.send_as_system(SendRequest {
        to: to.into_iter().map(Address::Agent).collect(),
        subject: format!("{about} cannot be woken"),
        body: format!("{about}: {words}.\n\nThe mail waits in its inbox. See `cellphone status`, or try `cellphone nudge {about}`.\n"),
        priority,
        ..SendRequest::default()
    })?;
    Ok(())
}

fn tell_of_loop(office: &Office, about: &AgentName, other: &AgentName) -> Result<()> {
    let Some(captain) = office.roster().captain() else { return Ok(()) };
    office.send_as_system(SendRequest {
        to: vec![Address::Agent(captain.name.clone())],
        subject: format!("{about} and {other} answer each other without end"),
        body: format!(
            "{about} and {other} have answered each other within moments many times. Their mail is delivered as before, \
             but their windows ring seldom until they rest (nudge.loop_burst and nudge.loop_pace in \
             config/cellphone.yaml). If it is a loop, write to one of them, or hold it with \
             `cellphone agents set {about} --dnd 1h`.\n"
        ),
        ..SendRequest::default()
    })?;
    Ok(())
}
