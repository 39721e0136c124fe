//! A circuit breaker per channel: what keeps failing is left alone for a
//! while, then tried once.

use std::time::Duration;

use super::machine::NudgePolicy;

/// Closed until too many failures in a row; then open for a time; then
/// half-open, when one try decides.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Breaker {
    failures: u32,
    open_until: Option<Duration>,
}

impl Breaker {
    /// Whether a try is allowed.
    #[must_use]
    pub fn admits(&self, now: Duration) -> bool {
        self.open_until.is_none_or(|until| until <= now)
    }

    /// When a try is allowed.
    #[must_use]
    pub fn opens_at(&self) -> Duration {
        self.open_until.unwrap_or_default()
    }

    /// Its state, for a person.
    #[must_use]
    pub fn word(&self, now: Duration) -> &'static str {
        match self.open_until {
            None => "closed",
            Some(until) if until > now => "open",
            Some(_) => "half-open",
        }
    }

    pub(super) fn worked(&mut self) {
        *self = Self::default();
    }

    pub(super) fn failed(&mut self, now: Duration, policy: &NudgePolicy) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= policy.breaker_failures.max(1) {
            self.open_until = Some(now + policy.breaker_open);
        }
    }
}
