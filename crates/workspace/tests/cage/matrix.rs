//! The second table of docs/SANDBOX.md: what each role can change, by every act that the probe has. Each cell is tried in every kind of
//! cage that this machine can make, and all of them must say the same. `ALAI_WRITE_DOCS=1` writes it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use alai_workspace::cage::{Access, Bind, CageSpec, Scope, builder_binds};

use crate::world::{INSIDE, World, worlds};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/SANDBOX.md");
const BEGIN: &str = "<!-- who-writes: written by crates/workspace/tests/cage/matrix.rs -->\n";
const END: &str = "<!-- /who-writes -->";

/// The roles, in the order of the columns. A validator is a reviewer by another name, and has its cage.
const ROLES: [&str; 3] = ["lead", "builder", "reviewer, validator"];

/// What is tried: its row, the file outside, and by which names an agent would look for it. `BASE` is the world's folder.
const TARGETS: [(&str, &str, &[&str]); 12] = [
    (
        "its clone, where the task allows",
        "clone/src/file",
        &["/repo/src/file"],
    ),
    (
        "its clone, elsewhere",
        "clone/other/file",
        &["/repo/other/file", "/repo/src/../other/file"],
    ),
    (
        "`.git` of its clone",
        "clone/.git/file",
        &["/repo/.git/file"],
    ),
    (
        "`state/` of its company",
        "factory/companies/Own/state/file",
        &["/company/state/file"],
    ),
    (
        "`logs/` of its company",
        "factory/companies/Own/logs/file",
        &["/company/logs/file"],
    ),
    (
        "`config.json`, `CLAUDE.md` of its company",
        "factory/companies/Own/config.json",
        &[
            "BASE/factory/companies/Own/config.json",
            "/company/config.json",
            "/company/state/../config.json",
        ],
    ),
    (
        "blueprints and skills of its company",
        "factory/companies/Own/blueprints/own.yaml",
        &[
            "BASE/factory/companies/Own/blueprints/own.yaml",
            "/company/blueprints/own.yaml",
            "/company/logs/../blueprints/own.yaml",
        ],
    ),
    (
        "another company's folder",
        "factory/companies/Other/state/file",
        &[
            "BASE/factory/companies/Other/state/file",
            "/company/../Other/state/file",
            "/company/state/../../Other/state/file",
        ],
    ),
    (
        "the project's repository",
        "project/file",
        &["BASE/project/file"],
    ),
    (
        "the store, and evidence",
        "factory/mission.db",
        &[
            "BASE/factory/mission.db",
            "/proc/1/root/BASE/factory/mission.db",
        ],
    ),
    (
        "keys of the gate",
        "factory/keys/gate.key",
        &["BASE/factory/keys/gate.key"],
    ),
    (
        "the person's home",
        "person/.profile",
        &["BASE/person/.profile"],
    ),
];

/// Acts by whether they were done: of one role on one target.
type Acts = BTreeMap<String, bool>;

#[test]
fn the_table_of_roles_is_what_each_can_change() {
    let mut found: Option<Vec<[String; 3]>> = None;
    let mut acts = BTreeSet::new();
    for world in worlds() {
        let rows: Vec<[String; 3]> = (0..TARGETS.len())
            .map(|target| {
                std::array::from_fn(|role| {
                    let tried = attempts(&world, role, target);
                    acts.extend(tried.keys().cloned());
                    cell(&tried)
                })
            })
            .collect();
        match &found {
            None => found = Some(rows),
            Some(found) => assert_eq!(&rows, found, "{} differs", world.name()),
        }
    }
    let found = found.expect("one kind of cage at least");
    let table = rendered(&found, &acts);
    let text = fs::read_to_string(FILE).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the table begins somewhere");
    let (written, after) = rest.split_once(END).expect("the table ends somewhere");
    if std::env::var_os("ALAI_WRITE_DOCS").is_some() {
        fs::write(FILE, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(
        written, table,
        "docs/SANDBOX.md says otherwise (ALAI_WRITE_DOCS=1 writes what holds)"
    );
}

/// What is promised, whatever the file says: the table cannot be written into saying something else.
#[test]
fn no_role_changes_anything_but_its_own() {
    let own = [&[3, 4][..], &[0, 2], &[]];
    for world in worlds() {
        for (role, own) in own.iter().enumerate() {
            for (target, (name, ..)) in TARGETS.iter().enumerate() {
                let tried = attempts(&world, role, target);
                let may = own.contains(&target);
                let other: Vec<&String> = { tried.iter() }
                    .filter(|(_, done)| **done != may)
                    .map(|(act, _)| act)
                    .collect();
                assert!(
                    other.is_empty() && tried.len() >= 17,
                    "{}, {} on {name}: {other:?} of {tried:?}",
                    world.name(),
                    ROLES[role]
                );
            }
        }
    }
}

/// Every act outside of any cage, as whoever runs cages: what the cages refuse can be done.
#[test]
fn the_control_does_every_act() {
    for world in worlds() {
        let files = laid_out(&world);
        for (_, file, _) in TARGETS {
            let path = files.join(file).display().to_string();
            let ended = world.launcher(&["acts", &path]).output().unwrap();
            let said = String::from_utf8(ended.stdout).unwrap();
            let left: Vec<&str> = { said.lines() }
                .filter(|line| !line.is_empty() && !line.ends_with("\tdone"))
                .collect();
            assert!(
                !said.is_empty() && left.is_empty(),
                "{}: {left:?}",
                world.name()
            );
        }
    }
}

/// Everything that is tried, fresh, and open to all: what holds is the cage and no mode of a file.
fn laid_out(world: &World) -> PathBuf {
    let base = world.path("matrix");
    if base.exists() {
        fs::remove_dir_all(&base).unwrap();
    }
    for (_, file, _) in TARGETS {
        let path = base.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "as it was").unwrap();
    }
    open_to_all(world, &base);
    base
}

fn open_to_all(world: &World, path: &Path) {
    world.give(path);
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            open_to_all(world, &entry.unwrap().path());
        }
        fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
    } else {
        fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap();
    }
}

fn cage_of(world: &World, base: &Path, role: usize) -> CageSpec {
    let bind = |outside: &str, inside: &str, access| Bind {
        outside: base.join(outside),
        inside: PathBuf::from(inside),
        access,
    };
    let read = bind("clone", "/repo", Access::ReadOnly);
    let mut spec = world.spec();
    spec.binds = match role {
        0 => vec![
            read,
            bind(
                "factory/companies/Own/state",
                "/company/state",
                Access::ReadWrite,
            ),
            bind(
                "factory/companies/Own/logs",
                "/company/logs",
                Access::ReadWrite,
            ),
        ],
        1 => {
            let owned = |globs: &[&str]| globs.iter().map(|g| (*g).to_owned()).collect::<Vec<_>>();
            let scope = Scope {
                allowed: &owned(&["src/**"]),
                forbidden: &[],
                tracked: &owned(&["src/file", "other/file"]),
            };
            let owner = world.inside_id().map(|id| (id, id));
            let clone = base.join("clone");
            builder_binds(&clone, Path::new("/repo"), &scope, owner)
                .unwrap()
                .binds
        }
        _ => vec![read],
    };
    spec.binds.push(Bind {
        outside: world.path("home"),
        inside: PathBuf::from("/home/agent"),
        access: Access::ReadWrite,
    });
    spec.cwd = PathBuf::from("/repo");
    spec
}

/// Tries every act of one role on one target, by all its names. An act counts as done when it was done by one of them, or when the file
/// outside is not as it was although nothing was said to be done.
fn attempts(world: &World, role: usize, target: usize) -> Acts {
    let base = laid_out(world);
    let spec = cage_of(world, &base, role);
    let (_, file, names) = TARGETS[target];
    let inside = base.display().to_string();
    let names: Vec<String> = { names.iter() }
        .map(|name| name.replace("/BASE", &inside).replace("BASE", &inside))
        .collect();
    let before = picture(&base);
    let argv: Vec<&str> = [INSIDE, "acts"]
        .into_iter()
        .chain(names.iter().map(String::as_str))
        .collect();
    let captured = world.run_spec(&spec, &argv);
    assert!(captured.success(), "{}", captured.combined());
    let mut acts = Acts::new();
    for line in captured.stdout.lines().filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split('\t').collect();
        let [_, act, word] = words.as_slice() else {
            panic!("{line}")
        };
        *acts.entry((*act).to_owned()).or_default() |= *word == "done";
    }
    let nothing = acts.values().all(|done| !done);
    assert!(
        !nothing || picture(&base) == before,
        "{}: {} changed {file} by an act that said it was refused",
        world.name(),
        ROLES[role]
    );
    // What it may change is its own, and nothing beside it.
    let own = base.join(file);
    let own = own.parent().unwrap();
    let rest = |mut all: Vec<(PathBuf, Vec<u8>, u32, i64)>| {
        all.retain(|(path, ..)| !path.starts_with(own));
        all
    };
    assert_eq!(rest(picture(&base)), rest(before), "{}", world.name());
    acts
}

/// Every file with its content, mode and time of change.
fn picture(base: &Path) -> Vec<(PathBuf, Vec<u8>, u32, i64)> {
    let mut found = Vec::new();
    let mut todo = vec![base.to_owned()];
    while let Some(path) = todo.pop() {
        let what = fs::symlink_metadata(&path).unwrap();
        if what.is_dir() {
            todo.extend(fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()));
        }
        let text = match what.is_file() {
            true => fs::read(&path).unwrap(),
            false => Vec::new(),
        };
        found.push((path, text, what.mode(), what.mtime()));
    }
    found.sort();
    found
}

fn cell(acts: &Acts) -> String {
    let done = acts.values().filter(|done| **done).count();
    let named = |which: bool| {
        let names = acts.iter().filter(|(_, done)| **done == which);
        let names: Vec<&str> = names.map(|(name, _)| name.as_str()).collect();
        names.join(", ")
    };
    match done {
        0 => "denied".to_owned(),
        n if n == acts.len() => "allowed".to_owned(),
        _ => format!("allowed: {}; denied: {}", named(true), named(false)),
    }
}

fn rendered(rows: &[[String; 3]], acts: &BTreeSet<String>) -> String {
    let acts: Vec<&str> = acts.iter().map(String::as_str).collect();
    let mut text = format!(
        "Tried on each: {}.\n\n| | {} |\n|---|---|---|---|\n",
        acts.join(", "),
        ROLES.join(" | ")
    );
    for ((name, ..), cells) in TARGETS.iter().zip(rows) {
        text += &format!("| {name} | {} |\n", cells.join(" | "));
    }
    text
}
