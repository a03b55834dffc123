//! Where a run is in its blueprint: which step is next, what is skipped, which ways back are left.

use std::collections::BTreeMap;

use alai_core::ahead::Reproduced;
use alai_core::blueprint::{Action, Facts, STEPS_WALKED_MAX, Status, Step, StepResult};
use serde_json::{Map, Value};

use super::Next;
use super::{gates, human};
use crate::recorder::Event;
use crate::report::ExitStatus;
use crate::text::cut;
use crate::walk::Walk;

/// What the steps came to so far. A person's answer finds it as it was.
#[derive(Debug, Default)]
pub(crate) struct Course {
    /// How often each step was reached.
    pub(crate) visits: BTreeMap<String, u32>,
    /// How often each step has sent the run back.
    pub(crate) ways: BTreeMap<String, u32>,
    pub(crate) results: BTreeMap<String, StepResult>,
    /// The output of the last red step that did not end the run; it goes to the next agent that a way back leads to.
    pub(crate) red: Option<String>,
    /// What the next agent step is told of the try before it.
    pub(crate) feedback: Option<String>,
    /// What the last look at the base saw that held.
    pub(crate) reproduced: Option<Reproduced>,
    /// Whether the run that asked was a rework; known behind its question alone, where the clone holds its work anyway.
    pub(crate) rework: Option<bool>,
}

impl Walk<'_> {
    /// Whether its clone began with earlier work of the same task.
    pub(crate) fn goes_on(&self) -> bool {
        let project = &self.brief.project;
        !project.measured_from.is_empty() && project.measured_from != project.base
    }

    /// Whether that work is of a try before this one, and not of this one before a person's answer.
    pub(crate) fn is_rework(&self) -> bool {
        self.course.rework.unwrap_or_else(|| self.goes_on())
    }
}

impl Course {
    /// Counts that a step is reached; which time this is, from 1.
    fn reach(&mut self, step: &str) -> u32 {
        let visits = self.visits.entry(step.to_owned()).or_default();
        *visits += 1;
        *visits
    }

    fn settle(&mut self, step: &str, status: Status, outputs: Map<String, Value>) {
        let result = StepResult { status, outputs };
        self.results.insert(step.to_owned(), result);
    }

    /// Takes one of a step's ways back, if one is left.
    fn back(&mut self, steps: &[Step], at: usize) -> Option<usize> {
        let step = steps.get(at)?;
        let (target, most) = step.way_back()?;
        let target = steps[..=at].iter().position(|s| s.id == target)?;
        let ways = self.ways.entry(step.id.clone()).or_default();
        if *ways >= most {
            return None;
        }
        *ways += 1;
        Some(target)
    }
}

/// Walks from the first step, or from the one that an earlier run stopped at, to the last.
///
/// # Errors
/// How the run ended, when it did not end well.
pub(super) fn follow(walk: &mut Walk<'_>) -> Result<(), ExitStatus> {
    let steps = &walk.brief.blueprint.steps;
    let mut at = human::resume(walk)?;
    let mut walked = 0;
    while let Some(step) = steps.get(at) {
        walked += 1;
        // Every way back was counted when the blueprint was read; a brief from elsewhere may not have been.
        if walked > STEPS_WALKED_MAX {
            return Err(ExitStatus::Stuck {
                rule: "blueprint_cycle".into(),
            });
        }
        let visit = walk.course.reach(&step.id);
        if let Some(condition) = &step.condition
            && !condition.holds(&Facts {
                inputs: &walk.brief.blueprint.inputs,
                results: &walk.course.results,
                attempt: visit,
            })
        {
            skip(walk, step, &format!("not so: {}", condition.text))?;
            at += 1;
            continue;
        }
        let ended = one(walk, step, visit);
        let word = match &ended {
            Ok(Next::Forward(_)) => "ok".to_owned(),
            Ok(Next::Red(_)) => "red".to_owned(),
            Ok(Next::Goto(target)) => format!("on to {target}"),
            Err(status) => status.to_string(),
        };
        note(walk, step, &word);
        at = next(walk, steps, at, ended?)?;
    }
    Ok(())
}

/// One step, and its gates where it is not red already.
fn one(walk: &mut Walk<'_>, step: &Step, visit: u32) -> Result<Next, ExitStatus> {
    walk.begin_step(step)?;
    let env = walk.present.env.clone();
    walk.record(&Event::Step {
        step: &step.id,
        action: step.action.kind(),
        env: &env,
    })?;
    let mut ended = super::one(walk, step, visit);
    if let Ok(Next::Forward(_)) = &ended
        && let Some(red) = gates::red(walk, step)?
    {
        ended = Ok(Next::Red(red));
    }
    // Where the run ends within a step, its work is rescued by whoever works then: a reader's changes are not kept.
    if ended.is_ok() {
        walk.end_step();
    }
    ended
}

fn note(walk: &mut Walk<'_>, step: &Step, word: &str) {
    let (id, kind) = (&step.id, step.action.kind());
    walk.log
        .steps
        .push(format!("{id} ({kind}): {}", cut(word, 200)));
}

/// The step after this one.
fn next(walk: &mut Walk<'_>, steps: &[Step], at: usize, ended: Next) -> Result<usize, ExitStatus> {
    let step = &steps[at];
    let (status, outputs, output) = match ended {
        Next::Forward(outputs) => (Status::Ok, outputs, None),
        Next::Red(output) => (Status::Red, Map::new(), Some(output)),
        Next::Goto(target) => match steps.iter().position(|s| s.id == target) {
            Some(target) if target > at => {
                walk.course.settle(&step.id, Status::Ok, Map::new());
                for past in &steps[at + 1..target] {
                    skip(walk, past, &format!("`{}` goes past it", step.id))?;
                }
                return Ok(target);
            }
            Some(_) | None => (Status::Red, Map::new(), walk.course.red.take()),
        },
    };
    walk.course.settle(&step.id, status, outputs);
    if status == Status::Ok {
        return Ok(at + 1);
    }
    match walk.course.back(steps, at) {
        Some(target) => {
            if let Some(retry) = &step.retry {
                let nth = walk.course.ways.get(&step.id).copied().unwrap_or_default();
                walk.wait(retry.wait_s(nth))?;
            }
            if let Action::Branch { .. } = step.action {
                walk.course.settle(&step.id, Status::Ok, Map::new());
            }
            walk.course.feedback = output;
            Ok(target)
        }
        None if step.continue_on_error => {
            walk.course.red = output;
            Ok(at + 1)
        }
        None => Err(ExitStatus::GateFailed),
    }
}

fn skip(walk: &mut Walk<'_>, step: &Step, why: &str) -> Result<(), ExitStatus> {
    walk.course.settle(&step.id, Status::Skipped, Map::new());
    note(walk, step, "skipped");
    outcome(walk, step, Status::Skipped, why)
}

/// Writes down how a step ended that no model and no single command tells of.
pub(super) fn outcome(
    walk: &mut Walk<'_>,
    step: &Step,
    status: Status,
    detail: &str,
) -> Result<(), ExitStatus> {
    walk.record(&Event::Outcome {
        step: &step.id,
        action: step.action.kind(),
        status: status.as_str(),
        detail,
    })
}
