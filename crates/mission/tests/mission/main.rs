//! Mission Control through its public door: claims, fences, effects, dependencies, and what the file itself must refuse.

mod audit;
mod claims;
mod classes;
mod copies;
mod hands;
mod injections;
mod lines;
mod loans;
mod merges;
mod money;
mod needs;
mod notices;
mod overlaps;
mod people;
mod publishing;
mod ready;
mod remotes;
mod replans;
mod semantics;
mod sessions;
mod store;
mod took;
mod unsound;
mod usual;
mod words;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Barrier};

use alai_core::ids::{ProjectId, TaskId};
use alai_core::lifecycle::Event;
use alai_core::pipeline::{Effect, Spawn};
use alai_core::task::{
    Counters, Need, NewTask, Priority, State, TaskKind, Until, WaitReason, Waiting,
};
use alai_mission::{
    Claim, ClaimLimits, Filter, MergeState, Mission, MissionError, NewProject, ProjectSettings,
    Reader, RunState, Slot, SlotsOf, fsck,
};

const LIMITS: ClaimLimits = ClaimLimits {
    total: 8,
    per_project: 8,
    run_ms_max: 3_600_000,
    slots: SlotsOf::NOTHING,
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
            .claim(None, &LIMITS, "w", LEASE_MS, 100)
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

fn alone(task: NewTask) -> Spawn {
    Spawn {
        task,
        needs_new: vec![],
        holds_postflight: false,
        holds_dependents: false,
        of_goal: false,
    }
}

fn review_of(world: &World, parent: TaskId) -> Effect {
    let mut task = NewTask::new(TaskKind::Review, "review");
    task.parent = Some(parent);
    task.lineage = Some(parent);
    task.project = Some(world.project);
    Effect::Spawn {
        tasks: vec![alone(task)],
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
