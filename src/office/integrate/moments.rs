//! When the agent programs run hooks, under which names, and the shape in
//! which each takes a hook's words. Names are those of Claude Code 2.1, Codex
//! 0.169 and Gemini CLI 0.61; each of them takes an answer of JSON on standard
//! output and exit code 0, and none is hindered by exit code 1.

use serde_json::{Value, json};

use super::edits::{COMMAND, Edit};
use super::programs::Places;
use crate::office::agent_hook::Moment;

/// Every moment: the word on the command line.
const MOMENTS: [(Moment, &str); 4] =
    [(Moment::Start, "start"), (Moment::Tool, "tool"), (Moment::Stop, "stop"), (Moment::Prompt, "prompt")];

/// How long a program waits for a hook, in seconds.
const PATIENCE: u32 = 10;

/// The moment of this word.
#[must_use]
pub fn moment(word: &str) -> Option<Moment> {
    MOMENTS.iter().find(|(_, known)| *known == word).map(|(moment, _)| *moment)
}

/// The name that a program has for a moment.
fn name(program: &str, moment: Moment) -> Option<&'static str> {
    Some(match (program, moment) {
        ("claude-code" | "codex" | "gemini-cli", Moment::Start) => "SessionStart",
        ("claude-code" | "codex", Moment::Tool) => "PostToolUse",
        ("claude-code" | "codex", Moment::Stop) => "Stop",
        ("claude-code" | "codex", Moment::Prompt) => "UserPromptSubmit",
        ("gemini-cli", Moment::Tool) => "AfterTool",
        ("gemini-cli", Moment::Stop) => "AfterAgent",
        ("gemini-cli", Moment::Prompt) => "BeforeAgent",
        _ => return None,
    })
}

/// Words for the agent as its program takes them from a hook. At a stop they
/// make it go on. `None` for a program without hooks.
#[must_use]
pub fn answer(program: &str, moment: Moment, words: &str) -> Option<Value> {
    let name = name(program, moment)?;
    Some(match moment {
        Moment::Stop => json!({ "decision": "block", "reason": words }),
        _ => json!({ "hookSpecificOutput": { "hookEventName": name, "additionalContext": words } }),
    })
}

/// The entries of a program's settings that run our hooks.
pub(super) fn edits(program: &str, agent: Option<&str>, places: &Places<'_>) -> Vec<Edit> {
    let one = |(moment, word): &(Moment, &str)| {
        let event = name(program, *moment)?;
        let mut hook = json!({ "type": "command", "command": command(program, word, agent, places) });
        // Gemini CLI counts milliseconds, and shows a name.
        if program == "gemini-cli" {
            hook["name"] = format!("{COMMAND}-{word}").into();
            hook["timeout"] = (PATIENCE * 1_000).into();
        } else {
            hook["timeout"] = PATIENCE.into();
        }
        let path = ["hooks", event].map(str::to_owned).to_vec();
        Some(Edit::JsonHook { path, value: json!({ "hooks": [hook] }), mark: mark(program, word) })
    };
    MOMENTS.iter().filter_map(one).collect()
}

/// What a hook runs. The agent's name stands last: who was started by `run` or
/// joined is known without it, and that holds.
fn command(program: &str, word: &str, agent: Option<&str>, places: &Places<'_>) -> String {
    let root = crate::model::shell::quoted(&places.root.to_string_lossy());
    let who = agent.map(|name| format!(" --agent {name}")).unwrap_or_default();
    format!("{COMMAND} --root {root}{}{who}", mark(program, word))
}

/// By this part of its command a hook is known as ours.
fn mark(program: &str, word: &str) -> String {
    format!(" hook {program} {word}")
}
