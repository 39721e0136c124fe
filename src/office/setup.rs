//! Making a root, approving its files, and its roster.
//!
//! Whoever runs these commands is the one who approves: what is written here
//! is in force at once, and a stranger's change beside it is not.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{ErrorKind, Office, OfficeError, Result};
use crate::config::{self, ConfigError, InitReport, Secret, Settings, trust};
use crate::identity::{KeyRing, Signers};
use crate::model::{Action, AgentName, Event, EventKind, Party, Permission, Role};
use crate::roster::{NudgeOptions, Roster, remove_agent, save_agent};

pub use crate::config::parse_duration;
pub use crate::config::trust::{TrustItem, TrustState};
pub use crate::config::{
    FileLayer, HttpSettings, Listen, Objectives, Override, SchemaOf, Setting, json_schema, json_schema_text, redact,
};
pub use crate::journal::Record;
pub use crate::model::QuietHours;
pub use crate::roster::{Agent, Channel, ChannelKind, Dnd};

/// What [`init`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The root and its files.
    pub report: InitReport,
    /// For whom a key was made.
    pub keys: Vec<AgentName>,
    /// Where the private halves are.
    pub keys_folder: PathBuf,
}

/// Makes a working root, or completes one: also a key for everybody who never
/// had one. Nothing is overwritten.
///
/// # Errors
/// A name that no mailbox can have, or the disk.
pub fn init(path: &Path, human: Option<&str>) -> Result<Made> {
    init_with(path, human, None, &[])
}

/// The same with settings of the command line; `instead_of` is the id of a
/// root that was lost, whose place this one takes.
///
/// # Errors
/// As [`init`]; and when nothing of the lost root is known here.
pub fn init_with(path: &Path, human: Option<&str>, instead_of: Option<&str>, said: &[Override]) -> Result<Made> {
    let human = human.map_or_else(config::os_user, str::to_owned);
    let report = match instead_of {
        Some(id) => config::init_instead_of(path, &human, id)?,
        None => config::init(path, &human)?,
    };
    Roster::keep_good(&config::Root::open(&report.root)?)?;
    let office = Office::open_for_repair(Some(&report.root), said)?;
    let everybody: Vec<AgentName> = office.roster().agents().iter().map(|agent| agent.name.clone()).collect();
    // In the place of a lost root keys and signers come back as they were: a new one would be none of those.
    let keys = if instead_of.is_some() { Vec::new() } else { office.give_keys(&everybody) };
    let keys_folder = KeyRing::of(office.root()).folder().to_owned();
    // A root without a repository is a root all the same: the first snapshot makes it.
    if let Err(e) = office.snapshot_init(false) {
        tracing::warn!(error = %e, "no repository for snapshots was made");
    }
    Ok(Made { report, keys, keys_folder })
}

/// A change of one roster entry; `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct AgentChange {
    /// The role.
    pub role: Option<Role>,
    /// A channel, which replaces the one of its kind and comes first.
    pub channel: Option<Channel>,
    /// A channel to take away.
    pub without: Option<ChannelKind>,
    /// The profile of the program.
    pub profile: Option<String>,
    /// When the window rings.
    pub nudge: NudgeChange,
    /// Whose mail is not taken any more.
    pub block: Vec<Party>,
    /// Whose is again.
    pub unblock: Vec<Party>,
}

/// A change of when a window rings; `None` leaves a field as it is,
/// `Some(None)` gives it the usual value of the settings back.
#[derive(Debug, Clone, Default)]
pub struct NudgeChange {
    /// Do not disturb.
    pub dnd: Option<Dnd>,
    /// Quiet hours.
    pub quiet: Option<Option<QuietHours>>,
    /// Whether urgent mail rings in them.
    pub quiet_urgent: Option<Option<bool>>,
    /// Least time between two nudges.
    pub cooldown: Option<Option<Duration>>,
    /// When urgent mail that woke nobody is brought to others.
    pub urgent_deadline: Option<Option<Duration>>,
    /// Nudges within an hour.
    pub budget: Option<Option<u32>>,
}

impl NudgeChange {
    fn apply(self, nudge: &mut NudgeOptions) {
        nudge.dnd = self.dnd.unwrap_or(nudge.dnd);
        nudge.quiet = self.quiet.unwrap_or(nudge.quiet.take());
        nudge.quiet_urgent = self.quiet_urgent.unwrap_or(nudge.quiet_urgent);
        nudge.cooldown = self.cooldown.unwrap_or(nudge.cooldown);
        nudge.urgent_deadline = self.urgent_deadline.unwrap_or(nudge.urgent_deadline);
        nudge.budget = self.budget.unwrap_or(nudge.budget);
    }
}

/// What `--set` says, one for each.
///
/// # Errors
/// Not `KEY=VALUE`, no such key, or it may not have this value.
pub fn said(texts: &[String]) -> Result<Vec<Override>> {
    texts.iter().map(|text| Override::command_line(text).map_err(setting_refused)).collect()
}

/// One setting, as it stands.
///
/// # Errors
/// There is none of this key.
pub(super) fn setting_of(settings: &Settings, key: &str) -> Result<Setting> {
    let gone = || OfficeError::new(ErrorKind::NotFound, format!("there is no setting {key:?}")).hint(LIST);
    settings.list().into_iter().find(|s| s.key == key).ok_or_else(gone)
}

/// Why a setting cannot have this value, or cannot be changed.
pub(super) fn setting_refused(e: ConfigError) -> OfficeError {
    match e {
        ConfigError::NotFound(why) => OfficeError::new(ErrorKind::NotFound, why).hint(LIST),
        ConfigError::Refused(why) => OfficeError::new(ErrorKind::Usage, why).hint(LIST),
        ConfigError::Fs(e) if e.kind() == std::io::ErrorKind::PermissionDenied => {
            OfficeError::new(ErrorKind::Failed, e.to_string()).hint("run it as whoever may write there, as with sudo")
        }
        other => OfficeError::from(other).hint("mend the file, or cellphone doctor --fix"),
    }
}

/// What lists the settings.
const LIST: &str = "cellphone config show --about";

impl Office {
    /// Every file that needs approval, and how it stands.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn trust_status(&self) -> Result<Vec<TrustItem>> {
        Ok(trust::status(self.root())?)
    }

    /// Approves exactly what was shown.
    ///
    /// # Errors
    /// The actor may not, a file changed after it was shown, or it could not
    /// be used once it is approved.
    pub fn trust_approve(&self, seen: &[TrustItem]) -> Result<Vec<TrustItem>> {
        self.may(Permission::Trust)?;
        for item in seen.iter().filter(|item| matches!(item.state, TrustState::New | TrustState::Changed)) {
            let bytes = self.root().read(&item.path)?.unwrap_or_default();
            let checked = Roster::check(self.root(), &item.path, &bytes).map_err(|e| e.to_string());
            let signers = || Signers::check(self.root(), &item.path, &bytes).map_err(|e| e.to_string());
            checked
                .and_then(|()| super::profiles::check(&item.path, &bytes))
                .and_then(|()| super::onboarding::check(&item.path, &bytes))
                .and_then(|()| crate::continuity::check_scenario(&item.path, &bytes).map_err(|e| e.to_string()))
                .and_then(|()| signers())
                .map_err(|why| {
                    OfficeError::new(ErrorKind::Refused, why).hint("mend it, then run cellphone trust again")
                })?;
        }
        let had_hooks = self.has_hooks();
        let done = trust::approve_seen(self.root(), seen)?;
        self.keep_good();
        if !had_hooks && self.has_hooks() {
            self.begin_hooks()?;
        }
        let (now, actor) = (jiff::Timestamp::now(), self.actor());
        let events: Vec<_> = done
            .iter()
            .map(|item| Event::new(now, EventKind::Config).agent(&actor).with("approved", &item.path))
            .collect();
        self.note(&events);
        Ok(done)
    }

    /// Writes a setting into the file of a layer, or with `None` takes it out of
    /// it; gives the setting as it stands then.
    ///
    /// # Errors
    /// The actor may not, there is no such key, or it may not have this value.
    pub fn set_setting(&self, layer: FileLayer, key: &str, value: Option<&str>) -> Result<Setting> {
        self.may(Permission::Config)?;
        if layer == FileLayer::Root {
            if key == config::strict::SETTING && value.is_some_and(|value| value != "true") {
                let why = format!("{key} is not taken from the tree, which agents can write");
                let hint = format!("cellphone config set --user {key} false, or CELLPHONE_TRUST_STRICT_MODES=false");
                return Err(OfficeError::new(ErrorKind::Refused, why).hint(hint));
            }
            // What is approved by being set needs both.
            if config::is_guarded(key) {
                self.may(Permission::Trust)?;
            }
        }
        let changed = match value {
            Some(value) => config::set_setting(self.root(), layer, key, value).map(|()| true),
            None => config::unset_setting(self.root(), layer, key),
        };
        let changed = changed.map_err(setting_refused)?;
        if layer == FileLayer::Root {
            config::approve_setting(self.root(), key)?;
        }
        if changed {
            let event = Event::new(jiff::Timestamp::now(), EventKind::Config).agent(&self.actor());
            let event = event.with("layer", layer.as_str()).with("setting", key);
            self.note(&[event.with("value", config::shown_value(key, value.unwrap_or("default")))]);
        }
        let (mut overrides, _) = super::running::asked(self.root());
        overrides.extend_from_slice(self.said());
        setting_of(&config::settings_in_force(self.root(), &overrides).0, key)
    }

    /// Whether the actor may set this setting to a secret: asked before a
    /// person types one.
    ///
    /// # Errors
    /// The actor may not, there is no such setting, or it holds no secret.
    pub fn may_hold_secret(&self, key: &str) -> Result<()> {
        self.may(Permission::Config)?;
        if config::is_secret(key).map_err(setting_refused)? {
            return Ok(());
        }
        let why = format!("`{key}` is no secret, so nobody could read it any more");
        Err(OfficeError::new(ErrorKind::Usage, why).hint(format!("cellphone config set {key} VALUE")))
    }

    /// Encrypts a secret: what is to be written into a setting.
    ///
    /// # Errors
    /// As [`may_hold_secret`](Self::may_hold_secret), or the text is empty.
    pub fn sealed_for(&self, key: &str, text: String) -> Result<String> {
        self.may_hold_secret(key)?;
        if text.is_empty() {
            return Err(OfficeError::new(ErrorKind::Usage, "nothing was given, so nothing was written"));
        }
        config::seal(self.root(), &Secret::new(text)).map_err(setting_refused)
    }

    /// Adds somebody to the roster, with a mailbox and a key.
    ///
    /// # Errors
    /// The actor may not, the name is taken, or may not be one.
    pub fn add_agent(&self, name: &AgentName, change: AgentChange) -> Result<Agent> {
        self.may(Permission::Roster)?;
        if let Some(twin) = self.roster().get(name.as_str()) {
            return Err(OfficeError::new(ErrorKind::Conflict, format!("{} is on the roster already", twin.name))
                .hint(format!("cellphone agents set {}", twin.name)));
        }
        let agent = self.keep(Agent::new(name.clone()), change)?;
        self.give_keys(std::slice::from_ref(&agent.name));
        Ok(agent)
    }

    /// Changes somebody's entry.
    ///
    /// # Errors
    /// The actor may not, or nobody has this name.
    pub fn set_agent(&self, name: &AgentName, change: AgentChange) -> Result<Agent> {
        // What makes the program run or call something is no agent's to choose, not even for itself.
        let bold = |channel: &Channel| matches!(channel.kind, ChannelKind::Command | ChannelKind::Webhook);
        let harmless = change.role.is_none() && !change.channel.as_ref().is_some_and(bold);
        self.may(if harmless { Action::On(Permission::Roster, name) } else { Permission::Roster.into() })?;
        self.may_block(&change.block)?;
        let agent = self.entry(name)?;
        self.keep(agent, change)
    }

    /// Who is led does not shut out who leads.
    fn may_block(&self, parties: &[Party]) -> Result<()> {
        if parties.is_empty() || self.decide(Permission::Roster).allowed {
            return Ok(());
        }
        let leads = |a: &&Agent| self.roster().decide(&a.name, &Permission::Roster.into()).allowed;
        let shut_out = |a: &&Agent| parties.iter().any(|party| party.includes(&a.name, &a.role));
        match self.roster().agents().iter().filter(leads).find(shut_out) {
            None => Ok(()),
            Some(leader) => {
                let why = format!("{} leads; {} may not block its mail", leader.name, self.actor());
                Err(OfficeError::new(ErrorKind::Refused, why).hint("block agents by name, or ask who leads"))
            }
        }
    }

    /// Takes somebody off the roster. The mailbox stays, with its mail.
    ///
    /// # Errors
    /// The actor may not, or nobody has this name.
    pub fn remove_agent(&self, name: &AgentName) -> Result<()> {
        self.may(Permission::Roster)?;
        let agent = self.entry(name)?;
        remove_agent(self.root(), &agent.name)?;
        let now = jiff::Timestamp::now();
        self.note(&[Event::new(now, EventKind::Config).agent(&agent.name).with("roster", "removed")]);
        Ok(())
    }

    /// Where the daemon listens for browsers and programs, as approved.
    ///
    /// # Errors
    /// The approved copy cannot be read, or names no address.
    pub fn listen(&self) -> Result<Listen> {
        Ok(config::listen(self.root(), self.settings())?)
    }

    /// One entry of the roster.
    ///
    /// # Errors
    /// Nobody has this name.
    pub fn entry(&self, name: &AgentName) -> Result<Agent> {
        self.roster().get(name.as_str()).cloned().ok_or_else(|| {
            let near = self.roster().nearest(name.as_str()).map(|n| format!("; did you mean {n}?")).unwrap_or_default();
            OfficeError::new(ErrorKind::NotFound, format!("{name} is not on the roster{near}"))
                .hint("cellphone agents list")
        })
    }

    fn keep(&self, mut agent: Agent, change: AgentChange) -> Result<Agent> {
        if let Some(role) = change.role {
            agent.role = role;
        }
        if let Some(kind) = change.without {
            agent.channels.retain(|c| c.kind != kind);
        }
        if let Some(channel) = change.channel {
            agent.channels.retain(|c| c.kind != channel.kind);
            agent.channels.insert(0, channel);
        }
        if let Some(profile) = change.profile {
            self.known_profile(&profile)?;
            agent.profile = Some(profile);
        }
        change.nudge.apply(&mut agent.nudge);
        agent.block.retain(|party| !change.unblock.contains(party) && !change.block.contains(party));
        agent.block.extend(change.block);
        save_agent(self.root(), &agent)?;
        self.ensure_mailbox(&agent.name)?;
        let now = jiff::Timestamp::now();
        self.note(&[Event::new(now, EventKind::Joined).agent(&agent.name).with("role", &agent.role)]);
        Ok(agent)
    }
}
