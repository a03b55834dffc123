//! The JSON Schema (2020-12) of a blueprint file, for editors and for whoever makes blueprints by a program. Made of the same
//! constants that the reader goes by. It knows the form of one file: what needs the whole (references, inheritance, loops) the
//! reader alone can say.

use serde_json::{Map, Value, json};

use super::acts::{OPTION_BYTES_MAX, OPTIONS_MAX};
use super::asks_for::ASKED;
use super::gates::{GATES_MAX, GLOBS_MAX};
use super::{ATTEMPTS_MAX, NAME_BYTES_MAX, TURNS_MAX, Uses};
use crate::blueprint::{ENV_VALUE_BYTES_MAX, GateCheck, OutputKind, ToolName};
use crate::brief::Caps;

/// Where the committed copy is found by its users.
const ID: &str = "https://github.com/alai-factory/alai/blob/main/docs/schema/blueprint.v1.json";

type Properties = Vec<(&'static str, &'static str, Value)>;

/// The schema of a blueprint file.
pub fn schema() -> Value {
    let mut file = object(
        "A blueprint: the steps that one run goes through.",
        &["version", "name"],
        vec![
            (
                "version",
                "The version of this format.",
                json!({"const": 1}),
            ),
            ("name", "The file's name without `.yaml`.", name()),
            (
                "description",
                "One line for people; inherited when absent.",
                nullable(words()),
            ),
            (
                "extends",
                "The blueprint that this one changes.",
                nullable(name()),
            ),
            (
                "inputs",
                "Settings by name; `null` takes an inherited one away.",
                nullable(named(nullable(input()))),
            ),
            (
                "example",
                "Values of inputs to try it with: dry runs and tests use them. `null` takes an inherited one away.",
                nullable(named(nullable(words()))),
            ),
            (
                "asks_for",
                "Stages that follow the merge of what is built by it, where the project's own stages do not leave them out.",
                nullable(asked_for()),
            ),
            (
                "defaults",
                "What holds for every step.",
                nullable(defaults()),
            ),
            (
                "steps",
                "In order; a step with the id of an inherited one changes that.",
                nullable(list(step())),
            ),
        ],
    );
    if let Value::Object(keys) = &mut file {
        let head = [
            ("$schema", "https://json-schema.org/draft/2020-12/schema"),
            ("$id", ID),
            ("title", "alai blueprint, version 1"),
        ];
        let head = head.map(|(key, value)| (key.to_owned(), Value::from(value)));
        *keys = head.into_iter().chain(std::mem::take(keys)).collect();
    }
    file
}

/// The committed text of it.
pub fn schema_text() -> String {
    format!("{:#}\n", schema())
}

fn object(description: &str, required: &[&str], properties: Properties) -> Value {
    let properties = properties.into_iter().map(|(key, about, mut schema)| {
        if let Value::Object(keys) = &mut schema {
            let about = ("description".to_owned(), Value::from(about));
            *keys = std::iter::once(about).chain(std::mem::take(keys)).collect();
        }
        (key.to_owned(), schema)
    });
    let mut object = json!({
        "description": description,
        "type": "object",
        "additionalProperties": false,
        "properties": Value::Object(properties.collect::<Map<_, _>>()),
    });
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    object
}

/// `null` takes the inherited value away.
fn nullable(schema: Value) -> Value {
    json!({"anyOf": [schema, {"type": "null"}]})
}

fn name() -> Value {
    let more = NAME_BYTES_MAX - 1;
    json!({"type": ["string", "boolean"], "pattern": format!("^[A-Za-z][A-Za-z0-9_-]{{0,{more}}}$")})
}

fn named(schema: Value) -> Value {
    json!({"type": "object", "propertyNames": name(), "additionalProperties": schema})
}

/// Text; a bare number or truth value of YAML is read as the text that it is.
fn words() -> Value {
    json!({"type": ["string", "number", "boolean"]})
}

/// Text that must not be empty.
fn text() -> Value {
    json!({"type": ["string", "number", "boolean"], "pattern": "\\S"})
}

fn duration(units: &str) -> Value {
    json!({"type": "string", "pattern": format!("^[0-9]+[{units}]$")})
}

fn count(most: u64) -> Value {
    json!({"type": "integer", "minimum": 1, "maximum": most})
}

fn one_of<'a>(words: impl IntoIterator<Item = &'a str>) -> Value {
    json!({"enum": words.into_iter().collect::<Vec<_>>()})
}

fn list(items: Value) -> Value {
    json!({"type": "array", "items": items})
}

fn asked_for() -> Value {
    let stages = ASKED.iter().map(|stage| stage.as_str());
    json!({"type": "array", "items": one_of(stages), "uniqueItems": true})
}

fn map_of_texts() -> Value {
    json!({"type": "object", "additionalProperties": words()})
}

fn input() -> Value {
    object(
        "One setting.",
        &[],
        vec![
            ("type", "Always text.", nullable(json!({"const": "string"}))),
            (
                "default",
                "Its value where none is given.",
                nullable(words()),
            ),
            ("description", "For people.", words()),
            (
                "required",
                "Whether a value must be given.",
                json!({"type": "boolean"}),
            ),
            (
                "from",
                "What of the task it is where nobody gives it: its title, small words with hyphens made of that, the one file of code that the title \
                 names, the name behind `called` or before the colon, the folder behind `in`, the address of the web, or the one of \
                 `choices` that it says.",
                nullable(
                    json!({"enum": ["title", "slug", "file", "name", "folder", "address", "choice"]}),
                ),
            ),
            (
                "only_with",
                "Words or phrases of which one must stand in the title for that; `a + b` wants both.",
                nullable(list(words())),
            ),
            (
                "not_with",
                "Words or phrases of which none may stand in the title for that.",
                nullable(list(words())),
            ),
            (
                "choices",
                "With `from: choice`: what it can be, each with the words or phrases that say so.",
                nullable(json!({"type": "object", "additionalProperties": list(words())})),
            ),
        ],
    )
}

fn defaults() -> Value {
    object(
        "What holds for every step that does not say otherwise.",
        &[],
        vec![
            (
                "timeout",
                "Of a step: `90s`, `20m`, `2h`.",
                nullable(duration("smh")),
            ),
            (
                "env",
                "Variables of every step's commands.",
                nullable(env()),
            ),
            (
                "limits",
                "Less than a run may take otherwise.",
                nullable(limits(&Caps::MOST.map(|(key, _)| key))),
            ),
        ],
    )
}

fn limits(keys: &[&'static str]) -> Value {
    let limit = |key: &'static str| match key {
        "dollars" => json!({"type": "number", "minimum": 0, "maximum": Caps::most(key)}),
        key => count(Caps::most(key)),
    };
    let limits = keys
        .iter()
        .map(|key| (*key, about(key), nullable(limit(key))));
    object("Limits.", &[], limits.collect())
}

fn about(limit: &str) -> &'static str {
    match limit {
        "turns" => "Model calls.",
        "tokens" => "Prompts and answers together.",
        "seconds" => "Wall-clock seconds.",
        "command_seconds" => "Seconds of one command.",
        "bytes" => "Bytes that the file tools write.",
        _ => "US dollars; 0 leaves models that cost nothing.",
    }
}

fn env() -> Value {
    json!({
        "type": "object",
        "propertyNames": {"pattern": "^[A-Z_][A-Z0-9_]{0,63}$"},
        "additionalProperties": nullable(json!({"type": ["string", "number", "boolean"], "maxLength": ENV_VALUE_BYTES_MAX})),
    })
}

fn step() -> Value {
    object(
        "One step. It has `uses` or `run`; `uses: null` or `run: null` takes an inherited one away.",
        &["id"],
        vec![
            ("id", "Unique; steps are merged by it.", name()),
            ("name", "For people; the id when absent.", nullable(words())),
            (
                "needs",
                "Steps that stand before it. Without it a step follows the one before it.",
                nullable(list(name())),
            ),
            (
                "env",
                "Variables of its commands, over the defaults'. The one way in which untrusted text reaches a command.",
                nullable(env()),
            ),
            (
                "uses",
                "What it does.",
                nullable(one_of(Uses::ALL.map(Uses::as_str))),
            ),
            ("with", "How it does that.", nullable(with())),
            ("run", "A command in the cage.", nullable(text())),
            (
                "expect_exit",
                "The exit status of `run`; 0 when absent.",
                nullable(json!({"type": "integer"})),
            ),
            (
                "if",
                "A condition; the step is skipped where it does not hold.",
                nullable(words()),
            ),
            (
                "continue_on_error",
                "A step that stays red does not end the run.",
                nullable(json!({"type": "boolean"})),
            ),
            (
                "gates",
                "What must hold when the step is over.",
                nullable(json!({"type": "array", "maxItems": GATES_MAX, "items": gate()})),
            ),
            ("retry", "Where a red step goes back to.", nullable(retry())),
            (
                "timeout",
                "`90s`, `20m`, `2h`; `null` for none.",
                nullable(duration("smh")),
            ),
        ],
    )
}

fn retry() -> Value {
    object(
        "A way back.",
        &[],
        vec![
            (
                "step",
                "An earlier agent step; the step itself when absent.",
                nullable(words()),
            ),
            (
                "max_attempts",
                "Tries in all, the first one counted.",
                nullable(count(u64::from(ATTEMPTS_MAX))),
            ),
            (
                "backoff",
                "The wait before the second try; doubled before each further one.",
                nullable(duration("smh")),
            ),
        ],
    )
}

/// A schema of JSON Schema itself, or the name of a template that holds one.
fn schema_or_name() -> Value {
    json!({"type": ["object", "boolean", "string"]})
}

fn gate() -> Value {
    let json_schema = object(
        "A file and its form.",
        &["file", "schema"],
        vec![
            ("file", "A path in the clone.", text()),
            (
                "schema",
                "A JSON Schema of plain data, or the name of a template that holds one.",
                schema_or_name(),
            ),
        ],
    );
    let mut gate = object(
        "One gate: one of these keys.",
        &[],
        vec![
            ("file_exists", "A path in the clone.", text()),
            (
                "command",
                "A command that must exit with `expect_exit`.",
                text(),
            ),
            (
                "expect_exit",
                "Beside `command`; 0 when absent.",
                nullable(json!({"type": "integer"})),
            ),
            ("json_schema", "A file that is JSON of a form.", json_schema),
            (
                "no_diff_outside",
                "Globs that all changes of the run lie within.",
                json!({"type": "array", "minItems": 1, "maxItems": GLOBS_MAX, "items": text()}),
            ),
            (
                "human",
                "A question to a person; `yes` goes on. The last gate of its step.",
                text(),
            ),
        ],
    );
    let kinds = [
        "file_exists",
        "command",
        "json_schema",
        "no_diff_outside",
        "human",
    ];
    gate["oneOf"] = kinds
        .iter()
        .map(|kind| json!({"required": [kind]}))
        .collect();
    gate
}

fn with() -> Value {
    let output = object(
        "One field of what an agent hands over.",
        &["type"],
        vec![
            (
                "type",
                "Its type.",
                one_of(OutputKind::ALL.map(OutputKind::as_str)),
            ),
            ("description", "For the model.", words()),
        ],
    );
    object(
        "What the step's kind reads; a key that it does not read is an error.",
        &[],
        vec![
            (
                "prompt",
                "ask, agent: the words to the model.",
                nullable(text()),
            ),
            (
                "template",
                "agent: the prompt from `templates/NAME`, filled in by `vars`.",
                nullable(words()),
            ),
            (
                "role",
                "agent: whose prompt, tools and paths it has.",
                nullable(one_of(["lead", "builder", "reviewer"])),
            ),
            (
                "limits",
                "agent: what this step may take.",
                nullable(limits(&["turns", "tokens", "seconds", "dollars"])),
            ),
            (
                "output_schema",
                "agent: a JSON Schema of its output `result`, or the name of a template that holds one.",
                nullable(schema_or_name()),
            ),
            (
                "schema",
                "ask: the form of the answer.",
                nullable(one_of(["work_plan", "review"])),
            ),
            (
                "tools",
                "agent: its tools, `done` among them.",
                nullable(
                    json!({"type": "array", "uniqueItems": true, "items": one_of(ToolName::ALL.map(ToolName::as_str))}),
                ),
            ),
            (
                "turns_max",
                "agent: model calls of this step.",
                nullable(count(u64::from(TURNS_MAX))),
            ),
            (
                "check",
                "agent: a command after each burst of edits.",
                nullable(text()),
            ),
            (
                "outputs",
                "agent: what it hands to the steps after it.",
                nullable(named(output)),
            ),
            ("files", "scaffold: path to text.", nullable(map_of_texts())),
            (
                "templates",
                "scaffold: path to the name of a template.",
                nullable(map_of_texts()),
            ),
            (
                "vars",
                "scaffold, agent: texts for templates.",
                nullable(named(words())),
            ),
            (
                "patch",
                "scaffold: a change in the form of `apply_patch`.",
                nullable(text()),
            ),
            (
                "overwrite",
                "scaffold: whether files that exist are written anew.",
                nullable(json!({"type": "boolean"})),
            ),
            (
                "folder",
                "scaffold: the folder that its files, and those of its gates, stand in; empty is the repository's root.",
                nullable(words()),
            ),
            (
                "checks",
                "gate: what it looks ahead at.",
                nullable(
                    json!({"type": "array", "uniqueItems": true, "items": one_of(GateCheck::ALL.map(GateCheck::as_str))}),
                ),
            ),
            (
                "goto",
                "branch: the step that it goes to.",
                nullable(name()),
            ),
            (
                "max_attempts",
                "branch: tries in all of a way back.",
                nullable(count(u64::from(ATTEMPTS_MAX))),
            ),
            ("question", "human: what is asked.", nullable(text())),
            (
                "options",
                "human: the answers that there are; any text when absent.",
                nullable(json!({
                    "type": "array", "maxItems": OPTIONS_MAX, "not": {"minItems": 1, "maxItems": 1},
                    "items": {"type": ["string", "number", "boolean"], "pattern": "\\S", "maxLength": OPTION_BYTES_MAX},
                })),
            ),
            (
                "deadline",
                "human: `30m`, `4h` or `3d`.",
                nullable(duration("smhd")),
            ),
        ],
    )
}
