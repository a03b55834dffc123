//! One step, finished: its inputs filled in, its action complete, every key read that it has.

use std::collections::{BTreeMap, BTreeSet};

use super::env::EnvPatch;
use super::reference::Text;
use super::{
    BlueprintError, Field, RawBlueprint, STEPS_MAX, StepPatch, Uses, acts, asks, env, gates, retry,
};
use crate::blueprint::{Action, Env, Step};

/// What a step is finished with.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    pub(super) inputs: &'a BTreeMap<String, String>,
    /// Those whose values are a task's: none of them becomes part of a command.
    pub(super) of_task: &'a BTreeSet<String>,
    /// Holds the templates too.
    pub(super) library: &'a BTreeMap<String, String>,
    /// The finished steps before it.
    pub(super) earlier: &'a [Step],
    /// The ids of all steps.
    pub(super) ids: &'a [&'a str],
}

/// What the file says for all its steps.
#[derive(Clone, Copy)]
pub(super) struct Defaults<'a> {
    pub(super) timeout_s: &'a Field<u64>,
    pub(super) env: &'a Field<EnvPatch>,
}

/// One step with its inputs filled in.
pub(super) fn finished(
    patch: &StepPatch,
    defaults: Defaults<'_>,
    given: Given<'_>,
) -> Result<Step, BlueprintError> {
    let env = env::finished(patch, defaults.env, given)?;
    let action = match (patch.uses.set(), &patch.run) {
        (Some(_), Field::Set(_)) => {
            let problem = format!(
                "step `{}` has both `uses` and `run`; take one away",
                patch.id
            );
            return Err(patch.place.invalid(problem));
        }
        (Some(uses), Field::Absent | Field::Null) => used(patch, *uses, &env, given)?,
        (None, Field::Set(command)) => command_step(patch, command, given)?,
        (None, Field::Absent | Field::Null) => {
            let problem = format!("step `{}` does nothing; give it `uses` or `run`", patch.id);
            return Err(patch.place.invalid(problem));
        }
    };
    let gates = gates::finished(patch, &env, given)?;
    let needs = patch.needs.set().into_iter().flatten();
    Ok(Step {
        id: patch.id.clone(),
        name: patch
            .name
            .set()
            .cloned()
            .unwrap_or_else(|| patch.id.clone()),
        timeout_s: match &patch.timeout_s {
            Field::Set(timeout_s) => Some(*timeout_s),
            Field::Null => None,
            Field::Absent => defaults.timeout_s.set().copied(),
        },
        condition: match patch.condition.set() {
            Some(condition) => Some(condition.checked(given)?),
            None => None,
        },
        continue_on_error: patch.continue_on_error.set().copied().unwrap_or(false),
        at: patch.place.said(),
        needs: needs.map(|need| need.name.clone()).collect(),
        retry: retry::finished(patch, &action, given)?,
        env: match action {
            // Those that neither run a command nor fill in a text have nothing to use it for.
            Action::Context | Action::Report | Action::Branch { .. } | Action::Human { .. } => {
                Env::default()
            }
            Action::Ask { .. }
            | Action::Agent { .. }
            | Action::Run { .. }
            | Action::Scaffold { .. }
            | Action::Gate { .. } => env,
        },
        action,
        gates,
    })
}

fn used(
    patch: &StepPatch,
    uses: Uses,
    env: &Env,
    given: Given<'_>,
) -> Result<Action, BlueprintError> {
    let mut allowed: Vec<&str> = match uses {
        Uses::Context | Uses::Report => vec![],
        Uses::Ask => vec!["prompt", "schema", "env"],
        Uses::Agent => vec![
            "prompt",
            "template",
            "tools",
            "turns_max",
            "check",
            "outputs",
            "role",
            "limits",
            "output_schema",
            "env",
            "gates",
        ],
        Uses::Scaffold => vec![
            "files",
            "templates",
            "vars",
            "patch",
            "overwrite",
            "folder",
            "env",
            "gates",
        ],
        Uses::Gate => vec!["checks", "retry", "continue_on_error", "env", "gates"],
        Uses::Branch => vec!["goto", "max_attempts", "continue_on_error"],
        Uses::Human => vec!["question", "options", "deadline"],
    };
    // Without gates these are never red.
    let gated = patch.gates.set().is_some_and(|gates| !gates.is_empty());
    if gated && matches!(uses, Uses::Agent | Uses::Scaffold) {
        allowed.extend(["retry", "continue_on_error"]);
    }
    if uses == Uses::Agent && patch.asks.has_template() {
        allowed.push("vars");
    }
    refuse_other_keys(patch, uses.as_str(), &allowed)?;
    match uses {
        Uses::Context => Ok(Action::Context),
        Uses::Report => Ok(Action::Report),
        Uses::Scaffold => acts::scaffold(patch, env, given),
        Uses::Gate => acts::gate(patch),
        Uses::Branch => acts::branch(patch),
        Uses::Human => acts::human(patch, given),
        Uses::Agent => asks::agent(patch, env, given),
        Uses::Ask => {
            let schema = *patch
                .schema
                .set()
                .ok_or_else(|| lacks(patch, "with.schema"))?;
            Ok(Action::Ask {
                prompt: asks::prompt(patch, env, given)?,
                schema,
            })
        }
    }
}

fn command_step(
    patch: &StepPatch,
    command: &Text,
    given: Given<'_>,
) -> Result<Action, BlueprintError> {
    let allowed = ["expect_exit", "retry", "continue_on_error", "env", "gates"];
    refuse_other_keys(patch, "run", &allowed)?;
    let filled = command.command(given)?;
    if filled.trim().is_empty() {
        let problem = format!(
            "the command of step `{}` is empty once its inputs are filled in",
            patch.id
        );
        return Err(command.place.invalid(problem));
    }
    Ok(Action::Run {
        command: filled,
        expect_exit: patch.expect_exit.set().copied().unwrap_or(0),
    })
}

pub(super) fn lacks(patch: &StepPatch, key: &str) -> BlueprintError {
    patch
        .place
        .invalid(format!("step `{}` needs `{key}`", patch.id))
}

/// A key that this kind of step would silently ignore is an error, as an unknown key is.
fn refuse_other_keys(
    patch: &StepPatch,
    kind: &str,
    allowed: &[&str],
) -> Result<(), BlueprintError> {
    let own = [
        ("prompt", patch.prompt.set().is_some()),
        ("schema", patch.schema.set().is_some()),
        ("tools", patch.tools.set().is_some()),
        ("turns_max", patch.turns_max.set().is_some()),
        ("check", patch.check.set().is_some()),
        ("outputs", patch.outputs.set().is_some()),
        ("expect_exit", patch.expect_exit.set().is_some()),
        (
            "retry",
            patch.retry_step.set().is_some()
                || patch.retry_attempts.set().is_some()
                || patch.backoff_s.set().is_some(),
        ),
        ("continue_on_error", patch.continue_on_error.set().is_some()),
        ("env", patch.env.set().is_some()),
        ("gates", patch.gates.set().is_some()),
    ];
    let mut present = { own.into_iter() }
        .chain(patch.acts.present())
        .chain(patch.asks.present());
    let stray = present.find(|(key, there)| *there && !allowed.contains(key));
    match stray {
        None => Ok(()),
        Some((key @ ("retry" | "continue_on_error"), _)) if allowed.contains(&"gates") => {
            Err(patch.place.invalid(format!(
                "step `{}` is `{kind}` and has no `gates`: it is never red, and does not read `{key}`",
                patch.id
            )))
        }
        Some((key, _)) => Err(patch.place.invalid(format!(
            "step `{}` is `{kind}`, which does not read `{key}`; take it away",
            patch.id
        ))),
    }
}

pub(super) fn check_whole(whole: &RawBlueprint, steps: &[Step]) -> Result<(), BlueprintError> {
    let problem = match steps.len() {
        0 => "no step is left".to_owned(),
        n if n > STEPS_MAX => format!("{n} steps; at most {STEPS_MAX} are allowed"),
        _ => return Ok(()),
    };
    let (origin, line, column) = (whole.origin.clone(), 1, 1);
    Err(BlueprintError::Invalid {
        origin,
        line,
        column,
        problem,
    })
}
