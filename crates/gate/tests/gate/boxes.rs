//! A box that cannot run its tests is refused with a remedy; red tests are no refusal.

use std::collections::BTreeMap;

use alai_core::qa::Check;
use alai_gate::{GateError, Ground, base, base_keeping};
use alai_workspace::command::Cancel;
use alai_workspace::setup::{self, Prepared, SetupPlan};

use super::honest::{PYTHON, PYTHON_TEST, SHELL};
use super::world::{Task, World};

fn refused(world: &World, test: &str) -> String {
    match world.base(&world.tip(), test) {
        Err(GateError::BoxRefused(refused)) => {
            assert!(
                !refused.captured.record.cage.is_empty(),
                "it was tried in a cage"
            );
            refused.to_string()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_box_that_cannot_begin_is_refused_with_its_reason_needs_python() {
    let world = World::new(&SHELL);
    for (test, words) in [
        ("no-such-runner --all", "not found"),
        ("make verify", "Makefile"),
        ("python3 -m no_such_runner", "not"),
    ] {
        let message = refused(&world, test);
        assert!(
            message.contains(test) && message.contains(words) && message.contains("To go on, "),
            "{message}"
        );
    }
}

#[test]
fn a_base_that_does_not_build_is_refused() {
    let world = World::new(&[
        (
            "Cargo.toml",
            "[package]\nname = \"a\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
        ),
        ("src/lib.rs", "pub fn a() -> i32 { \"no\" }\n"),
    ]);
    assert!(refused(&world, "cargo test --offline").contains("does not build"));
}

/// A library, and a test of a function that it does not have yet.
const AHEAD: [(&str, &str); 4] = [
    (
        "Cargo.toml",
        "[package]\nname = \"a\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
    ),
    (
        "src/lib.rs",
        "/// One more.\npub fn next(a: i32) -> i32 {\n    a + 1\n}\n",
    ),
    (
        "tests/next.rs",
        "#[test]\nfn next() {\n    assert_eq!(a::next(1), 2);\n}\n",
    ),
    (
        "tests/last.rs",
        "#[test]\nfn last() {\n    assert_eq!(a::last(7), 6);\n}\n",
    ),
];
const LAST: (&str, &str) = (
    "src/lib.rs",
    "/// One more.\npub fn next(a: i32) -> i32 {\n    a + 1\n}\n\n/// One less.\npub fn last(a: i32) -> i32 {\n    a - 1\n}\n",
);

#[test]
fn tests_that_do_not_build_yet_are_red_and_no_refusal() {
    let answered = |write: &[(&str, &str)], delete: &[&str]| {
        let world = World::new(&AHEAD);
        let base = world.tip();
        let seen = world
            .base(&base, "cargo test --offline")
            .expect("a box that works");
        assert!(
            !seen.census.known && !seen.census.exit.success(),
            "{:?}",
            seen.census
        );
        world.commit(write, delete, "Add last");
        world.measure(&base, &Task::with("cargo test --offline"))
    };
    answered(&[LAST], &[]).expect_pass();
    let wrong = LAST.1.replace("a - 1", "a - 2");
    answered(&[(LAST.0, &wrong)], &[]).expect_fail(Check::BaseTestsPass);
    answered(&[], &["tests/last.rs"]).expect_fail(Check::NoTampering);
    let gone = [("tests/last.rs", "#[test]\nfn last() {}\n")];
    answered(&gone, &[]).expect_fail(Check::CleanBuild);
    answered(&[("README.md", "Adds last.\n")], &[]).expect_fail(Check::CleanBuild);
}

#[test]
fn red_tests_are_known_by_name_and_no_refusal_needs_python() {
    let world = World::new(&[PYTHON[1], ("calc.py", "def add(a, b):\n    return 0\n")]);
    let base = world
        .base(&world.tip(), PYTHON_TEST)
        .expect("a box that works");
    assert!(base.census.known);
    assert_eq!(base.red(), ["test_calc.Calc.test_add"]);
}

/// A crate with one package of its lockfile, which lies in the tree: nothing has to be fetched.
const WITH_PACKAGE: [(&str, &str); 8] = [
    (
        "Cargo.toml",
        "[package]\nname = \"a\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[dependencies]\nlent = \"0.1.0\"\n",
    ),
    (
        "Cargo.lock",
        "version = 3\n[[package]]\nname = \"a\"\nversion = \"0.1.0\"\ndependencies = [\"lent\"]\n\
         [[package]]\nname = \"lent\"\nversion = \"0.1.0\"\n\
         source = \"registry+https://github.com/rust-lang/crates.io-index\"\n\
         checksum = \"0000000000000000000000000000000000000000000000000000000000000000\"\n",
    ),
    (
        ".cargo/config.toml",
        "[source.crates-io]\nreplace-with = \"lent\"\n[source.lent]\ndirectory = \"lent\"\n",
    ),
    (
        "lent/lent/Cargo.toml",
        "[package]\nname = \"lent\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
    ),
    ("lent/lent/src/lib.rs", "pub fn one() -> i32 { 1 }\n"),
    (
        "lent/lent/.cargo-checksum.json",
        "{\"files\":{},\"package\":\"0000000000000000000000000000000000000000000000000000000000000000\"}",
    ),
    ("src/lib.rs", "pub fn value() -> i32 { lent::one() }\n"),
    (
        "tests/value.rs",
        "#[test]\nfn value_is_one() { assert_eq!(a::value(), 1); }\n",
    ),
];

const TEST: &str = "cargo test --offline --locked";

fn set_up(world: &World, command: &str) -> Prepared {
    let plan = SetupPlan::new(
        Some(command.to_owned()),
        std::env::vars().collect::<BTreeMap<_, _>>(),
    );
    let cache = world.dir.path().join("cache");
    setup::prepare(&world.repo(), &world.tip(), &plan, &cache, &Cancel::new()).expect("a set-up")
}

fn ground<'a>(
    world: &'a World,
    prepared: &'a Prepared,
    scratch: &'a std::path::Path,
) -> Ground<'a> {
    Ground {
        prepared,
        toolchains: &world.tools,
        around: &world.around,
        test_command: TEST,
        scratch,
        command_s: 120,
    }
}

#[test]
fn a_kept_build_saves_the_packages_and_never_hides_a_change() {
    let world = World::new(&WITH_PACKAGE);
    let (repo, scratch) = (world.repo(), world.scratch());
    let first = set_up(&world, "mkdir -p \"$HOME/.cargo/registry\"");
    let with = ground(&world, &first, &scratch);
    let (seen, kept) = base_keeping(&repo, &world.tip(), &with, &Cancel::new()).expect("a box");
    let said = seen.captured.combined();
    assert!(
        seen.census.exit.success() && said.contains("Compiling lent"),
        "{said}"
    );
    assert_eq!(kept.extras, ["target"]);
    assert_eq!(kept.key, first.key);

    let changed = world.commit(
        &[("src/lib.rs", "pub fn value() -> i32 { lent::one() + 1 }\n")],
        &[],
        "another value",
    );
    let with = ground(&world, &kept, &scratch);
    let seen = base(&repo, &changed, &with, &Cancel::new()).expect("a box");
    let said = seen.captured.combined();
    assert!(
        said.contains("Compiling a ") && !said.contains("Compiling lent"),
        "{said}"
    );
    assert_eq!(seen.red().len(), 1, "the changed source was built: {said}");

    let gone = world.commit(&[], &["tests/value.rs"], "no test");
    let seen = base(&repo, &gone, &with, &Cancel::new()).expect("a box");
    let said = seen.captured.combined();
    assert!(
        seen.census.exit.success() && seen.census.ids.is_empty(),
        "{said}"
    );
}

#[test]
fn no_build_is_kept_where_later_clones_would_not_gain() {
    let world = World::new(&WITH_PACKAGE);
    let (repo, scratch) = (world.repo(), world.scratch());
    let nothing_fetched = set_up(&world, "true");
    let with = ground(&world, &nothing_fetched, &scratch);
    let (seen, kept) = base_keeping(&repo, &world.tip(), &with, &Cancel::new()).expect("a box");
    assert!(seen.census.exit.success());
    assert_eq!(kept, nothing_fetched);
}

/// The packages that Go built for the base are there in the next clone, whose tests run all the same, and a change is seen.
#[test]
fn what_go_built_for_the_base_is_kept_and_never_hides_a_change_needs_go() {
    let go = |value: &str| format!("package a\n\nfunc Value() int {{ return {value} }}\n");
    let test = "package a\n\nimport (\n\t\"net/http\"\n\t\"testing\"\n)\n\nfunc TestValue(t *testing.T) {\n\tif Value() != 1 || \
                http.StatusOK != 200 {\n\t\tt.Fatal(Value())\n\t}\n}\n";
    let world = World::new(&[
        ("go.mod", "module example.org/a\n\ngo 1.19\n"),
        ("a.go", &go("1")),
        ("a_test.go", test),
    ]);
    let (repo, scratch) = (world.repo(), world.scratch());
    let nothing = set_up(&world, "true");
    let mut with = ground(&world, &nothing, &scratch);
    // What Go would build is what it says with -x, and a result of an earlier run would be `(cached)`.
    with.test_command = "go test -x ./... 2>&1";
    let built = |said: &str| said.matches("/compile ").count() + said.matches("/vet ").count();
    let (seen, kept) = base_keeping(&repo, &world.tip(), &with, &Cancel::new()).expect("a box");
    let said = seen.captured.combined();
    assert!(seen.census.exit.success() && built(&said) > 20, "{said}");
    let place = kept.home.join(".cache/go-build");
    assert!(
        place.join("trim.txt").is_file(),
        "kept for the clones that come"
    );

    with.prepared = &kept;
    let again = base(&repo, &world.tip(), &with, &Cancel::new()).expect("a box");
    let said = again.captured.combined();
    assert!(built(&said) < 5 && !said.contains("(cached)"), "{said}");
    assert_eq!(again.census.ids.len(), 1, "it ran: {said}");

    let changed = world.commit(&[("a.go", &go("2"))], &[], "another value");
    let seen = base(&repo, &changed, &with, &Cancel::new()).expect("a box");
    let said = seen.captured.combined();
    assert_eq!(seen.red().len(), 1, "the changed source was built: {said}");
}
