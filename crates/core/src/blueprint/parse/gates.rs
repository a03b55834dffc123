//! `gates` of a step: what is measured when it is over. A person's gate becomes a step of its own behind it.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_saphyr::Spanned;

use super::acts::{self, DEADLINE_S, Named};
use super::finish::Given;
use super::reference::{Destination, Names, Text, begins};
use super::wire::GateWire;
use super::{BlueprintError, NAME_BYTES_MAX, Place, Reader, StepPatch, TEMPLATES, yaml};
use crate::blueprint::template::Part;
use crate::blueprint::{Action, Env, Gate, HUMAN_SUFFIX, QUESTION_BYTES_MAX, Retry, Step};
use crate::json_schema::JsonSchema;

/// Gates of one step; each costs a look, a command its time.
pub(super) const GATES_MAX: usize = 10;
/// Globs of one gate.
pub(super) const GLOBS_MAX: usize = 50;
/// The answer that lets the run go on.
const YES: &str = "yes";

/// One gate as a file says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GatePatch {
    place: Place,
    what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    FileExists(Text),
    Command { command: Text, expect_exit: i32 },
    JsonSchema { file: Text, schema: Schema },
    NoDiffOutside(Vec<Text>),
    Human(Text),
}

/// A schema where it is needed, or the name of the template that holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Schema {
    Written(JsonSchema),
    Named(Named),
}

impl Reader<'_> {
    pub(super) fn gates(
        &self,
        gates: Vec<Spanned<GateWire>>,
    ) -> Result<Vec<GatePatch>, BlueprintError> {
        let mut read: Vec<GatePatch> = Vec::new();
        for gate in gates {
            let place = self.place(gate.referenced);
            if read.len() >= GATES_MAX {
                return Err(place.invalid(format!("a step has at most {GATES_MAX} gates")));
            }
            if read
                .iter()
                .any(|before| matches!(before.what, What::Human(_)))
            {
                return Err(place.invalid(
                    "a person is asked when all else holds; put the gate `human` last, and once",
                ));
            }
            let what = self.gate(gate.value, &place)?;
            read.push(GatePatch { place, what });
        }
        Ok(read)
    }

    fn gate(&self, gate: GateWire, place: &Place) -> Result<What, BlueprintError> {
        let mut all = Vec::new();
        let has_command = gate.command.is_some();
        if let Some(path) = gate.file_exists {
            all.push(What::FileExists(self.text(path)?));
        }
        if let Some(command) = gate.command {
            all.push(What::Command {
                command: self.text(command)?,
                expect_exit: gate.expect_exit.unwrap_or(0),
            });
        }
        if let Some(wire) = gate.json_schema {
            all.push(What::JsonSchema {
                file: self.text(wire.file)?,
                schema: self.schema_of(wire.schema)?,
            });
        }
        if let Some(globs) = gate.no_diff_outside {
            if globs.is_empty() || globs.len() > GLOBS_MAX {
                let problem = format!("`no_diff_outside` takes 1 to {GLOBS_MAX} globs");
                return Err(place.invalid(problem));
            }
            let globs = globs.into_iter().map(|glob| self.text(glob));
            all.push(What::NoDiffOutside(globs.collect::<Result<_, _>>()?));
        }
        if let Some(question) = gate.human {
            all.push(What::Human(self.text(question)?));
        }
        if gate.expect_exit.is_some() && !has_command {
            return Err(place.invalid("`expect_exit` stands beside `command` alone"));
        }
        match (all.pop(), all.is_empty()) {
            (Some(gate), true) => Ok(gate),
            (Some(_) | None, _) => Err(place.invalid(
                "a gate is one of `file_exists`, `command`, `json_schema`, `no_diff_outside` and `human`; \
                 each has an item of the list for itself",
            )),
        }
    }

    /// A schema, or the name of one.
    pub(super) fn schema_of(&self, schema: Spanned<Value>) -> Result<Schema, BlueprintError> {
        let place = self.place(schema.referenced);
        match schema.value {
            Value::String(name) => Ok(Schema::Named(Named { name, place })),
            value @ (Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_)) => {
                let read = JsonSchema::read(value);
                read.map(Schema::Written).map_err(|why| {
                    let key = why.at.rsplit('/').next().unwrap_or_default().to_owned();
                    let place = match key.as_str() {
                        "" | "#" => place,
                        key => begins(self.text, key, &place),
                    };
                    place.invalid(format!("this schema cannot be used: {why}"))
                })
            }
        }
    }
}

impl Schema {
    /// The schema itself; a template is read as JSON.
    pub(super) fn found(&self, given: Given<'_>) -> Result<JsonSchema, BlueprintError> {
        let name = match self {
            Schema::Written(schema) => return Ok(schema.clone()),
            Schema::Named(name) => name,
        };
        let key = format!("{TEMPLATES}{}", name.name);
        let Some(text) = given.library.get(&key) else {
            let known = { given.library.keys() }.filter_map(|k| k.strip_prefix(TEMPLATES));
            let hint = yaml::hint(&name.name, known);
            let problem = format!("no template is called `{}`; {hint}", name.name);
            return Err(name.place.invalid(problem));
        };
        let at = |line: usize, column: usize| Place {
            origin: key.clone(),
            line: line as u64,
            column: column as u64,
        };
        let value: Value = serde_json::from_str(text).map_err(|e| {
            at(e.line(), e.column()).invalid(format!("this template is no JSON: {e}"))
        })?;
        JsonSchema::read(value)
            .map_err(|why| at(1, 1).invalid(format!("this schema cannot be used: {why}")))
    }

    pub(super) fn place<'a>(&'a self, other: &'a Place) -> &'a Place {
        match self {
            Schema::Written(_) => other,
            Schema::Named(name) => &name.place,
        }
    }
}

/// The gates of a step, without a person's.
pub(super) fn finished(
    patch: &StepPatch,
    env: &Env,
    given: Given<'_>,
) -> Result<Vec<Gate>, BlueprintError> {
    let mut gates = Vec::new();
    let outputs = acts::outputs(given.earlier);
    let below = acts::Below::of(patch, given)?;
    let names = Names {
        inputs: given.inputs,
        vars: &BTreeMap::new(),
        env: &env.values,
        outputs: &outputs,
    };
    for gate in patch.gates.set().into_iter().flatten() {
        gates.push(match &gate.what {
            What::FileExists(path) => Gate::FileExists {
                path: acts::checked_path(path, names, &patch.id, &below)?,
            },
            What::Command {
                command,
                expect_exit,
            } => {
                let filled = command.command(given)?;
                if filled.trim().is_empty() {
                    let problem = "this command is empty once its inputs are filled in";
                    return Err(command.place.invalid(problem));
                }
                Gate::Command {
                    command: filled,
                    expect_exit: *expect_exit,
                }
            }
            What::JsonSchema { file, schema } => Gate::JsonSchema {
                file: acts::checked_path(file, names, &patch.id, &below)?,
                schema: schema.found(given)?,
            },
            What::NoDiffOutside(globs) => Gate::NoDiffOutside {
                globs: { globs.iter() }
                    .map(|glob| glob_of(glob, given))
                    .collect::<Result<_, _>>()?,
            },
            What::Human(_) => continue,
        });
    }
    Ok(gates)
}

fn glob_of(glob: &Text, given: Given<'_>) -> Result<String, BlueprintError> {
    let filled = glob.fill(given.inputs, Destination::Setting)?;
    let count = |open: char| filled.matches(open).count();
    let problem = if filled.trim().is_empty() || filled.chars().any(char::is_control) {
        "is no pattern of one line"
    } else if filled.starts_with(['/', '~']) || filled.split('/').any(|part| part == "..") {
        "is not relative to the repository"
    } else if count('{') != count('}') || count('[') != count(']') {
        "has a bracket that is not closed"
    } else {
        return Ok(filled);
    };
    Err(glob
        .place
        .invalid(format!("the glob `{}` {problem}", filled.escape_debug())))
}

/// The step that asks a person behind a step whose gate says so: `yes` goes on, anything else is red, as a gate is.
pub(super) fn human(
    patch: &StepPatch,
    step: &Step,
    given: Given<'_>,
) -> Result<Option<(StepPatch, Step)>, BlueprintError> {
    let mut gates = patch.gates.set().into_iter().flatten();
    let Some((place, text)) = gates.find_map(|gate| match &gate.what {
        What::Human(text) => Some((&gate.place, text)),
        What::FileExists(_)
        | What::Command { .. }
        | What::JsonSchema { .. }
        | What::NoDiffOutside(_) => None,
    }) else {
        return Ok(None);
    };
    let id = format!("{}{HUMAN_SUFFIX}", step.id);
    if given.ids.contains(&id.as_str()) || id.len() > NAME_BYTES_MAX {
        let problem =
            format!("the step of this gate would be called `{id}`, which is taken or too long");
        return Err(place.invalid(problem));
    }
    // What the step itself hands over may stand in the question.
    let mut earlier = given.earlier.to_vec();
    earlier.push(step.clone());
    let names = Names {
        inputs: given.inputs,
        vars: &BTreeMap::new(),
        env: &step.env.values,
        outputs: &acts::outputs(&earlier),
    };
    let mut question = text.template(names, &step.id, QUESTION_BYTES_MAX)?;
    let otherwise = match &step.retry {
        Some(Retry { step, .. }) => format!("is told to `{step}`, which tries again"),
        None => "ends the run".to_owned(),
    };
    let how = format!("\nAnswer `{YES}` to go on; anything else {otherwise}.");
    question.parts.push(Part::Text(how));
    let condition = format!("steps.{}.status == 'ok'", step.id);
    let condition = acts::certain(&condition, &earlier, place)?;
    let asks = Step {
        id: id.clone(),
        name: format!("{}: a person's word", step.name),
        action: Action::Human {
            question,
            options: Vec::new(),
            deadline_s: DEADLINE_S,
            wants: Some(YES.to_owned()),
        },
        timeout_s: None,
        condition: Some(condition),
        continue_on_error: step.continue_on_error,
        at: place.said(),
        needs: vec![step.id.clone()],
        env: Env::default(),
        gates: Vec::new(),
        retry: step.retry.clone(),
    };
    let asking = StepPatch {
        id,
        place: place.clone(),
        acts: acts::Acts::default(),
        ..patch.clone()
    };
    Ok(Some((asking, asks)))
}
