//! Every command: its name, where it stands in the help, its line and its
//! examples. This is the one list; the help, the parser and the completions
//! are made from it.

use clap::Command;

use super::context::Context;
use super::failure::Failure;
use super::{
    Run, ack, agents, archive, completions, config, coords, dead, demo, demo_agent, doctor, done, down, drill, forward,
    hook, inbox, init, integrate, join, keys, log, mcp, next, nudge, open, read, release, reply, retention, roles, run,
    search, send, snapshot, status, thread, token, trace, trust, unseal, up, wait,
};

/// A command as the list knows it.
pub(super) struct Entry {
    /// Its name.
    pub(super) name: &'static str,
    /// Which part of the help it stands in; `None` hides it.
    pub(super) group: Option<&'static str>,
    /// One line about it.
    pub(super) about: &'static str,
    /// Examples, one a line.
    pub(super) examples: &'static str,
    /// Adds its arguments.
    pub(super) augment: fn(Command) -> Command,
    /// Parses and runs it.
    pub(super) run: fn(&clap::ArgMatches, &Context) -> Result<(), Failure>,
}

impl Entry {
    /// Whether an agent runs it on its mail.
    pub(super) fn on_mail(&self) -> bool {
        self.group == MAIL || self.group == WORK
    }
}

type Group = Option<&'static str>;

const SET_UP: Group = Some("Set up");
const MAIL: Group = Some("Mail");
const WORK: Group = Some("Work through mail, one at a time");
const LOOK: Group = Some("Look closer");
const KEEP: Group = Some("Keep it restorable");
const WHO: Group = Some("Who and how");

const fn entry<A: Run>(group: Group, name: &'static str, about: &'static str, examples: &'static str) -> Entry {
    Entry {
        name,
        group,
        about,
        examples,
        augment: A::augment_args,
        run: |matches, cx| A::from_arg_matches(matches)?.run(cx),
    }
}

/// Every command, in the order of the help.
#[rustfmt::skip] // One line each reads best.
pub(super) static COMMANDS: &[Entry] = &[
    entry::<demo::DemoArgs>(SET_UP, "demo", "See it work, in a temporary root, in seconds", "cellphone demo"),
    entry::<init::InitArgs>(SET_UP, "init", "Make a working root", "cellphone init ~/office"),
    entry::<up::UpArgs>(SET_UP, "up", "Start the daemon, which watches and rings", "cellphone up\ncellphone up --detach"),
    entry::<open::OpenArgs>(SET_UP, "open", "An address that signs a browser in, once", "cellphone open\ncellphone --as Agent-2 open"),
    entry::<down::DownArgs>(SET_UP, "down", "Stop the daemon", "cellphone down"),
    entry::<join::JoinArgs>(SET_UP, "join", "Take an agent's place in this terminal", join::EXAMPLES),
    entry::<run::RunArgs>(SET_UP, "run", "Host an agent's program, so that its terminal rings", "cellphone run Agent-2 -- claude"),
    entry::<integrate::IntegrateArgs>(SET_UP, "integrate", "Make an agent program at home: rules, hooks, MCP", integrate::EXAMPLES),
    entry::<mcp::McpArgs>(SET_UP, "mcp", "An agent's mail as tools of MCP, on stdin and stdout", "cellphone --as Agent-2 mcp"),
    entry::<send::SendArgs>(MAIL, "send", "Send a message; returns when it is durable", send::EXAMPLES),
    entry::<inbox::InboxArgs>(MAIL, "inbox", "List the mail that waits", "cellphone inbox\ncellphone inbox --all -n 20"),
    entry::<read::ReadArgs>(MAIL, "read", "Show one message and mark it seen", "cellphone read 01K3ZJ9Q\ncellphone read 01K3ZJ9Q --peek"),
    entry::<reply::ReplyArgs>(MAIL, "reply", "Answer a message, in its thread", "cellphone reply 01K3ZJ9Q -m 'Done, see main.rs'"),
    entry::<forward::ForwardArgs>(MAIL, "forward", "Pass a message on", "cellphone forward 01K3ZJ9Q --to Agent-2 -m 'Yours, I think'"),
    entry::<ack::AckArgs>(MAIL, "ack", "Acknowledge a message; its sender gets a receipt", "cellphone ack 01K3ZJ9Q"),
    entry::<unseal::UnsealArgs>(MAIL, "unseal", "Open a sealed message, and print its text alone", unseal::EXAMPLES),
    entry::<archive::ArchiveArgs>(MAIL, "archive", "File a message that is done with", "cellphone archive 01K3ZJ9Q"),
    entry::<next::NextArgs>(WORK, "next", "Claim the next message under a lease", "cellphone next --lease 10m\ncellphone next --urgent-first --json"),
    entry::<done::DoneArgs>(WORK, "done", "Finish a claimed message", "cellphone done 01K3ZJ9Q --token T"),
    entry::<release::ReleaseArgs>(WORK, "release", "Give a claimed message back", "cellphone release 01K3ZJ9Q --token T --reason 'needs a GPU'"),
    entry::<wait::WaitArgs>(WORK, "wait", "Block until mail is there", "cellphone wait --timeout 10m && cellphone next"),
    entry::<thread::ThreadArgs>(LOOK, "thread", "Show a whole conversation", "cellphone thread 01K3ZJ9Q"),
    entry::<search::SearchArgs>(LOOK, "search", "Search the mail itself, without an index", search::EXAMPLES),
    entry::<trace::TraceArgs>(LOOK, "trace", "Every step of one message", "cellphone trace 01K3ZJ9Q"),
    entry::<log::LogArgs>(LOOK, "log", "What happened, newest last", "cellphone log -n 50\ncellphone log --since 10m\ncellphone log --follow --json"),
    entry::<dead::DeadArgs>(LOOK, "dead", "Mail that could not be delivered or read", dead::EXAMPLES),
    entry::<status::StatusArgs>(LOOK, "status", "The daemon, its workers, and who waits for what", "cellphone status"),
    entry::<doctor::DoctorArgs>(LOOK, "doctor", "Find what is wrong, and repair it", "cellphone doctor\ncellphone doctor --fix\ncellphone doctor --fix Agent-3"),
    entry::<snapshot::SnapshotArgs>(KEEP, "snapshot", "Snapshots of everything: take, look, restore, keep", snapshot::EXAMPLES),
    entry::<drill::DrillArgs>(KEEP, "drill", "Disasters rehearsed, and what the drills left", drill::EXAMPLES),
    entry::<agents::AgentsArgs>(WHO, "agents", "The roster: list, show, add, set, remove", agents::EXAMPLES),
    entry::<roles::RolesArgs>(WHO, "roles", "Who may do what", roles::EXAMPLES),
    entry::<keys::KeysArgs>(WHO, "keys", "Keys that sign and open mail: make, list, rotate, revoke", keys::EXAMPLES),
    entry::<token::TokenArgs>(WHO, "token", "Tokens for programs that use the HTTP API", token::EXAMPLES),
    entry::<coords::CoordsArgs>(WHO, "coords", "Where on the screen the agents listen", coords::EXAMPLES),
    entry::<nudge::NudgeArgs>(WHO, "nudge", "Ring a window now, or say what would happen", "cellphone nudge Agent-2 --dry-run"),
    entry::<trust::TrustArgs>(WHO, "trust", "Approve what the tree may make the program do", trust::EXAMPLES),
    entry::<config::ConfigArgs>(WHO, "config", "The settings: show, set, unset, and their origin", config::EXAMPLES),
    entry::<retention::RetentionArgs>(WHO, "retention", "What the archive may lose: plan it, then apply it", "cellphone retention plan\ncellphone retention apply"),
    entry::<completions::CompletionsArgs>(WHO, "completions", "Completions for a shell", "cellphone completions bash"),
    entry::<hook::HookArgs>(None, "hook", "What the hooks of an agent program run", ""),
    entry::<demo_agent::DemoAgentArgs>(None, "demo-agent", "The demo's agent: a prompt that reads its mail", ""),
];
