//! The events of a streamed message. Its content comes in numbered blocks, its counts at both ends.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::answer::{CALLS_MAX, too_many_calls};
use crate::anthropic::{body, errors};
use crate::chat::{Finish, Usage};
use crate::error::{ErrorClass, Fault, quote};
use crate::event::{Event, Fed, Out, RawCall};
use crate::sse::{Frame, Sse};

/// Blocks that may be open at once. One is, at a time; more is no message.
const OPEN_MAX: usize = 64;

/// The blocks of one answer.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    framing: Sse,
    said: Said,
}

/// How the answer to a schema stands in the input of the one tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Input,
    Wrapped,
}

/// What was said so far, as far as the next event needs it.
#[derive(Debug, Default)]
struct Said {
    /// Set when a schema was asked for: the call of the one tool is the text.
    form: Option<Form>,
    open: BTreeMap<u64, Growing>,
    calls: Vec<RawCall>,
    usage: Usage,
    finish: Option<Finish>,
    done: bool,
    heard: bool,
}

/// A call of which more may come.
#[derive(Debug)]
struct Growing {
    id: String,
    name: String,
    text: String,
    /// What the block began with; an empty object where the input follows in pieces.
    input: Value,
}

impl Blocks {
    /// For the answer to a request with this schema, if it has one.
    pub(crate) fn of(schema: Option<&Value>) -> Blocks {
        let form = schema.map(|schema| match body::is_input(schema) {
            true => Form::Input,
            false => Form::Wrapped,
        });
        Blocks {
            framing: Sse::default(),
            said: Said {
                form,
                ..Said::default()
            },
        }
    }

    /// Takes the next bytes, cut anywhere.
    pub(crate) fn feed(&mut self, bytes: &[u8], out: Out<'_>) -> Result<Fed, Fault> {
        let said = &mut self.said;
        said.heard = false;
        if !said.done {
            self.framing
                .feed(bytes, &mut |frame| said.frame(frame, out))?;
        }
        Ok(Fed {
            heard: said.heard,
            whole: said.finish.is_some(),
            done: said.done,
        })
    }

    /// The server closed the answer. A reason to stop makes it whole, also when `message_stop` is lost.
    pub(crate) fn end(&mut self, out: Out<'_>) -> Result<(), Fault> {
        if let Some(Frame::Event { event, data }) = self.framing.rest()?
            && !self.said.done
            // A last event without its blank line is whole if it parses; else it is the stump of one.
            && serde_json::from_slice::<Told>(&data).is_ok()
        {
            self.said.frame(Frame::Event { event, data }, out)?;
        }
        if self.said.done {
            return Ok(());
        }
        match self.said.finish {
            Some(finish) => self.said.close(finish, out),
            None => Err(Fault::new(
                ErrorClass::Cut,
                "the answer ended without a reason and without its message_stop",
            )),
        }
    }
}

impl Said {
    fn frame(&mut self, frame: Frame, out: Out<'_>) -> Result<bool, Fault> {
        // The type stands in the data, too; the line beside it is for programs that do not look inside.
        let (Frame::Event { data, .. } | Frame::Stray(data)) = frame;
        let told: Told = serde_json::from_slice(&data).map_err(|error| {
            let start = String::from_utf8_lossy(&data[..data.len().min(120)]);
            let message = format!(
                "an event of the answer is not Anthropic's ({error}): {}",
                quote(&start)
            );
            Fault::new(ErrorClass::Malformed, message)
        })?;
        match told.kind.as_str() {
            "message_start" => self.start(told.message, out)?,
            "content_block_start" => self.open(told.index, told.content_block, out)?,
            "content_block_delta" => self.delta(told.index, told.delta, out)?,
            "content_block_stop" => self.shut(told.index)?,
            "message_delta" => self.count_and_finish(told.delta, told.usage, out)?,
            "message_stop" => {
                let finish = self.finish.ok_or_else(|| {
                    Fault::new(
                        ErrorClass::Malformed,
                        "the message stopped without a reason",
                    )
                })?;
                self.close(finish, out)?;
            }
            "error" => return Err(errors::mid_stream(&told.error.unwrap_or_default())),
            // Pings, and events that are new: the protocol says that more may be added.
            _ => {}
        }
        Ok(self.done)
    }

    fn start(&mut self, message: Option<WireMessage>, out: Out<'_>) -> Result<(), Fault> {
        let message = message.unwrap_or_default();
        if let Some(model) = message.model {
            out(Event::Model(model))?;
        }
        self.count(message.usage, out)
    }

    fn open(
        &mut self,
        index: Option<u64>,
        block: Option<Block>,
        out: Out<'_>,
    ) -> Result<(), Fault> {
        let block = block.unwrap_or_default();
        self.heard = true;
        match block.kind.as_str() {
            "text" => give(block.text, Event::Text, out),
            "thinking" => give(block.thinking, Event::Reasoning, out),
            "tool_use" if self.open.len() == OPEN_MAX => Err(too_many_calls()),
            "tool_use" => {
                let call = Growing {
                    id: block.id.unwrap_or_default(),
                    name: block.name.unwrap_or_default(),
                    text: String::new(),
                    input: block.input.unwrap_or_default(),
                };
                self.open.insert(index.unwrap_or(0), call);
                Ok(())
            }
            // `redacted_thinking`, and what the provider's own tools leave, which we never ask for.
            _ => Ok(()),
        }
    }

    fn delta(
        &mut self,
        index: Option<u64>,
        delta: Option<Delta>,
        out: Out<'_>,
    ) -> Result<(), Fault> {
        let delta = delta.unwrap_or_default();
        self.heard = true;
        match delta.kind.as_deref().unwrap_or_default() {
            "text_delta" => give(delta.text, Event::Text, out),
            "thinking_delta" => give(delta.thinking, Event::Reasoning, out),
            "input_json_delta" => {
                if let Some(call) = self.open.get_mut(&index.unwrap_or(0)) {
                    call.text.push_str(&delta.partial_json.unwrap_or_default());
                }
                Ok(())
            }
            // A signature is no word of the model's.
            _ => Ok(()),
        }
    }

    fn shut(&mut self, index: Option<u64>) -> Result<(), Fault> {
        let Some(call) = self.open.remove(&index.unwrap_or(0)) else {
            return Ok(());
        };
        if self.calls.len() == CALLS_MAX {
            return Err(too_many_calls());
        }
        self.calls.push(call.given());
        Ok(())
    }

    fn count_and_finish(
        &mut self,
        delta: Option<Delta>,
        usage: Option<WireUsage>,
        out: Out<'_>,
    ) -> Result<(), Fault> {
        self.count(usage, out)?;
        if let Some(reason) = delta.and_then(|delta| delta.stop_reason) {
            // The counts of a message stand beside its reason to stop.
            self.finish = Some(finish(&reason).map_err(Fault::at_the_end)?);
            self.heard = true;
        }
        Ok(())
    }

    /// Counts are cumulative, so that the latest one of each kind holds.
    fn count(&mut self, usage: Option<WireUsage>, out: Out<'_>) -> Result<(), Fault> {
        let Some(usage) = usage else {
            return Ok(());
        };
        let before = self.usage;
        let uncached = before
            .prompt_tokens
            .saturating_sub(before.cache_read_tokens)
            .saturating_sub(before.cache_write_tokens);
        let read = usage
            .cache_read_input_tokens
            .unwrap_or(before.cache_read_tokens);
        let written = usage
            .cache_creation_input_tokens
            .unwrap_or(before.cache_write_tokens);
        // `input_tokens` is only what no cache knew.
        let prompt = usage.input_tokens.unwrap_or(uncached);
        self.usage = Usage {
            prompt_tokens: prompt.saturating_add(read).saturating_add(written),
            output_tokens: usage.output_tokens.unwrap_or(before.output_tokens),
            cache_read_tokens: read,
            cache_write_tokens: written,
        };
        if self.usage == before {
            return Ok(());
        }
        out(Event::Usage(self.usage))
    }

    fn close(&mut self, finish: Finish, out: Out<'_>) -> Result<(), Fault> {
        let is_answer = |open: &Growing| self.form.is_some() && open.name == body::ANSWER;
        if finish == Finish::Stop && !self.open.values().all(is_answer) {
            let why = "the answer ended in the middle of a tool call";
            return Err(Fault::new(ErrorClass::Cut, why));
        }
        let cut = std::mem::take(&mut self.open)
            .into_values()
            .map(Growing::given);
        let calls: Vec<RawCall> = std::mem::take(&mut self.calls)
            .into_iter()
            .chain(cut)
            .collect();
        for call in calls {
            let event = match (self.form, finish) {
                (Some(form), _) if call.name == body::ANSWER => {
                    Event::Text(form.text_of(call.arguments))
                }
                (_, Finish::Stop) => Event::ToolCall(call),
                // The last one is incomplete, and those before it were made for one that is not there.
                (_, Finish::Length) => Event::CutCall(call),
            };
            out(event)?;
        }
        self.done = true;
        out(Event::Done(finish))
    }
}

impl Form {
    /// The input of the one tool as the text of an answer, also when it is not whole.
    fn text_of(self, arguments: Value) -> String {
        let parsed = match &arguments {
            Value::String(text) => serde_json::from_str(text).ok(),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => Some(arguments.clone()),
        };
        match (self, parsed, arguments) {
            (Form::Wrapped, Some(Value::Object(mut input)), _)
                if input.contains_key(body::WRAPPED) =>
            {
                input.remove(body::WRAPPED).unwrap_or_default().to_string()
            }
            (_, _, Value::String(text)) => text,
            (_, Some(input), _) => input.to_string(),
            (_, None, other) => other.to_string(),
        }
    }
}

impl Growing {
    fn given(self) -> RawCall {
        let arguments = if self.text.trim().is_empty() {
            self.input
        } else {
            Value::String(self.text)
        };
        RawCall {
            id: self.id,
            name: self.name,
            arguments,
        }
    }
}

fn give(piece: Option<String>, event: fn(String) -> Event, out: Out<'_>) -> Result<(), Fault> {
    match piece.filter(|piece| !piece.is_empty()) {
        Some(piece) => out(event(piece)),
        None => Ok(()),
    }
}

fn finish(reason: &str) -> Result<Finish, Fault> {
    let fault = |class, what: &str| Err(Fault::new(class, format!("{what} (`{}`)", quote(reason))));
    match reason {
        "end_turn" | "tool_use" | "stop_sequence" => Ok(Finish::Stop),
        "max_tokens" | "model_context_window_exceeded" => Ok(Finish::Length),
        "refusal" => fault(ErrorClass::Filtered, "the model refused to answer"),
        // Only tools of the provider's own do that, and none is asked for.
        "pause_turn" => fault(ErrorClass::Cut, "the server paused the turn"),
        _ => fault(
            ErrorClass::Malformed,
            "the answer ended for a reason that is none of a chat",
        ),
    }
}

#[derive(Deserialize)]
struct Told {
    #[serde(rename = "type", default)]
    kind: String,
    index: Option<u64>,
    message: Option<WireMessage>,
    content_block: Option<Block>,
    delta: Option<Delta>,
    usage: Option<WireUsage>,
    error: Option<Value>,
}

#[derive(Deserialize, Default)]
struct WireMessage {
    model: Option<String>,
    usage: Option<WireUsage>,
}

#[derive(Deserialize, Default)]
struct Block {
    #[serde(rename = "type", default)]
    kind: String,
    text: Option<String>,
    thinking: Option<String>,
    id: Option<String>,
    name: Option<String>,
    input: Option<Value>,
}

#[derive(Deserialize, Default)]
struct Delta {
    #[serde(rename = "type")]
    kind: Option<String>,
    text: Option<String>,
    thinking: Option<String>,
    partial_json: Option<String>,
    stop_reason: Option<String>,
}

#[derive(Deserialize)]
struct WireUsage {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
}

#[cfg(test)]
mod tests;
