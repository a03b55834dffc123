//! Applying effects: the one place that completes a task. Status, follow-up tasks, ledger, outbox and journal change in one
//! transaction, so that no pipeline is ever half advanced.

use alai_core::ids::{ProjectId, TaskId};
use alai_core::lifecycle::Event;
use alai_core::pipeline::{Effect, Spawn};
use alai_core::task::{Need, NewTask, State, Task, TaskKind, Until, WaitReason, Waiting};
use rusqlite::{Connection, params};
use sha2::{Digest, Sha256};

use crate::claim::{Fence, fenced, stale};
use crate::error::MissionError;
use crate::event::{Stamp, happened};
use crate::inbox::{RequestKey, once};
use crate::run::{RunState, end_live};
use crate::task::{add_need, append_findings, insert, one, satisfy, set_counters, set_state};
use crate::writer::Mission;
use crate::{line, merge, mind, outbox, passage, replan, rework, session};

/// The event of a plan that is carried out: its source, how many tasks it has, and the task that made it.
pub(crate) const PLANNED: &str = "planned";

/// Tasks of one goal, however they came to be. More is a factory talking to itself; a person decides.
pub(crate) const GOAL_TASKS_MAX: i64 = 120;

impl Mission {
    /// Ends the run and does all that follows from it. Answers with the tasks that were made; asked again, with the same ones.
    pub fn apply(
        &self,
        fence: &Fence,
        outcome: &str,
        effects: Vec<Effect>,
        now_ms: i64,
    ) -> Result<Vec<TaskId>, MissionError> {
        let (fence, outcome) = (fence.clone(), outcome.to_owned());
        let request = end_of(&fence, &outcome, &effects)?;
        self.write(move |c| {
            let ended = once(c, Some(&request), now_ms, || {
                end(c, &fence, &outcome, &effects, now_ms)
            });
            match ended {
                // It has ended otherwise: what comes later counts no more.
                Err(MissionError::IdempotencyConflict { .. }) => Err(stale(&fence)),
                ended => ended,
            }
        })
    }
}

fn end(
    c: &Connection,
    fence: &Fence,
    outcome: &str,
    effects: &[Effect],
    now_ms: i64,
) -> Result<Vec<TaskId>, MissionError> {
    let task = fenced(c, fence)?;
    let stamp = Stamp {
        actor: "factory".into(),
        run: Some(fence.run.clone()),
        now_ms,
    };
    // One that ends with its blueprint's question has done its part too, and one that only a person may judge.
    let good = effects.iter().any(|e| match e {
        Effect::Complete { .. } => true,
        Effect::Ask { waiting, .. } => {
            matches!(waiting.reason, WaitReason::Question | WaitReason::Uncaged)
        }
        Effect::Retry { .. }
        | Effect::Spawn { .. }
        | Effect::Move { .. }
        | Effect::Measured { .. }
        | Effect::Enqueue { .. }
        | Effect::Deliver { .. }
        | Effect::Integrated { .. }
        | Effect::Remember { .. }
        | Effect::Passed { .. }
        | Effect::Report { .. }
        | Effect::Planned { .. }
        | Effect::PlanAnew { .. }
        | Effect::Replace { .. }
        | Effect::AskAbout { .. }
        | Effect::Skip { .. } => false,
    });
    let state = if good {
        RunState::Succeeded
    } else {
        RunState::Failed
    };
    end_live(c, fence.task, state, outcome, now_ms)?;
    all(c, &task, effects, &stamp)
}

/// A run ends once: whoever lost the answer may ask again.
fn end_of(fence: &Fence, outcome: &str, effects: &[Effect]) -> Result<RequestKey, MissionError> {
    let text =
        serde_json::to_string(&(fence, outcome, effects)).map_err(|e| MissionError::Row {
            table: "inbox",
            why: e.to_string(),
        })?;
    Ok(RequestKey {
        key: format!("end-{}", fence.run),
        hash: hex::encode(Sha256::digest(text.as_bytes())),
    })
}

/// Applies effects on behalf of `task`, in order.
pub(crate) fn all(
    c: &Connection,
    task: &Task,
    effects: &[Effect],
    stamp: &Stamp,
) -> Result<Vec<TaskId>, MissionError> {
    let mut made = Vec::new();
    for effect in effects {
        made.extend(one_effect(c, task, effect, stamp)?);
    }
    outbox::page_changed(c, task.id, stamp)?;
    Ok(made)
}

/// A lost run's task: back to open, where it may be planned anew, or on a person's desk.
pub(crate) fn lose(
    c: &Connection,
    task: TaskId,
    effects: &[Effect],
    why: &str,
    stamp: &Stamp,
) -> Result<(), MissionError> {
    for effect in effects {
        lose_by(c, task, effect, why, stamp)?;
    }
    Ok(())
}

fn lose_by(
    c: &Connection,
    task: TaskId,
    effect: &Effect,
    why: &str,
    stamp: &Stamp,
) -> Result<(), MissionError> {
    match effect {
        Effect::Retry {
            counters,
            run_at_ms,
            findings,
            ..
        } => {
            append_findings(c, task, findings)?;
            set_counters(c, task, *counters)?;
            c.execute(
                "UPDATE task SET run_at_ms = ? WHERE id = ?",
                params![run_at_ms, task.0],
            )?;
            set_state(c, task, Event::LeaseLost, None, why, stamp).map(|_| ())
        }
        Effect::PlanAnew { spec, counted } => {
            let found = one(c, task)?;
            replan::plan_anew(c, &found, spec, *counted, stamp).map(|_| ())
        }
        Effect::Ask {
            waiting, counters, ..
        } => {
            set_counters(c, task, *counters)?;
            set_state(c, task, Event::Ask, Some(waiting), why, stamp).map(|_| ())
        }
        Effect::Complete { .. }
        | Effect::Spawn { .. }
        | Effect::Move { .. }
        | Effect::Measured { .. }
        | Effect::Enqueue { .. }
        | Effect::Deliver { .. }
        | Effect::Integrated { .. }
        | Effect::Remember { .. }
        | Effect::Passed { .. }
        | Effect::Report { .. }
        | Effect::Planned { .. }
        | Effect::Replace { .. }
        | Effect::AskAbout { .. }
        | Effect::Skip { .. } => {
            let why = "a lost run can only be retried, planned anew or asked about".to_owned();
            Err(MissionError::Row { table: "run", why })
        }
    }
}

fn one_effect(
    c: &Connection,
    task: &Task,
    effect: &Effect,
    stamp: &Stamp,
) -> Result<Vec<TaskId>, MissionError> {
    match effect {
        Effect::Complete { base, head, note } => {
            complete(c, task, base.as_deref(), head.as_deref(), note, stamp)?
        }
        Effect::Retry {
            why,
            findings,
            counters,
            run_at_ms,
        } => {
            append_findings(c, task.id, findings)?;
            set_counters(c, task.id, *counters)?;
            if !findings.is_empty() {
                // A person's commit has been judged: whoever mends it starts from it.
                c.execute(
                    "UPDATE task SET start_from = coalesce(handed, start_from), handed = NULL WHERE id = ?",
                    [task.id.0],
                )?;
            }
            c.execute(
                "UPDATE task SET run_at_ms = ? WHERE id = ?",
                params![run_at_ms, task.id.0],
            )?;
            set_state(c, task.id, Event::Retry, None, why, stamp)?;
        }
        Effect::Ask {
            waiting,
            counters,
            findings,
        } => {
            append_findings(c, task.id, findings)?;
            set_counters(c, task.id, *counters)?;
            set_state(
                c,
                task.id,
                Event::Ask,
                Some(waiting),
                &waiting.detail,
                stamp,
            )?;
        }
        Effect::Spawn { tasks } => return spawn(c, task, tasks, stamp),
        Effect::Move { company, why } => {
            c.execute(
                "UPDATE task SET company_pin = ? WHERE id = ?",
                params![company, task.id.0],
            )?;
            happened(c, Some(task.id), "moved", why, stamp)?;
        }
        Effect::Measured { base, head } => {
            c.execute(
                "UPDATE task SET base = ?, head = ? WHERE id = ?",
                params![base, head, task.id.0],
            )?;
        }
        Effect::Enqueue {
            lineage,
            project,
            base,
            head,
        } => enqueue(c, *lineage, *project, base, head, stamp)?,
        Effect::Deliver {
            task,
            project,
            head,
        } => {
            merge::queue_delivery(c, *task, *project, head, stamp)?;
        }
        Effect::Integrated { lineage, commit } => {
            c.execute(
                "UPDATE task SET integrated = ? WHERE id = ?",
                params![commit, lineage.0],
            )?;
            happened(c, Some(*lineage), "integrated", commit, stamp)?;
            satisfy(c, *lineage, Until::Integrated, stamp.now_ms)?;
        }
        Effect::Remember { entry_kind, text } => mind::remember(c, task, entry_kind, text, stamp)?,
        Effect::Passed { gates } => passage::count(c, gates, stamp.now_ms)?,
        Effect::Report { agent, report } => session::report(c, task.id, agent, report, stamp)?,
        Effect::Planned {
            goal,
            source,
            tasks,
            instead_of,
        } => {
            let instead = instead_of.map_or(String::new(), |of| format!(", instead of {of}"));
            let text = format!(
                "{}: {tasks} task(s), by {}{instead}",
                source.as_str(),
                task.id
            );
            happened(c, Some(*goal), PLANNED, &text, stamp)?;
        }
        Effect::PlanAnew { spec, counted } => {
            return replan::plan_anew(c, task, spec, *counted, stamp);
        }
        Effect::Replace {
            task: replaced,
            by,
            counted,
        } => return replan::replace(c, task, *replaced, by, *counted, stamp),
        Effect::AskAbout {
            task: other,
            waiting,
        } => replan::ask_about(c, *other, waiting, stamp)?,
        Effect::Skip { stage, why } => line::skipped(c, task.id, *stage, why, stamp)?,
    }
    Ok(Vec::new())
}

fn complete(
    c: &Connection,
    task: &Task,
    base: Option<&str>,
    head: Option<&str>,
    note: &str,
    stamp: &Stamp,
) -> Result<(), MissionError> {
    c.execute(
        "UPDATE task SET base = coalesce(?, base), head = coalesce(?, head), handed = NULL WHERE id = ?",
        params![base, head, task.id.0],
    )?;
    set_state(c, task.id, Event::Complete, None, note, stamp)?;
    satisfy(c, task.id, Until::Done, stamp.now_ms)
}

fn enqueue(
    c: &Connection,
    lineage: TaskId,
    project: ProjectId,
    base: &str,
    head: &str,
    stamp: &Stamp,
) -> Result<(), MissionError> {
    c.execute(
        "INSERT INTO merge (kind, project, task, base, head, state, at_ms) VALUES ('integrate', ?, ?, ?, ?, 'queued', ?)
         ON CONFLICT (kind, task, head) DO NOTHING",
        params![project.0, lineage.0, base, head, stamp.now_ms],
    )?;
    happened(c, Some(lineage), "merge_queued", head, stamp)
}

pub(crate) fn spawn(
    c: &Connection,
    by: &Task,
    spawns: &[Spawn],
    stamp: &Stamp,
) -> Result<Vec<TaskId>, MissionError> {
    let mut made: Vec<TaskId> = Vec::with_capacity(spawns.len());
    // By their positions in the list, those that were there before too.
    let mut at: Vec<TaskId> = Vec::with_capacity(spawns.len());
    for spawn in spawns {
        let mut new = spawn.task.clone();
        if let Some(there) = line::there(c, spawn)? {
            line::stands_for(c, by, &new, there, stamp)?;
            at.push(there);
            continue;
        }
        rework::goes_on(c, &mut new)?;
        within_goal(c, &mut new, stamp)?;
        for (position, until) in &spawn.needs_new {
            let task = *at.get(*position).ok_or_else(|| MissionError::Row {
                table: "need",
                why: format!(
                    "a new task needs number {position} of its own list, which is not made yet"
                ),
            })?;
            new.needs.push(Need {
                task,
                until: *until,
            });
        }
        let id = insert(c, &new, stamp)?;
        if spawn.of_goal {
            line::after_all(c, &new, id, stamp.now_ms)?;
        }
        if spawn.holds_postflight
            && let Some(goal) = new.goal
        {
            let until = Until::Integrated;
            for last in line::last_of_goal(c, goal, !spawn.of_goal)? {
                add_need(c, last, Need { task: id, until }, stamp.now_ms)?;
            }
        }
        if spawn.holds_dependents {
            for dependent in dependents(c, by.id)? {
                let until = Until::Integrated;
                add_need(c, dependent, Need { task: id, until }, stamp.now_ms)?;
            }
        }
        made.push(id);
        at.push(id);
    }
    Ok(made)
}

/// One task too many of a goal waits for a person.
pub(crate) fn within_goal(
    c: &Connection,
    new: &mut NewTask,
    stamp: &Stamp,
) -> Result<(), MissionError> {
    if let Some(goal) = new.goal
        && goal_tasks(c, goal)? >= GOAL_TASKS_MAX
        && new.kind != TaskKind::Postflight
    {
        new.waiting = Some(too_many(goal, stamp));
    }
    Ok(())
}

/// Who needs a task and is not over.
fn dependents(c: &Connection, task: TaskId) -> Result<Vec<TaskId>, MissionError> {
    let mut statement = c.prepare_cached(
        "SELECT n.task FROM need n JOIN task t ON t.id = n.task
         WHERE n.needs = ? AND t.state NOT IN ('done', 'failed', 'cancelled') ORDER BY n.task",
    )?;
    let rows = statement.query_map([task.0], |r| r.get(0).map(TaskId))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn goal_tasks(c: &Connection, goal: TaskId) -> Result<i64, MissionError> {
    Ok(
        c.query_row("SELECT count(*) FROM task WHERE goal = ?", [goal.0], |r| {
            r.get(0)
        })?,
    )
}

fn too_many(goal: TaskId, stamp: &Stamp) -> Waiting {
    Waiting {
        reason: WaitReason::FanOut,
        owner: "operator".into(),
        deadline_ms: stamp.now_ms + alai_core::pipeline::HUMAN_WAIT_MS,
        next_action:
            "if it is really needed: `alai mc answer {id} \"go on\"`, else `alai mc cancel {id}`"
                .into(),
        detail: format!("goal {goal} has {GOAL_TASKS_MAX} tasks already"),
    }
}

/// Whether nothing of a goal is left to do.
pub(crate) fn settled(c: &Connection, goal: TaskId) -> Result<bool, MissionError> {
    let goal = one(c, goal)?;
    let left: i64 = c.query_row(
        "SELECT count(*) FROM task WHERE goal = ? AND state NOT IN ('done', 'failed', 'cancelled')",
        [goal.id.0],
        |r| r.get(0),
    )?;
    let merging: i64 = c.query_row(
        "SELECT count(*) FROM merge m JOIN task t ON t.id = m.task WHERE t.goal = ? AND m.state = 'queued'",
        [goal.id.0],
        |r| r.get(0),
    )?;
    Ok(goal.state == State::Open && left == 0 && merging == 0)
}
