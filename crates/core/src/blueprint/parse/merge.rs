//! Lays a blueprint over its parents, fills the inputs in and checks what only the whole can show.

use std::collections::BTreeMap;

use super::reference::{Destination, Text};
use super::{
    BlueprintError, EXTENDS_MAX, Field, INPUTS_MAX, Input, RawBlueprint, STEPS_MAX, StepPatch,
    TEMPLATES, TURNS_DEFAULT, Uses, acts, flow, parse, value_problem, yaml,
};
use crate::blueprint::{Action, Blueprint, Step, ToolName};

pub(super) fn resolve(
    name: &str,
    library: &BTreeMap<String, String>,
    inputs: &BTreeMap<String, String>,
) -> Result<Blueprint, BlueprintError> {
    let chain = ancestry(name, library)?;
    let description = chain
        .iter()
        .find_map(|raw| raw.description.clone())
        .unwrap_or_default();
    let whole = merged(chain)?;
    let inputs = filled(name, &whole.inputs, inputs)?;
    let mut steps: Vec<Step> = Vec::new();
    for patch in &whole.steps {
        let given = Given {
            inputs: &inputs,
            library,
            earlier: &steps,
        };
        let step = finished(patch, &whole.timeout_s, given)?;
        steps.push(step);
    }
    check_whole(&whole, &steps)?;
    flow::check(&whole.steps, &steps)?;
    Ok(Blueprint {
        name: name.to_owned(),
        description,
        steps,
        inputs,
        limits: whole.limits.set().copied().unwrap_or_default(),
    })
}

/// The blueprint and what it extends, nearest first.
fn ancestry(
    name: &str,
    library: &BTreeMap<String, String>,
) -> Result<Vec<RawBlueprint>, BlueprintError> {
    let mut chain: Vec<RawBlueprint> = Vec::new();
    let mut next = name.to_owned();
    let mut wanted_by = "asked for".to_owned();
    loop {
        let Some(text) = library.get(&next) else {
            let names = library.keys().map(String::as_str);
            let hint = yaml::hint(&next, names.filter(|name| !name.starts_with(TEMPLATES)));
            return Err(BlueprintError::NotFound {
                name: next,
                wanted_by,
                hint,
            });
        };
        let raw = parse(text, &next)?;
        if raw.name != next {
            return Err(BlueprintError::Invalid {
                origin: next.clone(),
                line: 1,
                column: 1,
                problem: format!(
                    "the file stands as `{next}` but calls itself `{}`",
                    raw.name
                ),
            });
        }
        let parent = raw.extends.clone();
        wanted_by = format!("`{next}` extends it");
        chain.push(raw);
        let Some(parent) = parent else {
            return Ok(chain);
        };
        let mut names: Vec<String> = chain.iter().map(|raw| raw.name.clone()).collect();
        if names.contains(&parent) {
            names.push(parent);
            return Err(BlueprintError::Cycle { chain: names });
        }
        if chain.len() >= EXTENDS_MAX {
            return Err(BlueprintError::TooDeep {
                name: name.to_owned(),
                chain: names,
            });
        }
        next = parent;
    }
}

/// The oldest ancestor with each descendant laid over it in turn.
fn merged(mut chain: Vec<RawBlueprint>) -> Result<RawBlueprint, BlueprintError> {
    let mut whole = chain
        .pop()
        .expect("the chain holds at least the blueprint itself");
    if let Some(removal) = whole.steps.iter().find(|step| removes(step)) {
        let problem = format!(
            "step `{}` removes itself; nothing is inherited here",
            removal.id
        );
        return Err(removal.place.invalid(problem));
    }
    while let Some(child) = chain.pop() {
        for (name, input) in child.inputs {
            match input {
                Some(input) => whole.inputs.insert(name, Some(input)),
                None => whole.inputs.remove(&name),
            };
        }
        whole.timeout_s.overlay(child.timeout_s);
        match (&mut whole.limits, child.limits) {
            (Field::Set(limits), Field::Set(child)) => *limits = child.or(*limits),
            (limits, child) => limits.overlay(child),
        }
        whole.origin = child.origin;
        whole.name = child.name;
        lay_steps(&mut whole.steps, child.steps)?;
    }
    Ok(whole)
}

/// A known id changes that step where it stands. A new one stands right after the step named before it in the child; when
/// none is named before it, before the next known one; else at the end.
fn lay_steps(steps: &mut Vec<StepPatch>, children: Vec<StepPatch>) -> Result<(), BlueprintError> {
    let order: Vec<String> = children.iter().map(|child| child.id.clone()).collect();
    let mut removed: Vec<String> = Vec::new();
    for (nth, child) in children.into_iter().enumerate() {
        match steps.iter().position(|step| step.id == child.id) {
            Some(at) if removes(&child) => removed.push(steps[at].id.clone()),
            Some(at) => overlay(&mut steps[at], child),
            None if removes(&child) => {
                let hint = yaml::hint(&child.id, steps.iter().map(|step| step.id.as_str()));
                let problem = format!("no inherited step is called `{}`; {hint}", child.id);
                return Err(child.place.invalid(problem));
            }
            None => {
                let find = |id: &String| steps.iter().position(|step| step.id == *id);
                let after = nth.checked_sub(1).and_then(|before| find(&order[before]));
                let before = order[nth + 1..].iter().find_map(find);
                let at = after.map(|at| at + 1).or(before).unwrap_or(steps.len());
                steps.insert(at, child);
            }
        }
    }
    steps.retain(|step| !removed.contains(&step.id));
    Ok(())
}

/// `uses: null` or `run: null` without another action takes the step away.
fn removes(step: &StepPatch) -> bool {
    let cleared = step.uses == Field::Null || step.run == Field::Null;
    cleared && step.uses.set().is_none() && step.run.set().is_none()
}

fn overlay(step: &mut StepPatch, child: StepPatch) {
    // A child that names another kind of action need not also clear the inherited one.
    if child.run.set().is_some() && child.uses == Field::Absent {
        step.uses = Field::Absent;
    }
    if child.uses.set().is_some() && child.run == Field::Absent {
        step.run = Field::Absent;
    }
    step.place = child.place;
    step.name.overlay(child.name);
    step.uses.overlay(child.uses);
    step.run.overlay(child.run);
    step.prompt.overlay(child.prompt);
    step.schema.overlay(child.schema);
    step.tools.overlay(child.tools);
    step.turns_max.overlay(child.turns_max);
    step.check.overlay(child.check);
    step.outputs.overlay(child.outputs);
    step.expect_exit.overlay(child.expect_exit);
    step.retry_step.overlay(child.retry_step);
    step.retry_attempts.overlay(child.retry_attempts);
    step.condition.overlay(child.condition);
    step.continue_on_error.overlay(child.continue_on_error);
    step.acts.overlay(child.acts);
    step.timeout_s.overlay(child.timeout_s);
}

/// Every declared input with its value: the given one, else the default, else empty when it is not required.
fn filled(
    blueprint: &str,
    declared: &BTreeMap<String, Option<Input>>,
    given: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, BlueprintError> {
    let bad = |input: &str, problem: String| BlueprintError::BadInput {
        blueprint: blueprint.to_owned(),
        input: input.to_owned(),
        problem,
    };
    if let Some(stranger) = given.keys().find(|name| !declared.contains_key(*name)) {
        let hint = yaml::hint(stranger, declared.keys().map(String::as_str));
        let (blueprint, input) = (blueprint.to_owned(), stranger.clone());
        return Err(BlueprintError::UnknownInput {
            blueprint,
            input,
            hint,
        });
    }
    if let Some((extra, _)) = declared.iter().nth(INPUTS_MAX) {
        return Err(bad(
            extra,
            format!("a blueprint has at most {INPUTS_MAX} inputs"),
        ));
    }
    let mut values = BTreeMap::new();
    for (name, input) in declared {
        let Some(input) = input else { continue };
        let value = given.get(name).or(input.default.as_ref());
        let value = match value {
            Some(value) => value.clone(),
            None if input.required => return Err(missing(blueprint, name, input)),
            None => String::new(),
        };
        if let Some(problem) = value_problem(&value) {
            return Err(bad(name, problem));
        }
        if input.required && value.trim().is_empty() {
            return Err(missing(blueprint, name, input));
        }
        values.insert(name.clone(), value);
    }
    Ok(values)
}

fn missing(blueprint: &str, name: &str, input: &Input) -> BlueprintError {
    let about = match input.description.trim() {
        "" => String::new(),
        about => format!(" ({about})"),
    };
    BlueprintError::MissingInput {
        blueprint: blueprint.to_owned(),
        input: name.to_owned(),
        about,
    }
}

/// What a step is finished with.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    pub(super) inputs: &'a BTreeMap<String, String>,
    /// Holds the templates too.
    pub(super) library: &'a BTreeMap<String, String>,
    /// The finished steps before it.
    pub(super) earlier: &'a [Step],
}

/// One step with its inputs filled in.
fn finished(
    patch: &StepPatch,
    timeout_default: &Field<u64>,
    given: Given<'_>,
) -> Result<Step, BlueprintError> {
    let action = match (patch.uses.set(), &patch.run) {
        (Some(_), Field::Set(_)) => {
            let problem = format!(
                "step `{}` has both `uses` and `run`; take one away",
                patch.id
            );
            return Err(patch.place.invalid(problem));
        }
        (Some(uses), Field::Absent | Field::Null) => used(patch, *uses, given)?,
        (None, Field::Set(command)) => command_step(patch, command, given)?,
        (None, Field::Absent | Field::Null) => {
            let problem = format!("step `{}` does nothing; give it `uses` or `run`", patch.id);
            return Err(patch.place.invalid(problem));
        }
    };
    Ok(Step {
        id: patch.id.clone(),
        name: patch
            .name
            .set()
            .cloned()
            .unwrap_or_else(|| patch.id.clone()),
        action,
        timeout_s: match &patch.timeout_s {
            Field::Set(timeout_s) => Some(*timeout_s),
            Field::Null => None,
            Field::Absent => timeout_default.set().copied(),
        },
        condition: match patch.condition.set() {
            Some(condition) => Some(condition.checked(given)?),
            None => None,
        },
        continue_on_error: patch.continue_on_error.set().copied().unwrap_or(false),
        at: patch.place.said(),
    })
}

fn used(patch: &StepPatch, uses: Uses, given: Given<'_>) -> Result<Action, BlueprintError> {
    let inputs = given.inputs;
    let allowed: &[&str] = match uses {
        Uses::Context | Uses::Report => &[],
        Uses::Ask => &["prompt", "schema"],
        Uses::Agent => &["prompt", "tools", "turns_max", "check", "outputs"],
        Uses::Scaffold => &["files", "templates", "vars", "patch", "overwrite"],
        Uses::Gate => &["checks", "retry", "continue_on_error"],
        Uses::Branch => &["goto", "max_attempts", "continue_on_error"],
        Uses::Human => &["question", "options", "deadline"],
    };
    refuse_other_keys(patch, uses.as_str(), allowed)?;
    let prompt = |inputs| match &patch.prompt {
        Field::Set(prompt) => prompt.fill(inputs, Destination::Prompt),
        Field::Absent | Field::Null => Err(lacks(patch, "with.prompt")),
    };
    match uses {
        Uses::Context => Ok(Action::Context),
        Uses::Report => Ok(Action::Report),
        Uses::Scaffold => acts::scaffold(patch, given),
        Uses::Gate => acts::gate(patch, given),
        Uses::Branch => acts::branch(patch),
        Uses::Human => acts::human(patch, given),
        Uses::Ask => {
            let schema = *patch
                .schema
                .set()
                .ok_or_else(|| lacks(patch, "with.schema"))?;
            Ok(Action::Ask {
                prompt: prompt(inputs)?,
                schema,
            })
        }
        Uses::Agent => {
            let tools = patch
                .tools
                .set()
                .ok_or_else(|| lacks(patch, "with.tools"))?
                .clone();
            if !tools.contains(&ToolName::Done) {
                let problem = format!(
                    "step `{}` has no tool `done`; its agent could never end",
                    patch.id
                );
                return Err(patch.place.invalid(problem));
            }
            let check = match &patch.check {
                // A project without a test command leaves the input empty: then there is nothing to check with.
                Field::Set(check) => Some(check.fill(inputs, Destination::Shell)?),
                Field::Absent | Field::Null => None,
            };
            Ok(Action::Agent {
                prompt: prompt(inputs)?,
                tools,
                turns_max: patch.turns_max.set().copied().unwrap_or(TURNS_DEFAULT),
                check: check.filter(|command| !command.trim().is_empty()),
                outputs: patch.outputs.set().cloned().unwrap_or_default(),
            })
        }
    }
}

fn command_step(
    patch: &StepPatch,
    command: &Text,
    given: Given<'_>,
) -> Result<Action, BlueprintError> {
    let allowed = ["expect_exit", "retry", "continue_on_error"];
    refuse_other_keys(patch, "run", &allowed)?;
    let filled = command.fill(given.inputs, Destination::Shell)?;
    if filled.trim().is_empty() {
        let problem = format!(
            "the command of step `{}` is empty once its inputs are filled in",
            patch.id
        );
        return Err(command.place.invalid(problem));
    }
    let (retry, retry_max) = retry_of(patch, given.earlier)?;
    Ok(Action::Run {
        command: filled,
        expect_exit: patch.expect_exit.set().copied().unwrap_or(0),
        retry,
        retry_max,
    })
}

/// Where a step goes back to, and how often.
pub(super) fn retry_of(
    patch: &StepPatch,
    earlier: &[Step],
) -> Result<(Option<String>, u32), BlueprintError> {
    if let Some(target) = patch.retry_step.set() {
        check_retry(patch, target, earlier)?;
    } else if patch.retry_attempts.set().is_some() {
        return Err(lacks(patch, "retry.step"));
    }
    let attempts = match (patch.retry_step.set(), patch.retry_attempts.set()) {
        (Some(_), Some(attempts)) => *attempts,
        (Some(_), None) => return Err(lacks(patch, "retry.max_attempts")),
        (None, _) => 1,
    };
    // `max_attempts` counts the first try, as it does in Actions; `retry_max` counts the ways back.
    Ok((patch.retry_step.set().cloned(), attempts - 1))
}

fn check_retry(patch: &StepPatch, target: &str, earlier: &[Step]) -> Result<(), BlueprintError> {
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
            patch.retry_step.set().is_some() || patch.retry_attempts.set().is_some(),
        ),
        ("continue_on_error", patch.continue_on_error.set().is_some()),
    ];
    let mut present = own.into_iter().chain(patch.acts.present());
    let stray = present.find(|(key, there)| *there && !allowed.contains(key));
    match stray {
        None => Ok(()),
        Some((key, _)) => Err(patch.place.invalid(format!(
            "step `{}` is `{kind}`, which does not read `{key}`; take it away",
            patch.id
        ))),
    }
}

fn check_whole(whole: &RawBlueprint, steps: &[Step]) -> Result<(), BlueprintError> {
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
