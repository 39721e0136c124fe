//! `cellphone trace`: the story of one message, from accepted to woken, a
//! sentence for each step, folded to the terminal.

use std::time::Duration;

use jiff::Timestamp;

use super::Run;
use super::context::Context;
use super::failure::{Code, Failure};
use crate::model::{AgentName, Event, EventKind};
use crate::surface::render::{Paint, Style, age, foreign, text};

/// Cells of the time before each sentence, the gap included.
const MARGIN: usize = 9;

/// Narrower than this nothing is folded: it would be a word a line.
const LEAST: usize = 16;

/// Arguments of `trace`.
#[derive(Debug, clap::Args)]
pub(super) struct TraceArgs {
    /// The message
    id: String,
}

impl Run for TraceArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        let events = cx.office()?.trace(&self.id)?;
        if cx.json() {
            return cx.write_json(&events);
        }
        if events.is_empty() {
            return Err(Failure::new(Code::NotFound, format!("the journal knows nothing of {}", self.id))
                .hint("cellphone search or cellphone log"));
        }
        let mut events = events;
        // A window may be judged before the sender's own lines reach the journal.
        events.sort_by_key(|e| match e.event {
            EventKind::Accepted => 0,
            EventKind::Delivered if e.detail.is_empty() => 1,
            _ => 2,
        });
        cx.print(&story(cx.style, &events, cx.now))
    }
}

fn story(style: Style, events: &[Event], now: Timestamp) -> String {
    let begin = events.first().map_or(now, |e| e.at);
    let id = events.iter().find_map(|e| e.id).map(|id| id.to_string()).unwrap_or_default();
    let mut out = fold(style, 0, None, &format!("{id}, {}", crate::model::time::rfc3339(begin)));
    for event in events {
        let since = Duration::try_from(event.at.duration_since(begin)).unwrap_or_default();
        let time = text::pad(&format!("+{}", age::span(since)), MARGIN - 1, true) + " ";
        out += &style.paint(Paint::Faint, &time);
        out += &fold(style, MARGIN, paint(event.event), &sentence(event));
    }
    for line in ends(events, begin, now) {
        out += &fold(style, 0, Some(Paint::Strong), &line);
    }
    out
}

fn paint(kind: EventKind) -> Option<Paint> {
    match kind {
        EventKind::Dead | EventKind::NudgeFailed | EventKind::Refused | EventKind::Warning => Some(Paint::Bad),
        EventKind::Escalated | EventKind::Expired | EventKind::Deferred | EventKind::Damped => Some(Paint::Warn),
        EventKind::Woken | EventKind::Done | EventKind::Acked => Some(Paint::Good),
        _ => None,
    }
}

/// One step, as a person would tell it. What has no sentence of its own is
/// told by its word and its details.
fn sentence(event: &Event) -> String {
    let who = event.agent.as_ref().map_or("somebody", AgentName::as_str);
    let get = |key: &str| event.detail.get(key).map(|value| foreign::line(value).into_owned());
    let with = |key: &str, before: &str| get(key).map(|value| format!("{before}{value}")).unwrap_or_default();
    let by = with("channel", " by ");
    match event.event {
        EventKind::Accepted => match get("recipients").as_deref() {
            Some("1") | None => format!("accepted from {who}"),
            Some(n) => format!("accepted from {who}, for {n} mailboxes"),
        },
        EventKind::Delivered => format!("delivered to {who}"),
        EventKind::Read => format!("read by {who}"),
        EventKind::Claimed => format!("claimed by {who}"),
        EventKind::Released => format!("given back by {who}{}", with("reason", ": ")),
        EventKind::Done => format!("finished by {who}"),
        EventKind::Acked => format!("acknowledged by {who}"),
        EventKind::Archived => format!("filed by {who}{}", with("reason", ": ")),
        EventKind::Deleted => format!("deleted from the archive of {who}{}", with("reason", ": ")),
        EventKind::Dead => format!("dead at {who}{}", with("reason", ": ")),
        EventKind::Expired => format!("expired at {who}"),
        EventKind::Deferred => format!("{who} waits{}{}", with("why", ": "), gate(event)),
        EventKind::Typed => format!("nudge typed to {who}{by}, not submitted"),
        EventKind::Submitted => match get("grade").as_deref() {
            Some("ran") => format!("nudge of {who} ran{by}"),
            Some("blind") => format!("nudge submitted to {who}{by}, blind: nothing could be read back"),
            _ => format!("nudge submitted to {who}{by}, read back"),
        },
        EventKind::Woken if event.detail.get("by").is_some_and(|by| by == "hook") => {
            format!("{who} learnt of it by its own hook, without a keystroke")
        }
        EventKind::Woken => format!("{who} woke{}, proved by a command of its own", after(event)),
        EventKind::Moved => format!("{who}'s mail was moved{}, without proof that it woke", after(event)),
        EventKind::Retracted => format!("nudge of {who} retracted: nothing is unread any more"),
        EventKind::NudgeFailed => format!("nudge of {who}{by} failed{}", with("why", ": ")),
        EventKind::Escalated => {
            let to = with("to", " to ");
            let why = if event.detail.contains_key("why") { with("why", ": ") } else { with("reason", ": ") };
            format!("{who}: brought on{to}{why}")
        }
        EventKind::Damped => {
            format!("{who} and {} answer each other without end: they ring seldom now", with("with", ""))
        }
        EventKind::Onboarding => format!("onboarding of {who}{}{}", with("step", ", "), with("how", ": ")),
        _ => {
            let details: Vec<String> =
                event.detail.iter().map(|(k, v)| format!("{} {}", foreign::line(k), foreign::line(v))).collect();
            let all: Vec<String> =
                [event.event.word().replace('_', " "), who.to_owned()].into_iter().chain(details).collect();
            all.join(", ")
        }
    }
}

/// `(draft, tmux)`: which gate, on which channel. What waits for no channel
/// says its gate in words.
fn gate(event: &Event) -> String {
    if !event.detail.contains_key("channel") {
        return String::new();
    }
    let words: Vec<String> = ["gate", "channel"]
        .iter()
        .filter_map(|key| event.detail.get(*key))
        .map(|word| foreign::line(word).replace('_', " "))
        .collect();
    format!(" ({})", words.join(", "))
}

fn after(event: &Event) -> String {
    let ms = event.detail.get("after_ms").and_then(|ms| ms.parse().ok()).map(Duration::from_millis);
    ms.filter(|ms| !ms.is_zero()).map(|ms| format!(" {} after", age::span(ms))).unwrap_or_default()
}

/// How it stands with each who got it: woken when, read when, or what it
/// waits for.
fn ends(events: &[Event], begin: Timestamp, now: Timestamp) -> Vec<String> {
    let mut whom: Vec<&AgentName> = Vec::new();
    for agent in events.iter().filter(|e| e.event == EventKind::Delivered).filter_map(|e| e.agent.as_ref()) {
        if !whom.contains(&agent) {
            whom.push(agent);
        }
    }
    let since = |at: Timestamp| age::span(Duration::try_from(at.duration_since(begin)).unwrap_or_default());
    let end = |agent: &&AgentName| {
        let own = || events.iter().filter(|e| e.agent.as_ref() == Some(agent));
        let first = |kinds: &[EventKind]| own().find(|e| kinds.contains(&e.event)).map(|e| since(e.at));
        if let Some(woken) = first(&[EventKind::Woken]) {
            return format!("{agent}: woken {woken} after it was accepted.");
        }
        let taken = [EventKind::Read, EventKind::Claimed, EventKind::Acked, EventKind::Archived];
        if let Some(taken) = first(&taken) {
            return format!("{agent}: taken {taken} after it was accepted; no window had to ring.");
        }
        let waits =
            [EventKind::Deferred, EventKind::NudgeFailed, EventKind::Submitted, EventKind::Dead, EventKind::Expired];
        match own().rfind(|e| waits.contains(&e.event)) {
            Some(last) => format!("{agent}: not woken for {}. Last: {}.", since(now), sentence(last)),
            None => format!("{agent}: nothing rang for {}; is the daemon up? See cellphone status.", since(now)),
        }
    };
    whom.iter().map(end).collect()
}

/// A sentence folded between `margin` and the terminal's edge, each line
/// painted for itself.
fn fold(style: Style, margin: usize, paint: Option<Paint>, sentence: &str) -> String {
    let room = style.width.map_or(usize::MAX, |w| w.saturating_sub(margin).max(LEAST));
    let mut lines: Vec<String> = vec![String::new()];
    for word in sentence.split(' ') {
        let mut word = word.to_owned();
        while let Some(line) = lines.last_mut() {
            let gap = usize::from(!line.is_empty());
            if text::width(line) + gap + text::width(&word) <= room {
                line.push_str(&" ".repeat(gap));
                line.push_str(&word);
                break;
            }
            if line.is_empty() {
                // A word wider than the room is broken where the room ends.
                let mut used = 0;
                let fits = |c: &char| {
                    used += text::width(c.encode_utf8(&mut [0; 4]));
                    used <= room
                };
                let head: String = word.chars().take_while(fits).collect();
                let taken = if head.is_empty() { word.chars().take(1).collect() } else { head };
                word = word[taken.len()..].to_owned();
                *line = taken;
            }
            lines.push(String::new());
        }
    }
    let painted: Vec<String> = lines
        .iter()
        .filter(|l| !l.is_empty())
        .map(|l| paint.map_or_else(|| l.clone(), |p| style.paint(p, l)))
        .collect();
    painted.join(&format!("\n{}", " ".repeat(margin))) + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64, kind: EventKind, detail: &[(&str, &str)]) -> Event {
        let begin: Timestamp = "2026-11-24T22:10:00Z".parse().unwrap();
        let mut event = Event::new(begin + Duration::from_millis(ms.unsigned_abs()), kind);
        for (key, value) in detail {
            event = event.with(key, value);
        }
        let who = if kind == EventKind::Accepted { "Agent-1" } else { "Agent-2" };
        event.id("01K3ZJ9Q6T8V4B2M7X5C1D0E9F".parse().unwrap()).agent(&AgentName::new(who).unwrap())
    }

    fn night() -> Vec<Event> {
        vec![
            at(0, EventKind::Accepted, &[("recipients", "1")]),
            at(1, EventKind::Delivered, &[]),
            at(14, EventKind::Deferred, &[("gate", "quiet_hours"), ("why", "quiet hours until Wed 07:00")]),
            at(
                31_800_000,
                EventKind::Deferred,
                &[("gate", "draft"), ("channel", "tmux"), ("why", "a half-typed draft stands in the composer")],
            ),
            at(31_805_000, EventKind::Submitted, &[("grade", "verified"), ("channel", "tmux")]),
            at(31_805_340, EventKind::Woken, &[("after_ms", "340")]),
        ]
    }

    fn shown(width: usize, events: &[Event]) -> String {
        let now: Timestamp = "2026-11-25T09:00:00Z".parse().unwrap();
        story(Style { color: false, width: Some(width) }, events, now)
    }

    #[test]
    fn a_night_in_80_columns() {
        let expected = "\
01K3ZJ9Q6T8V4B2M7X5C1D0E9F, 2026-11-24T22:10:00.000000Z\n\
\x20   +0ms accepted from Agent-1\n\
\x20   +1ms delivered to Agent-2\n\
\x20  +14ms Agent-2 waits: quiet hours until Wed 07:00\n\
\x20+8h 50m Agent-2 waits: a half-typed draft stands in the composer (draft, tmux)\n\
\x20+8h 50m nudge submitted to Agent-2 by tmux, read back\n\
\x20+8h 50m Agent-2 woke 340ms after, proved by a command of its own\n\
Agent-2: woken 8h 50m after it was accepted.\n\
";
        assert_eq!(shown(80, &night()), expected);
    }

    #[test]
    fn a_night_in_40_columns() {
        let expected = "\
01K3ZJ9Q6T8V4B2M7X5C1D0E9F,\n\
2026-11-24T22:10:00.000000Z\n\
\x20   +0ms accepted from Agent-1\n\
\x20   +1ms delivered to Agent-2\n\
\x20  +14ms Agent-2 waits: quiet hours\n\
\x20        until Wed 07:00\n\
\x20+8h 50m Agent-2 waits: a half-typed\n\
\x20        draft stands in the composer\n\
\x20        (draft, tmux)\n\
\x20+8h 50m nudge submitted to Agent-2 by\n\
\x20        tmux, read back\n\
\x20+8h 50m Agent-2 woke 340ms after,\n\
\x20        proved by a command of its own\n\
Agent-2: woken 8h 50m after it was\n\
accepted.\n\
";
        assert_eq!(shown(40, &night()), expected);
    }

    #[test]
    fn nothing_passes_the_edge_and_foreign_text_is_made_visible() {
        let mut events = night();
        events.push(at(9, EventKind::NudgeFailed, &[("why", &format!("\u{1b}[2J{}", "x".repeat(300)))]));
        for width in 30..120 {
            let story = shown(width, &events);
            assert!(story.lines().all(|l| text::width(l) <= width), "{width}\n{story}");
            assert!(!story.contains('\u{1b}') && story.contains('␛'));
        }
    }

    #[test]
    fn what_was_never_rung_says_what_to_look_at() {
        let story = shown(80, &night()[..2]);
        assert!(
            story.ends_with("is the daemon up? See\ncellphone status.\n") || story.contains("is the daemon up?"),
            "{story}"
        );
    }
}
