//! Sample projects: small real repositories, and for each the changes that a good worker would make.
//!
//! The files are in `samples/NAME`, the tasks beside them in `samples/NAME.tasks.json`. A task's check
//! fails on the sample as it is and passes once the task's edits are made.

use serde::Deserialize;
use std::path::{Component, Path, PathBuf};
use std::{fs, io};

/// What is known about one sample project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    pub name: &'static str,
    /// The shell command that fetches what the tests need; `None` when they need nothing.
    pub setup: Option<&'static str>,
    /// The shell command that runs the tests. The Python sample expects `.venv/bin` first on `PATH`.
    pub test: &'static str,
    /// A service that the tests need, in the form of `alai project set --service`.
    pub service: Option<&'static str>,
    pub base: Base,
}

/// How the tests of a sample end before anything is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    Green,
    /// A bug is in; the first task is to fix it.
    Red,
}

pub const ALL: [Sample; 8] = [
    Sample {
        name: "rust-kv",
        setup: Some("cargo fetch --locked"),
        test: "cargo test --locked --offline",
        service: None,
        base: Base::Green,
    },
    Sample {
        name: "python-notes",
        setup: Some(
            "python3 -m venv .venv && .venv/bin/python -m pip install -q -r requirements.txt",
        ),
        test: "python -m pytest -q",
        service: None,
        base: Base::Green,
    },
    Sample {
        name: "js-cart",
        setup: Some("npm ci"),
        test: "npm test",
        service: None,
        base: Base::Green,
    },
    Sample {
        name: "python-ledger",
        setup: Some(
            "python3 -m venv .venv && .venv/bin/python -m pip install -q -r requirements.txt",
        ),
        test: "python -m pytest -q",
        service: Some("postgres"),
        base: Base::Green,
    },
    Sample {
        name: "go-links",
        setup: None,
        test: "go test ./...",
        service: None,
        base: Base::Green,
    },
    Sample {
        name: "c-store",
        setup: None,
        test: "make test",
        service: None,
        base: Base::Green,
    },
    Sample {
        name: "demo-service",
        setup: None,
        test: "cargo test --locked --offline",
        service: None,
        base: Base::Red,
    },
    Sample {
        name: "tiny-sh",
        setup: None,
        test: "sh test.sh",
        service: None,
        base: Base::Green,
    },
];

/// A task on a sample, with the change that solves it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    pub title: String,
    pub description: String,
    /// A shell command, run in the project's root: it fails before the edits and exits 0 after them.
    #[serde(default)]
    pub check: Option<String>,
    pub edits: Vec<Edit>,
}

/// One change to one file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "StoredEdit")]
pub struct Edit {
    /// Relative to the project's root.
    pub path: PathBuf,
    pub change: Change,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The old text is in the file exactly once.
    Replace { old: String, new: String },
    /// The whole file, new or not.
    Write { content: String },
}

/// Copies a sample into the folder, which is made when it is missing.
///
/// # Errors
/// For a name that is no sample, and when a file cannot be read or written.
pub fn write(name: &str, dest: &Path) -> io::Result<()> {
    copy(&folder(known(name)?.name), dest)
}

/// The tasks of a sample, in the order in which they build on each other. Each also works alone.
///
/// # Errors
/// For a name that is no sample, and when its task file cannot be read.
pub fn tasks(name: &str) -> io::Result<Vec<Task>> {
    let path = root().join(format!("{}.tasks.json", known(name)?.name));
    let text = fs::read_to_string(&path).map_err(|e| on("read", &path, e))?;
    serde_json::from_str(&text).map_err(|e| on("read", &path, e.into()))
}

impl Task {
    /// Makes the task's edits in a copy of its sample.
    ///
    /// # Errors
    /// When a path leaves the folder, or when an old text is not in its file exactly once.
    pub fn apply(&self, root: &Path) -> io::Result<()> {
        self.edits.iter().try_for_each(|edit| edit.apply(root))
    }
}

impl Edit {
    /// Whether it gives the whole file.
    pub fn is_whole(&self) -> bool {
        matches!(self.change, Change::Write { .. })
    }

    /// The text that goes and the one that comes, of an edit that replaces a passage.
    pub fn passage(&self) -> Option<(&str, &str)> {
        match &self.change {
            Change::Replace { old, new } => Some((old, new)),
            Change::Write { .. } => None,
        }
    }

    fn apply(&self, root: &Path) -> io::Result<()> {
        let path = root.join(&self.path);
        let content = match &self.change {
            Change::Write { content } => content.clone(),
            Change::Replace { old, new } => {
                let text = fs::read_to_string(&path).map_err(|e| on("read", &path, e))?;
                let found = text.matches(old.as_str()).count();
                if found != 1 {
                    let why = format!("the old text is there {found} times, not once: {old:?}");
                    return Err(on("edit", &path, io::Error::other(why)));
                }
                text.replacen(old.as_str(), new, 1)
            }
        };
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|e| on("make", parent, e))?;
        }
        fs::write(&path, content).map_err(|e| on("write", &path, e))
    }
}

/// An edit as it stands in a task file: `{path, old, new}` or `{path, content}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredEdit {
    path: PathBuf,
    old: Option<String>,
    new: Option<String>,
    content: Option<String>,
}

impl TryFrom<StoredEdit> for Edit {
    type Error = String;

    fn try_from(stored: StoredEdit) -> Result<Edit, String> {
        let StoredEdit {
            path,
            old,
            new,
            content,
        } = stored;
        if !path
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
        {
            return Err(format!("{} leaves the project", path.display()));
        }
        let change = match (old, new, content) {
            (Some(old), Some(new), None) => Change::Replace { old, new },
            (None, None, Some(content)) => Change::Write { content },
            _ => return Err(format!("{}: give old and new, or content", path.display())),
        };
        Ok(Edit { path, change })
    }
}

fn known(name: &str) -> io::Result<&'static Sample> {
    ALL.iter()
        .find(|sample| sample.name == name)
        .ok_or_else(|| {
            let names = ALL.map(|sample| sample.name).join(", ");
            io::Error::other(format!("no sample is called {name:?}; there are {names}"))
        })
}

/// Where a sample's files are. The demo ships its sample inside the binary and so keeps it at home.
fn folder(name: &str) -> PathBuf {
    match name {
        "demo-service" => Path::new(env!("CARGO_MANIFEST_DIR")).join("../cli/demo/service"),
        _ => root().join(name),
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples")
}

/// What a tool leaves behind when somebody runs a sample where it is stored; never part of a sample.
const LEFTOVERS: [&str; 6] = [
    "target",
    "build",
    "node_modules",
    ".venv",
    "__pycache__",
    ".pytest_cache",
];

fn copy(source: &Path, dest: &Path) -> io::Result<()> {
    fs::create_dir_all(dest).map_err(|e| on("make", dest, e))?;
    for entry in fs::read_dir(source).map_err(|e| on("list", source, e))? {
        let entry = entry.map_err(|e| on("list", source, e))?;
        let (from, to) = (entry.path(), dest.join(entry.file_name()));
        if LEFTOVERS.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        if entry
            .file_type()
            .map_err(|e| on("read", &from, e))?
            .is_dir()
        {
            copy(&from, &to)?;
        } else {
            fs::copy(&from, &to).map_err(|e| on("copy", &from, e))?;
        }
    }
    Ok(())
}

fn on(verb: &str, path: &Path, e: io::Error) -> io::Error {
    io::Error::new(e.kind(), format!("cannot {verb} {}: {e}", path.display()))
}

#[cfg(test)]
mod tests;
