//! In what a request differs from the recorded one that is nearest, for a person who has to find out why.

use serde_json::Value;

use super::{Asked, Recorded};
use crate::chat::Purpose;

/// Characters that are shown before a difference, and of it.
const BEFORE: usize = 40;
const BEHIND: usize = 80;

/// Why none of these calls, each with its line, fits.
pub(super) fn nearest(calls: &[(usize, Recorded)], purpose: &Purpose, asked: &Asked) -> String {
    let ours = value(asked);
    let near = |call: &Recorded| {
        let messages = call.asked.messages.iter().zip(&asked.messages);
        let same = messages.take_while(|(one, other)| one == other).count();
        (likeness(&call.purpose, purpose), same)
    };
    // The first among equals.
    let mut nearest: Option<(usize, &Recorded, (usize, usize))> = None;
    for (line, call) in calls {
        let likeness = near(call);
        if nearest.is_none_or(|(_, _, most)| likeness > most) {
            nearest = Some((*line, call, likeness));
        }
    }
    let Some((line, call, _)) = nearest else {
        return "the recording holds no call".to_owned();
    };
    let of = &call.purpose;
    let place = format!(
        "line {line}: kind {}, step `{}`, attempt {}, turn {}",
        of.task_kind, of.step, of.attempt, of.turn
    );
    match first(&value(&call.asked), &ours, "request") {
        Some(difference) => format!(
            "the recording has no answer for this request ({}, step `{}`, attempt {}, turn {}); the nearest one ({place}) differs at {difference}",
            purpose.task_kind, purpose.step, purpose.attempt, purpose.turn
        ),
        None => format!("the recording has this request and another hash of it ({place})"),
    }
}

fn likeness(one: &Purpose, other: &Purpose) -> usize {
    let kind = 8 * usize::from(one.task_kind == other.task_kind && one.role == other.role);
    let step = 4 * usize::from(one.step == other.step);
    let turn = 2 * usize::from(one.turn == other.turn && one.visit == other.visit);
    kind + step + turn + usize::from(one.attempt == other.attempt)
}

fn value(asked: &Asked) -> Value {
    serde_json::to_value(asked).unwrap_or_default()
}

/// The first place at which two values differ.
pub(super) fn first(recorded: &Value, sent: &Value, path: &str) -> Option<String> {
    match (recorded, sent) {
        (Value::Object(one), Value::Object(other)) => one
            .iter()
            .find_map(|(key, value)| match other.get(key) {
                Some(beside) => first(value, beside, &format!("{path}.{key}")),
                None => Some(format!("{path}.{key}: it is not in what was sent")),
            })
            .or_else(|| {
                let new = other.keys().find(|key| !one.contains_key(*key))?;
                Some(format!("{path}.{new}: it is not in what was recorded"))
            }),
        (Value::Array(one), Value::Array(other)) => one
            .iter()
            .zip(other)
            .enumerate()
            .find_map(|(n, (one, other))| first(one, other, &format!("{path}[{n}]")))
            .or_else(|| {
                (one.len() != other.len()).then(|| {
                    format!(
                        "{path}: {} were recorded, {} were sent",
                        one.len(),
                        other.len()
                    )
                })
            }),
        (Value::String(one), Value::String(other)) => texts(one, other, path),
        (one, other) => (one != other)
            .then(|| format!("{path}: recorded {}, sent {}", short(one), short(other))),
    }
}

fn short(value: &Value) -> String {
    value.to_string().chars().take(BEHIND).collect()
}

fn texts(one: &str, other: &str, path: &str) -> Option<String> {
    if one == other {
        return None;
    }
    let same = one.chars().zip(other.chars());
    let at = same.take_while(|(a, b)| a == b).count();
    let shown = |text: &str| {
        let part: String = text
            .chars()
            .skip(at.saturating_sub(BEFORE))
            .take(BEFORE.min(at) + BEHIND)
            .collect();
        format!("{part:?}")
    };
    Some(format!(
        "{path}, character {}: recorded {}, sent {}",
        at + 1,
        shown(one),
        shown(other)
    ))
}
