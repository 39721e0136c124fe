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

/// With `CELLPHONE_SAMPLE_REPORTS`, they stay there to be looked at.
#[test]
fn the_samples_are_written_whole_and_read_back() {
    let home = Home::new();
    let place = std::env::var_os("CELLPHONE_SAMPLE_REPORTS").map_or_else(|| home.path("drills"), PathBuf::from);
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
