//! A line of work as a person asks after it: what the engine would do next of a task that is done, and which successor may be
//! made by hand.

use super::chain::{self, Stage};
use super::merged::{of_goal, own_stage};
use super::{Context, Effect, Spawn, lineage, onwards, review_of};
use crate::ids::TaskId;
use crate::task::{State, Task, TaskKind};

/// Why nothing is made. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Held {
    #[error("{0} is no task of a pipeline: its stages are those of its builds")]
    NoStage(TaskId),
    #[error("{task} is {state}: nothing follows before it is done")]
    NotDone { task: TaskId, state: State },
    #[error("{0} was closed without a commit that a gate measured: there is nothing to hand on")]
    NoCommit(TaskId),
    #[error("the {stage} of cycle {cycle} is {task} already, which is {state}")]
    Exists {
        stage: Stage,
        cycle: u32,
        task: TaskId,
        state: State,
    },
    #[error("{next} follows {task}, and not {stage}")]
    NotNext {
        task: TaskId,
        stage: Stage,
        next: String,
    },
    #[error("{0} is not merged yet: operations and documentation are made for what is")]
    NotMerged(TaskId),
    #[error("a {0} is made by a plan, a reject or a person's `alai mc add`, and by nothing else")]
    NotMade(Stage),
}

/// What the engine does when a task is done. It did so in the transaction that ended the task, but for what a person closed by
/// hand, and for what was to end at its gate: there `line` has nothing that came of it.
///
/// # Errors
/// With what holds it.
pub fn next(task: &Task, line: &[Task], context: &Context) -> Result<Vec<Effect>, Held> {
    let stage = Stage::of(task.kind).ok_or(Held::NoStage(task.id))?;
    if task.state != State::Done {
        let state = task.state;
        return Err(Held::NotDone {
            task: task.id,
            state,
        });
    }
    if let Some(made) = line
        .iter()
        .find(|t| t.parent == Some(task.id) && t.id != task.id && keeps_place(t))
    {
        return Err(exists(made, Stage::of(made.kind).unwrap_or(stage)));
    }
    let (Some(base), Some(head)) = (&task.base, &task.head) else {
        return Err(Held::NoCommit(task.id));
    };
    let verify = context.verify.as_deref();
    Ok(onwards(task, base, head, verify, &context.chain))
}

/// The one task of `stage` that may follow `from` by a person's hand. `line` is the whole line of work, its first task too, and
/// what was made of it.
///
/// # Errors
/// Where the engine would not have it, or it is there already.
pub fn by_hand(
    from: &Task,
    stage: Stage,
    line: &[Task],
    context: &Context,
) -> Result<Vec<Effect>, Held> {
    Stage::of(from.kind).ok_or(Held::NoStage(from.id))?;
    let kind = match stage.kind() {
        Some(kind) if stage != Stage::Build => kind,
        Some(_) | None => return Err(Held::NotMade(stage)),
    };
    if from.state != State::Done {
        let state = from.state;
        return Err(Held::NotDone {
            task: from.id,
            state,
        });
    }
    let cycle = from.counters.review_cycles;
    let after_merge = stage > Stage::Merge;
    // What follows the merge follows what was built, once: never what followed it, and never what the project leaves out.
    let behind = matches!(from.kind, TaskKind::Ops | TaskKind::Docs);
    let freed = chain::freed(&from.changes_tests, &from.cleared);
    let left_out = context.chain.leaves_out(stage, from.priority, freed);
    if after_merge && (behind || left_out.is_some()) {
        return Err(Held::NotNext {
            task: from.id,
            stage,
            next: "nothing".into(),
        });
    }
    let there = line.iter().find(|t| {
        t.kind == kind && keeps_place(t) && (after_merge || t.counters.review_cycles == cycle)
    });
    if let Some(there) = there {
        return Err(exists(there, stage));
    }
    if after_merge {
        let root = line.iter().find(|t| t.id == lineage(from));
        let commit = root.and_then(|root| root.integrated.as_deref());
        let commit = commit.ok_or(Held::NotMerged(lineage(from)))?;
        let spawn = match from.goal {
            Some(goal) => of_goal(from, goal, kind, ""),
            None => own_stage(from, kind, commit),
        };
        return Ok(vec![Effect::Spawn { tasks: vec![spawn] }]);
    }
    let (Some(base), Some(head)) = (&from.base, &from.head) else {
        return Err(Held::NoCommit(from.id));
    };
    let follows = onwards(from, base, head, context.verify.as_deref(), &context.chain);
    let next = follows.iter().find_map(|effect| match effect {
        Effect::Spawn { tasks } => tasks.first().and_then(|spawn| Stage::of(spawn.task.kind)),
        Effect::Enqueue { .. } => Some(Stage::Merge),
        Effect::Complete { .. }
        | Effect::Retry { .. }
        | Effect::Ask { .. }
        | Effect::Move { .. }
        | Effect::Measured { .. }
        | Effect::Deliver { .. }
        | Effect::Integrated { .. }
        | Effect::Remember { .. }
        | Effect::Passed { .. }
        | Effect::Report { .. }
        | Effect::Planned { .. }
        | Effect::PlanAnew { .. }
        | Effect::Replace { .. }
        | Effect::AskAbout { .. }
        | Effect::Skip { .. } => None,
    });
    // A verifier may look at what nobody has judged yet; everything else has its place.
    let asked = next == Some(stage) || (stage == Stage::Verify && next == Some(Stage::Review));
    if !asked {
        let next = next.map_or_else(|| "nothing".to_owned(), |next| format!("the {next}"));
        return Err(Held::NotNext {
            task: from.id,
            stage,
            next,
        });
    }
    let made = line
        .iter()
        .find(|t| t.parent == Some(from.id) && t.id != from.id && keeps_place(t));
    if let Some(made) = made {
        return Err(exists(made, stage));
    }
    Ok(vec![Spawn::alone(review_of(from, kind, base, head))])
}

/// Whether another of its stage and cycle is one too many. What was cancelled or has failed leaves its place free, but for a goal's
/// own operations and documentation: of those there is one, which a retry brings back.
fn keeps_place(task: &Task) -> bool {
    let over = matches!(task.state, State::Cancelled | State::Failed);
    let of_goal = task.lineage.is_none() && task.goal.is_some() && task.parent == task.goal;
    !over || (of_goal && matches!(task.kind, TaskKind::Ops | TaskKind::Docs))
}

fn exists(there: &Task, stage: Stage) -> Held {
    Held::Exists {
        stage: Stage::of(there.kind).unwrap_or(stage),
        cycle: there.counters.review_cycles,
        task: there.id,
        state: there.state,
    }
}
