//! A BUILD whose tries are over, planned anew by its lead: made smaller where it was lost or ran out of steps or time, done another
//! way where it was never good enough. Who has tried that often enough is a person's.
//!
//! Invariants, stated as absences: no task that is planned anew counts as done; nothing of a plan that is refused becomes a task; no
//! part may change a test that the task could not; nothing stopped by a cap, a rail or a machine is planned anew.

use super::failed::infrastructure;
use super::reviewed::review_action;
use super::words::{cut, fit_title, named_subject};
use super::{
    Context, Effect, Ended, FINDING_BYTES_MAX, Failure, HUMAN_WAIT_MS, Limit, QA_RETRIES_MAX,
    Spawn, Stage, chain, child, failed, is_a_part, planned_task, waiting,
};
use crate::cage::Sandbox;
use crate::delegation::PLANNED_MAX;
use crate::plan::{Plan, PlanSource, PlannedTask, Planning};
use crate::task::{NewTask, State, Task, TaskKind, Until, WaitReason, Waiting};
use serde::{Deserialize, Serialize};

/// Splits one below the other: a part may be split once more. What is still too large then was never understood (roadmap, "Retry/split
/// strategy for paused agent runs", names no figure; a lead hands to a lead as often, `LEADS_DEEP_MAX`).
pub const SPLITS_DEEP_MAX: u32 = 2;
/// Parts of one task. Two splits one below the other make sixteen, which is more than a goal's whole plan has.
pub const PARTS_MAX: usize = 4;
/// One part is the same task again, which has had its tries.
pub const PARTS_MIN: usize = 2;
/// New plans of a goal for work that was not good enough (as often as its gate sends a task back, `QA_RETRIES_MAX`): a goal that needs a
/// third is not understood.
pub const REPLANS_MAX: u32 = 2;

/// What the rows count for the bounds. It goes with whatever is decided by it, and the store carries that out only where it counts the
/// same: two that land in one moment pass no bound together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// Splits that the task came from, one below the other.
    pub splits_above: u32,
    /// How often tasks of its goal were planned anew because they were not good enough; never where it has none.
    pub replans: u32,
    /// Tasks that the goal, or the task of no goal, may still be given by plans.
    pub left: usize,
}

/// What the rows say around a task that may be planned anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Around {
    pub counted: Counted,
    /// Why nothing more may be begun for its line of work, if so: its money is spent.
    pub spent: Option<String>,
}

/// Whether `first` begins what stands in the place of a task of no goal: the specification below the task, or a part below that.
/// It is the task's own work still, with its money and its bounds; under a goal that is the goal's.
pub fn is_in_place_of(first: &Task, parent: &Task) -> bool {
    let plans = match parent.kind {
        TaskKind::Spec => parent,
        TaskKind::Build => first,
        TaskKind::Goal
        | TaskKind::Review
        | TaskKind::Security
        | TaskKind::Verify
        | TaskKind::Ops
        | TaskKind::Docs
        | TaskKind::Postflight => return false,
    };
    first.goal.is_none() && plans.plans_anew().is_some()
}

/// How a task's last try ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Died {
    /// What came of it was not good enough.
    Quality,
    /// It was stuck, or could not speak the protocol.
    Lost,
    /// It came to a limit of its run.
    Overrun(Limit),
}

/// Whether a plan or a lead made a task, and no review or merge: [`PLANNED_MAX`] counts those.
pub fn is_planned(task: &Task) -> bool {
    match task.kind {
        TaskKind::Build => task.lineage.is_none(),
        TaskKind::Spec => is_a_part(task),
        TaskKind::Goal
        | TaskKind::Review
        | TaskKind::Security
        | TaskKind::Verify
        | TaskKind::Ops
        | TaskKind::Docs
        | TaskKind::Postflight => false,
    }
}

/// The manner in which a task whose tries are over is planned anew, and what was counted for that; where it is not, the bound that forbids
/// it, if one does.
fn planning(
    task: &Task,
    died: Died,
    context: &Context,
) -> Result<(Planning, Counted), Option<String>> {
    // What has only its gate is one run that somebody waits for.
    let of_a_line = task.kind == TaskKind::Build && !task.solo;
    let Some(around) = context.around.as_ref().filter(|_| of_a_line) else {
        return Err(None);
    };
    let counted = around.counted;
    // A person's commit is his to mend, also after it was judged, and he asked for no second run without a cage.
    if task.handed.is_some() || task.start_from.is_some() || task.sandbox == Sandbox::Off {
        return Err(None);
    }
    // A rework's words are what was found, and its code is its line's: parts would know neither the task nor have the code.
    if task.lineage.is_some_and(|root| root != task.id) {
        return Err(None);
    }
    let splits = match died {
        Died::Lost | Died::Overrun(Limit::Steps | Limit::Time) => true,
        // A person wrote the words of a task of his own, and no plan around it would say otherwise: he changes them.
        Died::Quality if task.goal.is_none() => return Err(None),
        Died::Quality => false,
        // Its parts would cost no less.
        Died::Overrun(Limit::Money) => return Err(None),
    };
    if splits && counted.splits_above >= SPLITS_DEEP_MAX {
        return Err(Some(format!(
            "it was split {SPLITS_DEEP_MAX} times already, one below the other"
        )));
    }
    if !splits && counted.replans >= REPLANS_MAX {
        return Err(Some(format!(
            "tasks of its goal were planned anew {REPLANS_MAX} times already"
        )));
    }
    if let Some(spent) = &around.spent {
        return Err(Some(spent.clone()));
    }
    if counted.left < least(splits) {
        return Err(Some(too_many(counted.left)));
    }
    let of = task.id;
    let planning = match splits {
        true => Planning::Split {
            of,
            depth: counted.splits_above + 1,
        },
        false => Planning::Replan {
            of,
            nr: counted.replans + 1,
        },
    };
    Ok((planning, counted))
}

fn least(splits: bool) -> usize {
    match splits {
        true => PARTS_MIN,
        false => 1,
    }
}

fn too_many(left: usize) -> String {
    format!(
        "all plans and leads of one goal, or of a task of none, make at most {PLANNED_MAX} tasks together, and {left} are left"
    )
}

/// The specification that plans a task anew, and the task back in the queue, where it waits for that; or the bound that forbids it.
pub(super) fn instead(
    task: &Task,
    findings: Vec<String>,
    died: Died,
    context: &Context,
) -> Result<Vec<Effect>, Option<String>> {
    let (planning, counted) = planning(task, died, context)?;
    let why = format!(
        "it is {} by its lead: {}",
        planning.participle(),
        findings.join("; ")
    );
    let back = Effect::Retry {
        why,
        findings,
        counters: task.counters,
        run_at_ms: context.now_ms,
    };
    Ok(vec![
        back,
        Effect::PlanAnew {
            spec: Box::new(spec_of(task, planning)),
            counted,
        },
    ])
}

fn spec_of(task: &Task, planning: Planning) -> NewTask {
    let title = format!("{}: {}", planning.title(), named_subject(task));
    let mut spec = child(task, TaskKind::Spec, fit_title(&title));
    // The words that its parts' own are compared with, and what its last part is judged by.
    spec.description.clone_from(&task.description);
    spec.acceptance.clone_from(&task.acceptance);
    spec.checks.clone_from(&task.checks);
    spec.company_pin.clone_from(&task.company_pin);
    spec.planning = Some(planning);
    spec
}

/// Why a plan may not stand in the place of the task, if so, in words for whoever made it.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn replaces(
    plan: &Plan,
    planning: &Planning,
    task: &Task,
    around: &Around,
) -> Result<(), String> {
    plan.check_for_builders().map_err(|e| e.to_string())?;
    if let Some(spent) = &around.spent {
        return Err(spent.clone());
    }
    let count = plan.tasks.len();
    let least = least(matches!(planning, Planning::Split { .. }));
    if count < least {
        return Err(format!(
            "one task is no split: make at least {least}, each of them smaller than the task"
        ));
    }
    if count > PARTS_MAX {
        return Err(format!(
            "it has {count} tasks; at most {PARTS_MAX} stand in the place of one"
        ));
    }
    if count > around.counted.left {
        return Err(too_many(around.counted.left));
    }
    for part in &plan.tasks {
        if part.company.is_some() {
            return Err(format!(
                "task `{}`: a part is done by whom the task was for; leave `company` out",
                part.key
            ));
        }
        let wider = { part.changes_tests.iter() }
            .find(|entry| !task.changes_tests.iter().any(|own| covers(own, entry)));
        if let Some(entry) = wider {
            return Err(format!(
                "task `{}`: `{entry}` in `changes_tests` is none that the task may change; leave it out",
                part.key
            ));
        }
    }
    Ok(())
}

/// Whether what may be changed by `own` holds all of `entry`: the same words, or something below a folder that it names.
fn covers(own: &str, entry: &str) -> bool {
    let bare = |path: &str| path.trim().trim_start_matches("./").to_owned();
    let (own, entry) = (bare(own), bare(entry));
    let folder = own.strip_suffix("**").unwrap_or(&own);
    own == entry || (folder.ends_with('/') && entry.starts_with(folder))
}

/// What follows from the end of a specification that plans a task anew.
pub(super) fn ended(
    spec: &Task,
    planning: &Planning,
    ended: &Ended,
    context: &Context,
) -> Vec<Effect> {
    let task = match (&context.dead, ended) {
        (Some(task), _) if task.state == State::Open => task,
        // Nobody looked: a run that was taken back, which goes on like any other.
        (None, Ended::Failed { failure }) => return failed(spec, failure, context),
        // A person who ended, paused or took it meanwhile has decided.
        (Some(_) | None, _) => {
            let note = "there is nothing to plan any more: a person has the task";
            return vec![noted(note.into())];
        }
    };
    match ended {
        Ended::Planned { plan, source } => {
            let Some(around) = &context.around else {
                return given_up(planning, task, "what bounds it is not known", context);
            };
            let fits = replaces(plan, planning, task, around);
            let ordered = match fits.and_then(|()| plan.ordered().map_err(|e| e.to_string())) {
                Ok(ordered) => ordered,
                Err(why) => return given_up(planning, task, &why, context),
            };
            let by = Effect::Replace {
                task: task.id,
                by: parts(spec, task, &ordered, context),
                counted: around.counted,
            };
            replaced(spec, planning, task, &ordered, *source, by)
        }
        Ended::Failed { failure } => match failure {
            Failure::Quality { findings, .. }
            | Failure::Lost { findings }
            | Failure::Overrun { findings, .. }
            | Failure::Beyond { findings, .. } => {
                given_up(planning, task, &findings.join("; "), context)
            }
            Failure::Infrastructure { detail } => {
                let tried = infrastructure(spec, detail, context);
                match tried.as_slice() {
                    [Effect::Retry { .. }] => tried,
                    _ => given_up(planning, task, detail, context),
                }
            }
            // What stops any specification stops this one, with its own way on: a model, room, a cap, a rule, a person's own work.
            Failure::BoxRefused { .. }
            | Failure::Rail { .. }
            | Failure::GoalUnmet { .. }
            | Failure::NoModel { .. }
            | Failure::NoRoom { .. }
            | Failure::Budget { .. }
            | Failure::Human { .. } => failed(spec, failure, context),
        },
        Ended::Gated { .. }
        | Ended::Reviewed { .. }
        | Ended::Summed { .. }
        | Ended::Asked { .. } => given_up(planning, task, "it ended without a plan", context),
    }
}

fn noted(note: String) -> Effect {
    Effect::Complete {
        base: None,
        head: None,
        note,
    }
}

fn replaced(
    spec: &Task,
    planning: &Planning,
    task: &Task,
    ordered: &[&PlannedTask],
    source: PlanSource,
    by: Effect,
) -> Vec<Effect> {
    let tasks = ordered.len();
    vec![
        Effect::Planned {
            goal: spec.goal.unwrap_or(task.id),
            source,
            tasks,
            instead_of: Some(task.id),
        },
        noted(format!(
            "{} is {}: {tasks} task(s)",
            task.id,
            planning.participle()
        )),
        by,
    ]
}

/// The tasks that stand in the place of one. The last of them has the code of all others, and is judged by what the one was to be
/// judged by.
fn parts(spec: &Task, task: &Task, ordered: &[&PlannedTask], context: &Context) -> Vec<Spawn> {
    let position = |key: &str| ordered.iter().position(|t| t.key == key);
    let last = ordered.len().saturating_sub(1);
    let part = |(at, planned): (usize, &&PlannedTask)| {
        let mut new = planned_task(spec, planned, context);
        new.parent = Some(spec.id);
        new.company_pin.clone_from(&task.company_pin);
        new.blueprint.clone_from(&task.blueprint);
        new.inputs.clone_from(&task.inputs);
        if task.goal.is_none() && at != last {
            // A goal has its operations and documentation once; of a task of no goal they are made of the part that has all the others.
            for (stage, asked) in [(Stage::Docs, planned.docs), (Stage::Ops, planned.deploy)] {
                let tag = chain::tag_of(stage).filter(|_| !asked);
                new.tags.retain(|t| Some(t.as_str()) != tag);
            }
        }
        let mut needs: Vec<usize> = { planned.needs.iter() }
            .filter_map(|n| position(n))
            .collect();
        if at == last {
            new.acceptance.extend(task.acceptance.iter().cloned());
            new.checks.clone_from(&task.checks);
            needs = (0..last).collect();
        }
        Spawn {
            task: new,
            needs_new: { needs.into_iter() }
                .map(|p| (p, Until::Integrated))
                .collect(),
            holds_postflight: true,
            holds_dependents: false,
            of_goal: false,
        }
    };
    ordered.iter().enumerate().map(part).collect()
}

/// No usable plan: the specification has done what it can, and the task is a person's.
fn given_up(planning: &Planning, task: &Task, why: &str, context: &Context) -> Vec<Effect> {
    let why = cut(why, FINDING_BYTES_MAX / 2);
    vec![
        noted(format!("no usable plan: {why}")),
        Effect::AskAbout {
            task: task.id,
            waiting: over(task, planning.participle(), &why, context),
        },
    ]
}

/// The wait of a task whose tries are over: `what` was not done to it, and why.
fn over(task: &Task, what: &str, why: &str, context: &Context) -> Waiting {
    let (detail, action) = (lacks(task, what, why), review_action(task));
    waiting(WaitReason::QaRetries, detail, action, context)
}

fn lacks(task: &Task, what: &str, why: &str) -> String {
    let last = task.findings.last().map(String::as_str).unwrap_or_default();
    // A run that was ended from outside counts as infrastructure, and its task is planned anew with fewer of these.
    let tries = match task.counters.qa_retries {
        retries @ QA_RETRIES_MAX.. => format!("failed {} times", retries + 1),
        _ => "has no tries left".to_owned(),
    };
    format!("{tries} and was not {what}: {why}; last: {last}")
}

/// The wait of a task whose planning a person has closed by hand, without a plan. Its tries are over all the same: whoever closed it says
/// what becomes of it, and nobody tries it once more as it is.
pub fn closed_by_hand(spec: &Task, task: &Task, text: &str, by: &str, now_ms: i64) -> Waiting {
    let what = { spec.plans_anew() }.map_or("planned anew", Planning::participle);
    let text = cut(text.trim(), FINDING_BYTES_MAX / 2);
    let why = format!("{by} closed {} by hand: {text}", spec.id);
    Waiting {
        reason: WaitReason::QaRetries,
        owner: by.to_owned(),
        deadline_ms: now_ms + HUMAN_WAIT_MS,
        next_action: review_action(task),
        detail: cut(&lacks(task, what, &why), FINDING_BYTES_MAX),
    }
}

#[cfg(test)]
mod tests;
