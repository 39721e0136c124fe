//! Roots, their identity and what is approved in them.

use super::testing::Home;
use super::trust::{TrustState, approve, approve_seen, approved, status};
use super::*;
use std::path::Path;

fn state(root: &Root, path: &str) -> Option<TrustState> {
    status(root).unwrap().into_iter().find(|item| item.path == path).map(|item| item.state)
}

#[test]
fn init_is_idempotent_and_approves_what_it_wrote() {
    let home = Home::new();
    let first = init(&home.path("root"), "me").unwrap();
    assert!(first.created.contains(&"agent_workspaces/Agent-8".to_owned()));
    assert!(first.created.contains(&"agent_workspaces/me".to_owned()));
    assert!(!first.is_default, "a temporary root is nobody's default");
    let root = home.open("root");
    assert_eq!(root.id(), first.id);
    assert!(status(&root).unwrap().iter().all(|item| item.state == TrustState::Approved));
    home.write("config/cellphone.yaml", "# mine\n");
    let second = init(&home.path("root"), "me").unwrap();
    assert!(second.created.is_empty(), "{:?}", second.created);
    assert_eq!(root.read(SETTINGS).unwrap().unwrap(), b"# mine\n");
    for folder in ["inbox", "outbox", "dead"] {
        let path = home.path("root").join("agent_workspaces/Agent-1").join(folder).join(".gitignore");
        assert_eq!(std::fs::read(path).unwrap(), b"*\n");
    }
}

#[test]
fn init_refuses_names_before_it_touches_the_disk() {
    let home = Home::new();
    for name in ["../../etc", "CON", "a/b", "", "system", "discord-x", "a\0b"] {
        assert!(init(&home.path("root"), name).is_err(), "{name:?}");
        assert!(!home.path("root").exists());
    }
}

#[test]
fn init_does_not_approve_what_was_there() {
    let home = Home::new();
    std::fs::DirBuilder::new().recursive(true).create(home.path("root/config")).unwrap();
    home.write(AGENTS, "agents:\n  Evil:\n    role: captain\n");
    let root = home.root();
    assert_eq!(state(&root, AGENTS), Some(TrustState::Changed));
    let copy = String::from_utf8(approved(&root, AGENTS).unwrap().unwrap()).unwrap();
    assert!(copy.contains("me:") && !copy.contains("Evil"), "{copy}");
    assert!(home.path("root/agent_workspaces/Evil/inbox/new").is_dir());
}

#[test]
fn a_copied_root_has_another_id_and_no_approvals_and_a_moved_one_keeps_both() {
    let home = Home::new();
    let root = home.root();
    let copied = std::process::Command::new("cp").arg("-a").args([home.path("root"), home.path("copy")]).status();
    assert!(copied.unwrap().success());
    let copy = home.open("copy");
    assert_ne!(copy.id(), root.id());
    assert_eq!(copy.id(), home.open("copy").id());
    assert_eq!(approved(&copy, AGENTS).unwrap(), None);
    let moved = std::process::Command::new("mv").args([home.path("root"), home.path("moved")]).status();
    assert!(moved.unwrap().success());
    assert_eq!(home.open("moved").id(), root.id());
}

#[cfg(unix)]
#[test]
fn a_changed_file_leaves_the_approved_copy_in_force() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new();
    let root = home.root();
    let before = approved(&root, ROLES).unwrap().unwrap();
    home.write(ROLES, "roles:\n  agent: {manage: true}\n");
    assert_eq!(state(&root, ROLES), Some(TrustState::Changed));
    assert_eq!(approved(&root, ROLES).unwrap().unwrap(), before);
    home.write("hooks/dead", "#!/bin/sh\n");
    assert_eq!(state(&root, "hooks/dead"), None, "it is not executable");
    let executable = || root.dir().child("hooks").unwrap().set_mode("dead", 0o755).unwrap();
    executable();
    assert_eq!(state(&root, "hooks/dead"), Some(TrustState::New));
    assert_eq!(state(&root, "hooks/dead.sample"), None);
    let seen = status(&root).unwrap();
    home.write("hooks/dead", "#!/bin/sh\nexit 1\n");
    executable();
    let error = approve_seen(&root, &seen).unwrap_err().to_string();
    assert!(error.contains("hooks/dead") && error.contains("cellphone trust"), "{error}");
    assert_eq!(approved(&root, "hooks/dead").unwrap(), None);
    assert_eq!(approve(&root).unwrap().len(), 1, "the roles were approved before the refusal");
    let copy = trust::approved_path(&root, "hooks/dead");
    assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o700);
    let roles = trust::approved_path(&root, ROLES);
    assert_eq!(std::fs::metadata(roles).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::metadata(root.outside()).unwrap().permissions().mode() & 0o777, 0o700);
    let gone = std::process::Command::new("rm").arg(home.path("root/hooks/dead")).status();
    assert!(gone.unwrap().success());
    assert_eq!(state(&root, "hooks/dead"), Some(TrustState::Missing));
    assert!(copy.is_file(), "a removal has no effect either");
    approve(&root).unwrap();
    assert_eq!((state(&root, "hooks/dead"), copy.exists()), (None, false));
    assert!(trust::approve_one(&root, "config/cellphone.yaml").is_err());
    assert!(trust::approve_one(&root, "hooks/../../../etc/passwd").is_err());
}

#[cfg(unix)]
#[test]
fn a_link_in_place_of_the_state_or_a_file_is_refused() {
    let home = Home::new();
    let root = home.root();
    let run = |line: &str| {
        let done = std::process::Command::new("sh").args(["-c", line]).current_dir(root.path()).status();
        assert!(done.unwrap().success());
    };
    run("mv config/agents.yaml x && ln -s ../x config/agents.yaml");
    assert!(root.read(AGENTS).is_err());
    assert!(status(&root).is_err());
    run("mv .cellphone elsewhere; ln -s elsewhere .cellphone");
    assert!(Root::open(root.path()).is_err());
}

#[test]
fn where_there_is_no_root_the_error_says_what_to_run() {
    let home = Home::new();
    let error = Root::open(&home.path("nothing")).unwrap_err().to_string();
    assert!(error.contains("nothing") && error.contains("cellphone init"), "{error}");
    assert!(Root::find(Some(Path::new("/"))).is_err());
}

#[test]
fn opening_at_once_agrees_on_one_id() {
    let home = Home::new();
    std::fs::DirBuilder::new().recursive(true).create(home.path("root/config")).unwrap();
    home.write(SETTINGS, "");
    let ids: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| home.open("root").id().to_owned())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}

#[test]
fn a_folder_takes_the_place_of_a_lost_root_and_of_no_unknown_one() {
    let home = Home::new();
    let lost = home.root();
    let id = lost.id().to_owned();
    home.write(SETTINGS, "limits:\n  hops: 7\n");
    crate::fsio::remove_tree(lost.path()).unwrap();
    // What looked into it since has given the folder an id of its own.
    assert_ne!(init(&home.path("root"), "me").unwrap().id, id);
    assert_eq!(init_instead_of(&home.path("root"), "me", &id).unwrap().id, id);
    let root = home.open("root");
    assert_eq!(root.id(), id);
    assert!(trust::approved(&root, AGENTS).unwrap().is_some());
    for unknown in ["01m8bw567srfcgm6t75yj7wmpa", "../../etc", ""] {
        let error = init_instead_of(&home.path("other"), "me", unknown).unwrap_err();
        assert!(matches!(error, ConfigError::NotFound(_)), "{error}");
        assert!(!home.path("other/.cellphone").exists());
    }
}
