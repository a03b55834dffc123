//! `example`: inputs to try a blueprint with. Checked against its inputs, so that what is shown and tested can be walked.

use std::collections::BTreeMap;

use serde_saphyr::Spanned;

use super::{BlueprintError, Input, Place, Reader, value_problem, yaml};

/// What files say; `None` takes the parent's value away.
pub(super) type Examples = BTreeMap<String, (Option<String>, Place)>;

impl Reader<'_> {
    pub(super) fn example(
        &self,
        wire: BTreeMap<String, Spanned<Option<String>>>,
    ) -> Result<Examples, BlueprintError> {
        let mut example = Examples::new();
        for (name, value) in wire {
            let place = self.place(value.referenced);
            if let Some(problem) = value.value.as_deref().and_then(value_problem) {
                return Err(place.invalid(format!("the example of `{name}` is refused: {problem}")));
            }
            example.insert(name, (value.value, place));
        }
        Ok(example)
    }
}

/// An example names inputs that there are and gives a value to each that must have one.
pub(super) fn check(
    example: &Examples,
    inputs: &BTreeMap<String, Option<Input>>,
) -> Result<(), BlueprintError> {
    let declared = || {
        { inputs.iter() }
            .filter(|(_, input)| input.is_some())
            .map(|(name, _)| name)
    };
    for (name, (value, place)) in example {
        let Some(Some(input)) = inputs.get(name) else {
            let hint = yaml::hint(name, declared().map(String::as_str));
            return Err(place.invalid(format!("`{name}` is no input; {hint}")));
        };
        let empty = value.as_deref().is_none_or(|value| value.trim().is_empty());
        if input.required && empty {
            let problem = format!("the example gives `{name}` no value, and it is required");
            return Err(place.invalid(problem));
        }
    }
    match (lacking(example, inputs), example.values().next()) {
        (Some(name), Some((_, place))) => {
            Err(place.invalid(format!("the example lacks `{name}`, which is required")))
        }
        (_, _) => Ok(()),
    }
}

/// The first required input that an example gives no value.
pub(super) fn lacking<'a>(
    example: &Examples,
    inputs: &'a BTreeMap<String, Option<Input>>,
) -> Option<&'a String> {
    let required = |input: &Option<Input>| input.as_ref().is_some_and(|input| input.required);
    let mut names = inputs.iter().filter(|(_, input)| required(input));
    names
        .find(|(name, _)| !example.contains_key(*name))
        .map(|(name, _)| name)
}

/// The values.
pub(super) fn values(example: &Examples) -> BTreeMap<String, String> {
    let values = example.iter();
    values
        .filter_map(|(name, (value, _))| Some((name.clone(), value.clone()?)))
        .collect()
}
