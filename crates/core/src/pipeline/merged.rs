//! What follows from an attempt of the merge queue.

use serde::{Deserialize, Serialize};

use super::reviewed::rework_of;
use super::words::{fit_title, prefix, subject};
use super::{Context, Effect, REVIEW_CYCLES_MAX, Spawn, child, lineage, waiting};
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
            "the change conflicts with what was merged meanwhile, in {}; do it again on the newer base",
            paths.join(", ")
        )],
        MergeEnd::Red { findings } => findings.clone(),
        // Nobody's work was at fault: the row waits for a person, who mends the machine and lets it be tried again.
        MergeEnd::Failed { .. } => return Vec::new(),
    };
    let mut next = rework_of(task, findings.clone());
    // On the newer base: neither the old base nor the rejected commit are a start any more.
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
    for (kind, label, words, wanted) in [
        (TaskKind::Ops, "OPS", "Deploy setup", context.wants_ops),
        (TaskKind::Docs, "DOCS", "Documentation", context.wants_docs),
    ] {
        if !wanted {
            continue;
        }
        let subject = subject(&task.title);
        let mut next = child(
            task,
            kind,
            fit_title(&format!("[{}{label}] {words} for {subject}", prefix(task))),
        );
        next.description = format!(
            "What was built: {subject} ({}, merged as {commit}).",
            task.id
        );
        next.tags.retain(|t| t != "docs" && t != "deploy");
        effects.push(Spawn::holding(next));
    }
    effects
}
