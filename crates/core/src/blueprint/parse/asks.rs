//! What an agent step says beside its prompt: whose hands it works with, a prompt from a template, limits of its own, and the
//! form of what it hands over.

use serde_saphyr::Spanned;

use super::acts::{Named, shipped, vars};
use super::finish::{Given, lacks};
use super::gates::Schema;
use super::outputs::described;
use super::reference::{Names, Outputs};
use super::wire::{StepLimitsWire, WithWire};
use super::{
    BlueprintError, Field, PROMPT_BYTES_MAX, Reader, StepPatch, TURNS_DEFAULT, TURNS_MAX, yaml,
};
use crate::blueprint::{Action, Env, Output, OutputKind, RESULT, Template, ToolName};
use crate::brief::{Caps, Role};
use crate::json_schema::JsonSchema;

/// Bytes of an `output_schema`: every turn of the step carries it.
const OUTPUT_SCHEMA_BYTES_MAX: usize = 4 * 1024;

/// What one file says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Asks {
    role: Field<Role>,
    template: Field<Named>,
    limits: Field<Caps>,
    output_schema: Field<Schema>,
}

impl Asks {
    pub(super) fn overlay(&mut self, child: Asks) {
        self.role.overlay(child.role);
        self.template.overlay(child.template);
        self.limits.overlay(child.limits);
        self.output_schema.overlay(child.output_schema);
    }

    /// Its keys, and whether they are set.
    pub(super) fn present(&self) -> [(&'static str, bool); 4] {
        [
            ("role", self.role.set().is_some()),
            ("template", self.template.set().is_some()),
            ("limits", self.limits.set().is_some()),
            ("output_schema", self.output_schema.set().is_some()),
        ]
    }

    pub(super) fn has_template(&self) -> bool {
        self.template.set().is_some()
    }

    /// A child that writes a prompt of its own need not clear the inherited template.
    pub(super) fn without_template(&mut self) {
        self.template = Field::Absent;
    }
}

impl Reader<'_> {
    /// Takes the keys of an agent step out of a step's `with`.
    pub(super) fn asks(&self, with: &mut WithWire) -> Result<Asks, BlueprintError> {
        Ok(Asks {
            role: std::mem::take(&mut with.role).try_map(|role| self.role(&role))?,
            template: std::mem::take(&mut with.template).try_map(|name| {
                let place = self.place(name.referenced);
                let name = name.value;
                Ok::<_, BlueprintError>(Named { name, place })
            })?,
            limits: std::mem::take(&mut with.limits).try_map(|l| self.step_limits(l))?,
            output_schema: std::mem::take(&mut with.output_schema)
                .try_map(|schema| self.output_schema(schema))?,
        })
    }

    fn role(&self, role: &Spanned<String>) -> Result<Role, BlueprintError> {
        const ROLES: [Role; 3] = [Role::Lead, Role::Builder, Role::Reviewer];
        let known = ROLES.into_iter().find(|known| known.as_str() == role.value);
        known.ok_or_else(|| {
            let hint = yaml::hint(&role.value, ROLES.iter().map(|role| role.as_str()));
            let problem = format!("no role is called `{}`; {hint}", role.value);
            self.place(role.referenced).invalid(problem)
        })
    }

    fn step_limits(&self, wire: StepLimitsWire) -> Result<Caps, BlueprintError> {
        let turns = match wire.turns {
            Some(turns) if !(1..=u64::from(TURNS_MAX)).contains(&turns.value) => {
                let problem = format!("`turns` is {}; it must be 1 to {TURNS_MAX}", turns.value);
                return Err(self.place(turns.referenced).invalid(problem));
            }
            Some(turns) => u32::try_from(turns.value).ok(),
            None => None,
        };
        Ok(Caps {
            turns,
            tokens: self.cap("tokens", wire.tokens)?,
            seconds: self.cap("seconds", wire.seconds)?,
            microusd: wire.dollars.map(|d| self.dollars(&d)).transpose()?,
            ..Caps::default()
        })
    }

    fn output_schema(&self, schema: Spanned<serde_json::Value>) -> Result<Schema, BlueprintError> {
        let place = self.place(schema.referenced);
        let schema = self.schema_of(schema)?;
        if let Schema::Written(written) = &schema
            && let Some(problem) = unfit(written)
        {
            return Err(place.invalid(problem));
        }
        Ok(schema)
    }
}

/// Why a schema cannot stand in the schema of `done`, if so.
fn unfit(schema: &JsonSchema) -> Option<String> {
    let bytes = schema.as_value().to_string().len();
    if schema.refers() {
        Some(
            "an `output_schema` stands inside of another schema; write out what its `$ref` names"
                .into(),
        )
    } else if bytes > OUTPUT_SCHEMA_BYTES_MAX {
        Some(format!(
            "this `output_schema` is {bytes} bytes; at most {OUTPUT_SCHEMA_BYTES_MAX} are carried by every turn"
        ))
    } else {
        None
    }
}

/// An agent step, finished.
pub(super) fn agent(
    patch: &StepPatch,
    env: &Env,
    given: Given<'_>,
) -> Result<Action, BlueprintError> {
    let role = patch.asks.role.set().copied();
    let limits = patch.asks.limits.set().copied().unwrap_or_default();
    let turns_max = match (patch.turns_max.set(), limits.turns) {
        (Some(_), Some(_)) => {
            let problem = format!(
                "step `{}` says its turns twice, as `turns_max` and as `limits.turns`; take one away",
                patch.id
            );
            return Err(patch.place.invalid(problem));
        }
        (Some(turns), None) => *turns,
        (None, turns) => turns.unwrap_or(TURNS_DEFAULT),
    };
    let check = match &patch.check {
        // A project without a test command leaves the input empty: then there is nothing to check with.
        Field::Set(check) => Some(check.command(given)?),
        Field::Absent | Field::Null => None,
    };
    Ok(Action::Agent {
        prompt: prompt(patch, env, given)?,
        tools: tools(patch, role)?,
        turns_max,
        check: check.filter(|command| !command.trim().is_empty()),
        outputs: outputs(patch, given)?,
        role,
        limits: Caps {
            turns: None,
            ..limits
        },
    })
}

/// The prompt of an agent or a question.
pub(super) fn prompt(
    patch: &StepPatch,
    env: &Env,
    given: Given<'_>,
) -> Result<Template, BlueprintError> {
    match (&patch.prompt, patch.asks.template.set()) {
        (Field::Set(_), Some(template)) => {
            let problem = format!(
                "step `{}` has both `prompt` and `template`; take one away",
                patch.id
            );
            Err(template.place.invalid(problem))
        }
        (Field::Set(prompt), None) => prompt.prompt(given.inputs, &env.values, &patch.id),
        (Field::Absent | Field::Null, Some(name)) => {
            let vars = vars(patch, env, given)?;
            let own = Names {
                inputs: &std::collections::BTreeMap::new(),
                vars: &vars,
                env: &env.values,
                outputs: &Outputs::new(),
            };
            shipped(name, given)?.template(own, &patch.id, PROMPT_BYTES_MAX)
        }
        (Field::Absent | Field::Null, None) => Err(lacks(patch, "with.prompt")),
    }
}

fn tools(patch: &StepPatch, role: Option<Role>) -> Result<Vec<ToolName>, BlueprintError> {
    let tools = match (patch.tools.set(), role) {
        (Some(tools), _) => tools.clone(),
        // Those of the role: its pack takes away what it has not.
        (None, Some(Role::Builder)) => ToolName::ALL.to_vec(),
        (None, Some(Role::Lead | Role::Reviewer)) => { ToolName::ALL.into_iter() }
            .filter(|tool| !matches!(tool, ToolName::Edit | ToolName::Write))
            .collect(),
        (None, None) => return Err(lacks(patch, "with.tools")),
    };
    if !tools.contains(&ToolName::Done) {
        let problem = format!(
            "step `{}` has no tool `done`; its agent could never end",
            patch.id
        );
        return Err(patch.place.invalid(problem));
    }
    Ok(tools)
}

fn outputs(patch: &StepPatch, given: Given<'_>) -> Result<Vec<Output>, BlueprintError> {
    let mut outputs = patch.outputs.set().cloned().unwrap_or_default();
    let Some(schema) = patch.asks.output_schema.set() else {
        return Ok(outputs);
    };
    let place = schema.place(&patch.place);
    let found = schema.found(given)?;
    if let Some(problem) = unfit(&found) {
        return Err(place.invalid(problem));
    }
    if outputs.iter().any(|output| output.name == RESULT) {
        let problem =
            format!("`output_schema` hands over `{RESULT}` already; call the output otherwise");
        return Err(patch.place.invalid(problem));
    }
    outputs.push(Output {
        name: RESULT.to_owned(),
        kind: OutputKind::Shaped,
        description: described(&found),
        schema: Some(found),
    });
    Ok(outputs)
}
