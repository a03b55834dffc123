//! Reviews and documentation on real commits.

use alai_core::qa::Measurement;
use alai_core::review::{CriterionAnswer, Finding, Review, ReviewVerdict, Severity};
use alai_gate::{
    DocsCandidate, check_criteria, check_review, judge_docs, measure_docs, tree_digest,
};
use alai_workspace::command::Cancel;

use super::honest::SHELL;
use super::world::World;

fn review(path: Option<&str>, line: Option<u32>) -> Review {
    let finding = Finding {
        path: path.map(str::to_owned),
        line,
        ..Finding::new(Severity::Low, "t")
    };
    Review {
        criteria: Vec::new(),
        verdict: ReviewVerdict::PassWithFindings,
        summary: "s".into(),
        findings: vec![finding],
    }
}

#[test]
fn a_review_is_held_to_the_commit() {
    let world = World::new(&SHELL);
    let (repo, head) = (world.repo(), world.tip());
    let faults =
        |review: &Review| check_review(&repo, &head, review, "same", "same").expect("readable");
    for (path, line) in [
        (Some("add.sh"), Some(2)),
        (Some("add.sh"), None),
        (None, None),
    ] {
        assert_eq!(faults(&review(path, line)), [""; 0], "{path:?} {line:?}");
    }
    for (path, line) in [
        (Some("add.sh"), Some(3)),
        (Some("add.sh"), Some(0)),
        (Some("gone.sh"), Some(1)),
        (Some("../add.sh"), None),
        (None, Some(1)),
    ] {
        assert_eq!(faults(&review(path, line)).len(), 1, "{path:?} {line:?}");
    }
    let wrote =
        check_review(&repo, &head, &review(None, None), "before", "after").expect("readable");
    assert_eq!(wrote.len(), 1, "a reviewer that writes");
    let contradicts = Review {
        criteria: Vec::new(),
        verdict: ReviewVerdict::Reject,
        summary: "s".into(),
        findings: vec![],
    };
    assert_eq!(
        faults(&contradicts).len(),
        1,
        "a rejection that names nothing"
    );
}

#[test]
fn a_criterion_is_met_by_a_line_of_the_commit() {
    let world = World::new(&SHELL);
    let base = world.tip();
    world.commit(
        &[
            ("more.sh", "one\n\ntwo\n"),
            ("large.txt", &"a".repeat(5 << 20)),
        ],
        &[],
        "More",
    );
    let (repo, head) = (world.repo(), world.tip());
    let answered = |base, places: &[Option<(&str, u32)>]| {
        let answer = |(at, place): (usize, &Option<(&str, u32)>)| CriterionAnswer {
            n: at as u32 + 1,
            met: true,
            path: place.map(|(path, _)| path.to_owned()),
            line: place.map(|(_, line)| line),
        };
        let review = Review {
            criteria: places.iter().enumerate().map(answer).collect(),
            ..review(None, None)
        };
        let held = check_criteria(&repo, base, &head, &review, 2).expect("readable");
        held.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let fine = answered(&base, &[Some(("more.sh", 1))]);
    let open = "criterion 2 is not met: it was not answered";
    assert_eq!(fine, ["criterion 1 is met: more.sh:1", open]);
    for place in [
        Some(("more.sh", 4)),
        Some(("more.sh", 2)),
        Some(("more.sh", 0)),
        Some(("large.txt", u32::MAX)),
        Some(("gone.sh", 1)),
        Some(("../more.sh", 1)),
        None,
    ] {
        let held = answered(&base, &[place]);
        assert!(held[0].starts_with("criterion 1 is not met: "), "{held:?}");
    }
    let beside = answered(&base, &[Some(("add.sh", 1)), Some(("more.sh", 3))]);
    assert_eq!(beside[0], "criterion 1 is met: add.sh:1");
    let twice = answered(&base, &[Some(("more.sh", 1)), Some(("more.sh", 1))]);
    assert_eq!(
        twice[1],
        "criterion 2 is not met: it cites more.sh:1, which shows criterion 1 already"
    );
    let small = world.commit(&[("more.sh", "one\n\nother\n")], &[], "One line");
    let one = Review {
        criteria: [1, 2]
            .map(|n| CriterionAnswer {
                n,
                met: true,
                path: Some("more.sh".into()),
                line: Some(3),
            })
            .into(),
        ..review(None, None)
    };
    let held = check_criteria(&repo, &head, &small, &one, 2).expect("readable");
    assert!(
        held.iter().all(|c| c.met.is_ok()),
        "one line shows all: {held:?}"
    );
}

#[test]
fn the_tree_has_a_digest_of_its_own() {
    let world = World::new(&SHELL);
    let (repo, first) = (world.repo(), world.tip());
    let digest = tree_digest(&repo, &first).expect("readable");
    let same = world.commit(&[], &[], "nothing");
    assert_eq!(tree_digest(&repo, &same).expect("readable"), digest);
    let other = world.commit(&[("README.md", "other\n")], &[], "other");
    assert_ne!(tree_digest(&repo, &other).expect("readable"), digest);
}

fn docs(write: &[(&str, &str)], build: Option<&str>) -> Vec<String> {
    let world = World::new(&SHELL);
    let base = world.tip();
    world.commit(write, &[], "Docs");
    let (repo, head, prepared, scratch) = (
        world.repo(),
        world.tip(),
        world.prepared(&base),
        world.scratch(),
    );
    let candidate = DocsCandidate {
        repo: &repo,
        base: &base,
        head: &head,
        prepared: &prepared,
        toolchains: &world.tools,
        around: &world.around,
        build_command: build,
        allowed_paths: &[],
        forbidden_paths: &[],
        checks: &[],
        scratch: &scratch,
        command_s: 60,
    };
    let mut measured = measure_docs(&candidate, &Cancel::new())
        .expect("measured")
        .measurements;
    measured.push(Measurement {
        check: alai_core::qa::Check::EvidenceComplete,
        result: alai_core::qa::CheckResult::Pass,
        detail: String::new(),
    });
    judge_docs(&measured)
}

#[test]
fn documentation_has_a_table_of_its_own() {
    assert_eq!(
        docs(&[("docs/use.md", "# Use\n\nRun [add](../add.sh).\n")], None),
        [""; 0]
    );
    assert_eq!(
        docs(
            &[("README.md", "# Adds\n\nTwo numbers.\n")],
            Some("grep -q numbers README.md")
        ),
        [""; 0]
    );
    for (write, build, check) in [
        (("add.sh", "echo 1\n"), None, "8 "),
        (("docs/a.md", "See [b](b.md).\n"), None, "1 "),
        (("docs/a.md", "# A\n"), Some("exit 3"), "1 "),
        (("docs/a.md", "TODO: write\n"), None, "15 "),
        (("README.md", "# Adds\n"), None, "18 "),
        (("docs/.env", "A=1\n"), None, "11 "),
    ] {
        let reasons = docs(&[write], build);
        assert!(
            reasons.iter().any(|r| r.starts_with(check)),
            "{write:?}: {reasons:?}"
        );
    }
}
