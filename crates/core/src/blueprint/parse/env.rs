//! `env` of the defaults and of a step: read, laid over each other, and filled in as far as it is known.

use std::collections::BTreeMap;

use super::finish::Given;
use super::reference::{Names, Text};
use super::wire::EnvWire;
use super::{BlueprintError, Field, Reader, StepPatch, value_problem};
use crate::blueprint::env::{ENV_BYTES_MAX, ENV_VALUE_BYTES_MAX, Env, name_problem};

/// Variables of one step. More is a file.
const VARIABLES_MAX: usize = 32;

/// What one file says; `None` takes an inherited one away.
pub(super) type EnvPatch = BTreeMap<String, Option<Text>>;

impl Reader<'_> {
    pub(super) fn env(&self, wire: EnvWire) -> Result<EnvPatch, BlueprintError> {
        let mut env = EnvPatch::new();
        for (name, value) in wire {
            let place = self.place(value.referenced);
            let hidden = value.value.as_deref().and_then(value_problem);
            if let Some(problem) = name_problem(&name).or(hidden) {
                return Err(place.invalid(problem));
            }
            let read = |text| Text::read(text, self.text, place.clone());
            env.insert(name, value.value.map(read).transpose()?);
        }
        Ok(env)
    }
}

/// Lays a child's variables over its parent's, name by name.
pub(super) fn overlay(env: &mut Field<EnvPatch>, child: Field<EnvPatch>) {
    match (env, child) {
        (Field::Set(env), Field::Set(child)) => env.extend(child),
        (env, child) => env.overlay(child),
    }
}

/// The variables of a step: the defaults with its own over them. A default that holds what a step hands over is a variable of
/// the steps behind that one.
pub(super) fn finished(
    patch: &StepPatch,
    defaults: &Field<EnvPatch>,
    given: Given<'_>,
) -> Result<Env, BlueprintError> {
    let own = match &patch.env {
        Field::Null => return Ok(Env::default()),
        Field::Absent => None,
        Field::Set(own) => Some(own),
    };
    let mut texts: BTreeMap<&String, (&Text, bool)> = BTreeMap::new();
    let defaults = defaults.set().into_iter().flatten();
    texts.extend(defaults.filter_map(|(name, text)| Some((name, (text.as_ref()?, true)))));
    for (name, text) in own.into_iter().flatten() {
        match text {
            Some(text) => drop(texts.insert(name, (text, false))),
            None => drop(texts.remove(name)),
        }
    }
    let outputs = super::acts::outputs(given.earlier);
    let none = BTreeMap::new();
    let names = Names {
        inputs: given.inputs,
        vars: &none,
        env: &none,
        outputs: &outputs,
    };
    let mut env = Env::default();
    let mut bytes = 0;
    for (name, (text, is_default)) in texts {
        let later = |step: &str| !outputs.contains_key(step) && given.ids.contains(&step);
        if is_default && text.steps().any(later) {
            continue;
        }
        let value = text.template(names, &patch.id, ENV_VALUE_BYTES_MAX)?;
        bytes += name.len() + value.bytes();
        env.values.insert(name.clone(), value);
        let problem = if env.values.len() > VARIABLES_MAX {
            format!(
                "step `{}` has more than {VARIABLES_MAX} variables",
                patch.id
            )
        } else if bytes > ENV_BYTES_MAX {
            format!(
                "the variables of step `{}` have more than {ENV_BYTES_MAX} bytes in all",
                patch.id
            )
        } else {
            continue;
        };
        return Err(text.place.invalid(problem));
    }
    Ok(env)
}
