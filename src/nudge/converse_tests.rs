//! Whole conversations with programs that behave badly.

use super::*;

/// A program that echoes what is typed, with faults on demand.
#[derive(Default)]
struct Fake {
    composer: String,
    lines: Vec<String>,
    keys: Vec<String>,
    mute: bool,
    swallow_enters: usize,
    human_types: &'static str,
    flicker: bool,
    looks: usize,
}

impl Terminal for Fake {
    fn look(&mut self) -> Result<Look, Stop> {
        self.looks += 1;
        let mut text = self.lines.join("\n");
        if !text.is_empty() {
            text.push('\n');
        }
        if self.flicker {
            text.push_str(&format!("tick {}\n", self.looks));
        }
        text.push_str(&format!("> {}", self.composer));
        let row = text.lines().count() - 1;
        Ok(Look { screen: Screen::from_lines(&text, (row, 2 + self.composer.chars().count())), seen: Seen::default() })
    }
    fn put(&mut self, text: &str, _: bool, _: &Screen) -> Result<(), Stop> {
        self.keys.push(text.to_owned());
        if !self.mute {
            self.composer.push_str(text);
        }
        self.composer.push_str(self.human_types);
        Ok(())
    }
    fn submit(&mut self, _: SubmitKey, _: &Screen) -> Result<(), Stop> {
        self.keys.push("Enter".to_owned());
        if self.swallow_enters > 0 {
            self.swallow_enters -= 1;
        } else {
            self.lines.push(format!("> {}", std::mem::take(&mut self.composer)));
        }
        Ok(())
    }
    fn erase(&mut self, times: usize, _: &Screen) -> Result<(), Stop> {
        self.keys.push(format!("erase {times}"));
        for _ in 0..times {
            self.composer.pop();
        }
        Ok(())
    }
    fn look_again(&mut self, _: &Screen, limit: Duration) -> Result<Look, Stop> {
        sleep(limit.min(Duration::from_millis(1)));
        self.look()
    }
}

fn quick() -> Profile {
    Profile { settle_ms: 1, echo_ms: 5, ..Profile::generic_shell() }
}

const TEXT: &str = "Cellphone: 1 new for A. Run: cellphone inbox";

#[test]
fn types_reads_back_and_submits() {
    let mut fake = Fake::default();
    assert_eq!(converse(&mut fake, &quick(), TEXT), Outcome::Submitted { blind: false });
    assert_eq!(fake.keys, [TEXT, "Enter"]);
}

#[test]
fn a_swallowed_enter_is_pressed_again_and_then_given_up() {
    let mut fake = Fake { swallow_enters: 1, ..Fake::default() };
    assert_eq!(converse(&mut fake, &quick(), TEXT), Outcome::Submitted { blind: false });
    let mut fake = Fake { swallow_enters: 9, ..Fake::default() };
    assert_eq!(converse(&mut fake, &quick(), TEXT), Outcome::Deferred(Reason::NotSubmitted));
    assert_eq!(fake.composer, "", "nothing of ours stays");
}

#[test]
fn no_enter_without_an_echo() {
    let mut fake = Fake { mute: true, ..Fake::default() };
    assert_eq!(converse(&mut fake, &quick(), TEXT), Outcome::Deferred(Reason::NoEcho));
    assert!(!fake.keys.contains(&"Enter".to_owned()));
}

#[test]
fn a_human_who_types_meanwhile_keeps_every_key() {
    let mut fake = Fake { human_types: "wait", ..Fake::default() };
    assert_eq!(converse(&mut fake, &quick(), TEXT), Outcome::Deferred(Reason::Stranded));
    assert_eq!(fake.keys, [TEXT], "neither Enter nor erase");
}

#[test]
fn a_draft_or_a_flicker_gets_no_key() {
    let mut fake = Fake { composer: "git com".to_owned(), ..Fake::default() };
    assert_eq!(converse(&mut fake, &quick(), TEXT), Outcome::Deferred(Reason::Draft));
    let mut flicker = Fake { flicker: true, ..Fake::default() };
    assert_eq!(converse(&mut flicker, &quick(), TEXT), Outcome::Deferred(Reason::Unsettled));
    assert!(fake.keys.is_empty() && flicker.keys.is_empty());
}

/// A program whose composer is a box between two rules, as Claude Code's.
#[derive(Default)]
struct Boxed {
    composer: String,
    submitted: Vec<String>,
    keys: Vec<String>,
    swallow_enters: usize,
    /// Opens a question as soon as so many characters stand in the composer.
    asks_at: Option<usize>,
    asking: bool,
    /// Opens it after the last look before the key.
    asks_at_submit: bool,
    /// The human types this once our text stands there.
    human_types: &'static str,
    spinner: bool,
    looks: usize,
}

impl Boxed {
    const RULE: &'static str = "────────────";
}

impl Terminal for Boxed {
    fn look(&mut self) -> Result<Look, Stop> {
        self.looks += 1;
        let spin = if self.spinner { format!("tip {}", self.looks) } else { "● done".to_owned() };
        let (text, cursor) = if self.asking {
            (format!("{spin}\n{}\n Do you want to proceed?\n ❯ 1. Yes\n   2. No", Self::RULE), (3, 1))
        } else {
            let composer = format!("{spin}\n{0}\n❯ {1}\n{0}\n  ? for help", Self::RULE, self.composer);
            (composer, (2, 2 + self.composer.chars().count()))
        };
        Ok(Look { screen: Screen::from_lines(&text, cursor), seen: Seen::default() })
    }
    fn put(&mut self, text: &str, _: bool, _: &Screen) -> Result<(), Stop> {
        self.keys.push(text.to_owned());
        self.composer.push_str(text);
        self.asking |= self.asks_at.is_some_and(|n| self.composer.chars().count() >= n);
        Ok(())
    }
    fn submit(&mut self, key: SubmitKey, judged: &Screen) -> Result<(), Stop> {
        if std::mem::take(&mut self.asks_at_submit) {
            self.asking = true;
        }
        if self.look()?.screen.cursor != judged.cursor {
            return Err(Stop::Deferred(Reason::Unsettled));
        }
        self.keys.push(format!("{key:?}"));
        assert!(!self.asking, "a key answered the question");
        if self.swallow_enters > 0 {
            self.swallow_enters -= 1;
            self.composer.push_str(self.human_types);
        } else {
            self.submitted.push(std::mem::take(&mut self.composer));
        }
        Ok(())
    }
    fn erase(&mut self, times: usize, _: &Screen) -> Result<(), Stop> {
        self.keys.push("erase".to_owned());
        assert!(!self.asking, "a key went into the question");
        for _ in 0..times {
            self.composer.pop();
        }
        Ok(())
    }
    fn look_again(&mut self, _: &Screen, limit: Duration) -> Result<Look, Stop> {
        sleep(limit.min(Duration::from_millis(1)));
        self.look()
    }
}

fn boxed_profile() -> Profile {
    Profile { settle_ms: 1, echo_ms: 20, pause_ms: 0, ..Profile::built_in("claude-code").unwrap() }
}

#[test]
fn a_question_between_paste_and_submit_gets_no_key_and_our_text_goes_later() {
    let mut fake = Boxed { asks_at: Some(10), ..Boxed::default() };
    assert_eq!(converse(&mut fake, &boxed_profile(), TEXT), Outcome::Deferred(Reason::Stranded));
    assert_eq!(fake.keys, [TEXT], "neither Enter nor Backspace");
    assert_eq!(converse(&mut fake, &boxed_profile(), TEXT), Outcome::Deferred(Reason::Dialog));
    // The human answers; more mail has come meanwhile.
    (fake.asking, fake.asks_at) = (false, None);
    let more = TEXT.replace("1 new", "12 new");
    assert_eq!(converse(&mut fake, &boxed_profile(), &more), Outcome::Submitted { blind: false });
    assert_eq!(fake.submitted, [more], "the stranded text was taken out, not appended to");
}

#[test]
fn a_question_between_the_last_look_and_the_key_gets_no_key_either() {
    let mut fake = Boxed { asks_at_submit: true, ..Boxed::default() };
    assert_eq!(converse(&mut fake, &boxed_profile(), TEXT), Outcome::Deferred(Reason::Stranded));
    assert_eq!(fake.keys, [TEXT]);
}

#[test]
fn only_a_whole_notice_for_the_same_agent_is_taken_for_stranded() {
    for draft in [&TEXT[..TEXT.len() - 3], &format!("{TEXT} please"), &TEXT.replace("for A", "for B"), "Cellphone: 1"] {
        let mut fake = Boxed { composer: (*draft).to_owned(), ..Boxed::default() };
        assert_eq!(converse(&mut fake, &boxed_profile(), TEXT), Outcome::Deferred(Reason::Draft), "{draft}");
        assert!(fake.keys.is_empty() && fake.composer == *draft);
    }
}

#[test]
fn a_box_that_swallows_enter_gets_it_again_while_our_text_stands_there_alone() {
    let mut fake = Boxed { swallow_enters: 2, ..Boxed::default() };
    assert_eq!(converse(&mut fake, &boxed_profile(), TEXT), Outcome::Submitted { blind: false });
    assert_eq!(fake.submitted, [TEXT]);
    let mut fake = Boxed { swallow_enters: 9, ..Boxed::default() };
    assert_eq!(converse(&mut fake, &boxed_profile(), TEXT), Outcome::Deferred(Reason::NotSubmitted));
    assert_eq!((fake.composer.as_str(), fake.submitted.len()), ("", 0), "taken out again");
    let mut fake = Boxed { swallow_enters: 1, human_types: " wait", ..Boxed::default() };
    assert_ne!(converse(&mut fake, &boxed_profile(), TEXT), Outcome::Submitted { blind: false });
    assert_eq!(fake.composer, format!("{TEXT} wait"), "every key of the human's is still there");
    assert_eq!(fake.keys, [TEXT, "Enter"]);
}

#[test]
fn what_moves_around_a_box_keeps_no_nudge_away() {
    let mut fake = Boxed { spinner: true, ..Boxed::default() };
    assert_eq!(converse(&mut fake, &boxed_profile(), TEXT), Outcome::Submitted { blind: false });
}

#[test]
fn urgent_mail_is_submitted_with_the_profiles_own_key() {
    let profile = Profile { submit: SubmitKey::CtrlEnter, ..boxed_profile() };
    let mut fake = Boxed::default();
    assert_eq!(converse(&mut fake, &profile, TEXT), Outcome::Submitted { blind: false });
    assert_eq!(fake.keys, [TEXT, "CtrlEnter"]);
}
