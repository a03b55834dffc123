//! A build whose agent ran without a cage: its gate's word alone makes nothing of it.

use super::{Chain, Context, Effect, onwards, waiting};
use crate::qa::{UNCAGED, Verdict};
use crate::task::{Task, WaitReason};

/// The gate would have passed it: the commit is kept in mind, and a person is asked.
pub(super) fn asked(
    task: &Task,
    verdict: &Verdict,
    base: &str,
    head: &str,
    context: &Context,
) -> Vec<Effect> {
    let detail = format!(
        "{UNCAGED}; {} of {} applicable checks passed",
        verdict.passed, verdict.applicable
    );
    let action = format!(
        "read the change ({base}..{head}) and `alai evidence show {0}`; then `alai mc approve {0}` sends it to review and merge, or \
         `alai mc cancel {0}`",
        task.id.0
    );
    vec![
        Effect::Measured {
            base: base.into(),
            head: head.into(),
        },
        Effect::Ask {
            waiting: waiting(WaitReason::Uncaged, detail, action, context),
            counters: task.counters,
            findings: Vec::new(),
        },
    ]
}

/// A person has approved what waits so: it goes the way of every build that has passed, and no shorter one. `None` when the
/// task does not wait for that. `verify`: why an independent verifier looks at it first, as at any other build.
pub fn accepted(task: &Task, verify: Option<&str>) -> Option<Vec<Effect>> {
    let waits = task.waiting.as_ref().map(|w| w.reason);
    match (waits, &task.base, &task.head) {
        (Some(WaitReason::Uncaged), Some(base), Some(head)) => {
            // No project's stages make the way of what had no cage a shorter one.
            Some(onwards(task, base, head, verify, &Chain::default()))
        }
        _ => None,
    }
}
