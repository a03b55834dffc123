//! What each role can do to a clone, by a shell that nobody asked to be polite.

use std::fs;
use std::path::{Path, PathBuf};

use alai_core::record::Captured;
use alai_workspace::cage::{Access, Bind, CageSpec, Scope, builder_binds};

use crate::world::{World, worlds};

/// Tries every way to write that a shell has at each path, and tells of each whether it worked.
const HOSTILE: &str = r#"
for path in "$@"; do
  if (echo hostile > "$path") 2>/dev/null; then echo "wrote $path"; else echo "denied $path"; fi
  (echo hostile >> "$path"; rm -rf "$path"; mv "$path" "$path.gone"; ln -sf /etc/passwd "$path"
   chmod 777 "$path"; mkdir -p "$path/below"; mv /repo/src/own "$path") 2>/dev/null
done
true
"#;

/// Everything of the clone that no role but a builder of the whole may change.
const OUTSIDE: [&str; 5] = [
    "/repo/canary",
    "/repo/other/canary",
    "/repo/other/new",
    "/repo/new",
    "/repo/.github/ci.yml",
];

/// A clone with a repository of git, files in and out of the scope, and what a set-up leaves.
fn clone_in(world: &World) -> PathBuf {
    let clone = world.path("clone");
    for (file, text) in [
        ("canary", "alive"),
        ("other/canary", "alive"),
        (".github/ci.yml", "on: push\n"),
        ("src/main.sh", "true\n"),
        (".gitignore", "/target\nnode_modules/\n"),
    ] {
        let path = clone.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    git(&clone, &["init", "--quiet", "-b", "work"]);
    git(&clone, &["add", "--all"]);
    git(&clone, &["commit", "--quiet", "-m", "base"]);
    fs::create_dir(clone.join("node_modules")).unwrap();
    give_all(world, &clone);
    clone
}

fn git(dir: &Path, args: &[&str]) {
    let mut git = std::process::Command::new("git");
    git.current_dir(dir).env_clear();
    for (name, value) in GIT_ENV {
        git.env(name, value);
    }
    git.env("PATH", "/usr/local/bin:/usr/bin:/bin");
    let output = git.args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {output:?}");
}

const GIT_ENV: [(&str, &str); 6] = [
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_AUTHOR_NAME", "a"),
    ("GIT_AUTHOR_EMAIL", "a@b"),
    ("GIT_COMMITTER_NAME", "a"),
    ("GIT_COMMITTER_EMAIL", "a@b"),
];

fn give_all(world: &World, path: &Path) {
    world.give(path);
    if fs::symlink_metadata(path).unwrap().is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            give_all(world, &entry.unwrap().path());
        }
    }
}

fn bind(outside: &Path, inside: &str, access: Access) -> Bind {
    Bind {
        outside: outside.to_owned(),
        inside: PathBuf::from(inside),
        access,
    }
}

/// A cage with these binds and a private home.
fn spec(world: &World, mut binds: Vec<Bind>) -> CageSpec {
    binds.push(bind(&world.path("home"), "/home/agent", Access::ReadWrite));
    let mut spec = world.spec();
    spec.binds = binds;
    spec.cwd = PathBuf::from("/repo");
    for (name, value) in GIT_ENV {
        spec.env.push((name.to_owned(), value.to_owned()));
    }
    spec
}

fn builder(world: &World, clone: &Path, allowed: &[&str], forbidden: &[&str]) -> CageSpec {
    let owned = |globs: &[&str]| globs.iter().map(|g| (*g).to_owned()).collect::<Vec<_>>();
    let tracked = [
        "canary",
        "other/canary",
        ".github/ci.yml",
        "src/main.sh",
        ".gitignore",
    ];
    let scope = Scope {
        allowed: &owned(allowed),
        forbidden: &owned(forbidden),
        tracked: &owned(&tracked),
    };
    let owner = world.inside_id().map(|id| (id, id));
    let scoped = builder_binds(clone, Path::new("/repo"), &scope, owner).unwrap();
    // Another user than root makes its folders itself; here we stand in for it.
    give_all(world, clone);
    spec(world, scoped.binds)
}

fn attack(world: &World, spec: &CageSpec, paths: &[&str]) -> Vec<String> {
    let argv = [&["/bin/sh", "-c", HOSTILE, "hostile"], paths].concat();
    let captured = world.run_spec(spec, &argv);
    assert!(captured.success(), "{}", captured.combined());
    captured.stdout.lines().map(str::to_owned).collect()
}

fn denied(paths: &[&str]) -> Vec<String> {
    paths.iter().map(|path| format!("denied {path}")).collect()
}

fn sh(world: &World, spec: &CageSpec, script: &str) -> Captured {
    world.run_spec(spec, &["/bin/sh", "-ec", script])
}

/// Every file of a folder with its content and mode, git's own folder left out.
fn content(folder: &Path) -> Vec<(PathBuf, Vec<u8>, u32)> {
    use std::os::unix::fs::PermissionsExt;
    let mut found = Vec::new();
    let mut todo = vec![folder.to_owned()];
    while let Some(path) = todo.pop() {
        let what = fs::symlink_metadata(&path).unwrap();
        if what.is_dir() {
            let entries = fs::read_dir(&path).unwrap().map(|e| e.unwrap().path());
            todo.extend(entries.filter(|path| !path.ends_with(".git")));
        }
        let text = fs::read(&path).unwrap_or_default();
        found.push((path, text, what.permissions().mode()));
    }
    found.sort();
    found
}

#[test]
fn a_builder_writes_its_folders_and_commits_and_nothing_else() {
    for world in worlds() {
        let clone = clone_in(&world);
        let spec = builder(&world, &clone, &["src/**", "docs/new/**"], &["src/gen/**"]);
        let before = content(&clone);
        let mut paths = OUTSIDE.to_vec();
        paths.extend(["/repo/src/gen/x", "/repo/docs/x", "/repo/src/gen"]);
        assert_eq!(
            attack(&world, &spec, &paths),
            denied(&paths),
            "{}",
            world.name()
        );
        assert_eq!(content(&clone), before, "{}", world.name());
        // The folders themselves cannot be moved away and made anew.
        let moved = world.run_spec(&spec, &["/bin/mv", "/repo/src", "/repo/src2"]);
        assert!(!moved.success(), "{}", moved.combined());
        // Work inside its scope is ordinary work, build folders included.
        let worked = sh(
            &world,
            &spec,
            "echo one > src/own; echo two > docs/new/page; mkdir src/deep; echo 3 > src/deep/x; mv src/own src/mine
             echo built > target/out; echo dep > node_modules/dep
             git add --all; git commit --quiet -m work; git status --porcelain; git show --stat --format= HEAD",
        );
        assert!(worked.success(), "{}: {}", world.name(), worked.combined());
        let names: Vec<&str> = worked
            .stdout
            .lines()
            .filter_map(|l| l.split_whitespace().next())
            .collect();
        assert_eq!(
            names,
            ["docs/new/page", "src/deep/x", "src/mine", "3"],
            "{}",
            worked.stdout
        );
        assert_eq!(fs::read_to_string(clone.join("canary")).unwrap(), "alive");
    }
}

#[test]
fn a_builder_of_patterns_keeps_what_cannot_be_meant_and_what_is_forbidden() {
    for world in worlds() {
        let clone = clone_in(&world);
        let spec = builder(
            &world,
            &clone,
            &["*.md", "docs/**"],
            &[".github/**", ".alai/**"],
        );
        let kept = [
            "/repo/canary",
            "/repo/other/canary",
            "/repo/other/new",
            "/repo/src/main.sh",
            "/repo/.github/ci.yml",
            "/repo/.github/new",
            "/repo/.alai/policy",
        ];
        let before: Vec<_> = content(&clone);
        assert_eq!(
            attack(&world, &spec, &kept),
            denied(&kept),
            "{}",
            world.name()
        );
        assert_eq!(content(&clone), before, "{}", world.name());
        // What mounts cannot say: a new name at the top. The file tools and check 8 hold it.
        let open = sh(
            &world,
            &spec,
            "echo x > README.md; mkdir docs; echo x > docs/a; echo x > new.sh",
        );
        assert!(open.success(), "{}", open.combined());
    }
}

#[test]
fn a_reviewer_writes_nothing_but_scratch() {
    for world in worlds() {
        let clone = clone_in(&world);
        let spec = spec(&world, vec![bind(&clone, "/repo", Access::ReadOnly)]);
        let before = content(&clone);
        let mut paths = OUTSIDE.to_vec();
        paths.extend([
            "/repo/src/main.sh",
            "/repo/.git/HEAD",
            "/repo/.git/hooks/pre-commit",
        ]);
        assert_eq!(
            attack(&world, &spec, &paths),
            denied(&paths),
            "{}",
            world.name()
        );
        assert_eq!(content(&clone), before, "{}", world.name());
        let scratch = sh(
            &world,
            &spec,
            "echo x > /tmp/note; echo x > ~/note; git log --format=%s; git diff --stat",
        );
        assert_eq!(scratch.stdout, "base\n", "{}", scratch.combined());
        let commit = world.run_spec(&spec, &["git", "commit", "--allow-empty", "-m", "x"]);
        assert!(!commit.success(), "{}", commit.combined());
    }
}
