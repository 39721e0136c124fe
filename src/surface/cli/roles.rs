//! `cellphone roles`: who may do what.

use std::collections::BTreeSet;

use serde_json::json;

use super::Run;
use super::context::Context;
use super::failure::Failure;
use crate::model::{Role, RolePolicy};
use crate::office::Office;
use crate::surface::render::{Column, Table};

/// The roles that are built in.
const BUILT_IN: [&str; 6] = ["captain", "agent", "reviewer", "observer", "operator", "human"];

/// Arguments of `roles`.
#[derive(Debug, clap::Args)]
pub(super) struct RolesArgs {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Every role and what it may do
    List,
    /// One role, and who has it
    Show {
        /// Which
        #[arg(value_parser = |t: &str| Role::new(t).map_err(|e| e.to_string()))]
        role: Role,
    },
}

impl Run for RolesArgs {
    fn run(self, cx: &Context) -> Result<(), Failure> {
        let office = cx.office()?;
        let roles: BTreeSet<Role> = match self.what.unwrap_or(What::List) {
            What::Show { role } => {
                if cx.json() {
                    return cx.write_json(&role_json(&office, &role));
                }
                [role].into()
            }
            What::List => {
                let known = BUILT_IN.iter().filter_map(|r| Role::new(r).ok());
                known.chain(office.roster().agents().iter().map(|a| a.role.clone())).collect()
            }
        };
        if cx.json() {
            return cx.write_json(&roles.iter().map(|r| role_json(&office, r)).collect::<Vec<_>>());
        }
        let mut table = Table::new(&[
            Column::text("ROLE"),
            Column::text("SENDS"),
            Column::text("TO @all"),
            Column::text("PRIORITY UP TO"),
            Column::text("MANAGES"),
            Column::flexible("WHO"),
        ]);
        let word = |yes: bool| if yes { "yes" } else { "no" };
        for role in &roles {
            let p: RolePolicy = office.roster().policy(role);
            table.row(&[
                role.as_str(),
                word(p.send),
                word(p.broadcast),
                p.max_priority.as_str(),
                word(p.manage),
                &who(&office, role).join(", "),
            ]);
        }
        cx.print(&table.render(cx.style))
    }
}

fn who(office: &Office, role: &Role) -> Vec<String> {
    office.roster().with_role(role).iter().map(|a| a.name.to_string()).collect()
}

fn role_json(office: &Office, role: &Role) -> serde_json::Value {
    let p = office.roster().policy(role);
    json!({
        "role": role, "send": p.send, "broadcast": p.broadcast, "max_priority": p.max_priority,
        "manage": p.manage, "sign": p.sign, "seal": p.seal, "forged": p.forged, "agents": who(office, role),
    })
}
