//! The rules of the house that a compiler does not check: which layer may
//! name which, how long a file may be, and that each says what it is for.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// From the top down: a layer may use those on lower lines, and its
/// neighbours where [`allowed`] says so.
const LAYERS: [(&str, u8); 16] = [
    ("main", 10),
    ("surface", 9),
    ("daemon", 8),
    ("office", 7),
    ("continuity", 6),
    ("post", 5),
    ("nudge", 5),
    ("snapshot", 5),
    ("hooks", 5),
    ("roster", 4),
    ("mailbox", 4),
    ("journal", 4),
    ("identity", 4),
    ("config", 3),
    ("fsio", 2),
    ("model", 1),
];

/// A crate that stands behind one module, and that module.
const VENDORS: [(&str, &str); 28] = [
    // `age` alone is a module of `surface/render` as well.
    ("age::armor", "src/identity/seal.rs"),
    ("age::x25519", "src/config/secret/sealed.rs"),
    ("ssh_key", "src/identity/"),
    ("enigo", "src/nudge/"),
    ("x11rb", "src/nudge/"),
    ("portable_pty", "src/nudge/"),
    ("vt100", "src/nudge/"),
    ("notify", "src/fsio/"),
    ("rmcp", "src/surface/mcp/"),
    ("askama", "src/surface/http/"),
    ("axum", "src/surface/http/"),
    ("governor", "src/surface/http/limits.rs"),
    ("prometheus_client", "src/surface/http/metrics/"),
    ("sysinfo", "src/observe/machine.rs"),
    ("pulldown_cmark", "src/surface/http/page/markdown.rs"),
    ("tower_service", "src/surface/http/"),
    ("http::request", "src/surface/mcp/"),
    ("utoipa_axum", "src/surface/http/"),
    ("utoipa", "src/surface/"),
    ("rustic_core", "src/snapshot/"),
    ("rustic_backend", "src/snapshot/"),
    ("zstd", "src/snapshot/cipher.rs"),
    ("fs2", "src/fsio/lock.rs"),
    ("grep_searcher", "src/office/"),
    ("secrets_scanner", "src/office/leaks.rs"),
    ("ureq", "src/nudge/webhook.rs"),
    ("rustls_graviola", "src/nudge/webhook.rs"),
    ("rustls_native_certs", "src/nudge/webhook.rs"),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(dir: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_path_buf()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!found.is_empty(), "no source below {}", dir.display());
    found.sort();
    found
}

fn layer_of(file: &str) -> Option<&'static str> {
    let first = file.strip_prefix("src/")?.split('/').next()?;
    let first = first.strip_suffix(".rs").unwrap_or(first);
    LAYERS.iter().find(|(name, _)| *name == first).map(|(name, _)| *name)
}

fn rank(layer: &str) -> u8 {
    LAYERS.iter().find(|(name, _)| *name == layer).map_or(0, |(_, rank)| *rank)
}

/// Whether `file`, of layer `from`, may name layer `to`.
fn allowed(file: &str, from: &str, to: &str) -> bool {
    match (from, to) {
        _ if from == to => true,
        // The values are everyone's; the logs are for whoever has no caller to tell.
        (_, "model") => true,
        ("model", _) => false,
        ("main", _) => to == "surface",
        ("surface", "office") => true,
        ("surface", "daemon") => file == "src/surface/cli/up.rs",
        ("surface", _) | ("nudge", "mailbox") | ("mailbox", "config") => false,
        _ => rank(from) > rank(to),
    }
}

/// Layers named as `crate::layer` in a line of code.
fn named_layers(text: &str) -> Vec<(usize, &'static str)> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or(line);
        for prefix in ["crate::", "agent_cellphone::"] {
            for (at, _) in code.match_indices(prefix) {
                // `$crate::` and longer names that end alike are not arrows.
                if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
                    continue;
                }
                let rest = &code[at + prefix.len()..];
                let word =
                    |text: &str| -> String { text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect() };
                let words: Vec<String> = rest
                    .strip_prefix('{')
                    .map_or_else(|| vec![word(rest)], |group| group.split(',').map(|part| word(part.trim())).collect());
                found.extend(
                    words.iter().filter_map(|w| LAYERS.iter().find(|(n, _)| n == w)).map(|(n, _)| (number + 1, *n)),
                );
            }
        }
    }
    found
}

/// The part of a file above its unit tests: those may use what they like.
fn without_tests<'a>(file: &str, text: &'a str) -> &'a str {
    let name = file.rsplit('/').next().unwrap_or(file);
    if matches!(name, "tests.rs" | "testing.rs") || name.ends_with("_tests.rs") {
        return "";
    }
    text.find("#[cfg(test)]\nmod ")
        .filter(|at| text[*at..].lines().nth(1).is_some_and(|l| l.ends_with('{')))
        .map_or(text, |at| &text[..at])
}

#[test]
fn arrows_between_layers_point_down_only() {
    let mut faults = Vec::new();
    for (file, text) in sources(&root().join("src")) {
        let Some(from) = layer_of(&file) else { continue };
        for (line, to) in named_layers(without_tests(&file, &text)) {
            if !allowed(&file, from, to) {
                faults.push(format!("{file}:{line}: {from} may not use {to}"));
            }
        }
    }
    assert!(faults.is_empty(), "forbidden arrows (ARCHITECTURE.md, \"Layers\"):\n{}", faults.join("\n"));
}

#[test]
fn the_arrow_rules_refuse_what_they_are_meant_to_refuse() {
    for (file, from, to) in [
        ("src/model/name.rs", "model", "fsio"),
        ("src/mailbox/mod.rs", "mailbox", "config"),
        ("src/nudge/mod.rs", "nudge", "mailbox"),
        ("src/daemon/mod.rs", "daemon", "surface"),
        ("src/surface/cli/send.rs", "surface", "mailbox"),
        ("src/surface/cli/down.rs", "surface", "daemon"),
        ("src/fsio/mod.rs", "fsio", "journal"),
        ("src/post/mod.rs", "post", "office"),
    ] {
        assert!(!allowed(file, from, to), "{from} → {to}");
    }
    assert!(allowed("src/surface/cli/up.rs", "surface", "daemon"));
    assert_eq!(
        named_layers(
            "use crate::{model, fsio::Dir};\nlet x = crate::mailbox::deliver();\n// crate::daemon is not code\n"
        ),
        [(1, "model"), (1, "fsio"), (2, "mailbox")]
    );
}

#[test]
fn mailbox_and_model_know_no_runtime() {
    for (file, text) in sources(&root().join("src")) {
        if matches!(layer_of(&file), Some("mailbox" | "model" | "fsio")) {
            assert!(!text.contains("tokio::"), "{file} names tokio");
        }
        if layer_of(&file) == Some("model") {
            let code: String = without_tests(&file, &text)
                .lines()
                .filter(|l| !l.trim_start().starts_with("//"))
                .collect::<Vec<_>>()
                .join("\n");
            for word in ["std::fs", "std::io", "SystemTime", "Timestamp::now", "Instant::now", "std::env"] {
                assert!(!code.contains(word), "{file} names {word}: the model does no I/O and reads no clock");
            }
        }
    }
}

#[test]
fn a_vendor_crate_stays_in_its_module() {
    let mut faults = Vec::new();
    for (file, text) in sources(&root().join("src")) {
        for (vendor, home) in VENDORS {
            let named = without_tests(&file, &text).lines().any(|line| {
                let code = line.split("//").next().unwrap_or(line);
                code.match_indices(&format!("{vendor}::"))
                    .any(|(at, _)| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':'))
            });
            if named && !file.starts_with(home) {
                faults.push(format!("{file} names {vendor}, which belongs to {home}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn only_fsio_changes_the_disk_and_only_surfaces_print() {
    let mut faults = Vec::new();
    for (file, text) in sources(&root().join("src")) {
        for (number, line) in without_tests(&file, &text).lines().enumerate() {
            let code = line.split("//").next().unwrap_or(line);
            let writes =
                ["fs::write(", "fs::rename(", "fs::remove_", "fs::create_dir", "fs::hard_link(", "File::create("];
            if layer_of(&file) != Some("fsio") && writes.iter().any(|w| code.contains(w)) {
                faults.push(format!("{file}:{}: changes the disk outside fsio/", number + 1));
            }
            let prints = ["println!(", "print!(", "eprintln!(", "eprint!("];
            if layer_of(&file) != Some("surface") && prints.iter().any(|p| code.contains(p)) {
                faults.push(format!("{file}:{}: prints outside surface/", number + 1));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_file_is_short_and_says_what_it_is_for() {
    let mut faults = Vec::new();
    for dir in ["src", "tests", "benches"] {
        let dir = root().join(dir);
        if !dir.is_dir() {
            continue;
        }
        for (file, text) in sources(&dir) {
            let lines = text.lines().count();
            if lines > 400 {
                faults.push(format!("{file}: {lines} lines; the limit is 400"));
            }
            if !text.starts_with("//!") {
                faults.push(format!("{file}: does not begin with `//!`, its theory"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_layer_is_on_the_list() {
    let known: BTreeSet<&str> = LAYERS.iter().map(|(name, _)| *name).chain(["lib", "observe"]).collect();
    for entry in fs::read_dir(root().join("src")).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        let name = name.strip_suffix(".rs").unwrap_or(&name).to_owned();
        assert!(known.contains(name.as_str()), "src/{name} is a layer that the tidy test does not know");
    }
}

/// A setting that is parsed and ignored would be a promise nobody keeps: each
/// is read by a layer above `config`, where its section or itself is named.
#[test]
fn every_setting_is_used() {
    let file = fs::read_to_string(root().join("config/cellphone.yaml")).unwrap();
    let users = ["src/office", "src/daemon", "src/post", "src/surface", "src/hooks", "src/snapshot", "src/observe"];
    let mut text: String = users.iter().flat_map(|dir| sources(&root().join(dir))).map(|(_, text)| text).collect();
    // What is in force as approved is handed on from here, in values of their own.
    text += &fs::read_to_string(root().join("src/config/snapshot.rs")).unwrap();
    let mut section = String::new();
    let mut keys = 0;
    for line in file.lines() {
        // What is built in is shown commented out: `#key: value`.
        let bare = line.trim_start().trim_start_matches('#');
        let Some((key, value)) = bare.split_once(':').filter(|(key, _)| !key.is_empty() && !key.contains(' ')) else {
            continue;
        };
        if value.is_empty() {
            section = format!(".{key}");
            assert!(text.contains(&section), "nobody reads the section {key}");
            continue;
        }
        keys += 1;
        let field = format!(".{}", key.trim());
        assert!(text.contains(&field), "nobody reads {section}{field}: it would be parsed and ignored");
    }
    assert!(keys > 20, "only {keys} settings were found");
}
