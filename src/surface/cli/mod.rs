//! The command line: one file per command, each of which parses, calls
//! `office` and renders.
//!
//! `commands::COMMANDS` is the whole list. Only the part of clap's tree that the
//! wanted command needs is built, because `send` is started a thousand times
//! an hour and building every command costs more than the send itself. The
//! full tree is built for mistakes (clap then suggests the nearest name) and
//! for completions.

mod context;
mod dead;
pub mod failure;
mod help;
mod mail;
pub mod parse;

mod ack;
mod agents;
mod archive;
mod commands;
mod completions;
mod config;
mod coords;
mod coords_draw;
mod demo;
mod demo_agent;
mod doctor;
mod done;
mod down;
mod drill;
mod forward;
mod hook;
mod inbox;
mod init;
mod integrate;
mod join;
mod keys;
mod log;
mod mcp;
mod next;
mod nudge;
mod onboard;
mod open;
mod read;
mod release;
mod reply;
mod retention;
mod roles;
mod run;
mod search;
mod send;
mod snapshot;
mod status;
mod thread;
mod token;
mod trace;
mod trust;
mod unseal;
mod up;
mod wait;

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use clap::{Args, Command, FromArgMatches as _};

use self::commands::COMMANDS;
use self::context::{Context, Globals};
use self::failure::{Code, Failure};
use crate::surface::render::Style;

/// What a command is: arguments that can be run.
trait Run: Args {
    /// Does it.
    fn run(self, cx: &Context) -> Result<(), Failure>;
}

/// Runs the command line of this process and says how it ended.
#[must_use]
pub fn main() -> ExitCode {
    crate::observe::tell_of_crashes();
    let args: Vec<OsString> = std::env::args_os().collect();
    let as_json = args.iter().skip(1).take_while(|a| *a != "--").any(|a| a == "--json");
    match start(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let style = Style::stderr();
            // `--help` and `--version` come as clap errors meant for stdout.
            let text = failure.render(as_json, style);
            let _ = match &failure {
                Failure::Clap(e) if !e.use_stderr() => std::io::stdout().write_all(e.render().to_string().as_bytes()),
                _ => std::io::stderr().write_all(text.as_bytes()),
            };
            ExitCode::from(failure.exit())
        }
    }
}

fn start(args: &[OsString]) -> Result<(), Failure> {
    let wanted = wanted(args);
    match wanted.as_deref() {
        None if asks(args, &["--version", "-V"]) => {
            return Context::new(Globals::default(), None)?.say(concat!("cellphone ", env!("CARGO_PKG_VERSION")));
        }
        None if args.len() <= 1 || asks(args, &["--help", "-h"]) => {
            let cx = Context::new(Globals::default(), None)?;
            return cx.print(&help::overview(cx.style));
        }
        Some("help") if args.len() == 2 => {
            let cx = Context::new(Globals::default(), None)?;
            return cx.print(&help::overview(cx.style));
        }
        _ => {}
    }
    let found = wanted.as_deref().and_then(|name| COMMANDS.iter().find(|e| e.name == name));
    let tree = match found {
        Some(entry) => root().subcommand(help::command(entry)),
        None => full(),
    };
    let matches = tree.try_get_matches_from(args)?;
    let globals = Globals::from_arg_matches(&matches)?;
    match matches.subcommand() {
        Some((name, matches)) => match COMMANDS.iter().find(|e| e.name == name) {
            Some(entry) => (entry.run)(matches, &Context::new(globals, entry.on_mail().then_some(entry.name))?),
            None => Err(Failure::new(Code::Usage, format!("there is no command {name:?}")).hint("cellphone --help")),
        },
        None => Err(Failure::usage("which command?").hint("cellphone --help")),
    }
}

/// The first argument that is no option: the command.
fn wanted(args: &[OsString]) -> Option<String> {
    let mut rest = args.iter().skip(1);
    while let Some(arg) = rest.next() {
        let arg = arg.to_str()?;
        match arg {
            "--root" | "--as" | "--set" => {
                rest.next();
            }
            _ if arg.starts_with('-') => {}
            _ => return Some(arg.to_owned()),
        }
    }
    None
}

fn asks(args: &[OsString], names: &[&str]) -> bool {
    args.iter().skip(1).any(|a| names.iter().any(|n| a == n))
}

fn root() -> Command {
    Globals::augment_args(Command::new("cellphone"))
        .version(env!("CARGO_PKG_VERSION"))
        .about("Mailboxes of plain files for coding agents, whose windows ring")
        .subcommand_required(true)
        .disable_help_subcommand(false)
}

/// The tree with every command.
fn full() -> Command {
    root().subcommands(COMMANDS.iter().map(help::command))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn the_tree_is_sound() {
        full().debug_assert();
        for entry in COMMANDS {
            root().subcommand(help::command(entry)).debug_assert();
        }
    }

    #[test]
    fn finds_the_command_behind_options() {
        assert_eq!(wanted(&words("cellphone --root /tmp --json --as Agent-1 send --to x")).as_deref(), Some("send"));
        assert_eq!(wanted(&words("cellphone --root=/tmp inbox")).as_deref(), Some("inbox"));
        assert_eq!(wanted(&words("cellphone --help")), None);
    }

    #[test]
    fn every_command_has_a_line_and_an_example() {
        for entry in COMMANDS.iter().filter(|e| e.group.is_some()) {
            assert!(entry.about.len() < 60, "{}", entry.name);
            assert!(entry.examples.lines().all(|l| l.contains(entry.name)), "{}", entry.name);
        }
    }
}
