//! What one look of the scheduler sees of the queue.

use super::*;

impl World {
    fn project(&self, name: &str) -> ProjectId {
        let project = NewProject {
            name: name.into(),
            path: format!("/somewhere/{name}").into(),
            target_branch: "main".into(),
            settings: ProjectSettings::default(),
        };
        let added = self.mission.add_project(project, "test", 1);
        added.expect("a project")
    }

    fn of(&self, project: ProjectId, title: &str, priority: Priority) -> TaskId {
        let mut task = self.build(title);
        (task.project, task.priority) = (Some(project), priority);
        self.add(task)
    }

    /// Tasks of medium priority, in one transaction.
    fn backlog(&self, project: ProjectId, count: usize) {
        let parent = self.of(project, "parent", Priority::Blocker);
        let claim = self
            .mission
            .claim(Some(parent), &LIMITS, "w", LEASE_MS, 100)
            .expect("claims answer")
            .expect("it can begin");
        let spawn = |nth| {
            let mut task = self.build(&format!("task {nth}"));
            task.project = Some(project);
            Spawn {
                task,
                needs_new: vec![],
                holds_postflight: false,
                holds_dependents: false,
                of_goal: false,
            }
        };
        let tasks = (0..count).map(spawn).collect();
        let effects = vec![complete(), Effect::Spawn { tasks }];
        let applied = self.mission.apply(&claim.fence, "planned", effects, 100);
        applied.expect("it is ours");
    }

    fn seen(&self) -> Vec<alai_core::task::Task> {
        let queue = self.mission.ready(None, 8, 1_000).expect("it answers");
        queue.ready.into_iter().map(|ready| ready.task).collect()
    }
}

#[test]
fn no_backlog_hides_another_project_s_work() {
    let world = world();
    world.backlog(world.project, 256);
    for nth in 0..3 {
        world.backlog(world.project(&format!("older {nth}")), 256);
    }
    let last = world.project("last");
    let low = world.of(last, "low", Priority::Low);
    let blocker = world.of(last, "blocker", Priority::Blocker);
    let seen = world.seen();
    for task in [low, blocker] {
        assert!(
            seen.iter().any(|s| s.id == task),
            "{task} of {}",
            seen.len()
        );
    }
    // What is not needed for the heads goes to those that have more.
    let room = 1_024 - 64..=1_024;
    assert!(room.contains(&seen.len()), "{}", seen.len());
}

#[test]
fn projects_without_work_take_no_room_from_one_that_has_much() {
    let world = world();
    for nth in 0..40 {
        world.project(&format!("idle {nth}"));
    }
    world.backlog(world.project, 300);
    let seen = world.seen();
    assert_eq!(seen.len(), 256);
    let ids: Vec<TaskId> = seen.iter().map(|task| task.id).collect();
    assert!(ids.is_sorted(), "the oldest, and none twice: {ids:?}");
}

#[test]
fn runs_at_work_are_counted_with_the_queue() {
    let world = world();
    world.add(world.build("one"));
    world.claim().expect("a claim");
    let queue = world.mission.ready(None, 8, 1_000).expect("it answers");
    assert_eq!((queue.at_work, queue.ready.len()), (1, 0));
}

/// A task of which some needs were left out would seem to follow what it does not follow yet.
#[test]
fn needs_beyond_the_limit_leave_out_whole_tasks() {
    let world = world();
    let needed: Vec<TaskId> = (0..65)
        .map(|n| world.add(world.build(&format!("{n}"))))
        .collect();
    let add_behind = |nth: usize| {
        let mut task = world.build(&format!("behind {nth}"));
        let need = |task: &TaskId| Need {
            task: *task,
            until: Until::Done,
        };
        task.needs = needed.iter().map(need).collect();
        world.add(task)
    };
    // 63 tasks of 65 needs are 4,095 and leave room for one.
    let behind: Vec<TaskId> = (0..64).map(add_behind).collect();
    let queue = world.mission.ready(None, 8, 1_000).expect("it answers");
    assert_eq!(queue.behind.len(), 63 * 65);
    assert!(
        queue
            .behind
            .iter()
            .all(|one| one.task != behind[63] && one.state == State::Open)
    );
    // What fits whole is kept whole.
    let paused = world
        .mission
        .act(behind[0], Event::Pause, "later".into(), "t", 1_000);
    paused.expect("it is open");
    let queue = world.mission.ready(None, 8, 1_000).expect("it answers");
    assert_eq!(queue.behind[0].state, State::Paused);
}
