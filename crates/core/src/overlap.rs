//! Which work on one repository may run side by side. Two tasks that change the same files in clones of their own make a conflict that the
//! merge queue finds only when both are finished: one of them is then built a second time.
//!
//! What is known of a task is its area: the paths that it declares, and those that its line of work has changed before. A task begins when no
//! line of work that has begun and is not merged meets its area; until then another one is begun that meets none. It waits for the merge
//! and not only for the other's run, since it is begun from what is merged.
//!
//! Where a repository has no code yet, whatever is built first is what all others stand on: builds begun side by side would each lay a ground of
//! their own. There one line of work is merged before the next one begins ([`Line::lays_ground`]).
//!
//! What there is not: nobody who waits for work of which nothing is known, for what changes nothing (a review, an audit), for another project, for a
//! person, a pause or a lapsed lease; nobody who waits for less urgent work; none that waits for ever ([`HELD_MS_MAX`], [`WAIT_MS_MAX`]); no two that
//! wait for each other.

mod area;

use serde::{Deserialize, Serialize};

use crate::ids::TaskId;
use crate::pipeline;
use crate::queue::AGEING_MS;
use crate::task::{Priority, Task};

pub use area::{Area, escaped, meet};

/// Milliseconds for which one line of work holds another back. A build with its judges is expected to take 25 minutes; one that takes
/// five times as long is stuck or waits for something else, and the conflict that it may make costs less than more of that.
pub const HELD_MS_MAX: i64 = 2 * 60 * 60 * 1_000;

/// Milliseconds from the moment that a task could begin after which nothing of this kind holds it back any more, whoever came between: what a day
/// of waiting is worth elsewhere too ([`AGEING_MS`]).
pub const WAIT_MS_MAX: i64 = AGEING_MS;

/// Marks the task that joins what people did with what is merged. The merges of its project wait for it, so it waits for none.
pub const SYNC_TAG: &str = "sync";

/// What a project does with work that meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// One line of work after the other.
    #[default]
    Wait,
    /// Side by side: the merge queue joins both, or sends one back.
    Together,
}

impl Policy {
    pub fn as_str(self) -> &'static str {
        match self {
            Policy::Wait => "wait",
            Policy::Together => "together",
        }
    }

    pub fn parse(text: &str) -> Option<Policy> {
        [Policy::Wait, Policy::Together]
            .into_iter()
            .find(|policy| policy.as_str() == text)
    }

    pub fn is_default(&self) -> bool {
        *self == Policy::default()
    }
}

/// How a line of work that has begun and is not merged stands. One that goes on by no means of its own (it waits for a person, is paused, or its
/// run's lease has lapsed) is none of these, and holds nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stands {
    /// It is to be built once more, and that could begin now. Only what has not begun at all waits for that: two that are sent back together would
    /// wait for each other else.
    Next,
    /// A run is at work on it, its judges could begin, or it is in the merge queue.
    Moving,
}

/// A line of work that has begun and is not merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its first task.
    pub root: TaskId,
    /// The one that is at work or next.
    pub at: TaskId,
    pub stands: Stands,
    pub priority: Priority,
    /// When its first run began, in milliseconds since the Unix epoch.
    pub begun_ms: i64,
    pub area: Area,
    /// Its repository was registered without code, and nothing is merged in it yet: whatever this line builds, others begin from that.
    pub lays_ground: bool,
}

/// Where two lines of work meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// This file, folder or glob.
    Path(String),
    /// In all of a repository that has no code yet.
    Ground,
}

/// Why a task does not begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The task that is at work.
    pub by: TaskId,
    pub place: Place,
    /// It is held back no longer than until then, in milliseconds since the Unix epoch.
    pub until_ms: i64,
}

/// Whether anything can hold a task back: what changes no code meets nobody, what is never merged here makes no conflict, a commit that was
/// handed in is only measured, what keeps the base that it was begun from (a build that its judges sent back) would meet the other at the merge
/// however long it waited, and the merges of others wait for the one that joins both sides.
pub fn may_wait(task: &Task) -> bool {
    task.kind.changes_code()
        && !task.solo
        && task.handed.is_none()
        && task.base.is_none()
        && !task.tags.iter().any(|tag| tag == SYNC_TAG)
}

/// What holds a task back now, of the lines of work of its project: of several the one that it waits for the longest.
pub fn held(task: &Task, area: &Area, lines: &[Line], now_ms: i64) -> Option<Held> {
    if !may_wait(task) {
        return None;
    }
    let (own, begun) = (pipeline::lineage(task), has_begun(task));
    let since_ms = task.updated_ms.max(task.run_at_ms);
    let aged_ms = since_ms.saturating_add(WAIT_MS_MAX);
    { lines.iter() }
        .filter(|line| line.root != own && line.priority >= task.priority)
        .filter(|line| line.stands == Stands::Moving || !begun)
        .filter_map(|line| {
            let from_ms = since_ms.max(line.begun_ms);
            let until_ms = from_ms.saturating_add(HELD_MS_MAX).min(aged_ms);
            (now_ms < until_ms).then_some((line, until_ms))
        })
        .filter_map(|(line, until_ms)| {
            let place = match line.lays_ground {
                true => Place::Ground,
                false => Place::Path(area.meets(&line.area)?),
            };
            let by = line.at;
            Some(Held {
                by,
                place,
                until_ms,
            })
        })
        .max_by_key(|held| (held.until_ms, std::cmp::Reverse(held.by)))
}

/// Whether its line of work has begun: it is another go at it, or goes on with what was sent back.
fn has_begun(task: &Task) -> bool {
    task.epoch.0 > 0 || task.lineage.is_some_and(|root| root != task.id)
}

#[cfg(test)]
mod tests;
