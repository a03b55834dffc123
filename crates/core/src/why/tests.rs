//! Every state with every fact that the store can hold beside it, made by loops: each has an answer that a person can act on.

use std::collections::BTreeSet;

use super::*;
use crate::blueprint::Question;
use crate::ids::{Epoch, ProjectId};
use crate::money::{self, Ask, Books, Caps, Cost, Day, Sum, may_spend};
use crate::pipeline::{
    Context, Effect, Ended, Failure, INTERRUPTIONS_MAX, MergeEnd, QA_RETRIES_MAX,
    REVIEW_CYCLES_MAX, advance, interrupted, merged, railed,
};
use crate::plan::{Plan, PlanSource, Planning};
use crate::review::{Review, ReviewVerdict};
use crate::task::{Counters, Priority};

const NOW: i64 = 1_000_000_000;
const HOUR: i64 = 3_600_000;
const FLAGS: [bool; 2] = [false, true];
const DAEMONS: [Daemon; 4] = [Daemon::Down, Daemon::Up, Daemon::Draining, Daemon::Silent];

fn task(state: State, kind: TaskKind) -> Task {
    Task {
        id: TaskId(7),
        kind,
        goal: None,
        parent: None,
        lineage: None,
        title: "t".into(),
        description: String::new(),
        priority: Priority::Medium,
        owner: None,
        tags: Vec::new(),
        project: Some(ProjectId(1)),
        acceptance: Vec::new(),
        checks: Vec::new(),
        changes_tests: Vec::new(),
        paths: Vec::new(),
        company_pin: None,
        model_pin: None,
        class: None,
        state,
        epoch: Epoch(0),
        counters: Counters::default(),
        waiting: None,
        base: None,
        start_from: None,
        head: None,
        handed: None,
        integrated: None,
        solo: false,
        blueprint: None,
        inputs: std::collections::BTreeMap::new(),
        planning: None,
        sandbox: crate::cage::Sandbox::On,
        findings: Vec::new(),
        cleared: Vec::new(),
        created_ms: 1,
        updated_ms: NOW - HOUR,
        run_at_ms: 0,
    }
}

fn facts(daemon: Daemon) -> Facts {
    Facts {
        now_ms: NOW,
        operator: "alem".into(),
        queue_ms_max: 48 * HOUR,
        daemon,
        hindrance: None,
        unmet: Vec::new(),
        run: None,
        goal_left: Vec::new(),
        lineage_left: None,
        merging: None,
        held_up: None,
        dead_effects: 0,
        judged: None,
        published: None,
        replaced_by: Vec::new(),
    }
}

#[test]
fn a_remote_is_told_with_what_goes_wrong_there() {
    let mut facts = facts(Daemon::Up);
    facts.published = Some(OnRemote {
        words: "pull request 7 is open".into(),
        trouble: Some("HTTP 502".into()),
    });
    let mut goal = task(State::Waiting, TaskKind::Goal);
    goal.waiting = Some(Waiting {
        reason: WaitReason::Approval,
        owner: "alem".into(),
        deadline_ms: NOW + HOUR,
        next_action: "look".into(),
        detail: "pull request 7 is open".into(),
    });
    let told = why(&goal, &facts).text;
    assert_eq!(told, "pull request 7 is open; last try: HTTP 502");
    let done = why(&task(State::Done, TaskKind::Goal), &facts).text;
    assert_eq!(done, "done; pull request 7 is open; last try: HTTP 502");
    // What the wait says already is not said twice.
    if let Some(waiting) = &mut goal.waiting {
        waiting.detail = "not delivered: HTTP 502".into();
    }
    assert_eq!(why(&goal, &facts).text, "not delivered: HTTP 502");
}

#[test]
fn work_that_waits_for_an_overlap_names_the_other_the_path_and_when_it_ends() {
    let mut facts = facts(Daemon::Up);
    facts.hindrance = Some(Hindrance::Overlap(crate::overlap::Held {
        by: TaskId(12),
        place: crate::overlap::Place::Path("src/x.rs".into()),
        until_ms: NOW + HOUR,
    }));
    let told = why(&task(State::Open, TaskKind::Build), &facts);
    assert_eq!(
        told,
        Why {
            rule: Rule::Overlap,
            text: "it is eligible, but it waits for #12, which works on `src/x.rs` and is not merged yet".into(),
            owner: FACTORY.into(),
            deadline_ms: Some(NOW + HOUR),
            next_action: "nothing; it goes on by itself: `alai why 12` shows what it waits for".into(),
        }
    );
}

#[test]
fn work_that_waits_for_an_overlap_is_no_persons_until_that_has_ended() {
    let mut facts = facts(Daemon::Up);
    facts.queue_ms_max = 1;
    let mut held = crate::overlap::Held {
        by: TaskId(12),
        place: crate::overlap::Place::Path("src/x.rs".into()),
        until_ms: NOW + HOUR,
    };
    facts.hindrance = Some(Hindrance::Overlap(held.clone()));
    let told = why(&task(State::Open, TaskKind::Build), &facts);
    assert_eq!(
        (told.owner.as_str(), told.deadline_ms),
        (FACTORY, Some(NOW + HOUR))
    );
    assert!(!told.text.contains("overdue"), "{}", told.text);
    held.until_ms = NOW - HOUR;
    facts.hindrance = Some(Hindrance::Overlap(held));
    let told = why(&task(State::Open, TaskKind::Build), &facts);
    assert_eq!(told.owner, facts.operator);
}

fn hindrances() -> Vec<Option<Hindrance>> {
    vec![
        None,
        Some(Hindrance::NoModel),
        Some(Hindrance::Slots(2)),
        Some(Hindrance::Project(1)),
        Some(Hindrance::Company("CodeCraft".into(), 1)),
        Some(Hindrance::Model("small".into(), 1)),
        Some(Hindrance::Host("http://forge:1".into(), 1)),
        Some(Hindrance::Fleet("it is being loaded".into())),
        Some(Hindrance::Overlap(crate::overlap::Held {
            by: TaskId(12),
            place: crate::overlap::Place::Path("src/x.rs".into()),
            until_ms: NOW + HOUR,
        })),
        Some(Hindrance::Overlap(crate::overlap::Held {
            by: TaskId(12),
            place: crate::overlap::Place::Ground,
            until_ms: NOW + HOUR,
        })),
    ]
}

/// Another task in each state; one that waits (or is done and held up) also with whom it waits for.
fn besides(states: &[State]) -> Vec<Beside> {
    let deadlines = [None, Some(NOW + HOUR), Some(NOW - HOUR)];
    let mut all = Vec::new();
    for &state in states {
        for deadline in deadlines {
            if deadline.is_none() || matches!(state, State::Waiting | State::Done) {
                all.push(Beside {
                    task: TaskId(9),
                    state,
                    waits: deadline.map(|ms| ("mira".to_owned(), ms)),
                });
            }
        }
    }
    all
}

fn runs() -> Vec<Option<LiveRun>> {
    let mut all = vec![None];
    for by_person in FLAGS {
        for lapsed in FLAGS {
            for step in [None, Some("build".to_owned())] {
                all.push(Some(LiveRun {
                    run: RunId("0199-run".into()),
                    worker: if by_person { "mira" } else { "factory" }.into(),
                    by_person,
                    lease_until_ms: if lapsed { NOW - 1 } else { NOW + HOUR },
                    mode: step.as_ref().map(|_| crate::mode::Mode::Simulated),
                    step,
                }));
            }
        }
    }
    all
}

fn mergings() -> [Option<Merging>; 3] {
    [
        None,
        Some(Merging::Queued),
        Some(Merging::Again("the disk is full".into())),
    ]
}

/// What was asked, what was answered, and which rules were reached by it.
#[derive(Default)]
struct Seen {
    rules: BTreeSet<Rule>,
    commands: BTreeSet<String>,
    asked: usize,
}

impl Seen {
    /// Asks, and demands what every answer must have.
    fn ask(&mut self, task: &Task, facts: &Facts) -> Why {
        let answer = why(task, facts);
        self.asked += 1;
        self.rules.insert(answer.rule);
        let of = || format!("{answer:?} of {task:?} with {facts:?}");
        for text in [&answer.text, &answer.owner, &answer.next_action] {
            assert!(
                !text.trim().is_empty() && !text.contains("{id}"),
                "{}",
                of()
            );
        }
        assert!(
            !answer.rule.waits() || answer.deadline_ms.is_some(),
            "until when? {}",
            of()
        );
        // Without a daemon nothing goes on by itself; only a run that is at work is in a process of its own.
        let promised = answer.next_action.contains("by itself") && answer.rule != Rule::Running;
        assert!(!promised || facts.daemon == Daemon::Up, "{}", of());
        // What only a person can end is never the factory's.
        let asked = answer.next_action.starts_with("`alai mc ")
            && !matches!(answer.rule, Rule::Person | Rule::PersonLapsed);
        assert!(!asked || answer.owner != FACTORY, "{}", of());
        for command in commands(&answer.next_action) {
            assert!(COMMANDS.contains(&&*command), "`{command}`: {}", of());
            self.commands.insert(command);
        }
        answer
    }
}

/// The commands in a sentence, with placeholders for what differs between two tasks.
fn commands(sentence: &str) -> Vec<String> {
    let quoted = sentence.split('`').skip(1).step_by(2);
    quoted
        .filter(|c| c.starts_with("alai "))
        .map(|command| {
            let texts = command.split('"').enumerate();
            let plain: String = texts
                .map(|(at, part)| if at % 2 == 1 { "TEXT" } else { part })
                .collect();
            let words = plain.split(' ').map(|word| match word {
                "{id}" => "ID",
                number if number.parse::<i64>().is_ok() => "ID",
                word => word,
            });
            words.collect::<Vec<_>>().join(" ")
        })
        .collect()
}

/// A task that is open, under each fact that can stand beside it.
fn ask_open(seen: &mut Seen) {
    let mut unmet = vec![Vec::new()];
    for until in [Until::Integrated, Until::Done] {
        for at in besides(&State::ALL) {
            let needs = TaskId(3);
            unmet.push(vec![Unmet { needs, until, at }]);
        }
    }
    let plain = TaskKind::ALL.into_iter().filter(|k| *k != TaskKind::Goal);
    for kind in plain {
        for daemon in DAEMONS {
            for unmet in &unmet {
                for hindrance in hindrances() {
                    for flags in 0..16_u32 {
                        let set = |bit: u32| flags & (1 << bit) != 0;
                        let mut task = task(State::Open, kind);
                        task.project = set(0).then_some(ProjectId(1));
                        task.run_at_ms = if set(1) { NOW + 1 } else { 0 };
                        task.updated_ms = if set(2) { 1 } else { NOW - 1 };
                        let facts = Facts {
                            unmet: unmet.clone(),
                            hindrance: hindrance.clone(),
                            dead_effects: u64::from(set(3)),
                            ..facts(daemon)
                        };
                        seen.ask(&task, &facts);
                    }
                }
            }
        }
    }
}

fn ask_goals(seen: &mut Seen) {
    let left = besides(&[
        State::Open,
        State::Started,
        State::ReadyForReview,
        State::Waiting,
        State::Paused,
    ]);
    let mut sets = vec![Vec::new()];
    sets.extend(left.iter().map(|a| vec![a.clone()]));
    for first in &left {
        for second in &left {
            sets.push(vec![first.clone(), second.clone()]);
        }
    }
    for goal_left in sets {
        for daemon in DAEMONS {
            for merging in mergings() {
                for dead_effects in [0, 2] {
                    let facts = Facts {
                        goal_left: goal_left.clone(),
                        merging: merging.clone(),
                        dead_effects,
                        ..facts(daemon)
                    };
                    seen.ask(&task(State::Open, TaskKind::Goal), &facts);
                }
            }
        }
    }
}

/// Started and ready: held by nobody, by the factory or by a person, in time and too late.
fn ask_held(seen: &mut Seen) {
    for state in [State::Started, State::ReadyForReview] {
        for kind in TaskKind::ALL {
            for run in runs() {
                for daemon in DAEMONS {
                    for hindrance in hindrances() {
                        for flags in 0..16_u32 {
                            let set = |bit: u32| flags & (1 << bit) != 0;
                            let mut task = task(state, kind);
                            task.project = set(0).then_some(ProjectId(1));
                            task.handed = set(1).then(|| "c0ffee".into());
                            task.updated_ms = if set(2) { 1 } else { NOW - 1 };
                            let facts = Facts {
                                run: run.clone(),
                                hindrance: hindrance.clone(),
                                dead_effects: u64::from(set(3)),
                                ..facts(daemon)
                            };
                            seen.ask(&task, &facts);
                        }
                    }
                }
            }
        }
    }
}

fn ask_waiting(seen: &mut Seen) {
    for kind in TaskKind::ALL {
        for reason in WaitReason::ALL {
            for deadline_ms in [NOW - 1, NOW + HOUR] {
                for detail in ["", "because of this"] {
                    for daemon in DAEMONS {
                        for merging in mergings() {
                            let mut task = task(State::Waiting, kind);
                            task.waiting = Some(Waiting {
                                reason,
                                owner: "mira".into(),
                                deadline_ms,
                                next_action: "`alai mc answer 7 \"so\"`".into(),
                                detail: detail.into(),
                            });
                            let facts = Facts {
                                merging,
                                ..facts(daemon)
                            };
                            let answer = seen.ask(&task, &facts);
                            assert_eq!(answer.deadline_ms, Some(deadline_ms));
                            if answer.rule != Rule::Delivering {
                                assert_eq!(answer.rule.as_str(), reason.as_str());
                                assert_eq!(answer.owner, "mira");
                                let late = deadline_ms < NOW;
                                assert_eq!(answer.text.contains("(overdue)"), late, "{answer:?}");
                            }
                        }
                    }
                }
            }
        }
        seen.ask(&task(State::Waiting, kind), &facts(Daemon::Up));
    }
}

/// At rest: by a person, or at its end, with all that may be left to do even then.
fn ask_at_rest(seen: &mut Seen) {
    let mut held = vec![None];
    for what in [Held::Merge, Held::Delivery, Held::Approval] {
        for deadline_ms in [NOW - 1, NOW + HOUR] {
            held.push(Some(HeldUp {
                what,
                detail: "red tests".into(),
                deadline_ms,
            }));
        }
    }
    let mut lineage: Vec<Option<Beside>> = vec![None];
    lineage.extend(besides(&State::ALL).into_iter().map(Some));
    for state in [State::Done, State::Cancelled] {
        let facts = Facts {
            replaced_by: vec![TaskId(8), TaskId(9)],
            ..facts(Daemon::Up)
        };
        seen.ask(&task(state, TaskKind::Build), &facts);
    }
    for state in [State::Paused, State::Done, State::Failed, State::Cancelled] {
        for kind in TaskKind::ALL {
            for held_up in &held {
                for lineage_left in &lineage {
                    for merging in mergings() {
                        for daemon in DAEMONS {
                            for flags in 0..4_u64 {
                                let mut task = task(state, kind);
                                task.integrated = (flags & 1 != 0).then(|| "c0ffee".into());
                                let facts = Facts {
                                    held_up: held_up.clone(),
                                    lineage_left: lineage_left.clone(),
                                    merging: merging.clone(),
                                    dead_effects: flags >> 1,
                                    ..facts(daemon)
                                };
                                seen.ask(&task, &facts);
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Each rule by which a paid call is refused.
fn refusals() -> Vec<money::Refused> {
    let tight = [
        Caps {
            call: Some(1),
            ..Caps::NONE
        },
        Caps {
            task: Some(1),
            ..Caps::NONE
        },
        Caps {
            lineage: Some(1),
            ..Caps::NONE
        },
        Caps {
            goal: Some(1),
            ..Caps::NONE
        },
        Caps {
            day_block: Some(1),
            ..Caps::NONE
        },
    ];
    let refused = |caps, cost| {
        let nothing = Sum::default();
        let books = Books {
            caps,
            task: nothing,
            lineage: nothing,
            goal: nothing,
            day: nothing,
        };
        let ask = Ask {
            model: "m".into(),
            cost,
            task: TaskId(7),
            lineage: TaskId(5),
            goal: Some(TaskId(1)),
            day: Day::of(NOW),
            verifies: false,
        };
        may_spend(&books, &ask).expect_err("it is refused")
    };
    let tight = tight.into_iter();
    let mut all: Vec<_> = tight.map(|caps| refused(caps, Cost::AtMost(2))).collect();
    all.push(refused(Caps::NONE, Cost::Unpriced));
    all
}

/// What the pipeline puts before people, in its own words.
fn ask_the_pipeline(seen: &mut Seen) {
    let context = Context {
        now_ms: NOW,
        operator: "alem".into(),
        jitter: 0.5,
        wants_docs: false,
        wants_ops: false,
        auto_delivery: false,
        verify: None,
        told: Vec::new(),
        chain: Default::default(),
        around: None,
        dead: None,
    };
    let detail = || "detail".to_owned();
    let failures = [
        Failure::quality(vec![detail()]),
        Failure::Lost {
            findings: vec![detail()],
        },
        Failure::Infrastructure { detail: detail() },
        Failure::Rail {
            rule: detail(),
            detail: detail(),
        },
        Failure::GoalUnmet { detail: detail() },
        Failure::NoModel { detail: detail() },
        Failure::NoRoom { detail: detail() },
    ];
    let budgets = refusals().into_iter();
    let budgets = budgets.map(|refused| Failure::Budget { refused });
    let failures: Vec<Failure> = failures.into_iter().chain(budgets).collect();
    let mut worn = task(State::Started, TaskKind::Build);
    worn.counters = Counters {
        infra_attempts: 9,
        qa_retries: QA_RETRIES_MAX,
        review_cycles: REVIEW_CYCLES_MAX,
        escalations: 1,
        interruptions: INTERRUPTIONS_MAX,
    };
    let rejected = Ended::Reviewed {
        review: Review {
            criteria: Vec::new(),
            verdict: ReviewVerdict::Reject,
            summary: detail(),
            findings: Vec::new(),
        },
    };
    let conflict = MergeEnd::Conflict { paths: Vec::new() };
    let mut review = worn.clone();
    review.kind = TaskKind::Review;
    let mut effects = vec![interrupted(&worn, &context)];
    effects.extend(merged(&worn, &conflict, &context));
    effects.extend(advance(&review, &rejected, &context));
    for failure in failures {
        effects.extend(advance(&worn, &Ended::Failed { failure }, &context));
    }
    for options in [Vec::new(), vec!["yes".to_owned(), "no".to_owned()]] {
        let question = Question {
            step: detail(),
            visit: 1,
            text: detail(),
            options,
            deadline_s: 60,
        };
        effects.extend(advance(&worn, &Ended::Asked { question }, &context));
    }
    let mut spec = task(State::Started, TaskKind::Spec);
    spec.planning = Some(Planning::Shown);
    let (plan, source) = (Plan::template("t", "d"), PlanSource::Model);
    effects.extend(advance(&spec, &Ended::Planned { plan, source }, &context));
    let mut waits = vec![railed("production", "it deploys", "{id}", &context)];
    for effect in effects {
        match effect {
            Effect::Ask { waiting, .. } | Effect::AskAbout { waiting, .. } => waits.push(waiting),
            Effect::Spawn { tasks } => {
                waits.extend(tasks.into_iter().filter_map(|spawn| spawn.task.waiting))
            }
            Effect::Complete { .. }
            | Effect::Retry { .. }
            | Effect::Move { .. }
            | Effect::Measured { .. }
            | Effect::Enqueue { .. }
            | Effect::Deliver { .. }
            | Effect::Integrated { .. }
            | Effect::Remember { .. }
            | Effect::Passed { .. }
            | Effect::Report { .. }
            | Effect::Planned { .. }
            | Effect::PlanAnew { .. }
            | Effect::Replace { .. }
            | Effect::Skip { .. } => {}
        }
    }
    assert_eq!(
        waits.len(),
        14 + money::Rule::ALL.len(),
        "each of them asks a person: {waits:?}"
    );
    for mut waiting in waits {
        // As the store writes it.
        waiting.next_action = waiting.next_action.replace("{id}", "7");
        let mut task = task(State::Waiting, TaskKind::Build);
        task.waiting = Some(waiting);
        seen.ask(&task, &facts(Daemon::Up));
    }
}

#[test]
fn every_state_under_every_fact_has_an_answer_and_every_rule_is_reached() {
    let mut seen = Seen::default();
    ask_open(&mut seen);
    ask_goals(&mut seen);
    ask_held(&mut seen);
    ask_waiting(&mut seen);
    ask_at_rest(&mut seen);
    ask_the_pipeline(&mut seen);
    assert!(seen.asked > 100_000, "{}", seen.asked);
    let never: Vec<Rule> = Rule::ALL
        .into_iter()
        .filter(|rule| !seen.rules.contains(rule))
        .collect();
    assert_eq!(never, [], "rules that no task can reach");
    assert_eq!(seen.rules.len(), Rule::ALL.len(), "each rule stands once");
    // These are named by rooms that know the project, and not by a decision of this one.
    let elsewhere = [
        "alai project set NAME --test TEXT",
        "alai project set NAME --setup TEXT",
    ];
    let unused: Vec<&str> = COMMANDS
        .into_iter()
        .filter(|c| !elsewhere.contains(c) && !seen.commands.contains(*c))
        .collect();
    assert_eq!(unused, Vec::<&str>::new(), "commands that nobody is told");
}

#[test]
fn a_rule_is_one_word_everywhere() {
    for rule in Rule::ALL {
        let word = serde_json::to_string(&rule).expect("a word");
        assert_eq!(word, format!("\"{rule}\""));
    }
    for reason in WaitReason::ALL {
        assert_eq!(Rule::of(reason).as_str(), reason.as_str());
        assert!(Rule::of(reason).waits());
    }
}

#[test]
fn of_several_needs_the_one_that_takes_a_person_is_told() {
    let of = |state, waits: Option<(&str, i64)>| Unmet {
        needs: TaskId(3),
        until: Until::Integrated,
        at: Beside {
            task: TaskId(9),
            state,
            waits: waits.map(|(who, ms)| (who.to_owned(), ms)),
        },
    };
    let moving = of(State::Started, None);
    let waits = of(State::Waiting, Some(("mira", 5)));
    let ended = of(State::Failed, None);
    let task = task(State::Open, TaskKind::Build);
    for (unmet, rule) in [
        (vec![moving.clone(), waits.clone()], Rule::NeedWaits),
        (vec![waits.clone(), moving.clone()], Rule::NeedWaits),
        (vec![ended, waits, moving], Rule::NeedEnded),
    ] {
        let facts = Facts {
            unmet,
            ..facts(Daemon::Up)
        };
        assert_eq!(why(&task, &facts).rule, rule);
    }
}

#[test]
fn a_persons_run_is_his() {
    let run = |lease_until_ms| {
        Some(LiveRun {
            run: RunId("r".into()),
            worker: "mira".into(),
            by_person: true,
            lease_until_ms,
            step: None,
            mode: None,
        })
    };
    let mut facts = Facts {
        run: run(NOW + HOUR),
        ..facts(Daemon::Up)
    };
    let code = why(&task(State::Started, TaskKind::Build), &facts);
    assert_eq!(
        (code.rule, &*code.owner, &*code.next_action),
        (Rule::Person, "mira", "`alai mc ready 7 --head COMMIT`")
    );
    let page = why(&task(State::Started, TaskKind::Spec), &facts);
    assert_eq!(page.next_action, "`alai mc ready 7`");
    facts.run = run(NOW - 1);
    let late = why(&task(State::Started, TaskKind::Build), &facts);
    assert_eq!((late.rule, &*late.owner), (Rule::PersonLapsed, "mira"));
}
