//! The key of a set-up: equal keys may share a result.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use alai_core::record::Exit;
use sha2::{Digest, Sha256};

use super::{Job, SetupError, registries};
use crate::cage::{self, Access, Bind, CageSpec, Limits, Network};
use crate::clone::INSIDE_HOME;
use crate::command::Cancel;
use crate::detect::{is_lockfile, is_manifest};
use crate::files;
use crate::git::{self, Oid, Repo, TreeEntry, blob};
use crate::toolchains::{Toolchains, toolchains};

/// Raised when the way of making a result changes, so that old results are not used.
const VERSION: &str = "alai set-up 3";

/// Largest file that goes into a key. The lockfile of a very large workspace is a few megabytes.
const INPUT_BYTES_MAX: u64 = 32 << 20;

/// How long an answer about versions holds. A tool that is replaced while the factory works is noticed within a minute; asking
/// takes a cage and several programs, 0.15 s on an idle machine, and each run, review and merge would ask anew.
const TOLD_FOR: Duration = Duration::from_secs(60);

/// Tools whose version decides what a result looks like, and the files that call for each.
const TOOLS: &[(&str, &[&str])] = &[
    ("cargo", &["Cargo.toml"]),
    ("rustc", &["Cargo.toml"]),
    ("node", &["package.json"]),
    ("npm", &["package.json"]),
    ("pnpm", &["pnpm-lock.yaml"]),
    ("yarn", &["yarn.lock"]),
    (
        "python3",
        &["pyproject.toml", "requirements.txt", "setup.py"],
    ),
    ("uv", &["uv.lock"]),
    ("go", &["go.mod"]),
    (
        "cc",
        &[
            "CMakeLists.txt",
            "meson.build",
            "Makefile",
            "makefile",
            "GNUmakefile",
        ],
    ),
    ("make", &["Makefile", "makefile", "GNUmakefile"]),
    ("cmake", &["CMakeLists.txt"]),
    ("meson", &["meson.build"]),
    ("postgres", &[]),
    ("redis-server", &[]),
];

pub(super) fn key(job: &Job<'_>, tree: &[TreeEntry]) -> Result<String, SetupError> {
    let Job {
        repo,
        oid,
        plan,
        tools,
        env,
        cancel,
    } = job;
    let mut hash = Sha256::new();
    let mut add = |name: &str, bytes: &[u8]| {
        // Lengths before contents, so that no two lists of parts read the same.
        for part in [name.as_bytes(), bytes] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
    };
    add("version", VERSION.as_bytes());
    add("machine", std::env::consts::ARCH.as_bytes());
    add("system", std::env::consts::OS.as_bytes());
    let Some(command) = &plan.command else {
        // Nothing runs, so nothing else matters.
        return Ok(hex::encode(hash.finalize()));
    };
    add("scope", plan.scope.as_bytes());
    add("command", command.as_bytes());
    for (name, value) in &env.passed {
        add(name, value.as_bytes());
    }
    add("cargo", env.cargo.as_deref().unwrap_or_default().as_bytes());
    for wanted in &plan.inputs {
        if !tree
            .iter()
            .any(|entry| entry.path == *wanted && entry.is_file())
        {
            return Err(SetupError::NoSuchInput {
                path: wanted.clone(),
                oid: (*oid).clone(),
            });
        }
    }
    let counts = |entry: &&TreeEntry| {
        entry.is_file()
            && (is_lockfile(&entry.path)
                || is_manifest(&entry.path)
                || plan.inputs.contains(&entry.path))
    };
    for entry in tree.iter().filter(counts) {
        let bytes = blob(repo, oid, &entry.path, INPUT_BYTES_MAX)?.unwrap_or_default();
        add(&entry.path, &bytes);
    }
    add(
        "tools",
        versions(tree, &[command], tools, cancel)?.as_bytes(),
    );
    Ok(hex::encode(hash.finalize()))
}

/// The key of one tree's own result.
pub(super) fn of_tree(key: &str, tree: &[TreeEntry]) -> String {
    let mut hash = Sha256::new();
    hash.update(key);
    for entry in tree {
        hash.update(format!("{:o} {} {}\0", entry.mode, entry.oid, entry.path));
    }
    hex::encode(hash.finalize())
}

/// What the tools that a commit's files and these lines of shell call for say of themselves inside a cage.
///
/// # Errors
/// When the commit cannot be read or the tools cannot be asked.
pub fn tool_versions(
    repo: &Repo,
    oid: &Oid,
    commands: &[&str],
    host_env: &BTreeMap<String, String>,
    cancel: &Cancel,
) -> Result<String, SetupError> {
    let tree = git::tree(repo, oid)?;
    versions(&tree, commands, &toolchains(host_env), cancel)
}

/// The same for a tree: where the set-up, or whatever else is keyed by it, will meet the tools.
fn versions(
    tree: &[TreeEntry],
    commands: &[&str],
    tools: &Toolchains,
    cancel: &Cancel,
) -> Result<String, SetupError> {
    let in_tree = |name: &str| {
        tree.iter()
            .any(|entry| entry.path.rsplit('/').next() == Some(name))
    };
    let wanted: Vec<&str> = TOOLS
        .iter()
        .filter(|(tool, files)| {
            files.iter().any(|file| in_tree(file))
                || commands
                    .iter()
                    .any(|command| registries::words(command).any(|word| word == *tool))
        })
        .map(|(tool, _)| *tool)
        .collect();
    if wanted.is_empty() {
        return Ok(String::new());
    }
    static TOLD: Mutex<Vec<Told>> = Mutex::new(Vec::new());
    let told = || TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(versions) = still_told(&told(), &wanted, tools, Instant::now()) {
        return Ok(versions);
    }
    let asked = Instant::now();
    let versions = ask(&wanted, tools, cancel)?;
    let mut told = told();
    told.retain(|told| asked.saturating_duration_since(told.at) < TOLD_FOR);
    told.push(Told {
        at: asked,
        wanted: wanted.iter().map(|tool| (*tool).to_owned()).collect(),
        tools: tools.clone(),
        versions: versions.clone(),
    });
    Ok(versions)
}

/// An answer that was given a moment ago.
struct Told {
    at: Instant,
    wanted: Vec<String>,
    tools: Toolchains,
    versions: String,
}

fn still_told(told: &[Told], wanted: &[&str], tools: &Toolchains, now: Instant) -> Option<String> {
    let fits = |told: &&Told| {
        now.saturating_duration_since(told.at) < TOLD_FOR
            && told.wanted == wanted
            && told.tools == *tools
    };
    told.iter().find(fits).map(|told| told.versions.clone())
}

fn ask(wanted: &[&str], tools: &Toolchains, cancel: &Cancel) -> Result<String, SetupError> {
    let scratch = files::scratch()?;
    let home = scratch.path().join("home");
    files::private_dir(&home)?;
    files::give_to(&home, cage::agent_ids())?;
    let mut env = tools.env.clone();
    env.push(("HOME".to_owned(), INSIDE_HOME.to_owned()));
    let spec = CageSpec {
        binds: vec![Bind {
            outside: home,
            inside: PathBuf::from(INSIDE_HOME),
            access: Access::ReadWrite,
        }],
        cwd: PathBuf::from(INSIDE_HOME),
        env,
        network: Network::Loopback,
        limits: Limits {
            wall_s: 60,
            ..Limits::default()
        },
        uid: cage::agent_ids(),
        toolchains: tools.binds.clone(),
        path: tools.path.clone(),
    };
    // `go` has no `--version`. A tool that is missing is a fact like any other; the set-up itself will say what it needs.
    let script = "for tool; do echo \"$tool\"; case $tool in go) go version;; *) \"$tool\" --version;; esac; done 2>&1";
    let mut argv = ["sh", "-c", script, "sh"].map(str::to_owned).to_vec();
    argv.extend(wanted.iter().map(|tool| (*tool).to_owned()));
    let captured = cage::run(&spec, &argv, &[], cancel)?;
    match captured.record.exit {
        Exit::Code { .. } => Ok(captured.stdout),
        Exit::Cancelled => Err(SetupError::Cancelled),
        Exit::Signal { .. }
        | Exit::TimedOut { .. }
        | Exit::TooMuchOutput { .. }
        | Exit::OverLimit { .. } => Err(SetupError::Versions {
            tools: wanted.join(", "),
            exit: captured.record.exit.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_believed_for_a_while_and_for_the_same_question() {
        let (at, tools) = (Instant::now(), Toolchains::default());
        let told = [Told {
            at,
            wanted: vec!["cargo".to_owned()],
            tools: tools.clone(),
            versions: "cargo 1".to_owned(),
        }];
        let known = |wanted: &[&str], tools: &Toolchains, after| {
            still_told(&told, wanted, tools, at + after)
        };
        assert_eq!(
            known(&["cargo"], &tools, Duration::ZERO),
            Some("cargo 1".to_owned())
        );
        assert_eq!(known(&["cargo"], &tools, TOLD_FOR), None);
        assert_eq!(known(&["cargo", "rustc"], &tools, Duration::ZERO), None);
        let other = Toolchains {
            path: "/elsewhere".to_owned(),
            ..tools
        };
        assert_eq!(known(&["cargo"], &other, Duration::ZERO), None);
    }
}
