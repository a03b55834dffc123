//! Answers as streams of chunks, good ones and bad ones.

use serde_json::{Value, json};

use super::{Answer, Vice};
use crate::http::Seen;
use crate::twin::{End, Reply};

const SSE: &str = "text/event-stream";

/// Pings that a client gets before this twin stops: enough for any test that has a bound.
const PINGS_MAX: usize = 100_000;

/// A stream that is being made.
struct Stream {
    chunks: Vec<Value>,
    counts: Option<Value>,
    done: bool,
    end: End,
    vices: Vec<Vice>,
}

/// The reply to a chat whose prompt has so many tokens.
#[allow(clippy::wildcard_enum_match_arm)] // Each place knows its own part of the ways to misbehave.
pub(super) fn reply(answer: Answer, seen: &Seen, prompt: u64) -> Reply {
    let mut answer = answer;
    let mut vices = Vec::new();
    while let Answer::But(vice, inner) = answer {
        vices.push(vice);
        answer = *inner;
    }
    for vice in &vices {
        match vice {
            Vice::Status(status, body, retry_after_s) => {
                return Reply::Whole {
                    status: *status,
                    kind: crate::twin::JSON,
                    retry_after_s: *retry_after_s,
                    body: body.to_string(),
                };
            }
            Vice::Page => {
                return stream(
                    vec![b"<html><body>hello</body></html>\n".to_vec()],
                    End::Whole,
                );
            }
            Vice::Echoes => {
                let headers = format!("bad header in {:?}", seen.headers);
                return super::routes::error(401, "authentication_error", &headers);
            }
            Vice::Redirects(to) => return Reply::Redirect(to.clone()),
            Vice::Hangs => return Reply::Hangup,
            _ => {}
        }
    }
    let held = vices.contains(&Vice::Held);
    let made = match answer {
        Answer::Pieces(pieces) => stream(
            pieces,
            if vices.contains(&Vice::Breaks) {
                End::Cut
            } else {
                End::Whole
            },
        ),
        answer => Stream::of(answer, seen, prompt, vices).reply(),
    };
    if held {
        Reply::Held(Box::new(made))
    } else {
        made
    }
}

fn stream(pieces: Vec<Vec<u8>>, end: End) -> Reply {
    Reply::Stream {
        kind: SSE,
        pieces,
        end,
    }
}

impl Stream {
    fn of(answer: Answer, seen: &Seen, prompt: u64, vices: Vec<Vice>) -> Stream {
        let mut deltas = vec![json!({"role": "assistant", "content": null})];
        let mut reason = "stop";
        let mut given = None;
        match answer {
            Answer::Text(text) => deltas.extend(words(&stopped(&text, &seen.body["stop"]))),
            Answer::Reasoned(thought, text) => {
                let key = if vices.contains(&Vice::Reasoning) {
                    "reasoning"
                } else {
                    "reasoning_content"
                };
                deltas.extend(
                    thought
                        .split_inclusive(' ')
                        .map(|piece| json!({ key: piece })),
                );
                deltas.extend(words(&text));
            }
            Answer::Calls(calls) => {
                reason = "tool_calls";
                deltas.extend(
                    calls
                        .iter()
                        .enumerate()
                        .flat_map(|(n, call)| pieces(n, call, &vices)),
                );
            }
            Answer::Chunks(chunks) => given = Some(chunks),
            Answer::Pieces(_) | Answer::But(..) => {}
        }
        let written = deltas.len().saturating_sub(1).max(1);
        let chunks = given.unwrap_or_else(|| {
            let mut chunks: Vec<Value> = deltas
                .into_iter()
                .map(|delta| chunk(delta, Value::Null))
                .collect();
            chunks.push(chunk(json!({}), json!(reason)));
            chunks
        });
        let cached = prompt / 2;
        let counts = json!({"choices": [], "object": "chat.completion.chunk", "model": "small",
            "usage": {"prompt_tokens": prompt, "completion_tokens": written,
                "prompt_tokens_details": {"cached_tokens": cached}},
            "timings": {"cache_n": cached, "prompt_n": prompt - cached, "predicted_n": written}});
        let asked = seen.body["stream_options"]["include_usage"] == true;
        let mut made = Stream {
            chunks,
            counts: asked.then_some(counts),
            done: true,
            end: End::Whole,
            vices,
        };
        for vice in made.vices.clone() {
            made.misbehave(&vice);
        }
        made
    }

    #[allow(clippy::wildcard_enum_match_arm)] // Each place knows its own part of the ways to misbehave.
    fn misbehave(&mut self, vice: &Vice) {
        let without_reason = |chunks: &mut Vec<Value>| {
            chunks.retain(|chunk| chunk["choices"][0]["finish_reason"].is_null());
        };
        match vice {
            Vice::NoCounts => self.counts = None,
            Vice::Counts(counts) => self.counts = Some(counts.clone()),
            Vice::NoDone => self.done = false,
            Vice::NoReason => without_reason(&mut self.chunks),
            Vice::NoEnd => {
                without_reason(&mut self.chunks);
                (self.counts, self.done) = (None, false);
            }
            Vice::Ends(reason) => {
                if let Some(last) = self.chunks.last_mut() {
                    last["choices"][0]["finish_reason"] = json!(reason);
                }
            }
            Vice::ErrorInside(error) => {
                self.chunks.truncate(2);
                self.chunks.push(json!({ "error": error }));
                (self.counts, self.done) = (None, false);
            }
            Vice::Breaks | Vice::Stalls => {
                self.chunks.truncate(2);
                (self.counts, self.done) = (None, false);
                self.end = if *vice == Vice::Breaks {
                    End::Cut
                } else {
                    End::Stall
                };
            }
            Vice::PingsForEver => {
                without_reason(&mut self.chunks);
                (self.counts, self.done) = (None, false);
            }
            Vice::StallsAtTheEnd => (self.done, self.end) = (false, End::Stall),
            // What changes the bytes comes later, what replaces the answer came before.
            _ => {}
        }
    }

    fn reply(self) -> Reply {
        let has = |vice: &Vice| self.vices.contains(vice);
        if has(&Vice::NoStream) {
            return Reply::json(200, &at_once(&self.chunks));
        }
        let mut events: Vec<String> = self
            .chunks
            .iter()
            .chain(&self.counts)
            .map(|chunk| format!("data: {chunk}\n\n"))
            .collect();
        if self.done {
            events.push("data: [DONE]\n\n".to_owned());
        }
        if has(&Vice::Pings) {
            events = events
                .into_iter()
                .flat_map(|event| [": ping\n\n".to_owned(), event])
                .collect();
        }
        if has(&Vice::PingsForEver) {
            events.extend(std::iter::repeat_n(": ping\n\n".to_owned(), PINGS_MAX));
        }
        if has(&Vice::CrLf) {
            events = events
                .into_iter()
                .map(|event| event.replace('\n', "\r\n"))
                .collect();
        }
        let mut bytes: Vec<Vec<u8>> = events.into_iter().map(String::into_bytes).collect();
        if has(&Vice::SingleBytes) {
            bytes = bytes.concat().into_iter().map(|byte| vec![byte]).collect();
        }
        stream(bytes, self.end)
    }
}

fn chunk(delta: Value, reason: Value) -> Value {
    json!({"id": "chatcmpl-twin", "object": "chat.completion.chunk", "model": "small",
        "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
}

fn words(text: &str) -> Vec<Value> {
    text.split_inclusive(' ')
        .map(|piece| json!({ "content": piece }))
        .collect()
}

/// A call as llama-server sends it: its head, then its arguments a few characters at a time.
fn pieces(n: usize, (name, arguments): &(String, Value), vices: &[Vice]) -> Vec<Value> {
    let index = if vices.contains(&Vice::SameIndex) {
        0
    } else {
        n
    };
    let mut head = json!({"index": index, "id": format!("call_twin_{n}"), "type": "function",
        "function": {"name": name, "arguments": ""}});
    if vices.contains(&Vice::NoIds) {
        head["id"] = Value::Null;
    }
    let text = arguments
        .as_str()
        .map_or_else(|| arguments.to_string(), str::to_owned);
    let letters: Vec<char> = text.chars().collect();
    let parts = letters.chunks(5).map(
        |part| json!({"index": index, "function": {"arguments": part.iter().collect::<String>()}}),
    );
    std::iter::once(head)
        .chain(parts)
        .map(|piece| json!({"tool_calls": [piece]}))
        .collect()
}

/// The text of all pieces in one message.
fn at_once(chunks: &[Value]) -> Value {
    let text: String = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str())
        .collect();
    json!({"object": "chat.completion", "model": "small", "usage": {"prompt_tokens": 9, "completion_tokens": 3},
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]})
}

/// Ends the text before the first stop word, which is not sent.
fn stopped(text: &str, stop: &Value) -> String {
    let words = stop
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    let end = words.filter_map(|word| text.find(word)).min();
    text[..end.unwrap_or(text.len())].to_owned()
}
