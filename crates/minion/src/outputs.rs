//! What an agent step hands over beside its summary: fields of `done`, of the types that its blueprint names.

use alai_core::blueprint::{Output, OutputKind};
use alai_core::json_schema::JsonSchema;
use serde_json::{Map, Value, json};

/// Bytes of one text, and of one item of a list: later steps read them in their prompt.
const TEXT_BYTES_MAX: usize = 4 << 10;
const ITEMS_MAX: usize = 50;
/// Bytes of all that one step hands over: it stands whole at the head of each later conversation, in a small model's window.
const SUM_BYTES_MAX: usize = 8 << 10;

/// Adds the fields to the schema of `done`.
pub(crate) fn extend(parameters: &mut Value, outputs: &[Output]) {
    for output in outputs {
        let mut schema = match output.kind {
            OutputKind::String => json!({"type": "string"}),
            OutputKind::Integer => json!({"type": "integer"}),
            OutputKind::Boolean => json!({"type": "boolean"}),
            OutputKind::List => json!({"type": "array", "items": {"type": "string"}}),
            OutputKind::Shaped => {
                { output.schema.as_ref() }.map_or(json!({}), JsonSchema::for_model)
            }
        };
        if !output.description.is_empty() && schema.is_object() {
            schema["description"] = output.description.clone().into();
        }
        parameters["properties"][&output.name] = schema;
        if let Some(required) = parameters["required"].as_array_mut() {
            required.push(output.name.clone().into());
        }
    }
}

/// Reads the fields out of a call's arguments, or says all that is wrong with them.
pub(crate) fn read(
    outputs: &[Output],
    args: &Map<String, Value>,
) -> Result<Map<String, Value>, String> {
    let mut read = Map::new();
    let mut wrong = Vec::new();
    for output in outputs {
        let name = &output.name;
        match args.get(name).map(|given| value(output, given)) {
            Some(Ok(value)) => drop(read.insert(name.clone(), value)),
            Some(Err(why)) => wrong.push(format!("`{name}` {why}")),
            None => wrong.push(format!("`{name}` is missing ({})", output.kind.as_str())),
        }
    }
    let sum: usize = read.values().map(|value| value.to_string().len()).sum();
    if sum > SUM_BYTES_MAX {
        wrong.push(format!(
            "all of it together has {sum} bytes; at most {SUM_BYTES_MAX} are handed on, say it shorter"
        ));
    }
    if wrong.is_empty() {
        Ok(read)
    } else {
        Err(wrong.join("; "))
    }
}

/// Text of a model in the type that is wanted. Many small models quote everything, so a quoted number is one.
fn value(output: &Output, given: &Value) -> Result<Value, String> {
    match (output.kind, given) {
        (OutputKind::String, Value::String(text)) => short(text).map(Into::into),
        (OutputKind::Integer, Value::Number(number)) if number.is_i64() => Ok(given.clone()),
        (OutputKind::Integer, Value::String(text)) => text
            .trim()
            .parse::<i64>()
            .map(Into::into)
            .map_err(|_| "must be a whole number".into()),
        (OutputKind::Boolean, Value::Bool(_)) => Ok(given.clone()),
        (OutputKind::Boolean, Value::String(text)) => match text.trim() {
            "true" => Ok(true.into()),
            "false" => Ok(false.into()),
            _ => Err("must be true or false".into()),
        },
        (OutputKind::List, Value::Array(items)) => list(items),
        // A text call gives a list as lines, or as JSON in a string.
        (OutputKind::List, Value::String(text)) => match serde_json::from_str::<Vec<Value>>(text) {
            Ok(items) => list(&items),
            Err(_) => {
                let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
                list(&lines.map(Into::into).collect::<Vec<_>>())
            }
        },
        (OutputKind::String, _) => Err("must be a string".into()),
        (OutputKind::Integer, _) => Err("must be a whole number".into()),
        (OutputKind::Boolean, _) => Err("must be true or false".into()),
        (OutputKind::List, _) => Err("must be a list of strings".into()),
        (OutputKind::Shaped, given) => shaped(output.schema.as_ref(), given),
    }
}

/// JSON held to its schema; many small models put it into a string.
fn shaped(schema: Option<&JsonSchema>, given: &Value) -> Result<Value, String> {
    let Some(schema) = schema else {
        return Ok(given.clone());
    };
    let wrong = schema.wrong(given);
    if wrong.is_empty() {
        return Ok(given.clone());
    }
    let inside = given
        .as_str()
        .and_then(|text| serde_json::from_str::<Value>(text).ok());
    match inside.filter(|value| schema.wrong(value).is_empty()) {
        Some(value) => Ok(value),
        None => Err(format!("does not have its form: {}", wrong.join("; "))),
    }
}

fn list(items: &[Value]) -> Result<Value, String> {
    if items.len() > ITEMS_MAX {
        return Err(format!(
            "has {} items; at most {ITEMS_MAX} are read",
            items.len()
        ));
    }
    let texts = items.iter().map(|item| match item {
        Value::String(text) => short(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Err("must be a list of strings".to_owned())
        }
    });
    texts.collect::<Result<Vec<_>, _>>().map(Into::into)
}

fn short(text: &str) -> Result<String, String> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(format!(
            "has {} bytes; at most {TEXT_BYTES_MAX} are read",
            text.len()
        ));
    }
    // Copied out of a file of another system.
    let text = text.replace("\r\n", "\n");
    match text
        .chars()
        .find(|c| c.is_control() && !matches!(c, '\n' | '\t'))
    {
        // Later steps put it into questions and files, where it would act on a terminal.
        Some(c) => Err(format!("holds the control character {c:?}; leave it out")),
        None => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outputs() -> Vec<Output> {
        let kinds = OutputKind::ALL
            .into_iter()
            .zip(["cause", "line", "fixed", "files"]);
        let output = |(kind, name): (OutputKind, &str)| Output {
            name: name.into(),
            kind,
            description: String::new(),
            schema: None,
        };
        kinds.map(output).collect()
    }

    #[test]
    fn what_is_handed_over_is_short_in_all_and_plain() {
        let list = |count: usize, bytes: usize| json!({"cause": "c", "line": 1, "fixed": true, "files": vec!["x".repeat(bytes); count]});
        assert!(read_from(list(7, 1_000)).is_ok());
        let long = read_from(list(9, 1_000)).unwrap_err();
        assert!(long.contains("together has"), "{long}");
        let plain =
            |cause: &str| read_from(json!({"cause": cause, "line": 1, "fixed": true, "files": []}));
        let read = plain("one\r\ntwo\t.").expect("line ends of another system");
        assert_eq!(read["cause"], "one\ntwo\t.");
        let wrong = plain("\u{1b}[2J").unwrap_err();
        assert!(wrong.contains("control character"), "{wrong}");
    }

    fn read_from(args: Value) -> Result<Value, String> {
        let Value::Object(args) = args else {
            panic!("an object")
        };
        read(&outputs(), &args).map(Value::Object)
    }

    #[test]
    fn fields_are_read_in_the_forms_that_models_give() {
        let want = json!({"cause": "c", "line": 7, "fixed": true, "files": ["a", "b"]});
        for files in [json!(["a", "b"]), json!("[\"a\", \"b\"]"), json!("a\n b\n")] {
            for (line, fixed) in [(json!(7), json!(true)), (json!("7"), json!("true"))] {
                let args = json!({"status": "done", "cause": "c", "line": line, "fixed": fixed, "files": files});
                assert_eq!(read_from(args), Ok(want.clone()));
            }
        }
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        let said = read_from(json!({"cause": 3, "line": "many", "files": [1]})).expect_err("wrong");
        assert_eq!(
            said,
            "`cause` must be a string; `line` must be a whole number; `fixed` is missing (boolean); \
             `files` must be a list of strings"
        );
        let long =
            json!({"cause": "c".repeat(5_000), "line": 1, "fixed": false, "files": vec!["x"; 51]});
        let said = read_from(long).expect_err("too long");
        assert!(
            said.contains("at most 4096") && said.contains("at most 50"),
            "{said}"
        );
    }
}
