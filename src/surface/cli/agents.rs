//! `cellphone agents`: the roster.

use std::time::Duration;

use serde_json::{Value, json};

use super::Run;
use super::context::Context;
use super::failure::Failure;
use super::onboard::OnboardArgs;
use crate::model::{AgentName, Party, Role};
use crate::office::Office;
use crate::office::setup::{Agent, AgentChange, Channel, ChannelKind, Dnd, NudgeChange, QuietHours, parse_duration};
use crate::surface::render::{Column, Paint, Table, text};

pub(super) const EXAMPLES: &str = "cellphone agents list
cellphone agents add Reviewer-1 --role reviewer
cellphone agents set Agent-2 --channel tmux --target %3
cellphone agents set Agent-2 --channel command -- notify-send mail
cellphone agents set Agent-2 --channel webhook --target https://example.org/hook
cellphone agents onboard Agent-5 --role reviewer --dry-run
cellphone agents onboard --mode production_ready --dry-run
cellphone agents set Agent-2 --dnd 2h
cellphone agents set Agent-2 --block Agent-3,@observer
cellphone agents set Agent-2 --quiet 22:00-07:00 --budget 20";

/// Arguments of `agents`.
#[derive(Debug, clap::Args)]
pub(super) struct AgentsArgs {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Everyone, with role, program and window
    List,
    /// One entry
    Show {
        /// Whose
        name: AgentName,
    },
    /// A new mailbox
    Add {
        /// The new name
        name: AgentName,
        #[command(flatten)]
        change: ChangeArgs,
    },
    /// Takes somebody off the roster; the mailbox stays
    Remove {
        /// Who
        name: AgentName,
    },
    /// Tells an agent its place: by mail, then in its window
    Onboard(OnboardArgs),
    /// Changes role, window or program
    Set {
        /// Whose
        name: AgentName,
        #[command(flatten)]
        change: ChangeArgs,
    },
}

#[derive(Debug, clap::Args)]
struct ChangeArgs {
    /// captain, agent, reviewer, observer, operator, human, or your own
    #[arg(long, value_parser = role)]
    role: Option<Role>,
    /// How its window rings: pty, tmux, screen, command, desktop or webhook
    #[arg(long, value_parser = kind)]
    channel: Option<ChannelKind>,
    /// The pane (%3), the window, or the address of a webhook
    #[arg(long, requires = "channel", allow_hyphen_values = true)]
    target: Option<String>,
    /// The tmux server, when it is not the usual one
    #[arg(long, requires = "channel", value_name = "S")]
    tmux_socket: Option<String>,
    /// Take a channel away
    #[arg(long, value_name = "CHANNEL", value_parser = kind)]
    without: Option<ChannelKind>,
    /// How its program looks: a name of config/profiles
    #[arg(long)]
    profile: Option<String>,
    /// Do not disturb, mail waits and nothing rings: on, off, or for so long (2h)
    #[arg(long, value_name = "on|off|2h", value_parser = dnd)]
    dnd: Option<Dnd>,
    /// Quiet hours, local time: 22:00-07:00, several with commas, never, default
    #[arg(long, value_name = "HOURS", value_parser = usual(QuietHours::parse))]
    quiet: Option<Usual<QuietHours>>,
    /// Whether urgent mail rings in quiet hours: on, off, default
    #[arg(long, value_name = "on|off", value_parser = usual(switch))]
    quiet_urgent: Option<Usual<bool>>,
    /// Least time between two nudges: 1m, default
    #[arg(long, value_name = "TIME", value_parser = usual(parse_duration))]
    cooldown: Option<Usual<Duration>>,
    /// Urgent mail that woke nobody for so long goes to others: 5m, 0 never, default
    #[arg(long, value_name = "TIME", value_parser = usual(parse_duration))]
    urgent_deadline: Option<Usual<Duration>>,
    /// Nudges within an hour: a number, 0 for no bound, default
    #[arg(long, value_name = "N", value_parser = usual(number))]
    budget: Option<Usual<u32>>,
    /// Take no mail from these: Agent-3, @observer, *
    #[arg(long, value_name = "WHO", value_delimiter = ',')]
    block: Vec<Party>,
    /// Take it again
    #[arg(long, value_name = "WHO", value_delimiter = ',')]
    unblock: Vec<Party>,
    /// For `--channel command`: the program and its arguments
    #[arg(last = true, requires = "channel")]
    command: Vec<String>,
}

/// A value, or `default`: as the settings say.
#[derive(Debug, Clone)]
struct Usual<T>(Option<T>);

fn usual<T: 'static>(parse: fn(&str) -> Result<T, String>) -> impl Fn(&str) -> Result<Usual<T>, String> + Clone {
    move |text| if text == "default" { Ok(Usual(None)) } else { parse(text).map(|value| Usual(Some(value))) }
}

fn switch(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("use on, off or default".to_owned()),
    }
}

fn number(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| "use a number or default".to_owned())
}

fn dnd(text: &str) -> Result<Dnd, String> {
    match text {
        "on" => Ok(Dnd::On),
        "off" => Ok(Dnd::Off),
        _ => {
            let span = parse_duration(text).map_err(|_| "use on, off or a time such as 2h".to_owned())?;
            let end = jiff::Timestamp::now().checked_add(span).map_err(|_| "that is too long; use on".to_owned())?;
            // To the second, and not a moment too early.
            let end = jiff::Timestamp::from_second(end.as_second().saturating_add(1)).unwrap_or(end);
            Ok(Dnd::Until(end))
        }
    }
}

pub(super) fn role(text: &str) -> Result<Role, String> {
    Role::new(text).map_err(|e| e.to_string())
}

fn kind(text: &str) -> Result<ChannelKind, String> {
    serde_json::from_value(Value::String(text.to_owned()))
        .map_err(|_| "use pty, tmux, screen, command, desktop or webhook".to_owned())
}

impl From<ChangeArgs> for AgentChange {
    fn from(args: ChangeArgs) -> Self {
        let channel = args.channel.map(|kind| {
            let mut channel = Channel::new(kind);
            channel.target = args.target;
            channel.tmux_socket = args.tmux_socket;
            channel.command = args.command;
            channel
        });
        Self {
            role: args.role,
            block: args.block,
            unblock: args.unblock,
            channel,
            without: args.without,
            profile: args.profile,
            nudge: NudgeChange {
                dnd: args.dnd,
                quiet: args.quiet.map(|u| u.0),
                quiet_urgent: args.quiet_urgent.map(|u| u.0),
                cooldown: args.cooldown.map(|u| u.0),
                urgent_deadline: args.urgent_deadline.map(|u| u.0),
                budget: args.budget.map(|u| u.0),
            },
        }
    }
}

impl Run for AgentsArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        let office = cx.office()?;
        let (agent, what) = match self.what.unwrap_or(What::List) {
            What::List => return list(cx, &office),
            What::Show { name } => return show(cx, &office.entry(&name)?),
            What::Onboard(args) => return args.run(cx, &office),
            What::Add { name, change } => (office.add_agent(&name, change.into())?, "added"),
            What::Set { name, change } => (office.set_agent(&name, change.into())?, "changed"),
            What::Remove { name } => {
                office.remove_agent(&name)?;
                if cx.json() {
                    return cx.write_json(&json!({ "name": name, "state": "removed" }));
                }
                return cx.say(&format!("removed {name}; the mailbox stays in agent_workspaces/{name}"));
            }
        };
        if cx.json() {
            return cx.write_json(&agent_json(&agent));
        }
        cx.say(&format!("{what} {} ({}), rings by {}", agent.name, agent.role, channels(&agent)))
    }
}

fn agent_json(agent: &Agent) -> Value {
    json!({
        "name": agent.name, "role": agent.role, "profile": agent.profile,
        "channels": agent.channels, "nudge": agent.nudge, "block": agent.block,
    })
}

fn channels(agent: &Agent) -> String {
    let all: Vec<String> = agent
        .channels
        .iter()
        .map(|c| match c.target.as_ref().or_else(|| c.command.first()) {
            Some(target) => format!("{} {target}", c.kind.as_str()),
            None => c.kind.as_str().to_owned(),
        })
        .collect();
    if all.is_empty() { "nothing".to_owned() } else { all.join(", ") }
}

fn list(cx: &Context, office: &Office) -> Result<(), Failure> {
    let agents = office.roster().agents();
    if cx.json() {
        return cx.write_json(&agents.iter().map(agent_json).collect::<Vec<_>>());
    }
    let mut table = Table::new(&[
        Column::text("NAME"),
        Column::text("ROLE"),
        Column::text("PROGRAM"),
        Column::flexible("RINGS BY"),
    ]);
    for agent in agents {
        let rings = channels(agent) + if agent.nudge.dnd.holds(cx.now) { " (do not disturb)" } else { "" };
        table.painted(vec![
            (agent.name.to_string(), Some(Paint::Strong)),
            (agent.role.to_string(), None),
            (agent.profile.clone().unwrap_or_default(), None),
            (rings, None),
        ]);
    }
    cx.print(&table.render(cx.style))
}

fn show(cx: &Context, agent: &Agent) -> Result<(), Failure> {
    if cx.json() {
        return cx.write_json(&agent_json(agent));
    }
    let mut out = format!("{} ({})\n", cx.paint(Paint::Strong, agent.name.as_str()), agent.role);
    let mut field =
        |name: &str, value: &str| out.push_str(&format!("  {}  {}\n", text::pad(name, 15, false), text::line(value)));
    field("program", agent.profile.as_deref().unwrap_or("not known"));
    field("rings by", &channels(agent));
    for channel in &agent.channels {
        if let Some(pin) = &channel.pin {
            field("pinned", &serde_json::to_string(pin)?);
        }
    }
    if !agent.block.is_empty() {
        field("blocks", &agent.block.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));
    }
    // What differs from the settings, by the names of the roster.
    if let Value::Object(own) = serde_json::to_value(&agent.nudge)? {
        for (name, value) in own {
            field(&name, value.as_str().unwrap_or(&value.to_string()));
        }
    }
    cx.print(&out)
}
