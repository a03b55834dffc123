//! `with.outputs`: what an agent step must hand to the steps after it.

use std::collections::BTreeMap;

use serde_saphyr::Spanned;

use super::wire::OutputWire;
use super::{BlueprintError, Reader, check_name, value_problem, yaml};
use crate::blueprint::{Output, OutputKind};
use crate::json_schema::JsonSchema;

/// Fields of one step. They go into the schema of `done`, which every turn carries.
const OUTPUTS_MAX: usize = 8;
/// Bytes of what one field is described by, for the same reason.
const DESCRIPTION_BYTES_MAX: usize = 200;
/// What `done` takes anyway.
const TAKEN: [&str; 2] = ["status", "summary"];

impl Reader<'_> {
    pub(super) fn outputs(
        &self,
        wire: BTreeMap<String, Spanned<OutputWire>>,
    ) -> Result<Vec<Output>, BlueprintError> {
        let count = wire.len();
        let mut outputs = Vec::new();
        for (name, output) in wire {
            let place = self.place(output.referenced);
            check_name("field", &name, &place)?;
            let output = output.value;
            let problem = if TAKEN.contains(&name.as_str()) {
                Some(format!(
                    "`done` has a `{name}` already; call the output otherwise"
                ))
            } else if count > OUTPUTS_MAX {
                Some(format!(
                    "{count} outputs; at most {OUTPUTS_MAX} are allowed"
                ))
            } else if output.description.len() > DESCRIPTION_BYTES_MAX {
                Some(format!(
                    "the description of `{name}` has more than {DESCRIPTION_BYTES_MAX} bytes"
                ))
            } else {
                value_problem(&output.description)
            };
            if let Some(problem) = problem {
                return Err(place.invalid(problem));
            }
            outputs.push(Output {
                kind: self.kind(&output.kind)?,
                name,
                description: output.description.trim().to_owned(),
                schema: None,
            });
        }
        Ok(outputs)
    }

    fn kind(&self, given: &Spanned<String>) -> Result<OutputKind, BlueprintError> {
        let known = OutputKind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == given.value);
        known.ok_or_else(|| {
            let hint = yaml::hint(
                &given.value,
                OutputKind::ALL.iter().map(|kind| kind.as_str()),
            );
            let problem = format!("an output cannot be of type `{}`; {hint}", given.value);
            self.place(given.referenced).invalid(problem)
        })
    }
}

/// What the model is told of an `output_schema`: its own description, as far as it is short.
pub(super) fn described(schema: &JsonSchema) -> String {
    let text = schema.as_value().get("description");
    let text = text.and_then(serde_json::Value::as_str).unwrap_or_default();
    match text.len() <= DESCRIPTION_BYTES_MAX && value_problem(text).is_none() {
        true => text.trim().to_owned(),
        false => String::new(),
    }
}
