//! A scenario that is wrong is refused with the line and the word.

use super::*;

const GOOD: &str = r#"name: x
title: T
models: human_error
hypothesis: H
scope: one_agent
systems:
  - {name: a, tier: low}
  - {name: b, tier: high}
inject:
  - {do: delete, path: "agent_workspaces/{agent}/inbox"}
detect: {any_of: [folder], within: 10s}
recover:
  - title: S
    run: cellphone --root {root} snapshot restore 'a b' --yes
"#;

fn read(text: &str) -> Result<Scenario, ConfigError> {
    read_scenario(text.as_bytes(), Path::new("config/continuity/x.yaml"))
}

#[test]
fn defaults_come_from_the_most_urgent_tier() {
    let scenario = read(GOOD).unwrap();
    let targets = scenario.targets;
    assert_eq!((targets.rto_seconds, targets.rpo_seconds), (14_400.0, 3_600.0));
    assert_eq!((targets.stretch_rto_seconds, targets.stretch_rpo_seconds), (30.0, 60.0));
    assert_eq!(scenario.every, Duration::from_secs(30 * 86_400));
    assert_eq!((scenario.detect.within, scenario.abort.after), (Duration::from_secs(10), Duration::from_secs(600)));
    let run = scenario.recover[0].run.as_ref().unwrap();
    assert_eq!(run.join("|"), "cellphone|--root|{root}|snapshot|restore|a b|--yes");
    assert_eq!(scenario.recover[0].exits, [0]);
    let said = GOOD.replace("inject:", "targets: {rto: 5s, rpo: 1m}\nevery: 7d\ninject:");
    let targets = read(&said).unwrap().targets;
    assert_eq!((targets.rto_seconds, targets.stretch_rto_seconds, targets.rpo_seconds), (5.0, 5.0, 60.0));
}

#[test]
fn what_is_wrong_is_told_with_line_and_nearest_word() {
    for (from, to, why) in [
        ("hypothesis: H", "hypothesys: H", "x.yaml:4: unknown key `hypothesys`; did you mean `hypothesis`?"),
        ("path: \"", "pth: \"", "x.yaml:10: unknown key `pth`; did you mean `path`?"),
        ("do: delete", "do: delte", "x.yaml:10: unknown word `delte`; did you mean `delete`?"),
        ("tier: high", "tier: hihg", "x.yaml:8: unknown word `hihg`; did you mean `high`?"),
        ("scope: one_agent", "scope: everything", "x.yaml:5: unknown word `everything`; known are whole_root"),
        (
            "models: human_error",
            "models: human_eror",
            "x.yaml:3: `human_eror` is no sort of disaster; did you mean `human_error`?",
        ),
        ("agent_workspaces/{agent}/inbox", "../etc", "x.yaml:10: \"../etc\" is no path below the root"),
        ("agent_workspaces/{agent}/inbox", "/etc", "x.yaml:10: \"/etc\" is no path"),
        ("agent_workspaces/{agent}/inbox", "a/./b", "x.yaml:10: "),
        ("within: 10s", "within: 10", "x.yaml:11: \"10\" is not a duration"),
        ("within: 10s", "within: 10s, unseen: it is", "x.yaml:11: say what notices it"),
        ("any_of: [folder], ", "", "x.yaml:11: say what notices it"),
        ("[folder]", "[floder]", "x.yaml:11: nothing that looks is called `floder`; did you mean `folder`?"),
        ("run: cellphone", "run: sh", "x.yaml:14: `sh` may not be run by a plan"),
        ("{root}", "{rot}", "x.yaml:14: {rot} stands for nothing; did you mean {root}?"),
        ("'a b'", "'a b", "x.yaml:14: a quotation mark is not closed"),
        (
            "    run: cellphone --root {root} snapshot restore 'a b' --yes\n",
            "",
            "x.yaml:13: a step without `run` needs `say`",
        ),
        ("name: x", "name: y", "x.yaml:1: its name is \"y\", the file's is \"x\""),
        ("name: x", "name: X/..", "x.yaml:1: \"X/..\" is no name"),
        ("title: T\n", "", "missing field `title`"),
        ("name: x", "name: x\nname: x", "duplicate"),
        ("name: x", "name: [", "x.yaml:"),
    ] {
        let text = GOOD.replacen(from, to, 1);
        assert_ne!(text, GOOD, "{from}");
        let error = read(&text).expect_err(to).to_string();
        assert!(error.contains(why) && error.starts_with("config/continuity/x.yaml"), "{to}: {error}");
    }
    let no_system =
        GOOD.replace("  - {name: a, tier: low}\n  - {name: b, tier: high}\n", "").replace("systems:", "systems: []");
    assert!(read(&no_system).unwrap_err().to_string().contains("at least one system"));
    assert!(read_scenario(b"\xff", Path::new("x.yaml")).is_err());
}

#[test]
fn nothing_may_differ_outside_the_root() {
    let more = |path: &str| format!("{GOOD}may_differ:\n  - {{path: {path}, why: W}}\n");
    assert_eq!(read(&more(".cellphone/journal/")).unwrap().may_differ[0].0, ".cellphone/journal/");
    assert!(read(&more("../x/")).unwrap_err().to_string().contains("x.yaml:16: "));
    assert!(read(&more("/")).is_err());
    let stands = |word: &str| format!("{GOOD}may_stand:\n  - {{notice: {word}, why: W}}\n");
    assert_eq!(read(&stands("crash_loop")).unwrap().may_stand, [("crash_loop".to_owned(), "W".to_owned())]);
    assert!(read(&stands("crash_lop")).unwrap_err().to_string().contains("x.yaml:16: nothing that looks"));
}
