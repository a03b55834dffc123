use super::*;
use crate::ids::TaskId;
use crate::pipeline::tests::{context, task};
use crate::pipeline::{INFRA_ATTEMPTS_MAX, QA_RETRIES_MAX, advance, timed_out};
use crate::plan::PlannedTask;

fn around() -> Around {
    Around {
        counted: Counted {
            splits_above: 0,
            replans: 0,
            left: 10,
        },
        spent: None,
    }
}

/// A build of a goal whose tries are over.
fn worn() -> Task {
    let mut worn = task(TaskKind::Build);
    worn.goal = Some(TaskId(1));
    worn.counters.qa_retries = QA_RETRIES_MAX;
    worn
}

fn lost() -> Failure {
    Failure::Lost {
        findings: vec!["f".into()],
    }
}

fn overrun(limit: Limit) -> Failure {
    Failure::Overrun {
        findings: vec!["f".into()],
        limit,
    }
}

fn quality() -> Failure {
    Failure::quality(vec!["f".into()])
}

fn ends(task: &Task, failure: Failure, around: Option<Around>) -> Vec<Effect> {
    let context = Context {
        around,
        ..context()
    };
    advance(task, &Ended::Failed { failure }, &context)
}

/// The manner of planning anew, or what a person is told, or nothing of both: another try.
fn manner(effects: &[Effect]) -> Result<Planning, Option<String>> {
    match effects {
        [Effect::Retry { .. }, Effect::PlanAnew { spec, .. }] => {
            Ok(spec.planning.clone().expect("a manner"))
        }
        [Effect::Ask { waiting, .. }] => Err(Some(waiting.detail.clone())),
        _ => Err(None),
    }
}

#[test]
fn who_is_lost_is_split_and_who_is_not_good_enough_is_planned_anew() {
    let of = worn().id;
    let split = |depth| Planning::Split { of, depth };
    let replan = |nr| Planning::Replan { of, nr };
    for (failure, above, replans, want) in [
        (lost(), 0, 0, split(1)),
        (overrun(Limit::Steps), 0, 0, split(1)),
        (overrun(Limit::Time), 1, 0, split(2)),
        // What one bound counts is nothing to the other.
        (lost(), 0, REPLANS_MAX, split(1)),
        (quality(), 0, 0, replan(1)),
        (quality(), SPLITS_DEEP_MAX, 1, replan(2)),
    ] {
        let mut around = around();
        (around.counted.splits_above, around.counted.replans) = (above, replans);
        let effects = ends(&worn(), failure.clone(), Some(around));
        assert_eq!(manner(&effects), Ok(want), "{failure:?} {above} {replans}");
    }
}

#[test]
fn a_task_of_no_goal_is_split_and_its_last_part_has_what_is_made_of_it_once() {
    let mut own = worn();
    own.goal = None;
    own.tags = vec!["bento".into(), "docs".into(), "deploy".into()];
    own.acceptance = vec!["it is tested".into()];
    let effects = ends(&own, lost(), Some(around()));
    let of = own.id;
    assert_eq!(manner(&effects), Ok(Planning::Split { of, depth: 1 }));
    let Effect::PlanAnew { spec, .. } = &effects[1] else {
        panic!("{effects:?}");
    };
    assert_eq!((spec.goal, spec.parent), (None, Some(of)));
    let mut planning = task(TaskKind::Spec);
    planning.planning.clone_from(&spec.planning);
    (planning.goal, planning.tags) = (None, spec.tags.clone());
    let mut first = PlannedTask::new("one", "Say one");
    first.deploy = true;
    let two = PlannedTask::new("two", "Say two");
    let plan = [&first, &two];
    let parts = parts(&planning, &own, &plan, &context());
    let tags: Vec<Vec<&str>> = { parts.iter() }
        .map(|part| part.task.tags.iter().map(String::as_str).collect())
        .collect();
    assert_eq!(
        tags,
        [vec!["bento", "deploy"], vec!["bento", "docs", "deploy"]]
    );
    assert_eq!(parts[1].task.acceptance, own.acceptance);
    assert_eq!(parts[1].needs_new, [(0, Until::Integrated)]);
    assert!(is_in_place_of(&planning, &own));
}

#[test]
fn a_bound_that_is_reached_is_told_to_a_person() {
    let bound = |change: fn(&mut Around)| {
        let mut around = around();
        change(&mut around);
        around
    };
    for (failure, around, said) in [
        (
            lost(),
            bound(|a| a.counted.splits_above = SPLITS_DEEP_MAX),
            "it was split 2 times already",
        ),
        (
            quality(),
            bound(|a| a.counted.replans = REPLANS_MAX),
            "planned anew 2 times already",
        ),
        (lost(), bound(|a| a.counted.left = 1), "at most 36 tasks"),
        (quality(), bound(|a| a.counted.left = 0), "at most 36 tasks"),
        (
            quality(),
            bound(|a| a.spent = Some("its goal has spent its $25.00".into())),
            "its goal has spent its $25.00",
        ),
    ] {
        let told = manner(&ends(&worn(), failure, Some(around)));
        let told = told.expect_err("a person").expect("words");
        assert!(told.contains(said) && told.contains("last: f"), "{told}");
    }
}

#[test]
fn nothing_else_is_planned_anew() {
    let with = |change: fn(&mut Task)| {
        let mut worn = worn();
        change(&mut worn);
        worn
    };
    let all = [
        (
            "of no goal, and never good enough",
            with(|t| t.goal = None),
            quality(),
        ),
        ("only its gate", with(|t| t.solo = true), lost()),
        (
            "a person's commit",
            with(|t| t.handed = Some("c".into())),
            quality(),
        ),
        ("no cage", with(|t| t.sandbox = Sandbox::Off), lost()),
        ("operations", with(|t| t.kind = TaskKind::Ops), quality()),
        ("documents", with(|t| t.kind = TaskKind::Docs), lost()),
        ("a review", with(|t| t.kind = TaskKind::Review), lost()),
        ("its money", worn(), overrun(Limit::Money)),
    ];
    for (what, task, failure) in all {
        let effects = ends(&task, failure, Some(around()));
        let told = manner(&effects).expect_err(what).expect(what);
        assert!(!told.contains("planned anew"), "{what}: {told}");
    }
    // Nobody looked, or the task has tries left.
    assert!(manner(&ends(&worn(), lost(), None)).is_err());
    let fresh = with(|t| t.counters.qa_retries = 0);
    assert_eq!(manner(&ends(&fresh, lost(), Some(around()))), Err(None));
    // What a cap, a rule, a machine or a person stops.
    for failure in [
        Failure::NoModel { detail: "d".into() },
        Failure::NoRoom { detail: "d".into() },
        Failure::Infrastructure { detail: "d".into() },
        Failure::Rail {
            rule: "r".into(),
            detail: "d".into(),
        },
    ] {
        let effects = ends(&worn(), failure.clone(), Some(around()));
        assert!(manner(&effects).is_err(), "{failure:?}");
    }
}

#[test]
fn the_specification_has_the_tasks_own_words_and_the_task_stays_as_it_is() {
    let mut worn = worn();
    worn.description = "in words".into();
    worn.acceptance = vec!["it is tested".into()];
    worn.checks = vec!["true".into()];
    worn.company_pin = Some("Vizu".into());
    let effects = ends(&worn, lost(), Some(around()));
    let [
        Effect::Retry { counters, .. },
        Effect::PlanAnew { spec, .. },
    ] = effects.as_slice()
    else {
        panic!("{effects:?}");
    };
    assert_eq!(*counters, worn.counters);
    assert_eq!((spec.kind, spec.goal), (TaskKind::Spec, worn.goal));
    assert_eq!(spec.parent, Some(worn.id));
    assert!(spec.title.starts_with("Split: "), "{}", spec.title);
    assert_eq!(
        (&spec.description, &spec.acceptance, &spec.checks),
        (&worn.description, &worn.acceptance, &worn.checks)
    );
    assert_eq!(spec.company_pin, worn.company_pin);
}

fn plan(tasks: Vec<PlannedTask>) -> Plan {
    Plan {
        spec: "s".into(),
        tasks,
    }
}

fn part(key: &str) -> PlannedTask {
    PlannedTask::new(key, format!("do {key}"))
}

fn parts_of(count: usize) -> Plan {
    plan((0..count).map(|n| part(&n.to_string())).collect())
}

#[test]
fn a_plan_stands_in_the_place_of_a_task_within_its_bounds_alone() {
    let split = Planning::Split {
        of: TaskId(3),
        depth: 1,
    };
    let replan = Planning::Replan {
        of: TaskId(3),
        nr: 1,
    };
    let fits = |plan: &Plan, planning: &Planning, around: &Around| {
        replaces(plan, planning, &worn(), around)
    };
    for (count, of_split, of_replan) in [
        (0, "no task", "no task"),
        (1, "one task is no split", ""),
        (2, "", ""),
        (4, "", ""),
        (5, "at most 4", "at most 4"),
    ] {
        for (planning, said) in [(&split, of_split), (&replan, of_replan)] {
            let told = fits(&parts_of(count), planning, &around());
            match said {
                "" => assert_eq!(told, Ok(()), "{count} {planning:?}"),
                said => assert!(told.as_ref().is_err_and(|e| e.contains(said)), "{told:?}"),
            }
        }
    }
    let mut few = around();
    few.counted.left = 2;
    assert!(fits(&parts_of(3), &split, &few).is_err_and(|e| e.contains("2 are left")));
    let mut circle = parts_of(2);
    circle.tasks[0].needs = vec!["1".into()];
    circle.tasks[1].needs = vec!["0".into()];
    let mut paths = parts_of(2);
    paths.tasks[0].paths = vec!["../x".into()];
    let mut company = parts_of(2);
    company.tasks[0].company = Some("Vizu".into());
    for wrong in [circle, paths, company] {
        assert!(fits(&wrong, &split, &around()).is_err(), "{wrong:?}");
    }
}

#[test]
fn a_part_changes_no_test_that_the_task_could_not() {
    for (own, entry, fits) in [
        ("tests/a.py", "tests/a.py", true),
        ("./tests/a.py", "tests/a.py", true),
        ("tests/**", "tests/sub/a.py", true),
        ("tests/", "tests/a.py", true),
        ("tests/**", "tests/sub/**", true),
        ("tests/a.py", "tests/b.py", false),
        ("tests/a.py", "tests/**", false),
        ("tests/sub/**", "tests/**", false),
        ("tests/*.py", "tests/a.sh", false),
        ("tests/**", "testsuite/a.py", false),
        ("tests", "tests/a.py", false),
    ] {
        let mut task = worn();
        task.changes_tests = vec![own.into()];
        let mut one = part("a");
        one.changes_tests = vec![entry.into()];
        let planning = Planning::Replan { of: task.id, nr: 1 };
        let told = replaces(&plan(vec![one]), &planning, &task, &around());
        assert_eq!(told.is_ok(), fits, "{own} {entry}: {told:?}");
    }
    let mut one = part("a");
    one.changes_tests = vec!["tests/a.py".into()];
    let planning = Planning::Replan {
        of: TaskId(7),
        nr: 1,
    };
    assert!(replaces(&plan(vec![one]), &planning, &worn(), &around()).is_err());
}

/// The specification that plans `dead` anew, as it comes back with an end.
fn spec(dead: &Task) -> Task {
    let effects = ends(dead, lost(), Some(around()));
    let Some(Effect::PlanAnew { spec: new, .. }) = effects.get(1) else {
        panic!("{effects:?}");
    };
    let mut spec = task(TaskKind::Spec);
    spec.id = TaskId(40);
    spec.goal = new.goal;
    spec.parent = new.parent;
    spec.planning.clone_from(&new.planning);
    spec.title.clone_from(&new.title);
    spec.description.clone_from(&new.description);
    spec.changes_tests.clone_from(&new.changes_tests);
    spec
}

fn planned(dead: &Task, plan: Plan, change: fn(&mut Context)) -> Vec<Effect> {
    let mut context = Context {
        around: Some(around()),
        dead: Some(Box::new(dead.clone())),
        ..context()
    };
    change(&mut context);
    let source = PlanSource::Model;
    advance(&spec(dead), &Ended::Planned { plan, source }, &context)
}

fn open() -> Task {
    let mut dead = worn();
    dead.state = State::Open;
    dead.findings = vec!["older".into(), "the newest".into()];
    dead
}

#[test]
fn the_parts_stand_in_the_place_of_the_task_and_the_last_is_judged_like_it() {
    let mut dead = open();
    dead.acceptance = vec!["all of it".into()];
    dead.checks = vec!["sh all.sh".into()];
    dead.company_pin = Some("Vizu".into());
    let mut two = part("b");
    two.acceptance = vec!["its own".into()];
    let effects = planned(&dead, plan(vec![part("a"), two]), |_| {});
    let [
        Effect::Planned {
            instead_of, tasks, ..
        },
        Effect::Complete { .. },
        Effect::Replace { task, by, counted },
    ] = effects.as_slice()
    else {
        panic!("{effects:?}");
    };
    assert_eq!((*instead_of, *tasks, *task), (Some(dead.id), 2, dead.id));
    assert_eq!(*counted, around().counted, "what it was judged by");
    let [first, last] = by.as_slice() else {
        panic!("{by:?}");
    };
    assert_eq!(first.task.parent, Some(TaskId(40)));
    assert_eq!(first.task.company_pin, dead.company_pin);
    assert_eq!((first.task.goal, first.task.lineage), (dead.goal, None));
    assert!(first.task.checks.is_empty() && first.needs_new.is_empty());
    assert_eq!(last.task.checks, dead.checks);
    assert_eq!(last.task.acceptance, ["its own", "all of it"]);
    assert_eq!(last.needs_new, [(0, Until::Integrated)]);
}

#[test]
fn a_plan_that_is_refused_when_it_lands_and_every_other_end_are_a_persons() {
    let refused = planned(&open(), parts_of(5), |_| {});
    let none_left = planned(&open(), parts_of(2), |context| {
        if let Some(around) = &mut context.around {
            around.counted.left = 1;
        }
    });
    let ended = |failure| {
        let context = Context {
            around: Some(around()),
            dead: Some(Box::new(open())),
            ..context()
        };
        let mut spec = spec(&open());
        spec.counters.infra_attempts = super::super::INFRA_ATTEMPTS_MAX - 1;
        advance(&spec, &Ended::Failed { failure }, &context)
    };
    let infra = Failure::Infrastructure {
        detail: "the host is down".into(),
    };
    for effects in [
        refused,
        none_left,
        ended(quality()),
        ended(lost()),
        ended(infra),
    ] {
        let [
            Effect::Complete { note, .. },
            Effect::AskAbout { task, waiting },
        ] = effects.as_slice()
        else {
            panic!("{effects:?}");
        };
        assert!(note.starts_with("no usable plan: "), "{note}");
        assert_eq!((*task, waiting.reason), (open().id, WaitReason::QaRetries));
        assert!(waiting.detail.contains("was not split: "), "{waiting:?}");
        assert!(waiting.detail.ends_with("last: the newest"), "{waiting:?}");
        assert!(
            waiting.next_action.contains("alai mc answer"),
            "{waiting:?}"
        );
    }
}

#[test]
fn what_a_person_took_meanwhile_is_left_to_him() {
    for state in [
        State::Cancelled,
        State::Done,
        State::Paused,
        State::Waiting,
        State::Started,
    ] {
        let mut dead = open();
        dead.state = state;
        let effects = planned(&dead, parts_of(2), |_| {});
        assert!(
            matches!(effects.as_slice(), [Effect::Complete { .. }]),
            "{state}: {effects:?}"
        );
    }
}

#[test]
fn what_stops_any_specification_stops_this_one_with_its_own_way_on() {
    let context = Context {
        around: Some(around()),
        dead: Some(Box::new(open())),
        ..context()
    };
    for failure in [
        Failure::NoModel { detail: "d".into() },
        Failure::NoRoom { detail: "d".into() },
        Failure::Human {
            detail: "d".into(),
            at: crate::transition::Transition::Spawn,
        },
    ] {
        let ended = Ended::Failed { failure };
        let effects = advance(&spec(&open()), &ended, &context);
        assert!(
            matches!(effects.as_slice(), [Effect::Ask { .. }]),
            "{effects:?}"
        );
    }
    // A machine is tried again first; and so is what nobody looked for.
    let failure = Failure::Infrastructure { detail: "d".into() };
    let ended = Ended::Failed { failure };
    for context in [context, super::super::tests::context()] {
        let effects = advance(&spec(&open()), &ended, &context);
        assert!(
            matches!(effects.as_slice(), [Effect::Retry { .. }]),
            "{effects:?}"
        );
    }
}

#[test]
fn a_run_that_is_ended_from_outside_is_tried_again_as_a_machine_is_and_then_split() {
    let mut late = worn();
    late.counters.qa_retries = 0;
    let ended = |late: &Task, around: Option<Around>| {
        let context = Context {
            around,
            ..context()
        };
        timed_out(late, "it took longer than 3 minutes", &context)
    };
    for attempts in 0..INFRA_ATTEMPTS_MAX - 1 {
        late.counters.infra_attempts = attempts;
        let again = ended(&late, Some(around()));
        assert!(
            matches!(again.as_slice(), [Effect::Retry { counters, .. }] if counters.infra_attempts == attempts + 1)
        );
    }
    late.counters.infra_attempts = INFRA_ATTEMPTS_MAX - 1;
    let split = ended(&late, Some(around()));
    let (of, depth) = (late.id, 1);
    assert_eq!(manner(&split), Ok(Planning::Split { of, depth }));
    let Effect::Retry {
        counters, findings, ..
    } = &split[0]
    else {
        panic!("{split:?}")
    };
    assert_eq!(*counters, late.counters, "nobody goes on past the bound");
    assert_eq!(*findings, ["it took longer than 3 minutes"]);

    let mut deep = around();
    deep.counted.splits_above = SPLITS_DEEP_MAX;
    for (around, says) in [(Some(deep), true), (None, false)] {
        let asked = ended(&late, around);
        let [Effect::Ask { waiting, .. }] = asked.as_slice() else {
            panic!("{asked:?}")
        };
        assert_eq!(waiting.reason, WaitReason::InfraAttempts);
        assert!(waiting.detail.contains("it took longer than 3 minutes"));
        assert_eq!(waiting.detail.contains("it was split 2 times"), says);
    }
    let mut docs = late.clone();
    docs.kind = TaskKind::Docs;
    assert!(matches!(
        ended(&docs, Some(around())).as_slice(),
        [Effect::Ask { .. }]
    ));
}
