//! Secrets in mail that is about to leave: keys and passwords that its writer
//! may not have seen in what was pasted.
//!
//! The rules are those of gitleaks and kingfisher, as the crate
//! `secrets_scanner` brings them; this file alone names it. Its nearly thousand
//! patterns take two seconds to compile, so only those are whose key words the
//! text holds, which leaves some dozens. A find is told by rule and place, and
//! never repeated. This is help against mistakes and no guard: whoever means to
//! send a secret switches it off, or seals the mail, which is never searched.

use std::sync::OnceLock;

use secrets_scanner::{ScanConfig, Scanner};

use super::{ErrorKind, Office, OfficeError, Result};
use crate::config::ScanSecrets;
use crate::model::{Address, Draft, Kind};

/// A place in a message that looks like a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Leak {
    /// The rule's name, as `aws-access-token`.
    rule: String,
    /// From 1.
    line: usize,
    /// From 1.
    column: usize,
}

/// A rule as it stands, and the words without which it cannot fit.
struct Rule {
    words: Vec<String>,
    text: &'static str,
}

struct Rules {
    /// What holds for all of them.
    head: &'static str,
    rules: Vec<Rule>,
}

const BEGIN: &str = "\n[[rules]]\n";

/// Cuts the rules apart. What has no key words looks at file names only.
fn rules() -> &'static Rules {
    static RULES: OnceLock<Rules> = OnceLock::new();
    RULES.get_or_init(|| {
        let mut parts = secrets_scanner::rules::BUNDLED_RULES.split(BEGIN);
        let head = parts.next().unwrap_or_default();
        let rules = parts.map(|text| Rule { words: words(text), text }).filter(|rule| !rule.words.is_empty()).collect();
        Rules { head, rules }
    })
}

fn words(rule: &str) -> Vec<String> {
    let table = rule.parse::<toml_edit::DocumentMut>().ok();
    let list = table.as_ref().and_then(|table| table.get("keywords")?.as_array());
    let texts = list.into_iter().flat_map(|list| list.iter().filter_map(toml_edit::Value::as_str));
    texts.map(str::to_lowercase).collect()
}

/// Looks for secrets in a text.
fn search(text: &str) -> std::result::Result<Vec<Leak>, String> {
    let Rules { head, rules } = rules();
    let lower = text.to_lowercase();
    let mut chosen = (*head).to_owned();
    let before = chosen.len();
    for rule in rules.iter().filter(|rule| rule.words.iter().any(|word| lower.contains(word.as_str()))) {
        chosen.push_str(BEGIN);
        chosen.push_str(rule.text);
    }
    if chosen.len() == before {
        return Ok(Vec::new());
    }
    // A comment in the text that asks to be passed over is the writer's word, not ours.
    let config = ScanConfig { redact: true, honor_allow_markers: false, ..ScanConfig::default() };
    let scanner = Scanner::from_toml(&chosen).map_err(|e| e.to_string())?.with_config(config);
    let found = scanner.scan_content("message", text).into_iter();
    Ok(found.map(|one| Leak { rule: one.rule_id, line: one.line, column: one.col }).collect())
}

impl Office {
    /// Refuses a draft that holds what looks like a secret, when its mail is
    /// to be searched for one. `sealed` mail is nobody's to read but theirs
    /// for whom it is.
    pub(super) fn refuse_leaks(&self, draft: &Draft, sealed: bool) -> Result<()> {
        let header = &draft.header;
        let many = |address: &Address| matches!(address, Address::All | Address::Role(_));
        let searched = match self.settings().send.scan_secrets {
            ScanSecrets::Off => false,
            ScanSecrets::Broadcast => header.to.iter().chain(&header.cc).any(many),
            ScanSecrets::Always => true,
        };
        if !searched || sealed || header.kind == Some(Kind::Receipt) {
            return Ok(());
        }
        let head = std::iter::once(header.subject.as_str()).chain(header.tags.iter().map(String::as_str));
        let head = head.collect::<Vec<_>>().join("\n");
        let mut places = Vec::new();
        for (part, text) in [("subject or tags", head.as_str()), ("body", draft.body.as_str())] {
            let leaks =
                search(text).map_err(|e| OfficeError::new(ErrorKind::Failed, format!("rules of secrets: {e}")))?;
            places.extend(leaks.into_iter().map(|Leak { rule, line, column }| match part {
                "body" => format!("line {line}, column {column} of the body ({rule})"),
                part => format!("{part} ({rule})"),
            }));
        }
        if places.is_empty() {
            return Ok(());
        }
        let why = format!("it seems to hold a secret, so nothing was sent: {}", places.join("; "));
        Err(OfficeError::new(ErrorKind::Refused, why)
            .hint("take it out, seal it (--seal), or, when it is none, send with --scan-secrets=off"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Put together here, so that no scanner takes this file for a leak.
    fn sample(prefix: &str, rest: &str) -> String {
        format!("{prefix}{rest}")
    }

    #[test]
    fn the_rules_are_cut_apart_whole() {
        let rules = rules();
        assert!(rules.rules.len() > 900, "{}", rules.rules.len());
        assert!(rules.head.contains("[allowlist]"));
    }

    #[test]
    fn each_family_of_secrets_is_found_where_it_stands() {
        let pem = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n".repeat(12);
        for (secret, rule) in [
            (sample("AKIA", "QYLPMN5HHHFPZAM2"), "aws-access-token"),
            (sample("ghp_", "16C7e42F292c6912E7710c838347Ae178B4a"), "github-pat"),
            (sample("glpat-", "x7Hq2LmZt9Rv4KsWb3Yn"), "gitlab-pat"),
            (sample("xoxb-", "263594206564-2343594206574-FGqddMF8t08v8N7Oq4i57vs1"), "slack-bot-token"),
            (sample("-----BEGIN ", &format!("PRIVATE KEY-----\n{pem}-----END PRIVATE KEY-----")), "private-key"),
        ] {
            let found = search(&format!("Hello.\n  {secret} is it")).unwrap();
            let hit = found.iter().find(|leak| leak.rule == rule);
            let hit = hit.unwrap_or_else(|| panic!("{rule}: {found:?}"));
            assert_eq!((hit.line, hit.column), (2, 3), "{rule}");
        }
    }

    #[test]
    fn ordinary_mail_is_let_through() {
        for text in [
            include_str!("../../README.md"),
            include_str!("../../ARCHITECTURE.md"),
            include_str!("../../CHANGELOG.md"),
            include_str!("admission.rs"),
            "see commit 3f786850e387550fdab836ed7e6dc881de23001b, id 01K3ZJ9Q6T8V4B2M7X5C1D0E9F, \
             sha256:80afb2cceb55021d4f48b7b2d037c28249ef7201802ed5f929cb5d4b4c9b21ae",
            "diff --git a/x b/x\nindex 83db48f..bf269f4 100644\n-let token = next();\n+let token = self.next()?;\n",
            "The password is in the safe; ask for the API key.",
        ] {
            assert_eq!(search(text).unwrap(), [], "{}", &text[..40]);
        }
    }
}
