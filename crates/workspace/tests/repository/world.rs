//! Repositories to test with, made by plain git as a user would make them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use alai_workspace::cage;
use alai_workspace::clone::{Import, Room};
use alai_workspace::git::{self, Identity, Oid, Repo};
use alai_workspace::toolchains::{Toolchains, toolchains};

pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) root: PathBuf,
}

impl World {
    /// A repository with one commit on `main`.
    pub(crate) fn new() -> World {
        let world = World::empty();
        world.commit(
            &[("README.md", "one\n"), ("src/lib.rs", "pub fn one() {}\n")],
            "first",
        );
        world
    }

    /// The same as [`World::new`], with all of it below a folder.
    pub(crate) fn below(folder: &Path) -> World {
        let world = World::empty_in(tempfile::tempdir_in(folder).expect("a folder"));
        world.commit(&[("README.md", "one\n")], "first");
        world
    }

    /// A repository without a commit.
    pub(crate) fn empty() -> World {
        World::empty_in(tempfile::tempdir().expect("a folder"))
    }

    fn empty_in(dir: tempfile::TempDir) -> World {
        let root = fs::canonicalize(dir.path())
            .expect("a real path")
            .join("user repo");
        fs::create_dir(&root).expect("made");
        let world = World { dir, root };
        world.git(&["init", "--quiet", "--initial-branch=main"]);
        world
    }

    pub(crate) fn repo(&self) -> Repo {
        git::open(&self.root).expect("a repository that can be opened")
    }

    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.root.parent().expect("a parent").join(name)
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        ok(git_in(&self.root, &[], args))
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        write(&self.root, path, text);
    }

    /// Writes files, commits everything, and returns the commit.
    pub(crate) fn commit(&self, files: &[(&str, &str)], message: &str) -> Oid {
        for (path, text) in files {
            self.write(path, text);
        }
        self.git(&["add", "-A"]);
        self.git(&["commit", "--quiet", "--allow-empty", "-m", message]);
        self.tip("HEAD")
    }

    pub(crate) fn tip(&self, rev: &str) -> Oid {
        self.git(&["rev-parse", rev])
            .trim()
            .parse()
            .expect("an object name")
    }

    pub(crate) fn has_object(&self, oid: &str) -> bool {
        git_in(&self.root, &[], &["cat-file", "-e", oid])
            .status
            .success()
    }

    pub(crate) fn refs(&self) -> String {
        self.git(&["for-each-ref", "--format=%(refname) %(objectname)"])
    }

    /// Everything of the user's that must not change: each file of the work tree and the index, content and time.
    pub(crate) fn snapshot(&self) -> BTreeMap<PathBuf, (Vec<u8>, std::time::SystemTime)> {
        let mut found = BTreeMap::new();
        let mut waiting = vec![self.root.clone()];
        while let Some(dir) = waiting.pop() {
            for entry in fs::read_dir(&dir).expect("listed") {
                let path = entry.expect("an entry").path();
                let kind = fs::symlink_metadata(&path).expect("looked at");
                if path == self.root.join(".git") {
                    for file in ["index", "config", "HEAD"] {
                        let path = path.join(file);
                        if let Ok(bytes) = fs::read(&path) {
                            let time = fs::metadata(&path)
                                .and_then(|found| found.modified())
                                .expect("a time");
                            found.insert(path, (bytes, time));
                        }
                    }
                } else if kind.is_dir() {
                    waiting.push(path);
                } else {
                    let bytes = fs::read(&path).expect("read");
                    found.insert(path, (bytes, kind.modified().expect("a time")));
                }
            }
        }
        found
    }

    pub(crate) fn clone_at(&self, name: &str, base: &Oid) -> PathBuf {
        let dest = self.beside(name);
        alai_workspace::clone::for_run(
            &self.repo(),
            base,
            &dest,
            "minion/x",
            &agent(),
            cage::agent_ids(),
        )
        .expect("cloned");
        dest
    }
}

/// Git as its user runs it, in a folder.
pub(crate) fn git_in(dir: &Path, env: &[(&str, &str)], args: &[&str]) -> Output {
    let mut command = Command::new("git");
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .current_dir(dir);
    for (name, value) in [
        ("HOME", "/nonexistent"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_AUTHOR_NAME", "User"),
        ("GIT_AUTHOR_EMAIL", "user@example.org"),
        ("GIT_COMMITTER_NAME", "User"),
        ("GIT_COMMITTER_EMAIL", "user@example.org"),
    ] {
        command.env(name, value);
    }
    command
        .envs(env.iter().copied())
        .args(args)
        .output()
        .expect("git starts")
}

/// Git in a clone that belongs to the agent, as the agent would run it. (Its directories are named, so that git does not mind
/// who runs it.)
pub(crate) fn in_clone(clone: &Path, args: &[&str]) -> String {
    let (git_dir, tree) = (clone.join(".git"), clone.to_path_buf());
    let env = [
        ("GIT_DIR", git_dir.to_str().expect("text")),
        ("GIT_WORK_TREE", tree.to_str().expect("text")),
    ];
    ok(git_in(clone, &env, args))
}

/// What an agent does: changes files and commits them.
pub(crate) fn work_in(clone: &Path, files: &[(&str, &str)], message: &str) -> Oid {
    for (path, text) in files {
        write(clone, path, text);
    }
    in_clone(clone, &["add", "-A"]);
    in_clone(clone, &["commit", "--quiet", "-m", message]);
    in_clone(clone, &["rev-parse", "HEAD"])
        .trim()
        .parse()
        .expect("an object name")
}

pub(crate) fn ok(output: Output) -> String {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("text")
}

pub(crate) fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("a parent")).expect("made");
    fs::write(path, text).expect("written");
}

pub(crate) fn agent() -> Identity {
    Identity::new("Ada \"the\" Agent", "ada@example.org").expect("an identity")
}

pub(crate) fn tools() -> Toolchains {
    toolchains(&host_env())
}

pub(crate) fn host_env() -> BTreeMap<String, String> {
    std::env::vars().collect()
}

/// Lets cages start in this test binary, which is not the factory's own program.
pub(crate) fn with_cage() {
    cage::set_launcher(PathBuf::from(env!("CARGO_BIN_EXE_cage_launcher")));
}

pub(crate) fn import_of<'a>(clone: &'a Path, base: &'a Oid, tools: &'a Toolchains) -> Import<'a> {
    Import {
        clone,
        clone_ref: "refs/heads/minion/x",
        to_ref: "refs/alai/run-1",
        base,
        room: Box::leak(Box::new(Room::after(0))),
        toolchains: tools,
    }
}
