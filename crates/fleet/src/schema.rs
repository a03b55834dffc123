//! Checks a JSON value against the part of JSON Schema that we write ourselves. A keyword outside of that part is an
//! error, so that no rule of a schema is passed over in silence.

use serde_json::{Map, Value};

/// Nesting of a schema. Ours have three levels; a deeper one is refused before it can exhaust the stack.
const DEPTH_MAX: usize = 32;

/// Keywords that describe and do not constrain.
const SILENT: [&str; 7] = [
    "title",
    "description",
    "default",
    "examples",
    "$schema",
    "$id",
    "format",
];

/// Says at which place and why `value` breaks `schema`.
pub(crate) fn check(value: &Value, schema: &Value) -> Result<(), String> {
    check_at(value, schema, "the answer", 0)
}

fn check_at(value: &Value, schema: &Value, place: &str, depth: usize) -> Result<(), String> {
    if depth > DEPTH_MAX {
        return Err(format!(
            "{place}: the schema is nested deeper than {DEPTH_MAX}"
        ));
    }
    let rules = match schema {
        Value::Object(rules) => rules,
        Value::Bool(true) => return Ok(()),
        Value::Null
        | Value::Bool(false)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_) => {
            return Err(format!("{place}: its schema is no object"));
        }
    };
    for (keyword, rule) in rules {
        match keyword.as_str() {
            "type" => check_type(value, rule, place)?,
            "enum" => {
                let allowed = rule
                    .as_array()
                    .ok_or_else(|| format!("{place}: `enum` of its schema is no list"))?;
                if !allowed.contains(value) {
                    return Err(format!("{place} is not one of {rule}"));
                }
            }
            "const" if rule != value => return Err(format!("{place} is not {rule}")),
            "const" => {}
            "properties" => check_properties(value, rule, place, depth)?,
            "required" => check_required(value, rule, place)?,
            "additionalProperties" => check_additional(value, rule, rules, place, depth)?,
            "items" => {
                for (n, item) in value.as_array().into_iter().flatten().enumerate() {
                    check_at(item, rule, &format!("{place}[{n}]"), depth + 1)?;
                }
            }
            "anyOf" => {
                let choices = rule.as_array().into_iter().flatten();
                let fits = choices
                    .map(|choice| check_at(value, choice, place, depth + 1))
                    .any(|r| r.is_ok());
                if !fits {
                    return Err(format!("{place} fits none of its allowed forms"));
                }
            }
            "minimum" | "maximum" | "minItems" | "maxItems" | "minLength" | "maxLength" => {
                check_bound(value, keyword, rule, place)?;
            }
            silent if SILENT.contains(&silent) => {}
            other => {
                return Err(format!(
                    "{place}: its schema uses `{other}`, which is not checked here"
                ));
            }
        }
    }
    Ok(())
}

fn check_type(value: &Value, rule: &Value, place: &str) -> Result<(), String> {
    let fits = match rule {
        Value::String(name) => is_a(value, name),
        Value::Array(names) => names
            .iter()
            .filter_map(Value::as_str)
            .any(|name| is_a(value, name)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            return Err(format!("{place}: `type` of its schema is no name"));
        }
    };
    if fits {
        Ok(())
    } else {
        Err(format!("{place} is not of type {rule}"))
    }
}

fn is_a(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        // JSON Schema counts 3.0 as an integer.
        "integer" => {
            value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|n| n.fract() == 0.0)
        }
        _ => false,
    }
}

fn check_properties(value: &Value, rule: &Value, place: &str, depth: usize) -> Result<(), String> {
    let (Some(value), Some(properties)) = (value.as_object(), rule.as_object()) else {
        return Ok(());
    };
    for (name, schema) in properties {
        if let Some(inner) = value.get(name) {
            check_at(inner, schema, &format!("{place}.{name}"), depth + 1)?;
        }
    }
    Ok(())
}

fn check_required(value: &Value, rule: &Value, place: &str) -> Result<(), String> {
    let Some(value) = value.as_object() else {
        return Ok(());
    };
    for name in rule
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        if !value.contains_key(name) {
            return Err(format!("{place} lacks `{name}`"));
        }
    }
    Ok(())
}

fn check_additional(
    value: &Value,
    rule: &Value,
    rules: &Map<String, Value>,
    place: &str,
    depth: usize,
) -> Result<(), String> {
    let known = rules.get("properties").and_then(Value::as_object);
    for (name, inner) in value.as_object().into_iter().flatten() {
        if known.is_some_and(|known| known.contains_key(name)) {
            continue;
        }
        if rule == &Value::Bool(false) {
            return Err(format!("{place} has `{name}`, which is not allowed"));
        }
        check_at(inner, rule, &format!("{place}.{name}"), depth + 1)?;
    }
    Ok(())
}

fn check_bound(value: &Value, keyword: &str, rule: &Value, place: &str) -> Result<(), String> {
    let size = match keyword {
        "minimum" | "maximum" => value.as_f64(),
        "minItems" | "maxItems" => value.as_array().map(|items| items.len() as f64),
        _ => value.as_str().map(|text| text.chars().count() as f64),
    };
    let (Some(size), Some(bound)) = (size, rule.as_f64()) else {
        return Ok(());
    };
    let fits = if keyword.starts_with("min") {
        size >= bound
    } else {
        size <= bound
    };
    if fits {
        Ok(())
    } else {
        Err(format!("{place} breaks `{keyword}` {rule}"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_held_to_their_schema() {
        let schema = json!({
            "type": "object",
            "description": "a verdict",
            "properties": {
                "verdict": {"type": "string", "enum": ["pass", "fail"]},
                "score": {"type": "integer", "minimum": 1, "maximum": 5},
                "notes": {"type": "array", "maxItems": 2, "items": {"type": ["string", "null"], "maxLength": 3}},
                "extra": {"anyOf": [{"type": "boolean"}, {"const": 7}]},
            },
            "required": ["verdict"],
            "additionalProperties": false,
        });
        for good in [
            json!({"verdict": "pass"}),
            json!({"verdict": "fail", "score": 5.0, "notes": ["abc", null], "extra": 7}),
        ] {
            assert_eq!(check(&good, &schema), Ok(()), "{good}");
        }
        for (bad, place) in [
            (json!([]), "the answer is not of type"),
            (json!({}), "lacks `verdict`"),
            (
                json!({"verdict": "perhaps"}),
                "the answer.verdict is not one of",
            ),
            (
                json!({"verdict": "pass", "score": 0}),
                "score breaks `minimum`",
            ),
            (
                json!({"verdict": "pass", "score": 2.5}),
                "score is not of type",
            ),
            (
                json!({"verdict": "pass", "notes": ["abcd"]}),
                "notes[0] breaks `maxLength`",
            ),
            (
                json!({"verdict": "pass", "notes": ["a", "b", "c"]}),
                "notes breaks `maxItems`",
            ),
            (json!({"verdict": "pass", "extra": "x"}), "extra fits none"),
            (
                json!({"verdict": "pass", "more": 1}),
                "`more`, which is not allowed",
            ),
        ] {
            let why = check(&bad, &schema).unwrap_err();
            assert!(why.contains(place), "{bad}: {why}");
        }
    }

    #[test]
    fn a_rule_that_cannot_be_checked_is_no_pass() {
        let why = check(&json!("x"), &json!({"type": "string", "pattern": "^y$"})).unwrap_err();
        assert!(why.contains("`pattern`"), "{why}");
        let deep = (0..100).fold(json!({}), |inner, _| json!({"items": inner}));
        let value = (0..100).fold(json!(1), |inner, _| json!([inner]));
        assert!(check(&value, &deep).is_err());
    }
}
