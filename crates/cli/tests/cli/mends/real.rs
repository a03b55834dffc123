//! The sample projects with their packages: a virtual environment, a folder of modules, a registry.

use alai_testkit::samples::{self, Change, Edit};
use serde_json::{Value, json};

use super::{MENDING, Plays, check, finds_tools, script, seen};
use crate::script::write;
use crate::world::World;

fn call(edit: &Edit) -> Value {
    match &edit.change {
        Change::Replace { old, new } => {
            json!({"name": "edit", "arguments": {"path": edit.path, "old": old, "new": new}})
        }
        Change::Write { content } => write(&edit.path.to_string_lossy(), content),
    }
}

/// The sample's first task, done as if what it lacks were a bug.
fn walk(sample: &str, red: &str) {
    let task = samples::tasks(sample).expect("its tasks").remove(0);
    let is_test = |edit: &&Edit| alai_gate::is_test(&edit.path.to_string_lossy());
    let (tests, code): (Vec<&Edit>, Vec<&Edit>) = task.edits.iter().partition(is_test);
    let calls = |edits: Vec<&Edit>| edits.into_iter().map(call).collect::<Vec<_>>();
    let world = World::with_home();
    let repo = world.repo();
    std::fs::remove_dir_all(&repo).expect("the other sample");
    samples::write(sample, &repo).expect("the sample");
    alai_testkit::git::init_repo(&repo).expect("a repository");
    let mut add = world.command(["project", "add", "tiny", "--deliver", "auto"]);
    finds_tools(&mut add);
    crate::world::run(add).exits(0);
    world.play(
        &script()
            .plays("reproduce", &calls(tests))
            .plays("build", &calls(code)),
    );
    let mut run = vec!["minion", "run", &task.title, "--project", "tiny"];
    run.extend(["--blueprint", "minion-bugfix"]);
    let mut run = world.command(run);
    finds_tools(&mut run);
    crate::world::run(run).exits(0);
    let seen = seen(&world, 1);
    assert_eq!(seen.steps, MENDING, "{sample}");
    seen.saw("red", 0, true, red);
    seen.saw("without", 0, true, red);
    let (result, detail) = check(&world, 1, "new_tests_fail_on_base");
    assert!(
        result == "pass" && detail.contains(red),
        "{result} {detail}"
    );
}

#[test]
fn a_bug_is_mended_in_a_crate_with_packages_needs_registry() {
    walk("rust-kv", "a_missing_key_counts_from_nought");
}

#[test]
fn a_bug_is_mended_beside_a_virtual_environment_needs_registry_needs_python() {
    walk("python-notes", "test_case_does_not_matter");
}

#[test]
fn a_bug_is_mended_beside_a_folder_of_modules_needs_registry_needs_node() {
    walk("js-cart", "a discount lowers the total and not the lines");
}
