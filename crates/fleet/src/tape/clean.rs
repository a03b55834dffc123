//! Takes secrets out of a call before it is written: the host's own key wherever it stands, and what has the shape of a secret.
//!
//! A model writes a secret token by token, so that it stands in no chunk whole. What an answer says is therefore looked at after it
//! was read; where a secret stands in it, its bytes are written anew from what is left.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Asked, Chunk, Failed, Recorded, Try, Wire};
use crate::answer::Answer;
use crate::dialect::Reader;
use crate::event::RawCall;
use crate::redact::redact;
use crate::script::render;
use crate::secret::Secret;

/// Ids look like keys. What a server calls an id is none of its secrets, and the host's own key is looked for there, too.
static IDS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#""(?:id|tool_call_id|system_fingerprint|created_at)"\s*:\s*"[^"]*""#)
        .expect("a constant pattern compiles")
});

/// A call without its secrets.
pub(super) fn recorded(call: Recorded, key: Option<&Secret>) -> Recorded {
    let text = |text: String| cleaned(&text, key).into_owned();
    let mut purpose = call.purpose;
    purpose.task_title = text(purpose.task_title);
    Recorded {
        host: text(call.host),
        model: text(call.model),
        purpose,
        tries: call
            .tries
            .into_iter()
            .map(|one| tried(one, call.asked.format.as_ref(), key))
            .collect(),
        failed: call.failed.map(|failed| quoted(failed, key)),
        ..call
    }
}

/// The same of what is asked, which is also how a request is looked up.
pub(super) fn asked(asked: &Asked, key: Option<&Secret>) -> Asked {
    any(asked, key).unwrap_or_else(|| asked.clone())
}

/// The same of anything; none where it cannot be written as JSON and read again.
pub(super) fn any<T: Serialize + DeserializeOwned>(asked: &T, key: Option<&Secret>) -> Option<T> {
    let mut value = serde_json::to_value(asked).ok()?;
    walk(&mut value, key);
    serde_json::from_value(value).ok()
}

/// Whether the host's own key stands in a text.
pub(super) fn holds(text: &str, key: Option<&Secret>) -> bool {
    key.is_some_and(|key| matches!(key.redact(text), Cow::Owned(_)))
}

fn walk(value: &mut Value, key: Option<&Secret>) {
    match value {
        Value::String(text) => {
            if let Cow::Owned(clean) = cleaned(text, key) {
                *text = clean;
            }
        }
        Value::Array(all) => all.iter_mut().for_each(|one| walk(one, key)),
        Value::Object(all) => {
            let taken = std::mem::take(all);
            all.extend(taken.into_iter().map(|(name, mut value)| {
                walk(&mut value, key);
                (cleaned(&name, key).into_owned(), value)
            }));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Words without this key, and without whatever else looks like a secret.
pub(crate) fn cleaned<'t>(text: &'t str, key: Option<&Secret>) -> Cow<'t, str> {
    let Some(key) = key else {
        return redact(text);
    };
    match key.redact(text) {
        Cow::Borrowed(text) => redact(text),
        Cow::Owned(text) => Cow::Owned(redact(&text).into_owned()),
    }
}

pub(super) fn quoted(failed: Failed, key: Option<&Secret>) -> Failed {
    let message = redact(&failed.message).into_owned();
    Failed {
        message: key.map_or(message.clone(), |key| key.redact_quote(&message)),
        ..failed
    }
}

fn tried(one: Try, format: Option<&Value>, key: Option<&Secret>) -> Try {
    let one = Try {
        failed: one.failed.map(|failed| quoted(failed, key)),
        ..one
    };
    let body = one.body();
    let text = String::from_utf8_lossy(&body);
    if one.status != Some(200) {
        return match cleaned(&text, key) {
            Cow::Owned(clean) => Try {
                chunks: vec![Chunk::of(last_us(&one), clean.as_bytes())],
                is_rewritten: true,
                ..one
            },
            Cow::Borrowed(_) => one,
        };
    }
    let mut answer = Answer::default();
    let mut reader = Reader::of(one.wire, format);
    let mut take = |event| answer.take(&event);
    let read = reader.feed(&body, &mut take);
    if read.is_ok_and(|fed| !fed.done) {
        // What it ends in was told when it was recorded.
        let _ = reader.end(&mut take);
    }
    let is_clean = !holds(&text, key)
        && matches!(redact(&IDS.replace_all(&text, "")), Cow::Borrowed(_))
        && cleaned_answer(&answer, key) == answer;
    if is_clean {
        return one;
    }
    let us = last_us(&one);
    let clean = cleaned_answer(&answer, key);
    Try {
        wire: Wire::Openai,
        chunks: render::answer(&clean)
            .iter()
            .map(|piece| Chunk::of(us, piece))
            .collect(),
        is_rewritten: true,
        ..one
    }
}

fn cleaned_answer(answer: &Answer, key: Option<&Secret>) -> Answer {
    let text = |text: &str| cleaned(text, key).into_owned();
    let calls = answer.calls.iter().map(|call| {
        let mut arguments = call.arguments.clone();
        walk(&mut arguments, key);
        // A secret can be split by an escape, as a key with a slash is.
        if let Value::String(written) = &arguments
            && let Ok(mut inner) = serde_json::from_str::<Value>(written)
        {
            let before = inner.clone();
            walk(&mut inner, key);
            if inner != before {
                arguments = Value::String(inner.to_string());
            }
        }
        RawCall {
            id: text(&call.id),
            name: text(&call.name),
            arguments,
        }
    });
    Answer {
        text: text(&answer.text),
        thinking: text(&answer.thinking),
        calls: calls.collect(),
        model: text(&answer.model),
        ..answer.clone()
    }
}

fn last_us(one: &Try) -> u64 {
    one.chunks.last().map_or(0, |chunk| chunk.us)
}
