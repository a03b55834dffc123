//! Ollama's answer: each line a JSON object that may carry reasoning, text, calls and the end at once.

use serde::Deserialize;
use serde_json::Value;

use crate::chat::{Finish, Usage};
use crate::error::{ErrorClass, Fault, quote};
use crate::event::{Event, Fed, Out, RawCall};
use crate::ndjson::{Ndjson, is_blank};
use crate::words::{error_text, is_model_fault, is_too_long};

/// Ollama stops a model that repeats one token more than 30 times, and then sends no `done` line
/// (`tokenRepeat` in its `llm/llama_server.go`).
const REPEATS_ABORT: u32 = 30;

/// The lines of one answer.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    framing: Ndjson,
    said: Said,
}

/// What was said so far, as far as the next line needs it.
#[derive(Debug, Default)]
struct Said {
    model: String,
    last_piece: String,
    repeats: u32,
    done: bool,
}

impl Lines {
    /// Takes the next bytes, cut anywhere. `done` once the closing line was read; what follows it is ignored.
    pub(crate) fn feed(&mut self, bytes: &[u8], out: Out<'_>) -> Result<Fed, Fault> {
        let said = &mut self.said;
        if !said.done {
            self.framing.feed(bytes, &mut |line| said.line(line, out))?;
        }
        Ok(Fed {
            // Empty lines keep a connection alive, but they are no tokens.
            heard: !is_blank(bytes),
            whole: said.done,
            done: said.done,
        })
    }

    /// The server closed the answer. Only a closing line makes it whole.
    pub(crate) fn end(&mut self, out: Out<'_>) -> Result<(), Fault> {
        let rest = self.framing.rest();
        // A last line without its newline is whole if it parses; else it is the stump of a line.
        if !self.said.done && serde_json::from_slice::<Line>(&rest).is_ok() {
            self.said.line(&rest, out)?;
        }
        if self.said.done {
            return Ok(());
        }
        if self.said.repeats >= REPEATS_ABORT {
            return Err(Fault::new(
                ErrorClass::Repeating,
                format!(
                    "the model repeated `{}` until its server stopped it",
                    quote(&self.said.last_piece)
                ),
            ));
        }
        Err(Fault::new(
            ErrorClass::Cut,
            "the answer ended without its closing line",
        ))
    }
}

impl Said {
    fn line(&mut self, line: &[u8], out: Out<'_>) -> Result<bool, Fault> {
        let line: Line = serde_json::from_slice(line).map_err(|error| {
            let start = String::from_utf8_lossy(&line[..line.len().min(120)]);
            Fault::new(
                ErrorClass::Malformed,
                format!(
                    "a line of the answer is not Ollama's ({error}): {}",
                    quote(&start)
                ),
            )
        })?;
        if let Some(error) = line.error {
            return Err(mid_stream(&error));
        }
        if let Some(model) = line.model.filter(|model| *model != self.model) {
            self.model.clone_from(&model);
            out(Event::Model(model))?;
        }
        // Every field of every line counts: one line may carry reasoning, text, calls and the end at once.
        if let Some(message) = line.message {
            self.message(message, out)?;
        }
        if line.done {
            let finish = finish(line.done_reason.as_deref())?;
            out(Event::Usage(Usage {
                prompt_tokens: count(line.prompt_eval_count),
                output_tokens: count(line.eval_count),
                cache_read_tokens: count(line.prompt_eval_cached_count),
                ..Usage::default()
            }))?;
            self.done = true;
            out(Event::Done(finish))?;
        }
        Ok(self.done)
    }

    fn message(&mut self, message: WireMessage, out: Out<'_>) -> Result<(), Fault> {
        let (text, thinking) = (
            message.content.unwrap_or_default(),
            message.thinking.unwrap_or_default(),
        );
        let piece = if text.is_empty() {
            thinking.trim()
        } else {
            text.trim()
        };
        if piece == self.last_piece {
            self.repeats = self.repeats.saturating_add(1);
        } else {
            self.last_piece = piece.to_owned();
            self.repeats = 0;
        }
        if !thinking.is_empty() {
            out(Event::Reasoning(thinking))?;
        }
        if !text.is_empty() {
            out(Event::Text(text))?;
        }
        for call in message.tool_calls.unwrap_or_default() {
            // The index is not used: some versions number every call 0. Each entry is a whole call.
            out(Event::ToolCall(RawCall {
                id: call.id.unwrap_or_default(),
                name: call.function.name,
                arguments: call.function.arguments,
            }))?;
        }
        Ok(())
    }
}

/// `load` and `unload` answer a request without messages; here they would be an answer without a generation.
fn finish(reason: Option<&str>) -> Result<Finish, Fault> {
    match reason.unwrap_or_default() {
        // Servers before 0.1.40 give none; proxied models say how OpenAI says it.
        "" | "stop" | "tool_calls" => Ok(Finish::Stop),
        "length" => Ok(Finish::Length),
        other => Err(Fault::new(
            ErrorClass::Malformed,
            format!(
                "the answer ended for the reason `{}`, which is none of a chat",
                quote(other)
            ),
        )),
    }
}

fn count(value: Option<i64>) -> u64 {
    value.and_then(|n| u64::try_from(n).ok()).unwrap_or(0)
}

/// An error line after HTTP 200. Ollama fails the request when its parser cannot read the model's tool call: that is the
/// model's fault; everything else is the server's.
fn mid_stream(error: &Value) -> Fault {
    let text = error_text(error);
    let class = if is_model_fault(&text) {
        ErrorClass::Malformed
    } else if is_too_long(&text) {
        ErrorClass::ContextTooLong
    } else {
        ErrorClass::MidStream
    };
    Fault::new(
        class,
        format!(
            "the server reported in the middle of the answer: {}",
            quote(&text)
        ),
    )
}

#[derive(Deserialize)]
struct Line {
    model: Option<String>,
    message: Option<WireMessage>,
    #[serde(default)]
    done: bool,
    done_reason: Option<String>,
    prompt_eval_count: Option<i64>,
    prompt_eval_cached_count: Option<i64>,
    eval_count: Option<i64>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct WireMessage {
    content: Option<String>,
    thinking: Option<String>,
    tool_calls: Option<Vec<WireCall>>,
}

#[derive(Deserialize)]
struct WireCall {
    id: Option<String>,
    function: WireFunction,
}

#[derive(Deserialize)]
struct WireFunction {
    name: String,
    #[serde(default)]
    arguments: Value,
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::answer::{Answer, CALLS_MAX};
    use crate::ndjson::{ANSWER_BYTES_MAX, LINE_BYTES_MAX};

    pub(super) const WHOLE: &str = concat!(
        r#"{"model":"m","message":{"role":"assistant","content":"","thinking":"Überlegung 🤔"},"done":false}"#,
        "\n\r\n",
        r#"{"model":"m","message":{"role":"assistant","content":"blåbær — "},"done":false}"#,
        "\n",
        r#"{"model":"m","message":{"content":"日本","tool_calls":[{"id":"a","function":{"name":"read","#,
        r#""arguments":{"path":"ø.rs"}}}]},"done":false}"#,
        "\n",
        r#"{"model":"m","message":{"content":"!"},"done":true,"done_reason":"stop","prompt_eval_count":7,"#,
        r#""eval_count":5}"#,
        "\n"
    );

    fn fed<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Answer {
        let (mut lines, mut answer) = (Lines::default(), Answer::default());
        let mut take = |event: Event| answer.take(&event);
        for piece in pieces {
            lines.feed(piece, &mut take).unwrap();
        }
        lines.end(&mut take).unwrap();
        answer
    }

    fn fault(text: &str) -> Fault {
        let (mut lines, mut answer) = (Lines::default(), Answer::default());
        let mut take = |event: Event| answer.take(&event);
        match lines.feed(text.as_bytes(), &mut take) {
            Err(fault) => fault,
            Ok(_) => lines.end(&mut take).unwrap_err(),
        }
    }

    #[test]
    fn the_whole_answer_is_read() {
        let answer = fed([WHOLE.as_bytes()]);
        assert_eq!(answer.text, "blåbær — 日本!");
        assert_eq!(answer.thinking, "Überlegung 🤔");
        assert_eq!(
            answer.calls,
            [RawCall {
                id: "a".to_owned(),
                name: "read".to_owned(),
                arguments: json!({"path": "ø.rs"})
            }]
        );
        assert_eq!(
            (answer.finish, answer.usage),
            (
                Some(Finish::Stop),
                Usage {
                    prompt_tokens: 7,
                    output_tokens: 5,
                    ..Usage::default()
                }
            )
        );
    }

    #[test]
    fn every_cut_in_two_gives_the_same_answer() {
        let bytes = WHOLE.as_bytes();
        let whole = fed([bytes]);
        for at in 0..=bytes.len() {
            assert_eq!(fed([&bytes[..at], &bytes[at..]]), whole, "cut at {at}");
        }
        assert_eq!(fed(bytes.chunks(1)), whole);
    }

    proptest! {
        #[test]
        fn any_cuts_give_the_same_answer(mut cuts in proptest::collection::vec(0..=WHOLE.len(), 0..40)) {
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for cut in cuts {
                pieces.push(&WHOLE.as_bytes()[from..cut]);
                from = cut;
            }
            pieces.push(&WHOLE.as_bytes()[from..]);
            prop_assert_eq!(fed(pieces), fed([WHOLE.as_bytes()]));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut lines = Lines::default();
            let _ = lines.feed(&bytes, &mut |_| Ok(()));
            let _ = lines.end(&mut |_| Ok(()));
        }
    }

    #[test]
    fn every_cut_gives_the_same_events() {
        let reader = || crate::dialect::Reader::Ollama(Lines::default());
        crate::cuts::every_cut(reader, WHOLE.as_bytes());
    }

    #[test]
    fn one_line_with_everything_loses_nothing() {
        let line = json!({
            "model": "m",
            "message": {
                "role": "assistant", "content": "text", "thinking": "why",
                "tool_calls": [
                    {"function": {"index": 0, "name": "a", "arguments": {"x": 1}}},
                    {"function": {"index": 0, "name": "b", "arguments": {}}},
                ],
            },
            "done": true, "done_reason": "stop", "prompt_eval_count": 3, "eval_count": 2,
        });
        // Without its newline, too.
        let answer = fed([line.to_string().as_bytes()]);
        assert_eq!(
            (answer.text.as_str(), answer.thinking.as_str()),
            ("text", "why")
        );
        assert_eq!(
            answer
                .calls
                .iter()
                .map(|c| c.name.as_str())
                .collect::<Vec<_>>(),
            ["a", "b"]
        );
        assert_eq!(answer.usage.output_tokens, 2);
    }

    #[test]
    fn an_error_line_and_a_missing_end_are_failures() {
        let first = r#"{"message":{"content":"half"},"done":false}"#;
        assert_eq!(
            fault(&format!("{first}\n{{\"error\":\"runner died\"}}\n")).class,
            ErrorClass::MidStream
        );
        assert_eq!(fault(&format!("{first}\n")).class, ErrorClass::Cut);
        assert_eq!(
            fault(&format!("{first}\n{}", &first[..20])).class,
            ErrorClass::Cut
        );
        assert_eq!(fault("").class, ErrorClass::Cut);
        assert_eq!(fault("<html>\n").class, ErrorClass::Malformed);
        assert_eq!(
            fault("{\"done\":true,\"done_reason\":\"load\"}\n").class,
            ErrorClass::Malformed
        );
    }

    #[test]
    fn a_tool_call_that_the_server_could_not_parse_is_the_models_fault() {
        let error =
            r#"{"error":"error parsing tool call: raw='{', err=unexpected end of JSON input"}"#;
        assert_eq!(fault(error).class, ErrorClass::Malformed);
        let error =
            r#"{"error":"error unmarshalling llama-server response: invalid character 'x'"}"#;
        assert_eq!(fault(error).class, ErrorClass::MidStream);
        let error = r#"{"error":{"message":"Context size has been exceeded."}}"#;
        assert_eq!(fault(error).class, ErrorClass::ContextTooLong);
    }

    #[test]
    fn a_repeated_token_is_told_from_a_lost_connection() {
        let line = |n: usize| "{\"message\":{\"content\":\" la\"},\"done\":false}\n".repeat(n);
        assert_eq!(fault(&line(31)).class, ErrorClass::Repeating);
        assert_eq!(fault(&line(30)).class, ErrorClass::Cut);
    }

    #[test]
    fn floods_are_refused() {
        let calls = vec![json!({"function": {"name": "a", "arguments": {}}}); CALLS_MAX + 1];
        let line = json!({"message": {"tool_calls": calls}, "done": true}).to_string();
        assert_eq!(fault(&line).class, ErrorClass::Malformed);
        assert_eq!(
            fault(&"x".repeat(LINE_BYTES_MAX + 1)).class,
            ErrorClass::Malformed
        );
        assert_eq!(
            fault(&"\n".repeat(ANSWER_BYTES_MAX + 1)).class,
            ErrorClass::Malformed
        );
    }
}
