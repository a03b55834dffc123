//! When two values are one, as JSON Schema has it: 1 and 1.0 are one number, and the order of fields does not count.

use std::cmp::Ordering;
use std::fmt::Write;

use serde_json::{Number, Value};

/// Bytes of a text that are compared in the time of one step.
const BYTES_OF_A_STEP: usize = 256;
/// Below this a whole number of a float is an exact one of `i128`.
const EXACT_MAX: f64 = 1e30;

/// Whether two values are one. Takes a step from `left` for each part that is compared; at 0 the answer means nothing.
pub(super) fn same(a: &Value, b: &Value, left: &mut usize) -> bool {
    *left = left.saturating_sub(1);
    if *left == 0 {
        return false;
    }
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => compared(a, b) == Some(Ordering::Equal),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b, left))
        }
        (Value::Object(a), Value::Object(b)) => {
            let mut found =
                |(name, a): (&String, &Value)| b.get(name).is_some_and(|b| same(a, b, left));
            a.len() == b.len() && a.iter().all(&mut found)
        }
        (Value::String(a), Value::String(b)) => {
            if a.len() == b.len() {
                *left = left.saturating_sub(a.len() / BYTES_OF_A_STEP);
            }
            a == b
        }
        (a, b) => a == b,
    }
}

/// One text for all values that are one.
pub(super) fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => out.push_str(&value.to_string()),
        Value::Number(number) => {
            // Writing into a text does not fail.
            let _ = match (exact(number), number.as_f64()) {
                (Some(whole), _) => write!(out, "{whole}"),
                (None, Some(float)) => write!(out, "{float:e}"),
                (None, None) => write!(out, "{number}"),
            };
        }
        Value::Array(items) => {
            out.push('[');
            for item in items {
                write(item, out);
                out.push(',');
            }
            out.push(']');
        }
        Value::Object(fields) => {
            let mut fields: Vec<(&String, &Value)> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| *name);
            out.push('{');
            for (name, value) in fields {
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                write(value, out);
                out.push(',');
            }
            out.push('}');
        }
    }
}

fn exact(number: &Number) -> Option<i128> {
    let float = || {
        let float = number.as_f64()?;
        (float.fract() == 0.0 && float.abs() < EXACT_MAX).then_some(float as i128)
    };
    whole(number).or_else(float)
}

pub(super) fn whole(number: &Number) -> Option<i128> {
    let signed = number.as_i64().map(i128::from);
    signed.or_else(|| number.as_u64().map(i128::from))
}

pub(super) fn compared(a: &Number, b: &Number) -> Option<Ordering> {
    match (whole(a), whole(b)) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        (_, _) => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}
