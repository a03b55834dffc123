//! Services and variables around a project's tests, in the cage where the tests run.

use std::fs;

use alai_core::services::Surroundings;
use alai_gate::GateError;

use crate::world::World;

fn world(services: &[&str], variables: &[&str]) -> World {
    let texts = |all: &[&str]| -> Vec<String> { all.iter().map(|t| (*t).to_owned()).collect() };
    let around = Surroundings::default()
        .changed(&texts(services), &texts(variables))
        .expect("sound");
    World {
        around,
        ..World::new(&[("served", "page\n")])
    }
}

/// What the tests print when they are run on the only commit, which must be green.
fn prints(world: &World, test: &str) -> String {
    let base = world.base(&world.tip(), test).expect("a box that works");
    let said = base.captured.combined();
    assert!(base.census.exit.success(), "{said}");
    said
}

const ASK: &str = "python3 -c 'import urllib.request as r; print(r.urlopen(\"http://127.0.0.1:8000/served\").read())'";

#[test]
fn a_service_is_up_before_the_tests_and_new_in_each_cage_needs_python() {
    let web = "web:8000=test ! -e \"$SERVICE_DIR/mark\" && touch \"$SERVICE_DIR/mark\" && exec python3 -m http.server --bind \
               127.0.0.1 8000";
    let world = world(&[web], &["GREETING=it's me"]);
    for _ in 0..2 {
        let said = prints(
            &world,
            &format!("{ASK}; echo \"$GREETING\"; test -z \"$SERVICE_DIR\""),
        );
        assert!(said.contains("page") && said.contains("it's me"), "{said}");
    }
}

#[test]
fn a_line_can_tell_when_a_service_is_up() {
    let world = world(
        &["slow=sleep 0.3; touch /tmp/up; sleep 600;; test -e /tmp/up"],
        &[],
    );
    prints(&world, "test -e /tmp/up");
}

#[test]
fn a_service_that_does_not_come_up_refuses_the_box_with_what_it_wrote() {
    let world = world(&["db:5432=echo no configuration >&2; exit 3"], &[]);
    let refused = world
        .base(&world.tip(), "true")
        .expect_err("no service, no proof");
    let said = refused.to_string();
    assert!(matches!(refused, GateError::BoxRefused(_)), "{said}");
    for words in [
        "db ended before it was up",
        "no configuration",
        "--service NAME=",
    ] {
        assert!(said.contains(words), "{words} is not in: {said}");
    }
    assert_eq!(fs::read_dir(world.scratch()).expect("listed").count(), 0);
}

#[test]
fn red_tests_show_what_their_services_wrote() {
    let service = "log=echo it rained; touch /tmp/up; sleep 600;; test -e /tmp/up";
    let world = world(&[service], &[]);
    let base = world.base(&world.tip(), "exit 4").expect("red is no error");
    let said = base.captured.combined();
    assert!(
        said.contains("what the service log wrote:\nit rained"),
        "{said}"
    );
    assert_eq!(base.captured.record.exit.to_string(), "exit 4");
    assert!(!prints(&world, "true").contains("it rained"));
}

#[test]
fn a_database_answers_needs_postgres() {
    let world = world(&["postgres"], &[]);
    let said = prints(
        &world,
        "psql -qAtc 'create table a (b int); insert into a values (41); select b + 1 from a'",
    );
    assert!(said.contains("42"), "{said}");
    prints(
        &world,
        "test \"$(psql -At \"$DATABASE_URL\" -c 'select to_regclass(null) is null')\" = t",
    );
}

#[test]
fn a_key_value_store_answers_needs_redis() {
    let world = world(&["redis"], &[]);
    let said = prints(
        &world,
        "redis-cli set a 41 && redis-cli -u \"$REDIS_URL\" incr a",
    );
    assert!(said.contains("42"), "{said}");
}
