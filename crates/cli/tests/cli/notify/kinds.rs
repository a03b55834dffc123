//! Each kind of notification reaches its receiver with the command that acts, and that command does.

use super::*;

/// The command that a next action names, without its first word.
fn command_of(next: &str) -> Vec<&str> {
    let command = next.split('`').nth(1).expect("a command in backquotes");
    let mut words = command.split(' ');
    assert_eq!(words.next(), Some("alai"), "{next}");
    words.collect()
}

#[test]
fn a_goal_that_fails_for_good_is_told_with_the_command_that_takes_it_up_and_that_command_acts() {
    let told = Told {
        world: World::with_project("auto"),
        slack: Receiver::start([]),
        hook: Receiver::start([]),
    };
    // One sink is down from the first message to the last.
    told.slack.answers(Take::Hang);
    // No model is there to plan it, and its plan is called off.
    told.alai(&["start", "Count letters", "--project", "tiny"])
        .exits(6);
    told.alai(&["mc", "cancel", "2"]).exits(0);
    told.world.play(&Script::good());
    let script = std::fs::read_to_string(told.world.home().join("alai.toml")).expect("settings");
    set(&told.world, &format!("{script}\n{SINKS}"));
    let daemon = told.up();
    let failed = told.hook.await_requests(1).remove(0);
    signed(&failed);
    assert_eq!(failed.body["type"], "alai.failed");
    let said = &failed.body["data"]["notifications"][0];
    assert_eq!(
        (&said["task_id"], &said["state"], &said["title"]),
        (&1.into(), &"failed".into(), &"Count letters".into())
    );
    let reason = said["reason"].as_str().expect("a reason");
    assert!(reason.contains("nothing was merged"), "{said}");
    let next = said["next_action"].as_str().expect("a next action");
    let why = told.world.json(["why", "1", "--json"])["why"].clone();
    assert_eq!(said["next_action"], why["next_action"]);
    // It is no command that fails once more at the next look: with the goal goes what was lost.
    told.alai(&command_of(next)).exits(0);
    let done = told.hook.await_requests(2).remove(1);
    signed(&done);
    assert_eq!(done.body["type"], "alai.done", "{:?}", done.body);
    let said = &done.body["data"]["notifications"][0];
    assert_eq!(
        (&said["task_id"], &said["trust"]),
        (&1.into(), &"L3".into())
    );
    assert_eq!(told.world.state(1), "done");
    told.down(daemon);
    assert_eq!(told.hook.requests().len(), 2);
    let team = told.sink("team");
    assert_eq!(
        team["pending"], 2,
        "nothing is lost, and nobody waited: {team}"
    );
}

#[test]
fn what_nobody_but_a_person_s_word_proves_is_told_as_claimed_and_never_as_done() {
    let told = Told {
        world: World::with_project("auto"),
        slack: Receiver::start([]),
        hook: Receiver::start([]),
    };
    // No model is there to plan it.
    told.alai(&["start", "Count letters", "--project", "tiny"])
        .exits(6);
    set(&told.world, SINKS);
    told.alai(&["mc", "done", "1", "I counted them"]).exits(0);
    let daemon = told.up();
    let hooked = told.hook.await_requests(1).remove(0);
    signed(&hooked);
    assert_eq!(hooked.body["type"], "alai.claimed", "{:?}", hooked.body);
    let said = &hooked.body["data"]["notifications"][0];
    assert_eq!(
        (&said["kind"], &said["state"], &said["trust"]),
        (&"claimed".into(), &"claimed".into(), &"L0".into())
    );
    let slack = told.slack.await_requests(1).remove(0);
    let text = slack.body["text"].as_str().expect("a text");
    assert!(
        text.starts_with("alai #1 claimed (L0): Count letters"),
        "{text}"
    );
    told.down(daemon);
}
