//! When the agent programs run hooks, under which names, and the shape in
//! which each takes a hook's words. Names are those of Claude Code 2.1, Codex
//! 0.169, Gemini CLI 0.61 and, by its documentation, Cursor 2; in `OpenCode`
//! 1.18 a plugin of ours runs the hooks. Each of them takes an answer of JSON
//! on standard output and exit code 0, and none is hindered by exit code 1.

use serde_json::{Value, json};

use super::edits::{COMMAND, Edit};
use super::programs::Places;
use crate::office::agent_hook::Moment;

/// Every moment: the word on the command line.
const MOMENTS: [(Moment, &str); 4] =
    [(Moment::Start, "start"), (Moment::Tool, "tool"), (Moment::Stop, "stop"), (Moment::Prompt, "prompt")];

const OPENCODE: &str = "opencode";

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
        ("cursor", Moment::Start) => "sessionStart",
        ("cursor", Moment::Tool) => "postToolUse",
        ("cursor", Moment::Stop) => "stop",
        ("cursor", Moment::Prompt) => "beforeSubmitPrompt",
        _ => return None,
    })
}

/// Words for the agent as its program takes them from a hook. At a stop they
/// make it go on. `None` for a program without hooks.
#[must_use]
pub fn answer(program: &str, moment: Moment, words: &str) -> Option<Value> {
    if program == OPENCODE {
        return Some(json!({ "text": words }));
    }
    let name = name(program, moment)?;
    Some(match (program, moment) {
        ("cursor", Moment::Stop) => json!({ "followup_message": words }),
        ("cursor", _) => json!({ "additional_context": words }),
        (_, Moment::Stop) => json!({ "decision": "block", "reason": words }),
        _ => json!({ "hookSpecificOutput": { "hookEventName": name, "additionalContext": words } }),
    })
}

/// The entries of a program's settings that run our hooks.
pub(super) fn edits(program: &str, agent: Option<&str>, places: &Places<'_>) -> Vec<Edit> {
    let one = |(moment, word): &(Moment, &str)| {
        let event = name(program, *moment)?;
        let command = command(program, word, agent, places);
        let value = match program {
            "cursor" => json!({ "command": command, "timeout": PATIENCE }),
            // It counts milliseconds, and shows a name.
            "gemini-cli" => json!({ "hooks": [{
                "type": "command", "name": format!("{COMMAND}-{word}"), "command": command, "timeout": PATIENCE * 1_000,
            }] }),
            _ => json!({ "hooks": [{ "type": "command", "command": command, "timeout": PATIENCE }] }),
        };
        let path = ["hooks", event].map(str::to_owned).to_vec();
        Some(Edit::JsonHook { path, value, mark: mark(program, word) })
    };
    MOMENTS.iter().filter_map(one).collect()
}

/// The plugin that runs our hooks in `OpenCode`.
pub(super) fn plugin(agent: Option<&str>, places: &Places<'_>) -> String {
    let before = json!(["--root", places.root.to_string_lossy(), "hook", OPENCODE]);
    let after = json!(agent.map_or_else(Vec::new, |name| vec!["--agent", name]));
    let text = include_str!("opencode.js").replace("const BEFORE = []", &format!("const BEFORE = {before}"));
    text.replace("const AFTER = []", &format!("const AFTER = {after}"))
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
