//! Names from the tree, powers from the approved copy.

use super::*;
use crate::config::testing::Home;
use crate::config::{AGENTS, ROLES, trust};
use crate::model::{Action, AgentName, Kind, Party, Permission, Policy, Priority, Role};
use std::time::Duration;

fn agent(name: &str) -> Agent {
    Agent::new(AgentName::new(name).unwrap())
}

#[test]
fn the_sample_roster_has_eight_agents_a_captain_and_the_person() {
    let home = Home::new();
    let roster = Roster::load(&home.root()).unwrap();
    assert_eq!(roster.agents().len(), 9);
    assert_eq!(roster.captain().unwrap().name.as_str(), "Agent-4");
    let me = roster.default_actor().unwrap();
    assert_eq!((me.name.as_str(), me.channels[0].kind), ("me", ChannelKind::Desktop));
    assert_eq!(roster.get("agent-3").unwrap().name.as_str(), "Agent-3");
    assert_eq!(roster.with_role(&Role::agent()).len(), 7);
    assert_eq!(roster.nearest("Agnet-3").unwrap().as_str(), "Agent-3");
    let file = trust::approved_path(&home.open("root"), ROLES);
    let listed = policies::parse(crate::config::SAMPLE_ROLES.as_bytes(), &file).unwrap();
    let bare = Roster { policies: policies::Policies::new(), ..roster.clone() };
    let roster = Roster { policies: listed.clone(), ..roster };
    for role in ["agent", "captain", "reviewer", "observer", "operator", "human"] {
        let role = Role::new(role).unwrap();
        assert!(listed.contains_key(&role), "{role}");
        let (said, built_in) = (roster.policy(&role), bare.policy(&role));
        let broad = |p: &Policy<'_>| (p.send().0.to_vec(), p.kinds().0.to_vec(), p.max_priority().0, p.rate().0);
        assert_eq!(broad(&said), broad(&built_in), "{role}");
        for permission in Permission::all() {
            assert_eq!(said.may(permission).0, built_in.may(permission).0, "{role}: {permission}");
        }
    }
}

#[test]
fn what_an_agent_writes_gives_it_a_mailbox_and_nothing_else() {
    let home = Home::new();
    let root = home.root();
    let text = String::from_utf8(root.read(AGENTS).unwrap().unwrap()).unwrap();
    let evil = "  Evil:\n    role: captain\n    channels: [{kind: command, command: [rm, -rf]}]\n    nudge: {content: message}\n";
    home.write(AGENTS, &text.replace("  Agent-1:\n    role: agent", &format!("{evil}  Agent-1:\n    role: captain")));
    let roster = Roster::load(&root).unwrap();
    assert_eq!(roster.get("Evil"), Some(&agent("Evil")));
    assert_eq!(roster.get("Agent-1").unwrap().role, Role::agent());
    assert_eq!(roster.captain().unwrap().name.as_str(), "Agent-4");
    home.write(ROLES, "roles:\n  agent: {max_priority: critical}\n");
    let policy = |root| Roster::load(root).unwrap().policy(&Role::agent()).max_priority().0;
    assert_eq!(policy(&root), Priority::Normal);
    trust::approve(&root).unwrap();
    assert_eq!(policy(&root), Priority::Critical);
    assert_eq!(Roster::load(&root).unwrap().get("Evil").unwrap().role, Role::captain());
}

#[test]
fn saving_one_agent_does_not_approve_another() {
    let home = Home::new();
    let root = home.root();
    let text = String::from_utf8(root.read(AGENTS).unwrap().unwrap()).unwrap();
    home.write(AGENTS, &text.replace("  Agent-1:\n    role: agent", "  Agent-1:\n    role: captain"));
    let mut fresh = agent("Agent-2");
    fresh.role = Role::new("reviewer").unwrap();
    fresh.profile = Some("claude".into());
    fresh.nudge = NudgeOptions { cooldown: Some(Duration::from_secs(90)), dnd: Dnd::On, ..NudgeOptions::default() };
    let pin = Pin { pane: Some("%3".into()), pid: Some(4711), start: Some(99), ..Pin::default() };
    fresh.channels.push(Channel { target: Some("%3".into()), pin: Some(pin), ..Channel::new(ChannelKind::Tmux) });
    save_agent(&root, &fresh).unwrap();
    let roster = Roster::load(&root).unwrap();
    assert_eq!(roster.get("Agent-2"), Some(&fresh));
    assert_eq!(roster.get("Agent-1").unwrap().role, Role::agent());
    let after = String::from_utf8(root.read(AGENTS).unwrap().unwrap()).unwrap();
    assert!(after.contains("\n# The roster") && after.contains("  Agent-3:\n    role: agent\n"));
    save_agent(&root, &agent("agent-2")).unwrap();
    assert_eq!(Roster::load(&root).unwrap().agents().len(), 9, "the twin is the same mailbox");
    remove_agent(&root, &AgentName::new("Agent-2").unwrap()).unwrap();
    assert!(Roster::load(&root).unwrap().get("Agent-2").is_none());
    assert!(remove_agent(&root, &AgentName::new("Agent-2").unwrap()).is_err());
}

#[test]
fn names_that_cannot_be_a_mailbox_are_refused_with_their_line() {
    let home = Home::new();
    let root = home.root();
    let refuse = |entry: &str, word: &str| {
        home.write(AGENTS, &format!("agents:\n  A:\n    role: agent\n{entry}\n"));
        let error = Roster::load(&root).unwrap_err().to_string();
        assert!(error.contains("config/agents.yaml:4") && error.contains(word), "{entry}: {error}");
    };
    refuse("  ../../etc: {}", "not an agent name");
    refuse("  CON: {}", "device");
    refuse("  a/b: {}", "not an agent name");
    refuse("  a: {}", "case");
    refuse("  A: {}", "one mailbox");
    refuse("  system: {}", "reserved");
    refuse("  webhook-x: {}", "reserved");
    refuse("  B: {role: system}", "the program's own");
    refuse("  B: {channels: [{kind: command}]}", "command");
    refuse("  B: {rol: agent}", "unknown field `rol`");
    home.write(AGENTS, "agents:\n  \"a\\0b\": {}\n");
    assert!(Roster::load(&root).unwrap_err().to_string().contains("not an agent name"));
    assert!(save_agent(&root, &agent("system")).is_err());
    assert!(!home.path("root/agent_workspaces/system").exists());
}

#[test]
fn a_tree_without_a_roster_uses_the_approved_one() {
    let home = Home::new();
    let root = home.root();
    root.dir().child("config").unwrap().remove("agents.yaml").unwrap();
    assert_eq!(Roster::load(&root).unwrap().captain().unwrap().name.as_str(), "Agent-4");
}

#[test]
fn an_answer_names_the_rule_and_a_block_list_holds_without_regard_to_case() {
    let home = Home::new();
    let root = home.root();
    let mut blocking = agent("Agent-2");
    blocking.block = vec!["agent-3".parse().unwrap(), "@observer".parse().unwrap()];
    save_agent(&root, &blocking).unwrap();
    let roster = Roster::load(&root).unwrap();
    assert_eq!(roster.get("Agent-2").unwrap().block, blocking.block);
    let (one, two, three) =
        (AgentName::new("Agent-1").unwrap(), AgentName::new("Agent-2").unwrap(), AgentName::new("Agent-3").unwrap());
    let send = |from, to| roster.decide(from, &Action::Send { to, kind: Kind::AgentToAgent });
    assert!(send(&one, &two).allowed && send(&two, &three).allowed);
    let no = send(&three, &two);
    assert!(!no.allowed);
    assert_eq!(no.refusal(), "Agent-2 takes no mail from Agent-3: it blocks agent-3");
    assert!(!matches!(no.rule, Why::Role(_)));
    assert_eq!(roster.decide(&one, &Action::On(Permission::Roster, &one)).rule, Why::Own);
    let no = roster.decide(&one, &Action::On(Permission::Roster, &two));
    assert_eq!(
        no.refusal(),
        "Agent-1 is agent, who may not change the entry of Agent-2 (agent: manage: false, built in)"
    );
    assert!(matches!(no.rule, Why::Role(rule) if rule.key == "manage"));
    assert!(roster.decide(&AgentName::system(), &Permission::Trust.into()).allowed);
    assert!(!roster.decide(&AgentName::new("discord-x").unwrap(), &Permission::Trust.into()).allowed);
    let listed: Vec<Party> = roster.get("Agent-2").unwrap().block.clone();
    assert_eq!(Party::list(&listed), "[agent-3, @observer]");
}
