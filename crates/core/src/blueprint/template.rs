//! A text with places for what earlier steps hand over. Inputs are filled in when the blueprint is resolved; these when
//! the step is reached.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::progress::StepResult;
use std::collections::BTreeMap;

/// A text in parts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Template {
    pub(super) parts: Vec<Part>,
}

impl From<&str> for Template {
    fn from(text: &str) -> Template {
        Template::plain(text)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Part {
    Text(String),
    Output {
        step: String,
        name: String,
        /// As JSON: a text in its quotes.
        json: bool,
    },
}

impl Template {
    /// A text without places.
    pub fn plain(text: impl Into<String>) -> Template {
        Template {
            parts: vec![Part::Text(text.into())],
        }
    }

    /// Of these parts, texts beside each other joined: what says the same is the same.
    pub(super) fn of(all: Vec<Part>) -> Template {
        let mut parts: Vec<Part> = Vec::new();
        for part in all {
            match (parts.last_mut(), part) {
                (_, Part::Text(text)) if text.is_empty() => {}
                (Some(Part::Text(before)), Part::Text(text)) => before.push_str(&text),
                (_, part) => parts.push(part),
            }
        }
        Template { parts }
    }

    /// The whole text, where nothing is left open.
    pub fn settled(&self) -> Option<String> {
        let texts = self.parts.iter().map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::Output { .. } => None,
        });
        texts.collect()
    }

    /// Bytes of what is known of it by now.
    pub fn bytes(&self) -> usize {
        let texts = self.parts.iter().map(|part| match part {
            Part::Text(text) => text.len(),
            Part::Output { .. } => 0,
        });
        texts.sum()
    }

    /// What is not known before the run, in order: `steps.ID.outputs.NAME`.
    pub fn open(&self) -> Vec<String> {
        let places = self.parts.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Output { step, name, .. } => Some(format!("steps.{step}.outputs.{name}")),
        });
        places.collect()
    }

    /// The text for people, each open place in its brackets.
    pub fn shown(&self) -> String {
        let parts = self.parts.iter().map(|part| match part {
            Part::Text(text) => text.clone(),
            Part::Output { step, name, json } => {
                let filter = if *json { " | json" } else { "" };
                format!("${{{{ steps.{step}.outputs.{name}{filter} }}}}")
            }
        });
        parts.collect()
    }

    /// Fills the places in, in one pass: what a value contains is never read again.
    ///
    /// # Errors
    /// Which place cannot be filled in: a step that was skipped, a list or a control character where plain text stands; or
    /// that the whole has more than `bytes_max` bytes, since a model says how long a value is.
    pub fn fill(
        &self,
        results: &BTreeMap<String, StepResult>,
        bytes_max: usize,
    ) -> Result<String, String> {
        self.filled(results, bytes_max, |_, value| value)
    }

    /// The same for a prompt: each value goes through `fence`, with its name, so that it is read as data and not as orders.
    ///
    /// # Errors
    /// As [`Template::fill`].
    pub fn fenced(
        &self,
        results: &BTreeMap<String, StepResult>,
        bytes_max: usize,
        fence: impl Fn(&str, &str) -> String,
    ) -> Result<String, String> {
        self.filled(results, bytes_max, |said, value| fence(said, &value))
    }

    fn filled(
        &self,
        results: &BTreeMap<String, StepResult>,
        bytes_max: usize,
        wrap: impl Fn(&str, String) -> String,
    ) -> Result<String, String> {
        let mut out = String::new();
        let mut push = |text: &str| match text.len() > bytes_max - out.len() {
            true => Err(format!("filled in, it has more than {bytes_max} bytes")),
            false => {
                out.push_str(text);
                Ok(())
            }
        };
        for part in &self.parts {
            match part {
                Part::Text(text) => push(text)?,
                Part::Output { step, name, json } => {
                    let said = format!("steps.{step}.outputs.{name}");
                    let value = results.get(step).and_then(|r| r.outputs.get(name));
                    let value = value.ok_or_else(|| {
                        format!("`{said}` has no value: step `{step}` did not come to its end")
                    })?;
                    push(&wrap(&said, shown(&said, value, *json)?))?;
                }
            }
        }
        Ok(out)
    }
}

fn shown(said: &str, value: &Value, json: bool) -> Result<String, String> {
    match value {
        Value::String(text) if !json => {
            let hidden = |c: &char| c.is_control() && *c != '\n' && *c != '\t';
            match text.chars().find(hidden) {
                None => Ok(text.clone()),
                Some(c) => Err(format!(
                    "`{said}` holds the control character U+{:04X}",
                    u32::from(c)
                )),
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(value.to_string()),
        Value::Array(_) | Value::Object(_) if json => Ok(value.to_string()),
        Value::Array(_) | Value::Object(_) => Err(format!(
            "`{said}` is a list; `{said} | json` writes it as JSON"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blueprint::progress::Status;

    #[test]
    fn values_are_put_in_once_and_quoted_where_asked() {
        let output = |name: &str, json| Part::Output {
            step: "find".into(),
            name: name.into(),
            json,
        };
        let outputs = serde_json::json!({"cause": "a \"b\" ${{ inputs.x }}", "n": 7, "files": ["a"], "bell": "\u{7}", "long": "a".repeat(33)});
        let Value::Object(outputs) = outputs else {
            panic!("an object")
        };
        let result = StepResult {
            status: Status::Ok,
            outputs,
        };
        let results = BTreeMap::from([("find".to_owned(), result)]);
        let fill = |part: Part| Template { parts: vec![part] }.fill(&results, 32);
        assert_eq!(
            fill(output("cause", false)),
            Ok("a \"b\" ${{ inputs.x }}".into())
        );
        assert_eq!(
            fill(output("cause", true)),
            Ok(r#""a \"b\" ${{ inputs.x }}""#.into())
        );
        assert_eq!(fill(output("n", false)), Ok("7".into()));
        assert_eq!(fill(output("files", true)), Ok(r#"["a"]"#.into()));
        assert_eq!(fill(output("bell", true)), Ok(r#""\u0007""#.into()));
        for (name, says) in [
            ("files", "| json"),
            ("bell", "U+0007"),
            ("none", "no value"),
            ("long", "more than 32 bytes"),
        ] {
            let said = fill(output(name, false)).expect_err(name);
            assert!(said.contains(says), "{said}");
        }
        assert_eq!(Template::plain("x").settled().as_deref(), Some("x"));
        assert_eq!(
            Template {
                parts: vec![output("n", false)]
            }
            .settled(),
            None
        );
    }
}
