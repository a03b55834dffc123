//! Lays a blueprint over its parents, fills the inputs in and checks what only the whole can show.

use std::collections::{BTreeMap, BTreeSet};

use super::env;
use super::example;
use super::finish::{Defaults, Given, check_whole, finished};
use super::{
    BlueprintError, EXTENDS_MAX, Field, INPUTS_MAX, Input, Place, RawBlueprint, StepPatch,
    TEMPLATES, flow, gates, order, parse, value_problem, yaml,
};
use crate::blueprint::of_task::Found;
use crate::blueprint::{Blueprint, OfTask, Step};

pub(super) fn resolve(
    name: &str,
    library: &BTreeMap<String, String>,
    inputs: &BTreeMap<String, String>,
    of_task: &OfTask,
) -> Result<Blueprint, BlueprintError> {
    let chain = ancestry(name, library)?;
    let description = chain
        .iter()
        .find_map(|raw| raw.description.clone())
        .unwrap_or_default();
    let mut whole = merged(chain)?;
    let (inputs, of_task) = filled(name, &whole.inputs, inputs, of_task)?;
    whole.steps = order::ordered(std::mem::take(&mut whole.steps))?;
    let ids: Vec<&str> = whole.steps.iter().map(|step| step.id.as_str()).collect();
    let defaults = Defaults {
        timeout_s: &whole.timeout_s,
        env: &whole.env,
    };
    let mut patches: Vec<StepPatch> = Vec::new();
    let mut steps: Vec<Step> = Vec::new();
    for patch in &whole.steps {
        let given = Given {
            inputs: &inputs,
            of_task: &of_task,
            library,
            earlier: &steps,
            ids: &ids,
        };
        let step = finished(patch, defaults, given)?;
        let asking = gates::human(patch, &step, given)?;
        patches.push(patch.clone());
        steps.push(step);
        if let Some((patch, step)) = asking {
            patches.push(patch);
            steps.push(step);
        }
    }
    check_whole(&whole, &steps)?;
    flow::check(&patches, &steps)?;
    Ok(Blueprint {
        name: name.to_owned(),
        description,
        steps,
        inputs,
        limits: whole.limits.set().copied().unwrap_or_default(),
        example: example::values(&whole.example),
        asks_for: whole.asks_for.set().cloned().unwrap_or_default(),
    })
}

pub(super) fn example_of(
    name: &str,
    library: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, BlueprintError> {
    merged(ancestry(name, library)?).map(|whole| example::values(&whole.example))
}

pub(super) fn reads_titles(name: &str, library: &BTreeMap<String, String>) -> bool {
    let whole = ancestry(name, library).and_then(merged);
    let mut inputs = whole
        .iter()
        .flat_map(|whole| whole.inputs.values().flatten());
    inputs.any(Input::is_read_from_a_title)
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
        let at = raw.extends_at.as_ref().map(Place::said);
        wanted_by = format!("`{next}` extends it at {}", at.unwrap_or_default());
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
        let inherited = child.example.is_empty();
        for (name, input) in child.inputs {
            if input.is_none() {
                whole.example.remove(&name);
                whole.inputs.remove(&name);
            } else {
                whole.inputs.insert(name, input);
            }
        }
        for (name, (value, place)) in child.example {
            if value.is_none() {
                whole.example.remove(&name);
            } else {
                whole.example.insert(name, (value, place));
            }
        }
        // Who adds an input and says nothing of how to try it has no example, and made no mistake.
        if inherited && example::lacking(&whole.example, &whole.inputs).is_some() {
            whole.example.clear();
        }
        whole.timeout_s.overlay(child.timeout_s);
        env::overlay(&mut whole.env, child.env);
        match (&mut whole.limits, child.limits) {
            (Field::Set(limits), Field::Set(child)) => *limits = child.or(*limits),
            (limits, child) => limits.overlay(child),
        }
        whole.asks_for.overlay(child.asks_for);
        whole.origin = child.origin;
        whole.name = child.name;
        lay_steps(&mut whole.steps, child.steps)?;
    }
    example::check(&whole.example, &whole.inputs)?;
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
    if child.asks.has_template() && child.prompt == Field::Absent {
        step.prompt = Field::Absent;
    }
    if child.prompt.set().is_some() && !child.asks.has_template() {
        step.asks.without_template();
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
    step.backoff_s.overlay(child.backoff_s);
    step.needs.overlay(child.needs);
    env::overlay(&mut step.env, child.env);
    step.gates.overlay(child.gates);
    step.condition.overlay(child.condition);
    step.continue_on_error.overlay(child.continue_on_error);
    step.acts.overlay(child.acts);
    step.asks.overlay(child.asks);
    step.timeout_s.overlay(child.timeout_s);
}

/// Every declared input with its value: the given one, else what it takes from the task, else the default, else empty when it is not
/// required; and the names of those whose value is the task's.
fn filled(
    blueprint: &str,
    declared: &BTreeMap<String, Option<Input>>,
    given: &BTreeMap<String, String>,
    of_task: &OfTask,
) -> Result<(BTreeMap<String, String>, BTreeSet<String>), BlueprintError> {
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
    let mut tasks = of_task.given.clone();
    for (name, input) in declared {
        let Some(input) = input else { continue };
        let found = match given.contains_key(name) {
            true => Found::Nothing(None),
            false => input.taken(&of_task.title),
        };
        let (taken, why) = match found {
            Found::One(value) => (Some(value), None),
            Found::Nothing(why) => (None, why),
            // Its default would be a guess as well.
            Found::Several(all) => {
                let why = format!("the title says more than one: {}", all.join(", "));
                return Err(missing(blueprint, name, input, Some(why)));
            }
        };
        if taken.is_some() {
            tasks.insert(name.clone());
        }
        let value = given.get(name).cloned().or(taken);
        let value = match value.or_else(|| input.default.clone()) {
            Some(value) => value,
            None if input.required => return Err(missing(blueprint, name, input, why)),
            None => String::new(),
        };
        if let Some(problem) = value_problem(&value) {
            return Err(bad(name, problem));
        }
        if input.required && value.trim().is_empty() {
            return Err(missing(blueprint, name, input, None));
        }
        values.insert(name.clone(), value);
    }
    Ok((values, tasks))
}

fn missing(blueprint: &str, name: &str, input: &Input, why: Option<String>) -> BlueprintError {
    let about = why.unwrap_or_else(|| input.description.trim().to_owned());
    let about = match about.as_str() {
        "" => String::new(),
        about => format!(" ({about})"),
    };
    BlueprintError::MissingInput {
        blueprint: blueprint.to_owned(),
        input: name.to_owned(),
        about,
    }
}
