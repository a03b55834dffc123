//! A trajectory as a script: the run's own replies, for the scripted provider. What was taken out as a secret stays out, so a
//! replay writes the mark that stands in its place.

use std::collections::BTreeMap;

use alai_fleet::{ErrorClass, Finish, Message};
use serde_json::{Map, Value, json};

use super::{Told, Trajectory};

/// Why a trajectory cannot be played again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScriptlessError {
    #[error("the trajectory does not say whose run it is")]
    NoMeta,
    #[error("no model was asked in it")]
    NoReply,
    #[error("it has replies but no requests: it was written before requests were recorded")]
    NoRequests,
}

/// Turns of one visit of one step.
type Turns = BTreeMap<(String, u32), BTreeMap<u32, Value>>;

impl Trajectory {
    /// The replies as a script of `alai_fleet::Script`, in JSON: the same calls get the same answers. A host that refused tools
    /// is not played: its answer to the second try stands alone.
    ///
    /// # Errors
    /// When there is nothing to play.
    pub fn script(&self) -> Result<String, ScriptlessError> {
        let when = self.when()?;
        let mut turns = Turns::new();
        let mut asked: Option<((String, u32), u32)> = None;
        let mut replies = 0;
        for (at, entry) in self.entries.iter().enumerate() {
            match &entry.told {
                Told::Request {
                    step, visit, turn, ..
                } => asked = Some(((step.clone(), *visit), *turn)),
                Told::Reply { .. } => {
                    replies += 1;
                    if let Some((visit, turn)) = asked.take() {
                        turns.entry(visit).or_default().insert(turn, self.turn(at));
                    }
                }
                Told::Failed { class, message, .. } if *class != ErrorClass::NoTools => {
                    if let Some((visit, turn)) = asked.take() {
                        let failed = json!({"fail": class, "message": message});
                        turns.entry(visit).or_default().insert(turn, failed);
                    }
                }
                Told::Meta { .. }
                | Told::Step { .. }
                | Told::Message { .. }
                | Told::Pruned { .. }
                | Told::Frame { .. }
                | Told::Call { .. }
                | Told::Result { .. }
                | Told::Command { .. }
                | Told::Check { .. }
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
        match (turns.is_empty(), replies) {
            (true, 0) => return Err(ScriptlessError::NoReply),
            (true, _) => return Err(ScriptlessError::NoRequests),
            (false, _) => {}
        }
        let scenes = turns.into_iter().map(|((step, visit), turns)| {
            let mut when = when.clone();
            when.insert("step".into(), step.into());
            when.insert("visit".into(), visit.into());
            json!({"when": when, "turns": turns.into_values().collect::<Vec<_>>()})
        });
        Ok(Value::from(scenes.collect::<Vec<_>>()).to_string())
    }

    /// What all scenes have in common: whose run it was. The title is left out: without its secrets it would match nothing.
    fn when(&self) -> Result<Map<String, Value>, ScriptlessError> {
        for entry in &self.entries {
            if let Told::Meta {
                kind,
                role,
                attempt,
                ..
            } = &entry.told
            {
                let fields = json!({"kind": kind, "role": role, "attempt": attempt});
                if let Value::Object(fields) = fields {
                    return Ok(fields);
                }
            }
        }
        Err(ScriptlessError::NoMeta)
    }

    /// The reply at `at`, with the text and the calls that stand behind it.
    fn turn(&self, at: usize) -> Value {
        let mut text = String::new();
        let mut calls = Vec::new();
        let mut turn = Map::new();
        if let Told::Reply {
            finish,
            thinking,
            refused,
            cut_calls,
            ..
        } = &self.entries[at].told
        {
            turn.insert("thinking".into(), thinking.as_str().into());
            if *finish == Finish::Length {
                turn.insert("finish".into(), json!(finish));
            }
            if let Some(refused) = refused {
                turn.insert("refused".into(), refused.as_str().into());
            }
            let cut = cut_calls.iter();
            calls.extend(cut.map(|c| json!({"name": c.name, "arguments": c.arguments})));
        }
        let mut said = false;
        for entry in &self.entries[at + 1..] {
            match &entry.told {
                Told::Message {
                    message: Message::Assistant { text: words, .. },
                    ..
                } if !said => {
                    text.clone_from(words);
                    said = true;
                }
                Told::Call {
                    name, arguments, ..
                } => calls.push(json!({"name": name, "arguments": arguments})),
                Told::Reply { .. }
                | Told::Request { .. }
                | Told::Step { .. }
                | Told::Meta { .. } => {
                    break;
                }
                Told::Message { .. }
                | Told::Pruned { .. }
                | Told::Frame { .. }
                | Told::Result { .. }
                | Told::Command { .. }
                | Told::Check { .. }
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
        turn.insert("text".into(), text.into());
        turn.insert("calls".into(), calls.into());
        Value::Object(turn)
    }
}
