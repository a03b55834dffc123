//! What a program's last words hand over: a claim that the step is done, or that it cannot be, with what later steps need.

use alai_core::blueprint::Output;
use serde_json::{Map, Value, json};

use crate::outputs;
use crate::tools::Claim;

/// Places of a text where an object is looked for. A model that writes more of them does not answer.
const PLACES_MAX: usize = 200;

/// What the last words are held to, where the program can hold them to it.
pub(crate) fn schema(outputs: &[Output]) -> Value {
    let mut schema = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["status", "summary"],
        "properties": {
            "status": {"type": "string", "enum": ["done", "blocked"]},
            "summary": {"type": "string"},
        },
    });
    outputs::extend(&mut schema, outputs);
    schema
}

/// How to end, in words.
pub(crate) fn words(schema: &Value) -> String {
    format!(
        "When you are done, or cannot go on, end with one JSON object as your last message and nothing else in it. `status` is \
         \"done\" when the work is complete and \"blocked\" when you cannot go on; `summary` says what you did, or why not. Its \
         schema: {schema}"
    )
}

/// Reads the answer by schema, or the object in the last words. Words without one are a summary where nothing else is wanted.
///
/// # Errors
/// All that is wrong with what is handed over.
pub(crate) fn read(
    answer: Option<&Value>,
    text: &str,
    wanted: &[Output],
) -> Result<(Claim, String, Map<String, Value>), String> {
    let given = match answer {
        Some(Value::Object(fields)) => Some(fields.clone()),
        Some(_) | None => object_in(text),
    };
    let Some(given) = given.filter(|fields| fields.contains_key("status")) else {
        let summary = text.trim().to_owned();
        return match wanted.is_empty() {
            true => Ok((Claim::Done, summary, Map::new())),
            false => Err("your last message holds no JSON object with `status`, `summary` and what is handed over".into()),
        };
    };
    let claim = match given["status"].as_str() {
        Some("done") => Claim::Done,
        Some("blocked") => Claim::Blocked,
        Some(_) | None => return Err("`status` must be \"done\" or \"blocked\"".into()),
    };
    let summary = given.get("summary").and_then(Value::as_str);
    let summary = summary.unwrap_or_default().to_owned();
    if claim == Claim::Blocked {
        return Ok((claim, summary, Map::new()));
    }
    outputs::read(wanted, &given).map(|handed| (claim, summary, handed))
}

/// The last JSON object of a text, which may stand in a fence or behind words.
pub(crate) fn object_in(text: &str) -> Option<Map<String, Value>> {
    let mut found = None;
    let mut at = 0;
    for _ in 0..PLACES_MAX {
        let Some(open) = text.get(at..).and_then(|rest| rest.find('{')) else {
            break;
        };
        at += open;
        let mut values = serde_json::Deserializer::from_str(&text[at..]).into_iter::<Value>();
        match values.next() {
            Some(Ok(Value::Object(fields))) => {
                found = Some(fields);
                at += values.byte_offset();
            }
            Some(_) | None => at += 1,
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use alai_core::blueprint::OutputKind;

    #[test]
    fn last_words_are_read_in_the_forms_that_programs_give() {
        let want = (Claim::Done, "It is 42.".to_owned(), Map::new());
        let object = r#"{"status": "done", "summary": "It is 42."}"#;
        for text in [
            object.to_owned(),
            format!("```json\n{object}\n```"),
            format!("I used {{braces}} and {{}} before.\n\n{object}\n"),
        ] {
            assert_eq!(read(None, &text, &[]), Ok(want.clone()), "{text}");
        }
        let answer = json!({"status": "done", "summary": "It is 42."});
        assert_eq!(read(Some(&answer), "other words", &[]), Ok(want.clone()));
        assert_eq!(read(None, "It is 42.\n", &[]), Ok(want));
        let blocked = read(None, r#"{"status":"blocked","summary":"no"}"#, &[]).expect("read");
        assert_eq!(blocked.0, Claim::Blocked);
    }

    #[test]
    fn what_a_step_hands_over_must_be_there() {
        let cause = Output {
            name: "cause".into(),
            kind: OutputKind::String,
            description: String::new(),
            schema: None,
        };
        let wanted = std::slice::from_ref(&cause);
        assert!(read(None, "It is 42.", wanted).is_err());
        assert!(read(None, r#"{"status":"done","summary":"s"}"#, wanted).is_err());
        assert!(read(None, r#"{"status":"maybe","summary":"s"}"#, &[]).is_err());
        let (_, _, handed) = read(
            None,
            r#"{"status":"done","summary":"s","cause":"c"}"#,
            wanted,
        )
        .expect("read");
        assert_eq!(handed["cause"], "c");
        assert_eq!(
            schema(wanted)["required"],
            json!(["status", "summary", "cause"])
        );
    }

    /// A text made to be looked at in vain costs little.
    #[test]
    fn braces_without_end_are_left() {
        assert_eq!(object_in(&"{".repeat(100_000)), None);
        assert_eq!(object_in("é{"), None);
    }
}
