//! What a report says, that it is whole or absent, and that no text in it does
//! anything.

use super::testing::{failed, hostile, passed, past, stopped};
use super::*;
use crate::config::testing::Home;
use crate::identity::Signer;
use crate::model::visible::suspicious;

fn proof() -> Proof {
    Proof { digest: "0".repeat(64), root: "/srv/team".into(), ..Proof::default() }
}

fn written(outcome: &Outcome, past: &[Outcome], place: &Path) -> Written {
    let signer = Signer::from_seed([7; 32]);
    let name = AgentName::new("Agent-4").unwrap();
    write(place, outcome, past, Path::new("/srv/team"), Some((&name, &signer))).unwrap()
}

/// With `DRILL_SAMPLE_REPORTS`, they stay there to be looked at.
#[test]
fn the_samples_are_written_whole_and_read_back() {
    let home = Home::new();
    let place = std::env::var_os("DRILL_SAMPLE_REPORTS").map_or_else(|| home.path("drills"), PathBuf::from);
    for (outcome, past) in [(passed(), past()), (failed(), vec![]), (stopped(), vec![])] {
        let report = written(&outcome, &past, &place);
        let dir = Dir::open(&report.folder).unwrap();
        let mut names = dir.names().unwrap();
        names.sort();
        assert_eq!(names, [HTML, JSON, SIGNATURE, MARKDOWN]);
        let json = dir.read(JSON, 1 << 20).unwrap();
        assert_eq!(serde_json::from_slice::<Outcome>(&json).unwrap(), rounded(outcome.clone()));
        for name in [HTML, MARKDOWN] {
            let text = String::from_utf8(dir.read(name, 1 << 20).unwrap()).unwrap();
            assert!(text.contains(&report.proof.digest) && text.contains("SHA256:"), "{name}");
        }
        #[cfg(unix)]
        for (stat, mode) in [(dir.own_stat().unwrap(), 0o700), (dir.stat(JSON).unwrap().unwrap(), 0o600)] {
            assert_eq!(stat.mode, mode);
        }
    }
}

#[test]
fn hostile_text_is_inert_in_the_page_and_in_a_terminal() {
    let outcome = hostile();
    let (page, text) = (html(&outcome, &past(), Some(&proof())), markdown(&outcome, &past(), Some(&proof())));
    for (name, text) in [("html", &page), ("md", &text)] {
        let bad = text.chars().find(|c| suspicious(*c) && *c != '\n');
        assert!(bad.is_none(), "{name}: {bad:?}");
    }
    for tag in ["<script", "<img", "</script", "<a href=\"javascript", "onerror=alert(2)>"] {
        assert!(!page.contains(tag), "{tag}");
    }
    assert!(page.contains("&lt;script&gt;"), "the text itself is shown");
    // No value ends the attribute or the title that it stands in.
    assert_eq!(page.matches("</title>").count(), page.matches("<title").count());
    for line in text.lines() {
        assert!(!line.starts_with("# h"), "a text made a heading: {line}");
    }
}

#[test]
fn a_page_fetches_nothing_and_runs_nothing() {
    for outcome in [passed(), failed(), stopped()] {
        let page = html(&outcome, &past(), Some(&proof()));
        for word in ["<script", "src=", "@import", "url(", "<link", "<iframe"] {
            assert!(!page.contains(word), "{word}");
        }
        assert!(page.contains("default-src 'none'"), "the page forbids what it does not need");
    }
}

#[test]
fn a_name_that_leaves_the_folder_is_refused_and_a_report_is_never_overwritten() {
    let home = Home::new();
    let place = home.path("drills");
    for id in ["../x", "", ".x", "a/b", "a\u{0}"] {
        let outcome = Outcome { id: id.into(), ..passed() };
        assert!(matches!(write(&place, &outcome, &[], Path::new("/r"), None), Err(ReportError::Id(_))), "{id:?}");
    }
    write(&place, &passed(), &[], Path::new("/r"), None).unwrap();
    assert!(write(&place, &passed(), &[], Path::new("/r"), None).is_err());
    let names = Dir::open(&place).unwrap().names().unwrap();
    assert_eq!(names, [passed().id], "what could not be written left something");
}
