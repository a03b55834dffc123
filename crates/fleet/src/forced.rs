//! One call that the server holds the model to, for a model whose calls cannot be read: its answer is JSON by the schema of the
//! tools. Ollama takes no tools beside a schema, so they stand in words at the end of the conversation.

use serde_json::{Value, json};

use crate::calls::with_ids;
use crate::chat::{ChatReply, Finish, Message, ToolCall, ToolSpec};
use crate::inert;
use crate::salvage;

/// What the model is told, and the schema that its answer is held to.
#[derive(Debug, Clone, PartialEq)]
pub struct CallForm {
    /// The last message of the request.
    pub words: String,
    /// Its `format`.
    pub schema: Value,
}

/// The form of one call of these tools. A server can still break it: [`formed`] reads the answer.
pub fn call_form(tools: &[ToolSpec]) -> CallForm {
    let mut words = "Answer with one tool call as a JSON object: {\"name\": TOOL, \"arguments\": {..}}. The tools:".to_owned();
    let mut forms = Vec::new();
    for tool in tools {
        words.push_str(&format!(
            "\n{}: {} {}",
            tool.name, tool.description, tool.parameters
        ));
        forms.push(json!({
            "type": "object",
            "properties": {"name": {"type": "string", "enum": [tool.name]}, "arguments": tool.parameters},
            "required": ["name", "arguments"],
            "additionalProperties": false,
        }));
    }
    CallForm {
        words,
        schema: json!({"anyOf": forms}),
    }
}

/// The reply to a request of that form, as one that makes its call. `messages` are those that the model was shown.
///
/// # Errors
/// Why its text is no call, in words for a record.
pub fn formed(
    reply: ChatReply,
    messages: &[Message],
    tools: &[ToolSpec],
) -> Result<ChatReply, String> {
    if reply.finish == Finish::Length {
        return Err("it was cut off at its length limit".to_owned());
    }
    let found = salvage::calls_in(&reply.text, tools).own(&reply.text, messages);
    let mut calls = found.calls.into_iter();
    let (Some(call), None) = (calls.next(), calls.next()) else {
        return Err(found
            .refused
            .unwrap_or_else(|| "it is not one call".to_owned()));
    };
    let mut arguments = call.arguments;
    inert::restore(&mut arguments);
    let call = ToolCall {
        id: String::new(),
        name: call.name,
        arguments,
    };
    Ok(ChatReply {
        text: String::new(),
        calls: with_ids(vec![call], messages),
        ..reply
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema;
    use alai_core::mode::Mode;

    fn tools() -> Vec<ToolSpec> {
        let tool = |name: &str, properties: Value, required: Value| ToolSpec {
            name: name.to_owned(),
            description: format!("Does {name}."),
            parameters: json!({"type": "object", "properties": properties, "required": required}),
        };
        vec![
            tool("read", json!({"path": {"type": "string"}}), json!(["path"])),
            tool(
                "done",
                json!({"status": {"type": "string", "enum": ["done"]}}),
                json!(["status"]),
            ),
        ]
    }

    fn reply(text: &str, finish: Finish) -> ChatReply {
        ChatReply {
            text: text.to_owned(),
            thinking: String::new(),
            calls: Vec::new(),
            usage: crate::chat::Usage::default(),
            usage_estimated: false,
            finish,
            salvaged: false,
            refused: None,
            mode: Mode::Real,
            model: "m".to_owned(),
            latency_ms: 0,
        }
    }

    #[test]
    fn the_schema_takes_calls_of_the_tools_and_nothing_else() {
        let form = call_form(&tools());
        for (answer, fits) in [
            (json!({"name": "read", "arguments": {"path": "a"}}), true),
            (
                json!({"name": "done", "arguments": {"status": "done"}}),
                true,
            ),
            (
                json!({"name": "done", "arguments": {"status": "never"}}),
                false,
            ),
            (json!({"name": "read", "arguments": {}}), false),
            (json!({"name": "remove", "arguments": {"path": "a"}}), false),
            (json!({"name": "read"}), false),
        ] {
            assert_eq!(
                schema::check(&answer, &form.schema).is_ok(),
                fits,
                "{answer}"
            );
        }
        assert!(
            form.words.contains("\nread: Does read. {"),
            "{}",
            form.words
        );
    }

    #[test]
    fn an_answer_by_the_schema_is_a_call() {
        let text = "{\"name\": \"read\", \"arguments\": {\"path\": \"a\"}}";
        let made = formed(reply(text, Finish::Stop), &[], &tools()).expect("a call");
        assert_eq!((made.calls.len(), made.text.as_str()), (1, ""));
        assert_eq!(
            (made.calls[0].name.as_str(), made.calls[0].id.as_str()),
            ("read", "call_0")
        );
        let shown = [Message::Tool {
            call_id: "c".to_owned(),
            name: "read".to_owned(),
            text: text.to_owned(),
        }];
        for (broken, messages, why) in [
            (reply(text, Finish::Length), &[][..], "cut off"),
            (reply("no", Finish::Stop), &[], "not one call"),
            (
                reply(&format!("[{text},{text}]"), Finish::Stop),
                &[],
                "not one call",
            ),
            (reply(text, Finish::Stop), &shown, "word for word"),
        ] {
            let said = formed(broken, messages, &tools()).expect_err(why);
            assert!(said.contains(why), "{said}");
        }
    }
}
