//! The text of a nudge: a fixed template over letters, digits, space and
//! `,.:_-`, so that a shell left behind by an agent that has gone finds no
//! command in it.

use serde::Serialize;

use crate::model::{AgentName, MessageId};

/// What there is to say to an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// Whose mail.
    pub agent: AgentName,
    /// Unread messages.
    pub new: usize,
    /// How many of them are urgent or critical.
    pub urgent: usize,
    /// Who wrote them, each once.
    pub from: Vec<AgentName>,
    /// Their ids.
    pub ids: Vec<MessageId>,
}

/// Senders named before the rest is only counted: the line should fit a row.
const NAMED: usize = 3;

impl Notice {
    /// The line that is typed.
    #[must_use]
    pub fn text(&self) -> String {
        self.text_with("cellphone inbox")
    }

    /// The same with the command that shows the mail of an agent whose
    /// terminal does not say who it is.
    #[must_use]
    pub fn text_by_name(&self) -> String {
        self.text_with(&format!("cellphone --as {} inbox", self.agent))
    }

    fn text_with(&self, command: &str) -> String {
        let mut text = format!("Cellphone: {} new for {}", self.new, self.agent);
        if self.urgent > 0 {
            text.push_str(&format!(", {} urgent", self.urgent));
        }
        if !self.from.is_empty() {
            let named: Vec<&str> = self.from.iter().take(NAMED).map(AgentName::as_str).collect();
            text.push_str(", from ");
            text.push_str(&named.join(", "));
            if self.from.len() > NAMED {
                text.push_str(&format!(" and {} more", self.from.len() - NAMED));
            }
        }
        text.push_str(". Run: ");
        text.push_str(command);
        text
    }
}

/// Whom a whole notice, its blanks left out, is for; `None` for any other
/// text, the beginning of a notice too.
#[must_use]
pub fn addressee(squeezed: &str) -> Option<&str> {
    let rest = squeezed.strip_prefix("Cellphone:")?.trim_start_matches(|c: char| c.is_ascii_digit());
    let inner = rest.strip_prefix("newfor")?.strip_suffix(".Run:cellphoneinbox")?;
    let named = inner.bytes().all(|b| b.is_ascii_alphanumeric() || b"_,-".contains(&b));
    inner.split(',').next().filter(|name| named && !name.is_empty())
}

/// Whether a text may be typed as a nudge: the template's letters only.
#[must_use]
pub fn is_safe(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b" ,.:_-".contains(&b))
}

/// Takes out of a message what a terminal would act upon: every control
/// character but the line feed, so that no text can end a bracketed paste,
/// press Enter or move the cursor; and the bidirectional and invisible
/// format characters.
#[must_use]
pub fn without_controls(text: &str) -> String {
    text.replace("\r\n", "\n")
        .chars()
        .filter(|c| *c == '\n' || !c.is_control())
        .filter(
            |c| !matches!(*c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'),
        )
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn notice(new: usize, urgent: usize, from: &[&str]) -> Notice {
        let from = from.iter().map(|n| AgentName::new(*n).unwrap()).collect();
        Notice { agent: AgentName::new("Agent-3").unwrap(), new, urgent, from, ids: vec![] }
    }

    #[test]
    fn the_template_reads_as_designed() {
        let text = notice(2, 1, &["Agent-1"]).text();
        assert_eq!(text, "Cellphone: 2 new for Agent-3, 1 urgent, from Agent-1. Run: cellphone inbox");
        let text = notice(9, 0, &["a", "b", "c", "d", "e"]).text();
        assert_eq!(text, "Cellphone: 9 new for Agent-3, from a, b, c and 2 more. Run: cellphone inbox");
        let text = notice(1, 0, &[]).text_by_name();
        assert_eq!(text, "Cellphone: 1 new for Agent-3. Run: cellphone --as Agent-3 inbox");
    }

    proptest! {
        #[test]
        fn every_notice_is_safe(new in 0usize..100_000, urgent in 0usize..9, names in prop::collection::vec("[A-Za-z0-9][A-Za-z0-9_-]{0,40}", 0..6)) {
            let names: Vec<&str> = names.iter().map(String::as_str).filter(|n| AgentName::new(*n).is_ok()).collect();
            prop_assert!(is_safe(&notice(new, urgent, &names).text()));
        }

        #[test]
        fn no_control_character_survives(text in any::<String>()) {
            let clean = without_controls(&text);
            prop_assert!(clean.chars().all(|c| c == '\n' || !c.is_control()));
        }
    }

    #[test]
    fn a_whole_notice_names_its_agent_and_no_other_text_does() {
        let squeezed = notice(2, 1, &["Agent-1", "Agent-2"]).text().replace(' ', "");
        assert_eq!(addressee(&squeezed), Some("Agent-3"));
        assert_eq!(addressee("Cellphone:9newforAgent-3.Run:cellphoneinbox"), Some("Agent-3"));
        for other in [&squeezed[..20], "Cellphone:2newfor.Run:cellphoneinbox", "x", "", &format!("{squeezed}x")] {
            assert_eq!(addressee(other), None, "{other}");
        }
    }

    #[test]
    fn a_paste_cannot_be_escaped() {
        assert_eq!(without_controls("a\x1b[201~\rb\r\nc\u{202e}\u{9b}"), "a[201~b\nc");
        assert!(!is_safe("rm -rf /"));
        assert!(!is_safe("a\n"));
    }
}
