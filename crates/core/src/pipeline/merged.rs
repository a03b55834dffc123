//! What follows from an attempt of the merge queue.

use serde::{Deserialize, Serialize};

use super::reviewed::rework_of;
use super::words::{named_subject, stage_title, subject};
use super::{
    Context, Effect, REVIEW_CYCLES_MAX, Spawn, Stage, child, goal_title, lineage, waiting,
};
use crate::ids::TaskId;
use crate::task::{Task, TaskKind, WaitReason};

/// What one attempt of the merge queue found out about a lineage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum MergeEnd {
    Merged {
        commit: String,
    },
    Conflict {
        paths: Vec<String>,
    },
    /// It could not be tried, again and again: a disk, a repository that is gone.
    Failed {
        detail: String,
    },
    /// It merged cleanly, but the tests are red on the merged result.
    Red {
        findings: Vec<String>,
    },
}

/// What follows from a merge. `task` is the lineage's newest task that changed code.
pub fn merged(task: &Task, end: &MergeEnd, context: &Context) -> Vec<Effect> {
    let findings = match end {
        MergeEnd::Merged { commit } => return integrated(task, commit, context),
        MergeEnd::Conflict { paths } => vec![format!(
            "the change conflicts with what was merged meanwhile, in {}; bring it in again on the newer base",
            paths.join(", ")
        )],
        MergeEnd::Red { findings } => findings.clone(),
        // Nobody's work was at fault: the row waits for a person, who mends the machine and lets it be tried again.
        MergeEnd::Failed { .. } => return Vec::new(),
    };
    let mut next = rework_of(task, findings.clone());
    // Neither the old base nor the rejected commit are a start any more; `with_sides` gives it one upon the newer base.
    next.base = None;
    next.start_from = None;
    if task.counters.review_cycles >= REVIEW_CYCLES_MAX {
        let action =
            "look at both sides with `alai mc show {id}`, then `alai mc answer {id} \"what to do\"`"
                .to_owned();
        next.waiting = Some(waiting(
            WaitReason::MergeConflict,
            findings.join("; "),
            action,
            context,
        ));
    }
    vec![Spawn::alone(next)]
}

fn integrated(task: &Task, commit: &str, context: &Context) -> Vec<Effect> {
    let mut effects = vec![Effect::Integrated {
        lineage: lineage(task),
        commit: commit.to_owned(),
    }];
    if let (None, true, Some(project)) = (task.goal, context.auto_delivery, task.project) {
        effects.push(Effect::Deliver {
            task: lineage(task),
            project,
            head: commit.to_owned(),
        });
    }
    if task.kind != TaskKind::Build {
        return effects;
    }
    for (stage, kind, wanted) in [
        (Stage::Ops, TaskKind::Ops, context.wants_ops),
        (Stage::Docs, TaskKind::Docs, context.wants_docs),
    ] {
        let left_out = context.chain.leaves_out(stage, task.priority, false);
        effects.push(match (wanted, left_out, task.goal) {
            (_, Some(why), _) => Effect::Skip { stage, why },
            (false, None, _) => Effect::Skip {
                stage,
                why: "nobody asked for it: no tag, no plan and no setting of the project".into(),
            },
            (true, None, None) => Effect::Spawn {
                tasks: vec![own_stage(task, kind, commit)],
            },
            (true, None, Some(goal)) => Effect::Spawn {
                tasks: vec![of_goal(task, goal, kind, "")],
            },
        });
    }
    effects
}

/// What the stage's task is called, of whatever it is made.
fn named(kind: TaskKind) -> (&'static str, &'static str) {
    match kind {
        TaskKind::Ops => ("OPS", "Deploy setup"),
        TaskKind::Goal
        | TaskKind::Spec
        | TaskKind::Build
        | TaskKind::Review
        | TaskKind::Security
        | TaskKind::Verify
        | TaskKind::Docs
        | TaskKind::Postflight => ("DOCS", "Documentation"),
    }
}

/// The stage of a task of its own, after its merge.
pub(super) fn own_stage(task: &Task, kind: TaskKind, commit: &str) -> Spawn {
    let (label, words) = named(kind);
    let subject = subject(&task.title);
    let title = stage_title(task, label, words, named_subject(task));
    let mut next = child(task, kind, title);
    next.description = format!(
        "What was built: {subject} ({}, merged as {commit}).",
        task.id
    );
    next.tags.retain(|t| t != "docs" && t != "deploy");
    Spawn {
        task: next,
        needs_new: Vec::new(),
        holds_postflight: true,
        holds_dependents: false,
        of_goal: false,
    }
}

/// The stage of a goal, for all that was merged for it. `built` says in lines what that is to be, where it is known.
pub(super) fn of_goal(task: &Task, goal: TaskId, kind: TaskKind, built: &str) -> Spawn {
    let (label, words) = named(kind);
    let of = match task.kind {
        TaskKind::Spec => goal_title(task).to_owned(),
        TaskKind::Goal
        | TaskKind::Build
        | TaskKind::Review
        | TaskKind::Security
        | TaskKind::Verify
        | TaskKind::Ops
        | TaskKind::Docs
        | TaskKind::Postflight => format!("goal {goal}"),
    };
    let title = stage_title(task, label, words, &of);
    let mut next = child(task, kind, title);
    next.parent = Some(goal);
    next.company_pin = None;
    next.changes_tests = Vec::new();
    next.description = format!(
        "All that is built for goal {goal} is merged when this begins: what is there is what it is about."
    );
    if !built.is_empty() {
        next.description
            .push_str(&format!("\n\nIt was planned as:\n{built}"));
    }
    next.tags.retain(|t| t != "docs" && t != "deploy");
    Spawn {
        task: next,
        needs_new: Vec::new(),
        holds_postflight: true,
        holds_dependents: false,
        of_goal: true,
    }
}
