#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "an effect that is not expected fails the test"
)]

use super::*;
use crate::ids::Epoch;
use crate::qa::{Check, CheckResult, Measurement, Policy, judge};
use crate::review::{Finding, ReviewVerdict, Severity};
use crate::task::{Priority, State, TITLE_BYTES_MAX};

pub(super) fn task(kind: TaskKind) -> Task {
    Task {
        id: TaskId(7),
        kind,
        goal: Some(TaskId(1)),
        parent: Some(TaskId(1)),
        lineage: None,
        title: "Add rate limiting".into(),
        description: "in words".into(),
        priority: Priority::High,
        owner: None,
        tags: vec!["bento".into()],
        project: Some(ProjectId(1)),
        acceptance: vec!["429 after ten".into()],
        checks: vec!["./check.sh".into()],
        changes_tests: vec![],
        paths: vec![],
        company_pin: None,
        model_pin: None,
        class: None,
        state: State::ReadyForReview,
        epoch: Epoch(1),
        counters: Counters::default(),
        waiting: None,
        base: Some("b".into()),
        start_from: None,
        head: Some("h".into()),
        handed: None,
        integrated: None,
        solo: false,
        blueprint: None,
        inputs: std::collections::BTreeMap::new(),
        planning: None,
        sandbox: crate::cage::Sandbox::On,
        findings: vec![],
        cleared: vec![],
        created_ms: 0,
        updated_ms: 0,
        run_at_ms: 0,
    }
}

pub(super) fn context() -> Context {
    Context {
        now_ms: 1_000,
        operator: "alem".into(),
        jitter: 1.0,
        wants_docs: false,
        wants_ops: false,
        auto_delivery: false,
        verify: None,
        told: Vec::new(),
        chain: Default::default(),
        around: None,
        dead: None,
    }
}

fn verdict(result: CheckResult) -> Verdict {
    let all: Vec<Measurement> = Check::ALL
        .iter()
        .map(|c| Measurement {
            check: *c,
            result,
            detail: "d".into(),
        })
        .collect();
    judge(&all, Policy::default())
}

fn gated_with(task: &Task, result: CheckResult) -> Vec<Effect> {
    advance(
        task,
        &Ended::Gated {
            verdict: verdict(result),
            base: "b".into(),
            head: "h".into(),
        },
        &context(),
    )
}

fn spawned(effects: &[Effect]) -> Vec<&NewTask> {
    effects
        .iter()
        .filter_map(|e| {
            if let Effect::Spawn { tasks } = e {
                Some(tasks)
            } else {
                None
            }
        })
        .flatten()
        .map(|s| &s.task)
        .collect()
}

fn review(verdict: ReviewVerdict, severity: Severity) -> Review {
    let findings = match verdict {
        ReviewVerdict::Pass => vec![],
        ReviewVerdict::PassWithFindings | ReviewVerdict::Reject => vec![Finding {
            path: Some("src/a.rs".into()),
            line: Some(3),
            detail: "add one".into(),
            ..Finding::new(severity, "no limit")
        }],
    };
    Review {
        criteria: Vec::new(),
        verdict,
        summary: "sum".into(),
        findings,
    }
}

#[test]
fn a_passed_build_is_done_and_goes_to_review() {
    let effects = gated_with(&task(TaskKind::Build), CheckResult::Pass);
    assert!(matches!(&effects[0], Effect::Complete { head: Some(h), .. } if h == "h"));
    let next = spawned(&effects);
    assert_eq!(next.len(), 1);
    assert_eq!(next[0].kind, TaskKind::Review);
    assert_eq!(
        next[0].title,
        "[BENTO-REVIEW] Code review: Add rate limiting"
    );
    assert_eq!(
        (next[0].lineage, next[0].head.as_deref()),
        (Some(TaskId(7)), Some("h"))
    );
    assert_eq!(next[0].checks, ["./check.sh"], "carried on for a rework");
    assert!(
        !effects.iter().any(|e| matches!(e, Effect::Enqueue { .. })),
        "nothing merges before review"
    );
}

#[test]
fn who_judges_a_build_is_told_that_its_own_checks_were_green_before() {
    let of = |result, detail: &str| {
        let mut measured = Check::ALL.map(|check| Measurement {
            check,
            result: CheckResult::Pass,
            detail: "seen".into(),
        });
        let own = &mut measured[Check::AcceptanceChecks.number() - 1];
        (own.result, own.detail) = (result, detail.to_owned());
        let ended = Ended::Gated {
            verdict: judge(&measured, Policy::default()),
            base: "b".into(),
            head: "h".into(),
        };
        advance(&task(TaskKind::Build), &ended, &context())
    };
    let green = format!("2 checks, and all {}", crate::qa::GREEN_BEFORE);
    for (result, detail, told) in [
        (CheckResult::Pass, "2 checks of the task: exit 0", None),
        (
            CheckResult::NotApplicable,
            "the task brings no checks",
            None,
        ),
        (
            CheckResult::Pass,
            green.as_str(),
            Some("some passed before"),
        ),
        (
            CheckResult::NotApplicable,
            &green,
            Some("all passed before"),
        ),
    ] {
        let said = spawned(&of(result, detail))[0].description.clone();
        assert_eq!(said.contains("passed before"), told.is_some(), "{said}");
        assert!(told.is_none_or(|words| said.contains(words)), "{said}");
    }
    let unproven = format!("{}: {green}", crate::qa::UNPROVEN);
    let said = spawned(&of(CheckResult::NotApplicable, &unproven))[0]
        .description
        .clone();
    assert!(said.contains("all passed before"), "{said}");
}

#[test]
fn a_solo_build_ends_at_its_gate() {
    let mut solo = task(TaskKind::Build);
    solo.solo = true;
    let effects = gated_with(&solo, CheckResult::Pass);
    assert!(spawned(&effects).is_empty());
    assert!(!effects.iter().any(|e| matches!(e, Effect::Enqueue { .. })));
}

#[test]
fn a_passed_docs_task_goes_straight_to_the_merge_queue() {
    let effects = gated_with(&task(TaskKind::Docs), CheckResult::Pass);
    assert!(effects.iter().any(|e| matches!(
        e,
        Effect::Enqueue {
            lineage: TaskId(7),
            ..
        }
    )));
    assert!(spawned(&effects).is_empty());
}

#[test]
fn review_leads_to_security_and_security_to_the_merge() {
    let mut reviewing = task(TaskKind::Review);
    reviewing.title = "[BENTO-REVIEW] Code review of Add rate limiting".into();
    reviewing.lineage = Some(TaskId(5));
    let pass = Ended::Reviewed {
        review: review(ReviewVerdict::Pass, Severity::Low),
    };
    let effects = advance(&reviewing, &pass, &context());
    let next = spawned(&effects);
    assert_eq!(
        next[0].title,
        "[BENTO-SECURITY] Security audit: Add rate limiting"
    );
    let mut auditing = task(TaskKind::Security);
    auditing.lineage = Some(TaskId(5));
    let effects = advance(&auditing, &pass, &context());
    assert!(effects.iter().any(|e| matches!(
        e,
        Effect::Enqueue {
            lineage: TaskId(5),
            ..
        }
    )));
    assert!(spawned(&effects).is_empty());
}

#[test]
fn a_reject_makes_a_build_on_the_rejected_commit_then_a_person_decides() {
    for kind in [TaskKind::Review, TaskKind::Security] {
        for cycles in 0..=REVIEW_CYCLES_MAX {
            let mut judging = task(kind);
            judging.lineage = Some(TaskId(5));
            judging.counters.review_cycles = cycles;
            let reject = Ended::Reviewed {
                review: review(ReviewVerdict::Reject, Severity::High),
            };
            let effects = advance(&judging, &reject, &context());
            let next = spawned(&effects);
            assert_eq!(next.len(), 1);
            assert_eq!(next[0].kind, TaskKind::Build);
            assert_eq!(next[0].start_from.as_deref(), Some("h"));
            assert_eq!(next[0].base.as_deref(), Some("b"));
            assert_eq!(next[0].review_cycles, cycles + 1);
            assert_eq!(next[0].findings, ["[high] src/a.rs:3 no limit: add one"]);
            assert_eq!(
                next[0].waiting.is_some(),
                cycles == REVIEW_CYCLES_MAX,
                "cycle {cycles}"
            );
            assert!(
                !effects.iter().any(|e| matches!(e, Effect::Enqueue { .. })),
                "a rejected change never merges"
            );
        }
    }
}

#[test]
fn findings_of_a_pass_become_one_follow_up_that_never_follows_itself() {
    let with = Ended::Reviewed {
        review: review(ReviewVerdict::PassWithFindings, Severity::Medium),
    };
    let mut judging = task(TaskKind::Security);
    let effects = advance(&judging, &with, &context());
    let next = spawned(&effects);
    assert_eq!(next.len(), 1);
    assert!(next[0].tags.contains(&FOLLOW_UP_TAG.to_owned()));
    assert_eq!(next[0].needs[0].until, Until::Integrated);
    assert_eq!(next[0].paths, ["src/a.rs"], "where its findings are");
    assert!(
        effects.iter().any(|e| matches!(e, Effect::Enqueue { .. })),
        "the change itself goes on"
    );
    judging.tags.push(FOLLOW_UP_TAG.into());
    assert!(spawned(&advance(&judging, &with, &context())).is_empty());
    let low = Ended::Reviewed {
        review: review(ReviewVerdict::PassWithFindings, Severity::Low),
    };
    assert!(
        spawned(&advance(&task(TaskKind::Security), &low, &context())).is_empty(),
        "nits are only remembered"
    );
}

#[test]
fn follow_ups_are_counted_on_their_line_and_the_fourth_is_a_persons() {
    let found = review(ReviewVerdict::PassWithFindings, Severity::Medium);
    let ended = Ended::Reviewed { review: found };
    let mut audit = task(TaskKind::Security);
    audit.counters.review_cycles = 1;
    let made_by = |by: &[i64]| Context {
        // Each of them has told two findings that became one task.
        told: { by.iter().flat_map(|by| [by, by]) }
            .map(|by| ToldBefore {
                by: TaskId(*by),
                fingerprint: "another".into(),
                words: "another".into(),
                followed: true,
            })
            .collect(),
        ..context()
    };
    let follow_up = |audit: &Task, context: &Context| {
        let effects = advance(audit, &ended, context);
        assert!(
            effects.iter().any(|e| matches!(e, Effect::Enqueue { .. })),
            "the change itself goes on"
        );
        spawned(&effects)[0].clone()
    };
    let third = follow_up(&audit, &made_by(&[5, 6]));
    assert_eq!((third.waiting, third.review_cycles), (None, 1));
    audit.counters.review_cycles = REVIEW_CYCLES_MAX + 1;
    let fourth = follow_up(&audit, &made_by(&[5, 6, 7]));
    assert_eq!(fourth.review_cycles, REVIEW_CYCLES_MAX);
    let waiting = fourth.waiting.expect("a person is asked");
    assert_eq!(waiting.reason, WaitReason::ReviewCycles);
    assert!(waiting.detail.starts_with("3 follow-ups of this line"));
}

#[test]
fn a_failed_gate_goes_back_once_then_up_one_tier_then_to_a_person() {
    let mut build = task(TaskKind::Build);
    let mut seen = Vec::new();
    for _ in 0..3 {
        match gated_with(&build, CheckResult::Fail).remove(0) {
            Effect::Retry {
                counters, findings, ..
            } => {
                assert!(!findings.is_empty());
                seen.push((counters.qa_retries, counters.escalations));
                build.counters = counters;
            }
            Effect::Ask { waiting, .. } => {
                assert_eq!(waiting.reason, WaitReason::QaRetries);
                seen.push((99, 99));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(seen, [(1, 0), (2, 1), (99, 99)]);
}

#[test]
fn work_beyond_a_companys_paths_goes_to_another_company_while_attempts_are_left() {
    let beyond = Ended::Failed {
        failure: Failure::Beyond {
            findings: vec!["the run ended as scope_violation: src/a.rs".into()],
            from: "Proxima".into(),
            to: "CodeCraft".into(),
        },
    };
    let mut build = task(TaskKind::Build);
    let effects = advance(&build, &beyond, &context());
    let [
        Effect::Move { company, why },
        Effect::Retry { counters, .. },
    ] = &effects[..]
    else {
        panic!("{effects:?}")
    };
    assert_eq!(company, "CodeCraft");
    assert!(why.contains("Proxima may not write"), "{why}");
    assert_eq!(counters.qa_retries, 1);
    build.counters.qa_retries = QA_RETRIES_MAX;
    let effects = advance(&build, &beyond, &context());
    assert!(matches!(&effects[..], [Effect::Ask { .. }]), "{effects:?}");
}

#[test]
fn a_lost_agent_goes_up_at_once() {
    let lost = Ended::Failed {
        failure: Failure::Lost {
            findings: vec!["stuck:same_call".into()],
        },
    };
    let effects = advance(&task(TaskKind::Build), &lost, &context());
    assert!(matches!(&effects[0], Effect::Retry { counters, .. } if counters.escalations == 1));
}

#[test]
fn infrastructure_never_escalates_and_ends_with_a_person() {
    let mut build = task(TaskKind::Build);
    let down = Ended::Failed {
        failure: Failure::Infrastructure {
            detail: "host down".into(),
        },
    };
    let mut waits = Vec::new();
    for _ in 0..INFRA_ATTEMPTS_MAX {
        match advance(&build, &down, &context()).remove(0) {
            Effect::Retry {
                counters,
                run_at_ms,
                ..
            } => {
                assert_eq!((counters.escalations, counters.qa_retries), (0, 0));
                waits.push(run_at_ms - 1_000);
                build.counters = counters;
            }
            Effect::Ask { waiting, .. } => {
                assert_eq!(waiting.reason, WaitReason::InfraAttempts);
                waits.push(-1);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(waits, [10_000, 20_000, -1]);
}

#[test]
fn a_plan_whose_tasks_need_each_other_is_no_plan_without_tasks() {
    let needing = |key: &str, need: &str| PlannedTask {
        needs: vec![need.to_owned()],
        ..PlannedTask::new(key, "Add a part")
    };
    let ended = Ended::Planned {
        plan: Plan {
            spec: "s".into(),
            tasks: vec![needing("a", "b"), needing("b", "a")],
        },
        source: PlanSource::Delegated,
    };
    let mut spec = task(TaskKind::Spec);
    for planning in [None, Some(Planning::Shown)] {
        spec.planning = planning;
        let effects = advance(&spec, &ended, &context());
        let [Effect::Retry { findings, .. }] = effects.as_slice() else {
            panic!("{effects:?}")
        };
        assert!(findings[0].contains("in a circle: a, b"), "{findings:?}");
    }
}

#[test]
fn a_plan_asks_for_operations_once_for_its_goal() {
    let asking = |deploy: [bool; 2]| {
        let mut spec = task(TaskKind::Spec);
        spec.goal = Some(TaskId(1));
        let tasks = { deploy.iter().enumerate() }.map(|(at, deploy)| PlannedTask {
            deploy: *deploy,
            ..PlannedTask::new(at.to_string(), "Add a part")
        });
        let ended = Ended::Planned {
            plan: Plan {
                spec: "s".into(),
                tasks: tasks.collect(),
            },
            source: PlanSource::Model,
        };
        let effects = advance(&spec, &ended, &context());
        let Some(Effect::Spawn { tasks }) = effects.last() else {
            panic!("{effects:?}")
        };
        let ops = tasks.iter().filter(|s| s.task.kind == TaskKind::Ops);
        let tagged = { tasks.iter() }.filter(|s| {
            s.task.kind == TaskKind::Build && s.task.tags.iter().any(|tag| tag == "deploy")
        });
        (ops.count(), tagged.count())
    };
    assert_eq!(asking([false, false]), (0, 0));
    assert_eq!(asking([false, true]), (1, 1));
    assert_eq!(asking([true, true]), (1, 2));
}

#[test]
fn a_plan_that_a_person_wants_to_see_makes_nothing_and_waits_for_him() {
    let mut spec = task(TaskKind::Spec);
    let ended = Ended::Planned {
        plan: Plan::template("t", "d"),
        source: PlanSource::Model,
    };
    spec.planning = Some(Planning::Shown);
    let effects = advance(&spec, &ended, &context());
    let [Effect::Ask { waiting, .. }] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!(waiting.reason, WaitReason::Question);
    assert!(waiting.next_action.contains("alai plan {id} --edit"));
    // Let go on it is carried out like any other, and its source is told to the goal.
    for source in [PlanSource::Model, PlanSource::Edited, PlanSource::File] {
        let plan = Plan::template("t", "d");
        spec.planning = Some(Planning::Given {
            plan: plan.clone(),
            source,
        });
        let effects = advance(&spec, &Ended::Planned { plan, source }, &context());
        let told = Effect::Planned {
            goal: spec.goal.unwrap_or(spec.id),
            source,
            tasks: 1,
            instead_of: None,
        };
        assert!(effects.contains(&told), "{effects:?}");
        assert!(matches!(effects.last(), Some(Effect::Spawn { .. })));
    }
}

#[test]
fn a_plan_becomes_builds_with_needs_and_a_postflight_that_needs_them_all() {
    let planned = |key: &str, needs: &[&str]| crate::plan::PlannedTask {
        needs: needs.iter().map(|n| (*n).to_owned()).collect(),
        docs: key == "b",
        ..crate::plan::PlannedTask::new(key, format!("do {key}"))
    };
    let plan = Plan {
        spec: "s".into(),
        tasks: vec![planned("b", &["a"]), planned("a", &[])],
    };
    let mut spec = task(TaskKind::Spec);
    spec.title = "Spec: Goal".into();
    let effects = advance(
        &spec,
        &Ended::Planned {
            plan,
            source: PlanSource::Model,
        },
        &context(),
    );
    let Some(Effect::Spawn { tasks }) = effects.last() else {
        panic!("{effects:?}")
    };
    assert_eq!(
        tasks.iter().map(|s| s.task.kind).collect::<Vec<_>>(),
        [
            TaskKind::Build,
            TaskKind::Build,
            TaskKind::Docs,
            TaskKind::Postflight
        ]
    );
    assert_eq!(
        tasks[1].needs_new,
        [(0, Until::Integrated)],
        "the last one needs all others"
    );
    assert_eq!(
        tasks[3].needs_new,
        [0, 1, 2].map(|at| (at, Until::Integrated))
    );
    let docs = &tasks[2];
    assert!(docs.of_goal && docs.holds_postflight, "once, for all of it");
    assert_eq!(docs.task.title, "[BENTO-DOCS] Documentation: Goal");
    assert_eq!(docs.task.parent, Some(TaskId(1)), "it is the goal's");
    assert!(
        docs.task.description.contains("- do b\n- do a"),
        "{}",
        docs.task.description
    );
    assert!(
        tasks[1].task.tags.contains(&"docs".to_owned())
            && !tasks[0].task.tags.contains(&"docs".to_owned())
    );
    assert!(
        tasks[0].task.checks.is_empty(),
        "the goal's checks judge the last build"
    );
    assert_eq!(tasks[1].task.checks, ["./check.sh"]);
}

#[test]
fn a_merge_spawns_docs_only_where_asked() {
    let end = MergeEnd::Merged { commit: "m".into() };
    let mut own = task(TaskKind::Build);
    own.goal = None;
    let effects = merged(&own, &end, &context());
    let left_out = |effects: &[Effect]| -> Vec<(Stage, String)> {
        let skips = effects.iter().filter_map(|e| match e {
            Effect::Skip { stage, why } => Some((*stage, why.clone())),
            _ => None,
        });
        skips.collect()
    };
    assert!(matches!(&effects[0], Effect::Integrated { commit, .. } if commit == "m"));
    assert!(spawned(&effects).is_empty());
    let stages: Vec<Stage> = left_out(&effects).iter().map(|(s, _)| *s).collect();
    assert_eq!(stages, [Stage::Ops, Stage::Docs], "each with its reason");
    let asking = Context {
        wants_docs: true,
        ..context()
    };
    let effects = merged(&own, &end, &asking);
    let next = spawned(&effects);
    assert_eq!(
        next[0].title,
        "[BENTO-DOCS] Documentation: Add rate limiting"
    );
    assert_eq!(next[0].lineage, None, "documentation is a line of its own");
    let of_goal = merged(&task(TaskKind::Build), &end, &asking);
    let Some(Effect::Spawn { tasks }) = of_goal.last() else {
        panic!("{of_goal:?}")
    };
    assert!(tasks[0].of_goal, "the store makes it once for the goal");
    assert_eq!(tasks[0].task.parent, Some(TaskId(1)));
    let chain = Chain::parse("build,review,ops").expect("a chain");
    let without = Context {
        chain,
        ..asking.clone()
    };
    let why = left_out(&merged(&own, &end, &without));
    assert_eq!(why[1].0, Stage::Docs);
    assert!(why[1].1.contains("build,review,merge,ops"), "{}", why[1].1);
    assert!(
        spawned(&merged(&task(TaskKind::Docs), &end, &asking)).is_empty(),
        "docs of docs"
    );
}

#[test]
fn a_task_of_its_own_is_delivered_when_it_is_merged_a_goal_as_a_whole() {
    let end = MergeEnd::Merged { commit: "m".into() };
    let auto = Context {
        auto_delivery: true,
        ..context()
    };
    let delivers = |task: &Task, context: &Context| {
        merged(task, &end, context)
            .iter()
            .any(|e| matches!(e, Effect::Deliver { head, .. } if head == "m"))
    };
    let mut own = task(TaskKind::Build);
    assert!(!delivers(&own, &auto), "its goal is not settled yet");
    own.goal = None;
    assert!(delivers(&own, &auto));
    assert!(!delivers(&own, &context()), "a person approves");
}

#[test]
fn a_conflict_is_done_again_on_the_newer_base_and_counts_as_a_cycle() {
    let end = MergeEnd::Conflict {
        paths: vec!["a".into()],
    };
    let effects = merged(&task(TaskKind::Build), &end, &context());
    let next = spawned(&effects);
    assert_eq!(
        (
            next[0].base.clone(),
            next[0].start_from.clone(),
            next[0].review_cycles
        ),
        (None, None, 1)
    );
    assert!(
        !effects
            .iter()
            .any(|e| matches!(e, Effect::Integrated { .. }))
    );
    let mut tired = task(TaskKind::Build);
    tired.counters.review_cycles = REVIEW_CYCLES_MAX;
    let effects = merged(&tired, &end, &context());
    assert_eq!(
        spawned(&effects)[0].waiting.as_ref().map(|w| w.reason),
        Some(WaitReason::MergeConflict)
    );
}

#[test]
fn what_a_merge_sent_back_goes_on_from_both_sides() {
    let sides = Sides {
        base: "merged".into(),
        start: Some("both".into()),
        tree: "The tree is both".into(),
        tree_later: "The tree is the newest".into(),
        patches: "What the change did".into(),
    };
    for end in [
        MergeEnd::Conflict {
            paths: vec!["a".into()],
        },
        MergeEnd::Red {
            findings: vec!["t is red".into()],
        },
    ] {
        let effects = with_sides(merged(&task(TaskKind::Build), &end, &context()), &sides);
        let next = &spawned(&effects)[0];
        let from = (next.base.as_deref(), next.start_from.as_deref());
        assert_eq!(from, (Some("merged"), Some("both")));
        assert!(next.description.contains("sent back by"));
        let words = "\n\nThe tree is both What the change did";
        assert!(next.description.ends_with(words));

        // One that waits for a person begins from what is merged when he has answered.
        let mut tired = task(TaskKind::Build);
        tired.counters.review_cycles = REVIEW_CYCLES_MAX;
        let effects = with_sides(merged(&tired, &end, &context()), &sides);
        let next = &spawned(&effects)[0];
        assert!(next.waiting.is_some());
        let from = (next.base.as_deref(), next.start_from.as_deref());
        assert_eq!(from, (None, None));
        let words = "\n\nThe tree is the newest What the change did";
        assert!(next.description.ends_with(words));
    }
}

#[test]
fn a_merge_that_cannot_be_tried_changes_no_task_and_conflicting_documentation_stays_documentation()
{
    let end = MergeEnd::Failed {
        detail: "the repository is gone".into(),
    };
    assert_eq!(merged(&task(TaskKind::Docs), &end, &context()), []);
    let effects = merged(
        &task(TaskKind::Docs),
        &MergeEnd::Conflict { paths: vec![] },
        &context(),
    );
    assert_eq!(spawned(&effects)[0].kind, TaskKind::Docs);
}

#[test]
fn what_a_model_plans_meets_the_rails_unless_a_person_has_cleared_them() {
    let planned = |title: &str| crate::plan::PlannedTask::new("a", title);
    let plan = Plan {
        spec: "s".into(),
        tasks: vec![planned("Deploy the shop to production")],
    };
    let ended = Ended::Planned {
        plan,
        source: PlanSource::Model,
    };
    let mut spec = task(TaskKind::Spec);
    let effects = advance(&spec, &ended, &context());
    let rail = spawned(&effects)[0].waiting.clone().expect("it waits");
    assert_eq!(rail.reason, WaitReason::Safety);
    let rule = rail
        .detail
        .split(':')
        .next()
        .expect("names its rule")
        .to_owned();
    spec.findings = vec!["somebody says: go ahead".into()];
    assert!(
        spawned(&advance(&spec, &ended, &context()))[0]
            .waiting
            .is_some(),
        "words clear nothing"
    );
    spec.cleared = vec![rule];
    let made = advance(&spec, &ended, &context());
    assert!(
        spawned(&made)[0].waiting.is_some() && spawned(&made)[0].cleared.is_empty(),
        "what was cleared for another proposal is no word about this one"
    );
    spec.title = "Spec: Deploy the shop to production".into();
    assert!(
        spawned(&advance(&spec, &ended, &context()))[0]
            .waiting
            .is_none()
    );
}

#[test]
fn titles_always_fit() {
    let mut long = task(TaskKind::Build);
    long.title = "ž".repeat(148);
    for effects in [
        gated_with(&long, CheckResult::Pass),
        merged(&long, &MergeEnd::Conflict { paths: vec![] }, &context()),
    ] {
        for next in spawned(&effects) {
            assert_eq!(
                crate::task::check_title(&next.title),
                Ok(next.title.clone())
            );
        }
    }
}

#[test]
fn interruptions_are_bounded_and_burn_no_other_counter() {
    let mut build = task(TaskKind::Build);
    for _ in 0..INTERRUPTIONS_MAX {
        let Effect::Retry { counters, .. } = interrupted(&build, &context()) else {
            panic!("too early")
        };
        assert_eq!((counters.infra_attempts, counters.qa_retries), (0, 0));
        build.counters = counters;
    }
    assert!(matches!(
        interrupted(&build, &context()),
        Effect::Ask { .. }
    ));
}

#[test]
fn what_ran_without_a_cage_is_never_done_by_its_gate_and_goes_on_by_a_person() {
    let mut task = task(TaskKind::Build);
    task.sandbox = crate::cage::Sandbox::Off;
    let ended = |result| Ended::Gated {
        verdict: verdict(result).of_the_uncaged(),
        base: "b".into(),
        head: "h".into(),
    };
    let effects = advance(&task, &ended(CheckResult::Pass), &context());
    let [Effect::Measured { head, .. }, Effect::Ask { waiting, .. }] = &effects[..] else {
        panic!("{effects:?}");
    };
    assert_eq!((head.as_str(), waiting.reason), ("h", WaitReason::Uncaged));
    assert!(waiting.next_action.contains("alai mc approve 7"));
    assert_eq!(accepted(&task, None), None, "it does not wait yet");
    task.waiting = Some(waiting.clone());
    let verified = accepted(&task, Some("it touches auth.rs")).expect("it waits");
    assert_eq!(spawned(&verified)[0].kind, TaskKind::Verify);
    assert!(
        spawned(&verified)[0]
            .description
            .contains("it touches auth.rs")
    );
    let next = accepted(&task, None).expect("it waits");
    assert_eq!(spawned(&next)[0].kind, TaskKind::Review);
    assert_eq!(spawned(&next)[0].sandbox, crate::cage::Sandbox::On);
    // One run was asked for: what fails is not built again by itself.
    task.waiting = None;
    let effects = advance(&task, &ended(CheckResult::Fail), &context());
    assert!(
        matches!(&effects[..], [Effect::Ask { waiting, .. }] if waiting.reason == WaitReason::QaRetries),
        "{effects:?}"
    );
}

#[test]
fn what_a_lead_hands_out_is_one_companys_and_a_part_holds_up_who_needs_it() {
    use crate::brief::Role;
    use crate::plan::PlannedTask;
    let needs = |keys: &[&str]| keys.iter().map(|k| (*k).to_owned()).collect::<Vec<_>>();
    let lead = PlannedTask {
        company: Some("Vizu".into()),
        role: Role::Lead,
        ..PlannedTask::new("part", "The pages")
    };
    let last = PlannedTask {
        company: Some("CodeCraft".into()),
        needs: needs(&["part"]),
        paths: needs(&["src/**", "docs"]),
        ..PlannedTask::new("last", "The server")
    };
    let ended = |tasks: &[&PlannedTask]| Ended::Planned {
        plan: Plan {
            spec: "s".into(),
            tasks: tasks.iter().map(|t| (*t).clone()).collect(),
        },
        source: PlanSource::Delegated,
    };
    let spawns = |spec: &Task, tasks: &[&PlannedTask]| match advance(
        spec,
        &ended(tasks),
        &context(),
    )
    .pop()
    {
        Some(Effect::Spawn { tasks }) => tasks,
        other => panic!("{other:?}"),
    };
    let mut spec = task(TaskKind::Spec);
    spec.parent = spec.goal;
    let made = spawns(&spec, &[&lead, &last]);
    let kinds: Vec<TaskKind> = made.iter().map(|s| s.task.kind).collect();
    assert_eq!(
        kinds,
        [TaskKind::Spec, TaskKind::Build, TaskKind::Postflight]
    );
    assert_eq!(made[0].task.company_pin.as_deref(), Some("Vizu"));
    assert_eq!(
        (made[0].task.parent, made[1].task.parent),
        (Some(spec.id), spec.goal)
    );
    assert!(
        made[0].task.checks.is_empty(),
        "a part has no check of the goal's"
    );
    assert_eq!(made[1].task.checks, spec.checks, "the last build has them");
    assert!(
        made[1]
            .task
            .description
            .ends_with("expected in `src/**`, `docs`.")
    );
    assert_eq!(made[1].task.paths, ["src/**", "docs"]);
    assert!(
        made.iter()
            .all(|s| !s.holds_postflight && !s.holds_dependents)
    );
    // Where a lead is last, only the postflight can tell whether the goal's checks hold.
    let made = spawns(&spec, &[&lead]);
    assert!(
        made.iter()
            .all(|s| s.task.kind == TaskKind::Postflight || s.task.checks.is_empty())
    );

    let mut part = task(TaskKind::Spec);
    part.parent = Some(TaskId(99));
    let alone = PlannedTask {
        needs: Vec::new(),
        ..last
    };
    let made = spawns(&part, &[&alone]);
    assert_eq!(made.len(), 1, "the goal has its postflight already");
    assert!(made[0].holds_postflight && made[0].holds_dependents);
    assert_eq!(made[0].task.parent, Some(part.id));
}

#[test]
fn a_finding_that_comes_back_says_so_and_makes_no_second_follow_up() {
    let found = review(ReviewVerdict::PassWithFindings, Severity::Medium);
    let audit = task(TaskKind::Security);
    let ended = Ended::Reviewed {
        review: found.clone(),
    };
    let follow_ups = |context: &Context| {
        let effects = advance(&audit, &ended, context);
        let made = spawned(&effects).into_iter();
        made.filter(|t| t.tags.iter().any(|tag| tag == FOLLOW_UP_TAG))
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(follow_ups(&context()).len(), 1);
    let told = |followed| Context {
        told: vec![ToldBefore {
            by: TaskId(5),
            fingerprint: found.findings[0].fingerprint(),
            words: found.findings[0].words(),
            followed,
        }],
        ..context()
    };
    assert_eq!(follow_ups(&told(true)).len(), 0, "there is one already");
    let again = follow_ups(&told(false));
    assert!(
        again[0]
            .description
            .contains("came back: #5 has told it before"),
        "{}",
        again[0].description
    );
    let mut twice = found.clone();
    twice.verdict = ReviewVerdict::Reject;
    twice.findings.push(found.findings[0].clone());
    let effects = advance(
        &task(TaskKind::Review),
        &Ended::Reviewed { review: twice },
        &told(false),
    );
    let findings = &spawned(&effects)[0].findings;
    assert_eq!(findings.len(), 1, "said twice in one review: {findings:?}");
    assert!(findings[0].contains("came back"), "{findings:?}");
}

#[test]
fn a_projects_own_stages_are_what_small_work_goes_through_and_urgent_work_is_judged_all_the_same() {
    let next = |chain: &str, priority: Priority| {
        let mut build = task(TaskKind::Build);
        build.priority = priority;
        let context = Context {
            chain: Chain::parse(chain).expect("a chain"),
            ..context()
        };
        let ended = Ended::Gated {
            verdict: verdict(CheckResult::Pass),
            base: "b".into(),
            head: "h".into(),
        };
        let effects = advance(&build, &ended, &context);
        let words = effects.iter().filter_map(|effect| match effect {
            Effect::Spawn { tasks } => Some(format!("+{}", tasks[0].task.kind)),
            Effect::Enqueue { .. } => Some("+merge".into()),
            Effect::Skip { stage, .. } => Some(format!("-{stage}")),
            _ => None,
        });
        words.collect::<Vec<String>>().join(" ")
    };
    let table = [
        ("", Priority::Low, "+review"),
        ("build", Priority::Low, "-review -security +merge"),
        ("build,security", Priority::Medium, "-review +security"),
        ("build", Priority::High, "+review"),
        ("build", Priority::Blocker, "+review"),
    ];
    for (chain, priority, want) in table {
        assert_eq!(next(chain, priority), want, "{chain} for {priority:?}");
    }
}

#[test]
fn what_may_change_tests_or_was_cleared_is_judged_whatever_the_stages_say() {
    for (changes_tests, cleared, judged) in [
        (vec![], vec![], false),
        (vec!["tests/a.rs".to_owned()], vec![], true),
        (vec![], vec!["production".to_owned()], true),
    ] {
        for (kind, want) in [
            (TaskKind::Build, TaskKind::Review),
            (TaskKind::Review, TaskKind::Security),
        ] {
            let mut of = task(kind);
            of.priority = Priority::Low;
            of.changes_tests = changes_tests.clone();
            of.cleared = cleared.clone();
            let chain = Chain::parse("build").expect("a chain");
            let next = follower(&of, &chain).map(|next| next.kind);
            assert_eq!(next, judged.then_some(want), "{kind:?}");
        }
    }
}

#[test]
fn findings_that_differ_in_a_line_or_a_number_are_each_told() {
    let at = |line, title: &str| Finding {
        path: Some("src/api.rs".into()),
        line: Some(line),
        ..Finding::new(Severity::Medium, title)
    };
    let reject = Review {
        criteria: Vec::new(),
        verdict: ReviewVerdict::Reject,
        summary: "no".into(),
        findings: vec![
            at(3, "HTTP 404 is not handled"),
            at(3, "HTTP 500 is not handled"),
            at(9, "HTTP 404 is not handled"),
            at(9, "HTTP 404 is not handled"),
        ],
    };
    let effects = advance(
        &task(TaskKind::Review),
        &Ended::Reviewed { review: reject },
        &context(),
    );
    let findings = &spawned(&effects)[0].findings;
    assert_eq!(
        findings.len(),
        3,
        "only the last is said twice: {findings:?}"
    );

    // A follow-up about the one is none about the other, and the other is remembered too.
    let told = at(3, "HTTP 404 is not handled");
    let context = Context {
        told: vec![ToldBefore {
            by: TaskId(5),
            fingerprint: told.fingerprint(),
            words: told.words(),
            followed: true,
        }],
        ..context()
    };
    let of = |title: &str| {
        let review = Review {
            criteria: Vec::new(),
            verdict: ReviewVerdict::PassWithFindings,
            summary: "yes".into(),
            findings: vec![at(4, title)],
        };
        let effects = advance(
            &task(TaskKind::Security),
            &Ended::Reviewed { review },
            &context,
        );
        let follows = spawned(&effects)
            .iter()
            .any(|t| t.tags.iter().any(|tag| tag == FOLLOW_UP_TAG));
        let remembered = { effects.iter() }.any(|e| matches!(e, Effect::Remember { .. }));
        (follows, remembered)
    };
    assert_eq!(of("HTTP 500 is not handled"), (true, true));
    assert_eq!(of("`HTTP 404` is not handled!"), (false, false));
}

#[test]
fn by_hand_nothing_follows_what_follows_the_merge_and_nothing_is_made_that_the_project_leaves_out()
{
    let mut build = task(TaskKind::Build);
    (build.goal, build.parent, build.state) = (None, None, State::Done);
    (build.priority, build.integrated) = (Priority::Low, Some("m".into()));
    let mut docs = task(TaskKind::Docs);
    (docs.id, docs.goal, docs.parent) = (TaskId(8), None, Some(build.id));
    (docs.state, docs.integrated) = (State::Done, Some("n".into()));
    let line = [build.clone(), docs.clone()];
    let refused = |from: &Task, line: &[Task], context: &Context| {
        by_hand(from, Stage::Ops, line, context).map_err(|e| e.to_string())
    };
    let nothing = |id: TaskId| Err(format!("nothing follows {id}, and not ops"));
    assert_eq!(refused(&docs, &line, &context()), nothing(docs.id));
    let without = Context {
        chain: Chain::parse("build,docs").expect("a chain"),
        ..context()
    };
    assert_eq!(refused(&build, &line, &without), nothing(build.id));

    let made = refused(&build, &line, &context()).expect("of what was built, once");
    assert_eq!(spawned(&made)[0].kind, TaskKind::Ops);
    let mut ops = task(TaskKind::Ops);
    (ops.id, ops.goal, ops.parent) = (TaskId(9), None, Some(build.id));
    ops.state = State::Cancelled;
    let mut with = line.to_vec();
    with.push(ops.clone());
    refused(&build, &with, &context()).expect("a cancelled one of the line keeps no place");
    // The goal's own does, whatever became of it.
    for task in &mut with {
        task.goal = Some(TaskId(1));
    }
    with[2].parent = Some(TaskId(1));
    let there = refused(&with[0].clone(), &with, &context()).expect_err("one for the goal");
    assert!(there.contains("#9 already, which is cancelled"), "{there}");
}

#[test]
fn what_was_to_end_at_its_gate_is_sent_on_to_the_stage_that_is_really_next() {
    let mut build = task(TaskKind::Build);
    (build.state, build.solo, build.priority) = (State::Done, true, Priority::Low);
    let line = [build.clone()];
    let made = next(&build, &line, &context()).expect("goes on");
    assert_eq!(spawned(&made)[0].kind, TaskKind::Review);
    let own = Context {
        chain: Chain::parse("build").expect("a chain"),
        ..context()
    };
    let made = next(&build, &line, &own).expect("goes on");
    assert!(
        made.iter().any(|e| matches!(e, Effect::Enqueue { .. })),
        "{made:?}"
    );
    // What is sent to a verifier first is not sent past it.
    let verified = Context {
        verify: Some("the project's stages have it".into()),
        ..context()
    };
    assert!(by_hand(&build, Stage::Review, &line, &verified).is_err());
    by_hand(&build, Stage::Verify, &line, &verified).expect("the verifier");
}

#[test]
fn a_stages_title_has_the_prefix_of_the_work_once() {
    let title = |own: &str, tags: &[&str]| {
        let mut build = task(TaskKind::Build);
        build.title = own.into();
        build.tags = tags.iter().map(|t| (*t).to_owned()).collect();
        spawned(&gated_with(&build, CheckResult::Pass))[0]
            .title
            .clone()
    };
    for (own, tags, want) in [
        (
            "Bento: DB schema",
            &["bento"][..],
            "[BENTO-REVIEW] Code review: DB schema",
        ),
        (
            "DB schema",
            &["bento", "urgent"],
            "[BENTO-REVIEW] Code review: DB schema",
        ),
        (
            "Fix it: now",
            &["bento"],
            "[BENTO-REVIEW] Code review: Fix it: now",
        ),
        (
            "Add it",
            &["domain:backend", "docs"],
            "[REVIEW] Code review: Add it",
        ),
        (
            "Add it",
            &["domain:backend", "shop"],
            "[SHOP-REVIEW] Code review: Add it",
        ),
        (
            "Rework: Rework: Bento: Add it",
            &["bento"],
            "[BENTO-REVIEW] Code review: Add it",
        ),
        (
            "[BENTO-BUILD] Fix: no limit",
            &["bento"],
            "[BENTO-REVIEW] Code review: Fix: no limit",
        ),
        // As older versions named them.
        (
            "[BENTO-REVIEW] Code review of Add it",
            &["bento"],
            "[BENTO-REVIEW] Code review: Add it",
        ),
        ("Bento: ", &["bento"], "[BENTO-REVIEW] Code review: Bento:"),
        ("ø: \u{e6}", &["ø"], "[Ø-REVIEW] Code review: æ"),
    ] {
        assert_eq!(title(own, tags), want, "{own}");
    }
    let long = title(&"æ".repeat(TITLE_BYTES_MAX / 2), &["bento"]);
    assert!(
        long.len() <= TITLE_BYTES_MAX && long.ends_with('…'),
        "{long}"
    );
}

#[test]
fn every_stage_names_its_work_as_the_seed_lists_it() {
    let subject = "Bento: DB schema";
    let mut passed = context();
    passed.wants_ops = true;
    passed.wants_docs = true;
    let mut build = task(TaskKind::Build);
    build.title = subject.into();
    build.goal = None;
    let merge = MergeEnd::Merged { commit: "c".into() };
    let effects = merged(&build, &merge, &passed);
    let after = spawned(&effects);
    let mut titles: Vec<String> = after.iter().map(|next| next.title.clone()).collect();
    let mut judging = build.clone();
    for kind in [TaskKind::Build, TaskKind::Review, TaskKind::Security] {
        judging.kind = kind;
        let next = follower(&judging, &Chain::default());
        titles.extend(next.map(|next| next.title));
    }
    judging.title = "[BENTO-SECURITY] Security audit: DB schema".into();
    let mut review = review(ReviewVerdict::Reject, Severity::High);
    for _ in 0..2 {
        let reject = Ended::Reviewed {
            review: review.clone(),
        };
        let effects = advance(&judging, &reject, &context());
        judging.title.clone_from(&spawned(&effects)[0].title);
        titles.push(judging.title.clone());
        review.summary.push('!');
    }
    assert_eq!(
        titles,
        [
            "[BENTO-OPS] Deploy setup: DB schema",
            "[BENTO-DOCS] Documentation: DB schema",
            "[BENTO-REVIEW] Code review: DB schema",
            "[BENTO-SECURITY] Security audit: DB schema",
            "[BENTO-BUILD] Rework: DB schema",
            "[BENTO-BUILD] Rework: DB schema",
        ]
    );
}

#[test]
fn a_follow_ups_title_is_one_line_whatever_the_reviewer_writes() {
    let title = |summary: &str| {
        let mut judging = task(TaskKind::Review);
        judging.title = "[BENTO-REVIEW] Code review: Add it".into();
        let mut said = review(ReviewVerdict::PassWithFindings, Severity::Medium);
        said.summary = summary.into();
        let effects = advance(&judging, &Ended::Reviewed { review: said }, &context());
        let made = spawned(&effects);
        let fix = made.iter().find(|next| next.kind == TaskKind::Build);
        fix.expect("a follow-up").title.clone()
    };
    for (summary, want) in [
        (
            "CSP headers are missing",
            "[BENTO-BUILD] Fix: CSP headers are missing",
        ),
        ("  two\nlines", "[BENTO-BUILD] Fix: two"),
        (
            "[BENTO-BUILD] Fix: Fix: [BUILD] Fix: Follow-up: the same",
            "[BENTO-BUILD] Fix: the same",
        ),
        (
            "red\u{1b}[31m\u{202e}text\u{7}\rover",
            "[BENTO-BUILD] Fix: red [31mtext  over",
        ),
        ("", "[BENTO-BUILD] Fix: Add it"),
        ("\u{202e}\u{7}", "[BENTO-BUILD] Fix: Add it"),
        ("Fix: ", "[BENTO-BUILD] Fix: Fix:"),
    ] {
        assert_eq!(title(summary), want, "{summary:?}");
    }
    let long = title(&"x".repeat(5_000));
    assert!(crate::task::check_title(&long).is_ok(), "{long}");
}
