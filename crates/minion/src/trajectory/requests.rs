//! What was really sent to the model: each request is built again from the messages, and held against its hash.

use std::collections::HashMap;

use alai_fleet::{ChatRequest, Message, Profile, ToolCall};
use serde_json::{Value, json};

use super::{Entry, Told, Trajectory};
use crate::recorder::sha256;

/// One model call.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    pub seq: u64,
    pub step: String,
    pub visit: u32,
    pub turn: u32,
    /// The request, free of secrets, when it is the one that was hashed.
    pub request: Result<Box<ChatRequest>, Unbuilt>,
}

/// Why a request could not be built again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unbuilt {
    #[error("event {0}, which it names, is not in the trajectory")]
    Missing(u64),
    #[error("the trajectory does not say whose run it is")]
    NoMeta,
    #[error("what can be built of it is no request: {0}")]
    NoRequest(String),
    #[error("it is not what was sent: its hash is {found}, the recorded one {recorded}")]
    Changed { found: String, recorded: String },
}

/// What is known at one place of a trajectory.
#[derive(Default)]
struct Known<'a> {
    meta: Option<&'a Told>,
    messages: HashMap<u64, Message>,
    frames: HashMap<u64, &'a Told>,
    requests: HashMap<u64, Vec<u64>>,
    /// The assistant's message that calls belong to, and the calls since.
    assistant: Option<u64>,
    names: HashMap<String, String>,
}

impl Trajectory {
    /// Every request in order. Where a file was written on by a second run, each part is looked at for itself.
    pub fn requests(&self) -> Vec<Sent> {
        let mut known = Known::default();
        let mut all = Vec::new();
        for entry in &self.entries {
            known.note(entry);
            if let Told::Request {
                step, turn, visit, ..
            } = &entry.told
            {
                all.push(Sent {
                    seq: entry.seq,
                    step: step.clone(),
                    visit: *visit,
                    turn: *turn,
                    request: known.build(entry.seq, &entry.told).map(Box::new),
                });
            }
        }
        all
    }
}

impl<'a> Known<'a> {
    fn note(&mut self, entry: &'a Entry) {
        match &entry.told {
            told @ Told::Meta { .. } => {
                *self = Known {
                    meta: Some(told),
                    ..Known::default()
                }
            }
            Told::Message { message, .. } | Told::Pruned { message, .. } => {
                if let Message::Assistant { .. } = message {
                    self.assistant = Some(entry.seq);
                }
                self.messages.insert(entry.seq, message.clone());
            }
            told @ Told::Frame { .. } => {
                self.frames.insert(entry.seq, told);
            }
            Told::Call {
                id,
                name,
                arguments,
                ..
            } => {
                self.names.insert(id.clone(), name.clone());
                let assistant = self.assistant.and_then(|seq| self.messages.get_mut(&seq));
                if let Some(Message::Assistant { calls, .. }) = assistant {
                    calls.push(ToolCall {
                        id: id.clone(),
                        name: name.clone(),
                        arguments: arguments.clone(),
                    });
                }
            }
            Told::Result { id, text, .. } => {
                let message = Message::Tool {
                    call_id: id.clone(),
                    name: self.names.get(id).cloned().unwrap_or_default(),
                    text: text.clone(),
                };
                self.messages.insert(entry.seq, message);
            }
            Told::Step { .. }
            | Told::Request { .. }
            | Told::Command { .. }
            | Told::Check { .. }
            | Told::Reply { .. }
            | Told::Failed { .. }
            | Told::Guard { .. }
            | Told::Outcome { .. }
            | Told::Skill { .. }
            | Told::Server { .. }
            | Told::Note { .. }
            | Told::Word { .. }
            | Told::Launched { .. }
            | Told::Heard { .. }
            | Told::Session { .. }
            | Told::Exit { .. }
            | Told::Other { .. } => {}
        }
    }

    fn build(&mut self, seq: u64, told: &Told) -> Result<ChatRequest, Unbuilt> {
        let Told::Request {
            step,
            turn,
            visit,
            sha256: recorded,
            frame,
            before,
            kept,
            pruned,
            added,
            call_s_max,
        } = told
        else {
            return Err(Unbuilt::NoRequest("it is another event".into()));
        };
        let mut places = match before {
            None => Vec::new(),
            Some(before) => {
                let earlier = self.requests.get(before).ok_or(Unbuilt::Missing(*before))?;
                earlier.iter().copied().take(*kept).collect()
            }
        };
        for (at, seq) in pruned {
            *places.get_mut(*at).ok_or(Unbuilt::Missing(*seq))? = *seq;
        }
        places.extend(added);
        let messages = places
            .iter()
            .map(|seq| self.messages.get(seq).ok_or(Unbuilt::Missing(*seq)))
            .collect::<Result<Vec<_>, _>>()?;
        let value = self.value(*frame, (step, *visit, *turn), *call_s_max, &messages)?;
        self.requests.insert(seq, places);
        let found = sha256(&value);
        if found != *recorded {
            return Err(Unbuilt::Changed {
                found,
                recorded: recorded.clone(),
            });
        }
        serde_json::from_value(value).map_err(|e| Unbuilt::NoRequest(e.to_string()))
    }

    fn value(
        &self,
        frame: u64,
        (step, visit, turn): (&str, u32, u32),
        call_s_max: u64,
        messages: &[&Message],
    ) -> Result<Value, Unbuilt> {
        let Some(Told::Meta {
            attempt,
            kind,
            role,
            company,
            title,
            ..
        }) = self.meta
        else {
            return Err(Unbuilt::NoMeta);
        };
        let Some(Told::Frame {
            model,
            tools,
            format,
            profile,
            ..
        }) = self.frames.get(&frame)
        else {
            return Err(Unbuilt::Missing(frame));
        };
        let profile = Profile {
            call_s_max,
            ..*profile
        };
        Ok(json!({
            "model": model,
            "messages": messages,
            "tools": tools,
            "format": format,
            "profile": profile,
            "purpose": {
                "task_kind": kind,
                "task_title": title,
                "role": role,
                "company": company,
                "step": step,
                "attempt": attempt,
                "visit": visit,
                "turn": turn,
            },
        }))
    }
}
