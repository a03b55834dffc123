//! JSON as models write it: what can be read in one way only is mended, the rest is refused.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Form, Written, Wrong, known, written};
use crate::answer::CALLS_MAX;
use crate::chat::ToolSpec;

/// The calls of a text of JSON values, all of which must be calls.
pub(super) fn calls(text: &str, tools: &[ToolSpec], form: Form) -> Result<Vec<Written>, Wrong> {
    let text = mended(text);
    let mut calls = Vec::new();
    let mut values = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
    let mut begin = 0;
    while let Some(value) = values.next() {
        let value = value.map_err(|error| match form {
            Form::Bare => Wrong::Other,
            Form::Marked => Wrong::Call(format!("it is no JSON ({error})")),
        })?;
        let source: Arc<str> = text[begin..values.byte_offset()].trim().into();
        begin = values.byte_offset();
        match listed(value) {
            Value::Array(list) => {
                // Before the first is read: a message may hold a list of any length.
                if calls.len() + list.len() > CALLS_MAX {
                    return Err(Wrong::Other);
                }
                for item in list {
                    calls.push(call(item, tools, form, &source)?);
                }
            }
            value @ (Value::Object(_)
            | Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)) => calls.push(call(value, tools, form, &source)?),
        }
        if calls.len() > CALLS_MAX {
            return Err(Wrong::Other);
        }
    }
    if calls.is_empty() {
        return Err(Wrong::Other);
    }
    Ok(calls)
}

/// The list inside `{"tool_calls": [..]}`.
fn listed(value: Value) -> Value {
    match value {
        Value::Object(mut object) if object.len() == 1 && object.contains_key("tool_calls") => {
            object.remove("tool_calls").unwrap_or_default()
        }
        Value::Object(_)
        | Value::Array(_)
        | Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_) => value,
    }
}

/// Keys of a call object; any other key makes it something else.
const NAME_KEYS: [&str; 3] = ["name", "tool", "tool_name"];
const ARGUMENT_KEYS: [&str; 5] = ["arguments", "parameters", "args", "input", "tool_input"];
const SILENT_KEYS: [&str; 3] = ["id", "type", "index"];

fn call(value: Value, tools: &[ToolSpec], form: Form, source: &Arc<str>) -> Result<Written, Wrong> {
    let other = || match form {
        Form::Bare => Wrong::Other,
        Form::Marked => Wrong::call("it is no object of `name` and `arguments`"),
    };
    let Value::Object(mut object) = value else {
        return Err(other());
    };
    if let Some(Value::Object(function)) = object.get("function") {
        // OpenAI's shape has the call one level down.
        if !object
            .keys()
            .all(|key| key == "function" || SILENT_KEYS.contains(&key.as_str()))
        {
            return Err(other());
        }
        object = function.clone();
    }
    let is_key = |key: &String| {
        let key = key.as_str();
        NAME_KEYS.contains(&key) || ARGUMENT_KEYS.contains(&key) || SILENT_KEYS.contains(&key)
    };
    if !object.keys().all(is_key) {
        return Err(other());
    }
    let name = NAME_KEYS.iter().find_map(|key| object.get(*key));
    let name = name.and_then(Value::as_str).ok_or_else(other)?.to_owned();
    let arguments = ARGUMENT_KEYS.iter().find_map(|key| object.remove(*key));
    if arguments.is_none() && form == Form::Bare {
        return Err(Wrong::Other);
    }
    let tool = known(&name, tools)?;
    let arguments = match arguments {
        Some(arguments) => {
            object_of(arguments).ok_or_else(|| Wrong::call("its arguments are no JSON object"))?
        }
        None => Map::new(),
    };
    written(tool, arguments, source)
}

/// An arguments object, also when it came as the text of one.
pub(crate) fn object_of(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(object) => Some(object),
        Value::String(text) => match serde_json::from_str(&mended(text.trim())) {
            Ok(Value::Object(object)) => Some(object),
            Ok(_) | Err(_) => None,
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
    }
}

/// A value as its schema says, where it was written in another way that can mean nothing else.
pub(super) fn coerce(value: &mut Value, schema: &Value) {
    let kind = schema.get("type").and_then(Value::as_str);
    match (kind, &*value) {
        (Some("boolean"), Value::String(text)) => match text.trim().to_ascii_lowercase().as_str() {
            "true" => *value = Value::Bool(true),
            "false" => *value = Value::Bool(false),
            _ => {}
        },
        (Some("integer" | "number" | "object" | "array"), Value::String(text)) => {
            if let Ok(parsed) = serde_json::from_str::<Value>(&mended(text.trim())) {
                *value = parsed;
            }
        }
        (Some("string"), Value::Array(pieces)) => {
            if let Some(text) = joined(pieces) {
                *value = Value::String(text);
            }
        }
        _ => {}
    }
}

/// A text that came in pieces. Only lines with their ends are: a list of bare lines could be joined in two ways.
fn joined(pieces: &[Value]) -> Option<String> {
    let texts: Vec<&str> = pieces.iter().filter_map(Value::as_str).collect();
    let (_, before) = texts.split_last()?;
    let whole = texts.len() == pieces.len() && before.iter().all(|piece| piece.ends_with('\n'));
    whole.then(|| texts.concat())
}

/// The end of the JSON object or list that a text starts with.
pub(super) fn end(text: &str) -> Option<usize> {
    if !text.starts_with(['{', '[']) {
        return None;
    }
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// JSON without the slips of models that write files as arguments: raw control characters and lone backslashes inside
/// strings; commas before a closing bracket and Python's words outside of them. Valid JSON stays as it is.
fn mended(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut in_string = false;
    let mut rest = json;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        let taken = match c {
            '"' => {
                in_string = !in_string;
                out.push(c);
                1
            }
            '\\' if in_string => escape(after, &mut out),
            c if in_string && c < ' ' => {
                control(c, &mut out);
                1
            }
            ',' if !in_string && after.trim_start().starts_with(['}', ']']) => 1,
            c if !in_string && c.is_ascii_alphabetic() => word(rest, &mut out),
            c => {
                out.push(c);
                c.len_utf8()
            }
        };
        rest = &rest[taken..];
    }
    out
}

/// A backslash in a string and what it escapes; gives the bytes taken.
fn escape(after: &str, out: &mut String) -> usize {
    let hex = |text: &str| {
        let digits = text.as_bytes().get(..4);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    match after.chars().next() {
        Some(c @ ('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't')) => {
            out.push('\\');
            out.push(c);
            2
        }
        Some('u') if hex(&after[1..]) => {
            out.push_str("\\u");
            2
        }
        // JSON has no such escape, and a single quote needs none.
        Some('\'') => {
            out.push('\'');
            2
        }
        Some(c) if c < ' ' => {
            control(c, out);
            2
        }
        // `\d` of a regular expression, `\U` of a path.
        Some(_) | None => {
            out.push_str("\\\\");
            1
        }
    }
}

fn control(c: char, out: &mut String) {
    match c {
        '\n' => out.push_str("\\n"),
        '\t' => out.push_str("\\t"),
        '\r' => out.push_str("\\r"),
        c => out.push_str(&format!("\\u{:04x}", u32::from(c))),
    }
}

/// A bare word outside of strings; gives its bytes.
fn word(rest: &str, out: &mut String) -> usize {
    let end = rest
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(rest.len());
    out.push_str(match &rest[..end] {
        "True" => "true",
        "False" => "false",
        "None" => "null",
        other => other,
    });
    end
}
