//! Each injection in a site of its own.

use super::*;

/// A site below a temporary folder, with a little mail.
pub(super) struct Ground {
    pub(super) site: Site,
    _tmp: tempfile::TempDir,
}

impl Ground {
    pub(super) fn new() -> Self {
        let tmp = tempfile::tempdir().unwrap();
        let at = |name: &str| {
            let path = tmp.path().join(name);
            Dir::create_all(&path).unwrap();
            path
        };
        let site = Site {
            root: at("root"),
            home: at("home"),
            repositories: vec![at("first"), at("second")],
            scratch: at("scratch"),
            program: PathBuf::from("cellphone"),
            agent: AgentName::new("Agent-1").unwrap(),
            other: AgentName::new("Agent-2").unwrap(),
            password_file: tmp.path().join("password"),
            full: AtomicBool::new(false),
            only: None,
            environment: vec![("PATH".into(), std::env::var("PATH").unwrap_or_default())],
        };
        let ground = Self { site, _tmp: tmp };
        for n in 0..10 {
            ground
                .put(&format!("agent_workspaces/Agent-1/inbox/new/{n}.md"), &format!("---\nid: {n}\n---\nBody {n}.\n"));
            ground.put(&format!("agent_workspaces/Agent-2/inbox/cur/{n}.md,S"), "---\nid: 1\n---\n");
        }
        ground
    }

    pub(super) fn put(&self, path: &str, text: &str) {
        let path = self.site.root.join(path);
        let dir = Dir::create_all(path.parent().unwrap()).unwrap();
        dir.replace(path.file_name().unwrap().to_str().unwrap(), text.as_bytes(), false).unwrap();
    }

    pub(super) fn all(&self) -> Vec<(String, Vec<u8>)> {
        let dir = Dir::open(&self.site.root).unwrap();
        let files = files::below(&dir).unwrap();
        files.into_iter().map(|f| (f.path.clone(), std::fs::read(self.site.root.join(&f.path)).unwrap())).collect()
    }

    pub(super) fn break_it(&self, what: &Injection, seed: u64) -> Result<Injected, String> {
        carry_out(what, &self.site, &mut fastrand::Rng::with_seed(seed))
    }
}

fn delete(path: &str) -> Injection {
    Injection::Delete { path: path.into() }
}

#[test]
fn what_is_deleted_is_gone_and_nothing_else() {
    let ground = Ground::new();
    let told = ground.break_it(&delete("agent_workspaces/{agent}/inbox"), 1).unwrap();
    assert!(told.real && told.what == "agent_workspaces/Agent-1/inbox was deleted", "{told:?}");
    assert_eq!(ground.all().len(), 10);
    assert!(ground.break_it(&delete("agent_workspaces/{agent}/inbox"), 1).unwrap_err().contains("was not there"));
    ground.break_it(&delete("."), 1).unwrap();
    assert!(!ground.site.root.exists() && ground.site.home.exists());
}

#[cfg(unix)]
#[test]
fn no_injection_leaves_the_root() {
    let ground = Ground::new();
    let outside = ground.site.home.join("precious.md");
    Dir::open(&ground.site.home).unwrap().create("precious.md", b"x", false).unwrap();
    std::os::unix::fs::symlink(&ground.site.home, ground.site.root.join("link")).unwrap();
    for path in ["../home", "../home/precious.md", "/etc", "link/precious.md", "a//b", "", "a/..", "a\\b"] {
        assert!(ground.break_it(&delete(path), 1).is_err(), "{path}");
        assert!(ground.break_it(&Injection::Rubbish { path: path.into() }, 1).is_err(), "{path}");
        assert!(ground.break_it(&Injection::Truncate { path: path.into(), keep: 0 }, 1).is_err(), "{path}");
        assert!(ground.break_it(&Injection::FlipBits { path: path.into(), messages: 9 }, 1).is_err(), "{path}");
    }
    // The link itself may go; what it leads to stays.
    ground.break_it(&delete("link"), 1).unwrap();
    assert_eq!(std::fs::read(outside).unwrap(), b"x");
}

#[test]
fn only_what_a_snapshot_holds_may_be_broken_in_the_tree_itself() {
    for (path, may) in [
        ("agent_workspaces/{agent}/inbox", true),
        ("config/cellphone.yaml", true),
        (".cellphone/journal", true),
        (".", false),
        ("src/main.rs", false),
        (".git", false),
        (".cellphone", false),
        ("configuration", false),
    ] {
        assert_eq!(delete(path).may_be_live(), may, "{path}");
    }
    assert!(!Injection::CarelessGit {}.may_be_live() && !Injection::MailStorm { messages: 1 }.may_be_live());
}

#[test]
fn rot_turns_one_bit_in_as_many_messages_as_asked_and_a_seed_does_it_again() {
    let rot = Injection::FlipBits { path: "agent_workspaces".into(), messages: 4 };
    let changed = |seed| {
        let ground = Ground::new();
        let before = ground.all();
        ground.break_it(&rot, seed).unwrap();
        let after = ground.all();
        let bits = |a: &[u8], b: &[u8]| a.iter().zip(b).map(|(x, y)| (x ^ y).count_ones()).sum::<u32>();
        let pairs = before.iter().zip(&after).filter(|(a, b)| a != b);
        pairs
            .map(|(a, b)| {
                assert_eq!((a.1.len(), bits(&a.1, &b.1)), (b.1.len(), 1));
                b.clone()
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(changed(7).len(), 4);
    assert_eq!(changed(7), changed(7));
    assert_ne!(changed(7), changed(8));
    let none = Injection::FlipBits { path: "agent_workspaces/Agent-1/archive".into(), messages: 4 };
    assert!(Ground::new().break_it(&none, 1).is_err());
}

#[test]
fn only_the_packs_of_the_chosen_repository_rot() {
    let ground = Ground::new();
    let pack = |n: usize| Dir::create_all(&ground.site.repositories[n].join("data/aa")).unwrap();
    for n in [0, 1] {
        for name in ["one", "two", "three"] {
            pack(n).create(name, b"0123456789", false).unwrap();
        }
    }
    let rotten = |n: usize| {
        let names = ["one", "two", "three"];
        names.iter().filter(|name| pack(n).read(name, 99).unwrap() != b"0123456789").count()
    };
    ground.break_it(&Injection::FlipPack { repository: Which::Second }, 3).unwrap();
    assert_eq!((rotten(0), rotten(1)), (0, 2));
    ground.break_it(&Injection::FlipPack { repository: Which::First }, 3).unwrap();
    assert_eq!((rotten(0), rotten(1)), (2, 2));
}

#[test]
fn a_file_is_cut_and_a_folder_means_its_largest() {
    let ground = Ground::new();
    ground.put(".cellphone/journal/a.jsonl", "0123456789");
    ground.put(".cellphone/journal/b.jsonl", "012345678901234");
    ground.break_it(&Injection::Truncate { path: ".cellphone/journal".into(), keep: 3 }, 1).unwrap();
    assert_eq!(std::fs::read(ground.site.root.join(".cellphone/journal/b.jsonl")).unwrap(), b"012");
    let again = Injection::Truncate { path: ".cellphone/journal/b.jsonl".into(), keep: 3 };
    assert!(ground.break_it(&again, 1).is_err());
}

#[test]
fn rubbish_is_no_yaml_and_scrambled_coordinates_still_read() {
    let ground = Ground::new();
    ground.put("config/cellphone.yaml", "limits:\n  hops: 3\n");
    ground.break_it(&Injection::Rubbish { path: "config/cellphone.yaml".into() }, 1).unwrap();
    let bytes = std::fs::read(ground.site.root.join("config/cellphone.yaml")).unwrap();
    assert!(serde_yaml::from_slice::<serde_yaml::Value>(&bytes).is_err());

    assert!(ground.break_it(&Injection::Scramble {}, 1).is_err());
    for (text, holds) in [
        ("{\"version\": 1, \"agents\": {}}", "Agent-1"),
        ("{\"version\": 1, \"agents\": {\"A\": {\"chat_input_coordinates\": [10, 20], \"active\": true}}}", "\"A\""),
    ] {
        ground.put("config/coordinates.json", text);
        ground.break_it(&Injection::Scramble {}, 1).unwrap();
        let after = std::fs::read_to_string(ground.site.root.join("config/coordinates.json")).unwrap();
        let value: serde_json::Value = serde_json::from_str(&after).unwrap();
        assert!(value["version"] == 1 && after.contains(holds) && after != text, "{after}");
        assert!(!after.contains("[10,20]"));
    }
}
