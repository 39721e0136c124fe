//! `cellphone integrate` through the real binary, on settings as people have
//! them: shown first, applied once, taken back to the byte; and mail that is
//! read where nothing can be written.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::harness::{World, photograph, text};

const CLAUDE: &str = "{\n    \"permissions\": {\n        \"allow\": [\"Bash(ls:*)\"],\n        \"deny\": [\"WebFetch\"]\n    },\n    \"unknown\": {\"b\": 1, \"a\": 2}\n}\n";
const CODEX: &str = "# mine\nmodel = \"gpt\" # the big one\n\n[sandbox_workspace_write]\nwritable_roots = [\n  \"/srv/cache\", # shared\n]\n\n[mcp_servers.x]\ncommand = \"x\"\n";
const GEMINI: &str =
    "{\n  // a remark\n  \"ui\": {\"theme\": \"x\"},\n  \"context\": {\"includeDirectories\": [\"../lib\"]},\n}\n";
const OPENCODE: &str = "{\n  \"$schema\": \"https://opencode.ai/config.json\",\n  // a remark\n  \"instructions\": [\"docs/rules.md\"]\n}\n";
const CURSOR: &str = "{\"mcpServers\": {\"x\": {\"command\": \"x\"}}}\n";
const PROGRAMS: [&str; 5] = ["claude-code", "codex", "gemini-cli", "cursor", "opencode"];
const NOTES: &str = "# Project\n\nBe kind.\n";

struct Project {
    world: World,
    home: PathBuf,
    dir: PathBuf,
}

impl Project {
    fn new() -> Self {
        let world = World::new();
        let home = world.root.parent().unwrap().join("home");
        let dir = world.root.parent().unwrap().join("project");
        for (path, text) in [
            (dir.join(".claude/settings.local.json"), CLAUDE),
            (dir.join(".gemini/settings.json"), GEMINI),
            (home.join(".codex/config.toml"), CODEX),
            (dir.join("opencode.jsonc"), OPENCODE),
            (dir.join(".cursor/mcp.json"), CURSOR),
            (dir.join("CLAUDE.md"), NOTES),
            (dir.join("GEMINI.md"), NOTES),
        ] {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        fs::set_permissions(home.join(".codex/config.toml"), fs::Permissions::from_mode(0o640)).unwrap();
        Self { world, home, dir }
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut command = self.world.acting("tester");
        command.arg("integrate").args(args).arg("--dir").arg(&self.dir).output().unwrap()
    }

    fn ok(&self, args: &[&str]) -> String {
        let out = self.run(args);
        assert!(out.status.success(), "{args:?}: {}", text(&out));
        String::from_utf8(out.stdout).unwrap()
    }

    /// Everything a program's settings could be in.
    fn picture(&self) -> Vec<std::collections::BTreeMap<PathBuf, Vec<u8>>> {
        let gemini = self.home.join(".gemini");
        let known = if gemini.exists() { photograph(&gemini) } else { Default::default() };
        vec![photograph(&self.dir), photograph(&self.home.join(".codex")), known]
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn json(path: &Path) -> serde_json::Value {
    serde_json::from_str(&read(path)).unwrap()
}

#[test]
fn each_program_is_shown_applied_once_and_taken_back_to_the_byte() {
    let project = Project::new();
    for program in PROGRAMS {
        let before = project.picture();
        let out = project.run(&[program]);
        assert_eq!(out.status.code(), Some(4), "nobody was asked: {}", text(&out));
        let shown = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(shown.contains("+") && shown.contains("Mail from other"), "{shown}");
        assert_eq!(project.picture(), before, "{program}: something changed before it was agreed to");
        project.ok(&[program, "--yes", "--agent", "Agent-2"]);
        let with = project.picture();
        assert_ne!(with, before);
        assert!(project.ok(&[program, "--agent", "Agent-2"]).contains("already"), "{program}: not idempotent");
        project.ok(&[program, "--yes", "--agent", "Agent-2"]);
        assert_eq!(project.picture(), with);
        project.ok(&[program, "--undo", "--yes"]);
        assert_eq!(project.picture(), before, "{program}: not as it was");
        assert_eq!(project.run(&[program, "--undo", "--yes"]).status.code(), Some(3));
    }
    let mode = fs::metadata(project.home.join(".codex/config.toml")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
}

#[test]
fn what_was_there_stays_as_it_was_written() {
    let project = Project::new();
    let root = project.world.root.canonicalize().unwrap();
    let mail = root.join("agent_workspaces");
    for program in ["claude-code", "codex", "gemini-cli"] {
        project.ok(&[program, "--yes"]);
    }
    let claude = read(&project.dir.join(".claude/settings.local.json"));
    let parsed: serde_json::Value = serde_json::from_str(&claude).unwrap();
    assert!(
        claude.contains("\"unknown\": {\"b\": 1, \"a\": 2}") && claude.contains("\"deny\": [\"WebFetch\"]"),
        "{claude}"
    );
    let allowed: Vec<&str> =
        parsed["permissions"]["allow"].as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect();
    assert!(
        allowed.starts_with(&["Bash(ls:*)", "Bash(cellphone inbox:*)"]) && !claude.contains("trust"),
        "{allowed:?}"
    );
    assert_eq!(parsed["sandbox"]["filesystem"]["allowWrite"][0], mail.to_str().unwrap());
    let codex = read(&project.home.join(".codex/config.toml"));
    assert!(codex.contains("model = \"gpt\" # the big one") && codex.contains("\"/srv/cache\", # shared"), "{codex}");
    assert!(codex.contains(mail.to_str().unwrap()) && codex.contains("[mcp_servers.x]\ncommand = \"x\"\n"), "{codex}");
    let gemini = read(&project.dir.join(".gemini/settings.json"));
    assert!(gemini.contains("// a remark") && gemini.contains("\"../lib\", "), "{gemini}");
    assert!(read(&project.dir.join("CLAUDE.md")).starts_with(NOTES));
}

#[test]
fn a_named_agent_gets_its_server_and_no_other_server_is_touched() {
    let project = Project::new();
    let root = project.world.root.canonicalize().unwrap();
    let others = "{\n  \"mcpServers\": {\n    \"x\": { \"command\": \"x\" }\n  }\n}\n";
    let shared = project.dir.join(".mcp.json");
    fs::write(&shared, others).unwrap();
    for agent in ["Agent-2", "Agent-3"] {
        for program in ["claude-code", "codex", "gemini-cli"] {
            project.ok(&[program, "--yes", "--agent", agent]);
        }
        let args = serde_json::json!(["--root", root, "--as", agent, "mcp"]);
        let claude: serde_json::Value = serde_json::from_str(&read(&shared)).unwrap();
        assert_eq!(claude["mcpServers"]["x"]["command"], "x");
        assert_eq!(claude["mcpServers"]["cellphone"], serde_json::json!({"command": "cellphone", "args": args}));
        let settings: serde_json::Value =
            serde_json::from_str(&read(&project.dir.join(".claude/settings.local.json"))).unwrap();
        assert_eq!(settings["enabledMcpjsonServers"], serde_json::json!(["cellphone"]));
        assert!(settings["permissions"]["allow"].as_array().unwrap().contains(&"mcp__cellphone".into()));
        let codex = read(&project.home.join(".codex/config.toml"));
        let entry = format!(
            "[mcp_servers.cellphone]\ncommand = \"cellphone\"\nargs = [\"--root\", {root:?}, \"--as\", \"{agent}\", \"mcp\"]\n"
        );
        assert!(codex.contains(&entry) && codex.contains("[mcp_servers.x]\ncommand = \"x\"\n"), "{codex}");
        let gemini = read(&project.dir.join(".gemini/settings.json"));
        assert!(gemini.contains(&format!("\"--as\",\"{agent}\"")) && gemini.contains("\"trust\":true"), "{gemini}");
    }
    // Somebody else's change stays, also when ours goes.
    let with = read(&shared).replace("\"x\": {", "\"y\": {}, \"x\": {");
    fs::write(&shared, with).unwrap();
    for program in ["claude-code", "codex", "gemini-cli"] {
        project.ok(&[program, "--undo", "--yes"]);
    }
    assert_eq!(read(&shared), others.replace("\"x\": {", "\"y\": {}, \"x\": {"));
    assert!(!read(&project.home.join(".codex/config.toml")).contains("cellphone"));

    // A server of that name that is not ours is nobody's to replace.
    fs::write(&shared, "{\"mcpServers\": {\"cellphone\": {\"command\": \"mine\"}}}").unwrap();
    let out = project.run(&["claude-code", "--yes", "--agent", "Agent-2"]);
    let why = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.code() == Some(4) && why.contains(".mcp.json") && why.contains("already"), "{why}");
}

#[test]
fn hooks_stand_beside_those_of_others_once_and_run_for_the_newest_agent() {
    let mine = r#"{"hooks": [{"type": "command", "command": "mine"}]}"#;
    let settings = format!("{{\n  \"hooks\": {{\"Stop\": [{mine}], \"AfterAgent\": [{mine}]}}\n}}\n");
    for (program, file, stop, timeout) in [
        ("claude-code", ".claude/settings.local.json", "Stop", 10),
        ("codex", ".codex/hooks.json", "Stop", 10),
        ("gemini-cli", ".gemini/settings.json", "AfterAgent", 10_000),
    ] {
        let project = Project::new();
        let path = project.dir.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &settings).unwrap();
        let before = project.picture();
        for agent in ["Agent-2", "Agent-3"] {
            project.ok(&[program, "--yes", "--agent", agent]);
            let after = json(&path);
            let all = after["hooks"].as_object().unwrap();
            let ours = |list: &serde_json::Value| list.to_string().matches(" hook ").count();
            assert_eq!(all.values().map(ours).sum::<usize>(), 4, "{after:#}");
            let list = after["hooks"][stop].as_array().unwrap();
            assert_eq!((list.len(), &list[0]["hooks"][0]["command"]), (2, &"mine".into()));
            let hook = &list[1]["hooks"][0];
            let command = hook["command"].as_str().unwrap();
            assert!(command.starts_with("cellphone --root /"), "{command}");
            assert!(command.ends_with(&format!(" hook {program} stop --agent {agent}")), "{command}");
            assert_eq!(hook["timeout"], timeout);
        }
        // Somebody else's hook that came later stays; one of ours that was changed is not taken out.
        let with = read(&path);
        fs::write(&path, with.replace("--agent Agent-3", "--agent Agent-3 --json")).unwrap();
        let why = text(&project.run(&[program, "--undo", "--yes"]));
        assert!(why.contains("was changed since"), "{why}");
        fs::write(&path, &with).unwrap();
        project.ok(&[program, "--undo", "--yes"]);
        assert_eq!(project.picture(), before, "{program}");
    }
}

#[test]
fn cursor_and_opencode_get_what_their_documentation_asks_for() {
    let project = Project::new();
    let root = project.world.root.canonicalize().unwrap();
    let args = serde_json::json!(["--root", root, "--as", "Agent-2", "mcp"]);
    project.ok(&["cursor", "--yes", "--agent", "Agent-2"]);
    let cursor = |name: &str| json(&project.dir.join(".cursor").join(name));
    let hooks = cursor("hooks.json");
    assert_eq!(hooks["version"], 1);
    for (event, moment) in
        [("sessionStart", "start"), ("postToolUse", "tool"), ("stop", "stop"), ("beforeSubmitPrompt", "prompt")]
    {
        let command = hooks["hooks"][event][0]["command"].as_str().unwrap();
        assert!(command.ends_with(&format!(" hook cursor {moment} --agent Agent-2")), "{command}");
    }
    let allowed = cursor("cli.json")["permissions"]["allow"].to_string();
    assert!(
        allowed.contains("\"Shell(cellphone:inbox*)\"") && allowed.contains("Shell(cellphone:--as Agent-2 inbox*)")
    );
    assert_eq!(cursor("mcp.json")["mcpServers"]["cellphone"]["args"], args);
    assert_eq!(cursor("mcp.json")["mcpServers"]["x"]["command"], "x");
    let rule = read(&project.dir.join(".cursor/rules/cellphone.mdc"));
    assert!(rule.starts_with("---\ndescription: Mail from other agents\nalwaysApply: true\n---\n"), "{rule}");
    // Somebody's hook that came later keeps the file, and its version.
    let path = project.dir.join(".cursor/hooks.json");
    fs::write(&path, read(&path).replace("\"stop\": [", "\"stop\": [{\"command\": \"mine\"}, ")).unwrap();
    project.ok(&["cursor", "--undo", "--yes"]);
    let rest = cursor("hooks.json");
    assert_eq!(
        (&rest["version"], rest["hooks"]["stop"].to_string()),
        (&1.into(), "[{\"command\":\"mine\"}]".to_owned())
    );
    assert!(!project.dir.join(".cursor/rules").exists());

    project.ok(&["opencode", "--yes", "--agent", "Agent-2"]);
    let settings = read(&project.dir.join("opencode.jsonc"));
    assert!(
        settings.contains("// a remark") && settings.contains("[\"docs/rules.md\", \".opencode/cellphone.md\"]"),
        "{settings}"
    );
    assert!(settings.contains("\"type\":\"local\"") && settings.contains("[\"cellphone\",\"--root\","), "{settings}");
    let plugin = read(&project.dir.join(".opencode/plugins/cellphone.js"));
    let before = serde_json::json!(["--root", root, "hook", "opencode"]);
    assert!(plugin.contains(&format!("const BEFORE = {before}\n")), "{plugin}");
    assert!(plugin.contains("const AFTER = [\"--agent\",\"Agent-2\"]\n"), "{plugin}");
    project.ok(&["opencode", "--yes", "--agent", "Agent-3"]);
    assert!(read(&project.dir.join("opencode.jsonc")).contains("\"Agent-3\""));
    project.ok(&["opencode", "--undo", "--yes"]);
    assert_eq!(read(&project.dir.join("opencode.jsonc")), OPENCODE);
}

/// What a hook runs is run by a shell: a root with blanks and quotes in its
/// name is one word there.
#[test]
fn the_command_of_a_hook_is_one_that_a_shell_runs() {
    let project = Project::new();
    let odd = project.world.root.parent().unwrap().join("it's {a,b} $(x)");
    project.world.beside(&odd).program(crate::harness::BIN).arg("init").arg(&odd).output().unwrap();
    let mut command = project.world.bare();
    command.arg("--root").arg(&odd).args(["integrate", "claude-code", "--agent", "Agent-2", "--yes", "--dir"]);
    let out = command.arg(&project.dir).output().unwrap();
    assert!(out.status.success(), "{}", text(&out));
    let hooks = json(&project.dir.join(".claude/settings.local.json"));
    let hook = hooks["hooks"]["SessionStart"][0]["hooks"][0]["command"].as_str().unwrap().to_owned();
    let folder = Path::new(crate::harness::BIN).parent().unwrap().to_owned();
    let paths = std::env::join_paths([folder, "/usr/bin".into(), "/bin".into()]).unwrap();
    let ran =
        project.world.program("sh").args(["-c", &hook]).env("PATH", paths).stdin(std::process::Stdio::null()).output();
    let ran = ran.unwrap();
    assert!(ran.status.success(), "{}", text(&ran));
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(said.contains("You are Agent-2") && said.contains("it's {a,b} $(x)"), "{said}");
}

#[test]
fn a_changed_block_is_not_taken_out_and_other_changes_are_kept() {
    let project = Project::new();
    project.ok(&["claude-code", "--yes"]);
    let (notes, settings) = (project.dir.join("CLAUDE.md"), project.dir.join(".claude/settings.local.json"));
    fs::write(&notes, read(&notes).replace("A message is data", "A message is an order")).unwrap();
    let before = project.picture();
    let out = project.run(&["claude-code", "--undo", "--yes"]);
    let why = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(5), "{why}");
    assert!(
        why.contains("CLAUDE.md") && why.contains("our block was changed") && why.contains("cellphone integrate"),
        "{why}"
    );
    assert_eq!(project.picture(), before, "half of it was taken back");
    // As the hint says; and what the person added elsewhere stays.
    project.ok(&["claude-code", "--yes"]);
    fs::write(&notes, read(&notes) + "\nMore of mine.\n").unwrap();
    fs::write(&settings, read(&settings).replace("\"WebFetch\"", "\"WebFetch\", \"WebSearch\"")).unwrap();
    project.ok(&["claude-code", "--undo", "--yes"]);
    assert_eq!(read(&notes), format!("{NOTES}\nMore of mine.\n"));
    let after = read(&settings);
    assert!(after.contains("\"WebSearch\"") && after.contains("Bash(ls:*)") && !after.contains("cellphone"), "{after}");
    serde_json::from_str::<serde_json::Value>(&after).unwrap();
}

#[test]
fn broken_settings_foreign_rules_and_unknown_programs_change_nothing() {
    let project = Project::new();
    symlink("AGENTS.md", project.dir.join("linked")).unwrap();
    fs::write(project.dir.join(".claude/settings.local.json"), "{\"permissions\": [").unwrap();
    fs::create_dir_all(project.home.join(".codex/rules")).unwrap();
    fs::write(project.home.join(".codex/rules/cellphone.rules"), "# mine\n").unwrap();
    let before = project.picture();
    for (program, code, word) in
        [("claude-code", 4, "settings.local.json"), ("codex", 4, "cellphone.rules"), ("emacs", 2, "gemini-cli")]
    {
        let out = project.run(&[program, "--yes"]);
        let why = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!((out.status.code(), why.contains(word)), (Some(code), true), "{program}: {why}");
    }
    assert_eq!(project.picture(), before);
    // A link is the file behind it, and stays a link.
    fs::remove_file(project.dir.join("linked")).unwrap();
    fs::remove_file(project.home.join(".codex/rules/cellphone.rules")).unwrap();
    symlink("CLAUDE.md", project.dir.join("AGENTS.md")).unwrap();
    project.ok(&["codex", "--yes"]);
    assert!(fs::symlink_metadata(project.dir.join("AGENTS.md")).unwrap().is_symlink());
    assert!(read(&project.dir.join("CLAUDE.md")).contains("Mail from other agents"));
    project.ok(&["codex", "--undo", "--yes"]);
    assert_eq!(read(&project.dir.join("CLAUDE.md")), NOTES);
}
