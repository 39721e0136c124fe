//! What waits for approval, as a person has to see it: what it would make the
//! program do, and what changed since it was approved. And whether anything
//! may be run or typed here at all.

use crate::config::trust::{self, TrustItem, TrustState};
use crate::config::{self, COORDINATES, ROLES, strict};
use crate::hooks;
use crate::roster::Roster;

use super::{ErrorKind, Office, OfficeError, Result};

/// One file that waits, or differs from its approved copy.
#[derive(Debug, Clone)]
pub struct TrustChange {
    /// The file.
    pub item: TrustItem,
    /// What it would make the program do that it does not now, a line each.
    pub means: Vec<String>,
    /// The approved copy; `None` when there is none, or it is no text.
    pub before: Option<String>,
    /// What would be approved; `None` when it is gone or no text.
    pub after: Option<String>,
    /// Whether one of the two is no text.
    pub binary: bool,
    /// Whether it is, byte for byte, what this version brings along.
    pub as_shipped: bool,
}

/// How the tree stands to what was approved, in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustSummary {
    /// Paths that changed since they were approved.
    pub changed: Vec<String>,
    /// Paths without effect, because nobody approved them.
    pub new: Vec<String>,
    /// Why nothing is run or typed, if so.
    pub refused: Option<String>,
}

impl Office {
    /// What is not approved as it stands, with what it would do.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn trust_changes(&self, items: &[TrustItem]) -> Result<Vec<TrustChange>> {
        items.iter().filter(|item| item.state != TrustState::Approved).map(|item| self.trust_change(item)).collect()
    }

    fn trust_change(&self, item: &TrustItem) -> Result<TrustChange> {
        let approved = trust::approved(self.root(), &item.path)?;
        let gone = item.state == TrustState::Missing;
        let here = if gone { None } else { trust::in_tree(self.root(), &item.path)? };
        let text = |bytes: &Option<Vec<u8>>| bytes.clone().map(String::from_utf8).transpose();
        let (before, after) = (text(&approved), text(&here));
        let binary = before.is_err() || after.is_err();
        let known = means(&item.path, approved.as_deref().unwrap_or_default());
        let mut means = means(&item.path, here.as_deref().unwrap_or_default());
        means.retain(|line| item.path.starts_with("hooks/") || !known.contains(line));
        Ok(TrustChange {
            item: item.clone(),
            means,
            as_shipped: here.is_some_and(|bytes| config::is_sample(&item.path, &bytes)),
            before: before.unwrap_or_default(),
            after: after.unwrap_or_default(),
            binary,
        })
    }

    /// How the tree stands to what was approved. A file that cannot be read is
    /// told by `doctor`.
    #[must_use]
    pub fn trust_summary(&self) -> TrustSummary {
        let items = self.trust_status().unwrap_or_default();
        let of = |state| items.iter().filter(|i| i.state == state).map(|i| i.path.clone()).collect();
        let refused = strict::check(self.root(), self.settings()).err().map(|e| e.to_string());
        TrustSummary { changed: of(TrustState::Changed), new: of(TrustState::New), refused }
    }

    /// Refuses to run or type anything while others could change what is
    /// trusted.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] names the folder and what to do.
    pub(super) fn must_be_private(&self) -> Result<()> {
        strict::check(self.root(), self.settings())
            .map_err(|e| OfficeError::new(ErrorKind::Refused, e.to_string()).hint("cellphone doctor shows it as well"))
    }
}

/// What a setting that needs approval makes the program do.
fn setting_means(key: &str, value: &str) -> String {
    match (key, value.split_once(':')) {
        ("snapshot.repositories", _) => format!("writes snapshots to {value}"),
        ("snapshot.password_command", _) => format!("runs {value}"),
        ("snapshot.password_file", _) => format!("reads {value}"),
        (key, Some(("command", line))) => format!("runs {line}, for {key}"),
        (key, Some(("age", _))) => format!("decrypts {key}"),
        (key, _) => format!("reads {value}, for {key}"),
    }
}

/// What the bytes of a file make the program do, a line each.
fn means(path: &str, bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    if text.is_empty() {
        return Vec::new();
    }
    if let Some(event) = path.strip_prefix("hooks/") {
        let by = text.lines().next().and_then(|line| line.strip_prefix("#!")).map(str::trim);
        let by = by.map_or_else(|| "as a program".to_owned(), |interpreter| format!("by {interpreter}"));
        let when = match event.strip_prefix("before-") {
            Some("deliver") => "before each message".to_owned(),
            Some(what) => format!("before each {what}"),
            None => format!("after `{event}`"),
        };
        if !hooks::is_known(event) {
            return vec![format!("never runs: no event is called {event}; hooks/README.md names them")];
        }
        return vec![format!("runs {when}, {by}")];
    }
    if path.starts_with(&format!("{}#", config::SETTINGS)) {
        let said = text.lines().filter_map(|line| line.split_once(": ")).filter(|(_, value)| *value != "none");
        return said.map(|(key, value)| setting_means(key, value)).collect();
    }
    if path == config::AGENTS {
        return Roster::acts(bytes);
    }
    let folder = |name: &str| path.starts_with(&format!("config/{name}/"));
    let what = match path {
        ROLES => "decides who may do what",
        COORDINATES => "decides where is clicked and typed",
        _ if folder("profiles") => "decides when and how a window of that program is typed into",
        _ if folder("onboarding") => "is typed into windows and sent, by agents onboard",
        _ if folder("continuity") => "is what a drill breaks and restores",
        _ => return Vec::new(),
    };
    vec![what.to_owned()]
}
