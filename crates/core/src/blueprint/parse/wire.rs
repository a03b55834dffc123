//! The file as serde sees it. Every key is listed, so an unknown one is an error.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_saphyr::Spanned;

use super::Field;

/// Variables; `null` takes an inherited one away.
pub(super) type EnvWire = BTreeMap<String, Spanned<Option<String>>>;

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
    /// Values of inputs; `null` takes the parent's away.
    #[serde(default)]
    pub(super) example: BTreeMap<String, Spanned<Option<String>>>,
    #[serde(default)]
    pub(super) asks_for: Field<Vec<Spanned<String>>>,
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
    #[serde(default)]
    pub(super) from: Option<String>,
    #[serde(default)]
    pub(super) only_with: Vec<String>,
    #[serde(default)]
    pub(super) not_with: Vec<String>,
    /// What it can be, each with the words that say so.
    #[serde(default)]
    pub(super) choices: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct DefaultsWire {
    #[serde(default)]
    pub(super) timeout: Field<Spanned<String>>,
    #[serde(default)]
    pub(super) env: Field<EnvWire>,
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
    pub(super) needs: Field<Vec<Spanned<String>>>,
    #[serde(default)]
    pub(super) env: Field<EnvWire>,
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
    pub(super) gates: Field<Vec<Spanned<GateWire>>>,
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
    pub(super) template: Field<Spanned<String>>,
    #[serde(default)]
    pub(super) role: Field<Spanned<String>>,
    #[serde(default)]
    pub(super) limits: Field<StepLimitsWire>,
    #[serde(default)]
    pub(super) output_schema: Field<Spanned<Value>>,
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
    pub(super) folder: Field<Spanned<String>>,
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

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub(super) struct StepLimitsWire {
    pub(super) turns: Option<Spanned<u64>>,
    pub(super) tokens: Option<Spanned<u64>>,
    pub(super) seconds: Option<Spanned<u64>>,
    pub(super) dollars: Option<Spanned<f64>>,
}

/// One gate: one of the five keys, `expect_exit` beside `command` alone.
#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub(super) struct GateWire {
    pub(super) file_exists: Option<Spanned<String>>,
    pub(super) command: Option<Spanned<String>>,
    pub(super) expect_exit: Option<i32>,
    pub(super) json_schema: Option<JsonSchemaWire>,
    pub(super) no_diff_outside: Option<Vec<Spanned<String>>>,
    pub(super) human: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JsonSchemaWire {
    pub(super) file: Spanned<String>,
    /// The schema itself, or the name of a template that holds it.
    pub(super) schema: Spanned<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RetryWire {
    #[serde(default)]
    pub(super) step: Field<String>,
    #[serde(default)]
    pub(super) max_attempts: Field<Spanned<u32>>,
    #[serde(default)]
    pub(super) backoff: Field<Spanned<String>>,
}
