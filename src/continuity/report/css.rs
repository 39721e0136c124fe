//! The style sheet of the page, inside it: nothing is fetched.

/// For screens, light and dark, wide and narrow, and for paper.
pub(super) const STYLE: &str = include_str!("style.css");
