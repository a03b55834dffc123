//! The forms that models are asked for: what servers make grammars of.

use alai_core::plan::Plan;
use alai_core::review::Review;
use alai_core::{routing, verify};
use serde_json::Value;

/// llama-server refuses a grammar that repeats too often ("number of repetitions exceeds sane defaults"), with every request that has it.
const REPEATS: [&str; 5] = ["maxLength", "minLength", "maxItems", "minItems", "pattern"];

/// A list of so many is no large one: the plan has twenty tasks at most.
const TIMES_MAX: u64 = 32;

fn rules(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(map) => {
            for (key, inner) in map {
                // A property may be called like a rule; a rule has a number or a text.
                let large = inner.as_u64().is_none_or(|times| times > TIMES_MAX);
                if REPEATS.contains(&key.as_str()) && !inner.is_object() && large {
                    found.push(format!("{key}: {inner}"));
                }
                rules(inner, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|inner| rules(inner, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn no_form_that_a_model_is_asked_for_repeats_by_a_large_number() {
    for (name, schema) in [
        ("plan", Plan::schema()),
        ("review", Review::schema(20)),
        ("class", routing::schema()),
        ("verify", verify::schema(20)),
    ] {
        assert_eq!(schema["type"], "object", "{name}");
        let mut found = Vec::new();
        rules(&schema, &mut found);
        assert_eq!(found, [""; 0], "{name}");
    }
    let mut found = Vec::new();
    let bad = serde_json::json!({"properties": {"a": {"type": "string", "maxLength": 4000}, "pattern": {"type": "string"}}});
    rules(&bad, &mut found);
    assert_eq!(found, ["maxLength: 4000"]);
}
