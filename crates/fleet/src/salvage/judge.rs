//! What holds of any text that is read for calls: of it, only what fits a tool is taken.

use serde_json::json;

use super::*;

/// The tools that runs have, and one with the types that theirs lack.
pub(crate) fn tools() -> Vec<ToolSpec> {
    let text = json!({"type": "string"});
    let number = json!({"type": "integer"});
    let tool = |name: &str, properties: Value, required: &[&str]| ToolSpec {
        name: name.to_owned(),
        description: String::new(),
        parameters: json!({"type": "object", "properties": properties, "required": required}),
    };
    vec![
        tool(
            "read",
            json!({"path": text, "offset": number, "limit": number}),
            &["path"],
        ),
        tool(
            "search",
            json!({"pattern": text, "path": text, "glob": text}),
            &["pattern"],
        ),
        tool(
            "edit",
            json!({"path": text, "old": text, "new": text, "all": {"type": "boolean"}}),
            &["path", "old", "new"],
        ),
        tool(
            "write",
            json!({"path": text, "content": text}),
            &["path", "content"],
        ),
        tool(
            "run",
            json!({"command": text, "timeout_s": number}),
            &["command"],
        ),
        tool(
            "done",
            json!({"status": {"type": "string", "enum": ["done", "blocked"]}, "summary": text}),
            &["status", "summary"],
        ),
        tool(
            "tag",
            json!({"names": {"type": "array", "items": text}, "extra": {"type": "object"}, "weight": {"type": "number"}}),
            &["names"],
        ),
    ]
}

/// By rules of its own: what any call that was taken must be.
pub(super) fn fits(call: &Written) -> bool {
    let tools = tools();
    let Some(tool) = tools.iter().find(|tool| tool.name == call.name) else {
        return false;
    };
    let properties = tool.parameters["properties"]
        .as_object()
        .expect("an object");
    let known = call.arguments.iter().all(|(key, value)| {
        properties
            .get(key)
            .is_some_and(|schema| match schema["type"].as_str() {
                Some("string") => value.is_string(),
                Some("integer") => value.as_f64().is_some_and(|n| n.fract() == 0.0),
                Some("boolean") => value.is_boolean(),
                Some("number") => value.is_number(),
                Some("array") => value.is_array(),
                Some("object") => value.is_object(),
                _ => false,
            })
    });
    let required = tool.parameters["required"].as_array().expect("a list");
    known
        && required
            .iter()
            .all(|key| call.arguments.contains_key(key.as_str().unwrap_or("")))
}

/// # Panics
/// When a call is taken that fits no tool, that no mark begins, or that another reading does not find.
pub(crate) fn judge(text: &str) {
    let tools = tools();
    let found = calls_in(text, &tools);
    assert_eq!(found, calls_in(text, &tools));
    assert!(found.calls.iter().all(fits), "{text:?}: {:?}", found.calls);
    assert!(found.calls.len() <= CALLS_MAX && found.text.len() <= text.len());
    // What a mark may follow on its line is the end of another one.
    let begins = |line: &str, mark: &str| {
        line.match_indices(mark)
            .any(|(at, _)| matches!(line[..at].trim_end().chars().next_back(), None | Some('>')))
    };
    let marked = text.split('\n').any(|line| {
        [HERMES, FUNCTION, KIMI]
            .into_iter()
            .any(|mark| begins(line, mark))
    });
    let alone = text.trim_start().starts_with(['{', '[', '`', '<']);
    assert!(marked || alone || found.calls.is_empty(), "{text:?}");
}
