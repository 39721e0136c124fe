//! Maildir's flags, after a comma in the file name: `…,RS.md`.
//!
//! Letters and their order are those of <https://cr.yp.to/proto/maildir.html>;
//! the comma stands where Maildir has `:2,`, which Windows and git refuse.

use std::fmt;

/// One flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flag {
    /// `D`: a draft.
    Draft,
    /// `F`: marked by its owner.
    Flagged,
    /// `P`: passed on (forwarded).
    Passed,
    /// `R`: replied to.
    Replied,
    /// `S`: seen.
    Seen,
    /// `T`: trashed.
    Trashed,
}

impl Flag {
    const ALL: [(Self, char); 6] = [
        (Self::Draft, 'D'),
        (Self::Flagged, 'F'),
        (Self::Passed, 'P'),
        (Self::Replied, 'R'),
        (Self::Seen, 'S'),
        (Self::Trashed, 'T'),
    ];

    /// The letter in the file name.
    #[must_use]
    pub fn letter(self) -> char {
        Self::ALL.iter().find(|(flag, _)| *flag == self).map_or('S', |(_, c)| *c)
    }
}

/// A set of flags. Written in ASCII order, so equal sets have equal names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Flags(u8);

impl Flags {
    /// No flag.
    pub const NONE: Self = Self(0);

    /// Reads the letters after the comma; `None` when one is unknown or they
    /// are not in ascending order.
    #[must_use]
    pub fn parse(letters: &str) -> Option<Self> {
        let mut set = Self::NONE;
        let mut last = '\0';
        for c in letters.chars() {
            let (flag, _) = Flag::ALL.iter().find(|(_, letter)| *letter == c)?;
            if c <= last {
                return None;
            }
            last = c;
            set = set.with(*flag);
        }
        Some(set)
    }

    /// Every set there is.
    pub fn every() -> impl Iterator<Item = Self> {
        (0..1 << Flag::ALL.len()).map(Self)
    }

    /// The set and one more.
    #[must_use]
    pub const fn with(self, flag: Flag) -> Self {
        Self(self.0 | 1 << flag as u8)
    }

    /// The union.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the flag is set.
    #[must_use]
    pub const fn has(self, flag: Flag) -> bool {
        self.0 & (1 << flag as u8) != 0
    }

    /// Whether no flag is set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (flag, letter) in Flag::ALL {
            if self.has(flag) {
                write!(f, "{letter}")?;
            }
        }
        Ok(())
    }
}
