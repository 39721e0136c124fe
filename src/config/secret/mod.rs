//! Secrets: tokens and passwords, and where they come from.
//!
//! A setting that is a secret never holds it: it says where it is ([`SecretSource`]):
//! in a file that nobody else may read, in the environment, in what a command
//! prints, or encrypted with `age` in the setting itself ([`seal`]). It is
//! fetched at the moment it is used. What was fetched is a [`Secret`], which
//! shows itself as `••••`, is wiped from memory when it is dropped, and is
//! known from then on ([`redact`]): logs, the journal, answers and the
//! account of a crash are written without it. A source that stands in the
//! tree, where agents write, is used as approved only (`guarded`).

mod known;
mod run;
mod sealed;
mod source;

use std::fmt;

use zeroize::Zeroizing;

pub(super) use known::without_password;
pub use known::{redact, remember_password_of};
pub use sealed::seal;
pub use source::SecretSource;

/// What is shown in place of a secret.
pub const HIDDEN: &str = "••••";

/// A secret, in memory as long as it is needed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a secret; from now on it is redacted wherever it would be written.
    #[must_use]
    pub fn new(text: String) -> Self {
        known::remember(&text);
        Self(Zeroizing::new(text))
    }

    /// The secret itself, for whom it is meant.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_show_itself() {
        let secret = Secret::new("correct horse".into());
        assert_eq!(format!("{secret} {secret:?} {:?}", Some(&secret)), "•••• •••• Some(••••)");
        assert_eq!(secret.expose(), "correct horse");
    }
}
