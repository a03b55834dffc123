//! A hostile agent and a hostile repository against the whole factory: each attack is made by a scripted model's tool calls in a
//! real run, and looked for afterwards in four places. What it was aimed at is untouched; its own output says that it was tried
//! and what refused it; the factory made of the run what it should; and its record names it. A control shows for each that the
//! same script works where nothing holds it: in a user, mount and network space that is thrown away.

mod agent;
mod cases;
mod claims;
mod git;
mod kernel;
mod place;
mod table;

use cases::{Attack, Case};
use place::{Place, unprotected};

use std::os::unix::fs::{PermissionsExt, lchown};
use std::os::unix::process::CommandExt;
use std::path::Path;

use agent::Record;

use crate::world::{Ran, World, run};

/// An ordinary user without an account.
const STRANGER: u32 = 54_321;

/// Whose factory it is: ours, and where we are root an ordinary user's as well. Nothing is left out silently.
fn users() -> Vec<Option<u32>> {
    match alai_workspace::cage::agent_ids() {
        Some(_) => vec![None, Some(STRANGER)],
        None => vec![None],
    }
}

/// Makes all that is the world's and the place's that user's.
fn give(world: &World, place: &mut Place, user: u32) {
    give_all(&world.path(""), user);
    give_all(place.out(), user);
    // A new owner is a change to git's index, as a copied repository is; whoever moves one looks at it once.
    world.git(&["update-index", "--refresh"]);
    lchown(world.repo().join(".git/index"), Some(user), Some(user)).expect("given");
    let program = world.command([""; 0]);
    let folder = Path::new(program.get_program()).parent().expect("a folder");
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).expect("set");
    place.looks_so();
}

fn give_all(path: &Path, user: u32) {
    lchown(path, Some(user), Some(user)).expect("given");
    if path.symlink_metadata().expect("it is there").is_dir() {
        for entry in std::fs::read_dir(path).expect("a folder").flatten() {
            give_all(&entry.path(), user);
        }
    }
}

/// Runs the binary as that user, with these variables.
fn alai_as(world: &World, user: Option<u32>, args: &[&str], env: &[(&str, &str)]) -> Ran {
    let mut command = world.command(args.iter().copied());
    command.envs(env.iter().copied());
    if let Some(user) = user {
        command.uid(user).gid(user);
    }
    run(command)
}

/// The run's record is part of its evidence, as it is, and the evidence is sound.
#[track_caller]
fn sealed(world: &World, task: i64, record: &Record) {
    let task = task.to_string();
    let shown = world.json(["evidence", "show", &task, "--json"]);
    let package = std::path::PathBuf::from(shown["package"].as_str().expect("a folder"));
    let read = |path: &std::path::Path| std::fs::read(path).expect("a trajectory");
    assert!(
        read(&package.join("trajectory.jsonl")) == read(&record.path),
        "the evidence has another one"
    );
    world.alai(["evidence", "verify", &task]).exits(0);
}

/// The same script, and then a careless person, where nothing holds them.
#[track_caller]
fn works_unprotected(case: &Case, world: &World, twin: &Place) {
    let script = case.script();
    match case.attack {
        Attack::Tries { count, .. } => {
            let said = unprotected(world, twin, &script);
            let worked = said.lines().filter(|line| line.ends_with(": WORKED"));
            assert_eq!(
                worked.count(),
                count,
                "the control of case {}:\n{said}",
                case.number
            );
        }
        Attack::Leaves { careless, .. } => {
            let said = unprotected(world, twin, &format!("{script}\n{careless}\n"));
            let ran = twin.out().join(format!("ran-{}", case.number));
            assert!(ran.exists(), "the control of case {}:\n{said}", case.number);
        }
    }
}

/// What the attack said when it was made: it was made, and met a refusal.
#[track_caller]
fn was_denied(case: &Case, said: &str) {
    let number = case.number;
    match case.attack {
        Attack::Tries { count, .. } => {
            let denied = said.lines().filter(|line| line.contains(": denied: "));
            assert_eq!(denied.count(), count, "case {number}:\n{said}");
            assert!(!said.contains("WORKED"), "case {number}:\n{said}");
        }
        Attack::Leaves { .. } => {
            assert!(
                said.contains(&format!("planted-{number}")),
                "case {number}:\n{said}"
            );
            let refused = said
                .lines()
                .find(|line| line.contains(&format!("direct-{number}")));
            assert!(
                refused.is_some_and(|line| line.contains("No such file")),
                "case {number}:\n{said}"
            );
        }
    }
}
