//! `${{ inputs.NAME }}` in a text: found when the file is read, replaced once when the blueprint is resolved.

use std::collections::BTreeMap;

use super::{BlueprintError, PROMPT_BYTES_MAX, Place, check_name, yaml};

const OPEN: &str = "${{";
const CLOSE: &str = "}}";

/// Names under which somebody would sooner or later hand the task's own words to a shell. Their values come from people,
/// issues and models; a command built of them is an injection, as the Actions ecosystem learnt with issue titles.
const UNTRUSTED: [&str; 6] = [
    "task",
    "title",
    "description",
    "goal",
    "findings",
    "acceptance",
];

/// A prompt or command with its references found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text {
    value: String,
    references: Vec<Reference>,
    pub(super) place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Reference {
    /// The input's name.
    input: String,
    /// Bytes of `value` the expression covers.
    start: usize,
    end: usize,
    place: Place,
}

/// Whether the text ends up in a shell or in a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Destination {
    Shell,
    Prompt,
}

impl Text {
    /// Finds every reference of `value`, which was read from `source` at `place`.
    pub(super) fn read(value: String, source: &str, place: Place) -> Result<Text, BlueprintError> {
        let mut references = Vec::new();
        let mut from = 0;
        let mut search = offset_of(source, &place);
        while let Some(start) = value[from..].find(OPEN).map(|at| from + at) {
            let body = start + OPEN.len();
            let Some(end) = value[body..].find(CLOSE).map(|at| body + at + CLOSE.len()) else {
                let (here, _) = locate(source, search, OPEN, &place);
                return Err(here.invalid(format!(
                    "`{OPEN}` is never closed; write `{OPEN} inputs.NAME {CLOSE}`"
                )));
            };
            let (here, next) = locate(source, search, &value[start..end], &place);
            search = next;
            let expression = value[body..end - CLOSE.len()].trim();
            let input = input_name(expression, &here)?;
            references.push(Reference {
                input,
                start,
                end,
                place: here,
            });
            from = end;
        }
        Ok(Text {
            value,
            references,
            place,
        })
    }

    /// Replaces every reference in one pass: what a value contains is never read as an expression again.
    pub(super) fn fill(
        &self,
        inputs: &BTreeMap<String, String>,
        destination: Destination,
    ) -> Result<String, BlueprintError> {
        let mut out = String::with_capacity(self.value.len());
        let mut from = 0;
        for reference in &self.references {
            if destination == Destination::Shell && UNTRUSTED.contains(&reference.input.as_str()) {
                return Err(reference.place.invalid(format!(
                    "`inputs.{}` would put the task's own words into a shell; commands take settings only",
                    reference.input
                )));
            }
            let value = inputs
                .get(&reference.input)
                .ok_or_else(|| reference.unknown(inputs))?;
            out.push_str(&self.value[from..reference.start]);
            out.push_str(value);
            from = reference.end;
        }
        out.push_str(&self.value[from..]);
        if out.len() > PROMPT_BYTES_MAX {
            let problem = format!(
                "this text is {} bytes; at most {PROMPT_BYTES_MAX} are allowed",
                out.len()
            );
            return Err(self.place.invalid(problem));
        }
        Ok(out)
    }
}

impl Reference {
    fn unknown(&self, inputs: &BTreeMap<String, String>) -> BlueprintError {
        let known: Vec<String> = inputs.keys().map(|k| format!("inputs.{k}")).collect();
        let expression = format!("inputs.{}", self.input);
        unknown(
            &expression,
            &self.place,
            yaml::hint(&expression, known.iter().map(String::as_str)),
        )
    }
}

fn unknown(expression: &str, place: &Place, hint: String) -> BlueprintError {
    BlueprintError::UnknownReference {
        origin: place.origin.clone(),
        line: place.line,
        column: place.column,
        expression: expression.to_owned(),
        hint,
    }
}

fn input_name(expression: &str, place: &Place) -> Result<String, BlueprintError> {
    let Some(name) = expression.strip_prefix("inputs.") else {
        let hint = "only `inputs.NAME` can stand here; there is no code".to_owned();
        return Err(unknown(expression, place, hint));
    };
    match check_name("input", name, place) {
        Ok(()) => Ok(name.to_owned()),
        Err(_) => Err(unknown(
            expression,
            place,
            "an expression is one name, without code".to_owned(),
        )),
    }
}

/// The byte where a place begins in its source.
fn offset_of(source: &str, place: &Place) -> usize {
    let before = usize::try_from(place.line.saturating_sub(1)).unwrap_or(usize::MAX);
    let line_start: usize = source
        .split_inclusive('\n')
        .take(before)
        .map(str::len)
        .sum();
    let column = usize::try_from(place.column.saturating_sub(1)).unwrap_or(usize::MAX);
    let line = source.get(line_start..).unwrap_or("");
    line_start + line.char_indices().nth(column).map_or(0, |(at, _)| at)
}

/// Where `needle` stands at or after `from`, and where to look next. A text that YAML changed on the way (escapes, folded
/// lines) is not found as it is; then the place of the whole text is the best answer.
fn locate(source: &str, from: usize, needle: &str, fallback: &Place) -> (Place, usize) {
    let Some(at) = source
        .get(from..)
        .and_then(|rest| rest.find(needle))
        .map(|at| from + at)
    else {
        return (fallback.clone(), from);
    };
    let line_start = source[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let line = source[..at].matches('\n').count() + 1;
    let column = source[line_start..at].chars().count() + 1;
    let place = Place {
        origin: fallback.origin.clone(),
        line: u64::try_from(line).unwrap_or(u64::MAX),
        column: u64::try_from(column).unwrap_or(u64::MAX),
    };
    (place, at + needle.len())
}
