//! The table `merge`: the merge queue. `integrate` rows bring a passed lineage into the integration branch, `deliver` rows
//! move the target branch.

use alai_core::ids::{ProjectId, TaskId};
use alai_core::lifecycle::Event;
use alai_core::pipeline::{self, Effect};
use alai_core::task::{State, Task, TaskKind, Until, WaitReason, Waiting};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use crate::error::MissionError;
use crate::event::{Stamp, happened};
use crate::inbox::{By, once};
use crate::reader::Reader;
use crate::task::{one, satisfy, set_state, word};
use crate::writer::Mission;
use crate::{apply, gone, outbox, replan};

/// First pause after a failed attempt.
const MERGE_PAUSE_MS: i64 = 2_000;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergeRow {
    pub id: i64,
    pub kind: MergeKind,
    pub project: ProjectId,
    /// The lineage's first task, or the goal (or task) that is delivered.
    pub task: TaskId,
    pub base: String,
    pub head: String,
    pub state: MergeState,
    /// The commit that the branch is about to be moved to, written before it is moved.
    pub intent: Option<String>,
    /// How it ended, or why the last attempt failed.
    pub outcome: Option<String>,
    /// Attempts that failed for reasons of the machine.
    pub attempts: u32,
    /// Milliseconds since the Unix epoch.
    pub ended_ms: Option<i64>,
    /// When it was queued: the time of its merge commit, so that a retry makes the same commit.
    pub at_ms: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MergeKind {
    Integrate,
    Deliver,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MergeState {
    Queued,
    Merged,
    /// A conflict, red tests, a target that cannot be moved: `outcome` says which.
    Refused,
}

impl Mission {
    /// Notes the commit that the branch will be moved to. A restart finds it and knows what to look for. False when the row
    /// is not queued any more, as after a cancelled goal: then nothing may be moved.
    #[must_use = "a withdrawn merge moves nothing"]
    pub fn merge_intent(&self, id: i64, commit: &str) -> Result<bool, MissionError> {
        let commit = commit.to_owned();
        self.write(move |c| {
            let changed = c.execute(
                "UPDATE merge SET intent = ? WHERE id = ? AND state = 'queued'",
                params![commit, id],
            )?;
            Ok(changed == 1)
        })
    }

    /// An attempt failed for reasons of the machine: the row stays and its turn comes again, the pause doubling.
    pub fn merge_failed(&self, row: &MergeRow, why: &str, now_ms: i64) -> Result<(), MissionError> {
        let (id, why) = (row.id, why.to_owned());
        let pause = MERGE_PAUSE_MS << row.attempts.min(10);
        self.write(move |c| {
            c.execute(
                "UPDATE merge SET attempts = attempts + 1, outcome = ?, next_ms = ? WHERE id = ? AND state = 'queued'",
                params![why, now_ms + pause, id],
            )?;
            Ok(())
        })
    }

    /// A person has mended what kept a lineage from being merged: its turn comes again. False when nothing was refused.
    pub fn requeue_merge(
        &self,
        lineage: TaskId,
        by: impl Into<By>,
        now_ms: i64,
    ) -> Result<bool, MissionError> {
        let By { actor, request } = by.into();
        let stamp = Stamp {
            actor,
            run: None,
            now_ms,
        };
        self.write(move |c| {
            if let Some(instead) = replan::parts(c, lineage)?.first().copied() {
                let task = lineage;
                return Err(MissionError::Replaced { task, instead });
            }
            let changed = c.execute(
                "UPDATE merge SET state = 'queued', outcome = NULL, ended_ms = NULL, attempts = 0, next_ms = 0
                 WHERE id = (SELECT max(id) FROM merge WHERE task = ?1 AND kind = 'integrate') AND state = 'refused'
                   AND NOT EXISTS (SELECT 1 FROM task WHERE lineage = ?1 AND id > ?1
                        AND state NOT IN ('done', 'failed', 'cancelled'))",
                [lineage.0],
            )?;
            // Where nothing was refused the request means something else, which keeps its own answer.
            if changed == 1 {
                once(c, request.as_ref(), now_ms, || {
                    happened(c, Some(lineage), "merge_queued", "tried again", &stamp)
                })?;
            }
            Ok(changed == 1)
        })
    }

    /// Ends an `integrate` row and does all that follows from it. `task` is the task the effects speak for.
    pub fn end_integration(
        &self,
        id: i64,
        task: TaskId,
        merged: bool,
        outcome: &str,
        effects: Vec<Effect>,
        now_ms: i64,
    ) -> Result<Vec<TaskId>, MissionError> {
        let outcome = outcome.to_owned();
        self.write(move |c| {
            if !end(c, id, merged, &outcome, now_ms)? {
                return Ok(Vec::new());
            }
            let stamp = Stamp {
                actor: "factory".into(),
                run: None,
                now_ms,
            };
            let made = apply::all(c, &one(c, task)?, &effects, &stamp)?;
            // Nobody does it again: it is a person's, who is told of it.
            if !merged && made.is_empty() {
                let first = pipeline::lineage(&one(c, task)?);
                happened(c, Some(first), "merge_refused", &outcome, &stamp)?;
            }
            Ok(made)
        })
    }

    /// Asks for the target branch to be moved to `head`. Asked twice for the same commit, it is one row. Answers with the
    /// commit.
    pub fn enqueue_delivery(
        &self,
        task: TaskId,
        project: ProjectId,
        head: &str,
        by: impl Into<By>,
        now_ms: i64,
    ) -> Result<String, MissionError> {
        let head = head.to_owned();
        let By { actor, request } = by.into();
        self.write(move |c| {
            let stamp = Stamp {
                actor,
                run: None,
                now_ms,
            };
            once(c, request.as_ref(), now_ms, || {
                queue_delivery(c, task, project, &head, &stamp)?;
                Ok(head.clone())
            })
        })
    }

    /// Ends a `deliver` row: the goal is done, or waits for a person with the reason.
    pub fn end_delivery(
        &self,
        id: i64,
        task: TaskId,
        refused: Option<Waiting>,
        outcome: &str,
        now_ms: i64,
    ) -> Result<(), MissionError> {
        let outcome = outcome.to_owned();
        self.write(move |c| {
            if !end(c, id, refused.is_none(), &outcome, now_ms)? {
                return Ok(());
            }
            let stamp = Stamp {
                actor: "factory".into(),
                run: None,
                now_ms,
            };
            close_goal(c, &one(c, task)?, refused.as_ref(), &outcome, &stamp)?;
            outbox::page_changed(c, task, &stamp)
        })
    }

    /// Puts a settled goal on a person's desk: its merged work waits to be moved to the target branch.
    pub fn await_approval(
        &self,
        goal: TaskId,
        waiting: Waiting,
        now_ms: i64,
    ) -> Result<(), MissionError> {
        self.write(move |c| {
            let stamp = Stamp {
                actor: "factory".into(),
                run: None,
                now_ms,
            };
            if one(c, goal)?.state == State::Open {
                set_state(c, goal, Event::Ask, Some(&waiting), &waiting.detail, &stamp)?;
            }
            outbox::page_changed(c, goal, &stamp)
        })
    }

    /// Ends a goal that has nothing to deliver: everything under it failed or was cancelled, or changed no code.
    pub fn close_goal(
        &self,
        goal: TaskId,
        event: Event,
        outcome: &str,
        now_ms: i64,
    ) -> Result<(), MissionError> {
        let outcome = outcome.to_owned();
        self.write(move |c| {
            let stamp = Stamp {
                actor: "factory".into(),
                run: None,
                now_ms,
            };
            let before = one(c, goal)?;
            if set_state(c, goal, event, None, &outcome, &stamp)? == State::Done {
                satisfy(c, goal, Until::Done, stamp.now_ms)?;
            } else {
                // Whoever needs a goal that failed would wait in silence.
                gone::leave(c, &before, event, &stamp)?;
            }
            outbox::page_changed(c, goal, &stamp)
        })
    }
}

impl Reader {
    /// The oldest row whose turn has come; of one task, when only that is worked on.
    pub fn next_merge(
        &self,
        only: Option<TaskId>,
        now_ms: i64,
    ) -> Result<Option<MergeRow>, MissionError> {
        self.read(|c| {
            let due = query(c, "state = 'queued' AND next_ms <= ?1 ORDER BY id", &now_ms)?;
            Ok(due
                .into_iter()
                .find(|row| only.is_none_or(|task| row.task == task)))
        })
    }

    /// The oldest rows of a project whose turn to be integrated has come, at most `limit`.
    pub fn due_integrations(
        &self,
        project: ProjectId,
        limit: usize,
        now_ms: i64,
    ) -> Result<Vec<MergeRow>, MissionError> {
        self.read(|c| {
            let due = "state = 'queued' AND kind = 'integrate' AND next_ms <= ?1 ORDER BY id";
            let mut rows = query(c, due, &now_ms)?;
            rows.retain(|row| row.project == project);
            rows.truncate(limit);
            Ok(rows)
        })
    }

    pub fn merges_of(&self, task: TaskId) -> Result<Vec<MergeRow>, MissionError> {
        self.read(|c| query(c, "task = ?1 ORDER BY id", &task.0))
    }

    pub fn merges(&self) -> Result<Vec<MergeRow>, MissionError> {
        self.read(|c| query(c, "id > ?1 ORDER BY id", &0))
    }

    /// Whether a goal (or a task of its own, with what came of it) has come to rest: nothing of it runs, could be claimed or
    /// is being merged. One statement, so that it sees one moment: between two reads a task could slip from the one to the
    /// other.
    pub fn resting(&self, root: TaskId) -> Result<bool, MissionError> {
        self.read(|c| {
            let task = one(c, root)?;
            if task.kind == TaskKind::Goal && task.state.terminal() {
                return Ok(true);
            }
            let moving: bool = c.query_row(
                "WITH RECURSIVE family(id) AS (
                    SELECT id FROM task WHERE id = ?1 OR goal = ?1
                    UNION SELECT t.id FROM task t JOIN family f ON t.parent = f.id)
                 SELECT EXISTS (
                    SELECT 1 FROM task t JOIN family f ON f.id = t.id WHERE t.state = 'started'
                       OR (t.state = 'ready_for_review' AND (t.handed IS NOT NULL OR EXISTS
                           (SELECT 1 FROM run r WHERE r.task = t.id AND r.state = 'live')))
                       OR (t.state = 'open' AND t.kind <> 'goal' AND t.blocked_count = 0 AND t.project IS NOT NULL)
                       OR (t.state = 'open' AND t.kind = 'goal' AND NOT EXISTS
                           (SELECT 1 FROM task n WHERE n.goal = t.id AND n.state NOT IN ('done', 'failed', 'cancelled'))))
                 OR EXISTS (SELECT 1 FROM merge m JOIN family f ON f.id = m.task WHERE m.state = 'queued')
                 OR EXISTS (SELECT 1 FROM published p JOIN family f ON f.id = p.task WHERE p.state = 'pushing' AND p.failures = 0)",
                [root.0],
                |r| r.get(0),
            )?;
            Ok(!moving)
        })
    }

    /// Open goals under which nothing is left to do.
    pub fn settled_goals(&self) -> Result<Vec<Task>, MissionError> {
        self.read(|c| {
            let mut statement =
                c.prepare_cached(
                    "SELECT id FROM task WHERE kind = 'goal' AND state = 'open' AND NOT EXISTS
                        (SELECT 1 FROM published p WHERE p.task = task.id AND p.state = 'pushing' AND p.failures = 0)",
                )?;
            let goals = statement
                .query_map([], |r| r.get(0))?
                .collect::<Result<Vec<i64>, _>>()?;
            let mut settled = Vec::new();
            for goal in goals.into_iter().map(TaskId) {
                let delivering = query(
                    c,
                    "task = ?1 AND kind = 'deliver' AND state = 'queued'",
                    &goal.0,
                )?;
                if delivering.is_empty() && apply::settled(c, goal)? {
                    settled.push(one(c, goal)?);
                }
            }
            Ok(settled)
        })
    }
}

/// A person does not want merged work delivered as it is.
pub(crate) fn refuse_delivery(
    c: &Connection,
    task: &Task,
    why: &str,
    stamp: &Stamp,
) -> Result<(), MissionError> {
    let (Some(project), Some(head)) = (task.project, &task.integrated) else {
        return Ok(());
    };
    c.execute(
        "INSERT INTO merge (kind, project, task, base, head, state, outcome, at_ms, ended_ms)
         VALUES ('deliver',?1,?2,'',?3,'refused',?4,?5,?5)
         ON CONFLICT (kind, task, head) DO UPDATE SET state = 'refused', outcome = ?4, ended_ms = ?5",
        params![project.0, task.id.0, head, why, stamp.now_ms],
    )?;
    happened(c, Some(task.id), "rejected", why, stamp)
}

/// What was delivered before is looked at again: people may have taken it back. The target's own commit is read when the
/// row's turn comes: people may have moved it meanwhile.
pub(crate) fn queue_delivery(
    c: &Connection,
    task: TaskId,
    project: ProjectId,
    head: &str,
    stamp: &Stamp,
) -> Result<(), MissionError> {
    c.execute(
        "INSERT INTO merge (kind, project, task, base, head, state, at_ms) VALUES ('deliver',?,?,'',?,'queued',?)
         ON CONFLICT (kind, task, head) DO UPDATE SET state = 'queued', outcome = NULL, ended_ms = NULL, attempts = 0,
            next_ms = 0 WHERE state <> 'queued'",
        params![project.0, task.0, head, stamp.now_ms],
    )?;
    happened(c, Some(task), "delivery_queued", head, stamp)
}

pub(crate) fn close_goal(
    c: &Connection,
    task: &Task,
    refused: Option<&Waiting>,
    outcome: &str,
    stamp: &Stamp,
) -> Result<(), MissionError> {
    // Only a goal is ended by its delivery; a task of its own was done when its gate passed.
    if task.kind != TaskKind::Goal {
        let kind = if refused.is_some() {
            "delivery_refused"
        } else {
            "delivered"
        };
        return happened(c, Some(task.id), kind, outcome, stamp);
    }
    let approving = task
        .waiting
        .as_ref()
        .is_some_and(|w| w.reason == WaitReason::Approval);
    if task.state == State::Waiting && !approving {
        return happened(c, Some(task.id), "delivered", outcome, stamp);
    }
    match (task.state, refused) {
        (State::Open, None) => {
            set_state(c, task.id, Event::RollUp, None, outcome, stamp)?;
            satisfy(c, task.id, Until::Done, stamp.now_ms)
        }
        (State::Waiting, None) => {
            set_state(c, task.id, Event::Approve, None, outcome, stamp)?;
            satisfy(c, task.id, Until::Done, stamp.now_ms)
        }
        (State::Open, Some(waiting)) => set_state(
            c,
            task.id,
            Event::Ask,
            Some(waiting),
            &waiting.detail,
            stamp,
        )
        .map(|_| ()),
        (State::Waiting, Some(waiting)) => {
            // Back and forth through the table, so that the newer reason stands on the task.
            set_state(c, task.id, Event::Answer, None, outcome, stamp)?;
            set_state(
                c,
                task.id,
                Event::Ask,
                Some(waiting),
                &waiting.detail,
                stamp,
            )
            .map(|_| ())
        }
        (
            State::Started
            | State::ReadyForReview
            | State::Paused
            | State::Done
            | State::Failed
            | State::Cancelled,
            _,
        ) => happened(c, Some(task.id), "delivered", outcome, stamp),
    }
}

pub(crate) fn end(
    c: &Connection,
    id: i64,
    merged: bool,
    outcome: &str,
    now_ms: i64,
) -> Result<bool, MissionError> {
    let state = if merged { "merged" } else { "refused" };
    let changed = c.execute(
        "UPDATE merge SET state = ?, outcome = ?, ended_ms = ? WHERE id = ? AND state = 'queued'",
        params![state, outcome, now_ms, id],
    )?;
    Ok(changed == 1)
}

fn query(
    c: &Connection,
    rest: &str,
    value: &dyn rusqlite::ToSql,
) -> Result<Vec<MergeRow>, MissionError> {
    let sql = format!(
        "SELECT id, kind, project, task, base, head, state, intent, outcome, at_ms, attempts, ended_ms FROM merge WHERE {rest}"
    );
    let mut statement = c.prepare_cached(&sql)?;
    let rows = statement.query_map([value], |r| {
        let row = MergeRow {
            id: r.get(0)?,
            kind: MergeKind::Integrate,
            project: ProjectId(r.get(2)?),
            task: TaskId(r.get(3)?),
            base: r.get(4)?,
            head: r.get(5)?,
            state: MergeState::Queued,
            intent: r.get(7)?,
            outcome: r.get(8)?,
            at_ms: r.get(9)?,
            attempts: r.get(10)?,
            ended_ms: r.get(11)?,
        };
        Ok((row, r.get::<_, String>(1)?, r.get::<_, String>(6)?))
    })?;
    rows.map(|triple| {
        let (mut row, kind, state) = triple?;
        row.kind = word("merge", &kind, |w| match w {
            "integrate" => Some(MergeKind::Integrate),
            "deliver" => Some(MergeKind::Deliver),
            _ => None,
        })?;
        row.state = word("merge", &state, |w| match w {
            "queued" => Some(MergeState::Queued),
            "merged" => Some(MergeState::Merged),
            "refused" => Some(MergeState::Refused),
            _ => None,
        })?;
        Ok(row)
    })
    .collect()
}

impl Reader {
    /// Whether a task of the lineage is not finished.
    pub fn lineage_lives(&self, root: TaskId) -> Result<bool, MissionError> {
        self.read(|c| {
            let sql = "SELECT EXISTS (SELECT 1 FROM task WHERE (lineage = ?1 OR id = ?1)
                AND state NOT IN ('done', 'failed', 'cancelled'))";
            Ok(c.query_row(sql, [root.0], |r| r.get(0))?)
        })
    }
}

/// The newest task of a lineage that changed code: the one whose commit is merged.
impl Reader {
    pub fn newest_of_lineage(&self, lineage: TaskId) -> Result<Task, MissionError> {
        self.read(|c| {
            let id = c
                .query_row(
                    "SELECT id FROM task WHERE (lineage = ?1 OR id = ?1) AND kind IN ('build', 'ops', 'docs')
                        AND head IS NOT NULL ORDER BY id DESC LIMIT 1",
                    [lineage.0],
                    |r| r.get(0),
                )
                .optional()?;
            one(c, id.map_or(lineage, TaskId))
        })
    }
}
