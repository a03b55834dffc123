//! Tool calls that a model wrote as text because its server did not parse them. Fails closed: a text is a call only when
//! its form, its tool and its arguments all say so, and prose about calls stays prose.
//!
//! | Dialect | Where it is accepted |
//! |---|---|
//! | `<tool_call>{"name": .., "arguments": {..}}</tool_call>` (Hermes, Qwen) | outside code fences and inline code |
//! | `<function=name><parameter=x>..</parameter></function>` (Qwen Coder), its `<tool_call>` often lost | at the start of a line, outside code fences |
//! | `<\|tool_call_begin\|>functions.name:0<\|tool_call_argument_begin\|>{..}<\|tool_call_end\|>` (Kimi) | outside code fences and inline code |
//! | a JSON object or list of them, bare | only as the whole message |
//! | the same in a code fence | only when fences are the whole message: elsewhere a fence is an example |
//!
//! Calls count up to the first one that does not fit; what follows it was written on the belief that it would run.

use serde_json::{Map, Value};

use crate::chat::ToolSpec;
use crate::schema;
use crate::stream::CALLS_MAX;

/// A call that was written as text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Written {
    pub(crate) name: String,
    pub(crate) arguments: Map<String, Value>,
}

/// The calls of a text and what is left of it without them.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Found {
    pub(crate) calls: Vec<Written>,
    pub(crate) text: String,
}

/// Finds the calls of tools of this request in a message.
pub(crate) fn calls_in(text: &str, tools: &[ToolSpec]) -> Option<Found> {
    if tools.is_empty() {
        return None;
    }
    if let Some(calls) = whole_message(text.trim(), tools) {
        return Some(Found {
            calls,
            text: String::new(),
        });
    }
    marked(text, tools)
}

/// The tool that a name means: models put `functions.` before it and `:0` behind it.
pub(crate) fn resolve<'a>(name: &str, tools: &'a [ToolSpec]) -> Option<&'a ToolSpec> {
    let exact = |name: &str| tools.iter().find(|tool| tool.name == name);
    let name = name.trim();
    exact(name).or_else(|| {
        let name = name.strip_prefix("functions.").unwrap_or(name);
        let name = match name.rsplit_once(':') {
            Some((head, index))
                if !index.is_empty() && index.bytes().all(|b| b.is_ascii_digit()) =>
            {
                head
            }
            Some(_) | None => name,
        };
        exact(name)
    })
}

/// An arguments object, also when it came as the text of one.
pub(crate) fn object_of(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(object) => Some(object),
        Value::String(text) => match serde_json::from_str(&escape_controls(text.trim())) {
            Ok(Value::Object(object)) => Some(object),
            Ok(_) | Err(_) => None,
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
    }
}

fn whole_message(text: &str, tools: &[ToolSpec]) -> Option<Vec<Written>> {
    if text.starts_with(['{', '[']) {
        return json_calls(text, tools, Form::Bare);
    }
    let inner = one_fence(text)?;
    json_calls(inner, tools, Form::Bare).or_else(|| {
        let mut calls = Vec::new();
        for fence in fences(text)? {
            calls.extend(json_calls(fence, tools, Form::Bare)?);
        }
        (!calls.is_empty()).then_some(calls)
    })
}

/// Labels of a fence that a model puts around a call. Any other names a language, and its content is code.
const LABELS: [&str; 5] = ["", "json", "tool_call", "tool_calls", "tool_code"];

/// The content between the first fence and the last one, if they enclose the message.
fn one_fence(text: &str) -> Option<&str> {
    let (label, rest) = text.strip_prefix("```")?.split_once('\n')?;
    let inner = rest.strip_suffix("```")?;
    LABELS.contains(&label.trim()).then_some(inner)
}

/// The contents of all fences, if nothing but fences is there.
fn fences(text: &str) -> Option<Vec<&str>> {
    let mut contents = Vec::new();
    let mut rest = text;
    while !rest.trim().is_empty() {
        let (label, after) = rest.trim_start().strip_prefix("```")?.split_once('\n')?;
        if !LABELS.contains(&label.trim()) {
            return None;
        }
        let end = after.find("\n```")?;
        contents.push(&after[..end]);
        rest = &after[end + 4..];
    }
    Some(contents)
}

/// One pass over the lines: fences are skipped, marked calls are taken.
fn marked(text: &str, tools: &[ToolSpec]) -> Option<Found> {
    let mut found = Found::default();
    let mut fence: Option<&str> = None;
    let (mut at, mut line_end) = (0, 0);
    while at < text.len() {
        let fresh = at >= line_end;
        if fresh {
            line_end = text[at..].find('\n').map_or(text.len(), |n| at + n + 1);
        }
        let line = &text[at..line_end];
        let marker = match (fence, fence_mark(line).filter(|_| fresh)) {
            (Some(open), Some(mark)) if mark.starts_with(open) && line.trim() == mark => {
                fence = None;
                None
            }
            (Some(_), _) => None,
            (None, Some(mark)) => {
                fence = Some(mark);
                None
            }
            (None, None) => first_marker(line),
        };
        let Some((offset, marker)) = marker else {
            found.text.push_str(line);
            at = line_end;
            continue;
        };
        found.text.push_str(&line[..offset]);
        let rest = &text[at + offset..];
        match taken(rest, marker, tools) {
            Some((calls, length)) if found.calls.len() + calls.len() <= CALLS_MAX => {
                found.calls.extend(calls);
                at += offset + length;
                // A call that ran over its line leaves the rest of another line, which starts none.
                if at > line_end {
                    line_end = text[at..].find('\n').map_or(text.len(), |n| at + n + 1);
                }
            }
            Some(_) | None => {
                found.text.push_str(rest);
                break;
            }
        }
    }
    found.text = found.text.trim().to_owned();
    (!found.calls.is_empty()).then_some(found)
}

/// The backticks or tildes that open or close a code fence on this line.
fn fence_mark(line: &str) -> Option<&str> {
    let text = line.trim_start();
    if line.len() - text.len() > 3 {
        return None;
    }
    let sign = text.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let length = text
        .bytes()
        .take_while(|byte| char::from(*byte) == sign)
        .count();
    // Backticks that end on their own line are inline code.
    let inline = sign == '`' && text[length..].contains('`');
    (length >= 3 && !inline).then(|| &text[..length])
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marker {
    Hermes,
    Function,
    Kimi,
    /// What surrounds calls and says nothing.
    Noise(usize),
}

const HERMES: &str = "<tool_call>";
const HERMES_END: &str = "</tool_call>";
const FUNCTION: &str = "<function=";
const FUNCTION_END: &str = "</function>";
const PARAMETER: &str = "<parameter=";
const PARAMETER_END: &str = "</parameter>";
const KIMI: &str = "<|tool_call_begin|>";
const KIMI_ARGUMENTS: &str = "<|tool_call_argument_begin|>";
const KIMI_END: &str = "<|tool_call_end|>";
const NOISE: [&str; 3] = [
    "<|tool_calls_section_begin|>",
    "<|tool_calls_section_end|>",
    HERMES_END,
];

/// The first marker of a line that is not inside inline code.
fn first_marker(line: &str) -> Option<(usize, Marker)> {
    let mut inline_code = false;
    for (offset, sign) in line.char_indices() {
        match sign {
            '`' => inline_code = !inline_code,
            '<' if !inline_code => {
                let rest = &line[offset..];
                if rest.starts_with(HERMES) {
                    return Some((offset, Marker::Hermes));
                }
                // Prose mentions `<function=`; a call starts a line with it.
                if rest.starts_with(FUNCTION) && line[..offset].trim().is_empty() {
                    return Some((offset, Marker::Function));
                }
                if rest.starts_with(KIMI) {
                    return Some((offset, Marker::Kimi));
                }
                if let Some(noise) = NOISE.iter().find(|noise| rest.starts_with(**noise)) {
                    return Some((offset, Marker::Noise(noise.len())));
                }
            }
            _ => {}
        }
    }
    None
}

/// The calls that start at this marker, and how many bytes they take.
fn taken(text: &str, marker: Marker, tools: &[ToolSpec]) -> Option<(Vec<Written>, usize)> {
    match marker {
        Marker::Hermes => hermes(text, tools),
        Marker::Function => {
            let (call, rest) = function(text, tools)?;
            Some((vec![call], text.len() - rest.len()))
        }
        Marker::Kimi => kimi(text, tools),
        Marker::Noise(length) => Some((Vec::new(), length)),
    }
}

fn hermes(text: &str, tools: &[ToolSpec]) -> Option<(Vec<Written>, usize)> {
    let inner = text.strip_prefix(HERMES)?.trim_start();
    let (calls, rest) = if inner.starts_with(FUNCTION) {
        let (call, rest) = function(inner, tools)?;
        (vec![call], rest)
    } else {
        let end = json_end(inner)?;
        (
            json_calls(&inner[..end], tools, Form::Marked)?,
            &inner[end..],
        )
    };
    // The end tag is sometimes the stop word, and then it is missing at the end of the message.
    let rest = match rest.trim_start().strip_prefix(HERMES_END) {
        Some(after) => after,
        None if rest.trim().is_empty() => "",
        None => return None,
    };
    Some((calls, text.len() - rest.len()))
}

fn function<'a>(text: &'a str, tools: &[ToolSpec]) -> Option<(Written, &'a str)> {
    let (name, mut rest) = text.strip_prefix(FUNCTION)?.split_once('>')?;
    let tool = resolve(name, tools)?;
    let mut arguments = Map::new();
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix(FUNCTION_END) {
            let written = written(tool, arguments)?;
            return Some((written, after));
        }
        let (key, after) = rest.strip_prefix(PARAMETER)?.split_once('>')?;
        let end = parameter_end(after)?;
        let value = after[..end].strip_prefix('\n').unwrap_or(&after[..end]);
        let value = value.strip_suffix('\n').unwrap_or(value);
        if arguments
            .insert(key.trim().to_owned(), Value::String(value.to_owned()))
            .is_some()
        {
            return None;
        }
        rest = &after[end + PARAMETER_END.len()..];
    }
}

/// The end tag that is followed by another parameter or the end of the call; one inside a written file is not.
fn parameter_end(text: &str) -> Option<usize> {
    text.match_indices(PARAMETER_END)
        .map(|(at, _)| at)
        .find(|at| {
            let next = text[at + PARAMETER_END.len()..].trim_start();
            next.starts_with(PARAMETER) || next.starts_with(FUNCTION_END)
        })
}

fn kimi(text: &str, tools: &[ToolSpec]) -> Option<(Vec<Written>, usize)> {
    let (name, rest) = text.strip_prefix(KIMI)?.split_once(KIMI_ARGUMENTS)?;
    let tool = resolve(name, tools)?;
    let rest = rest.trim_start();
    let end = json_end(rest)?;
    let arguments = object_of(Value::String(rest[..end].to_owned()))?;
    let after = rest[end..].trim_start().strip_prefix(KIMI_END)?;
    Some((vec![written(tool, arguments)?], text.len() - after.len()))
}

/// How sure the place of a JSON text makes us that it is a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Nothing but its keys says so: all of them must be there.
    Bare,
    /// Tags around it say so.
    Marked,
}

/// The calls of a text of JSON values, all of which must be calls.
fn json_calls(text: &str, tools: &[ToolSpec], form: Form) -> Option<Vec<Written>> {
    let text = escape_controls(text);
    let mut calls = Vec::new();
    for value in serde_json::Deserializer::from_str(&text).into_iter::<Value>() {
        match value.ok()? {
            Value::Array(list) => {
                for item in list {
                    calls.push(json_call(item, tools, form)?);
                }
            }
            value @ (Value::Object(_)
            | Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)) => calls.push(json_call(value, tools, form)?),
        }
    }
    (!calls.is_empty() && calls.len() <= CALLS_MAX).then_some(calls)
}

/// Keys of a call object; any other key makes it something else.
const CALL_KEYS: [&str; 6] = ["name", "arguments", "parameters", "id", "type", "index"];

fn json_call(value: Value, tools: &[ToolSpec], form: Form) -> Option<Written> {
    let Value::Object(mut object) = value else {
        return None;
    };
    if let Some(Value::Object(function)) = object.get("function") {
        // OpenAI's shape has the call one level down.
        if !object
            .keys()
            .all(|key| ["function", "id", "type", "index"].contains(&key.as_str()))
        {
            return None;
        }
        object = function.clone();
    }
    if !object.keys().all(|key| CALL_KEYS.contains(&key.as_str())) {
        return None;
    }
    let tool = resolve(object.get("name")?.as_str()?, tools)?;
    let arguments = match object
        .remove("arguments")
        .or_else(|| object.remove("parameters"))
    {
        Some(arguments) => object_of(arguments)?,
        None if form == Form::Marked => Map::new(),
        None => return None,
    };
    written(tool, arguments)
}

/// A call whose arguments fit the tool: only its properties, all the required ones, of the right types.
fn written(tool: &ToolSpec, mut arguments: Map<String, Value>) -> Option<Written> {
    if let Some(properties) = tool.parameters.get("properties").and_then(Value::as_object) {
        for (key, value) in &mut arguments {
            coerce(value, properties.get(key)?);
        }
    }
    let arguments = Value::Object(arguments);
    schema::check(&arguments, &tool.parameters).ok()?;
    let Value::Object(arguments) = arguments else {
        return None;
    };
    Some(Written {
        name: tool.name.clone(),
        arguments,
    })
}

/// Numbers and booleans that were written as text become what the schema says.
fn coerce(value: &mut Value, schema: &Value) {
    let Some(text) = value.as_str() else { return };
    let wants_more_than_text = matches!(
        schema.get("type").and_then(Value::as_str),
        Some("integer" | "number" | "boolean" | "object" | "array")
    );
    if wants_more_than_text && let Ok(parsed) = serde_json::from_str::<Value>(text.trim()) {
        *value = parsed;
    }
}

/// The end of the JSON object or list that a text starts with.
fn json_end(text: &str) -> Option<usize> {
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

/// JSON forbids raw control characters inside strings; models that write files as arguments forget it.
fn escape_controls(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let (mut in_string, mut escaped) = (false, false);
    for c in json.chars() {
        match c {
            '\n' if in_string => out.push_str(if escaped { "n" } else { "\\n" }),
            '\t' if in_string => out.push_str(if escaped { "t" } else { "\\t" }),
            '\r' if in_string => out.push_str(if escaped { "r" } else { "\\r" }),
            c if in_string && c < ' ' => {
                out.push_str(if escaped { "u" } else { "\\u" });
                out.push_str(&format!("{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
        match c {
            _ if escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' => in_string = !in_string,
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests;
