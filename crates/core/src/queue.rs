//! Which task is next: urgency that grows with waiting, then fairness between projects, then age.
//!
//! The store asks with the oldest task of each project and priority: within one such queue nobody overtakes, so the heads are
//! all that has to be compared.

use std::cmp::Reverse;

use crate::ids::TaskId;
use crate::task::Priority;

/// Waiting this long is worth one step of priority: a day, so that a low task of Monday stands beside the high ones of
/// Wednesday and is never starved by a stream of new ones.
pub const AGEING_MS: i64 = 24 * 60 * 60 * 1000;

/// The oldest task of one project and one priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    pub task: TaskId,
    pub priority: Priority,
    /// Milliseconds since the Unix epoch.
    pub created_ms: i64,
    /// Runs of its project at work now.
    pub busy: usize,
    /// When its project was last given a run, in milliseconds since the Unix epoch; 0 when never.
    pub served_ms: i64,
}

/// The priority that counts now. Waiting raises it up to high; a blocker is a person's word and nothing grows into one.
pub fn urgency(priority: Priority, waited_ms: i64) -> i64 {
    let own = priority.rank();
    let steps = waited_ms.max(0) / AGEING_MS;
    own.saturating_add(steps)
        .min(Priority::High.rank())
        .max(own)
}

/// The head that is served next: the most urgent; among equals that of the project with the fewest runs, then of the project that
/// was served longest ago, then the oldest.
pub fn next(heads: &[Head], now_ms: i64) -> Option<TaskId> {
    let order = |head: &&Head| {
        let urgency = urgency(head.priority, now_ms.saturating_sub(head.created_ms));
        (Reverse(urgency), head.busy, head.served_ms, head.task)
    };
    heads.iter().min_by_key(order).map(|head| head.task)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = AGEING_MS;

    fn head(task: i64, priority: Priority, created_ms: i64) -> Head {
        Head {
            task: TaskId(task),
            priority,
            created_ms,
            busy: 0,
            served_ms: 0,
        }
    }

    #[test]
    fn waiting_raises_up_to_high_and_never_lowers() {
        assert_eq!(urgency(Priority::Low, 0), 1);
        assert_eq!(urgency(Priority::Low, DAY - 1), 1);
        assert_eq!(urgency(Priority::Low, DAY), 2);
        assert_eq!(urgency(Priority::Low, 90 * DAY), 3);
        assert_eq!(urgency(Priority::Blocker, 90 * DAY), 4);
        assert_eq!(urgency(Priority::High, -DAY), 3, "a clock that went back");
    }

    #[test]
    fn the_old_low_one_is_served_before_new_high_ones_and_a_blocker_before_both() {
        let old = head(1, Priority::Low, 0);
        let new = head(2, Priority::High, 2 * DAY);
        assert_eq!(next(&[new, old], 2 * DAY), Some(TaskId(1)));
        assert_eq!(next(&[new, old], DAY), Some(TaskId(2)));
        let blocker = head(3, Priority::Blocker, 2 * DAY);
        assert_eq!(next(&[new, old, blocker], 2 * DAY), Some(TaskId(3)));
        assert_eq!(next(&[], 0), None);
    }

    #[test]
    fn projects_take_turns() {
        let mut one = head(1, Priority::Medium, 0);
        let mut two = head(2, Priority::Medium, 0);
        (one.busy, one.served_ms) = (1, 10);
        assert_eq!(next(&[one, two], 20), Some(TaskId(2)), "fewer runs");
        (one.busy, two.served_ms) = (0, 15);
        assert_eq!(next(&[one, two], 20), Some(TaskId(1)), "served longer ago");
    }
}
