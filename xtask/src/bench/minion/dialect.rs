//! What the script says, in the four wires that harnesses speak, with the tools that each request offers.

use super::sample::Files;
use super::script::Turn;
use serde_json::{Value, json};
use std::path::Path;

/// How a client asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    /// Ollama's `/api/chat`.
    Ollama,
    /// OpenAI's chat completions.
    Completions,
    /// OpenAI's responses.
    Responses,
    /// Anthropic's messages.
    Messages,
}

impl Wire {
    pub(super) fn of(path: &str) -> Option<Wire> {
        match path {
            "/api/chat" => Some(Wire::Ollama),
            "/v1/chat/completions" => Some(Wire::Completions),
            "/v1/responses" => Some(Wire::Responses),
            "/v1/messages" => Some(Wire::Messages),
            _ => None,
        }
    }
}

/// What mini-swe-agent reads as the end.
const MINI_END: &str = "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT";
/// What the fields of a text without a call say.
const SAID: &str = "It is done.";
/// A server counts tokens; four characters are about one.
const CHARS_PER_TOKEN: usize = 4;

/// Content type and body of the answer to one request.
pub(super) fn answer(
    wire: Wire,
    turn: Turn,
    number: usize,
    stream: bool,
    folder: &Path,
    request: &Value,
) -> (&'static str, String) {
    let call = call(&offered(request), turn, folder);
    let tokens = request.to_string().len() / CHARS_PER_TOKEN;
    let text = match turn {
        Turn::Plan => plan(),
        Turn::Class => class(request),
        Turn::Read(_) | Turn::Write(_) | Turn::Run(_) | Turn::Done => SAID.to_owned(),
    };
    let said = Said {
        id: format!("call_{number}"),
        call,
        text,
        tokens,
    };
    match (wire, stream) {
        (Wire::Ollama, _) => ("application/x-ndjson", said.ollama()),
        (Wire::Completions, true) => ("text/event-stream", said.completion_events()),
        (Wire::Completions, false) => ("application/json", said.completion()),
        (Wire::Responses, _) => ("text/event-stream", said.responses()),
        (Wire::Messages, _) => ("text/event-stream", said.messages()),
    }
}

/// Of the schema `work_plan`.
fn plan() -> String {
    json!({"approach": "Make the files.", "files": [Files::written(0)], "risks": []}).to_string()
}

/// Whether a request asks what sort of task it is: by the schema that it holds the answer to.
pub(super) fn asks_class(request: &Value) -> bool {
    request["format"]["properties"]["complexity"].is_object()
}

/// Of that schema: the simplest task there is.
fn class(request: &Value) -> String {
    let first = |name: &str| request["format"]["properties"][name]["enum"][0].clone();
    json!({"complexity": 1, "domain": first("domain"), "type": first("type"), "confidence": 90})
        .to_string()
}

/// What clients ask for beside chats. The model is loaded, as it is on a machine that is in use.
pub(super) fn about(path: &str) -> Option<Value> {
    let model = json!({"name": "small", "model": "small", "size": 5_000_000_000u64, "digest": "0".repeat(64),
        "details": {"family": "small", "parameter_size": "8.0B", "quantization_level": "Q4_K_M"}});
    match path {
        "/api/version" => Some(json!({"version": "0.33.3"})),
        "/api/tags" => Some(json!({"models": [model]})),
        "/api/ps" => {
            Some(json!({"models": [{"name": "small", "model": "small", "size": 5_000_000_000u64}]}))
        }
        "/api/show" => Some(
            json!({"capabilities": ["completion", "tools"], "details": model["details"],
            "model_info": {"general.architecture": "small", "general.parameter_count": 8_000_000_000u64,
                "small.context_length": 131_072}}),
        ),
        "/v1/models" => {
            Some(json!({"object": "list", "data": [{"id": "small", "object": "model"}]}))
        }
        "/v1/messages/count_tokens" => Some(json!({"input_tokens": 1000})),
        _ => None,
    }
}

/// The names of the tools that a request offers; the wires nest them differently.
fn offered(request: &Value) -> Vec<String> {
    let tools = request["tools"].as_array().into_iter().flatten();
    let name = |tool: &Value| {
        let name = tool["function"]["name"].as_str().or(tool["name"].as_str());
        name.map(str::to_owned)
    };
    tools.filter_map(name).collect()
}

/// A turn as a call of one of these tools; the end is a call only where a harness has one for it.
fn call(offered: &[String], turn: Turn, folder: &Path) -> Option<(&'static str, Value)> {
    let has = |name: &str| offered.iter().any(|tool| tool == name);
    let at = |name: String| folder.join(name).to_string_lossy().into_owned();
    match turn {
        Turn::Plan | Turn::Class => None,
        Turn::Read(n) if has("read") => Some(("read", json!({"path": Files::read(n)}))),
        Turn::Read(n) if has("Read") => Some(("Read", json!({"file_path": at(Files::read(n))}))),
        Turn::Write(n) if has("write") => {
            let content = format!("made {n}\n");
            Some((
                "write",
                json!({"path": Files::written(n), "content": content}),
            ))
        }
        Turn::Write(n) if has("Write") => {
            let content = format!("made {n}\n");
            Some((
                "Write",
                json!({"file_path": at(Files::written(n)), "content": content}),
            ))
        }
        Turn::Done if has("done") => Some(("done", json!({"status": "done", "summary": SAID}))),
        // mini-swe-agent has one tool, and its end is a command.
        Turn::Done if offered == ["bash"] => Some(("bash", json!({"command": MINI_END}))),
        Turn::Done => None,
        Turn::Read(_) | Turn::Write(_) | Turn::Run(_) => shell(&has, &turn.shell()),
    }
}

fn shell(has: &dyn Fn(&str) -> bool, command: &str) -> Option<(&'static str, Value)> {
    let of = |name: &'static str, field: &str| has(name).then(|| (name, json!({field: command})));
    of("run", "command")
        .or_else(|| of("Bash", "command"))
        .or_else(|| of("bash", "command"))
        .or_else(|| of("exec_command", "cmd"))
}

/// One answer, before it has the form of a wire.
struct Said {
    id: String,
    call: Option<(&'static str, Value)>,
    text: String,
    tokens: usize,
}

impl Said {
    fn ollama(&self) -> String {
        let message = match &self.call {
            Some((name, arguments)) => json!({"role": "assistant", "content": "",
                "tool_calls": [{"id": self.id, "function": {"index": 0, "name": name, "arguments": arguments}}]}),
            None => json!({"role": "assistant", "content": self.text}),
        };
        let first = json!({"model": "small", "message": message, "done": false});
        let last = json!({"model": "small", "message": {"role": "assistant", "content": ""}, "done": true,
            "done_reason": "stop", "prompt_eval_count": self.tokens, "eval_count": 20});
        format!("{first}\n{last}\n")
    }

    fn usage(&self) -> Value {
        json!({"prompt_tokens": self.tokens, "completion_tokens": 20, "total_tokens": self.tokens + 20})
    }

    fn completion(&self) -> String {
        let (message, finish) = match &self.call {
            Some((name, arguments)) => (
                json!({"role": "assistant", "content": null, "tool_calls": [{"id": self.id, "type": "function",
                    "function": {"name": name, "arguments": arguments.to_string()}}]}),
                "tool_calls",
            ),
            None => (json!({"role": "assistant", "content": self.text}), "stop"),
        };
        json!({"id": "chat_1", "object": "chat.completion", "created": 1, "model": "small",
            "choices": [{"index": 0, "message": message, "finish_reason": finish}], "usage": self.usage()})
        .to_string()
    }

    fn completion_events(&self) -> String {
        let (delta, finish) = match &self.call {
            Some((name, arguments)) => (
                json!({"role": "assistant", "tool_calls": [{"index": 0, "id": self.id, "type": "function",
                    "function": {"name": name, "arguments": arguments.to_string()}}]}),
                "tool_calls",
            ),
            None => (json!({"role": "assistant", "content": self.text}), "stop"),
        };
        let chunk = |delta: Value, finish: Value| {
            json!({"id": "chat_1", "object": "chat.completion.chunk", "created": 1, "model": "small",
                "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], "usage": self.usage()})
        };
        let (first, last) = (chunk(delta, Value::Null), chunk(json!({}), finish.into()));
        format!("data: {first}\n\ndata: {last}\n\ndata: [DONE]\n\n")
    }

    fn responses(&self) -> String {
        let item = match &self.call {
            Some((name, arguments)) => {
                json!({"type": "function_call", "id": format!("fc_{}", self.id), "call_id": self.id,
                "name": name, "arguments": arguments.to_string(), "status": "completed"})
            }
            None => {
                json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
                "content": [{"type": "output_text", "text": self.text, "annotations": []}]})
            }
        };
        let usage = json!({"input_tokens": self.tokens, "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 20, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": self.tokens + 20});
        let events = [
            json!({"type": "response.created", "response": {"id": "resp_1"}}),
            json!({"type": "response.output_item.done", "output_index": 0, "item": item}),
            json!({"type": "response.completed", "response": {"id": "resp_1", "status": "completed",
                "output": [item], "usage": usage}}),
        ];
        events.iter().map(event).collect()
    }

    fn messages(&self) -> String {
        let usage = json!({"input_tokens": self.tokens, "output_tokens": 20,
            "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0});
        let (block, delta, stop) = match &self.call {
            Some((name, arguments)) => (
                json!({"type": "tool_use", "id": format!("toolu_{}", self.id), "name": name, "input": {}}),
                json!({"type": "input_json_delta", "partial_json": arguments.to_string()}),
                "tool_use",
            ),
            None => (
                json!({"type": "text", "text": ""}),
                json!({"type": "text_delta", "text": self.text}),
                "end_turn",
            ),
        };
        let events = [
            json!({"type": "message_start", "message": {"id": format!("msg_{}", self.id), "type": "message",
                "role": "assistant", "content": [], "model": "small", "stop_reason": null, "usage": usage}}),
            json!({"type": "content_block_start", "index": 0, "content_block": block}),
            json!({"type": "content_block_delta", "index": 0, "delta": delta}),
            json!({"type": "content_block_stop", "index": 0}),
            json!({"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": null}, "usage": usage}),
            json!({"type": "message_stop"}),
        ];
        events.iter().map(event).collect()
    }
}

/// A server-sent event that is named after its type.
fn event(json: &Value) -> String {
    let name = json["type"].as_str().unwrap_or_default();
    format!("event: {name}\ndata: {json}\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(tools: &[&str]) -> Vec<String> {
        tools.iter().map(|&tool| tool.to_owned()).collect()
    }

    #[test]
    fn each_harness_gets_the_same_act_in_its_own_words() {
        let folder = Path::new("/repo");
        let act = |tools: &[&str], turn| call(&names(tools), turn, folder);
        let read = Turn::Read(1);
        assert_eq!(
            act(&["read", "run", "done"], read),
            Some(("read", json!({"path": "f1.txt"})))
        );
        assert_eq!(
            act(&["Read", "Bash"], read),
            Some(("Read", json!({"file_path": "/repo/f1.txt"})))
        );
        assert_eq!(
            act(&["exec_command"], read),
            Some(("exec_command", json!({"cmd": "cat f1.txt"})))
        );
        assert_eq!(
            act(&["bash"], Turn::Done),
            Some(("bash", json!({"command": MINI_END})))
        );
        assert_eq!(act(&["read", "write", "edit", "bash"], Turn::Done), None);
        assert!(act(&["read", "run", "done"], Turn::Done).is_some());
    }

    #[test]
    fn every_wire_names_the_call() {
        let wires = [
            (Wire::Ollama, true),
            (Wire::Completions, true),
            (Wire::Completions, false),
            (Wire::Responses, true),
            (Wire::Messages, true),
        ];
        let request = json!({"tools": [{"name": "bash"}]});
        for (wire, stream) in wires {
            let (_, body) = answer(wire, Turn::Run(3), 7, stream, Path::new("/repo"), &request);
            assert!(
                body.contains("bash") && body.contains("true run 3"),
                "{wire:?}: {body}"
            );
        }
    }
}
