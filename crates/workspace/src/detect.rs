//! What a repository is built with, and the commands to set it up, test it, build it and lint it.
//!
//! A pure reading of one commit's file names and a few small files; nothing is run. The answer is a proposal that a person
//! can override, so that it errs on the side of a note over a guess.
//!
//! With several stacks in one folder the first of Cargo, Go, Python, npm, CMake, Meson, Make that has tests is primary, else the first
//! there is: a `package.json` or a `pyproject.toml` often only holds tooling of a project in another language, a `Cargo.toml`
//! or `go.mod` hardly ever does, and a Makefile mostly calls one of the others. The rest is in the notes.

mod c;
mod cargo;
mod go;
mod make;
mod npm;
mod python;

use serde::{Deserialize, Serialize};

use crate::git::{self, GitError, Oid, Repo};

/// Largest file that is read for a hint. Manifests are a few kilobytes; lockfiles are not read at all.
const MANIFEST_BYTES_MAX: u64 = 1 << 20;

/// Folders whose manifests are somebody else's or an example's.
const FOREIGN: &[&str] = &[
    "node_modules",
    "vendor",
    "third_party",
    "testdata",
    "fixtures",
    "examples",
    "example",
    "target",
    "dist",
    ".venv",
];

/// Notes that a person will read; more is noise.
const NOTES_MAX: usize = 12;

/// How a project is built. The order is the order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stack {
    Cargo,
    Go,
    Python,
    Npm,
    Cmake,
    Meson,
    Make,
}

impl Stack {
    const ALL: [Stack; 7] = [
        Stack::Cargo,
        Stack::Go,
        Stack::Python,
        Stack::Npm,
        Stack::Cmake,
        Stack::Meson,
        Stack::Make,
    ];

    fn name(self) -> &'static str {
        match self {
            Stack::Cargo => "Cargo",
            Stack::Go => "Go",
            Stack::Python => "Python",
            Stack::Npm => "npm",
            Stack::Cmake => "CMake",
            Stack::Meson => "Meson",
            Stack::Make => "Make",
        }
    }
}

impl std::fmt::Display for Stack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What was found. Commands are lines for `sh -c` at the top of the tree.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detected {
    /// All stacks of the chosen folder, the primary one first.
    pub stacks: Vec<Stack>,
    /// Needs the set-up's network; everything else must do without.
    pub setup: Option<String>,
    pub test: Option<String>,
    pub build: Option<String>,
    pub lint: Option<String>,
    /// Files anywhere in the tree that pin dependencies.
    pub lockfiles: Vec<String>,
    pub notes: Vec<String>,
}

/// Names without an ending of what a repository holds for people, in small letters.
const WORDS: &[&str] = &["changelog", "licence", "license", "notice", "readme"];
/// Endings of the same.
const WORDS_END: &[&str] = &["adoc", "jpg", "md", "pdf", "png", "rst", "svg", "txt"];

/// Whether a commit holds nothing to build on: texts and pictures for people, and what hides behind a dot. It is what the scaffolds find room in
/// (step `place` of `codecraft-fullstack`).
///
/// # Errors
/// When the commit cannot be read.
pub fn is_bare(repo: &Repo, oid: &Oid) -> Result<bool, GitError> {
    let tree = git::tree(repo, oid)?;
    Ok(!tree.iter().any(|entry| is_code(&entry.path)))
}

fn is_code(path: &str) -> bool {
    let path = path.to_lowercase();
    let name = path.rsplit('/').next().unwrap_or(&path);
    let is_words = match name.rsplit_once('.') {
        Some((_, ending)) => WORDS_END.contains(&ending),
        None => WORDS.contains(&name),
    };
    !is_words && !path.split('/').any(|part| part.starts_with('.'))
}

/// Detects the commands of one commit.
///
/// # Errors
/// When the commit cannot be read.
pub fn detect(repo: &Repo, oid: &Oid) -> Result<Detected, GitError> {
    let tree = git::tree(repo, oid)?;
    let submodules = tree.iter().filter(|entry| entry.mode == 0o160_000).count();
    let paths: Vec<String> = tree
        .iter()
        .filter(|entry| entry.is_file())
        .map(|entry| entry.path.clone())
        .collect();
    let read = |path: &str| {
        let bytes = git::blob(repo, oid, path, MANIFEST_BYTES_MAX)
            .ok()
            .flatten()?;
        String::from_utf8(bytes).ok()
    };
    let mut detected = from_files(&paths, &read);
    if submodules > 0 {
        detected.notes.push(format!(
            "{submodules} submodule(s): their content is not part of a clone or a set-up"
        ));
    }
    Ok(detected)
}

/// Detects from the paths of a tree and a way to read one of them.
pub fn from_files(paths: &[String], read: &dyn Fn(&str) -> Option<String>) -> Detected {
    let mut detected = in_folder(&Folder {
        prefix: "",
        paths,
        read,
    });
    let below = project_folders(paths);
    if detected.stacks.is_empty() {
        match &below[..] {
            [(only, _)] => {
                let prefix = format!("{only}/");
                detected = in_folder(&Folder {
                    prefix: &prefix,
                    paths,
                    read,
                })
                .within(only);
                detected.notes.insert(
                    0,
                    format!("the project is in {only}/; commands start there"),
                );
            }
            [] => detected
                .notes
                .push("no project file known to alai; set the commands yourself".to_owned()),
            _ => detected.notes.push(format!(
                "several projects and none at the top: {}; set the commands yourself",
                below
                    .iter()
                    .map(|(folder, _)| folder.as_str())
                    .collect::<Vec<_>>()
                    .join(", ")
            )),
        }
    } else {
        for (folder, stack) in below
            .iter()
            .filter(|(_, stack)| !detected.stacks.contains(stack))
        {
            detected.notes.push(format!(
                "{folder}/ is a project of its own ({}); its tests are not run",
                stack.name()
            ));
        }
    }
    detected.lockfiles = paths
        .iter()
        .filter(|path| !is_foreign(path) && is_lockfile(path))
        .cloned()
        .collect();
    detected.notes.truncate(NOTES_MAX);
    detected
}

/// One stack's commands.
#[derive(Debug, Default)]
struct Commands {
    setup: Option<String>,
    test: Option<String>,
    build: Option<String>,
    lint: Option<String>,
    notes: Vec<String>,
}

/// One folder of the tree, looked at as if it were the top.
struct Folder<'a> {
    /// Empty, or ends in `/`.
    prefix: &'a str,
    paths: &'a [String],
    read: &'a dyn Fn(&str) -> Option<String>,
}

impl Folder<'_> {
    fn has(&self, name: &str) -> bool {
        self.all().any(|path| path == name)
    }

    fn read(&self, name: &str) -> Option<String> {
        if self.has(name) {
            (self.read)(&format!("{}{name}", self.prefix))
        } else {
            None
        }
    }

    /// Paths below this folder, without its own.
    fn all(&self) -> impl Iterator<Item = &str> {
        self.paths
            .iter()
            .filter_map(|path| path.strip_prefix(self.prefix))
    }
}

impl Detected {
    /// The same commands, started in a folder.
    fn within(mut self, folder: &str) -> Detected {
        let quoted = shell_word(folder);
        for command in [
            &mut self.setup,
            &mut self.test,
            &mut self.build,
            &mut self.lint,
        ]
        .into_iter()
        .flatten()
        {
            *command = format!("cd {quoted} && {command}");
        }
        self
    }
}

fn in_folder(folder: &Folder<'_>) -> Detected {
    let mut found: Vec<(Stack, Commands)> = Vec::new();
    for stack in Stack::ALL {
        let commands = match stack {
            Stack::Cargo => cargo::commands(folder),
            Stack::Go => go::commands(folder),
            Stack::Python => python::commands(folder),
            Stack::Npm => npm::commands(folder),
            Stack::Cmake => c::cmake(folder),
            Stack::Meson => c::meson(folder),
            Stack::Make => make::commands(folder),
        };
        found.extend(commands.map(|commands| (stack, commands)));
    }
    let primary = found
        .iter()
        .position(|(_, commands)| commands.test.is_some())
        .unwrap_or(0);
    if primary < found.len() {
        found[..=primary].rotate_right(1);
    }
    let stacks = found.iter().map(|(stack, _)| *stack).collect();
    let mut found = found.into_iter();
    let Some((_, first)) = found.next() else {
        return Detected::default();
    };
    let Commands {
        setup,
        test,
        build,
        lint,
        mut notes,
    } = first;
    for (stack, other) in found {
        if let Some(test) = other.test.or(other.build) {
            notes.push(format!("also {}: `{test}` is not run", stack.name()));
        }
    }
    Detected {
        stacks,
        setup,
        test,
        build,
        lint,
        lockfiles: Vec::new(),
        notes,
    }
}

/// Folders one or two levels down that hold a project file of their own.
fn project_folders(paths: &[String]) -> Vec<(String, Stack)> {
    let mut found: Vec<(String, Stack)> = Vec::new();
    for path in paths.iter().filter(|path| !is_foreign(path)) {
        let Some((folder, name)) = path.rsplit_once('/') else {
            continue;
        };
        let stack = match name {
            "Cargo.toml" => Stack::Cargo,
            "go.mod" => Stack::Go,
            "pyproject.toml" | "requirements.txt" | "setup.py" => Stack::Python,
            "package.json" => Stack::Npm,
            "CMakeLists.txt" => Stack::Cmake,
            "meson.build" => Stack::Meson,
            _ => continue,
        };
        let inside_known = found
            .iter()
            .any(|(known, _)| folder == known || folder.starts_with(&format!("{known}/")));
        if folder.matches('/').count() < 2 && !inside_known {
            found.push((folder.to_owned(), stack));
        }
    }
    found
}

fn is_foreign(path: &str) -> bool {
    path.split('/').any(|part| FOREIGN.contains(&part))
}

/// Files that pin what a set-up fetches.
pub(crate) fn is_lockfile(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let exact = [
        "Cargo.lock",
        "package-lock.json",
        "npm-shrinkwrap.json",
        "yarn.lock",
        "pnpm-lock.yaml",
        "bun.lock",
        "bun.lockb",
        "Gemfile.lock",
        "composer.lock",
        "gradle.lockfile",
        "uv.lock",
        "poetry.lock",
        "Pipfile.lock",
        "pdm.lock",
        "go.sum",
        "go.work.sum",
    ];
    exact.contains(&name) || is_requirements(name)
}

/// Files that say what a set-up fetches or how, besides the lockfiles.
pub(crate) fn is_manifest(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let exact = [
        "Cargo.toml",
        "rust-toolchain",
        "rust-toolchain.toml",
        "package.json",
        "pnpm-workspace.yaml",
        ".npmrc",
        ".yarnrc",
        ".yarnrc.yml",
        ".nvmrc",
        ".node-version",
        "pyproject.toml",
        "setup.py",
        "setup.cfg",
        "Pipfile",
        ".python-version",
        "poetry.toml",
        "go.mod",
        "go.work",
        "Gemfile",
        "composer.json",
        "pom.xml",
        "build.gradle",
        "build.gradle.kts",
        "deno.json",
        "deno.lock",
        "CMakeLists.txt",
        "meson.build",
    ];
    exact.contains(&name)
        || name.ends_with(".wrap")
        || path.ends_with(".cargo/config.toml")
        || path.ends_with(".cargo/config")
}

fn is_requirements(name: &str) -> bool {
    let stem = name.strip_suffix(".txt").unwrap_or_default();
    stem.contains("requirements") || stem.starts_with("constraints")
}

/// A word as `sh` reads it back.
fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./@+=,:".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests;
