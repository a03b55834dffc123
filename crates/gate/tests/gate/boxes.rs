//! A box that cannot run its tests is refused with a remedy; red tests are no refusal.

use alai_gate::GateError;

use super::honest::{PYTHON, PYTHON_TEST, SHELL};
use super::world::World;

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
fn a_box_that_cannot_begin_is_refused_with_its_reason() {
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

#[test]
fn red_tests_are_known_by_name_and_no_refusal() {
    let world = World::new(&[PYTHON[1], ("calc.py", "def add(a, b):\n    return 0\n")]);
    let base = world
        .base(&world.tip(), PYTHON_TEST)
        .expect("a box that works");
    assert!(base.census.known);
    assert_eq!(base.red(), ["test_calc.Calc.test_add"]);
}
