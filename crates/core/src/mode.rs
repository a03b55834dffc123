//! Whether a run was real. Every mode is loud.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What stood behind the model's replies of a run. It is in each record of the run and on every screen that shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// A model answered.
    Real,
    /// A recording answered (the built-in scripted provider); clone, cage, tests, gate and merge were real.
    Simulated,
}

impl Mode {
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Real => "real",
            Mode::Simulated => "simulated",
        }
    }

    pub fn parse(text: &str) -> Option<Mode> {
        match text {
            "real" => Some(Mode::Real),
            "simulated" => Some(Mode::Simulated),
            _ => None,
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
