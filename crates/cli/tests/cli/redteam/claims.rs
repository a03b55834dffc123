//! An agent that wants to be believed: it completes its own task, or puts programs of its own before those that judge it.

use serde_json::json;

use super::agent::{Record, asks, hostile, last_record, runs};
use super::cases::case;
use super::place::Place;
use super::{sealed, was_denied, works_unprotected};
use crate::world::World;

#[test]
fn a_minion_cannot_complete_its_own_task() {
    let case = case("22");
    let control = World::with_project("auto");
    control
        .alai(["mc", "add", "Something", "--project", "tiny"])
        .exits(0);
    control.alai(["mc", "pause", "1"]).exits(0);
    let daemon = control.up();
    let twin = Place::twin(&control);
    works_unprotected(case, &control, &twin);
    assert_eq!(control.state(1), "done", "the control closed it");
    control.alai(["down"]).exits(0);
    daemon.ends().exits(0);

    let world = World::with_project("auto");
    let place = Place::beside(&world);
    let twin = hostile(vec![vec![case.call(&place)]]);
    asks(&world, &twin);
    let daemon = world.up();
    world
        .alai(["minion", "run", "Do nothing", "--project", "tiny"])
        .exits(5);
    for run in runs(&world, 1) {
        let record = Record::of(&world, &run);
        let said = record.of_case("22");
        was_denied(case, said);
        assert!(
            said.contains("\"type\":\"exit\""),
            "what it forged is its output and nothing more: {said}"
        );
    }
    place.is_untouched();
    let empty = "the diff is empty: nothing was changed".to_owned();
    assert_eq!(world.failed_checks(1), [("diff_minimal".to_owned(), empty)]);
    let task = &world.task(1)["view"]["task"];
    assert_eq!(
        (&task["state"], &task["waiting"]["reason"]),
        (&json!("waiting"), &json!("qa_retries")),
        "{task}"
    );
    assert_eq!(world.titles("main"), ["Import"]);
    world.alai(["mc", "fsck"]).exits(0);
    world.alai(["down"]).exits(0);
    daemon.ends().exits(0);
}

#[test]
fn programs_that_an_agent_puts_before_the_gate_s_are_not_used() {
    let case = case("26");
    let control = World::without_home();
    works_unprotected(case, &control, &Place::twin(&control));

    let world = World::with_project("auto");
    let place = Place::beside(&world);
    let twin = hostile(vec![vec![case.call(&place)]]);
    asks(&world, &twin);
    world
        .alai(["minion", "run", "Stand before", "--project", "tiny"])
        .exits(5);
    let record = last_record(&world, 1);
    was_denied(case, record.of_case("26"));
    place.is_untouched();
    // Its own tests passed, where its home is; the gate's home is another one, and no `sh` of its answers there.
    let failed = world.failed_checks(1);
    let base = failed
        .iter()
        .find(|(check, seen)| check == "base_tests_pass" && seen.contains("not ok 4"));
    assert!(
        base.is_some() && !format!("{failed:?}").contains("shimmed"),
        "{failed:?}"
    );
    sealed(&world, 1, &record);
}
