//! The file as serde sees it. Every key is listed, so an unknown one is an error.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::Field;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileWire {
    pub(super) version: Spanned<u32>,
    pub(super) name: Spanned<String>,
    #[serde(default)]
    pub(super) description: Option<String>,
    #[serde(default)]
    pub(super) extends: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) inputs: BTreeMap<String, Spanned<Option<InputWire>>>,
    #[serde(default)]
    pub(super) defaults: Option<DefaultsWire>,
    /// A child that only changes inputs or defaults names none.
    #[serde(default)]
    pub(super) steps: Vec<Spanned<StepWire>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InputWire {
    #[serde(default, rename = "type")]
    pub(super) kind: Option<String>,
    #[serde(default)]
    pub(super) default: Option<String>,
    #[serde(default)]
    pub(super) description: String,
    #[serde(default)]
    pub(super) required: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DefaultsWire {
    #[serde(default)]
    pub(super) timeout: Field<Spanned<String>>,
    #[serde(default)]
    pub(super) limits: Field<LimitsWire>,
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LimitsWire {
    pub(super) turns: Option<Spanned<u64>>,
    pub(super) tokens: Option<Spanned<u64>>,
    pub(super) seconds: Option<Spanned<u64>>,
    pub(super) command_seconds: Option<Spanned<u64>>,
    pub(super) bytes: Option<Spanned<u64>>,
    pub(super) dollars: Option<Spanned<f64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StepWire {
    pub(super) id: Spanned<String>,
    #[serde(default)]
    pub(super) name: Field<String>,
    #[serde(default)]
    pub(super) uses: Field<Spanned<String>>,
    #[serde(default)]
    pub(super) with: WithWire,
    #[serde(default)]
    pub(super) run: Field<Spanned<String>>,
    #[serde(default)]
    pub(super) expect_exit: Field<i32>,
    #[serde(default, rename = "if")]
    pub(super) condition: Field<Spanned<String>>,
    #[serde(default)]
    pub(super) continue_on_error: Field<bool>,
    #[serde(default)]
    pub(super) retry: Field<RetryWire>,
    #[serde(default)]
    pub(super) timeout: Field<Spanned<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct WithWire {
    #[serde(default)]
    pub(super) prompt: Field<Spanned<String>>,
    #[serde(default)]
    pub(super) schema: Field<Spanned<String>>,
    #[serde(default)]
    pub(super) tools: Field<Vec<Spanned<String>>>,
    #[serde(default)]
    pub(super) turns_max: Field<Spanned<u32>>,
    #[serde(default)]
    pub(super) check: Field<Spanned<String>>,
    #[serde(default)]
    pub(super) outputs: Field<BTreeMap<String, Spanned<OutputWire>>>,
    #[serde(default)]
    pub(super) files: Field<BTreeMap<String, Spanned<String>>>,
    #[serde(default)]
    pub(super) templates: Field<BTreeMap<String, Spanned<String>>>,
    #[serde(default)]
    pub(super) vars: Field<BTreeMap<String, Spanned<String>>>,
    #[serde(default)]
    pub(super) patch: Field<Spanned<String>>,
    #[serde(default)]
    pub(super) overwrite: Field<bool>,
    #[serde(default)]
    pub(super) checks: Field<Vec<Spanned<String>>>,
    #[serde(default)]
    pub(super) goto: Field<Spanned<String>>,
    #[serde(default)]
    pub(super) max_attempts: Field<Spanned<u32>>,
    #[serde(default)]
    pub(super) question: Field<Spanned<String>>,
    #[serde(default)]
    pub(super) options: Field<Vec<Spanned<String>>>,
    #[serde(default)]
    pub(super) deadline: Field<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OutputWire {
    #[serde(rename = "type")]
    pub(super) kind: Spanned<String>,
    #[serde(default)]
    pub(super) description: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RetryWire {
    #[serde(default)]
    pub(super) step: Field<String>,
    #[serde(default)]
    pub(super) max_attempts: Field<Spanned<u32>>,
}
