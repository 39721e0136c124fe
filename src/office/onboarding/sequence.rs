//! A sequence of onboarding as a person writes it, and the same filled in for
//! one agent on one channel. Only approved copies are ever handed in here.

use serde::Deserialize;

use crate::nudge::{self, Key, Way};
use crate::office::coords::At;
use crate::roster::ChannelKind;

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    /// Paste and submit this.
    Say(String),
    /// Press this.
    Press(Key),
}

/// One step, filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) act: Act,
    pub(super) at: At,
}

impl Step {
    /// The step as a channel is asked for it.
    pub(super) fn asked(&self) -> nudge::Step<'_> {
        match &self.act {
            Act::Say(text) => nudge::Step::Say(text),
            Act::Press(key) => nudge::Step::Press(*key),
        }
    }

    /// The step in a few words.
    pub(super) fn words(&self) -> String {
        const SHOWN: usize = 40;
        match &self.act {
            Act::Press(key) => format!("key {key}"),
            Act::Say(text) if text.chars().count() > SHOWN => {
                format!("say {}…", text.chars().take(SHOWN).collect::<String>().trim_end())
            }
            Act::Say(text) => format!("say {text}"),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    steps: Vec<Line>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    say: Option<String>,
    key: Option<String>,
    #[serde(default)]
    on: Vec<ChannelKind>,
    #[serde(default)]
    at: At,
}

/// The words that stand for something in a text.
pub(super) type Words<'a> = [(&'static str, &'a str)];

/// Reads a sequence and fills it in for one channel. A text becomes one line
/// without control characters: a line break could submit half of it.
///
/// # Errors
/// What is wrong, and in which step.
pub(super) fn plan(yaml: &[u8], words: &Words<'_>, kind: ChannelKind, way: &Way) -> Result<Vec<Step>, String> {
    let written: Written = serde_yaml::from_slice(yaml).map_err(|e| e.to_string())?;
    let mut steps = Vec::new();
    for (number, line) in written.steps.into_iter().enumerate() {
        let fault = |why: String| format!("step {}: {why}", number + 1);
        let act = match (line.say, line.key) {
            (Some(text), None) => Act::Say(one_line(&fill(&text, words).map_err(fault)?)),
            (None, Some(key)) => Act::Press(key.parse().map_err(fault)?),
            _ => return Err(fault("write either `say:` or `key:`".into())),
        };
        if !line.on.is_empty() && !line.on.contains(&kind) {
            continue;
        }
        match &act {
            Act::Press(key) => nudge::can_press(way, *key).map_err(fault)?,
            Act::Say(text) if text.is_empty() => return Err(fault("there is nothing to say".into())),
            Act::Say(_) => {}
        }
        steps.push(Step { act, at: line.at });
    }
    if steps.is_empty() {
        return Err(format!("no step of it is for the channel {kind}"));
    }
    Ok(steps)
}

/// Puts the words in; what stands in braces and is none of them is refused.
pub(super) fn fill(text: &str, words: &Words<'_>) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..at]);
        let inside = &rest[at + 1..];
        let name = inside.split('}').next().unwrap_or_default();
        let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        if !is_name || name.len() == inside.len() {
            out.push('{');
            rest = inside;
            continue;
        }
        let Some((_, value)) = words.iter().find(|(known, _)| *known == name) else {
            let known: Vec<String> = words.iter().map(|(known, _)| format!("{{{known}}}")).collect();
            return Err(format!("{{{name}}} stands for nothing; known are {}", known.join(", ")));
        };
        out.push_str(value);
        rest = &inside[name.len() + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

fn one_line(text: &str) -> String {
    nudge::notice::without_controls(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nudge::TmuxTarget;

    const WORDS: &Words<'static> = &[("agent", "Agent-5"), ("role_text", "You are\nAgent-5.\n")];

    fn tmux(yaml: &str) -> Result<Vec<Step>, String> {
        plan(yaml.as_bytes(), WORDS, ChannelKind::Tmux, &Way::Tmux(TmuxTarget::default()))
    }

    #[test]
    fn a_sequence_is_filled_in_for_its_channel() {
        let yaml = "steps:\n  - {key: ctrl+enter, on: [screen]}\n  - key: escape\n  - say: \"{role_text} Begin, {agent} {x {}\"\n    at: onboarding\n";
        let steps = tmux(yaml).unwrap();
        assert_eq!(steps[0], Step { act: Act::Press(Key::Escape), at: At::Chat });
        assert_eq!(steps[1].act, Act::Say("You are Agent-5. Begin, Agent-5 {x {}".into()));
        assert_eq!((steps.len(), steps[1].at), (2, At::Onboarding));
        let screen = plan(b"steps: [{key: ctrl+t}]", WORDS, ChannelKind::Pty, &Way::Command(vec![]));
        assert!(screen.unwrap_err().contains("presses no single keys"));
    }

    #[test]
    fn what_cannot_be_done_is_refused_beforehand_with_the_step() {
        for (yaml, why) in [
            ("steps:\n  - say: a\n  - key: ctrl+enter\n", "step 2: a terminal has no key ctrl+enter"),
            ("steps: [{say: '{agnet}'}]", "step 1: {agnet} stands for nothing; known are {agent}, {role_text}"),
            ("steps: [{say: a, key: tab}]", "either"),
            ("steps: [{}]", "either"),
            ("steps: [{say: ''}]", "nothing to say"),
            ("steps: [{say: a, on: [screen]}]", "no step"),
            ("steps: [{run: rm}]", "unknown field"),
            ("steps: [{key: rm}]", "no key"),
        ] {
            let error = tmux(yaml).unwrap_err();
            assert!(error.contains(why), "{yaml}: {error}");
        }
    }

    #[test]
    fn no_text_can_press_enter_or_end_a_paste() {
        let steps = tmux("steps: [{say: \"a\\e[201~\\r\\nb\\u202e\"}]").unwrap();
        assert_eq!(steps[0].act, Act::Say("a[201~ b".into()));
    }
}
