//! `cellphone roles`: who may do what, and by which rule.

use serde_json::{Value, json};

use super::Run;
use super::context::Context;
use super::failure::Failure;
use crate::model::{Action, Address, AgentName, Kind, Party, Permission, Policy, Priority, Role, Rule};
use crate::office::Office;
use crate::office::policy::{Decision, Explained};
use crate::surface::render::{Column, Paint, Table, text};

pub(super) const EXAMPLES: &str = "cellphone roles list
cellphone roles show captain
cellphone roles test --as Agent-1 --send-to @all --priority urgent
cellphone roles test --as Agent-1 --may restore
cellphone roles test --as Agent-1 --may ring --of Agent-2";

/// Arguments of `roles`.
#[derive(Debug, clap::Args)]
pub(super) struct RolesArgs {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Every role in a line
    List,
    /// One role: every rule, where it stands, and who has it
    Show {
        /// Which
        #[arg(value_parser = super::agents::role)]
        role: Role,
    },
    /// Whether the actor (--as) may, and by which rule: exit code 0 or 4
    Test(TestArgs),
}

#[derive(Debug, clap::Args)]
struct TestArgs {
    /// Write to these: Agent-2, @all, @role, any:@role
    #[arg(
        long,
        value_name = "ADDRESS",
        value_delimiter = ',',
        required_unless_present = "may",
        conflicts_with = "may"
    )]
    send_to: Vec<Address>,
    /// Mail of this kind; otherwise the one its two ends make it
    #[arg(long, requires = "send_to")]
    kind: Option<Kind>,
    /// At this priority
    #[arg(long, value_name = "P", requires = "send_to", default_value = "normal", hide_default_value = true)]
    priority: Priority,
    /// Do this: broadcast, ring, snapshot, prune, restore, drill, config, onboard, roster, trust, read_others
    #[arg(long, value_name = "ACTION")]
    may: Option<Permission>,
    /// To this one: a window, a mailbox, an entry
    #[arg(long, value_name = "AGENT", requires = "may")]
    of: Option<AgentName>,
}

impl Run for RolesArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        let office = cx.office()?;
        match self.what.unwrap_or(What::List) {
            What::List => list(cx, &office),
            What::Show { role } => show(cx, &office, &role),
            What::Test(test) => test.run(cx, &office),
        }
    }
}

fn list(cx: &Context, office: &Office) -> Result<(), Failure> {
    let roles = office.roster().roles();
    if cx.json() {
        return cx.write_json(&roles.iter().map(|r| role_json(office, r)).collect::<Vec<_>>());
    }
    let mut table = Table::new(&[
        Column::text("ROLE"),
        Column::text("SENDS TO"),
        Column::text("UP TO"),
        Column::text("MAY"),
        Column::flexible("WHO"),
    ]);
    for role in &roles {
        let policy = office.roster().policy(role);
        table.painted(vec![
            (role.to_string(), Some(Paint::Strong)),
            (sends_to(&policy), None),
            (policy.max_priority().0.to_string(), None),
            (permissions(&policy), None),
            (who(office, role).join(", "), Some(Paint::Faint)),
        ]);
    }
    cx.print(&table.render(cx.style))
}

fn sends_to(policy: &Policy<'_>) -> String {
    match policy.send().0 {
        [] => "nobody".to_owned(),
        [Party::Everyone] => "anyone".to_owned(),
        [one] => one.to_string(),
        [first, more @ ..] => format!("{first} +{}", more.len()),
    }
}

/// The permissions, or what is missing of them, whichever is shorter.
fn permissions(policy: &Policy<'_>) -> String {
    let (has, lacks): (Vec<Permission>, Vec<Permission>) = Permission::all().partition(|p| policy.may(*p).0);
    let words = |list: &[Permission]| list.iter().map(|p| p.word()).collect::<Vec<_>>().join(" ");
    match (has.len(), lacks.len()) {
        (0, _) => "nothing".to_owned(),
        (_, 0) => "everything".to_owned(),
        (some, missing) if some <= missing => words(&has),
        _ => format!("all but {}", words(&lacks)),
    }
}

fn show(cx: &Context, office: &Office, role: &Role) -> Result<(), Failure> {
    if cx.json() {
        return cx.write_json(&role_json(office, role));
    }
    let policy = office.roster().policy(role);
    let mut out = format!("{}\n", cx.paint(Paint::Strong, role.as_str()));
    let mut table = Table::new(&[Column::text("  KEY"), Column::flexible("VALUE"), Column::text("FROM")]);
    let mut row = |key: &str, value: &str, rule: &Rule| {
        // A permission that follows a broad key says which one.
        let from = if rule.key == key || key == "rate" { String::new() } else { format!("as {}, ", rule.key) };
        let of = if rule.role == *role { String::new() } else { format!("of {}, ", rule.role) };
        table.painted(vec![
            (format!("  {key}"), None),
            (value.to_owned(), None),
            (format!("{from}{of}{}", rule.origin()), Some(Paint::Faint)),
        ]);
    };
    for (key, rule) in broad(&policy) {
        row(key, &rule.value, &rule);
    }
    for permission in Permission::all() {
        let (yes, rule) = policy.may(permission);
        row(permission.word(), if yes { "true" } else { "false" }, &rule);
    }
    out += &table.render(cx.style);
    let who = who(office, role);
    let who = if who.is_empty() { "nobody".to_owned() } else { who.join(", ") };
    out += &format!("  {}\n", text::wrap(&format!("Who has it: {who}"), cx.style.width, 2));
    cx.print(&out)
}

fn broad(policy: &Policy<'_>) -> [(&'static str, Rule); 5] {
    [
        ("send", policy.send().1),
        ("kinds", policy.kinds().1),
        ("max_priority", policy.max_priority().1),
        ("manage", policy.manage().1),
        ("rate", policy.rate().1),
    ]
}

impl TestArgs {
    fn run(self, cx: &Context, office: &Office) -> Result<(), Failure> {
        let allowed = match self.may {
            Some(permission) => {
                let of = self.of.map(|name| office.entry(&name).map(|agent| agent.name)).transpose()?;
                let action = of.as_ref().map_or(Action::Use(permission), |whose| Action::On(permission, whose));
                let decision = office.decide(action);
                if cx.json() {
                    cx.write_json(&decision)?
                } else {
                    cx.print(&line(cx, &[&decision]))?
                }
                decision.allowed
            }
            None => {
                let told = office.explain_send(&self.send_to, self.kind, self.priority)?;
                if cx.json() {
                    cx.write_json(&send_json(&told))?
                } else {
                    cx.print(&send_text(cx, &told, self.priority))?
                }
                told.allowed()
            }
        };
        if allowed { Ok(()) } else { Err(Failure::Silent(4)) }
    }
}

/// Answers that follow from one rule, as one.
fn line(cx: &Context, answers: &[&Decision]) -> String {
    let [Decision { actor, role, action, allowed, rule, .. }, more @ ..] = answers else { return String::new() };
    let more = more.iter().filter_map(|d| d.about.as_ref()).map(|name| format!(", {name}"));
    let action = format!("{action}{}", more.collect::<String>());
    let (paint, word) = if *allowed { (Paint::Good, "yes") } else { (Paint::Bad, "no ") };
    let may = if *allowed { "may" } else { "may not" };
    let first = format!("{actor} ({role}) {may} {action}");
    let why = cx.paint(Paint::Faint, &text::wrap(&text::line(&rule.to_string()), cx.style.width, 5));
    format!("{}  {}\n     {why}\n", cx.paint(paint, word), text::wrap(&text::line(&first), cx.style.width, 5))
}

fn send_text(cx: &Context, told: &Explained, asked: Priority) -> String {
    let mut groups: Vec<Vec<&Decision>> = Vec::new();
    for one in &told.decisions {
        let key = |d: &Decision| (d.allowed, d.rule.clone(), d.about.is_some());
        match groups.iter_mut().find(|group| group.first().is_some_and(|first| key(first) == key(one))) {
            Some(group) => group.push(one),
            None => groups.push(vec![one]),
        }
    }
    let mut out: String = groups.iter().map(|group| line(cx, group)).collect();
    let mut note = |what: String, rule: &Rule| {
        let rule = cx.paint(Paint::Faint, &text::line(&rule.to_string()));
        out += &format!("     {}\n     {rule}\n", text::line(&what));
    };
    if told.allowed() {
        let (priority, rule) = &told.priority;
        if *priority < asked {
            note(format!("the priority is lowered from {asked} to {priority}"), rule);
        }
        if told.rate.value != "none" {
            note(format!("not more often than {}", told.rate.value), &told.rate);
        }
    }
    out
}

fn send_json(told: &Explained) -> Value {
    let (priority, rule) = &told.priority;
    json!({
        "allowed": told.allowed(), "kind": told.kind, "decisions": told.decisions,
        "priority": priority, "priority_rule": rule, "rate_rule": told.rate,
    })
}

fn who(office: &Office, role: &Role) -> Vec<String> {
    office.roster().with_role(role).iter().map(|a| a.name.to_string()).collect()
}

fn role_json(office: &Office, role: &Role) -> Value {
    let policy = office.roster().policy(role);
    let permissions: serde_json::Map<String, Value> =
        Permission::all().map(|p| (p.word().to_owned(), policy.may(p).0.into())).collect();
    let mut rules: serde_json::Map<String, Value> =
        broad(&policy).into_iter().map(|(key, rule)| (key.to_owned(), json!(rule))).collect();
    rules.extend(Permission::all().map(|p| (p.word().to_owned(), json!(policy.may(p).1))));
    let rate = policy.rate().0;
    json!({
        "role": role, "send": policy.send().0, "kinds": policy.kinds().0, "max_priority": policy.max_priority().0,
        "manage": policy.manage().0, "rate": rate, "burst": rate.map(|r| r.burst),
        "sign": policy.sign().0, "seal": policy.seal().0, "forged": policy.forged().0,
        "permissions": permissions, "rules": rules, "agents": who(office, role),
    })
}
