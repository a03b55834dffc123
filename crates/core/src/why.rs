//! `alai why`: where a task stands, by which rule, for whom, until when and what comes next. Answers for every state.

use serde::{Deserialize, Serialize};

use crate::ids::{RunId, TaskId};
use crate::task::{State, Task, TaskKind, Until};

/// What is known around a task when the question is asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    pub now_ms: i64,
    /// Needs that are not met, with the state of what is needed.
    pub unmet: Vec<(TaskId, Until, State)>,
    pub run: Option<LiveRun>,
    /// Tasks of the goal that are not finished.
    pub goal_left: Vec<(TaskId, State)>,
    /// A merge or delivery of this task is queued.
    pub merging: bool,
    /// What keeps finished work from where it belongs.
    pub held_up: Option<HeldUp>,
    pub daemon: bool,
    /// Something that hinders every dispatch, in words: no model, all slots taken.
    pub hindrance: Option<String>,
}

/// Finished work that is not where it belongs, and waits for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldUp {
    pub what: Held,
    /// What was tried, in words.
    pub detail: String,
    /// Milliseconds since the Unix epoch.
    pub deadline_ms: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// It passed its gate and its reviews, but could not be merged.
    Merge,
    /// It is merged, but the target branch could not be moved.
    Delivery,
    /// It is merged; a person moves the target branch.
    Approval,
}

/// The run that holds the task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveRun {
    pub run: RunId,
    pub worker: String,
    pub lease_until_ms: i64,
    pub step: Option<String>,
    pub mode: Option<crate::mode::Mode>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// The rule's name, stable for scripts.
    pub rule: String,
    pub text: String,
    pub owner: String,
    /// Milliseconds since the Unix epoch, where there is a deadline.
    pub deadline_ms: Option<i64>,
    pub next_action: String,
}

/// The state a person sees: the stored one, but `stalled` from the first moment after a lease has lapsed.
pub fn shown(task: &Task, run: Option<&LiveRun>, now_ms: i64) -> &'static str {
    match (task.state, run) {
        (State::Started | State::ReadyForReview, Some(run)) if run.lease_until_ms < now_ms => {
            "stalled"
        }
        (State::Started, None) => "stalled",
        (state, _) => state.as_str(),
    }
}

/// Why a task is where it is.
pub fn why(task: &Task, facts: &Facts) -> Why {
    match task.state {
        State::Open => open(task, facts),
        State::Started | State::ReadyForReview => running(task, facts),
        State::Waiting => waiting(task, facts),
        State::Paused => answer(
            "paused",
            "a person paused it".into(),
            "operator",
            None,
            format!("`alai mc resume {}`", task.id.0),
        ),
        State::Done => done(task, facts),
        State::Failed => answer(
            "failed",
            "it failed for good".into(),
            "operator",
            None,
            format!("`alai mc retry {}`", task.id.0),
        ),
        State::Cancelled => answer(
            "cancelled",
            "a person cancelled it".into(),
            "operator",
            None,
            format!("nothing; `alai mc retry {}` takes it up again", task.id.0),
        ),
    }
}

fn open(task: &Task, facts: &Facts) -> Why {
    if let Some((needs, until, state)) = facts.unmet.first() {
        let words = match until {
            Until::Integrated => "merged",
            Until::Done => "done",
        };
        let text = format!("it needs {needs} to be {words}; {needs} is {state}");
        return answer(
            "needs",
            text,
            "factory",
            None,
            format!("`alai why {}`", needs.0),
        );
    }
    if task.kind == TaskKind::Goal {
        return open_goal(facts);
    }
    if task.project.is_none() {
        let action = format!(
            "do it and `alai mc done {0} \"REASON\"`, or add it again with --project",
            task.id.0
        );
        let owner = task.owner.as_deref().unwrap_or("operator");
        return answer(
            "no_project",
            "it names no project, so no agent can work on it".into(),
            owner,
            None,
            action,
        );
    }
    if task.run_at_ms > facts.now_ms {
        let text = "it was tried and the infrastructure failed; it is tried again after a pause"
            .to_owned();
        return answer(
            "backoff",
            text,
            "factory",
            Some(task.run_at_ms),
            "nothing; it goes on by itself".into(),
        );
    }
    if !facts.daemon {
        let text = "it is eligible, but no daemon is running".to_owned();
        return answer("no_daemon", text, "operator", None, "`alai up`".into());
    }
    match &facts.hindrance {
        Some(hindrance) => answer(
            "hindered",
            hindrance.clone(),
            "factory",
            None,
            "`alai status` shows what runs".into(),
        ),
        None => answer(
            "eligible",
            "it is eligible and starts at the next beat".into(),
            "factory",
            None,
            "nothing; it goes on by itself".into(),
        ),
    }
}

fn open_goal(facts: &Facts) -> Why {
    if let Some((waiting, _)) = facts.goal_left.iter().find(|(_, s)| *s == State::Waiting) {
        let text = format!(
            "{} of its tasks are left; {waiting} waits for a person",
            facts.goal_left.len()
        );
        return answer(
            "goal_waits",
            text,
            "operator",
            None,
            format!("`alai why {}`", waiting.0),
        );
    }
    if let Some((first, state)) = facts.goal_left.first() {
        let text = format!(
            "{} of its tasks are left; next is {first} ({state})",
            facts.goal_left.len()
        );
        return answer(
            "goal_runs",
            text,
            "factory",
            None,
            format!("`alai why {}`", first.0),
        );
    }
    let action = if facts.daemon {
        "nothing; it goes on by itself"
    } else {
        "`alai up`"
    };
    let text = if facts.merging {
        "its work is being moved to the target branch"
    } else {
        "everything under it is settled"
    };
    answer("goal_settles", text.into(), "factory", None, action.into())
}

fn running(task: &Task, facts: &Facts) -> Why {
    match &facts.run {
        Some(run) if run.lease_until_ms >= facts.now_ms => {
            let step = run.step.as_deref().unwrap_or("starting");
            let mode = run.mode.map(|m| format!(", {m}")).unwrap_or_default();
            let text = format!(
                "run {} of {} is at `{step}`{mode}",
                run.run.short(),
                run.worker
            );
            answer(
                "running",
                text,
                &run.worker,
                Some(run.lease_until_ms),
                "nothing; it goes on by itself".into(),
            )
        }
        Some(run) => {
            let text = format!(
                "run {} has let its lease lapse; it is taken back at the next beat",
                run.run.short()
            );
            let action = if facts.daemon {
                "nothing; it goes on by itself"
            } else {
                "`alai up`"
            };
            answer(
                "stalled",
                text,
                "factory",
                Some(run.lease_until_ms),
                action.into(),
            )
        }
        None if task.state == State::ReadyForReview => {
            let text = "a person said that it is ready; nobody has judged it yet".to_owned();
            answer(
                "ready",
                text,
                "operator",
                None,
                format!("`alai mc done {} \"REASON\"`", task.id.0),
            )
        }
        None => {
            let text = "it is started, but no run holds it".to_owned();
            answer(
                "stalled",
                text,
                "factory",
                None,
                "`alai up` takes it back".into(),
            )
        }
    }
}

fn waiting(task: &Task, facts: &Facts) -> Why {
    match &task.waiting {
        Some(waiting) => {
            let late = if waiting.deadline_ms < facts.now_ms {
                " (overdue)"
            } else {
                ""
            };
            let text = if waiting.detail.is_empty() {
                waiting.reason.as_str()
            } else {
                &waiting.detail
            };
            let text = format!("{text}{late}");
            answer(
                waiting.reason.as_str(),
                text,
                &waiting.owner,
                Some(waiting.deadline_ms),
                waiting.next_action.clone(),
            )
        }
        // The store's constraint forbids it; said plainly should it ever be broken.
        None => answer(
            "broken",
            "it waits without a reason".into(),
            "operator",
            None,
            "`alai mc fsck`".into(),
        ),
    }
}

fn done(task: &Task, facts: &Facts) -> Why {
    if let Some(held) = &facts.held_up {
        let (rule, next_action) = match held.what {
            Held::Merge => (
                "merge_refused",
                format!("mend it, then `alai mc retry {}`", task.id.0),
            ),
            Held::Delivery => (
                "delivery_refused",
                format!("mend it, then `alai mc approve {}`", task.id.0),
            ),
            Held::Approval => ("approval", format!("`alai mc approve {}`", task.id.0)),
        };
        return answer(
            rule,
            held.detail.clone(),
            "operator",
            Some(held.deadline_ms),
            next_action,
        );
    }
    let text = match (&task.integrated, facts.merging) {
        (Some(commit), _) => format!("done and merged as {commit}"),
        (None, true) => "done; its merge is queued".to_owned(),
        (None, false) => "done".to_owned(),
    };
    answer("done", text, "nobody", None, "nothing".into())
}

fn answer(
    rule: &str,
    text: String,
    owner: &str,
    deadline_ms: Option<i64>,
    next_action: String,
) -> Why {
    Why {
        rule: rule.into(),
        text,
        owner: owner.into(),
        deadline_ms,
        next_action,
    }
}
