//! One goal on one screen: where it stands, who is at work, what a verifier said, where the evidence is, what it took, what
//! stands in its way and what a person does next (seed 003: the operator's cockpit). From rows and folders alone.

use std::collections::BTreeSet;

use alai_core::ids::TaskId;
use alai_core::mode::Mode;
use alai_core::task::{State, Task, TaskKind};
use alai_core::trust::Trust;
use alai_core::why::Rule;
use alai_mission::{Filter, MergeState, MissionError, Reader, RunState, WorkStats};
use serde::{Deserialize, Serialize};

use crate::evidence::newest_evidence;
use crate::home::Home;
use crate::views::{TaskView, Views};

/// A goal as its owner watches it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Console {
    pub goal: TaskId,
    pub title: String,
    /// As people see it.
    pub state: String,
    /// How far it is proven once it is done, by the rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<Trust>,
    /// The stage that its work has come to: that of its oldest task which is not over.
    pub step: String,
    /// `simulated` where a recording answered; none before any run had a model.
    pub mode: Option<String>,
    /// Whose the plans are that were carried out for it, oldest first.
    pub plans: Vec<ConsolePlan>,
    pub tasks: Vec<ConsoleTask>,
    pub verifier: Vec<ConsoleThread>,
    pub took: WorkStats,
    pub blockers: Vec<Blocker>,
    /// What a person does next; `nothing` where nobody needs to do anything.
    pub next_action: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsoleTask {
    pub task: TaskId,
    pub stage: String,
    pub state: String,
    /// How far it is proven once it is done, by the rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<Trust>,
    pub title: String,
    /// Of its last run.
    pub company: Option<String>,
    pub model: Option<String>,
    /// What its live run is doing.
    pub at: Option<String>,
    /// The newest package of evidence.
    pub evidence: Option<String>,
    /// The tasks that stand in its place, where it was planned anew.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaced_by: Vec<TaskId>,
}

/// A plan that was carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsolePlan {
    /// `model`, `template`, `delegated`, `edited` or `file`, and how many tasks it has.
    pub said: String,
    /// Milliseconds since the Unix epoch.
    pub at_ms: i64,
}

/// A thread with the independent verifier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsoleThread {
    pub task: TaskId,
    pub company: String,
    pub model: String,
    /// How it ended; none while it is at work.
    pub end: Option<String>,
}

/// What does not go on by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocker {
    pub task: TaskId,
    pub rule: String,
    pub why: String,
    pub owner: String,
    pub next_action: String,
}

/// What fits on a screen that a person still reads.
const UNDER_WAY_MAX: usize = 20;

/// Looks at a goal, or at the goal that a task belongs to; of a task of no goal at its line of work.
///
/// # Errors
/// When there is no such task, or the store cannot be read.
pub fn console(
    home: &Home,
    reader: &Reader,
    views: &Views<'_>,
    of: TaskId,
    now_ms: i64,
) -> Result<Console, MissionError> {
    let goal = reader.task(reader.first_of(of)?)?;
    let filter = Filter {
        goal: Some(goal.id),
        ended: true,
        ..Filter::default()
    };
    // A task of its own is watched with its line of work.
    let tasks = match goal.kind {
        TaskKind::Goal => reader.tasks(&filter)?,
        TaskKind::Spec
        | TaskKind::Build
        | TaskKind::Review
        | TaskKind::Security
        | TaskKind::Verify
        | TaskKind::Ops
        | TaskKind::Docs
        | TaskKind::Postflight => reader.work_of(goal.id)?,
    };
    let (state, trust) = views.told(&goal)?;
    let mut console = Console {
        goal: goal.id,
        title: goal.title.clone(),
        state: state.to_owned(),
        trust,
        step: String::new(),
        mode: None,
        plans: { reader.plans(goal.id)?.into_iter() }
            .map(|(said, at_ms)| ConsolePlan { said, at_ms })
            .collect(),
        tasks: Vec::new(),
        verifier: Vec::new(),
        took: reader.work_stats(goal.id, now_ms)?,
        blockers: Vec::new(),
        next_action: "nothing".into(),
    };
    for task in &tasks {
        add(home, reader, views, task, &goal, &mut console)?;
    }
    console.step = step(&goal, &tasks, merging(reader, &tasks)?, &console.blockers);
    if let Some(first) = console.blockers.first() {
        console.next_action.clone_from(&first.next_action);
    }
    Ok(console)
}

/// What is looked at where nothing is named: each goal, and each line of work of no goal, that is not over or waits for a person, by
/// number; at most `UNDER_WAY_MAX`, and how many are more.
///
/// # Errors
/// When the store cannot be read.
pub fn under_way(reader: &Reader, views: &Views<'_>) -> Result<(Vec<TaskId>, usize), MissionError> {
    let mut firsts = BTreeSet::new();
    let held_up = views.status()?.needs_you.into_iter().map(|view| view.task);
    for task in reader.tasks(&Filter::default())?.into_iter().chain(held_up) {
        firsts.insert(reader.first_of(task.id)?);
    }
    let more = firsts.len().saturating_sub(UNDER_WAY_MAX);
    Ok((firsts.into_iter().take(UNDER_WAY_MAX).collect(), more))
}

/// Whether nothing of a goal, or of the line of work of a task of its own, is left to do.
///
/// # Errors
/// When there is no such task, or the store cannot be read.
pub fn line_is_over(reader: &Reader, goal: TaskId) -> Result<bool, MissionError> {
    let named = reader.task(goal)?;
    if named.kind == TaskKind::Goal {
        return Ok(named.state.terminal());
    }
    let ended = |line: &[Task]| line.iter().all(|t| t.state.terminal());
    let line = reader.work_of(goal)?;
    if !ended(&line) || merging(reader, &line)? {
        return Ok(false);
    }
    // A merge that has ended between the two has made its tasks by now.
    Ok(ended(&reader.work_of(goal)?))
}

/// Whether something of a line of work is in the merge queue.
fn merging(reader: &Reader, line: &[Task]) -> Result<bool, MissionError> {
    for task in line.iter().filter(|t| t.lineage.is_none()) {
        let rows = reader.merges_of(task.id)?;
        if rows.iter().any(|row| row.state == MergeState::Queued) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn step(goal: &Task, tasks: &[Task], merging: bool, blockers: &[Blocker]) -> String {
    let left = tasks
        .iter()
        .filter(|t| t.kind != TaskKind::Goal && !t.state.terminal());
    let begun = |t: &&Task| matches!(t.state, State::Started | State::ReadyForReview);
    let refused = Rule::MergeRefused.as_str();
    match (left.clone().find(begun), left.clone().next()) {
        (Some(task), _) | (None, Some(task)) => format!("{} {}", task.kind, task.id),
        (None, None) if merging || blockers.iter().any(|b| b.rule == refused) => "merge".into(),
        (None, None) if goal.state.terminal() && blockers.is_empty() => "over".into(),
        (None, None) => "delivery".into(),
    }
}

fn add(
    home: &Home,
    reader: &Reader,
    views: &Views<'_>,
    task: &Task,
    goal: &Task,
    console: &mut Console,
) -> Result<(), MissionError> {
    let view = views.task(task.id)?;
    if stands(&view) {
        console.blockers.push(Blocker {
            task: task.id,
            rule: view.why.rule.to_string(),
            why: view.why.text,
            owner: view.why.owner,
            next_action: view.why.next_action,
        });
    }
    if task.id == goal.id && goal.kind == TaskKind::Goal {
        return Ok(());
    }
    let runs = reader.runs_of(task.id)?;
    let last = runs.last();
    let live = last.filter(|run| run.state == RunState::Live);
    // One recording among the runs makes all of it none that a model did.
    let simulated = Mode::Simulated.as_str();
    for mode in runs.iter().filter_map(|run| run.mode) {
        if console.mode.as_deref() != Some(simulated) {
            console.mode = Some(mode.as_str().to_owned());
        }
    }
    if task.lineage.is_none() {
        for thread in reader.verifications_of(task.id)? {
            console.verifier.push(ConsoleThread {
                task: thread.task,
                company: thread.company,
                model: thread.model,
                end: thread.end.map(|end| end.as_str().to_owned()),
            });
        }
    }
    let replaced_by = views.replaced_by(task)?;
    console.tasks.push(ConsoleTask {
        replaced_by,
        task: task.id,
        stage: task.kind.as_str().to_owned(),
        state: view.shown,
        trust: view.trust,
        title: task.title.clone(),
        company: last.and_then(|run| run.company.clone()),
        model: last.and_then(|run| run.model.clone()),
        at: live.map(|run| run.step.clone().unwrap_or_else(|| "starting".into())),
        evidence: newest_evidence(home, &runs).map(|dir| dir.display().to_string()),
    });
    Ok(())
}

/// Whether it goes on by nobody's work but a person's.
pub(crate) fn stands(view: &TaskView) -> bool {
    match view.task.state {
        State::Waiting | State::Paused => true,
        State::Open | State::Started | State::ReadyForReview => view.shown == "stalled",
        State::Done => matches!(
            view.why.rule,
            Rule::Approval | Rule::MergeRefused | Rule::DeliveryRefused
        ),
        State::Failed | State::Cancelled => false,
    }
}
