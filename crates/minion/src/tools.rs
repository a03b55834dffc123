//! The tools as a model sees them, and the parse of its calls. Arguments are untrusted text.

mod lent;

use alai_core::blueprint::{Output, ToolName};
use alai_core::brief::Role;
use alai_core::delegation::Proposal;
use alai_core::session::Note;
use alai_fleet::{EditFormat, ToolCall, ToolSpec};
use serde_json::{Map, Value, json};

use crate::mcp::Wish;
use crate::outputs;
use crate::patch::{self, Change};

pub(crate) use lent::{Folded, Lent};

/// One call, read and complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Call {
    Read {
        path: String,
        offset: Option<u32>,
        limit: Option<u32>,
    },
    Search {
        pattern: String,
        path: Option<String>,
        glob: Option<String>,
    },
    Edit {
        path: String,
        old: String,
        new: String,
        all: bool,
    },
    Write {
        path: String,
        content: String,
    },
    /// Takes the place of `edit` for models that were trained on it.
    Patch {
        changes: Vec<Change>,
    },
    Run {
        command: String,
        timeout_s: Option<u64>,
    },
    /// A text of the company's advice.
    Skill {
        name: String,
        file: Option<String>,
    },
    Server(Wish),
    /// A word to those who go on with the task.
    Note(Note),
    /// A task that a lead hands out.
    Delegate(Proposal),
    Done {
        claim: Claim,
        summary: String,
        /// What the step hands over, or what is wrong with it.
        handed: Result<Map<String, Value>, String>,
    },
}

/// What an agent says when it ends its step. A claim starts the gate; it closes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    Done,
    /// It cannot go on and says why.
    Blocked,
}

/// The tools of a step for a role: a reviewer gets no writing tool whatever the blueprint says, and every step can end.
pub(crate) fn allowed(role: Role, step: &[ToolName]) -> Vec<ToolName> {
    let writes = match role {
        Role::Builder => true,
        // A lead's scratch is no part of the project, and those tools change nothing else.
        Role::Lead | Role::Reviewer => false,
    };
    let granted = |tool: &ToolName| match tool {
        ToolName::Edit | ToolName::Write => writes && step.contains(tool),
        ToolName::Done => true,
        ToolName::Read | ToolName::Search | ToolName::Run => step.contains(tool),
    };
    ToolName::ALL.into_iter().filter(granted).collect()
}

/// The name of `edit` as the family knows it that was trained on patches.
const APPLY_PATCH: &str = "apply_patch";

/// Tools that a model is shown, servers apart: small models choose badly among more.
pub(crate) const TOOLS_MAX: usize = ToolName::ALL.len();

/// The tools as they go to the model: flat, strings and integers, no length limits (long repetitions break the grammar
/// compilers of local servers). How files are changed is said as the model does it best. What is lent beyond [`TOOLS_MAX`] is had by
/// a tool that is there anyway; `mcp` alone comes on top, where a server was lent.
pub(crate) fn specs(
    tools: &[ToolName],
    lent: &Lent,
    format: EditFormat,
    outputs: &[Output],
) -> Vec<ToolSpec> {
    let folded = lent.folded(tools);
    let spec = |tool: &ToolName| {
        let mut spec = spec(*tool, format, outputs);
        spec.description.push_str(&lent.words(*tool, folded));
        spec
    };
    let mut specs: Vec<ToolSpec> = tools.iter().map(spec).collect();
    // Before `done`, which stands last.
    let at = specs.len().saturating_sub(1);
    specs.splice(at..at, lent.specs(folded));
    specs
}

/// What a tool is called in a format.
fn name(tool: ToolName, format: EditFormat) -> &'static str {
    match (tool, format) {
        (ToolName::Edit, EditFormat::Patch) => APPLY_PATCH,
        (
            ToolName::Read
            | ToolName::Search
            | ToolName::Edit
            | ToolName::Write
            | ToolName::Run
            | ToolName::Done,
            EditFormat::Replace | EditFormat::Whole | EditFormat::Patch,
        ) => tool.as_str(),
    }
}

/// The tool a call is counted under.
pub(crate) fn tally(name: &str) -> &'static str {
    match name {
        APPLY_PATCH => APPLY_PATCH,
        lent::SKILL => lent::SKILL,
        lent::MCP => lent::MCP,
        lent::NOTE => lent::NOTE,
        lent::DELEGATE => lent::DELEGATE,
        name => ToolName::parse(name).map_or("unknown", ToolName::as_str),
    }
}

fn spec(tool: ToolName, format: EditFormat, outputs: &[Output]) -> ToolSpec {
    let text = json!({"type": "string"});
    let number = json!({"type": "integer"});
    let (description, properties, required): (&str, Value, &[&str]) = match tool {
        ToolName::Read => (
            "Show a file with line numbers, at most 400 from `offset`.",
            json!({"path": text, "offset": number, "limit": number}),
            &["path"],
        ),
        ToolName::Search => (
            "Find lines by regular expression, below `path`, in files that fit `glob`.",
            json!({"pattern": text, "path": text, "glob": text}),
            &["pattern"],
        ),
        ToolName::Edit if format == EditFormat::Patch => (
            "Change files by a patch: `*** Begin Patch`, for each file `*** Update File: PATH` with hunks of `@@` and lines that start with a space, - or +, or `*** Add File: PATH` with + lines, or `*** Delete File: PATH`, then `*** End Patch`.",
            json!({"patch": text}),
            &["patch"],
        ),
        ToolName::Edit if format == EditFormat::Whole => (
            "For files over 300 lines only: replace the text `old` by `new`. Copy `old` exactly, with enough lines to be unique; `all` replaces every place.",
            json!({"path": text, "old": text, "new": text, "all": {"type": "boolean"}}),
            &["path", "old", "new"],
        ),
        ToolName::Edit => (
            "Replace the text `old`, copied exactly, by `new`; `old` is unique, or `all` is set.",
            json!({"path": text, "old": text, "new": text, "all": {"type": "boolean"}}),
            &["path", "old", "new"],
        ),
        ToolName::Write if format == EditFormat::Whole => (
            "Create a file, or change one of up to 300 lines that you have read: give its whole new `content`.",
            json!({"path": text, "content": text}),
            &["path", "content"],
        ),
        ToolName::Write => (
            "Create a file, or replace one you have read: its whole `content`.",
            json!({"path": text, "content": text}),
            &["path", "content"],
        ),
        ToolName::Run => (
            "Run a shell command at the root. No network, no terminal, nothing stays running.",
            json!({"command": text, "timeout_s": number}),
            &["command"],
        ),
        ToolName::Done => (
            "End this step: done when all criteria hold, else blocked; the summary says why.",
            json!({"status": {"type": "string", "enum": ["done", "blocked"]}, "summary": text}),
            &["status", "summary"],
        ),
    };
    let mut parameters = json!({"type": "object", "properties": properties, "required": required});
    if tool == ToolName::Done {
        outputs::extend(&mut parameters, outputs);
    }
    ToolSpec {
        name: name(tool, format).to_owned(),
        description: description.to_owned(),
        parameters,
    }
}

/// Reads a call, or says in words for the model what is wrong with it.
pub(crate) fn parse(
    call: &ToolCall,
    tools: &[ToolName],
    lent: &Lent,
    format: EditFormat,
    outputs: &[Output],
) -> Result<Call, String> {
    let given = call.name.strip_prefix("functions.").unwrap_or(&call.name);
    if let Some(read) = lent.parse(given, call) {
        return read;
    }
    let tool = tools
        .iter()
        .find(|tool| name(**tool, format) == given)
        .copied();
    let Some(tool) = tool else {
        let own = tools.iter().map(|tool| name(*tool, format));
        let names: Vec<&str> = own.chain(lent.shown(lent.folded(tools))).collect();
        let given = crate::text::cut(&call.name, 60);
        return Err(format!(
            "There is no tool `{given}`. The tools are: {}.",
            names.join(", ")
        ));
    };
    let read = match (tool, format) {
        (ToolName::Edit, EditFormat::Patch) => patch(&call.arguments),
        (tool, _) => arguments(tool, &call.arguments, outputs),
    };
    let read = read.and_then(|call| lent.unfolded(call, lent.folded(tools)));
    read.map_err(|what| {
        let shape = spec(tool, format, outputs).parameters;
        format!("The call of `{given}` was not executed: {what}. Its arguments are {shape}.")
    })
}

fn arguments(
    tool: ToolName,
    args: &Map<String, Value>,
    outputs: &[Output],
) -> Result<Call, String> {
    Ok(match tool {
        ToolName::Read => Call::Read {
            path: path(args)?,
            offset: number(args, "offset")?,
            limit: number(args, "limit")?,
        },
        ToolName::Search => Call::Search {
            pattern: string(args, "pattern", &["query", "regex"])?,
            path: optional(args, "path")?,
            glob: optional(args, "glob")?,
        },
        ToolName::Edit => Call::Edit {
            path: path(args)?,
            old: string(args, "old", &["old_string", "old_str", "search"])?,
            new: string(args, "new", &["new_string", "new_str", "replace"])?,
            all: boolean(args, "all")?,
        },
        ToolName::Write => Call::Write {
            path: path(args)?,
            content: string(args, "content", &["text"])?,
        },
        ToolName::Run => Call::Run {
            command: command(args)?,
            timeout_s: number(args, "timeout_s")?.map(u64::from),
        },
        ToolName::Done => Call::Done {
            claim: match string(args, "status", &[])?.trim() {
                "done" => Claim::Done,
                "blocked" => Claim::Blocked,
                _ => return Err("`status` must be \"done\" or \"blocked\"".into()),
            },
            summary: string(args, "summary", &["message"])?,
            handed: outputs::read(outputs, args),
        },
    })
}

fn patch(args: &Map<String, Value>) -> Result<Call, String> {
    let text = string(args, "patch", &["input"])?;
    let changes = patch::parse(&text).map_err(|why| format!("`patch` cannot be read: {why}"))?;
    Ok(Call::Patch { changes })
}

/// Names of other harnesses for the same argument are understood: models were trained on them.
fn string(args: &Map<String, Value>, name: &str, aliases: &[&str]) -> Result<String, String> {
    let value = std::iter::once(&name)
        .chain(aliases)
        .find_map(|key| args.get(*key));
    match value {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => Err(format!("`{name}` must be a string")),
        None => Err(format!("`{name}` is missing")),
    }
}

fn path(args: &Map<String, Value>) -> Result<String, String> {
    let path = string(args, "path", &["file_path", "file", "filename"])?;
    if path.trim().is_empty() {
        Err("`path` is empty".into())
    } else {
        Ok(path)
    }
}

fn command(args: &Map<String, Value>) -> Result<String, String> {
    let command = string(args, "command", &["cmd"])?;
    if command.trim().is_empty() {
        return Err("`command` is empty".into());
    }
    if command.contains('\0') {
        return Err("`command` holds a NUL byte".into());
    }
    Ok(command)
}

fn optional(args: &Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    match args.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(format!("`{name}` must be a string")),
    }
}

/// A number, also one in quotes: many small models quote everything.
fn number(args: &Map<String, Value>, name: &str) -> Result<Option<u32>, String> {
    let wrong = || format!("`{name}` must be a whole number from 1");
    let parsed = match args.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => return Ok(None),
        Some(Value::String(text)) => text.trim().parse::<u32>().map_err(|_| wrong())?,
        Some(value) => {
            let whole = value.as_u64().or_else(|| {
                value
                    .as_f64()
                    .filter(|f| f.fract() == 0.0)
                    .and_then(as_whole)
            });
            u32::try_from(whole.ok_or_else(wrong)?).map_err(|_| wrong())?
        }
    };
    Ok(Some(parsed))
}

/// `12.0`, which some servers make of `12`.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // checked to lie in range
fn as_whole(value: f64) -> Option<u64> {
    (0.0..=f64::from(u32::MAX))
        .contains(&value)
        .then_some(value as u64)
}

fn boolean(args: &Map<String, Value>, name: &str) -> Result<bool, String> {
    match args.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(value)) => Ok(*value),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(true),
        Some(Value::String(text))
            if text.trim().is_empty() || text.eq_ignore_ascii_case("false") =>
        {
            Ok(false)
        }
        Some(_) => Err(format!("`{name}` must be true or false")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMATS: [EditFormat; 3] = [EditFormat::Replace, EditFormat::Whole, EditFormat::Patch];

    fn parse(call: &ToolCall, tools: &[ToolName]) -> Result<Call, String> {
        super::parse(call, tools, &Lent::default(), EditFormat::Replace, &[])
    }

    #[test]
    fn patches_take_the_place_of_edits_where_they_are_the_format() {
        let text = "*** Begin Patch\n*** Delete File: a\n*** End Patch\n";
        let parse = |name: &str, arguments, format| {
            let call = call(name, arguments);
            super::parse(&call, &ToolName::ALL, &Lent::default(), format, &[])
        };
        let read = parse("apply_patch", json!({"input": text}), EditFormat::Patch);
        assert!(matches!(read, Ok(Call::Patch { changes }) if changes.len() == 1));
        let edit = json!({"path": "a", "old": "x", "new": "y"});
        for (name, arguments, format, says) in [
            (
                "apply_patch",
                json!({}),
                EditFormat::Patch,
                "`patch` is missing",
            ),
            (
                "apply_patch",
                json!({"patch": "x"}),
                EditFormat::Patch,
                "Begin Patch",
            ),
            (
                "edit",
                edit,
                EditFormat::Patch,
                "read, search, apply_patch, write, run, done",
            ),
            (
                "apply_patch",
                json!({"patch": text}),
                EditFormat::Whole,
                "There is no tool",
            ),
        ] {
            let said = parse(name, arguments, format).expect_err(says);
            assert!(said.contains(says), "{said}");
        }
    }

    fn call(name: &str, arguments: Value) -> ToolCall {
        let Value::Object(arguments) = arguments else {
            panic!("an object")
        };
        ToolCall {
            id: "1".into(),
            name: name.into(),
            arguments,
        }
    }

    #[test]
    fn all_six_tools_stay_below_two_and_a_half_kilobytes() {
        for format in FORMATS {
            let json = serde_json::to_string(&specs(&ToolName::ALL, &Lent::default(), format, &[]))
                .expect("tools are JSON");
            assert!(json.len() < 2_560, "{format:?}: {} bytes", json.len());
        }
    }

    #[test]
    fn schemas_are_flat() {
        for spec in FORMATS
            .map(|format| specs(&ToolName::ALL, &Lent::default(), format, &[]))
            .concat()
        {
            for (name, property) in spec.parameters["properties"]
                .as_object()
                .expect("an object")
            {
                let kind = property["type"].as_str().expect("one type");
                assert!(
                    matches!(kind, "string" | "integer" | "boolean"),
                    "{} {name}",
                    spec.name
                );
                // A grammar that repeats by a number is refused by llama-server with every request.
                let rules = property.as_object().expect("an object");
                let mut rules = rules.keys().map(String::as_str);
                assert!(
                    rules.all(|rule| ["type", "description", "enum"].contains(&rule)),
                    "{property}"
                );
            }
        }
    }

    #[test]
    fn a_reviewer_gets_no_writing_tool_and_everyone_can_end() {
        let reviewer = allowed(Role::Reviewer, &ToolName::ALL);
        assert_eq!(
            reviewer,
            [
                ToolName::Read,
                ToolName::Search,
                ToolName::Run,
                ToolName::Done
            ]
        );
        assert_eq!(
            allowed(Role::Builder, &[ToolName::Edit]),
            [ToolName::Edit, ToolName::Done]
        );
    }

    #[test]
    fn calls_are_read() {
        let all = &ToolName::ALL;
        let cases = [
            (
                call("read", json!({"path": "a"})),
                Call::Read {
                    path: "a".into(),
                    offset: None,
                    limit: None,
                },
            ),
            (
                call(
                    "functions.read",
                    json!({"file_path": "a", "offset": "12", "limit": 3.0}),
                ),
                Call::Read {
                    path: "a".into(),
                    offset: Some(12),
                    limit: Some(3),
                },
            ),
            (
                call("search", json!({"pattern": "x", "path": "", "glob": null})),
                Call::Search {
                    pattern: "x".into(),
                    path: None,
                    glob: None,
                },
            ),
            (
                call(
                    "edit",
                    json!({"path": "a", "old_string": "b", "new_string": "", "all": "True"}),
                ),
                Call::Edit {
                    path: "a".into(),
                    old: "b".into(),
                    new: String::new(),
                    all: true,
                },
            ),
            (
                call("run", json!({"cmd": "ls"})),
                Call::Run {
                    command: "ls".into(),
                    timeout_s: None,
                },
            ),
            (
                call("done", json!({"status": "blocked", "summary": "s"})),
                Call::Done {
                    claim: Claim::Blocked,
                    summary: "s".into(),
                    handed: Ok(Map::new()),
                },
            ),
        ];
        for (given, want) in cases {
            assert_eq!(parse(&given, all), Ok(want));
        }
    }

    #[test]
    fn bad_calls_are_told_what_is_wrong() {
        let cases = [
            (call("bash", json!({})), "There is no tool `bash`"),
            (call("read", json!({})), "`path` is missing"),
            (call("read", json!({"path": " "})), "`path` is empty"),
            (
                call("read", json!({"path": ["a"]})),
                "`path` must be a string",
            ),
            (
                call("read", json!({"path": "a", "offset": -1})),
                "`offset` must be a whole number",
            ),
            (
                call("edit", json!({"path": "a", "old": "b"})),
                "`new` is missing",
            ),
            (call("run", json!({"command": "a\u{0}b"})), "NUL"),
            (
                call("done", json!({"status": "success", "summary": "s"})),
                "\"done\" or \"blocked\"",
            ),
        ];
        for (given, want) in cases {
            let said = parse(&given, &ToolName::ALL).expect_err(want);
            assert!(said.contains(want), "{said}");
        }
        let reduced = [ToolName::Read, ToolName::Done];
        let said = parse(
            &call("write", json!({"path": "a", "content": "b"})),
            &reduced,
        )
        .expect_err("not granted");
        assert!(said.contains("The tools are: read, done."), "{said}");
    }
}
