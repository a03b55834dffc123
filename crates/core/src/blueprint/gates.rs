//! `gates:` of a step: what must hold when the step is over. Measured by the run itself through its hand; what an agent says
//! of it counts for nothing.

use serde::{Deserialize, Serialize};

use super::template::Template;
use crate::json_schema::JsonSchema;

/// One thing that is measured. A person's word is a step of its own behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Gate {
    /// A file stands there, in the clone.
    FileExists { path: Template },
    /// A command exits as expected.
    Command { command: String, expect_exit: i32 },
    /// A file is JSON of this form.
    JsonSchema { file: Template, schema: JsonSchema },
    /// All that the run has changed so far lies within these globs.
    NoDiffOutside { globs: Vec<String> },
}

impl Gate {
    /// As a blueprint writes it.
    pub fn kind(&self) -> &'static str {
        match self {
            Gate::FileExists { .. } => "file_exists",
            Gate::Command { .. } => "command",
            Gate::JsonSchema { .. } => "json_schema",
            Gate::NoDiffOutside { .. } => "no_diff_outside",
        }
    }

    /// What it looks at, in one line, as far as it is known before the run.
    pub fn said(&self) -> String {
        match self {
            Gate::FileExists { path } => path.shown(),
            Gate::Command {
                command,
                expect_exit: 0,
            } => command.clone(),
            Gate::Command {
                command,
                expect_exit,
            } => format!("{command} (exit {expect_exit})"),
            Gate::JsonSchema { file, .. } => file.shown(),
            Gate::NoDiffOutside { globs } => globs.join(", "),
        }
    }
}
