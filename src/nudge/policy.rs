//! The limits within which an agent is nudged, as one value. Whoever makes it
//! reads the wall clock and the roster; here only the boot clock is left.

use std::time::Duration;

/// The span in which the budget counts.
pub const BUDGET_SPAN: Duration = Duration::from_secs(3_600);

/// What keeps a window silent although mail is unread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// Its owner said so.
    DoNotDisturb,
    /// It is night there, or whatever else the roster calls quiet.
    QuietHours,
    /// Its onboarding is being typed.
    Onboarding,
    /// Only mail of an endless conversation is unread.
    Loop,
}

impl Held {
    /// The word in the journal.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::DoNotDisturb => "do_not_disturb",
            Self::QuietHours => "quiet_hours",
            Self::Onboarding => "onboarding",
            Self::Loop => "loop",
        }
    }
}

/// A hold that is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// What holds.
    pub gate: Held,
    /// When it ends, on the boot clock; `None` when nobody knows.
    pub until: Option<Duration>,
    /// Whether urgent mail rings all the same.
    pub urgent_passes: bool,
    /// The reason, for a person.
    pub words: String,
}

/// The limits of one agent's nudges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NudgePolicy {
    /// Channels on the roster.
    pub channels: usize,
    /// Least time between two nudges that were submitted.
    pub cooldown: Duration,
    /// The same when something urgent is unread.
    pub urgent_cooldown: Duration,
    /// First pause after a failure or an unproven submit; doubled
    /// from time to time.
    pub retry_first: Duration,
    /// Longest such pause.
    pub retry_max: Duration,
    /// Unproven submits on one channel before the next is tried.
    pub attempts: u32,
    /// How long one channel may be deferred before the next is tried.
    pub deferral_limit: Duration,
    /// Failures in a row that open a channel's breaker.
    pub breaker_failures: u32,
    /// How long it stays open.
    pub breaker_open: Duration,
    /// What keeps the window silent now.
    pub holds: Vec<Hold>,
    /// Nudges submitted within [`BUDGET_SPAN`]; 0: no bound.
    pub budget: u32,
    /// Time after which urgent mail that woke nobody is brought to others,
    /// one step each time; 0 never.
    pub urgent_deadline: Duration,
    /// Whether the captain is told when no channel works. Nobody is told of a
    /// person: a notification is never answered.
    pub escalates: bool,
}

impl NudgePolicy {
    /// The policy of an agent with so many channels when no setting says
    /// otherwise.
    #[must_use]
    pub const fn with_channels(channels: usize) -> Self {
        Self {
            channels,
            cooldown: Duration::from_secs(30),
            urgent_cooldown: Duration::from_secs(5),
            retry_first: Duration::from_secs(2),
            retry_max: Duration::from_secs(300),
            attempts: 3,
            deferral_limit: Duration::from_secs(600),
            breaker_failures: 3,
            breaker_open: Duration::from_secs(60),
            holds: Vec::new(),
            budget: 0,
            urgent_deadline: Duration::ZERO,
            escalates: true,
        }
    }

    /// The hold that keeps the window silent longest at `now`, if any does.
    #[must_use]
    pub fn held(&self, now: Duration, urgent: bool) -> Option<&Hold> {
        self.holds
            .iter()
            .filter(|hold| hold.until.is_none_or(|until| until > now) && !(urgent && hold.urgent_passes))
            .max_by_key(|hold| hold.until.unwrap_or(Duration::MAX))
    }

    /// The pause before try number `tries`, from 0.
    #[must_use]
    pub fn backoff(&self, tries: u32) -> Duration {
        self.retry_first.saturating_mul(1 << tries.min(16)).min(self.retry_max)
    }
}
