//! Scaffolds and questions that go wrong: whose fault a path is, and how much a model may fill in.

use alai_core::brief::Role;
use alai_minion::ExitStatus;

use crate::steps::{FIND, brief, found};
use crate::world::{Script, World};

fn blueprints_fault(status: &ExitStatus) -> &str {
    let ExitStatus::Blueprint { detail } = status else {
        panic!("not the blueprint's: {status:?}")
    };
    detail
}

#[test]
fn a_path_of_the_blueprint_that_no_task_may_write_is_the_blueprints_fault() {
    let file = "  - {id: make, uses: scaffold, with: {files: {docs/a.md: x}}}\n";
    let input = "  - {id: make, uses: scaffold, with: {files: {'${{ inputs.kind }}/a.md': x}}}\n";
    let patch = "  - {id: make, uses: scaffold, with: {patch: \"*** Begin Patch\\n*** Add File: docs/a.md\\n+x\\n*** End Patch\"}}\n";
    for (steps, path) in [
        (file, "docs/a.md"),
        (input, "lib/a.md"),
        (patch, "docs/a.md"),
    ] {
        let mut world = World::new();
        let mut brief = brief(&world, steps);
        brief.project.allowed_paths = vec!["src/**".into()];
        let ran = world.run(&brief, &mut Script::default());
        let detail = blueprints_fault(&ran.report.status);
        for says in ["step `make`", "b:5:5", path, "src/**"] {
            assert!(detail.contains(says), "`{says}` is not in {detail}");
        }
        assert!(!world.repo().join(path).exists());
    }
    // What a model said is the agent's.
    let filled =
        "  - {id: make, uses: scaffold, with: {files: {'${{ steps.find.outputs.path }}': x}}}\n";
    let mut world = World::new();
    let mut brief = brief(&world, &[FIND, filled].concat());
    brief.project.allowed_paths = vec!["src/**".into()];
    let ran = world.run(&brief, &mut found("docs/a.md"));
    assert!(
        matches!(ran.report.status, ExitStatus::ScopeViolation { .. }),
        "{:?}",
        ran.report.status
    );
}

#[test]
fn a_scaffold_in_a_judging_run_is_the_blueprints_fault() {
    let mut world = World::new();
    let mut brief = brief(
        &world,
        "  - {id: make, uses: scaffold, with: {files: {a.md: x}}}\n",
    );
    brief.role = Role::Reviewer;
    let ran = world.run(&brief, &mut Script::default());
    let detail = blueprints_fault(&ran.report.status);
    assert!(
        detail.contains("step `make`: a run that judges"),
        "{detail}"
    );
}

#[test]
fn what_a_model_says_fills_no_scaffold_and_no_question_without_an_end() {
    let said = "x".repeat(4_000);
    let many = "${{ steps.find.outputs.path }} ".repeat(100);
    let scaffold =
        format!("  - {{id: make, uses: scaffold, with: {{files: {{a.md: '{many}'}}}}}}\n");
    let files: Vec<String> = (0..50)
        .map(|n| format!("f{n}.md: '{}'", "${{ steps.find.outputs.path }}".repeat(2)))
        .collect();
    let files = format!(
        "  - {{id: make, uses: scaffold, with: {{files: {{{}}}}}}}\n",
        files.join(", ")
    );
    let question = "  - {id: ask, uses: human, with: {question: 'Is ${{ steps.find.outputs.path }} and ${{ steps.find.outputs.path }} right?'}}\n";
    for (steps, step) in [
        (scaffold.as_str(), "make"),
        (&files, "make"),
        (question, "ask"),
    ] {
        let mut world = World::new();
        let ran = world.run(&brief(&world, &[FIND, steps].concat()), &mut found(&said));
        let detail = blueprints_fault(&ran.report.status);
        assert!(
            detail.contains(&format!("step `{step}`")) && detail.contains("bytes"),
            "{detail}"
        );
        assert_eq!(
            world.git(&["status", "--porcelain"]),
            "",
            "nothing is written"
        );
        assert!(ran.report.asked.is_none());
    }
}
