//! What is said in an onboarding: the sequence and the texts of role and
//! style, as approved copies only.

use super::{OnboardRequest, sequence};
use crate::config::trust;
use crate::model::{AgentName, Role};
use crate::office::{ErrorKind, Office, OfficeError, Result};
use crate::roster::Agent;

const FOLDER: &str = "config/onboarding";

/// The approved texts of one onboarding.
pub(super) struct Texts {
    pub(super) path: String,
    pub(super) sequence: Vec<u8>,
    pub(super) role_name: String,
    pub(super) role: String,
    pub(super) style: String,
    pub(super) captain: String,
}

impl Texts {
    pub(super) fn read(office: &Office, agent: &Agent, role: &Role, request: &OnboardRequest) -> Result<Self> {
        let path = file(&request.way, "", "yaml")?;
        let sequence = approved(office, &path)?;
        let lead = request.captain.as_ref().or_else(|| office.roster().captain().map(|a| &a.name));
        let lead = lead.filter(|name| !name.same(agent.name.as_str()));
        let person = || office.roster().default_actor().map(|a| &a.name);
        let captain = lead.or_else(person).map_or("your user", AgentName::as_str).to_owned();
        let words = [("agent", agent.name.as_str()), ("role", role.as_str()), ("captain", captain.as_str())];
        let filled = |path: &str, text: &str| {
            sequence::fill(text, &words).map_err(|why| {
                OfficeError::new(ErrorKind::Refused, format!("{path}: {why}"))
                    .hint(format!("edit {path} and run `cellphone trust`"))
            })
        };
        let text = |path: String| filled(&path, &String::from_utf8_lossy(&approved(office, &path)?));
        let (mut role_text, style) =
            (text(file(role.as_str(), "roles/", "md")?)?, text(file(&request.style, "styles/", "md")?)?);
        if let Some(duty) = &request.duty {
            role_text = format!("{}\n{}\n", role_text.trim_end(), filled("the duty", duty)?.trim_end());
        }
        Ok(Self { path, sequence, role_name: role.to_string(), role: role_text, style, captain })
    }
}

/// A name becomes part of a path, so it is checked like any name.
pub(super) fn file(name: &str, folder: &str, end: &str) -> Result<String> {
    let name = AgentName::new(name).map_err(|_| OfficeError::new(ErrorKind::Usage, format!("{name:?} is no name")))?;
    Ok(format!("{FOLDER}/{folder}{}.{end}", name.as_str()))
}

pub(super) fn approved(office: &Office, path: &str) -> Result<Vec<u8>> {
    if let Some(bytes) = trust::approved(office.root(), path)? {
        return Ok(bytes);
    }
    let there = office.root().read(path)?.is_some();
    let root = office.root().path().display();
    Err(if there {
        OfficeError::new(ErrorKind::Refused, format!("{path} is not approved; nothing was sent or typed"))
            .hint("read it, then run: cellphone trust")
    } else {
        OfficeError::new(ErrorKind::NotFound, format!("{path} is not there; nothing was sent or typed"))
            .hint(format!("write it and run `cellphone trust`; `cellphone init {root}` adds the usual ones"))
    })
}
