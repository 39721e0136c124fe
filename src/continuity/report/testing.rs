//! Outcomes to look at: one that passed with a past, one that failed with many
//! findings, one that never came to its disaster.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::continuity::outcome::{
    Finding, FindingKind, Ground, Injected, Lost, Outcome, Phase, PhaseRun, Size, StepRun, System, Targets, Tier,
    Traffic, Verified,
};
use crate::model::{AgentName, MessageId};

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn phases(all: &[(Phase, f64, bool, &str)]) -> Vec<PhaseRun> {
    let mut now = 0.0;
    let run = |(phase, took, ok, note): &(Phase, f64, bool, &str)| {
        let began_seconds = now;
        now += took;
        PhaseRun { phase: *phase, began_seconds, ended_seconds: now, ok: *ok, note: (*note).to_owned() }
    };
    all.iter().map(run).collect()
}

fn step(title: &str, command: Option<&str>, seconds: f64, ok: bool, said: &str) -> StepRun {
    StepRun { title: title.into(), command: command.map(str::to_owned), seconds, ok, said: said.into() }
}

pub(crate) fn passed() -> Outcome {
    let phases = phases(&[
        (Phase::Preparation, 7.42, true, "The tree was copied by reference (reflink) and a snapshot taken in 2.1 s."),
        (Phase::SteadyState, 0.31, true, "A message was sent, delivered, rung for and acknowledged."),
        (Phase::Disaster, 0.04, true, ""),
        (Phase::Detection, 1.02, true, "The daemon raised missing_mailbox."),
        (Phase::Recovery, 2.63, true, ""),
        (Phase::Verification, 0.38, true, "19,987 of 20,012 files are back byte for byte; 25 may differ."),
        (Phase::Service, 0.12, true, "A message was sent, delivered, rung for and acknowledged."),
        (Phase::Cleanup, 0.64, true, "Nothing of the drill is left: no process, no folder."),
    ]);
    Outcome {
        id: "20261126T031402.118203Z-lost-disk".into(),
        scenario: "lost-disk".into(),
        title: "The disk with the whole root is gone".into(),
        models: "hardware_failure".into(),
        hypothesis: "With the newest snapshot on another disk, everything that was acknowledged before it comes back within seconds, and an agent can work on.".into(),
        scope: "whole_root".into(),
        systems: vec![
            System { name: "mailboxes".into(), tier: Tier::Critical },
            System { name: "journal".into(), tier: Tier::High },
            System { name: "configuration".into(), tier: Tier::Medium },
        ],
        ground: Ground::Copy,
        seed: 7_203_911_557,
        replay: "cellphone drill run lost-disk --seed 7203911557".into(),
        versions: BTreeMap::from([
            ("cellphone".into(), "0.1.0".into()),
            ("repository format".into(), "restic 2".into()),
            ("system".into(), "Linux 6.12.9 x86_64, ext4".into()),
        ]),
        size: Size { agents: 20, messages: 20_000, bytes: 31_412_990 },
        began: at("2026-11-26T03:14:02.118203Z"),
        disaster_seconds: Some(7.77),
        detected_seconds: Some(8.79),
        detected_by: Some("the daemon, as missing_mailbox".into()),
        ready_seconds: Some(11.92),
        injections: vec![Injected {
            what: "The whole root was deleted, the journal and the state of the daemon with it".into(),
            real: true,
            how: String::new(),
        }],
        steps: vec![
            step("Stop what still runs", Some("cellphone --root /srv/drill/7f3a/root down"), 0.21, true, "The daemon has stopped."),
            step("Bring the newest snapshot back", Some("cellphone --root /srv/drill/7f3a/root snapshot restore latest --target /srv/drill/7f3a/root --yes"), 1.94, true, "20,012 files, 31.4 MB, verified"),
            step("Look at hooks and settings, and approve them", None, 0.02, true, ""),
            step("Start the daemon", Some("cellphone --root /srv/drill/7f3a/root up --detach"), 0.46, true, "The daemon runs (pid 48213)."),
        ],
        targets: Targets { rto_seconds: 3_600.0, rpo_seconds: 900.0, stretch_rto_seconds: 10.0, stretch_rpo_seconds: 0.0 },
        rto_seconds: Some(4.15),
        rpo_seconds: Some(0.0),
        lost: vec![],
        verified: Some(Verified { expected: 20_012, intact: 20_012, missing: vec![], altered: vec![] }),
        traffic: Traffic { sent: 412, acknowledged: 398 },
        findings: vec![Finding {
            kind: FindingKind::Remark,
            what: "14 messages were refused while the tree was gone; their senders were told".into(),
            follow_up: "Nothing to do: a refused send is not lost, and is tried again by its sender".into(),
        }],
        phases,
        score: 0,
        passed: false,
    }
    .rated()
}

/// Four earlier drills of `lost-disk`, one of which failed.
pub(crate) fn past() -> Vec<Outcome> {
    let run = |days: i64, rto: Option<f64>, kinds: &[FindingKind]| {
        let last = passed();
        let began = last.began - SignedDuration::from_hours(24 * days);
        let finding = |kind: &FindingKind| Finding { kind: *kind, what: "w".into(), follow_up: "f".into() };
        let id = format!("{}-lost-disk", crate::model::time::stamp(began));
        let findings = kinds.iter().map(finding).collect();
        Outcome { id, began, rto_seconds: rto, findings, ..last }.rated()
    };
    vec![
        run(112, Some(12.8), &[FindingKind::StretchMissed]),
        run(84, Some(9.1), &[]),
        run(56, None, &[FindingKind::NotReady]),
        run(28, Some(5.3), &[FindingKind::Remark]),
    ]
}

pub(crate) fn failed() -> Outcome {
    let disaster = at("2026-11-26T03:20:11Z");
    let lost = |n: i64| {
        let accepted = disaster - SignedDuration::from_secs(1_260 - n * 37);
        let agent = AgentName::new(["Agent-1", "Agent-3", "Agent-7"][usize::try_from(n % 3).unwrap()]).unwrap();
        Lost { agent, id: MessageId::compose(accepted, u128::from(n.unsigned_abs()) * 0x1234_5678_9abc_def1), accepted }
    };
    let finding = |kind, what: &str, follow_up: &str| Finding { kind, what: what.into(), follow_up: follow_up.into() };
    Outcome {
        id: "20261126T032000.000000Z-ransomware".into(),
        scenario: "ransomware".into(),
        title: "The tree is encrypted in place, and the repository flooded".into(),
        models: "ransomware".into(),
        hypothesis: "An append-only second repository holds what the attacker could not reach, and the flood is told from real snapshots.".into(),
        seed: 99,
        replay: "cellphone drill run ransomware --seed 99".into(),
        began: at("2026-11-26T03:19:02Z"),
        phases: phases(&[
            (Phase::Preparation, 61.3, true, ""),
            (Phase::SteadyState, 0.28, true, ""),
            (Phase::Disaster, 7.5, true, ""),
            (Phase::Detection, 60.0, false, "No detector said anything within 1 min."),
            (Phase::Recovery, 38.2, false, "The second step failed and was done again from the second repository."),
            (Phase::Verification, 0.4, false, "3 files are missing, 2 are altered."),
            (Phase::Service, 0.011, true, ""),
            (Phase::Cleanup, 0.009, false, "A folder is left."),
        ]),
        disaster_seconds: Some(69.08),
        detected_seconds: None,
        detected_by: None,
        ready_seconds: Some(167.691),
        injections: vec![
            Injected { what: "Every file of the tree was encrypted in place".into(), real: true, how: String::new() },
            Injected { what: "60 snapshots dated in the future were added to the first repository".into(), real: true, how: String::new() },
            Injected { what: "The second repository refused `forget`".into(), real: false, how: "it is a local folder whose files were made read-only, not a server that only appends".into() },
        ],
        steps: vec![
            step("Restore from the first repository", Some("cellphone snapshot restore latest --target /srv/drill/81c0/root --yes"), 1.2, false, "cellphone: the pack 5f3c… is not what its name says\n  try: cellphone snapshot check --read-data"),
            step("Restore from the second repository", Some("cellphone --repository /mnt/second snapshot restore --at 2026-11-26T02:59 --target /srv/drill/81c0/root --yes"), 36.1, true, "20,007 files"),
        ],
        targets: Targets { rto_seconds: 60.0, rpo_seconds: 900.0, stretch_rto_seconds: 30.0, stretch_rpo_seconds: 0.0 },
        rto_seconds: Some(98.611),
        rpo_seconds: Some(1_260.0),
        lost: (0..30).map(lost).collect(),
        verified: Some(Verified {
            expected: 20_012,
            intact: 20_007,
            missing: vec![
                "agent_workspaces/Agent-7/inbox/new/20261126T025902.000000Z-Agent-1-a-review-of-the-parser-and-of-the-lexer-01K3ZJ9Q6T8V4B2M7X5C1D0E9F.md".into(),
                "agent_workspaces/Agent-7/status.yaml".into(),
                "config/roles.yaml".into(),
            ],
            altered: vec!["config/agents.yaml".into(), "hooks/delivered".into()],
        }),
        findings: vec![
            finding(FindingKind::Undetected, "No detector noticed that every file was encrypted within 1 min", "See whether `watch.off` names damage, and lower `watch.scrub_per_minute` less"),
            finding(FindingKind::StepFailed, "The step \"Restore from the first repository\" ended with status 1", "Run: cellphone snapshot check --read-data, then cellphone snapshot repair"),
            finding(FindingKind::Unverified, "3 files of the manifest are missing and 2 are altered", "Restore them by path: cellphone snapshot restore --path config/roles.yaml"),
            finding(FindingKind::RtoMissed, "RTO was 1 min 39 s, the promise is 1 min", "The longest part was the detection, 1 min; look there first"),
            finding(FindingKind::RpoMissed, "RPO was 21 min, the promise is 15 min", "Take snapshots more often: snapshot.after is 1 h"),
            finding(FindingKind::NotClean, "The folder /srv/drill/81c0 is left", "Remove it: rm -r /srv/drill/81c0"),
            finding(FindingKind::Remark, "The second repository is on the same disk as the first", "Put it elsewhere: snapshot.repositories"),
        ],
        ..passed()
    }
    .rated()
}

pub(crate) fn stopped() -> Outcome {
    Outcome {
        id: "20261126T034500.000000Z-overload".into(),
        scenario: "overload".into(),
        title: "A storm of mail meets a slow reader".into(),
        models: "overload".into(),
        scope: "one_agent".into(),
        began: at("2026-11-26T03:45:00Z"),
        phases: phases(&[
            (Phase::Preparation, 3.3, true, ""),
            (Phase::SteadyState, 30.0, false, "The message was delivered and never rung for."),
            (Phase::Cleanup, 0.2, true, ""),
        ]),
        disaster_seconds: None,
        detected_seconds: None,
        detected_by: None,
        ready_seconds: None,
        injections: vec![],
        steps: vec![],
        rto_seconds: None,
        rpo_seconds: None,
        verified: None,
        traffic: Traffic::default(),
        findings: vec![Finding {
            kind: FindingKind::NotSteady,
            what: "A message to Agent-2 was delivered, and its window was not rung for within 30 s".into(),
            follow_up: "Run: cellphone nudge test Agent-2".into(),
        }],
        ..passed()
    }
    .rated()
}

/// An outcome in which every text does what it can to escape.
pub(crate) fn hostile() -> Outcome {
    let evil = || {
        "</title></script><script>alert(1)</script>\"'><img src=x onerror=alert(2)> \u{1b}[2J\u{202e}\u{7f}\u{9b}31m\u{0} ](javascript:x) `x` | *b* &lt;\r\n# h".to_owned()
    };
    let mut outcome = failed();
    outcome.title = evil();
    outcome.scenario = evil();
    outcome.models = evil();
    outcome.hypothesis = evil();
    outcome.scope = evil();
    outcome.replay = evil();
    outcome.detected_by = Some(evil());
    outcome.versions = BTreeMap::from([(evil(), evil())]);
    outcome.systems.iter_mut().for_each(|s| s.name = evil());
    outcome.phases.iter_mut().for_each(|p| p.note = evil());
    outcome.injections.iter_mut().for_each(|i| (i.what, i.how) = (evil(), evil()));
    outcome.steps.iter_mut().for_each(|s| (s.title, s.command, s.said) = (evil(), Some(evil()), evil()));
    outcome.findings.iter_mut().for_each(|f| (f.what, f.follow_up) = (evil(), evil()));
    if let Some(v) = &mut outcome.verified {
        v.missing = vec![evil()];
        v.altered = vec![evil()];
    }
    outcome
}
