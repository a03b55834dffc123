//! What is demanded of a verdict beyond the mandatory checks, which veto whatever anybody writes.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{APPLICABLE_MIN, CHECKS, Check, SCORE_MIN};

/// How the score is demanded. The default is the seeds' rule; a home, a project or a company may demand more, or of the score as little as the
/// mandatory checks alone give. Each verdict says by which it was judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Of all checks, scaled over those that apply.
    pub score_min: u32,
    /// With fewer a person decides.
    pub applicable_min: u32,
    /// Optional checks that veto here like mandatory ones. One that does not apply is a person's to judge.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub required: BTreeSet<Check>,
    /// What follows where the change's own tests could be tried on no wrong product (check 7).
    pub untried: Untried,
}

/// Who looks at a change whose tests could not be tried, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Untried {
    /// Nobody: it does not apply, and the reason stands in the verdict.
    #[default]
    Allow,
    /// The independent verifier; a person where none is sent.
    Verifier,
    Person,
}

impl Untried {
    pub fn as_str(self) -> &'static str {
        match self {
            Untried::Allow => "allow",
            Untried::Verifier => "verifier",
            Untried::Person => "person",
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            score_min: SCORE_MIN,
            applicable_min: APPLICABLE_MIN,
            required: BTreeSet::new(),
            untried: Untried::Allow,
        }
    }
}

impl Policy {
    /// Why it is none, in words; `None` for one that can be meant.
    pub fn fault(&self) -> Option<String> {
        let mandatory = { Check::ALL.iter() }
            .filter(|c| c.mandatory())
            .map(|_| 1)
            .sum();
        for (name, value, least) in [
            ("score", self.score_min, mandatory),
            ("applicable", self.applicable_min, APPLICABLE_MIN),
        ] {
            if !(least..=CHECKS).contains(&value) {
                return Some(format!(
                    "{name} must be from {least} to {CHECKS}, and is {value}"
                ));
            }
        }
        None
    }

    /// Whether a check vetoes: the mandatory ones do by any policy.
    pub fn demands(&self, check: Check) -> bool {
        check.mandatory() || self.required.contains(&check)
    }
}

impl std::fmt::Display for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} of {CHECKS}, {} must apply",
            self.score_min, self.applicable_min
        )?;
        if !self.required.is_empty() {
            let ids: Vec<&str> = self.required.iter().map(|c| c.id()).collect();
            write!(f, ", {} required too", ids.join(" and "))?;
        }
        match self.untried {
            Untried::Allow => Ok(()),
            Untried::Verifier | Untried::Person => {
                write!(
                    f,
                    ", tests that could not be tried go to a {}",
                    self.untried.as_str()
                )
            }
        }
    }
}
