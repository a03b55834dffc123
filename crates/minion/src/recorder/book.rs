//! What was said so far, as the trajectory has it: so that a request is written as which messages were sent, and not as their
//! texts over again.

use alai_fleet::{ChatRequest, Message, Profile, ToolCall, ToolSpec};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::event::Event;
use super::{RecordError, Recorder, clean};

/// The messages of the present step and the request that was sent last.
#[derive(Default)]
pub(super) struct Book {
    said: Vec<Said>,
    frame: Option<(u64, Frame)>,
    /// The last request's `seq`, and its messages as places in `said`.
    last: Option<(u64, Vec<usize>)>,
}

struct Said {
    seq: u64,
    message: Message,
    /// The message without its secrets; redacting a long conversation at every turn would cost more than the turn.
    clean: Option<Value>,
}

/// What the requests of a step have in common.
#[derive(Clone, PartialEq)]
struct Frame {
    model: String,
    tools: Vec<ToolSpec>,
    format: Option<Value>,
    /// With a `call_s_max` of 0.
    profile: Profile,
}

impl Book {
    /// Takes over what an event says of the conversation.
    pub(super) fn note(&mut self, seq: u64, event: &Event<'_>) {
        match event {
            Event::Step { .. } => *self = Book::default(),
            Event::Message { message, .. } | Event::Pruned { message, .. } => {
                self.push(seq, (*message).clone());
            }
            Event::Call {
                id,
                name,
                arguments,
                ..
            } => self.called(ToolCall {
                id: (*id).to_owned(),
                name: (*name).to_owned(),
                arguments: (*arguments).clone(),
            }),
            Event::Result { id, text, .. } => {
                let message = Message::Tool {
                    call_id: (*id).to_owned(),
                    name: self.name_of(id),
                    text: (*text).to_owned(),
                };
                self.push(seq, message);
            }
            Event::Meta { .. }
            | Event::Frame { .. }
            | Event::Request { .. }
            | Event::Command { .. }
            | Event::Check { .. }
            | Event::Reply { .. }
            | Event::Failed { .. }
            | Event::Guard { .. }
            | Event::Outcome { .. }
            | Event::Skill { .. }
            | Event::Server { .. }
            | Event::Note { .. }
            | Event::Word { .. }
            | Event::Launched { .. }
            | Event::Heard { .. }
            | Event::Session { .. }
            | Event::Exit { .. } => {}
        }
    }

    fn push(&mut self, seq: u64, message: Message) {
        self.said.push(Said {
            seq,
            message,
            clean: None,
        });
    }

    /// A call belongs to the assistant's message before it.
    fn called(&mut self, call: ToolCall) {
        for said in self.said.iter_mut().rev() {
            if let Message::Assistant { calls, .. } = &mut said.message {
                calls.push(call);
                said.clean = None;
                return;
            }
        }
    }

    fn name_of(&self, id: &str) -> String {
        let calls = self.said.iter().rev().find_map(|said| {
            if let Message::Assistant { calls, .. } = &said.message {
                calls.iter().find(|call| call.id == id)
            } else {
                None
            }
        });
        calls.map_or_else(String::new, |call| call.name.clone())
    }

    fn find(&self, message: &Message, from: usize) -> Option<usize> {
        let rest = self.said.iter().enumerate().skip(from);
        rest.into_iter()
            .find(|(_, said)| said.message == *message)
            .map(|(at, _)| at)
    }
}

/// Whether a message is an earlier one of which something was taken out.
fn pruned_from(earlier: &Message, message: &Message) -> bool {
    match (earlier, message) {
        (Message::Tool { call_id: a, .. }, Message::Tool { call_id: b, .. }) => a == b,
        (Message::Assistant { calls: a, .. }, Message::Assistant { calls: b, .. }) => {
            !a.is_empty() && a.iter().map(|c| &c.id).eq(b.iter().map(|c| &c.id))
        }
        (
            Message::System { .. }
            | Message::User { .. }
            | Message::Assistant { .. }
            | Message::Tool { .. },
            _,
        ) => false,
    }
}

impl Recorder {
    /// Writes what is about to be sent to a model. A message that no event has told of yet is written first, so that nothing
    /// is ever sent which the trajectory does not have.
    pub(crate) fn request(&mut self, request: &ChatRequest) -> Result<(), RecordError> {
        let step = request.purpose.step.as_str();
        let frame = self.frame(step, request)?;
        let (before, prior) = match self.book.last.clone() {
            Some((seq, prior)) => (Some(seq), prior),
            None => (None, Vec::new()),
        };
        let (mut places, mut pruned, mut added) = (Vec::new(), Vec::new(), Vec::new());
        let mut kept = 0;
        for (at, message) in request.messages.iter().enumerate() {
            let same_place = prior.get(at).copied().filter(|_| kept == at);
            if let Some(place) = same_place {
                let earlier = &self.book.said[place];
                if earlier.message == *message {
                    places.push(place);
                    kept += 1;
                    continue;
                }
                if pruned_from(&earlier.message, message) {
                    let of = earlier.seq;
                    pruned.push((at, self.seq));
                    self.write(&Event::Pruned { step, of, message })?;
                    places.push(self.book.said.len() - 1);
                    kept += 1;
                    continue;
                }
            }
            let from = places.iter().max().map_or(0, |last| last + 1);
            let place = match self.book.find(message, from) {
                Some(place) => place,
                None => {
                    self.write(&Event::Message { step, message })?;
                    self.book.said.len() - 1
                }
            };
            added.push(self.book.said[place].seq);
            places.push(place);
        }
        let sha256 = self.hash(request, &places)?;
        let seq = self.seq;
        self.write(&Event::Request {
            step,
            turn: request.purpose.turn,
            visit: request.purpose.visit,
            sha256: &sha256,
            frame,
            before: before.filter(|_| kept > 0),
            kept,
            pruned: &pruned,
            added: &added,
            call_s_max: request.profile.call_s_max,
        })?;
        self.book.last = Some((seq, places));
        Ok(())
    }

    /// The `seq` of the frame that this request stands in; a new one is written.
    fn frame(&mut self, step: &str, request: &ChatRequest) -> Result<u64, RecordError> {
        let frame = Frame {
            model: request.model.clone(),
            tools: request.tools.clone(),
            format: request.format.clone(),
            profile: Profile {
                call_s_max: 0,
                ..request.profile
            },
        };
        if let Some((seq, known)) = &self.book.frame
            && *known == frame
        {
            return Ok(*seq);
        }
        let seq = self.seq;
        self.write(&Event::Frame {
            step,
            model: &frame.model,
            tools: &frame.tools,
            format: frame.format.as_ref(),
            profile: &frame.profile,
        })?;
        self.book.frame = Some((seq, frame));
        Ok(seq)
    }

    fn hash(&mut self, request: &ChatRequest, places: &[usize]) -> Result<String, RecordError> {
        let redact = self.redact;
        let mut messages = Vec::with_capacity(places.len());
        for place in places {
            let said = &mut self.book.said[*place];
            let value = match &said.clean {
                Some(value) => value.clone(),
                None => {
                    let mut value =
                        serde_json::to_value(&said.message).map_err(std::io::Error::other)?;
                    clean(&mut value, redact);
                    said.clean = Some(value.clone());
                    value
                }
            };
            messages.push(value);
        }
        let mut parts = json!({
            "model": request.model,
            "tools": request.tools,
            "format": request.format,
            "profile": request.profile,
            "purpose": request.purpose,
        });
        clean(&mut parts, redact);
        parts["messages"] = Value::Array(messages);
        Ok(sha256(&parts))
    }
}

/// The hash of a value's canonical text: no spaces, the keys of each object in the order of their bytes.
pub(crate) fn sha256(value: &Value) -> String {
    let mut text = String::new();
    canonical(value, &mut text);
    hex::encode(Sha256::digest(text.as_bytes()))
}

fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_by_key(|(name, _)| name.as_str());
            out.push('{');
            for (at, (name, field)) in sorted.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                canonical(field, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                canonical(item, out);
            }
            out.push(']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            out.push_str(&value.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_keys_does_not_matter_and_everything_else_does() {
        let a = json!({"b": [1, {"y": "x", "a": null}], "a": "ä\n"});
        let b = json!({"a": "ä\n", "b": [1, {"a": null, "y": "x"}]});
        assert_eq!(sha256(&a), sha256(&b));
        let mut text = String::new();
        canonical(&a, &mut text);
        assert_eq!(text, r#"{"a":"ä\n","b":[1,{"a":null,"y":"x"}]}"#);
        assert_ne!(
            sha256(&a),
            sha256(&json!({"a": "ä\n", "b": [{"y": "x", "a": null}, 1]}))
        );
    }
}
