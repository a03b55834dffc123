//! Notifications: one row for each event and sink, bounded for each goal, given up after a day.

use std::collections::BTreeSet;

use alai_core::notify::{AT_ONCE_MAX, Kind, WINDOW_MS};
use alai_mission::{Again, NOTICE_AGE_MS_MAX, Subscription};

use super::*;

fn subscribed(world: &World, sinks: &[(&str, &[Kind])]) {
    let to: Vec<Subscription> = sinks
        .iter()
        .map(|(sink, kinds)| Subscription {
            sink: (*sink).to_owned(),
            kinds: kinds.iter().copied().collect::<BTreeSet<Kind>>(),
        })
        .collect();
    world.mission.subscribe(&to, 1).expect("subscribes");
}

fn add_waiting(world: &World, goal: Option<TaskId>, now: i64) -> TaskId {
    let mut task = world.build("stops at once");
    task.goal = goal;
    task.waiting = Some(Waiting {
        reason: WaitReason::Safety,
        ..waiting()
    });
    world.mission.add(task, None, "test", now).expect("a task")
}

#[test]
fn one_event_is_one_row_for_each_sink_that_wants_it() {
    let world = world();
    let m = &world.mission;
    subscribed(
        &world,
        &[
            ("a", &[Kind::NeedsYou]),
            ("b", &Kind::ALL),
            ("c", &[Kind::Done]),
        ],
    );
    let task = add_waiting(&world, None, 10);
    let due = |sink: &str| m.messages_due(sink, 10, 10).expect("reads");
    let (a, b) = (due("a"), due("b"));
    assert_eq!((a.len(), b.len(), due("c").len()), (1, 1, 0));
    assert_eq!(a[0].id, b[0].id, "the id is the event's");
    assert!(a[0].id.starts_with("evt_"), "{}", a[0].id);
    let notice = &a[0].notices[0];
    assert_eq!(
        (notice.kind, notice.task),
        (Some(Kind::NeedsYou), Some(task))
    );
    assert_eq!(notice.detail, "none");
    assert_eq!(m.sinks_due(10).expect("reads"), ["a", "b"]);
    // One sink is told and the other is not.
    m.told("a", &a[0], 20).expect("noted");
    assert_eq!(m.sinks_due(20).expect("reads"), ["b"]);
    // The wiki's own rows are no sink's, and the other way round.
    assert!(
        m.outbox_due(20, 99)
            .expect("reads")
            .iter()
            .all(|row| row.sink == "wiki")
    );
    world.sound();
}

#[test]
fn nobody_is_told_where_nobody_wants_to_know_and_what_is_told_stays_told_after_the_settings_change()
{
    let world = world();
    let m = &world.mission;
    add_waiting(&world, None, 10);
    assert!(m.sinks().expect("reads").is_empty());
    subscribed(&world, &[("a", &Kind::ALL)]);
    assert!(
        m.messages_due("a", 10, 10).expect("reads").is_empty(),
        "nothing of before"
    );
    add_waiting(&world, None, 11);
    assert_eq!(m.sinks().expect("reads")[0].pending, 1);
    subscribed(&world, &[]);
    assert_eq!(m.dead_effects().expect("reads").0, 0);
    subscribed(&world, &[("a", &Kind::ALL)]);
    assert_eq!(
        m.sinks().expect("reads")[0].pending,
        0,
        "it was closed with its sink"
    );
    world.sound();
}

#[test]
fn a_storm_of_one_goal_is_a_few_messages_and_one_more() {
    let world = world();
    let m = &world.mission;
    subscribed(&world, &[("a", &[Kind::NeedsYou])]);
    let goal = world.add(NewTask::new(TaskKind::Goal, "g"));
    let other = world.add(NewTask::new(TaskKind::Goal, "another"));
    for n in 0..20 {
        add_waiting(&world, Some(goal), 1_000 + n);
    }
    add_waiting(&world, Some(other), 1_100);
    let at_once = usize::try_from(AT_ONCE_MAX).expect("fits");
    let due = m.messages_due("a", 99, 2_000).expect("reads");
    assert_eq!(
        due.len(),
        at_once + 1,
        "the other goal's does not wait for this one"
    );
    assert!(due.iter().all(|message| message.notices.len() == 1));
    for message in &due {
        m.told("a", message, 2_000).expect("noted");
    }
    assert!(m.messages_due("a", 99, 3_000).expect("reads").is_empty());
    // The rest is one message, with an id that does not change, and takes in no more once it is due.
    let later = 1_000 + i64::from(at_once as u32) + WINDOW_MS;
    let digest = m.messages_due("a", 99, later).expect("reads");
    assert_eq!(digest.len(), 1);
    assert_eq!(digest[0].notices.len(), 20 - at_once);
    assert_eq!(digest[0].id, digest[0].notices[0].id);
    add_waiting(&world, Some(goal), later);
    let again = m.messages_due("a", 99, later).expect("reads");
    assert_eq!(again[0], digest[0], "a second attempt is the same message");
    m.told("a", &digest[0], later).expect("noted");
    let left = m.messages_due("a", 99, later).expect("reads");
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].notices.len(), 1);
    world.sound();
}

#[test]
fn a_sink_that_fails_pauses_alone_and_its_messages_are_given_up_after_a_day() {
    let world = world();
    let m = &world.mission;
    subscribed(&world, &[("down", &Kind::ALL), ("up", &Kind::ALL)]);
    add_waiting(&world, None, 1_000);
    let first = |sink: &str, now| {
        m.messages_due(sink, 1, now)
            .expect("reads")
            .into_iter()
            .next()
    };
    let message = first("down", 1_000).expect("due");
    m.untold("down", &message, "503", Again::Later(Some(30_000)), 1_000)
        .expect("noted");
    assert_eq!(first("down", 30_999), None, "it asked for thirty seconds");
    let of_up = first("up", 1_000).expect("the other one is due");
    m.told("up", &of_up, 1_000).expect("noted");
    // What comes meanwhile waits for the sink too.
    add_waiting(&world, None, 2_000);
    assert_eq!(m.sinks_due(2_000).expect("reads"), ["up"]);
    let mut now = 31_000;
    let mut tries = 1;
    while let Some(message) = first("down", now) {
        m.untold("down", &message, "503", Again::Later(None), now)
            .expect("noted");
        tries += 1;
        now += 11 * 60_000;
        assert!(tries < 1_000, "it is tried for ever");
    }
    assert!(now > NOTICE_AGE_MS_MAX, "given up after {now} ms");
    let (dead, why) = m.dead_effects().expect("reads");
    assert_eq!((dead, why.as_deref()), (2, Some("down: 503")));
    let down = &m.sinks().expect("reads")[0];
    assert_eq!(
        (down.pending, down.given_up, down.last_error.as_deref()),
        (0, 2, Some("503"))
    );
    // A person has them sent again.
    assert_eq!(m.revive_effects(now).expect("revives"), 2);
    let message = first("down", now).expect("due again");
    assert_eq!(message.id, of_up.id, "and it is still the same event");
    m.told("down", &message, now).expect("noted");
    world.sound();
}

#[test]
fn a_message_that_is_refused_is_given_up_at_once_and_holds_up_no_other() {
    let world = world();
    let m = &world.mission;
    subscribed(&world, &[("a", &Kind::ALL)]);
    add_waiting(&world, None, 1_000);
    add_waiting(&world, None, 1_000);
    let due = m.messages_due("a", 9, 1_000).expect("reads");
    m.untold("a", &due[0], "answered 404", Again::Never, 1_000)
        .expect("noted");
    assert_eq!(m.dead_effects().expect("reads").0, 1);
    assert_eq!(
        m.messages_due("a", 9, 1_000).expect("reads"),
        [due[1].clone()]
    );
    // One that always fails comes after those that were not tried.
    m.untold("a", &due[1], "500", Again::Later(None), 1_000)
        .expect("noted");
    let third = add_waiting(&world, None, 1_500);
    let next = m.messages_due("a", 9, 60_000).expect("reads");
    assert_eq!(next[0].notices[0].task, Some(third));
    assert_eq!(next.len(), 2);
    world.sound();
}

#[test]
fn a_test_reaches_the_sinks_that_were_named_whatever_they_want() {
    let world = world();
    let m = &world.mission;
    subscribed(&world, &[("a", &[Kind::Done]), ("b", &[])]);
    let rows = m.test_notices(vec!["b".into()], "me", 10).expect("queued");
    let due = m.messages_due("b", 9, 10).expect("reads");
    assert_eq!(due[0].rows, rows);
    assert_eq!(due[0].notices[0].kind, None);
    assert!(m.messages_due("a", 9, 10).expect("reads").is_empty());
    m.not_shown(&due[0], "no session", 20).expect("noted");
    let stands = m.sendings(&rows).expect("reads");
    assert_eq!(
        (stands[0].sink.as_str(), stands[0].state.as_str()),
        ("b", "delivered")
    );
    assert_eq!(stands[0].last_error.as_deref(), Some("no session"));
    world.sound();
}
