//! Profiles as they come along, and mistakes in one.

use super::*;

#[test]
fn every_profile_that_comes_along_is_valid() {
    for (name, text) in BUILT_IN {
        let profile = Profile::parse(&format!("config/profiles/{name}.yaml"), text.as_bytes()).unwrap();
        let wire: Profile = serde_json::from_str(&serde_json::to_string(&profile).unwrap()).unwrap();
        assert_eq!(wire, profile, "{name} travels to a host as it is");
    }
    assert_eq!(Profile::built_in("generic-shell"), Some(Profile::generic_shell()));
    assert_eq!(Profile::built_in("nobody"), None);
}

#[test]
fn a_mistake_is_named_with_its_file_and_key() {
    for (text, says) in [
        ("name: x\npause_ms: 400\n", "pause_ms: 400 is more than 150"),
        ("name: y\n", "name: \"y\" must be the file's own name, \"x\""),
        ("name: x\ncomposer: {place: box}\n", "composer.prompt: a box needs it"),
        ("name: x\ncomposer: {place: box, prompt: ' *'}\n", "every row would be a composer"),
        ("name: x\nbusy: {screen: ['(']}\n", "busy.screen: \"(\" is no pattern: unclosed group"),
        ("name: x\nbusi: {}\n", "unknown field `busi`"),
        ("name: x\nsubmit: shout\n", "submit: unknown variant `shout`"),
        ("name: x\nprompts: []\n", "prompts: without any"),
        ("name: x\nenters: 0\n", "enters: 0 would never submit"),
    ] {
        let why = Profile::parse("config/profiles/x.yaml", text.as_bytes()).unwrap_err();
        assert!(why.starts_with("config/profiles/x.yaml: ") && why.contains(says), "{why}");
        assert!(why.ends_with("cellphone trust"), "{why}");
    }
}
