//! The chunks of a streamed chat completion. Calls come in pieces, counts behind the end, and errors in between.

use serde::Deserialize;
use serde_json::Value;

use crate::answer::{CALLS_MAX, too_many_calls};
use crate::chat::{Finish, Usage};
use crate::error::{ErrorClass, Fault, quote};
use crate::event::{Event, Fed, Out, RawCall};
use crate::openai::errors;
use crate::sse::{Frame, Sse};

/// The chunks of one answer.
#[derive(Debug, Default)]
pub(crate) struct Chunks {
    framing: Sse,
    said: Said,
}

/// What was said so far, as far as the next chunk needs it.
#[derive(Debug, Default)]
struct Said {
    model: String,
    usage: Usage,
    calls: Vec<Growing>,
    finish: Option<Finish>,
    /// Why what has ended is no answer. Told when the counts have come, which stand behind it.
    ended_badly: Option<Fault>,
    /// `[DONE]` was read.
    done: bool,
    heard: bool,
}

/// A call of which more may come.
#[derive(Debug, Default)]
struct Growing {
    index: Option<u64>,
    id: String,
    name: String,
    text: String,
    /// Arguments of a server that sends them as an object, at once.
    object: Option<Value>,
}

/// The last `data` of a stream.
const DONE: &[u8] = b"[DONE]";

impl Chunks {
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

    /// The server closed the answer. A reason to finish or `[DONE]` makes it whole.
    pub(crate) fn end(&mut self, out: Out<'_>) -> Result<(), Fault> {
        if let Some(last) = self.framing.rest()?
            && !self.said.done
            && is_whole(&last)
        {
            self.said.frame(last, out)?;
        }
        if self.said.done {
            return Ok(());
        }
        if self.said.finish.is_some() {
            return self.said.close(out);
        }
        Err(Fault::new(
            ErrorClass::Cut,
            "the answer ended without a reason and without its closing [DONE]",
        ))
    }
}

impl Said {
    fn frame(&mut self, frame: Frame, out: Out<'_>) -> Result<bool, Fault> {
        match frame {
            Frame::Event { data, .. } if data == DONE => self.close(out)?,
            Frame::Event { event, data } if event == "error" => {
                let error = serde_json::from_slice(&data)
                    .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&data).into_owned()));
                let inner = error.get("error").cloned();
                return Err(errors::mid_stream(&inner.unwrap_or(error)));
            }
            Frame::Event { data, .. } => self.chunk(&data, out)?,
            // The JSON of a server that did not stream: an error, or the whole answer at once.
            Frame::Stray(line) => self.chunk(&line, out)?,
        }
        Ok(self.done)
    }

    fn chunk(&mut self, data: &[u8], out: Out<'_>) -> Result<(), Fault> {
        let chunk: Chunk = serde_json::from_slice(data).map_err(|error| {
            let start = String::from_utf8_lossy(&data[..data.len().min(120)]);
            let message = format!(
                "a chunk of the answer is not OpenAI's ({error}): {}",
                quote(&start)
            );
            Fault::new(ErrorClass::Malformed, message)
        })?;
        if let Some(error) = chunk.error.filter(|error| !error.is_null()) {
            return Err(errors::mid_stream(&error));
        }
        if chunk.object.as_deref() == Some("error") {
            let text = chunk.message.unwrap_or_default();
            return Err(errors::mid_stream(&Value::String(text)));
        }
        if let Some(model) = chunk.model.filter(|model| *model != self.model) {
            self.model.clone_from(&model);
            out(Event::Model(model))?;
        }
        // One answer was asked for; others are nobody's.
        let choices = chunk.choices.unwrap_or_default().into_iter();
        for choice in choices.filter(|choice| choice.index.unwrap_or(0) == 0) {
            self.choice(choice, out)?;
        }
        self.count(chunk.usage, chunk.timings, out)
    }

    fn choice(&mut self, choice: Choice, out: Out<'_>) -> Result<(), Fault> {
        if self.finish.is_some() {
            return Ok(()); // What follows the end of an answer is none of it.
        }
        if let Some(delta) = choice.delta.or(choice.message) {
            self.delta(delta, out)?;
        }
        let Some(reason) = choice.finish_reason.filter(|reason| !reason.is_empty()) else {
            return Ok(());
        };
        self.heard = true;
        match finish(&reason) {
            Ok(finish) => {
                self.finish = Some(finish);
                self.give_calls(finish, out)
            }
            Err(fault) => {
                self.finish = Some(Finish::Stop);
                self.ended_badly = Some(fault.at_the_end());
                Ok(())
            }
        }
    }

    fn delta(&mut self, delta: Delta, out: Out<'_>) -> Result<(), Fault> {
        // vLLM is renaming the one to the other and sends both for a while.
        let reasoning = [delta.reasoning_content, delta.reasoning]
            .into_iter()
            .flatten()
            .map(|value| text_of(&value))
            .find(|text| !text.is_empty());
        if let Some(piece) = reasoning {
            self.heard = true;
            out(Event::Reasoning(piece))?;
        }
        let text = delta.content.as_ref().map(text_of).unwrap_or_default();
        if !text.is_empty() {
            self.heard = true;
            out(Event::Text(text))?;
        }
        for piece in delta.tool_calls.unwrap_or_default() {
            self.heard = true;
            self.grow(piece)?;
        }
        Ok(())
    }

    /// Adds a piece to the call that it belongs to, or begins another one.
    fn grow(&mut self, piece: Piece) -> Result<(), Fault> {
        let function = piece.function.unwrap_or_default();
        let (id, name) = (
            piece.id.unwrap_or_default(),
            function.name.unwrap_or_default(),
        );
        let at = match self.place(piece.index, &id, &name) {
            Some(at) => at,
            None if self.calls.len() == CALLS_MAX => return Err(too_many_calls()),
            None => {
                self.calls.push(Growing {
                    index: piece.index,
                    ..Growing::default()
                });
                self.calls.len() - 1
            }
        };
        let call = &mut self.calls[at];
        if call.id.is_empty() {
            call.id = id;
        }
        // Some servers repeat the name with every piece.
        if call.name != name && call.text.is_empty() {
            call.name.push_str(&name);
        }
        match function.arguments {
            Some(Value::String(piece)) => call.text.push_str(&piece),
            Some(Value::Null) | None => {}
            Some(
                whole @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)),
            ) => call.object = Some(whole),
        }
        Ok(())
    }

    /// The call that a piece belongs to. Some servers number every call 0, some give no number, some no id.
    fn place(&self, index: Option<u64>, id: &str, name: &str) -> Option<usize> {
        let found = match index {
            Some(index) => self
                .calls
                .iter()
                .rposition(|call| call.index == Some(index)),
            None if !id.is_empty() => self.calls.iter().rposition(|call| call.id == id),
            None => self.calls.len().checked_sub(1),
        }?;
        let call = &self.calls[found];
        let other_id = !id.is_empty() && !call.id.is_empty() && call.id != id;
        let begins_anew = id.is_empty() && !name.is_empty() && call.is_whole();
        (!other_id && !begins_anew).then_some(found)
    }

    fn give_calls(&mut self, finish: Finish, out: Out<'_>) -> Result<(), Fault> {
        for call in std::mem::take(&mut self.calls) {
            let call = call.given();
            out(match finish {
                Finish::Stop => Event::ToolCall(call),
                // The last one is incomplete, and those before it were made for one that is not there.
                Finish::Length => Event::CutCall(call),
            })?;
        }
        Ok(())
    }

    /// Counts come with the end, behind it in a chunk of their own, or twice: the larger ones hold.
    fn count(
        &mut self,
        usage: Option<WireUsage>,
        timings: Option<Timings>,
        out: Out<'_>,
    ) -> Result<(), Fault> {
        let mut counted = self.usage;
        if let Some(usage) = usage {
            let cached = usage.prompt_tokens_details.and_then(|d| d.cached_tokens);
            counted.prompt_tokens = counted.prompt_tokens.max(whole(usage.prompt_tokens));
            counted.output_tokens = counted.output_tokens.max(whole(usage.completion_tokens));
            counted.cache_read_tokens = counted.cache_read_tokens.max(whole(cached));
        }
        if let Some(timings) = timings {
            let cached = whole(timings.cache_n);
            let prompt = cached.saturating_add(whole(timings.prompt_n));
            counted.prompt_tokens = counted.prompt_tokens.max(prompt);
            counted.output_tokens = counted.output_tokens.max(whole(timings.predicted_n));
            counted.cache_read_tokens = counted.cache_read_tokens.max(cached);
        }
        if counted != self.usage {
            self.usage = counted;
            out(Event::Usage(counted))?;
        }
        Ok(())
    }

    fn close(&mut self, out: Out<'_>) -> Result<(), Fault> {
        if let Some(fault) = self.ended_badly.take() {
            return Err(fault);
        }
        // Some servers close a text without naming a reason. A call that is no whole object then lacks its end.
        if self.finish.is_none() && !self.calls.iter().all(Growing::is_whole) {
            let why = "the answer ended in the middle of a tool call, without a reason to finish";
            return Err(Fault::new(ErrorClass::Cut, why));
        }
        let finish = self.finish.unwrap_or(Finish::Stop);
        self.give_calls(finish, out)?;
        self.done = true;
        out(Event::Done(finish))
    }
}

impl Growing {
    /// Whether its arguments are a whole object already.
    fn is_whole(&self) -> bool {
        self.object.is_some()
            || serde_json::from_str::<serde_json::Map<String, Value>>(&self.text).is_ok()
    }

    fn given(self) -> RawCall {
        let arguments = match self.object {
            Some(object) => object,
            // A call without arguments may come without any text.
            None if self.text.trim().is_empty() => Value::Null,
            None => Value::String(self.text),
        };
        RawCall {
            id: self.id,
            name: self.name,
            arguments,
        }
    }
}

/// Whether what a stream ended in, without its blank line, is more than the stump of an event.
fn is_whole(last: &Frame) -> bool {
    let parses = |data: &[u8]| serde_json::from_slice::<Chunk>(data).is_ok();
    match last {
        Frame::Event { data, .. } => data == DONE || parses(data),
        // JSON at once ends without a newline; what is no JSON at all is shown as such.
        Frame::Stray(line) => !line.starts_with(b"{") || parses(line),
    }
}

/// A text, or the text parts of a list.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts
            .iter()
            .filter_map(|part| part.get("text").and_then(Value::as_str))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => String::new(),
    }
}

fn finish(reason: &str) -> Result<Finish, Fault> {
    let fault = |class, what: &str| Err(Fault::new(class, format!("{what} (`{}`)", quote(reason))));
    match reason {
        "stop" | "tool_calls" | "function_call" | "eos" => Ok(Finish::Stop),
        "length" => Ok(Finish::Length),
        "content_filter" => fault(
            ErrorClass::Filtered,
            "a filter of the provider ended the answer",
        ),
        "abort" | "cancelled" => fault(ErrorClass::Cut, "the server gave the answer up"),
        "error" => fault(
            ErrorClass::MidStream,
            "the server failed in the middle of the answer",
        ),
        _ => fault(
            ErrorClass::Malformed,
            "the answer ended for a reason that is none of a chat",
        ),
    }
}

fn whole(count: Option<f64>) -> u64 {
    // A float turns into an integer by saturating; what is negative or no number is 0.
    count.map_or(0, |count| count as u64)
}

#[derive(Deserialize)]
struct Chunk {
    object: Option<String>,
    model: Option<String>,
    choices: Option<Vec<Choice>>,
    usage: Option<WireUsage>,
    timings: Option<Timings>,
    error: Option<Value>,
    message: Option<String>,
}

#[derive(Deserialize)]
struct Choice {
    index: Option<u64>,
    delta: Option<Delta>,
    /// In place of `delta`, where a server does not stream.
    message: Option<Delta>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Delta {
    content: Option<Value>,
    reasoning_content: Option<Value>,
    reasoning: Option<Value>,
    tool_calls: Option<Vec<Piece>>,
}

#[derive(Deserialize)]
struct Piece {
    index: Option<u64>,
    id: Option<String>,
    function: Option<Function>,
}

#[derive(Deserialize, Default)]
struct Function {
    name: Option<String>,
    arguments: Option<Value>,
}

/// Numbers are read as floats: some servers write `7.0`.
#[derive(Deserialize)]
struct WireUsage {
    prompt_tokens: Option<f64>,
    completion_tokens: Option<f64>,
    prompt_tokens_details: Option<Details>,
}

#[derive(Deserialize)]
struct Details {
    cached_tokens: Option<f64>,
}

/// llama-server's own counts: what came out of the cache, what was read, what was written.
#[derive(Deserialize)]
struct Timings {
    cache_n: Option<f64>,
    prompt_n: Option<f64>,
    predicted_n: Option<f64>,
}

#[cfg(test)]
mod tests;
