//! The help: commands by what a person wants to do, and examples.

use clap::{ArgAction, Command};

use super::commands::{COMMANDS, Entry};
use crate::surface::render::{Paint, Style, text};

/// What `cellphone` alone and `cellphone --help` print.
pub(super) fn overview(style: Style) -> String {
    let title = |t: &str| style.paint(Paint::Strong, t);
    let code = |t: &str| style.paint(Paint::Code, t);
    let mut out = String::from("Mailboxes of plain files for coding agents, whose windows ring when mail arrives.\n\n");
    out += &format!("{} cellphone [--root DIR] [--as AGENT] [--json] COMMAND\n", title("Usage:"));
    let longest = COMMANDS.iter().map(|e| e.name.len()).max().unwrap_or(0);
    let mut group = None;
    for entry in COMMANDS.iter().filter(|e| e.group.is_some()) {
        if entry.group != group {
            group = entry.group;
            out += &format!("\n{}\n", title(group.unwrap_or_default()));
        }
        out += &format!("  {}  {}\n", code(&text::pad(entry.name, longest, false)), entry.about);
    }
    out += &format!("\n{}\n", title("Everywhere"));
    for (flag, what) in [
        ("--root DIR", "the working root; otherwise CELLPHONE_ROOT, then upwards from here"),
        ("--as AGENT", "who acts; otherwise CELLPHONE_AGENT, else the person at the keyboard"),
        ("--set KEY=VALUE", "a setting for this command alone"),
        ("--json", "one document, or a line per event; errors too, on standard error"),
    ] {
        out += &format!("  {}  {what}\n", code(&text::pad(flag, longest.max(15), false)));
    }
    out += &format!("\n{}\n", title("Start here"));
    for (line, what) in [
        ("cellphone demo", "see two agents exchange mail, in twenty seconds"),
        ("cellphone init ~/office && cd ~/office && cellphone up --detach", ""),
        ("cellphone join Agent-1", "in the terminal or tmux pane of an agent"),
        ("cellphone send --to Agent-1 -s Hello -m 'Are you there?'", ""),
    ] {
        let what = if what.is_empty() { String::new() } else { style.paint(Paint::Faint, &format!("   # {what}")) };
        out += &format!("  {}{what}\n", code(line));
    }
    out += "\nEach command explains itself: cellphone COMMAND --help\n";
    out += "Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 refused, 5 conflict, 6 target missed, 75 try later\n";
    out
}

/// One command of clap's tree, with its examples.
pub(super) fn command(entry: &Entry) -> Command {
    let command = (entry.augment)(Command::new(entry.name)).about(entry.about).hide(entry.group.is_none());
    // `--help` is `-h`: the help is short enough to have one length.
    let help = clap::Arg::new("help").short('h').long("help").action(ArgAction::HelpShort).global(true);
    let command = command.disable_help_flag(true).arg(help.help("Explain this command"));
    if entry.examples.is_empty() {
        return command;
    }
    let lines: String = entry.examples.lines().map(|l| format!("  {l}\n")).collect();
    command.after_help(format!("Examples:\n{}", lines.trim_end_matches('\n')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_overview_fits_a_terminal() {
        let shown = overview(Style::PLAIN);
        for line in shown.lines() {
            assert!(text::width(line) <= 110, "{line}");
        }
        assert!(COMMANDS.iter().filter(|e| e.group.is_some()).all(|e| shown.contains(e.about)));
    }

    #[test]
    fn every_command_and_what_is_below_it_explains_itself() {
        fn explain(command: &Command, path: &[&str]) {
            let name = command.get_name();
            let path = [path, &[name]].concat();
            for flag in ["-h", "--help"] {
                let line = path.iter().copied().chain([flag]);
                let shown = super::super::full().try_get_matches_from(line).unwrap_err();
                assert_eq!(shown.kind(), clap::error::ErrorKind::DisplayHelp, "{path:?} {flag}: {shown}");
            }
            command.get_subcommands().filter(|c| c.get_name() != "help").for_each(|below| explain(below, &path));
        }
        let parser = super::super::full();
        parser
            .get_subcommands()
            .filter(|c| c.get_name() != "help")
            .for_each(|command| explain(command, &["cellphone"]));
    }
}
