//! The gates over screens drawn by hand, and over every recording.

use super::*;

fn screen(text: &str) -> Screen {
    let row = text.lines().count().max(1) - 1;
    let col = text.lines().last().unwrap_or_default().chars().count();
    Screen::from_lines(text, (row, col))
}

fn verdict(text: &str) -> Verdict {
    judge(&screen(text), &Profile::generic_shell(), &Seen::default())
}

#[test]
fn ready_only_at_an_empty_prompt() {
    for ready in ["$ ", "user@host:~/a$ ", "out\n>>> ", "host% ", "│ > ", "❯ "] {
        assert_eq!(verdict(ready), Verdict::Ready, "{ready:?}");
    }
    for (text, reason) in [
        ("$ git com", Reason::Draft),
        ("$ cat foo > ", Reason::Draft),
        ("compiling\n", Reason::Busy),
        ("", Reason::Busy),
        ("45% ", Reason::Busy),
        ("45%", Reason::Busy),
        ("Uploading database: 45 % ", Reason::Busy),
        ("? Delete all files in production? › ", Reason::Busy),
        ("Delete it, really? > ", Reason::Busy),
        ("Do you want to proceed?\n❯ 1. Yes", Reason::Dialog),
        ("Overwrite? [y/N] ", Reason::Dialog),
        ("[sudo] password:", Reason::Dialog),
        ("✻ Thinking (esc to interrupt)\n\n> ", Reason::Busy),
    ] {
        assert_eq!(verdict(text), Verdict::Defer(reason), "{text:?}");
    }
}

#[test]
fn a_draft_in_grey_is_a_draft_and_a_grey_hint_behind_the_cursor_is_none() {
    let grey = |cursor| Screen::from_lines("$ \u{1b}[90mhalf a thought\u{1b}[0m", (0, cursor));
    let seen = |screen| judge(&screen, &Profile::generic_shell(), &Seen::default());
    assert_eq!(seen(grey(16)), Verdict::Defer(Reason::Draft));
    assert_eq!(seen(grey(2)), Verdict::Ready);
}

#[test]
fn a_cursor_at_the_start_of_a_draft_is_a_draft() {
    let mut home = screen("$ git commit");
    home.cursor = (0, 2);
    assert_eq!(judge(&home, &Profile::generic_shell(), &Seen::default()), Verdict::Defer(Reason::Draft));
}

#[test]
fn what_the_picture_cannot_show() {
    let shell = Profile::generic_shell();
    let ready = screen("$ ");
    let second = Duration::from_secs(1);
    let cases = [
        (Seen { bare_shell: true, ..Seen::default() }, Reason::Absent),
        (Seen { copy_mode: true, ..Seen::default() }, Reason::CopyMode),
        (Seen { synchronized: true, ..Seen::default() }, Reason::Synchronized),
        (Seen { human_quiet: Some(second), human_idle: second * 3, ..Seen::default() }, Reason::HumanActive),
        (Seen { still: Some(Duration::ZERO), ..Seen::default() }, Reason::Unsettled),
    ];
    for (seen, reason) in cases {
        assert_eq!(judge(&ready, &shell, &seen), Verdict::Defer(reason));
    }
    let full = Screen { alternate: true, ..screen("> ") };
    assert_eq!(judge(&full, &shell, &Seen::default()), Verdict::Defer(Reason::Alternate));
}

#[test]
fn an_echo_is_recognised_across_lines() {
    let text = "Cellphone: 1 new for A";
    assert!(echoed_in(&screen("a$ Cellphone: 1\nnew for A"), "a$", text));
    assert!(echoed_in(&screen("│ > Cellphone: 1 │\n│   new for A"), ">", text));
    assert!(!echoed_in(&screen("a$ Cellphone: 1 new for Ax"), "a$", text));
    assert!(!echoed_in(&screen("a$ xCellphone: 1 new for A"), "a$", text));
    assert!(!echoed_in(&screen("a$ Cellphone: 1 new"), "a$", text));
    assert!(only_ours_in(&screen("a$ Cellphone: 1 new"), "a$", text));
    assert!(only_ours_in(&screen("a$ "), "a$", text));
    assert!(!only_ours_in(&screen("a$ Cellphone: 1 new for Axyz"), "a$", text));
}

fn echoed_in(screen: &Screen, prompt: &str, text: &str) -> bool {
    echoed(screen, &Profile::generic_shell(), prompt, text)
}

fn only_ours_in(screen: &Screen, prompt: &str, text: &str) -> bool {
    only_ours(screen, &Profile::generic_shell(), prompt, text)
}

fn word(verdict: Verdict) -> String {
    match verdict {
        Verdict::Ready => "ready".to_owned(),
        Verdict::Defer(reason) => serde_json::to_value(reason).unwrap().as_str().unwrap().to_owned(),
    }
}

#[test]
fn every_recorded_screen_gets_the_verdict_that_a_person_gave_it() {
    let all = super::super::recording::all();
    assert!(all.len() > 100, "only {} recordings", all.len());
    let mut wrong = Vec::new();
    for recording in &all {
        let profile = Profile::built_in(&recording.program).unwrap();
        let verdict = word(judge(&recording.screen, &profile, &Seen::default()));
        if verdict != recording.expect {
            let found = composer::find(&recording.screen, &profile);
            wrong.push(format!("{}: {verdict}, not {}; composer {found:?}", recording.name, recording.expect));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_not_ready_stays_so_without_title_or_attributes() {
    let mut wrong = Vec::new();
    for recording in super::super::recording::all().iter().filter(|r| r.expect != "ready") {
        let profile = Profile::built_in(&recording.program).unwrap();
        let untitled = Screen { title: String::new(), ..recording.screen.clone() };
        let mut plain = untitled.clone();
        for cell in plain.rows.iter_mut().flatten() {
            (cell.dim, cell.pale, cell.inverse) = (false, false, false);
        }
        for (what, screen) in [("title", &untitled), ("attributes", &plain)] {
            if judge(screen, &profile, &Seen::default()) == Verdict::Ready {
                wrong.push(format!("{} is ready without its {what}", recording.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_wrong_profile_is_silent_at_a_dialog_a_draft_and_a_busy_screen() {
    let mut wrong = Vec::new();
    for recording in super::super::recording::all().iter().filter(|r| r.expect != "ready") {
        for (name, _) in super::super::profile::BUILT_IN {
            let profile = Profile::built_in(name).unwrap();
            if judge(&recording.screen, &profile, &Seen::default()) == Verdict::Ready {
                wrong.push(format!("{} is ready by {name}", recording.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn recorded(name: &str) -> Screen {
    super::super::recording::all().into_iter().find(|r| r.name == name).unwrap().screen
}

#[test]
fn the_text_is_read_back_whole_however_it_is_wrapped() {
    let ours = "Cellphone: 2 new for Agent-3, 1 urgent, from Agent-1. Run: cellphone inbox";
    for program in ["claude-code", "codex", "gemini-cli"] {
        let profile = Profile::built_in(program).unwrap();
        for tag in ["", "-narrow"] {
            let typed = recorded(&format!("{program}/typed{tag}.screen"));
            assert!(echoed(&typed, &profile, "", ours), "{program}{tag}");
            assert!(!echoed(&typed, &profile, "", &ours[..70]) && !echoed(&typed, &profile, "", &format!("{ours}x")));
            assert!(only_ours(&typed, &profile, "", ours) && !only_ours(&typed, &profile, "", &ours[..70]));
            // Left behind by an attempt that a question cut short.
            assert!(stranded(&typed, &profile, ours).is_some_and(|n| n >= ours.len()), "{program}{tag}");
            let other = ours.replace("Agent-3", "Agent-4");
            assert_eq!(stranded(&typed, &profile, &other), None);
            let prefix = recorded(&format!("{program}/draft-prefix{tag}.screen"));
            assert!(stranded(&prefix, &profile, ours).is_none(), "the beginning may be anybody's draft");
            assert!(!left(&typed, &typed, &profile, "", ours));
            let empty = recorded(&format!("{program}/answered{tag}.screen"));
            assert!(left(&empty, &typed, &profile, "", ours) && echoed(&empty, &profile, "", ""));
            let asking = recorded(&format!("{program}/asking{tag}.screen"));
            assert_eq!(interrupted(&asking, &profile, &Seen::default()), Some(Reason::Dialog), "{program}{tag}");
            assert!(!left(&asking, &typed, &profile, "", ours) && !only_ours(&asking, &profile, "", ours));
        }
    }
}
