//! `retry`: where a red step goes back to, how often, and how long it waits before.

use super::finish::{Given, lacks};
use super::wire::RetryWire;
use super::{ATTEMPTS_MAX, BlueprintError, Field, Reader, StepPatch, yaml};
use crate::blueprint::{Action, BACKOFF_S_MAX, Retry, Step};

/// Step, attempts, seconds of backoff.
type Read = (Field<String>, Field<u32>, Field<u64>);

impl Reader<'_> {
    pub(super) fn retry(&self, retry: Field<RetryWire>) -> Result<Read, BlueprintError> {
        Ok(match retry {
            Field::Absent => (Field::Absent, Field::Absent, Field::Absent),
            Field::Null => (Field::Null, Field::Null, Field::Null),
            Field::Set(retry) => (
                retry.step,
                { retry.max_attempts }.try_map(|n| self.number("max_attempts", n, ATTEMPTS_MAX))?,
                retry.backoff.try_map(|text| {
                    let seconds = self.duration(&text)?;
                    match seconds <= BACKOFF_S_MAX {
                        true => Ok(seconds),
                        false => Err(self.place(text.referenced).invalid(format!(
                            "`backoff` is {}; at most {}m are waited, and a run has little more",
                            text.value,
                            BACKOFF_S_MAX / 60
                        ))),
                    }
                })?,
            ),
        })
    }
}

/// Where a step goes back to.
pub(super) fn finished(
    patch: &StepPatch,
    action: &Action,
    given: Given<'_>,
) -> Result<Option<Retry>, BlueprintError> {
    let (step, attempts) = (patch.retry_step.set(), patch.retry_attempts.set());
    if step.is_none() && attempts.is_none() && patch.backoff_s.set().is_none() {
        return Ok(None);
    }
    let gated = patch.gates.set().is_some_and(|gates| !gates.is_empty());
    let again = match action {
        Action::Run { .. } => true,
        Action::Agent { .. } => gated,
        Action::Context
        | Action::Ask { .. }
        | Action::Scaffold { .. }
        | Action::Gate { .. }
        | Action::Branch { .. }
        | Action::Human { .. }
        | Action::Report => false,
    };
    let target = match step {
        Some(target) if *target == patch.id && again => target.clone(),
        Some(target) => {
            check(patch, target, given.earlier)?;
            target.clone()
        }
        None if again => patch.id.clone(),
        None => return Err(lacks(patch, "retry.step")),
    };
    let attempts = attempts.ok_or_else(|| lacks(patch, "retry.max_attempts"))?;
    Ok(Some(Retry {
        step: target,
        // `max_attempts` counts the first try, as it does in Actions.
        ways_max: attempts - 1,
        backoff_s: patch.backoff_s.set().copied().unwrap_or(0),
    }))
}

fn check(patch: &StepPatch, target: &str, earlier: &[Step]) -> Result<(), BlueprintError> {
    let agents: Vec<&str> = earlier
        .iter()
        .filter(|step| matches!(step.action, Action::Agent { .. }))
        .map(|step| step.id.as_str())
        .collect();
    if agents.contains(&target) {
        return Ok(());
    }
    let hint = match agents.as_slice() {
        [] => "no agent step stands before it".to_owned(),
        agents => yaml::hint(target, agents.iter().copied()),
    };
    Err(patch.place.invalid(format!(
        "step `{}` retries `{target}`, which is not an earlier agent step; {hint}",
        patch.id
    )))
}
