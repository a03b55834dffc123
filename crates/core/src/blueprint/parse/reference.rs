//! `${{ inputs.NAME }}` in a text: found when the file is read, replaced once when the blueprint is resolved. The texts of a
//! scaffold and of a question also take `steps.ID.outputs.NAME` and `vars.NAME`, prompts and scaffolds `env.NAME`; what
//! earlier steps hand over is left for the run.

use std::collections::BTreeMap;

use super::finish::Given;
use super::{BlueprintError, PROMPT_BYTES_MAX, Place, check_name, yaml};
use crate::blueprint::OutputKind;
use crate::blueprint::template::{Part, Template};

const OPEN: &str = "${{";
const CLOSE: &str = "}}";

/// Names under which somebody would sooner or later hand the task's own words to a shell. Their values come from people,
/// issues and models; a command built of them is an injection, as the Actions ecosystem learnt with issue titles.
const UNTRUSTED: [&str; 6] = [
    "task",
    "title",
    "description",
    "goal",
    "findings",
    "acceptance",
];

/// A prompt or command with its references found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text {
    value: String,
    references: Vec<Reference>,
    pub(super) place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Reference {
    name: Name,
    /// `| json` behind the name.
    json: bool,
    /// Bytes of `value` the expression covers.
    start: usize,
    end: usize,
    place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Name {
    Input(String),
    Output { step: String, name: String },
    Var(String),
    Env(String),
}

/// Steps that stand before a text, with what they hand over.
pub(super) type Outputs<'a> = BTreeMap<&'a str, Vec<(&'a str, OutputKind)>>;

/// What a template may name.
#[derive(Clone, Copy)]
pub(super) struct Names<'a> {
    pub(super) inputs: &'a BTreeMap<String, String>,
    pub(super) vars: &'a BTreeMap<String, Template>,
    pub(super) env: &'a BTreeMap<String, Template>,
    pub(super) outputs: &'a Outputs<'a>,
}

/// Where a text ends up that is whole before the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Destination {
    Shell,
    /// A patch, a glob.
    Setting,
}

impl Text {
    /// Finds every reference of `value`, which was read from `source` at `place`.
    pub(super) fn read(value: String, source: &str, place: Place) -> Result<Text, BlueprintError> {
        let mut references = Vec::new();
        let mut from = 0;
        let mut search = offset_of(source, &place);
        while let Some(start) = value[from..].find(OPEN).map(|at| from + at) {
            let body = start + OPEN.len();
            let Some(end) = value[body..].find(CLOSE).map(|at| body + at + CLOSE.len()) else {
                let (here, _) = locate(source, search, OPEN, &place);
                return Err(here.invalid(format!(
                    "`{OPEN}` is never closed; write `{OPEN} inputs.NAME {CLOSE}`"
                )));
            };
            let (here, next) = locate(source, search, &value[start..end], &place);
            search = next;
            let expression = value[body..end - CLOSE.len()].trim();
            let (name, json) = name_of(expression, &here)?;
            references.push(Reference {
                name,
                json,
                start,
                end,
                place: here,
            });
            from = end;
        }
        Ok(Text {
            value,
            references,
            place,
        })
    }

    /// A command with its settings filled in. A value that is a task's has no place in it, whatever it is called and whoever gave it.
    pub(super) fn command(&self, given: Given<'_>) -> Result<String, BlueprintError> {
        for reference in &self.references {
            if let Name::Input(input) = &reference.name
                && given.of_task.contains(input)
            {
                return Err(reference.place.invalid(format!(
                    "the input `{input}` stands in a command here, and this task gives it a value: a command takes what the project, the \
                     company or the blueprint say; a value of a task reaches it by `env`"
                )));
            }
        }
        self.fill(given.inputs, Destination::Shell)
    }

    /// Replaces every reference in one pass: what a value contains is never read as an expression again.
    pub(super) fn fill(
        &self,
        inputs: &BTreeMap<String, String>,
        destination: Destination,
    ) -> Result<String, BlueprintError> {
        let mut out = String::with_capacity(self.value.len());
        let mut from = 0;
        for reference in &self.references {
            let (Name::Input(input), false) = (&reference.name, reference.json) else {
                let what = match (destination, &reference.name) {
                    (Destination::Shell, Name::Env(name)) => {
                        format!("a command gets its variables by name; write \"${name}\"")
                    }
                    (Destination::Shell, _) => {
                        "a command takes settings only: what a model said is never part of one, and reaches it by `env`"
                            .to_owned()
                    }
                    (Destination::Setting, _) => "only `inputs.NAME` can stand here".to_owned(),
                };
                return Err(unknown(&reference.said(), &reference.place, what));
            };
            if destination == Destination::Shell && UNTRUSTED.contains(&input.as_str()) {
                return Err(reference.place.invalid(format!(
                    "`inputs.{input}` would put the task's own words into a shell; commands take settings only"
                )));
            }
            let value = inputs.get(input).ok_or_else(|| reference.unknown(inputs))?;
            out.push_str(&self.value[from..reference.start]);
            out.push_str(value);
            from = reference.end;
        }
        out.push_str(&self.value[from..]);
        if out.len() > PROMPT_BYTES_MAX {
            let problem = format!(
                "this text is {} bytes; at most {PROMPT_BYTES_MAX} are allowed",
                out.len()
            );
            return Err(self.place.invalid(problem));
        }
        Ok(out)
    }

    /// A prompt: inputs, and variables of the step.
    pub(super) fn prompt(
        &self,
        inputs: &BTreeMap<String, String>,
        env: &BTreeMap<String, Template>,
        step: &str,
    ) -> Result<Template, BlueprintError> {
        for reference in &self.references {
            let fine = match reference.name {
                Name::Input(_) => !reference.json,
                Name::Env(_) => true,
                Name::Output { .. } | Name::Var(_) => false,
            };
            if !fine {
                let hint = "a prompt takes inputs only, and variables of its step; what earlier steps found stands above it anyway";
                return Err(unknown(&reference.said(), &reference.place, hint.into()));
            }
        }
        let names = Names {
            inputs,
            vars: &BTreeMap::new(),
            env,
            outputs: &Outputs::new(),
        };
        self.template(names, step, PROMPT_BYTES_MAX)
    }

    /// The steps whose outputs it names.
    pub(super) fn steps(&self) -> impl Iterator<Item = &str> {
        self.references.iter().filter_map(|r| match &r.name {
            Name::Output { step, .. } => Some(step.as_str()),
            Name::Input(_) | Name::Var(_) | Name::Env(_) => None,
        })
    }

    /// The text with its inputs and vars filled in; what earlier steps hand over stays open. A var may be used any number of
    /// times, so that the limit is of what comes out and is kept while it is made.
    pub(super) fn template(
        &self,
        names: Names<'_>,
        step: &str,
        bytes_max: usize,
    ) -> Result<Template, BlueprintError> {
        let mut parts = Vec::new();
        let mut from = 0;
        let mut bytes = 0;
        for reference in &self.references {
            let before = Part::Text(self.value[from..reference.start].to_owned());
            let mut made = Template {
                parts: vec![before],
            };
            made.parts.extend(reference.parts(names)?);
            bytes += made.bytes();
            if bytes > bytes_max {
                break;
            }
            parts.append(&mut made.parts);
            from = reference.end;
        }
        if bytes + (self.value.len() - from) > bytes_max {
            return Err(self.place.invalid(format!(
                "step `{step}`: this text has more than {bytes_max} bytes once its inputs and vars are filled in"
            )));
        }
        parts.push(Part::Text(self.value[from..].to_owned()));
        Ok(Template::of(parts))
    }

    /// The whole text, where it names nothing.
    pub(super) fn plain(&self) -> Option<&str> {
        self.references.is_empty().then_some(self.value.as_str())
    }
}

impl Reference {
    fn parts(&self, names: Names<'_>) -> Result<Vec<Part>, BlueprintError> {
        match &self.name {
            Name::Input(input) => {
                let value = names.inputs.get(input);
                let value = value.ok_or_else(|| self.unknown(names.inputs))?;
                let text = match self.json {
                    true => serde_json::Value::from(value.as_str()).to_string(),
                    false => value.clone(),
                };
                Ok(vec![Part::Text(text)])
            }
            Name::Var(var) => self.made(var, names.vars, "vars"),
            Name::Env(var) => self.made(var, names.env, "env"),
            Name::Output { step, name } => {
                let known = names.outputs.get(step.as_str());
                let known = known.and_then(|all| all.iter().find(|(o, _)| o == name));
                if known.is_none() {
                    let all = names.outputs.iter();
                    let all = all.flat_map(|(id, outputs)| {
                        let said =
                            move |(o, _): &(&str, OutputKind)| format!("steps.{id}.outputs.{o}");
                        outputs.iter().map(said)
                    });
                    return Err(self.not_among(all));
                }
                Ok(vec![Part::Output {
                    step: step.clone(),
                    name: name.clone(),
                    json: self.json,
                }])
            }
        }
    }

    /// The parts of a text that the blueprint itself has made.
    fn made(
        &self,
        name: &str,
        among: &BTreeMap<String, Template>,
        kind: &str,
    ) -> Result<Vec<Part>, BlueprintError> {
        match among.get(name) {
            Some(_) if self.json => Err(self.place.invalid(format!(
                "`| json` stands where `{name}` is made, not where it is used"
            ))),
            Some(template) => Ok(template.parts.clone()),
            None => Err(self.not_among(among.keys().map(|k| format!("{kind}.{k}")))),
        }
    }

    fn unknown(&self, inputs: &BTreeMap<String, String>) -> BlueprintError {
        self.not_among(inputs.keys().map(|k| format!("inputs.{k}")))
    }

    fn not_among(&self, known: impl Iterator<Item = String>) -> BlueprintError {
        let known: Vec<String> = known.collect();
        let said = self.said();
        let hint = yaml::hint(&said, known.iter().map(String::as_str));
        unknown(&said, &self.place, hint)
    }

    fn said(&self) -> String {
        match &self.name {
            Name::Input(input) => format!("inputs.{input}"),
            Name::Var(var) => format!("vars.{var}"),
            Name::Env(var) => format!("env.{var}"),
            Name::Output { step, name } => format!("steps.{step}.outputs.{name}"),
        }
    }
}

fn unknown(expression: &str, place: &Place, hint: String) -> BlueprintError {
    BlueprintError::UnknownReference {
        origin: place.origin.clone(),
        line: place.line,
        column: place.column,
        expression: expression.to_owned(),
        hint,
    }
}

/// The name, and whether it is written as JSON.
fn name_of(expression: &str, place: &Place) -> Result<(Name, bool), BlueprintError> {
    let refused = |why: &str| unknown(expression, place, why.to_owned());
    let (path, json) = match expression.split_once('|') {
        Some((path, filter)) if filter.trim() == "json" => (path.trim(), true),
        Some(_) => return Err(refused("an expression is one name, without code")),
        None => (expression, false),
    };
    let parts: Vec<&str> = path.split('.').collect();
    let (name, parts) = match parts.as_slice() {
        ["inputs", input] => (Name::Input((*input).to_owned()), vec![*input]),
        ["vars", var] => (Name::Var((*var).to_owned()), vec![*var]),
        ["env", var] => (Name::Env((*var).to_owned()), vec![]),
        ["steps", step, "outputs", name] => {
            let output = Name::Output {
                step: (*step).to_owned(),
                name: (*name).to_owned(),
            };
            (output, vec![*step, *name])
        }
        _ => {
            return Err(refused(
                "only `inputs.NAME` can stand here, in prompts and scaffolds `env.NAME`, and in the texts of a scaffold or a \
                 question `steps.ID.outputs.NAME`; there is no code",
            ));
        }
    };
    match parts
        .into_iter()
        .all(|part| check_name("input", part, place).is_ok())
    {
        true => Ok((name, json)),
        false => Err(refused("an expression is one name, without code")),
    }
}

/// Where a value of YAML begins in its source: behind the quote, where there is one.
pub(super) fn begins(source: &str, value: &str, place: &Place) -> Place {
    locate(source, offset_of(source, place), value, place).0
}

/// Where a line (from 1) of a value stands in its source.
pub(super) fn line_of(source: &str, value: &str, place: &Place, line: usize) -> Place {
    let (mut here, mut search) = (place.clone(), offset_of(source, place));
    let before = value.lines().take(line).map(str::trim);
    for line in before.filter(|line| !line.is_empty()) {
        (here, search) = locate(source, search, line, &here);
    }
    here
}

/// The byte where a place begins in its source.
fn offset_of(source: &str, place: &Place) -> usize {
    let before = usize::try_from(place.line.saturating_sub(1)).unwrap_or(usize::MAX);
    let line_start: usize = source
        .split_inclusive('\n')
        .take(before)
        .map(str::len)
        .sum();
    let column = usize::try_from(place.column.saturating_sub(1)).unwrap_or(usize::MAX);
    let line = source.get(line_start..).unwrap_or("");
    line_start + line.char_indices().nth(column).map_or(0, |(at, _)| at)
}

/// Where `needle` stands at or after `from`, and where to look next. A text that YAML changed on the way (escapes, folded
/// lines) is not found as it is; then the place of the whole text is the best answer.
fn locate(source: &str, from: usize, needle: &str, fallback: &Place) -> (Place, usize) {
    let Some(at) = source
        .get(from..)
        .and_then(|rest| rest.find(needle))
        .map(|at| from + at)
    else {
        return (fallback.clone(), from);
    };
    let line_start = source[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let line = source[..at].matches('\n').count() + 1;
    let column = source[line_start..at].chars().count() + 1;
    let place = Place {
        origin: fallback.origin.clone(),
        line: u64::try_from(line).unwrap_or(u64::MAX),
        column: u64::try_from(column).unwrap_or(u64::MAX),
    };
    (place, at + needle.len())
}
