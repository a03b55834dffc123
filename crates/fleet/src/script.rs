//! The scripted provider: replies from a text, so that the whole factory runs with no model. Stateless: what a call is for
//! selects the reply, so that a restart, a second worker or another order of calls gets the same one.
//!
//! ```yaml
//! - when: {kind: build, role: builder, title: "rate limiting", step: build, attempt: 0}
//!   turns:
//!     - text: I add a test first.
//!       calls: [{name: write, arguments: {path: tests/limit.rs, content: "..."}}]
//!     - json: {verdict: pass}
//!     - fail: busy
//! ```
//!
//! Every key of `when` is optional (`visit` is how often the step was walked before in the same run), `title` and `company` match as substring and name. The scene with the most keys that all
//! match wins; among equals the first. `turn` of the purpose selects its turn. Where there is none, the call fails.

use alai_core::brief::Role;
use alai_core::mode::Mode;
use alai_core::task::TaskKind;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::answer::Answer;
use crate::call;
use crate::calls::with_ids;
use crate::chat::{ChatReply, ChatRequest, Finish, Profile, Purpose, ToolCall, Usage};
use crate::dialect::Reader;
use crate::ear::{Ear, Listener};
use crate::error::{ChatError, ErrorClass, Fault, Server};
use crate::event::RawCall;
use crate::salvage;
use crate::tape::{AskedVectors, RecordedVectors, Tape, Wire};
use crate::tokens::{estimate_tokens, prompt_chars};

pub(crate) mod render;

/// The name that replies, errors and records of this provider carry as their model and host.
pub const HOST: &str = "scripted";

/// A checked script.
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    source: Source,
}

#[derive(Debug, Clone, PartialEq)]
enum Source {
    Scenes(Vec<Scene>),
    /// A recording of real calls.
    Tape(Tape),
}

/// Why a script was refused, with line and remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot use the script: {0}")]
pub struct ScriptError(String);

/// Replies for one kind of call.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scene {
    #[serde(default)]
    when: When,
    turns: Vec<Turn>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct When {
    kind: Option<TaskKind>,
    role: Option<Role>,
    /// A part of the title; empty means any.
    title: Option<String>,
    company: Option<String>,
    step: Option<String>,
    attempt: Option<u32>,
    visit: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Turn {
    text: Option<String>,
    thinking: Option<String>,
    #[serde(default)]
    calls: Vec<Call>,
    /// The answer of an ask step, in place of `text`.
    json: Option<Value>,
    /// Simulates this error, in place of a reply.
    fail: Option<ErrorClass>,
    /// The words of a simulated error.
    message: Option<String>,
    finish: Option<Finish>,
    /// Why a call that stands in `text` was not taken, in a recording.
    refused: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    name: String,
    #[serde(default)]
    arguments: Map<String, Value>,
}

impl Script {
    /// Reads a script from YAML or JSON, or a recording of real calls.
    ///
    /// # Errors
    /// On anything that is not exactly a script, with the place and, for a misspelt key, what was probably meant.
    pub fn parse(text: &str) -> Result<Script, ScriptError> {
        if Tape::is_one(text) {
            let tape = Tape::parse(text).map_err(|e| ScriptError(e.to_string()))?;
            if tape.calls().is_empty() && tape.vectors().is_empty() {
                let why = "the recording holds sessions of agents alone, and what those did is not in their words";
                return Err(ScriptError(why.to_owned()));
            }
            return Ok(Script {
                source: Source::Tape(tape),
            });
        }
        let scenes: Vec<Scene> = match serde_json::from_str(text) {
            Ok(scenes) => scenes,
            Err(error) if error.is_data() => return Err(refused_json(&error)),
            Err(_) => from_yaml(text)?,
        };
        if scenes.is_empty() {
            return Err(ScriptError(
                "it has no scene; add one with `turns`".to_owned(),
            ));
        }
        for (n, scene) in scenes.iter().enumerate() {
            check_scene(scene).map_err(|why| ScriptError(format!("scene {}: {why}", n + 1)))?;
        }
        Ok(Script {
            source: Source::Scenes(scenes),
        })
    }

    /// Of a recording: the model that did tasks of this kind, and how it was run.
    pub(crate) fn recorded_for(&self, kind: TaskKind) -> Option<(String, Profile)> {
        match &self.source {
            Source::Scenes(_) => None,
            Source::Tape(tape) => tape.cast(kind),
        }
    }

    /// The vectors that were recorded for these texts.
    pub(crate) fn vectors(&self, asked: &AskedVectors) -> Result<&RecordedVectors, String> {
        match &self.source {
            Source::Scenes(_) => {
                Err("scenes hold no vectors; record them, or use a host that makes them".to_owned())
            }
            Source::Tape(tape) => tape.next_vectors(asked),
        }
    }

    /// The reply that this call gets: bytes of a server, written or recorded, through the reader that reads a server's.
    pub(crate) fn play(
        &self,
        request: &ChatRequest,
        cancel: &dyn Fn() -> bool,
        listener: &mut Listener<'_>,
    ) -> Result<ChatReply, ChatError> {
        match &self.source {
            Source::Scenes(scenes) => said(scenes, request, listener),
            Source::Tape(tape) => match tape.next(request) {
                Ok(call) => call::replay(call, request, cancel, listener),
                Err(why) => Err(failed(ErrorClass::ScriptExhausted, why)),
            },
        }
    }
}

fn failed(class: ErrorClass, message: String) -> ChatError {
    ChatError {
        class,
        server: Server::Script,
        host: HOST.to_owned(),
        model: HOST.to_owned(),
        message,
        partial: String::new(),
        spent: class.usually_spent(),
    }
}

/// What the scenes say to a call, every time.
fn said(
    scenes: &[Scene],
    request: &ChatRequest,
    listener: &mut Listener<'_>,
) -> Result<ChatReply, ChatError> {
    let turn = turn_of(scenes, &request.purpose)
        .map_err(|why| failed(ErrorClass::ScriptExhausted, why))?;
    if let Some(class) = turn.fail {
        let message = turn.message.clone();
        let message = message.unwrap_or_else(|| "the script simulates this failure".to_owned());
        return Err(failed(class, message));
    }
    let mut ear = Ear::new(Reader::of(Wire::Openai, None), listener, None);
    ear.answered(200);
    let read = heard(&mut ear, turn, request);
    read.map_err(|fault| failed(fault.class, fault.message))?;
    let answer = ear.answer;
    let calls = answer.calls.into_iter().map(|call| ToolCall {
        id: String::new(),
        name: call.name,
        arguments: salvage::object_of(call.arguments).unwrap_or_default(),
    });
    Ok(ChatReply {
        text: answer.text,
        thinking: answer.thinking,
        calls: with_ids(calls.collect(), &request.messages),
        usage: answer.usage,
        usage_estimated: true,
        finish: answer.finish.unwrap_or(Finish::Stop),
        salvaged: false,
        refused: turn.refused.clone(),
        mode: Mode::Simulated,
        model: answer.model,
        latency_ms: 0,
    })
}

fn heard(ear: &mut Ear<'_>, turn: &Turn, request: &ChatRequest) -> Result<(), Fault> {
    for piece in render::answer(&turn.answer(request)) {
        ear.feed(&piece)?;
    }
    ear.end()
}

fn turn_of<'s>(scenes: &'s [Scene], purpose: &Purpose) -> Result<&'s Turn, String> {
    let mut best: Option<(usize, usize, &Scene)> = None;
    for (n, scene) in scenes.iter().enumerate() {
        if let Some(keys) = matching_keys(&scene.when, purpose)
            && best.is_none_or(|(most, _, _)| keys > most)
        {
            best = Some((keys, n + 1, scene));
        }
    }
    let call = format!(
        "kind {}, role {}, step `{}`, attempt {}, visit {}, turn {}, task `{}`",
        purpose.task_kind,
        purpose.role.as_str(),
        purpose.step,
        purpose.attempt,
        purpose.visit,
        purpose.turn,
        purpose.task_title
    );
    let (_, n, scene) = best.ok_or_else(|| format!("no scene of the script matches ({call})"))?;
    let turn = usize::try_from(purpose.turn)
        .ok()
        .and_then(|turn| scene.turns.get(turn));
    turn.ok_or_else(|| {
        format!(
            "scene {n} of the script has only {} turns ({call})",
            scene.turns.len()
        )
    })
}

impl Turn {
    /// What it says, as far as a server says it.
    fn answer(&self, request: &ChatRequest) -> Answer {
        let text = match (&self.json, &self.text) {
            (Some(json), _) => json.to_string(),
            (None, text) => text.clone().unwrap_or_default(),
        };
        let thinking = self.thinking.clone().unwrap_or_default();
        let calls = self.calls.iter().map(|call| RawCall {
            id: String::new(),
            name: call.name.clone(),
            arguments: Value::Object(call.arguments.clone()),
        });
        Answer {
            usage: usage(request, &text, &thinking, &self.calls),
            text,
            thinking,
            calls: calls.collect(),
            model: HOST.to_owned(),
            finish: Some(self.finish.unwrap_or(Finish::Stop)),
        }
    }
}

/// How many keys a scene gives, if all of them match.
fn matching_keys(when: &When, purpose: &Purpose) -> Option<usize> {
    let title = when.title.as_deref().filter(|title| !title.is_empty());
    let keys = [
        when.kind.map(|kind| kind == purpose.task_kind),
        when.role.map(|role| role == purpose.role),
        title.map(|title| purpose.task_title.contains(title)),
        when.company
            .as_ref()
            .map(|company| *company == purpose.company),
        when.step.as_ref().map(|step| *step == purpose.step),
        when.attempt.map(|attempt| attempt == purpose.attempt),
        when.visit.map(|visit| visit == purpose.visit),
    ];
    let given = keys.iter().flatten();
    given.clone().all(|matches| *matches).then(|| given.count())
}

/// A turn says one thing: a reply, an answer in JSON or a failure.
fn check_scene(scene: &Scene) -> Result<(), String> {
    if scene.turns.is_empty() {
        return Err("it has no turns".to_owned());
    }
    for (n, turn) in scene.turns.iter().enumerate() {
        let says = turn.text.is_some() || turn.thinking.is_some() || !turn.calls.is_empty();
        let kinds = [says, turn.json.is_some(), turn.fail.is_some()]
            .into_iter()
            .filter(|given| *given)
            .count();
        let turn_n = n + 1;
        if kinds != 1 {
            return Err(format!(
                "turn {turn_n} must have exactly one of: `text` with `calls`, `json`, `fail`"
            ));
        }
        if turn.message.is_some() && turn.fail.is_none() {
            return Err(format!(
                "turn {turn_n} has a `message`, which belongs to `fail`"
            ));
        }
        if turn.finish.is_some() && turn.fail.is_some() {
            return Err(format!("turn {turn_n} has a `finish`, but `fail` has none"));
        }
    }
    Ok(())
}

/// The same for the same script and request.
fn usage(request: &ChatRequest, text: &str, thinking: &str, calls: &[Call]) -> Usage {
    let calls = calls.iter().map(|call| {
        call.name.chars().count()
            + serde_json::to_string(&call.arguments).map_or(0, |json| json.chars().count())
    });
    let output = text.chars().count() + thinking.chars().count() + calls.sum::<usize>();
    Usage {
        prompt_tokens: estimate_tokens(prompt_chars(request)),
        output_tokens: estimate_tokens(output as u64),
        ..Usage::default()
    }
}

fn from_yaml(text: &str) -> Result<Vec<Scene>, ScriptError> {
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| refused_yaml(&error))
}

fn refused_yaml(error: &serde_saphyr::Error) -> ScriptError {
    use serde_saphyr::Error::{SerdeUnknownField, SerdeUnknownVariant};
    let meant = if let SerdeUnknownField {
        field: given,
        expected,
        ..
    }
    | SerdeUnknownVariant {
        variant: given,
        expected,
        ..
    } = error.without_snippet()
    {
        nearest(given, expected.iter().copied())
    } else {
        None
    };
    refused(&error.to_string(), meant)
}

/// serde_json keeps nothing but its words: "unknown field `x`, expected one of `a`, `b` at line 1 column 2".
fn refused_json(error: &serde_json::Error) -> ScriptError {
    let why = error.to_string();
    let mut quoted = why.split('`').skip(1).step_by(2);
    let given = quoted.next().filter(|_| why.starts_with("unknown "));
    let meant = given.and_then(|given| nearest(given, quoted));
    refused(&why, meant)
}

fn refused(why: &str, meant: Option<&str>) -> ScriptError {
    ScriptError(match meant {
        Some(name) => format!("{why}\ndid you mean `{name}`?"),
        None => why.to_owned(),
    })
}

/// What was probably meant. Further apart than a third they are different words.
fn nearest<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let (distance, name) = known.map(|name| (distance(given, name), name)).min()?;
    (distance <= 1 + given.chars().count() / 3).then_some(name)
}

/// Edits from one word to the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substitution = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substitution.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests;
