//! Reads a blueprint file and resolves it: inheritance, inputs, every reference. Fails closed with a line and a column.
//!
//! The vocabulary is that of GitHub Actions as far as it goes. `${{ inputs.NAME }}` is the only expression of a command: there
//! is no code, and neither what a task says nor what a model said can be interpolated into a shell.

mod acts;
mod asks;
mod asks_for;
mod env;
mod error;
mod example;
mod finish;
mod flow;
mod gates;
mod limits;
mod merge;
mod order;
mod outputs;
mod reference;
mod retry;
mod schema;
#[cfg(test)]
mod tests;
mod wire;
pub(crate) mod yaml;

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_saphyr::{Location, Spanned};

use super::Blueprint;
use super::of_task::{Found, OfTask, TOGETHER, Taken, When};
use crate::brief::Caps;
use crate::pipeline::Stage;
use acts::{Acts, If, Named};
use asks::Asks;
use env::EnvPatch;
use gates::GatePatch;
use reference::Text;
use wire::{FileWire, InputWire, StepWire};
use yaml::{Fault, FaultKind};

pub use error::BlueprintError;
pub use schema::{schema, schema_text};

/// Bytes of one blueprint file. The largest shipped one is under 4 KB; more is not read by a person any more.
const TEXT_BYTES_MAX: usize = 256 * 1024;
/// Steps of a resolved blueprint. A longer chain belongs into several tasks, each with its own gate.
const STEPS_MAX: usize = 50;
/// Bytes of one prompt or command after its inputs are filled in. A small model's whole window is 32 KB of text.
pub const PROMPT_BYTES_MAX: usize = 16 * 1024;
/// Bytes of one input's value; commands and short notes, not documents.
const INPUT_BYTES_MAX: usize = 4 * 1024;
/// Inputs of one blueprint.
const INPUTS_MAX: usize = 32;
/// How long a chain of `extends` may be; a person must be able to follow it.
const EXTENDS_MAX: usize = 8;
/// Tries of a retried `run` step, the first one counted.
const ATTEMPTS_MAX: u32 = 10;
/// Model turns of one agent step; the run's own limit is the same (`RunLimits::turns_max`).
pub const TURNS_MAX: u32 = 80;
/// Turns when a blueprint names none: half of what a run may take, so a retry has something left.
const TURNS_DEFAULT: u32 = 40;
/// A step that needs more than a day is a task of its own.
const TIMEOUT_S_MAX: u64 = 24 * 60 * 60;
/// Bytes of a step's id, an input's name or a blueprint's name.
const NAME_BYTES_MAX: usize = 64;
/// Before the name of a template, where a library holds it beside the blueprints.
pub const TEMPLATES: &str = "templates/";

/// Whether a file below `blueprints/` is the text of a scaffold's file: `templates/NAME`.
pub fn is_template(file: &str) -> bool {
    let own = file.strip_prefix(TEMPLATES);
    own.is_some_and(|own| !own.is_empty() && !own.contains('/'))
}

/// A blueprint as its file says it: inheritance not applied, inputs not filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawBlueprint {
    pub name: String,
    pub description: Option<String>,
    /// The blueprint this one changes.
    pub extends: Option<String>,
    extends_at: Option<Place>,
    /// Declared here; `None` takes the parent's input away.
    pub(super) inputs: BTreeMap<String, Option<Input>>,
    /// Values to try it with; `None` takes the parent's away.
    pub(super) example: BTreeMap<String, (Option<String>, Place)>,
    pub(super) timeout_s: Field<u64>,
    env: Field<EnvPatch>,
    pub(super) limits: Field<Caps>,
    pub(super) asks_for: Field<Vec<Stage>>,
    pub(super) steps: Vec<StepPatch>,
    pub(super) origin: String,
}

impl RawBlueprint {
    /// The inputs this file declares, in order of their names.
    pub fn input_names(&self) -> impl Iterator<Item = &str> {
        self.inputs
            .iter()
            .filter(|(_, input)| input.is_some())
            .map(|(name, _)| name.as_str())
    }

    /// An input that this file declares: what it is for, and whether a value must be given.
    pub fn declares(&self, name: &str) -> Option<(&str, bool)> {
        let input = self.inputs.get(name)?.as_ref()?;
        Some((&input.description, input.required))
    }

    /// What an input of this file is taken from a task's title, where nobody gives it.
    pub fn takes(&self, name: &str, title: &str) -> Option<String> {
        self.inputs.get(name)?.as_ref()?.taken(title).one()
    }

    /// The ids of the steps this file names, in order.
    pub fn step_ids(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().map(|step| step.id.as_str())
    }
}

/// Reads one file. `origin` is what errors call it: a path or a name.
///
/// Checks all that can be known without its parent: keys, ids, durations, tools, schemas and the form of references.
pub fn parse(text: &str, origin: &str) -> Result<RawBlueprint, BlueprintError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(BlueprintError::TooLarge {
            origin: origin.to_owned(),
            bytes: text.len(),
        });
    }
    let wire: FileWire = yaml::read(text).map_err(|fault| from_fault(fault, origin))?;
    Reader { text, origin }.blueprint(wire)
}

/// Resolves the blueprint `name` of `library` (name to YAML text): applies `extends`, fills the inputs in, checks every
/// reference, limit and retry.
pub fn resolve(
    name: &str,
    library: &BTreeMap<String, String>,
    inputs: &BTreeMap<String, String>,
) -> Result<Blueprint, BlueprintError> {
    merge::resolve(name, library, inputs, &OfTask::default())
}

/// The same for a task. Inputs that were given for it, and those that are taken from its title, have somebody's words as values: they are
/// filled in wherever inputs are but into a command.
///
/// # Errors
/// As [`resolve`], and with its place where such a value would become part of a command.
pub fn resolve_for_task(
    name: &str,
    library: &BTreeMap<String, String>,
    inputs: &BTreeMap<String, String>,
    of_task: &OfTask,
) -> Result<Blueprint, BlueprintError> {
    merge::resolve(name, library, inputs, of_task)
}

/// Whether an input of the blueprint `name` is taken from a task's title, so that the title decides whether it can be walked. One that cannot
/// be read takes nothing.
pub fn reads_titles(name: &str, library: &BTreeMap<String, String>) -> bool {
    merge::reads_titles(name, library)
}

/// The inputs that the blueprint `name` is tried with: its own `example` laid over its parents'. Checked; may be empty.
pub fn example(
    name: &str,
    library: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, BlueprintError> {
    merge::example_of(name, library)
}

/// A key that may be absent (inherited), `null` (the parent's value is taken away) or set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Field<T> {
    #[default]
    Absent,
    Null,
    Set(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(match Option::<T>::deserialize(from)? {
            Some(value) => Field::Set(value),
            None => Field::Null,
        })
    }
}

impl<T> Field<T> {
    fn try_map<U, E>(self, f: impl FnOnce(T) -> Result<U, E>) -> Result<Field<U>, E> {
        Ok(match self {
            Field::Absent => Field::Absent,
            Field::Null => Field::Null,
            Field::Set(value) => Field::Set(f(value)?),
        })
    }

    fn set(&self) -> Option<&T> {
        match self {
            Field::Set(value) => Some(value),
            Field::Absent | Field::Null => None,
        }
    }

    /// Lays a child's field over this one.
    fn overlay(&mut self, child: Field<T>) {
        match child {
            Field::Absent => {}
            Field::Null | Field::Set(_) => *self = child,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Input {
    default: Option<String>,
    description: String,
    required: bool,
    /// What of the task it is where nobody gives it, and the words of which one must stand in the title for that.
    from: Option<Taken>,
    when: When,
}

/// What one file says about one step. Merged key by key over the parent's step of the same id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StepPatch {
    id: String,
    place: Place,
    name: Field<String>,
    uses: Field<Uses>,
    run: Field<Text>,
    prompt: Field<Text>,
    schema: Field<super::AskSchema>,
    tools: Field<Vec<super::ToolName>>,
    turns_max: Field<u32>,
    check: Field<Text>,
    outputs: Field<Vec<super::Output>>,
    expect_exit: Field<i32>,
    retry_step: Field<String>,
    retry_attempts: Field<u32>,
    backoff_s: Field<u64>,
    needs: Field<Vec<Named>>,
    env: Field<EnvPatch>,
    gates: Field<Vec<GatePatch>>,
    asks: Asks,
    condition: Field<If>,
    continue_on_error: Field<bool>,
    acts: Acts,
    timeout_s: Field<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Uses {
    Context,
    Ask,
    Agent,
    Scaffold,
    Gate,
    Branch,
    Human,
    Report,
}

impl Uses {
    const ALL: [Uses; 8] = [
        Uses::Context,
        Uses::Ask,
        Uses::Agent,
        Uses::Scaffold,
        Uses::Gate,
        Uses::Branch,
        Uses::Human,
        Uses::Report,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Uses::Context => "context",
            Uses::Ask => "ask",
            Uses::Agent => "agent",
            Uses::Scaffold => "scaffold",
            Uses::Gate => "gate",
            Uses::Branch => "branch",
            Uses::Human => "human",
            Uses::Report => "report",
        }
    }
}

/// A place in a file, for errors that are found after files were laid over each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    origin: String,
    line: u64,
    column: u64,
}

impl Place {
    fn said(&self) -> String {
        format!("{}:{}:{}", self.origin, self.line, self.column)
    }

    fn invalid(&self, problem: impl Into<String>) -> BlueprintError {
        BlueprintError::Invalid {
            origin: self.origin.clone(),
            line: self.line,
            column: self.column,
            problem: problem.into(),
        }
    }
}

fn from_fault(fault: Fault, origin: &str) -> BlueprintError {
    let (origin, line, column) = (origin.to_owned(), fault.line, fault.column);
    match fault.what {
        FaultKind::UnknownKey { key, hint } => BlueprintError::UnknownKey {
            origin,
            line,
            column,
            key,
            hint,
        },
        FaultKind::Shape(problem) => BlueprintError::Yaml {
            origin,
            line,
            column,
            problem,
        },
    }
}

/// Turns the wire structs into checked values; knows the text, so that it can name places inside of it.
struct Reader<'a> {
    text: &'a str,
    origin: &'a str,
}

impl Reader<'_> {
    fn blueprint(&self, wire: FileWire) -> Result<RawBlueprint, BlueprintError> {
        if wire.version.value != 1 {
            let problem = format!(
                "version {} is not known; this alai reads version 1",
                wire.version.value
            );
            return Err(self.place(wire.version.referenced).invalid(problem));
        }
        let mut inputs = BTreeMap::new();
        for (name, input) in wire.inputs {
            let place = self.place(input.referenced);
            check_name("input", &name, &place)?;
            inputs.insert(
                name,
                input.value.map(|i| read_input(i, &place)).transpose()?,
            );
        }
        let mut steps: Vec<StepPatch> = Vec::new();
        for step in wire.steps {
            let step = self.step(step)?;
            if steps.iter().any(|s| s.id == step.id) {
                return Err(step
                    .place
                    .invalid(format!("two steps are called `{}`", step.id)));
            }
            steps.push(step);
        }
        let defaults = wire.defaults.unwrap_or_default();
        let example = self.example(wire.example)?;
        if wire.extends.is_none() {
            example::check(&example, &inputs)?;
        }
        Ok(RawBlueprint {
            name: self.name("blueprint", wire.name)?,
            description: wire.description.map(|d| d.trim().to_owned()),
            extends_at: { wire.extends.as_ref() }.map(|extends| self.place(extends.referenced)),
            extends: wire
                .extends
                .map(|e| self.name("blueprint", e))
                .transpose()?,
            inputs,
            example,
            timeout_s: defaults.timeout.try_map(|t| self.duration(&t))?,
            env: defaults.env.try_map(|env| self.env(env))?,
            limits: defaults.limits.try_map(|l| self.limits(l))?,
            asks_for: wire.asks_for.try_map(|stages| self.asks_for(&stages))?,
            steps,
            origin: self.origin.to_owned(),
        })
    }

    fn step(&self, wire: Spanned<StepWire>) -> Result<StepPatch, BlueprintError> {
        let place = self.place(wire.referenced);
        let mut step = wire.value;
        let acts = self.acts(&mut step.with)?;
        let asks = self.asks(&mut step.with)?;
        let (retry_step, retry_attempts, backoff_s) = self.retry(step.retry)?;
        Ok(StepPatch {
            id: self.name("step", step.id)?,
            place,
            name: step.name,
            uses: step.uses.try_map(|u| self.uses(&u))?,
            run: step.run.try_map(|t| self.text(t))?,
            prompt: step.with.prompt.try_map(|t| self.text(t))?,
            schema: step.with.schema.try_map(|s| self.schema(&s))?,
            tools: step.with.tools.try_map(|t| self.tools(&t))?,
            turns_max: step
                .with
                .turns_max
                .try_map(|n| self.number("turns_max", n, TURNS_MAX))?,
            check: step.with.check.try_map(|t| self.text(t))?,
            outputs: step.with.outputs.try_map(|o| self.outputs(o))?,
            expect_exit: step.expect_exit,
            retry_step,
            retry_attempts,
            backoff_s,
            needs: step.needs.try_map(|needs| self.needs(needs))?,
            env: step.env.try_map(|env| self.env(env))?,
            gates: step.gates.try_map(|gates| self.gates(gates))?,
            asks,
            condition: step.condition.try_map(|c| self.condition(&c))?,
            continue_on_error: step.continue_on_error,
            acts,
            timeout_s: step.timeout.try_map(|t| self.duration(&t))?,
        })
    }

    fn place(&self, location: Location) -> Place {
        Place {
            origin: self.origin.to_owned(),
            line: location.line(),
            column: location.column(),
        }
    }

    fn name(&self, what: &str, name: Spanned<String>) -> Result<String, BlueprintError> {
        check_name(what, &name.value, &self.place(name.referenced))?;
        Ok(name.value)
    }

    fn uses(&self, uses: &Spanned<String>) -> Result<Uses, BlueprintError> {
        let known = Uses::ALL.into_iter().find(|u| u.as_str() == uses.value);
        known.ok_or_else(|| {
            let hint = yaml::hint(&uses.value, Uses::ALL.iter().map(|u| u.as_str()));
            self.place(uses.referenced)
                .invalid(format!("a step cannot use `{}`; {hint}", uses.value))
        })
    }

    fn schema(&self, name: &Spanned<String>) -> Result<super::AskSchema, BlueprintError> {
        match name.value.as_str() {
            "work_plan" => Ok(super::AskSchema::WorkPlan),
            "review" => Ok(super::AskSchema::Review),
            other => {
                let hint = yaml::hint(other, ["work_plan", "review"].into_iter());
                Err(self
                    .place(name.referenced)
                    .invalid(format!("no schema is called `{other}`; {hint}")))
            }
        }
    }

    fn tools(&self, names: &[Spanned<String>]) -> Result<Vec<super::ToolName>, BlueprintError> {
        let mut tools = Vec::new();
        for name in names {
            let Some(tool) = super::ToolName::parse(&name.value) else {
                let hint = yaml::hint(&name.value, super::ToolName::ALL.iter().map(|t| t.as_str()));
                let problem = format!("no tool is called `{}`; {hint}", name.value);
                return Err(self.place(name.referenced).invalid(problem));
            };
            if tools.contains(&tool) {
                let problem = format!("the tool `{}` is listed twice", name.value);
                return Err(self.place(name.referenced).invalid(problem));
            }
            tools.push(tool);
        }
        Ok(tools)
    }

    fn number(&self, key: &str, number: Spanned<u32>, max: u32) -> Result<u32, BlueprintError> {
        if (1..=max).contains(&number.value) {
            return Ok(number.value);
        }
        let problem = format!("`{key}` is {}; it must be 1 to {max}", number.value);
        Err(self.place(number.referenced).invalid(problem))
    }

    /// `90s`, `20m`, `2h` in seconds.
    fn duration(&self, text: &Spanned<String>) -> Result<u64, BlueprintError> {
        let (digits, unit_s) = match text.value.char_indices().next_back() {
            Some((cut, 's')) => (&text.value[..cut], 1),
            Some((cut, 'm')) => (&text.value[..cut], 60),
            Some((cut, 'h')) => (&text.value[..cut], 3600),
            Some(_) | None => ("", 0),
        };
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let seconds = plain
            .then(|| digits.parse::<u64>().ok()?.checked_mul(unit_s))
            .flatten();
        match seconds {
            Some(seconds) if (1..=TIMEOUT_S_MAX).contains(&seconds) => Ok(seconds),
            Some(_) | None => Err(self.place(text.referenced).invalid(format!(
                "`{}` is not a duration; write 90s, 20m or 2h, at most 24h",
                text.value
            ))),
        }
    }

    fn text(&self, text: Spanned<String>) -> Result<Text, BlueprintError> {
        let place = self.place(text.referenced);
        if text.value.trim().is_empty() {
            return Err(place.invalid("this text is empty"));
        }
        Text::read(text.value, self.text, place)
    }
}

fn read_input(wire: InputWire, place: &Place) -> Result<Input, BlueprintError> {
    match wire.kind.as_deref() {
        None | Some("string") => {}
        Some(other) => {
            let problem = format!("inputs are of type `string`; `{other}` is not known");
            return Err(place.invalid(problem));
        }
    }
    let from = match wire.from.as_deref() {
        None => None,
        Some(from) => {
            let known = Taken::ALL.into_iter().find(|taken| taken.as_str() == from);
            Some(known.ok_or_else(|| {
                let hint = yaml::hint(from, Taken::ALL.iter().map(|taken| taken.as_str()));
                place.invalid(format!(
                    "an input cannot be taken `from` the task's `{from}`; {hint}"
                ))
            })?)
        }
    };
    let when = When {
        only_with: wire.only_with,
        not_with: wire.not_with,
        choices: wire.choices,
    };
    if let Some(problem) = when_problem(from, &when) {
        return Err(place.invalid(problem));
    }
    if wire.required && wire.default.is_some() {
        return Err(place.invalid("an input with a `default` cannot be `required` as well"));
    }
    if let Some(problem) = wire.default.as_deref().and_then(value_problem) {
        return Err(place.invalid(format!("the `default` is refused: {problem}")));
    }
    Ok(Input {
        default: wire.default,
        description: wire.description,
        required: wire.required,
        from,
        when,
    })
}

/// What is wrong with the words by which an input is taken from a title, if anything is.
fn when_problem(from: Option<Taken>, when: &When) -> Option<String> {
    let keys = [
        ("only_with", !when.only_with.is_empty()),
        ("not_with", !when.not_with.is_empty()),
    ];
    if let Some((key, _)) = keys.iter().find(|(_, set)| *set && from.is_none()) {
        return Some(format!(
            "`{key}` says when `from` holds, and there is no `from`"
        ));
    }
    if (from == Some(Taken::Choice)) == when.choices.is_empty() {
        return Some("`choices` stands beside `from: choice`, and with it alone".to_owned());
    }
    let of_words = when
        .choices
        .values()
        .flatten()
        .map(|word| ("choices", word.as_str()));
    let not_with = when.not_with.iter().map(|word| ("not_with", word.as_str()));
    let parts = when
        .only_with
        .iter()
        .flat_map(|entry| entry.split(TOGETHER));
    let mut all = parts
        .map(|word| ("only_with", word))
        .chain(not_with)
        .chain(of_words);
    let empty = all.find(|(_, word)| !word.contains(char::is_alphanumeric));
    if let Some((key, empty)) = empty {
        return Some(format!("`{empty}` in `{key}` holds no word"));
    }
    let silent = when.choices.iter().find(|(_, words)| words.is_empty());
    silent.map(|(value, _)| format!("no word says `{value}`"))
}

impl Input {
    /// Its value out of a task's title.
    pub(super) fn taken(&self, title: &str) -> Found {
        self.from
            .map_or(Found::Nothing(None), |from| from.of(title, &self.when))
    }

    /// Whether a title decides what it is, or that nobody can tell.
    pub(super) fn is_read_from_a_title(&self) -> bool {
        self.from.is_some()
    }
}

/// Why a value may not be filled in, if so. Control characters hide what a command does from the person who reads it.
fn value_problem(value: &str) -> Option<String> {
    if value.len() > INPUT_BYTES_MAX {
        return Some(format!(
            "it is {} bytes; at most {INPUT_BYTES_MAX} are allowed",
            value.len()
        ));
    }
    let hidden = value
        .chars()
        .find(|c| c.is_control() && *c != '\n' && *c != '\t');
    hidden.map(|c| format!("it holds the control character U+{:04X}", u32::from(c)))
}

fn check_name(what: &str, name: &str, place: &Place) -> Result<(), BlueprintError> {
    let first = name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic());
    let rest = name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if first && rest && name.len() <= NAME_BYTES_MAX {
        return Ok(());
    }
    Err(place.invalid(format!(
        "`{name}` cannot name a {what}; use a letter, then letters, digits, `-` and `_`, at most {NAME_BYTES_MAX}"
    )))
}
