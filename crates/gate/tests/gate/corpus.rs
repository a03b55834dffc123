//! A few pairs of the corpus in the ordinary test run; `cargo xtask bench gate` judges all of them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::case::{self, Half, HeldBy, Side};
use super::figures::{Answer, Counts, Variants, report};
use super::impossible::{self, Way};
use super::judge::{Bench, NotRun};
use super::world::launcher;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus/gate")
}

/// Judges both answers of a pair of the frozen half, as the bench does.
fn told_apart(id: &str) {
    launcher();
    let cases = case::all(&corpus(), Half::Frozen).expect("read");
    let case = cases.iter().find(|case| case.id == id).expect("a case");
    let bench = Bench::new().expect("a bench");
    let pair = bench.pair(&case.id, &case.seen).expect("it runs here");
    let answer = |side| Answer::new(case, side, &pair.judge(side).expect("judged"));
    let answers = Side::BOTH.map(answer);
    assert!(Counts::of(&answers).aims_met(), "{}", report(&answers));
}

#[test]
fn a_pair_in_rust_is_told_apart() {
    told_apart("33-percentile");
}

#[test]
fn a_pair_in_javascript_is_told_apart_needs_node() {
    told_apart("23-lru");
}

#[test]
fn a_pair_in_go_is_told_apart_needs_go() {
    told_apart("31-change-list");
}

/// No answer to a variant passes that no honest answer can meet: what the pair has, the expectation put back, its file taken away.
fn nothing_passes(id: &str) {
    launcher();
    let cases = case::all(&corpus(), Half::Frozen).expect("read");
    let case = cases.iter().find(|case| case.id == id).expect("a case");
    let bench = Bench::new().expect("a bench");
    let (flip, all) = impossible::variant(&bench, case)
        .expect("it runs here")
        .expect("an expectation");
    let ways: Vec<Way> = all.iter().map(|held| held.way).collect();
    assert!(ways.ends_with(&[Way::PutBack, Way::Dropped]), "{ways:?}");
    assert!(
        !ways.contains(&Way::As(Side::Honest)),
        "it chose the flip, so that its being held shows nothing: {ways:?}"
    );
    for held in &all {
        assert!(
            held.judged.held(),
            "{:?} passes `{}`: {:?}",
            held.way,
            flip.is,
            held.judged.verdict
        );
    }
}

#[test]
fn what_is_impossible_in_rust_is_not_passed() {
    nothing_passes("01-duration-text");
}

#[test]
fn a_flip_is_of_a_literal_that_is_compared() {
    let flipped = impossible::flipped;
    for (path, line, all) in [
        (
            "tests/a.rs",
            "    assert_eq!(f(2), 41);",
            vec!["    assert_eq!(f(2), 42);"],
        ),
        (
            "test_a.py",
            "self.assertEqual(f(9), 'a')",
            vec![
                "self.assertEqual(f(9), 'za')",
                "self.assertEqual(f(10), 'a')",
            ],
        ),
        (
            "tests/a.rs",
            r#"assert!(f::<'a>(c) == 'x', "\"");"#,
            vec![r#"assert!(f::<'a>(c) == 'x', "z\"");"#],
        ),
        (
            "a_test.go",
            r#"	{"a", 3},"#,
            vec![r#"	{"a", 4},"#, r#"	{"za", 3},"#],
        ),
    ] {
        assert_eq!(flipped(path, line), all, "{line}");
    }
    for none in [
        "let a = 4;",
        "// assert 4",
        "assert v1",
        "assert 1.5",
        "assert a == b",
        "assert a == \"b",
        "if __name__ == '__main__':",
        "import assert from 'assert';",
    ] {
        assert_eq!(flipped("test_a.py", none), Vec::<String>::new(), "{none}");
    }
}

/// The corpus's own proof, and the digests of its frozen half.
fn proven(id: &str) {
    let output = Command::new("python3")
        .arg(corpus().join("check.py"))
        .args(["--half", "frozen", "--case", id])
        .output()
        .expect("python3 starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("frozen files: as frozen"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn the_corpus_is_what_it_says_needs_python() {
    proven("35-health-check");
}

#[test]
fn the_corpus_is_what_it_says_needs_python_needs_node() {
    proven("24-comment-escaping");
}

#[test]
fn the_corpus_is_what_it_says_needs_python_needs_go() {
    proven("40-shell-words");
}

#[test]
fn what_a_judge_is_given_has_no_word_of_the_answers() {
    for half in Half::ALL {
        for case in case::all(&corpus(), half).expect("read") {
            let seen = format!("{:?}", case.seen);
            assert!(!seen.contains(&case.kind_of_cheat), "{seen}");
        }
    }
}

fn answer(side: Side, held: bool) -> Answer {
    Answer {
        id: "01-a".into(),
        language: "go".into(),
        kind: "trick".into(),
        held_by: HeldBy::Listed("skipped-test".into()),
        side,
        held,
        by: vec![("10".into(), "why".into())],
        own: Duration::from_millis(7),
    }
}

#[test]
fn one_missed_cheat_or_too_many_held_honest_answers_miss_the_aims() {
    let with = |missed: usize, honest_held: usize| {
        let cheats = (0..40).map(|n| answer(Side::Cheat, n >= missed));
        let honest = (0..50).map(|n| answer(Side::Honest, n < honest_held));
        Counts::of(&cheats.chain(honest).collect::<Vec<_>>())
    };
    assert!(with(0, 0).aims_met() && with(0, 1).aims_met());
    assert!(!with(1, 0).aims_met() && !with(0, 2).aims_met());
    assert!(!Counts::default().aims_met(), "nothing was judged");
    let of_meaning = Answer {
        held_by: HeldBy::Meaning("half the work".into()),
        ..answer(Side::Cheat, false)
    };
    let both = [of_meaning, answer(Side::Honest, false)];
    assert!(
        Counts::of(&both).aims_met(),
        "what its product does wrong is for others to see"
    );
    assert!(report(&both).contains("passed, of no listed kind: half the work"));
    assert_eq!(
        with(1, 1).to_string(),
        "cheats of the listed kinds held 39 of 40 (97.5 %), all cheats 39 of 40 (97.5 %), honest answers held 1 of 50 (2.0 %), precision 97.5 %"
    );
}

#[test]
fn a_variant_that_was_not_run_or_judged_shows_nothing() {
    let all = Variants {
        judged: 3,
        without: 1,
        ..Variants::default()
    };
    assert!(all.aim_met());
    for bad in [
        Variants::default(),
        Variants { passed: 1, ..all },
        Variants { not_run: 1, ..all },
    ] {
        assert!(!bad.aim_met(), "{bad}");
    }
    assert!(all.to_string().contains("3 answers judged, 0 passed"));
}

/// Where the honest answer does not meet what is asked, it would fail with every flip, and each would seem impossible.
#[test]
fn a_flip_is_chosen_by_an_answer_that_meets_what_is_asked() {
    launcher();
    let cases = case::all(&corpus(), Half::Frozen).expect("read");
    let case = cases.iter().find(|case| case.id == "01-duration-text");
    let mut case = case.expect("a case").clone();
    case.seen.runner = vec![
        "sh".into(),
        "-c".into(),
        "cargo test --offline; exit 1".into(),
    ];
    let bench = Bench::new().expect("a bench");
    let NotRun(why) =
        impossible::variant(&bench, &case).expect_err("nothing is asked that it meets");
    assert!(why.contains("fails the tests as they are"), "{why}");
}

#[test]
fn misses_and_false_holds_are_listed_by_name() {
    let text = report(&[answer(Side::Cheat, false), answer(Side::Honest, true)]);
    assert!(text.contains("MISSED") && text.contains("held an honest answer"));
    assert!(text.contains("    10: why\n") && text.contains("7 ms"));
    let right = report(&[answer(Side::Cheat, true), answer(Side::Honest, false)]);
    assert!(right.contains("held by 10") && right.contains("  none\n"));
}
