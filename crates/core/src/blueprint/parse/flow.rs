//! What only the whole flow shows: a branch into nowhere, a loop without an end, a step that nothing leads to.

use super::{BlueprintError, StepPatch, yaml};
use crate::blueprint::{Action, STEPS_WALKED_MAX, Step};

/// Checks every way of a blueprint. `patches` are the same steps as their files say them.
pub(super) fn check(patches: &[StepPatch], steps: &[Step]) -> Result<(), BlueprintError> {
    let mut targets: Vec<Option<usize>> = Vec::new();
    for (at, (patch, step)) in patches.iter().zip(steps).enumerate() {
        let target = match &step.action {
            Action::Branch { goto, ways_max } => {
                Some(branch(patch, step, at, goto, *ways_max, steps)?)
            }
            Action::Context
            | Action::Ask { .. }
            | Action::Agent { .. }
            | Action::Run { .. }
            | Action::Scaffold { .. }
            | Action::Gate { .. }
            | Action::Human { .. }
            | Action::Report => None,
        };
        targets.push(target);
    }
    reached(patches, steps, &targets)?;
    bounded(patches, steps)
}

fn branch(
    patch: &StepPatch,
    step: &Step,
    at: usize,
    goto: &str,
    ways_max: Option<u32>,
    steps: &[Step],
) -> Result<usize, BlueprintError> {
    let place = patch.acts.target().map_or(&patch.place, |(_, place)| place);
    let Some(target) = steps.iter().position(|other| other.id == goto) else {
        let hint = yaml::hint(goto, steps.iter().map(|step| step.id.as_str()));
        return Err(place.invalid(format!("no step is called `{goto}`; {hint}")));
    };
    let problem = if target == at {
        format!("step `{goto}` goes to itself")
    } else if target < at && ways_max.is_none() {
        format!(
            "step `{}` goes back to `{goto}` without an end; give it `with.max_attempts`",
            step.id
        )
    } else if target < at && step.condition.is_none() {
        format!(
            "step `{}` always goes back to `{goto}`, until its attempts are used up; give it an `if`",
            step.id
        )
    } else if target > at && ways_max.is_some() {
        format!(
            "step `{}` goes forward to `{goto}`, which needs no `max_attempts`; take it away",
            step.id
        )
    } else if target > at && step.continue_on_error {
        format!(
            "step `{}` goes forward and has no error to continue on",
            step.id
        )
    } else {
        return Ok(target);
    };
    Err(place.invalid(problem))
}

/// Every step can be reached from the first one.
fn reached(
    patches: &[StepPatch],
    steps: &[Step],
    targets: &[Option<usize>],
) -> Result<(), BlueprintError> {
    let mut seen = vec![false; steps.len()];
    let mut next = vec![0];
    while let Some(at) = next.pop() {
        let (Some(step), Some(seen)) = (steps.get(at), seen.get_mut(at)) else {
            continue;
        };
        if std::mem::replace(seen, true) {
            continue;
        }
        let target = targets.get(at).copied().flatten();
        next.extend(target);
        let always = target.is_some() && step.condition.is_none();
        if !always {
            next.push(at + 1);
        }
    }
    match seen.iter().position(|seen| !seen) {
        None => Ok(()),
        Some(at) => Err(patches[at].place.invalid(format!(
            "nothing leads to step `{}`: a branch without `if` goes past it",
            steps[at].id
        ))),
    }
}

/// Each way back repeats at most the steps between its ends, as often as it may be gone.
fn bounded(patches: &[StepPatch], steps: &[Step]) -> Result<(), BlueprintError> {
    let mut most = steps.len();
    for (at, step) in steps.iter().enumerate() {
        let Some((target, ways)) = step.way_back() else {
            continue;
        };
        let target = steps.iter().position(|other| other.id == target);
        let span = at - target.unwrap_or(at).min(at) + 1;
        most += span * usize::try_from(ways).unwrap_or(usize::MAX);
        if most > STEPS_WALKED_MAX {
            return Err(patches[at].place.invalid(format!(
                "with the ways back up to step `{}` a run could walk {most} steps; at most {STEPS_WALKED_MAX} are allowed",
                step.id
            )));
        }
    }
    Ok(())
}
