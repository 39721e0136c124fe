//! The files `init` writes: the same ones the repository, a working root
//! itself, carries.

pub(super) const SETTINGS: &str = include_str!("../../config/cellphone.yaml");
pub(super) const AGENTS: &str = include_str!("../../config/agents.yaml");
pub(crate) const ROLES: &str = include_str!("../../config/roles.yaml");
pub(super) const COORDINATES: &str = include_str!("../../config/coordinates.json");
const DELIVERED: &str = include_str!("../../hooks/delivered.sample");
const DEAD: &str = include_str!("../../hooks/dead.sample");
const DRILL: &str = include_str!("../../hooks/drill.sample");
const BEFORE_DELIVER: &str = include_str!("../../hooks/before-deliver.sample");

/// Path from the root, and content.
pub(super) const FILES: [(&str, &str); 54] = [
    (super::SETTINGS, SETTINGS),
    (super::AGENTS, AGENTS),
    (super::ROLES, ROLES),
    (super::COORDINATES, COORDINATES),
    ("config/schema/cellphone.schema.json", include_str!("../../config/schema/cellphone.schema.json")),
    ("config/schema/agents.schema.json", include_str!("../../config/schema/agents.schema.json")),
    ("config/schema/roles.schema.json", include_str!("../../config/schema/roles.schema.json")),
    ("config/schema/profile.schema.json", include_str!("../../config/schema/profile.schema.json")),
    ("config/schema/scenario.schema.json", include_str!("../../config/schema/scenario.schema.json")),
    ("config/profiles/claude-code.yaml", include_str!("../../config/profiles/claude-code.yaml")),
    ("config/profiles/codex.yaml", include_str!("../../config/profiles/codex.yaml")),
    ("config/profiles/gemini-cli.yaml", include_str!("../../config/profiles/gemini-cli.yaml")),
    ("config/profiles/cursor.yaml", include_str!("../../config/profiles/cursor.yaml")),
    ("config/profiles/aider.yaml", include_str!("../../config/profiles/aider.yaml")),
    ("config/profiles/opencode.yaml", include_str!("../../config/profiles/opencode.yaml")),
    ("config/profiles/generic-shell.yaml", include_str!("../../config/profiles/generic-shell.yaml")),
    ("config/profiles/generic-window.yaml", include_str!("../../config/profiles/generic-window.yaml")),
    ("config/onboarding/soft.yaml", include_str!("../../config/onboarding/soft.yaml")),
    ("config/onboarding/hard.yaml", include_str!("../../config/onboarding/hard.yaml")),
    ("config/onboarding/styles/friendly.md", include_str!("../../config/onboarding/styles/friendly.md")),
    ("config/onboarding/styles/professional.md", include_str!("../../config/onboarding/styles/professional.md")),
    ("config/onboarding/roles/agent.md", include_str!("../../config/onboarding/roles/agent.md")),
    ("config/onboarding/roles/captain.md", include_str!("../../config/onboarding/roles/captain.md")),
    ("config/onboarding/roles/reviewer.md", include_str!("../../config/onboarding/roles/reviewer.md")),
    ("config/onboarding/roles/observer.md", include_str!("../../config/onboarding/roles/observer.md")),
    ("config/onboarding/roles/operator.md", include_str!("../../config/onboarding/roles/operator.md")),
    ("config/onboarding/modes/bootstrap_cli.yaml", include_str!("../../config/onboarding/modes/bootstrap_cli.yaml")),
    (
        "config/onboarding/modes/compliance_refactor_v2.yaml",
        include_str!("../../config/onboarding/modes/compliance_refactor_v2.yaml"),
    ),
    ("config/onboarding/modes/memory_nexus.yaml", include_str!("../../config/onboarding/modes/memory_nexus.yaml")),
    (
        "config/onboarding/modes/production_ready.yaml",
        include_str!("../../config/onboarding/modes/production_ready.yaml"),
    ),
    (
        "config/onboarding/modes/enterprise_deploy.yaml",
        include_str!("../../config/onboarding/modes/enterprise_deploy.yaml"),
    ),
    (
        "config/onboarding/modes/live_ops_growth.yaml",
        include_str!("../../config/onboarding/modes/live_ops_growth.yaml"),
    ),
    ("config/continuity/bit-rot-messages.yaml", include_str!("../../config/continuity/bit-rot-messages.yaml")),
    ("config/continuity/bit-rot-repository.yaml", include_str!("../../config/continuity/bit-rot-repository.yaml")),
    ("config/continuity/broken-config.yaml", include_str!("../../config/continuity/broken-config.yaml")),
    ("config/continuity/careless-git.yaml", include_str!("../../config/continuity/careless-git.yaml")),
    ("config/continuity/crash-loop.yaml", include_str!("../../config/continuity/crash-loop.yaml")),
    ("config/continuity/data-theft.yaml", include_str!("../../config/continuity/data-theft.yaml")),
    ("config/continuity/disk-full.yaml", include_str!("../../config/continuity/disk-full.yaml")),
    ("config/continuity/lost-disk.yaml", include_str!("../../config/continuity/lost-disk.yaml")),
    ("config/continuity/lost-host.yaml", include_str!("../../config/continuity/lost-host.yaml")),
    ("config/continuity/lost-inbox.yaml", include_str!("../../config/continuity/lost-inbox.yaml")),
    ("config/continuity/lost-journal.yaml", include_str!("../../config/continuity/lost-journal.yaml")),
    ("config/continuity/mail-storm.yaml", include_str!("../../config/continuity/mail-storm.yaml")),
    ("config/continuity/network-outage.yaml", include_str!("../../config/continuity/network-outage.yaml")),
    ("config/continuity/power-cut.yaml", include_str!("../../config/continuity/power-cut.yaml")),
    ("config/continuity/ransomware.yaml", include_str!("../../config/continuity/ransomware.yaml")),
    (
        "config/continuity/scrambled-coordinates.yaml",
        include_str!("../../config/continuity/scrambled-coordinates.yaml"),
    ),
    ("config/continuity/stolen-key.yaml", include_str!("../../config/continuity/stolen-key.yaml")),
    ("hooks/README.md", include_str!("../../hooks/README.md")),
    ("hooks/delivered.sample", DELIVERED),
    ("hooks/dead.sample", DEAD),
    ("hooks/drill.sample", DRILL),
    ("hooks/before-deliver.sample", BEFORE_DELIVER),
];

/// Whether a file is, byte for byte, what this version brings along.
pub(crate) fn is_sample(relative: &str, bytes: &[u8]) -> bool {
    FILES.iter().any(|(path, content)| *path == relative && content.as_bytes() == bytes)
}

/// What comes along at a path.
pub(crate) fn sample(relative: &str) -> Option<&'static str> {
    FILES.iter().find(|(path, _)| *path == relative).map(|(_, content)| *content)
}

/// Every file that comes along in a folder, path and content.
pub(crate) fn samples_in(folder: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    FILES.iter().copied().filter(move |(path, _)| path.rsplit_once('/').is_some_and(|(of, _)| of == folder))
}
