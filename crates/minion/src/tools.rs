//! The six tools as a model sees them, and the parse of its calls. Arguments are untrusted text.

use alai_core::blueprint::ToolName;
use alai_core::brief::Role;
use alai_fleet::{ToolCall, ToolSpec};
use serde_json::{Map, Value, json};

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
    Run {
        command: String,
        timeout_s: Option<u64>,
    },
    Done {
        claim: Claim,
        summary: String,
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
        Role::Builder | Role::Lead => true,
        Role::Reviewer => false,
    };
    let granted = |tool: &ToolName| match tool {
        ToolName::Edit | ToolName::Write => writes && step.contains(tool),
        ToolName::Done => true,
        ToolName::Read | ToolName::Search | ToolName::Run => step.contains(tool),
    };
    ToolName::ALL.into_iter().filter(granted).collect()
}

/// The tools as they go to the model: flat, strings and integers, no length limits (long repetitions break the grammar
/// compilers of local servers).
pub(crate) fn specs(tools: &[ToolName]) -> Vec<ToolSpec> {
    tools.iter().map(|tool| spec(*tool)).collect()
}

fn spec(tool: ToolName) -> ToolSpec {
    let text = json!({"type": "string"});
    let number = json!({"type": "integer"});
    let (description, properties, required): (&str, Value, &[&str]) = match tool {
        ToolName::Read => (
            "Show a file with line numbers, at most 400 lines from line `offset`.",
            json!({"path": text, "offset": number, "limit": number}),
            &["path"],
        ),
        ToolName::Search => (
            "Find lines by regular expression. `path` is a folder, `glob` filters names such as *.rs.",
            json!({"pattern": text, "path": text, "glob": text}),
            &["pattern"],
        ),
        ToolName::Edit => (
            "Replace the text `old` by `new` in a file. Copy `old` exactly, with enough lines to be unique; `all` replaces every place.",
            json!({"path": text, "old": text, "new": text, "all": {"type": "boolean"}}),
            &["path", "old", "new"],
        ),
        ToolName::Write => (
            "Create a file with the whole `content`, or replace one you have read.",
            json!({"path": text, "content": text}),
            &["path", "content"],
        ),
        ToolName::Run => (
            "Run a shell command at the root of the repository. No network, no terminal, nothing stays running.",
            json!({"command": text, "timeout_s": number}),
            &["command"],
        ),
        ToolName::Done => (
            "End this step. status done: the work is complete. blocked: you cannot go on; say why in the summary.",
            json!({"status": {"type": "string", "enum": ["done", "blocked"]}, "summary": text}),
            &["status", "summary"],
        ),
    };
    ToolSpec {
        name: tool.as_str().to_owned(),
        description: description.to_owned(),
        parameters: json!({"type": "object", "properties": properties, "required": required}),
    }
}

/// Reads a call, or says in words for the model what is wrong with it.
pub(crate) fn parse(call: &ToolCall, tools: &[ToolName]) -> Result<Call, String> {
    let name = call.name.strip_prefix("functions.").unwrap_or(&call.name);
    let Some(tool) = ToolName::parse(name).filter(|tool| tools.contains(tool)) else {
        let names: Vec<&str> = tools.iter().map(|tool| tool.as_str()).collect();
        let given = crate::text::cut(&call.name, 60);
        return Err(format!(
            "There is no tool `{given}`. The tools are: {}.",
            names.join(", ")
        ));
    };
    arguments(tool, &call.arguments).map_err(|what| {
        let shape = spec(tool).parameters;
        format!("The call of `{name}` was not executed: {what}. Its arguments are {shape}.")
    })
}

fn arguments(tool: ToolName, args: &Map<String, Value>) -> Result<Call, String> {
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
        },
    })
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
        let json = serde_json::to_string(&specs(&ToolName::ALL)).expect("tools are JSON");
        assert!(json.len() < 2_560, "{} bytes", json.len());
    }

    #[test]
    fn schemas_are_flat() {
        for spec in specs(&ToolName::ALL) {
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
