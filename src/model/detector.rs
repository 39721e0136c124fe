//! What watches over a root all the time, and what drills expect to notice
//! their disasters.

use serde::{Deserialize, Serialize};

/// Something that is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Detector {
    /// A mailbox of the roster is missing, or a folder of it.
    MissingMailbox,
    /// A message is not what its digest says.
    Damage,
    /// The journal's chain is broken, or the journal is gone.
    JournalChain,
    /// The newest snapshot is too old, or a repository is damaged, flooded or unreachable.
    Snapshots,
    /// The wall clock jumped.
    ClockJump,
    /// A disk is nearly full.
    DiskSpace,
    /// More mail arrives in a mailbox than is read.
    MailStorm,
    /// The configuration cannot be read, or is not what was approved.
    Configuration,
    /// A drill is overdue, or the last one failed.
    Drills,
    /// The daemon was ended without its doing, several times within minutes.
    CrashLoop,
    /// The root that stood here has gone, with its id, and this one has none of what it had.
    LostRoot,
}

impl Detector {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::MissingMailbox,
        Self::Damage,
        Self::JournalChain,
        Self::Snapshots,
        Self::ClockJump,
        Self::DiskSpace,
        Self::MailStorm,
        Self::Configuration,
        Self::Drills,
        Self::CrashLoop,
        Self::LostRoot,
    ];

    /// Its word, as it stands in the journal, in settings and in scenarios.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::MissingMailbox => "missing_mailbox",
            Self::Damage => "damage",
            Self::JournalChain => "journal_chain",
            Self::Snapshots => "snapshots",
            Self::ClockJump => "clock_jump",
            Self::DiskSpace => "disk_space",
            Self::MailStorm => "mail_storm",
            Self::Configuration => "configuration",
            Self::Drills => "drills",
            Self::CrashLoop => "crash_loop",
            Self::LostRoot => "lost_root",
        }
    }

    /// The one with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.word() == word)
    }

    /// The scenario whose plan says what to do, unless what was seen names another.
    #[must_use]
    pub const fn runbook(self) -> Option<&'static str> {
        match self {
            Self::MissingMailbox => Some("lost-inbox"),
            Self::Damage => Some("bit-rot-messages"),
            Self::JournalChain => Some("lost-journal"),
            Self::Snapshots => Some("bit-rot-repository"),
            Self::DiskSpace => Some("disk-full"),
            Self::MailStorm => Some("mail-storm"),
            Self::Configuration => Some("broken-config"),
            Self::CrashLoop => Some("crash-loop"),
            Self::LostRoot => Some("careless-git"),
            // What to do about these is said in their own words.
            Self::ClockJump | Self::Drills => None,
        }
    }
}

/// Reads a list of detectors, `none` or words with commas, for a setting.
///
/// # Errors
/// What is expected, for a person.
pub fn parse_detectors(text: &str) -> Result<Vec<Detector>, String> {
    if matches!(text.trim(), "none" | "") {
        return Ok(Vec::new());
    }
    let one = |word: &str| {
        let word = word.trim();
        let all = || Detector::ALL.map(Detector::word).join(", ");
        Detector::from_word(word).ok_or_else(|| format!("{word:?} is none of {}", all()))
    };
    let mut found = text.split(',').map(one).collect::<Result<Vec<_>, _>>()?;
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// The same list as it is written.
#[must_use]
pub fn show_detectors(all: &[Detector]) -> String {
    if all.is_empty() { "none".into() } else { all.iter().map(|one| one.word()).collect::<Vec<_>>().join(", ") }
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// To be known.
    Notice,
    /// To be looked at today.
    Warning,
    /// To be looked at now.
    Critical,
}

impl Severity {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_the_same_everywhere() {
        for one in Detector::ALL {
            assert_eq!(serde_json::to_value(one).unwrap(), one.word());
            assert_eq!(Detector::from_word(one.word()), Some(one));
        }
        for one in [Severity::Notice, Severity::Warning, Severity::Critical] {
            assert_eq!(serde_json::to_value(one).unwrap(), one.word());
        }
    }

    #[test]
    fn a_list_is_read_and_written_alike() {
        let list = parse_detectors("mail_storm, damage,damage").unwrap();
        assert_eq!(list, [Detector::Damage, Detector::MailStorm]);
        assert_eq!(parse_detectors(&show_detectors(&list)).unwrap(), list);
        assert_eq!(parse_detectors(&show_detectors(&[])).unwrap(), []);
        assert!(parse_detectors("damages").unwrap_err().contains("missing_mailbox"));
    }
}
