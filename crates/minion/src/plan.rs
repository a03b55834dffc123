//! Reads the answers of `ask` steps. A model's JSON is a claim: parsed strictly, bounded, never repaired by guessing.

use alai_core::blueprint::AskSchema;
use alai_core::review::{Review, criteria};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Bytes of the approach; a plan that needs more is not one.
const APPROACH_BYTES_MAX: usize = 8 << 10;
const FILES_MAX: usize = 50;
const RISKS_MAX: usize = 20;
const ITEM_BYTES_MAX: usize = 1 << 10;

/// How a builder means to go about its task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WorkPlan {
    approach: String,
    files: Vec<String>,
    risks: Vec<String>,
}

/// An answer that keeps its schema.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    Plan(WorkPlan),
    Review(Review),
}

impl Answer {
    pub(crate) fn to_json(&self) -> Value {
        let json = match self {
            Answer::Plan(plan) => serde_json::to_value(plan),
            Answer::Review(review) => serde_json::to_value(review),
        };
        json.expect("strings, numbers and lists are JSON")
    }
}

/// The JSON schema a model is held to; a review answers as many acceptance criteria.
pub(crate) fn schema(schema: AskSchema, criteria: usize) -> Value {
    let strings = json!({"type": "array", "items": {"type": "string"}});
    match schema {
        AskSchema::WorkPlan => json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["approach", "files", "risks"],
            "properties": {"approach": {"type": "string"}, "files": strings, "risks": strings}
        }),
        AskSchema::Review => Review::schema(criteria),
    }
}

/// Reads an answer, or says what is wrong with it.
pub(crate) fn parse(schema: AskSchema, text: &str, count: usize) -> Result<Answer, String> {
    let json = unwrapped(text);
    match schema {
        AskSchema::Review => {
            let review = Review::parse(json).map_err(|e| e.to_string())?;
            match criteria::unmet(review.verdict, &criteria::criteria(count, &review.criteria)) {
                unmet if unmet.is_empty() => Ok(Answer::Review(review)),
                unmet => Err(unmet.join("; ")),
            }
        }
        AskSchema::WorkPlan => {
            let plan: WorkPlan = serde_json::from_str(json)
                .map_err(|e| format!("not the JSON object asked for: {e}"))?;
            check(&plan)?;
            Ok(Answer::Plan(plan))
        }
    }
}

fn check(plan: &WorkPlan) -> Result<(), String> {
    if plan.approach.trim().is_empty() {
        return Err("`approach` is empty".into());
    }
    if plan.approach.len() > APPROACH_BYTES_MAX {
        return Err(format!(
            "`approach` has more than {APPROACH_BYTES_MAX} bytes"
        ));
    }
    if plan.files.len() > FILES_MAX || plan.risks.len() > RISKS_MAX {
        return Err(format!(
            "at most {FILES_MAX} files and {RISKS_MAX} risks are read"
        ));
    }
    match plan
        .files
        .iter()
        .chain(&plan.risks)
        .find(|item| item.len() > ITEM_BYTES_MAX)
    {
        Some(_) => Err(format!("an item has more than {ITEM_BYTES_MAX} bytes")),
        None => Ok(()),
    }
}

/// The object within a Markdown fence, which models add even when told not to. Nothing else around it is forgiven.
fn unwrapped(text: &str) -> &str {
    let text = text.trim();
    let Some(inner) = text
        .strip_prefix("```")
        .and_then(|rest| rest.strip_suffix("```"))
    else {
        return text;
    };
    inner.strip_prefix("json").unwrap_or(inner).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_are_read() {
        let text = r#"{"approach":"a","files":["x"],"risks":[]}"#;
        for text in [
            text.to_owned(),
            format!("```json\n{text}\n```"),
            format!("  {text}\n"),
        ] {
            assert!(
                matches!(parse(AskSchema::WorkPlan, &text, 0), Ok(Answer::Plan(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn anything_else_is_refused_with_its_reason() {
        let long = format!(
            r#"{{"approach":"{}","files":[],"risks":[]}}"#,
            "a".repeat(APPROACH_BYTES_MAX + 1)
        );
        let many = format!(
            r#"{{"approach":"a","files":[{}"x"],"risks":[]}}"#,
            "\"x\",".repeat(FILES_MAX)
        );
        let cases = [
            ("I would do this", "not the JSON object"),
            (r#"{"approach":"a"}"#, "missing field `files`"),
            (
                r#"{"approach":"a","files":[],"risks":[],"done":true}"#,
                "unknown field `done`",
            ),
            (
                r#"{"approach":" ","files":[],"risks":[]}"#,
                "`approach` is empty",
            ),
            (long.as_str(), "more than 8192 bytes"),
            (many.as_str(), "at most 50 files"),
        ];
        for (text, want) in cases {
            let said = parse(AskSchema::WorkPlan, text, 0).expect_err(want);
            assert!(said.contains(want), "{said}");
        }
        let said = parse(
            AskSchema::Review,
            r#"{"verdict":"reject","summary":"s","findings":[]}"#,
            0,
        )
        .expect_err("no finding");
        assert!(said.contains("names no finding"), "{said}");
        let pass = r#"{"verdict":"pass","summary":"s","findings":[],
            "criteria":[{"n":1,"met":true,"path":"a.rs","line":1}]}"#;
        assert!(parse(AskSchema::Review, pass, 1).is_ok());
        let said = parse(AskSchema::Review, pass, 2).expect_err("one is open");
        assert!(
            said.contains("criterion 2 is not met: it was not answered"),
            "{said}"
        );
    }
}
