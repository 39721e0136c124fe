//! What it costs to ask whether somebody may. `cargo bench --bench policy`.
//!
//! A root of 50 agents with roles and a block list of its own. Approved copies
//! lie in the user's home, so the benchmark starts itself again in a home of
//! its own.
#![allow(missing_docs, clippy::unwrap_used, clippy::disallowed_methods)]

mod apart;

use std::fs;
use std::hint::black_box;
use std::path::Path;

use agent_cellphone::Office;
use agent_cellphone::model::{Action, AgentName, Kind, Permission, Priority};
use agent_cellphone::office::setup::init;
use criterion::Criterion;

const ROLES: &str = "roles:
  agent:
    send: [\"@captain\", \"@reviewer\", \"@painter\", Agent-2, \"*\"]
    kinds: [text, broadcast, agent_to_agent, agent_to_captain]
    broadcast: true
  painter:
    restore: true
";

fn office(home: &Path) -> Office {
    let root = home.join("root");
    init(&root, Some("me")).unwrap();
    let agents: String = (1..=50).map(|n| format!("  Agent-{n}:\n    block: [Nobody, \"@observer\"]\n")).collect();
    fs::write(root.join("config/agents.yaml"), format!("agents:\n  me: {{role: human}}\n{agents}")).unwrap();
    fs::write(root.join("config/roles.yaml"), ROLES).unwrap();
    let me = Office::open(Some(&root), Some("me")).unwrap();
    me.trust_approve(&me.trust_status().unwrap()).unwrap();
    Office::open(Some(&root), Some("Agent-50")).unwrap()
}

fn main() {
    apart::apart(measure);
}

fn measure(home: &Path) {
    let office = office(home);
    let (one, kind) = (AgentName::new("Agent-49").unwrap(), Kind::AgentToAgent);
    let mut c = Criterion::default().configure_from_args();
    c.bench_function("may: a permission, refused", |b| b.iter(|| office.may(black_box(Permission::Restore)).is_err()));
    c.bench_function("may: a permission, granted", |b| b.iter(|| office.may(black_box(Permission::Snapshot)).unwrap()));
    c.bench_function("may: send to one", |b| {
        b.iter(|| office.may(Action::Send { to: black_box(&one), kind }).unwrap());
    });
    let all = ["@all".parse().unwrap()];
    c.bench_function("explain: a broadcast to 50", |b| {
        b.iter(|| office.explain_send(black_box(&all), None, Priority::Normal).unwrap().allowed());
    });
    c.final_summary();
}
