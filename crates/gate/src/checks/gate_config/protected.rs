//! The list of files that judge, build or publish a project by their being there.

use crate::paths;

/// Why a file is protected; decides who may change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// The factory's own settings of this project.
    Gate,
    Ci,
    Docker,
    /// Test runners, linters, toolchains, build scripts.
    Runner,
    /// Programs that git or a package manager starts by itself.
    Hook,
    /// What tells coding agents what to do, or what to start: the next agent, or a person's own, would obey it.
    Agent,
}

const FOLDERS: [(&str, Class, &str); 23] = [
    (".alai", Class::Gate, "the factory's own configuration"),
    (".github", Class::Ci, "CI configuration"),
    (".gitlab", Class::Ci, "CI configuration"),
    (".circleci", Class::Ci, "CI configuration"),
    (".buildkite", Class::Ci, "CI configuration"),
    (".woodpecker", Class::Ci, "CI configuration"),
    (".cargo", Class::Runner, "Cargo's configuration"),
    (".config", Class::Runner, "a tool's configuration"),
    (".husky", Class::Hook, "a hook of git"),
    (".githooks", Class::Hook, "a hook of git"),
    (".claude", Class::Agent, AGENT_STARTS),
    (".claude-plugin", Class::Agent, AGENT_STARTS),
    (".cursor", Class::Agent, AGENT_STARTS),
    (".codex", Class::Agent, AGENT_STARTS),
    (".gemini", Class::Agent, AGENT_STARTS),
    (".qwen", Class::Agent, AGENT_STARTS),
    (".opencode", Class::Agent, AGENT_STARTS),
    (".windsurf", Class::Agent, AGENT_STARTS),
    (".continue", Class::Agent, AGENT_STARTS),
    (".roo", Class::Agent, AGENT_STARTS),
    (".goose", Class::Agent, AGENT_STARTS),
    (".kiro", Class::Agent, AGENT_STARTS),
    (".agents", Class::Agent, AGENT_TOLD),
];

const AGENT_STARTS: &str = "configuration of a coding agent, which may name programs and servers";
const AGENT_TOLD: &str = "instructions to coding agents";

const NAMES: [(&str, Class, &str); 52] = [
    ("alai.toml", Class::Gate, "the factory's own configuration"),
    (".travis.yml", Class::Ci, "CI configuration"),
    ("appveyor.yml", Class::Ci, "CI configuration"),
    (".drone.yml", Class::Ci, "CI configuration"),
    ("bitbucket-pipelines.yml", Class::Ci, "CI configuration"),
    (".dockerignore", Class::Docker, "Docker configuration"),
    (
        "conftest.py",
        Class::Runner,
        "pytest configuration that runs code",
    ),
    ("pytest.ini", Class::Runner, "pytest configuration"),
    (".pytest.ini", Class::Runner, "pytest configuration"),
    ("tox.ini", Class::Runner, "test configuration"),
    ("noxfile.py", Class::Runner, "test configuration"),
    (".coveragerc", Class::Runner, "coverage configuration"),
    (
        "sitecustomize.py",
        Class::Hook,
        "code that every Python runs",
    ),
    (
        "usercustomize.py",
        Class::Hook,
        "code that every Python runs",
    ),
    ("build.rs", Class::Runner, "a build script"),
    ("rust-toolchain", Class::Runner, "the choice of a toolchain"),
    (
        "rust-toolchain.toml",
        Class::Runner,
        "the choice of a toolchain",
    ),
    ("clippy.toml", Class::Runner, "lint configuration"),
    (".clippy.toml", Class::Runner, "lint configuration"),
    ("rustfmt.toml", Class::Runner, "format configuration"),
    (".rustfmt.toml", Class::Runner, "format configuration"),
    (".npmrc", Class::Hook, "npm's configuration"),
    (".pnpmfile.cjs", Class::Hook, "code that pnpm runs"),
    (".nvmrc", Class::Runner, "the choice of a toolchain"),
    (".node-version", Class::Runner, "the choice of a toolchain"),
    (
        ".python-version",
        Class::Runner,
        "the choice of a toolchain",
    ),
    (".tool-versions", Class::Runner, "the choice of a toolchain"),
    ("mise.toml", Class::Runner, "the choice of a toolchain"),
    (".eslintignore", Class::Runner, "lint configuration"),
    ("ruff.toml", Class::Runner, "lint configuration"),
    (".ruff.toml", Class::Runner, "lint configuration"),
    (".flake8", Class::Runner, "lint configuration"),
    ("mypy.ini", Class::Runner, "type checker configuration"),
    (".pylintrc", Class::Runner, "lint configuration"),
    (".gitattributes", Class::Hook, "a choice of git's filters"),
    (".gitmodules", Class::Hook, "a list of submodules"),
    (".pre-commit-config.yaml", Class::Hook, "a list of hooks"),
    ("lefthook.yml", Class::Hook, "a list of hooks"),
    (".mcp.json", Class::Agent, AGENT_STARTS),
    ("mcp.json", Class::Agent, AGENT_STARTS),
    (".claude.json", Class::Agent, AGENT_STARTS),
    ("opencode.json", Class::Agent, AGENT_STARTS),
    ("opencode.jsonc", Class::Agent, AGENT_STARTS),
    ("agents.md", Class::Agent, AGENT_TOLD),
    ("agents.override.md", Class::Agent, AGENT_TOLD),
    ("claude.md", Class::Agent, AGENT_TOLD),
    ("claude.local.md", Class::Agent, AGENT_TOLD),
    ("gemini.md", Class::Agent, AGENT_TOLD),
    (".cursorrules", Class::Agent, AGENT_TOLD),
    (".clinerules", Class::Agent, AGENT_TOLD),
    (".windsurfrules", Class::Agent, AGENT_TOLD),
    (".goosehints", Class::Agent, AGENT_TOLD),
];

const PREFIXES: [(&str, Class, &str); 25] = [
    (".gitlab-ci", Class::Ci, "CI configuration"),
    ("azure-pipelines", Class::Ci, "CI configuration"),
    ("jenkinsfile", Class::Ci, "CI configuration"),
    (".woodpecker.", Class::Ci, "CI configuration"),
    ("docker-compose", Class::Docker, "Docker configuration"),
    ("compose.y", Class::Docker, "Docker configuration"),
    ("jest.config", Class::Runner, "jest configuration"),
    ("jest.setup", Class::Runner, "jest configuration"),
    ("vitest.config", Class::Runner, "vitest configuration"),
    ("vitest.workspace", Class::Runner, "vitest configuration"),
    ("vitest.setup", Class::Runner, "vitest configuration"),
    (".mocharc", Class::Runner, "mocha configuration"),
    ("karma.conf", Class::Runner, "karma configuration"),
    ("ava.config", Class::Runner, "ava configuration"),
    ("cypress.config", Class::Runner, "cypress configuration"),
    (
        "playwright.config",
        Class::Runner,
        "playwright configuration",
    ),
    (".nycrc", Class::Runner, "coverage configuration"),
    (".c8rc", Class::Runner, "coverage configuration"),
    (".eslintrc", Class::Runner, "lint configuration"),
    ("eslint.config", Class::Runner, "lint configuration"),
    ("biome.json", Class::Runner, "lint configuration"),
    (".golangci", Class::Runner, "lint configuration"),
    (".yarnrc", Class::Hook, "yarn's configuration"),
    ("tsconfig", Class::Runner, "type checker configuration"),
    (".aider", Class::Agent, AGENT_STARTS),
];

/// Why the path is protected, or `None` for an ordinary one. Names are compared in lower case, as a file system that folds
/// case would.
pub(crate) fn class(path: &str) -> Option<(Class, &'static str)> {
    let lower = path.to_lowercase();
    let name = paths::name(&lower);
    let folders: Vec<&str> = lower.split('/').rev().skip(1).collect();
    if let Some((_, class, what)) = FOLDERS.iter().find(|(folder, ..)| folders.contains(folder)) {
        return Some((*class, what));
    }
    if let Some((_, class, what)) = NAMES.iter().find(|(exact, ..)| *exact == name) {
        return Some((*class, what));
    }
    if let Some((_, class, what)) = PREFIXES.iter().find(|(start, ..)| name.starts_with(start)) {
        return Some((*class, what));
    }
    by_ending(name)
}

fn by_ending(name: &str) -> Option<(Class, &'static str)> {
    let docker = name == "dockerfile"
        || name == "containerfile"
        || name.ends_with(".dockerfile")
        || name
            .strip_prefix("dockerfile.")
            .is_some_and(|rest| rest != "md");
    if docker {
        return Some((Class::Docker, "Docker configuration"));
    }
    name.ends_with(".pth")
        .then_some((Class::Hook, "code that every Python runs"))
}
