//! Mission Control through its public door: claims, fences, effects, dependencies, and what the file itself must refuse.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use alai_core::ids::{ProjectId, TaskId};
use alai_core::lifecycle::Event;
use alai_core::pipeline::{Effect, Spawn};
use alai_core::task::{
    Counters, Need, NewTask, Priority, State, TaskKind, Until, WaitReason, Waiting,
};
use alai_mission::{
    Call, Claim, ClaimLimits, Filter, MergeState, Mission, MissionError, NewProject,
    ProjectSettings, Reader, RunState, fsck,
};

const LIMITS: ClaimLimits = ClaimLimits {
    total: 8,
    per_project: 8,
};
const LEASE_MS: i64 = 60_000;

struct World {
    home: tempfile::TempDir,
    mission: Mission,
    project: ProjectId,
}

fn quiet(_: &str) {}

fn world() -> World {
    let home = tempfile::tempdir().expect("a temporary folder");
    let mission = Mission::open(home.path(), quiet).expect("a new store");
    let project = mission
        .add_project(
            NewProject {
                name: "demo".into(),
                path: "/somewhere/demo".into(),
                target_branch: "main".into(),
                settings: ProjectSettings::default(),
            },
            "test",
            1,
        )
        .expect("a project");
    World {
        home,
        mission,
        project,
    }
}

impl World {
    fn build(&self, title: &str) -> NewTask {
        let mut new = NewTask::new(TaskKind::Build, title);
        new.project = Some(self.project);
        new
    }

    fn add(&self, new: NewTask) -> TaskId {
        self.mission.add(new, None, "test", 10).expect("a task")
    }

    fn claim(&self) -> Option<Claim> {
        self.mission
            .claim(None, LIMITS, "w", LEASE_MS, 100)
            .expect("claims answer")
    }

    fn state(&self, task: TaskId) -> State {
        self.mission.task(task).expect("the task").state
    }

    fn sound(&self) {
        assert_eq!(fsck(&self.mission).expect("fsck runs"), []);
    }
}

fn complete() -> Effect {
    Effect::Complete {
        base: Some("b".into()),
        head: Some("h".into()),
        note: "passed".into(),
    }
}

fn review_of(world: &World, parent: TaskId) -> Effect {
    let mut task = NewTask::new(TaskKind::Review, "review");
    task.parent = Some(parent);
    task.lineage = Some(parent);
    task.project = Some(world.project);
    Effect::Spawn {
        tasks: vec![Spawn {
            task,
            needs_new: vec![],
            holds_postflight: false,
        }],
    }
}

fn waiting() -> Waiting {
    Waiting {
        reason: WaitReason::NoModel,
        owner: "me".into(),
        deadline_ms: 5,
        next_action: "pull a model for {id}".into(),
        detail: "none".into(),
    }
}

#[test]
fn a_claim_takes_the_most_urgent_task_and_raises_the_epoch() {
    let world = world();
    let low = world.add(world.build("low"));
    let mut urgent = world.build("high");
    urgent.priority = Priority::High;
    let high = world.add(urgent);
    let claim = world.claim().expect("something to do");
    assert_eq!(
        (claim.task.id, claim.fence.epoch.0, claim.task.state),
        (high, 1, State::Started)
    );
    assert_eq!(world.claim().expect("the other").task.id, low);
    assert!(world.claim().is_none(), "both are taken");
    assert_eq!(world.mission.live_runs().expect("runs").len(), 2);
    world.sound();
}

#[test]
fn limits_hold_in_the_claim_itself() {
    let world = world();
    for n in 0..3 {
        world.add(world.build(&format!("t{n}")));
    }
    let one = ClaimLimits {
        total: 8,
        per_project: 1,
    };
    assert!(
        world
            .mission
            .claim(None, one, "w", LEASE_MS, 100)
            .expect("answers")
            .is_some()
    );
    assert!(
        world
            .mission
            .claim(None, one, "w", LEASE_MS, 100)
            .expect("answers")
            .is_none()
    );
    let total = ClaimLimits {
        total: 1,
        per_project: 8,
    };
    assert!(
        world
            .mission
            .claim(None, total, "w", LEASE_MS, 100)
            .expect("answers")
            .is_none()
    );
}

#[test]
fn tasks_without_a_project_goals_and_tasks_of_later_are_not_claimed() {
    let world = world();
    world.add(NewTask::new(TaskKind::Build, "no project"));
    let mut goal = NewTask::new(TaskKind::Goal, "goal");
    goal.project = Some(world.project);
    world.add(goal);
    assert!(world.claim().is_none());
}

#[test]
fn a_lost_run_cannot_write_any_more() {
    let world = world();
    let task = world.add(world.build("t"));
    let first = world.claim().expect("a claim");
    let retry = Effect::Retry {
        why: "again".into(),
        findings: vec![],
        counters: Counters::default(),
        run_at_ms: 0,
    };
    let lost = world
        .mission
        .recover(vec![(first.fence.run.clone(), retry)], "gone", 200)
        .expect("recovers");
    assert_eq!(lost, [task]);
    let second = world.claim().expect("claimed again");
    assert_eq!(
        (second.fence.epoch.0, second.resumes.as_ref()),
        (2, Some(&first.fence.run))
    );
    let m = &world.mission;
    let call = Call {
        call: 0,
        model: "m".into(),
        mode: alai_core::mode::Mode::Simulated,
        prompt_tokens: 1,
        output_tokens: 1,
        cost_microusd: 0,
    };
    let refused = [
        m.heartbeat(&first.fence, LEASE_MS, 300).err(),
        m.journal(&first.fence, "k", "v".into(), 300).err(),
        m.deliver(&first.fence, "", 300).err(),
        m.record_call(&first.fence, call, 300).err(),
        m.apply(&first.fence, "late", vec![complete()], 300).err(),
    ];
    for error in refused {
        assert!(
            error.as_ref().is_some_and(MissionError::is_stale),
            "{error:?}"
        );
    }
    assert_eq!(
        world.state(task),
        State::Started,
        "the second run is untouched"
    );
    m.apply(
        &second.fence,
        "ok",
        vec![complete(), review_of(&world, task)],
        400,
    )
    .expect("the live run may");
    assert!(
        m.apply(&second.fence, "twice", vec![complete()], 400)
            .expect_err("ended")
            .is_stale()
    );
    world.sound();
}

#[test]
fn what_a_run_has_journaled_is_found_by_the_run_that_resumes_it() {
    let world = world();
    world.add(world.build("t"));
    let first = world.claim().expect("a claim");
    let m = &world.mission;
    assert_eq!(
        m.journal(&first.fence, "head", "abc".into(), 110)
            .expect("journals"),
        "abc"
    );
    assert_eq!(
        m.journal(&first.fence, "head", "other".into(), 120)
            .expect("answers"),
        "abc",
        "first write wins"
    );
    let retry = Effect::Retry {
        why: "again".into(),
        findings: vec![],
        counters: Counters::default(),
        run_at_ms: 0,
    };
    m.recover(vec![(first.fence.run, retry)], "gone", 200)
        .expect("recovers");
    let second = world.claim().expect("a claim");
    assert_eq!(
        m.journaled(&second.fence.run, "head")
            .expect("reads")
            .as_deref(),
        Some("abc")
    );
    let quality = Effect::Retry {
        why: "again".into(),
        findings: vec!["bad".into()],
        counters: Counters::default(),
        run_at_ms: 0,
    };
    m.apply(&second.fence, "gate failed", vec![quality], 300)
        .expect("applies");
    let third = world.claim().expect("a claim");
    assert_eq!(third.resumes, None, "a judged run is not resumed");
    assert_eq!(m.journaled(&third.fence.run, "head").expect("reads"), None);
    assert_eq!(third.task.findings, ["bad"]);
    world.sound();
}

#[test]
fn completion_is_one_transaction_or_nothing() {
    let world = world();
    let task = world.add(world.build("t"));
    let claim = world.claim().expect("a claim");
    let mut orphan = NewTask::new(TaskKind::Review, "r");
    orphan.parent = Some(TaskId(999));
    let broken = Effect::Spawn {
        tasks: vec![Spawn {
            task: orphan,
            needs_new: vec![],
            holds_postflight: false,
        }],
    };
    world
        .mission
        .apply(&claim.fence, "ok", vec![complete(), broken], 200)
        .expect_err("no such parent");
    assert_eq!(world.state(task), State::Started, "nothing of it happened");
    assert_eq!(world.mission.live_runs().expect("runs").len(), 1);
    world
        .mission
        .apply(
            &claim.fence,
            "ok",
            vec![complete(), review_of(&world, task)],
            210,
        )
        .expect("applies");
    let row = world
        .mission
        .run(&claim.fence.run)
        .expect("reads")
        .expect("the run");
    assert_eq!(
        (world.state(task), row.state),
        (State::Done, RunState::Succeeded)
    );
    assert!(
        !world
            .mission
            .outbox_due(10_000, 10)
            .expect("outbox")
            .is_empty()
    );
    world.sound();
}

#[test]
fn a_need_is_met_by_the_merge_not_by_done() {
    let world = world();
    let first = world.add(world.build("first"));
    let mut second = world.build("second");
    second.needs = vec![Need {
        task: first,
        until: Until::Integrated,
    }];
    let second = world.add(second);
    let claim = world.claim().expect("first");
    let enqueue = Effect::Enqueue {
        lineage: first,
        project: world.project,
        base: "b".into(),
        head: "h".into(),
    };
    world
        .mission
        .apply(
            &claim.fence,
            "ok",
            vec![complete(), review_of(&world, first), enqueue],
            200,
        )
        .expect("applies");
    let review = world.claim().expect("the review");
    assert_eq!(review.task.kind, TaskKind::Review);
    assert!(world.claim().is_none(), "done is not merged");
    let row = world
        .mission
        .next_merge(1_000)
        .expect("reads")
        .expect("queued");
    assert!(world.mission.merge_intent(row.id, "m").expect("intent"));
    let integrated = Effect::Integrated {
        lineage: first,
        commit: "m".into(),
    };
    world
        .mission
        .end_integration(row.id, first, true, "merged", vec![integrated.clone()], 300)
        .expect("merges");
    world
        .mission
        .end_integration(row.id, first, true, "again", vec![integrated], 300)
        .expect("is idempotent");
    assert_eq!(world.claim().expect("second").task.id, second);
    assert_eq!(
        world.mission.merges_of(first).expect("rows")[0].state,
        MergeState::Merged
    );
    let integrations = world
        .mission
        .events(first)
        .expect("history")
        .iter()
        .filter(|e| e.kind == "integrated")
        .count();
    assert_eq!(integrations, 1);
    world.sound();
}

#[test]
fn circles_are_refused_and_change_nothing() {
    let world = world();
    let a = world.add(world.build("a"));
    let mut b = world.build("b");
    b.needs = vec![Need {
        task: a,
        until: Until::Done,
    }];
    b.lineage = Some(a);
    let refused = world
        .mission
        .add(b, None, "test", 10)
        .expect_err("a would wait for itself");
    assert!(
        matches!(refused, MissionError::Cycle { needs, .. } if needs == a),
        "{refused}"
    );
    assert_eq!(
        world
            .mission
            .tasks(&Filter::default())
            .expect("lists")
            .len(),
        1,
        "the refused task left nothing"
    );
    let mut missing = world.build("c");
    missing.needs = vec![Need {
        task: TaskId(99),
        until: Until::Done,
    }];
    assert!(matches!(
        world.mission.add(missing, None, "test", 10),
        Err(MissionError::NoTask(TaskId(99)))
    ));
    world.sound();
}

#[test]
fn the_same_key_is_the_same_task_and_another_request_is_a_conflict() {
    let world = world();
    let one = world
        .mission
        .add(world.build("t"), Some("k".into()), "test", 10)
        .expect("adds");
    let two = world
        .mission
        .add(world.build("t"), Some("k".into()), "test", 20)
        .expect("answers");
    assert_eq!(one, two);
    let other = world
        .mission
        .add(world.build("u"), Some("k".into()), "test", 30);
    assert!(matches!(
        other,
        Err(MissionError::IdempotencyConflict { .. })
    ));
    let mut goal = NewTask::new(TaskKind::Goal, "g");
    goal.project = Some(world.project);
    let spec = NewTask::new(TaskKind::Spec, "Spec: g");
    let a = world
        .mission
        .add_goal(goal.clone(), spec.clone(), Some("g".into()), "test", 10)
        .expect("adds");
    let b = world
        .mission
        .add_goal(goal, spec, Some("g".into()), "test", 10)
        .expect("answers");
    assert_eq!(a, b);
    let all = Filter {
        goal: Some(a),
        ended: true,
        ..Filter::default()
    };
    assert_eq!(
        world.mission.tasks(&all).expect("lists").len(),
        2,
        "one goal, one spec"
    );
}

#[test]
fn a_wait_without_owner_or_action_cannot_be_stored() {
    let world = world();
    let task = world.add(world.build("t"));
    for broken in [
        Waiting {
            owner: String::new(),
            ..waiting()
        },
        Waiting {
            next_action: String::new(),
            ..waiting()
        },
    ] {
        world
            .mission
            .ask(task, broken, "factory", 20)
            .expect_err("the constraint holds");
        assert_eq!(world.state(task), State::Open);
    }
    world
        .mission
        .ask(task, waiting(), "factory", 20)
        .expect("a full wait");
    let stored = world
        .mission
        .task(task)
        .expect("reads")
        .waiting
        .expect("is waiting");
    assert_eq!(stored.next_action, format!("pull a model for {}", task.0));
    assert!(world.claim().is_none());
    assert_eq!(
        world
            .mission
            .act(task, Event::Answer, "go on".into(), "me", 30)
            .expect("answers"),
        State::Open
    );
    let claimed = world.claim().expect("goes on");
    assert_eq!(claimed.task.findings, ["me says: go on"]);
    world.sound();
}

#[test]
fn a_person_can_stop_what_runs_and_the_run_learns_it() {
    let world = world();
    let task = world.add(world.build("t"));
    let claim = world.claim().expect("a claim");
    world
        .mission
        .act(task, Event::Cancel, "not needed".into(), "me", 200)
        .expect("cancels");
    assert!(
        world
            .mission
            .heartbeat(&claim.fence, LEASE_MS, 300)
            .expect_err("lost")
            .is_stale()
    );
    let refused = world
        .mission
        .act(task, Event::Claim, String::new(), "me", 300)
        .expect_err("not a verb");
    assert!(matches!(refused, MissionError::Refused { .. }), "{refused}");
    assert_eq!(
        world
            .mission
            .act(task, Event::Reopen, String::new(), "me", 400)
            .expect("reopens"),
        State::Open
    );
    world.sound();
}

#[test]
fn history_cannot_be_rewritten() {
    let world = world();
    let task = world.add(world.build("t"));
    let raw = rusqlite::Connection::open(world.home.path().join("mission.db")).expect("opens");
    raw.execute(
        "UPDATE event SET detail = 'nothing happened' WHERE task = ?",
        [task.0],
    )
    .expect_err("never changed");
    raw.execute("DELETE FROM event", [])
        .expect_err("never deleted");
    assert_eq!(
        world.mission.events(task).expect("history")[0].kind,
        "created"
    );
}

#[test]
fn goals_are_settled_when_nothing_under_them_is_left() {
    let world = world();
    let mut goal = NewTask::new(TaskKind::Goal, "g");
    goal.project = Some(world.project);
    let mut spec = NewTask::new(TaskKind::Spec, "Spec: g");
    spec.project = Some(world.project);
    let goal = world
        .mission
        .add_goal(goal, spec, None, "test", 10)
        .expect("adds");
    assert!(world.mission.settled_goals().expect("reads").is_empty());
    let claim = world.claim().expect("the spec");
    assert_eq!(
        (claim.task.kind, claim.task.goal),
        (TaskKind::Spec, Some(goal))
    );
    let done = Effect::Complete {
        base: None,
        head: None,
        note: String::new(),
    };
    world
        .mission
        .apply(&claim.fence, "ok", vec![done], 200)
        .expect("applies");
    assert_eq!(world.mission.settled_goals().expect("reads")[0].id, goal);
    world
        .mission
        .enqueue_delivery(goal, world.project, "h", "factory", 300)
        .expect("queues");
    world
        .mission
        .enqueue_delivery(goal, world.project, "h", "factory", 310)
        .expect("is one row");
    assert!(
        world.mission.settled_goals().expect("reads").is_empty(),
        "it is being delivered"
    );
    let row = world
        .mission
        .next_merge(1_000)
        .expect("reads")
        .expect("queued");
    let refused = Waiting {
        reason: WaitReason::Approval,
        ..waiting()
    };
    world
        .mission
        .end_delivery(row.id, goal, Some(refused), "dirty", 320)
        .expect("ends");
    assert_eq!(world.state(goal), State::Waiting);
    world
        .mission
        .enqueue_delivery(goal, world.project, "h", "me", 330)
        .expect("tried again");
    let row = world
        .mission
        .next_merge(1_000)
        .expect("reads")
        .expect("queued again");
    world
        .mission
        .end_delivery(row.id, goal, None, "moved", 340)
        .expect("ends");
    assert_eq!(world.state(goal), State::Done);
    world.sound();
}

#[test]
fn fifty_writers_at_once_lose_nothing() {
    let world = Arc::new(world());
    let threads: Vec<_> = (0..50)
        .map(|n| {
            let world = Arc::clone(&world);
            std::thread::spawn(move || {
                (0..20)
                    .map(|m| world.add(world.build(&format!("t{n}-{m}"))))
                    .collect::<Vec<TaskId>>()
            })
        })
        .collect();
    let mut ids: Vec<TaskId> = threads
        .into_iter()
        .flat_map(|t| t.join().expect("no writer panics"))
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(
        ids.len(),
        1_000,
        "every acknowledged task has its own number"
    );
    assert_eq!(
        world
            .mission
            .tasks(&Filter::default())
            .expect("lists")
            .len(),
        1_000
    );
    world.sound();
}

#[test]
fn one_process_writes_and_others_read() {
    let world = world();
    let second = Mission::open(world.home.path(), quiet).expect_err("the lock is held");
    assert!(
        matches!(&second, MissionError::Locked { pid, .. } if *pid == std::process::id().to_string()),
        "{second}"
    );
    let task = world.add(world.build("t"));
    let reader = Reader::open(world.home.path()).expect("readers may");
    assert_eq!(reader.task(task).expect("reads").title, "t");
    drop(world.mission);
    let again = Mission::open(world.home.path(), quiet).expect("the lock is free again");
    assert_eq!(again.task(task).expect("reads").title, "t");
}

#[test]
fn a_newer_or_readable_file_is_refused_and_untouched() {
    let World { home, mission, .. } = world();
    drop(mission);
    let path = home.path().join("mission.db");
    let raw = rusqlite::Connection::open(&path).expect("opens");
    raw.execute_batch("PRAGMA user_version = 99").expect("sets");
    drop(raw);
    let refused = Mission::open(home.path(), quiet).expect_err("newer");
    assert!(
        matches!(refused, MissionError::NewerSchema { found: 99, .. }),
        "{refused}"
    );
    assert!(matches!(
        Reader::open(home.path()),
        Err(MissionError::NewerSchema { .. })
    ));
    set_mode(&path, 0o644);
    let refused = Mission::open(home.path(), quiet).expect_err("readable by others");
    assert!(refused.to_string().contains("chmod 600"), "{refused}");
}

#[test]
fn searches_never_leave_their_project() {
    let world = world();
    for (project, text) in [
        (Some(world.project), "limits live in gate.rs"),
        (None, "limits of another house"),
    ] {
        let entry = alai_mission::MindEntry {
            id: 0,
            entry_kind: "knowledge".into(),
            project,
            task: None,
            run: None,
            company: None,
            source: "test".into(),
            text: text.into(),
            seen: 1,
            at_ms: 1,
            score: 0.0,
        };
        let first = world.mission.post(entry.clone()).expect("posts");
        assert_eq!(
            world.mission.post(entry).expect("posts again"),
            first,
            "the same text is one row"
        );
    }
    let query = |project| alai_mission::MindQuery {
        expression: "\"limits\"".into(),
        project,
        limit: 5,
    };
    let found = world
        .mission
        .mind_search(&query(Some(world.project)))
        .expect("searches");
    assert_eq!(
        found.iter().map(|e| (&*e.text, e.seen)).collect::<Vec<_>>(),
        [("limits live in gate.rs", 2)]
    );
    assert_eq!(
        world
            .mission
            .mind_search(&query(None))
            .expect("searches")
            .len(),
        1
    );
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("chmod");
}

/// A goal with a build, one that needs it, and a postflight that needs both.
fn goal_of_three(world: &World) -> (TaskId, TaskId, TaskId, TaskId) {
    let mut goal = NewTask::new(TaskKind::Goal, "g");
    goal.project = Some(world.project);
    let goal = world.add(goal);
    let child = |kind, title: &str, needs: Vec<Need>| {
        let mut task = NewTask::new(kind, title);
        task.goal = Some(goal);
        task.parent = Some(goal);
        task.project = Some(world.project);
        task.needs = needs;
        world.add(task)
    };
    let need = |task| Need {
        task,
        until: Until::Integrated,
    };
    let first = child(TaskKind::Build, "first", vec![]);
    let second = child(TaskKind::Build, "second", vec![need(first)]);
    let postflight = child(
        TaskKind::Postflight,
        "post",
        vec![need(first), need(second)],
    );
    (goal, first, second, postflight)
}

#[test]
fn what_needed_a_cancelled_build_does_not_wait_in_silence() {
    let world = world();
    let (_, first, second, postflight) = goal_of_three(&world);
    world
        .mission
        .act(first, Event::Cancel, "not wanted".into(), "me", 20)
        .expect("cancels");
    let waiting = world
        .mission
        .task(second)
        .expect("reads")
        .waiting
        .expect("is put before a person");
    assert_eq!(
        (waiting.reason, waiting.owner.as_str()),
        (WaitReason::NeedGone, "me")
    );
    assert!(
        waiting
            .next_action
            .contains(&format!("mc answer {}", second.0)),
        "{}",
        waiting.next_action
    );
    let unmet = |task| {
        world
            .mission
            .needs(task)
            .expect("reads")
            .iter()
            .filter(|n| !n.satisfied)
            .count()
    };
    assert_eq!(
        unmet(postflight),
        1,
        "the postflight goes on without what is gone"
    );
    world
        .mission
        .act(second, Event::Answer, "go on without it".into(), "me", 30)
        .expect("answers");
    assert_eq!((world.state(second), unmet(second)), (State::Open, 0));
    assert_eq!(world.claim().expect("it runs").task.id, second);
    world.sound();
}

#[test]
fn a_build_that_a_person_closes_by_hand_holds_nobody_up() {
    let world = world();
    let (_, first, second, _) = goal_of_three(&world);
    world
        .mission
        .act(first, Event::Override, "I did it myself".into(), "me", 20)
        .expect("closes");
    assert_eq!(world.claim().expect("what needed it").task.id, second);
    world.sound();
}

#[test]
fn a_cancelled_goal_takes_everything_under_it_along() {
    let world = world();
    let (goal, first, second, postflight) = goal_of_three(&world);
    let claim = world.claim().expect("the first build");
    let enqueue = Effect::Enqueue {
        lineage: first,
        project: world.project,
        base: "b".into(),
        head: "h".into(),
    };
    world
        .mission
        .apply(
            &claim.fence,
            "ok",
            vec![complete(), review_of(&world, first), enqueue],
            200,
        )
        .expect("applies");
    let review = world.claim().expect("its review");
    let row = world.mission.merges_of(first).expect("rows")[0].id;
    let intent = || world.mission.merge_intent(row, "m").expect("notes");
    assert!(intent(), "a queued row may move its branch");
    world
        .mission
        .act(goal, Event::Cancel, "changed my mind".into(), "me", 300)
        .expect("cancels");
    assert!(!intent(), "a merge that is tested meanwhile moves nothing");
    for task in [goal, second, postflight] {
        assert_eq!(world.state(task), State::Cancelled, "{task}");
    }
    assert!(
        world
            .mission
            .heartbeat(&review.fence, LEASE_MS, 310)
            .is_ok(),
        "a review outside the goal's rows runs on"
    );
    assert_eq!(
        world.mission.merges_of(first).expect("rows")[0].state,
        MergeState::Refused
    );
    assert!(world.mission.next_merge(1_000).expect("reads").is_none());
    world.sound();
}

#[test]
fn a_paused_goal_starts_nothing_until_it_is_resumed() {
    let world = world();
    let (goal, first, ..) = goal_of_three(&world);
    world
        .mission
        .act(goal, Event::Pause, String::new(), "me", 20)
        .expect("pauses");
    assert!(world.claim().is_none());
    world
        .mission
        .act(goal, Event::Resume, String::new(), "me", 30)
        .expect("resumes");
    assert_eq!(world.claim().expect("goes on").task.id, first);
    world.sound();
}

#[test]
fn only_an_answer_to_a_rail_clears_it() {
    let world = world();
    let task = world.add(world.build("t"));
    let ask = |reason, detail: &str| {
        let waiting = Waiting {
            reason,
            detail: detail.into(),
            ..waiting()
        };
        world
            .mission
            .ask(task, waiting, "factory", 20)
            .expect("asks");
        world
            .mission
            .act(task, Event::Answer, "go ahead".into(), "me", 30)
            .expect("answers");
        world.mission.task(task).expect("reads").cleared
    };
    assert_eq!(
        ask(WaitReason::QaRetries, "production: in a finding"),
        Vec::<String>::new()
    );
    assert_eq!(
        ask(WaitReason::Safety, "production: it would change what runs"),
        ["production"]
    );
    let paused = world.mission.ask(task, waiting(), "factory", 40);
    paused.expect("asks");
    let refused = world
        .mission
        .act(task, Event::Pause, String::new(), "me", 50);
    assert!(
        matches!(refused, Err(MissionError::Refused { .. })),
        "a wait is not put aside"
    );
}

#[test]
fn a_refused_merge_is_tried_again_when_a_person_says_so() {
    let world = world();
    let task = world.add(world.build("t"));
    let claim = world.claim().expect("a claim");
    let enqueue = Effect::Enqueue {
        lineage: task,
        project: world.project,
        base: "b".into(),
        head: "h".into(),
    };
    world
        .mission
        .apply(
            &claim.fence,
            "ok",
            vec![complete(), review_of(&world, task), enqueue],
            200,
        )
        .expect("applies");
    let review = world.claim().expect("the review");
    let done = Effect::Complete {
        base: None,
        head: None,
        note: "pass".into(),
    };
    world
        .mission
        .apply(&review.fence, "ok", vec![done], 210)
        .expect("applies");
    let row = world
        .mission
        .next_merge(300)
        .expect("reads")
        .expect("queued");
    world
        .mission
        .merge_failed(&row, "disk full", 300)
        .expect("counts");
    assert!(
        world.mission.next_merge(301).expect("reads").is_none(),
        "its turn comes later"
    );
    let row = world
        .mission
        .next_merge(60_000)
        .expect("reads")
        .expect("queued again");
    assert_eq!(
        (row.attempts, row.outcome.as_deref()),
        (1, Some("disk full"))
    );
    world
        .mission
        .end_integration(row.id, task, false, "disk full", vec![], 60_000)
        .expect("gives up");
    assert!(world.mission.resting(task).expect("reads"));
    assert!(
        world
            .mission
            .requeue_merge(task, "me", 61_000)
            .expect("tries again")
    );
    assert!(
        !world
            .mission
            .requeue_merge(task, "me", 61_000)
            .expect("once")
    );
    let again = world
        .mission
        .next_merge(61_000)
        .expect("reads")
        .expect("queued");
    assert_eq!(again.attempts, 0);
    assert!(!world.mission.resting(task).expect("reads"));
    world.sound();
}

#[test]
fn a_run_that_the_machine_failed_is_gone_on_with() {
    let world = world();
    world.add(world.build("t"));
    let first = world.claim().expect("a claim");
    world
        .mission
        .journal(&first.fence, "handed_in", "x".into(), 110)
        .expect("journals");
    let retry = Effect::Retry {
        why: "infrastructure: disk full".into(),
        findings: vec![],
        counters: Counters::default(),
        run_at_ms: 0,
    };
    world
        .mission
        .apply(&first.fence, "infrastructure: disk full", vec![retry], 120)
        .expect("applies");
    let second = world.claim().expect("again");
    assert_eq!(second.resumes, Some(first.fence.run));
    let kept = world
        .mission
        .journaled(&second.fence.run, "handed_in")
        .expect("reads");
    assert_eq!(kept.as_deref(), Some("x"));
    world.sound();
}
