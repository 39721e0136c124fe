//! `nudge AGENT` without the daemon: one attempt by hand, within the limits
//! that hold for the daemon too, and noted as its attempts are.

use jiff::Timestamp;

use super::limits::held;
use super::ring::{attempt, first_channel};
use crate::mailbox::Which;
use crate::model::{Action, Event, EventKind, Permission, Priority};
use crate::nudge::policy::Hold;
use crate::nudge::{Attempt, Notice, Outcome};
use crate::office::{Office, Result};
use crate::roster::{Agent, ChannelKind};

/// Messages that are named in the journal: the newest ones.
const NAMED: usize = 8;

/// What became of a nudge by hand.
#[derive(Debug)]
pub enum Nudged {
    /// Nothing is unread: there is nothing to say.
    NothingUnread,
    /// Somebody's wish or an onboarding keeps the window silent; why, for a
    /// person.
    Held(String),
    /// The window was tried, or judged only, on this channel.
    Tried(ChannelKind, Attempt),
}

/// Tries an agent's window on its first channel, whatever the pauses say, or
/// judges it only; that changes nothing.
///
/// # Errors
/// The actor may not, no such agent, or one without a channel.
pub fn nudge_once(office: &Office, agent: &str, dry_run: bool) -> Result<Nudged> {
    let (agent, first) = first_channel(office, agent)?;
    office.may(Action::On(Permission::Ring, &agent.name))?;
    office.must_be_private()?;
    let notice =
        if dry_run { glance(office, agent)? } else { super::notice(&agent.name, &office.unread(&agent.name)?) };
    if notice.new == 0 && !dry_run {
        return Ok(Nudged::NothingUnread);
    }
    if !office.settings().nudge.enabled {
        return Ok(Nudged::Held("no window rings at all (nudge.enabled is false)".to_owned()));
    }
    if let Some(hold) = held(office, agent, notice.urgent > 0) {
        if !dry_run {
            note(office, &notice, first.kind, &held_event(&hold));
        }
        return Ok(Nudged::Held(hold.words));
    }
    let tried = attempt(office, &agent.name, 0, &notice, dry_run);
    if !dry_run {
        note(office, &notice, first.kind, &outcome_event(&tried.outcome));
    }
    Ok(Nudged::Tried(first.kind, tried))
}

/// What is unread, without putting anything in order on the way.
pub(super) fn glance(office: &Office, agent: &Agent) -> Result<Notice> {
    let mailbox = office.tree.mailbox(&agent.name)?;
    let mut notice = Notice { agent: agent.name.clone(), new: 0, urgent: 0, from: Vec::new(), ids: Vec::new() };
    for message in mailbox.scan(Which::Unread, None)?.iter().filter_map(|found| mailbox.open(found).ok()) {
        notice.new += 1;
        notice.urgent += usize::from(message.header.priority >= Priority::Urgent);
        if !notice.from.contains(&message.from()) {
            notice.from.push(message.from());
        }
    }
    Ok(notice)
}

fn held_event(hold: &Hold) -> Event {
    Event::new(Timestamp::now(), EventKind::Deferred).with("gate", hold.gate.word()).with("why", &hold.words)
}

fn outcome_event(outcome: &Outcome) -> Event {
    let event = |kind| Event::new(Timestamp::now(), kind);
    match outcome {
        Outcome::Typed => event(EventKind::Typed),
        Outcome::Submitted { blind: false } => event(EventKind::Submitted).with("grade", "verified"),
        Outcome::Submitted { blind: true } => event(EventKind::Submitted).with("grade", "blind"),
        Outcome::Delivered => event(EventKind::Submitted).with("grade", "ran"),
        Outcome::Deferred(reason) => {
            let word = serde_json::to_value(reason).ok().and_then(|v| v.as_str().map(str::to_owned));
            event(EventKind::Deferred).with("gate", word.unwrap_or_default()).with("why", reason.explain())
        }
        Outcome::Failed(why) => event(EventKind::NudgeFailed).with("why", why),
    }
}

/// One line for each message that waits, so that `trace` of it shows them.
fn note(office: &Office, notice: &Notice, channel: ChannelKind, event: &Event) {
    let event = event.clone().agent(&notice.agent).with("channel", channel).with("by_hand_of", office.actor());
    let events: Vec<Event> = notice.ids.iter().rev().take(NAMED).map(|id| event.clone().id(*id)).collect();
    office.note(&events);
}
