//! Where the program works and by which settings.
//!
//! Owns the working root (how it is found, its identity), the settings with
//! their origins, the approved copies that `trust` keeps outside the tree, and
//! `init`. Promises: nothing an agent can write in the tree makes the program
//! run a command or grants a role, because such files are used only as the
//! approved copy; a broken file stops nothing, because its last good text is
//! kept; every value can say where it came from; an error names the
//! file and the command to run next. Knows nothing of mail, roles or windows.

mod change;
mod cron;
mod digests;
mod entries;
mod error;
pub(crate) mod good;
mod guarded;
mod http;
mod init;
mod json_schema;
mod layers;
mod origin;
mod outside;
mod place;
mod read;
mod root;
mod samples;
mod schema;
pub(crate) mod seat;
mod secret;
mod settings;
mod snapshot;
pub mod strict;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
pub mod trust;
mod units;
mod values;

pub use change::{set_setting, unset_setting};
pub use cron::Cron;
pub use digests::approved_hook;
pub use entries::{remove_entry, set_entry};
pub use error::ConfigError;
pub use good::ConfigFault;
pub(crate) use guarded::{approve as approve_setting, is_guarded};
pub use http::{Listen, listen};
pub use init::{InitReport, init, init_instead_of};
pub use json_schema::{SchemaOf, json_schema, json_schema_text};
pub use layers::{Override, keep_settings, settings, settings_in_force};
pub use origin::{FileLayer, Origin};
pub use place::{default_root, os_user, set_default_root};
pub use root::Root;
pub(crate) use samples::{ROLES as SAMPLE_ROLES, is_sample, sample, samples_in};
pub use schema::{
    Hooks, HttpSettings, Limits, Log, NudgeSettings, Objectives, Retention, SendSettings, Settings, SnapshotSettings,
    TrustSettings, Watch,
};
pub use secret::{HIDDEN, Secret, SecretSource, redact, remember_password_of, seal};
pub use settings::{Setting, is_secret, shown_value};
pub use snapshot::{SnapshotPlaces, snapshot_places, webhook_token};
pub use units::ScanSecrets;
pub use values::{nearest, parse_bytes, parse_duration, show_duration};

/// The settings, from the root.
pub const SETTINGS: &str = "config/cellphone.yaml";
/// The roster, from the root.
pub const AGENTS: &str = "config/agents.yaml";
/// What each role may do, from the root.
pub const ROLES: &str = "config/roles.yaml";
/// Public keys of those who may sign, from the root.
pub const ALLOWED_SIGNERS: &str = "config/allowed_signers";
/// Public keys that count no more, from the root.
pub const REVOKED_KEYS: &str = "config/revoked_keys";
/// Screen coordinates, from the root.
pub const COORDINATES: &str = "config/coordinates.json";
/// Largest file of configuration that is read, in bytes.
pub const MAX_FILE: u64 = 1024 * 1024;
