//! Ollama's answer as it arrives: bytes in any pieces become lines, lines become one answer. Knows nothing of sockets.

use serde::Deserialize;
use serde_json::Value;

use crate::chat::Finish;
use crate::error::{ErrorClass, quote};

/// One line holds at most one whole tool call; a file that a tool writes is far smaller.
const LINE_BYTES_MAX: usize = 16 << 20;
/// A line costs about 200 bytes per token, so this is more than 300,000 tokens: no answer, but a flood.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// Calls in one answer. More is a loop in the model, not a plan.
pub(crate) const CALLS_MAX: usize = 64;
/// Ollama stops a model that repeats one token more than 30 times, and then sends no `done` line
/// (`tokenRepeat` in its `llm/llama_server.go`).
const REPEATS_ABORT: u32 = 30;

/// What went wrong, before anybody says on which host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) class: ErrorClass,
    pub(crate) message: String,
}

impl Fault {
    pub(crate) fn new(class: ErrorClass, message: impl Into<String>) -> Fault {
        Fault {
            class,
            message: message.into(),
        }
    }
}

/// One answer, grown line by line.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) thinking: String,
    pub(crate) calls: Vec<RawCall>,
    pub(crate) model: String,
    pub(crate) done: Option<Done>,
    /// The bytes of a line that has not ended yet.
    pending: Vec<u8>,
    bytes: usize,
    last_piece: String,
    repeats: u32,
}

/// A call as the server sent it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RawCall {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) arguments: Value,
}

/// The closing line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) finish: Finish,
    /// 0 where the server counted nothing.
    pub(crate) prompt_tokens: u64,
    pub(crate) output_tokens: u64,
}

impl Answer {
    /// Takes the next bytes, cut anywhere. True once the closing line was read; what follows it is ignored.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<bool, Fault> {
        self.bytes = self.bytes.saturating_add(bytes.len());
        if self.bytes > ANSWER_BYTES_MAX {
            return Err(Fault::new(
                ErrorClass::Malformed,
                format!("the answer is longer than {ANSWER_BYTES_MAX} bytes"),
            ));
        }
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.done.is_some() {
                break;
            }
            if self.pending.len() + piece.len() > LINE_BYTES_MAX {
                return Err(Fault::new(
                    ErrorClass::Malformed,
                    format!("one line of the answer is longer than {LINE_BYTES_MAX} bytes"),
                ));
            }
            self.pending.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut self.pending);
                self.line(&line)?;
            }
        }
        Ok(self.done.is_some())
    }

    /// The server closed the answer. Only a closing line makes it whole.
    pub(crate) fn end(&mut self) -> Result<(), Fault> {
        let rest = std::mem::take(&mut self.pending);
        // A last line without its newline is whole if it parses; else it is the stump of a line.
        if self.done.is_none() && serde_json::from_slice::<Line>(&rest).is_ok() {
            self.line(&rest)?;
        }
        if self.done.is_some() {
            return Ok(());
        }
        if self.repeats >= REPEATS_ABORT {
            return Err(Fault::new(
                ErrorClass::Repeating,
                format!(
                    "the model repeated `{}` until its server stopped it",
                    quote(&self.last_piece)
                ),
            ));
        }
        Err(Fault::new(
            ErrorClass::Cut,
            "the answer ended without its closing line",
        ))
    }

    fn line(&mut self, line: &[u8]) -> Result<(), Fault> {
        if line.iter().all(u8::is_ascii_whitespace) {
            return Ok(());
        }
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
        if let Some(model) = line.model {
            self.model = model;
        }
        // Every field of every line counts: one line may carry reasoning, text, calls and the end at once.
        if let Some(message) = line.message {
            self.message(message)?;
        }
        if line.done {
            self.done = Some(Done {
                finish: finish(line.done_reason.as_deref())?,
                prompt_tokens: count(line.prompt_eval_count),
                output_tokens: count(line.eval_count),
            });
        }
        Ok(())
    }

    fn message(&mut self, message: WireMessage) -> Result<(), Fault> {
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
        self.text.push_str(&text);
        self.thinking.push_str(&thinking);
        for call in message.tool_calls.unwrap_or_default() {
            if self.calls.len() == CALLS_MAX {
                return Err(Fault::new(
                    ErrorClass::Malformed,
                    format!("the model made more than {CALLS_MAX} tool calls in one answer"),
                ));
            }
            // The index is not used: some versions number every call 0. Each entry is a whole call.
            self.calls.push(RawCall {
                id: call.id.unwrap_or_default(),
                name: call.function.name,
                arguments: call.function.arguments,
            });
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

/// Whether an error text of the server says that its parser could not read what the model wrote. The phrases are those of
/// Ollama's `harmony` and `model/parsers`, and of Go's JSON and XML decoders, which they wrap.
pub(crate) fn is_model_fault(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    // The same decoder's words about Ollama's own runner are no fault of the model.
    if text.contains("unmarshalling llama-server") {
        return false;
    }
    [
        "parsing tool call",
        "tool call",
        "invalid character",
        "unexpected end of json input",
        "xml syntax error",
        "failed to parse xml",
        "empty function name",
        "mismatched arg_key",
    ]
    .iter()
    .any(|phrase| text.contains(phrase))
}

/// Whether an error text says that the prompt does not fit (`llm/llama_server.go`, and llama-server's own words).
pub(crate) fn is_too_long(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["context length", "context size", "available context"]
        .iter()
        .any(|phrase| text.contains(phrase))
}

/// `"text"` as Ollama has it, or `{"message": "text"}` as its relatives have it.
pub(crate) fn error_text(error: &Value) -> String {
    error
        .as_str()
        .or_else(|| error.get("message").and_then(Value::as_str))
        .map_or_else(|| error.to_string(), str::to_owned)
}

#[derive(Deserialize)]
struct Line {
    model: Option<String>,
    message: Option<WireMessage>,
    #[serde(default)]
    done: bool,
    done_reason: Option<String>,
    prompt_eval_count: Option<i64>,
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
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const WHOLE: &str = concat!(
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
        let mut answer = Answer::default();
        for piece in pieces {
            answer.feed(piece).unwrap();
        }
        answer.end().unwrap();
        // How many bytes were seen is no part of the answer.
        answer.bytes = 0;
        answer
    }

    fn fault(text: &str) -> Fault {
        let mut answer = Answer::default();
        match answer.feed(text.as_bytes()) {
            Err(fault) => fault,
            Ok(_) => answer.end().unwrap_err(),
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
            answer.done,
            Some(Done {
                finish: Finish::Stop,
                prompt_tokens: 7,
                output_tokens: 5
            })
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
            let mut answer = Answer::default();
            let _ = answer.feed(&bytes);
            let _ = answer.end();
        }
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
        assert_eq!(answer.done.unwrap().output_tokens, 2);
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
